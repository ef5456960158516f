"""Halves of ranges of style, by what people with either half look like."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from mmsynth.calibration import CalibrationSettings
from mmsynth.calibration.search import Search
from mmsynth.calibration.styles import MORE, half_of, style_activities
from mmsynth.datasets import FlatPoints
from mmsynth.generation.activity import ActivityRecipe
from mmsynth.generation.play import performer
from mmsynth.generation.recipe import Recipe
from mmsynth.motion import ACTIVITIES
from mmsynth.motion.subject import Subject, style

BOX, JUMP = ActivityRecipe("fast", "box"), ActivityRecipe("high", "jump")
RECIPE = Recipe("one", "radhar", 1, 2.0, 1, (BOX, JUMP))
FRAMES = 20


def seen(points: Sequence[int], seed: int) -> FlatPoints:
    """Clips of 2 s of somebody 2 m away, with so many moving points in a frame, and one fewer or more by clip."""
    draw = np.random.default_rng(seed)
    counts = np.repeat(np.array(points) + draw.integers(-1, 2, len(points)), FRAMES)
    total, clips = int(counts.sum()), len(points)
    values = np.zeros((total, 7), np.float32)
    values[:, 1], values[:, 3] = 2.0 + draw.normal(0, 0.1, total), 1.0
    times = np.tile(np.arange(FRAMES) / 10, clips)
    return FlatPoints(values, np.concatenate([[0], np.cumsum(counts)]), times, FRAMES * np.arange(clips + 1))


def many(activity: ActivityRecipe, name: str, people: Sequence[Subject], low: int, high: int) -> list[int]:
    """Points of each: `low` where their value lies in the lower half of the range `name`, else `high`."""
    parameters = ACTIVITIES[activity.motion].parameters
    return [high if style(p, activity.motion, parameters)[name] > parameters[name].at(0.5) else low for p in people]


@pytest.mark.parametrize(
    ("activity", "name", "few", "limits"),
    [
        (BOX, "turn", False, (0.575, 1.0)),
        (BOX, "turn", True, (0.15, 0.575)),
        # Uniform in its logarithm: half of the people jump less than 3.5 cm high.
        (JUMP, "height", True, (0.005, 0.035)),
    ],
)
def test_the_half_that_looks_like_recordings_is_taken(
    activity: ActivityRecipe, name: str, few: bool, limits: tuple[float, float]
) -> None:
    people = [Subject(seed) for seed in range(40)]
    made = seen(many(activity, name, people, 3, 7), 1)
    assert half_of(activity, seen([3 if few else 7] * 30, 2), made, people, 2.0) == {name: limits}


def test_people_as_they_are_keep_their_styles() -> None:
    people = [Subject(seed) for seed in range(40)]
    made = seen(many(BOX, "turn", people, 3, 7), 1)
    assert half_of(BOX, seen([3, 7] * 15, 2), made, people, 2.0) == {}
    # Of few people, chance alone makes so much of a difference.
    assert half_of(BOX, seen([7, 7, 7, 3] * 8, 2), seen([3, 7, 7, 3], 1), people[:4], 2.0) == {}
    assert half_of(BOX, seen([7] * 30, 2), seen([7], 1), people[:1], 2.0) == {}


def test_activities_with_a_style_of_their_own_or_nothing_to_go_by_keep_it() -> None:
    """Boxers of every label turn far in recordings; all but the first have a reason to stay as they are."""
    own = (
        BOX,
        replace(BOX, label="styled", style={"tempo": (0.4, 0.5)}),
        replace(BOX, label="twice"),
        replace(JUMP, label="twice"),
        replace(BOX, label="filed", motion="", files=("*.bvh",)),
        replace(BOX, label="once"),
    )
    recipe = replace(RECIPE, activities=own)
    recipes: list[Recipe] = []

    def make(asked: dict[str, Recipe]) -> dict[str, Any]:
        recipes.extend(asked.values())
        performers = [performer(recipes[0], index) for index in range(recipes[0].clips)]
        return {"styles": SimpleNamespace(points=lambda: seen(many(BOX, "turn", [p for _, p in performers], 3, 7), 1))}

    settings = CalibrationSettings(clips=48)
    search = cast(Search, SimpleNamespace(clips=SimpleNamespace(make=make), settings=settings))
    who = np.array(["fast", "styled", "twice", "filed", ""] * 12 + ["once"], object)
    found = style_activities(recipe, who, seen([7] * len(who), 2), search)
    assert found == replace(recipe, activities=(replace(BOX, style={"turn": (0.575, 1.0)}), *own[1:]))
    assert recipes == [replace(recipe, clips=MORE * 48, noise_draws=1)]
