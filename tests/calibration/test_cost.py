"""What a calibration will cost, and recordings that are too short for one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from calibration.recordings import recipe

from mmsynth.calibration import CalibrationSettings, estimate, short
from mmsynth.calibration.cost import _devices
from mmsynth.calibration.quantities import QUANTITIES, SLOW
from mmsynth.calibration.search import candidates
from mmsynth.datasets import Dataset, DatasetWriter
from mmsynth.generation import generate
from mmsynth.generation.cost import Estimate
from mmsynth.generation.recipe import Recipe
from mmsynth.processes import Progress


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset.open(*generate(recipe(5), tmp_path_factory.mktemp("there") / "set", lambda done, total: None))


def test_clips_are_counted_as_traced_and_candidates_as_recordings_of_one(
    recorded: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clips of which one takes 3 s and 2 s more for each further recording, with 14 devices and no clutter."""

    def cost(of: Recipe, progress: Progress, workers: int) -> Estimate:
        assert (of.clips, workers) == (50, 4)
        return Estimate(1, 1, 50 * (3.0 + 2.0 * (of.noise_draws - 1)), 1)

    monkeypatch.setattr("mmsynth.calibration.cost.estimate_set", cost)
    found = estimate(recipe(5), recorded, lambda done, total: None, CalibrationSettings(clips=50), 4)
    assert found.clips == 50 * (5 + 2) + 100  # of places, devices, ghosts, two clothings ..., and judged twice
    assert found.seconds == pytest.approx(3.0 * found.clips + 2.0 * 50 * 13)
    # Where an activity's style is open, five times as many tell it.
    first, *rest = recipe(5).activities
    free = replace(recipe(5), activities=(replace(first, style={}), *rest))
    more = estimate(free, recorded, lambda done, total: None, CalibrationSettings(clips=50), 4)
    assert more.clips == found.clips + 3 * 5 * 50


def test_devices_are_counted_as_the_search_tries_them() -> None:
    values: Mapping[str, tuple[int, ...]] = {q.name: (1,) for q in QUANTITIES}
    settings = CalibrationSettings()
    assert _devices(settings, values) == 14 + 3 * 2 * 5 and len(candidates(settings, values)) == 84  # type: ignore[arg-type]
    assert _devices(settings, {**values, SLOW: ()}) == 14  # type: ignore[dict-item]


def test_a_real_estimate_leaves_nothing_behind(
    recorded: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = estimate(recipe(2, seconds=0.1), recorded, lambda done, total: None, CalibrationSettings(clips=2))
    assert found.seconds > 0 and list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="expected recordings of the recipe's radar"):
        estimate(replace(recipe(2), radar="mars"), recorded, lambda done, total: None)


def test_recordings_too_short_for_a_calibration_are_told(recorded: Dataset, tmp_path: Path) -> None:
    assert "last 2 s in all: of less than 160 s" in short(recorded)
    sample = recorded[0]
    for period, told in ((10.6, True), (10.7, False)):  # 15 frames
        cloud = replace(sample.cloud, times=period * torch.arange(15, dtype=torch.float64))
        with DatasetWriter(tmp_path / f"{period}.h5", recorded.attributes) as writer:
            writer.append(replace(sample, cloud=cloud))
        assert bool(short(Dataset.open(tmp_path / f"{period}.h5"))) == told
