"""Clips on worker processes into one file: interruptible, resumable, the same bytes for any number of workers."""

import multiprocessing
import shutil
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

import torch

from mmsynth import __version__
from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.generation.clip import Stage, make_clip, stage
from mmsynth.generation.recipe import Recipe
from mmsynth.simulation import hold_memory
from mmsynth.types import Sample

Progress = Callable[[int, int], None]

_stage: Stage | None = None  # of a worker process: loaded once at its start, never changed


def generate(recipe: Recipe, out: Path, progress: Progress, workers: int = 1, device: str = "cpu") -> Path:
    """Make the data set of a recipe in the folder `out` and return its file.

    Each clip goes to a file of its own under `out/parts`; when all are there they are joined, in order, into
    `out/dataset.h5` (written beside and renamed), and the parts go. Called again after an interruption with the same
    recipe it goes on where it stopped.

    Args:
        recipe: a checked recipe (`load_recipe`).
        out: a folder that does not exist, or one left by an interrupted run of the same recipe.
        progress: called with (clips done, clips in all).
        workers: processes, one thread each.
        device: of torch and Warp in each worker.

    Raises:
        ValueError: `out` holds a finished data set, something else, or a run of another recipe.
        OSError: the disk is full, or not writable.
    """
    target = _prepare(recipe, out)
    parts = [_part(out, i) for i in range(recipe.clips)]
    todo = [i for i, part in enumerate(parts) if not part.exists()]
    progress(recipe.clips - len(todo), recipe.clips)
    if workers <= 1 or len(todo) <= 1:
        _start(recipe, device)
        for done, index in enumerate(todo, recipe.clips - len(todo) + 1):
            _work(out, index)
            progress(done, recipe.clips)
    else:
        _run_pool(recipe, out, todo, progress, (workers, device))
    join_parts(parts, target)
    shutil.rmtree(out / "parts")
    return target


def _prepare(recipe: Recipe, out: Path) -> Path:
    target, note = out / "dataset.h5", out / "recipe.toml"
    if target.exists():
        raise ValueError(f"{target}: exists already; choose another --out or remove it")
    if note.exists():
        if note.read_text(encoding="utf-8") != recipe.text():
            raise ValueError(f"{out}: holds an unfinished run of another recipe; choose another --out or remove it")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out}: expected a new or empty folder, got one with other files in it")
    (out / "parts").mkdir(parents=True, exist_ok=True)
    for stale in (out / "parts").glob("*.part"):
        stale.unlink()
    note.write_text(recipe.text(), encoding="utf-8")
    return target


def _part(out: Path, index: int) -> Path:
    return out / "parts" / f"{index:07d}.h5"


def _run_pool(recipe: Recipe, out: Path, todo: list[int], progress: Progress, pool: tuple[int, str]) -> None:
    workers, device = pool
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(recipe, device))
    done, ahead, queue = recipe.clips - len(todo), set[Future[None]](), iter(todo)
    try:
        # A short queue: an interruption then waits for the clips under way only, and memory stays flat.
        for index in queue:
            ahead.add(executor.submit(_work, out, index))
            if len(ahead) < 2 * workers:
                continue
            done, ahead = _collect(ahead, done, recipe.clips, progress)
        while ahead:
            done, ahead = _collect(ahead, done, recipe.clips, progress)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _collect(ahead: set[Future[None]], done: int, clips: int, progress: Progress) -> tuple[int, set[Future[None]]]:
    finished, ahead = wait(ahead, return_when=FIRST_COMPLETED)
    for future in finished:
        future.result()
        done += 1
        progress(done, clips)
    return done, ahead


def _start(recipe: Recipe, device: str) -> None:
    """Set up a worker: one thread, body and radar loaded."""
    global _stage
    torch.set_num_threads(1)
    hold_memory()
    _stage = stage(recipe, device)


def _work(out: Path, index: int) -> None:
    assert _stage is not None
    samples = list(make_clip(_stage, index))
    with DatasetWriter(_part(out, index), attributes(_stage, samples[0])) as writer:
        for sample in samples:
            writer.append(sample)


def attributes(stage: Stage, sample: Sample) -> Attributes:
    """What holds for all clips of a set, from its stage and one of its samples."""
    recipe, setup = stage.recipe, stage.setup
    return Attributes(
        radar=setup.radar,
        processing=setup.processing,
        joint_set=sample.joint_set,
        intensity_unit=sample.cloud.intensity_unit,
        method=recipe.simulation.method,
        facets=len(stage.body.faces),
        recipe=recipe.text(),
        seed=recipe.seed,
        versions={"mmsynth": __version__},
    )


def join_parts(parts: list[Path], target: Path) -> None:
    """All clips in one file, in order."""
    with Dataset.open(parts[0]) as first, DatasetWriter(target, first.attributes) as writer:
        for part in parts:
            with Dataset.open(part) as piece:
                for sample in piece:
                    writer.append(sample)
