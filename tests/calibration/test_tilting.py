"""A radar's tilt from the height of what moves."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import make_clip

from mmsynth.calibration import CalibrationSettings
from mmsynth.calibration.quantities import HEIGHT, measure
from mmsynth.calibration.search import ClipFolder, Search, flatten
from mmsynth.calibration.tilting import lean, tilted
from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.generation import load_recipe
from mmsynth.generation.activity import ActivityRecipe
from mmsynth.generation.clip import stage
from mmsynth.generation.recipe import Clutter, Recipe, Tolerances
from mmsynth.resources import data_file
from mmsynth.types import Labels, PointCloud, Sample

RECIPE = Recipe("one", "radhar", 1, 2.0, 1, (ActivityRecipe("fast", "jack"),))
# Points of a radar that is tilted move by this share of the tilt.
SHARE = 0.7


def people(path: Path, count: int, seed: int, by: float = 0.0, differ: float = 0.05, each: int = 1) -> Dataset:
    """People 2 m from a radar that is tilted by so many degrees, in so many clips of 2 s each, all of a person's alike.

    Of 40 points in motion, 0.1 m about heights that differ by so many m.
    """
    draw, tilt = np.random.default_rng(seed), math.radians(by)
    times, flat = torch.arange(40, dtype=torch.float64) / 20, torch.ones(40)
    path.unlink(missing_ok=True)
    with DatasetWriter(path, Attributes()) as writer:
        for person in range(count):
            up = differ * draw.normal() + 0.1 * draw.normal(size=40)
            places = np.stack([0 * up, 2 * np.cos(tilt) + up * np.sin(tilt), up * np.cos(tilt) - 2 * np.sin(tilt)], 1)
            cloud = PointCloud(torch.tensor(places).float(), flat, flat, flat, flat, torch.arange(41), times)
            for k in range(each):
                writer.append(Sample(f"{person}-{k}", Labels(), cloud))
    return Dataset.open(path)


def hung(recipe: Recipe, recorded: Dataset, made: Dataset, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """The recipe with the tilt of these recordings, by these clips of it."""

    def make(own: ClipFolder, recipes: Mapping[str, Recipe]) -> dict[str, Dataset]:
        ((name, other),) = recipes.items()
        moved = [place.placement.radar_tilt for place in (recipe, other)]
        by = SHARE * math.degrees(np.mean(moved[1]) - np.mean(moved[0]))
        return {name: people(own.folder / "tilted.h5", len(made), 2, by)}

    monkeypatch.setattr(ClipFolder, "make", make)
    folder = ClipFolder(made.path.parent, 1, lambda done, total: None, 0)
    settings = CalibrationSettings(clips=len(made))
    return tilted(recipe, made, Search(measure(recorded.points(), 2.0), np.empty((0, 2)), 10.0, settings, folder))


def test_points_of_a_tilted_radar_lie_as_those_of_a_level_one_turned() -> None:
    """In simulation, by 6 degrees: as far, and lower by most of what turning them does."""
    recipe = load_recipe(data_file("datasets", "radhar_synthetic.toml"))
    few = replace(recipe, seconds=0.5, subjects=replace(recipe.subjects, body="free-low"), device=Tolerances())
    up = math.radians(6.0)
    level, raised = (
        flatten([next(make_clip(stage(replace(few, placement=place)), 0)).cloud])
        for place in (replace(few.placement, radar_tilt=(tilt, tilt)) for tilt in (0.0, up))
    )
    leant = lean(level, up)
    away = [np.linalg.norm(p.values[:, :3], axis=1) for p in (level, leant)]
    assert away[1] == pytest.approx(away[0], abs=1e-5)
    assert np.array_equal(leant.values[:, 3:], level.values[:, 3:], equal_nan=True)
    was, simulated, turned = (np.median(measure(p, few.seconds)[HEIGHT].values) for p in (level, raised, leant))
    assert 0.1 < was - turned and 0.6 < (was - simulated) / (was - turned) < 1.0


@pytest.mark.parametrize(("by", "middle"), [(-4.0, 0.0), (3.0, 0.0), (3.0, 2.0)])
def test_a_tilt_is_found_though_points_move_by_less(
    by: float, middle: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a recipe that has it in a range already, it is more to the middle of that; a degree to either side."""
    range_ = tuple(round(math.radians(middle + d), 3) for d in (-0.5, 0.0, 0.5))
    own = replace(RECIPE, placement=replace(RECIPE.placement, radar_tilt=range_))
    recorded = people(tmp_path / "recorded.h5", 60, 1, SHARE * by)
    found = hung(own, recorded, people(tmp_path / "made.h5", 40, 2), monkeypatch)
    low, high = np.degrees(found.placement.radar_tilt)
    # Middles of 60 and 40 people differ by 0.05 m * sqrt(1/60 + 1/40) = 0.01 m, 2 m away: by 0.3 degrees, and a step
    # of half a degree. Of the tilt a tenth is left, where the points alone would leave three.
    assert 0.5 * (low + high) == pytest.approx(middle + by, abs=0.75) and high - low == pytest.approx(2.0, abs=0.15)
    assert found == replace(own, placement=replace(own.placement, radar_tilt=found.placement.radar_tilt))


def test_of_few_people_a_tilt_is_drawn_from_two_errors_to_either_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = people(tmp_path / "recorded.h5", 60, 1, 7.0, 0.15)
    found = hung(RECIPE, recorded, people(tmp_path / "made.h5", 16, 2, 0.0, 0.15), monkeypatch)
    low, high = np.degrees(found.placement.radar_tilt)
    assert high - low == pytest.approx(4 * math.degrees(0.15 / 2 * math.sqrt(1 / 60 + 1 / 16)), rel=0.25)


def test_a_tilt_within_two_errors_or_of_a_rooms_radar_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = people(tmp_path / "made.h5", 40, 2)
    little, much = (people(tmp_path / f"{by}.h5", 60, 1, by) for by in (0.25, 4.0))
    assert hung(RECIPE, little, many, monkeypatch) == RECIPE
    inside = replace(RECIPE, clutter=Clutter(), room="rooms/room.toml")
    assert hung(inside, much, many, monkeypatch) == inside
    # 40 clips of four people say less than 40 people do: their middle errs by 0.7 degrees, not 0.3.
    some = people(tmp_path / "some.h5", 60, 1, 1.2)
    assert hung(RECIPE, some, many, monkeypatch) != RECIPE
    few = replace(RECIPE, activities=(replace(RECIPE.activities[0], share=10),))
    assert hung(few, some, people(tmp_path / "few.h5", 4, 9, each=10), monkeypatch) == few
