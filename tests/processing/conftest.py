"""Radars and point-target recordings for the tests of the processing."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from oracles import point_target_adc

from mmsynth.types import AdcFrames, Radar, Waveform

# IWR1443BOOST as facts: TX at (0, 0), (2, +1), (4, 0), RX at 0..3, in half wavelengths of the board's 79 GHz design.
HALF = 299792458.0 / 79e9 / 2
TX = HALF * torch.tensor([[0.0, 0, 0], [2, 0, 1], [4, 0, 0]], dtype=torch.float64)
RX = HALF * torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]], dtype=torch.float64)

RADHAR = Radar(
    name="radhar",
    waveform=Waveform(
        start_frequency=77e9,
        slope=70e12,
        samples=240,
        sample_rate=4.884e6,
        idle_time=7e-6,
        ramp_time=57.14e-6,
        loops=16,
        frame_period=33.333e-3,
        adc_start=7e-6,
    ),
    tx=TX,
    rx=RX,
    codes=torch.eye(3, dtype=torch.float64)[[0, 2, 1]],  # masks 1, 4, 2: the raised TX last
)


@pytest.fixture
def radhar() -> Radar:
    return RADHAR


@pytest.fixture
def workload_m() -> Radar:
    waveform = Waveform(
        start_frequency=77e9,
        slope=60.012e12,
        samples=256,
        sample_rate=4.4e6,
        idle_time=7e-6,
        ramp_time=65e-6,
        loops=128,
        frame_period=0.1,
        adc_start=6e-6,
    )
    return replace(RADHAR, name="mmmesh", waveform=waveform)


def _targets(radar: Radar, *targets: tuple[tuple[float, float, float], tuple[float, float, float]]) -> AdcFrames:
    fields = (radar.waveform, radar.tx.numpy(), radar.rx.numpy(), radar.codes.numpy())
    samples = sum(point_target_adc(*fields, position, velocity) for position, velocity in targets)
    if not radar.waveform.complex_samples:
        samples = np.real(samples)
    kind = torch.complex64 if radar.waveform.complex_samples else torch.float32
    return AdcFrames(radar=radar, samples=torch.from_numpy(samples).to(kind)[None], times=torch.zeros(1))


@pytest.fixture
def targets() -> Callable[..., AdcFrames]:
    """One frame of point targets, each a (position, velocity), without noise."""
    return _targets
