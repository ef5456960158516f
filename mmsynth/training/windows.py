"""Windows of fixed duration, cut from clips and packed into arrays: what features and networks read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmsynth.arrays import check_shapes
from mmsynth.datasets import (
    Clips,
    FlatPoints,
    WindowTable,
    check_lengths,
    keep_points,
    lay_end_to_end,
    select_points,
    windows,
)
from mmsynth.processes import Progress
from mmsynth.training.maps import COLUMNS, ROWS, bin_means, clip_maps

Array = NDArray[Any]
Selection = Literal["moving", "static", "all"]

_POINTS = ("time", "position", "velocity", "intensity")
_TABLE = ("frames", "start", "begin", "activity", "clip", "session", "subject", "joints", "maps")
# Networks see a window as so many time bins a second, and predict as many poses.
BINS_PER_SECOND = 10


@dataclass(frozen=True)
class WindowSettings:
    """How clips are cut.

    Attributes:
        duration: of a window in s.
        step: seconds from the start of one window to the next; equal to `duration` = no overlap.
        points: which points count: those with a radial velocity, those without, or all.
        min_range, max_range: m; points outside are dropped (0.35 m keeps antenna coupling out).
        heights: as recorded, or relative to each window's median: for a radar whose height or tilt is not known.
        maps: kinds of heatmaps that are kept beside the points.
    """

    duration: float = 2.0
    step: float = 2.0
    points: Selection = "moving"
    min_range: float = 0.35
    max_range: float = 5.1
    heights: Literal["recorded", "relative"] = "recorded"
    maps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_lengths(self.duration, self.step)
        if not 0 <= self.min_range < self.max_range:
            raise ValueError(
                f"window: expected 0 <= min_range < max_range (m), got {self.min_range:g} and {self.max_range:g}"
            )


@dataclass(frozen=True, eq=False)
class Windows:
    """Points of many windows; those of window w are `offsets[w]:offsets[w + 1]`. NumPy arrays.

    Attributes:
        time: of each point from the start of its window.
        position: in the radar frame (x right, y boresight, z up).
        velocity: radial, positive when receding; 0 where it was not recorded.
        intensity: in dB, as recorded; NaN = not recorded.
        frames: radar frames in each window.
        start: of each window, in s from the start of its clip.
        begin: what `time` and time bins count from, likewise: half a frame before the frame that belongs to `start`.
        duration: of every window in s.
        activity, clip, session, subject: of each window, as strings.
        joints: at the middle of each time bin, in the radar frame; NaN = not known; no joints where they were not
            asked for.
        maps: one channel a kind of `map_kinds`, in each time bin, on the grid of `maps.py`.
        joint_set: of the joints.
        map_kinds: of the maps' channels; map_step: m from row to row.
    """

    time: Annotated[Array, "points", "s"]
    position: Annotated[Array, "points 3", "m"]
    velocity: Annotated[Array, "points", "m/s"]
    intensity: Annotated[Array, "points", "dB"]
    offsets: Annotated[Array, "bounds", "1"]
    frames: Annotated[Array, "windows", "1"]
    start: Annotated[Array, "windows", "s"]
    begin: Annotated[Array, "windows", "s"]
    duration: float
    activity: Annotated[Array, "windows", "1"]
    clip: Annotated[Array, "windows", "1"]
    session: Annotated[Array, "windows", "1"]
    subject: Annotated[Array, "windows", "1"]
    joints: Annotated[Array, "windows bins joints 3", "m"]
    maps: Annotated[Array, "windows bins channels rows columns", "1"]
    joint_set: str = ""
    map_kinds: tuple[str, ...] = ()
    map_step: float = 0.0

    def __post_init__(self) -> None:
        check_shapes(self)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def bins(self) -> int:
        """Time bins of each window."""
        return bins_of(self.duration)

    @property
    def index(self) -> Array:
        """The window [points] of each point."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @cached_property
    def evenly(self) -> Array:
        """Probability [windows] of drawing each so that all activities that occur are equally likely."""
        present, index, size = np.unique(self.activity.astype(str), return_inverse=True, return_counts=True)
        return np.asarray((1 / size / len(present))[index])

    def take(self, rows: Sequence[int] | Array) -> "Windows":
        """The windows `rows` (indices, or a mask), in that order."""
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        offsets, points = lay_end_to_end(self.offsets[rows], np.diff(self.offsets)[rows])
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


