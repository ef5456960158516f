"""Every TOML of the outer folders is loaded by the code that a user's would be, so that none can rot."""

import shutil
from pathlib import Path

import pytest

from mmsynth import generation
from mmsynth.body_models.cards import load_cards as load_body_cards
from mmsynth.config import read_toml
from mmsynth.datasets import load_split
from mmsynth.datasets.cards import load_card
from mmsynth.datasets.mars import RADAR_POSITION
from mmsynth.scene import load_room
from mmsynth.training import load_recipe as load_training

ROOT = Path(__file__).parents[1]
RECIPES = sorted((ROOT / "datasets").glob("*.toml"))
TRAININGS = sorted((ROOT / "training").glob("*.toml"))
ROOMS = sorted((ROOT / "datasets" / "rooms").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_recipes_of_data_sets(path: Path, tmp_path: Path) -> None:
    """Where a recipe names motion files, which a user has to bring, empty ones of these names stand for them."""
    copy = tmp_path / path.name
    copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    shutil.copytree(path.parent / "rooms", tmp_path / "rooms")
    for activity in read_toml(path)["activities"]:
        for pattern in activity.get("files", ()):
            stand_in = tmp_path / pattern.replace("*", "any")
            stand_in.parent.mkdir(parents=True, exist_ok=True)
            stand_in.touch()
    recipe = generation.load_recipe(copy)
    assert recipe.clips > 0 and recipe.name
    # MARS's importer has labels where its board reads points; the radar itself is so much higher there.
    assert recipe.outputs.joints_offset == (RADAR_POSITION if path.stem.startswith("mars_") else (0.0, 0.0, 0.0))


@pytest.mark.parametrize("path", TRAININGS, ids=lambda p: p.stem)
def test_training_recipes(path: Path) -> None:
    load_training(path)


@pytest.mark.parametrize("path", ROOMS, ids=lambda p: p.stem)
def test_rooms(path: Path) -> None:
    mesh, mirrors, *_ = load_room(path)
    assert len(mesh.faces) > 0 and len(mirrors) > 0


def test_cards_and_splits() -> None:
    for path in (ROOT / "datasets" / "cards").glob("*.toml"):
        load_card(path.stem)
    for path in (ROOT / "datasets" / "splits").glob("*.toml"):
        load_split(path.stem)
    assert set(load_body_cards()) == {p.stem for p in (ROOT / "body_models").glob("*.toml")}


def test_no_toml_lies_where_nothing_reads_it() -> None:
    known = {*RECIPES, *TRAININGS, *ROOMS, *(ROOT / "datasets" / "cards").glob("*.toml")}
    known |= {*(ROOT / "datasets" / "splits").glob("*.toml"), *(ROOT / "body_models").glob("*.toml")}
    found = {p for folder in ("datasets", "training", "body_models") for p in (ROOT / folder).rglob("*.toml")}
    assert found == known
