"""Small scenes for the tests of the simulator: a radar with one antenna pair, meshes at rest."""

import math

import numpy as np
import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.simulation.legs import Leg, Mirror, extended
from mmsynth.types import Material, MeshSequence, Paths, Radar, Scene, Waveform

CONDUCTOR = Material("conductor", None)


def small_radar(frequency=60e9, loops=4, tx=((0, 0, 0),), rx=((0, 0, 0),), **waveform):
    """A radar whose sampled window is narrow, so that its centre is `frequency` to 1e-4."""
    settings = {"slope": 1e12, "samples": 64, "sample_rate": 10e6, "idle_time": 7e-6, "ramp_time": 57e-6} | waveform
    wave = Waveform(start_frequency=frequency, loops=loops, frame_period=0.05, **settings)
    positions = [torch.tensor(p, dtype=torch.float64) for p in (tx, rx)]
    return Radar("test", wave, *positions, torch.eye(len(tx), dtype=torch.float64))


def mesh(vertices, faces, rows=3, velocity=(0, 0, 0), region="conductor", times=None):
    """A mesh sequence that moves at constant velocity over `times`, or rows 1 ms apart."""
    times = torch.arange(rows, dtype=torch.float64) * 1e-3 if times is None else times
    start = vertices if isinstance(vertices, Tensor) else torch.tensor(np.array(vertices), dtype=torch.float64)
    faces = torch.tensor(np.array(faces))
    moved = start + times[:, None, None] * torch.tensor(velocity, dtype=torch.float64)
    return MeshSequence(moved, faces, times, torch.zeros(len(faces), dtype=torch.int64), (region,))


def free_space(*people, materials=None):
    """A scene with the radar at the origin, looking along +y."""
    return Scene(torch.eye(4, dtype=torch.float64), people, materials or {"conductor": CONDUCTOR})


def plate(width, height, distance, angle=0.0, cells=1):
    """Vertices and faces of a plate that faces the origin from +y, turned by `angle` rad about the vertical."""
    u, v = np.linspace(-width / 2, width / 2, cells + 1), np.linspace(-height / 2, height / 2, cells + 1)
    x, z = np.meshgrid(u, v, indexing="ij")
    flat = np.stack([x * math.cos(angle), distance + x * math.sin(angle), z], -1).reshape(-1, 3)
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).reshape(-1)
    a, b, c, d = corner, corner + cells + 1, corner + cells + 2, corner + 1
    return flat, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def bounced(leg: Leg, mirror: Mirror) -> Leg:
    """The leg with one more mirror at its outer end."""
    return extended([leg], [mirror], torch.ones(1, 1, dtype=torch.bool))[0]


def response(paths: Paths, radar: Radar, end=0) -> Tensor:
    """Coherent sum of the paths at the wavelength of the middle of the window, first TX to first RX."""
    knot = -1 if end else 0
    delay = paths.tx_delay[:, 0, knot] + paths.rx_delay[:, 0, knot]
    turn = torch.exp(2j * math.pi * speed_of_light / radar.waveform.wavelength * delay)
    return (paths.gain[:, knot].to(torch.complex128) * turn).sum()


def rcs(paths: Paths, radar: Radar, distance: float) -> float:
    """Radar cross section in m^2 of everything, by the radar equation at one distance."""
    power = float(response(paths, radar).detach().abs() ** 2)
    return power * (4 * math.pi) ** 3 * distance**4 / radar.waveform.wavelength**2


def decibel(value: float) -> float:
    return 10 * math.log10(value)


def error_db(got: Tensor, want: Tensor) -> float:
    error = float((got - want).abs().square().sum() / want.abs().square().sum())
    return decibel(error) if error else -math.inf
