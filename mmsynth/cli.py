"""The commands: they parse, call and print. Each verb is importable Python too; what a verb does stands in its room."""

import sys
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
out_console, console = Console(), Console(stderr=True)

Out = Annotated[Path, typer.Option(help="Folder or file to write; it must not exist yet.")]
Workers = Annotated[int, typer.Option(min=1, help="Worker processes, one thread each.")]
Device = Annotated[str, typer.Option(help="Torch device: cpu, cuda, cuda:1 ...")]


def main() -> None:
    """Run a command; a mistake of the user is one sentence on stderr and exit code 1."""
    try:
        app()
    except (ValueError, OSError) as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


@app.command()
def demo(
    out: Out = Path("demo"),
    workers: Workers = 2,
    device: Device = "cpu",
) -> None:
    """Run the whole line on built-in motions, body and radar: generate, train, score, draw."""
    from mmsynth.demo import run_demo

    for line in run_demo(out, _Progress, workers, device):
        out_console.print(line, markup=False, highlight=False, soft_wrap=True)


@app.command()
def generate(
    recipe: Annotated[Path, typer.Argument(help="Recipe of a synthetic data set (TOML).")],
    out: Out,
    workers: Workers = 2,
    radar: Annotated[str, typer.Option(help="Radar profile, .toml or .cfg that replaces the recipe's.")] = "",
    overlay: Annotated[Path | None, typer.Option(help="TOML whose keys replace the recipe's.")] = None,
    device: Device = "cpu",
) -> None:
    """Make a synthetic data set; interrupted, the same command goes on where it stopped."""
    from mmsynth.generation import generate, load_recipe

    loaded = load_recipe(recipe, radar, overlay)
    with _Progress("clips") as progress:
        path = generate(loaded, out, progress, workers, device)
    out_console.print(f"{path}: {loaded.samples} samples", markup=False, highlight=False, soft_wrap=True)


class _Progress:
    """A bar on stderr, called with (done, total)."""

    def __init__(self, what: str) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console)
        self.task = self.bar.add_task(what, total=None)

    def __enter__(self) -> "_Progress":
        self.bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.bar.stop()

    def __call__(self, done: int, total: int) -> None:
        self.bar.update(self.task, completed=done, total=total)
