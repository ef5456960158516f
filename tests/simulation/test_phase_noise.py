"""Phase noise: of an echo by range correlation, of coupling, before the high-pass."""

import math
from dataclasses import replace

import pytest
import torch
from oracles import beat_tone, first_order_highpass, phase_noise_to_signal
from simulation.receivers import echo, power, radar_with, seeded, silence

from mmsynth.simulation import receive


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
