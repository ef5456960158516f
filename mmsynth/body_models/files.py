"""The arrays of a body in SMPL's file format, read without running anything that a file holds."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmsynth.joints import SMPLX_JOINTS


@dataclass(frozen=True, eq=False)
class BodyArrays:
    """A linear body: template and directions in SMPL-X's axes (x left, y up, z forward), m.

    Attributes:
        template: vertices [V, 3].
        shape: directions [V, 3, betas].
        regressor: joints from vertices [joints, V].
        weights: of skinning [V, joints].
        faces: vertex indices [faces, 3].
        joint_names: SMPL-X names.
        parents: index of each joint's parent, -1 for the pelvis.
    """

    template: Tensor
    shape: Tensor
    regressor: Tensor
    weights: Tensor
    faces: Tensor
    joint_names: tuple[str, ...]
    parents: tuple[int, ...]

    def to(self, device: torch.device | str) -> "BodyArrays":
        """The same arrays on `device`."""
        fields = ("template", "shape", "regressor", "weights", "faces")
        moved: dict[str, Any] = {name: getattr(self, name).to(device) for name in fields}
        return replace(self, **moved)


def read_npz(path: Path, keys: tuple[str, ...]) -> dict[str, np.ndarray[Any, Any]]:
    """The named arrays of an `.npz`; arrays of objects are refused, not unpickled.

    Raises:
        ValueError: not an `.npz`, or without one of `keys`.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            return {key: data[key] for key in keys}
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise ValueError(f"{path}: expected a body model with the arrays {', '.join(keys)}: {error}") from None


_BODY = ("v_template", "shapedirs", "f", "weights", "J_regressor", "kintree_table")


def free_arrays(path: Path, betas: int = 10) -> BodyArrays:
    """The arrays of a free body's file, in float64 where they are places and directions."""
    data = read_npz(path, _BODY)
    parent = data["kintree_table"][0].astype(np.int64)
    return BodyArrays(
        template=torch.from_numpy(data["v_template"].astype(np.float64)),
        shape=torch.from_numpy(data["shapedirs"][..., :betas].astype(np.float64)),
        regressor=torch.from_numpy(data["J_regressor"].astype(np.float64)),
        weights=torch.from_numpy(data["weights"]),
        faces=torch.from_numpy(data["f"].astype(np.int64)),
        joint_names=SMPLX_JOINTS,
        parents=(-1, *(int(p) for p in parent[1:])),
    )
