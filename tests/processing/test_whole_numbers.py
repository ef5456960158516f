"""Azimuth spectra that keep whole numbers, as the xWR14xx's accelerator puts them out, against arithmetic by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmsynth.processing import detect, range_doppler
from mmsynth.processing.angle import first_peak, row_spectra, virtual_array, whole_numbers
from mmsynth.radar import load_radar
from mmsynth.types import AdcFrames

SETUP = load_radar("mars")
ARRAY = virtual_array(SETUP.radar, SETUP.processing)
BIN = 2 / 64  # of the direction cosine


def signals(amplitude: float, across: float) -> torch.Tensor:
    """A plane wave [1, virtual] from x / r = `across` at the height of the radar."""
    place = ARRAY.position[:, 0] / (ARRAY.wavelength / 2)
    return (amplitude * torch.exp(-1j * torch.pi * place * across)).to(torch.complex64)[None]


def by_hand(amplitude: float, across: float) -> int:
    """The bin that the demo's loop over rounded magnitudes takes, of 8 antennas half a wavelength apart."""
    bins = np.r_[0:32, -32:0]  # as the FFT puts them out
    phase = np.pi * np.arange(8)[:, None] * (bins * BIN - across)
    magnitude = np.rint(amplitude * np.abs(np.exp(1j * phase).mean(0)))
    best = 0
    for k in range(64):
        if magnitude[k] > magnitude[best]:
            best = k
    return int(bins[best])


# 0: in the middle of a bin, strong; otherwise weak and beside the middle of the array's view.
@pytest.mark.parametrize(("amplitude", "across"), [(400.0, 5), (6.2, 0.4), (6.2, -3.1), (6.2, 9.4), (11.3, -2.2)])
def test_of_equal_bins_the_first_is_taken(amplitude: float, across: float) -> None:
    rows = row_spectra(signals(0.25 * amplitude, across * BIN), ARRAY)
    counted, magnitude = whole_numbers(rows, ARRAY, 0.25)
    peak = int(first_peak(magnitude.square(), ARRAY)[0]) - 32
    assert peak == by_hand(amplitude, across * BIN)
    assert float(magnitude.max()) == round(amplitude)
    # Turned back to its own first antenna, a row is in whole numbers; the second one's stands two half wavelengths off.
    parts = torch.view_as_real(counted[0, 1] * torch.exp(-2j * torch.pi * ARRAY.across).to(torch.complex64))
    torch.testing.assert_close(parts, parts.round(), rtol=0, atol=1e-4 * amplitude)


def test_a_weak_peak_slides_to_the_front_and_a_strong_one_stays() -> None:
    assert by_hand(6.2, 1.3 * BIN) == by_hand(6.2, 0.4 * BIN) == 0 and by_hand(6.2, -3.1 * BIN) < -3
    assert by_hand(400.0, 5 * BIN) == 5


def test_intensities_are_whole_numbers_and_weak_points_gather_in_the_middle() -> None:
    radar = SETUP.radar
    draw = torch.Generator().manual_seed(3)
    shape = (40, 32, 3, 4, 80)
    volts = torch.randn(shape, generator=draw, dtype=torch.complex64) * 2e-4
    adc = AdcFrames(radar, volts, torch.arange(40, dtype=torch.float64))
    low = replace(SETUP.processing.range_cfar, threshold_db=3.0)
    shares = []
    for step in (0.0, SETUP.processing.angle_step):
        settings = replace(SETUP.processing, angle_step=step, range_cfar=low, max_points=10**6)
        cloud = detect(range_doppler(adc, settings), settings)
        assert len(cloud.velocity) > 500
        shares.append(float((cloud.position[:, 0] == 0).double().mean()))
        whole = bool((cloud.intensity == cloud.intensity.round()).all())
        assert whole == (step > 0)
    # Noise comes from everywhere: without rounding a 64th of it lies in bin 0 (500 points: 1.6 +- 0.6 %), with it
    # what lies within two bins beside it too.
    assert shares[0] < 0.04
    assert shares[1] > 2 * shares[0]
