"""Receiver: every term against its closed form."""

import math
from dataclasses import replace

import pytest
import torch
from oracles import adc_noise_power, beat_tone, first_order_highpass, phase_noise_to_signal, thermal_noise_power
from simulation.scenes import free_space, mesh, plate, small_radar

from mmsynth.radar import load_radar
from mmsynth.simulation import Simulation, receive, simulate, simulate_clean
from mmsynth.simulation.receiver import quantised
from mmsynth.simulation.simulate import misplaced
from mmsynth.types import Radar, Receiver


def radar_with(loops: int = 64, complex_samples: bool = True, **receiver: float) -> Radar:
    """A quiet receiver (no thermal noise to speak of) with the given terms."""
    radar = load_radar("mmmesh").radar
    wave = replace(radar.waveform, loops=loops, complex_samples=complex_samples)
    return replace(
        radar, waveform=wave, tx_power=1.0, receiver=Receiver(**{"temperature": 1e-12, "load": 1.0} | receiver)
    )


def silence(radar: Radar, frames: int = 1) -> torch.Tensor:
    wave = radar.waveform
    kind = torch.complex64 if wave.complex_samples else torch.float32
    return torch.zeros(frames, wave.loops, radar.slots, len(radar.rx), wave.samples, dtype=kind)


def echo(radar: Radar, delay: float, amplitude: float = 1.0) -> torch.Tensor:
    """The tone of one point at rest, the same in every chirp and channel."""
    tone = torch.from_numpy(amplitude * beat_tone(radar.waveform, delay)).to(torch.complex64)
    if not radar.waveform.complex_samples:
        tone = math.sqrt(2) * tone.real
    return silence(radar) + tone


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def power(samples: torch.Tensor) -> float:
    return float(samples.abs().double().square().mean())


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


@pytest.mark.parametrize("delay", [10e-9, 20e-9, 40e-9])
def test_phase_noise_of_an_echo_grows_with_its_delay(delay: float) -> None:
    level, offset = 1e-9, 1e6
    radar = radar_with(phase_noise=level, phase_noise_offset=offset)
    clean = echo(radar, delay)
    noise = (receive(clean, radar, seeded()) - clean)[..., 32:-32]  # the derivative of a cut tone rings at its ends
    want = phase_noise_to_signal(level, offset, delay, radar.waveform.sample_rate)
    # 192 chirps of 192 samples: 0.7 %; sin(pi f tau) against pi f tau: up to 3 % at 40 ns
    assert power(noise) == pytest.approx(want, rel=0.05)
    torch.testing.assert_close(noise[..., 0, :], noise[..., 3, :])
    # Chirps are independent: their noise, of the one echo, has 2 % in common of 64 * 192 samples.
    assert float((noise[:, :, 0] * noise[:, :, 1].conj()).mean().abs()) < 0.1 * want
    two = (receive(clean.repeat(2, 1, 1, 1, 1), radar, seeded()) - clean)[..., 32:-32]
    assert float((two[0] * two[1].conj()).mean().abs()) < 0.1 * want
    # Antenna coupling is an echo too.
    leaking = replace(radar, receiver=replace(radar.receiver, leakage=1.0, leakage_delay=delay))
    same = (receive(silence(radar), leaking, seeded()) - clean)[..., 32:-32]
    torch.testing.assert_close(same, noise, rtol=0, atol=3e-5)


@pytest.mark.parametrize(("complex_samples", "bins"), [(True, 0.5), (True, 1.5), (True, 5.5), (False, 5.5)])
def test_phase_noise_of_near_echoes_and_coupling_is_no_more(complex_samples: bool, bins: float) -> None:
    """As many half cycles as there are: what its jump from end to start makes an FFT's derivative must not count."""
    level, offset = 1e-9, 1e6
    radar = radar_with(loops=32, complex_samples=complex_samples, phase_noise=level, phase_noise_offset=offset)
    wave = radar.waveform
    delay = bins * wave.sample_rate / wave.samples / wave.slope
    clean = echo(radar, delay)
    window = torch.blackman_window(wave.samples, periodic=False)
    noise = torch.fft.fft((receive(clean, radar, seeded()) - clean)[..., 0, :] * window)
    floor = noise[..., 10:118].abs().double().square().mean() / window.square().sum()
    want = phase_noise_to_signal(level, offset, delay, wave.sample_rate)
    # 96 chirps of about 60 independent bins: 1.4 %; half a bin away the jump still leaves 5 %; of a real echo Q's
    # noise, which varies along the window, is missing.
    assert float(floor) == pytest.approx(want, rel=0.08 if complex_samples else 0.1)


