"""Levels, thresholds and intensities of one cell in a flat background, against arithmetic by hand.

The chain counts in float32, of which 1e-3 dB and 1 mm (of the middle of a bin) are some tens of roundings.
"""

import math
from dataclasses import replace

import pytest
import torch

from mmsynth.processing import beamform, detect, detection_level, micro_doppler, range_doppler
from mmsynth.processing.spectrum import volts_per_count
from mmsynth.radar import load_radar
from mmsynth.types import AdcFrames, Cfar, Processing, RadarCube, Receiver

FLOOR, DOPPLER, BIN = 0.003, 11, 40
STEP = 0.8 / 2**11  # V: 12 bits between -0.8 and 0.8
FLAT = Processing(range_window="none", doppler_window="none", second_peak=0.0)


@pytest.fixture
def cube(radhar):
    """Builds a cube of `FLOOR` V everywhere but for one cell with the given amplitudes [slots, rx] or [1]."""
    radar = replace(radhar, receiver=Receiver(full_scale=0.8, bits=12))

    def build(amplitude: torch.Tensor) -> RadarCube:
        spectrum = torch.full((1, 16, 3, 4, 128), FLOOR, dtype=torch.complex64)
        # The target recedes: its slots (TX 1, 3, 2) are turned by what it moves until they are sent.
        turn = torch.polar(torch.ones(3), math.tau * (DOPPLER - 8) / 16 * torch.arange(3) / 3)
        spectrum[0, DOPPLER, :, :, BIN] = amplitude * turn[:, None]
        distance = torch.arange(128, dtype=torch.float64) * radar.waveform.range_bin
        velocity = (torch.arange(16, dtype=torch.float64) - 8) * radar.velocity_resolution
        return RadarCube(radar, spectrum, torch.zeros(1), distance, velocity)

    return build


def decibel(volts: float) -> float:
    return 20 * math.log10(volts / STEP)


def test_level_noise_and_intensities_of_a_cell(cube):
    amplitude = 0.1 * torch.logspace(-1, 1, 12).reshape(3, 4)  # geometric mean 0.1 V
    mean, count = 0.1, 0.1 / STEP
    power = float(amplitude.square().mean())
    for detection, level in (("log", decibel(mean)), ("power", decibel(math.sqrt(power)))):
        settings = replace(FLAT, detection=detection)
        got = detection_level(cube(amplitude), settings)
        assert float(got[0, DOPPLER, BIN]) == pytest.approx(level, abs=1e-3)
        assert float(got[0, 0, 0]) == pytest.approx(decibel(FLOOR), abs=1e-3)
        found = detect(cube(amplitude), settings)
        assert len(found.velocity) == 1
        assert float(found.noise_db[0]) == pytest.approx(decibel(FLOOR), abs=1e-3)
        assert float(found.snr_db[0]) == float(found.intensity[0]) == pytest.approx(level - decibel(FLOOR), abs=1e-3)
        assert float(found.velocity[0]) == pytest.approx(3 * cube(amplitude).radar.velocity_resolution, rel=1e-6)
    wanted = {"peak": 0.5 * count, "peak_db": 10 * math.log10(0.5 * count + 1)}
    for intensity, value in wanted.items():
        found = detect(cube(amplitude), replace(FLAT, intensity=intensity, intensity_scale=0.5))
        assert float(found.intensity[0]) == pytest.approx(value, rel=1e-4)
    # Whole numbers of the azimuth FFT: at boresight the mean amplitude over the row, in steps of so many counts.
    found = detect(cube(torch.tensor(0.1)), replace(FLAT, intensity="peak", angle_step=3.0))
    assert float(found.intensity[0]) == round(count / 3)


@pytest.mark.parametrize("detection", ["log", "power"])
@pytest.mark.parametrize(("along_range", "along_doppler"), [(9.0, 14.0), (14.0, 9.0), (14.0, None)])
def test_a_cell_is_found_beyond_both_thresholds(cube, detection, along_range, along_doppler):
    for over, seen in ((13.9, False), (14.1, True)):
        settings = replace(
            FLAT,
            detection=detection,
            range_cfar=Cfar(threshold_db=along_range),
            doppler_cfar=along_doppler and Cfar(window=4, guard=2, cyclic=True, threshold_db=along_doppler),
        )
        found = detect(cube(torch.tensor(FLOOR * 10 ** (over / 20))), settings)
        assert len(found.velocity) == int(seen)


def test_noise_of_the_power_detector_is_the_mean_power(cube):
    # Every other range bin holds four times the power: 2.5 on average, or 2 in dB's mean.
    uneven = cube(torch.tensor(1.0))
    uneven.spectrum[..., ::2] *= 2
    for detection, mean in (("log", 2.0), ("power", 2.5)):
        found = detect(uneven, replace(FLAT, detection=detection))
        assert float(found.noise_db[0]) == pytest.approx(decibel(FLOOR * math.sqrt(mean)), abs=1e-3)


