"""Points get the region of the path that caused them."""

from dataclasses import replace

import pytest
import torch

from mmsynth.processing import detect, label_points, range_doppler
from mmsynth.processing.regions import path_features
from mmsynth.types import AdcFrames, Paths, Processing

LIGHT = 299792458.0


def paths_to(radar, targets, gains, regions, knots=2) -> Paths:
    """Knots of the exact delays to moving points."""
    place = torch.tensor([p for p, _ in targets], dtype=torch.float64)
    velocity = torch.tensor([v for _, v in targets], dtype=torch.float64)
    knots = torch.linspace(0, radar.active_time, knots, dtype=torch.float64)
    at = place[:, None] + velocity[:, None] * knots[:, None]
    legs = [(at[:, None] - antennas[None, :, None]).norm(dim=-1) / LIGHT for antennas in (radar.tx, radar.rx)]
    return Paths(
        gain=torch.tensor(gains, dtype=torch.complex64)[:, None].expand(-1, 2),
        tx_delay=legs[0],
        rx_delay=legs[1],
        knots=knots,
        departure=torch.nn.functional.normalize(place, dim=1),
        arrival=torch.nn.functional.normalize(place, dim=1),
        region=torch.tensor(regions),
        order=torch.zeros(len(targets), dtype=torch.int64),
        region_names=("hand", "torso", "wall"),
    )


def test_each_point_takes_the_region_of_its_target(radhar, targets):
    bodies = [((0.9, 2.0, 0.2), (0.0, 2.0, 0.0)), ((0.0, 2.6, 0.0), (0.0, 0.0, 0.0)), ((-1.5, 4.0, 0.0), (0.0,) * 3)]
    adc = targets(radhar, *bodies)
    noise = torch.randn(adc.samples.shape, generator=torch.Generator().manual_seed(0), dtype=torch.complex64)
    settings = Processing()
    cloud = detect(range_doppler(replace(adc, samples=adc.samples + 0.3 * noise), settings), settings)
    paths = paths_to(radhar, bodies, [1.0, 1.0, 1.0], [0, 1, 2])
    labelled = label_points(cloud, [paths], radhar)
    truth = torch.tensor([p for p, _ in bodies])
    for position, region in zip(labelled.position, labelled.region.tolist(), strict=True):
        assert region == int((truth - position).norm(dim=1).argmin())
    assert set(labelled.region.tolist()) == {0, 1, 2} and labelled.region_names == ("hand", "torso", "wall")


def test_the_stronger_of_two_in_one_cell_wins_and_far_points_stay_unknown(radhar, targets):
    here, there = ((0.0, 3.0, 0.0), (0.0, 0.0, 0.0)), ((0.0, 7.0, 0.0), (0.0, 0.0, 0.0))
    cloud = detect(range_doppler(targets(radhar, here), Processing()), Processing(max_points=1))
    for gains, expected in (([1.0, 0.2], 0), ([0.2, 1.0], 1)):
        assert label_points(cloud, [paths_to(radhar, [here, here], gains, [0, 1])], radhar).region.tolist() == [
            expected
        ]
    assert label_points(cloud, [paths_to(radhar, [there], [1.0], [1])], radhar).region.tolist() == [-1]


def test_folded_velocities_are_compared_folded(radhar, targets):
    fast = ((0.0, 3.0, 0.0), (0.0, 7.0, 0.0))
    cloud = detect(range_doppler(targets(radhar, fast), Processing()), Processing(max_points=1))
    assert float(cloud.velocity[0]) < 0
    assert label_points(cloud, [paths_to(radhar, [fast], [1.0], [2])], radhar).region.tolist() == [2]


def test_two_of_one_range_are_told_apart_by_height(radhar, targets):
    upright = replace(radhar, tx=radhar.tx[:, [2, 1, 0]], rx=radhar.rx[:, [2, 1, 0]])
    bodies = [((0.0, 2.0, 0.9), (0.0,) * 3), ((0.0, 2.0, -0.9), (0.0,) * 3)]
    for body, region in zip(bodies, (0, 1), strict=True):
        cloud = detect(range_doppler(targets(upright, body), Processing()), Processing(max_points=1))
        assert label_points(cloud, [paths_to(upright, bodies, [1.0, 1.0], [0, 1])], upright).region.tolist() == [region]


def test_power_counts_and_only_what_lies_within_four_cells(radhar, targets):
    here = ((0.0, 3.0, 0.0), (0.0, 0.0, 0.0))
    cloud = detect(range_doppler(targets(radhar, here), Processing()), Processing(max_points=1))
    # Three paths of half the amplitude hold 3/4 of the power of the one.
    several = paths_to(radhar, [here] * 4, [0.5, 0.5, 0.5, 1.0], [0, 0, 0, 1])
    assert label_points(cloud, [several], radhar).region.tolist() == [1]
    at = float(cloud.position[0].norm())
    for cells, region in ((3.5, 2), (4.5, -1)):
        beyond = ((0.0, at + cells * radhar.waveform.range_resolution, 0.0), (0.0, 0.0, 0.0))
        assert label_points(cloud, [paths_to(radhar, [beyond], [1.0], [2])], radhar).region.tolist() == [region]


def test_features_of_a_path_are_those_of_mid_frame(workload_m):
    place, velocity = (0.5, 3.0, 0.4), (0.3, -3.5, 1.0)
    paths = paths_to(workload_m, [(place, velocity)], [0.5], [0], knots=3)
    distance, speed, _, power = path_features(paths)
    middle = torch.tensor(place).double() + torch.tensor(velocity).double() * workload_m.active_time / 2
    # Antennas stand within 2 cm of the radar's origin.
    assert float(distance[0]) == pytest.approx(float(middle.norm()), abs=4e-3)
    assert float(speed[0]) == pytest.approx(float(middle @ torch.tensor(velocity).double() / middle.norm()), rel=0.01)
    assert float(power[0]) == 0.25


def test_frames_must_match(radhar):
    silent = AdcFrames(radhar, torch.zeros(2, 16, 3, 4, 240, dtype=torch.complex64), torch.arange(2) / 30)
    cloud = detect(range_doppler(silent, Processing()), Processing())
    with pytest.raises(ValueError, match="expected 2 Paths"):
        label_points(cloud, [], radhar)
