"""Physics features of point-cloud windows: how fast, where, how high, in which rhythm.

Ranges and lateral positions are taken relative to the window's own median, so that the spot where a person stood
(which a model would learn instead of the motion) is not in them; lateral positions are folded at the median, so that a
mirrored person has the same features, but for the mean and skewness of those. Heights are kept as they are: they tell
arms from legs.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.training.windows import Windows, less_medians

Array = NDArray[Any]

# Half-open velocity bins in m/s, wide enough that a Doppler step of 0.6 m/s leaves none empty by construction.
_SPEEDS = np.array([-2.8, -2.15, -1.54, -0.92, -0.05, 0.05, 0.92, 1.54, 2.15, 2.8])
_RANGES = np.array([-0.6, -0.35, -0.15, -0.05, 0.05, 0.15, 0.35, 0.6])
_LATERALS = np.array([0.05, 0.15, 0.3, 0.5, 0.8])
_HEIGHTS = np.array([-0.9, -0.6, -0.3, 0.0, 0.3, 0.6, 0.9])
_BANDS = np.array([0.0, 0.4, 0.8, 1.2, 1.6, 2.0, 2.5, 3.0, 4.0, 6.0])
_BINS_PER_SECOND = 15


def features(windows: Windows) -> Array:
    """Feature matrix [windows, features] (float32), finite also for windows without points."""
    matrix = np.stack(list(named_features(windows).values()), axis=1)
    return np.asarray(np.nan_to_num(matrix, nan=0.0, posinf=0.0, neginf=0.0), np.float32)


def named_features(windows: Windows) -> dict[str, Array]:
    """The columns [windows] of `features` by name, in order; what a window without points has none of is not finite."""
    return dict(_columns(windows))


def count_features(windows: Windows) -> Array:
    """The control [windows, 4]: how many points, and in how many frames, but not where or how fast."""
    return np.stack([column for _, column in _counts(windows)], axis=1).astype(np.float32)


Columns = list[tuple[str, Array]]


def _columns(w: Windows) -> Columns:
    depth, lateral = relative_to_median(w)
    height, speed = w.position[:, 2], w.velocity
    columns = _counts(w)
    columns += _histogram(w, "v", speed, _SPEEDS)
    columns += _histogram(w, "range", depth, _RANGES)
    columns += _histogram(w, "lateral", np.abs(lateral), _LATERALS)
    columns += _histogram(w, "height", height, _HEIGHTS)
    columns += _joint(w, depth, height)
    for name, value in (("v", speed), ("speed", np.abs(speed)), ("range", depth), ("lateral", lateral), ("z", height)):
        columns += _moments(w, name, value)
    columns += _contrasts(w, depth, lateral)
    columns += _rhythm(w)
    return columns


def relative_to_median(w: Windows) -> tuple[Array, Array]:
    """Range and lateral position [points] in m, less their medians over each window."""
    depth, lateral = np.linalg.norm(w.position[:, :2], axis=1), w.position[:, 0]
    return less_medians(depth, w), less_medians(lateral, w)


def _sum(w: Windows, value: Array) -> Array:
    return np.bincount(w.index, value, minlength=len(w))


def _mean(w: Windows, value: Array, weight: Array | None = None) -> Array:
    weight = np.ones(len(value)) if weight is None else weight.astype(float)
    total = _sum(w, weight)
    return np.where(total > 0, _sum(w, value * weight) / np.maximum(total, 1e-9), 0.0)


def _counts(w: Windows) -> Columns:
    per_frame = _sum(w, np.ones(len(w.time))) / w.frames
    grid = _grid(w, np.ones(len(w.time)))
    busy = (grid > 0).mean(1)
    return [
        ("points", np.log1p(per_frame)),
        ("busy", busy),
        ("burst", np.log1p(grid.max(1))),
        ("crowding", per_frame / np.maximum(busy, 1e-3)),
    ]


def _histogram(w: Windows, name: str, value: Array, edges: Array) -> Columns:
    return _shares(w, name, np.digitize(value, edges), len(edges) + 1)


def _shares(w: Windows, name: str, cell: Array, cells: int) -> Columns:
    """The share of each window's points in each of so many cells, from that of each point [points]."""
    counts = _table(w, cell, cells)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return [(f"{name}_{i}", share[:, i]) for i in range(cells)]


