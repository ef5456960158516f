"""Which part of the simulator buys accuracy on recordings: the same people, motions and places, one part changed.

Wrong simulators are among them, so that the same sets show whether a ranking without labels orders simulators as their
accuracy does.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mmsynth.evaluation.naive import surface_cloud
from mmsynth.generation.clip import Stage, Traced
from mmsynth.generation.draws import POINTS, stream
from mmsynth.generation.recipe import Clutter, Placement, Recipe, Tolerances
from mmsynth.generation.variants import Recorder
from mmsynth.types import Sample

Change = Callable[[Recipe], Recipe]


def _simulated(**more: Any) -> Change:
    return lambda recipe: replace(recipe, simulation=replace(recipe.simulation, **more))


def _recorded(noise_db: float = 0.0, threshold_db: float = 0.0, ghosts: float = 0.0) -> Change:
    """The first two are added to both ends of the recipe's own ranges."""

    def change(recipe: Recipe) -> Recipe:
        own = recipe.device
        added = ((own.noise_db, noise_db), (own.threshold_db, threshold_db))
        noise, threshold = ((low + by, high + by) for (low, high), by in added)
        return replace(recipe, device=replace(own, noise_db=noise, threshold_db=threshold, ghosts=(ghosts, ghosts)))

    return change


def _cluttered(by_db: float) -> Change:
    """What rests in the room echoes so much more strongly, in dB."""

    def change(recipe: Recipe) -> Recipe:
        low, high = recipe.clutter.level_db
        return replace(recipe, clutter=replace(recipe.clutter, level_db=(low + by_db, high + by_db)))

    return change


def in_room(path: str) -> Change:
    """In the room of a TOML file, whose own echo takes the place of the clutter in free space; one bounce."""

    def change(recipe: Recipe) -> Recipe:
        return replace(recipe, room=path, clutter=Clutter(), simulation=replace(recipe.simulation, bounces=1))

    return change


def _dressed(*kinds: str) -> Change:
    """Clothes that scatter most, or least, diffusely, in place of all kinds."""
    return lambda recipe: replace(recipe, subjects=replace(recipe.subjects, clothing=kinds))


def _people(count: int, vary: bool = True) -> Change:
    """So many people; without variation, they move alike: style parameters at the middle of the recipe's ranges."""

    def change(recipe: Recipe) -> Recipe:
        same = {
            a.label: {k: (0.5 * (low + high),) * 2 for k, (low, high) in a.style.items()} for a in recipe.activities
        }
        alike = tuple(replace(a, style=a.style if vary else same[a.label]) for a in recipe.activities)
        return replace(recipe, activities=alike, subjects=replace(recipe.subjects, count=count))

    return change


def _styled(by: Callable[[str, float, float], tuple[float, float]]) -> Change:
    """Each range of style as `by` makes it of its name and limits."""

    def change(recipe: Recipe) -> Recipe:
        styles = [{name: by(name, *limits) for name, limits in a.style.items()} for a in recipe.activities]
        own = tuple(replace(a, style=s) for a, s in zip(recipe.activities, styles, strict=True))
        return replace(recipe, activities=own)

    return change


def _widened(factor: float) -> Change:
    """Ranges of style so many times as wide about their middle; what is above zero keeps half of its least value."""

    def wider(_: str, low: float, high: float) -> tuple[float, float]:
        half, middle = 0.5 * factor * (high - low), 0.5 * (low + high)
        return max(middle - half, 0.5 * low) if low >= 0 else middle - half, middle + half

    return _styled(wider)


def _slower(name: str, low: float, high: float) -> tuple[float, float]:
    """Repetitions last 1.6 times as long, and who walks takes 1.6 times as long for his way."""
    factor = {"tempo": 1.6, "rate": 1 / 1.6, "speed": 1 / 1.6}.get(name, 1.0)
    return low * factor, high * factor


def _no_style(recipe: Recipe) -> Recipe:
    return replace(recipe, activities=tuple(replace(a, style={}) for a in recipe.activities))


def _moved(**motions: str) -> Change:
    """Generator by label in place of the recipe's, with styles of its own."""

    def change(recipe: Recipe) -> Recipe:
        own = (replace(a, motion=motions[a.label], style={}) if a.label in motions else a for a in recipe.activities)
        return replace(recipe, activities=tuple(own))

    return change


def _elsewhere(recipe: Recipe) -> Recipe:
    plain = tuple(replace(a, placement={}) for a in recipe.activities)
    return replace(recipe, activities=plain, placement=Placement(distance=(1.0, 3.5), bearing=(-0.5, 0.5)))


# Name -> what is changed of a recipe whose `simulation` is the default chain.
VARIANTS: dict[str, Change] = {
    "facets": lambda recipe: recipe,
    "points": _simulated(method="points"),
    "bones": _simulated(method="bones"),
    "surface": lambda recipe: recipe,
    "no diffuse": _simulated(diffuse=False),
    "diffuse only": _simulated(coherent=False),
    "denim and leather": _dressed("denim", "leather"),
    "wool and synthetic": _dressed("wool", "synthetic"),
    "no occlusion": _simulated(occlusion=False),
    "no noise": _recorded(noise_db=-60.0),
    "noise of the data sheet": lambda recipe: replace(recipe, device=Tolerances()),
    "noise -10 dB": _recorded(noise_db=-10.0),
    "noise +10 dB": _recorded(noise_db=10.0),
    "threshold -6 dB": _recorded(threshold_db=-6.0),
    "threshold +6 dB": _recorded(threshold_db=6.0),
    "no clutter": lambda recipe: replace(recipe, clutter=Clutter()),
    "clutter -10 dB": _cluttered(-10.0),
    "clutter +6 dB": _cluttered(6.0),
    "no CFAR": lambda recipe: replace(recipe, processing={**recipe.processing, "points": "strongest"}),
    "ghosts 10 %": _recorded(ghosts=0.1),
    "ghosts 50 %": _recorded(ghosts=0.5),
    "places not known": _elsewhere,
    "styles not known": _no_style,
    "styles narrow": _widened(0.2),
    "styles wide": _widened(2.0),
    "styles slow": _styled(_slower),
    "wrong motions": _moved(squats="sit", jump="run"),
    "three people": _people(3),
    "one person, one style": _people(1, vary=False),
}
# A frame, of the variant "surface".
SURFACE_POINTS = 32


def surface_sample(ready: Stage, traced: Traced, k: int) -> Sample:
    """Sample k with points of the visible surface in place of detections."""
    recipe, play = ready.recipe, traced.take.play
    number = play.index * recipe.noise_draws + k
    cloud = surface_cloud(ready, traced.take, SURFACE_POINTS, stream(recipe.seed, POINTS, play.index, k))
    return Sample(f"{recipe.name}-{number:07d}", play.labels, cloud, provenance={"method": "surface"})


# How samples of a variant are made that no radar records.
RECORDERS: dict[str, Recorder] = {"surface": surface_sample}
