"""The chain on real raw captures."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.signal import periodogram

from mmsynth.processing import beamform, detect, range_doppler
from mmsynth.processing.spectrum import range_spectrum
from mmsynth.types import AdcFrames, Processing, Radar, Receiver, Waveform

pytestmark = pytest.mark.real


@pytest.fixture
def openradar(real_data) -> AdcFrames:
    """One frame of 128 chirps, 8 antennas, 128 samples, in counts. The ramp is not published: bins are all we know."""
    raw = np.load(real_data / "raw_adc/openradar_frames/doppler_example_1.npy")
    samples = torch.from_numpy(raw[..., 0] + 1j * raw[..., 1]).to(torch.complex64)
    waveform = Waveform(77e9, 60e12, 128, 2.5e6, 7e-6, 65e-6, 128, 0.1)
    row = torch.zeros(8, 3, dtype=torch.float64)
    row[:, 0] = torch.arange(8) * waveform.wavelength / 2
    one = torch.ones(1, 1, dtype=torch.float64)
    counts = Receiver(full_scale=2**15, bits=16)
    radar = Radar("openradar", waveform, row[:1], row, one, receiver=counts)
    return AdcFrames(radar, samples[None, :, None], torch.zeros(1))


@pytest.fixture
def bgt60(real_data) -> AdcFrames:
    """Breathing at 0.33 m, 256 frames of 8 chirps, 3 antennas, 64 real samples, in volts."""
    raw = np.load(real_data / "raw_adc/bgt60_breathing/radar.npy").astype(np.float32)
    waveform = Waveform(58e9, 5.5e9 * 2e6 / 64, 64, 2e6, 559.125e-6, 32e-6, 8, 0.07726884633, complex_samples=False)
    half = waveform.wavelength / 2
    # An L with RX3 at its corner (Infineon).
    rx = torch.tensor([[half, 0, 0], [0, 0, half], [0.0, 0, 0]], dtype=torch.float64)
    radar = Radar("bgt60", waveform, rx[:1] - half, rx, torch.ones(1, 1, dtype=torch.float64))
    samples = torch.from_numpy(raw / 4095).transpose(1, 2)[:, :, None]
    samples = samples - samples.mean(-1, keepdim=True)
    return AdcFrames(radar, samples, torch.arange(256) * waveform.frame_period)


def test_openradar_frame_gives_its_target(openradar):
    """The moving target that OpenRadar's example shows: range bin 60, Doppler bin 71."""
    settings = Processing(clutter_removal=True)
    cloud = detect(range_doppler(openradar, settings), settings)
    waveform = openradar.radar.waveform
    assert float(cloud.position[0].norm()) / waveform.range_bin == pytest.approx(60, abs=0.01)
    assert float(cloud.velocity[0]) / openradar.radar.velocity_resolution == pytest.approx(71 - 64, abs=0.01)
    # In its map, too, and 30 dB over the median.
    power = beamform(range_doppler(openradar, settings), "range_doppler", settings).power[0]
    assert divmod(int(power.argmax()), 128) == (60, 71)
    assert float(power.max() - power.median()) > 30


def test_openradar_clutter_is_where_nothing_moves(openradar):
    settings = Processing()
    cloud = detect(range_doppler(openradar, settings), settings)
    moved = detect(range_doppler(openradar, replace(settings, clutter_removal=True)), settings)
    assert bool((cloud.velocity == 0).any()) and not bool((moved.velocity == 0).any())


def test_breathing_at_a_third_of_a_metre(bgt60):
    spectrum = range_spectrum(bgt60, Processing())[:, :, 0].mean(1)
    moving = (spectrum - spectrum.mean(0)).abs().square().mean((0, 1))
    chest = int(moving[4:].argmax()) + 4
    assert chest == 12
    assert chest * bgt60.radar.waveform.range_bin == pytest.approx(0.33, abs=0.014)
    phase = np.unwrap(np.angle(spectrum[:, :, chest].numpy()), axis=0)
    excursion = phase * bgt60.radar.waveform.wavelength / (4 * np.pi)
    # About 2.7 mm rms in each antenna, with reflections of the rest of the body: all within a few mm.
    assert np.median(excursion.std(0)) == pytest.approx(2.7e-3, abs=0.5e-3)
    frequency, power = periodogram(excursion, 1 / bgt60.radar.waveform.frame_period, "hann", detrend="linear", axis=0)
    breaths = 60 * frequency[power.mean(1)[2:].argmax() + 2]
    assert 10 < breaths < 22


def test_an_l_shaped_array_of_real_samples_runs_through_the_chain(bgt60):
    """Three antennas in an L, 8 chirps: a point a frame at the chest's range, nearly always at a direction that exists.

    The channels' own phases are not calibrated, so where it lies is not known.
    """
    settings = Processing(points="strongest", max_points=1, range_limits=(0.25, 0.5), second_peak=0.0)
    cloud = detect(range_doppler(bgt60, settings), settings)
    assert len(cloud.velocity) > 0.9 * 256
    assert float(cloud.position.norm(dim=1).median()) == pytest.approx(12 * bgt60.radar.waveform.range_bin, rel=1e-5)
    assert bool((cloud.position[:, 1] >= 0).all())
