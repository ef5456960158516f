"""Heatmaps and micro-Doppler against closed forms and second routes."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from processing.strongest import noisy

from mmsynth.processing import beamform, detection_level, micro_doppler, range_doppler
from mmsynth.processing.angle import row_spectra, virtual_array, virtual_signals
from mmsynth.processing.spectrum import volts_per_count, window
from mmsynth.radar import load_radar
from mmsynth.types import Processing

SETTINGS = Processing()
METHODS = ("fft", "capon", "music")


def peak(heatmap) -> tuple[float, float]:
    row, column = divmod(int(heatmap.power[0].argmax()), heatmap.power.shape[2])
    return float(heatmap.rows[row]), float(heatmap.columns[column])


@pytest.fixture
def radar(workload_m):
    """The workload's ramp with a quarter of its loops and half of its samples."""
    return replace(workload_m, waveform=replace(workload_m.waveform, loops=32, samples=128, sample_rate=2.2e6))


@pytest.mark.parametrize(("azimuth", "elevation"), [(0.0, 0.0), (0.5, 0.0), (-0.7, 0.1), (0.2, -0.25)])
def test_angle_maps_peak_at_the_target(radar, targets, azimuth, elevation):
    direction = np.array(
        [math.cos(elevation) * math.sin(azimuth), math.cos(elevation) * math.cos(azimuth), math.sin(elevation)]
    )
    cube = range_doppler(noisy(targets(radar, (3.2 * direction, 1.1 * direction))), SETTINGS)
    for method in METHODS:
        settings = replace(SETTINGS, angle_method=method)
        for kind, cosine in (("range_azimuth", direction[0]), ("range_elevation", direction[2])):
            heatmap = beamform(cube, kind, settings)
            distance, angle = peak(heatmap)
            # MUSIC's pseudospectrum has no power: bins of noise may peak as high, so it is read in the target's bin.
            if method == "music":
                row = int((heatmap.rows - 3.2).abs().argmin())
                distance, angle = 3.2, float(heatmap.columns[heatmap.power[0, row].argmax()])
            # The motion inside the frame and the range-Doppler coupling add 6 mm.
            assert abs(distance - 3.2) <= radar.waveform.range_bin / 2 + 6e-3
            # Half an angle bin and what half a Doppler bin of 32 shifts.
            assert abs(math.sin(angle) - cosine) <= 1 / 64 * 1.04 + 1 / 32


BOARDS = ("mmmesh", "iwr1642_demo", "iwr6843aop_people", "iwr6843ods_people", "xwrl6432_motion", "xwrl6844_demo")


@pytest.mark.parametrize("profile", BOARDS)
def test_angle_maps_read_one_power_at_every_height(targets, profile):
    """Whatever the array: a unit echo is one over all Doppler bins, where its azimuth and elevation are."""
    radar = load_radar(profile).radar
    waveform = replace(radar.waveform, loops=16)
    radar = replace(radar, waveform=waveform)
    distance = 40 * waveform.range_bin
    # The window's noise bandwidth sums over Doppler; of a real echo an FFT sees half the amplitude.
    noise_bandwidth = 16 * float(window("hann", 16).square().sum())
    wanted = 10 * math.log10(noise_bandwidth / volts_per_count(radar) ** 2 / (1 if waveform.complex_samples else 4))
    flat = profile == "iwr1642_demo"
    for azimuth, elevation in ((0.0, 0.0), (0.35, 0.52), (-0.35, -0.52), (0.0, 0.52)):
        direction = np.array(
            [math.cos(elevation) * math.sin(azimuth), math.cos(elevation) * math.cos(azimuth), math.sin(elevation)]
        )
        cube = range_doppler(targets(radar, (tuple(distance * direction), (0, 0, 0))), SETTINGS)
        for kind, cosine in (("range_azimuth", direction[0]), ("range_elevation", 0 if flat else direction[2])):
            heatmap = beamform(cube, kind, SETTINGS)
            place, angle = peak(heatmap)
            # The nearest bin is half a bin away at most, and rounding.
            assert place == pytest.approx(distance, abs=0.51 * waveform.range_bin)
            # Half an angle bin of 64, on boards whose half wavelength is not quite the ramp's.
            assert abs(math.sin(angle) - cosine) <= 1.1 / 64
            # Half a bin off the peak, eight antennas lose 0.2 dB; the echo's curve over the array the rest.
            assert float(heatmap.power.max()) == pytest.approx(wanted, abs=0.3)


