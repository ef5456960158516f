"""Large flat facets near the radar, cut, against the physical-optics integral over exact distances."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from oracles import plate_field
from simulation.scenes import free_space, mesh, plate, response, small_radar

from mmsynth.simulation.cutting import MOST, pieces
from mmsynth.simulation.paths import trace
from mmsynth.simulation.settings import Simulation, knot_times

EXACT = Simulation(drop=0.0)


def radar_of(apart):
    return small_radar(77e9, tx=((-apart / 2, 0, 0),), rx=((apart / 2, 0, 0),))


def exact(points, radar):
    """The gain of a plate of `plate` by brute force; `points` [4, 3]."""
    ends, wavelength = (radar.tx[0].numpy(), radar.rx[0].numpy()), radar.waveform.wavelength
    # Gain = -j times the field, whose sign is that of a conductor, over 4 pi.
    return 1j * plate_field(points[0], points[[2, 1]] - points[0], ends, wavelength) / (4 * math.pi)


def gain(points, faces, radar, *others):
    """The gain of a mesh, beside others, as it is simulated."""
    return response(trace(free_space(mesh(points, faces), *others), radar, 0, EXACT, 1), radar).item()


def spread_error(pairs):
    """Root mean square of what `got` errs over that of `want`: of one tilt, that may be at a zero between lobes."""
    got, want = np.array(list(pairs)).T
    return np.linalg.norm(got - want) / np.linalg.norm(want)


def tilts(degrees):
    return np.radians(degrees + np.linspace(-1, 1, 4))


PLATES = [
    # size, distance in m, tilt in degrees, TX and RX apart in m, bound; in two triangles they err by 12, 31, 42, 46,
    # 112, 26, 10, 8, 36, 13 and 19 %.
    (0.2, 1.0, 20.0, 0.005, 0.04),
    (0.2, 1.0, 50.0, 0.06, 0.03),
    (0.1, 0.3, 20.0, 0.005, 0.04),
    (0.1, 0.3, 50.0, 0.06, 0.03),
    (0.2, 0.5, 20.0, 0.005, 0.03),
    (0.3, 2.0, 10.0, 0.005, 0.01),
    (0.3, 3.0, 35.0, 0.005, 0.06),
    (0.2, 0.5, 0.0, 0.005, 0.003),
    (0.1, 1.0, 10.0, 1.0, 0.01),
    (0.1, 0.7, 30.0, 0.5, 0.02),
    (0.06, 1.0, 10.0, 1.0, 0.01),
]


@pytest.mark.parametrize(("size", "distance", "degrees", "apart", "bound"), PLATES)
def test_a_large_plate_near_by_is_its_exact_integral(size, distance, degrees, apart, bound):
    radar, pairs = radar_of(apart), []
    for tilt in tilts(degrees):
        points, faces = plate(size, size, distance, tilt)
        pairs.append((gain(points, faces, radar), exact(points, radar)))
    assert spread_error(pairs) < bound


def test_a_plate_cut_by_hand_is_the_same():
    radar, pairs = radar_of(0.005), []
    for tilt in tilts(20.0):
        points, faces = plate(0.2, 0.2, 0.5, tilt, cells=33)
        assert pieces(free_space(mesh(points, faces)), radar) is None
        pairs.append((gain(*plate(0.2, 0.2, 0.5, tilt), radar), gain(points, faces, radar)))
    # Of the exact integral they err by 2 % each.
    assert spread_error(pairs) < 0.04


def test_what_is_small_or_curved_or_a_body_stays_whole():
    radar = radar_of(0.005)
    wavelength = radar.waveform.wavelength
    # Right triangles of equal legs, whose corner is sqrt(5) / 3 of a leg off the centroid, to either side of the limit.
    for distance in (0.3, 1.0):
        leg = 3 / math.sqrt(5) * (0.02 * wavelength * distance**2 * 27**0.5 / 2) ** (1 / 3)
        for size, cut in ((0.97 * leg, False), (1.03 * leg, True)):
            # Its nearest point is the middle of the hypotenuse.
            assert (pieces(free_space(mesh(*plate(size, size, distance))), radar) is not None) is cut
    ball = trimesh.creation.icosphere(subdivisions=2, radius=0.3)
    assert pieces(free_space(mesh(ball.vertices + [0, 0.7, 0], ball.faces)), radar) is None
    large = mesh(*plate(0.2, 0.2, 0.5))
    joints = torch.zeros(len(large.times), 1, 3, dtype=torch.float64)
    assert pieces(free_space(large), radar).tolist() == [29, 29]
    assert pieces(free_space(replace(large, joint_names=("pelvis",), joints=joints)), radar) is None


def test_what_comes_near_in_a_clip_is_cut_from_its_first_frame_on():
    # Facets keep their phases, so that they may not change in number.
    radar, (points, faces) = radar_of(0.005), plate(0.1, 0.1, 6.0)
    far = mesh(points, faces, rows=6)
    rows = far.vertices - torch.linspace(0, 5.6, 6).reshape(6, 1, 1) * torch.tensor([0, 1.0, 0])
    near = replace(far, vertices=rows, times=knot_times(radar, 2, EXACT))
    counts = [len(trace(free_space(near), radar, frame, EXACT, 1)) for frame in (0, 1)]
    assert counts == [450, 450]
    assert len(trace(free_space(far), radar, 0, EXACT, 1)) == 2


def test_half_of_a_facet_may_be_hidden():
    radar, pairs = radar_of(0.005), []
    for tilt in tilts(0.0):
        points, faces = plate(0.2, 0.2, 0.5, tilt)
        # A sheet that shows its back hides all that lies left of the boresight, and returns nothing.
        sheet, sides = plate(0.1, 0.2, 0.3)
        sheet = sheet + [-0.05, 0, 0]
        right = np.concatenate([(points[:2] + points[2:]) / 2, points[2:]])
        pairs.append((gain(points, faces, radar, mesh(sheet, sides[:, ::-1].copy())), exact(right, radar)))
    assert spread_error(pairs) < 0.1


def test_what_is_cut_can_be_differentiated():
    radar, step = radar_of(0.005), 1e-5
    points, faces = plate(0.1, 0.1, 0.5, 0.1)
    rest = torch.tensor(points)

    def power(place):
        found = trace(free_space(mesh(place, faces)), radar, 0, EXACT, 1)
        assert len(found) == 450
        return response(found, radar).abs() ** 2

    place = rest.clone().requires_grad_()
    (slope,) = torch.autograd.grad(power(place), place)
    way = torch.zeros_like(rest)
    way[0, 1] = step
    want = (power(rest + way) - power(rest - way)) / (2 * step)
    assert float(slope[0, 1]) == pytest.approx(float(want), rel=0.02)


def test_too_many_pieces_are_refused():
    points, faces = plate(4.0, 4.0, 1.0)
    with pytest.raises(ValueError, match=r"Scene.people: expected surfaces of at most 300,000 facets .* got \d"):
        trace(free_space(mesh(points, faces)), radar_of(0.005), 0, EXACT, 1)
    assert MOST == 300_000
