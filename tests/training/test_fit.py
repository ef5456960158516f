"""Training: forests as arrays, networks that learn, exact resume, recipes, runs on disk."""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.ensemble import ExtraTreesClassifier

from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.resources import data_folder
from mmsynth.training import estimate, fit, load_recipe, load_run, predict
from mmsynth.training.adapt import adapt
from mmsynth.training.augment import with_copies
from mmsynth.training.features import features
from mmsynth.training.fit import fit_model
from mmsynth.training.forests import blend_trees
from mmsynth.training.gather import gather
from mmsynth.training.loop import train_network
from mmsynth.training.material import TrainingMaterial
from mmsynth.training.models import BlendedNetwork, BlendedTrees, NetworkModel, Targets, TreeModel, build
from mmsynth.training.networks import to_inputs
from mmsynth.training.recipe import Adapt, Data, Optimise, Recipe
from mmsynth.training.run import Run
from mmsynth.training.trees import Forest, TreeSettings, grow, join_forests
from mmsynth.training.windows import WindowSettings, cut
from mmsynth.training.workers import local_device, team
from mmsynth.types import Sample

QUICK = Optimise(steps=24, pretrain_steps=8, batch=16, every=4, warmup=2, patience=0)


def quiet(done: int, total: int) -> None:
    del done, total


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
    alone = grow(features(own), own.labels(("fast", "slow")), 2, TreeSettings(10), recipe.seed, np.ones(len(own)))
    assert np.array_equal(model.forest.threshold[: len(alone.threshold)], alone.threshold)


def test_joined_forests_answer_by_the_mean() -> None:
    draw = np.random.default_rng(0)
    tables = draw.normal(size=(2, 60, 5)).astype(np.float32)
    both = [grow(table, np.arange(60) % 3, 3, TreeSettings(10), k, np.ones(60)) for k, table in enumerate(tables)]
    test = draw.normal(size=(20, 5)).astype(np.float32)
    mean = np.mean([forest.probabilities(test) for forest in both], axis=0)
    np.testing.assert_allclose(join_forests(both).probabilities(test), mean, atol=1e-12)


@pytest.mark.parametrize("model", ["trees", "points", "voxels"])
def test_a_model_learns_what_is_there_and_scores_by_chance_on_labels_that_mean_nothing(
    model: str, recordings: Path, generated: Path, tmp_path: Path
) -> None:
    recipe = Recipe(
        Data(real=(recordings,)),
        model=model,  # type: ignore[arg-type]
        width=16,
        optimise=replace(QUICK, steps=60, pretrain_steps=0, every=20),
    )
    found = predict(fit(recipe, tmp_path / "run", quiet), Dataset.open(generated))
    right = np.mean([a == b for a, b in zip(found.label, found.truth, strict=True)])
    assert right > 0.9
    assert np.allclose(found.probability.sum(1), 1) and len(found) == 48


def test_one_batch_is_learnt_by_heart(recordings: Path) -> None:
    windows = cut(Dataset.open(recordings), WindowSettings()).take(np.arange(0, 48, 4))
    truth = torch.arange(12) % 3
    for name in ("points", "voxels"):
        model = build(Recipe(Data((Path("a"),)), model=name, width=24), Targets(("a", "b", "c")))  # type: ignore[arg-type]
        optimiser = torch.optim.Adam(model.parameters(), 1e-2)
        for _ in range(60):
            loss = torch.nn.functional.cross_entropy(model(to_inputs(windows)), truth)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        assert loss < 0.1, name


def test_a_network_does_not_mind_the_order_of_points(recordings: Path) -> None:
    batch = to_inputs(cut(Dataset.open(recordings), WindowSettings()).take([0, 9]))
    # Points lie time bin by time bin; within a bin their order is any.
    draw = torch.rand(len(batch.cell), generator=torch.Generator().manual_seed(0))
    order = (batch.cell + draw).argsort()
    assert torch.equal(batch.cell[order], batch.cell) and not torch.equal(batch.points[order], batch.points)
    for name in ("points", "voxels"):
        model = build(Recipe(Data((Path("a"),)), model=name, width=16), Targets(("a", "b"))).eval()  # type: ignore[arg-type]
        shuffled = model(replace(batch, points=batch.points[order]))
        assert torch.allclose(model(batch), shuffled, atol=1e-5)


