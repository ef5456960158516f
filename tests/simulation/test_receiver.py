"""Receiver: noise, filters, channels and ADC, every term against its closed form."""

import math
from dataclasses import replace

import pytest
import torch
from oracles import adc_noise_power, beat_tone, first_order_highpass, thermal_noise_power
from simulation.receivers import echo, power, radar_with, seeded, silence
from simulation.scenes import free_space, mesh, plate, small_radar

from mmsynth.simulation import Simulation, receive, simulate, simulate_clean
from mmsynth.simulation.receiver import quantised
from mmsynth.simulation.simulate import misplaced
from mmsynth.types import Radar, Receiver


@pytest.mark.parametrize("complex_samples", [True, False])
def test_thermal_noise_is_ktbf_through_gain_and_load(complex_samples: bool) -> None:
    radar = radar_with(complex_samples=complex_samples, temperature=290, noise_figure=20.0, gain=1000.0, load=50.0)
    noise = receive(silence(radar), radar, seeded())
    bandwidth = radar.waveform.sample_rate / (1 if complex_samples else 2)
    want = thermal_noise_power(290, bandwidth, 20.0) * 50 * 1000**2
    # 98,304 complex or 196,608 real samples: standard error of their mean square under 0.4 %
    assert power(noise) / want == pytest.approx(1, abs=0.015)
    spectrum = torch.fft.fft(noise).abs().square().mean((0, 1, 2, 3))
    assert spectrum.max() / spectrum.min() < 1.5  # white: each of 256 bins is a mean of 768 with 4 % error
    # Each channel, slot and loop has its own: what two have in common is 1 % of 24,576 samples' rms.
    for one, other in ((noise[..., 0, :], noise[..., 1, :]), (noise[..., 0, :, :], noise[..., 1, :, :])):
        assert float((one * other.conj()).mean().abs()) < 0.03 * want
    assert float((noise[:, 0] * noise[:, 1].conj()).mean().abs()) < 0.15 * want  # 3,072 samples: 2 %


