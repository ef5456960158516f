"""The small recipe, as a fixture of this folder."""

from pathlib import Path

import pytest
from generation.small import TEXT

from mmsynth.generation import load_recipe
from mmsynth.generation.recipe import Recipe


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    path = tmp_path / "small.toml"
    path.write_text(TEXT)
    return load_recipe(path)
