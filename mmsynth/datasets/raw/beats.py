"""What the beat frequencies of raw samples tell of how I and Q stand in them."""

import torch
from torch import Tensor


def forwardness(samples: Tensor) -> float:
    """Power of complex samples [..., samples] at low positive beat frequencies over that at low negative ones.

    What stands in front of a radar is at positive ones; noise, and samples too few to tell, give one.
    """
    count = samples.shape[-1]
    if count < 16:
        return 1.0
    power = _spectrum(samples)
    quarter, tiny = count // 4, torch.finfo(power.dtype).tiny
    return float((power[3 : quarter + 1].sum() + tiny) / (power[-quarter:-2].sum() + tiny))


def mirrored(samples: Tensor) -> float:
    """Of samples [..., samples], the share of the power over the noise that lies at the negative beat too: images."""
    power = _spectrum(samples)
    power = (power - power.median()).clamp_min(0)
    return float(torch.minimum(power, power.flip(0).roll(1)).sum() / power.sum().clamp_min(1e-30))


def _spectrum(samples: Tensor) -> Tensor:
    """Mean power [samples] of the tapered spectra of samples [..., samples]."""
    count = samples.shape[-1]
    tapered = (samples - samples.mean(-1, keepdim=True)) * torch.hann_window(count, device=samples.device)
    power: Tensor = torch.fft.fft(tapered).abs().square().reshape(-1, count).mean(0)
    return power
