"""Ghosts and clothing: taken where they bring recordings nearer by more than chance."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from calibration.recordings import recipe

from mmsynth.calibration import CalibrationSettings, Level
from mmsynth.calibration.errors import DRAWS
from mmsynth.calibration.quantities import SLOW, Values
from mmsynth.calibration.search import WITHIN, ClipFolder, Option, Search
from mmsynth.calibration.settings import Candidate
from mmsynth.generation.ghosts import add_ghosts
from mmsynth.generation.recipe import Recipe
from mmsynth.scene.materials import CLOTHING, cloth_roughness
from mmsynth.types import PointCloud


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
    # All points of a cloud share one share of the range.
    drawn = [add_ghosts(cloud, (0.0, 1.0), draw).position for _ in range(20)]
    shares = [float((ghostly != position).any(1).float().mean()) for ghostly in drawn]
    assert min(shares) < 0.3 and max(shares) > 0.7
    azimuth = torch.atan2(ghosts.position[moved, 0], ghosts.position[moved, 1])
    # Of 800 ghosts: three errors of a mean, and of a spread, of 0.5.
    assert float(azimuth.mean()) == pytest.approx(0.05, abs=0.053)
    assert float(azimuth.std()) == pytest.approx(0.5, abs=0.038)
    # The sine of elevation is any up to 0.5.
    sine = ghosts.position[moved, 2] / ghosts.position[moved].norm(dim=1)
    assert float(sine.abs().max()) == pytest.approx(0.5, abs=0.01) and float(sine.mean()) == pytest.approx(0, abs=0.03)


NO_CLIPS = ClipFolder(Path("none"), 1, lambda done, total: None, 0)


def searched(monkeypatch: pytest.MonkeyPatch, settings: CalibrationSettings, nearer: Callable[..., float]) -> Recipe:
    """What a search finds where `nearer` says by how much an option lies nearer in each histogram.

    Clips drawn again move the mean distance within a window by 0.01 between two options.
    """
    draw, none = np.random.default_rng(0), Values(np.zeros(0), np.zeros(0, int), 1)
    search = Search({"SNR (dB)": none, SLOW: none}, np.zeros((0, 2)), 10.0, settings, NO_CLIPS)

    def option(base: Recipe, device: Candidate) -> Option:
        apart = {name: 0.4 - nearer(name, base, device) for name in (*WITHIN, "azimuth (rad)")}
        return Option(apart, {n: v + draw.normal(0, 0.01, DRAWS) for n, v in apart.items()}, base, device, {})

    monkeypatch.setattr(Search, "_options", lambda own, name, base, devices: [option(base, d) for d in devices])
    monkeypatch.setattr("mmsynth.calibration.search.between", lambda *known: (Level(5.0, 1.0), Level(0.0, 0.0)))
    monkeypatch.setattr(Search, "place", lambda own, recipe: recipe)
    return search.run(recipe(10)).recipe


@pytest.mark.parametrize(
    ("within", "azimuth", "ghosts"),
    # By nothing; by 1.5 errors; by three; by three, where people happened to stand too far to one side; by that alone.
    [(0.0, 0.0, 0.0), (0.015, 0.0, 0.0), (0.03, 0.0, 0.1), (0.03, -0.3, 0.1), (0.0, 0.3, 0.0)],
)
def test_ghosts_are_taken_where_points_scatter_more_about_people_than_chance_tells(
    monkeypatch: pytest.MonkeyPatch, within: float, azimuth: float, ghosts: float
) -> None:
    def nearer(name: str, base: Recipe, device: Candidate) -> float:
        return (within if name in WITHIN else azimuth) * (device.ghosts > 0)

    settings = CalibrationSettings(noise_db=(0.0,), ghosts=(0.0, 0.1), clothes=())
    assert searched(monkeypatch, settings, nearer).device.ghosts == (0.5 * ghosts, 1.5 * ghosts)


@pytest.mark.parametrize(("gain", "taken"), [(0.0, False), (0.012, False), (0.03, True)])
def test_clothing_is_changed_for_more_than_two_errors_alone(
    monkeypatch: pytest.MonkeyPatch, gain: float, taken: bool
) -> None:
    coat = ("coat",)

    def nearer(name: str, base: Recipe, device: Candidate) -> float:
        """Clothes are tried at the noise that was found: 5 dB, whatever they gain at another."""
        return gain * (base.subjects.clothing == coat) + 0.2 * (device.noise_db == 5.0)

    settings = CalibrationSettings(noise_db=(0.0, 6.0), ghosts=(0.0,), clothes=(coat,))
    # The mean of three distances moves by 0.008.
    assert (searched(monkeypatch, settings, nearer).subjects.clothing == coat) == taken


def test_clothes_to_try_are_the_smoothest_and_the_roughest() -> None:
    smooth, rough = ([cloth_roughness(CLOTHING[k], 77e9) for k in kinds] for kinds in CalibrationSettings().clothes)
    others = [cloth_roughness(cloth, 77e9) for name, cloth in CLOTHING.items()]
    assert max(smooth) == sorted(others)[1] and min(rough) == sorted(others)[-2]
