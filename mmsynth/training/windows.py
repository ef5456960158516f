"""Windows of fixed duration, cut from clips and packed into flat arrays: what features and networks read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmsynth.arrays import check_shapes
from mmsynth.datasets import Clips, FlatPoints, select_points, windows

Array = NDArray[Any]
Selection = Literal["moving", "static", "all"]

_POINTS = ("time", "position", "velocity", "intensity")
_TABLE = ("frames", "start", "activity", "clip", "session", "subject")


@dataclass(frozen=True)
class WindowSettings:
    """How clips are cut.

    Attributes:
        duration: of a window in s.
        step: seconds from the start of one window to the next; equal to `duration` = no overlap.
        points: which points count: those with a radial velocity, those without, or all.
        min_range, max_range: m; points outside are dropped (0.35 m keeps antenna coupling out).
        heights: as recorded, or relative to each window's median: for a radar whose height or tilt is not known.
    """

    duration: float = 2.0
    step: float = 2.0
    points: Selection = "moving"
    min_range: float = 0.35
    max_range: float = 5.1
    heights: Literal["recorded", "relative"] = "recorded"

    def __post_init__(self) -> None:
        if not (self.duration > 0 and self.step > 0):
            raise ValueError(
                f"window: expected a duration and a step above 0 s, got {self.duration} s and {self.step} s"
            )


@dataclass(frozen=True, eq=False)
class Windows:
    """Points of many windows; those of window w are `offsets[w]:offsets[w + 1]`. NumPy arrays.

    Attributes:
        time: of each point from the start of its window.
        position: in the radar frame (x right, y boresight, z up).
        velocity: radial, positive when receding.
        intensity: in dB, as recorded; NaN = not recorded.
        frames: radar frames in each window.
        start: of each window, in s from the start of its clip.
        duration: of every window in s.
        activity, clip, session, subject: of each window, as strings.
    """

    time: Annotated[Array, "points", "s"]
    position: Annotated[Array, "points 3", "m"]
    velocity: Annotated[Array, "points", "m/s"]
    intensity: Annotated[Array, "points", "dB"]
    offsets: Annotated[Array, "bounds", "1"]
    frames: Annotated[Array, "windows", "1"]
    start: Annotated[Array, "windows", "s"]
    duration: float
    activity: Annotated[Array, "windows", "1"]
    clip: Annotated[Array, "windows", "1"]
    session: Annotated[Array, "windows", "1"]
    subject: Annotated[Array, "windows", "1"]

    def __post_init__(self) -> None:
        check_shapes(self)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def index(self) -> Array:
        """The window [points] of each point."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def take(self, rows: Sequence[int] | Array) -> "Windows":
        """The windows `rows` (indices, or a mask), in that order."""
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        counts = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        points = np.repeat(self.offsets[rows] - offsets[:-1], counts) + np.arange(offsets[-1])
        flat = {n: getattr(self, n)[points] for n in _POINTS}
        table = {n: getattr(self, n)[rows] for n in _TABLE}
        return replace(self, offsets=offsets, **flat, **table)

    def labels(self, classes: Sequence[str]) -> Array:
        """Index [windows] of each window's activity in `classes`.

        Raises:
            ValueError: an activity is not among them.
        """
        strange = sorted(set(self.activity.tolist()) - set(classes))
        if strange:
            raise ValueError(f"windows: expected activities {', '.join(classes)}, got {', '.join(strange)!r} too")
        order = {name: i for i, name in enumerate(classes)}
        return np.array([order[a] for a in self.activity.tolist()], np.int64)


def cut(dataset: Clips, settings: WindowSettings, clips: Sequence[int] | Array | None = None) -> Windows:
    """Cut clips into windows that lie wholly inside them; shorter clips give none.

    Args:
        dataset: one file or several.
        settings: how to cut, and which points count.
        clips: indices of the clips to cut; default: all.

    Raises:
        ValueError: no clip is as long as a window.
    """
    flat = dataset.points()
    table = windows(dataset, settings.duration, settings.step, flat)
    rows = np.arange(len(table)) if clips is None else np.flatnonzero(np.isin(table.clip, np.asarray(clips)))
    if len(rows) == 0:
        raise ValueError(f"windows: expected clips of at least {settings.duration} s, got none that long")
    flat = _in_range(select_points(flat, settings.points), settings)
    start, stop, clip = table.start[rows], table.stop[rows], table.clip[rows]
    first, last = flat.point_offsets[start], flat.point_offsets[stop]
    offsets = np.concatenate([[0], np.cumsum(last - first)])
    index = np.repeat(np.arange(len(rows)), last - first)
    points = np.arange(offsets[-1]) + (first - offsets[:-1])[index]
    time = flat.frame_time[flat.frame[points]] - flat.frame_time[start][index]
    # A window begins half a frame before its first frame.
    half = 0.5 * settings.duration / np.maximum(stop - start, 1)
    labels = dataset.labels
    found = Windows(
        time=(time + half[index]).astype(np.float32),
        position=flat.values[points, :3],
        velocity=flat.values[points, 3],
        intensity=flat.values[points, 4],
        offsets=offsets,
        frames=stop - start,
        start=table.time[rows],
        duration=settings.duration,
        activity=labels.activity[clip].astype(object),
        clip=labels.id[clip].astype(object),
        session=labels.session[clip].astype(object),
        subject=labels.subject[clip].astype(object),
    )
    return level(found) if settings.heights == "relative" else found


def level(windows: Windows) -> Windows:
    """The windows with heights relative to the median of each."""
    position = windows.position.copy()
    for a, b in zip(windows.offsets[:-1], windows.offsets[1:], strict=True):
        if b > a:
            position[a:b, 2] -= np.median(position[a:b, 2])
    return replace(windows, position=position)


def concatenate(parts: Sequence[Windows]) -> Windows:
    """All windows of `parts`, in order."""
    joined: dict[str, Any] = {n: np.concatenate([getattr(p, n) for p in parts]) for n in (*_POINTS, *_TABLE)}
    counts = np.concatenate([np.diff(p.offsets) for p in parts])
    return replace(parts[0], offsets=np.concatenate([[0], np.cumsum(counts)]), **joined)


def _in_range(flat: FlatPoints, settings: WindowSettings) -> FlatPoints:
    distance = np.linalg.norm(flat.values[:, :3], axis=1)
    keep = (distance >= settings.min_range) & (distance <= settings.max_range)
    counts = np.bincount(flat.frame[keep], minlength=len(flat.frame_time))
    bounds = np.concatenate([[0], np.cumsum(counts)])
    return replace(flat, values=flat.values[keep], frame=flat.frame[keep], point_offsets=bounds)
