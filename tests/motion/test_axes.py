"""Which way is up and how long the unit is, in files that do not say or that say it."""

import numpy as np
import pytest
import torch

from mmsynth.geometry import UPRIGHT, rotvec_from_matrix
from mmsynth.motion import Subject, generate_motion, read_motion
from mmsynth.motion.axes import up_of, upright_from
from mmsynth.motion.skeleton import JOINTS, forward
from mmsynth.types import Motion, Skeleton

FILE_FROM_WORLD = {"+z": torch.eye(3, dtype=torch.float64), "+y": UPRIGHT.T, "-y": upright_from("-y").T @ UPRIGHT.T}


def clip(activity: str, seconds: float = 3.0) -> Motion:
    return generate_motion(activity, seconds, Subject(1), torch.Generator().manual_seed(3), frame_rate=20.0)


@pytest.mark.parametrize("way", ["forward", "back", "side"])
@pytest.mark.parametrize("axis", ["+z", "+y", "-y"])
def test_who_falls_stood_before(tmp_path, way, axis):
    """Lying for longer than standing, a person must not be set upright in the direction of the fall."""
    falling = clip(f"fall_{way}", 4.0)
    where = forward(falling)
    shoulders = where[:, JOINTS.index("left_shoulder"), 2] - where[:, JOINTS.index("left_ankle"), 2]
    assert float((shoulders < 0.4).double().mean()) > 0.5
    turn = FILE_FROM_WORLD[axis]
    np.savez(tmp_path / "positions.npz", joints=(where @ turn.T).numpy(), fps=20)
    found = read_motion(tmp_path / "positions.npz")
    assert isinstance(found, Skeleton) and f"{axis} up" in found.labels.source
    torch.testing.assert_close(found.positions[..., 2], where[..., 2])
    root = rotvec_from_matrix(turn @ falling.rotations[:, 0])
    np.savez(tmp_path / "fit.npz", global_orient=root, body_pose=np.zeros((len(root), 63)), fps=20)
    assert f"{axis} up" in read_motion(tmp_path / "fit.npz").labels.source
    if axis != "-y":  # of a surface, only the longer side is known
        cloud = dict(vertices=(where @ turn.T).numpy(), faces=[[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]], fps=20)
        np.savez(tmp_path / "mesh.npz", **cloud)
        assert f"{axis} up" in read_motion(tmp_path / "mesh.npz").labels.source


def test_short_of_upright_for_a_moment_changes_nothing():
    """Bent over in the first second of four, upright in the others."""
    times = torch.arange(40, dtype=torch.float64) / 10
    lines = torch.tensor([0.0, 0.0, 0.5]).repeat(40, 1).double()
    lines[:5] = torch.tensor([0.5, 0.0, 0.0]).double()
    lines[3] = torch.nan
    assert up_of(lines, times) == "+z"
    with pytest.raises(ValueError, match="seen together"):
        up_of(lines * torch.nan, times)


def test_what_a_file_says_of_axis_and_unit_holds(tmp_path):
    """Of somebody who lies throughout, no rule could find either the way up or a doll's unit."""
    where = forward(clip("lie"))
    for up, unit, size in (("z", "m", 1.0), ("+z", "CM", 12.0)):
        np.savez(tmp_path / "lying.npz", joints=size * where.numpy(), fps=20, up=up, units=unit)
        found = read_motion(tmp_path / "lying.npz")
        assert isinstance(found, Skeleton) and f"{unit.lower()}, +z up" in found.labels.source
        expected = where * size * (0.01 if unit == "CM" else 1.0)
        torch.testing.assert_close(found.positions, expected)
    np.savez(tmp_path / "lying.npz", joints=where.numpy(), fps=20, up="north")
    with pytest.raises(ValueError, match="up: expected x, y or z, with a sign or without, got 'north'"):
        read_motion(tmp_path / "lying.npz")


def test_children_are_not_measured_in_inches(tmp_path):
    """A thigh of 24 cm is as near to 0.4 m in inches."""
    where = forward(clip("stand", 0.5)) * 0.24 / 0.39
    np.savez(tmp_path / "child.npz", joints=100 * where.numpy(), fps=20)
    assert ", cm, " in read_motion(tmp_path / "child.npz").labels.source
    np.savez(tmp_path / "adult.npz", joints=forward(clip("stand", 0.5)).numpy() / 0.0254, fps=20)
    assert ", inch, " in read_motion(tmp_path / "adult.npz").labels.source
