"""Cards and files agree; what is missing is said."""

import tomllib

import pytest

from mmsynth.body_models import list_bodies, load_body, load_cards
from mmsynth.resources import data_folder


def test_every_card_of_the_folder_is_read_and_named_after_its_file():
    paths = sorted(data_folder("body_models").glob("*.toml"))
    assert {p.stem for p in paths} == set(load_cards()) == {"free", "smpl", "smplh", "smplx"}
    assert all(tomllib.loads(p.read_text())["name"] == p.stem for p in paths)


@pytest.mark.parametrize("name", ["free", "free-low"])
def test_the_free_files_are_those_of_the_card(name):
    status = {s.name: s for s in list_bodies()}[name]
    assert status.available and status.missing == ""
    body, file = load_body(name), next(f for f in status.card.files if f.name == f"{name}.npz")
    assert (int(body.faces.max()) + 1, len(body.faces)) == (file.vertices, file.faces)
    assert len(body.joint_names) == status.card.joints


def test_licensed_bodies_are_listed_with_what_is_missing(tmp_path):
    before = {s.name: s for s in list_bodies(tmp_path)}
    assert not before["smplx"].available and "models_smplx_v1_1.zip" in before["smplx"].missing
    (tmp_path / "SMPLX_MALE.npz").touch()
    (tmp_path / "smplh" / "female").mkdir(parents=True)
    (tmp_path / "smplh" / "female" / "model.npz").touch()
    after = {s.name: s for s in list_bodies(tmp_path)}
    assert after["smplx"].available and after["smplx"].missing.startswith("no file of neutral and female")
    assert [p.name for p in after["smplh"].found] == ["model.npz"]
    assert not after["smpl"].available
