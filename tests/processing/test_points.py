"""The list of points: which, how many, in which order, on which grid, and what is removed before."""

import math
from dataclasses import replace

import pytest
import torch
from processing.strongest import SETTINGS, noisy, strongest

from mmsynth.processing import detect, range_doppler
from mmsynth.processing.angle import virtual_array
from mmsynth.types import AdcFrames


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
    # Without CFAR, cells within the limits are fewer than the points asked for: no others stand in.
    _, _, cloud = strongest(adc, replace(SETTINGS, points="strongest", range_limits=(3.95, 4.05), max_points=100))
    assert 16 <= len(cloud.velocity) < 100 and float((cloud.position.norm(dim=1) - 4.0).abs().max()) < 0.06
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
