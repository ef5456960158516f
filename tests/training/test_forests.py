"""Forests as arrays, of recordings, of synthetic windows, and both blended."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_up import quiet
from sklearn.ensemble import ExtraTreesClassifier

from mmsynth.datasets import Dataset
from mmsynth.training import estimate, fit, predict
from mmsynth.training.augment import with_copies
from mmsynth.training.features import features
from mmsynth.training.fit import fit_model
from mmsynth.training.gather import gather
from mmsynth.training.loop import train_network
from mmsynth.training.material import TrainingMaterial
from mmsynth.training.models import BlendedNetwork, BlendedTrees, NetworkModel, TreeModel
from mmsynth.training.recipe import Data, Optimise, Recipe
from mmsynth.training.trees import Forest, TreeSettings, grow, join_forests

QUICK = Optimise(steps=24, pretrain_steps=8, batch=16, every=4, warmup=2, patience=0)


def test_forest_as_arrays_is_the_forest_of_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    table, labels = draw.normal(size=(300, 12)).astype(np.float32), draw.integers(0, 3, 300)
    # Classes 0, 1 and 3 of five weigh the same together, whatever their windows weigh.
    own = draw.uniform(0.2, 3, 300)
    weight, named = own / np.bincount(labels, own)[labels] * own.sum() / 3, np.array([0, 1, 3])
    theirs = ExtraTreesClassifier(20, min_samples_leaf=2, random_state=5)
    theirs.fit(table, named[labels], sample_weight=weight)
    ours = grow(table, named[labels], 5, TreeSettings(20, 2), 5, own)
    test = draw.normal(size=(50, 12)).astype(np.float32)
    assert np.allclose(ours.probabilities(test)[:, named], theirs.predict_proba(test))
    assert not ours.probabilities(test)[:, [2, 4]].any()
    # On a threshold itself a sample goes left, as theirs do.
    node = np.array([0, 1, 2])
    one = Forest(node[:1], 0 * node, np.full(3, 0.5), np.array([1, 1, 2]), np.array([2, 1, 2]), np.eye(3))
    assert one.probabilities(np.array([[0.5], [0.6]])).argmax(1).tolist() == [1, 2]


def test_trees_know_a_part_of_many_simulated_people(
    generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(Data(synthetic=(generated,), validation=0.0), trees=TreeSettings(20))
    monkeypatch.setattr("mmsynth.training.forests.PEOPLE", 1)
    model = fit(recipe, tmp_path / "run", quiet).model
    assert isinstance(model, TreeModel) and len(model.forest.roots) == 20
    windows = gather(recipe).synthetic
    assert windows is not None
    first = np.flatnonzero(windows.subject == sorted(set(windows.subject))[0])
    own = with_copies(windows.take(first), np.random.default_rng([recipe.seed, 7]))
    alone = grow(features(own), own.labels(("fast", "slow")), 2, TreeSettings(10), recipe.seed)
    assert np.array_equal(model.forest.threshold[: len(alone.threshold)], alone.threshold)


def test_joined_forests_answer_by_the_mean() -> None:
    draw = np.random.default_rng(0)
    tables = draw.normal(size=(2, 60, 5)).astype(np.float32)
    both = [grow(table, np.arange(60) % 3, 3, TreeSettings(10), k, np.ones(60)) for k, table in enumerate(tables)]
    test = draw.normal(size=(20, 5)).astype(np.float32)
    mean = np.mean([forest.probabilities(test) for forest in both], axis=0)
    np.testing.assert_allclose(join_forests(both).probabilities(test), mean, atol=1e-12)


@pytest.mark.parametrize("model", ["trees", "points"])
def test_a_model_of_few_recordings_is_blended_with_one_of_synthetic_windows(
    model: str, recordings: Path, generated: Path, tmp_path: Path
) -> None:
    # A network learns nothing in two steps: what is right is what trees on synthetic windows say.
    slow = replace(QUICK, steps=2, pretrain_steps=1, rate=1e-6)
    data = Data((recordings,), (generated,), real_fraction=0.1, validation=0.0)
    recipe = Recipe(data, model=model, width=16, optimise=slow, trees=TreeSettings(40))  # type: ignore[arg-type]
    run = fit(recipe, tmp_path / "run", quiet)
    assert isinstance(run.model, BlendedTrees | BlendedNetwork)
    real = gather(run.recipe).real
    trees = run.model.trees if isinstance(run.model, BlendedNetwork) else run.model
    assert real is not None and trees.blend.trust == pytest.approx(100 / (100 + len(real)))
    found = predict(run, Dataset.open(recordings))
    assert np.mean([a == b for a, b in zip(found.label, found.truth, strict=True)]) > 0.9


def test_trees_on_synthetic_windows_know_no_recording_that_they_are_joined_with(
    recordings: Path, generated: Path
) -> None:
    """Were they taught recordings too, they would be trusted for what they know by heart."""
    recipe = Recipe(Data((recordings,), (generated,)), trees=TreeSettings(6))
    joined, alone = (
        fit_model(each, gather(each), Path(), quiet)[0]
        for each in (recipe, replace(recipe, data=replace(recipe.data, real=())))
    )
    assert isinstance(joined, BlendedTrees) and isinstance(alone, TreeModel)
    assert np.array_equal(joined.base.threshold, alone.forest.threshold)
    assert np.array_equal(joined.base.value, alone.forest.value)


def test_in_one_forest_synthetic_windows_weigh_their_share_and_all_of_a_kind_alike(
    recordings: Path, generated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights: list[Any] = []

    def seen(*arguments: Any) -> Forest:
        weights.append(arguments[5])
        return grow(*arguments)

    monkeypatch.setattr("mmsynth.training.forests.grow", seen)
    data = Data((recordings,), (generated,), schedule="mix", synthetic_share=0.2, real_fraction=0.5)
    recipe = Recipe(data, trees=TreeSettings(2))
    material = gather(recipe)
    fit_model(recipe, material, Path(), quiet)
    (weight,) = weights
    assert material.real is not None and material.synthetic is not None
    own = len(material.real)
    # Each synthetic window comes with three altered copies.
    assert len(weight) == own + 4 * len(material.synthetic)
    assert weight[own:].sum() / weight.sum() == pytest.approx(0.2)
    assert np.ptp(weight[:own]) == np.ptp(weight[own:]) == 0


def test_a_network_beside_trees_learns_recordings_alone(
    recordings: Path, generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, few = Data((recordings,), (generated,)), TreeSettings(5)
    recipe = Recipe(data, model="points", width=16, optimise=QUICK, trees=few)
    material = gather(recipe)
    blended, _ = fit_model(recipe, material, tmp_path, quiet)
    assert isinstance(blended, BlendedNetwork) and material.synthetic is not None
    own = train_network(recipe, replace(material, synthetic=None), None, quiet)
    for name, value in own.network.state_dict().items():
        assert torch.equal(value, blended.network.network.state_dict()[name]), name
    # In one batch with recordings there are no trees, and the network learns both.
    mixed = replace(recipe, data=replace(recipe.data, schedule="mix"))
    (tmp_path / "mixed").mkdir()
    both, _ = fit_model(mixed, material, tmp_path / "mixed", quiet)
    assert isinstance(both, NetworkModel)
    first, second = (model.network.head.state_dict() for model in (own, both))
    assert any(not torch.equal(value, second[name]) for name, value in first.items())
    timed: list[TrainingMaterial] = []
    module = sys.modules[fit.__module__]
    monkeypatch.setattr(module, "steps_timed", lambda _, given, count: (timed.append(given), [1.0] * count)[1])
    monkeypatch.setattr(module, "_seconds_of_forests", lambda *_: 0.0)
    for each in (recipe, mixed):
        estimate(each)
    assert [given.synthetic is None for given in timed] == [True, False]