def test_a_killed_run_ends_as_if_it_had_not_been_killed(recordings: Path, generated: Path, tmp_path: Path) -> None:
    recipe = Recipe(Data((recordings,), (generated,)), model="points", width=16, optimise=QUICK)

    def killed(done: int, total: int) -> None:
        if done >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(recipe, tmp_path / "killed", killed)
    assert not (tmp_path / "killed" / "run.json").exists()
    fit(recipe, tmp_path / "killed", quiet)
    fit(recipe, tmp_path / "whole", quiet)
    first, second = (torch.load(tmp_path / n / "model.pt", weights_only=True) for n in ("killed", "whole"))
    assert set(first) == {"network", "trees"}
    assert all(torch.equal(first[part][k], second[part][k]) for part in first for k in first[part])


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


def test_recordings_without_labels_are_learnt_by_what_trees_take_them_for(recordings: Path, generated: Path) -> None:
    data = Data((recordings,), (generated,), unlabelled=(recordings,), real_fraction=0.1, validation=0.0)
    recipe = Recipe(data, trees=TreeSettings(40), adapt=Adapt("self-training"))
    material = gather(recipe)
    assert material.real is not None and material.unlabelled is not None
    turned = replace(material.unlabelled, activity=material.unlabelled.activity[::-1])
    runs = [fit_model(recipe, replace(material, unlabelled=w), Path(), quiet)[0] for w in (material.unlabelled, turned)]
    first, second = (run for run in runs if isinstance(run, BlendedTrees))
    assert first.blend.trust == pytest.approx(100 / (100 + len(material.real) + len(material.unlabelled)))
    # What is noted as their labels is not looked at.
    assert np.array_equal(first.own.value, second.own.value)


def test_where_no_recording_has_a_label_trees_go_over_to_them_by_degrees(
    recordings: Path, swing: Callable[..., Sample], tmp_path: Path
) -> None:
    # Simulated people who move half as quickly again as the recorded ones: some recordings look like the slow ones.
    with DatasetWriter(tmp_path / "quick.h5", Attributes()) as writer:
        for sample in (swing(activity, seed) for seed in range(100, 108) for activity in ("fast", "slow")):
            writer.append(replace(sample, cloud=replace(sample.cloud, times=sample.cloud.times / 1.5)))
    data = Data(synthetic=(tmp_path / "quick.h5",), unlabelled=(recordings,), validation=0.0)
    recipe = Recipe(data, trees=TreeSettings(40), adapt=Adapt("self-training"))
    alone = replace(recipe, data=replace(data, unlabelled=()), adapt=Adapt())
    right = {}
    for name, each in (("alone", alone), ("adapted", recipe)):
        run = fit(each, tmp_path / name, quiet)
        found = predict(run, Dataset.open(recordings))
        right[name] = np.mean([a == b for a, b in zip(found.label, found.truth, strict=True)])
    assert right["alone"] < right["adapted"] == 1


def _after_each_other(first: Sample, second: Sample) -> Sample:
    a, b = first.cloud, second.cloud
    cloud = replace(
        a,
        **{n: torch.cat([getattr(a, n), getattr(b, n)]) for n in ("position", "velocity", "intensity")},
        **{n: torch.cat([getattr(a, n), getattr(b, n)]) for n in ("snr_db", "noise_db")},
        offsets=torch.cat([a.offsets, b.offsets[1:] + a.offsets[-1]]),
        times=torch.cat([a.times, b.times + 2 * a.times[-1] - a.times[-2]]),
    )
    return replace(first, id="both", cloud=cloud)


def test_a_clip_of_two_activities_is_told_and_may_be_learnt_window_by_window(
    swing: Callable[..., Sample], generated: Path, tmp_path: Path
) -> None:
    with DatasetWriter(tmp_path / "mine.h5", Attributes()) as writer:
        for sample in (swing(activity, seed, 12.0) for seed in range(6) for activity in ("fast", "slow")):
            writer.append(sample)
        writer.append(_after_each_other(swing("fast", 7), swing("slow", 7)))
    mine = tmp_path / "mine.h5"
    data = Data(synthetic=(generated,), unlabelled=(mine,), validation=0.0)
    whole = Recipe(data, trees=TreeSettings(40), adapt=Adapt("self-training"))
    parts = replace(whole, adapt=replace(whole.adapt, one_activity=False))
    voted, single = (fit(recipe, tmp_path / name, quiet) for name, recipe in (("whole", whole), ("parts", parts)))
    assert "1 of 13 of them seem to show more than one activity (both)" in voted.about
    assert "taken for fast 50%, slow 50%" in single.about and "more than one" not in single.about
    found = predict(single, Dataset.open(mine), [12])
    assert found.label == ("fast",) * 3 + ("slow",) * 3


