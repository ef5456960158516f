"""Heatmaps on one grid in metres, m/s and rad, whatever radar made them: what the heatmap network reads."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.datasets import Clips
from mmsynth.types import Heatmap

Array = NDArray[Any]

ROWS = 48  # of range
COLUMNS = 24  # of velocity or angle
# Half the width of the columns' axis: 2.6 m/s, 60 and 45 degrees.
HALF_WIDTH = {"range_doppler": 2.6, "range_azimuth": np.pi / 3, "range_elevation": np.pi / 4}
# Levels are in units of 20 dB over the median of the map, from the median up to 50 dB.
UNIT_DB, TOP = 20.0, 2.5


def grid(kind: str, ranges: tuple[float, float]) -> tuple[Array, Array]:
    """Centres [ROWS] of the grid's rows between two ranges in m, and [COLUMNS] of its columns, in the map's unit.

    Raises:
        ValueError: `kind` is no heatmap that has a grid.
    """
    if kind not in HALF_WIDTH:
        raise ValueError(f"window.maps: expected some of {', '.join(HALF_WIDTH)}, got '{kind}'")
    low, high = ranges
    half = HALF_WIDTH[kind]
    rows, columns = (np.arange(ROWS) + 0.5) / ROWS, (np.arange(COLUMNS) + 0.5) / COLUMNS
    return low + (high - low) * rows, half * (2 * columns - 1)


def regrid(source: Array, target: Array) -> Array:
    """Weights [target, source] that bring values at the increasing places `source` to those of `target`.

    Between coarse places they interpolate, over fine ones they average (a triangle of the wider of both steps); a
    target beyond the last place takes nothing.
    """
    width = max(float(np.median(np.diff(source))), float(target[1] - target[0]))
    weight = np.maximum(0, 1 - np.abs(target[:, None] - source[None]) / width)
    total = weight.sum(1, keepdims=True)
    inside = (target >= source[0] - 0.5 * width) & (target <= source[-1] + 0.5 * width)
    return np.where(inside[:, None] & (total > 0), weight / np.maximum(total, 1e-9), 0.0)


def to_grid(heatmap: Heatmap, ranges: tuple[float, float]) -> Array:
    """Levels [frames, ROWS, COLUMNS] (float16), 0 = the median of its frame or less, 1 = 20 dB more."""
    rows, columns = grid(heatmap.kind, ranges)
    power = heatmap.power.double().cpu().numpy()
    level = np.clip((power - np.median(power, axis=(1, 2), keepdims=True)) / UNIT_DB, 0, TOP)
    down = regrid(heatmap.rows.double().cpu().numpy(), rows)
    across = regrid(heatmap.columns.double().cpu().numpy(), columns)
    return np.asarray(down @ level @ across.T, np.float16)


def bin_means(values: Array, time: Array, edges: Array) -> Array:
    """Mean of the frames [frames, ...] in each time bin; a bin without any takes the frame that is nearest."""
    inside = np.digitize(time, edges) - 1
    found = []
    for k in range(len(edges) - 1):
        own = np.flatnonzero(inside == k)
        if len(own) == 0:
            own = np.array([np.abs(time - 0.5 * (edges[k] + edges[k + 1])).argmin()])
        found.append(values[own].mean(0))
    return np.stack(found)


def clip_maps(dataset: Clips, clip: int, kinds: tuple[str, ...], ranges: tuple[float, float]) -> Array:
    """Levels [frames, channels, ROWS, COLUMNS] of one clip.

    Raises:
        ValueError: it lacks one of the kinds.
    """
    have = {m.kind: m for m in dataset[clip].heatmaps}
    missing = [kind for kind in kinds if kind not in have]
    if missing:
        held = ", ".join(have) or "none (outputs.heatmaps in a recipe, import --heatmaps make them)"
        raise ValueError(f"clip {dataset.labels.id[clip]}: expected heatmaps {', '.join(missing)}, got {held}")
    return np.stack([to_grid(have[kind], ranges) for kind in kinds], 1)
