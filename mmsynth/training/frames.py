"""Frames as one table: histograms of points about each, how high a recording's points lie, the pose, whose it is."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.arrays import check_shapes
from mmsynth.datasets import Clips, FlatPoints, keep_points, periods, take_clips
from mmsynth.joints import bones
from mmsynth.processes import Progress

Array = NDArray[Any]

# A pose is asked for from its own frame, from so many seconds on both sides of it, and from what comes before and what
# after it: of a squat one tells whether it goes down or up.
SPANS = ((0.0, 0.0), (-0.2, 0.2), (-1.0, 1.0), (-0.4, -0.1), (0.1, 0.4))
# Range, lateral position and height in m, velocity in m/s: from, to, bins. What lies outside counts in the last one.
_AXES = ((1.0, 2.8, 12), (-1.1, 1.1, 11), (-1.1, 1.0, 14), (-2.0, 2.0, 11))
# Lateral position beside another. Here as above a bin lies about 0: a board says x = 0 of many points.
_SIDES = (-0.75, 0.75, 5)
_SIGNS = 3  # of a velocity: approaching, none, receding
# The histograms in order, each of so many bins by so many across, which turn round where left and right are exchanged:
# range, side, height, velocity, height by velocity's sign, height by side, range by side.
_BLOCKS = (
    (_AXES[0][2], 1),
    (1, _AXES[1][2]),
    (_AXES[2][2], 1),
    (_AXES[3][2], 1),
    (_AXES[2][2] * _SIGNS, 1),
    (_AXES[2][2], _SIDES[2]),
    (_AXES[0][2], _SIDES[2]),
)
# Heights are taken of points so near to a recording's median range and lateral position: echoes by way of a wall lie
# farther, and no simulated recording need have the same walls.
_NEAR_RANGE, _NEAR_SIDE = 0.25, 0.4
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
# Recordings that begin among so many frames are counted at once: sums take more memory than what is kept of them.
_AT_ONCE = 1 << 14


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames of recordings, in the order of recordings and time.

    Attributes:
        table: logarithms of histograms of points, of the frames in each of `SPANS` about every frame.
        heights: quantiles of the height of the points of the whole recording that lie at the body; NaN = it has none.
        joints: in the radar frame; NaN = not known.
        size: the sum of the bones' lengths of this pose; NaN = not known. `sizes.size_of` gives that of the person.
        subject: who it is; empty = not known.
        time: from the start of the recording.
        clip: number of the recording.
    """

    table: Annotated[Array, "frames features", "1"]
    heights: Annotated[Array, "frames quantiles", "m"]
    joints: Annotated[Array, "frames joints 3", "m"]
    size: Annotated[Array, "frames", "m"]
    subject: Annotated[Array, "frames", "1"]
    time: Annotated[Array, "frames", "s"]
    clip: Annotated[Array, "frames", "1"]

    def __post_init__(self) -> None:
        check_shapes(self)

    def __len__(self) -> int:
        return len(self.clip)

    def take(self, rows: Array) -> "Frames":
        """The frames `rows` (indices, or a mask), in that order; all of them are not copied."""
        if rows.dtype == bool and rows.all():
            return self
        return Frames(*(getattr(self, f.name)[rows] for f in fields(self)))

    def posed(self) -> "Frames":
        """Those whose pose is known."""
        return self.take(np.asarray(np.isfinite(self.joints).all((1, 2))))


def frames_of(
    dataset: Clips, clips: Sequence[int] | Array | None = None, progress: Progress = lambda done, total: None
) -> Frames:
    """Every frame of the clips of a data set, all if none are named; points without a position count nothing.

    `progress` is called with (frames whose points are counted, all of them).
    """
    flat, joints = _placed(dataset.points()), dataset.joints()
    frames, starts = len(flat.frame_time), flat.clip_offsets
    clip = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    if joints is None:
        joints = np.full((frames, 0, 3), np.nan, np.float32)
    found = Frames(
        _table(flat, progress),
        _heights(flat)[clip],
        joints,
        _sizes(joints, dataset.joint_set),
        dataset.labels.subject[clip].astype(object),
        flat.frame_time,
        clip,
    )
    return found if clips is None else found.take(np.isin(clip, np.asarray(clips)))


def join_frames(parts: Sequence[Frames]) -> Frames:
    """The frames of several sets, one after another; recordings are numbered anew."""
    joined = {f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Frames)}
    first = np.cumsum([0, *(int(p.clip.max(initial=-1)) + 1 for p in parts)])
    joined["clip"] = np.concatenate([p.clip + before for p, before in zip(parts, first[:-1], strict=True)])
    return Frames(**joined)


def mean_row(frames: Frames, mirrored: float) -> Array:
    """The mean row [features] of the table, a part `mirrored` of the frames with left and right exchanged."""
    mean = frames.table.mean(0, dtype=np.float64)
    if mirrored:
        mean = (1 - mirrored) * mean + mirrored * mean[MIRROR]
    return np.asarray(mean, np.float32)


def moved_to(frames: Frames, recordings: Frames, mirrored: float) -> Frames:
    """The frames with every row moved alike, so that the mean row is that of recordings, whose poses are not looked at.

    How many points a board shows of a person, and what lies about them, differs between simulation and recordings in
    every pose alike.
    """
    away = mean_row(recordings, mirrored) - mean_row(frames, mirrored)
    return replace(frames, table=frames.table + away)


