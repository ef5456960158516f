"""What of a recording's points can be compared without labels: how many, how fast, where."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmsynth import metrics
from mmsynth.datasets import FlatPoints
from mmsynth.datasets.windows import STATIC_SPEED
from mmsynth.training.windows import medians

Floats = NDArray[np.float64]


# In m: nearer lies antenna coupling, farther nobody of interest.
NEAR, FAR = 0.35, 6.0


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
    Quantity("range (m)", 0.0, 6.0, 60),
    Quantity("range, less the window's median (m)", -1.0, 1.0, 50),
    Quantity("azimuth (rad)", -1.2, 1.2, 48),
    Quantity("lateral, less the window's median (m)", -1.0, 1.0, 50),
    Quantity("height (m)", -1.5, 1.5, 60),
    Quantity("SNR (dB)", 0.0, 60.0, 60),
    Quantity("share of points at rest", 0.0, 1.0, 25),
)


def measure(points: FlatPoints, seconds: float, at_rest: bool = False) -> dict[str, Floats]:
    """The sample of each of `QUANTITIES` that was recorded, from moving points within `NEAR` and `FAR`.

    Clips are cut into windows of `seconds`, so that what is counted or centred by window does not depend on how long a
    recording is.

    Args:
        points: of recordings or simulated clips.
        seconds: of a window; a shorter clip is one window.
        at_rest: compare the share of points at rest too: it is the room's, and says nothing of a scene without one.
    """
    distance = np.linalg.norm(points.values[:, :3], axis=1)
    inside = (distance >= NEAR) & (distance <= FAR)
    window, frames = _windows(points, seconds)
    window = window[points.frame]
    moving = np.abs(points.values[:, 3]) > STATIC_SPEED
    counts = [np.bincount(window[inside & kind], minlength=len(frames)) for kind in (moving, ~moving)]
    keep = inside & moving
    values, distance, window = points.values[keep].astype(np.float64), distance[keep], window[keep]
    columns = (
        counts[0] / frames,
        np.abs(values[:, 3]),
        distance,
        distance - _medians(distance, window),
        np.arctan2(values[:, 0], values[:, 1]),
        values[:, 0] - _medians(values[:, 0], window),
        values[:, 2],
        values[np.isfinite(values[:, 5]), 5],
        counts[1] / np.maximum(counts[0] + counts[1], 1) if at_rest else np.zeros(0),
    )
    return {q.name: np.asarray(c, np.float64) for q, c in zip(QUANTITIES, columns, strict=True)}


def distances(recorded: dict[str, Floats], simulated: dict[str, Floats]) -> dict[str, float]:
    """Distance of each quantity that was recorded, each as a share of its axis."""
    return {q.name: q.distance(recorded[q.name], simulated[q.name]) for q in QUANTITIES if len(recorded[q.name])}


def _windows(points: FlatPoints, seconds: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The window of each frame, and how many frames each has; what is left of a clip at its end goes to its last."""
    found, count = [], 0
    for a, b in zip(points.clip_offsets[:-1], points.clip_offsets[1:], strict=True):
        time = points.frame_time[a:b] - points.frame_time[a]
        period = float(np.median(np.diff(time))) if b - a > 1 else seconds
        whole = max(1, int((time[-1] + period) / seconds + 1e-3))
        found.append(count + np.minimum(((time + 0.5 * period) / seconds).astype(int), whole - 1))
        count += whole
    window = np.concatenate(found)
    return window, np.bincount(window, minlength=count)


def _medians(values: Floats, window: NDArray[np.int64]) -> Floats:
    """The median of the values of each entry's window."""
    order = np.argsort(window, kind="stable")
    _, index, counts = np.unique(window, return_inverse=True, return_counts=True)
    return medians(values[order], np.concatenate([[0], np.cumsum(counts)]))[index]
