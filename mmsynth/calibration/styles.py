"""How people move at each activity, as far as recordings without labels show it.

A generator's style has a dozen parameters, each with a range as wide as people are. Of simulated people, those whose
value lies in one half of a range may look more like the recordings that were taken for the activity: as many points, as
fast, spread as far. The half that does so best is taken where it does beyond chance, one of each activity: several
parameters explain the same points, and what is narrowed further fits these recordings alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mmsynth.calibration.activities import Names, taken_for
from mmsynth.calibration.errors import apart, better
from mmsynth.calibration.quantities import Measured, Values, measure
from mmsynth.calibration.search import WITHIN, Search
from mmsynth.datasets import FlatPoints, take_clips
from mmsynth.generation.activity import ActivityRecipe
from mmsynth.generation.draws import Range
from mmsynth.generation.play import performer
from mmsynth.generation.recipe import Recipe
from mmsynth.motion import ACTIVITIES
from mmsynth.motion.subject import Subject, style

Mask = NDArray[np.bool_]
# What a style shows in; where people stand is no part of it.
SHOWN = ("moving points a frame", "speed (m/s)", *WITHIN, "height (m)")
# Times as many clips as the search takes: halves of a range want people.
MORE = 5
# Standard errors by which the best half must gain. Of 80 simulated sets of 60 people against 40 others of the same
# styles, 2 gained as much by chance.
_SURE = 1.5


def style_activities(recipe: Recipe, who: Names, points: FlatPoints, search: Search) -> Recipe:
    """The recipe with half of one range of style for each activity that recordings show it of.

    An activity with a style of its own, of motion files or of several motions keeps what it has; so does one with fewer
    than two recordings.

    Args:
        recipe: that a search has found.
        who: the activity [recordings] that each recording was taken for; "" = none.
        points: of the recordings.
        search: that found it.
    """
    rows = taken_for(open_styles(recipe), who)
    if not rows:
        return recipe
    base = replace(recipe, clips=MORE * search.settings.clips, noise_draws=1)
    made = search.clips.make({"styles": base})["styles"].points()
    performers = [performer(base, index) for index in range(base.clips)]
    found = []
    for activity in recipe.activities:
        if activity.label in rows:
            own = np.flatnonzero([doing is activity for doing, _ in performers])
            real, clips = take_clips(points, rows[activity.label]), take_clips(made, own)
            shown = half_of(activity, real, clips, [performers[k][1] for k in own], recipe.seconds)
            activity = replace(activity, style=shown)
        found.append(activity)
    return replace(recipe, activities=tuple(found))


def open_styles(recipe: Recipe) -> list[str]:
    """Labels of the activities of a recipe that have one built-in motion each, and no style of their own."""
    labels = [a.label for a in recipe.activities]
    return [a.label for a in recipe.activities if a.motion and not a.style and labels.count(a.label) == 1]


def half_of(
    activity: ActivityRecipe, recorded: FlatPoints, made: FlatPoints, people: Sequence[Subject], seconds: float
) -> dict[str, Range]:
    """The half of one range of style that brings clips nearest to recordings; empty where none does for sure.

    Args:
        activity: with a built-in motion.
        recorded: that were taken for it.
        made: clips of it.
        people: who performs in each of these.
        seconds: of a window.
    """
    real = {name: values for name, values in measure(recorded, seconds).items() if name in SHOWN}
    clips = measure(made, seconds)
    whole = apart(real, clips)
    halves = [({name: limits}, apart(real, _of(clips, own))) for name, limits, own in _halves(activity.motion, people)]
    if not halves:
        return {}
    own, nearest = min(halves, key=lambda half: half[1].loss())
    return own if better(nearest, whole, sure=_SURE) else {}


def _of(measured: Measured, own: Mask) -> dict[str, Values]:
    """What some clips hold; the others are there without values, so that all are drawn again alike."""
    return {name: Values(v.values[own[v.clip]], v.clip[own[v.clip]], v.clips) for name, v in measured.items()}


def _halves(motion: str, people: Sequence[Subject]) -> Iterator[tuple[str, Range, Mask]]:
    """Name and limits of each half of each range of a style, and which people are in it."""
    parameters = ACTIVITIES[motion].parameters
    values = [style(person, motion, parameters) for person in people]
    for name, span in parameters.items():
        own = np.array([value[name] for value in values])
        low, middle, high = (round(span.at(share), 3) for share in (0.0, 0.5, 1.0))
        for limits, within in (((low, middle), own < middle), ((middle, high), own >= middle)):
            if 1 < within.sum() < len(own):
                yield name, limits, within
