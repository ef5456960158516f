"""The strongest point of a frame, in noise or without."""

from dataclasses import replace

import numpy as np
import torch

from mmsynth.processing import detect, range_doppler
from mmsynth.types import AdcFrames, PointCloud, Processing

SETTINGS = Processing(half_wavelength_angles=False)


def noisy(adc: AdcFrames, sigma: float = 0.3, seed: int = 0) -> AdcFrames:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(adc.samples.shape, generator=generator, dtype=adc.samples.dtype)
    return replace(adc, samples=adc.samples + sigma * noise)


def strongest(adc: AdcFrames, settings: Processing = SETTINGS) -> tuple[np.ndarray, float, PointCloud]:
    cloud = detect(range_doppler(noisy(adc), settings), settings)
    return cloud.position[0].double().numpy(), float(cloud.velocity[0]), cloud
