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
console = Console(stderr=True)


def _device(name: str) -> str:
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
Device = Annotated[str, typer.Option(help="Torch device: cpu, cuda, cuda:1 ...", callback=_device)]


def _picture(path: Path | None) -> Path | None:
    # Refused before anything is computed.
    if path and path.suffix not in (".png", ".pdf", ".svg"):
        raise ValueError(f"--figure: expected a .png, .pdf or .svg, got {path}")
    if path and not path.parent.is_dir():
        raise ValueError(f"--figure: expected a folder {path.parent} to write into, got none")
    return path


def main() -> None:
    """Run a command; a mistake of the user is one sentence on stderr and exit code 1."""
    try:
        app(prog_name="mmsynth")
    except (ValueError, OSError) as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


@app.command()
def demo(
    out: GoesOn = Path("demo"),
    workers: Workers = 2,
    device: Device = "cpu",
    clips: Annotated[int, typer.Option(min=0, help="Clips to train on; 0 = the recipe's. Fewer is faster.")] = 0,
) -> None:
    """Run the whole line on built-in motions, body and radar: generate, train, score, draw.

    `mmsynth demo --clips 12`
    """
    from mmsynth.demo import run_demo

    for line in run_demo(out, _Progress, workers, device, clips):
        _say(line)


@app.command()
def generate(
    recipe: Annotated[Path, typer.Argument(help="Recipe of a synthetic data set (TOML).")],
    out: GoesOn,
    workers: Workers = 2,
    radar: Annotated[str, typer.Option(help=RADAR)] = "",
    overlay: Annotated[Path | None, typer.Option(help="TOML whose keys replace the recipe's.")] = None,
    device: Device = "cpu",
) -> None:
    """Make a synthetic data set, one for each radar of the recipe; after an interruption the same command continues.

    `mmsynth generate my_recipe.toml --out data/mine --workers 8 --radar my.cfg`
    """
    from mmsynth.generation import generate, load_recipe, resolve_radar

    loaded = load_recipe(recipe, radar, overlay)
    _say(*(note for one in loaded.apart() for note in resolve_radar(one).notes))
    with _Progress("clips") as progress:
        paths = generate(loaded, out, progress, workers, device)
    _say(*(f"{path}: {loaded.samples} samples" for path in paths))


