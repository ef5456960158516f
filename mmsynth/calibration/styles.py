"""How people move and turn at each activity, as far as recordings without labels show it.

A generator's style has a dozen parameters, each with a range as wide as people are. Of simulated people, those whose
value lies in one half of a range may look more like the recordings that were taken for the activity: as many points, as
fast, spread as far. The half that does so best is taken where it does beyond chance; likewise the middle half of the
ways that people face. Then other people are simulated so, and the same is asked of the ranges that are whole: one range
at a time, since several explain the same points, and of people anew, since of the first few are left.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mmsynth.calibration.activities import Names, taken_for
from mmsynth.calibration.errors import apart, better
from mmsynth.calibration.quantities import Floats, Measured, Values, measure
from mmsynth.calibration.search import WITHIN, Search, people
from mmsynth.datasets import FlatPoints, take_clips
from mmsynth.generation.activity import ActivityRecipe
from mmsynth.generation.clip import stage
from mmsynth.generation.draws import Quantiles, Range
from mmsynth.generation.play import Play, draw_play
from mmsynth.generation.recipe import Recipe
from mmsynth.motion import ACTIVITIES
from mmsynth.motion.subject import Subject, style

Mask = NDArray[np.bool_]
# What a style, or the way that people face, shows in; where they stand is no part of it.
SHOWN = ("moving points a frame", "speed (m/s)", *WITHIN, "height (m)")
# Times as many clips as the search takes, in each round: halves of a range want people.
MORE = 5
# Rounds at most; with the first that finds nothing it ends.
ROUNDS = 3
# Standard errors by which the best of up to 28 halves must gain. Where clips and recordings differ in anything, each is
# nearer or farther by chance: of 60 sets of 100 people with 2 points a frame too few, whose points have nothing to do
# with style, the best half gained 2 errors in 31, 3 in 4; the middle half of the ways to face, one alone, 2 in none.
_BEST = 3.0
# In rad: of people who face within less than that, half are too like the others to be told.
_WIDE = math.radians(60)


def narrow_activities(recipe: Recipe, who: Names, points: FlatPoints, search: Search) -> Recipe:
    """The recipe with halves of ranges of style, and of the ways to face, for activities that recordings show them of.

    An activity with a style of its own, of motion files or of several motions keeps its style, and one that says how
    people face keeps that; so does one with fewer than two recordings.

    Args:
        recipe: that a search has found.
        who: the activity [recordings] that each recording was taken for; "" = none.
        points: of the recordings.
        search: that found it.
    """
    rows = taken_for(open_activities(recipe), who)
    real = {label: _shown(points, own, recipe.seconds) for label, own in rows.items()}
    styled = {a.label for a in recipe.activities if a.label in real and _open_style(a)}
    for number in range(ROUNDS if real else 0):
        # Other people each time, as many as can be; and others than those of the next seed, who judge.
        clips = MORE * search.settings.clips
        crowd = replace(recipe.subjects, count=max(recipe.subjects.count, math.ceil(clips / people(recipe))))
        own = replace(recipe, seed=recipe.seed + 2 * number, clips=clips, noise_draws=1, subjects=crowd)
        name = f"styles {number}"
        made = search.clips.make({name: own})[name].points()
        body, alone = stage(own).body, replace(own, subjects=replace(crowd, others=0))
        plays = [draw_play(alone, body, index) for index in range(clips)]
        found = tuple(
            _narrowed(own, a, real[a.label], made, plays, a.label in styled) if a.label in real else a
            for a in recipe.activities
        )
        if found == recipe.activities:
            break
        recipe = replace(recipe, activities=found)
    return recipe


def open_activities(recipe: Recipe) -> list[str]:
    """Labels of the activities of a recipe, of one block each, whose style or way to face is open.

    None of a recipe with one label: recordings are then taken for nothing.
    """
    labels = [a.label for a in recipe.activities]
    once = (a for a in recipe.activities if labels.count(a.label) == 1 < len(labels))
    return [a.label for a in once if _open_style(a) or _open_facing(recipe, a)]


def _open_style(activity: ActivityRecipe) -> bool:
    return bool(activity.motion) and not activity.style


def _open_facing(recipe: Recipe, activity: ActivityRecipe) -> bool:
    """The recipe's facing is that of an activity that says nothing of it."""
    facing = recipe.placement.facing
    return "facing" not in activity.placed and facing[-1] - facing[0] > _WIDE