def test_a_biased_device_reads_every_range_nearer(radhar, targets):
    bias, at = 0.3, 60 * radhar.waveform.range_bin
    settings = replace(FLAT, range_window="hann", doppler_window="hann", range_bias=bias)
    adc = targets(radhar, ((0.0, at, 0.0), (0.0, 0.0, 0.0)))
    shape = adc.samples.shape
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.complex64)
    adc = replace(adc, samples=adc.samples + 0.3 * noise)
    cube = range_doppler(adc, settings)
    assert float(detect(cube, settings).position[0].norm()) == pytest.approx(at - bias, abs=1e-3)
    for kind in ("range_doppler", "range_azimuth"):
        heatmap = beamform(cube, kind, settings)
        assert float(heatmap.rows[heatmap.power[0].amax(1).argmax()]) == pytest.approx(at - bias, abs=1e-3)
    # Micro-Doppler of what the device reads within 5 cm of that; 2 m on there is nothing but noise.
    for centre, there in ((at - bias, True), (at + bias, False)):
        near = replace(settings, range_limits=(centre - 0.05, centre + 0.05))
        assert bool(micro_doppler(adc, near).power.max() > micro_doppler(cube, settings).power.max() - 6) == there


@pytest.mark.parametrize("azimuth", [0.0, 26.0, 50.0])
def test_an_echo_aside_runs_through_the_range_bins_of_a_wide_board(targets, azimuth):
    """Antennas up to 17 cm apart see it in bins of 5.9 cm, each under another part of the window's main lobe."""
    radar = load_radar("cascade_mimo").radar
    radar = replace(radar, waveform=replace(radar.waveform, loops=1))
    across = radar.virtual_array()[:, 0]
    middle, sine = 0.5 * (across.amin() + across.amax()), math.sin(math.radians(azimuth))
    # From the middle of the virtual array, half the way of TX and RX together, to the middle of a bin.
    place = 68 * radar.waveform.range_bin
    at = (0.5 * float(middle) + place * sine, place * math.cos(math.radians(azimuth)), 0.0)
    settings = replace(FLAT, range_window="hann", detection="power")
    level = detection_level(range_doppler(targets(radar, (at, (0.0, 0.0, 0.0))), settings), settings)
    off = 0.5 * (across - middle) * sine / radar.waveform.range_bin
    lobe = torch.sinc(off) / (1 - off**2)  # of Hann's window (Harris 1978)
    want = 10 * math.log10(float(lobe.square().mean()))  # 0, -0.16 and -0.48 dB
    assert float(level.max()) + 20 * math.log10(volts_per_count(radar)) == pytest.approx(want, abs=0.05)


@pytest.mark.parametrize("points", ["cfar", "strongest"])
def test_a_bias_leaves_nothing_behind_the_device(cube, points):
    """Cells that a bias takes below zero hold no place, whatever the limits: a point there would lie behind."""
    seen = cube(torch.tensor(0.1))
    for nearest, there in ((0.1, True), (-0.1, False)):
        shifted = replace(seen, range=seen.range - seen.range[BIN] + nearest)
        found = detect(shifted, replace(FLAT, points=points, max_points=1, range_limits=(-5.0, 20.0)))
        moving = found.velocity > 2.9 * seen.radar.velocity_resolution
        assert bool(moving.any()) == there and bool((found.position[:, 1] >= 0).all())


def test_micro_doppler_sums_over_ranges_and_reads_counts(radhar):
    # Whole turns in the window of two range bins, 0.1 V and 0.2 V: they are one line of 0.05 V^2 at rest.
    radar = replace(radhar, receiver=Receiver(full_scale=0.8, bits=12))
    radar = replace(radar, waveform=replace(radar.waveform, samples=256, sample_rate=5.2e6))
    turn = math.tau * torch.arange(256) / 256
    tones = 0.1 * torch.polar(torch.ones(256), 20 * turn) + 0.2 * torch.polar(torch.ones(256), 50 * turn)
    adc = AdcFrames(radar, tones.expand(1, 16, 3, 4, 256), torch.zeros(1))
    for found in (micro_doppler(adc, FLAT, loops=8), micro_doppler(range_doppler(adc, FLAT), FLAT)):
        still = int(found.rows.abs().argmin())
        assert float(found.power[0, still, 0]) == pytest.approx(decibel(math.sqrt(0.05)), abs=1e-3)


def test_clutter_is_what_stands_in_each_frame_in_every_slot(radhar, targets):
    # Aside of boresight, so that the slots' phases differ, and elsewhere in the next frame.
    frames = [targets(radhar, ((1.0 + 0.1 * f, 2.0, 0.3), (0.0, 0.0, 0.0))) for f in range(3)]
    adc = AdcFrames(radhar, torch.cat([f.samples for f in frames]), torch.arange(3) / 30)
    plain, left = (range_doppler(adc, replace(FLAT, clutter_removal=c)).spectrum.abs().max() for c in (False, True))
    assert float(left / plain) < 1e-5
