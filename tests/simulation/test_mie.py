"""Physical optics against the exact solution, seen from aside."""

import math

import numpy as np
import pytest
import trimesh
from scipy.special import spherical_jn, spherical_yn
from simulation.scenes import decibel, free_space, mesh, response, small_radar

from mmsynth.simulation.paths import trace
from mmsynth.simulation.settings import Simulation


def mie_rcs(radius, wavelength, angle, across):
    """Bistatic RCS in m^2 of a conducting sphere by the exact series, `angle` rad between the ways to TX and RX.

    `across`: polarisation across the plane of both, else in it. Bohren and Huffman, Absorption and Scattering of Light
    by Small Particles, 4.56 and 4.74, with a conductor's a_n = psi_n' / xi_n' and b_n = psi_n / xi_n.
    """
    x, mu = 2 * np.pi * radius / wavelength, np.cos(np.pi - angle)
    n = np.arange(1, int(x + 4 * x ** (1 / 3) + 10) + 1)
    j, h = spherical_jn(n, x), spherical_jn(n, x) + 1j * spherical_yn(n, x)
    slope_j = spherical_jn(n, x, True)
    a = (x * slope_j + j) / (x * (slope_j + 1j * spherical_yn(n, x, True)) + h)
    total, before, pi_n = 0, 0.0, 1.0
    for order, electric, magnetic in zip(n, a, j / h, strict=True):
        tau = order * mu * pi_n - (order + 1) * before
        pair = (pi_n, tau) if across else (tau, pi_n)
        total += (2 * order + 1) / (order * (order + 1)) * (electric * pair[0] + magnetic * pair[1])
        before, pi_n = pi_n, ((2 * order + 1) * mu * pi_n - (order + 1) * before) / order
    return abs(total) ** 2 * wavelength**2 / np.pi


@pytest.mark.parametrize(("degrees", "bound"), [(0, 0.05), (20, 0.1), (45, 0.5), (70, 1.0), (90, 1.0)])
@pytest.mark.parametrize("polarization", ["vertical", "horizontal"])
def test_a_sphere_seen_from_aside_is_maxwells(polarization, degrees, bound):
    # Where the side that both ends see ends, physical optics ends at once: 1 / (2 k a) of the field in backscatter, and
    # from aside, where the rim is no circle about the ray, up to 1 / sqrt(k a), 1 dB.
    radius, distance, angle = 0.06, 300.0, math.radians(degrees)
    place = np.array([0.0, distance, 0.0])
    receiver = place + distance * np.array([math.sin(angle), -math.cos(angle), 0.0])
    radar = small_radar(60e9, rx=(tuple(receiver),))
    ball = trimesh.creation.icosphere(subdivisions=5, radius=radius)
    ball.apply_transform(trimesh.transformations.random_rotation_matrix(np.array([0.3, 0.6, 0.1])))
    settings = Simulation(drop=0.0, polarization=polarization)
    field = response(trace(free_space(mesh(ball.vertices + place, ball.faces)), radar, 0, settings, 1), radar)
    got = float(field.abs() ** 2) * (4 * math.pi) ** 3 * distance**4 / radar.waveform.wavelength**2
    want = mie_rcs(radius, radar.waveform.wavelength, angle, across=polarization == "vertical")
    assert decibel(got / want) == pytest.approx(0, abs=bound)