def _shown(points: FlatPoints, clips: NDArray[np.int64], seconds: float) -> Measured:
    """What some clips hold of what a style shows in."""
    measured = measure(take_clips(points, clips), seconds)
    return {name: measured[name] for name in SHOWN}


def _narrowed(
    recipe: Recipe, activity: ActivityRecipe, real: Measured, made: FlatPoints, plays: Sequence[Play], styled: bool
) -> ActivityRecipe:
    """The activity with what its recordings show of those who play it, of style only where `styled`."""
    own = np.array([k for k, play in enumerate(plays) if play.labels.activity == activity.label])
    clips = _shown(made, own, recipe.seconds)
    half = half_of(activity, real, clips, [plays[k].subject for k in own]) if styled else {}
    turned: dict[str, list[float]] = {}
    if _open_facing(recipe, activity):
        facings = np.array([plays[k].facing for k in own])
        turned = middle_of(recipe.placement.facing, real, clips, facings, activity.share)
    return replace(activity, style=activity.style | half, placement=activity.placement | turned)


def half_of(activity: ActivityRecipe, real: Measured, clips: Measured, who: Sequence[Subject]) -> dict[str, Range]:
    """The half of one range of style that brings clips nearest to recordings; empty where none does for sure.

    Args:
        activity: with a built-in motion; ranges of its style are halves already.
        real: of recordings that were taken for it, what of `SHOWN` they hold.
        clips: of it, likewise.
        who: performs in each of these.
    """
    halves = [
        ({name: limits}, apart(real, _of(clips, own), activity.share)) for name, limits, own in _halves(activity, who)
    ]
    if not halves:
        return {}
    half, nearest = min(halves, key=lambda half: half[1].loss())
    return half if better(nearest, apart(real, clips, activity.share), sure=_BEST) else {}


def middle_of(
    facing: Quantiles, real: Measured, clips: Measured, turned: Floats, group: int = 1
) -> dict[str, list[float]]:
    """The key of a placement for the middle half of the ways to face; empty unless it brings clips nearer for sure.

    Args:
        facing: that clips have drawn from, in rad.
        real: of recordings, what of `SHOWN` they hold.
        clips: likewise.
        turned: from facing the radar [clips], in rad.
        group: so many clips that follow one another are one person's.
    """
    low, high = np.interp((0.25, 0.75), np.linspace(0, 1, len(facing)), facing)
    own = (turned >= low) & (turned <= high)
    if not 1 < own.sum() < len(own) or not better(apart(real, _of(clips, own), group), apart(real, clips, group)):
        return {}
    return {"facing_deg": [round(math.degrees(limit), 1) for limit in (low, high)]}


def _of(measured: Measured, own: Mask) -> dict[str, Values]:
    """What some clips hold; the others are there without values, so that all are drawn again alike."""
    return {name: Values(v.values[own[v.clip]], v.clip[own[v.clip]], v.clips) for name, v in measured.items()}


def _halves(activity: ActivityRecipe, who: Sequence[Subject]) -> Iterator[tuple[str, Range, Mask]]:
    """Name and limits of each half of each range of a style that is whole, and which people are in it."""
    parameters = ACTIVITIES[activity.motion].parameters
    values = [style(person, activity.motion, parameters) for person in who]
    for name, span in parameters.items():
        own = np.array([value[name] for value in values])
        low, middle, high = (round(span.at(share), 3) for share in (0.0, 0.5, 1.0))
        for limits, within in (((low, middle), own < middle), ((middle, high), own >= middle)):
            if name not in activity.style and 1 < within.sum() < len(own):
                yield name, limits, within
