"""Tables of positions as programs write them, and arrays without names in an order that nobody knows."""

import numpy as np
import pytest
import torch

from mmsynth.motion import Subject, generate_motion, read_motion
from mmsynth.motion.skeleton import JOINTS, forward

_NAMES = [f"{name}_{axis}" for name in JOINTS for axis in "xyz"]


def standing() -> np.ndarray:
    motion = generate_motion("stand", 0.5, Subject(1), torch.Generator().manual_seed(1), frame_rate=20.0)
    return forward(motion).numpy()


@pytest.mark.parametrize("kind", ["mark", "index", "words", "semicolons", "tabs", "stamps"])
def test_tables_of_programs(tmp_path, kind):
    """A byte-order mark, a name that ends like an axis, words, other separators, decimal commas, time stamps."""
    where = standing()
    head, rows = list(_NAMES), [[f"{v:.7f}" for v in frame.reshape(-1)] for frame in where]
    if kind == "index":
        head, rows = ["frame_index", *head], [[str(k), *row] for k, row in enumerate(rows)]
    if kind == "words":
        head, rows = [*head, "label"], [[*row, "standing"] for row in rows]
    if kind == "stamps":
        head, rows = ["timestamp", *head], [[str(1000 + 50 * k), *row] for k, row in enumerate(rows)]
    between = {"semicolons": ";", "tabs": "\t"}.get(kind, ",")
    text = "\n".join(between.join(row) for row in [head, *rows])
    text = text.replace(".", ",") if kind == "semicolons" else text
    (tmp_path / "table.csv").write_text(text, encoding="utf-8-sig" if kind == "mark" else "utf-8")
    found = read_motion(tmp_path / "table.csv", frame_rate=None if kind == "stamps" else 20.0)
    assert np.abs(found.positions.numpy() - where).max() < 1e-6
    assert abs(float(found.times[1]) - 0.05) < 1e-9


def test_rows_that_are_short_of_the_header_are_refused(tmp_path):
    row = ",".join(["0.5"] * (len(_NAMES) - 1))
    (tmp_path / "table.csv").write_text(",".join(_NAMES) + f"\n{row}\n{row}\n")
    with pytest.raises(ValueError, match=r"expected rows of 66 cells each, got \[65\]"):
        read_motion(tmp_path / "table.csv")


def test_a_take_of_optitrack_says_what_to_export(tmp_path):
    rows = ["Format Version,1.23,Take Name,walk,Export Frame Rate,120.0", ",,Bone,Bone", "0,0.0,1.0,2.0"]
    (tmp_path / "take.csv").write_text("\n".join(rows))
    with pytest.raises(ValueError, match="take of OptiTrack's Motive; export it as BVH"):
        read_motion(tmp_path / "take.csv")


def test_an_unknown_order_of_a_known_number_is_refused(tmp_path):
    """Panoptic's 19 joints are no Kinect's: a body was fitted 43 cm off them."""
    order = (
        "neck head pelvis left_shoulder left_elbow left_wrist left_hip left_knee left_ankle right_shoulder right_elbow "
        "right_wrist right_hip right_knee right_ankle head head head head"
    )
    np.save(tmp_path / "panoptic.npy", standing()[:, [JOINTS.index(name) for name in order.split()]])
    with pytest.raises(ValueError, match=r"expected 19 joints in a known order.*name the joints"):
        read_motion(tmp_path / "panoptic.npy")


def test_the_rate_of_poses_without_one_can_be_given(tmp_path):
    np.savez(tmp_path / "poses.npz", poses=np.zeros((3, 72)), trans=np.zeros((3, 3)))
    assert abs(float(read_motion(tmp_path / "poses.npz", frame_rate=60.0).times[1]) - 1 / 60) < 1e-12
    with pytest.raises(ValueError, match="a frame rate to be given"):
        read_motion(tmp_path / "poses.npz")
