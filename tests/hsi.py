"""Recordings with the headers of TI's SDK before each chirp, written here from the SDK's own description."""

import struct
from dataclasses import replace

import numpy as np
import steps
import torch

from mmsynth.datasets.raw import Order, write_dca1000
from mmsynth.types import AdcFrames, RadarSetup


def header(samples: int, chirps: int = 1, content: int = 1, mark: int = 0x0CDA0ADC0CDA0ADC) -> bytes:
    """64 bytes before `samples` bytes of samples."""
    length = 64 - 16 + samples
    card = struct.pack("<QHHI", mark, length & 0xFFF, length >> 12, 0)
    sdk = struct.pack("<HHBBBBBBHH", 0x0780, 32, 4, 2, 0, 2, 0xF, content, chirps, samples // 8)
    return (card + sdk).ljust(52, b"\0") + b"\x0f" * 12


def small(samples: int = 64, loops: int = 2) -> RadarSetup:
    setup = steps.small("iwr6843aop_people", samples, loops)
    return replace(setup, processing=replace(setup.processing, compensation=()))


def recorded(setup: RadarSetup, frames: int = 3) -> AdcFrames:
    """A target at 1.5 m, each chirp a little weaker than the one before, in whole steps."""
    radar, w = setup.radar, setup.radar.waveform
    beat = 4 * np.pi * w.slope * 1.5 / 299792458 * w.sample_times().numpy()
    chirps = frames * w.loops * radar.slots * len(radar.rx)
    values = np.exp(1j * beat) * (9000 - 10 * np.arange(chirps))[:, None]
    steps = np.rint(values.real) + 1j * np.rint(values.imag)
    shape = (frames, w.loops, radar.slots, len(radar.rx), w.samples)
    samples = torch.from_numpy((steps / 32768).astype(np.complex64).reshape(shape))
    return AdcFrames(radar, samples, torch.arange(frames, dtype=torch.float64) * w.frame_period)


def with_headers(setup: RadarSetup, adc: AdcFrames, path, chirps: int = 1, card: bool = False) -> list[bytes]:
    """Records of a recording, with Q first as the SDK's demos send it."""
    (file,) = write_dca1000(path, adc, Order(swap=True, paired=True))
    data = file.read_bytes()
    size = chirps * setup.radar.waveform.samples * 4 * len(setup.radar.rx)
    records = [header(size, chirps) + data[at : at + size] for at in range(0, len(data), size)]
    if card:  # the card's packets: words u0 u2 u1 u3
        records = [np.frombuffer(r, np.int16).reshape(-1, 4)[:, [0, 2, 1, 3]].tobytes() for r in records]
    file.write_bytes(b"".join(records))
    return records
