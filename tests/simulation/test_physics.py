"""Motion, seeds and gradients of a traced scene."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from simulation.scenes import free_space, mesh, response, small_radar

from mmsynth import geometry
from mmsynth.scene import Fan, movers
from mmsynth.simulation.paths import trace
from mmsynth.simulation.settings import Simulation, frame_knots, knot_times
from mmsynth.simulation.simulate import simulate_clean
from mmsynth.types import Material, Scene

EXACT = Simulation(drop=0.0)
SKIN = Material("skin", 6.56 - 8.91j, roughness=2e-4)
LIGHT = 299792458.0


def limb(place=(0.3, 3.0, 0.2)):
    found = trimesh.creation.capsule(height=0.3, radius=0.05, count=[24, 24])
    found.apply_transform(trimesh.transformations.rotation_matrix(0.6, [1, 0.2, 0.4]))
    return np.array(found.vertices) + place, np.array(found.faces)


def slow_time(paths, radar, times):
    """Response [times] with the delays' polynomial through the knots and gains linear between their ends."""
    knots = paths.knots.numpy()
    delay = (paths.tx_delay[:, 0] + paths.rx_delay[:, 0]).numpy()
    count = range(len(knots))
    others = [[(times - knots[j]) / (knots[i] - knots[j]) for j in count if j != i] for i in count]
    weights = np.array([np.prod(rows, 0) for rows in others])
    fraction = (times - knots[0]) / (knots[-1] - knots[0])
    gain = paths.gain.numpy().astype(complex)
    gain = gain[:, :1] + (gain[:, 1:] - gain[:, :1]) * fraction
    return (gain * np.exp(2j * np.pi * LIGHT / radar.waveform.wavelength * (delay @ weights))).sum(0)


def test_doppler_from_velocity_is_doppler_from_moved_geometry():
    radar = small_radar(77e9, loops=16)
    vertices, faces = limb()
    velocity = np.array([0.4, -1.3, 0.2])
    knots = frame_knots(radar, EXACT).numpy()
    shape = mesh(vertices, faces)
    rows = torch.tensor(vertices + knots[:, None, None] * velocity)
    moving = replace(shape, vertices=rows, times=torch.tensor(knots))
    paths = trace(free_space(moving, materials={"conductor": SKIN}), radar, 0, EXACT, 1)
    times = np.linspace(0, radar.active_time, 7)
    phase = np.unwrap(np.angle(slow_time(paths, radar, times)))
    moved = []
    for time in times:
        still = mesh(vertices + time * velocity, faces)
        moved.append(
            complex(response(trace(free_space(still, materials={"conductor": SKIN}), radar, 0, EXACT, 1), radar))
        )
    reference = np.unwrap(np.angle(moved))
    assert (phase[-1] - phase[0]) / (reference[-1] - reference[0]) == pytest.approx(1, abs=1e-3)
    assert np.abs(phase - phase[0] - reference + reference[0]).max() < 0.02