def test_azimuth_map_is_the_fft_of_every_doppler_bin_summed(radhar, targets):
    cube = range_doppler(noisy(targets(radhar, ((1.0, 2.0, 0.2), (0, 1.0, 0)), ((-1, 3, 0), (0, 0, 0)))), SETTINGS)
    got = 10 ** (beamform(cube, "range_azimuth", SETTINGS).power[0] / 10)
    array = virtual_array(radhar, SETTINGS)
    total = torch.zeros_like(got)
    for d in range(16):
        cells = cube.spectrum[0, d].permute(2, 0, 1)
        signals = virtual_signals(cells, torch.full((len(cells),), d - 8), 16, array, SETTINGS)
        total += row_spectra(signals, array)[:, array.main_row].abs().square()
    # A complex64 covariance against complex64 spectra: nulls of the beam are differences of numbers 1e4 larger.
    torch.testing.assert_close(got, total / 64 / volts_per_count(radhar) ** 2, rtol=2e-3, atol=float(got.max()) * 1e-6)


def test_both_angle_maps_of_a_cube_have_gradients(radhar, targets):
    """They look at one covariance: the graph of the first must not be gone for the second."""
    cube = range_doppler(noisy(targets(radhar, ((1.0, 2.0, 0.2), (0, 1.0, 0)))), SETTINGS)
    cube.spectrum.requires_grad_()
    for kind in ("range_azimuth", "range_elevation"):
        beamform(cube, kind, SETTINGS).power.sum().backward()


def test_angle_maps_of_a_cube_are_those_of_each_setting(radhar, targets):
    """Cables of other lengths turn the array: a cube keeps no map's covariance for another's settings."""
    cube = range_doppler(noisy(targets(radhar, ((1.0, 2.0, 0.2), (0, 1.0, 0)))), SETTINGS)
    turned = replace(SETTINGS, compensation=tuple((math.cos(n), math.sin(n)) for n in range(12)))
    first = beamform(cube, "range_azimuth", SETTINGS).power
    again = beamform(replace(cube), "range_azimuth", turned).power
    assert (first - again).abs().max() > 3
    torch.testing.assert_close(beamform(cube, "range_azimuth", turned).power, again)


def test_super_resolution_tells_two_targets_apart_that_the_fft_does_not(radar, targets):
    """Nine degrees apart, with an aperture of eight half wavelengths (14.3 degrees to the first null)."""
    places = [(3 * math.sin(a), 3 * math.cos(a), 0.0) for a in (-0.08, 0.08)]
    # Different velocities decorrelate them, yet both lie in one range bin.
    adc = noisy(targets(radar, (places[0], (0, 0.5, 0)), (places[1], (0, -0.5, 0))))

    def peaks(method: str) -> int:
        settings = replace(SETTINGS, angle_method=method, sources=2, angle_fft=256)
        heatmap = beamform(range_doppler(adc, settings), "range_azimuth", settings)
        row = heatmap.power[0, int((heatmap.rows - 3).abs().argmin())]
        near = row[(heatmap.columns.abs() < 0.25)]
        return int(((near[1:-1] > near[:-2]) & (near[1:-1] > near[2:]) & (near[1:-1] > near.max() - 12)).sum())

    assert peaks("fft") == 1
    assert peaks("capon") == 2
    assert peaks("music") == 2


def test_range_doppler_map_is_the_detection_level(radhar, targets):
    cube = range_doppler(noisy(targets(radhar, ((0, 2.98, 0), (0, 1.2, 0)))), SETTINGS)
    heatmap = beamform(cube, "range_doppler", SETTINGS)
    assert torch.equal(heatmap.power, detection_level(cube, SETTINGS).transpose(1, 2))
    distance, velocity = peak(heatmap)
    assert (distance, velocity) == (pytest.approx(2.98, abs=0.021), pytest.approx(1.2, abs=0.31))


def test_unknown_kind_is_refused(radhar, targets):
    cube = range_doppler(targets(radhar, ((0, 3.0, 0), (0, 0, 0))), SETTINGS)
    with pytest.raises(ValueError, match="range_azimuth"):
        beamform(cube, "azimuth_range", SETTINGS)


