"""What a synthetic data set will cost on this machine, measured on a few of its clips."""

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from mmsynth.generation.load import resolve_radar
from mmsynth.generation.recipe import Recipe, clip_frames
from mmsynth.generation.run import generate
from mmsynth.processes import Progress


@dataclass(frozen=True)
class Estimate:
    """Expected cost of `generate`.

    Attributes:
        measured: clips that were made for it.
        frames: of the whole set, of all radars.
        seconds: of the whole set with these workers.
        bytes: of the finished files; while they are made, the disk holds up to twice as many.
    """

    measured: int
    frames: int
    seconds: float
    bytes: int


def estimate(recipe: Recipe, progress: Progress, workers: int = 1, device: str = "cpu") -> Estimate:
    """Expected time and disk of `generate` with these arguments, from the recipe's first clips.

    At least one of each activity is made and three of each worker, in a temporary folder. Time is counted from when
    every worker has made one clip, and so warmed up; the start of the workers, seconds, is left out.

    Raises:
        ValueError, OSError: as of `generate`.
    """
    few = min(recipe.clips, workers + max(2 * workers, sum(activity.share for activity in recipe.activities)))
    at: list[float] = []

    def note(done: int, total: int) -> None:
        at.append(time.perf_counter())
        progress(done, total)

    with TemporaryDirectory() as folder:
        one = _size(generate(replace(recipe, clips=1), Path(folder, "one"), lambda done, total: None, 1, device))
        some = _size(generate(replace(recipe, clips=few), Path(folder, "some"), note, workers, device))
    # The first call told that no clip was done; of a set of no more clips than workers all of it counts.
    warm = workers if workers < few else 0
    each = (at[few] - at[warm]) / (few - warm)
    grown = (some - one) / max(few - 1, 1)
    frames = recipe.samples * sum(clip_frames(alone, resolve_radar(alone)) for alone in recipe.apart())
    return Estimate(few, frames, each * recipe.clips, math.ceil(one + grown * (recipe.clips - 1)))


def _size(files: tuple[Path, ...]) -> int:
    return sum(file.stat().st_size for file in files)
