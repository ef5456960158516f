"""What people leave of mirror images: Fresnel's integrals over limbs, trunks and edges."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from simulation.scenes import mesh, plate, response, small_radar
from simulation.test_shadows import QUIET, wall_scene, wedge_scene

from mmsynth.simulation import trace_room
from mmsynth.simulation.outline import mesh_edges, outline
from mmsynth.simulation.shadows import shadow_paths

RADAR = small_radar(60e9)
WAVELENGTH = RADAR.waveform.wavelength


def spread(apart, distance):
    """Fresnel's kernel between lines `apart` m beside each other, exp(+j omega tau), but for the way straight on."""
    return np.sqrt(-1j / (WAVELENGTH * distance)) * np.exp(1j * np.pi * apart**2 / (WAVELENGTH * distance))


def across(width, aside):
    """Places over a strip, its middle `aside`, and the trapezium rule's weights."""
    x = np.linspace(aside - width / 2, aside + width / 2, 1001)
    weight = np.full(1001, x[1] - x[0])
    weight[[0, -1]] /= 2
    return x, weight


def left_by_a_strip(width, aside, before, wall):
    """Field that an absorbing vertical strip leaves of the echo of a wall at `wall` m, over that without it.

    Fresnel's integrals over the strip, `before` m ahead and its middle `aside`, which the wave passes there and back
    (Babinet: all less what goes through it once, either way, and twice).
    """
    x, weight = across(width, aside)
    near, far, between = before, 2 * wall - before, 2 * (wall - before)
    once = (spread(x, near) * spread(x, far) * weight).sum()
    ends = spread(x, near) * weight
    return 1 - (2 * once - ends @ spread(x[:, None] - x, between) @ ends) / spread(0.0, 2 * wall)


def left(scene, settings=QUIET):
    """Field that the people of a scene leave of the room's echo, over that without them."""
    room = trace_room(scene, RADAR, settings, 1)
    shadow = shadow_paths(scene, RADAR, 0, settings, room)
    return complex(1 + (0 if shadow is None else response(shadow, RADAR) / response(room, RADAR)))


def strip(width, aside, before, height=3.0):
    vertices, faces = plate(width, height, before, cells=2)
    return mesh(vertices + [aside, 0, 0], faces)


def test_wide_strips_are_knife_edges():
    assert abs(left_by_a_strip(1e-4, 0.0, 2.0, 4.0)) == pytest.approx(1.0, abs=2e-3)
    assert abs(left_by_a_strip(2.0, 0.0, 2.0, 4.0)) < 0.02
    # Two edges on the ray, after a = 2, b = 4 and before c = 2 m: 1/4 + atan(sqrt(a c / b (a + b + c))) / 2 pi.
    both = 0.25 + math.atan(math.sqrt(2 * 2 / (4 * 8))) / math.tau
    assert abs(left_by_a_strip(2.0, 1.0, 2.0, 4.0)) == pytest.approx(both, abs=1e-3)


@pytest.mark.parametrize("width", [0.04, 0.08])
def test_a_limb_leaves_of_a_walls_echo_what_fresnel_says(width):
    got = abs(left(wall_scene(strip(width, 0.0, 2.0))))
    assert got == pytest.approx(abs(left_by_a_strip(width, 0.0, 2.0, 4.0)), rel=0.2)


@pytest.mark.parametrize("before", [1.0, 2.0, 3.0])
def test_limbs_and_trunks_beside_the_ray(before):
    # The second pass given the first is interpolated: that errs by up to 0.16 of the field, by 0.07 rms.
    errors = []
    for width in (0.02, 0.04, 0.08, 0.15, 0.3):
        for aside in (0.0, 0.03, 0.07, 0.11, 0.2):
            want = left_by_a_strip(width, aside, before, 4.0)
            errors.append(abs(left(wall_scene(strip(width, aside, before)))) - abs(want))
    assert np.abs(errors).max() < 0.2
    assert np.sqrt(np.mean(np.square(errors))) < 0.08


def test_an_edge_on_the_ray_leaves_what_two_edges_do_from_either_side():
    for before in (1.0, 2.0, 3.0, 3.8):
        both = 0.25 + math.asin(before / (8 - before)) / math.tau
        for aside in (0.9999, 1.0001):
            assert abs(left(wall_scene(strip(2.0, aside, before)))) == pytest.approx(both, abs=0.005)


