"""A point target through the whole chain, against closed forms."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from processing.strongest import SETTINGS, strongest

from mmsynth.processing import range_doppler
from mmsynth.types import AdcFrames, Processing, Radar


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
