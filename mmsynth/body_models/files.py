"""The arrays of a body in SMPL's file format, read without running anything that a file holds."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmsynth.joints import SMPLX_JOINTS
from mmsynth.pickles import plain, read_pickle

# Joint names by how many joints a file has: SMPL-X, SMPL-H (no face), SMPL (no face, hands of one joint).
JOINTS_OF: dict[int, tuple[str, ...]] = {
    55: SMPLX_JOINTS,
    52: SMPLX_JOINTS[:22] + SMPLX_JOINTS[25:],
    24: (*SMPLX_JOINTS[:22], "left_hand", "right_hand"),
}
# No coordinate or weight of a body is as large.
_MOST = 1e30
_KEYS = ("v_template", "shapedirs", "f", "weights", "J_regressor", "kintree_table")


@dataclass(frozen=True, eq=False)
class BodyArrays:
    """A linear body in SMPL-X's axes (x left, y up, z forward), m. Places and directions in float64.

    Attributes:
        template: vertices [V, 3].
        shape: directions [V, 3, betas].
        regressor: joints from vertices [joints, V].
        weights: of skinning [V, joints] (float32).
        faces: vertex indices [faces, 3].
        joint_names: SMPL-X names.
        parents: index of each joint's parent, -1 for the pelvis.
        expression: directions [V, 3, coefficients] of the face; none but in SMPL-X.
        pose: directions [9 (joints - 1), 3 V] (float32) of the joints' rotations less the identity; None = unused.
    """

    template: Tensor
    shape: Tensor
    regressor: Tensor
    weights: Tensor
    faces: Tensor
    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    expression: Tensor
    pose: Tensor | None = None

    def to(self, device: torch.device | str) -> "BodyArrays":
        """The same arrays on `device`."""
        moved: dict[str, Any] = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)}
        return replace(self, **moved)


def read_npz(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    """The named arrays of an `.npz`; arrays of objects are refused, not unpickled.

    Raises:
        ValueError: not an `.npz`, or without one of `keys`.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            return {key: data[key] for key in keys}
    except Exception as error:  # numpy and zipfile raise nearly anything on a broken file
        what = ", ".join(keys)
        raise ValueError(f"{path}: expected an .npz with {what}, got {type(error).__name__}: {error}") from None


def read_body(path: Path, pose_directions: bool = True) -> BodyArrays:
    """The arrays of a body file, `.npz` or `.pkl`, of SMPL, SMPL-H or SMPL-X.

    Raises:
        ValueError: the file is broken, hostile, or its arrays do not fit each other.
    """
    keys = (*_KEYS, "posedirs") if pose_directions else _KEYS
    if path.suffix == ".pkl":
        content = read_pickle(path)
        missing = [k for k in keys if not isinstance(content, dict) or k not in content]
        if missing:
            raise ValueError(f"{path}: expected a body model with the arrays {', '.join(keys)}, lacks {missing[0]}")
        data = {k: content[k] for k in keys}
    else:
        data = read_npz(path, keys)
    try:
        return _arrays({key: plain(value) for key, value in data.items()})
    except (TypeError, IndexError, AttributeError, KeyError, OverflowError, ValueError) as error:
        raise ValueError(f"{path}: not a body model: {error}") from None


def _arrays(data: dict[str, Any]) -> BodyArrays:
    vertices, joints = np.shape(data["weights"])
    if joints not in JOINTS_OF:
        raise ValueError(f"expected weights of 24, 52 or 55 joints, got {joints}")
    wanted = {"v_template": (vertices, 3), "J_regressor": (joints, vertices), "kintree_table": (2, joints)}
    for key, shape in wanted.items():
        if np.shape(data[key]) != shape:
            raise ValueError(f"{key}: expected the shape {shape}, got {np.shape(data[key])}")
    numbers = ("v_template", "shapedirs", "weights", "J_regressor", "posedirs")
    for key in (k for k in numbers if k in data):
        # Within float32, in which some of them are kept. NaN is not below.
        if not (np.abs(np.asarray(data[key], np.float64)) < _MOST).all():
            raise ValueError(f"{key}: expected finite numbers, got NaN, infinite or absurd ones")
    shape, expression = _split(np.asarray(data["shapedirs"], np.float64), joints)
    pose = None
    if "posedirs" in data:
        pose = torch.from_numpy(np.reshape(data["posedirs"], (3 * vertices, 9 * (joints - 1))).astype(np.float32).T)
    faces = torch.from_numpy(np.asarray(data["f"]).astype(np.int64))
    if faces.ndim != 2 or faces.shape[1] != 3 or int(faces.min()) < 0 or int(faces.max()) >= vertices:
        raise ValueError(f"f: expected triangles of {vertices} vertices, got the shape {tuple(faces.shape)}")
    # The root's parent is 2^32 - 1 in the files.
    parents = (-1, *(int(p) for p in np.asarray(data["kintree_table"])[0, 1:]))
    if any(not 0 <= p < j for j, p in enumerate(parents[1:], 1)):
        raise ValueError("kintree_table: expected the parent of every joint before it")
    return BodyArrays(
        template=torch.from_numpy(np.asarray(data["v_template"], np.float64)),
        shape=torch.from_numpy(shape),
        regressor=torch.from_numpy(np.asarray(data["J_regressor"], np.float64)),
        weights=torch.from_numpy(np.asarray(data["weights"], np.float32)),
        faces=faces,
        joint_names=JOINTS_OF[joints],
        parents=parents,
        expression=torch.from_numpy(expression),
        pose=pose,
    )


def _split(directions: Any, joints: int) -> tuple[Any, Any]:
    """Shape and expression directions: SMPL-X's files hold 300 and 100, or 10 and 10, in one array."""
    count = directions.shape[2]
    shapes = count if joints != 55 else (300 if count >= 400 else 10)
    return directions[..., :shapes], directions[..., shapes:]
