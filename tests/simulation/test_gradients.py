"""Gradients through the whole line, from heatmap and cube back to pose, radar and material, by finite differences."""

import math
from dataclasses import replace

import pytest
import torch
import trimesh
from simulation.scenes import mesh, small_radar

from mmsynth.body_models import load_body
from mmsynth.geometry import radar_pose
from mmsynth.motion import generate_motion, place, resample, sample_subject
from mmsynth.processing import beamform, range_doppler
from mmsynth.radar import load_radar
from mmsynth.scene import person_materials
from mmsynth.simulation import Simulation, knot_times, receive, shadows, simulate_clean, synthesize, trace
from mmsynth.simulation.visible import visible
from mmsynth.types import AdcFrames, Material, Processing, Scene

SETTINGS = Simulation(drop=0.0)


@pytest.fixture(scope="module")
def standing():
    generator = torch.Generator().manual_seed(1)
    radar = load_radar("radhar").radar
    # On the spot, the arm's turn moves the power by more than what float32 leaves of it.
    boxing = generate_motion("box", 1.0, sample_subject(generator), generator, overrides={"footwork": 0.1})
    motion = place(boxing, (0.1, 2.0))
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


# A limb before a wall, of few facets, and a radar whose virtual array spans both axes.
STEP = 2e-3
SMALL = small_radar(
    77e9,
    slope=3e13,
    tx=((0, 0, 0), (4 * STEP, 0, 0), (2 * STEP, 0, STEP)),
    rx=tuple((k * STEP, 0, 0) for k in range(4)),
)
BOUNCED = Simulation(drop=0.0, bounce_drop=0.0, bounces=1)
WALL = torch.tensor([[-0.8, 3.0, -0.6], [0.8, 3, -0.6], [0.8, 3, 0.8], [-0.8, 3, 0.8]], dtype=torch.float64)
LIMB = trimesh.creation.capsule(height=0.2, radius=0.05, count=[12, 12])


def before_a_wall(bend, turn, place, skin, skin_roughness, skin_loss, wall, wall_roughness, wall_loss):
    """What `SMALL` records of a moving limb before a wall, and of the wall: one frame.

    `bend` [vertices, 3] in m moves the limb, `turn` is the radar's pitch and yaw in rad, `place` its place in m.
    """
    times = knot_times(SMALL, 1, BOUNCED)
    start = torch.tensor(LIMB.vertices + [0.15, 2.0, 0.2]) + bend
    rows = start + times[:, None, None] * torch.tensor([0.3, -1.0, 0.2], dtype=torch.float64)
    limb = replace(mesh(LIMB.vertices, LIMB.faces), vertices=rows, times=times)
    (cx, cz), (sx, sz), zero = turn.cos(), turn.sin(), torch.zeros((), dtype=torch.float64)
    pitch = torch.stack([zero + 1, zero, zero, zero, cx, -sx, zero, sx, cx]).reshape(3, 3)
    yaw = torch.stack([cz, -sz, zero, sz, cz, zero, zero, zero, zero + 1]).reshape(3, 3)
    last = torch.tensor([[0.0, 0, 0, 1]], dtype=torch.float64)
    pose = torch.cat([torch.cat([yaw @ pitch, place[:, None]], 1), last])
    materials = {
        "conductor": Material("skin", skin, roughness=skin_roughness, layer_loss=skin_loss),
        "wall": Material("wall", wall, roughness=wall_roughness, layer_loss=wall_loss),
    }
    room = mesh(WALL, [[0, 1, 2], [0, 2, 3]], rows=1, region="wall")
    scene = Scene(pose, (limb,), materials, room, WALL[None], ("wall",))
    return AdcFrames(SMALL, simulate_clean(scene, SMALL, 1, BOUNCED, 3), torch.zeros(1))


