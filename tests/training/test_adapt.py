"""Recordings without labels: self-training, votes, statistics."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_up import quiet

from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.training import fit, predict
from mmsynth.training.adapt import adapt
from mmsynth.training.fit import fit_model
from mmsynth.training.gather import gather
from mmsynth.training.models import BlendedTrees
from mmsynth.training.recipe import Adapt, Data, Optimise, Recipe
from mmsynth.training.trees import Forest, TreeSettings
from mmsynth.types import Sample

QUICK = Optimise(steps=24, pretrain_steps=8, batch=16, every=4, warmup=2, patience=0)


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
