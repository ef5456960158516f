"""A point target through the whole chain, against closed forms."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mmsynth.processing import detect, range_doppler
from mmsynth.processing.angle import virtual_array
from mmsynth.types import AdcFrames, PointCloud, Processing, Radar

SETTINGS = Processing(half_wavelength_angles=False)


def noisy(adc: AdcFrames, sigma: float = 0.3, seed: int = 0) -> AdcFrames:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(adc.samples.shape, generator=generator, dtype=adc.samples.dtype)
    return replace(adc, samples=adc.samples + sigma * noise)


def strongest(adc: AdcFrames, settings: Processing = SETTINGS) -> tuple[np.ndarray, float, PointCloud]:
    cloud = detect(range_doppler(noisy(adc), settings), settings)
    return cloud.position[0].double().numpy(), float(cloud.velocity[0]), cloud


def angles(position: np.ndarray) -> tuple[float, float]:
    return math.degrees(math.atan2(position[0], position[1])), math.degrees(
        math.asin(position[2] / np.linalg.norm(position))
    )


def elevation_slack(radar: Radar, settings: Processing = SETTINGS) -> float:
    """Degrees by which half a Doppler bin and half an azimuth bin may shift the elevation.

    The compensation is that of the bin's centre. Half a bin is pi / loops of phase a loop, of which the rows' mean
    transmit times differ by less than one; half a wavelength up turns pi into a direction cosine of 1. The centroids of
    the two rows lie at the same place across (3.5 half wavelengths), so azimuth does not enter.
    """
    return math.degrees(1 / radar.waveform.loops)


@pytest.mark.parametrize("distance", [0.8, 2.0, 3.3, 7.9])
def test_range_falls_into_the_nearest_bin(radhar, targets, distance):
    position, velocity, cloud = strongest(targets(radhar, ((0.0, distance, 0.0), (0.0, 0.0, 0.0))))
    step = radhar.waveform.range_bin
    # The array's centroid and the frame's few ms move the range by less than 1 mm; a bin is 41 mm.
    assert abs(np.linalg.norm(position) - distance) <= step / 2 + 1e-3
    assert np.linalg.norm(position) / step == pytest.approx(round(np.linalg.norm(position) / step), abs=1e-3)
    assert velocity == 0 and len(cloud.velocity) == 1


@pytest.mark.parametrize("velocity", [-4.0, -1.3, -0.6, 0.6, 1.3, 4.0])
def test_doppler_bin_and_sign(radhar, targets, velocity):
    _, measured, cloud = strongest(targets(radhar, ((0.0, 3.0, 0.0), (0.0, velocity, 0.0))))
    step = radhar.velocity_resolution
    assert abs(measured - velocity) <= step / 2 * 1.01
    assert measured / step == pytest.approx(round(measured / step), abs=1e-4)
    assert set(np.sign(cloud.velocity.numpy())) == {np.sign(velocity)}


@pytest.mark.parametrize("velocity", [0.0, 4.0, -4.0, 1.2])
@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (25, 0), (-40, 0), (10, 12), (-20, -14)])
def test_direction_through_tdm(radhar, targets, azimuth, elevation, velocity):
    az, el = math.radians(azimuth), math.radians(elevation)
    direction = np.array([math.cos(el) * math.sin(az), math.cos(el) * math.cos(az), math.sin(el)])
    position, measured, _ = strongest(targets(radhar, (3 * direction, velocity * direction)))
    # Half an angle bin, and the shift by half a Doppler bin between the slots of the two azimuth TX, a third of a loop
    # and four half wavelengths apart.
    slack = 1 / 64 * 1.03 + 1 / (radhar.waveform.loops * 3 * 4)
    assert abs(position[0] / np.linalg.norm(position) - direction[0]) <= slack
    assert abs(angles(position)[1] - elevation) <= elevation_slack(radhar) + 0.5


def test_boresight_target_at_3_m_and_4_m_s_stays_level_with_the_raised_transmitter_last(radhar, targets):
    for order in ([0, 2, 1], [0, 1, 2], [1, 0, 2]):
        radar = replace(radhar, codes=torch.eye(3, dtype=torch.float64)[order])
        position, _, _ = strongest(targets(radar, ((0.0, 3.0, 0.0), (0.0, 4.0, 0.0))))
        # Without the compensation by slot it stands 1 m and more too high or low.
        assert abs(position[2]) <= 3.1 * math.sin(math.radians(elevation_slack(radar)))


def test_compensation_goes_by_slot(radhar, targets):
    """Compensated by the number of the TX instead, the same recording puts the target a metre off boresight."""
    adc = targets(radhar, ((0.0, 3.0, 0.0), (0.0, 4.0, 0.0)))
    by_number = AdcFrames(
        replace(radhar, codes=torch.eye(3, dtype=torch.float64)), adc.samples[:, :, [0, 2, 1]], adc.times
    )
    position, _, _ = strongest(by_number)
    # A third of 6.5 bins' phase, 0.85 rad, on the raised row; half the other way on the main one: 1.28 / pi of 3 m.
    assert abs(position[2]) == pytest.approx(1.22, abs=0.15)


def test_phase_is_that_of_the_two_way_path(radhar, targets):
    """The peak's phase turns by 4 pi f / c a metre, at the frequency in the middle of the window."""
    step = 1e-4
    cube = [
        range_doppler(targets(radhar, ((0.0, 2.0 + k * step, 0.0), (0.0, 0.0, 0.0))), SETTINGS).spectrum[0, 8, 0, 0]
        for k in (0, 1)
    ]
    peak = int(cube[0].abs().argmax())
    turned = float(torch.angle(cube[1][peak] / cube[0][peak]))
    # The window's centre lies half a sample before the middle of the window; complex64 keeps 1e-4 rad.
    assert turned == pytest.approx(4 * math.pi * step / radhar.waveform.wavelength, rel=1e-3)


