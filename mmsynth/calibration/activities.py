"""Where people stand at each activity, read off recordings that have no labels.

Bearings and distances go with activity: who boxes steps about, who does squats stays. Trees on simulated clips that go
over to the recordings, as `mmsynth train` lets them where nothing has a label, tell which activity each recording
shows; they know nothing of places, since features are relative to the median of a window. Places of all activities are
taken together or not at all: those of all recordings are a mixture, and where some leave it, those who stay still stand
where the others have gone. What is read off every other recording must bring simulated clips nearer to the rest, by
more than two errors, as ghosts and clothing must.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.calibration.errors import Apart, apart, better
from mmsynth.calibration.placing import offset_of, placement_from, radar_poses, written
from mmsynth.calibration.quantities import Floats, Measured, measure, places
from mmsynth.calibration.search import Search
from mmsynth.datasets import Clips, Dataset, lengths, take_clips
from mmsynth.generation.activity import ActivityRecipe
from mmsynth.generation.recipe import Recipe
from mmsynth.training import WindowSettings, cut
from mmsynth.training.adapt import AdaptSettings, adapt, by_clip, mixed_clips
from mmsynth.training.features import features
from mmsynth.training.forests import join_tables, synthetic_tables
from mmsynth.training.windows import clip_names

Names = NDArray[np.object_]
# What places show in.
PLACES = ("range (m)", "azimuth (rad)")
# Samples of each simulated clip that trees learn from.
_DRAWS = 2


def place_activities(recipe: Recipe, captures: Clips, search: Search) -> tuple[Recipe, Names]:
    """The recipe with places of their own for its activities, where these bring it nearer to the recordings.

    An activity that has places of its own keeps them; one with fewer than two recordings, or with too little to see in
    them, stays at those of all.

    Args:
        recipe: that a search has found.
        captures: recordings.
        search: that found it.

    Returns:
        The recipe; and the activity [recordings] that each recording was taken for, see `shown`.
    """
    base = replace(recipe, clips=search.settings.clips, noise_draws=_DRAWS)
    together = search.clips.make({"together": base})["together"]
    who = shown(together, captures, recipe.seconds, recipe.seed)
    points, offset = captures.points(), offset_of(together, base, radar_poses(base))

    def moved(rows: Mapping[str, NDArray[np.int64]]) -> Recipe:
        """The base with each activity where these recordings have it."""
        own = {}
        for name, some in rows.items():
            where = places(take_clips(points, some), recipe.seconds)
            found = placement_from(recipe.placement, where, offset, search.farthest)
            own[name] = written(found) if found is not recipe.placement else {}
        activities = (a if own_places(a) else _placed(a, own.get(a.label, {})) for a in recipe.activities)
        return replace(base, activities=tuple(activities))

    rows = taken_for(sorted({a.label for a in recipe.activities}), who)
    tried = moved({name: own[::2] for name, own in rows.items()})
    if tried == base:
        return recipe, who
    separate = search.clips.make({"apart": tried})["apart"]
    rest = {name: measure(take_clips(points, own[1::2]), recipe.seconds) for name, own in rows.items()}
    seen = {name: measured for name, measured in rest.items() if all(len(measured[axis]) for axis in PLACES)}
    nearer = bool(seen) and better(_apart(tried, separate, seen), _apart(base, together, seen))
    return replace(recipe, activities=moved(rows).activities) if nearer else recipe, who


def taken_for(labels: Sequence[str], who: Names) -> dict[str, NDArray[np.int64]]:
    """Indices of the recordings that were taken for each of these activities, where there are two at least."""
    return {label: own for label in labels if len(own := np.flatnonzero(who == label)) > 1}


def _placed(activity: ActivityRecipe, place: dict[str, Any]) -> ActivityRecipe:
    return replace(activity, placement=activity.placement | place)


def _apart(recipe: Recipe, made: Dataset, recorded: Mapping[str, Measured]) -> Apart:
    """How far each activity's places lie, in made clips, from those of the recordings that were taken for it."""
    far: dict[str, float] = {}
    drawn: dict[str, Floats] = {}
    points = made.points()
    for name, real in recorded.items():
        own = measure(take_clips(points, made.labels.activity == name), recipe.seconds)
        group = _DRAWS * sum(a.share for a in recipe.activities if a.label == name)
        found = apart({axis: real[axis] for axis in PLACES}, own, group)
        far |= {f"{name}: {axis}": one for axis, one in found.far.items()}
        drawn |= {f"{name}: {axis}": again for axis, again in found.drawn.items()}
    return Apart(far, drawn)


def shown(simulated: Clips, recordings: Clips, seconds: float, seed: int) -> Names:
    """The activity [recordings] that each recording shows; "" where it seems to show several, or is too short to tell.

    Args:
        simulated: clips of all activities.
        recordings: each is taken to show one activity all along.
        seconds: of a window; where simulated clips, which last whole frames, are shorter, as long as these.
        seed: of the trees.
    """
    seconds = min(seconds, round(float(lengths(*simulated.frame_times()).min()), 3))
    settings = WindowSettings(seconds, 0.5 * seconds, heights="relative")
    classes = tuple(sorted(set(simulated.labels.activity.tolist())))
    names = clip_names(recordings)
    if len(classes) < 2 or lengths(*recordings.frame_times()).max() < seconds:
        return np.full(len(names), "", object)
    windows = cut(recordings, settings)
    table, made = features(windows), synthetic_tables(cut(simulated, settings), classes, seed)
    forest = adapt(join_tables(made), (table, windows.clip), len(classes), AdaptSettings(), seed)
    guess = by_clip(forest.probabilities(table), windows.clip).argmax(1)
    told = {clip: classes[k] for clip, k in zip(windows.clip, guess, strict=True)}
    doubted = mixed_clips(table, windows.clip, guess, len(classes), seed)
    return np.array([told.get(name, "") if name not in doubted else "" for name in names], object)


def own_places(activity: ActivityRecipe) -> bool:
    """Whether the recipe says where people stand at this activity."""
    return not activity.placed.isdisjoint(("distance", "bearing"))
