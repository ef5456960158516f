"""Leak-free splits: whole recording days or people are held out, and windows never cross files."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.datasets import Clips
from mmsynth.training.windows import Windows, WindowSettings, cut
from mmsynth.training.withheld import of_groups


@dataclass(frozen=True, eq=False)
class Corpus:
    """Real recordings, cut twice.

    Attributes:
        classes: activities in order.
        dense: overlapping windows, for training.
        apart: windows that do not overlap, for scores.
        groups: subjects, or beginnings of session names, that are held out in turn; none = days, the dates that session
            names begin with.
    """

    classes: tuple[str, ...]
    dense: Windows
    apart: Windows
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Fold:
    """One held-out group, by its name: masks over the windows of a corpus."""

    name: str
    train: NDArray[Any]
    test: NDArray[Any]


def corpus(dataset: Clips, settings: WindowSettings) -> Corpus:
    """Cut recordings: to train on with an overlap of half a window, to be scored on without."""
    half = replace(settings, step=settings.duration / 2)
    apart = replace(settings, step=settings.duration)
    classes = tuple(sorted(set(dataset.labels.activity.tolist())))
    return Corpus(classes, cut(dataset, half), cut(dataset, apart))


def folds(data: Corpus) -> Iterator[Fold]:
    """Each group held out in turn, all others to train on.

    Raises:
        ValueError: there is only one day, or a group is not there or is all that there is.
    """
    names = data.groups or sorted({session[:10] for session in data.apart.session.tolist()})
    if not data.groups and len(names) < 2:
        raise ValueError(f"protocol: expected recordings of at least two days to hold one out, got {names}")
    for name in names:
        dense, apart = (of_groups(w.session, w.subject, (name,)) for w in (data.dense, data.apart))
        if dense.all() or not apart.any():
            raise ValueError(
                f"protocol: expected windows of '{name}' to score and of others to train on, got {apart.sum()} and "
                f"{(~dense).sum()}"
            )
        yield Fold(name, ~dense, apart)


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
