"""From synthetic to recorded: adaptation, few labels, and what they must not do."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmsynth.datasets import Dataset
from mmsynth.evaluation import curve
from mmsynth.evaluation.curve import Drawn, blind_rows, transfer_rows
from mmsynth.evaluation.fewshot import Curve, tree_curve
from mmsynth.evaluation.protocol import corpus, draw_rows, folds
from mmsynth.evaluation.scores import Scores
from mmsynth.evaluation.transfer import few_shot, real_tables, scores_of, self_trained
from mmsynth.training import WindowSettings, cut
from mmsynth.training import adapt as adapting
from mmsynth.training.adapt import AdaptSettings, adapt, believed, by_clip, evenly, likeness, mixed_clips
from mmsynth.training.blend import FLOOR
from mmsynth.training.forests import synthetic_tables
from mmsynth.training.trees import TreeSettings
from mmsynth.view.scores import curve_figure


def test_windows_like_the_recorded_ones_weigh_more() -> None:
    draw = np.random.default_rng(0)
    # Sixteen features of which four tell: trees try four at a split.
    synthetic = draw.normal(0, 1, (400, 16))
    recorded = draw.normal([1.5] * 4 + [0.0] * 12, 0.7, (400, 16))
    weight = likeness(synthetic, recorded, 8.0, 0, TreeSettings(100, 5))
    near = synthetic[:, :4].mean(1) > 0.5
    assert abs(weight.mean() - 1) < 1e-9
    assert weight[near].mean() > 3 * weight[~near].mean()


def test_no_window_weighs_more_than_the_limit_over_the_mean() -> None:
    draw = np.random.default_rng(0)
    synthetic, recorded = draw.normal(0, 1, (200, 4)), draw.normal(1.5, 0.7, (200, 4))
    free, held = (likeness(synthetic, recorded, limit, 0, TreeSettings(20, 5)) for limit in (1e9, 2.0))
    want = np.minimum(free, 2.0)
    assert free.max() > 3
    np.testing.assert_allclose(held, want / want.mean())


def test_rounds_of_self_training_believe_votes_that_are_evened_less_and_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five clips of four windows; what is believed of them weighs twice what all synthetic windows do."""
    draw = np.random.default_rng(2)
    labels, clip = np.arange(60) % 2, np.repeat([f"c{k}" for k in range(5)], 4)
    synthetic, recorded = labels[:, None] + draw.normal(0, 0.5, (60, 3)), draw.normal(0.5, 0.7, (20, 3))
    seen: dict[str, list[Any]] = {name: [] for name in ("evenly", "believed", "grow")}
    for name in seen:
        known = getattr(adapting, name)

        def watched(*arguments: Any, name: str = name, known: Any = known) -> Any:
            seen[name].append(arguments)
            return known(*arguments)

        monkeypatch.setattr(adapting, name, watched)
    settings = AdaptSettings(trees=20, vote=True, even=0.6, rounds=3, trust=2.0)
    adapt((synthetic, labels), (recorded, clip), 2, settings, 0)
    assert [strength for _, strength in seen["evenly"]] == pytest.approx([0.6, 0.4, 0.2])
    for probability, share in seen["believed"]:
        assert share == 0.6 and np.ptp(probability.reshape(5, 4, 2), axis=1).max() < 1e-12
    for *_, weight in seen["grow"][-3:]:
        assert weight[60:].sum() == pytest.approx(2 * weight[:60].sum()) and len(weight) > 60
    # Each round grows other trees.
    assert len({arguments[4] for arguments in seen["grow"][-4:]}) == 4


def test_every_class_stays_believed() -> None:
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.45, 0.55]])
    rows, guess = believed(p, 0.34)
    assert sorted(zip(rows.tolist(), guess.tolist(), strict=True)) == [(0, 0), (3, 1)]


def test_shares_of_classes_are_evened_as_strongly_as_is_said() -> None:
    draw = np.random.default_rng(0)
    p = draw.dirichlet([8.0, 1.0, 1.0], 300)
    assert np.array_equal(evenly(p, 0.0), p)
    found = [evenly(p, strength).mean(0) for strength in (0.3, 0.9, 1.0)]
    assert np.allclose(found[2], 1 / 3, atol=1e-6)
    spread = [shares.max() - shares.min() for shares in found]
    assert p.mean(0).max() - p.mean(0).min() > spread[0] > spread[1] > 1e-3 > spread[2]
    # All windows alike: which of two is likelier of a class stays.
    even = evenly(p, 0.9)
    odds = np.log((p + FLOOR) / (p + FLOOR)[:, :1]) - np.log(even / even[:, :1])
    assert np.allclose(odds, odds[:1])


