"""Speed of the line, stage by stage, on three workloads, with error and the ratio to direct sums.

Prints tables and writes `latest.json` beside this file: rows of workload, stage, seconds (median, wall clock, a frame
and core), cpu_seconds, frames_per_second, paths, ns_per_term (per path, antenna, chirp and sample), error_db,
ratio_direct (of CPU seconds, one thread each), peak_mib, commit. Each workload runs in a process of its own.
Stages are timed frame by frame but for posing, which takes a clip of `CLIP` frames; `visibility_together` (refit and
visibility) is the share of a frame where as many are taken at once as the line does.

    python benchmarks/run.py [R M I] [--frames N] [--no-scaling]
    python benchmarks/run.py --memory 10000   # peak memory of one worker over so many frames of R, clip after clip

`scaling.json` beside it has seconds against paths, loops and antennas (of synthesis, workload M), people (of the whole
line, workload R) and, in the table, workers.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import math
import multiprocessing
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmsynth.body_models import load_body
from mmsynth.geometry import radar_pose
from mmsynth.motion import Subject, generate_motion, place, resample
from mmsynth.processing import beamform, detect, range_doppler
from mmsynth.radar import load_radar
from mmsynth.scene import load_room, person_materials
from mmsynth.simulation import (
    Simulation,
    frame_knots,
    hold_memory,
    knot_times,
    receive,
    simulate_clean,
    synthesize,
    synthesize_direct,
    trace,
    trace_room,
)
from mmsynth.simulation.legs import direct_legs
from mmsynth.simulation.pose import pose_frame
from mmsynth.simulation.simulate import CPU_FRAMES
from mmsynth.simulation.visible import visible
from mmsynth.types import AdcFrames, MeshSequence, Paths, Radar, RadarSetup, Scene

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


def stages(line: Line, frames: int) -> tuple[Clock, list[int], Paths]:
    """Run the line frame by frame under the clock."""
    radar, processing, settings = line.setup.radar, line.setup.processing, line.settings
    noise, clock, counts = torch.Generator().manual_seed(2), Clock(), []
    clip = max(frames, line.clip)
    posed(line, 1)
    for _ in range(3):  # a clip at once, as `generate` does
        scene = line.scene_of(clock("pose", lambda: posed(line, clip), share=clip))
    paths = trace(scene, radar, 0, settings, 0)  # compiles the kernels, builds the BVH
    ends = direct_legs(scene, radar, settings)
    clock("room", lambda: trace_room(scene, radar, settings, 0))  # once a clip, not a frame
    for frame in range(frames):
        clock("visibility", lambda f=frame: visible(pose_frame(scene, radar, f, settings, 0), ends))
        paths = clock("trace", lambda f=frame: trace(scene, radar, f, settings, 0))
        clean = clock("synthesis", lambda p=paths: synthesize(p, radar))
        samples = clock("receiver", lambda c=clean: receive(c[None], radar, noise))
        adc = AdcFrames(radar, samples, torch.zeros(1, dtype=torch.float64))
        cube = clock("range_doppler", lambda a=adc: range_doppler(a, processing))
        clock("detect", lambda c=cube: detect(c, processing))
        clock("heatmaps", lambda c=cube: [beamform(c, kind, processing) for kind in MAPS])
        counts.append(len(paths))

    def together() -> Tensor:
        return visible(pose_frame(scene, radar, 0, settings, 0, CPU_FRAMES), ends)

    for _ in range(frames):  # as many frames at once as the line takes
        clock("visibility_together", together, share=CPU_FRAMES)
    return clock, counts, paths


def others(paths: Paths, radar: Radar, chirps: int) -> None:
    """What common tools compute: for each chirp and antenna, exp(j phase) of paths x samples, float32 cos and sin."""
    wave = radar.waveform
    t = wave.sample_times().float()
    for chirp in range(chirps):
        delay = paths.tx_delay[:, 0, chirp % 2] + paths.rx_delay[:, 0, 0]
        start = torch.remainder(wave.start_frequency * delay, 1.0).float()
        phase = (start[:, None] + (wave.slope * delay).float()[:, None] * t) * math.tau
        torch.complex((paths.gain[:, 0].abs()[:, None] * phase.cos()).sum(0), phase.sin().sum(0))


def references(paths: Paths, radar: Radar) -> dict[str, float]:
    """Error against the direct sum on two loops, and how much longer direct sums take (timed on a subset, scaled)."""
    loops = torch.tensor([0, radar.waveform.loops - 1])
    clock = Clock()
    direct = clock("direct", lambda: synthesize_direct(paths, radar, loops))
    chirps = 6
    for _ in range(3):
        clock("others", lambda: others(paths, radar, chirps))
    fast = synthesize(paths, radar)[loops]
    error = float((fast - direct).abs().square().sum() / direct.abs().square().sum())
    return {
        "error_db": 10 * math.log10(error),
        "direct_seconds": clock.cpu["direct"][0] * radar.waveform.loops / len(loops),
        "others_seconds": min(clock.cpu["others"]) / chirps * radar.waveform.loops * radar.slots * len(radar.rx),
    }


def run(name: str, frames: int) -> list[dict[str, Any]]:
    """Rows of one workload; runs in a process of its own, so that its peak memory is its own."""
    torch.set_num_threads(1)
    hold_memory()
    line = prepare(WORKLOADS[name])
    clock, counts, paths = stages(line, frames)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    radar = line.setup.radar
    reference = references(paths, radar)
    wall = {k: statistics.median(v) for k, v in clock.wall.items()}
    cpu = {k: statistics.median(v) for k, v in clock.cpu.items()}
    for seconds in (wall, cpu):
        # The trace finds what is visible itself; its other part is scattering (and the legs of bounces).
        seconds["scattering"] = max(0.0, seconds["trace"] - seconds["visibility"])
        seconds["processing"] = seconds["range_doppler"] + seconds["detect"]
        parts = ("pose", "trace", "synthesis", "receiver", "processing", "heatmaps")
        seconds["total"] = sum(seconds[s] for s in parts)
    wave, count = radar.waveform, statistics.median(counts)
    terms = count * radar.slots * len(radar.rx) * wave.loops * wave.samples
    rows = []
    for stage in (
        "room",
        "pose",
        "visibility",
        "visibility_together",
        "scattering",
        "synthesis",
        "receiver",
        "processing",
        "heatmaps",
        "total",
    ):
        row = {"workload": name, "stage": stage, "seconds": wall[stage], "cpu_seconds": cpu[stage], "paths": count}
        row |= {"frames_per_second": 1 / max(wall[stage], 1e-9), "peak_mib": peak, "commit": commit()}
        if stage == "synthesis":
            row |= {"ns_per_term": wall[stage] / terms * 1e9, "ns_per_term_cpu": cpu[stage] / terms * 1e9}
            row |= {"error_db": reference["error_db"], "ratio_direct": reference["direct_seconds"] / cpu[stage]}
            row |= {
                "ratio_others": reference["others_seconds"] / cpu[stage],
                "seconds_per_10k": wall[stage] / count * 1e4,
            }
        if stage == "total":
            row |= {"faces": line.body.faces.shape[0], "settings": asdict(line.settings)}
        rows.append(row)
    return rows


def work_through(job: tuple[str, int]) -> float:
    """Seconds for the line of a clip of `frames` frames, as `generate` runs it.

    One frame goes before the clock: a worker loads its kernels and plans once, for all its clips.
    """
    name, frames = job
    torch.set_num_threads(1)
    hold_memory()
    line = prepare(WORKLOADS[name])
    noise = torch.Generator().manual_seed(2)
    record(line, 1, noise, MAPS)
    start = time.perf_counter()
    record(line, frames, noise, MAPS)
    return time.perf_counter() - start


def record(line: Line, frames: int, noise: torch.Generator, maps: Sequence[str] = ()) -> None:
    """A clip of `frames` frames from the motion to the cloud, and to heatmaps."""
    radar, processing, scene = line.setup.radar, line.setup.processing, line.scene_of(posed(line, frames))
    samples = receive(simulate_clean(scene, radar, frames, line.settings, 0), radar, noise)
    cube = range_doppler(AdcFrames(radar, samples, torch.arange(frames, dtype=torch.float64)), processing)
    detect(cube, processing)
    for kind in maps:
        beamform(cube, kind, processing)


def workers(name: str, frames: int, count: int) -> float:
    """Frames a second of `count` worker processes together."""
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        return count * frames / max(pool.map(work_through, [(name, frames)] * count, chunksize=1))


def scaling(paths: Paths, radar: Radar) -> list[dict[str, Any]]:
    """Seconds of synthesis against paths, loops and antennas."""
    fields = ("gain", "tx_delay", "rx_delay", "departure", "arrival", "region", "order")
    rows = []

    def measure(axis: str, value: int, some: Paths, of: Radar) -> None:
        clock = Clock()
        for _ in range(4):
            clock("s", lambda: synthesize(some, of))
        rows.append({"axis": axis, "value": value, "seconds": statistics.median(clock.wall["s"][1:])})

    for count in (300, 1000, 3000, 10000, 30000):
        index = torch.arange(count) % len(paths)
        measure("paths", count, replace(paths, **{f: getattr(paths, f)[index] for f in fields}), radar)
    for loops in (16, 32, 64, 128):
        measure("loops", loops, paths, replace(radar, waveform=replace(radar.waveform, loops=loops)))
    for tx, rx in ((1, 1), (1, 4), (2, 4), (3, 4)):
        some = replace(paths, tx_delay=paths.tx_delay[:, :tx], rx_delay=paths.rx_delay[:, :rx])
        codes = torch.eye(tx, dtype=radar.codes.dtype)
        measure("antennas", tx * rx, some, replace(radar, tx=radar.tx[:tx], rx=radar.rx[:rx], codes=codes))
    return rows


def run_scaling() -> list[dict[str, Any]]:
    torch.set_num_threads(1)
    hold_memory()
    line = prepare(WORKLOADS["M"])
    scene = line.scene_of(posed(line, 1))
    return scaling(trace(scene, line.setup.radar, 0, line.settings, 0), line.setup.radar) + people()


def people() -> list[dict[str, Any]]:
    """Seconds a frame of the line of workload R against how many people there are."""
    rows = []
    for count in (1, 2, 3, 4):
        clock, _, _ = stages(prepare(WORKLOADS["R"], count), 3)
        parts = ("pose", "trace", "synthesis", "receiver", "range_doppler", "detect", "heatmaps")
        seconds = sum(statistics.median(clock.wall[part]) for part in parts)
        rows.append({"axis": "people", "value": count, "seconds": seconds})
    return rows


def memory(frames: int) -> list[dict[str, Any]]:
    """Peak MiB of this process after each tenth of `frames` frames of workload R, in clips of 60."""
    torch.set_num_threads(1)
    hold_memory()
    rows, line, done = [], prepare(WORKLOADS["R"]), 0
    noise = torch.Generator().manual_seed(2)
    while done < frames:
        record(line, 60, noise)
        before, done = done, done + 60
        if done * 10 // frames > before * 10 // frames:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            rows.append({"axis": "frames", "value": done, "peak_mib": peak})
            print(f"   {done:>8} frames: peak {peak:.0f} MiB", flush=True)
    return rows


def commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True)
    return found.stdout.strip() or "unknown"


def show(name: str, rows: list[dict[str, Any]]) -> None:
    total, synthesis = rows[-1], next(r for r in rows if r["stage"] == "synthesis")
    knots = len(frame_knots(prepare(WORKLOADS[name]).setup.radar, Simulation()))
    print(f"\n{name}: {WORKLOADS[name].title}")
    print(f"   {total['faces']} faces, {synthesis['paths']:.0f} paths, {knots} poses, peak {total['peak_mib']:.0f} MiB")
    for row in rows:
        print(f"   {row['stage']:<20}{row['seconds'] * 1e3:9.1f} ms wall {row['cpu_seconds'] * 1e3:9.1f} ms CPU")
    pose, alone, together = (
        next(r for r in rows if r["stage"] == stage)["cpu_seconds"] * 1e3
        for stage in ("pose", "visibility", "visibility_together")
    )
    print(
        f"   pose, refit and visibility: {pose + alone:.1f} ms CPU a frame alone, {pose + together:.1f} ms each of "
        f"{CPU_FRAMES} at once, as the line takes them"
    )
    print(
        f"   synthesis: {synthesis['ns_per_term']:.4f} ns a term, {synthesis['seconds_per_10k']:.3f} s per 10,000 "
        f"paths, error {synthesis['error_db']:.1f} dB, direct sum {synthesis['ratio_direct']:.0f} x as long, "
        f"others' cost model {synthesis['ratio_others']:.0f} x"
    )
    one, two = total["frames_per_second_1"], total["frames_per_second_2"]
    print(f"   one worker {one:.2f} frames/s, two {two:.2f}: {two / one:.2f} times")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=["R", "M", "I"])
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--scaling", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--memory", type=int, metavar="FRAMES")
    options = parser.parse_args()
    if options.memory:
        (HERE / "memory.json").write_text(json.dumps(memory(options.memory), indent=1) + "\n")
        return
    rows = []
    for name in options.workloads:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found = pool.apply(run, (name, options.frames))
        for count in (1, 2):
            found[-1][f"frames_per_second_{count}"] = workers(name, CLIP[name], count)
        found[-1]["frames_per_second"] = found[-1]["frames_per_second_2"]
        show(name, found)
        rows += found
        (HERE / "latest.json").write_text(json.dumps(rows, indent=1) + "\n")
    if options.scaling:
        table = run_scaling()
        for row in table:
            print(f"   {row['axis']:<10}{row['value']:>8}{row['seconds'] * 1e3:10.1f} ms")
        (HERE / "scaling.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
