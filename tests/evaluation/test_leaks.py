"""What is held out may be anything: no answer of a model changes with it, to the last bit."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up import network_recipe

from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.evaluation import networks, radhar, transfer
from mmsynth.evaluation.mars import constant_pose, leave_one_out
from mmsynth.evaluation.networks import NetworkPlan, Study, cell
from mmsynth.evaluation.protocol import Corpus, corpus, folds
from mmsynth.evaluation.transfer import FewTrees, Real, Synthetic, adapted, base_of, few_shot, real_tables, self_trained
from mmsynth.training import WindowSettings, cut
from mmsynth.training.adapt import AdaptSettings
from mmsynth.training.fit import fit_model
from mmsynth.training.forests import synthetic_tables
from mmsynth.training.frames import Frames
from mmsynth.training.gather import gather
from mmsynth.training.models import BlendedNetwork, BlendedTrees
from mmsynth.training.recipe import Adapt, Data, Optimise, Recipe
from mmsynth.training.run import _tree_arrays
from mmsynth.training.trees import TreeSettings
from mmsynth.training.withheld import of_groups

Array = np.ndarray[Any, Any]
FEW = TreeSettings(10)


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forests of ten trees: what they know is compared, not how well."""
    monkeypatch.setattr("mmsynth.evaluation.transfer.ON_SYNTHETIC", FEW)
    for module in ("transfer", "radhar"):
        monkeypatch.setattr(f"mmsynth.evaluation.{module}.TreeSettings", lambda *_: FEW)


@pytest.fixture
def real(recordings: Path) -> Real:
    return real_tables(corpus(Dataset.open(recordings), WindowSettings()))


@pytest.fixture
def made(generated: Path, real: Real) -> Synthetic:
    return synthetic_tables(cut(Dataset.open(generated), WindowSettings()), real.data.classes, 0)


def spoiled(data: Corpus, name: str, labels_of_all: bool = False) -> Corpus:
    """The recordings with the windows to train on of day `name` at rest and called what they are not.

    With `labels_of_all` those of the other days are called wrong, too.
    """
    dense = data.dense
    bad = of_groups(dense.session, dense.subject, (name,)) & bool(name)
    wrong = bad | labels_of_all
    activity = np.where(wrong, np.where(dense.activity == "fast", "slow", "fast"), dense.activity).astype(object)
    velocity = np.where(bad[dense.index], 0, dense.velocity).astype(np.float32)
    return replace(data, dense=replace(dense, activity=activity, velocity=velocity))


def answers(monkeypatch: pytest.MonkeyPatch, place: Any, name: str) -> list[Any]:
    """A list that grows by what a function gives."""
    known, found = getattr(place, name), []

    def watched(*arguments: Any, **more: Any) -> Any:
        found.append(known(*arguments, **more))
        return found[-1]

    monkeypatch.setattr(place, name, watched)
    return found


