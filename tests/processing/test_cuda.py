"""The same points and maps on a CUDA device."""

from dataclasses import replace

import pytest
import torch

from mmsynth.processing import beamform, detect, micro_doppler, range_doppler
from mmsynth.types import Processing

pytestmark = pytest.mark.gpu


def test_cuda_gives_what_the_cpu_gives(radhar, targets):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    adc = targets(radhar, ((1.0, 2.5, 0.3), (0.0, 1.0, 0.0)), ((-1.0, 3.5, 0.0), (0.0, -2.0, 0.0)))
    noise = torch.randn(adc.samples.shape, generator=torch.Generator().manual_seed(0), dtype=torch.complex64)
    adc = replace(adc, samples=adc.samples + 0.3 * noise)
    there = replace(adc, samples=adc.samples.cuda())
    for settings in (Processing(), Processing(extended_velocity=True, points="strongest", dc_range_bins=4)):
        cubes = [range_doppler(a, settings) for a in (adc, there)]
        clouds = [detect(cube, settings) for cube in cubes]
        assert clouds[1].position.is_cuda
        torch.testing.assert_close(clouds[1].position.cpu(), clouds[0].position, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(clouds[1].frame_index().cpu(), clouds[0].frame_index())
        for method in ("fft", "capon", "music"):
            for kind in ("range_doppler", "range_azimuth", "range_elevation"):
                maps = [beamform(cube, kind, replace(settings, angle_method=method)).power.cpu() for cube in cubes]
                # dB; nulls of the beam are differences of nearly equal numbers.
                assert float((maps[0] - maps[1]).abs().median()) < 1e-3
        torch.testing.assert_close(micro_doppler(there, settings).power.cpu(), micro_doppler(adc, settings).power)
