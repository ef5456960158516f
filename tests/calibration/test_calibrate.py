"""Calibration finds the noise floor and the place that recordings were made with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mmsynth.calibration import Calibration, CalibrationSettings, calibrate
from mmsynth.calibration.quantities import Quantity, distances, measure
from mmsynth.config import read_toml
from mmsynth.datasets import Dataset, FlatPoints
from mmsynth.generation import generate, load_recipe
from mmsynth.generation.ghosts import add_ghosts
from mmsynth.generation.recipe import Device, Placement, Recipe
from mmsynth.resources import data_file
from mmsynth.scene.materials import CLOTHING, cloth_roughness
from mmsynth.types import PointCloud


def recipe(clips: int, **more: object) -> Recipe:
    base = load_recipe(data_file("datasets", "radhar_synthetic.toml"))
    base = replace(base, clips=clips, noise_draws=1, seconds=0.2, subjects=replace(base.subjects, body="free-low"))
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
    recorded = Dataset.open(*generate(there, tmp_path / "there", lambda done, total: None))
    near = replace(recipe(5, placement=Placement(distance=(1.4, 1.8), radar_height=(1.1, 1.4))), seed=5)
    settings = CalibrationSettings(clips=5, noise_db=(0.0, 20.0, 36.0), threshold_db=(0.0,), ghosts=(0.0,), clothes=())
    found = calibrate(near, recorded, tmp_path / "overlay.toml", lambda done, total: None, settings)
    assert found.overlay["device"]["noise_db"] == [16.0, 24.0]
    assert np.mean(list(found.after.values())) < np.mean(list(found.before.values()))
    assert found.overlay["placement"]["distance"][0] > 1.7
    overlaid = load_recipe(data_file("datasets", "radhar_synthetic.toml"), overlay=tmp_path / "overlay.toml")
    assert list(overlaid.placement.distance) == found.overlay["placement"]["distance"]
    assert np.degrees(overlaid.placement.bearing) == pytest.approx(found.overlay["placement"]["bearing_deg"])
    assert read_toml(tmp_path / "overlay.toml")["device"]["noise_db"] == [16.0, 24.0]
    assert (tmp_path / "overlay.png").stat().st_size > 2000
    assert all(name in found.text() for name in found.before) and len(found.before) == 8
    with pytest.raises(ValueError, match="exists already"):
        calibrate(near, recorded, tmp_path / "overlay.toml", lambda done, total: None)
    with pytest.raises(ValueError, match="recordings of the recipe's radar IWR1443BOOST/mars, got some of .*/radhar"):
        calibrate(replace(near, radar="mars"), recorded, tmp_path / "other.toml", lambda done, total: None)
    worse = replace(found, before=found.after, after=found.before)
    assert "no nearer" in worse.text() and "no nearer" not in found.text()
    measured = measure(recorded.points(), 0.2)
    assert set(distances(measured, measured).values()) == {0.0}


def test_how_long_a_recording_is_does_not_matter() -> None:
    """A person who walks away through a long recording is as far spread in every window as in a short clip."""
    time = np.arange(600) / 30
    values = np.zeros((600, 7), np.float32)
    values[:, 1], values[:, 3] = 1 + 0.2 * time, 0.2

    def points(starts: np.ndarray) -> FlatPoints:
        bounds = np.concatenate([starts, [600]])
        clip = np.repeat(np.arange(len(starts)), np.diff(bounds))
        return FlatPoints(values, np.arange(600), np.arange(601), time - time[starts][clip], bounds)

    whole, cut = measure(points(np.array([0])), 2.0), measure(points(np.arange(0, 600, 60)), 2.0)
    assert all(np.allclose(whole[name], cut[name], atol=1e-6) for name in whole)
    name = "range, less the window's median (m)"
    assert np.abs(cut[name]).max() == pytest.approx(0.2, abs=0.01)
    assert np.abs(measure(points(np.array([0])), 20.0)[name]).max() == pytest.approx(2.0, abs=0.01)


def test_ghosts_lie_farther_at_the_same_speed_and_leave_the_rest() -> None:
    draw = torch.Generator().manual_seed(0)
    count = 4000
    position = torch.tensor([[0.1, 2.0, 0.3]]).repeat(count, 1)
    flat = torch.ones(count)
    cloud = PointCloud(position, flat, flat, flat, flat, torch.tensor([0, count]), torch.zeros(1).double())
    assert add_ghosts(cloud, (0.0, 0.0), draw) is cloud
    ghosts = add_ghosts(cloud, (0.2, 0.2), draw)
    moved = (ghosts.position != position).any(1)
    # A binomial share of 0.2 over 4000: 0.0063 of spread.
    assert abs(float(moved.float().mean()) - 0.2) < 0.025
    farther = ghosts.position[moved].norm(dim=1) - position[0].norm()
    assert 0.09 < float(farther.min()) and float(farther.max()) < 1.01 and torch.equal(ghosts.velocity, flat)
    azimuth = torch.atan2(ghosts.position[moved, 0], ghosts.position[moved, 1])
    assert float(azimuth.mean()) == pytest.approx(0.05, abs=0.04) and float(azimuth.std()) == pytest.approx(
        0.3, abs=0.03
    )


def test_clothes_to_try_are_the_smoothest_and_the_roughest() -> None:
    smooth, rough = ([cloth_roughness(CLOTHING[k], 77e9) for k in kinds] for kinds in CalibrationSettings().clothes)
    others = [cloth_roughness(cloth, 77e9) for name, cloth in CLOTHING.items()]
    assert max(smooth) == sorted(others)[1] and min(rough) == sorted(others)[-2]


def test_noise_beyond_the_candidates_is_tried_and_the_last_one_said() -> None:
    settings = CalibrationSettings(noise_db=(0.0, 6.0, 12.0), threshold_db=(-4.0, 0.0), ghosts=(0.0,))

    def near(noise: float) -> list[float]:
        found = settings.near(settings.device(noise, -4.0, 0.0))
        assert {d.threshold_db for d in found} == {(-5.0, -3.0)}
        return sorted(d.noise_db[0] + settings.spread_db for d in found)

    assert near(6.0) == [0.0, 6.0, 12.0]
    assert near(12.0) == [6.0, 12.0, 18.0, 24.0] and near(0.0) == [-12.0, -6.0, 0.0, 6.0]
    fixed = replace(settings, noise_db=(12.0,))
    assert len(fixed.near(fixed.device(12.0, 0.0, 0.0))) == 1 and not fixed.edge(fixed.device(12.0, 0.0, 0.0))
    said = {noise: settings.edge(settings.device(noise, 0.0, 0.0)) for noise in (-12.0, 0.0, 12.0, 18.0, 24.0)}
    assert [noise for noise, text in said.items() if text] == [-12.0, 24.0]
    assert "+24 dB to the data sheet's, is the last" in said[24.0] and "so little noise" in said[-12.0]
    found = Calibration({}, {"x": 0.2}, {"x": 0.1}, said[24.0])
    assert found.text().endswith(said[24.0])
