"""Simulated clouds lie on the grids on which the recorded ones lie, and within the same limits."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from made_up import make_clip

from mmsynth.datasets import import_source
from mmsynth.generation import load_recipe
from mmsynth.generation.clip import stage
from mmsynth.radar import load_radar
from mmsynth.types import PointCloud

# Range bin in m, Doppler step in m/s, its range in bins, m within which all points lie, grid of the coordinates in m.
GRIDS = {
    "radhar": (0.04085, 0.6147, (-8, 7), (0.0408, 9.36), 1 / 512),
    "mars": (0.02930, 0.3560, (-16, 15), (0.0293, 3.38), 1 / 1024),
}
# Steps between the bins of the 64-point azimuth FFT, as x over range.
ANGLE = 2 / 64

RECIPE = """
name = "grid"
radar = "RADAR"
clips = 1
seconds = 0.6
seed = 2
[[activities]]
label = "walk"
motion = "walk"
[subjects]
body = "free-low"
[placement]
distance = [1.9, 2.1]
"""


def parts(*clouds: PointCloud) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, ranges and velocities in float64 of all points but the few whose range cannot be told.

    Where noise's angles leave no room for y, the device sends y = 0 and the coordinates are longer than the range.
    """
    position = np.concatenate([cloud.position.numpy() for cloud in clouds]).astype(np.float64)
    velocity = np.concatenate([cloud.velocity.numpy() for cloud in clouds]).astype(np.float64)
    real = position[:, 1] > 0
    assert real.mean() > 0.95
    return position[real], np.linalg.norm(position[real], axis=1), velocity[real]


def off(values: np.ndarray, step: float) -> np.ndarray:
    """Distance to the nearest multiple, in steps."""
    return np.abs(values / step - np.rint(values / step))


@pytest.mark.parametrize("name", GRIDS)
def test_a_simulated_person_is_on_the_device_s_grids(tmp_path: Path, name: str) -> None:
    (tmp_path / "r.toml").write_text(RECIPE.replace("RADAR", name))
    (sample, *_) = make_clip(stage(load_recipe(tmp_path / "r.toml")), 0)
    step, doppler, bins, limits, grid = GRIDS[name]
    position, distance, velocity = parts(sample.cloud)
    assert len(velocity) > 10
    assert float(off(position, grid).max()) == 0.0
    # Coordinates move by half a grid each, so the range by 0.87 of it, and the steps are given to four digits.
    assert (off(distance, step) <= (0.87 * grid + 2e-4 * distance) / step).all()
    assert (off(position[:, 0] / distance, ANGLE) <= (0.87 * grid / distance + 1e-3) / ANGLE).all()
    assert off(velocity, doppler).max() < 0.005
    index = np.rint(velocity / doppler)
    assert bins[0] <= index.min() and index.max() <= bins[1]
    assert limits[0] - grid <= distance.min() and distance.max() <= limits[1] + grid


@pytest.mark.parametrize("name", GRIDS)
def test_without_the_rounding_the_grids_are_exact(tmp_path: Path, name: str) -> None:
    (tmp_path / "r.toml").write_text(RECIPE.replace("RADAR", name) + "[processing]\nposition_step = 0.0\n")
    (sample, *_) = make_clip(stage(load_recipe(tmp_path / "r.toml")), 0)
    radar = load_radar(name).radar
    position, distance, velocity = parts(sample.cloud)
    # float32 coordinates.
    assert off(distance, radar.waveform.range_bin).max() < 1e-4
    assert off(position[:, 0] / distance, ANGLE).max() < 1e-4
    assert off(velocity, radar.velocity_resolution).max() < 1e-4


@pytest.mark.real
@pytest.mark.parametrize("name", GRIDS)
def test_the_recordings_are_on_them_too(real_data: Path, name: str) -> None:
    samples = list(itertools.islice(import_source(name, real_data / name).samples, 4))
    step, doppler, bins, limits, grid = GRIDS[name]
    position, distance, velocity = parts(*(sample.cloud for sample in samples))
    assert float(off(position, grid).max()) == 0.0
    assert off(velocity, doppler).max() < 0.005
    index = np.rint(velocity / doppler)
    assert bins[0] <= index.min() and index.max() <= bins[1] + 1
    assert distance.max() <= limits[1] + grid
    # TI's firmware takes c for 3e8 m/s and the chip rounds the slope to 48.28 kHz/us: its metre is 0.14 % longer.
    steps = step * np.linspace(0.99, 1.01, 401)
    best = steps[np.argmax([np.abs(np.exp(2j * np.pi * distance / s).mean()) for s in steps])]
    assert best == pytest.approx(step, rel=2e-3)
