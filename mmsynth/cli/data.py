"""Commands that make and read data sets."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mmsynth.cli.shared import (
    IMPORTS,
    RADAR,
    GoesOn,
    NewFile,
    NewFolder,
    Progress,
    TorchDevice,
    Workers,
    app,
    note,
    picture_option,
    say,
    table,
)


@app.command()
def demo(
    out: GoesOn = Path("demo"),
    workers: Workers = 2,
    device: TorchDevice = "cpu",
    clips: Annotated[int, typer.Option(min=0, help="Clips to train on; 0 = the recipe's. Fewer is faster.")] = 0,
) -> None:
    """Run the whole line on built-in motions, body and radar: generate, train, score, draw.

    `mmsynth demo --clips 12`
    """
    from mmsynth.demo import run_demo

    for line in run_demo(out, Progress, workers, device, clips):
        say(line)


@app.command()
def generate(
    recipe: Annotated[Path, typer.Argument(help="Recipe of a synthetic data set (TOML).")],
    out: GoesOn = Path("synthetic"),
    workers: Workers = 2,
    radar: Annotated[str, typer.Option(help=RADAR)] = "",
    overlay: Annotated[list[Path] | None, typer.Option(help="TOML whose keys replace the recipe's.")] = None,
    device: TorchDevice = "cpu",
    estimate: Annotated[bool, typer.Option("--estimate", help="Make a few clips, print the cost, stop.")] = False,
) -> None:
    """Make a synthetic data set, one for each radar of the recipe; after an interruption the same command continues.

    While it works, it needs the disk of the set twice.

    `mmsynth generate my_recipe.toml --out data/mine --workers 8 --radar my.cfg`
    """
    from mmsynth.generation import estimate as measure
    from mmsynth.generation import generate, load_recipe, remarks, resolve_radar

    loaded = load_recipe(recipe, radar, overlay or ())
    say(*(note for one in loaded.apart() for note in resolve_radar(one).notes))
    before = set(out.glob("*.h5"))
    if not before:
        say(*remarks(loaded))
    if estimate:
        with Progress("clips") as progress:
            cost = measure(loaded, progress, workers, device)
        minutes, size = cost.seconds / 60, cost.bytes / 1e6
        say(
            f"{loaded.samples} clips, {cost.frames} frames: {minutes:.1f} min on {device} with --workers {workers}, "
            f"{size:.1f} MB on disk and as much again while it works; measured on the first {cost.measured} clips"
        )
        return
    with Progress("clips") as progress:
        paths = generate(loaded, out, progress, workers, device)
    say(*(f"{path}: {loaded.samples} clips{' (there already)' if path in before else ''}" for path in paths))


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
    recipe: Annotated[Path | None, typer.Option(help="Recipe whose processing raw recordings go through.")] = None,
) -> None:
    """Read real captures, public or your own, into one data set.

    `mmsynth import radhar RadHAR --out radhar.h5`

    `mmsynth import dca1000 recordings --cfg my.cfg --labels labels.csv --out mine.h5`
    """
    from mmsynth.datasets import import_source, recording_settings, write_capture

    processing = {}
    if recipe:
        from mmsynth.generation import load_recipe

        processing = load_recipe(recipe).processing
    settings = recording_settings(adc, heatmaps, layout, processing)
    capture = import_source(format, source, cfg, labels, settings)
    with Progress("clips") as progress:
        report = write_capture(capture, out, lambda done: progress(done, None))
    say(*report.lines(), f"wrote {out}")


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
    say(f"{out}: {len(written)} recordings")


@app.command()
def track(
    file: Annotated[Path, typer.Argument(help="Data set, as `generate` and `import` write it.")],
    points: Annotated[
        int, typer.Option(min=1, help="Of three frames, that make a person; more where walls show people twice.")
    ] = 10,
    moving: Annotated[
        bool, typer.Option("--moving", help="Of points that move alone, where the radar keeps those of the room.")
    ] = False,
) -> None:
    """Print where each of several people is, frame by frame, and how fast: x to the right, y ahead of the radar.

    `mmsynth track recording.h5 > people.tsv`
    """
    from mmsynth.datasets import Dataset
    from mmsynth.datasets.windows import clouds, select_points
    from mmsynth.processing import Tracking, track_people

    data, settings = Dataset.open(file), Tracking(min_points=points)
    flat = select_points(data.points(), "moving" if moving else "all")
    found, frames = [], len(flat.frame_time)
    with Progress("frames") as progress:
        for before, cloud in zip(flat.clip_offsets.tolist(), clouds(flat), strict=False):  # and an offset of the end
            people = track_people(cloud, settings, partial(_add, progress, before, frames))
            found.append((cloud.times[people.frame].tolist(), people))
    say("clip\ttime_s\tperson\tx_m\ty_m\tvx_m_s\tvy_m_s")
    for name, (times, people) in zip(data.labels.id, found, strict=True):
        rows = zip(times, people.person.tolist(), people.position.tolist(), people.velocity.tolist(), strict=True)
        say(*(f"{name}\t{t:.3f}\t{who}\t{x:.3f}\t{y:.3f}\t{u:.3f}\t{v:.3f}" for t, who, (x, y), (u, v) in rows))
    nobody = sum(not len(people.person) for _, people in found)
    if nobody:
        note(f"in {nobody} of {len(data)} clips nobody was found; try fewer --points")


def _add(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    progress(before + done, total)


@app.command()
def info(
    file: Annotated[Path, typer.Argument(help="Data set.")],
    figure: Annotated[
        Path | None, typer.Option(help="PNG with a clip of each activity, and its heatmaps.", callback=picture_option)
    ] = None,
) -> None:
    """Print what a data set holds, and draw a clip of each activity.

    `mmsynth info data/mine/dataset.h5 --figure clips.png`
    """
    from mmsynth.datasets import info as describe

    table(describe(file))
    if figure:
        from mmsynth.datasets import Dataset
        from mmsynth.look import clips_sheet
        from mmsynth.view import save_figure

        with Dataset.open(file) as data:
            say(f"wrote {save_figure(clips_sheet(data), figure)}")
