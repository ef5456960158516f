"""What of a recording's points can be compared without labels: how many, how fast, where."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmsynth import metrics
from mmsynth.datasets import FlatPoints, periods
from mmsynth.datasets.windows import STATIC_SPEED
from mmsynth.training.windows import medians

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# In m: nearer lies antenna coupling, farther nobody of interest.
NEAR, FAR = 0.35, 6.0
# What rests reaches into the Doppler bin beside zero (the window's main lobe), and a slow point there is at least as
# strong; fast ones pass the noise alone. So it rises over them with what rests at its range, whatever is in motion.
SLOW = "slow points over the weakest fast ones (dB)"
# Of fast points, this share is weaker than "the weakest".
_WEAKEST = 0.1
# In s: a longer recording counts as several when clips are drawn again, for people do something else by then.
STRETCH = 20.0


@dataclass(frozen=True, eq=False)
class Values:
    """Values of one quantity [n], the clip of each [n], and how many clips there are, with values or without.

    Clips are what is drawn again (`errors`): a recording, or each stretch of a long one.
    """

    values: Floats
    clip: Ints
    clips: int

    def __len__(self) -> int:
        return len(self.values)


Measured = Mapping[str, Values]


@dataclass(frozen=True)
class Quantity:
    """One distribution: its name with unit, and its bins."""

    name: str
    low: float
    high: float
    bins: int

    def counts(self, found: Values) -> Floats:
        """Histogram of each clip [clips, bins]; what lies beyond the axis counts in its last bin."""
        at = (np.clip(found.values, self.low, self.high) - self.low) / (self.high - self.low) * self.bins
        entry = found.clip * self.bins + np.minimum(at.astype(np.int64), self.bins - 1)
        return np.bincount(entry, minlength=found.clips * self.bins).reshape(found.clips, self.bins).astype(np.float64)

    def distance(self, first: Values, second: Values) -> float:
        """Earth mover's distance of two samples, as a share of the whole axis; 1 where only one has values."""
        if len(first) == 0 or len(second) == 0:
            return float(len(first) != len(second))
        return metrics.earth_mover(self.counts(first).sum(0), self.counts(second).sum(0)) / self.bins


QUANTITIES = (
    Quantity("moving points a frame", 0.0, 12.0, 48),
    Quantity("speed (m/s)", 0.0, 5.0, 50),
    Quantity("range (m)", 0.0, 6.0, 60),
    Quantity("range, less the window's median (m)", -1.0, 1.0, 50),
    Quantity("azimuth (rad)", -1.2, 1.2, 48),
    Quantity("lateral, less the window's median (m)", -1.0, 1.0, 50),
    Quantity("height (m)", -1.5, 1.5, 60),
    Quantity("SNR (dB)", 0.0, 60.0, 60),
    Quantity(SLOW, -10.0, 30.0, 60),
    Quantity("share of points at rest", 0.0, 1.0, 25),
)


@dataclass(frozen=True)
class Still:
    """What of the things at rest about people is compared.

    Attributes:
        share: the share of points at rest. It is the room's, and says nothing of a scene without one.
        step: of velocity that the radar tells apart, in m/s, where `SLOW` is compared; else 0.
    """

    share: bool = False
    step: float = 0.0


def measure(points: FlatPoints, seconds: float, still: Still = Still(), unit: str = "dB") -> Measured:
    """The sample of each of `QUANTITIES` that was recorded, from moving points within `NEAR` and `FAR`.

    Clips are cut into windows of `seconds`, so that what is counted or centred by window does not depend on how long a
    recording is.

    Args:
        points: of recordings or simulated clips.
        seconds: of a window; a shorter clip is one window.
        still: compare what rests too.
        unit: of intensity.
    """
    table = _windows(points, seconds)
    _, frames, clip = table
    owner, clips = stretches(clip, seconds)
    values, distance, window, counts = _moving(points, table)
    snr = np.isfinite(values[:, 5])
    by_point, by_window = owner[window], np.arange(len(frames) if still.share else 0)
    over, slow = _slow(values, still.step, unit)
    columns = (
        (counts[0] / frames, owner),
        (np.abs(values[:, 3]), by_point),
        (distance, by_point),
        (distance - _medians(distance, window), by_point),
        (np.arctan2(values[:, 0], values[:, 1]), by_point),
        (values[:, 0] - _medians(values[:, 0], window), by_point),
        (values[:, 2], by_point),
        (values[snr, 5], by_point[snr]),
        (over, by_point[slow]),
        ((counts[1] / np.maximum(counts[0] + counts[1], 1))[by_window], owner[by_window]),
    )
    return {q.name: Values(np.asarray(v, np.float64), c, clips) for q, (v, c) in zip(QUANTITIES, columns, strict=True)}