def test_rotating_rod_has_the_micro_doppler_of_its_tips():
    # A rod of half length L turning at w in the plane of sight: f = 2 w x / lambda, x from -L to L. At 5 m the
    # glint runs along it as it turns by 0.05 rad; the frame has it turn by twice that to either side.
    radar = small_radar(77e9, loops=160, idle_time=3e-6, ramp_time=27e-6, samples=64)
    half, rate = 0.25, 40.0
    rod = trimesh.creation.cylinder(radius=0.004, height=2 * half, sections=10)
    for _ in range(5):
        rod = rod.subdivide()
    points = np.array(rod.vertices)[:, [2, 0, 1]]
    knots = frame_knots(radar, EXACT).numpy()
    angle = rate * (knots - radar.active_time / 2)
    poses = []
    for a in angle:
        turn = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
        poses.append(points @ turn.T + [0, 5.0, 0])
    shape = replace(
        mesh(points, rod.faces[:, [0, 1, 2]]), vertices=torch.tensor(np.array(poses)), times=torch.tensor(knots)
    )
    paths = trace(free_space(shape), radar, 0, Simulation(drop=0.0, flatness=0.0), 1)
    rates = paths.tx_delay[:, 0, -1] + paths.rx_delay[:, 0, -1] - paths.tx_delay[:, 0, 0] - paths.rx_delay[:, 0, 0]
    speed = LIGHT / 2 * rates.abs().max() / radar.active_time
    # The outermost centroids lie a third of a facet's length (2 L / 32) within the tip. Here are their ways at both
    # ends of the frame; the rod is 4 mm thick, which changes them by a tenth of a per mille.
    tip, swing = half - 2 * half / 32 / 3, rate * radar.active_time / 2
    ends = [math.hypot(tip * math.cos(a), 5.0 + tip * math.sin(a)) for a in (-swing, swing)]
    assert float(speed) == pytest.approx((ends[1] - ends[0]) / radar.active_time, rel=1e-3)
    # That is w L, less 2 % of facet and 0.15 % of chord.
    assert float(speed) == pytest.approx(rate * half, rel=1 / 48 + swing**2 / 6 + 1e-3)
    times = radar.chirp_times().reshape(-1).numpy()
    slow = slow_time(paths, radar, times) * np.hanning(len(times))
    spectrum = np.abs(np.fft.fftshift(np.fft.fft(slow, 1024))) ** 2
    frequency = np.fft.fftshift(np.fft.fftfreq(1024, radar.waveform.chirp_time))
    strong = frequency[spectrum > spectrum.max() / 10]
    edge = 2 * rate * half / radar.waveform.wavelength
    width = 2 / radar.active_time
    assert strong.max() == pytest.approx(edge, abs=2 * width)
    assert strong.min() == pytest.approx(-edge, abs=2 * width)


def test_a_fast_fan_within_a_frame_is_the_fan_posed_at_every_chirp():
    # Ten turns a second, 14 degrees in a frame. Blades in pieces of 4 cm, whose flashes are too short, leave -20 dB.
    radar = small_radar(60e9, loops=16, slope=50e12, samples=32, sample_rate=5e6, idle_time=193e-6)
    settings = Simulation(diffuse=False, drop=0.0)
    fan = Fan((0.3, 3.0, 0.2), axis=(0.0, 1.0, 0.0), pitch=0.6, rate=10.0)
    metal = {"metal:fan": Material("metal", None)}

    def samples(one, start):
        times = knot_times(one, 1, settings) + start
        return simulate_clean(free_space(*movers([fan], times), materials=metal), one, 1, settings, 1)[0]

    short = replace(radar, waveform=replace(radar.waveform, loops=1))
    posed = torch.cat([samples(short, start * radar.loop_time) for start in range(radar.waveform.loops)])
    error = (samples(radar, 0.0) - posed).abs().square().sum() / posed.abs().square().sum()
    assert 10 * math.log10(float(error)) < -33


def test_the_coherent_return_has_no_seed_and_the_diffuse_one_only_a_draw():
    radar = small_radar(77e9)
    scene = free_space(mesh(*limb()), materials={"conductor": SKIN})
    coherent = [response(trace(scene, radar, 0, Simulation(diffuse=False), s), radar).abs() for s in (1, 2, 3)]
    assert max(coherent) == min(coherent)
    diffuse = Simulation(coherent=False, drop=0.0)
    power = [float(trace(scene, radar, 0, diffuse, s).gain[:, 0].abs().square().sum()) for s in (1, 2)]
    assert power[0] == pytest.approx(power[1], rel=1e-6)
    draws = np.array([complex(response(trace(scene, radar, 0, diffuse, s), radar)) for s in range(120)])
    # Circular Gaussian: the mean power is the sum of powers (one sigma of 120 draws: 9 %), the mean field is nothing.
    assert np.mean(np.abs(draws) ** 2) == pytest.approx(power[0], rel=0.35)
    assert abs(draws.mean()) < 4 * math.sqrt(power[0] / 120)