def _table(w: Windows, cell: Array, cells: int, value: Array | None = None) -> Array:
    """Points, or sums of their `value` [points], in each cell of each window [windows, cells]."""
    return np.bincount(w.index * cells + cell, value, minlength=len(w) * cells).reshape(len(w), cells)


def _joint(w: Windows, depth: Array, height: Array) -> Columns:
    """Sign of velocity x near or far x low, middle or high."""
    cell = (w.velocity > 0) * 6 + (depth > 0) * 3 + np.digitize(height, [-0.3, 0.2])
    return _shares(w, "sign_range_height", cell, 12)


def _moments(w: Windows, name: str, value: Array) -> Columns:
    mean = _mean(w, value)
    centred = value - mean[w.index]
    spread = np.sqrt(_mean(w, centred**2))
    skew = _mean(w, centred**3) / np.maximum(spread, 1e-3) ** 3
    return [(f"{name}_mean", mean), (f"{name}_spread", spread), (f"{name}_skew", skew)]


def _contrasts(w: Windows, depth: Array, lateral: Array) -> Columns:
    """Where approaching and receding, slow and fast points lie, against each other; and how the whole moves."""
    v, z, away = w.velocity, w.position[:, 2], w.velocity > 0
    fast = np.abs(v) > 0.92
    columns = [("receding", _mean(w, away)), ("fast", _mean(w, fast))]
    for name, value in (("range", depth), ("z", z), ("lateral", np.abs(lateral)), ("speed", np.abs(v))):
        columns.append((f"{name}_away_less_toward", _mean(w, value, away) - _mean(w, value, ~away)))
        columns.append((f"{name}_fast_less_slow", _mean(w, value, fast) - _mean(w, value, ~fast)))
    for a, b, name in ((v, depth, "v_range"), (v, z, "v_z"), (depth, z, "range_z"), (np.abs(v), z, "speed_z")):
        columns.append((f"corr_{name}", _correlation(w, a, b)))
    time = w.time - 0.5 * w.duration
    columns.append(("range_trend", np.abs(_correlation(w, time, depth))))
    columns.append(("drift", np.abs(_sum(w, v) / w.frames)))
    return columns


def _correlation(w: Windows, a: Array, b: Array) -> Array:
    a, b = a - _mean(w, a)[w.index], b - _mean(w, b)[w.index]
    scale = np.sqrt(_mean(w, a**2) * _mean(w, b**2))
    return np.where(scale > 1e-6, _mean(w, a * b) / np.maximum(scale, 1e-6), 0.0)


def _grid(w: Windows, value: Array) -> Array:
    """Sums of `value` over time bins [windows, bins]."""
    bins = max(2, round(w.duration * _BINS_PER_SECOND))
    column = np.clip((w.time / w.duration * bins).astype(int), 0, bins - 1)
    return _table(w, column, bins, value)


def _rhythm(w: Windows) -> Columns:
    """Share of spectral power by frequency band, and the strongest repetition, of four series over time."""
    v, z = w.velocity, w.position[:, 2]
    columns: Columns = []
    for name, value in (("v", v), ("speed", np.abs(v)), ("count", np.ones(len(v))), ("vz", v * np.maximum(z + 1, 0))):
        series = _grid(w, value)
        series = series - series.mean(1, keepdims=True)
        size = 4 * series.shape[1]
        power = np.abs(np.fft.rfft(series, size, axis=1)) ** 2
        frequency = np.fft.rfftfreq(size, 1 / _BINS_PER_SECOND)
        total = np.maximum(power.sum(1), 1e-9)
        band = np.digitize(frequency, _BANDS) - 1
        columns += [(f"{name}_band_{i}", power[:, band == i].sum(1) / total) for i in range(len(_BANDS))]
        repeat = np.fft.irfft(power, axis=1)[:, : series.shape[1]] / np.maximum(power.mean(1, keepdims=True), 1e-9)
        first = _BINS_PER_SECOND // 4
        columns.append((f"{name}_repeat", repeat[:, first:].max(1)))
        columns.append((f"{name}_repeat_lag", (first + repeat[:, first:].argmax(1)) / _BINS_PER_SECOND))
    return columns
