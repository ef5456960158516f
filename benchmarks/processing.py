"""Milliseconds of CPU time a frame of each step of the processing, on one core.

OMP_NUM_THREADS=1 python benchmarks/processing.py
"""

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from mmsynth.processing import beamform, detect, micro_doppler, range_doppler
from mmsynth.radar import load_radar
from mmsynth.types import AdcFrames, Cfar, Radar


def recording(radar: Radar, frames: int) -> AdcFrames:
    """Noise with a few moving tones in it."""
    generator = torch.Generator().manual_seed(0)
    w = radar.waveform
    shape = (frames, w.loops, radar.slots, len(radar.rx), w.samples)
    samples = torch.randn(shape, generator=generator, dtype=torch.complex64)
    sample, loop = torch.arange(w.samples) / w.range_fft_size, torch.arange(w.loops) / w.loops
    for k in range(8):
        tone = 2 * torch.pi * ((40 + 3 * k) * sample + (k - 4) * loop[:, None])
        samples += 10 * torch.polar(torch.ones_like(tone), tone)[:, None, None]
    return AdcFrames(radar, samples, torch.arange(frames) * w.frame_period)


def cpu(run: Callable[[], object], frames: int, repeats: int = 5) -> float:
    """Least CPU time in ms a frame of several runs."""
    run()
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        spent.append(time.process_time() - start)
    return 1e3 * min(spent) / frames


def main() -> None:
    """Print a table."""
    torch.set_num_threads(1)
    for name, frames in (("radhar", 1), ("radhar", 60), ("mmmesh", 1), ("mmmesh", 8)):
        setup = load_radar(name)
        # The out-of-box chain on both, whatever the profile's own settings.
        settings = replace(setup.processing, points="cfar", doppler_cfar=Cfar("CA", 4, 2, cyclic=True))
        ordered = replace(settings, range_cfar=Cfar("OS"))
        adc = recording(setup.radar, frames)
        cube = range_doppler(adc, settings)
        points = len(detect(cube, settings).velocity) / frames
        steps = {
            "range_doppler": lambda a=adc, s=settings: range_doppler(a, s),
            "detect": lambda c=cube, s=settings: detect(c, s),
            "detect, OS in range": lambda c=cube, s=ordered: detect(c, s),
            "micro_doppler": lambda c=cube, s=settings: micro_doppler(c, s),
            **{
                f"{kind} {method}": lambda c=cube, s=settings, k=kind, m=method: beamform(
                    c, k, replace(s, angle_method=m)
                )
                for kind in ("range_azimuth", "range_elevation")
                for method in ("fft", "capon", "music")
            },
        }
        print(f"{name}: batches of {frames} frames, {points:.0f} points a frame")
        for step, run in steps.items():
            print(f"  {step:24}{cpu(run, frames):8.2f} ms")


if __name__ == "__main__":
    main()