def test_the_diffuse_part_stays_coherent_from_frame_to_frame():
    radar = small_radar(77e9)
    scene = free_space(mesh(*limb(), rows=9), materials={"conductor": SKIN})
    first, third = (trace(scene, radar, f, Simulation(), 5) for f in (0, 2))
    assert torch.equal(first.gain, third.gain)


def test_a_path_fades_when_an_occluder_comes():
    # In a long frame a plate slides before a ball: seen at the start, hidden at the end, and linear in between.
    radar = small_radar(60e9, loops=400)
    assert radar.active_time > 5e-3
    knots = frame_knots(radar, EXACT)
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.05)
    far = mesh(ball.vertices + [0, 4, 0], ball.faces, rows=len(knots))
    sheet = torch.tensor([[-0.3, 3.0, -0.3], [0.3, 3, -0.3], [0.3, 3, 0.3], [-0.3, 3, 0.3]], dtype=torch.float64)
    slide = (
        torch.tensor([1.0, 0, 0], dtype=torch.float64)
        * (1 - torch.arange(len(knots)) / (len(knots) - 1))[:, None, None]
    )
    near = replace(mesh(sheet, [[0, 1, 2], [0, 2, 3]], rows=len(knots)), vertices=sheet + slide, times=knots)
    paths = trace(free_space(near, far), radar, 0, EXACT, 1)
    behind = (paths.tx_delay[:, 0, 0] + paths.rx_delay[:, 0, 0]) * LIGHT / 2 > 3.5
    gain = paths.gain[behind]
    assert bool((gain[:, 0].abs() > 0).all()) and bool((gain[:, -1] == 0).all())
    left = 1 - (paths.gain_times - knots[0]) / (knots[-1] - knots[0])
    # Ball and radar rest, so that what is left of a gain is what is left of the sight.
    torch.testing.assert_close(gain, gain[:, :1] * left.to(gain), rtol=1e-4, atol=0.0)


def loss(vertices, pose, permittivity, roughness, layer_loss):
    material = Material("skin", permittivity, roughness=roughness, layer_loss=layer_loss)
    shape = mesh(vertices.detach(), limb()[1])
    shape = replace(shape, vertices=vertices.expand(3, -1, -1))
    radar = small_radar(77e9)
    paths = trace(Scene(pose, (shape,), {"conductor": material}), radar, 0, EXACT, 3)
    return response(paths, radar).abs() ** 2 * 1e12


def test_gradients_are_those_of_finite_differences():
    vertices = torch.tensor(limb()[0])
    pose = geometry.radar_pose((0.1, 0.0, 0.1), yaw=0.02)
    eps = torch.tensor(6.56 - 8.91j, dtype=torch.complex128)
    rough = torch.tensor(2e-4, dtype=torch.float64)
    cover = torch.tensor(0.8, dtype=torch.float64)
    inputs = [x.clone().requires_grad_() for x in (vertices, pose, eps, rough, cover)]
    grads = torch.autograd.grad(loss(*inputs), inputs)
    generator = torch.Generator().manual_seed(0)
    bend = torch.randn(vertices.shape, generator=generator, dtype=torch.float64)
    shift = torch.zeros(4, 4, dtype=torch.float64)
    shift[:3, 3] = torch.tensor([0.3, 1.0, -0.4])
    # Steps small beside a wavelength, large beside what float32 gains resolve.
    ways = [(0, bend, 2e-6), (1, shift, 1e-5), (2, torch.tensor(1 + 0j), 1e-2), (2, torch.tensor(0 + 1j), 1e-2)]
    ways += [(3, torch.tensor(1.0), 2e-6), (4, torch.tensor(1.0), 1e-2)]
    plain = [vertices, pose, eps, rough, cover]
    for which, way, step in ways:
        ends = []
        for sign in (1, -1):
            moved = [x + sign * step * way if k == which else x for k, x in enumerate(plain)]
            ends.append(float(loss(*moved)))
        numeric = (ends[0] - ends[1]) / (2 * step)
        # The gradient of a real loss in a complex number is d/dRe + j d/dIm.
        exact = float((grads[which].conj() * way).real.sum())
        assert exact == pytest.approx(numeric, rel=0.02), which
