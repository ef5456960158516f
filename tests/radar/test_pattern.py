"""Element patterns: closed forms, tables, gradients."""

import math

import pytest
import torch

from mmsynth.geometry import direction_from_angles
from mmsynth.radar import devices, load_radar, pattern_gain
from mmsynth.types import Pattern


def towards(azimuth_deg: float, elevation_deg: float = 0.0) -> torch.Tensor:
    angles = torch.deg2rad(torch.tensor([azimuth_deg, elevation_deg], dtype=torch.float64))
    return direction_from_angles(angles[0], angles[1])


def test_parametric_pattern_halves_at_half_the_beam_widths():
    pattern = Pattern(8.0, math.radians(80), math.radians(30))
    assert pattern_gain(pattern, towards(0)).item() == pytest.approx(8)
    for side in (-1, 1):
        assert pattern_gain(pattern, towards(side * 40)).item() == pytest.approx(4)
        assert pattern_gain(pattern, towards(0, side * 15)).item() == pytest.approx(4)
        assert pattern_gain(pattern, towards(side * 40, 15)).item() == pytest.approx(2)
    assert pattern_gain(pattern, torch.tensor([0.0, -1.0, 0.0])).item() == pytest.approx(0, abs=1e-9)


def test_default_pattern_is_isotropic():
    directions = torch.randn(100, 3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(pattern_gain(Pattern(), directions), torch.ones(100))


def test_gain_depends_on_direction_only_and_has_a_gradient():
    pattern = load_radar("radhar").radar.pattern
    direction = torch.tensor([[0.3, 2.0, -0.2], [-0.5, 1.0, 0.4]], dtype=torch.float64, requires_grad=True)
    gain = pattern_gain(pattern, direction)
    assert torch.allclose(gain, pattern_gain(pattern, 7 * direction))
    (gradient,) = torch.autograd.grad(gain.sum(), direction)
    assert bool(torch.isfinite(gradient).all()) and bool((gradient != 0).any(-1).all())
    # Euler: a function of direction alone has no slope along it.
    assert torch.allclose((gradient * direction).sum(-1), torch.zeros(2, dtype=torch.float64), atol=1e-9)


def test_table_is_read_at_and_between_its_angles():
    angle = torch.deg2rad(torch.tensor([-90.0, 0.0, 30.0, 90.0], dtype=torch.float64))
    azimuth = torch.tensor([0.0, 1.0, 0.5, 0.1], dtype=torch.float64)
    elevation = torch.tensor([0.2, 1.0, 0.4, 0.0], dtype=torch.float64)
    pattern = Pattern(10.0, table_angle=angle, azimuth_cut=azimuth, elevation_cut=elevation)
    assert pattern_gain(pattern, towards(30)).item() == pytest.approx(5)
    assert pattern_gain(pattern, towards(15)).item() == pytest.approx(7.5)
    assert pattern_gain(pattern, towards(30, 30)).item() == pytest.approx(2)
    assert pattern_gain(pattern, towards(0, -90)).item() == pytest.approx(2)
    assert pattern_gain(pattern, towards(170)).item() == pytest.approx(1)  # held beyond the last angle


def test_boards_have_the_beams_of_their_guides():
    # User guides: -3 dB at +-28 and +-14 deg, -6 dB at +-50 and +-20 deg (IWR1443BOOST; IWR1843BOOST alike).
    for name in ("radhar", "mmmesh"):
        pattern = load_radar(name).radar.pattern
        for azimuth, elevation, below in ((28, 0, 3), (-50, 0, 6), (0, 14, 3), (0, -20, 6)):
            gain = pattern_gain(pattern, towards(azimuth, elevation)).item()
            assert 10 * math.log10(pattern.peak_gain / gain) == pytest.approx(below, abs=1e-6)


def test_no_board_radiates_more_than_it_is_fed():
    # The mean of the gain over the sphere is the efficiency: at most 1.
    azimuth = torch.linspace(-math.pi, math.pi, 361, dtype=torch.float64)
    elevation = torch.linspace(-math.pi / 2, math.pi / 2, 181, dtype=torch.float64)
    grid = torch.meshgrid(azimuth, elevation, indexing="ij")
    for device in devices().values():
        gain = pattern_gain(device.beam.pattern(), direction_from_angles(*grid))
        mean = torch.trapezoid(torch.trapezoid(gain * grid[1].cos(), elevation), azimuth) / (4 * math.pi)
        assert 0.2 < mean.item() <= 1.0, (device.name, mean.item())
