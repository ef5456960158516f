"""Double bounces between bodies like arm and trunk against brute force, and that they converge."""

import math

import numpy as np
from simulation.scenes import CONDUCTOR, free_space, mesh, response, small_radar

from mmsynth.simulation.paths import select, trace
from mmsynth.simulation.settings import Simulation
from mmsynth.simulation.tubes import tubes

EVERYTHING = Simulation(drop=0.0, bounce_drop=0.0, bounces=1)
ENDS = ((-0.3, 0.0, 0.0), (0.4, 0.0, 0.0))
# Radius, length between the middles of the ends, place of the middle: a forearm 6 cm off a narrow trunk.
ARM, TRUNK = (0.03, 0.10, (-0.07, 3.0, 0.0)), (0.06, 0.10, (0.07, 3.04, 0.0))


def double_bounce_gain(first, second, ends, wavelength):
    """Amplitude gain from TX over one body, then another, to RX: physical optics twice, summed over pairs of facets.

    Conductors, isotropic antennas, a field across the plane of all ways. Huygens' integral over the first body makes
    the field at each point of the second, and over the second that at the RX: (lambda / 4 pi) (-j k / 2 pi)^2 times the
    sum of exp(j k way) c_1 c_2 dS_1 dS_2 / (s_0 s_1 s_2), with c = (cos_in + cos_out) / 2 where both are above zero.

    Args:
        first, second: points [n, 3], outward unit normals [n, 3] and areas [n] of bodies that hide nothing of another.
        ends: places [3] of TX and RX.
        wavelength: in m; points should lie within a quarter of it from each other.
    """
    wavenumber = 2 * np.pi / wavelength
    (tx, rx), sides = (np.asarray(end, float) for end in ends), []
    for (points, normals, areas), end in zip((first, second), (tx, rx), strict=True):
        away = end - points
        far = np.linalg.norm(away, axis=1)
        cosine = (away * normals).sum(1) / far
        lit = cosine > 0
        sides.append((points[lit], normals[lit], (areas * np.exp(1j * wavenumber * far) / far)[lit], cosine[lit]))
    total = 0.0
    for rows in np.array_split(np.arange(len(sides[0][0])), 1 + len(sides[0][0]) // 200):
        (p, n, wave, there), (q, m, back, here) = tuple(x[rows] for x in sides[0]), sides[1]
        way = q[None] - p[:, None]
        far = np.linalg.norm(way, axis=2)
        out, into = (way * n[:, None]).sum(2) / far, -(way * m[None]).sum(2) / far
        weight = np.where((out > 0) & (into > 0), 0.25 * (there[:, None] + out) * (here[None] + into), 0)
        total += wave @ (weight * np.exp(1j * wavenumber * far) / far) @ back
    return wavelength / (4 * np.pi) * (-1j * wavenumber / (2 * np.pi)) ** 2 * total


def capsule(body, edge):
    """Vertices and faces of an upright capsule: rings of points that stand in the gaps of the ring below."""
    radius, height, place = body
    around, cap = math.ceil(2 * math.pi * radius / edge), math.ceil(math.pi * radius / 2 / edge)
    tilt = np.arange(1, cap + 1) / cap * math.pi / 2
    low = [(radius * math.sin(t), -height / 2 - radius * math.cos(t)) for t in tilt]
    side = math.ceil(height / edge)
    rings = [
        *low,
        *((radius, -height / 2 + height * k / side) for k in range(1, side)),
        *((a, -z) for a, z in low[::-1]),
    ]
    points = [[[0, 0, -height / 2 - radius]]]
    for i, (a, z) in enumerate(rings):
        t = (np.arange(around) + i % 2 / 2) / around * 2 * math.pi
        points.append(np.stack([a * np.cos(t), a * np.sin(t), np.full(around, z)], 1))
    points.append([[0, 0, height / 2 + radius]])
    k, top = np.arange(around), 1 + around * len(rings)
    following = (k + 1) % around
    last = 1 + around * (len(rings) - 1)
    faces = [np.stack([0 * k, 1 + following, 1 + k], 1), np.stack([0 * k + top, last + k, last + following], 1)]
    for i in range(len(rings) - 1):
        a, b = 1 + around * i + k, 1 + around * i + following
        c, d = 1 + around * (i + 1) + k, 1 + around * (i + 1) + following
        # Of every second ring the points stand half a step on.
        faces += [np.stack(x, 1) for x in (((a, b, c), (b, d, c)) if i % 2 == 0 else ((a, b, d), (a, d, c)))]
    return np.concatenate(points) + place, np.concatenate(faces)


def patches(body, edge, toward):
    """Points on a capsule, normals and areas, of the side that can light `toward` [3]."""
    radius, height, place = body
    points, faces = capsule(body, edge)
    corner = points[faces]
    area = 0.5 * np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    middle = corner.mean(1) - place
    axis = np.clip(middle[:, 2], -height / 2, height / 2)[:, None] * [0, 0, 1.0]
    normal = (middle - axis) / np.linalg.norm(middle - axis, axis=1, keepdims=True)
    way = np.asarray(toward) - place
    near = normal @ (way / np.linalg.norm(way)) > -0.3
    return (place + axis + radius * normal)[near], normal[near], area[near]


def bounced(edge, radar):
    """Paths over arm and trunk, and whether each comes to the arm first."""
    bodies = [mesh(*capsule(b, edge), region=name) for b, name in ((ARM, "arm"), (TRUNK, "trunk"))]
    paths = trace(free_space(*bodies, materials={"arm": CONDUCTOR, "trunk": CONDUCTOR}), radar, 0, EVERYTHING, 1)
    paths = select(paths, (paths.order == 1).nonzero()[:, 0])
    return paths, paths.region == paths.region_names.index("trunk")


def test_arm_and_trunk_light_each_other_as_brute_force_says():
    radar = small_radar(40e9, tx=(ENDS[0],), rx=(ENDS[1],))
    wavelength = radar.waveform.wavelength
    arm, trunk = patches(ARM, 0.5 * wavelength, TRUNK[2]), patches(TRUNK, 0.5 * wavelength, ARM[2])
    paths, arm_first = bounced(0.008, radar)
    found = complex(response(select(paths, arm_first.nonzero()[:, 0]), radar))
    want = double_bounce_gain(arm, trunk, ENDS, wavelength)
    # Tubes are geometric optics at the arm, where physical optics adds 1 / (k a) = 4 %; half a wavelength leaves 2 %.
    assert abs(found / want - 1) < 0.04


def test_tubes_are_cut_until_their_sum_no_longer_changes(monkeypatch):
    # Edges of two wavelengths. Uncut, tubes off the arm are ten times as wide on the trunk, and their sum is 90 % off.
    radar = small_radar(60e9, tx=(ENDS[0],), rx=(ENDS[1],))
    sums = []
    for cuts in ((1,), tubes.CUTS, (12,)):
        monkeypatch.setattr(tubes, "CUTS", cuts)
        sums.append(complex(response(bounced(0.011, radar)[0], radar)))
    errors = [abs(x - sums[-1]) / abs(sums[-1]) for x in sums[:2]]
    assert errors[1] < 0.1 < 0.5 < errors[0]
