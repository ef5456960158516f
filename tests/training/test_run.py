"""A run's folder is believed only where its files fit each other."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from made_up import quiet

from mmsynth.datasets import Dataset
from mmsynth.training import fit, load_recipe, load_run, predict
from mmsynth.training.recipe import Data, Optimise, Recipe
from mmsynth.training.trees import Forest, TreeSettings, grow

QUICK = Optimise(steps=24, pretrain_steps=8, batch=16, every=4, warmup=2, patience=0)

Array = np.ndarray[Any, Any]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("own/right", lambda a: a + 10**6),
        # From inner nodes back to the first: without end.
        ("own/left", lambda a: np.where((a == np.arange(len(a))) | (np.arange(len(a)) == 0), a, 0)),
        ("own/right", lambda a: np.where(np.arange(len(a)) == 0, 0, a)),  # half a leaf
        ("own/roots", lambda a: a - 1),
        ("own/feature", lambda a: a - 1),
    ],
)
def test_trees_that_lead_nowhere_are_damage(
    recordings: Path, tmp_path: Path, name: str, change: Callable[[Array], Array]
) -> None:
    fit(Recipe(Data(real=(recordings,)), trees=TreeSettings(3)), tmp_path, lambda done, total: None)
    arrays = dict(np.load(tmp_path / "model.npz"))
    np.savez(tmp_path / "model.npz", allow_pickle=False, **arrays | {name: change(arrays[name])})
    with pytest.raises(ValueError, match=rf"^{re.escape(str(tmp_path))}: damaged training run: Forest"):
        load_run(tmp_path)


def test_trees_of_other_classes_are_damage(recordings: Path, tmp_path: Path) -> None:
    fit(Recipe(Data(real=(recordings,)), trees=TreeSettings(3)), tmp_path, lambda done, total: None)
    about = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**about, "classes": about["classes"][:1]}))
    with pytest.raises(ValueError, match="damaged training run: expected trees for 1 classes, got some for 2$"):
        load_run(tmp_path)


def test_trees_refuse_a_table_of_fewer_features() -> None:
    draw = np.random.default_rng(0)
    table = draw.normal(size=(40, 5))
    forest = grow(table, (table[:, 4] > 0).astype(int), 2, TreeSettings(5), 0, np.ones(40))
    assert isinstance(forest, Forest) and forest.probabilities(table).shape == (40, 2)
    with pytest.raises(ValueError, match="^Forest: expected more than 4 features, got 4$"):
        forest.probabilities(table[:, :4])


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


def test_windows_that_overlap_have_those_side_by_side_among_them(recordings: Path, tmp_path: Path) -> None:
    """At a quarter of the step, every fourth window is one of those, with the same answer."""
    run = fit(Recipe(Data((recordings,)), trees=TreeSettings(20)), tmp_path / "run", quiet)
    clips = Dataset.open(recordings)
    apart, dense = predict(run, clips), predict(run, clips, step=run.recipe.window.duration / 4)
    assert dense.duration == apart.duration == run.recipe.window.duration
    rows = {
        (clip, round(float(start), 3)): i for i, (clip, start) in enumerate(zip(dense.clip, dense.start, strict=True))
    }
    same = [rows[clip, round(float(start), 3)] for clip, start in zip(apart.clip, apart.start, strict=True)]
    assert np.array_equal(dense.probability[same], apart.probability)
    assert len(dense) == 4 * len(apart) - 3 * len(clips)
    with pytest.raises(ValueError, match="step from 0.01 s on, got 2 s and 0 s"):
        predict(run, clips, step=0.0)


@pytest.mark.parametrize("model", ["trees", "points"])
def test_how_many_windows_are_asked_for_at_once_does_not_show(
    model: Literal["trees", "points"], recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(Data((recordings,)), model=model, width=16, optimise=QUICK, trees=TreeSettings(20))
    run, clips = fit(recipe, tmp_path / "run", quiet), Dataset.open(recordings)
    whole, told = predict(run, clips), []
    monkeypatch.setattr(sys.modules[predict.__module__], "_AT_ONCE", 7)
    parts = predict(run, clips, progress=lambda *done: told.append(done))
    np.testing.assert_allclose(parts.probability, whole.probability, atol=1e-6)
    count = len(whole)
    assert count % 7 and told == [(done, count) for done in (*range(0, count, 7), count)]


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
    with pytest.raises(ValueError, match=r"run: expected a training run of version 4, got one of version 99$"):
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


def test_a_recipe_of_ones_own_is_not_written_over(recordings: Path, tmp_path: Path) -> None:
    mine = tmp_path / "recipe.toml"
    mine.write_text(f"# what I tried\n[data]\nreal = ['{recordings}']\n[trees]\ncount = 3\n")
    recipe = load_recipe(mine)
    with pytest.raises(ValueError, match="recipe.toml: is no note of a training run and would be written over"):
        fit(recipe, tmp_path, quiet)
    assert mine.read_text().startswith("# what I tried")
    mine.write_text(replace(recipe, seed=5).text())  # a run that got no further
    assert fit(recipe, tmp_path, quiet).recipe == recipe