def test_trees_of_real_recordings_do_not_know_the_day_that_is_held_out(
    real: Real, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = answers(monkeypatch, radhar, "predict_with_trees")
    radhar.across(real.data, 0)
    clean = said.copy()
    for k, fold in enumerate(folds(real.data)):
        said.clear()
        radhar.across(spoiled(real.data, fold.name), 0)
        assert np.array_equal(said[k], clean[k]) and not np.array_equal(said[1 - k], clean[1 - k])


@pytest.mark.parametrize("rest", [False, True])
def test_trees_of_few_recordings_do_not_know_the_day_that_is_held_out(
    real: Real, made: Synthetic, monkeypatch: pytest.MonkeyPatch, rest: bool
) -> None:
    base, said = base_of(real, [made]), answers(monkeypatch, FewTrees, "answers")
    for k, fold in enumerate(folds(real.data)):
        found = []
        for data in (real, real_tables(spoiled(real.data, fold.name))):
            said.clear()
            few_shot(data, base, 0.3, [0], rest)
            found.append(said[(2 * k if rest else k) : (2 * k + 2 if rest else k + 1)])
        for clean, other in zip(*found, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(clean, other, strict=True))


@pytest.mark.parametrize("way", ["adapted", "other", "own"])
def test_recordings_without_labels_are_those_that_are_said_and_have_none(
    real: Real, made: Synthetic, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(transfer, "_scored", lambda _, probabilities: probabilities)
    quick = AdaptSettings(rounds=1, trees=8)
    monkeypatch.setattr(transfer, "AdaptSettings", lambda: quick)

    def run(data: Corpus) -> Any:
        here = real_tables(data)
        base = base_of(here, [made])
        monkeypatch.setattr(transfer, "base_of", lambda *_: base)
        return adapted(here, made, 0, quick) if way == "adapted" else self_trained(here, made, 0, way == "own")

    clean = run(real.data)
    for k, fold in enumerate(folds(real.data)):
        # Of one's own day the labels alone are not known; of the day that is held out otherwise nothing is.
        other = run(spoiled(real.data, "" if way == "own" else fold.name, labels_of_all=True))
        assert np.array_equal(clean[k][fold.test], other[k][fold.test])
        assert way == "own" or not np.array_equal(clean[1 - k], other[1 - k])


def test_a_network_of_few_recordings_does_not_know_the_day_that_is_held_out(
    real: Real, made: Synthetic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taught(training: networks.Training) -> Array:
        shown.append(training.learnt)
        return np.full((len(training.asked), 2), training.recipe.seed / 10)

    shown: list[Any] = []
    monkeypatch.setattr(networks.Training, "answers", taught)
    said = answers(monkeypatch, FewTrees, "answers")
    base = base_of(real, [made])
    for fold in folds(real.data):
        for place, data in (("clean", real), ("spoiled", real_tables(spoiled(real.data, fold.name)))):
            cell(Study(data, base, NetworkPlan(network_recipe()), tmp_path / place), fold.name, 0.5, 1)
        for clean, other in zip(*said[-2:], strict=True):
            assert np.array_equal(clean, other)
    assert [set(w.session.tolist()) for w in shown] == [{f"2020-01-0{day}-a"} for day in (2, 2, 1, 1)]
    # Each day, share and seed has answers of its own.
    kept = tmp_path / "clean" / "answers"
    for share, seed in ((0.5, 2), (1.0, 1)):
        cell(Study(real, base, NetworkPlan(network_recipe()), tmp_path / "clean"), fold.name, share, seed)
    assert len(list(kept.iterdir())) == 4


@pytest.mark.parametrize("model", ["trees", "points"])
def test_a_training_does_not_know_what_it_holds_out(
    model: str, recordings: Path, generated: Path, tmp_path: Path
) -> None:
    """Neither by labels, nor as recordings without labels, nor where the model is chosen."""
    with DatasetWriter(tmp_path / "spoiled.h5", Attributes()) as writer:
        for sample in Dataset.open(recordings):
            if sample.labels.session.startswith("2020-01-02"):
                activity = {"fast": "slow", "slow": "fast"}[sample.labels.activity]
                cloud = replace(sample.cloud, velocity=0.1 * sample.cloud.velocity, position=2 * sample.cloud.position)
                sample = replace(sample, labels=replace(sample.labels, activity=activity), cloud=cloud)
            writer.append(sample)
    found: list[dict[str, Array]] = []
    for path in (recordings, tmp_path / "spoiled.h5"):
        adapt = Adapt("self-training" if model == "trees" else "statistics")
        data = Data((path,), (generated,), unlabelled=(path,), hold_out=("2020-01-02",), real_fraction=0.5)
        steps = Optimise(steps=6, pretrain_steps=2, batch=8, every=2, warmup=1, patience=0)
        recipe = Recipe(data, model=model, width=8, adapt=adapt, optimise=steps, trees=FEW)  # type: ignore[arg-type]
        run, _ = fit_model(recipe, gather(recipe), tmp_path, lambda done, total: None)
        assert isinstance(run, BlendedNetwork | BlendedTrees)
        arrays = _tree_arrays(run.trees if isinstance(run, BlendedNetwork) else run)
        if isinstance(run, BlendedNetwork):
            arrays |= {name: value.numpy() for name, value in run.network.network.state_dict().items()}
            (tmp_path / "checkpoint.pt").unlink()
        found.append(arrays)
    assert all(np.array_equal(value, found[1][name]) for name, value in found[0].items())


def test_poses_of_a_person_are_told_by_the_others() -> None:
    """Three people 3 m beside each other, each of whom one number names: of him alone the others say nothing."""
    subject = np.repeat(["a", "b", "c"], 40)
    number = np.repeat([0.0, 1.0, 2.0], 40)
    joints = np.zeros((120, 2, 3), np.float32)
    joints[:, :, 0] = 3 * number[:, None]
    table = np.repeat(number[:, None], 6, 1).astype(np.float32)
    poses = Frames(table, table, joints, np.ones(120), subject, np.zeros(120), np.zeros(120, int))
    # The others' mean lies 4.5, 0 and 4.5 m aside, on one coordinate of three; the nearest of them 3 m. In float32.
    assert constant_pose(poses) == pytest.approx({"a": 150, "b": 0, "c": 150}, abs=1e-3)
    found = leave_one_out(poses, 0, 4)
    assert (found["a"], found["c"]) == pytest.approx((100, 100), abs=1e-3)
