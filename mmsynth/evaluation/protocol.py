"""Leak-free splits: whole recording days, sessions or people are held out, and windows never cross files."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmsynth.datasets import Clips
from mmsynth.training.windows import Windows, WindowSettings, cut

By = Literal["day", "session", "subject"]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Real recordings, cut twice.

    Attributes:
        classes: activities in order.
        dense: overlapping windows, for training.
        apart: windows that do not overlap, for scores.
        by: what is held out whole.
    """

    classes: tuple[str, ...]
    dense: Windows
    apart: Windows
    by: By = "day"


@dataclass(frozen=True, eq=False)
class Fold:
    """One held-out group: masks over the windows of a corpus."""

    name: str
    train: NDArray[Any]
    test: NDArray[Any]


def corpus(dataset: Clips, settings: WindowSettings, by: By = "day") -> Corpus:
    """Cut recordings: to train on with an overlap of half a window, to be scored on without."""
    half = replace(settings, step=settings.duration / 2)
    apart = replace(settings, step=settings.duration)
    classes = tuple(sorted(set(dataset.labels.activity.tolist())))
    return Corpus(classes, cut(dataset, half), cut(dataset, apart), by)


def folds(data: Corpus) -> Iterator[Fold]:
    """Each group held out in turn, all others to train on.

    Raises:
        ValueError: there is only one group.
    """
    dense, apart = group(data.dense, data.by), group(data.apart, data.by)
    names = sorted(set(apart.tolist()))
    if len(names) < 2:
        raise ValueError(f"protocol: expected at least two of '{data.by}' to hold one out, got {names}")
    for name in names:
        yield Fold(name, dense != name, apart == name)


def group(windows: Windows, by: By) -> NDArray[Any]:
    """The group [windows] of each window: its session, the day of it (the date that its name begins with) or person."""
    if by == "subject":
        return windows.subject.astype(str)
    sessions = windows.session.astype(str)
    return np.array([s[:10] for s in sessions]) if by == "day" else sessions


def draw_rows(windows: Windows, rows: NDArray[Any], fraction: float, draw: np.random.Generator) -> NDArray[Any]:
    """Of the windows `rows` (indices [n]), those of a random fraction of the clips of each activity.

    Whole clips; where the fraction is less than one clip of an activity, a stretch of one clip of that length, at
    least two windows.
    """
    clips, activity = windows.clip[rows].astype(str), windows.activity[rows].astype(str)
    chosen = []
    for name in sorted(set(activity)):
        own = draw.permutation(sorted(set(clips[activity == name])))
        wanted = fraction * len(own)
        found = np.flatnonzero(np.isin(clips, own[: max(1, round(wanted))]))
        if wanted < 0.95:
            length = max(2, round(wanted * len(found)))
            start = int(draw.integers(max(1, len(found) - length + 1)))
            found = found[start : start + length]
        chosen.append(rows[found])
    return np.concatenate(chosen)
