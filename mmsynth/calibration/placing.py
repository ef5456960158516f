"""Where people stood, from where they are seen to move."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mmsynth.calibration.quantities import Floats, places
from mmsynth.datasets import Dataset
from mmsynth.generation.clip import stage
from mmsynth.generation.play import draw_play
from mmsynth.generation.recipe import Placement, Quantiles, Recipe

# Quantiles of a range that is read off recordings; beyond the first and the last, somebody else may have passed by.
_SHARES = np.linspace(0.05, 0.95, 9)
# Windows with somebody in them that places are read off: one a quantile.
FEWEST = len(_SHARES)
# In m: nearer nobody moves freely.
_NEAREST = 0.3


def stood(joints: NDArray[np.float32], world_from_radar: Tensor) -> Floats:
    """Where a person is on average: distance over the floor in m, bearing in rad.

    Args:
        joints: [frames, joints, 3] in m in the radar frame.
        world_from_radar: pose of the radar.
    """
    up, centre = world_from_radar[2, :3].numpy(), joints.mean((0, 1), dtype=np.float64)
    over_floor = np.sqrt(max(float(centre @ centre) - float(up @ centre) ** 2, 1e-6))
    return np.array([over_floor, np.arcsin(np.clip(centre[0] / over_floor, -1, 1))])


def offset_of(made: Dataset, recipe: Recipe) -> Floats:
    """By how much moving points lie farther and aside of where people stand: in m and rad, medians over clips.

    NaN where nobody is seen to move.

    Args:
        made: simulated clips, a window each.
        recipe: of them.
    """
    body = stage(recipe).body
    poses = [draw_play(recipe, body, index).world_from_radar for index in range(recipe.clips)]
    joints, bounds = made.joints(), made.frame_times()[1]
    assert joints is not None
    each = zip(np.split(joints, bounds[1:-1]), np.repeat(np.arange(recipe.clips), recipe.noise_draws), strict=True)
    seen = places(made.points(), recipe.seconds) - np.array([stood(own, poses[index]) for own, index in each])
    seen = seen[np.isfinite(seen[:, 0])]
    return np.median(seen, axis=0) if len(seen) else np.full(2, np.nan)


def placement_from(place: Placement, recorded: Floats, offset: Floats, farthest: float) -> Placement:
    """The placement that puts people where recordings show them, as quantiles of distance and bearing.

    How high the radar hangs stays: the echo comes from what is level with it, so that points move by a third of what
    the radar is moved by, which is less than what people's postures, which are not known, move them.

    Args:
        place: whose facing, height and tilt stay.
        recorded: as `places` gives them; with fewer than `FEWEST` the placement stays as it is.
        offset: of the points from the person, see `offset_of`; NaN likewise.
        farthest: that the radar measures, in m.
    """
    real = recorded[np.isfinite(recorded[:, 0])]
    if len(real) < FEWEST or not np.isfinite(offset).all():
        return place
    distance, bearing = (np.quantile(real, _SHARES, axis=0) - offset).T
    return replace(place, distance=_rounded(np.clip(distance, _NEAREST, farthest)), bearing=_rounded(bearing))


def written(place: Placement) -> dict[str, Any]:
    """Distance and bearing of a placement as a recipe's keys."""
    bearing = [round(math.degrees(b), 1) for b in place.bearing]
    return {"distance": list(place.distance), "bearing_deg": bearing}


def _rounded(values: Floats) -> Quantiles:
    return tuple(round(float(v), 3) for v in values)
