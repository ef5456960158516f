"""Ghosts: as many points as before, a share of them farther, aside and at any elevation."""

import math

import torch

from mmsynth.generation.ghosts import ASIDE, DETOUR, RAISED, add_ghosts
from mmsynth.types import PointCloud


def _cloud(points: int) -> PointCloud:
    place = torch.tensor([0.5, 1.5, 0.2]).expand(points, 3)
    each = torch.arange(points, dtype=torch.float32)
    return PointCloud(place, each, each, each, each, torch.tensor([0, points]), torch.zeros(1, dtype=torch.float64))


def test_a_share_of_the_points_lies_farther_aside_and_anywhere_in_height() -> None:
    before = _cloud(20_000)
    after = add_ghosts(before, (0.3, 0.3), torch.Generator().manual_seed(0))
    assert torch.equal(after.velocity, before.velocity) and torch.equal(after.offsets, before.offsets)
    moved = (after.position != before.position).any(1)
    # Five standard deviations of a share of 20,000 points.
    assert abs(float(moved.double().mean()) - 0.3) < 5 * math.sqrt(0.21 / 20_000)
    place, count = after.position[moved].double(), int(moved.sum())
    farther = place.norm(dim=1) - before.position[0].double().norm()
    assert DETOUR[0] - 1e-6 <= float(farther.min()) and float(farther.max()) <= DETOUR[1] + 1e-6
    # Means of uniform and normal draws, to five of their standard errors; few of these normal draws reach 90 degrees.
    turned = torch.atan2(place[:, 0], place[:, 1]) - math.atan2(0.5, 1.5)
    assert abs(float(turned.median())) < 5 * 1.25 * ASIDE / math.sqrt(count)
    quartiles = turned.quantile(torch.tensor([0.25, 0.75], dtype=torch.float64))
    assert abs(float(quartiles.diff()) / 1.349 - ASIDE) < 5 * 1.2 * ASIDE / math.sqrt(count)
    sine = place[:, 2] / place.norm(dim=1)
    assert float(sine.abs().max()) <= RAISED + 1e-6
    assert abs(float(sine.mean())) < 5 * RAISED / math.sqrt(3 * count)
    assert float(place[:, 1].min()) > -1e-6


def test_each_cloud_draws_its_share_and_none_is_none() -> None:
    cloud, draw = _cloud(2000), torch.Generator().manual_seed(1)
    shares = [
        float((add_ghosts(cloud, (0.0, 0.2), draw).position != cloud.position).any(1).double().mean())
        for _ in range(50)
    ]
    assert min(shares) < 0.05 and 0.15 < max(shares) < 0.25
    assert add_ghosts(cloud, (0.0, 0.0), draw) is cloud