@pytest.mark.parametrize("one_activity", [True, False])
def test_windows_vote_in_self_training_only_where_a_recording_shows_one_activity(
    recordings: Path, generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_activity: bool
) -> None:
    votes = []

    def seen(*arguments: Any) -> Forest:
        votes.append(arguments[3].vote)
        return adapt(*arguments)

    monkeypatch.setattr("mmsynth.training.forests.adapt", seen)
    data = Data(synthetic=(generated,), unlabelled=(recordings,), validation=0.0)
    recipe = Recipe(data, trees=TreeSettings(5), adapt=Adapt("self-training", one_activity=one_activity))
    fit(recipe, tmp_path / "run", quiet)
    assert votes == [one_activity]


def test_an_estimate_counts_what_labels_recordings(
    recordings: Path, generated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counted(*arguments: Any) -> Forest:
        asked.append(arguments[3].trees)
        return adapt(*arguments)

    monkeypatch.setattr("mmsynth.training.forests.adapt", counted)
    data = Data(synthetic=(generated,), unlabelled=(recordings,), validation=0.0)
    assert estimate(Recipe(data, adapt=Adapt("self-training"))).seconds > 0
    assert asked == [1, 10, 50]


def test_an_estimate_of_a_network_counts_trees_that_it_is_joined_with(
    recordings: Path, generated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counted(recipe: Recipe, *others: Any) -> BlendedTrees:
        asked.append(recipe.trees.count)
        return blend_trees(recipe, *others)

    monkeypatch.setattr("mmsynth.training.forests.blend_trees", counted)
    recipe = Recipe(Data((recordings,), (generated,)), model="points", width=8, optimise=Optimise(8, 4, 8, every=4))
    alone = replace(recipe, data=replace(recipe.data, schedule="mix"))
    assert estimate(alone).seconds > 0 and not asked
    assert estimate(recipe).seconds > 0 and asked == [1, 10, 50]


def test_clips_as_long_as_a_window_but_for_rounding_are_learnt_from(
    tmp_path: Path, swing: Callable[..., Sample]
) -> None:
    """Frame periods are rounded: a thousandth of the windows' step (1 s) may be missing."""
    for missing in (0.0005, 0.002):
        path = tmp_path / f"{missing}.h5"
        with DatasetWriter(path, Attributes()) as writer:
            for seed, activity in enumerate(("fast", "slow")):
                sample = swing(activity, seed, 2.0)
                times = sample.cloud.times * (1 - missing / 2.0)
                writer.append(replace(sample, cloud=replace(sample.cloud, times=times)))
        recipe = Recipe(Data((path,)))
        if missing < 0.001:
            material = gather(recipe)
            assert material.real is not None and len(material.real) == 2
        else:
            with pytest.raises(ValueError, match=r"left to train on; too short for a window of 2 s: 2"):
                gather(recipe)


def test_recordings_of_one_name_in_two_files_are_two(
    recordings: Path, generated: Path, tmp_path: Path, write: Callable[..., Path]
) -> None:
    namesakes = write(tmp_path / "another.h5", range(8))
    data = Data((recordings,), (generated,), unlabelled=(namesakes, recordings), validation=0.0)
    found = gather(Recipe(data, adapt=Adapt("self-training"))).unlabelled
    assert found is not None and {str(name).split("/")[0] for name in found.clip} == {"0"}
    assert len(set(found.clip.tolist())) == len(Dataset.open(namesakes))


def test_a_recording_with_a_label_is_not_learnt_a_second_time_without(
    recordings: Path, generated: Path, tmp_path: Path
) -> None:
    link = tmp_path / "the_same.h5"
    link.symlink_to(recordings)
    data = Data((recordings,), (generated,), unlabelled=(link,), real_fraction=0.25, validation=0.0)
    both = gather(Recipe(data, adapt=Adapt("self-training")))
    assert both.real is not None and both.unlabelled is not None
    told, other = set(both.real.clip.tolist()), set(both.unlabelled.clip.tolist())
    assert told and not told & other and len(told | other) == len(Dataset.open(recordings))
    with pytest.raises(ValueError, match="data.unlabelled: expected clips that are neither among data.real nor held"):
        gather(Recipe(replace(data, real_fraction=1.0), adapt=Adapt("self-training")))
    # Normalisation is taken from all that there is; nothing is learnt twice by that.
    network = gather(Recipe(replace(data, real_fraction=1.0), model="points", adapt=Adapt("statistics")))
    assert network.unlabelled is not None
    with pytest.raises(ValueError, match="adapt.method: expected what is done with the files under data.unlabelled"):
        Recipe(data)


def test_recordings_of_one_name_in_two_files_vote_apart(recordings: Path, generated: Path, tmp_path: Path) -> None:
    other = tmp_path / "the_next_day.h5"
    shutil.copy(recordings, other)
    data = Data(synthetic=(generated,), unlabelled=(recordings, other))
    found = gather(Recipe(data, adapt=Adapt("self-training"))).unlabelled
    assert found is not None and len(set(found.clip)) == 2 * len(Dataset.open(recordings))


@pytest.mark.parametrize("model", ["trees", "blended trees", "points", "blended points"])
def test_a_run_read_back_predicts_the_same(model: str, recordings: Path, generated: Path, tmp_path: Path) -> None:
    synthetic = (generated,) if model.startswith("blended") else ()
    data, name = Data((recordings,), synthetic), model.removeprefix("blended ")
    recipe = Recipe(data, model=name, width=16, optimise=QUICK, trees=TreeSettings(40))  # type: ignore[arg-type]
    run = fit(recipe, tmp_path / "run", quiet)
    again = load_run(tmp_path / "run")
    clips = Dataset.open(recordings)
    assert again.recipe == recipe and again.classes == ("fast", "slow")
    assert np.array_equal(predict(run, clips).probability, predict(again, clips).probability)
    assert fit(recipe, tmp_path / "run", quiet).classes == run.classes


def test_no_simulated_person_is_learnt_from_and_chooses_the_model(generated: Path) -> None:
    # Draws of one traced clip are copies but for noise; both people of this file are in both activities.
    material = gather(Recipe(Data(synthetic=(generated,), validation=0.25), model="points"))
    assert material.synthetic is not None and material.validation is not None
    used = [set(zip(w.activity, w.subject, strict=True)) for w in (material.synthetic, material.validation)]
    assert [len(each) for each in used] == [2, 2] and not used[0] & used[1]


def test_withheld_days_and_validation_clips_are_not_trained_on(recordings: Path, generated: Path) -> None:
    data = Data((recordings,), (generated,), hold_out=("2020-01-02",), validation=0.25, real_fraction=0.5)
    material = gather(Recipe(data, model="points"))
    assert material.real is not None and material.synthetic is not None and material.validation is not None
    used = [set(w.clip) for w in (material.real, material.synthetic, material.validation)]
    assert not used[0] & used[2] and len(used[1]) == 16
    # Day 1 has 4 clips of each class; half of them are 2; of these one is withheld, since at least one is.
    assert (len(used[0]), len(used[2])) == (2, 2)
    assert all(int(c.split("-")[1]) % 2 == 0 for c in used[0] | used[2])
    told = "2 of 16 recordings (8 held out) and 16 of 16 synthetic clips"
    assert material.about == f"learnt from {told}; 2 more choose the model"
    # Trees are not chosen among: they learn from all.
    trees = gather(Recipe(replace(data, unlabelled=(recordings,)), adapt=Adapt("self-training")))
    told = told.replace("2 of 16", "4 of 16", 1)
    assert trees.about == f"learnt from {told}; adapted to 4 of 16 without labels (8 held out)"


def test_windows_overlap_to_be_learnt_from_alone(recordings: Path) -> None:
    """What chooses a model and what is predicted is cut side by side: a second would else count several times."""
    data = Data((recordings,), validation=0.25)
    recipe = Recipe(data, model="points", window=WindowSettings(step=0.5), trees=TreeSettings(2))
    material = gather(recipe)
    assert material.real is not None and material.validation is not None
    starts = [sorted(set(w.start.tolist())) for w in (material.real, material.validation)]
    # Of 6 s.
    assert starts == [[0.5 * k for k in range(9)], [0, 2, 4]]
    trees = replace(recipe, model="trees")
    model, _ = fit_model(trees, gather(trees), Path(), quiet)
    found = predict(Run(Path(), trees, Targets(("fast", "slow")), model), Dataset.open(recordings))
    assert found.start.tolist() == [0, 2, 4] * 16


def test_activities_of_recordings_or_of_synthetic_clips_alone_are_told(
    recordings: Path, tmp_path: Path, swing: Callable[..., Sample]
) -> None:
    with DatasetWriter(tmp_path / "made.h5", Attributes()) as writer:
        for name in ("fast", "Slow"):
            sample = swing(name.lower(), 100)
            writer.append(replace(sample, labels=replace(sample.labels, activity=name)))
    about = gather(Recipe(Data((recordings,), (tmp_path / "made.h5",)))).about
    assert about.endswith("; only recordings show slow; only synthetic clips show Slow")


def test_wrong_recipes_are_refused_in_a_sentence(tmp_path: Path, recordings: Path) -> None:
    cases = {
        "[data]\nreal = []\n": "data: expected files",
        "model = 'tree'\n[data]\nreal = ['a.h5']\n": "nearest: 'trees'",
        "[data]\nreel = ['a.h5']\n": "unknown key 'data.reel': the nearest known one is 'real'",
        "[data]\nreal = ['a.h5']\n[optimise]\nsteps = 5\n": "optimise.pretrain_steps: expected 0 to 4",
        "width = 0\n[data]\nreal = ['a.h5']\n": "width: expected 1 or more, got 0",
        "smoothing = 1.0\n[data]\nreal = ['a.h5']\n": "smoothing: expected a number from 0 to below 1",
        "[data]\nreal = ['a.h5']\n[trees]\ncount = 0\n": "trees.count: expected 1 or more, got 0",
        "[data]\nreal = ['a.h5']\n[optimise]\nwarmup = -1\n": "optimise.warmup: expected 0 or more, got -1",
        "[data]\nreal = ['a.h5']\n[optimise]\naverage = -3.0\n": "optimise.average: expected a number from 0 to",
        "seed = -1\n[data]\nreal = ['a.h5']\n": "seed: expected zero to 2.31 - 1, got -1",
        "classes = ['a', 'a']\n[data]\nreal = ['a.h5']\n": "classes: expected names that differ, got 'a', 'a'",
        "[data]\nreal = ['a.h5']\n[window]\nduration = inf\n": "a duration and a step from 0.01 s on, got inf s",
        "[data]\nreal = ['a.h5']\n[window]\nstep = 1e-9\n": "from 0.01 s on, got 2 s and 1e-09 s$",
        "[data]\nreal = ['a.h5']\n[adapt]\nweight = -1.0\n": "adapt.weight: expected 0 or more, got -1",
        "[data]\nreal = ['a.h5']\n[trees]\nshare = 2.0\n": "trees.share: expected a number from 0 to 1, got 2",
        "[data]\nreal = ['a.h5']\n[window]\nmin_range = 9.0\n": r"min_range < max_range \(m\), got 9 and 5.1",
    }
    for text, message in cases.items():
        path = tmp_path / "recipe.toml"
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            load_recipe(path)
    with pytest.raises(ValueError, match="no such file"):
        fit(Recipe(Data(real=(tmp_path / "none.h5",))), tmp_path / "run", quiet)
    assert not (tmp_path / "run").exists()
    mistyped = Data(real=(recordings,), hold_out=("p1", "2020-1-02"))
    with pytest.raises(ValueError, match=r"of a session or subject '2020-1-02'; there are 2020-01-01-a, .*, p0, p1"):
        fit(Recipe(mistyped), tmp_path / "run", quiet)
    adapting = Data(synthetic=(recordings,), unlabelled=(recordings,), hold_out=("2020-1-02",))
    with pytest.raises(ValueError, match="of a session or subject '2020-1-02'"):
        fit(Recipe(adapting, adapt=Adapt("self-training")), tmp_path / "run", quiet)
    with pytest.raises(ValueError, match="split: expected one of .*, got 'radhar'"):
        fit(Recipe(Data(synthetic=(recordings,), split="radhar")), tmp_path / "run", quiet)
    with pytest.raises(ValueError, match="no clip of jump is left"):
        fit(Recipe(Data(real=(recordings,)), classes=("jump",)), tmp_path / "run", quiet)
    with pytest.raises(ValueError, match="no clip of slwo is left to train on; there are fast$"):
        fit(Recipe(Data(real=(recordings,)), classes=("fast", "slwo")), tmp_path / "run", quiet)


def test_a_checkpoint_that_does_not_fit_on_the_disk_is_one_sentence(recordings: Path, tmp_path: Path) -> None:
    quick = replace(QUICK, steps=4, pretrain_steps=0, every=2)
    recipe = Recipe(Data((recordings,)), model="points", width=32, optimise=quick)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OSError, match=r"checkpoint\.pt: cannot write: File too large"):
            fit(recipe, tmp_path / "run", quiet)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list((tmp_path / "run").glob("*.p*t*"))
    fit(recipe, tmp_path / "run", quiet)


def relabelled(sample: Sample, activity: str) -> Sample:
    return replace(sample, labels=replace(sample.labels, activity=activity))


def test_what_cannot_tell_activities_apart_is_refused(tmp_path: Path, swing: Callable[..., Sample]) -> None:
    cases = {
        "none": ([relabelled(swing("slow", 0), "")], "no clip of any activity is left to train on$"),
        "one": ([swing("slow", 0), swing("slow", 1)], "two activities or more to tell apart, got 'slow' alone"),
        # All clips of an activity are shorter than a window, or held out.
        "short": ([swing("slow", 0), swing("fast", 1, 1.5)], "there are slow; too short for a window of 2 s: 1$"),
        "held": ([swing("slow", 0), swing("fast", 1)], "no clip of fast is left to train on; there are slow"),
    }
    for name, (samples, said) in cases.items():
        with DatasetWriter(tmp_path / f"{name}.h5", Attributes()) as writer:
            for sample in samples:
                writer.append(sample)
        data = Data((tmp_path / f"{name}.h5",), hold_out=("p1",) if name == "held" else ())
        with pytest.raises(ValueError, match=said):
            fit(Recipe(data), tmp_path / name, quiet)
        assert not (tmp_path / name).exists()


def test_clips_shorter_than_a_window_are_told_and_choose_no_model(tmp_path: Path, swing: Callable[..., Sample]) -> None:
    with DatasetWriter(tmp_path / "some.h5", Attributes()) as writer:
        for seed in range(8):
            for activity in ("slow", "fast"):
                writer.append(swing(activity, seed, 6.0 if seed < 3 else 1.5))
    found = gather(Recipe(Data((tmp_path / "some.h5",)), model="points"))
    assert found.about == (
        "learnt from 4 of 16 recordings; 2 more choose the model; 10 are shorter than a window and teach nothing"
    )
    assert found.validation is not None and len(found.validation) == 2 * 3


def test_a_training_that_diverges_is_not_kept(recordings: Path, tmp_path: Path) -> None:
    recipe = Recipe(Data((recordings,)), model="points", width=8, optimise=replace(QUICK, steps=10, every=5, rate=1e30))
    with pytest.raises(ValueError, match=r"optimise.rate: expected one at which .* got 1e\+30"):
        fit(recipe, tmp_path / "run", quiet)
    assert not (tmp_path / "run" / "run.json").exists()


def test_points_without_a_velocity_are_taken_to_rest(
    recordings: Path, swing: Callable[..., Sample], tmp_path: Path
) -> None:
    for name, share in (("some", 0.5), ("none", 0.0)):
        with DatasetWriter(tmp_path / f"{name}.h5", Attributes()) as writer:
            for activity in ("fast", "slow"):
                sample = swing(activity, 0)
                known = torch.rand(len(sample.cloud.velocity), generator=torch.Generator().manual_seed(0)) < share
                velocity = torch.where(known, sample.cloud.velocity, torch.nan)
                writer.append(replace(sample, cloud=replace(sample.cloud, velocity=velocity)))
    short = replace(QUICK, steps=5, every=5, pretrain_steps=0)
    recipe = Recipe(Data((recordings,)), model="points", width=8, optimise=short, window=WindowSettings(points="all"))
    run = fit(recipe, tmp_path / "run", quiet)
    assert np.isfinite(predict(run, Dataset.open(tmp_path / "some.h5")).probability).all()
    with pytest.raises(ValueError, match="expected points with a velocity for 'moving', got none; ask for 'all'"):
        fit(Recipe(Data((tmp_path / "none.h5",))), tmp_path / "other", quiet)


def test_files_of_a_recipe_lie_relative_to_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep").mkdir()
    text = (
        "initial = 'run'\n[data]\nreal = ['a.h5', '/b.h5']\nunlabelled = ['c.h5']\n[adapt]\nmethod = 'self-training'\n"
    )
    (tmp_path / "deep" / "recipe.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    found = load_recipe("deep/recipe.toml")
    assert found.data.real == (tmp_path / "a.h5", Path("/b.h5"))
    assert (found.data.synthetic, found.data.unlabelled) == ((), (tmp_path / "c.h5",))
    assert found.initial == tmp_path / "run"


def test_a_folder_of_another_recipe_and_damaged_runs_are_refused(recordings: Path, tmp_path: Path) -> None:
    recipe = Recipe(Data(real=(recordings,)))
    fit(recipe, tmp_path / "run", quiet)
    with pytest.raises(ValueError, match="another recipe"):
        fit(replace(recipe, seed=1), tmp_path / "run", quiet)
    (tmp_path / "run" / "model.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match="damaged training run"):
        load_run(tmp_path / "run")
    with pytest.raises(ValueError, match="expected a finished training run"):
        load_run(tmp_path)
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(json.dumps({**about, "version": 99}))
    (tmp_path / "run" / "recipe.toml").write_text("of_a_later = 'version'\n")
    with pytest.raises(ValueError, match=r"run: expected a training run of version 1, got one of version 99$"):
        load_run(tmp_path / "run")


def test_two_trainings_do_not_write_into_one_folder(recordings: Path, tmp_path: Path) -> None:
    recipe = Recipe(Data(real=(recordings,)), model="points", width=16, optimise=QUICK)
    refused = []

    def second(done: int, total: int) -> None:
        if not refused:
            with pytest.raises(ValueError, match="another run writes into it now") as caught:
                fit(recipe, tmp_path / "run", quiet)
            refused.append(caught.value)

    fit(recipe, tmp_path / "run", second)
    assert refused


def test_a_run_says_how_long_it_will_take_and_what_it_logged(recordings: Path, tmp_path: Path) -> None:
    recipe = Recipe(Data(real=(recordings,)), model="points", width=16, optimise=QUICK)
    cost = estimate(recipe)
    assert cost.seconds > 0 and cost.parameters > 1000 and cost.windows == 5 * 14
    fit(recipe, tmp_path / "run", quiet)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [4, 8, 12, 16, 20, 24]


def test_every_recipe_of_the_training_folder_loads() -> None:
    found = sorted(data_folder("training").glob("*.toml"))
    assert found
    for path in found:
        load_recipe(path)


@pytest.mark.parametrize("path", sorted(data_folder("training").glob("*.toml")), ids=lambda p: p.stem)
def test_every_recipe_of_the_training_folder_trains_two_steps(
    path: Path, recordings: Path, generated: Path, posed: Path, tmp_path: Path
) -> None:
    recipe = load_recipe(path)
    rich = recipe.task == "pose" or bool(recipe.window.maps)
    data = replace(
        recipe.data,
        real=(posed if rich else recordings,) if recipe.data.real else (),
        synthetic=(posed if rich else generated,) if recipe.data.synthetic else (),
        hold_out=(),
    )
    steps = replace(recipe.optimise, steps=2, pretrain_steps=1, every=1)
    trees = replace(recipe.trees, count=3)
    short = replace(recipe, data=data, classes=(), optimise=steps, trees=trees, device="cpu")
    run = fit(short, tmp_path / "run", quiet)
    assert run.targets.joint_set == "mars19" if recipe.task == "pose" else run.classes == ("fast", "slow")


def test_two_processes_train_as_one(recordings: Path, generated: Path, tmp_path: Path) -> None:
    # With an adversary: each process takes its share of the windows without labels too.
    data, adapt = Data((recordings,), (generated,), (recordings,)), Adapt("adversarial")
    recipe = Recipe(data, model="points", width=16, optimise=replace(QUICK, steps=12), adapt=adapt)
    fit(recipe, tmp_path / "one", quiet)
    (tmp_path / "recipe.toml").write_text(recipe.text())
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python", sys.executable]
    run = ["-c", "from mmsynth.cli import main; main()", "train", str(tmp_path / "recipe.toml")]
    done = subprocess.run(
        [sys.executable, *command, *run, "--out", str(tmp_path / "two")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("points for fast, slow") == 1, "one process speaks for both"
    first, second = (torch.load(tmp_path / n / "model.pt", weights_only=True) for n in ("one", "two"))
    for name, value in first["network"].items():
        # Sums of half batches are rounded differently (1e-7); Adam's first steps, of the rate of 2e-3 times a sign, can
        # magnify that for weights whose gradient is near zero. Without the sums they part by 1e-2.
        off = (value.double() - second["network"][name].double()).abs()
        assert off.max() < 2e-3 and off.mean() < 1e-4, name
    assert all(torch.equal(value, second["trees"][name]) for name, value in first["trees"].items())


def test_each_process_on_gpus_waits_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unbound, torch takes the current GPU for a barrier, which is the first for all of them."""
    asked: list[tuple[str, torch.device | None]] = []
    monkeypatch.setattr("torch.distributed.init_process_group", lambda kind, device_id: asked.append((kind, device_id)))
    for name in ("get_rank", "destroy_process_group"):
        monkeypatch.setattr(f"torch.distributed.{name}", lambda: 1)
    for name in ("WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.setenv(name, "2")
    for device in ("cuda", "cpu"):
        with team(local_device(device)) as processes:
            assert (processes.rank, processes.size) == (1, 2)
    assert asked == [("nccl", torch.device("cuda", 2)), ("gloo", None)]


def test_a_run_starts_from_the_weights_of_another(recordings: Path, generated: Path, tmp_path: Path) -> None:
    first = fit(Recipe(Data(synthetic=(generated,)), model="points", width=16, optimise=QUICK), tmp_path / "a", quiet)
    still = replace(QUICK, steps=1, pretrain_steps=0, every=1, rate=1e-12)
    data = Data(real=(recordings,))
    recipe = Recipe(data, model="points", width=16, optimise=still, initial=first.folder)
    second = fit(recipe, tmp_path / "b", quiet)
    found = [predict(run, Dataset.open(recordings)).probability for run in (first, second)]
    # The statistics of the normalisation layers have taken one step of a tenth towards the recordings'.
    assert np.abs(found[0] - found[1]).max() < 0.2 and (found[0].argmax(1) == found[1].argmax(1)).mean() > 0.95
    other = Recipe(data, classes=("slow", "fast"), model="points", width=16, optimise=still, initial=first.folder)
    with pytest.raises(ValueError, match="predicts fast, slow; expected a network for the targets of this recipe"):
        fit(other, tmp_path / "c", quiet)
    with pytest.raises(ValueError, match="a holds another network than model 'points' of width 8"):
        fit(replace(recipe, width=8), tmp_path / "c", quiet)
    # Nothing was trained in that folder: a mended recipe may have it.
    assert fit(recipe, tmp_path / "c", quiet).classes == ("fast", "slow")


@pytest.mark.parametrize("method", ["statistics", "adversarial"])
def test_a_network_adapts_to_recordings_without_labels(
    method: str, generated: Path, shifted: Path, tmp_path: Path
) -> None:
    """Recordings by a radar that reports a quarter of each velocity: aligned, the network is as sure of them."""
    scores = {}
    for name in ("none", method):
        data = Data(synthetic=(generated,), unlabelled=(shifted,) * (name != "none"), validation=0.0)
        optimise = replace(QUICK, steps=80, pretrain_steps=0, every=80)
        recipe = Recipe(data, model="points", width=16, optimise=optimise, adapt=Adapt(name))  # type: ignore[arg-type]
        found = predict(fit(recipe, tmp_path / name, quiet), Dataset.open(shifted))
        truth = np.array([found.classes.index(t) for t in found.truth])
        scores[name] = -np.log(found.probability[np.arange(len(truth)), truth] + 1e-3).mean()
    assert scores[method] < scores["none"], scores


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory, swing: Callable[..., Sample]) -> Path:
    path = tmp_path_factory.mktemp("shifted") / "data.h5"
    with DatasetWriter(path, Attributes()) as writer:
        for seed in range(200, 208):
            for activity in ("fast", "slow"):
                sample = swing(activity, seed)
                cloud = replace(sample.cloud, velocity=0.25 * sample.cloud.velocity + 0.6)
                writer.append(replace(sample, cloud=cloud))
    return path


def test_events_are_written_for_tensorboard(recordings: Path, tmp_path: Path) -> None:
    recipe = Recipe(Data(real=(recordings,)), model="points", width=16, optimise=QUICK, tensorboard=True)
    fit(recipe, tmp_path / "run", quiet)
    found = list((tmp_path / "run" / "events").iterdir())
    assert len(found) == 1 and found[0].stat().st_size > 200