def test_who_is_wide_takes_all_and_who_is_far_aside_nothing():
    assert left(wall_scene(strip(1.6, 0.0, 2.0))) == pytest.approx(0, abs=1e-12)
    assert left(wall_scene(strip(0.3, 0.9, 2.0))) == 1


def leg_scene(shape, aside, turn=1.0):
    """Something upright, half way along the first leg of a wedge's double bounce (`turn` = -1: the last leg)."""
    way = np.array([turn * math.sqrt(3) / 2, 1.5, 0]) / math.sqrt(3)
    right = np.array([way[1], -way[0], 0])
    vertices, faces = shape
    place = vertices[:, :1] * right + vertices[:, 1:2] * way + vertices[:, 2:] * [0, 0, 1]
    return wedge_scene(mesh(place + 0.5 * math.sqrt(3) * way + aside * right, faces))


def left_once(width, aside):
    """What a strip there leaves by Fresnel's integral."""
    x, weight = across(width, aside)
    near, whole = math.sqrt(3) / 2, 3 * math.sqrt(3)
    return 1 - (spread(x, near) * spread(x, whole - near) * weight).sum() / spread(0.0, whole)


def test_what_stands_in_one_leg_leaves_what_fresnel_says_phase_and_all():
    settings = replace(QUIET, bounces=1)
    for width in (0.01, 0.04, 0.1, 0.25):
        for aside in (0.0, 0.021, 0.051, 0.12):
            want = left_once(width, aside)
            assert left(leg_scene(plate(width, 1.6, 0.0, cells=2), aside), settings) == pytest.approx(want, abs=0.015)
            # Waves go both ways round.
            got = left(leg_scene(plate(width, 1.6, 0.0, cells=2), aside, -1.0), settings)
            assert got == pytest.approx(want, abs=0.015)


def limb(radius, length=1.6):
    return trimesh.creation.cylinder(radius, length, sections=24)


def test_a_round_limb_is_as_wide_as_it_looks():
    settings = replace(QUIET, bounces=1)
    for radius, aside in ((0.02, 0.0), (0.04, 0.03), (0.04, 0.1)):
        shape = limb(radius)
        got = left(leg_scene((shape.vertices, shape.faces), aside), settings)
        assert got == pytest.approx(left_once(2 * radius, aside), abs=0.04)


def test_what_stands_before_or_behind_others_adds_no_outline():
    wide = strip(0.3, 0.1, 2.0)
    for before in (1.7, 2.5):
        scene = wall_scene(wide, 0.0)
        assert left(replace(scene, people=(wide, strip(0.05, 0.1, before)))) == pytest.approx(left(scene), abs=1e-5)


def test_the_echo_does_not_pop_as_a_limb_crosses():
    shape = limb(0.04)
    for first in (-0.06, -0.02, 0.02):
        steps = first + 5e-4 * np.arange(40)
        got = np.array([left(wall_scene(mesh(shape.vertices + [x, 2.0, 0], shape.faces))) for x in steps])
        assert np.abs(np.diff(got)).max() < 0.05  # some 0.04 by Fresnel's integrals


def test_a_box_ends_where_its_front_does():
    box = trimesh.creation.box(extents=(0.3, 0.2, 0.5))
    faces = torch.tensor(box.faces.T.copy())
    edges = mesh_edges(faces)
    assert edges.shape == (4, 18) and bool((edges[2] != edges[3]).all())
    for shift in ([0.0, 2.0, 0.0], [0.02, 2.0, -0.04]):
        begin, end = outline(torch.tensor((box.vertices + shift).T), edges)
        assert float((end - begin).norm(dim=0).sum()) == pytest.approx(2 * (0.3 + 0.5))
        assert float((begin[1] - 1.9).abs().max()) == pytest.approx(0)
        # The surface lies on the left of one who goes along the outline and looks from the radar.
        turn = torch.linalg.cross(begin - begin.mean(1, True), end - begin, dim=0)[1]
        assert bool((turn > 0).all())
    # Of a sheet both sides are seen alike.
    sheet = torch.tensor(plate(0.3, 0.5, 2.0)[1].T.copy())
    assert mesh_edges(sheet).shape == (4, 5)
