"""Quantities of recordings: what is measured of them, and distances between their histograms."""

import numpy as np
import pytest
from calibration.recordings import values

from mmsynth.calibration.quantities import SLOW, Quantity, Still, Values, measure, places
from mmsynth.datasets import FlatPoints


def test_a_shift_of_the_values_is_the_distance() -> None:
    quantity = Quantity("x", 0.0, 10.0, 100)
    sample = np.random.default_rng(0).uniform(1, 5, 1000)
    # A shift of 2 on an axis of 10, within a bin of 0.1.
    assert quantity.distance(values(sample), values(sample + 2)) == pytest.approx(0.2, abs=0.01)
    assert quantity.distance(values(sample), values(sample)) == 0
    assert quantity.distance(values(np.array([3.05])), values(np.array([5.05]))) == pytest.approx(0.2)  # 20 of 100 bins
    assert quantity.distance(values(sample), values(sample[:0])) == 1
    # What lies on or beyond the last edge counts in the last bin, clip by clip.
    counts = quantity.counts(values(np.array([0.0, 10.0, 12.0]), np.array([-1.0])))
    assert counts[:, [0, 99]].tolist() == [[1, 2], [1, 0]] and counts.sum() == 4


def test_how_long_a_recording_is_does_not_matter() -> None:
    """A person who walks away through a long recording is as far spread in every window as in a short clip."""
    time = np.arange(600) / 30
    values = np.zeros((600, 7), np.float32)
    values[:, 0], values[:, 1], values[:, 3] = 0.01 * time, 1 + 0.2 * time, 0.2

    def points(starts: np.ndarray) -> FlatPoints:
        bounds = np.concatenate([starts, [600]])
        clip = np.repeat(np.arange(len(starts)), np.diff(bounds))
        return FlatPoints(values, np.arange(601), time - time[starts][clip], bounds)

    whole, cut = measure(points(np.array([0])), 2.0), measure(points(np.arange(0, 600, 60)), 2.0)
    assert all(np.allclose(whole[name].values, cut[name].values, atol=1e-6) for name in whole)
    name = "range, less the window's median (m)"
    # To within a frame: 7 mm in range, 0.3 mm aside.
    assert np.abs(cut[name].values).max() == pytest.approx(0.2, abs=0.01)
    assert np.abs(cut["lateral, less the window's median (m)"].values).max() == pytest.approx(0.01, abs=1e-3)
    assert np.abs(measure(points(np.array([0])), 20.0)[name].values).max() == pytest.approx(2.0, abs=0.01)


def test_what_is_measured_of_a_recording_is_what_its_points_say() -> None:
    # Two frames: moving to the right and above, at rest to the left and below; beyond 6 m is nobody of interest.
    rows = [(1.0, 2.0, 0.5, -0.6, 0, 12.0, 0), (-1.0, 2.0, -0.3, 0.0, 0, 20.0, 0)]
    rows += [(1.2, 2.1, 0.1, 0.4, 0, np.nan, 0), (0.0, 9.0, 0.0, 1.0, 0, 30.0, 0)]
    values = np.array(rows, np.float32)
    found = FlatPoints(values, np.array([0, 2, 4]), np.array([0.0, 0.1]), np.array([0, 2]))
    x, y, z = values[[0, 2], :3].astype(np.float64).T
    away = np.sqrt(x**2 + y**2 + z**2)
    want = {
        "moving points a frame": [1.0],
        "speed (m/s)": [0.6, 0.4],
        "range (m)": away,
        "range, less the window's median (m)": away - away.mean(),
        "azimuth (rad)": np.arctan(x / y),
        "lateral, less the window's median (m)": [-0.1, 0.1],
        "height (m)": z,
        "SNR (dB)": [12.0],
        SLOW: [],
        "share of points at rest": [1 / 3],
    }
    got = measure(found, 0.2, Still(share=True))
    assert list(got) == list(want)
    for name, sample in want.items():
        np.testing.assert_allclose(got[name].values, sample, atol=1e-6, err_msg=name)
    middle = np.median([away, np.arctan(x / y)], 1)
    np.testing.assert_allclose(places(found, 0.2, fewest=2), [middle], atol=1e-6)
    assert np.isnan(places(found, 0.2, fewest=3)).all()


def test_slow_points_lie_over_the_weakest_fast_ones_by_what_rests_beside_them() -> None:
    """Amplitudes of one, two and three Doppler bins, in each unit; what rests, or is not known, stays out.

    So does what moves by less than half a bin, as a board that reads between bins may say of what rests.
    """
    step, clips = 0.25, 2
    speeds = np.tile([0.0, 1.0, -1.0, -2.0, 3.0, 0.45], (10 * clips, 1))  # in bins, a frame each
    levels = np.tile([90.0, 50.0, 44.0, 40.0, 60.0, 80.0], (10 * clips, 1))
    levels[:, 2] += np.repeat([0.0, 6.0], 10)  # more rests beside people of the second clip
    values = np.zeros((speeds.size, 7), np.float32)
    values[:, 1], values[:, 3], values[:, 4:] = 1.5, step * speeds.ravel(), np.nan

    def over(unit: str, **columns: np.ndarray) -> Values:
        """Values of clips of a second, ten frames each."""
        own = values.copy()
        own[:, 4] = columns.get("intensity", np.nan)
        own[:, 5], own[:, 6] = columns.get("snr", np.nan), columns.get("noise", np.nan)
        frames = np.arange(10 * clips)
        points = FlatPoints(own, 6 * np.arange(10 * clips + 1), (frames % 10) / 10, 10 * np.arange(3))
        return measure(points, 1.0, Still(step=step), unit)[SLOW]

    counts = 10 ** (levels.ravel() / 20)
    noise = np.random.default_rng(0).normal(20, 3, levels.size)
    ways = (
        over("ADC counts", intensity=counts),
        over("10 log10(ADC counts + 1)", intensity=10 * np.log10(counts + 1)),
        over("dB", intensity=levels.ravel() - noise, snr=levels.ravel() - noise, noise=noise),
    )
    for way in ways:
        # The weakest fast ones are those of 40 dB.
        assert np.allclose(way.values, np.tile([[10.0, 4.0]] * 10 + [[10.0, 10.0]] * 10, 1).ravel(), atol=1e-3)
        assert way.clip.tolist() == [0] * 20 + [1] * 20
    # Over the noise alone, or unknown, or with nothing fast to compare with.
    assert len(over("dB", intensity=levels.ravel())) == 0 and len(over("peak", intensity=counts)) == 0
    values[:, 3] = np.minimum(np.abs(values[:, 3]), step)
    assert len(over("ADC counts", intensity=counts)) == 0
