"""Agreement with an independent implementation, `xwr.rsp.torch` 0.5.1, on the same cube."""

from dataclasses import replace

import pytest
import torch

from mmsynth.processing import noise_estimate, range_doppler
from mmsynth.processing.angle import row_spectra, virtual_array, virtual_signals
from mmsynth.types import AdcFrames, Cfar, Processing

xwr = pytest.importorskip("xwr.rsp.torch", reason="xwr (dev extra) is not installed")

FLAT = Processing(range_window="none", doppler_window="none", half_wavelength_angles=True)


@pytest.fixture
def adc(workload_m, targets):
    """Three targets in noise, in TX order as xwr expects it, with as many samples as FFT points."""
    radar = replace(workload_m, codes=torch.eye(3, dtype=torch.float64))
    places = [
        ((1.0, 2.5, 0.3), (0.0, 0.0, 0.0)),
        ((-1.5, 4.0, 0.0), (0.0, 1.5, 0.0)),
        ((0.0, 6.0, 0.0), (0.0, -0.7, 0.0)),
    ]
    frame = targets(radar, *places)
    generator = torch.Generator().manual_seed(4)
    noise = torch.randn(frame.samples.shape, generator=generator, dtype=torch.complex64)
    # xwr adds 1 to the power: make it negligible.
    return AdcFrames(radar, 1e3 * (frame.samples + noise), frame.times)


@pytest.fixture
def spectrum(adc):
    """Xwr's range-Doppler spectrum [batch, doppler, tx, rx, range]."""
    return xwr.AWR1843Boost(window=False).doppler_range(adc.samples)


def test_range_doppler_spectra_agree(adc, spectrum):
    ours = range_doppler(adc, FLAT).spectrum
    scale = adc.radar.waveform.samples * adc.radar.waveform.loops
    # Two FFTs in complex64 of 2^15 points altogether: a few eps of the largest value.
    torch.testing.assert_close(ours * scale, spectrum, rtol=0, atol=float(spectrum.abs().max()) * 4 * 1.2e-7)


def test_azimuth_spectrum_agrees(adc, spectrum):
    """Of static cells, whose slots need no compensation; xwr's azimuth axis runs the other way."""
    doppler = spectrum.shape[1] // 2
    angle = xwr.AWR1843Boost(window=False, size={"azimuth": 64, "elevation": 2}).elevation_azimuth(spectrum)
    # Two elevation bins are sum and difference of the two rows: half of both together is the level row.
    level = (angle[:, doppler, 1] - angle[:, doppler, 0]).abs() / 2
    other = (angle[:, doppler, 1] + angle[:, doppler, 0]).abs() / 2
    cells = range_doppler(adc, FLAT).spectrum[0, doppler].permute(2, 0, 1)
    array = virtual_array(adc.radar, FLAT)
    signals = virtual_signals(cells, torch.zeros(len(cells), dtype=torch.int64), 128, array, FLAT)
    ours = row_spectra(signals, array).abs() * adc.radar.waveform.samples * 128
    tolerance = float(ours.max()) * 1e-5
    mirrored = ours.flip(-1).roll(1, -1)  # bin -32 is its own mirror image
    main = array.main_row
    candidates = sorted((level[0].T, other[0].T), key=lambda rows: float((rows - mirrored[:, main]).abs().max()))
    torch.testing.assert_close(mirrored[:, main], candidates[0], rtol=0, atol=tolerance)
    torch.testing.assert_close(mirrored[:, 1 - main], candidates[1], rtol=0, atol=tolerance)


def test_ca_cfar_agrees_cell_by_cell(adc, spectrum):
    guard, train, threshold = 4, 8, 4.0
    detector = xwr.CACFAR(guard=(guard, 0), train=(train, 0), snr_thresh=threshold, discard_range=(12, 12))
    theirs = detector(spectrum.abs())
    power = spectrum.abs().square().sum((2, 3))
    noise = noise_estimate(power, 2, Cfar(mode="CA", window=train, guard=guard))
    inside = slice(12, 256 - 12)  # xwr shortens the window at the edges, TI leaves a side out
    ours = (power > threshold * noise)[..., inside].transpose(1, 2)
    assert torch.equal(ours, theirs.mask[:, inside])
    assert 3 <= int(ours.sum()) < 2000


def test_caso_cfar_agrees_cell_by_cell(adc, spectrum):
    """Range and Doppler direction, both must fire; Doppler wraps."""
    detector = xwr.CASOCFAR(guard=(4, 2), train=(8, 4), snr_thresh=(2.5, 2.0), discard_range=(0, 0))
    theirs = detector(spectrum.abs()).mask
    power = spectrum.abs().square().sum((2, 3))
    ranges = noise_estimate(power, 2, Cfar(mode="CASO", window=8, guard=4))
    doppler = noise_estimate(power, 1, Cfar(mode="CASO", window=4, guard=2, cyclic=True))
    ours = ((power > 2.5 * ranges) & (power > 2.0 * doppler)).transpose(1, 2)
    inside = slice(12, 256 - 12)
    assert torch.equal(ours[:, inside], theirs[:, inside])
    assert 3 <= int(ours[:, inside].sum()) < 2000
