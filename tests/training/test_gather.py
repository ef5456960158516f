"""What a recipe's files give to learn from, what is held out of them, and what is told of the rest."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import quiet

from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.training import fit, predict
from mmsynth.training.fit import fit_model
from mmsynth.training.gather import gather
from mmsynth.training.models import Targets
from mmsynth.training.recipe import Adapt, Data, Optimise, Recipe
from mmsynth.training.run import Run
from mmsynth.training.trees import TreeSettings
from mmsynth.training.windows import WindowSettings
from mmsynth.types import Sample

QUICK = Optimise(steps=24, pretrain_steps=8, batch=16, every=4, warmup=2, patience=0)


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
    others, named, namesakes = write(tmp_path / "others.h5", range(8, 16)), Dataset.open(recordings), tmp_path / "b.h5"
    with DatasetWriter(namesakes, named.attributes) as writer:
        for name, sample in zip(named.labels.id, Dataset.open(others), strict=True):
            writer.append(replace(sample, id=str(name)))
    data = Data((recordings,), (generated,), unlabelled=(namesakes, recordings), validation=0.0)
    found = gather(Recipe(data, adapt=Adapt("self-training"))).unlabelled
    assert found is not None and {str(name).split("/")[0] for name in found.clip} == {"0"}
    assert len(set(found.clip.tolist())) == len(Dataset.open(namesakes))


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
