"""Places by activity: recordings without labels show who stands where, or leave places as they are."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import written

from mmsynth.calibration import CalibrationSettings, activities
from mmsynth.calibration.activities import place_activities, shown
from mmsynth.calibration.placing import placement_from
from mmsynth.calibration.quantities import measure, places
from mmsynth.calibration.search import ClipFolder, Search
from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.generation.activity import ActivityRecipe
from mmsynth.generation.draws import uniform
from mmsynth.generation.recipe import Recipe, placement_of
from mmsynth.training.adapt import AdaptSettings
from mmsynth.types import Sample

SECONDS = 2.0
RECIPE = Recipe("two", "radhar", 1, SECONDS, 1, (ActivityRecipe("fast", "jack"), ActivityRecipe("slow", "box")))


def turned(sample: Sample, bearing: float, **labels: str) -> Sample:
    """The sample seen at another bearing; people of `made_up` are straight ahead."""
    x, y, z = sample.cloud.position.unbind(1)
    position = torch.stack([y * np.sin(bearing) + x, y * np.cos(bearing), z], 1)
    return replace(sample, cloud=replace(sample.cloud, position=position), labels=replace(sample.labels, **labels))


@pytest.fixture
def search(tmp_path: Path, swing: Callable[..., Sample], monkeypatch: pytest.MonkeyPatch) -> Search:
    """A search whose simulated clips are made up, each where its recipe has it, points where the person is."""

    def make(own: ClipFolder, recipes: Mapping[str, Recipe]) -> dict[str, Dataset]:
        ((name, recipe),) = recipes.items()
        (tmp_path / f"{name}.h5").unlink(missing_ok=True)
        with DatasetWriter(tmp_path / f"{name}.h5", Attributes()) as writer:
            for index in range(recipe.clips):
                activity = recipe.activities[index % 2]
                draw = torch.Generator().manual_seed(index)
                bearing = uniform(placement_of(recipe, activity).bearing, draw)
                for k in range(recipe.noise_draws):
                    sample = swing(activity.label, 1000 + recipe.noise_draws * index + k, SECONDS)
                    writer.append(turned(sample, bearing, subject=f"made-{index // 2}"))
        return {name: Dataset.open(tmp_path / f"{name}.h5")}

    monkeypatch.setattr(ClipFolder, "make", make)
    monkeypatch.setattr(activities, "offset_of", lambda made, recipe, poses: np.zeros(2))
    monkeypatch.setattr(activities, "radar_poses", lambda recipe: [])
    monkeypatch.setattr(activities, "AdaptSettings", partial(AdaptSettings, trees=12))
    return Search({}, np.empty((0, 2)), 10.0, CalibrationSettings(clips=24), ClipFolder(tmp_path, 1, print, 0))


@pytest.fixture
def record(tmp_path: Path, swing: Callable[..., Sample]) -> Callable[..., Dataset]:
    def make(where: Mapping[str, float | Iterator[float]], count: int = 12) -> Dataset:
        """Recordings of 12 s, their labels false, people at these bearings by activity and 0.05 rad about them."""
        draw = np.random.default_rng(0)
        with DatasetWriter(tmp_path / "real.h5", Attributes()) as writer:
            for seed in range(count):
                for activity, bearing in where.items():
                    middle = bearing if isinstance(bearing, float) else next(bearing)
                    away = middle + draw.normal(0, 0.05)
                    writer.append(turned(swing(activity, seed, 12.0), away, activity="unknown"))
        return Dataset.open(tmp_path / "real.h5")

    return make


def searched(search: Search, recorded: Dataset) -> tuple[Recipe, Search]:
    """The recipe at the places of all recordings, as a search leaves it."""
    points = recorded.points()
    place = placement_from(RECIPE.placement, places(points, SECONDS), np.zeros(2), search.farthest)
    return replace(RECIPE, placement=place), replace(search, recorded=measure(points, SECONDS))


def test_activities_stand_where_recordings_have_them(search: Search, record: Callable[..., Dataset]) -> None:
    recorded = record({"fast": -0.3, "slow": 0.4})
    recipe, search = searched(search, recorded)
    found, who = place_activities(recipe, recorded, search)
    assert who.tolist() == ["fast", "slow"] * 12
    for activity, bearing in zip(found.activities, (-0.3, 0.4), strict=True):
        own = placement_of(found, activity).bearing
        # Of 12 people 0.05 rad about it, the middle errs by 0.018; nobody is 0.15 away.
        assert own[4] == pytest.approx(bearing, abs=0.05) and bearing - 0.15 < own[0] < own[-1] < bearing + 0.15
    assert found.placement == recipe.placement and recipe.placement.bearing[0] < -0.2
    # Who has a place of the recipe's own stays there.
    fixed = replace(recipe.activities[0], placement={"bearing": [0.0, 0.1]})
    found, *_ = place_activities(replace(recipe, activities=(fixed, recipe.activities[1])), recorded, search)
    assert found.activities[0] is fixed and found.activities[1].placement


@pytest.mark.parametrize(
    ("where", "count"),
    # Both at one place; one alone, which stands where all do; a single recording of each, which nothing can be held to.
    [({"fast": 0.1, "slow": 0.1}, 12), ({"slow": 0.4}, 12), ({"fast": -0.3, "slow": 0.4}, 1)],
)
def test_places_stay_where_no_activity_is_seen_to_stand_apart(
    where: dict[str, float], count: int, search: Search, record: Callable[..., Dataset]
) -> None:
    recorded = record(where, count)
    recipe, search = searched(search, recorded)
    found, *_ = place_activities(recipe, recorded, search)
    assert found == recipe


def test_what_is_read_off_some_recordings_is_held_against_others(
    search: Search, record: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other recording of an activity stands elsewhere: what those show is not borne out."""
    there = iter(np.tile([-0.4, 0.0, 0.4, 0.0], 6).tolist())  # fast, slow; the rest of fast, of slow
    recorded = record({"fast": there, "slow": there})
    recipe, search = searched(search, recorded)
    assert place_activities(recipe, recorded, search)[0] == recipe