def test_maps_keep_their_figures_in_float16(radhar, targets):
    """In dB they span under 300 with a step of at most 0.125: far finer than their noise."""
    cube = range_doppler(noisy(targets(radhar, ((0, 3.0, 0), (0, 1.2, 0)))), SETTINGS)
    for kind in ("range_doppler", "range_azimuth", "range_elevation"):
        power = beamform(cube, kind, SETTINGS).power
        assert bool(power.isfinite().all())
        assert float((power.half().float() - power).abs().max()) < 0.07


@pytest.mark.parametrize("kind", ["blackman", "hann", "hamming"])
def test_windows_are_the_textbooks(kind):
    numpy = {"blackman": np.blackman, "hann": np.hanning, "hamming": np.hamming}[kind](33)
    np.testing.assert_allclose(window(kind, 33).numpy(), numpy / numpy.sum(), atol=1e-8)
    # A frame of one or two loops still has a Doppler FFT.
    for size in (1, 2):
        assert window(kind, size).tolist() == [1 / size] * size


def test_micro_doppler_follows_a_swing(radar, targets):
    """Of a cube, one column a frame; of samples, several columns inside it. Both show the velocity of that moment."""
    still = targets(radar, ((0, 3.0, 0), (0, 0, 0)))
    waves = [targets(radar, ((0, 3.0, 0), (0, v, 0))).samples for v in (-2.0, 0.5, 3.0)]
    adc = noisy(replace(still, samples=torch.cat(waves), times=torch.arange(3) / 10))
    by_frame = micro_doppler(range_doppler(adc, SETTINGS), SETTINGS)
    assert by_frame.power.shape == (3, 32, 1)
    inside = micro_doppler(adc, SETTINGS, loops=8, hop=4)
    assert inside.power.shape == (3, 8, 7)
    np.testing.assert_allclose(inside.columns.diff(), 4 * radar.loop_time)
    half = micro_doppler(adc, SETTINGS, loops=8)  # overlap by half unless told otherwise
    assert torch.equal(half.power, inside.power) and torch.equal(half.columns, inside.columns)
    for heatmap, step in ((by_frame, 1), (inside, 4)):
        found = heatmap.rows[heatmap.power.argmax(1)]
        half = step * radar.velocity_resolution / 2
        for f, v in enumerate((-2.0, 0.5, 3.0)):
            assert float((found[f] - v).abs().max()) <= half * 1.01


def test_micro_doppler_columns_are_the_middles_of_their_loops(radar, targets):
    """Somebody who speeds up is as fast as a column says at the time that it says."""
    acceleration = 60.0
    time = (radar.chirp_times()[..., None, None] + radar.waveform.sample_times()).numpy()
    still = targets(radar, ((0, 3.0, 0), (0, 0, 0)))
    phase = 4 * np.pi / radar.waveform.wavelength * acceleration * time**2 / 2
    adc = replace(still, samples=still.samples * torch.polar(torch.ones(()), torch.from_numpy(phase).float()))
    heatmap = micro_doppler(adc, SETTINGS, loops=16, hop=2)
    assert len(heatmap.columns) == (radar.waveform.loops - 16) // 2 + 1
    power = 10 ** (heatmap.power[0].double() / 10)
    near = heatmap.rows[power.argmax(0)] - heatmap.rows[:, None]
    power = torch.where(near.abs() < 3.1 * (heatmap.rows[1] - heatmap.rows[0]), power, 0)
    speed = (power * heatmap.rows[:, None]).sum(0) / power.sum(0)
    # The centre of a main lobe errs by a hundredth of its bins of 0.55 m/s; the first loop of 16 is 0.1 m/s earlier.
    np.testing.assert_allclose(speed, acceleration * heatmap.columns, atol=0.02)
    whole = micro_doppler(range_doppler(adc, SETTINGS), SETTINGS)
    assert float(whole.columns[0]) == pytest.approx(float(time.mean()))


def test_micro_doppler_leaves_out_what_is_beyond_its_range(radar, targets):
    adc = noisy(targets(radar, ((0, 2.0, 0), (0, 1.0, 0)), ((0, 5.0, 0), (0, -2.0, 0))))
    near = micro_doppler(adc, replace(SETTINGS, range_limits=(1.0, 3.0)))
    assert float(near.rows[near.power[0, :, 0].argmax()]) > 0
    far = micro_doppler(adc, replace(SETTINGS, range_limits=(4.0, 6.0)))
    assert float(far.rows[far.power[0, :, 0].argmax()]) < 0
    with pytest.raises(ValueError, match="1 to 32 loops"):
        micro_doppler(adc, SETTINGS, loops=200)
