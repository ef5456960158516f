"""A chest at 0.33 m, simulated with the configuration of a real capture, against that capture."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from mmsynth.body_models import load_body

BENCHMARK = Path(__file__).parents[2] / "benchmarks/bgt60_breathing.py"


@pytest.fixture(scope="module")
def chests(real_data):
    """The recording's figures, and those of four people who take one breath in.

    How deep the chest's glint is, and what lies still beside it, depends on the person.
    """
    bench = runpy.run_path(str(BENCHMARK))
    body = load_body("free")
    drawn = [bench["figures"](bench["simulated"](body, 16, seed, 0.4)) for seed in (1, 2, 3, 4)]
    return bench["figures"](bench["recorded"](real_data)), drawn


@pytest.mark.real
def test_a_breathing_chest_is_as_recorded(chests):
    real, drawn = chests
    assert real.peak == 12
    assert np.median([f.peak for f in drawn]) == pytest.approx(real.peak, abs=1)
    # A lone point would be 1.7 bins wide.
    assert np.median([f.width for f in drawn]) == pytest.approx(real.width, rel=0.15)
    assert np.median([f.noise for f in drawn]) == pytest.approx(real.noise, rel=0.05)
    # What lies still in the bin takes a part of the 2.8 mm rms that the wall moves, a different one for each antenna:
    # every person's swing lies among those that the recording's three antennas saw, to 10 %.
    swing = [float(np.median(f.way.std(0))) for f in drawn]
    seen = real.way.std(0)
    assert 0.9 * seen.min() < min(swing) and max(swing) < 1.1 * seen.max()


@pytest.mark.real
def test_the_edges_of_the_chest_are_as_recorded(chests):
    real, drawn = chests
    edge = np.median([f.level[10:18] - f.level[f.peak] for f in drawn], 0)
    # Before the peak is nothing but the window's main lobe about the chest's first reflection, at bin 12.
    assert edge[:2] == pytest.approx(real.level[10:12] - real.level[12], abs=2)
    # Behind it the trunk falls off, by 28 dB in five bins, with dips and bumps of one person or another.
    assert edge[3:] == pytest.approx(real.level[13:18] - real.level[12], abs=6)


@pytest.mark.real
@pytest.mark.xfail(strict=True, reason="the echo is 5.9 dB stronger over the noise than recorded: see the README")
def test_the_peak_stands_as_far_above_the_noise_as_recorded(chests):
    real, drawn = chests
    # People's glints differ by 3 dB to either side.
    assert np.median([f.above for f in drawn]) == pytest.approx(real.above, abs=4)
