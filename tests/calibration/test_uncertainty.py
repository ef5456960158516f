"""How sure distances are: clips and recordings drawn again, and what cannot be told from chance."""

from dataclasses import replace

import numpy as np
import pytest
from calibration.recordings import values

from mmsynth.calibration import Calibration, Distance, Level
from mmsynth.calibration.errors import floors, replicas
from mmsynth.calibration.quantities import QUANTITIES, Values, distances, measure
from mmsynth.datasets import FlatPoints


def test_what_cannot_be_told_from_no_change_is_said() -> None:
    fell, rose, same = Distance(0.2, 0.1, 0.01, 0.0), Distance(0.1, 0.2, 0.01, 0.0), Distance(0.002, 0.007, 0.003, 0.01)
    assert [d.verdict for d in (fell, rose, same)] == ["falls", "rises", "no change beyond error"]
    assert "no nearer" not in Calibration({}, {"x": fell}, Level(6.0, 1.0)).text()
    worse = Calibration({}, {"x": rose}, Level(6.0, 1.0), Level(-3.0, 2.0), ("at the edge",)).text()
    one = Calibration({}, {"x": Distance(0.2, 0.1, np.nan, np.nan)}, Level(6.0, np.nan)).text()
    assert "falls" not in one and one.count("error not known") == 2
    assert "no nearer" in worse and worse.endswith("at the edge")
    assert "noise floor +6.0 dB" in worse and "clutter -3.0 dB to its materials', standard error 2.0 dB" in worse
    assert "clutter" not in one


def test_error_and_floor_are_those_of_samples_drawn_anew() -> None:
    """People differ in their means; 30 recorded, 40 simulated: what one set tells is what many sets do."""
    name, axis, rng = "speed (m/s)", 5.0, np.random.default_rng(3)

    def drawn(people: int, shift: float = 0.0) -> dict[str, Values]:
        own = [rng.normal(2.5 + shift + rng.normal(0, 0.3), 0.3, 50) for _ in range(people)]
        return {q.name: values(*own) if q.name == name else values(np.zeros(0)) for q in QUANTITIES}

    def far(*sets: dict[str, Values]) -> float:
        return distances(*sets)[name]

    right = [(drawn(30), drawn(40)) for _ in range(60)]
    found = np.mean([floors(real, own)[name] for real, own in right[:8]])
    # 60 sets tell a mean to a tenth of itself (the spread of an absolute value is 0.75 of its mean).
    assert found == pytest.approx(np.mean([far(*pair) for pair in right]), rel=0.25)
    wrong = [(drawn(30), drawn(40, 0.5)) for _ in range(60)]
    # The shift itself, 0.5 m/s: its error is 0.07 a set, 2 % of it over 60.
    assert np.mean([far(*pair) for pair in wrong]) == pytest.approx(0.5 / axis, rel=0.1)
    error = np.mean([np.std(replicas(real, own)[name]) for real, own in wrong[:8]])
    # 60 sets tell a spread to 9 %, the mean of eight bootstraps of 30 people to 5 %: 25 % is more than two of both.
    assert error == pytest.approx(np.std([far(*pair) for pair in wrong]), rel=0.25)
    # Two clips of each person tell no more than one: the error is that of people, not of clips.
    real, own = wrong[0]
    twice = {
        n: Values(np.repeat(v.values, 2), np.repeat(2 * v.clip, 2) + np.tile([0, 1], len(v)), 2 * v.clips)
        for n, v in own.items()
    }
    assert np.array_equal(replicas(real, twice, 2)[name], replicas(real, own)[name])
    # The same shift of the same people is sure, though each distance is not.
    moved = {n: replace(v, values=v.values + 0.1) for n, v in own.items()}
    assert np.std(replicas(real, moved)[name] - replicas(real, own)[name]) < 0.1 * error


def test_a_long_recording_counts_as_its_stretches_of_20_s_and_one_clip_tells_no_error() -> None:
    rng, frames, starts = np.random.default_rng(0), 10 * 601, np.arange(0, 6010, 200)
    values = np.zeros((frames, 7), np.float32)
    values[:, 1], values[:, 3] = 1 + rng.uniform(0, 1) + np.repeat(rng.normal(0, 0.3, 31), 200)[:frames], 0.2
    time = np.arange(frames) / 10

    def points(starts: np.ndarray) -> FlatPoints:
        bounds = np.concatenate([starts, [frames]])
        clip = np.repeat(np.arange(len(starts)), np.diff(bounds))
        return FlatPoints(values, np.arange(frames + 1), time - time[starts][clip], bounds)

    # 601 s in one file: 30 stretches of 20 s (the last second is no stretch); as 30 files, the same within a window.
    whole, files = measure(points(starts[:1]), 2.0), measure(points(starts[:30]), 2.0)
    assert {v.clips for v in whole.values()} == {v.clips for v in files.values()} == {30}
    assert np.array_equal(whole["range (m)"].clip, files["range (m)"].clip)
    once = measure(points(starts[:1]), 700.0)
    told = replicas(whole, files)["range (m)"], replicas(whole, once)["range (m)"]
    assert np.isfinite(told[0]).all() and np.isnan(told[1]).all()
    # A simulator without a moving point is as far as can be, drawn again too.
    nothing = {name: replace(v, values=v.values[:0], clip=v.clip[:0]) for name, v in files.items()}
    assert (replicas(whole, nothing)["range (m)"] == distances(whole, nothing)["range (m)"]).all()


def test_recordings_and_clips_are_drawn_again_each_for_themselves_and_alike_in_every_call() -> None:
    """Of a set against itself, one draw for both would be at no distance; of two calls, replicas are pairs."""
    draw = np.random.default_rng(5)
    one = {q.name: values(*draw.normal(0.5 * (q.low + q.high), 0.1, (30, 8))) for q in QUANTITIES}
    alone, again = (replicas(one, one)["speed (m/s)"] for _ in range(2))
    assert alone.min() > 0 and np.array_equal(alone, again)
