"""A recording that went through a device's file gives the same points as the samples that it was written from."""

import numpy as np
import pytest
import torch
from oracles import point_target_adc

from mmsynth.datasets.raw import read_dca1000, read_infineon, write_dca1000, write_infineon
from mmsynth.processing import detect, range_doppler
from mmsynth.radar import load_radar
from mmsynth.types import AdcFrames, RadarSetup

TARGETS = (((0.4, 2.0, 0.1), (0.3, 1.2, 0.0)), ((-0.8, 3.1, -0.2), (0.0, -1.5, 0.0)))


def recorded(setup: RadarSetup, targets=TARGETS) -> AdcFrames:
    """Two frames of moving points with noise, in whole steps of the ADC."""
    radar = setup.radar
    frames = []
    rng = np.random.default_rng(0)
    for frame in range(2):
        arrays = (radar.tx.numpy(), radar.rx.numpy(), radar.codes.numpy())
        start = frame * radar.waveform.frame_period
        clean = sum(
            point_target_adc(radar.waveform, *arrays, place, velocity, amplitude=0.02, start=start)
            for place, velocity in targets
        )
        noisy = clean + 2e-3 * (rng.normal(size=clean.shape) + 1j * rng.normal(size=clean.shape))
        frames.append(noisy if radar.waveform.complex_samples else noisy.real)
    receiver = radar.receiver
    step = receiver.full_scale / 2 ** (receiver.bits - 1)
    values = np.stack(frames) / step
    steps = values.real.round() + 1j * values.imag.round() if np.iscomplexobj(values) else values.round()
    kind = np.complex64 if np.iscomplexobj(values) else np.float32
    samples = torch.from_numpy((steps * step).astype(kind))
    return AdcFrames(radar, samples, torch.arange(2, dtype=torch.float64) * radar.waveform.frame_period)


def points(setup: RadarSetup, adc: AdcFrames) -> torch.Tensor:
    cloud = detect(range_doppler(adc, setup.processing), setup.processing)
    return torch.cat([cloud.position, cloud.velocity[:, None], cloud.intensity[:, None]], 1)


@pytest.mark.parametrize("name", ["radhar", "iwr6843isk_area"])
def test_dca1000(tmp_path, name):
    setup = load_radar(name)
    adc = recorded(setup)
    recording = read_dca1000(write_dca1000(tmp_path / "a.bin", adc), setup)
    direct, read = points(setup, adc), points(setup, recording.frames())
    assert len(direct) >= 4
    assert torch.equal(direct, read)
    # Each target is among the points of each frame: within a range bin and a Doppler bin.
    for place, velocity in TARGETS:
        distance = float(np.linalg.norm(place))
        speed = float(np.dot(place, velocity)) / distance
        near = (direct[:, :3].norm(dim=1) - distance).abs() < 0.1
        assert bool((near & ((direct[:, 3] - speed).abs() < setup.radar.velocity_resolution)).any())


def test_infineon(tmp_path):
    setup = load_radar("bgt60")
    adc = recorded(setup, (((0.0, 0.4, 0.0), (0.0, 0.5, 0.0)),))
    write_infineon(tmp_path, adc)
    back = read_infineon(tmp_path).frames()
    # A step of 0.6 V / 2048 is no power of two: equal to float32's last digits.
    assert torch.allclose(back.samples, adc.samples, rtol=1e-6, atol=1e-9)
    direct, read = points(setup, adc), points(setup, AdcFrames(setup.radar, back.samples, back.times))
    assert len(direct) and torch.allclose(direct, read, atol=1e-3)
    strongest = direct[direct[:, 4].argmax()]
    assert float(strongest[:3].norm()) == pytest.approx(0.4, abs=setup.radar.waveform.range_bin)
    assert float(strongest[3]) == pytest.approx(0.5, abs=setup.radar.velocity_resolution)
