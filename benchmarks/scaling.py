"""How time grows with paths, loops and antennas (of synthesis, workload M) and people (of the line, workload R).

Prints and writes `scaling.json` beside this file: rows of axis, value, seconds. With --memory instead `memory.json`:
peak memory of one worker over so many frames of R, clip after clip.

    python benchmarks/scaling.py [--memory 10000]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import resource
import statistics
from dataclasses import replace
from typing import Any

import torch
from run import stages
from workloads import HERE, Clock, posed, ready, record

from mmsynth.simulation import synthesize, trace
from mmsynth.simulation.paths import select
from mmsynth.types import Paths, Radar


def scaling(paths: Paths, radar: Radar) -> list[dict[str, Any]]:
    """Seconds of synthesis against paths, loops and antennas."""
    rows = []

    def measure(axis: str, value: int, some: Paths, of: Radar) -> None:
        clock = Clock()
        for _ in range(4):
            clock("s", lambda: synthesize(some, of))
        rows.append({"axis": axis, "value": value, "seconds": statistics.median(clock.wall["s"][1:])})

    for count in (300, 1000, 3000, 10000, 30000):
        index = torch.arange(count) % len(paths)
        measure("paths", count, select(paths, index), radar)
    for loops in (16, 32, 64, 128):
        measure("loops", loops, paths, replace(radar, waveform=replace(radar.waveform, loops=loops)))
    for tx, rx in ((1, 1), (1, 4), (2, 4), (3, 4)):
        some = replace(paths, tx_delay=paths.tx_delay[:, :tx], rx_delay=paths.rx_delay[:, :rx])
        codes = torch.eye(tx, dtype=radar.codes.dtype)
        measure("antennas", tx * rx, some, replace(radar, tx=radar.tx[:tx], rx=radar.rx[:rx], codes=codes))
    return rows


def people() -> list[dict[str, Any]]:
    """Seconds a frame of the line of workload R against how many people there are."""
    rows = []
    for count in (1, 2, 3, 4):
        clock, _, _ = stages(ready("R", count), 3)
        parts = ("pose", "trace", "synthesis", "receiver", "range_doppler", "detect", "heatmaps")
        seconds = sum(statistics.median(clock.wall[part]) for part in parts)
        rows.append({"axis": "people", "value": count, "seconds": seconds})
    return rows


def memory(frames: int) -> list[dict[str, Any]]:
    """Peak MiB of this process after each tenth of `frames` frames of workload R, in clips of 60."""
    rows, line, done = [], ready("R"), 0
    noise = torch.Generator().manual_seed(2)
    while done < frames:
        record(line, 60, noise)
        before, done = done, done + 60
        if done * 10 // frames > before * 10 // frames:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            rows.append({"axis": "frames", "value": done, "peak_mib": peak})
            print(f"   {done:>8} frames: peak {peak:.0f} MiB", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", type=int, metavar="FRAMES")
    options = parser.parse_args()
    if options.memory:
        (HERE / "memory.json").write_text(json.dumps(memory(options.memory), indent=1) + "\n")
        return
    line = ready("M")
    scene, radar = line.scene_of(posed(line, 1)), line.setup.radar
    table = scaling(trace(scene, radar, 0, line.settings, 0), radar) + people()
    for row in table:
        print(f"   {row['axis']:<10}{row['value']:>8}{row['seconds'] * 1e3:10.1f} ms")
    (HERE / "scaling.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