def test_amplitude_of_a_tone_is_kept(radhar, targets):
    exact = 50 * radhar.waveform.range_bin
    cube = range_doppler(targets(radhar, ((0.0, exact, 0.0), (0.0, 0.0, 0.0))), SETTINGS)
    # Scalloping: the bin's centre and the beat frequency differ by the tiny bistatic angle.
    assert float(cube.spectrum[0, 8, 0, 0, 50].abs()) == pytest.approx(1.0, abs=2e-3)


def test_real_samples_give_the_same_points(radhar, targets):
    real = replace(radhar, waveform=replace(radhar.waveform, complex_samples=False))
    target = ((0.7, 3.0, 0.3), (0.0, -1.3, 0.0))
    a, va, _ = strongest(targets(radhar, target))
    b, vb, _ = strongest(targets(real, target))
    assert a == pytest.approx(b, abs=1e-2) and va == vb


def test_mirrored_scene_mirrors_the_points(radhar, targets):
    right, _, _ = strongest(targets(radhar, ((1.2, 2.5, 0.0), (0.0, 0.0, 0.0))))
    left, _, _ = strongest(targets(radhar, ((-1.2, 2.5, 0.0), (0.0, 0.0, 0.0))))
    assert right[0] > 1 and left[0] < -1
    assert right[0] == pytest.approx(-left[0], abs=2.8 / 32)  # one angle bin: the grid has no mirror of its first bin


def test_time_reversal_turns_the_velocity(radhar, targets):
    """The film of a target run backwards, of one TX alone (with several, the slots' order would turn too)."""
    radar = replace(radhar, tx=radhar.tx[:1], codes=torch.ones(1, 1, dtype=torch.float64))
    adc = targets(radar, ((0.0, 3.0, 0.0), (0.0, 3.0, 0.0)))
    _, forward, _ = strongest(adc)
    _, backward, _ = strongest(replace(adc, samples=adc.samples.flip(1)))
    assert forward > 0 and backward == pytest.approx(-forward)


def test_two_targets_in_one_cell_are_told_apart_by_the_second_peak(radhar, targets):
    adc = targets(radhar, ((1.5, 2.598, 0.0), (0.0,) * 3), ((-1.5, 2.598, 0.0), (0.0,) * 3))
    _, _, cloud = strongest(adc)
    assert sorted(np.sign(cloud.position[:2, 0].numpy())) == [-1, 1]
    _, _, one = strongest(adc, replace(SETTINGS, second_peak=0.0))
    assert len(one.velocity) < len(cloud.velocity)


