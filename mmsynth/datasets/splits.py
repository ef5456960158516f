"""Protocols as files of clip ids: what to train on, to choose on, and to be scored on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmsynth import config
from mmsynth.datasets.clips import Clips
from mmsynth.resources import data_file, data_folder

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """One division of a data set.

    Attributes:
        dataset: name of its card.
        leak_free: whether no person, session or take is in both training and test.
        note: what it holds out, and what is wrong with it.
        train: ids of the training clips.
        validation: ids by which a model is chosen; never of the same takes as the test.
        test: ids of the test clips.
    """

    dataset: str
    leak_free: bool
    note: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    validation: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        seen: dict[str, str] = {}
        for part in PARTS:
            for name in getattr(self, part):
                if name in seen:
                    raise ValueError(f"clip '{name}' is in {seen[name]} and in {part}")
                seen[name] = part
        for part in ("train", "test"):
            if not getattr(self, part):
                raise ValueError(f"{part}: expected ids of clips, got none")

    def rows(self, dataset: Clips, part: str) -> NDArray[np.int64]:
        """Indices [clips] in `dataset` of those of a part ("train", "validation" or "test"), in the dataset's order.

        Clips that the data set does not have (an incomplete download) are passed over.

        Raises:
            ValueError: there is no such part, or the data set has none of its clips.
        """
        if part not in PARTS:
            raise ValueError(f"split: expected a part of {', '.join(PARTS)}, got '{part}'")
        rows = np.flatnonzero(np.isin(dataset.labels.id, list(getattr(self, part))))
        if len(rows) == 0 and getattr(self, part):
            raise ValueError(f"split of {self.dataset}: the data set has none of the {part} clips")
        return rows.astype(np.int64)


def split_names() -> tuple[str, ...]:
    """Names of the splits that come with mmsynth."""
    return tuple(sorted(p.stem for p in (data_folder("datasets") / "splits").glob("*.toml")))


def load_split(name_or_path: str | Path) -> Split:
    """Read a split that comes with mmsynth (`split_names()`), or a file of one's own that ends in .toml.

    Raises:
        ValueError: there is no such split, or the file is not one.
    """
    name = str(name_or_path)
    if not name.endswith(".toml"):
        if name not in split_names():
            raise ValueError(f"split: expected one of {', '.join(split_names())} or a .toml file, got '{name}'")
        name = str(data_file("datasets", f"splits/{name}.toml"))
    return config.load(Split, name)
