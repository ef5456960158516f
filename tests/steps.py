"""Radars of few chirps, and frames of whole ADC steps for them."""

from dataclasses import replace

import torch

from mmsynth.radar import load_radar
from mmsynth.types import AdcFrames, RadarSetup


def small(name: str, samples: int = 16, loops: int = 2, complex_samples: bool = True) -> RadarSetup:
    setup = load_radar(name)
    waveform = replace(setup.radar.waveform, samples=samples, loops=loops, complex_samples=complex_samples)
    return replace(setup, radar=replace(setup.radar, waveform=waveform))


def random_frames(setup: RadarSetup, frames: int, seed: int = 0) -> AdcFrames:
    """Frames of whole ADC steps."""
    radar, w = setup.radar, setup.radar.waveform
    shape = (frames, w.loops, radar.slots, len(radar.rx), w.samples)
    generator = torch.Generator().manual_seed(seed)
    parts = 2 if w.complex_samples else 1
    steps = torch.randint(-32768, 32768, (*shape, parts), generator=generator).to(torch.float32) / 32768
    samples = torch.view_as_complex(steps) if parts == 2 else steps[..., 0]
    return AdcFrames(radar, samples, torch.arange(frames, dtype=torch.float64) * w.frame_period)
