"""What a recipe holds out, and whether that is what it means to."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.datasets import Clips, Datasets, load_split
from mmsynth.training.recipe import Data

Array = NDArray[Any]


def check_hold_out(sources: list[Datasets], data: Data) -> None:
    """Refuse a name that holds nothing out: mistyped, it would let what it means be trained on, or adapted to.

    Raises:
        ValueError: there is no such split, or nothing of it, of a session or of a subject is there.
    """
    test = load_split(data.split).test if data.split else ()
    if data.split and not any(np.isin(source.labels.id, test).any() for source in sources):
        raise ValueError(f"data.split: the recordings have none of the test clips of '{data.split}'")
    for name in data.hold_out:
        if sources and not any(held_out(source, replace(data, hold_out=(name,))).any() for source in sources):
            labels = [source.labels for source in sources]
            there = {n for each in labels for n in (*each.session.tolist(), *each.subject.tolist())} - {""}
            listed = ", ".join(sorted(there)[:12]) + (" ..." if len(there) > 12 else "")
            raise ValueError(
                f"data.hold_out: no recording is of a session or subject '{name}'; there are {listed or 'none'}"
            )


def held_out(source: Clips, data: Data) -> Array:
    """Which clips [clips] are of a held-out session (by the beginning of its name), subject or split's test part."""
    if data.split:
        return np.isin(source.labels.id, load_split(data.split).test)
    return of_groups(source.labels.session, source.labels.subject, data.hold_out)


def of_groups(session: Array, subject: Array, names: tuple[str, ...]) -> Array:
    """Which clips or windows [n] are of a session whose name begins with one of `names`, or of a subject among them."""
    begins = np.array([s.startswith(names) for s in session.tolist()], bool)
    return np.asarray(begins | np.isin(subject, names))


def leaks(data: Data) -> str:
    """A sentence if the split that a run is trained by leaks; "" if not, or if there is none."""
    split = load_split(data.split) if data.split else None
    return (
        f"the split '{data.split}' LEAKS, so that scores on it are too good: {split.note}"
        if split and not split.leak_free
        else ""
    )