@app.command("import")
def import_(
    format: Annotated[str, typer.Argument(help=IMPORTS)],
    source: Annotated[Path, typer.Argument(help="Its folder or file.")],
    out: NewFile,
    cfg: Annotated[str, typer.Option(help="TI .cfg or device .toml of the radar that recorded.")] = "",
    labels: Annotated[Path | None, typer.Option(help="CSV: file,start,end,label,subject,session.")] = None,
    adc: Annotated[bool, typer.Option("--adc", help="Keep the samples of raw recordings.")] = False,
    heatmaps: Annotated[str, typer.Option(help="Of raw recordings: range_azimuth,range_doppler ...")] = "",
    layout: Annotated[Path | None, typer.Option(help="TOML that names the axes of plain arrays.")] = None,
) -> None:
    """Read real captures, public or your own, into one data set.

    `mmsynth import radhar RadHAR --out radhar.h5`

    `mmsynth import dca1000 recordings --cfg my.cfg --labels labels.csv --out mine.h5`
    """
    from mmsynth.datasets import import_source, recording_settings, write_capture

    settings = recording_settings(adc, heatmaps, layout)
    capture = import_source(format, source, cfg, labels, settings)
    with _Progress("clips") as progress:
        report = write_capture(capture, out, lambda done: progress(done, None))
    _say(*report.lines(), f"wrote {out}")


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Data set with ADC samples.")],
    out: NewFolder,
    format: Annotated[str, typer.Option(help="dca1000, cascade or infineon; none = that of the data's radar.")] = "",
) -> None:
    """Write a data set's ADC samples in the file format of the radar's own recording tools.

    `mmsynth export data/mine/dataset.h5 --format dca1000 --out recordings`
    """
    from mmsynth.datasets import Dataset, export_recordings

    with Dataset.open(file) as data:
        written = export_recordings(data, out, data.attributes.processing, format)
    _say(f"{out}: {len(written)} recordings")


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="Training recipe (TOML).")],
    out: GoesOn = Path("run"),
    estimate: Annotated[bool, typer.Option("--estimate", help="Measure a few steps, print the cost, stop.")] = False,
    device: Annotated[str, typer.Option(help="Torch device that replaces the recipe's.", callback=_device)] = "",
) -> None:
    """Train a model; after an interruption the same command continues.

    `mmsynth train my_training.toml --out runs/mine`

    Several GPUs of a machine: `torchrun --no-python --nproc-per-node 4 mmsynth train RECIPE --device cuda`.
    """
    from dataclasses import replace

    from mmsynth.training import estimate as measure
    from mmsynth.training import fit, load_recipe, local_device, team

    loaded = load_recipe(recipe)
    loaded = replace(loaded, device=local_device(device or loaded.device))
    if estimate:
        cost = measure(loaded)
        size = f"{cost.parameters} parameters, {cost.windows} windows"
        _say(f"{cost.seconds:.0f} s and {cost.memory / 2**20:.0f} MiB on {loaded.device}: {size}")
        return
    finished = (out / "run.json").is_file()
    with team(loaded.device) as processes, _Progress("train", processes.leads) as progress:
        run = fit(loaded, out, progress, processes)
    before = "finished before (the data files were not read again): " if finished else ""
    what = ", ".join(run.classes) or f"the joints of {run.targets.joint_set}"
    if processes.leads:
        _say(f"{run.folder}: {before}{loaded.model} for {what}", *([run.about] if run.about else []))


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a finished training.")],
    file: Annotated[Path, typer.Argument(help="Data set, as `generate` and `import` write it.")],
) -> None:
    """Print label and confidence of every window of a recording, or joints and their expected error (nan = unknown).

    `mmsynth predict runs/mine recording.h5 > answers.tsv`
    """
    from mmsynth.datasets import Dataset
    from mmsynth.joints import JOINT_SETS
    from mmsynth.training import load_run, other_radar, predict_poses
    from mmsynth.training import predict as ask

    loaded, data = load_run(run), Dataset.open(file)
    if note := other_radar(loaded, data):
        _note(note)
    if loaded.recipe.task == "pose":
        poses = predict_poses(loaded, data)
        names = tuple(JOINT_SETS[poses.joint_set])
        _say("clip\ttime_s\tjoint\tx_m\ty_m\tz_m\texpected_error_m")
        for clip, time, joints, error in zip(poses.clip, poses.time, poses.joints, poses.error, strict=True):
            for name, (x, y, z), e in zip(names, joints, error, strict=True):
                _say(f"{clip}\t{time:.2f}\t{name}\t{x:.3f}\t{y:.3f}\t{z:.3f}\t{e:.3f}")
        return
    found = ask(loaded, data)
    if bare := int(found.empty.sum()):
        kind = {"all": "", "moving": "moving ", "static": "static "}[loaded.recipe.window.points]
        _note(f"{bare} of {len(found)} windows hold no {kind}point: their labels mean nothing")
    rows = zip(found.clip, found.start, found.label, found.confidence, strict=True)
    _say("clip\tstart_s\tend_s\tlabel\tconfidence")
    _say(*(f"{c}\t{s:.2f}\t{s + found.duration:.2f}\t{label}\t{p:.3f}" for c, s, label, p in rows))


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a finished training.")],
    on: Annotated[Path, typer.Option(help="Labelled data set.")],
    out: Annotated[Path, typer.Option(help="Folder for the report; an earlier one there is replaced.")],
) -> None:
    """Score a trained model on labelled recordings: table, figure, JSON.

    `mmsynth evaluate runs/mine --on radhar.h5 --out runs/mine/scores`
    """
    from mmsynth.datasets import Dataset
    from mmsynth.evaluation import evaluate as score
    from mmsynth.evaluation import evaluate_poses
    from mmsynth.training import load_run

    loaded, data = load_run(run), Dataset.open(on)
    report = evaluate_poses(loaded, data, out) if loaded.recipe.task == "pose" else score(loaded, data, out)
    _say(report.text(), f"wrote {out}")


@app.command()
def calibrate(
    recipe: Annotated[Path, typer.Option(help="Recipe of the synthetic data set.")],
    captures: Annotated[Path, typer.Option(help="Recordings of your radar, without labels.")],
    out: Annotated[Path, typer.Option(help="Overlay (TOML) to write; a picture of the histograms goes beside it.")],
    clips: Annotated[int, typer.Option(min=1, help="Simulated clips of each clothing; few find too much noise.")] = 30,
    radar: Annotated[str, typer.Option(help=RADAR)] = "",
) -> None:
    """Fit a recipe's places, noise floor, thresholds, room echoes and clothing to unlabelled recordings.

    `mmsynth calibrate --recipe my_recipe.toml --radar my.cfg --captures mine.h5 --out overlay.toml`

    `mmsynth generate my_recipe.toml --radar my.cfg --overlay overlay.toml --out data/mine`
    """
    from mmsynth.calibration import CalibrationSettings
    from mmsynth.calibration import calibrate as match
    from mmsynth.datasets import Dataset
    from mmsynth.generation import load_recipe

    loaded = load_recipe(recipe, radar)
    with Dataset.open(captures) as recordings, _Progress("clips") as progress:
        found = match(loaded, recordings, out, progress, CalibrationSettings(clips=clips))
    _say(found.text(), f"wrote {out}")


