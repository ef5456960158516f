"""Tubes that pass a focus: a bowl that lights a ball between its two lines of focus, and behind both."""

import math

import numpy as np
import pytest
import trimesh
from oracles import two_mirrors_gain
from simulation.scenes import CONDUCTOR, free_space, mesh, response, small_radar

from mmsynth.simulation.paths import select, trace
from mmsynth.simulation.settings import Simulation

# Radii of bowl and ball, half the bowl's width and its mesh; its normal is turned by TILT from the TX, about z.
BOWL, BALL, HALF, EDGE, TILT = 0.2, 0.03, 0.06, 0.008, 1.0


def bowl(place, normal):
    """A square part of a sphere, seen from within, around `place`, where its normal is `normal` (level)."""
    count = round(2 * HALF / EDGE)
    u, v = np.meshgrid(*2 * [np.linspace(-HALF, HALF, count + 1)], indexing="ij")
    depth = BOWL - np.sqrt(BOWL**2 - u**2 - v**2)
    side = np.array([-normal[1], normal[0], 0.0])
    points = place + u.reshape(-1, 1) * side + v.reshape(-1, 1) * [0, 0, 1.0] + depth.reshape(-1, 1) * normal
    k = np.arange(count)
    a = (k[:, None] * (count + 1) + k).reshape(-1)
    b, c, d = a + count + 1, a + count + 2, a + 1
    return points, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


@pytest.mark.parametrize(("distance", "foci"), [(0.12, 1), (0.4, 2)])
def test_tubes_turn_and_spread_behind_lines_of_focus_as_geometric_optics_says(distance, foci):
    # At 57 degrees the bowl of radius 0.2 gathers across at R cos / 2 = 0.054 and along at R / (2 cos) = 0.185 m.
    radar = small_radar(60e9, rx=((0.3, 0, 0),))
    ends = radar.tx[0].numpy(), radar.rx[0].numpy()
    place, normal = np.array([0, 3.0, 0]), np.array([math.sin(TILT), -math.cos(TILT), 0])
    ahead = place / 3 - 2 * (place / 3 @ normal) * normal
    centre = place + (distance + BALL) * ahead + [0, 0, 0.01]
    ball = trimesh.creation.icosphere(subdivisions=4, radius=BALL)
    bodies = [mesh(*bowl(place, normal), region="bowl"), mesh(ball.vertices + centre, ball.faces, region="ball")]
    scene = free_space(*bodies, materials={"bowl": CONDUCTOR, "ball": CONDUCTOR})
    # The ball stands beside the way to the bowl, but casts a shadow on none of this.
    settings = Simulation(drop=0.0, bounce_drop=0.0, bounces=1, occlusion=False)
    paths = trace(scene, radar, 0, settings, 1)
    last = (paths.order == 1) & (paths.region == paths.region_names.index("ball"))
    found = complex(response(select(paths, last.nonzero()[:, 0]), radar))
    back = ends[1] - centre
    out = back / np.linalg.norm(back) - ahead
    start, centres = (TILT, math.atan2(out[0], -out[1])), (place + BOWL * normal, centre)
    want, turned = two_mirrors_gain(centres, (-BOWL, BALL), ends, radar.waveform.wavelength, start)
    assert turned == foci
    # Half of the tubes come from the RX: physical optics on the bowl, whose rim (3 Fresnel zones off) makes ripples of
    # a tenth. A line of focus that is missed or counted twice turns the phase by 1.57 rad.
    assert abs(found / want) == pytest.approx(1, abs=0.1)
    assert abs(np.angle(found / want)) < 0.25
