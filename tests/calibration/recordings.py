"""Recipes and values that tests of calibration begin with."""

from dataclasses import replace

import numpy as np

from mmsynth.calibration.quantities import Values
from mmsynth.generation import load_recipe
from mmsynth.generation.recipe import Clutter, Recipe, Tolerances
from mmsynth.resources import data_file


def recipe(clips: int, **more: object) -> Recipe:
    base = load_recipe(data_file("datasets", "radhar_synthetic.toml"))
    base = replace(base, clips=clips, noise_draws=1, seconds=0.5, subjects=replace(base.subjects, body="free-low"))
    # Activities with a place of their own stay there, and boxers step about: here all stand where the recipe says.
    still = {"footwork": (0.05, 0.3)}
    styles = [a.style | (still if a.motion == "box" else {}) for a in base.activities]
    everybody = (replace(a, placement={}, style=style) for a, style in zip(base.activities, styles, strict=True))
    base = replace(base, activities=tuple(everybody))
    # In free space: what rests in a room hides most of half a second's few points, whatever the noise is.
    return replace(base, device=Tolerances(), clutter=Clutter(), **more)  # type: ignore[arg-type]


def values(*clips: np.ndarray) -> Values:
    return Values(np.concatenate(clips), np.repeat(np.arange(len(clips)), [len(c) for c in clips]), len(clips))
