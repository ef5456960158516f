"""How the radar was tilted, from the height of what moves."""

import math
from dataclasses import replace

import numpy as np

from mmsynth.calibration.errors import replicas
from mmsynth.calibration.quantities import HEIGHT, distances, measure
from mmsynth.calibration.search import Option, Search, better, people
from mmsynth.calibration.settings import Candidate
from mmsynth.datasets import Dataset, FlatPoints
from mmsynth.generation.recipe import Recipe

# In degrees: how far, and how finely, clips are tilted; half the width, at least, of a range about the best.
_FARTHEST, _STEP, _SPREAD = 10.0, 0.5, 1.0


def tilted(recipe: Recipe, made: Dataset, search: Search) -> Recipe:
    """The recipe with the radar tilted so that points in motion lie as high as in recordings, where this shows.

    How people hold themselves, which is not known, raises the middle of their points by up to a degree. So a tilt must
    bring heights nearer by more than two errors, as ghosts and clothing must. What a board reads too high or too low,
    for phases of its antennas that nobody has measured, is taken for a tilt.

    Args:
        recipe: that a search has found, with the radar as high as it hung; a room says for itself how it is tilted.
        made: clips of it, those of a person one after the other.
        search: that found it.
    """
    if recipe.room:
        return recipe
    options = _options(recipe, made, search)
    level, best = options[0.0], min(options, key=lambda tilt: options[tilt].loss())
    if not better(options[best], level):
        return recipe
    tilts = np.array(list(options))
    spread = max(_SPREAD, 2 * float(np.std(tilts[np.argmin([o.losses() for o in options.values()], axis=0)])))
    # Antennas that look higher see other limbs, so that points move by less than the radar is tilted by.
    first = replace(_hung(recipe, best, 0.0), clips=search.settings.clips, noise_draws=1)
    left = _options(first, search.clips.make({"tilted": first})["tilted"], search)
    return _hung(recipe, best + min(left, key=lambda tilt: left[tilt].loss()), spread)


def _options(recipe: Recipe, made: Dataset, search: Search) -> dict[float, Option]:
    """How high points of clips lie with the radar tilted by so many degrees more, by these."""
    real, points = {HEIGHT: search.recorded[HEIGHT]}, made.points()
    group = people(recipe) * len(made) // search.settings.clips
    found = {}
    for tilt in np.arange(-_FARTHEST, _FARTHEST + _STEP, _STEP).tolist():
        own = measure(lean(points, math.radians(tilt)), recipe.seconds)
        found[tilt] = Option(recipe, Candidate(), own, distances(real, own), replicas(real, own, group))
    return found


def _hung(recipe: Recipe, tilt: float, spread: float) -> Recipe:
    """The recipe with the radar tilted by so many degrees more than it was in the middle, and these to either side."""
    was = recipe.placement.radar_tilt
    middle = 0.5 * (was[0] + was[-1]) + math.radians(tilt)
    low, high = (round(middle + math.radians(part), 3) for part in (-spread, spread))
    return replace(recipe, placement=replace(recipe.placement, radar_tilt=(low, high)))


def lean(points: FlatPoints, tilt: float) -> FlatPoints:
    """The points as the radar would see them with its boresight raised by so many rad more."""
    values = points.values.copy()
    ahead, up = values[:, 1].copy(), values[:, 2].copy()
    values[:, 1] = ahead * math.cos(tilt) + up * math.sin(tilt)
    values[:, 2] = up * math.cos(tilt) - ahead * math.sin(tilt)
    return replace(points, values=values)
