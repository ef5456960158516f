"""Gradients through the whole line, from heatmap and cube back to pose, radar and material, by finite differences."""

from dataclasses import replace

import pytest
import torch

from mmsynth.body_models import load_body
from mmsynth.geometry import radar_pose
from mmsynth.motion import generate_motion, place, resample, sample_subject
from mmsynth.processing import beamform, range_doppler
from mmsynth.radar import load_radar
from mmsynth.scene import person_materials
from mmsynth.simulation import Simulation, knot_times, synthesize, trace
from mmsynth.simulation.visible import visible
from mmsynth.types import AdcFrames, Processing, Scene

SETTINGS = Simulation(drop=0.0)


@pytest.fixture(scope="module")
def standing():
    generator = torch.Generator().manual_seed(1)
    radar = load_radar("radhar").radar
    motion = place(generate_motion("box", 1.0, sample_subject(generator), generator), (0.1, 2.0))
    return radar, load_body("free-low"), resample(motion, 0.4 + knot_times(radar, 1, SETTINGS))


def loss(standing, kind, shoulder, shift, roughness):
    """A weighted sum of power of the cube, the range-Doppler map or the range-azimuth heatmap."""
    radar, body, motion = standing
    joint = motion.joint_names.index("left_shoulder")
    cos, sin, zero = shoulder.cos(), shoulder.sin(), torch.zeros((), dtype=torch.float64)
    turn = torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, zero + 1]).reshape(3, 3)
    turned = turn @ motion.rotations[:, joint].double()
    rotations = [turned if k == joint else motion.rotations[:, k].double() for k in range(len(motion.joint_names))]
    mesh = body(replace(motion, rotations=torch.stack(rotations, 1)))
    materials = {n: replace(m, roughness=roughness) for n, m in person_materials(body.region_names, 77e9).items()}
    moved = torch.zeros(4, 4, dtype=torch.float64)
    moved[1, 3] = 1.0
    scene = Scene(radar_pose((0.0, 0.0, 1.0)) + shift * moved, (mesh,), materials)
    samples = synthesize(trace(scene, radar, 0, SETTINGS, 1), radar)[None]
    cube = range_doppler(AdcFrames(radar, samples, torch.zeros(1)), Processing())
    if kind == "cube":
        value = cube.spectrum.abs().square()
    else:
        value = 10 ** (beamform(cube, kind, Processing()).power / 10)
    weights = torch.rand(value.shape, generator=torch.Generator().manual_seed(2))
    return (value.double() * weights).sum()


@pytest.mark.parametrize("kind", ["cube", "range_doppler", "range_azimuth"])
def test_gradients_reach_pose_radar_and_material(standing, kind, monkeypatch):
    plain = [torch.tensor(v, dtype=torch.float64) for v in (0.0, 0.0, 2e-4)]
    # Visibility is held: a facet that turns its back is a step, which no gradient has.
    kept = []

    def held(pose, ends):
        kept.append(visible(pose, ends))
        return kept[0]

    monkeypatch.setattr("mmsynth.simulation.paths.visible", held)
    inputs = [v.clone().requires_grad_() for v in plain]
    grads = torch.autograd.grad(loss(standing, kind, *inputs), inputs)
    # Steps large beside what float32 vertices and gains resolve, small beside a wavelength (on an arm of 0.6 m), and
    # such that no strong facet is cut into more pieces within them, which is a step of 0.15 % of the loss.
    for which, step, bound in ((0, 2e-4, 0.04), (1, 3e-5, 0.02), (2, 4e-6, 0.01)):
        ends = [
            loss(standing, kind, *(v + sign * step * (k == which) for k, v in enumerate(plain))) for sign in (1, -1)
        ]
        assert float(grads[which]) == pytest.approx(float(ends[0] - ends[1]) / (2 * step), rel=bound), which
