"""From the wave at the antenna to the number: noise and the imperfections of a receiver, in volts at the ADC input.

One call of `receive` is one recording by one device: what belongs to the device (channel errors) is drawn once, what
changes from sample to sample (noise) is drawn for each.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from mmsynth.radar import folded_power, if_response, noise_band, noise_power
from mmsynth.types import Paths, Radar

Draw = Callable[..., Tensor]


def receive(samples: Tensor, radar: Radar, generator: torch.Generator) -> Tensor:
    """What the ADC puts out for clean samples.

    Terms that `radar.receiver` leaves at zero are skipped; thermal noise is always there.

    Args:
        samples: [..., loops, slots, rx, samples] in V from `simulate_clean`, which has applied the filters of the IF,
            complex (or real, for a radar with real ones).
        radar: the device; `radar.receiver` says what it adds.
        generator: source of every random number, on the CPU. Thermal noise on another device is drawn there, by a
            generator that this one seeds: other numbers than on the CPU, of the same statistics.

    Returns:
        Samples of the same shape in V, quantised and clipped if the ADC has bits.

    Raises:
        ValueError: the samples are complex where the radar's are real, or the other way; or phases of channels are to
            be off in a radar with real samples, which do not show them apart.
    """
    receiver = radar.receiver
    if samples.is_complex() != radar.waveform.complex_samples:
        kind = "complex" if radar.waveform.complex_samples else "real"
        raise ValueError(f"samples: expected {kind} ones for radar {radar.name}, got {samples.dtype}")

    if receiver.channel_phase and not samples.is_complex():
        found = f"got {receiver.channel_phase:g}"
        raise ValueError(f"receiver.channel_phase: expected 0 for real samples, as of radar {radar.name}, {found}")

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(samples.device)

    out = samples
    if receiver.leakage:
        out = out + leakage(radar).to(out)
    if receiver.phase_noise:
        out = out + phase_noise(out, radar, normal)
    other = interference(out.shape, radar, generator).to(out) if receiver.interference else None
    if receiver.channel_gain or receiver.channel_phase:
        tx, rx = (factor.to(out) for factor in channel_errors(radar, normal))
        out = out * (tx * rx)
        other = other * rx if other is not None else None
    if other is not None:
        out = out + other
    # Its power is that of the data sheet in every channel.
    out = out + thermal_noise(samples, radar, generator)
    if samples.is_complex() and (receiver.iq_gain or receiver.iq_phase):
        out = unbalanced(out, receiver.iq_gain, receiver.iq_phase)
    return converted(out, radar, generator)


def passed(paths: Paths, radar: Radar) -> Paths:
    """The paths as they pass the filters of the IF: each with the response to its own beat frequency, at mid-frame.

    Echoes are weighted before they are sampled: what lies beyond the band would fold into it, and a window of samples
    is no whole number of their cycles. Without a low-pass, the sharp filter that `radar.noise_power` stands for takes
    what lies beyond the band. (What Doppler adds to a beat, 0.5 kHz for 1 m/s at 77 GHz, is no matter to a filter.)
    """
    middle = paths.tx_delay.shape[2] // 2
    delay = paths.tx_delay[:, :, middle].mean(1) + paths.rx_delay[:, :, middle].mean(1)
    beat = radar.waveform.slope * delay
    response = if_response(radar.receiver, beat)
    if not radar.receiver.lowpass:
        response = response * (beat <= noise_band(radar))
    return replace(paths, gain=paths.gain * response[:, None].to(paths.gain.dtype))


def thermal_noise(samples: Tensor, radar: Radar, generator: torch.Generator) -> Tensor:
    """Gaussian noise in V of the shape, kind and device of `samples`, as the filters of the IF shape it."""
    rms = math.sqrt(noise_power(radar) * radar.receiver.load) * radar.receiver.gain
    return shaped(white_noise(samples, rms, generator), radar)


def shaped(noise: Tensor, radar: Radar) -> Tensor:
    """Noise [..., samples] of a wide band, white in the samples, as the filters of the IF leave it."""
    if not (radar.receiver.lowpass or radar.receiver.highpass):
        return noise
    weight = folded_power(radar, _beat_frequency(radar).to(noise.device)).sqrt()
    return _like(torch.fft.ifft(torch.fft.fft(noise) * weight), noise)


def white_noise(samples: Tensor, rms: float, generator: torch.Generator) -> Tensor:
    """White Gaussian noise of `rms` V (of both I and Q) of the shape, kind and device of `samples`."""
    device = samples.device
    if device.type != "cpu":
        seed = int(torch.randint(2**62, (), generator=generator))
        generator = torch.Generator(device).manual_seed(seed)
    return torch.randn(samples.shape, generator=generator, dtype=samples.dtype, device=device) * rms


def converted(samples: Tensor, radar: Radar, generator: torch.Generator) -> Tensor:
    """What the ADC makes of its input in V, in its shape: its own noise, offset and rounding."""
    receiver = radar.receiver
    if receiver.adc_noise:
        rms = receiver.adc_noise * math.sqrt(2 if samples.is_complex() else 1)
        samples = samples + white_noise(samples, rms, generator)
    if receiver.dc:
        samples = samples + (complex(receiver.dc, receiver.dc) if samples.is_complex() else receiver.dc)
    return quantised(samples, receiver.full_scale, receiver.bits) if receiver.bits else samples


def leakage(radar: Radar) -> Tensor:
    """Direct coupling from TX to RX: the same tone [slots, 1, samples] in V in every loop and channel."""
    wave, receiver = radar.waveform, radar.receiver
    delay = receiver.leakage_delay
    cycles = (wave.start_frequency + wave.slope * wave.sample_times()) * delay - wave.slope * delay**2 / 2
    volts = receiver.leakage * math.sqrt(radar.tx_power * receiver.load) * receiver.gain
    response = if_response(receiver, torch.tensor(wave.slope * delay, dtype=torch.float64))
    tone = volts * response * torch.polar(torch.ones_like(cycles), math.tau * cycles)
    tone = radar.codes.double().sum(1)[:, None, None] * tone
    return tone if wave.complex_samples else math.sqrt(2) * tone.real


def phase_noise(samples: Tensor, radar: Radar, normal: Draw) -> Tensor:
    """What the synthesiser's phase noise adds.

    It is common to TX and RX, so that an echo keeps only its change. An echo of delay tau carries phi(t) - phi(t - tau)
    = tau nu(t), with nu = d phi / d t; noise that falls with 1/f^2 is white in nu. Weighting every echo with its tau is
    what d/dt does to the beat, for which d/dt = j 2 pi S tau: the sum over echoes is nu / (2 pi S) d samples / d t,
    which needs no list of echoes. TX chirps are independent. The noise arises before the high-pass: x of a first-order
    one was x0, d x0 / d t = d x / d t + 2 pi f_c x, and both filters shape what becomes of it.
    """
    wave, receiver = radar.waveform, radar.receiver
    slope = _slope(samples, radar) + math.tau * receiver.highpass * samples
    # One-sided density of phi is 2 L(f); over the band that is sampled, [0, rate / 2].
    density = 2 * receiver.phase_noise * (math.tau * receiver.phase_noise_offset) ** 2
    rms = math.sqrt(density * wave.sample_rate / 2)
    shape = (*samples.shape[:-2], 1, samples.shape[-1])  # the same oscillator in all RX
    warp: Tensor = normal(*shape) * (rms / (math.tau * wave.slope))
    return shaped(slope * warp, radar)


def _slope(samples: Tensor, radar: Radar) -> Tensor:
    """D samples / d t in V/s of echoes of any beat: (d (w samples) / d t - w' samples) / w, d / dt by FFT.

    The taper w ends a window's jump from its last sample to its first, whose side lobes an FFT would take for fast
    beats (an echo 1.5 bins away got 23 dB too much). For the same reason the last sixteenth of the band is its lower
    side: of complex samples, the lobes of near echoes, since receivers hold echoes there back.
    """
    wave = radar.waveform
    angle = math.tau * (torch.arange(wave.samples, device=samples.device) + 0.5) / wave.samples
    taper = 0.505 - 0.495 * angle.cos()
    steeper = 0.495 * angle.sin() * (math.tau * wave.sample_rate / wave.samples)
    frequency = _beat_frequency(radar).to(samples.device)
    frequency = torch.where(frequency > 15 / 16 * wave.sample_rate, frequency - wave.sample_rate, frequency)
    turned = torch.fft.ifft(torch.fft.fft(samples * taper) * (1j * math.tau * frequency))
    return (_like(turned, samples) - steeper * samples) / taper


def channel_errors(radar: Radar, normal: Draw) -> tuple[Tensor, Tensor]:
    """Fixed complex (for real samples: real) factors of the TX of each slot [slots, 1, 1] and of each RX [rx, 1].

    A slot in which several TX send at once (BPM) has the mean of theirs.
    """
    receiver = radar.receiver

    def factor(count: int) -> Tensor:
        gain, phase = 1 + receiver.channel_gain * normal(count), receiver.channel_phase * normal(count)
        return gain * torch.exp(1j * phase) if radar.waveform.complex_samples else gain

    rx, tx = factor(len(radar.rx)), factor(len(radar.tx))
    share = radar.codes.abs() / radar.codes.abs().sum(1, keepdim=True)
    slots: Tensor = share.to(tx) @ tx
    return slots[:, None, None], rx[:, None]


def unbalanced(samples: Tensor, gain: float, phase: float) -> Tensor:
    """Q' = (1 + gain) (Q cos phase + I sin phase): an image of relative power (gain^2 + phase^2) / 4 at -f."""
    quadrature = (1 + gain) * (samples.imag * math.cos(phase) + samples.real * math.sin(phase))
    return torch.complex(samples.real, quadrature)


def quantised(samples: Tensor, full_scale: float, bits: int) -> Tensor:
    """Rounded to the 2^bits levels between -full_scale and full_scale in V (each of I and Q), clipped beyond."""
    half = 2 ** (bits - 1)
    step = full_scale / half
    parts = torch.view_as_real(samples) if samples.is_complex() else samples
    levels = (parts / step).round().clamp(-half, half - 1) * step
    return torch.view_as_complex(levels) if samples.is_complex() else levels


def interference(shape: torch.Size, radar: Radar, generator: torch.Generator) -> Tensor:
    """Ramps of another FMCW radar, mixed with our own, [..., loops, slots, 1, samples] in V.

    Its ramps start every `interference_period` from a random instant of each frame, each with a random phase, and last
    the whole period. The mixer puts out our phase less theirs; what falls outside the band that is sampled (0 to the
    rate for complex samples, up to half of it for real ones) the anti-alias filter holds back: sharply, or as the
    receiver's low-pass does. Filters answer as to a tone of the same frequency, but for the phase.
    """
    wave, receiver = radar.waveform, radar.receiver
    times = radar.chirp_times()[..., None, None] + wave.sample_times()  # [loops, slots, 1, samples]
    frames = math.prod(shape[:-4])
    offset = torch.rand(frames, generator=generator, dtype=torch.float64)[:, None, None, None, None]
    elapsed = times + offset * receiver.interference_period
    ramp = (elapsed / receiver.interference_period).floor().long()
    phases = torch.rand(frames, int(ramp.max()) + 1, generator=generator, dtype=torch.float64)
    local = elapsed - ramp * receiver.interference_period
    own = wave.sample_times()
    difference = wave.slope * own - receiver.interference_offset - receiver.interference_slope * local
    cycles = wave.slope * own**2 / 2 - receiver.interference_offset * local - receiver.interference_slope * local**2 / 2
    start = phases.gather(1, ramp.reshape(frames, -1)).reshape(ramp.shape)
    cycles = torch.remainder(cycles + wave.start_frequency * (own - local), 1.0) - start
    low, high = (0.0, wave.sample_rate) if wave.complex_samples else (-wave.sample_rate / 2, wave.sample_rate / 2)
    if receiver.lowpass:  # it ends the band by itself; complex samples have no negative frequencies
        low, high = (0.0 if wave.complex_samples else -math.inf), math.inf
    inside = (difference >= low) & (difference <= high)
    tone = inside * if_response(receiver, difference).abs() * torch.polar(torch.ones_like(cycles), math.tau * cycles)
    volts = math.sqrt(receiver.interference * receiver.load) * receiver.gain
    tone = (volts * tone).reshape(*shape[:-4], *tone.shape[1:])
    return tone if wave.complex_samples else math.sqrt(2) * tone.real


def _like(values: Tensor, samples: Tensor) -> Tensor:
    return (values if samples.is_complex() else values.real).to(samples.dtype)


def _beat_frequency(radar: Radar) -> Tensor:
    """Frequencies [samples] in Hz of the FFT bins: from 0 to the rate for complex samples (all echoes are positive)."""
    wave = radar.waveform
    spacing = 1 / wave.sample_rate
    signed = torch.fft.fftfreq(wave.samples, spacing, dtype=torch.float32)
    return torch.remainder(signed, wave.sample_rate) if wave.complex_samples else signed
