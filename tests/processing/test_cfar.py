"""CFAR against brute force, against closed-form false-alarm rates, and its peak grouping."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from oracles import ca_cfar_false_alarm, log_cfar_false_alarm
from scipy.stats import binom

from mmsynth.processing import local_maxima, noise_estimate
from mmsynth.types import Cfar

MODES = ("CA", "CAGO", "CASO", "OS")


def by_hand(row: np.ndarray, cfar: Cfar) -> np.ndarray:
    """The textbook's loop over cells."""
    size, out = len(row), []
    for i in range(size):
        sides = []
        for sign in (-1, 1):
            place = i + sign * (cfar.guard + 1 + np.arange(cfar.window))
            if cfar.cyclic:
                sides.append(row[place % size])
            elif place.min() >= 0 and place.max() < size:
                sides.append(row[place])
        cells = np.concatenate(sides) if sides else np.array([np.inf])
        means = [side.mean() for side in sides] or [np.inf]
        rank = int(np.ceil(cfar.order * len(cells))) - 1
        out.append({"CA": cells.mean(), "CAGO": max(means), "CASO": min(means), "OS": np.sort(cells)[rank]}[cfar.mode])
    return np.array(out)


@pytest.mark.parametrize("cyclic", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_noise_estimate_is_the_textbooks(mode, cyclic):
    cfar = Cfar(mode=mode, window=5, guard=2, cyclic=cyclic)
    values = np.random.default_rng(0).exponential(size=(3, 40, 4))
    got = noise_estimate(torch.from_numpy(values), 1, cfar).numpy()
    want = np.apply_along_axis(by_hand, 1, values, cfar)
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_nothing_is_detected_where_neither_side_fits():
    short = torch.ones(1, 1, 9)
    assert bool(noise_estimate(short, 2, Cfar(window=8, guard=4)).isinf().all())


def test_axis_that_wraps_must_hold_the_window():
    with pytest.raises(ValueError, match="more than 24 cells, got 16"):
        noise_estimate(torch.ones(1, 16), 1, Cfar(window=8, guard=4, cyclic=True))


def test_divide_shift_divides_the_sum_as_the_firmware_does():
    level = torch.full((1, 64), 8.0)
    for mode, cells in (("CASO", 8), ("CA", 16)):
        cfar = Cfar(mode=mode, window=8, guard=4, divide_shift=4)
        assert noise_estimate(level, 1, cfar).tolist() == [[8.0 * cells / 16] * 64]


def false_alarms(values: np.ndarray, cfar: Cfar, threshold) -> tuple[int, int]:
    """Detections and trials among cells so far apart that no two share a noise cell."""
    noise = noise_estimate(torch.from_numpy(values), 1, cfar).numpy()
    apart = 2 * (cfar.window + cfar.guard) + 1
    hits = threshold(values, noise)[:, ::apart][:, :-1]  # the last wraps onto the first
    return int(hits.sum()), hits.size


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("antennas", "threshold"), [(1, 8.0), (12, 2.5)])
def test_false_alarms_of_the_log_detector(mode, antennas, threshold):
    """On noise of the device's detection level, the rate is the closed form's within binomial bounds."""
    cfar = Cfar(mode=mode, window=8, guard=2, cyclic=True)
    rng = np.random.default_rng(1)
    level = 10 * np.log10(rng.exponential(size=(antennas, 150, 2121))).mean(0)
    hits, trials = false_alarms(level, cfar, lambda cell, noise: cell > noise + threshold)
    rate = log_cfar_false_alarm(mode, cfar.window, antennas, threshold, order=12)
    assert 20 < rate * trials < 0.3 * trials  # the case can tell something
    low, high = binom.interval(1 - 1e-5, trials, rate)
    assert low <= hits <= high


@pytest.mark.parametrize("window", [4, 16])
def test_false_alarms_of_the_power_detector(window):
    cfar = Cfar(mode="CA", window=window, guard=1, cyclic=True)
    power = np.random.default_rng(2).exponential(size=(150, 2100))
    hits, trials = false_alarms(power, cfar, lambda cell, noise: cell > 5.0 * noise)
    low, high = binom.interval(1 - 1e-5, trials, ca_cfar_false_alarm(window, 5.0))
    assert low <= hits <= high


def test_peak_grouping_keeps_local_maxima_per_direction():
    rng = np.random.default_rng(3)
    level = torch.from_numpy(rng.normal(size=(2, 8, 20)))
    padded = np.pad(level.numpy(), ((0, 0), (0, 0), (1, 1)), constant_values=-np.inf)
    for doppler, ranges in ((True, False), (False, True), (True, True), (False, False)):
        want = np.ones(level.shape, dtype=bool)
        for i in (-1, 0, 1) if doppler else (0,):
            for j in (-1, 0, 1) if ranges else (0,):
                neighbour = np.roll(padded, i, 1)[:, :, 1 + j : 21 + j]
                want &= level.numpy() >= neighbour
        assert (local_maxima(level, doppler, ranges).numpy() == want).all()


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="window >= 1"):
        replace(Cfar(), window=0)
    with pytest.raises(ValueError, match="fraction"):
        replace(Cfar(), order=1.5)
