"""Every device profile through its own chain: a point target is found where it is."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmsynth.processing import beamform, detect, range_doppler
from mmsynth.radar import load_radar, radar_names


@pytest.mark.parametrize("name", radar_names())
def test_each_device_finds_a_target(name, targets):
    setup = load_radar(name)
    # A board that was not calibrated reads its directions askew: what is simulated here is a calibrated one.
    settings = replace(setup.processing, clutter_removal=False, compensation=())
    waveform = replace(setup.radar.waveform, loops=min(32, setup.radar.waveform.loops))  # enough for what stands still
    radar = replace(setup.radar, waveform=waveform)
    distance = min(2.5, 0.4 * waveform.max_range)
    direction = np.array([0.25, 0.0, 0.12])
    direction[1] = np.sqrt(1 - direction @ direction)
    adc = targets(radar, (distance * direction, (0.0, 0.0, 0.0)))
    noise = torch.randn(adc.samples.shape, generator=torch.Generator().manual_seed(0), dtype=adc.samples.dtype)
    cube = range_doppler(replace(adc, samples=adc.samples + 0.5 * noise), settings)
    cloud = detect(cube, settings)
    assert len(cloud.velocity)
    strongest = int(cloud.intensity.argmax())  # the first in the list, but for devices that list in order of scanning
    found = cloud.position[strongest].double().numpy()
    measured = np.linalg.norm(found)
    # Half a bin, and the position of the array around the radar's origin (centimetres on the cascade).
    assert abs(measured - distance) <= waveform.range_bin / 2 + 0.1 * float(radar.tx.abs().max() + radar.rx.abs().max())
    assert float(cloud.velocity[strongest]) == 0
    slack = _slack(float(cloud.snr_db[strongest]), len(radar.tx) * len(radar.rx))
    _check_direction(found / measured, direction, slack)
    for kind in ("range_azimuth", "range_elevation"):
        heatmap = beamform(cube, kind, settings)
        row = int(heatmap.power[0].amax(1).argmax())
        assert abs(float(heatmap.rows[row]) - distance) < 1.5 * waveform.range_bin + 0.01


def _slack(snr_db: float, antennas: int) -> float:
    """Half an angle bin, 3 % for boards whose half wavelength is that of another frequency, and the noise's."""
    return 1 / 64 + 0.03 * 0.25 + 3 / np.sqrt(antennas * 10 ** (snr_db / 10))


def _check_direction(found: np.ndarray, truth: np.ndarray, slack: float) -> None:
    assert abs(found[0] - truth[0]) <= slack
    if abs(found[2]) > 1e-6:  # a row without height says 0
        assert abs(found[2] - truth[2]) <= slack + 0.02
