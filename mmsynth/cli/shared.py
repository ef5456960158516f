"""What the commands share: the app, its options, and how they print."""

import math
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

app = typer.Typer(
    help="Labelled mmWave radar recordings of people, synthesised from human motion for the radar you own.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
console = Console(stderr=True)


def device_option(name: str) -> str:
    """The device, if torch finds it here."""
    from mmsynth.arrays import check_device

    if name:
        check_device(name)
    return name


# As `datasets.importers` has them, which is not loaded for a help text.
IMPORTS = """A public data set: radhar, mars, mmfi, mri, milipoint, mmbody; or recordings of your own: dca1000, cascade,
infineon, array, ti-uart, ros-text, csv."""
RADAR = "Radar profile, .toml or .cfg that replaces the recipe's."
GoesOn = Annotated[Path, typer.Option(help="Folder to write: a new one, or that of an interrupted run to continue.")]
NewFile = Annotated[Path, typer.Option(help="File to write; it must not exist yet.")]
NewFolder = Annotated[Path, typer.Option(help="Folder to write; it must not exist yet.")]
Workers = Annotated[int, typer.Option(min=1, help="Worker processes, one thread each.")]
TorchDevice = Annotated[str, typer.Option(help="Torch device: cpu, cuda, cuda:1 ...", callback=device_option)]


def picture_option(path: Path | None) -> Path | None:
    """The path of a picture, refused before anything is computed if none can be written there."""
    if path and path.suffix not in (".png", ".pdf", ".svg"):
        raise ValueError(f"--figure: expected a .png, .pdf or .svg, got {path}")
    if path and not path.parent.is_dir():
        raise ValueError(f"--figure: expected a folder {path.parent} to write into, got none")
    return path


def note(text: str) -> None:
    """A warning on stderr."""
    console.print(f"note: {text}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def say(*lines: str) -> None:
    """Lines on stdout."""
    for line in lines:
        typer.echo(line)


def table(rows: dict[str, Any]) -> None:
    """Names and values in two columns on stdout; further lines of a value stand under its first."""
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        say(f"{name:{width}}  " + text.replace("\n", "\n" + " " * (width + 2)))


# Seconds between lines that tell how far it is where no terminal shows a bar.
LINES = 30.0


class Progress:
    """A bar on stderr, or lines where that is no terminal, called with (done, total); total None = not known."""

    def __init__(self, what: str, shown: bool = True) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        # The time left is told by the last hour: rich's half a minute may hold no clip, or those of all workers.
        hidden = not (shown and console.is_terminal)
        self.bar = Progress(*columns, console=console, disable=hidden, speed_estimate_period=3600.0)
        self.task = self.bar.add_task(what, total=None)
        self.lines = shown and hidden
        self.told, self.at = -1, 0.0  # what the last line told, and when

    def __enter__(self) -> "Progress":
        self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        if kind is not None and not self.bar.tasks[0].total:
            self.bar.update(self.task, visible=False)  # nothing was begun: the error stands alone
        self.bar.stop()
        if kind is None and self.told >= 0:
            self._line(0.0)

    def __call__(self, done: int, total: int | None) -> None:
        """Show how far it is."""
        self.bar.update(self.task, completed=done, total=total)
        self._line(LINES)

    def _line(self, pause: float) -> None:
        """A line, if it tells more than the last one and that was so many seconds ago; the first call has one."""
        task, now = self.bar.tasks[0], time.monotonic()
        if not self.lines or task.completed == self.told or (self.told >= 0 and now - self.at < pause):
            return
        self.told, self.at = int(task.completed), now
        seconds = task.time_remaining
        of = f" of {task.total:.0f}" if task.total else ""
        left = f", {math.ceil(seconds / 60)} min left" if seconds else ""
        console.print(f"{task.description} {self.told}{of}{left}", markup=False, highlight=False, soft_wrap=True)
