"""Variants of a simulator: each is another one, they share what they can, and a broken run goes on."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mmsynth.calibration import Ranking
from mmsynth.datasets import Dataset
from mmsynth.evaluation.ablation import VARIANTS, make_variants
from mmsynth.generation import load_recipe
from mmsynth.generation.clip import make_clip, stage
from mmsynth.generation.recipe import Recipe
from mmsynth.resources import data_file


@pytest.fixture
def base() -> Recipe:
    found = load_recipe(data_file("datasets", "radhar_synthetic.toml"))
    people = replace(found.subjects, body="free-low")
    return replace(found, clips=2, seconds=0.07, noise_draws=1, subjects=people)


def test_every_variant_is_another_recipe(base: Recipe) -> None:
    texts = {name: change(base).text() for name, change in VARIANTS.items()}
    assert texts.pop("surface") == base.text()
    assert len(set(texts.values())) == len(texts) > 12


def test_variants_that_share_a_trace_are_as_if_made_alone(base: Recipe, tmp_path: Path) -> None:
    recipes = {name: VARIANTS[name](base) for name in ("facets", "surface", "noise +10 dB")}
    paths = make_variants(recipes, tmp_path, lambda done, total: None)
    for name in ("facets", "noise +10 dB"):
        with Dataset.open(paths[name]) as made:
            for index in range(2):
                (alone,) = make_clip(stage(recipes[name]), index)
                assert torch.equal(made[index].cloud.position, alone.cloud.position)
    with Dataset.open(paths["surface"]) as made:
        assert made.attributes.method == "surface" and made[0].cloud.offsets.diff().tolist() == [32, 32]


def test_made_sets_stay_and_those_of_another_recipe_are_refused(base: Recipe, tmp_path: Path) -> None:
    path = make_variants({"surface": base}, tmp_path, lambda done, total: None)["surface"]
    before = path.stat().st_mtime_ns
    assert make_variants({"surface": base}, tmp_path, lambda done, total: None)["surface"].stat().st_mtime_ns == before
    with pytest.raises(ValueError, match="another recipe"):
        make_variants({"surface": replace(base, seed=9)}, tmp_path, lambda done, total: None)


def test_a_ranking_by_hand() -> None:
    parts = {"a": {"x": 0.1, "y": 0.1}, "b": {"x": 0.0, "y": 0.4}, "c": {"x": 0.3, "y": 0.3}}
    found = Ranking(parts, {"a": 0.8, "b": 0.85, "c": 0.2}, {"a": 0.0, "b": 0.05, "c": 0.05})
    assert found.distance == pytest.approx({"a": 0.1, "b": 0.2, "c": 0.3}) and found.pick == "a"
    assert found.loss(found.pick) == pytest.approx(0.05)
    # Which stands first is left only for one that is nearer by more than the error.
    for error, pick in ((0.09, "a"), (0.11, "b")):
        first = Ranking({n: parts[n] for n in "bac"}, found.accuracy, {"b": 0.0, "a": error, "c": 0.1})
        assert first.nearest == "a" and first.pick == pick
    # Ranks 1 2 3 against 2 3 1: 1 - 6 (1 + 1 + 4) / (3 * 8).
    assert found.spearman == pytest.approx(-0.5)