def test_a_class_that_nobody_votes_for_comes_back() -> None:
    draw = np.random.default_rng(3)
    clips = np.repeat(np.arange(30), 8)
    truth = clips % 3
    # Simulated people of class 2 are where the recorded ones are not, and these lie on the side of class 1.
    made = draw.permutation(np.arange(300) % 3)
    synthetic = np.stack([np.array([0.0, 2.0, 4.0])[made], draw.normal(0, 1, 300)], 1) + draw.normal(0, 0.3, (300, 2))
    recorded = np.stack([np.array([0.0, 1.9, 2.6])[truth], draw.normal(0, 1, 240)], 1) + draw.normal(0, 0.15, (240, 2))
    right = []
    for even in (0.0, AdaptSettings().even):
        settings = AdaptSettings(even=even, trees=60)
        forest = adapt((synthetic, made), (recorded, clips), 3, settings, 0)
        right.append([np.mean(forest.probabilities(recorded[truth == 2]).argmax(1) == 2)])
    assert right[0][0] < 0.5 and right[1][0] > 0.9


def test_a_clip_of_two_activities_is_found() -> None:
    draw = np.random.default_rng(0)
    clip = np.repeat([f"c{k:02d}" for k in range(20)], 10)
    labels = np.repeat(np.arange(20) % 2, 10)
    shown = labels.copy()
    shown[30:35] = 1 - shown[30:35]
    table = draw.normal(0, 1, (200, 6)) + 4 * shown[:, None]
    assert mixed_clips(table, clip, labels, 2, 0) == ["c03"]
    assert mixed_clips(table[:10], clip[:10], labels[:10], 2, 0) == []


def test_of_few_clips_none_is_doubted_that_is_right() -> None:
    """Three activities in nine clips, each in its own way: trees on half of the clips doubt a third of them."""
    doubted = []
    for seed in range(8):
        draw = np.random.default_rng(seed)
        labels = np.repeat(np.arange(9) % 3, 10)
        table = draw.normal(0, 1, (90, 6)) + 3 * labels[:, None] + np.repeat(draw.normal(0, 1, (9, 6)), 10, 0)
        doubted += mixed_clips(table, np.repeat([f"c{k}" for k in range(9)], 10), labels, 3, seed)
    assert len(doubted) <= 2


def test_a_clip_that_is_taken_for_another_activity_is_doubted_by_the_other_clips() -> None:
    """Had trees learnt half of its windows, they would agree with its label."""
    draw = np.random.default_rng(0)
    clip, labels = np.repeat([f"c{k:02d}" for k in range(20)], 10), np.repeat(np.arange(20) % 2, 10)
    table = 4.0 * labels[:, None] + draw.normal(0, 1, (200, 6))
    table[40:50] = 9 + draw.normal(0, 1, (10, 6))  # beyond those of the other activity
    assert mixed_clips(table, clip, labels, 2, 0) == ["c04"]


def test_a_clip_says_what_its_windows_say_in_the_mean() -> None:
    p = np.array([[0.8, 0.2], [0.2, 0.8], [0.4, 0.6], [0.0, 1.0]])
    np.testing.assert_allclose(
        by_clip(p, np.array(["b", "a", "b", "b"])), [[0.4, 0.6], [0.2, 0.8], [0.4, 0.6], [0.4, 0.6]]
    )


def test_adaptation_follows_a_shift_that_labels_do_not_tell() -> None:
    draw = np.random.default_rng(1)
    labels = np.arange(400) % 2
    synthetic = np.stack([labels + draw.normal(0, 0.25, 400), draw.normal(0, 1, 400)], 1)
    recorded = np.stack([labels + 0.45 + draw.normal(0, 0.15, 400), draw.normal(0, 1, 400)], 1)
    clip = np.array([f"c{k // 4}" for k in np.argsort(np.argsort(labels, kind="stable"))])
    accuracy = []
    for rounds in (0, 4):
        forest = adapt((synthetic, labels), (recorded, clip), 2, AdaptSettings(rounds=rounds, vote=False), 0)
        accuracy.append(np.mean(forest.probabilities(recorded).argmax(1) == labels))
    # The best threshold of the source (0.5) is wrong for a quarter or more of one class of the target (0.45 +- 0.15).
    assert accuracy[1] > accuracy[0] + 0.05 and accuracy[1] > 0.9


