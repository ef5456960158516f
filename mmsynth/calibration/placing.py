"""Where people stood, from where they are seen to move; how high the radar hung, from where the floor begins."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import linregress
from torch import Tensor

from mmsynth.calibration.quantities import NEAR, Floats, places
from mmsynth.datasets import Dataset, FlatPoints
from mmsynth.datasets.windows import STATIC_SPEED
from mmsynth.generation.clip import stage
from mmsynth.generation.draws import Quantiles
from mmsynth.generation.play import draw_play
from mmsynth.generation.recipe import Placement, Recipe

# Quantiles of a range that is read off recordings; beyond the first and the last, somebody else may have passed by.
_SHARES = np.linspace(0.05, 0.95, 9)
# Windows with somebody in them that places are read off: one a quantile.
FEWEST = len(_SHARES)
# In m: nearer nobody moves freely.
_NEAREST = 0.3
# Half width, at least, of a height that is read off recordings, in m; a floor tells it where this correlation is seen.
_SPREAD, _TOLD = 0.1, 0.7


def stood(joints: NDArray[np.float32], world_from_radar: Tensor) -> Floats:
    """Where a person is on average: distance over the floor in m, bearing in rad.

    Args:
        joints: [frames, joints, 3] in m in the radar frame.
        world_from_radar: pose of the radar.
    """
    up, centre = world_from_radar[2, :3].numpy(), joints.mean((0, 1), dtype=np.float64)
    over_floor = np.sqrt(max(float(centre @ centre) - float(up @ centre) ** 2, 1e-6))
    return np.array([over_floor, np.arcsin(np.clip(centre[0] / over_floor, -1, 1))])


def radar_poses(recipe: Recipe) -> list[Tensor]:
    """Pose of the radar, `world_from_radar`, in each clip of a recipe."""
    body = stage(recipe).body
    return [draw_play(recipe, body, index).world_from_radar for index in range(recipe.clips)]


def offset_of(made: Dataset, recipe: Recipe, poses: list[Tensor]) -> Floats:
    """By how much moving points lie farther and aside of where people stand: in m and rad, medians over clips.

    NaN where nobody is seen to move.

    Args:
        made: simulated clips, a window each.
        recipe: of them.
        poses: of the radar, see `radar_poses`.
    """
    joints, bounds = made.joints(), made.frame_times()[1]
    assert joints is not None
    each = zip(np.split(joints, bounds[1:-1]), np.repeat(np.arange(recipe.clips), recipe.noise_draws), strict=True)
    seen = places(made.points(), recipe.seconds) - np.array([stood(own, poses[index]) for own, index in each])
    seen = seen[np.isfinite(seen[:, 0])]
    return np.median(seen, axis=0) if len(seen) else np.full(2, np.nan)


def placement_from(place: Placement, recorded: Floats, offset: Floats, farthest: float) -> Placement:
    """The placement that puts people where recordings show them, as quantiles of distance and bearing.

    How high the radar hangs does not show in where people move: the echo comes from what is level with it, so that
    points move by a third of what the radar is moved by, which is less than what people's postures, which are not
    known, move them. See `height_from`.

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


def floor_begins(points: FlatPoints, farthest: float) -> Floats:
    """The range [clips] in m at which points at rest begin: a tenth of those up to `farthest` are nearer.

    The floor is never nearer than the radar hangs high. NaN with fewer than ten such points.
    """
    distance = np.linalg.norm(points.values[:, :3], axis=1).astype(np.float64)
    rest = (np.abs(points.values[:, 3]) <= STATIC_SPEED) & (distance >= NEAR) & (distance <= farthest)
    bounds = points.point_offsets[points.clip_offsets]
    each = [distance[a:b][rest[a:b]] for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
    return np.array([np.quantile(own, 0.1) if len(own) > 9 else np.nan for own in each])


def height_from(place: Placement, recorded: Floats, made: Floats, heights: Floats) -> Placement:
    """The placement with the radar as high as the floor's echo says, within the placement's own range.

    Args:
        place: that simulated clips have drawn from; it stays where they, or recordings, do not show a floor.
        recorded: as `floor_begins` gives it, of recordings by a radar that hung in one place.
        made: likewise, of simulated clips.
        heights: of the radar in each of these, in m.
    """
    seen = np.isfinite(made)
    if seen.sum() < FEWEST or np.ptp(made[seen]) == 0 or not np.isfinite(recorded).any():
        return place
    line = linregress(made[seen], heights[seen])
    if not line.rvalue > _TOLD:
        return place
    (low, *_), high = place.radar_height, place.radar_height[-1]
    best = np.clip(line.intercept + line.slope * np.nanmedian(recorded), low, high)
    left = heights[seen] - line.intercept - line.slope * made[seen]
    spread = max(_SPREAD, 2 * float(np.std(left)) / math.sqrt(len(left)))
    return replace(place, radar_height=_rounded(np.clip([best - spread, best + spread], low, high)))


def written(place: Placement) -> dict[str, Any]:
    """Distance and bearing of a placement as a recipe's keys."""
    bearing = [round(math.degrees(b), 1) for b in place.bearing]
    return {"distance": list(place.distance), "bearing_deg": bearing}


def _rounded(values: Floats) -> Quantiles:
    return tuple(round(float(v), 3) for v in values)
