"""Speed of the line, stage by stage, on three workloads, with error and the ratio to direct sums.

Prints tables and writes `latest.json` beside this file: rows of workload, stage, seconds (median, wall clock, a frame
and core), cpu_seconds, frames_per_second, paths, ns_per_term (per path, antenna, chirp and sample), error_db,
ratio_direct (of CPU seconds, one thread each), peak_mib, commit. Each workload runs in a process of its own.
Stages are timed frame by frame but for posing, which takes a clip of `CLIP` frames; `visibility_together` (refit and
visibility) is the share of a frame where as many are taken at once as the line does.

    python benchmarks/run.py [R M I] [--frames N]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import math
import multiprocessing
import resource
import statistics
import time
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor
from workloads import CLIP, HERE, MAPS, WORKLOADS, Clock, Line, posed, prepare, ready, record

from mmsynth.processing import beamform, detect, range_doppler
from mmsynth.resources import commit
from mmsynth.simulation import Simulation, frame_knots, receive, synthesize, synthesize_direct, trace, trace_room
from mmsynth.simulation.legs import direct_legs
from mmsynth.simulation.pose import pose_frame
from mmsynth.simulation.simulate import CPU_FRAMES
from mmsynth.simulation.visible import visible
from mmsynth.types import AdcFrames, Paths, Radar

STAGES = (
    *("room", "pose", "visibility", "visibility_together", "scattering", "synthesis", "receiver", "processing"),
    *("heatmaps", "total"),
)


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
    line = ready(name)
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
    for stage in STAGES:
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
    line = ready(name)
    noise = torch.Generator().manual_seed(2)
    record(line, 1, noise, MAPS)
    start = time.perf_counter()
    record(line, frames, noise, MAPS)
    return time.perf_counter() - start


def workers(name: str, frames: int, count: int) -> float:
    """Frames a second of `count` worker processes together."""
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        return count * frames / max(pool.map(work_through, [(name, frames)] * count, chunksize=1))


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
    options = parser.parse_args()
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


if __name__ == "__main__":
    main()
