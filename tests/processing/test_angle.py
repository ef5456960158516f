"""Directions: TI's second peak, folds of TDM, pauses between loops, limits of view."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from processing.strongest import SETTINGS, noisy, strongest

from mmsynth.processing import beamform, detect, range_doppler
from mmsynth.processing.angle import azimuth_power, row_spectra, second_peak, virtual_array
from mmsynth.radar import load_radar
from mmsynth.types import Radar


def toward(azimuth: float, elevation: float) -> np.ndarray:
    """The unit vector at angles in degrees."""
    az, el = math.radians(azimuth), math.radians(elevation)
    return np.array([math.cos(el) * math.sin(az), math.cos(el) * math.cos(az), math.sin(el)])


def walked(power: list[float], fraction: float) -> int | None:
    """The second peak by the demo's loops: down from the first on both sides, level steps too, then the greatest."""
    size, first = len(power), int(np.argmax(power))
    right, left = first, first
    while (right + 1) % size != first and power[(right + 1) % size] <= power[right]:
        right = (right + 1) % size
    while (left - 1) % size != first and power[(left - 1) % size] <= power[left]:
        left = (left - 1) % size
    rest = [k for k in range(size) if (right - first) % size < (k - first) % size < (left - first) % size]
    best = max(rest, key=lambda k: power[k], default=None)
    return best if best is not None and power[best] > fraction * power[first] else None


@pytest.mark.parametrize("fraction", [0.25, 0.6, 0.9])
def test_second_peak_is_that_of_the_demos_walk(fraction):
    draw, found = np.random.default_rng(0), 0
    rough = draw.integers(0, 7, (150, 16))  # whole numbers: flat tops and level steps
    smooth = np.cumsum(draw.normal(size=(150, 16)), 1)
    # One lobe all around, whose trough is high: no second peak, though the trough exceeds the fraction.
    lone = 1 + 0.02 * np.cos(math.tau * np.arange(16) / 16)[None]
    for power in np.concatenate([rough, smooth - smooth.min(), lone]):
        place, exists = second_peak(torch.tensor(power)[None].double(), torch.tensor([int(power.argmax())]), fraction)
        want = walked(power.tolist(), fraction)
        assert bool(exists[0]) == (want is not None)
        if want is not None:
            found += 1
            assert power[int(place[0])] == power[want]  # of equal ones, either
    assert 50 < found <= 300


def test_a_pause_between_loops_is_no_time_between_slots(radhar, targets):
    # Bursts: slots follow each other in 64 us, loops in 692.
    radar = replace(radhar, waveform=replace(radhar.waveform, loop_idle=500e-6))
    velocity = 6 * radar.velocity_resolution
    for sign in (1, -1):
        way = toward(20, 10)
        position, found, _ = strongest(targets(radar, (3 * way, sign * velocity * way)))
        assert found == pytest.approx(sign * velocity, rel=1e-4)  # the middle of a bin, in float32
        # Half an angle bin; of two rows the phase between them, from which noise takes half a degree.
        assert position / np.linalg.norm(position) == pytest.approx(way, abs=1 / 64 + 0.01)


@pytest.mark.parametrize("fold", [1.5, -1.5])
def test_two_transmitters_tell_two_folds(radhar, targets, fold):
    radar = replace(radhar, codes=torch.eye(3, dtype=torch.float64)[[0, 2]])
    velocity = fold * radar.max_velocity
    adc = targets(radar, ((0.5, 3.0, 0.0), (0.0, velocity, 0.0)))
    position, found, _ = strongest(adc, replace(SETTINGS, extended_velocity=True))
    # Half a bin of velocity; half of one of angle (5 cm), what half a bin of velocity turns one slot by, and noise.
    assert found == pytest.approx(velocity * 3 / math.hypot(0.5, 3), abs=0.51 * radar.velocity_resolution)
    assert position[0] == pytest.approx(0.5, abs=0.12)
    assert strongest(adc)[1] * found < 0


@pytest.mark.parametrize(("limit", "angle"), [("azimuth_limits", 35.0), ("elevation_limits", 30.0)])
def test_limits_are_of_azimuth_about_the_vertical_and_elevation_from_the_horizon(radhar, targets, limit, angle):
    # At 35 degrees of azimuth and 30 of elevation: asin(x / r) is 29.8, and atan(z / y) 35.2 degrees.
    adc = noisy(targets(radhar, (3 * toward(35, 30), (0.0, 0.0, 0.0))))
    settings = replace(SETTINGS, second_peak=0.0)
    cube = range_doppler(adc, settings)
    for wide, kept in ((angle + 2.5, True), (angle - 2.5, False)):
        high = replace(settings, **{limit: (-1.0, math.radians(wide))})
        assert bool(len(detect(cube, high).velocity)) == kept
        mirrored = replace(settings, **{limit: (math.radians(wide), 1.0)})
        assert bool(len(detect(cube, mirrored).velocity)) != kept