def test_second_peaks_follow_the_first_ones_each_beside_its_own(radhar, targets):
    """Three pairs at three ranges: a device lists all first peaks, then the second ones."""
    pairs = [(1.5, 2.598), (1.2, 3.4), (0.9, 4.2)]
    places = [(sign * x, y, 0.0) for x, y in pairs for sign in (-1, 1)]
    adc = targets(radhar, *((place, (0.0, 0.0, 0.0)) for place in places))
    _, _, cloud = strongest(adc, replace(SETTINGS, listing="scan"))
    distance, across = cloud.position.norm(dim=1), cloud.position[:, 0]
    assert len(distance) == 6 and bool((distance[:3].diff() > 0.5).all())
    torch.testing.assert_close(distance[:3], distance[3:])
    for k, (x, _) in enumerate(pairs):
        # A pair of half a resolution's width beside each other pulls: an angle bin.
        assert sorted(across[[k, k + 3]].tolist()) == pytest.approx([-x, x], abs=0.2)


def test_extended_velocity_unfolds(radhar, targets):
    fast = 7.0  # the limit is 4.92 m/s
    adc = targets(radhar, ((0.5, 3.0, 0.0), (0.0, fast, 0.0)))
    _, folded, _ = strongest(adc)
    position, unfolded, _ = strongest(adc, replace(SETTINGS, extended_velocity=True))
    radial = fast * 3.0 / math.hypot(0.5, 3.0)
    assert folded < 0
    assert unfolded == pytest.approx(radial, abs=radhar.velocity_resolution / 2)
    assert position[0] == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("second", [(1.0, -1.0), (0.0, 1.0)])
def test_codes_are_undone(radhar, targets, second):
    """Two TX at once, told apart by +1 and -1 (BPM) or by one of them alone, give the points of two in turns."""
    codes = torch.tensor([[1.0, 0.0, 1.0], [second[0], 0.0, second[1]]], dtype=torch.float64)
    coded = replace(radhar, codes=codes)
    tdm = replace(radhar, codes=torch.eye(3, dtype=torch.float64)[[0, 2]])
    for velocity in (0.0, 3.0):
        target = ((1.0, 2.5, 0.0), (0.0, velocity, 0.0))
        a, va, _ = strongest(targets(coded, target))
        b, vb, _ = strongest(targets(tdm, target))
        assert a == pytest.approx(b, abs=1e-6) and va == vb


def test_codes_that_cannot_be_undone_are_refused(radhar, targets):
    codes = torch.tensor([[1.0, 0.0, 1.0]], dtype=torch.float64)
    with pytest.raises(ValueError, match="2 TX in 1 slots"):
        strongest(targets(replace(radhar, codes=codes), ((0.0, 2.0, 0.0), (0.0, 0.0, 0.0))))


def test_points_lie_on_the_grids_of_the_firmware(radhar, targets):
    settings = replace(SETTINGS, half_wavelength_angles=True)
    _, _, cloud = strongest(targets(radhar, ((0.9, 2.2, 0.2), (0.5, 1.5, 0.0)), ((-0.5, 1.4, 0), (0, 0, 0))), settings)
    distance = cloud.position.double().norm(dim=1)
    for value, step in (
        (distance, 0.04085),
        (cloud.velocity, 0.6147),
        (cloud.position[:, 0] / distance, 2 / 64),
    ):
        # facts give the steps to four digits; the largest index here is 70.
        assert float((value / step - (value / step).round()).abs().max()) < 0.02


def test_positions_are_rounded_as_the_device_does(radhar, targets):
    adc = targets(radhar, ((0.9, 2.2, 0.2), (0.5, 1.5, 0.0)))
    _, _, exact = strongest(adc)
    _, _, rounded = strongest(adc, replace(SETTINGS, position_step=1 / 512))
    assert torch.equal(rounded.position * 512, (rounded.position * 512).round())
    assert float((rounded.position - exact.position).abs().max()) <= 0.5 / 512 + 1e-6


def test_channel_errors_are_compensated(radhar, targets):
    """Phases of the receive channels that would turn the beam away, undone by the device's calibration."""
    wrong = torch.polar(torch.ones(4), torch.tensor([0.0, 1.2, -0.9, 2.0]))
    adc = targets(radhar, ((0.7, 2.5, 0.3), (0.0, 0.0, 0.0)))
    bent = replace(adc, samples=adc.samples * wrong[:, None])
    right, _, _ = strongest(adc)
    factors = tuple((float(f.real), float(f.imag)) for f in wrong.conj().repeat(3))
    assert strongest(bent)[0] != pytest.approx(right, abs=0.05)
    assert strongest(bent, replace(SETTINGS, compensation=factors))[0] == pytest.approx(right, abs=0.02)
    with pytest.raises(ValueError, match="expected 12 virtual antennas, got 4"):
        strongest(bent, replace(SETTINGS, compensation=factors[:4]))


