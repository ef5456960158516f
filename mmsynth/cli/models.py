"""Commands that train, apply, score and rank models, and that calibrate recipes."""

from collections.abc import Iterable, Sized
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mmsynth.cli.shared import RADAR, GoesOn, Progress, Workers, app, device_option, note, say


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="Training recipe (TOML).")],
    out: GoesOn = Path("run"),
    estimate: Annotated[bool, typer.Option("--estimate", help="Measure a few steps, print the cost, stop.")] = False,
    device: Annotated[str, typer.Option(help="Torch device that replaces the recipe's.", callback=device_option)] = "",
) -> None:
    """Train a model; after an interruption the same command continues.

    `mmsynth train my_training.toml --out runs/mine`

    Several GPUs of a machine: `torchrun --no-python --nproc-per-node 4 mmsynth train RECIPE --device cuda`.
    """
    from mmsynth.training import estimate as measure
    from mmsynth.training import fit, load_recipe, local_device, team

    loaded = load_recipe(recipe)
    loaded = replace(loaded, device=local_device(device or loaded.device))
    if estimate:
        cost = measure(loaded)
        size = f"{cost.parameters} parameters, {cost.windows} windows"
        say(f"{cost.seconds:.0f} s and {cost.memory / 2**20:.0f} MiB on {loaded.device}: {size}")
        return
    finished = (out / "run.json").is_file()
    with team(loaded.device) as processes, Progress("train", processes.leads) as progress:
        run = fit(loaded, out, progress, processes)
    before = "finished before (the data files were not read again): " if finished else ""
    what = ", ".join(run.classes) or f"the joints of {run.targets.joint_set}"
    if processes.leads:
        say(f"{run.folder}: {before}{loaded.model} for {what}", *([run.about] if run.about else []))


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a finished training.")],
    files: Annotated[list[Path], typer.Argument(help="Data sets, as `generate` and `import` write them.")],
    step: Annotated[
        float | None, typer.Option(help="Seconds from one window of activities to the next; none = side by side.")
    ] = None,
) -> None:
    """Print label and confidence of every window of recordings, or joints and their expected error (nan = unknown).

    `mmsynth predict runs/mine recording.h5 > answers.tsv`

    `mmsynth predict runs/falls monday.h5 tuesday.h5 --step 0.5`
    """
    from mmsynth.datasets import Datasets
    from mmsynth.joints import joint_names
    from mmsynth.training import load_run, other_radar, predict_poses
    from mmsynth.training import predict as ask

    loaded, data = load_run(run), Datasets.open(files, drop_intensity=True)
    if warning := other_radar(loaded, data):
        note(warning)
    if loaded.recipe.task == "pose":
        if step is not None:
            raise ValueError(f"--step: expected none for poses, which have an instant in every bin, got {step:g}")
        with Progress("predict") as progress:
            poses = predict_poses(loaded, data, progress=progress)
        _note_missing(data, poses.clip)
        names = joint_names(poses.joint_set)
        say("clip\ttime_s\tjoint\tx_m\ty_m\tz_m\texpected_error_m")
        for clip, time, joints, error in zip(poses.clip, poses.time, poses.joints, poses.error, strict=True):
            each = zip(names, joints.tolist(), error.tolist(), strict=True)
            # One call an instant: a joint each takes longer to print than to predict.
            say("\n".join(f"{clip}\t{time:.2f}\t{n}\t{x:.3f}\t{y:.3f}\t{z:.3f}\t{e:.3f}" for n, (x, y, z), e in each))
        return
    with Progress("predict") as progress:
        found = ask(loaded, data, step=step, progress=progress)
    _note_missing(data, found.clip)
    if bare := int(found.empty.sum()):
        kind = {"all": "", "moving": "moving ", "static": "static "}[loaded.recipe.window.points]
        note(f"{bare} of {len(found)} windows hold no {kind}point: they all get one answer, whatever was done in them")
    rows = zip(found.clip, found.start, found.label, found.confidence, strict=True)
    say("clip\tstart_s\tend_s\tlabel\tconfidence")
    say(*(f"{c}\t{s:.2f}\t{s + found.duration:.2f}\t{label}\t{p:.3f}" for c, s, label, p in rows))


def _note_missing(data: Sized, clips: Iterable[str]) -> None:
    """Say how many clips nothing is predicted of."""
    if short := len(data) - len(set(clips)):
        note(f"{short} of {len(data)} clips are shorter than a window: nothing is said of them")


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a finished training.")],
    on: Annotated[list[Path], typer.Option(help="Labelled data set; may be given several times.")],
    out: Annotated[Path, typer.Option(help="Folder for the report; an earlier one there is replaced.")],
) -> None:
    """Score a trained model on labelled recordings: table, figure, JSON.

    `mmsynth evaluate runs/mine --on radhar.h5 --out runs/mine/scores`
    """
    from mmsynth.datasets import Datasets
    from mmsynth.evaluation import evaluate as score
    from mmsynth.evaluation import evaluate_poses
    from mmsynth.training import load_run

    loaded, data = load_run(run), Datasets.open(on, drop_intensity=True)
    judge = evaluate_poses if loaded.recipe.task == "pose" else score
    with Progress("evaluate") as progress:
        report = judge(loaded, data, out, progress)
    say(report.text(), f"wrote {out}")


