"""Noise floor and level of clutter between candidates, both at once."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mmsynth.calibration.errors import drawn_again
from mmsynth.calibration.quantities import Floats, Measured, recorded_quantities

# In dB: between candidates, levels are tried this far apart.
_STEP = 1.0


@dataclass(frozen=True)
class Level:
    """What fits best, and its standard error by the clips that were drawn, in dB; NaN with one recording or person."""

    best: float
    error: float


def between(recorded: Measured, made: Mapping[tuple[float, float], Measured], group: int) -> tuple[Level, Level]:
    """Noise floor and level of clutter whose histograms lie nearest, in the mean, to those of recordings.

    Each makes up for the other in part, along a valley that a search in one and then in the other does not follow.
    Histograms, not distances, are taken as even between candidates: a distance has an edge where it is least, and a
    histogram between two is what clips have of which some were recorded at the one and some at the other.

    Args:
        recorded: as `measure` gives it.
        made: likewise, of the same clips at every pair of some noise floors and some levels.
        group: so many simulated clips that follow one another are one person's.
    """
    floors, levels = (np.unique([pair[k] for pair in made]) for k in (0, 1))
    fine = [_between(values) for values in (floors, levels)]
    weights = [_hats(at, values).astype(np.float32) for at, values in zip(fine, (floors, levels), strict=True)]
    apart: Floats = np.zeros(())
    for quantity in recorded_quantities(recorded):
        real = np.cumsum(drawn_again(quantity, recorded, 1, 0), -1)
        own = np.array([[drawn_again(quantity, made[n, c], group, 1) for c in levels] for n in floors])
        own = np.einsum("fn,gc,ncdb->fgdb", *weights, np.cumsum(own, -1).astype(np.float32), optimize=True)
        points = own[..., -1:].copy()
        own /= np.maximum(points, 1e-6)
        own -= real / np.maximum(real[:, -1:], 1)
        each = np.abs(own, out=own).mean(-1)
        apart = apart + np.where(points[..., 0] == 0, 1.0, each)
    flat = apart.reshape(-1, apart.shape[-1])
    at = np.unravel_index(np.argmin(flat[:, np.isfinite(flat).all(0)], axis=0), apart.shape[:2])
    found = [values[index] for values, index in zip(fine, at, strict=True)]
    noise, clutter = (Level(float(f[0]), float(np.std(f[1:])) if len(f) > 1 else np.nan) for f in found)
    return noise, clutter


def _between(values: Floats) -> Floats:
    """From the least to the most of some values by `_STEP`."""
    low, high = values[0], values[-1]
    return np.linspace(low, high, 1 + round((high - low) / _STEP))


def _hats(at: Floats, values: Floats) -> Floats:
    """Weights [at, values] that read a function of some values off between them."""
    return np.stack([np.interp(at, values, one) for one in np.eye(len(values))], 1)
