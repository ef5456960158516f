"""The low-pass before the ADC (anti-alias filter): of echoes as they are sampled, and of the receiver's noise."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from mmsynth.radar import noise_band
from mmsynth.types import Paths, Radar, Receiver

# Multiples of the sampling rate up to which noise is folded into the band: of a first-order filter 1 % lies beyond.
_FOLDS = 32


def lowpass_response(receiver: Receiver, frequency: Tensor) -> Tensor:
    """Complex response of a Butterworth low-pass to `frequency` in Hz, of its shape; all ones where there is none.

    H = prod_k 1 / (1 - j f / (f_c p_k)), p_k = exp(j pi (2k + n - 1) / 2n), k = 1..n, |H|^2 = 1 / (1 + (f / f_c)^2n)
    (Butterworth 1930; Oppenheim and Schafer, Discrete-Time Signal Processing, appendix B.1).
    """
    response = torch.ones_like(frequency, dtype=torch.complex128)
    order = receiver.lowpass_order
    for k in range(1, order + 1) if receiver.lowpass else ():
        angle = math.pi * (2 * k + order - 1) / (2 * order)
        response = response / (1 - 1j * frequency / receiver.lowpass * complex(math.cos(angle), -math.sin(angle)))
    return response


def lowpassed(paths: Paths, radar: Radar) -> Paths:
    """The paths as they pass the low-pass: each with the response to its own beat frequency, that of mid-frame.

    Echoes are weighted before they are sampled, since what lies beyond the band would fold into it. Without a low-pass,
    the sharp filter that `radar.noise_power` stands for takes what lies beyond the band.
    """
    middle = paths.tx_delay.shape[2] // 2
    delay = paths.tx_delay[:, :, middle].mean(1) + paths.rx_delay[:, :, middle].mean(1)
    beat = radar.waveform.slope * delay
    if radar.receiver.lowpass:
        response = lowpass_response(radar.receiver, beat)
    else:
        response = beat <= noise_band(radar)
        if bool(response.all()):
            return paths
    return replace(paths, gain=paths.gain * response[:, None].to(paths.gain.dtype))


def folded_power(radar: Radar, frequency: Tensor) -> Tensor:
    """Density of white noise at `frequency` after low-pass and sampling, over that before, of the shape of `frequency`.

    Without low-pass it is 1: the sharp filter that `radar.noise_power` stands for. Complex samples have no negative
    frequencies.
    """
    if not radar.receiver.lowpass:
        return torch.ones_like(frequency)
    wave = radar.waveform
    folds = torch.arange(0 if wave.complex_samples else -_FOLDS, _FOLDS + 1, device=frequency.device)
    shifted = frequency[..., None].double() + folds * wave.sample_rate
    return lowpass_response(radar.receiver, shifted).abs().square().sum(-1).to(frequency.dtype)