def places(points: FlatPoints, seconds: float, fewest: int = 5) -> Floats:
    """Where somebody moved in each window [windows, 2]: medians of range in m and azimuth in rad.

    Every window counts once, however many points a person near by or an agile one gives; one with less than `fewest`
    moving points is NaN.
    """
    values, distance, window, counts = _moving(points, _windows(points, seconds))
    columns = (distance, np.arctan2(values[:, 0], values[:, 1]))
    found = np.full((len(counts[0]), len(columns)), np.nan)
    for k, column in enumerate(columns):
        found[window, k] = _medians(column, window)
    found[counts[0] < fewest] = np.nan
    return found


def distances(recorded: Measured, simulated: Measured) -> dict[str, float]:
    """Distance of each quantity that was recorded, each as a share of its axis."""
    return {q.name: q.distance(recorded[q.name], simulated[q.name]) for q in recorded_quantities(recorded)}


def recorded_quantities(recorded: Measured) -> tuple[Quantity, ...]:
    """Those that the recordings have values of."""
    return tuple(q for q in QUANTITIES if len(recorded.get(q.name, ())))


def _moving(points: FlatPoints, table: tuple[Ints, Ints, Ints]) -> tuple[Floats, Floats, Ints, list[Ints]]:
    """Moving points within the limits: columns, distance and window of each; moving and resting points a window.

    The windows are a table of `_windows`.
    """
    distance = np.linalg.norm(points.values[:, :3], axis=1)
    inside = (distance >= NEAR) & (distance <= FAR)
    window, frames, _ = table
    window = window[points.frame]
    moving = np.abs(points.values[:, 3]) > STATIC_SPEED
    counts = [np.bincount(window[inside & kind], minlength=len(frames)) for kind in (moving, ~moving)]
    keep = inside & moving
    return points.values[keep].astype(np.float64), distance[keep].astype(np.float64), window[keep], counts


def _slow(values: Floats, step: float, unit: str) -> tuple[Floats, NDArray[np.bool_]]:
    """Slow ones of moving points: level of each over the weakest fast ones in dB, and which they are; see `SLOW`."""
    bins, level = np.abs(values[:, 3]) / (step or np.inf), levels(values, unit)
    known = np.isfinite(level)
    fast, slow = known & (bins > 1.5), known & (bins > 0.5) & (bins <= 1.5)
    slow = slow & fast.any()
    return level[slow] - (np.quantile(level[fast], _WEAKEST) if fast.any() else 0.0), slow


def levels(values: Floats, unit: str) -> Floats:
    """Power of each point in dB to some reference; NaN where it is not known: intensity in dB is over the noise alone.

    Args:
        values: of points, columns as in `FlatPoints`.
        unit: of intensity.
    """
    intensity, known = values[:, 4], values[:, 5] + values[:, 6]
    counts = intensity if unit == "ADC counts" else np.full_like(intensity, np.nan)
    if unit == "10 log10(ADC counts + 1)":
        counts = 10 ** (intensity / 10) - 1
    return np.where(np.isfinite(known), known, 20 * np.log10(np.maximum(counts, 1.0)))


def _windows(points: FlatPoints, seconds: float) -> tuple[Ints, Ints, Ints]:
    """The window of each frame, and frames and clip of each window; what is left of a clip goes to its last window."""
    found: list[Ints] = []
    owner: list[int] = []
    each = periods(points.frame_time, points.clip_offsets)
    for clip, (a, b) in enumerate(zip(points.clip_offsets[:-1], points.clip_offsets[1:], strict=True)):
        time = points.frame_time[a:b] - points.frame_time[a]
        period = each[clip] if b - a > 1 else seconds
        whole = max(1, int((time[-1] + period) / seconds + 1e-3))
        found.append(len(owner) + np.minimum(((time + 0.5 * period) / seconds).astype(int), whole - 1))
        owner += [clip] * whole
    window = np.concatenate(found)
    return window, np.bincount(window, minlength=len(owner)), np.array(owner)


def stretches(clip: Ints, seconds: float) -> tuple[Ints, int]:
    """Stretch of each window, of as near to `STRETCH` as divides its clip [windows] evenly, and how many there are."""
    windows = np.bincount(clip)
    parts = np.clip(np.rint(windows * seconds / STRETCH).astype(np.int64), 1, windows)
    place = np.arange(len(clip)) - np.repeat(np.cumsum(windows) - windows, windows)
    within = place * parts[clip] // windows[clip]
    return (np.cumsum(parts) - parts)[clip] + within, int(parts.sum())


def _medians(values: Floats, window: Ints) -> Floats:
    """The median of the values of each entry's window."""
    order = np.argsort(window, kind="stable")
    _, index, counts = np.unique(window, return_inverse=True, return_counts=True)
    return medians(values[order], np.concatenate([[0], np.cumsum(counts)]))[index]
