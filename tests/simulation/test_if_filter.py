"""The filters of the IF: echoes, noise and leakage against the forms of RC and Butterworth."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from oracles import beat_tone, butterworth_power, first_order_highpass, folded_first_order, thermal_noise_power
from simulation.receivers import silence
from simulation.scenes import free_space, mesh, plate, small_radar

from mmsynth.processing.spectrum import range_spectrum
from mmsynth.radar import if_response, load_radar
from mmsynth.simulation import Simulation, receive, simulate_clean
from mmsynth.simulation.receiver import passed
from mmsynth.types import AdcFrames, Paths, Radar, Receiver

RATE = 10e6


def radar_with(complex_samples=True, loops=1, **receiver):
    """A window of 64 samples at 10 MHz of a ramp of 100 MHz/us: 1 m is 667 kHz."""
    radar = small_radar(loops=loops, slope=100e12, sample_rate=RATE, complex_samples=complex_samples)
    return replace(radar, receiver=Receiver(**{"temperature": 1e-12, "load": 1.0} | receiver))


def echo(radar: Radar, distance: float) -> torch.Tensor:
    """Samples of a plate of 1 cm."""
    body = mesh(*plate(0.01, 0.01, distance))
    return simulate_clean(free_space(body), radar, 1, Simulation(static_room=False), seed=0)


def test_response_is_that_of_the_filters_polynomials():
    x = torch.linspace(0, 5, 11, dtype=torch.float64)
    first, second = (if_response(Receiver(lowpass=2.0, lowpass_order=n), 2 * x) for n in (1, 2))
    torch.testing.assert_close(first, 1 / (1 + 1j * x))
    torch.testing.assert_close(second, 1 / (1 + math.sqrt(2) * 1j * x - x**2))
    for order in (3, 4, 7):
        power = if_response(Receiver(lowpass=2.0, lowpass_order=order), 2 * x).abs() ** 2
        torch.testing.assert_close(power.numpy(), butterworth_power(2 * x.numpy(), 2.0, order))


@pytest.mark.parametrize("complex_samples", [True, False])
# In the band; at the corner (3 dB); beyond the rate, where the filter's work is to keep it from folding in (50 dB).
@pytest.mark.parametrize("turns", [6, 20, 84])
def test_an_echo_passes_by_its_own_frequency(turns, complex_samples):
    order, corner = 4, 20 * RATE / 64
    beat = turns * RATE / 64
    distance = beat / 100e12 * 299792458 / 2
    # Against a filter that lets everything pass, and fold.
    wide, low = (radar_with(complex_samples, lowpass=f, lowpass_order=order) for f in (1e15, corner))
    got, whole = (float(echo(radar, distance).abs().square().sum()) for radar in (low, wide))
    # Whole turns in the window, so that real samples have the power of their phase's every value; float32 samples.
    assert got / whole == pytest.approx(float(butterworth_power(beat, corner, order)), rel=2e-3)


# Below the corner, near it and above; no whole number of turns in the window.
@pytest.mark.parametrize("distance", [0.2, 0.4, 1.0, 3.0])
@pytest.mark.parametrize("complex_samples", [True, False])
def test_an_echo_passes_the_highpass_in_size_and_phase(distance, complex_samples):
    whole = echo(radar_with(), distance).to(torch.complex128)
    got = echo(radar_with(complex_samples, highpass=350e3), distance)
    want = whole * first_order_highpass(100e12 * 2 * distance / 299792458, 350e3)
    want = want if complex_samples else math.sqrt(2) * want.real
    torch.testing.assert_close(got, want.to(got), atol=1e-3 * float(want.abs().max()), rtol=0)


@pytest.mark.parametrize("distance", [0.2, 0.34, 0.4, 0.6])
def test_a_near_target_makes_no_false_one_at_range_0(distance):
    """A filter that is settled answers with the target's beat alone, whose side lobes are those of the window."""
    setup = load_radar("bgt60_breathing")
    quiet = replace(setup.radar.receiver, temperature=1e-12, adc_noise=0.0, bits=0)
    radar, settings = replace(setup.radar, receiver=quiet), Simulation(static_room=False)
    samples = simulate_clean(free_space(mesh(*plate(0.004, 0.004, distance))), radar, 1, settings, seed=0)
    adc = AdcFrames(radar, receive(samples, radar, torch.Generator().manual_seed(1)), torch.zeros(1))
    power = range_spectrum(adc, setup.processing).abs().square().sum((0, 1, 2, 3))
    # To the bin: the plate lies between two.
    assert int(power.argmax()) == pytest.approx(distance / radar.waveform.range_bin, abs=1)
    # The window leaves -71 dB and less; by FFT, as if samples went round, it was -50, -65, -49 dB up to 0.4 m.
    assert 10 * math.log10(float(power[:2].max() / power.max())) < -68