def test_rows_of_the_ledger_from_made_up_recordings(
    recordings: Path, generated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("curve", "transfer"):
        monkeypatch.setattr(f"mmsynth.evaluation.{place}.AdaptSettings", partial(AdaptSettings, trees=60))
    data = corpus(Dataset.open(recordings), WindowSettings(heights="relative"))
    real = real_tables(data)
    windows = cut(Dataset.open(generated), WindowSettings(heights="relative"))
    drawn = Drawn((synthetic_tables(windows, data.classes, 0),), "facets", 12, 8)
    # Sets with exchanged labels get nearly everything wrong, so that the chain gains what it reaches, on either day.
    wrong = [(table, 1 - labels) for table, labels in drawn.sets[0]]
    rows = {r.experiment: r for r in transfer_rows(real, drawn, Drawn((wrong,), "surface", 0, 8))}
    assert rows["radhar/zero_shot"].value > 0.9 and rows["radhar/zero_shot"].facets == 12
    gain = rows["radhar/chain_minus_naive"]
    assert gain.value > 0.8 and gain.method == "surface" and gain.note.count("+") == 2
    # Recordings that took the labels of synthetic clips are classified right themselves.
    assert min(s.balanced_accuracy for s in self_trained(real, drawn.sets[0], 0, own=True)[1]) == 1
    curve = tree_curve(real, drawn.sets, range(1), lambda done, total: None, shares=(0.05, 1.0))
    assert {r.model for r in curve.rows("real alone")} == {"trees, blended", "trees, stacked"}
    assert curve.arms["blended"][0, 0] > 0.9 and curve.shares[0] == 0


def told(windows: float, files: float) -> tuple[list[Scores], list[Scores]]:
    """Scores of two days that are right so often, the second day's by a tenth less, by window and by file."""

    def scores(right: float) -> Scores:
        return Scores(("a", "b"), ((round(100 * right), 100 - round(100 * right)), (0, 100)))

    return [scores(windows), scores(windows - 0.1)], [scores(files), scores(files - 0.1)]


def test_every_row_says_what_its_name_says(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores that tell how they came about: alone, adapted by window or by file, to others' or to one's own."""
    real = real_tables(corpus(Dataset.open(recordings), WindowSettings()))
    monkeypatch.setattr(curve, "zero_shot", lambda _, made, seed: told(0.4 + 0.2 * made[0] - 0.1 * seed, 0.5))
    monkeypatch.setattr(curve, "adapted", lambda _, made, seed, own: told(0.7, 0.8) if own.vote else told(0.3, 0.6))
    monkeypatch.setattr(curve, "self_trained", lambda _, made, seed, own: told(0.5, 0.55) if own else told(0.9, 0.95))
    drawn, naive = (Drawn(sets, "facets", 12, 8) for sets in (((1,), (1,)), ((0,), (0,))))  # type: ignore[arg-type]
    # Of the second activity all is right: half of what the first misses is missed, on the second day by 0.05 more.
    rows = {r.experiment.removeprefix("radhar/"): r.value for r in transfer_rows(real, drawn, naive)}
    assert rows == pytest.approx(
        {
            "zero_shot": 0.75,
            "file_vote": 0.725,
            "zero_shot_adapted": 0.625,
            "file_vote_adapted": 0.775,
            "zero_shot_adapted_by_file": 0.825,
            "chain_minus_naive": 0.1,
        }
    )
    found = blind_rows(real, drawn)
    rows = {r.experiment.removeprefix("radhar/"): r.value for r in found}
    assert rows == pytest.approx(
        {
            "zero_shot_blind": 0.75,
            "file_vote_blind": 0.725,
            "zero_shot_blind_unlabelled": 0.925,
            "file_vote_blind_unlabelled": 0.95,
            "zero_shot_blind_unlabelled_own": 0.725,
            "file_vote_blind_unlabelled_own": 0.75,
        }
    )
    assert found[2].note.endswith("0.950 on 2020-01-01, 0.900 on 2020-01-02") and found[0].spread > 0


def test_files_are_voted_for_by_their_own_windows(recordings: Path) -> None:
    """On one day all is right, on the other all of one activity is wrong: by window and by file alike."""
    data = corpus(Dataset.open(recordings), WindowSettings())
    # One activity after the other, as a file may have them.
    order = np.argsort(data.apart.activity.astype(str), kind="stable")
    real = real_tables(replace(data, apart=data.apart.take(order)))
    truth = real.labels(False)
    first, second = folds(real.data)
    said = np.eye(2)[np.where(second.test, 0, truth)]
    windows, files = scores_of(real, said)
    assert [[s.balanced_accuracy for s in own] for own in (windows, files)] == [[1, 0.5], [1, 0.5]]
    # Files of each activity: four on each day.
    assert [s.matrix for s in files] == [((4, 0), (0, 4)), ((4, 0), (4, 0))] and first.test.any()


def test_a_model_that_knows_helps_and_one_that_guesses_does_little_harm(recordings: Path) -> None:
    real = real_tables(corpus(Dataset.open(recordings), WindowSettings()))
    truth = [np.eye(2)[real.labels(dense)] for dense in (True, False)]
    knows = few_shot(real, (truth[0], truth[1]), 0.01, range(3))
    assert knows.blended.mean() > 0.99 >= knows.alone.mean() - 0.01
    guess = few_shot(real, (truth[0] * 0 + 0.5, truth[1] * 0 + 0.5), 0.5, range(3))
    assert abs(guess.blended.mean() - guess.stacked.mean()) < 1e-9


def test_other_recordings_are_learnt_by_what_is_guessed_of_them(recordings: Path) -> None:
    real = real_tables(corpus(Dataset.open(recordings), WindowSettings()))
    truth, stream = real.labels(True), np.random.default_rng([0, 1000])
    # A synthetic model that is right on the few labelled windows and wrong on all others.
    base = [np.eye(2)[1 - labels] for labels in (truth, real.labels(False))]
    for fold in folds(real.data):
        rows = draw_rows(real.data.dense, np.flatnonzero(fold.train), 0.1, stream)
        base[0][rows] = np.eye(2)[truth[rows]]
    # Were the true labels looked at, they would show how wrong it is.
    found = few_shot(real, (base[0], base[1]), 0.1, [0], rest=True)
    assert found.blended.max() < 0.1 and found.alone.min() > 0.9


def test_gains_are_told_by_group_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Worked by hand: two draws, two days; trees are the best real-only in the mean, not on one day or in one draw."""
    alone, trees, both = [[0.7, 0.7], [0.3, 0.3]], [[0.4, 0.9], [0.4, 0.9]], [[0.3, 1.0], [0.6, 0.9]]
    arms = {"real alone": alone, "real trees": trees, "blended": both}
    scores = {name: np.array([np.full((2, 2), np.nan), v]) for name, v in arms.items()}
    curve = Curve((0.0, 0.25), ("2020-01-01", "2020-01-02"), scores, "trees")
    assert curve.best(("real alone", "real trees"))[1] == "real trees"
    (found,) = curve.rows("real alone", "real trees", note="by hand")
    assert found.experiment == "radhar/few_shot_gain_25" and found.n == 2
    # (0.3 + 1.0) / 2 - 0.65 = 0, (0.6 + 0.9) / 2 - 0.65 = 0.1
    assert found.value == pytest.approx(0.05) and found.spread == pytest.approx(0.1 / np.sqrt(2))
    assert found.note == (
        "0.650 -> 0.700, wins 50%; 2020-01-01: 0.400 -> 0.450, wins 50%; 2020-01-02: 0.900 -> 0.950, wins 50%; by hand"
    )
    # Were they errors: the real ones alone are best, and on the second day every draw is worse.
    (found,) = replace(curve, errors=True).rows("real alone", "real trees")
    assert found.note.endswith("0.500 -> 0.450, wins 50%; 2020-01-02: 0.500 -> 0.950, wins 0%")
    drawn: dict[str, Any] = {}

    def seen(shares: Any, values: Any, *others: Any) -> Any:
        drawn.update(values)
        return curve_figure(shares, values, *others)

    monkeypatch.setattr("mmsynth.evaluation.fewshot.curve_figure", seen)
    curve.save(tmp_path)
    # At each share the mean, and the spread from draw to draw: of 0.65 and 0.75.
    np.testing.assert_allclose(drawn["blended"][0], [np.nan, 0.7])
    np.testing.assert_allclose(drawn["blended"][1], [np.nan, 0.1 / np.sqrt(2)])
    kept = json.loads((tmp_path / "curve.json").read_text())
    assert kept["scores"]["blended"][1] == both and kept["scores"]["blended"][0] == [[None, None], [None, None]]
    assert kept["arms"]["blended"][1] == pytest.approx([0.65, 0.75]) and kept["groups"] == list(curve.groups)
    text = (tmp_path / "curve.txt").read_text()
    assert text.count("25 %") == 3 and "2020-01-02" in text and "0.950 +- 0.071" in text
