"""What a data set hands out: labels and points of all clips as arrays, and clips by index."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray

from mmsynth.arrays import check_shapes
from mmsynth.types import Sample


@dataclass(frozen=True, eq=False)
class LabelTable:
    """Labels of all clips, as arrays of strings."""

    id: Annotated[NDArray[np.str_], "clips", "1"]
    activity: Annotated[NDArray[np.str_], "clips", "1"]
    subject: Annotated[NDArray[np.str_], "clips", "1"]
    session: Annotated[NDArray[np.str_], "clips", "1"]
    source: Annotated[NDArray[np.str_], "clips", "1"]

    def __post_init__(self) -> None:
        check_shapes(self)

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True, eq=False)
class FlatPoints:
    """All points of a data set in one piece, frames and clips marked by bounds.

    Attributes:
        values: x, y, z, v, intensity, snr_db, noise_db of each point (`layout.COLUMNS`), float32.
        point_offsets: frame f has points `point_offsets[f]:point_offsets[f + 1]`.
        frame_time: seconds from the start of its clip.
        clip_offsets: clip i has frames `clip_offsets[i]:clip_offsets[i + 1]`.
    """

    values: Annotated[NDArray[np.float32], "points 7", "1"]
    point_offsets: Annotated[NDArray[np.int64], "frame_bounds", "1"]
    frame_time: Annotated[NDArray[np.float64], "frames", "s"]
    clip_offsets: Annotated[NDArray[np.int64], "clip_bounds", "1"]

    def __post_init__(self) -> None:
        check_shapes(self)

    @cached_property
    def frame(self) -> NDArray[np.int64]:
        """The frame [points] of each point, counted over the whole data set."""
        return np.repeat(np.arange(len(self.frame_time)), np.diff(self.point_offsets))


class Clips(Protocol):
    """What training and evaluation need of a data set: one file (`Dataset`) or several (`Datasets`)."""

    labels: LabelTable

    @property
    def part(self) -> NDArray[np.int64]:
        """The file [clips] that each clip is from: 0 for the first."""
        ...

    @property
    def joint_set(self) -> str:
        """The joints' set; "" = no joints."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...

    def points(self) -> FlatPoints:
        """All points, in one read."""
        ...

    def frame_times(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """`frame_time` [frames] in s and `clip_offsets` [clips + 1] of `FlatPoints`, without reading a point."""
        ...

    def joints(self) -> NDArray[np.float32] | None:
        """Joint positions [frames, joints, 3] of all clips in the radar frame (NaN = not known), in one read."""
        ...