def _placed(flat: FlatPoints) -> FlatPoints:
    return keep_points(flat, np.asarray(np.isfinite(flat.values[:, :3]).all(1)))


def _table(flat: FlatPoints, progress: Progress) -> Array:
    """The table [frames, features] of `Frames`, some recordings at a time."""
    starts = flat.clip_offsets
    table = np.empty((len(flat.frame_time), len(MIRROR)), np.float32)
    begins = np.flatnonzero(np.diff(starts[:-1] // _AT_ONCE, prepend=-1))
    for a, b in itertools.pairwise([*begins.tolist(), len(starts) - 1]):
        progress(int(starts[a]), len(table))
        own = take_clips(flat, np.arange(a, b))
        table[starts[a] : starts[b]] = _about(_histograms(own.values, own.frame, len(own.frame_time)), own)
    return table


def _about(columns: Array, flat: FlatPoints) -> Array:
    """Logarithms of counts [frames, bins] summed over each of `SPANS` about every frame of its clip, side by side."""
    count, each = np.diff(flat.clip_offsets), periods(flat.frame_time, flat.clip_offsets)
    each = np.where(each > 0, each, 1.0)
    period = np.repeat(each, count)
    # Clips one after another on one clock, farther apart than any span reaches.
    apart = flat.frame_time.max(initial=0.0) + 4 * (float(np.abs(SPANS).max()) + each.max(initial=0.0))
    clock = flat.frame_time + np.repeat(np.arange(len(count)) * apart, count)
    total = np.concatenate([np.zeros((1, columns.shape[1])), np.cumsum(columns, 0)])
    parts = []
    for start, stop in SPANS:
        before, after = np.round(start / period), np.round(stop / period)
        first = np.searchsorted(clock, clock + (before - 0.5) * period)
        last = np.searchsorted(clock, clock + (after + 0.5) * period, "right")
        # As many as if no frame were missing, at the ends or between; none where all are.
        whole = (after - before + 1) / np.maximum(last - first, 1)
        parts.append(np.log1p((total[last] - total[first]) * whole[:, None]).astype(np.float32))
    return np.hstack(parts)


def _heights(flat: FlatPoints) -> Array:
    """Quantiles [clips, quantiles] of the height of points at the body; NaN where a clip has none."""
    bounds = flat.point_offsets[flat.clip_offsets]
    found = np.full((len(bounds) - 1, len(_QUANTILES)), np.nan)
    for k, (a, b) in enumerate(zip(bounds[:-1], bounds[1:], strict=True)):
        # A board says y = 0 of what lies in no direction that there is.
        own = flat.values[a:b][flat.values[a:b, 1] != 0]
        if len(own):
            distance = np.linalg.norm(own[:, :3], axis=1)
            near = np.abs(distance - np.median(distance)) < _NEAR_RANGE
            near &= np.abs(own[:, 0] - np.median(own[:, 0])) < _NEAR_SIDE
            found[k] = np.quantile(own[near, 2], _QUANTILES) if near.any() else np.nan
    return found


def _sizes(joints: Array, joint_set: str) -> Array:
    """Sum of the bones' lengths [frames]; NaN where a joint of one is not known, or there is none."""
    if not (pairs := bones(joint_set)):
        return np.full(len(joints), np.nan)
    a, b = np.array(pairs).T
    return np.asarray(np.linalg.norm(joints[:, a] - joints[:, b], axis=2).sum(1))


def _histograms(values: Array, frame: Array, frames: int) -> Array:
    """Counts [frames, bins] of points in the cells of each of `_BLOCKS`.

    A velocity that was not recorded (NaN) counts as none.
    """
    distance, velocity = np.linalg.norm(values[:, :3], axis=1), np.nan_to_num(values[:, 3])
    each = zip((distance, values[:, 0], values[:, 2], velocity), _AXES, strict=True)
    range_, side, height, speed = (_bin(value, *axis) for value, axis in each)
    moving = (velocity > 0.05).astype(int) - (velocity < -0.05).astype(int) + 1
    beside = _bin(values[:, 0], *_SIDES)
    cells = (
        range_,
        side,
        height,
        speed,
        height * _SIGNS + moving,
        height * _SIDES[2] + beside,
        range_ * _SIDES[2] + beside,
    )
    return np.hstack(
        [_count(frame, cell, math.prod(block), frames) for cell, block in zip(cells, _BLOCKS, strict=True)]
    )


def _mirror() -> Array:
    """Which column of `Frames.table` each one is that of, once left and right are exchanged."""
    found = np.zeros(0, int)
    for block in _BLOCKS:
        own = len(found) + np.arange(math.prod(block)).reshape(block)
        found = np.concatenate([found, own[:, ::-1].ravel()])
    return np.concatenate([found + k * len(found) for k in range(len(SPANS))])


MIRROR = _mirror()


def _bin(value: Array, low: float, high: float, bins: int) -> Array:
    return np.clip((value - low) / (high - low) * bins, 0, bins - 1).astype(int)


def _count(frame: Array, cell: Array, cells: int, frames: int) -> Array:
    return np.bincount(frame * cells + cell, minlength=frames * cells).reshape(frames, cells)