@app.command()
def info(
    file: Annotated[Path, typer.Argument(help="Data set.")],
    figure: Annotated[Path | None, typer.Option(help="PNG with a clip of each activity.", callback=_picture)] = None,
) -> None:
    """Print what a data set holds, and draw a clip of each activity.

    `mmsynth info data/mine/dataset.h5 --figure clips.png`
    """
    from mmsynth.datasets import info as describe

    _table(describe(file))
    if figure:
        from mmsynth.datasets import Dataset
        from mmsynth.look import clips_sheet
        from mmsynth.view import save_figure

        with Dataset.open(file) as data:
            _say(f"wrote {save_figure(clips_sheet(data), figure)}")


@app.command()
def radar(
    name: Annotated[str, typer.Argument(help="Profile, device .toml or TI .cfg; none = list the profiles.")] = "",
    figure: Annotated[
        Path | None, typer.Option(help="PNG of the virtual array and its beam.", callback=_picture)
    ] = None,
) -> None:
    """Print what a radar can resolve, how well it sees a person, and which motion it will miss.

    `mmsynth radar radhar`

    `mmsynth radar my.cfg --figure array.png`
    """
    from mmsynth.radar import advice, describe, load_radar, radar_names

    if not name:
        _say(*radar_names())
        return
    setup = load_radar(name)
    _table(describe(setup.radar))
    _say(*setup.notes, *advice(setup))
    if figure:
        from mmsynth.view import array_figure, save_figure

        save_figure(array_figure(setup.radar), figure)
        _say(f"wrote {figure}")


@app.command()
def bodies(
    figure: Annotated[
        Path | None, typer.Option(help="PNG with the free body in people of different build.", callback=_picture)
    ] = None,
) -> None:
    """List the body models: which are installed, and where to get the others."""
    from mmsynth.body_models import list_bodies

    for status in list_bodies():
        _say(f"{status.name:10}{'here' if status.available else 'missing':9}{status.card.licence}")
        if status.missing:
            _say(f"{'':10}{status.missing}")
    if figure:
        from mmsynth.look import bodies_sheet
        from mmsynth.view import save_figure

        _say(f"wrote {save_figure(bodies_sheet(), figure)}")


@app.command()
def motions(
    files: Annotated[list[Path] | None, typer.Argument(help="Motion files; none = the built-in motions.")] = None,
    figure: Annotated[Path | None, typer.Option(help="PNG with six instants of each.", callback=_picture)] = None,
    frame_rate: Annotated[float | None, typer.Option(help="In Hz, of files that do not say theirs.")] = None,
) -> None:
    """List the built-in motions and sources of motion files, or print what given motion files were read as.

    `mmsynth motions mocap/*.bvh --figure motions.png`
    """
    from mmsynth.motion import ACTIVITIES, FORMATS, list_sources, read_motion

    good, bad = [], []
    for file in files or ():
        try:
            found = read_motion(file, frame_rate)
        except ValueError as error:  # printed last, after the files that can be read
            bad.append(str(error))
            continue
        good.append(file)
        seconds = float(found.times[-1] - found.times[0])
        kind = f"{type(found).__name__}, {len(found.times)} frames, {seconds:.2f} s"
        _say(f"{file}: {found.labels.source or 'unknown format'}: {kind}")
    if not files:
        _say(*(f"{name:24}{activity.about}" for name, activity in ACTIVITIES.items()))
        _say("", f"Motion files that can be read: {', '.join(FORMATS)}.")
        _say("Sources, and how many files of each are here (in folders of these names in the folder MMSYNTH_MOTIONS):")
        for source, count in list_sources():
            here = f"{count} files" if count else "none"
            _say(f"{source.name:12}{here:12}{source.title}: {source.licence}; {source.page}")
    if figure and (good or not files):
        from mmsynth.look import files_sheet, motions_sheet
        from mmsynth.view import save_figure

        _say(f"wrote {save_figure(files_sheet(good, frame_rate) if good else motions_sheet(), figure)}")
    if bad:
        raise ValueError("\n".join(bad))


def _note(text: str) -> None:
    console.print(f"note: {text}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _say(*lines: str) -> None:
    for line in lines:
        typer.echo(line)


def _table(rows: dict[str, Any]) -> None:
    width = max(len(name) for name in rows)
    _say(*(f"{name:{width}}  {f'{value:.4g}' if isinstance(value, float) else value}" for name, value in rows.items()))


class _Progress:
    """A bar on stderr, unless it is not to be shown, called with (done, total); total None = not known."""

    def __init__(self, what: str, shown: bool = True) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, disable=not shown)
        self.task = self.bar.add_task(what, total=None)

    def __enter__(self) -> "_Progress":
        self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        if kind is not None and not self.bar.tasks[0].total:
            self.bar.update(self.task, visible=False)  # nothing was begun: the error stands alone
        self.bar.stop()

    def __call__(self, done: int, total: int | None) -> None:
        self.bar.update(self.task, completed=done, total=total)
