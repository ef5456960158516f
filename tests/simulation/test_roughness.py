"""Rough surfaces between a TX and an RX that see them at different angles, against Ament's and Lambert's forms."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from simulation.scenes import free_space, mesh, plate, small_radar

from mmsynth.simulation.paths import trace
from mmsynth.simulation.settings import Simulation
from mmsynth.types import Material

HEIGHT, DISTANCE = 3e-4, 40.0


# Degrees to the left and right of the normal; all of the plate lies within 0.0006 rad.
@pytest.mark.parametrize(("there", "back"), [(20.0, 65.0), (65.0, 20.0), (-10.0, 50.0)])
def test_a_rough_plate_seen_aside_scatters_by_both_cosines(there: float, back: float) -> None:
    angles = np.radians([-there, back])
    place = DISTANCE * np.stack([np.sin(angles), -np.cos(angles), 0 * angles], 1) + [0, DISTANCE, 0]
    radar = small_radar(77e9, tx=place[:1], rx=place[1:])
    body, metal = mesh(*plate(0.02, 0.02, DISTANCE, cells=8)), Material("conductor", None)
    scenes = [free_space(body, materials={"conductor": replace(metal, roughness=r)}) for r in (0.0, HEIGHT)]
    settings = Simulation(drop=0.0, occlusion=False)
    cosines = np.cos(angles)
    lost = (math.tau / radar.waveform.wavelength * HEIGHT * cosines.sum()) ** 2
    smooth, rough = (trace(s, radar, 0, replace(settings, diffuse=False), 1).gain[:, 0].abs() for s in scenes)
    torch.testing.assert_close(rough / smooth, torch.full_like(rough, math.exp(-0.5 * lost)), rtol=3e-3, atol=0)
    gain = trace(scenes[1], radar, 0, replace(settings, coherent=False), 1).gain[:, 0].abs().double()
    area = float(gain.square().sum()) * (4 * math.pi) ** 3 * DISTANCE**4 / radar.waveform.wavelength**2
    assert area == pytest.approx(4 * 0.02**2 * (1 - math.exp(-lost)) * cosines.prod(), rel=3e-3)


def test_two_people_of_one_shape_have_rough_surfaces_of_their_own() -> None:
    """Where both stand at the very same place, each facet of the one has another phase than that of the other."""
    body = mesh(*plate(0.1, 0.1, 3.0, cells=12))
    scene = free_space(body, body, materials={"conductor": Material("rough", None, roughness=HEIGHT)})
    gain = trace(scene, small_radar(), 0, Simulation(drop=0.0, coherent=False, occlusion=False), 1).gain[:, 0]
    one, other = gain.chunk(2)
    torch.testing.assert_close(one.abs(), other.abs())
    # What 288 phases have in common is 0.06.
    assert float((one.conj() @ other).abs() / (one.norm() * other.norm())) < 0.25
