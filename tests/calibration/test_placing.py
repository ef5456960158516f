"""Where people stood and how high the radar hung, read off points."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from mmsynth import geometry
from mmsynth.calibration.placing import floor_begins, height_from, placement_from, stood
from mmsynth.datasets import FlatPoints
from mmsynth.generation.recipe import Placement


def test_places_count_windows_not_points_and_are_corrected_by_the_simulated_body() -> None:
    rng = np.random.default_rng(0)
    recorded = np.stack([rng.uniform(1.0, 3.0, 4000), rng.normal(0.1, 0.2, 4000)], 1)
    recorded[::7] = np.nan
    # Points lie 0.15 m nearer than the person stands, and to the left of it.
    offset = np.array([-0.15, -0.05])
    place = Placement(facing=(-1.0, 1.0))
    found = placement_from(place, recorded, offset, 3.0)
    # Quantiles of 3,428 windows err by 0.017 m in the middle; nobody stands beyond what the radar measures.
    assert np.allclose(found.distance, np.minimum(1.15 + 2 * np.linspace(0.05, 0.95, 9), 3.0), atol=0.06)
    assert found.distance[-1] == 3.0
    assert np.allclose(found.bearing, 0.15 + 0.2 * norm.ppf(np.linspace(0.05, 0.95, 9)), atol=0.03)
    assert (found.facing, found.radar_height) == (place.facing, place.radar_height)
    assert placement_from(place, recorded[:9], offset, 3.0) is place
    assert placement_from(place, recorded, np.full(2, np.nan), 3.0) is place


def test_the_radar_hangs_as_high_as_the_floor_begins() -> None:
    """Simulated heights of 0.6 to 1.6 m, the floor beginning 0.1 m farther; a recorded one at 1.27 m."""
    rng, place = np.random.default_rng(0), Placement(radar_height=(0.6, 1.6))
    heights = rng.uniform(0.6, 1.6, 60)
    made = heights + 0.1 + rng.normal(0, 0.1, 60)
    made[::9] = np.nan
    found = height_from(place, np.array([1.27, 1.25, np.nan, 1.29]), made, heights)
    low, high = found.radar_height
    # Scatter in what is seen flattens the line by a tenth, and 53 clips tell it to 0.015 m; 0.1 m to each side.
    assert 0.5 * (low + high) == pytest.approx(1.17, abs=0.05) and high - low == pytest.approx(0.2, abs=0.002)
    assert (found.distance, found.bearing) == (place.distance, place.bearing)
    # Within what was simulated.
    assert height_from(place, np.array([2.5]), made, heights).radar_height == (1.5, 1.6)
    # No floor in the recordings, in the clips, or in what they have in common; one height alone.
    for recorded, seen, there in (
        (np.full(3, np.nan), made, heights),
        (np.full(3, 1.2), np.full(60, np.nan), heights),
        (np.full(3, 1.2), rng.uniform(1, 2, 60), heights),
        (np.full(3, 1.2), np.full(60, 1.0), heights),
    ):
        assert height_from(place, recorded, seen, there) is place


def test_the_floor_begins_where_a_tenth_of_points_at_rest_is_nearer() -> None:
    """Points of two clips at rest from 1 m and from 2 m on; what moves, couples or lies beyond is not the floor's."""
    values = np.zeros((300, 7), np.float32)
    values[:100, 1], values[100:200, 2] = np.linspace(1, 2, 100), -np.linspace(2, 3, 100)
    values[200:250, 1], values[200:250, 3] = 0.5, 1.0
    values[250:275, 1], values[275:, 1] = 0.1, 9.0
    order = np.r_[0:100, 200:300, 100:200]
    points = FlatPoints(values[order], np.array([0, 200, 300, 300]), np.zeros(3), np.arange(4))
    found = floor_begins(points, 4.0)
    assert found[:2] == pytest.approx([1.1, 2.1], abs=0.01) and np.isnan(found[2])


def test_where_somebody_stood_is_told_over_the_floor_by_a_tilted_radar() -> None:
    # The radar looks down by 0.3 rad from 2 m; joints are at (0.6, 2.5), on the floor and at 1.6 m.
    pose = geometry.radar_pose((0.0, 0.0, 2.0), tilt=-0.3)
    world = torch.tensor([[[0.6, 2.5, 0.0], [0.6, 2.5, 1.6]]], dtype=torch.float64)
    joints = geometry.apply(geometry.inverse(pose), world).float().numpy()
    np.testing.assert_allclose(stood(joints, pose), [np.hypot(0.6, 2.5), np.arctan(0.6 / 2.5)], atol=1e-6)