@pytest.mark.parametrize("complex_samples", [True, False])
def test_phase_noise_arises_before_the_highpass(complex_samples: bool) -> None:
    """A near echo of which it leaves a fifth has noise at far beats as if it were not there."""
    level, offset, bins = 1e-9, 1e6, 5.3
    terms = {"phase_noise": level, "phase_noise_offset": offset, "highpass": 450e3}
    radar = radar_with(128, complex_samples, **terms)
    wave = radar.waveform
    delay = bins * wave.sample_rate / wave.samples / wave.slope
    tone = first_order_highpass(wave.slope * delay, 450e3) * torch.from_numpy(beat_tone(wave, delay))
    clean = silence(radar) + (tone if complex_samples else math.sqrt(2) * tone.real).to(silence(radar))
    assert power(clean) < 0.05
    window = torch.blackman_window(wave.samples, periodic=False)
    want = phase_noise_to_signal(level, offset, delay, wave.sample_rate)
    leaking = replace(radar, receiver=replace(radar.receiver, leakage=1.0, leakage_delay=delay))
    # Of the samples of an echo, and of the antennas' coupling, which is known.
    for sent, device in ((clean, radar), (silence(radar), leaking)):
        noise = torch.fft.fft((receive(sent, device, seeded()) - clean)[..., 0, :] * window)
        floor = noise.abs().double().square().mean((0, 1, 2)) / window.square().sum()
        for low, high in ((12, 20), (20, 40), (40, 120)):
            frequency = torch.arange(low, high) * wave.sample_rate / wave.samples
            passed = float((first_order_highpass(frequency, 450e3).abs() ** 2).mean())
            # 384 chirps of about 4 independent bins: 2.5 %; of a real echo Q's noise is missing, as above
            assert float(floor[low:high].mean()) == pytest.approx(want * passed, rel=0.12)


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


def test_another_radar_meets_the_errors_of_our_receivers_alone() -> None:
    terms = {"interference": 1e-6, "gain": 3.0, "temperature": 0.0}
    bare, off = (radar_with(loops=4, **terms, **more) for more in ({}, {"channel_gain": 0.2, "channel_phase": 0.5}))
    heard, ours = (receive(silence(r), r, seeded(3)) for r in (bare, off))
    loud = heard.abs() > 0.5 * heard.abs().max()
    ratio = torch.where(loud, ours / torch.where(loud, heard, 1), 0)
    each = ratio.sum((0, 1, 2, 4)) / loud.sum((0, 1, 2, 4))
    torch.testing.assert_close(ours, heard * each[:, None], atol=1e-5 * float(heard.abs().max()), rtol=0)
    assert float(each.abs().std()) > 0.01 and float(each.angle().std()) > 0.05


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


def test_a_carrier_beside_ours_is_the_product_of_both_and_of_one_sign():
    # Our ramp rises by 0.6 MHz only: a carrier 1 MHz under its start is in the band in every sample of the frame, in
    # which it turns on and on while each of our ramps starts anew.
    # No whole number of turns from chirp to chirp, as 77 GHz would make.
    own = replace(radar_with().waveform, slope=1e10, start_frequency=77.0123e9)
    for below, band, more in ((1e6, True, {}), (-1e6, False, {"lowpass": 1e15})):
        terms = {"interference": 1e-6, "interference_slope": 0.0, "interference_offset": -below} | more
        radar = replace(radar_with(loops=8, gain=3.0, interference_period=1.0, **terms), waveform=replace(own, loops=8))
        got = receive(silence(radar), radar, seeded())[0, :, :, 0].to(torch.complex128)
        if not band:  # complex samples have no negative frequencies
            assert float(got.abs().max()) < 1e-6
            continue
        time, fast = radar.chirp_times()[..., None] + own.sample_times(), own.sample_times()
        cycles = own.start_frequency * fast + own.slope * fast**2 / 2 - (own.start_frequency - below) * time
        turned = got * torch.polar(torch.ones_like(cycles), -math.tau * torch.remainder(cycles, 1.0))
        # One unknown phase; 1 uW over 1 ohm is 1 mV, times the gain.
        torch.testing.assert_close(turned, turned.mean().expand_as(turned), atol=2e-6, rtol=0)
        assert float(turned.mean().abs()) == pytest.approx(3e-3, rel=1e-3)
        # As often as it starts anew, it has another phase.
        short = replace(radar, receiver=replace(radar.receiver, interference_period=own.chirp_time))
        first = receive(silence(short, 8), short, seeded())[..., 0, 100].flatten()
        turns = first[1:] * first[:-1].conj()
        assert float((turns / turns.abs()).mean().abs()) < 0.3  # 191 of them: 0.07
        # A high-pass holds it back at the frequency that it has from sample to sample.
        near = replace(radar, receiver=replace(radar.receiver, highpass=1.4e6))
        held = receive(silence(near), near, seeded())[0, :, :, 0].to(torch.complex128)
        passed = first_order_highpass(below + own.slope * fast, 1.4e6)
        torch.testing.assert_close(held.abs(), (got.abs() * passed.abs()).expand_as(got), atol=1e-8, rtol=1e-4)


