"""Which clips a run has seen: told by their points, so that a copy or another import of a file is noticed too."""

from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.arrays import check_shapes
from mmsynth.datasets import Clips

Array = NDArray[Any]


def _none() -> Array:
    return np.zeros(0, np.uint64)


@dataclass(frozen=True, eq=False)
class Known:
    """Marks of the frames that a run has seen (`frame_marks`), of each kind once and sorted.

    Attributes:
        learnt: of clips that it was trained on, or whose labels chose it.
        adapted: of clips whose labels were not looked at.
    """

    learnt: Annotated[Array, "learnt_frames", "1"] = field(default_factory=_none)
    adapted: Annotated[Array, "adapted_frames", "1"] = field(default_factory=_none)

    def __post_init__(self) -> None:
        check_shapes(self)

    def __or__(self, other: "Known") -> "Known":
        """What either has seen."""
        return Known(np.union1d(self.learnt, other.learnt), np.union1d(self.adapted, other.adapted))


def frame_marks(source: Clips) -> tuple[Array, Array]:
    """A number [frames] that tells each frame's points (x, y, z, v) from all others, 0 = none, and bounds [clips + 1].

    Names, times and the order of the points of a frame do not count.
    """
    flat = source.points()
    # SplitMix64's finaliser (G. Steele et al., OOPSLA 2014) over a column after the other.
    mark = np.zeros(len(flat.values), np.uint64)
    for column in flat.values[:, :4].T:
        mark ^= np.ascontiguousarray(column).view(np.uint32)
        mark += np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mark ^= mark >> np.uint64(shift)
            mark *= np.uint64(factor)
        mark ^= mark >> np.uint64(31)
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mark, dtype=np.uint64)])
    return np.diff(total[flat.point_offsets]), flat.clip_offsets


def marks_of(source: Clips | None, clips: Array) -> Array:
    """Marks of the frames of some clips, as `Known` keeps them."""
    if source is None or not len(clips):
        return _none()
    marks, bounds = frame_marks(source)
    chosen = np.zeros(len(source), bool)
    chosen[clips] = True
    return np.setdiff1d(marks[np.repeat(chosen, np.diff(bounds))], np.uint64(0))


def are_known(source: Clips, *marks: Array) -> tuple[Array, ...]:
    """Which clips [clips], for each of `marks`, are of its frames by half or more; those without a point never are."""
    found, bounds = frame_marks(source)
    clip = np.repeat(np.arange(len(source)), np.diff(bounds))
    clip, found = clip[found != 0], found[found != 0]
    filled = np.bincount(clip, minlength=len(source))
    old = (np.bincount(clip[np.isin(found, own)], minlength=len(source)) for own in marks)
    return tuple((filled > 0) & (2 * count >= filled) for count in old)
