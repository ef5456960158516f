"""What of a recording's points can be compared without labels: how many, how fast, where."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmsynth import metrics
from mmsynth.datasets import FlatPoints, select_points

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quantity:
    """One distribution: its name with unit, and its bins."""

    name: str
    low: float
    high: float
    bins: int

    def distance(self, first: Floats, second: Floats) -> float:
        """Earth mover's distance of two samples, as a share of the whole axis; 1 where only one has values."""
        if len(first) == 0 or len(second) == 0:
            return float(len(first) != len(second))
        edges = np.linspace(self.low, self.high, self.bins + 1)
        counts = [np.histogram(np.clip(v, self.low, self.high), edges)[0] for v in (first, second)]
        return metrics.earth_mover(counts[0], counts[1]) / self.bins


QUANTITIES = (
    Quantity("moving points a frame", 0.0, 12.0, 48),
    Quantity("speed (m/s)", 0.0, 5.0, 50),
    Quantity("range, less the clip's median (m)", -1.0, 1.0, 50),
    Quantity("range (m)", 0.0, 6.0, 60),
    Quantity("lateral, less the clip's median (m)", -1.0, 1.0, 50),
    Quantity("height (m)", -1.5, 1.5, 60),
)


def measure(points: FlatPoints, near: float = 0.35, far: float = 6.0) -> dict[str, Floats]:
    """The sample of each of `QUANTITIES`: moving points between `near` and `far` in m.

    Points a frame are means over clips, since a recipe's clips are shorter than what is recorded.
    """
    moving = select_points(points, "moving")
    distance = np.linalg.norm(moving.values[:, :3], axis=1)
    keep = (distance >= near) & (distance <= far)
    values, distance = moving.values[keep].astype(np.float64), distance[keep]
    clip = np.searchsorted(moving.clip_offsets, moving.frame[keep], side="right") - 1
    frames = np.diff(moving.clip_offsets)
    counts = np.bincount(clip, minlength=len(frames)) / np.maximum(frames, 1)
    columns = (
        counts,
        np.abs(values[:, 3]),
        distance - _medians(distance, clip),
        distance,
        values[:, 0] - _medians(values[:, 0], clip),
        values[:, 2],
    )
    return {q.name: np.asarray(c) for q, c in zip(QUANTITIES, columns, strict=True)}


def distances(recorded: dict[str, Floats], simulated: dict[str, Floats]) -> dict[str, float]:
    """Distance of each quantity, each as a share of its axis."""
    return {q.name: q.distance(recorded[q.name], simulated[q.name]) for q in QUANTITIES}


def _medians(values: Floats, clip: NDArray[np.int64]) -> Floats:
    """The median of the values of each entry's clip."""
    out = np.zeros(len(values))
    order = np.argsort(clip, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(clip[order])) + 1):
        if len(rows):
            out[rows] = np.median(values[rows])
    return out
