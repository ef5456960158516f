"""Variants of a simulator: each is another one, they share what they can, and a broken run goes on."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from made_up import make_clip

from mmsynth.datasets import Dataset
from mmsynth.evaluation.ablation import RECORDERS, VARIANTS, in_room
from mmsynth.generation import load_recipe
from mmsynth.generation.clip import stage
from mmsynth.generation.recipe import Recipe
from mmsynth.generation.variants import make_variants
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


def test_styles_are_widened_about_their_middle_and_slowed_by_their_tempo(base: Recipe) -> None:
    styles = {name: VARIANTS[f"styles {name}"](base).activities[0].style for name in ("wide", "narrow", "slow")}
    # Of tempo 0.45 to 1.05: 0.15 to 1.35, but not less than half of 0.45; and the middle fifth.
    assert styles["wide"]["tempo"] == pytest.approx((0.225, 1.35))
    assert styles["narrow"]["tempo"] == pytest.approx((0.69, 0.81))
    # Signs may change where they do: guard -0.2 to 0.08.
    assert styles["wide"]["guard"] == pytest.approx((-0.34, 0.22))
    assert styles["slow"]["tempo"] == pytest.approx((0.72, 1.68)) and styles["slow"]["turn"] == (0.6, 1.4)
    moved = {a.label: a.motion for a in VARIANTS["wrong motions"](base).activities}
    assert moved == {"boxing": "box", "jack": "jack", "jump": "run", "squats": "sit", "walk": "walk"}


def test_variants_that_share_a_trace_are_as_if_made_alone(base: Recipe, tmp_path: Path) -> None:
    recipes = {name: VARIANTS[name](base) for name in ("facets", "surface", "noise +10 dB", "clutter +6 dB")}
    parts: list[int] = []
    paths = make_variants(recipes, tmp_path, lambda done, total: parts.append(total), recorders=RECORDERS)
    assert set(parts) == {1}  # traced together
    for name in ("facets", "noise +10 dB", "clutter +6 dB"):
        with Dataset.open(paths[name]) as made:
            assert len(made) == base.clips
            for index in range(2):
                (alone,) = make_clip(stage(recipes[name]), index)
                assert torch.equal(made[index].cloud.position, alone.cloud.position)
    with Dataset.open(paths["surface"]) as made:
        assert made.attributes.method == "surface" and made[0].cloud.offsets.diff().tolist() == [32, 32]


def test_a_room_takes_the_place_of_the_clutter(base: Recipe, tmp_path: Path) -> None:
    recipe = in_room(str(data_file("datasets/rooms", "small_room.toml")))(base)
    assert not recipe.clutter.room and recipe.simulation.bounces == 1
    with Dataset.open(make_variants({"room": replace(recipe, clips=1)}, tmp_path, lambda *_: None)["room"]) as made:
        assert len(made[0].cloud.position)


def test_made_sets_stay_and_those_of_another_recipe_are_refused(base: Recipe, tmp_path: Path) -> None:
    path = make_variants({"surface": base}, tmp_path, lambda done, total: None)["surface"]
    before = path.stat().st_mtime_ns
    assert make_variants({"surface": base}, tmp_path, lambda done, total: None)["surface"].stat().st_mtime_ns == before
    with pytest.raises(ValueError, match="another recipe"):
        make_variants({"surface": replace(base, seed=9)}, tmp_path, lambda done, total: None)
