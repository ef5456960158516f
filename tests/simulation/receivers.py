"""Radars with receivers of one fault, and silence and echoes for them."""

import math
from dataclasses import replace

import torch
from oracles import beat_tone

from mmsynth.radar import load_radar
from mmsynth.types import Radar, Receiver


def radar_with(loops: int = 64, complex_samples: bool = True, **receiver: float) -> Radar:
    """A quiet receiver (no thermal noise to speak of) with the given terms."""
    radar = load_radar("mmmesh").radar
    wave = replace(radar.waveform, loops=loops, complex_samples=complex_samples)
    return replace(
        radar, waveform=wave, tx_power=1.0, receiver=Receiver(**{"temperature": 1e-12, "load": 1.0} | receiver)
    )


def silence(radar: Radar, frames: int = 1) -> torch.Tensor:
    wave = radar.waveform
    kind = torch.complex64 if wave.complex_samples else torch.float32
    return torch.zeros(frames, wave.loops, radar.slots, len(radar.rx), wave.samples, dtype=kind)


def echo(radar: Radar, delay: float, amplitude: float = 1.0) -> torch.Tensor:
    """The tone of one point at rest, the same in every chirp and channel."""
    tone = torch.from_numpy(amplitude * beat_tone(radar.waveform, delay)).to(torch.complex64)
    if not radar.waveform.complex_samples:
        tone = math.sqrt(2) * tone.real
    return silence(radar) + tone


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def power(samples: torch.Tensor) -> float:
    return float(samples.abs().double().square().mean())
