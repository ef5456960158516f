"""Micro-Doppler of Boulic's walker, made of balls and capsules, against the speeds of its joints."""

import numpy as np
import pytest
import torch
import trimesh
from biomechanics import WALK_TIME, walker_joints
from simulation.scenes import CONDUCTOR, free_space, small_radar

from mmsynth.processing import range_doppler
from mmsynth.simulation import Simulation, frame_knots, synthesize, trace
from mmsynth.types import AdcFrames, Material, MeshSequence, Processing

RADAR = small_radar(77e9, loops=128)
# Limbs reflect 0.5 %: a broadside one of metal, 23 dB over the trunk's ball, would hide the feet in its side lobes.
MATERIALS = {"conductor": CONDUCTOR, "limb": Material("limb", 1.3 + 0j)}


def walker(times):
    """Its mesh at `times`: balls for trunk and feet, capsules for thighs and shanks; it walks towards the radar."""
    legs = (("hip", "knee", 0.05), ("knee", "ankle", 0.05), ("ankle", "ankle", 0.07))
    parts = [("trunk", "trunk", 0.15)] + [(a + side, b + side, radius) for side in "01" for a, b, radius in legs]
    shapes, faces, limb, offset = [], [], [], 0
    for one, two, radius in parts:
        ends = walker_joints(times)
        a, b = ends[one], ends[two]
        length = float(np.linalg.norm(b[0] - a[0]))
        if length:
            shape = trimesh.creation.capsule(height=length, radius=radius, count=[20, 20])
        else:
            shape = trimesh.creation.icosphere(subdivisions=4, radius=radius)
        along = (b - a) / length if length else np.tile([0.0, 0.0, 1.0], (len(times), 1))
        # Limbs stay in the plane x = const: a turn about x takes the capsule's axis along them.
        c, s, zero, unit = along[:, 2], -along[:, 1], np.zeros(len(times)), np.ones(len(times))
        turn = np.stack([unit, zero, zero, zero, c, -s, zero, s, c], 1).reshape(-1, 3, 3)
        start = shape.vertices - [0, 0, shape.bounds[0, 2] + radius]
        shapes.append(np.einsum("tij,vj->tvi", turn, start) + a[:, None])
        faces.append(np.array(shape.faces) + offset)
        limb += [int(length > 0)] * len(shape.faces)
        offset += len(start)
    faces = torch.tensor(np.concatenate(faces))
    vertices = torch.tensor(np.concatenate(shapes, 1))
    return MeshSequence(vertices, faces, torch.tensor(times), torch.tensor(limb), ("conductor", "limb"))


@pytest.mark.parametrize("phase", [0.1, 0.35, 0.6, 0.85])
def test_a_walker_has_the_speeds_of_its_joints(phase):
    start = phase * WALK_TIME
    knots = frame_knots(RADAR, Simulation()).numpy()
    scene = free_space(walker(start + knots), materials=MATERIALS)
    samples = synthesize(trace(scene, RADAR, 0, Simulation(), 1), RADAR)[None]
    cube = range_doppler(AdcFrames(RADAR, samples, torch.zeros(1)), Processing())
    level = 10 * torch.log10(cube.spectrum.abs().square().sum((0, 2, 3, 4))).numpy()
    velocity, step = cube.velocity.numpy(), RADAR.velocity_resolution
    middle = start + np.array([-1e-4, 1e-4]) + RADAR.active_time / 2
    speeds = {}
    for name, place in walker_joints(middle).items():
        distance = np.linalg.norm(place, axis=1)
        speeds[name] = (distance[1] - distance[0]) / 2e-4
    assert abs(velocity[level.argmax()] - speeds["trunk"]) < step
    # The balls of the feet are 7 dB under that of the trunk; limbs before them and the bins' grid take up to 18 more.
    for name in ("ankle0", "ankle1"):
        near = np.abs(velocity - speeds[name]) < step
        assert level[near].max() > level.max() - 25
    # Hann's main lobe is two bins wide to either side, and its side lobes are 50 dB down five bins away.
    balls = [speeds[name] for name in ("trunk", "ankle0", "ankle1")]
    beyond = (velocity < min(balls) - 5 * step) | (velocity > max(balls) + 5 * step)
    assert level[beyond].max() < level.max() - 45