def test_same_generator_same_bytes_and_another_seed_other_noise() -> None:
    radar = radar_with(loops=2, temperature=290, channel_gain=0.1, interference=1e-12)
    first, again, other = (receive(silence(radar), radar, seeded(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_leakage_is_the_echo_of_its_delay() -> None:
    radar = radar_with(loops=2, leakage=0.01, leakage_delay=0.5e-9, gain=3.0)
    got = receive(silence(radar), radar, seeded())
    torch.testing.assert_close(got, echo(radar, 0.5e-9, 0.03), rtol=0, atol=3e-6)
    # In volts: of 16 mW into each TX, over 50 ohm; of several TX at once, the sum with their signs.
    codes = torch.tensor([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
    strong = replace(radar, tx_power=0.016, codes=codes, receiver=replace(radar.receiver, load=50.0))
    want = echo(radar, 0.5e-9, 0.03 * math.sqrt(0.016 * 50)) * torch.tensor([2.0, 0.0, 1.0])[:, None, None]
    torch.testing.assert_close(receive(silence(strong), strong, seeded()), want, rtol=0, atol=3e-6)


@pytest.mark.parametrize("complex_samples", [True, False])
def test_thermal_noise_passes_the_highpass(complex_samples: bool) -> None:
    terms = {"temperature": 290, "noise_figure": 20.0, "gain": 1000.0, "load": 50.0, "highpass": 700e3}
    radar = radar_with(128, complex_samples, adc_noise=6e-4, **terms)
    ours = 256 if complex_samples else 128
    spectrum = torch.fft.fft(receive(silence(radar), radar, seeded()))[..., :ours].abs().square().mean((0, 1, 2, 3))
    frequency = torch.arange(ours) * radar.waveform.sample_rate / 256
    shape = first_order_highpass(frequency, 700e3).abs() ** 2
    band, parts = (1, 2) if complex_samples else (2, 1)
    thermal = thermal_noise_power(290, radar.waveform.sample_rate / band, 20.0) * 50 * 1000**2
    want = 256 * (thermal * shape + parts * 6e-4**2)
    # 1,536 chirps: 2.6 % a bin, half as much again at 0 Hz of real samples.
    assert spectrum.numpy() == pytest.approx(want.numpy(), rel=0.13)
    assert float((spectrum / want).mean()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("complex_samples", [True, False])
def test_leakage_passes_the_highpass(complex_samples: bool) -> None:
    # As echoes do, at a beat that is no whole number of turns in the window; real samples hold its in-phase part.
    terms = {"leakage": 0.01, "leakage_delay": 1.2e-9, "highpass": 300e3}
    radar = radar_with(1, complex_samples, **terms)
    want = 0.01 * first_order_highpass(radar.waveform.slope * 1.2e-9, 300e3)
    want = want * torch.from_numpy(beat_tone(radar.waveform, 1.2e-9))
    want = want if complex_samples else math.sqrt(2) * want.real
    got = receive(silence(radar), radar, seeded())
    torch.testing.assert_close(got, want.to(got).expand_as(got), atol=3e-9, rtol=1e-4)


def test_quantisation_noise_is_a_twelfth_of_a_squared_step_for_each_of_i_and_q() -> None:
    radar = radar_with(bits=8, full_scale=1.0, temperature=290, noise_figure=1e10)  # noise of some steps as dither
    clean = replace(radar, receiver=replace(radar.receiver, bits=0))
    got, plain = (receive(silence(r), r, seeded()) for r in (radar, clean))
    assert power(plain) > 2 / 128**2
    assert power(got - plain) / adc_noise_power(1.0, 8) == pytest.approx(1, abs=0.02)


def test_adc_clips_at_full_scale_and_levels_are_fixed_points() -> None:
    samples = torch.complex(torch.linspace(-3, 3, 601), torch.linspace(3, -3, 601))
    got = quantised(samples, 1.0, 4)
    levels = torch.arange(-8, 8) / 8
    assert torch.equal(torch.unique(got.real), levels)
    assert torch.equal(torch.unique(got.imag), levels)
    assert torch.equal(quantised(got, 1.0, 4), got)


def test_whatever_else_a_receiver_does_its_samples_are_levels_of_the_adc():
    terms = {"iq_gain": 0.1, "iq_phase": 0.1, "dc": 0.3, "adc_noise": 0.02, "highpass": 1e5, "temperature": 290.0}
    radar = radar_with(loops=2, bits=6, full_scale=0.5, **terms)
    got = torch.view_as_real(receive(echo(radar, 20e-9, 0.4), radar, seeded())) / (0.5 / 32)
    assert torch.equal(got, got.round()) and float(got.max()) == 31 and float(got.min()) >= -32


def test_iq_errors_put_an_image_at_the_negative_frequency() -> None:
    gain, phase = 0.04, 0.03
    radar = radar_with(loops=1, iq_gain=gain, iq_phase=phase)
    bins = torch.arange(radar.waveform.samples) * 20 / radar.waveform.samples
    tone = silence(radar) + torch.polar(torch.ones_like(bins), math.tau * bins)
    spectrum = torch.fft.fft(receive(tone, radar, seeded()))[0, 0, 0, 0].abs().square()
    # K2/K1 of a receiver with gain error g and phase error p (Razavi, RF Microelectronics, 4.2.3)
    want = (gain**2 + phase**2) / 4
    assert float(spectrum[-20] / spectrum[20]) == pytest.approx(want, rel=0.06)


def test_q_leads_by_its_error_and_i_is_left() -> None:
    """Of a tone, I is a cosine; a branch whose oscillator leads by p gives (1 + g) sin(turn + p)."""
    radar = radar_with(loops=1, iq_gain=0.1, iq_phase=0.2)
    turn = math.tau * 20 * torch.arange(radar.waveform.samples) / radar.waveform.samples
    got = receive(silence(radar) + torch.polar(torch.ones_like(turn), turn), radar, seeded())[0, 0, 0, 0]
    torch.testing.assert_close(got, torch.complex(turn.cos(), 1.1 * (turn + 0.2).sin()), rtol=0, atol=1e-5)


def test_noise_is_the_data_sheets_in_every_channel_whatever_its_gain() -> None:
    """Gains of channels are of echoes; the noise figure is what was measured of each channel as it is."""
    radar = radar_with(temperature=290, noise_figure=20.0, gain=1000.0, load=50.0, channel_gain=0.3, channel_phase=0.5)
    noise = receive(silence(radar), radar, seeded())
    want = thermal_noise_power(290, radar.waveform.sample_rate, 20.0) * 50 * 1000**2
    # 16,384 complex samples of each slot and RX: 0.8 %.
    each = noise.abs().double().square().mean((0, 1, 4)) / want
    torch.testing.assert_close(each, torch.ones_like(each), rtol=0, atol=0.04)


def test_offset_is_on_i_and_q() -> None:
    radar = radar_with(loops=1, dc=0.25)
    torch.testing.assert_close(
        receive(silence(radar), radar, seeded()), silence(radar) + (0.25 + 0.25j), atol=1e-6, rtol=0
    )


def test_channel_errors_are_fixed_for_a_recording() -> None:
    radar = radar_with(loops=2, channel_gain=0.1, channel_phase=0.2)
    clean = silence(radar, frames=3) + 1
    got = receive(clean, radar, seeded())
    channels = got[0, 0, :, :, 0]
    torch.testing.assert_close(got, channels[..., None].expand_as(got), atol=1e-5, rtol=0)
    assert torch.linalg.matrix_rank(channels, rtol=1e-4) == 1  # one factor a TX times one a RX
    draws = torch.stack([receive(clean[:1], radar, seeded(s))[0, 0, :, :, 0] for s in range(400)])
    # Of two RX, then of two TX.
    for ratio in (draws[:, 0, 1] / draws[:, 0, 0], draws[:, 1, 0] / draws[:, 0, 0]):
        assert float(ratio.angle().std()) == pytest.approx(0.2 * math.sqrt(2), rel=0.1)  # 400 draws: 3.5 %
        assert float(ratio.abs().log().std()) == pytest.approx(0.1 * math.sqrt(2), rel=0.1)


def test_phases_of_channels_are_refused_for_real_samples() -> None:
    real = radar_with(complex_samples=False, loops=1, channel_phase=0.2)
    with pytest.raises(ValueError, match=r"receiver.channel_phase: expected 0 for real samples, .* got 0.2"):
        receive(silence(real), real, seeded())


def test_channel_errors_of_a_slot_are_the_mean_of_those_of_its_transmitters():
    radar = radar_with(loops=1, channel_gain=0.1, channel_phase=0.2)
    codes = torch.tensor([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
    alone, both = (
        receive(silence(radar) + 1, replace(radar, codes=c), seeded())[0, 0, :, :, 0] for c in (torch.eye(3), codes)
    )
    mean = (alone[0] + alone[1]) / 2
    torch.testing.assert_close(both, torch.stack([mean, mean, alone[2]]), atol=1e-5, rtol=0)


def test_wrong_kind_of_samples_is_refused() -> None:
    radar = radar_with(loops=1)
    with pytest.raises(ValueError, match="samples: expected complex ones"):
        receive(silence(radar).real, radar, seeded())


def test_antennas_off_their_place_turn_the_phases_of_their_channels() -> None:
    spread, at = 2e-4, torch.tensor([1.0, 3.0, -0.5], dtype=torch.float64)
    radar = small_radar(loops=2, tx=((0, 0, 0), (0.01, 0, 0)), rx=((0.02, 0, 0), (0.0225, 0, 0), (0.025, 0, 0)))
    target = mesh(torch.tensor(plate(1e-3, 1e-3, 0.0)[0]) + at, plate(1e-3, 1e-3, 0.0)[1])
    settings = Simulation(static_room=False)
    off = replace(radar, receiver=Receiver(antenna_offset=spread))

    def channels(device: Radar, seed: int) -> torch.Tensor:
        return simulate_clean(free_space(target), device, 1, settings, seed)[0].mean((0, 3))

    wave_number = 2 * math.pi / radar.waveform.wavelength
    turns, first = [], []
    for seed in range(40):
        moved = misplaced(off, seed)
        first.append(torch.stack([moved.tx[0] - radar.tx[0], moved.rx[0] - radar.rx[0]]))
        # [tx, rx]: the slots and channels of a TDM radar
        ways = [(a.tx - at).norm(dim=1)[:, None] + (a.rx - at).norm(dim=1) for a in (moved, radar)]
        turn = (channels(off, seed) / channels(radar, seed)).angle().double()
        # The plate's own phase goes with the bisector of both legs; float32 gains.
        assert turn == pytest.approx(wave_number * (ways[0] - ways[1]), abs=0.01)
        turns.append(turn)
    # Each antenna has a draw of its own: 120 numbers of two have 9 % in common.
    tx, rx = torch.stack(first, 1).flatten(1)
    assert abs(float(tx @ rx / (tx.norm() * rx.norm()))) < 0.35
    # Every antenna has an error along the way to the target; a channel has those of its TX and of its RX.
    rms = float(torch.stack(turns).square().mean().sqrt())
    assert rms == pytest.approx(wave_number * spread * math.sqrt(2), rel=0.2)  # 5 antennas, 40 draws: 10 %
    assert simulate(free_space(target), off, 1, settings, seeded()).radar.virtual_array().equal(radar.virtual_array())
