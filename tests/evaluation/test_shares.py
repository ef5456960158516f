"""Curves over the share of one's own recordings: as those of RadHAR, by any session or subject."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_up import dressed, network_recipe, quiet, swing, written

from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.evaluation import share_curve, shares
from mmsynth.evaluation.fewshot import tree_curve
from mmsynth.evaluation.protocol import corpus
from mmsynth.evaluation.transfer import real_tables
from mmsynth.training import WindowSettings, cut
from mmsynth.training.forests import synthetic_tables
from mmsynth.training.recipe import Adapt, Data, Recipe
from mmsynth.training.trees import TreeSettings

DAYS = ("2020-01-01", "2020-01-02")


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsynth.evaluation.transfer.ON_SYNTHETIC", TreeSettings(20))
    monkeypatch.setattr("mmsynth.evaluation.transfer.TreeSettings", lambda count: TreeSettings(count // 10))


@pytest.fixture
def recipe(recordings: Path, generated: Path) -> Recipe:
    return Recipe(Data((recordings,), (generated,), hold_out=DAYS), window=WindowSettings(step=1.0))


@pytest.mark.parametrize("rest", [False, True])
def test_a_curve_of_a_recipe_is_that_of_its_recordings(recipe: Recipe, tmp_path: Path, rest: bool) -> None:
    """By two routes: a recipe's files, and windows cut by hand; by days, and by the subjects of these days."""
    real = real_tables(corpus(Dataset.open(recipe.data.real[0]), WindowSettings()))
    made = synthetic_tables(cut(Dataset.open(recipe.data.synthetic[0]), recipe.window), real.data.classes, 0)
    want = tree_curve(real, [made], range(2), quiet, (0.1, 0.5), rest)
    unlabelled = Adapt("self-training") if rest else Adapt()
    for names in (DAYS, ("p0", "p1")):
        data = replace(recipe.data, hold_out=names, unlabelled=recipe.data.real if rest else ())
        own = replace(recipe, data=data, adapt=unlabelled)
        found, about = share_curve(own, tmp_path / names[0], quiet, range(2), (0.1, 0.5))
        assert found.groups == names and found.model == want.model and "16 of 16 recordings" in about
        for arm, values in want.scores.items():
            assert np.array_equal(found.scores[arm], values, equal_nan=True)
    assert (tmp_path / "p0" / "curve.txt").read_text() == found.text() + "\n"


def test_one_name_is_one_group_and_clips_without_a_label_are_none(recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "some.h5"
    with DatasetWriter(path, Attributes()) as writer:
        for seed in range(6):
            for activity in ("fast", "slow"):
                clip = swing(activity, seed)
                labels = clip.labels if seed < 4 else replace(clip.labels, activity="")
                writer.append(replace(clip, labels=labels))
    data = replace(recipe.data, real=(path,), hold_out=("p1",))
    found, about = share_curve(replace(recipe, data=data), tmp_path / "out", quiet, range(1), (1.0,))
    assert found.groups == ("p1",) and found.scores["blended"].shape == (2, 1, 1)
    assert "8 of 12 recordings" in about and "100 %  " in about and "wins" in about


def test_a_network_is_trained_as_the_recipe_says(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Recipe] = []

    def answers(training: Any) -> Any:
        asked.append(training.recipe)
        return np.full((len(training.asked), 2), 0.5)

    # Names that are none of files.
    days, real = ("day/1", "day_1"), tmp_path / "real.h5"
    with DatasetWriter(real, Attributes()) as writer:
        for clip in Dataset.open(recipe.data.real[0]):
            writer.append(
                replace(clip, labels=replace(clip.labels, session=days[DAYS.index(clip.labels.session[:10])]))
            )
    monkeypatch.setattr("mmsynth.evaluation.networks.Training.answers", answers)
    data = replace(recipe.data, real=(real,), hold_out=days)
    network = replace(network_recipe("voxels", 7, 5, 24, 1e-2), data=data, smoothing=0.2)
    found, about = share_curve(network, tmp_path, quiet, (4,), (1.0,))
    assert [path.name.rpartition("-")[0] for path in (tmp_path / "answers").iterdir()] == ["1-day_1-4"] * 2
    assert [(r.model, r.width, r.seed, r.smoothing, r.optimise.batch) for r in asked] == [("voxels", 24, 4, 0.2, 5)] * 2
    assert found.model == "voxels network" and about.count("synthetic clips, ") == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"hold_out": ()}, "data.hold_out: expected subjects or sessions, each of which .* got none"),
        ({"hold_out": ("p7",)}, "no recording is of a session or subject 'p7'; there are 2020-01-01-a, .*, p1"),
        ({"hold_out": ("2020",)}, "expected windows of '2020' to score and of others to train on, got 48 and 0"),
        ({"synthetic": ()}, "data.synthetic: expected synthetic clips for a curve, got none"),
        ({"real": ()}, "data.real: expected recordings with labels for a curve, got none"),
        ({"schedule": "mix"}, "data.schedule: expected 'pretrain' for a curve, got 'mix'"),
        ({"unlabelled": (Path("other.h5"),)}, "data.unlabelled: expected files that are under data.real too"),
    ],
)
def test_what_no_curve_is_of_is_refused_before_anything_is_trained(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], sentence: str
) -> None:
    monkeypatch.delattr(shares, "real_tables")
    adapt = Adapt("self-training") if "unlabelled" in change else Adapt()
    with pytest.raises(ValueError, match=sentence):
        share_curve(replace(recipe, data=replace(recipe.data, **change), adapt=adapt), tmp_path / "out", quiet)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_trained(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(shares, "real_tables")
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(NotADirectoryError):
        share_curve(recipe, tmp_path / "file" / "out", quiet)


def test_shares_and_kinds_that_no_curve_is_of_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"shares: expected numbers from above 0 to 1 for a curve, got \[0.5, 5\]"):
        share_curve(recipe, tmp_path / "out", quiet, shares=(0.5, 5))
    known = "model: expected activities from points, or poses by 'histograms', for a curve, got"
    with pytest.raises(ValueError, match=f"{known} 'points' for 'pose'"):
        share_curve(replace(recipe, task="pose", model="points"), tmp_path / "out", quiet)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"hold_out": ("p0", "p2")}, "expected poses of 'p2' to score and of others to train on, got 0 and 480"),
        ({"hold_out": ("2020",)}, "expected poses of '2020' to score and of others to train on, got 480 and 0"),
        ({"unlabelled": (Path("other.h5"),)}, "adapt.method: expected none for a curve, got 'statistics'"),
        ({"real": ()}, "data.real: expected recordings with labels for a curve, got none"),
    ],
)
def test_poses_that_no_curve_is_of_are_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], sentence: str
) -> None:
    monkeypatch.delattr(shares, "pose_curves")
    path = tmp_path / "posed.h5"
    clips = [dressed(swing("slow", seed), seed) for seed in range(4)]
    # Somebody of whom no pose is known.
    unknown = replace(clips[0], id="other", labels=replace(clips[0].labels, subject="p2", session="2020-02-02"))
    assert unknown.joints is not None
    unknown = replace(unknown, joints=torch.full_like(unknown.joints, torch.nan))
    written(path, Attributes(joint_set="mars19"), [*clips, unknown])
    data = replace(Data((path,), (path,), hold_out=("p0", "p1")), **change)
    adapt = Adapt("statistics") if data.unlabelled else Adapt()
    with pytest.raises(ValueError, match=sentence):
        share_curve(Recipe(data, "pose", model="histograms", adapt=adapt), tmp_path / "out", quiet)
    assert not (tmp_path / "out").exists()
