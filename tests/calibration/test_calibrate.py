"""Calibration finds the noise floor and the place that recordings were made with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmsynth.calibration import CalibrationSettings, calibrate
from mmsynth.calibration.quantities import QUANTITIES, Quantity, distances, measure
from mmsynth.config import read_toml
from mmsynth.datasets import Dataset
from mmsynth.generation import generate, load_recipe
from mmsynth.generation.recipe import Device, Placement, Recipe
from mmsynth.resources import data_file


def recipe(clips: int, **more: object) -> Recipe:
    base = load_recipe(data_file("datasets", "radhar_synthetic.toml"))
    base = replace(base, clips=clips, noise_draws=1, seconds=0.34, subjects=replace(base.subjects, body="free-low"))
    # Activities with a place of their own stay there: here everybody stands where the recipe says.
    base = replace(base, activities=tuple(replace(a, placement={}) for a in base.activities))
    return replace(base, device=Device(), **more)  # type: ignore[arg-type]


def test_a_shift_of_the_values_is_the_distance() -> None:
    quantity = Quantity("x", 0.0, 10.0, 100)
    values = np.random.default_rng(0).uniform(1, 5, 1000)
    # A shift of 2 on an axis of 10, within a bin of 0.1.
    assert quantity.distance(values, values + 2) == pytest.approx(0.2, abs=0.01)
    assert quantity.distance(values, values) == 0
    assert quantity.distance(values, values[:0]) == 1


def test_a_noisier_radar_elsewhere_is_found(tmp_path: Path) -> None:
    far = replace(recipe(5).placement, distance=(2.4, 2.8))
    there = replace(recipe(5, placement=far), seed=77, device=Device(noise_db=(20.0, 20.0)))
    recorded = Dataset.open(generate(there, tmp_path / "there", lambda done, total: None))
    near = replace(recipe(5, placement=Placement(distance=(1.4, 1.8), radar_height=(1.1, 1.4))), seed=5)
    settings = CalibrationSettings(clips=5, noise_db=(0.0, 20.0, 36.0), threshold_db=(0.0,))
    found = calibrate(near, recorded, tmp_path / "overlay.toml", lambda done, total: None, settings)
    assert found.overlay["device"]["noise_db"] == [16.0, 24.0]
    assert np.mean(list(found.after.values())) < np.mean(list(found.before.values()))
    assert found.overlay["placement"]["distance"][0] > 1.7
    overlaid = load_recipe(data_file("datasets", "radhar_synthetic.toml"), overlay=tmp_path / "overlay.toml")
    assert overlaid.placement.distance == found.overlay["placement"]["distance"]
    assert read_toml(tmp_path / "overlay.toml")["device"]["noise_db"] == [16.0, 24.0]
    assert (tmp_path / "overlay.png").stat().st_size > 2000
    assert all(q.name in found.text() for q in QUANTITIES)
    with pytest.raises(ValueError, match="exists already"):
        calibrate(near, recorded, tmp_path / "overlay.toml", lambda done, total: None)
    measured = measure(recorded.points())
    assert set(distances(measured, measured).values()) == {0.0}
