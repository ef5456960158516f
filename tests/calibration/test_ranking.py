"""Models are ordered by what their answers for neighbouring windows tell of each other, against closed forms."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike

from mmsynth.calibration import answers, rank
from mmsynth.calibration.ranking import Standing, successions
from mmsynth.datasets import Dataset
from mmsynth.training import Predictions, fit
from mmsynth.training.recipe import Adapt, Data, Recipe
from mmsynth.training.trees import TreeSettings

CLASSES = ("a", "b", "c", "d")


def said(answer: ArrayLike, clip: Sequence[str], empty: Sequence[int] = ()) -> Predictions:
    """Windows of 2 s, one after the other in each clip."""
    names = np.array(clip, object)
    first = np.concatenate([[True], names[1:] != names[:-1]])
    place = np.arange(len(names)) - np.flatnonzero(first)[np.cumsum(first) - 1]
    bare = np.isin(np.arange(len(names)), empty)
    p = np.eye(len(CLASSES))[np.asarray(answer)]
    return Predictions(CLASSES, names, 2.0 * place, np.full(len(names), "", object), p, bare, 2.0)


# Twelve recordings of 20 s, three of each activity.
TRUTH = np.repeat(np.arange(12) % 4, 10)
CLIPS = np.repeat([f"clip {k}" for k in range(12)], 10).tolist()


def test_right_answers_tell_all_and_constant_or_random_ones_nothing() -> None:
    draw = np.random.default_rng(1)
    wrong = draw.permutation(TRUTH)
    half = np.where(draw.random(len(TRUTH)) < 0.5, TRUTH, draw.integers(0, 4, len(TRUTH)))
    named = {"constant": 0 * TRUTH, "random": wrong, "half": half, "right": TRUTH, "two as one": TRUTH // 2}
    found = rank({name: said(answer, CLIPS) for name, answer in named.items()})
    bits = {m.name: m.consistency for m in found.models}
    assert found.pick == "right" and [m.name for m in found.models][1:3] == ["two as one", "half"]
    assert bits["right"] == pytest.approx(2) and bits["two as one"] == pytest.approx(1) and bits["constant"] == 0
    # Of n independent pairs chance gives (classes - 1)^2 / (2 n ln 2) on average (Miller 1955); pairs that share
    # windows and count both ways round double it.
    assert bits["random"] < 4 * 9 / (2 * 108 * np.log(2)) and 0.2 < bits["half"] < 0.9
    by_name = {m.name: m for m in found.models}
    assert by_name["random"].apart and by_name["right"].behind == 0 and not by_name["right"].apart
    assert by_name["half"].behind == pytest.approx(2 - bits["half"])
    assert found.text().splitlines()[1].split() == ["right", "2.000"]
    # What the answers are called does not show.
    other = rank({"renamed": said((TRUTH + 1) % 4, CLIPS), "right": said(TRUTH, CLIPS)})
    assert [m.consistency for m in other.models] == pytest.approx([2, 2]) and "not told from the first" in other.text()


def test_answers_right_at_random_tell_what_a_noisy_channel_does() -> None:
    """Two symmetric channels of error e in a row are one of error 2 e (1 - e): 1 - h of that is left of a bit."""
    draw, e = np.random.default_rng(2), 0.1
    truth = np.repeat(np.arange(2000) % 2, 10)
    answer = np.where(draw.random(len(truth)) < e, 1 - truth, truth)
    both = 2 * e * (1 - e)
    left = 1 + both * np.log2(both) + (1 - both) * np.log2(1 - both)
    found = rank({"noisy": said(answer, np.repeat(np.arange(2000).astype(str), 10).tolist())})
    assert found.models[0].consistency == pytest.approx(left, abs=0.02)


def test_neighbours_are_of_one_clip_and_hold_points() -> None:
    # x: a a b | y: b c, whose first window is empty; then 25 windows of 2 s are two stretches of 24 and 26 s.
    counts = successions(said([0, 0, 1, 1, 2], list("xxxyy"), [3]))
    assert counts.shape == (2, 4, 4)
    assert counts[0, :2, :2].tolist() == [[1, 0.5], [0.5, 0]] and counts[0].sum() == 2 and not counts[1].any()
    long = successions(said([0] * 25, ["x"] * 25))
    assert long.sum((1, 2)).tolist() == [13, 11]


def test_the_error_is_that_of_recordings_made_anew() -> None:
    def once(seed: int) -> tuple[float, float]:
        draw = np.random.default_rng(seed)
        # Somebody's whole recording is easy or hard.
        sure = np.repeat(draw.choice([0.6, 1.0], 12), 10)
        two = [
            np.where(draw.random(len(TRUTH)) < p, TRUTH, draw.integers(0, 4, len(TRUTH))) for p in (sure, 0.8 * sure)
        ]
        first, second = rank({name: said(a, CLIPS) for name, a in zip("ab", two, strict=True)}).models
        return second.behind * (1 if first.name == "a" else -1), second.error

    behind, errors = np.array([once(seed) for seed in range(60)]).T
    # A standard deviation of 60 draws is known to 9 %, here to three of these. Without pairing it would be 54 %.
    assert np.mean(errors) == pytest.approx(np.std(behind), rel=0.3)


def test_runs_are_ranked_on_recordings_that_they_have_not_seen(
    recordings: Path, generated: Path, tmp_path: Path
) -> None:
    def quiet(done: int, total: int | None) -> None:
        pass

    few = TreeSettings(count=20)
    run = fit(Recipe(Data(synthetic=(generated,)), trees=few), tmp_path / "run", quiet)
    data = Dataset.open(recordings)
    found = rank({"run": answers(run, data)})
    # Two activities, told nearly always.
    assert 0.8 < found.models[0].consistency <= 1 and found.windows == 48
    for known in (Data(real=(recordings,)), Data(synthetic=(generated,), unlabelled=(recordings,))):
        adapt = Adapt("self-training" if known.unlabelled else "none")
        with pytest.raises(ValueError, match="that no run has seen, got some that .*run was trained on or adapted to"):
            answers(fit(Recipe(known, adapt=adapt, trees=few), tmp_path / f"{adapt.method}-run", quiet), data)


def test_two_standard_errors_tell_two_models_apart() -> None:
    """One in twenty pairs of equals would be told apart by chance."""
    assert [Standing("x", 1.0, behind, 0.1).apart for behind in (0.15, 0.19, 0.21)] == [False, False, True]
    assert not Standing("x", 1.0, 0.15, float("nan")).apart


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least one model, got none"):
        rank({})
    with pytest.raises(ValueError, match="expected windows alike, got 120 of 2 s and, by b, 60 of 2 s"):
        rank({"a": said(TRUTH, CLIPS), "b": said(TRUTH[:60], CLIPS[:60])})
    with pytest.raises(ValueError, match="expected recordings of at least two windows, 4 s, got 2 of one each"):
        rank({"a": said([0, 1], ["x", "y"])})
    with pytest.raises(ValueError, match="expected neighbouring windows with points, got none that count for a"):
        rank({"a": said([0, 1], ["x", "x"], empty=[0])})
