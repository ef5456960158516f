"""Bounces off floors and walls, and shadows, against images, Fresnel and brute force."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from oracles import fresnel_power
from simulation.scenes import CONDUCTOR, decibel, free_space, mesh, plate, response, small_radar

from mmsynth import geometry
from mmsynth.processing import detect, range_doppler
from mmsynth.radar import load_radar
from mmsynth.simulation import simulate_clean
from mmsynth.simulation.paths import select, trace
from mmsynth.simulation.settings import Simulation
from mmsynth.types import AdcFrames, Material, Scene

FLOOR = torch.tensor([[[-20.0, -20, 0], [20, -20, 0], [20, 20, 0], [-20, 20, 0]]], dtype=torch.float64)


def ball(radius=0.05, place=(0, 4.0, 1.2), level=3, rows=3):
    found = trimesh.creation.icosphere(subdivisions=level, radius=radius)
    found.apply_transform(trimesh.transformations.rotation_matrix(0.7, [0.3, 0.5, 0.8]))
    return mesh(found.vertices + np.array(place), found.faces, rows)


def over_floor(person, material, height=1.0):
    pose = geometry.radar_pose((0.0, 0.0, height))
    materials = {"conductor": CONDUCTOR, "floor": material}
    return Scene(pose, (person,), materials, mirrors=FLOOR, mirror_regions=("floor",))


def order(paths, n):
    keep = paths.order == n
    names = ("gain", "tx_delay", "rx_delay", "departure", "arrival", "region", "order")
    return replace(paths, **{name: getattr(paths, name)[keep] for name in names})


@pytest.mark.parametrize(("near", "far", "seen"), [(1.5, 2.2, True), (2.3, 20.0, False), (-20.0, 1.4, False)])
def test_a_mirror_reflects_within_its_edges(near, far, seen):
    # From 1 m to a ball at 4 m and 1.2 m high the floor reflects at 4 / 2.2 = 1.82 m (of the ball: 1.74 to 1.90 m).
    scene = over_floor(ball(), CONDUCTOR)
    piece = FLOOR.clone()
    piece[0, :2, 1], piece[0, 2:, 1] = near, far
    paths = trace(replace(scene, mirrors=piece), small_radar(60e9), 0, Simulation(bounces=1), 1)
    assert bool((paths.order == 1).any()) == seen


@pytest.mark.parametrize("polarization", ["vertical", "horizontal"])
@pytest.mark.parametrize(("roughness", "layer_loss"), [(0.0, 1.0), (3e-4, 0.6)])
def test_floor_ghost_is_where_its_image_is_and_as_strong_as_fresnel_says(polarization, roughness, layer_loss):
    radar = small_radar(60e9)
    concrete = Material("concrete", 5.24 - 0.34j, roughness=roughness, layer_loss=layer_loss)
    settings = Simulation(drop=0.0, bounce_drop=0.0, bounces=1, polarization=polarization)
    paths = order(trace(over_floor(ball(), concrete), radar, 0, settings, 1), 1)
    # In free space: the same ball, seen by an RX at the image of the radar (2 m lower).
    apart = replace(radar, rx=torch.tensor([[0.0, 0.0, -2.0]], dtype=torch.float64))
    image = free_space(ball(place=(0, 4.0, 0.2)))
    want = response(trace(image, apart, 0, Simulation(drop=0.0, polarization=polarization), 1), apart)
    got = response(paths, radar)
    angle = math.atan2(4.0, 2.2)
    mode = "tm" if polarization == "vertical" else "te"
    # Roughness leaves exp(-(2 k h cos)^2) of the power (Ament 1953).
    rough = 2 * math.tau / radar.waveform.wavelength * roughness * math.cos(angle)
    power = fresnel_power(5.24 - 0.34j, angle, mode) * math.exp(-(rough**2)) * layer_loss
    # Twice: TX over the floor, and RX over the floor. Angles differ over the ball by a degree: 0.3 dB near Brewster's.
    assert decibel(float(got.abs() ** 2 / want.abs() ** 2) / 4) == pytest.approx(decibel(power), abs=0.4)
    # The ghost's path is half direct, half over the image; its near side is a radius closer.
    length = 299792458.0 * float((paths.tx_delay + paths.rx_delay)[:, 0, 0].min())
    assert length == pytest.approx(math.hypot(4, 0.2) + math.hypot(4, 2.2) - 0.1, abs=0.01)
    # It arrives from the ball or from the floor before it.
    elevation = torch.asin(paths.arrival[:, 2])
    assert float(elevation.max()) == pytest.approx(math.atan2(0.2, 4), abs=0.02)
    assert float(elevation.min()) == pytest.approx(math.atan2(-2.2, 4), abs=0.02)


def test_a_board_reads_an_echo_both_ways_round_a_wall_at_its_transmitters_opposition():
    # One way the TX see the ball and the RX its image, the other way the RX do. Where TX 1 and 3, four half-waves
    # apart, are in opposition, TX 2 between them is half a turn off: z is read wrong by r, and no y is left.
    setup = load_radar("mars")
    radar, processing = setup.radar, replace(setup.processing, clutter_removal=False, compensation=(), angle_step=0.0)
    place = np.array([0.36, 1.8, -0.3])
    wall = torch.tensor([[[1.3, 3, 1], [1.3, 3, -1], [1.3, 0, -1], [1.3, 0, 1]]], dtype=torch.float64)
    pose, materials = torch.eye(4, dtype=torch.float64), {"conductor": CONDUCTOR}
    scene = Scene(pose, (ball(place=place, rows=5),), materials, mirrors=wall, mirror_regions=("conductor",))
    samples = simulate_clean(scene, radar, 1, Simulation(bounces=1, static_room=False), seed=1)
    cube = range_doppler(AdcFrames(radar, samples, torch.zeros(1, dtype=torch.float64)), processing)
    points = detect(cube, processing).position.double().numpy()
    seen, image = place, place * [-1, 1, 1] + [2.6, 0, 0]
    away = 0.5 * (np.linalg.norm(seen) + np.linalg.norm(image)) - 0.05
    across, up = both_ways(radar, seen / np.linalg.norm(seen), image / np.linalg.norm(image))
    assert across**2 + up**2 > 1  # the closed form finds no y either, though the ball is 0.3 m under the radar
    assert up > 0.5
    # A range bin is 3 cm, an azimuth bin 1/32 of 2.3 m; the ball's highlights lie 5 cm beside its centre.
    off = np.abs(points - away * np.array([across, 0.0, up])).max(1)
    assert off.min() < 0.1
    assert points[off.argmin(), 1] == 0


def both_ways(radar, first, second):
    """Cosines x / r beyond 0.5 and z / r that a board reads off an echo out by one direction and back by the other."""
    steps = 2 * math.pi / radar.waveform.wavelength * np.stack([first, second])
    tx, rx = (np.exp(1j * steps @ ends.numpy().T) for ends in (radar.tx, radar.rx))
    signals = tx[0][:, None] * rx[1] + tx[1][:, None] * rx[0]
    places = (radar.tx[:, :1] + radar.rx[:, 0]).numpy() / float(radar.rx[1, 0])
    bins = np.arange(17, 32)[:, None, None] / 32
    rows = (signals * np.exp(-1j * np.pi * bins * places)).sum(2)
    flat, raised = rows[:, 0] + rows[:, 2], rows[:, 1]
    peak = np.abs(flat).argmax()
    return bins[peak, 0, 0], np.angle(raised[peak] / flat[peak]) / np.pi


def test_brewsters_dip():
    radar = small_radar(60e9)
    glass = Material("glass", 6.0 + 0j)
    # Angle of incidence on the floor atan(sqrt(6)): the image lies at that slope from a radar at the ball's height.
    height = 4.0 / math.sqrt(6) / 2
    for polarization, dips in (("vertical", True), ("horizontal", False)):
        settings = Simulation(drop=0.0, bounce_drop=0.0, bounces=1, polarization=polarization)
        scene = over_floor(ball(radius=0.02, place=(0, 4.0, height)), glass, height)
        paths = trace(scene, radar, 0, settings, 1)
        ghost, direct = (response(order(paths, n), radar).abs() for n in (1, 0))
        level = 20 * math.log10(float(ghost / direct))
        assert level < -30 if dips else level > -12


def test_double_bounce_off_a_corner_of_the_room():
    # A metal ball before two metal walls at a right angle: the way over both to the ball is that from the image of
    # the radar in the corner's edge.
    radar = small_radar(60e9)
    left = [[-2.0, -9, -9], [-2, -9, 9], [-2, 9, 9], [-2, 9, -9]]
    back = [[-9.0, 6, 9], [9, 6, 9], [9, 6, -9], [-9, 6, -9]]
    mirrors = torch.tensor([left, back], dtype=torch.float64)
    if float(torch.linalg.cross(mirrors[0, 1] - mirrors[0, 0], mirrors[0, 3] - mirrors[0, 0])[0]) < 0:
        mirrors[0] = mirrors[0].flip(0)
    if float(torch.linalg.cross(mirrors[1, 1] - mirrors[1, 0], mirrors[1, 3] - mirrors[1, 0])[1]) > 0:
        mirrors[1] = mirrors[1].flip(0)
    place = np.array([0.5, 3.0, 0.0])
    scene = Scene(
        torch.eye(4, dtype=torch.float64),
        (ball(place=place, rows=5),),
        {"conductor": CONDUCTOR},
        mirrors=mirrors,
        mirror_regions=("conductor", "conductor"),
    )
    settings = Simulation(drop=0.0, bounce_drop=0.0, bounces=2)
    paths = order(trace(scene, radar, 0, settings, 1), 2)
    lengths = 299792458.0 * (paths.tx_delay + paths.rx_delay)[:, 0, 0]
    # The radar's images in the left wall, in that ahead, and in both.
    left, ahead, both = (-4.0, 0.0, 0.0), (0.0, 12.0, 0.0), (-4.0, 12.0, 0.0)
    for one, other in ((both, (0.0, 0.0, 0.0)), (left, ahead)):
        way = np.linalg.norm(place - one) + np.linalg.norm(place - other)
        # Minus the radius on both legs; a family and its reverse are as long.
        family = select(paths, ((lengths - way).abs() < 0.15).nonzero()[:, 0])
        apart = replace(radar, tx=torch.tensor([one]).double(), rx=torch.tensor([other]).double())
        want = response(trace(free_space(ball(place=place)), apart, 0, Simulation(drop=0.0), 1), apart)
        # A vertical field turns over at each of two metal walls; arrival from both sides: a way and its reverse.
        assert complex(response(family, radar) / want / 2) == pytest.approx(1, abs=0.02)


def test_gradients_over_the_floor_are_those_of_finite_differences():
    radar, target = small_radar(60e9), ball(level=2)
    settings = Simulation(drop=0.0, bounce_drop=0.0, bounces=1)

    def ghost(rise, permittivity, roughness, layer_loss):
        scene = over_floor(target, Material("concrete", permittivity, roughness=roughness, layer_loss=layer_loss))
        moved = torch.zeros(4, 4, dtype=torch.float64)
        moved[2, 3] = 1.0
        here = replace(scene, world_from_radar=scene.world_from_radar + rise * moved)
        return response(order(trace(here, radar, 0, settings, 1), 1), radar).abs() ** 2 * 1e12

    plain = [torch.tensor(v, dtype=torch.float64) for v in (0.0, 0.0, 3e-4, 0.6)]
    plain[1] = torch.tensor(5.24 - 0.34j, dtype=torch.complex128)
    inputs = [x.clone().requires_grad_() for x in plain]
    grads = torch.autograd.grad(ghost(*inputs), inputs)
    # Steps small beside a wavelength, large beside what float32 gains resolve.
    for which, way, step in ((0, 1.0, 2e-5), (1, 1.0, 1e-2), (1, 1j, 1e-2), (2, 1.0, 4e-6), (3, 1.0, 1e-2)):
        moves = [[x + sign * step * way if k == which else x for k, x in enumerate(plain)] for sign in (1, -1)]
        ends = [ghost(*moved) for moved in moves]
        exact = float((grads[which].conj() * way).real)
        assert exact == pytest.approx(float(ends[0] - ends[1]) / (2 * step), rel=0.02), (which, way)


def test_what_stands_before_the_floor_hides_the_ghost_alone():
    # The way over the floor passes 0.4 m above it at 1.1 and at 2.5 m; the direct one is over 1 m high.
    scene = over_floor(ball(), CONDUCTOR)
    found = []
    for distance in (None, 1.1, 2.5):
        board = mesh(*plate(0.6, 0.7, distance or 9.0, cells=2))
        board = replace(board, vertices=board.vertices + torch.tensor([0.0, 0.0, 0.35], dtype=torch.float64))
        here = replace(scene, people=(*scene.people, board)) if distance else scene
        paths = trace(here, small_radar(60e9), 0, Simulation(drop=0.0, bounce_drop=0.0, bounces=1, diffuse=False), 1)
        length = 299792458.0 * (paths.tx_delay + paths.rx_delay)[:, 0, 0]
        of_ball = (length > 7.8) & (length < 9.5)
        found.append([int((of_ball & (paths.order == n)).sum()) for n in (0, 1)])
    assert found[0][0] == found[1][0] == found[2][0] > 100
    assert found[0][1] > 100 and found[1][1] == found[2][1] == 0


@pytest.mark.parametrize("polarization", ["vertical", "horizontal"])
@pytest.mark.parametrize("body", [CONDUCTOR, Material("skin", 7.98 - 10.9j, roughness=3e-4, layer_loss=0.7)])
def test_reciprocity_also_through_bounces(body, polarization):
    # Far apart, so that the angle of incidence is not half the bistatic angle, which alone is the same both ways.
    radar = small_radar(60e9, tx=((-1.5, 0, 0.1),), rx=((1.9, 0.3, 0.0),))
    swapped = replace(radar, tx=radar.rx, rx=radar.tx)
    scene = over_floor(ball(place=(0, 2.5, 1.2)), Material("concrete", 5.24 - 0.34j, roughness=1e-4))
    scene = replace(scene, materials={**scene.materials, "conductor": body})
    settings = Simulation(drop=0.0, bounce_drop=0.0, bounces=2, polarization=polarization)
    one, two = (trace(scene, r, 0, settings, 7) for r in (radar, swapped))
    assert len(one) == len(two)
    for n in (0, 1, 2):
        a, b = response(order(one, n), radar), response(order(two, n), swapped)
        # Gains are float32, summed over some 600 paths that partly cancel.
        assert float((a - b).abs() / a.abs()) < 1e-3


def test_superposition():
    radar = small_radar(60e9)
    first, second = ball(place=(-0.6, 4, 1)), ball(place=(0.7, 5, 0.4))
    settings = Simulation(drop=0.0, diffuse=False)
    both = response(trace(free_space(first, second), radar, 0, settings, 1), radar)
    alone = [response(trace(free_space(one), radar, 0, settings, 1), radar) for one in (first, second)]
    assert float((both - sum(alone)).abs() / both.abs()) < 1e-4


def test_one_person_stands_in_the_shadow_of_another():
    radar = small_radar(60e9)
    wall = mesh(*plate(0.5, 0.5, 2.0, cells=10))
    behind, beside = ball(place=(0, 4, 0)), ball(place=(1.5, 4, 0))
    for far, seen in ((behind, False), (beside, True)):
        paths = trace(free_space(wall, far), radar, 0, Simulation(drop=0.0), 1)
        distance = 299792458.0 / 2 * (paths.tx_delay + paths.rx_delay)[:, 0, 0]
        assert bool((distance > 3.5).any()) == seen
    open_ = trace(free_space(wall, behind), radar, 0, Simulation(drop=0.0, occlusion=False), 1)
    assert len(open_) > len(wall.faces)


def test_the_edge_of_a_shadow_is_the_same_both_ways_round():
    # TX and RX 5 cm apart share their rays, from the middle: a screen 1 m away ends there, and so does the half ball.
    radar = small_radar(60e9, tx=((-0.025, 0, 0),), rx=((0.025, 0, 0),))
    swapped = replace(radar, tx=radar.rx, rx=radar.tx)
    points, faces = plate(0.5, 0.5, 1.0, cells=2)
    scene = free_space(ball(radius=0.2, place=(0, 4, 0)), mesh(points + [0.25, 0, 0], faces))
    settings = Simulation(drop=0.0, grain=0.0)
    one, two = (trace(scene, r, 0, settings, 1) for r in (radar, swapped))
    torch.testing.assert_close(one.tx_delay, two.rx_delay)
    far = 299792458.0 * one.tx_delay[:, 0, 0] > 3
    across = one.departure[far, 0] - 0.025 / 4
    assert int(far.sum()) > 100 and float(across.max()) < 0.02 / 4  # a facet of the ball measures 2 cm


def test_visibility_is_that_of_brute_force():
    # Every facet of two capsules, against Moeller-Trumbore over all triangles in float64.
    radar = small_radar(60e9)
    shapes = [trimesh.creation.capsule(height=0.5, radius=r, count=[14, 14]) for r in (0.12, 0.06)]
    people = [mesh(s.vertices + p, s.faces) for s, p in zip(shapes, ([0, 3.0, 0], [0.05, 2.5, 0.1]), strict=True)]
    scene = free_space(*people)
    # Points, since the delays of those are the ways to the centroids.
    paths = trace(scene, radar, 0, Simulation(drop=0.0, grain=0.0, method="points"), 1)
    corners = torch.cat([p.vertices[0][p.faces] for p in people]).numpy()
    centre = corners.mean(1)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    front = (normal * -centre).sum(1) > 0
    want = []
    for index in np.flatnonzero(front):
        start = centre[index] + 2e-4 * normal[index]
        e1, e2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        h = np.cross(-start, e2)
        det = (e1 * h).sum(1)
        s = start - corners[:, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            u = (s * h).sum(1) / det
            q = np.cross(s, e1)
            v, t = (-start * q).sum(1) / det, (e2 * q).sum(1) / det
        hit = (np.abs(det) > 1e-15) & (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0) & (t < 1)
        if not hit.any():
            want.append(np.linalg.norm(centre[index]))
    got = 299792458.0 / 2 * (paths.tx_delay + paths.rx_delay)[:, 0, 0]
    assert len(got) == len(want)
    assert np.allclose(np.sort(got.numpy()), np.sort(want), atol=1e-9)
