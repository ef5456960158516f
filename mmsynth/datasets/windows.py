"""Windows of fixed length over a data set, and the filters that honest protocols need."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from mmsynth.arrays import check_shapes
from mmsynth.datasets.clips import Clips, FlatPoints
from mmsynth.datasets.clouds import cloud_of_rows
from mmsynth.types import PointCloud

# Below this radial speed in m/s a point counts as static: under the finest Doppler step in use (mmMesh: 0.0685 m/s).
STATIC_SPEED = 0.05


@dataclass(frozen=True, eq=False)
class WindowTable:
    """Where windows lie; none crosses from one clip into another.

    Attributes:
        clip: index of each window's clip.
        start: its first frame, counted over the whole data set.
        stop: one past its last frame.
        time: seconds from its clip's start to its own.
        lead: seconds from where it begins to its first frame: half a frame, and what is missing there of the recording.
    """

    clip: Annotated[NDArray[np.int64], "windows", "1"]
    start: Annotated[NDArray[np.int64], "windows", "1"]
    stop: Annotated[NDArray[np.int64], "windows", "1"]
    time: Annotated[NDArray[np.float64], "windows", "s"]
    lead: Annotated[NDArray[np.float64], "windows", "s"]

    def __post_init__(self) -> None:
        check_shapes(self)

    def __len__(self) -> int:
        return len(self.clip)

    def take(self, rows: NDArray[Any]) -> "WindowTable":
        """The windows `rows` (indices, or a mask), in that order."""
        return WindowTable(*(getattr(self, f.name)[rows] for f in fields(self)))


def windows(
    dataset: Clips, duration: float = 2.0, step: float | None = None, points: FlatPoints | None = None
) -> WindowTable:
    """Cut every clip into windows that lie wholly inside it; shorter clips give none, nor do gaps of a recording.

    A clip lasts from its first to its last frame plus one frame period. Windows start every `step` seconds (default:
    `duration`), and take the frames from half a period before their start.

    Args:
        dataset: one file or several.
        duration: of a window in s.
        step: seconds from one start to the next.
        points: of the data set, where they have been read already.

    Raises:
        ValueError: a length is none (see `check_lengths`), or no clip is as long as a window.
    """
    step = duration if step is None else step
    check_lengths(duration, step)
    flat = dataset.points() if points is None else points
    rows: list[NDArray[np.float64]] = []
    each = periods(flat.frame_time, flat.clip_offsets)
    for clip, (a, b) in enumerate(zip(flat.clip_offsets[:-1], flat.clip_offsets[1:], strict=True)):
        times = flat.frame_time[a:b]
        if len(times) < 2:
            continue
        period = each[clip]
        # Frame periods are rounded (33.333 ms): 60 frames are 2 s although they miss 20 us of it.
        count = int(np.floor((times[-1] - times[0] + period - duration) / step + 1e-3)) + 1
        starts = np.arange(max(count, 0)) * step
        edge = times[0] + starts - period / 2
        first, last = np.searchsorted(times, edge), np.searchsorted(times, edge + duration)
        missing = (times[np.minimum(first, len(times) - 1)] - times[0] - starts) / period
        whole = np.maximum(last - first, np.floor(duration / period + 1e-3))
        lead = 0.5 * duration / np.maximum(whole, 1) + period * np.round(missing).clip(0)
        found = np.stack([np.full(len(starts), float(clip)), a + first, a + last, starts, lead], 1)
        rows.append(found[last > first])
    table = np.concatenate(rows) if rows else np.empty((0, 5))
    if len(table) == 0:
        raise ValueError(f"windows: expected clips of at least {duration} s, got none that long")
    clip, first, last = table[:, :3].astype(np.int64).T
    return WindowTable(clip, first, last, table[:, 3], table[:, 4])


def check_lengths(duration: float, step: float) -> None:
    """Refuse windows of no length, of endless length, or so close to each other that memory would not hold them.

    Raises:
        ValueError: a length in s is not from 0.01 on.
    """
    if not (0.01 <= duration < np.inf and 0.01 <= step < np.inf):
        raise ValueError(f"window: expected a duration and a step from 0.01 s on, got {duration:g} s and {step:g} s")


def lengths(times: NDArray[np.float64], bounds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Seconds [clips] from the first to the last frame of each clip plus one frame period; 0 of a single frame.

    Args:
        times: of the frames of all clips (`Clips.frame_times`).
        bounds: clip i has frames `bounds[i]:bounds[i + 1]`.
    """
    several = np.diff(bounds) > 1
    found = np.zeros(len(several))
    found[several] = times[bounds[1:][several] - 1] - times[bounds[:-1][several]]
    return found + periods(times, bounds)


def periods(times: NDArray[np.float64], bounds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Seconds [clips] from frame to frame, the median of each clip, as for `lengths`; 0 of a single frame."""
    pairs = zip(bounds[:-1], bounds[1:], strict=True)
    return np.array([np.median(np.diff(times[a:b])) if b - a > 1 else 0.0 for a, b in pairs], float)


def select_points(flat: FlatPoints, which: Literal["moving", "static", "all"]) -> FlatPoints:
    """Only the points that move, or only those that do not: the second is the control that shows a leak."""
    if which == "all":
        return flat
    return keep_points(flat, (np.abs(flat.values[:, 3]) > STATIC_SPEED) == (which == "moving"))


def keep_points(flat: FlatPoints, keep: NDArray[np.bool_]) -> FlatPoints:
    """The points where `keep` [points] is true; all frames stay."""
    counts = np.bincount(flat.frame[keep], minlength=len(flat.frame_time))
    bounds = np.concatenate([[0], np.cumsum(counts)])
    return replace(flat, values=flat.values[keep], point_offsets=bounds)


def clouds(flat: FlatPoints) -> Iterator[PointCloud]:
    """The points of each clip as a cloud, without regions."""
    for start, stop in itertools.pairwise(flat.clip_offsets):
        offsets = torch.from_numpy(flat.point_offsets[start : stop + 1])
        values = torch.from_numpy(flat.values[offsets[0] : offsets[-1]])
        yield cloud_of_rows(values, offsets - offsets[0], torch.from_numpy(flat.frame_time[start:stop]))


def take_clips(flat: FlatPoints, rows: NDArray[Any]) -> FlatPoints:
    """The clips `rows` (indices, or a mask), in that order."""
    rows = np.flatnonzero(rows) if rows.dtype == bool else rows
    clip_offsets, frames = lay_end_to_end(flat.clip_offsets[rows], np.diff(flat.clip_offsets)[rows])
    point_offsets, points = lay_end_to_end(flat.point_offsets[frames], np.diff(flat.point_offsets)[frames])
    return FlatPoints(flat.values[points], point_offsets, flat.frame_time[frames], clip_offsets)


def lay_end_to_end(first: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bounds [runs + 1] of runs laid end to end, and the index [entries] that each entry of them had.

    Args:
        first: index [runs] of the first entry of each run.
        counts: entries [runs] of each.
    """
    bounds = np.concatenate([[0], np.cumsum(counts)])
    return bounds, np.repeat(first - bounds[:-1], counts) + np.arange(bounds[-1])