@app.command()
def curve(
    recipe: Annotated[Path, typer.Argument(help="Training recipe (TOML), with real, synthetic and hold_out.")],
    out: GoesOn = Path("curve"),
    share: Annotated[
        list[float] | None,
        typer.Option(help="Of the recordings, from above 0 to 1; may be given several times. Else 0.01 to 1 in five."),
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Draws of recordings at each share: shows what is chance.")] = 5,
    workers: Workers = 2,
) -> None:
    """Show what synthetic clips add to your recordings, over the share of these that is labelled.

    Each of the recipe's `hold_out` is held out in turn, and scored by what is trained on shares of all others:
    activities from points, or poses by `model = "histograms"`.

    `mmsynth curve my_training.toml --out curve --share 0.05 --share 0.25`
    """
    from mmsynth.evaluation import share_curve
    from mmsynth.evaluation.fewshot import SHARES
    from mmsynth.training import load_recipe

    with Progress("curve") as progress:
        found, about = share_curve(load_recipe(recipe), out, progress, range(draws), share or SHARES, workers)
    say(found.score, found.text(), about, f"wrote {out}")


@app.command()
def rank(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished trainings, of a recipe or simulator each.")],
    on: Annotated[
        list[Path],
        typer.Option(help="Recordings that none of them has seen, labels aside; may be given several times."),
    ],
) -> None:
    """Order trainings by how well their answers hang together along recordings without labels.

    `mmsynth rank runs/guess runs/calibrated runs/other_styles --on mine.h5`
    """
    from mmsynth.calibration import answers
    from mmsynth.calibration import rank as order
    from mmsynth.datasets import Datasets
    from mmsynth.training import Predictions, load_run, other_radar

    recordings, loaded = Datasets.open(on, drop_intensity=True), {str(folder): load_run(folder) for folder in runs}
    for folder, run in loaded.items():
        if warning := other_radar(run, recordings):
            note(f"{folder}: {warning}")
    said: dict[str, Predictions] = {}
    with Progress("rank") as progress:
        for folder, run in loaded.items():
            said[folder] = answers(run, recordings, partial(_one_of, progress, len(said), len(loaded)))
    say(order(said).text())


def _one_of(progress: Progress, number: int, runs: int, done: int, total: int) -> None:
    """Progress of all runs, that of run `number` being known; all have as many windows."""
    progress(number * total + done, runs * total)


@app.command()
def calibrate(
    recipe: Annotated[Path, typer.Option(help="Recipe of the synthetic data set.")],
    captures: Annotated[
        list[Path],
        typer.Option(help="Recordings of your radar, unlabelled, each of one activity; may be given several times."),
    ],
    out: Annotated[Path, typer.Option(help="Overlay (TOML) to write; histograms (PNG) and results (JSON) go beside.")],
    workers: Workers = 2,
    clips: Annotated[int, typer.Option(min=1, help="Simulated clips of each clothing; of few, chance decides.")] = 100,
    radar: Annotated[str, typer.Option(help=RADAR)] = "",
    seed: Annotated[
        int | None, typer.Option(help="Of the simulated people, in place of the recipe's: shows what is chance.")
    ] = None,
    estimate: Annotated[bool, typer.Option("--estimate", help="Make a few clips, print the cost, stop.")] = False,
) -> None:
    """Fit a recipe's places, noise floor, clutter, ghosts, clothing, styles and ways to face to unlabelled recordings.

    After an interruption the same command continues.

    `mmsynth calibrate --recipe my_recipe.toml --radar my.cfg --captures mine.h5 --out overlay.toml`

    `mmsynth generate my_recipe.toml --radar my.cfg --overlay overlay.toml --out data/mine`
    """
    from mmsynth.calibration import CalibrationSettings, short
    from mmsynth.calibration import calibrate as match
    from mmsynth.calibration import estimate as measure
    from mmsynth.datasets import Datasets
    from mmsynth.generation import load_recipe

    loaded = load_recipe(recipe, radar)
    loaded = loaded if seed is None else replace(loaded, seed=seed)
    settings, recordings = CalibrationSettings(clips=clips), Datasets.open(captures)
    if doubt := short(recordings):
        note(doubt)
    if estimate:
        with Progress("clips") as progress:
            cost = measure(loaded, recordings, progress, settings, workers)
        minutes = f"{cost.seconds / 60:.1f} min with --workers {workers}"
        say(f"about {cost.clips} clips: {minutes}, and some more to compare them with the recordings")
        return
    with Progress("clips") as progress:
        found = match(loaded, recordings, out, progress, settings, workers)
    say(found.text(), f"wrote {out}, {out.with_suffix('.png')} and {out.with_suffix('.json')}")
