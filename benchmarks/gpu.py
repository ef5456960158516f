"""Speed on a GPU, with the bounds beside it: workloads R, M and I, batches of frames, one process.

    python benchmarks/gpu.py [R M I] [--frames N]

Prints and writes `gpu.json` beside this file: rows of workload, stage, ms (a frame, median of three batches, the
device in step with the clock), frames_per_second (pose to cloud and heatmaps), paths (a frame), error_db (samples
against the CPU's), gflop (a frame, of the synthesis' kernel), tflops and its share of what a float32 matrix product
reaches here, peak_mib (of the device), device, commit.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import workloads

from mmsynth.arrays import moved
from mmsynth.motion import resample
from mmsynth.processing import beamform, detect, range_doppler
from mmsynth.resources import commit
from mmsynth.simulation import knot_times, receive, simulate_clean, synthesize_frames, trace
from mmsynth.simulation.synthesis.buckets import POWERS
from mmsynth.types import AdcFrames, Paths, Radar

REPEATS, CHECKED = 3, 4


def timed(verb: Callable[[], Any]) -> tuple[Any, float]:
    """The result of `verb`, and its median seconds after one call that warms up."""
    result, seconds = verb(), []
    for _ in range(REPEATS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        result = verb()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return result, statistics.median(seconds)


def matrix_tflops() -> float:
    """What a float32 matrix product (TF32 off) reaches on this device."""
    a = torch.randn(8192, 8192, device="cuda")
    return 2 * 8192**3 / timed(lambda: a @ a)[1] / 1e12


def kernel_flops(paths: Paths, radar: Radar) -> float:
    """Floating-point operations of the synthesis' kernel a frame, with the shortest series.

    For each path, transmitting TX and loop: phase and slope from the knots, sine and cosine, the product with the gain;
    for each RX, its turn, its place and a sum over the powers of that.
    """
    knots, rx, terms = len(paths.knots), len(radar.rx), POWERS[0]
    each = 4 * knots + 45 + rx * (17 + 4 * terms + 6 * (terms - 2))
    return len(paths) / paths.frames * int((radar.codes != 0).sum()) * radar.waveform.loops * each


def measure(name: str, frames: int) -> dict[str, dict[str, Any]]:
    """A row of each stage."""
    work = workloads.prepare(workloads.WORKLOADS[name])
    radar, processing, settings = work.setup.radar, work.setup.processing, work.settings
    skin, knots = work.body.to("cuda"), knot_times(radar, frames, settings) + 1.0
    mesh, pose = timed(lambda: skin(resample(work.motion, knots)))
    scene = moved(work.scene_of(mesh), "cuda")
    paths, traced = timed(lambda: trace(scene, radar, 0, settings, 0, frames))
    _, synthesis = timed(lambda: synthesize_frames(paths, radar))
    samples, simulated = timed(lambda: simulate_clean(scene, radar, frames, settings, 0))
    noise = torch.Generator().manual_seed(2)
    received, receiver = timed(lambda: receive(samples, radar, noise))
    adc = AdcFrames(radar, received, torch.arange(frames, dtype=torch.float64))
    cube, spectra = timed(lambda: range_doppler(adc, processing))
    _, detection = timed(lambda: detect(cube, processing))
    _, maps = timed(lambda: [beamform(cube, kind, processing) for kind in workloads.MAPS])
    few = min(CHECKED, frames)
    want = simulate_clean(moved(scene, "cpu"), radar, few, settings, 0)
    error = (samples[:few].cpu() - want).abs().square().sum() / want.abs().square().sum()
    flops, whole = kernel_flops(paths, radar), pose + simulated + receiver + spectra + detection + maps
    stages = {"pose": pose, "trace": traced, "synthesis": synthesis, "simulate": simulated, "receiver": receiver}
    stages |= {"processing": spectra + detection, "heatmaps": maps, "total": whole}
    common = {"workload": name, "paths": len(paths) / frames, "frames": frames, "commit": commit()}
    common["device"] = torch.cuda.get_device_name()
    rows = {stage: common | {"stage": stage, "ms": 1e3 * seconds / frames} for stage, seconds in stages.items()}
    ceiling = matrix_tflops()
    rate = flops * frames / synthesis / 1e12
    rows["synthesis"] |= {"gflop": flops / 1e9, "tflops": rate, "share": rate / ceiling, "matrix_tflops": ceiling}
    rows["total"] |= {"frames_per_second": frames / whole, "error_db": 10 * math.log10(float(error))}
    rows["total"] |= {"peak_mib": torch.cuda.max_memory_allocated() / 2**20}
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=["R", "M", "I"])
    parser.add_argument("--frames", type=int, default=32)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("gpu.py: expected a CUDA device, found none")
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for name in options.workloads:
        torch.cuda.reset_peak_memory_stats()
        found = measure(name, options.frames)
        total, kernel = found["total"], found["synthesis"]
        print(f"\n{name}: {workloads.WORKLOADS[name].title}; {total['paths']:.0f} paths, {total['device']}")
        print("   ms a frame: " + ", ".join(f"{stage} {row['ms']:.3f}" for stage, row in found.items()))
        print(f"   {total['frames_per_second']:.0f} frames/s, {total['error_db']:.1f} dB, {total['peak_mib']:.0f} MiB")
        print(
            f"   synthesis {kernel['tflops']:.2f} TFLOP/s, {100 * kernel['share']:.1f} % of a matrix product",
            flush=True,
        )
        rows += found.values()
        (Path(__file__).parent / "gpu.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
