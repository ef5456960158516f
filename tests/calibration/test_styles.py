"""Halves of ranges of style, and of the ways to face, by what people with either half look like."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from mmsynth.calibration import CalibrationSettings
from mmsynth.calibration.quantities import Measured, measure
from mmsynth.calibration.search import Search
from mmsynth.calibration.styles import MORE, SHOWN, half_of, middle_of, narrow_activities
from mmsynth.datasets import FlatPoints
from mmsynth.generation.activity import ActivityRecipe
from mmsynth.generation.play import _subject, _who
from mmsynth.generation.recipe import Placement, Recipe, placement_of
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


def shown(points: Sequence[int], seed: int) -> Measured:
    """What is measured of such clips that styles show in."""
    measured = measure(seen(points, seed), 2.0)
    return {name: measured[name] for name in SHOWN}


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
    made = shown(many(activity, name, people, 3, 7), 1)
    assert half_of(activity, shown([3 if few else 7] * 30, 2), made, people) == {name: limits}
    # A range that is a half already stays so.
    halved = replace(activity, style={name: limits})
    assert name not in half_of(halved, shown([3 if few else 7] * 30, 2), made, people)


def test_people_as_they_are_keep_their_styles() -> None:
    people = [Subject(seed) for seed in range(40)]
    made = shown(many(BOX, "turn", people, 3, 7), 1)
    assert half_of(BOX, shown([3, 7] * 15, 2), made, people) == {}
    # Of few people, chance alone makes so much of a difference.
    assert half_of(BOX, shown([7, 7, 7, 3] * 8, 2), shown([3, 7, 7, 3], 1), people[:4]) == {}
    assert half_of(BOX, shown([7] * 30, 2), shown([7], 1), people[:1]) == {}


def test_what_is_off_for_all_is_no_style() -> None:
    """People differ in points, whatever their style, and recordings have more: none of many halves is theirs."""
    draw = np.random.default_rng(0)
    found = 0
    for seed in range(12):
        people = [Subject(int(draw.integers(1 << 60))) for _ in range(100)]
        made, real = (shown(draw.integers(low, low + 7, count).tolist(), seed) for low, count in ((2, 100), (4, 40)))
        found += bool(half_of(BOX, real, made, people)) + bool(middle_of((-1, 1), real, made, draw.uniform(-1, 1, 100)))
    assert found <= 2


def test_clips_of_one_person_count_once() -> None:
    """Five people, eight clips each, tell nothing; forty would."""
    people = [Subject(seed) for seed in range(5) for _ in range(8)]
    points = many(BOX, "turn", people, 3, 7)
    assert 0 < points.count(3) < len(points)
    made, real = shown(points, 1), shown([7] * 30, 2)
    assert half_of(BOX, real, made, people) != {} and half_of(replace(BOX, share=8), real, made, people) == {}
    turned = np.where(np.array(points) == 7, 0.0, 0.9)
    assert middle_of((-1, 1), real, made, turned) != {} and middle_of((-1, 1), real, made, turned, 8) == {}


def test_the_middle_half_of_the_ways_to_face_is_taken_where_recordings_look_so() -> None:
    facing = (-0.2, 0.0, 1.0)  # half of the people within -0.1 and 0.5
    turned = np.tile([-0.15, -0.05, 0.4, 0.6], 10)
    made = shown(np.tile([3, 7, 7, 3], 10).tolist(), 1)
    assert middle_of(facing, shown([7] * 30, 2), made, turned) == {"facing_deg": [-5.7, 28.6]}
    assert middle_of(facing, shown([3] * 30, 2), made, turned) == {}
    assert middle_of(facing, shown([3, 7] * 15, 2), made, turned) == {}
    assert middle_of(facing, shown([7] * 30, 2), shown([7] * 5, 1), np.zeros(5)) == {}


def play(recipe: Recipe, body: object, index: int) -> Any:
    """Who plays what in a clip of a recipe, people turned from the one end of the range to the other in turn."""
    activity, person = _who(recipe, index)
    low, high = placement_of(recipe, activity).facing
    turned = low + (high - low) * (index // len(recipe.activities) % 100 / 99)
    return SimpleNamespace(
        labels=SimpleNamespace(activity=activity.label), subject=_subject(recipe, person), facing=turned
    )


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> tuple[Search, list[Recipe]]:
    """A search whose clips have 7 points where boxers turn far and face the radar, fewer else; and what it made."""
    asked: list[Recipe] = []
    monkeypatch.setattr("mmsynth.calibration.styles.stage", lambda recipe: SimpleNamespace(body=None))
    monkeypatch.setattr("mmsynth.calibration.styles.draw_play", play)

    def make(recipes: dict[str, Recipe]) -> dict[str, Any]:
        ((name, recipe),) = recipes.items()
        asked.append(recipe)
        plays = [play(recipe, None, index) for index in range(recipe.clips)]
        far = many(BOX, "turn", [p.subject for p in plays], 0, 3)
        halved = {a.label for a in recipe.activities if "turn" in a.style}
        counts = [
            2 + (3 if p.labels.activity in halved else more) + 2 * (abs(p.facing) < np.pi / 6)
            for p, more in zip(plays, far, strict=True)
        ]
        return {name: SimpleNamespace(points=lambda: seen(counts, 1))}

    settings = CalibrationSettings(clips=72)
    return cast(Search, SimpleNamespace(clips=SimpleNamespace(make=make), settings=settings)), asked


def test_activities_with_a_style_of_their_own_or_nothing_to_go_by_keep_it(
    searched: tuple[Search, list[Recipe]],
) -> None:
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
    search, asked = searched
    who = np.array(["fast", "styled", "twice", "filed", ""] * 12 + ["once"], object)
    found = narrow_activities(recipe, who, seen([7] * len(who), 2), search)
    halved = (replace(BOX, style={"turn": (0.575, 1.0)}), *own[1:])
    assert found == replace(recipe, activities=halved)
    # Of other people, as many as there are clips for, until nothing more is found.
    crowd = replace(recipe.subjects, count=MORE * 72 // len(own))
    base = replace(recipe, clips=MORE * 72, noise_draws=1, subjects=crowd)
    assert asked == [base, replace(base, seed=recipe.seed + 2, activities=halved)]


def test_ways_to_face_are_narrowed_where_they_are_wide(searched: tuple[Search, list[Recipe]]) -> None:
    search, asked = searched
    wide = Placement(facing=(-np.pi / 3, np.pi / 3))
    own = (
        BOX,
        replace(BOX, label="turned", placement={"facing_deg": [-60, 60]}),
        replace(BOX, label="styled", style={"tempo": (0.4, 0.5)}),
    )
    recipe = replace(RECIPE, activities=own, placement=wide)
    who = np.array(["fast", "turned", "styled"] * 12, object)
    found = narrow_activities(recipe, who, seen([7] * len(who), 2), search).activities
    assert found[0].placement == found[2].placement == {"facing_deg": [-30.0, 30.0]}
    assert found[1].placement == own[1].placement and found[2].style == own[2].style
    assert found[0].style == found[1].style == {"turn": (0.575, 1.0)}
    assert [r.seed for r in asked] == [1, 3, 5][: len(asked)]
