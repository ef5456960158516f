"""The whole line on the embedded default, from a recipe to a scored model, with pictures: `mmsynth demo`."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from mmsynth.datasets import Dataset
from mmsynth.evaluation import evaluate
from mmsynth.generation import Recipe, generate, load_recipe
from mmsynth.generation.clip import draw_take, stage
from mmsynth.generation.draws import PICTURES, stream
from mmsynth.processes import Progress
from mmsynth.processing import beamform, detect, micro_doppler, range_doppler
from mmsynth.resources import data_file
from mmsynth.simulation import frame_knots, simulate
from mmsynth.training import fit
from mmsynth.training import load_recipe as load_training
from mmsynth.view import heatmaps_figure, micro_doppler_figure, save_figure, scene_figure

Bar = Callable[[str], AbstractContextManager[Progress]]  # makes a progress bar for a named step

HELD_OUT = 1000  # people with this number and above are never trained on


def run_demo(out: Path, bar: Bar, workers: int, device: str = "cpu", clips: int = 0) -> Iterator[str]:
    """Generate, train, score on held-out synthetic people, draw; yields the lines to print as they come.

    Args:
        out: folder that does not exist yet, or that a demo left, interrupted or not.
        bar: makes a progress bar for a named step.
        workers: processes that generate.
        device: of torch and Warp.
        clips: to train on; 0 = as many as the recipe says.

    Raises:
        ValueError: `out` holds something else.
    """
    recipe = load_recipe(data_file("datasets", "demo.toml"))
    recipe = replace(recipe, clips=clips or recipe.clips)
    people = replace(recipe.subjects, first=HELD_OUT)
    held_out = replace(recipe, name="demo-test", seed=recipe.seed + 1, clips=max(6, recipe.clips // 4), noise_draws=1)
    held_out = replace(held_out, subjects=people)
    files: list[Path] = []
    for one, folder in ((recipe, "data"), (held_out, "test")):
        with bar(f"generate {one.name}") as progress:
            files += generate(one, out / folder, progress, workers, device)
        yield f"{files[-1]}: {one.samples} clips of {one.seconds:g} s"
    training = load_training(data_file("training", "demo.toml"))
    training = replace(training, data=replace(training.data, synthetic=(files[0],)), device=device)
    with bar("train") as progress:
        run = fit(training, out / "run", progress)
    report = evaluate(run, Dataset.open(files[1]), out / "scores")
    yield f"\nscored on people never trained on:\n\n{report.text()}\n"
    for path in (out / "scores" / "confusion.png", *_draw(held_out, out, device)):
        yield f"figure: {path}"


def _draw(recipe: Recipe, out: Path, device: str) -> Iterator[Path]:
    """Pictures of the recipe's first clip: body with cloud, heatmaps of the same instant, micro-Doppler."""
    ready = stage(recipe, device)
    radar, processing = ready.setup.radar, ready.setup.processing
    take = draw_take(ready, 0)
    adc = simulate(take.scene, radar, take.frames, take.settings, stream(recipe.seed, PICTURES))
    cube = range_doppler(adc, processing)
    cloud, frame = detect(cube, processing), take.frames // 2
    knots = len(frame_knots(radar, take.settings))
    near = slice(max(0, frame - 2), min(take.frames, frame + 3))
    title = f"{take.play.labels.activity}: one instant of the body, points of {near.stop - near.start} frames"
    person, pose = take.scene.people[0], take.scene.world_from_radar
    yield save_figure(scene_figure(person, cloud, frame * knots, near, pose, title), out / "body_and_cloud.png")
    maps = [beamform(cube, kind, processing) for kind in ("range_doppler", "range_azimuth", "range_elevation")]
    yield save_figure(heatmaps_figure(maps, frame, max_range=radar.waveform.max_range), out / "heatmaps.png")
    period = radar.waveform.frame_period
    doppler = micro_doppler(adc, processing)
    yield save_figure(micro_doppler_figure(doppler, period, title=take.play.labels.activity), out / "micro_doppler.png")
