"""Motion files that are damaged, hostile or none: one sentence, and nothing runs."""

import os
import pickle

import numpy as np
import pytest

from mmsynth.motion import read_motion


class Evil:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("kind", ["pkl", "npz"])
def test_hostile_pickles_run_nothing(tmp_path, kind):
    mark = tmp_path / "ran"
    if kind == "pkl":
        (tmp_path / "clip.pkl").write_bytes(pickle.dumps({"smpl_poses": Evil(str(mark))}))
    else:
        np.savez(tmp_path / "clip.npz", poses=np.array([Evil(str(mark))], dtype=object), trans=np.zeros((1, 3)))
    with pytest.raises(ValueError, match="nothing was run"):
        read_motion(tmp_path / f"clip.{kind}")
    assert not mark.exists()


def write_bad(path, kind: str) -> None:
    good = {"poses": np.zeros((4, 156)), "trans": np.zeros((4, 3)), "mocap_framerate": np.array(30.0)}
    if kind == "nan":
        good["poses"][1, 2] = np.nan
    elif kind == "columns":
        good["poses"] = np.zeros((4, 100))
    elif kind == "length":
        good["trans"] = np.zeros((3, 3))
    elif kind == "rate":
        good["mocap_framerate"] = np.array(-1.0)
    elif kind == "no rate":
        del good["mocap_framerate"]
    elif kind == "nothing":
        good = {"something": np.zeros(3)}
    np.savez(path, **good)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("nan", "poses: expected finite numbers, got 1"),
        ("columns", "expected 66, 72, 156 or 165 columns, got 100"),
        ("length", "translation for each of 4 frames, got 3"),
        ("rate", "mocap_framerate: expected a positive number"),
        ("no rate", "AMASS: expected one of mocap_framerate"),
        ("nothing", "got the arrays something"),
    ],
)
def test_bad_arrays(tmp_path, kind, message):
    write_bad(tmp_path / "bad.npz", kind)
    with pytest.raises(ValueError, match=message):
        read_motion(tmp_path / "bad.npz")


def test_missing_cut_and_unknown(tmp_path, walking):
    with pytest.raises(ValueError, match="no such file"):
        read_motion(tmp_path / "none.bvh")
    write_bad(tmp_path / "good.npz", "")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:300])
    with pytest.raises(ValueError, match="expected a file of arrays"):
        read_motion(tmp_path / "cut.npz")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match="expected one of BVH"):
        read_motion(tmp_path / "notes.txt")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="folder of OBJ or PLY"):
        read_motion(tmp_path / "folder")
