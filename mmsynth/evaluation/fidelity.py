"""Simulated against recorded clouds, frame by frame: how near they lie, and how far they go together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mmsynth import metrics
from mmsynth.types import PointCloud

Array = NDArray[Any]
Courses = dict[str, Array]
SERIES = ("doppler", "range", "lateral", "elevation")
# In m: joints lie inside of the body, and a range bin is a few cm.
_MARGIN = 0.25


@dataclass(frozen=True, eq=False)
class Pair:
    """Recorded and simulated points of the same frames: x, y, z, v [points, 4] of each frame, in m and m/s.

    `surface` holds points x, y, z drawn uniformly over the body of the same frames, which know nothing of radar;
    `reach` the distances [frames, 2] in m of the nearest and the farthest joint from the radar.
    """

    name: str
    recorded: tuple[Array, ...]
    simulated: tuple[Array, ...]
    surface: tuple[Array, ...] = ()
    reach: Array | None = None


def at_the_body(pair: Pair) -> Pair:
    """The pair without points nearer or farther than the pose's joints by more than `_MARGIN`: echoes over walls."""
    assert pair.reach is not None

    def near(frames: tuple[Array, ...], reach: Array) -> Iterator[Array]:
        for frame, (low, high) in zip(frames, reach, strict=True):
            distance = np.linalg.norm(frame[:, :3], axis=1)
            yield frame[(distance > low - _MARGIN) & (distance < high + _MARGIN)]

    return replace(
        pair, recorded=tuple(near(pair.recorded, pair.reach)), simulated=tuple(near(pair.simulated, pair.reach))
    )


def split_frames(cloud: PointCloud) -> Iterator[Array]:
    """Points x, y, z, v [points, 4] of each frame."""
    table = torch.cat([cloud.position, cloud.velocity[:, None]], 1).numpy()
    for a, b in zip(cloud.offsets[:-1].tolist(), cloud.offsets[1:].tolist(), strict=True):
        yield table[a:b]


def series(frames: tuple[Array, ...]) -> Courses:
    """One number a frame: mean Doppler, median range, median lateral position, median height; NaN without points."""

    def each(pick: Any) -> Array:
        return np.array([pick(f) if len(f) else np.nan for f in frames])

    return {
        "doppler": each(lambda f: f[:, 3].mean()),
        "range": each(lambda f: np.median(np.linalg.norm(f[:, :3], axis=1))),
        "lateral": each(lambda f: np.median(f[:, 0])),
        "elevation": each(lambda f: np.median(f[:, 2])),
    }


# Lowest, highest and width of the bins of a histogram: m, m/s, degrees, degrees.
_BINS = {"range": (0.0, 4.5, 0.05), "doppler": (-6.0, 6.0, 0.1), "azimuth": (-90, 90, 2), "elevation": (-90, 90, 2)}
HISTOGRAMS = tuple(_BINS)


def histogram_distances(pairs: list[Pair]) -> dict[str, float]:
    """Earth mover's distance of the histograms of all points in range (m), Doppler (m/s), azimuth, elevation (degrees).

    Directions are of the points that have one (y > 0).
    """
    sides = []
    for frames in ([f for p in pairs for f in p.recorded], [f for p in pairs for f in p.simulated]):
        table = np.concatenate(frames).astype(np.float64)
        ahead = table[table[:, 1] > 0]
        distance = np.linalg.norm(ahead[:, :3], axis=1)
        found = {"range": distance, "doppler": table[:, 3]}
        found["azimuth"] = np.degrees(np.arctan2(ahead[:, 0], ahead[:, 1]))
        sides.append(found | {"elevation": np.degrees(np.arcsin(ahead[:, 2] / distance))})
    distances = {}
    for name, (low, high, width) in _BINS.items():
        edges = np.arange(low, high + width / 2, width)
        recorded, simulated = (np.histogram(side[name].clip(low, high), edges)[0] for side in sides)
        distances[name] = metrics.earth_mover(recorded, simulated, width)
    return distances


def pooled(draws: Sequence[Sequence[Pair]]) -> list[Pair]:
    """Several draws of the same clips as one, with all simulated points in each frame: speckle is averaged away.

    Uniform points of the mesh are put together likewise, so that both are as many.
    """

    def joined(clouds: Sequence[tuple[Array, ...]]) -> tuple[Array, ...]:
        return tuple(map(np.concatenate, zip(*clouds, strict=True)))

    return [
        replace(each[0], simulated=joined([p.simulated for p in each]), surface=joined([p.surface for p in each]))
        for each in zip(*draws, strict=True)
    ]


def correlations(pairs: Sequence[Pair]) -> dict[str, tuple[float, float]]:
    """Correlation over frames of each series: (all frames in one, mean over clips of that within the clip).

    Frames in which either side has no points do not count.
    """
    both = [(series(p.recorded), series(p.simulated)) for p in pairs]
    found = {}
    for name in SERIES:
        whole = metrics.correlation(*(np.concatenate([b[k][name] for b in both]) for k in (0, 1)))
        within = [metrics.correlation(a[name], b[name]) for a, b in both]
        found[name] = (whole, float(np.nanmean(within)))
    return found


def chamfer(first: Array, second: Array) -> float:
    """Mean of the mean distances in m from each point [n, 3] of one cloud to the nearest of the other, both ways."""
    there = cKDTree(second[:, :3]).query(first[:, :3])[0].mean()
    back = cKDTree(first[:, :3]).query(second[:, :3])[0].mean()
    return float(0.5 * (there + back))


def chamfer_contrast(pairs: list[Pair], draw: np.random.Generator) -> dict[str, float]:
    """Mean Chamfer distances in m of the recorded clouds.

    "matched": from the simulated cloud of the same frame; "shuffled": from that of another frame of the clip, in
    shuffled order; "surface": from uniform points of the mesh of the same frame, where pairs have them.
    """
    found: dict[str, list[float]] = {"matched": [], "shuffled": [], "surface": []}
    for pair in pairs:
        order = draw.permutation(len(pair.simulated))
        for k, frame in enumerate(pair.recorded):
            same, other = pair.simulated[k], pair.simulated[order[k]]
            if len(frame) and len(same) and len(other):
                found["matched"].append(chamfer(frame, same))
                found["shuffled"].append(chamfer(frame, other))
                if pair.surface:
                    found["surface"].append(chamfer(frame, pair.surface[k]))
    return {name: float(np.mean(values)) for name, values in found.items() if values}