def scaled(radar: Radar, factor: float, tx: list[tuple[int, int]], rx: list[tuple[int, int]]) -> Radar:
    half = factor * radar.waveform.wavelength / 2
    places = [half * torch.tensor([(x, 0.0, z) for x, z in ends], dtype=torch.float64) for ends in (tx, rx)]
    return replace(radar, tx=places[0], rx=places[1], codes=torch.eye(len(tx), dtype=torch.float64))


@pytest.mark.parametrize("rows", ["two", "four"])
def test_antennas_nearer_than_half_a_wavelength_are_read_by_place_or_as_if_they_stood_there(radhar, targets, rows):
    if rows == "two":
        radar = scaled(radhar, 0.8, [(0, 0), (2, 1), (4, 0)], [(k, 0) for k in range(4)])
    else:
        radar = scaled(radhar, 0.8, [(0, 0), (0, 2), (2, 2)], [(0, 0), (0, 1), (1, 0), (1, 1)])
    way = toward(20, 25)
    adc = targets(radar, (3 * way, (0.0, 0.0, 0.0)))
    for as_half, scale in ((False, 1.0), (True, 0.8)):
        position, _, _ = strongest(adc, replace(SETTINGS, half_wavelength_angles=as_half))
        found = position / np.linalg.norm(position)
        # Half a bin of 64 over that spacing, and noise.
        assert found[[0, 2]] == pytest.approx(scale * way[[0, 2]], abs=1 / 64 / 0.8 + 0.01)
        if as_half:
            on_grid = found[0] if rows == "two" else found[[0, 2]]  # two rows: no bins of elevation
            assert on_grid * 32 == pytest.approx(np.round(on_grid * 32), abs=1e-4)  # float32


@pytest.mark.parametrize(("name", "antennas"), [("iwr6843aop_people", 12), ("iwr6843ods_people", 12), ("mmmesh", 8)])
def test_azimuth_of_a_board_in_a_plane_is_read_with_all_its_antennas(name, antennas):
    """A plane wave of one volt adds up to n^2: of all n, where no row has most of them, else of that row."""
    array = virtual_array(load_radar(name).radar, SETTINGS)
    for across, up in ((0.0, 0.0), (0.3, -0.4)):
        nearest = (axis[(axis - want).abs().argmin()] for axis, want in ((array.across, across), (array.up, up)))
        phase = -2 * torch.pi / array.wavelength * (array.position[:, ::2] @ torch.stack(list(nearest)))
        signals = torch.polar(torch.ones_like(phase), phase).to(torch.complex64)[None]
        power = azimuth_power(row_spectra(signals, array), array)
        assert float(power.max()) == pytest.approx(antennas**2, rel=1e-4)


@pytest.mark.parametrize("up", [0.22, -0.22])
def test_rows_a_wavelength_apart_tell_heights_up_to_half_the_sphere(radhar, targets, up):
    """Beyond 30 degrees their spectrum repeats itself, as an FFT over the rows' own spacing does."""
    half = 0.5 * radhar.waveform.wavelength
    tx = half * torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 2.0], [0.0, 0.0, 4.0]], dtype=torch.float64)
    radar = replace(radhar, tx=tx)
    array = virtual_array(radar, SETTINGS)
    assert float(array.up.min()) == -0.5 and float(array.up.max()) < 0.5
    at = 3 * torch.tensor([0.1, math.sqrt(1 - 0.01 - up**2), up], dtype=torch.float64)
    position, _, _ = strongest(targets(radar, (tuple(at.tolist()), (0.0, 0.0, 0.0))))
    assert position[2] / 3 == pytest.approx(up, abs=0.03)


def test_calibration_is_of_each_virtual_antenna_in_points_and_maps(radhar, targets):
    # TX-major by the number of the TX, while slots go by 1, 3, 2.
    draw = torch.Generator().manual_seed(2)
    wrong = torch.polar(torch.ones(3, 4), 6 * torch.rand(3, 4, generator=draw))
    adc = noisy(targets(radhar, (3 * toward(20, 10), (0.0, 0.0, 0.0))))
    bent = replace(adc, samples=adc.samples * wrong[[0, 2, 1], :, None])
    factors = tuple((float(f.real), float(f.imag)) for f in wrong.conj().flatten())
    straight = replace(SETTINGS, compensation=factors)
    right, got = range_doppler(adc, SETTINGS), range_doppler(bent, straight)
    torch.testing.assert_close(detect(got, straight).position, detect(right, SETTINGS).position)
    for kind in ("range_azimuth", "range_elevation"):
        torch.testing.assert_close(
            beamform(got, kind, straight).power, beamform(right, kind, SETTINGS).power, atol=0.01, rtol=0
        )