ARRAYS = {
    # In half wavelengths, x and z of TX and RX: boards of other shapes than the row with one raised antenna.
    "4x3 plane (AOP)": ([(0, 0), (0, 2), (2, 2)], [(0, 0), (0, 1), (1, 0), (1, 1)]),
    "L of three": ([(0, 0)], [(1, 0), (0, 1), (0, 0)]),
    "sparse row of unequal gaps": ([(0, 0), (2.7, 1)], [(0, 0), (1, 0), (2.3, 0), (3.1, 0)]),
    "one antenna": ([(0, 0)], [(0, 0)]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_other_arrays(radhar, targets, name):
    half = radhar.waveform.wavelength / 2
    tx, rx = (half * torch.tensor([(x, 0.0, z) for x, z in a], dtype=torch.float64) for a in ARRAYS[name])
    radar = replace(radhar, tx=tx, rx=rx, codes=torch.eye(len(tx), dtype=torch.float64))
    for azimuth, elevation in ((0.3, 0.2), (-0.5, 0.0), (0.0, -0.3)):
        direction = [
            *(math.cos(elevation) * math.sin(azimuth), math.cos(elevation) * math.cos(azimuth), math.sin(elevation))
        ]
        position, _, _ = strongest(targets(radar, ([3 * d for d in direction], (0.0, 0.0, 0.0))))
        found = position / np.linalg.norm(position)
        if name == "one antenna":
            assert found == pytest.approx([0, 1, 0])
            continue
        # Half a bin of 64 across the half-wavelength grid; noise at 30 dB and more under the target adds little.
        assert abs(found[0] - direction[0]) <= 1 / 64 + 0.01
        assert abs(found[2] - direction[2]) <= 1 / 64 + 0.03


def test_limits_and_number_of_points(radhar, targets):
    adc = targets(radhar, ((1.0, 2.0, 0.0), (0, 1.0, 0)), ((-1.0, 4.0, 0.0), (0, -2.0, 0)))
    _, _, everything = strongest(adc)
    assert len(everything.velocity) >= 2
    for settings in (
        replace(SETTINGS, range_limits=(3.0, 6.0)),
        replace(SETTINGS, velocity_limits=(-9.0, -0.1)),
        replace(SETTINGS, azimuth_limits=(-math.pi / 2, 0.0)),
    ):
        _, _, cloud = strongest(adc, settings)
        assert len(cloud.velocity) and bool((cloud.position[:, 0] < 0).all())
    _, _, cloud = strongest(adc, replace(SETTINGS, max_points=1))
    assert len(cloud.velocity) == 1
    assert float(cloud.snr_db[0] + cloud.noise_db[0]) == float((everything.snr_db + everything.noise_db).max())


@pytest.mark.parametrize("loops", [16, 15])
def test_a_scan_lists_zero_then_receding_then_approaching_and_stops_when_full(radhar, targets, loops):
    radar = replace(radhar, waveform=replace(radhar.waveform, loops=loops))
    adc = noisy(
        targets(radar, ((0.5, 2.0, 0.0), (0, 1.0, 0)), ((-0.5, 3.0, 0.0), (0, -1.0, 0)), ((0, 4.0, 0), (0, 0, 0)))
    )
    settings = replace(
        SETTINGS,
        doppler_cfar=None,
        peak_grouping_range=False,
        peak_grouping_doppler=False,
        listing="scan",
        second_peak=0.0,
    )
    cube = range_doppler(adc, settings)
    whole, full = (detect(cube, replace(settings, max_points=n)) for n in (1000, 20))
    step = cube.velocity[1] - cube.velocity[0]
    order = (whole.velocity / step).round() % len(cube.velocity)
    distance = whole.position.norm(dim=1)
    assert len(order) > 40 and bool((order.diff() >= 0).all()) and {0.0, 2.0, loops - 2.0} <= set(order.tolist())
    assert bool((distance.diff()[order.diff() == 0] > 0).all())
    torch.testing.assert_close(full.position, whole.position[:20])
    assert bool((full.velocity >= 0).all())


def test_directions_beyond_the_unit_sphere_are_dropped_or_laid_at_y_0(radhar, targets):
    adc = targets(radhar, ((2.6, 1.0, 0.2), (0.0, 0.0, 0.0)))
    raised = virtual_array(radhar, SETTINGS).position[:, 2] > 0
    # The raised transmitter lags: the elevation cosine reads 0.7 too high, beside an azimuth cosine of 0.93.
    turned = tuple((math.cos(p), math.sin(p)) for p in (-0.7 * math.pi * raised.double()).tolist())
    settings = replace(SETTINGS, compensation=turned, second_peak=0.0)
    _, _, kept = strongest(adc, replace(settings, impossible_directions=True))
    assert len(detect(range_doppler(adc, settings), settings).velocity) == 0
    assert bool((kept.position[:, 1] == 0).all()) and bool((kept.position[:, 2] > 1.5).all())


def test_a_batch_of_frames_is_the_frames_one_by_one(radhar, targets):
    frames = [
        noisy(targets(radhar, ((x, 2.5, 0.1), (0.0, v, 0.0))), seed=k)
        for k, (x, v) in enumerate([(0.5, 1.0), (-1.0, -2.0), (0.0, 0.0)])
    ]
    together = AdcFrames(radhar, torch.cat([f.samples for f in frames]), torch.arange(3) / 30)
    batch = detect(range_doppler(together, SETTINGS), SETTINGS)
    for f, adc in enumerate(frames):
        one = detect(range_doppler(adc, SETTINGS), SETTINGS)
        rows = slice(int(batch.offsets[f]), int(batch.offsets[f + 1]))
        torch.testing.assert_close(batch.position[rows], one.position)
        torch.testing.assert_close(batch.snr_db[rows], one.snr_db)


def test_no_detection_gives_an_empty_cloud(radhar):
    silent = AdcFrames(radhar, torch.zeros(2, 16, 3, 4, 240, dtype=torch.complex64), torch.arange(2) / 30)
    cloud = detect(range_doppler(silent, SETTINGS), SETTINGS)
    assert cloud.position.shape == (0, 3) and cloud.offsets.tolist() == [0, 0, 0]


def test_clutter_removal_takes_what_stands_and_leaves_what_moves(radhar, targets):
    adc = targets(radhar, ((0.0, 2.0, 0.0), (0, 0, 0)), ((0.5, 4.0, 0.0), (0, 2.0, 0)))
    _, _, cloud = strongest(adc, replace(SETTINGS, clutter_removal=True))
    assert len(cloud.velocity) and bool((cloud.position.norm(dim=1) > 3).all())


def test_antenna_coupling_is_removed_from_the_near_bins(radhar, targets):
    """A static leak at 5 cm goes; the moving target behind stays as it was."""
    frames = [targets(radhar, ((0.0, 0.05, 0.0), (0,) * 3), ((0.0, 2.0 + f, 0.0), (0, 1.3, 0))) for f in range(3)]
    adc = AdcFrames(radhar, torch.cat([f.samples for f in frames]), torch.arange(3) / 30)
    plain = range_doppler(adc, SETTINGS).spectrum.abs()
    clean = range_doppler(adc, replace(SETTINGS, dc_range_bins=8, dc_range_bins_negative=5)).spectrum.abs()
    assert float(clean[..., :5].max()) < 0.01 * float(plain[..., :5].max())
    assert torch.equal(clean[..., 8:-5], plain[..., 8:-5])


def test_removal_of_coupling_spares_what_stands_elsewhere_in_the_next_frame(radhar, targets):
    """A hand at 25 cm, still within each frame but a sixth of a wavelength nearer in the next, is no coupling."""
    step = radhar.waveform.wavelength / 6  # a third of a turn of phase: three frames sum to nothing
    frames = [targets(radhar, ((0.0, 0.25 - f * step, 0.0), (0.0, 0.0, 0.0))) for f in range(3)]
    adc = AdcFrames(radhar, torch.cat([f.samples for f in frames]), torch.arange(3) / 30)
    plain = range_doppler(adc, SETTINGS).spectrum.abs()[..., 6]
    clean = range_doppler(adc, replace(SETTINGS, dc_range_bins=8)).spectrum.abs()[..., 6]
    assert float(clean.max()) > 0.95 * float(plain.max())