def bins_of(duration: float) -> int:
    """Time bins of a window of `duration` in s."""
    return max(1, round(duration * BINS_PER_SECOND))


def cut(
    dataset: Clips,
    settings: WindowSettings,
    clips: Sequence[int] | Array | None = None,
    poses: bool = False,
    progress: Progress = lambda done, total: None,
) -> Windows:
    """Cut clips into windows that lie wholly inside them; shorter clips give none.

    Args:
        dataset: one file or several.
        settings: how to cut, and which points count.
        clips: indices of the clips to cut; default: all.
        poses: keep the joints.
        progress: called with (windows whose heatmaps are read, all of them); not at all without heatmaps.

    Raises:
        ValueError: no clip is as long as a window, what is to be kept is not there, or no velocity was recorded, by
            which points are selected.
    """
    flat = dataset.points()
    table = windows(dataset, settings.duration, settings.step, flat)
    if clips is not None:
        table = table.take(np.isin(table.clip, np.asarray(clips)))
    if len(table) == 0:
        raise ValueError(f"windows: expected clips of at least {settings.duration} s, got none that long")
    none = np.zeros((len(table), bins_of(settings.duration), 0, 3), np.float32)
    joints = _poses(dataset, flat.frame_time, table, settings) if poses else none
    maps = window_maps(dataset, flat, table, settings, progress)
    flat, labels = _counting(flat, settings), dataset.labels
    start, clip, first = flat.frame_time[table.start], table.clip, flat.point_offsets[table.start]
    counts = flat.point_offsets[table.stop] - first
    offsets, points = lay_end_to_end(first, counts)
    time = flat.frame_time[flat.frame[points]] - np.repeat(start, counts) + np.repeat(table.lead, counts)
    found = Windows(
        time=time.astype(np.float32),
        position=flat.values[points, :3],
        velocity=np.nan_to_num(flat.values[points, 3]),
        intensity=flat.values[points, 4],
        offsets=offsets,
        frames=table.stop - table.start,
        start=table.time,
        begin=start - flat.frame_time[flat.clip_offsets[clip]] - table.lead,
        duration=settings.duration,
        activity=labels.activity[clip].astype(object),
        clip=clip_names(dataset)[clip],
        session=labels.session[clip].astype(object),
        subject=labels.subject[clip].astype(object),
        joints=joints,
        maps=maps,
        joint_set=dataset.joint_set if poses else "",
        map_kinds=settings.maps,
        map_step=(settings.max_range - settings.min_range) / ROWS,
    )
    return level(found) if settings.heights == "relative" else found


def clip_names(dataset: Clips) -> Array:
    """A unique name of each clip [clips]: its id, after the number of its file where ids repeat."""
    ids = dataset.labels.id
    if len(np.unique(ids)) < len(ids):
        ids = np.char.add(np.char.add(dataset.part.astype(str), "/"), ids)
    return ids.astype(object)


def bin_edges(lead: float, settings: WindowSettings) -> Array:
    """Edges [bins + 1] of a window's time bins, in s from its first frame, which comes `lead` s into it."""
    return np.linspace(0, settings.duration, bins_of(settings.duration) + 1) - lead