PLAIN = {
    "bend": torch.zeros(len(LIMB.vertices), 3, dtype=torch.float64),
    "turn": torch.tensor([0.03, 0.02], dtype=torch.float64),
    "place": torch.tensor([0.0, 0.0, 0.1], dtype=torch.float64),
    "skin": torch.tensor(6.56 - 8.91j, dtype=torch.complex128),
    "skin_roughness": torch.tensor(2e-4, dtype=torch.float64),
    "skin_loss": torch.tensor(0.8, dtype=torch.float64),
    "wall": torch.tensor(5.24 - 0.34j, dtype=torch.complex128),
    "wall_roughness": torch.tensor(3e-4, dtype=torch.float64),
    "wall_loss": torch.tensor(0.7, dtype=torch.float64),
}


KINDS = ("cube", "range_azimuth", "range_elevation", "range_doppler")


def losses(inputs):
    """A weighted sum of the power of the cube and of each heatmap [kinds]."""
    cube = range_doppler(before_a_wall(**inputs), Processing())
    maps = [10 ** (beamform(cube, kind, Processing()).power / 10) for kind in KINDS[1:]]
    draw = torch.Generator().manual_seed(2)
    return [
        (value.double() * torch.rand(value.shape, generator=draw)).sum()
        for value in (cube.spectrum.abs().square(), *maps)
    ]


def test_gradients_of_every_loss_in_every_input_are_those_of_finite_differences(monkeypatch):
    # What the limb takes of the wall's image is held as visibility is: it carries no gradient.
    taken, kept = shadows._hidden, []

    def held(*inputs):
        kept.append(taken(*inputs))
        return kept[0]

    monkeypatch.setattr(shadows, "_hidden", held)
    inputs = {name: value.clone().requires_grad_() for name, value in PLAIN.items()}
    grads = [
        dict(zip(inputs, torch.autograd.grad(loss, list(inputs.values()), retain_graph=True), strict=True))
        for loss in losses(inputs)
    ]
    # A draw along which no loss is nearly level (of one, 0 came within 2 degrees, where rounding is half a per cent).
    bend = torch.randn(PLAIN["bend"].shape, generator=torch.Generator().manual_seed(124), dtype=torch.float64)
    # Steps small beside a wavelength or the number itself, large beside what float32 gains resolve.
    ways = [
        ("bend", bend, 1e-6),
        ("turn", torch.tensor([0.4, 1.0]), 1e-3),
        ("place", torch.tensor([0.3, 1, -0.4]), 1e-5),
    ]
    for name in ("skin", "wall"):
        ways += [(name, 1 + 1j, 0.05), (name, 1j, 0.05), (f"{name}_roughness", 1.0, 1e-6), (f"{name}_loss", 1.0, 1e-2)]
    for name, way, step in ways:
        more, less = (losses(PLAIN | {name: PLAIN[name] + sign * step * way}) for sign in (1, -1))
        for kind, grad, up, down in zip(KINDS, grads, more, less, strict=True):
            # The gradient of a real loss in a complex number is d/dRe + j d/dIm.
            exact = float((grad[name].conj() * way).real.sum())
            assert exact == pytest.approx(float(up - down) / (2 * step), rel=0.005), (kind, name, way)


def test_descent_finds_a_radars_tilt_and_a_walls_permittivity_in_a_noisy_recording():
    clean = before_a_wall(**PLAIN).samples
    recording = receive(clean, SMALL, torch.Generator().manual_seed(4))
    assert (recording - clean).abs().square().mean() > 0.01 * clean.abs().square().mean()
    # Pitch and yaw in units of 0.1 rad, and by how many twos the permittivity lies above 3.
    unknown = torch.zeros(3, dtype=torch.float64, requires_grad=True)

    def misfit():
        unknown.grad = None
        wall = torch.complex(3 + 2 * unknown[2], PLAIN["wall"].imag)
        found = before_a_wall(**PLAIN | {"turn": 0.1 * unknown[:2], "wall": wall}).samples
        loss = (found - recording).abs().square().sum() / recording.abs().square().sum()
        loss.backward()
        return loss

    torch.optim.LBFGS([unknown], max_iter=9, line_search_fn="strong_wolfe").step(misfit)
    turn, wall = 0.1 * unknown.detach()[:2], 3 + 2 * unknown.detach()[2]
    assert float((turn - PLAIN["turn"]).abs().max()) < math.radians(0.25)
    assert float(wall) == pytest.approx(float(PLAIN["wall"].real), rel=0.02)
