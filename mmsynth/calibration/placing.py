"""Where people stood, from where they are seen to move."""

from dataclasses import replace

import numpy as np

from mmsynth.calibration.quantities import Floats
from mmsynth.generation.clip import Traced
from mmsynth.generation.recipe import Placement, Quantiles

# Quantiles of a range that is read off recordings; beyond the first and the last, somebody else may have passed by.
_SHARES = np.linspace(0.05, 0.95, 9)
# Windows with somebody in them that places are read off: one a quantile.
FEWEST = len(_SHARES)
# In m: nearer nobody moves freely.
_NEAREST = 0.3


def stood(traced: Traced) -> Floats:
    """Where the labelled person of a clip is on average: distance over the floor in m, bearing in rad."""
    up = traced.take.play.world_from_radar[2, :3].numpy()
    centre = traced.joints.double().mean((0, 1)).numpy()
    over_floor = np.sqrt(max(float(centre @ centre) - float(up @ centre) ** 2, 1e-6))
    return np.array([over_floor, np.arcsin(np.clip(centre[0] / over_floor, -1, 1))])


def placement_from(place: Placement, recorded: Floats, simulated: Floats, truth: Floats, farthest: float) -> Placement:
    """The placement that puts people where recordings show them, as quantiles of distance and bearing.

    Simulated clips tell by how much moving points lie nearer or aside of where the person stands. How high the radar
    hangs stays: the echo comes from what is level with it, so that points move by a third of what the radar is moved
    by, which is less than what people's postures, which are not known, move them.

    Args:
        place: whose facing, height and tilt stay.
        recorded: as `places` gives them; with fewer than `FEWEST` the placement stays as it is.
        simulated: likewise, one window a clip.
        truth: where the person of each clip was, see `stood`.
        farthest: that the radar measures, in m.
    """
    real, seen = recorded[np.isfinite(recorded[:, 0])], np.isfinite(simulated[:, 0])
    if len(real) < FEWEST or not seen.any():
        return place
    nearer, aside = np.median(simulated[seen] - truth[seen], axis=0)
    distance = np.clip(np.quantile(real[:, 0], _SHARES) - nearer, _NEAREST, farthest)
    bearing = np.quantile(real[:, 1], _SHARES) - aside
    return replace(place, distance=_rounded(distance), bearing=_rounded(bearing))


def _rounded(values: Floats) -> Quantiles:
    return tuple(round(float(v), 3) for v in values)