def _poses(dataset: Clips, time: Array, table: WindowTable, settings: WindowSettings) -> Array:
    """The joints of the frame nearest to the middle of each bin; NaN where that is further than a bin away."""
    known = dataset.joints()
    if known is None:
        raise ValueError("windows: expected a data set with joints, got none")
    found = np.full((len(table), bins_of(settings.duration), *known.shape[1:]), np.nan, np.float32)
    for row, (a, b, lead) in enumerate(zip(table.start, table.stop, table.lead, strict=True)):
        own = time[a:b] - time[a]
        edges = bin_edges(lead, settings)
        distance = np.abs(own[None] - 0.5 * (edges[:-1] + edges[1:])[:, None])
        near = distance.argmin(1)
        found[row] = known[a + near]
        found[row, distance[np.arange(len(near)), near] > 1 / BINS_PER_SECOND] = np.nan
    return found


def window_maps(
    dataset: Clips, flat: FlatPoints, table: WindowTable, settings: WindowSettings, progress: Progress
) -> Array:
    """Heatmaps [windows, bins, channels, ROWS, COLUMNS] (float16) of windows, one a frame of the points; see `cut`.

    Raises:
        ValueError: a clip has not one heatmap a frame, or none of a kind that is asked for.
    """
    bins, offsets = bins_of(settings.duration), flat.clip_offsets
    found = np.zeros((len(table), bins, len(settings.maps), ROWS, COLUMNS), np.float16)
    for clip in np.unique(table.clip) if settings.maps else ():
        progress(int((table.clip < clip).sum()), len(table))
        levels = clip_maps(dataset, int(clip), settings.maps, (settings.min_range, settings.max_range))
        if len(levels) != (frames := offsets[clip + 1] - offsets[clip]):
            raise ValueError(f"clip {dataset.labels.id[clip]}: expected heatmaps of {frames} frames, got {len(levels)}")
        for row in np.flatnonzero(table.clip == clip):
            a, b = table.start[row], table.stop[row]
            time = flat.frame_time[a:b] - flat.frame_time[a]
            own = slice(a - offsets[clip], b - offsets[clip])
            found[row] = bin_means(levels[own], time, bin_edges(table.lead[row], settings))
    return found


def level(windows: Windows) -> Windows:
    """The windows with heights relative to the median of each."""
    position = windows.position.copy()
    position[:, 2] = less_medians(position[:, 2], windows)
    return replace(windows, position=position)


def less_medians(values: Array, windows: Windows) -> Array:
    """Values [points] less the median over their window."""
    return np.asarray(values - medians(values, windows.offsets)[windows.index])


def medians(values: Array, offsets: Array) -> Array:
    """Median of each run `offsets[k]:offsets[k + 1]` of values [n]; NaN where a run is empty."""
    counts = np.diff(offsets)
    runs = np.repeat(np.arange(len(counts)), counts)
    rising = values[np.lexsort((values, runs))]
    found = np.full(len(counts), np.nan, values.dtype)
    some = counts > 0
    low, high = ((offsets[:-1] + shift // 2)[some] for shift in (counts - 1, counts))
    found[some] = 0.5 * (rising[low] + rising[high])
    return found


def concatenate(parts: Sequence[Windows]) -> Windows:
    """All windows of `parts`, in order."""
    joined: dict[str, Any] = {n: np.concatenate([getattr(p, n) for p in parts]) for n in (*_POINTS, *_TABLE)}
    counts = np.concatenate([np.diff(p.offsets) for p in parts])
    return replace(parts[0], offsets=np.concatenate([[0], np.cumsum(counts)]), **joined)


def _counting(flat: FlatPoints, settings: WindowSettings) -> FlatPoints:
    """The points that the settings ask for, by velocity and range."""
    if settings.points != "all" and len(flat.values) and np.isnan(flat.values[:, 3]).all():
        raise ValueError(
            f"window.points: expected points with a velocity for '{settings.points}', got none; ask for 'all'"
        )
    flat = select_points(flat, settings.points)
    distance = np.linalg.norm(flat.values[:, :3], axis=1)
    return keep_points(flat, (distance >= settings.min_range) & (distance <= settings.max_range))
