"""The files that come with mmsynth are found, in a source tree and in a wheel."""

from pathlib import Path

import pytest

from mmsynth import resources


def test_finds_the_outer_folder_of_the_source_tree():
    assert resources.data_folder("body_models").samefile(Path(__file__).parents[1] / "body_models")


def test_the_wheels_own_copy_comes_first(tmp_path, monkeypatch):
    inside = tmp_path / "mmsynth" / "_data" / "training"
    inside.mkdir(parents=True)
    (inside / "a.toml").write_text("")
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "mmsynth")
    assert resources.data_file("training", "a.toml") == inside / "a.toml"


def test_missing_file_and_folder_are_named():
    with pytest.raises(ValueError, match="body_models/none.npz"):
        resources.data_file("body_models", "none.npz")
    with pytest.raises(ValueError, match="'no_such_folder'"):
        resources.data_folder("no_such_folder")
