"""A run's folder is believed only where its files fit each other."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmsynth.training import Recipe, fit, load_run
from mmsynth.training.recipe import Data
from mmsynth.training.trees import Forest, TreeSettings, grow

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