def test_a_recording_of_several_activities_or_of_less_than_a_window_shows_none(
    search: Search, tmp_path: Path, swing: Callable[..., Sample]
) -> None:
    def joined(first: Sample, then: Sample) -> Sample:
        """One recording of both, one after the other."""
        a, b = first.cloud, then.cloud
        rows = {
            n: torch.cat([getattr(a, n), getattr(b, n)])
            for n in ("position", "velocity", "intensity", "snr_db", "noise_db")
        }
        offsets = torch.cat([a.offsets, a.offsets[-1] + b.offsets[1:]])
        times = torch.cat([a.times, a.times[-1] + b.times[1] + b.times])
        return replace(first, id="both", cloud=replace(a, **rows, offsets=offsets, times=times))

    with DatasetWriter(tmp_path / "real.h5", Attributes()) as writer:
        for seed in range(10):
            for activity in ("fast", "slow"):
                writer.append(swing(activity, seed, 12.0))
        writer.append(joined(swing("fast", 20, 12.0), swing("slow", 21, 12.0)))
        writer.append(replace(swing("fast", 22, 1.0), id="short"))
    simulated = search.clips.make({"some": replace(RECIPE, clips=24)})["some"]
    recorded = Dataset.open(tmp_path / "real.h5")
    who = shown(simulated, recorded, SECONDS, 0)
    assert who.tolist() == ["fast", "slow"] * 10 + ["", ""]
    # Clips of 2.03 s hold frames of 20 Hz for 2 s.
    assert np.array_equal(shown(simulated, recorded, SECONDS + 0.03, 0), who)
    # Nothing as long as a window, or nothing to tell apart.
    short = written(tmp_path / "short.h5", Attributes(), [swing("fast", 22, 1.0), swing("slow", 23, 1.0)])
    assert set(shown(simulated, Dataset.open(short), SECONDS, 0)) == {""}
    one = search.clips.make({"one": replace(RECIPE, clips=1)})["one"]
    assert set(shown(one, recorded, SECONDS, 0)) == {""}
