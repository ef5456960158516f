"""The filters of the IF: the high-pass against near echoes, and the low-pass before the ADC (anti-alias filter)."""

import math

import torch
from torch import Tensor

from mmsynth.types import Radar, Receiver

# Multiples of the sampling rate up to which noise is folded into the band: of a first-order filter 1 % lies beyond.
_FOLDS = 32


def if_response(receiver: Receiver, frequency: Tensor) -> Tensor:
    """Complex response of the settled filters to `frequency` in Hz, of its shape; all ones where there are none.

    The high-pass is of first order, H = j f / (f_c + j f). The low-pass is Butterworth's, H = prod_k 1 / (1 - j f /
    (f_c p_k)), p_k = exp(j pi (2k + n - 1) / 2n), k = 1..n, |H|^2 = 1 / (1 + (f / f_c)^2n) (Butterworth 1930; Oppenheim
    and Schafer, Discrete-Time Signal Processing, appendix B.1).
    """
    response = torch.ones_like(frequency, dtype=torch.complex128)
    if receiver.highpass:
        response = response * (1j * frequency / (receiver.highpass + 1j * frequency))
    order = receiver.lowpass_order
    for k in range(1, order + 1) if receiver.lowpass else ():
        angle = math.pi * (2 * k + order - 1) / (2 * order)
        response = response / (1 - 1j * frequency / receiver.lowpass * complex(math.cos(angle), -math.sin(angle)))
    return response


def folded_power(radar: Radar, frequency: Tensor) -> Tensor:
    """Density of white noise at `frequency` after filters and sampling, over that before, of the shape of `frequency`.

    Without low-pass nothing folds: a sharp filter ends the band, which `noise_power` stands for. Complex samples have
    no negative frequencies.
    """
    wave, last = radar.waveform, _FOLDS if radar.receiver.lowpass else 0
    folds = torch.arange(0 if wave.complex_samples else -last, last + 1, device=frequency.device)
    shifted = frequency[..., None].double() + folds * wave.sample_rate
    return if_response(radar.receiver, shifted).abs().square().sum(-1).to(frequency.dtype)
