"""Curves of networks: what is trained, what is kept, and where each score stands."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import network_recipe

from mmsynth.datasets import Dataset
from mmsynth.evaluation.networks import ALONE, ARMS, NetworkPlan, Study, Training, cell, network_curve
from mmsynth.evaluation.protocol import corpus, draw_rows, folds
from mmsynth.evaluation.transfer import base_of, real_tables
from mmsynth.training import WindowSettings, cut
from mmsynth.training.fit import fit_model
from mmsynth.training.forests import synthetic_tables
from mmsynth.training.material import TrainingMaterial
from mmsynth.training.models import BlendedNetwork, Targets
from mmsynth.training.trees import TreeSettings


def test_a_curve_of_networks_goes_on_where_it_stopped(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmsynth.evaluation.transfer.TreeSettings", lambda count: TreeSettings(count // 10))
    data = real_tables(corpus(Dataset.open(recordings), WindowSettings()))
    # Trees on synthetic windows that are right on windows to train on and wrong on those that are scored.
    base = np.eye(2)[data.labels(True)], np.eye(2)[1 - data.labels(False)]
    plan = NetworkPlan(network_recipe("points", 60, 16, 16, 1e-2), (3,), (0.1, 1.0))

    def killed(done: int, total: int) -> None:
        assert total == 4
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        network_curve(Study(data, base, plan, tmp_path / "killed"), killed)
    assert len(list((tmp_path / "killed" / "answers").iterdir())) == 3
    finished = network_curve(Study(data, base, plan, tmp_path / "killed"), lambda done, total: None)
    whole = network_curve(Study(data, base, plan, tmp_path / "whole"), lambda done, total: None)
    for name, values in whole.scores.items():
        assert np.array_equal(values, finished.scores[name], equal_nan=True)
    # With a few recordings the blend goes by the trees, right or wrong.
    assert whole.arms["blended"][:2].max() == 0 and whole.arms["real alone"][1].min() > 0.8
    assert np.isnan(whole.arms["real alone"][0]).all()
    assert {p.name for p in (tmp_path / "whole").glob("curve.*")} == {"curve.txt", "curve.json", "curve.png"}
    rows = {r.experiment for r in whole.rows("real alone")}
    assert rows == {"radhar/few_shot_gain_10", "radhar/few_shot_gain_100"}
    best = whole.rows(*ALONE)
    assert len(best) == 4 and all("best real-only" in r.model for r in best)


def test_what_a_network_answers_is_kept_for_the_same_training_alone(recordings: Path, tmp_path: Path) -> None:
    data, plan = corpus(Dataset.open(recordings), WindowSettings()), NetworkPlan(network_recipe("points", 2, 4, 8))
    learnt, asked = data.dense.take(range(0, len(data.dense), 4)), data.apart.take(range(6))
    first = Training(plan.recipe(0), data.classes, learnt, asked)
    said = first.kept(tmp_path, "0.1-a-0")
    faster = replace(asked, velocity=asked.velocity + 0.5)
    others = [
        replace(first, recipe=NetworkPlan(network_recipe("points", 3, 4, 8)).recipe(0)),
        replace(first, recipe=plan.recipe(1)),
    ]
    others += [
        replace(first, recipe=NetworkPlan(network_recipe("voxels", 2, 4, 8)).recipe(0)),
        replace(first, asked=faster),
    ]
    others += [replace(first, learnt=learnt.take(range(9))), replace(first, classes=(*data.classes, "yawn"))]
    others += [replace(first, learnt=replace(learnt, activity=learnt.activity[::-1]))]
    for count, other in enumerate(others, 2):
        assert other.kept(tmp_path, "0.1-a-0").shape != said.shape or (other.kept(tmp_path, "0.1-a-0") != said).any()
        assert len(list(tmp_path.iterdir())) == count
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = corpus(Dataset.open(recordings), WindowSettings())
    same = replace(first, learnt=again.dense.take(range(0, len(data.dense), 4)), asked=again.apart.take(range(6)))
    assert np.array_equal(same.kept(tmp_path, "0.1-a-0"), said)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == kept


def test_a_curve_of_networks_blends_as_a_training_does(
    recordings: Path, generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By two routes: what the curve scores as blended, and what a run of the same recipe answers."""
    data = real_tables(corpus(Dataset.open(recordings), WindowSettings()))
    made = cut(Dataset.open(generated), WindowSettings())
    plan = NetworkPlan(network_recipe("points", 20, 16, 16, 1e-2), (0,), (1.0,))
    # The curve has its own sizes of forests.
    forests = TreeSettings(20)
    monkeypatch.setattr("mmsynth.evaluation.transfer.ON_SYNTHETIC", forests)
    monkeypatch.setattr("mmsynth.evaluation.transfer.TreeSettings", lambda _: forests)
    study = Study(data, base_of(data, [synthetic_tables(made, data.data.classes, 0)]), plan, tmp_path)
    monkeypatch.setattr("mmsynth.evaluation.networks.balanced_score", lambda real, test, said: said)
    fold = next(folds(data.data))
    scored = dict(zip(ARMS, cell(study, fold.name, 1.0, 0), strict=True))
    # The curve grows trees on the windows in the order in which it draws them.
    rows = draw_rows(data.data.dense, np.flatnonzero(fold.train), 1.0, np.random.default_rng([0, 10000]))
    material = TrainingMaterial(Targets(data.data.classes), real=data.data.dense.take(rows), synthetic=made)
    optimise = replace(plan.recipe(0).optimise, pretrain_steps=10)
    recipe = replace(plan.recipe(0), optimise=optimise, trees=forests)
    model, _ = fit_model(recipe, material, tmp_path, lambda done, total: None)
    assert isinstance(model, BlendedNetwork)
    said = model.probabilities(data.data.apart.take(np.flatnonzero(fold.test)))
    np.testing.assert_allclose(said, scored["blended"], atol=1e-6)


def test_every_score_of_a_curve_stands_in_its_place(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With scores that say whose they are; the mean over the two days is what a curve shows."""
    data = real_tables(corpus(Dataset.open(recordings), WindowSettings()))
    base = np.eye(2)[data.labels(True)], np.eye(2)[data.labels(False)]
    plan = NetworkPlan(network_recipe(), (3, 5), (0.1, 1.0))
    study = Study(data, base, plan, tmp_path)

    def scored(_: Study, name: str, share: float, seed: int) -> list[float]:
        value = share + 10 * seed + 100 * (name == "2020-01-02")
        return [value + 1000 * arm for arm in range(5)]

    monkeypatch.setattr("mmsynth.evaluation.networks.cell", scored)
    curve = network_curve(study, lambda done, total: None)
    for arm, values in enumerate(curve.arms.values()):
        days = list(curve.scores.values())[arm]
        assert days[1:, :, 1] - days[1:, :, 0] == pytest.approx(100) and curve.groups == ("2020-01-01", "2020-01-02")
        for column, seed in enumerate(plan.seeds):
            assert values[1:, column] == pytest.approx([s + 10 * seed + 50 + 1000 * arm for s in plan.shares])
            # Without recordings there is what synthetic trees answer, here the truth.
            assert values[0, column] == pytest.approx(np.nan if arm < 3 else 1.0, nan_ok=True)