@pytest.mark.parametrize("complex_samples", [True, False])
def test_an_echo_from_beyond_the_band_does_not_come_back_within_it(complex_samples):
    # Chips decimate sharply, which is also why their noise is k T B F: a wall beyond the end is no ghost before it.
    plain, wide = (radar_with(complex_samples, **more) for more in ({}, {"lowpass": 1e15}))
    end = plain.waveform.max_range
    inside, beyond = (echo(plain, place * end) for place in (0.98, 1.02))
    assert not beyond.any()
    assert float(echo(wide, 1.02 * end).abs().max()) > 0.8 * float(inside.abs().max())
    torch.testing.assert_close(inside, echo(wide, 0.98 * end), rtol=1e-4, atol=1e-4 * float(inside.abs().max()))


@pytest.mark.parametrize("complex_samples", [True, False])
def test_noise_is_shaped_and_folds(complex_samples):
    corner = 2e6
    more = {"temperature": 290.0, "noise_figure": 20.0, "gain": 1000.0}
    radar = radar_with(complex_samples, loops=500, lowpass=corner, **more)
    noise = receive(silence(radar, 8), radar, torch.Generator().manual_seed(1))
    got = torch.fft.fft(noise)[..., :32].abs().square().mean((0, 1, 2, 3)).numpy() / 64
    frequency = np.arange(32) * RATE / 64
    shape = folded_first_order(frequency, corner, RATE)
    if complex_samples:  # no negative frequencies: what the sum over both sides has and f + m rate, m < 0, does not
        shape = sum(butterworth_power(frequency + m * RATE, corner, 1) for m in range(2000))
    bandwidth = RATE / (1 if complex_samples else 2)
    want = thermal_noise_power(290, bandwidth, 20.0) * 1000**2 * shape
    # 4,000 chirps: 1.6 % a bin, 2.2 % at 0 Hz of real samples; 1 % of the folds is left out
    assert got == pytest.approx(want, rel=0.08)
    assert got.mean() == pytest.approx(want.mean(), rel=0.015)


@pytest.mark.parametrize("complex_samples", [True, False])
def test_the_adcs_own_noise_is_white_whatever_stands_before_it(complex_samples):
    radar = radar_with(complex_samples, loops=500, adc_noise=0.02, lowpass=1e5, highpass=2e6, gain=5.0)
    noise = receive(silence(radar, 4), radar, torch.Generator().manual_seed(2))
    # 128,000 samples, of I and Q each: 0.4 %
    assert float(noise.abs().square().mean()) == pytest.approx(0.02**2 * (2 if complex_samples else 1), rel=0.015)
    spectrum = torch.fft.fft(noise).abs().square().mean((0, 1, 2, 3))
    assert spectrum.max() / spectrum.min() < 1.5


def test_leakage_passes_too():
    radar = radar_with(leakage=0.01, leakage_delay=40e-9, lowpass=4e6)  # 4 MHz: the corner
    radar = replace(radar, tx_power=1.0)
    got = receive(silence(radar, 1), radar, torch.Generator().manual_seed(1))[0, 0, 0, 0].numpy()
    want = 0.01 * beat_tone(radar.waveform, 40e-9) / (1 + 1j)
    assert got == pytest.approx(want, abs=1e-5)


def test_the_beat_of_a_way_is_that_of_both_its_legs_at_mid_frame():
    radar = radar_with(lowpass=4e6)
    # Two antennas an end, whose mean the filter sees: one filter answers all.
    delay = 1e-9 * torch.tensor([[[10.0, 15.0, 90.0], [9.0, 25.0, 90.0]], [[40.0, 49.0, 0.0], [4.0, 51.0, 0.0]]])
    knots, flat = torch.linspace(0, radar.active_time, 3, dtype=torch.float64), torch.zeros(1, dtype=torch.long)
    ways = torch.zeros(1, 3)
    delay = delay.double()
    paths = Paths(torch.ones(1, 2) + 0j, delay[:1], delay[1:], knots, ways, ways, flat, flat)
    # 70 ns of 100 MHz/us are 7 MHz.
    assert complex(passed(paths, radar).gain[0, 0]) == pytest.approx(1 / (1 + 1j * 7 / 4))


def test_an_order_below_one_is_refused():
    with pytest.raises(ValueError, match=r"Receiver.lowpass_order: expected at least 1, got 0"):
        Receiver(lowpass=1e6, lowpass_order=0)
