"""Several data sets as one."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mmsynth.datasets.clips import Clips, FlatPoints, LabelTable
from mmsynth.datasets.dataset import Dataset
from mmsynth.datasets.layout import COLUMNS
from mmsynth.joints import joint_names
from mmsynth.types import Sample


class Datasets:
    """Several data sets as one, in order: synthetic and real, or one day after another.

    Ids may repeat between files. Intensities that differ in unit must not be mixed by mistake: give
    `drop_intensity=True` to replace them all by NaN.

    Attributes:
        parts: the data sets.
        labels: of every clip.
    """

    def __init__(self, parts: tuple[Dataset, ...], drop_intensity: bool = False) -> None:
        """Join data sets.

        Raises:
            ValueError: there are none, or they differ in joint set (if they have one) or in unit of intensity (unless
                dropped).
        """
        if not parts:
            raise ValueError("data sets: expected at least one, got none")
        for name, ignore in (("joint_set", False), ("intensity_unit", drop_intensity)):
            # Of clips without joints none are known.
            found = {value: p for p in parts if (value := getattr(p.attributes, name)) or name != "joint_set"}
            if len(found) > 1 and not ignore:
                each = " and ".join(f"{value!r} in {p.path}" for value, p in found.items())
                raise ValueError(f"data sets: expected one {name}, got {each}")
        self.parts = parts
        self.drop_intensity = drop_intensity
        self.labels = LabelTable(
            **{f.name: np.concatenate([getattr(p.labels, f.name) for p in parts]) for f in fields(LabelTable)}
        )
        self._part = np.repeat(np.arange(len(parts)), [len(p) for p in parts])

    @classmethod
    def open(cls, paths: Iterable[Path | str], drop_intensity: bool = False) -> "Datasets":
        """Open files as one.

        Raises:
            ValueError: as of `Dataset.open`, one is named twice, or they cannot be joined.
        """
        files = [Path(path) for path in paths]
        twice = [path for path, count in Counter(file.resolve() for file in files).items() if count > 1]
        if twice:
            raise ValueError(f"data sets: expected each file once, got {twice[0]} twice")
        return cls(tuple(map(Dataset.open, files)), drop_intensity)

    @property
    def part(self) -> NDArray[np.int64]:
        """The file [clips] that each clip is from: 0 for the first."""
        return self._part

    @property
    def joint_set(self) -> str:
        """The joints' set; "" = no joints."""
        return max(p.joint_set for p in self.parts)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Sample:
        if not -len(self) <= index < len(self):
            raise IndexError(f"data sets: clip {index} of {len(self)}")
        part = int(self.part[index])
        sample = self.parts[part][index % len(self) - int(np.searchsorted(self._part, part))]
        if self.drop_intensity:
            sample.cloud.intensity.fill_(torch.nan)
        return sample

    def points(self) -> FlatPoints:
        """All points, in one read a file."""
        flat = [p.points() for p in self.parts]
        values = np.concatenate([f.values for f in flat])
        if self.drop_intensity:
            values[:, COLUMNS.index("intensity")] = np.nan
        times, bounds = _end_to_end([(f.frame_time, f.clip_offsets) for f in flat])
        return FlatPoints(values, chain_bounds([f.point_offsets for f in flat]), times, bounds)

    def frame_times(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """`frame_time` [frames] in s and `clip_offsets` [clips + 1] of `FlatPoints`, without reading a point."""
        return _end_to_end([p.frame_times() for p in self.parts])

    def joints(self) -> NDArray[np.float32] | None:
        """Joint positions [frames, joints, 3] of all clips in the radar frame (NaN = not known)."""
        if not self.joint_set:
            return None
        count = len(joint_names(self.joint_set))
        unknown = [np.full((p.frames, count, 3), np.nan, np.float32) for p in self.parts]
        found = [p.joints() for p in self.parts]
        return np.concatenate([u if j is None else j for u, j in zip(unknown, found, strict=True)])


def files_of(clips: Clips) -> tuple[Dataset, ...]:
    """The files that clips are from; of clips that are from none, none."""
    return clips.parts if isinstance(clips, Datasets) else (clips,) if isinstance(clips, Dataset) else ()


def _end_to_end(
    parts: list[tuple[NDArray[np.float64], NDArray[np.int64]]],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    return np.concatenate([times for times, _ in parts]), chain_bounds([bounds for _, bounds in parts])


def chain_bounds(bounds: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Bounds [n + 1] of the n items of all pieces laid end to end, from those of each piece, which begin at 0."""
    return np.cumsum(np.concatenate([[0], *(np.diff(b) for b in bounds)]), dtype=np.int64)