@pytest.mark.parametrize("complex_samples", [True, False])
def test_crossing_interferer_hits_the_share_of_samples_in_which_it_sweeps_through_the_band(complex_samples) -> None:
    ramp, period = 30e12, 91.3e-6
    radar = radar_with(64, complex_samples, interference=1e-6, interference_slope=ramp, interference_period=period)
    wave = radar.waveform
    got = torch.cat([receive(silence(radar), radar, seeded(s)) for s in range(6)])
    hit = got.abs() > 1e-6
    # sqrt(1 uW 1 ohm), rms
    if complex_samples:
        torch.testing.assert_close(got[hit].abs(), torch.full((int(hit.sum()),), 1e-3), rtol=2e-3, atol=0)
    assert float(got[hit].abs().square().mean()) == pytest.approx(1e-6, rel=0.05)
    # Starting instants are uniform over the period, and so is its frequency over the sweep: as long as ours is inside
    # that sweep too, the difference is in the band for rate / sweep of the samples.
    sweep = ramp * period
    ours = wave.slope * wave.sample_times()
    want = wave.sample_rate / sweep * float((ours < sweep).double().mean())
    assert float(hit.double().mean()) == pytest.approx(want, rel=0.1)  # 98 hits a frame of 64 x 3 chirps
    assert torch.equal(hit[..., 0, :], hit[..., 3, :])


def test_interferer_is_the_product_of_both_ramps() -> None:
    """Ours rises a little faster than theirs: what enters the band at 0 Hz leaves it at the rate, at a steady slope."""
    own = radar_with().waveform
    ramp = 0.98 * own.slope
    theirs = {"interference": 1e-6, "interference_slope": ramp, "interference_offset": 1.3 * own.sample_rate}
    radar = radar_with(loops=1, interference_period=own.chirp_time, **theirs)
    got = receive(silence(radar, frames=600), radar, seeded())[..., 0, :]
    real = replace(radar, waveform=replace(own, loops=1, complex_samples=False))
    in_phase = receive(silence(real, frames=600), real, seeded())[..., 0, :]
    step, crossings = (own.slope - ramp) / own.sample_rate, 0  # Hz from sample to sample
    for chirp in got.reshape(-1, own.samples):
        hit = (chirp.abs() > 1e-6).nonzero()[:, 0]
        # Those that cross the band within the samples: not cut off by the first or last of these.
        if len(hit) == 0 or hit[0] == 0 or hit[-1] == own.samples - 1:
            continue
        crossings += 1
        assert len(hit) == pytest.approx(own.sample_rate / step, abs=1)
        turn = (chirp[hit[1:]] * chirp[hit[:-1]].conj()).angle().double().remainder(math.tau)
        beat = turn * own.sample_rate / math.tau  # midway between two samples
        want = (torch.arange(len(beat), dtype=torch.float64) + 1) * step
        assert float((beat - want).abs().max()) < 0.6 * step
    assert crossings > 3
    # Real samples hold the in-phase part of what both bands have in common, 0 to half the rate.
    both = (got.abs() > 1e-6) & (in_phase.abs() > 1e-6)
    assert int(both.sum()) > 50
    torch.testing.assert_close(in_phase[both], math.sqrt(2) * got[both].real, atol=1e-6, rtol=0)


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
