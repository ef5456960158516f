"""What `run.py`, `scaling.py` and others time: three workloads, and a clock."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from mmsynth.body_models import load_body
from mmsynth.geometry import radar_pose
from mmsynth.motion import Subject, generate_motion, place, resample
from mmsynth.processing import beamform, detect, range_doppler
from mmsynth.radar import load_radar
from mmsynth.scene import load_room, person_materials
from mmsynth.simulation import Simulation, hold_memory, knot_times, receive, simulate_clean
from mmsynth.types import AdcFrames, MeshSequence, RadarSetup, Scene

HERE = Path(__file__).parent
# Frames of the clip by which the whole line is timed: 2 s of RadHAR's radar, and fewer where a frame takes long.
CLIP = {"R": 60, "M": 24, "I": 24}
MAPS = ("range_doppler", "range_azimuth", "range_elevation")
ROOM = {
    "room": {"size": [5.0, 6.0, 2.7], "center": [0.0, 2.5]},
    "furniture": [
        {"name": "table", "size": [1.2, 0.8, 0.75], "position": [1.5, 3.0, 0.0]},
        {"name": "shelf", "size": [0.8, 0.4, 1.8], "position": [-1.8, 4.5, 0.0], "yaw_deg": 20},
        {"name": "cabinet", "size": [0.6, 0.5, 1.0], "position": [2.0, 4.8, 0.0], "material": "metal"},
    ],
}


@dataclass(frozen=True)
class Workload:
    """What is simulated: a person of the free body's full mesh, walking towards the radar from 3 m."""

    name: str
    title: str
    radar: str
    loops: int = 0
    furnished: bool = False
    bounces: int = 0


WORKLOADS = {
    "R": Workload("R", "RadHAR's profile, IWR1443BOOST 3x4, 16 loops, 240 samples, direct path", "radhar"),
    "M": Workload("M", "mmMesh's profile, IWR1843BOOST 3x4, 128 loops, 256 samples, direct path", "mmmesh"),
    "I": Workload(
        "I", "IWR6843ISK 3x4, 64 loops, 256 samples, furnished room, two bounces", "iwr6843isk_area", 64, True, 2
    ),
}


@dataclass(frozen=True, eq=False)
class Line:
    """A workload made ready: everything that one clip needs before its first frame."""

    setup: RadarSetup
    settings: Simulation
    motion: Any
    body: Any
    scene_of: Callable[[MeshSequence], Scene]
    clip: int


def prepare(work: Workload, people: int = 1) -> Line:
    setup = load_radar(work.radar)
    if work.loops:
        wave = replace(setup.radar.waveform, loops=work.loops)
        setup = replace(setup, radar=replace(setup.radar, waveform=wave))
    draw = torch.Generator().manual_seed(1)
    motion = place(generate_motion("walk", 6.0, Subject(1), draw), (0.0, 3.0), 0.0)
    body = load_body("free")
    world_from_radar = radar_pose((0.0, 0.0, 1.0))

    frequency = setup.radar.waveform.center_frequency

    def scene_of(mesh: MeshSequence) -> Scene:
        materials = person_materials(mesh.region_names, frequency)
        if not work.furnished:
            return Scene(world_from_radar, (mesh, *(_beside(mesh, k) for k in range(1, people))), materials)
        room, mirrors, regions, walls = load_room(ROOM, frequency)
        return Scene(world_from_radar, (mesh,), materials | walls, room, mirrors, regions)

    return Line(setup, Simulation(bounces=work.bounces), motion, body, scene_of, CLIP[work.name])


def _beside(mesh: MeshSequence, place: int) -> MeshSequence:
    """The same person again, 0.8 m farther to the right for each `place`."""
    return replace(mesh, vertices=mesh.vertices + torch.tensor([0.8 * place, 0.0, 0.0], dtype=torch.float64))


def posed(line: Line, frames: int, start: float = 1.0) -> MeshSequence:
    return line.body(resample(line.motion, knot_times(line.setup.radar, frames, line.settings) + start))


class Clock:
    """Wall and CPU seconds of each stage, a list over frames."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {}
        self.cpu: dict[str, list[float]] = {}

    def __call__(self, stage: str, verb: Callable[[], Any], share: int = 1) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = verb()
        self.wall.setdefault(stage, []).append((time.perf_counter() - wall) / share)
        self.cpu.setdefault(stage, []).append((time.process_time() - cpu) / share)
        return result


def record(line: Line, frames: int, noise: torch.Generator, maps: Sequence[str] = ()) -> None:
    """A clip of `frames` frames from the motion to the cloud, and to heatmaps."""
    radar, processing, scene = line.setup.radar, line.setup.processing, line.scene_of(posed(line, frames))
    samples = receive(simulate_clean(scene, radar, frames, line.settings, 0), radar, noise)
    cube = range_doppler(AdcFrames(radar, samples, torch.arange(frames, dtype=torch.float64)), processing)
    detect(cube, processing)
    for kind in maps:
        beamform(cube, kind, processing)


def ready(name: str, people: int = 1) -> Line:
    """A workload in a process that times it: on one thread, which keeps its memory."""
    torch.set_num_threads(1)
    hold_memory()
    return prepare(WORKLOADS[name], people)
