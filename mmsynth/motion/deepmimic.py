"""DeepMimic's motions (JSON, Peng et al. 2018): quaternions of a humanoid whose x points forward and y up."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmsynth.geometry import matrix_from_quaternion, matrix_from_rotvec
from mmsynth.motion.files import floats
from mmsynth.motion.retarget import Rig, retarget
from mmsynth.types import Labels, Motion

# Joints of `humanoid3d.txt` in the order of a frame: parent, offset from it in m (x forward, y up, z right), and
# whether it is a ball (a quaternion) or a hinge about z (an angle).
_JOINTS: tuple[tuple[str, int, tuple[float, float, float], bool], ...] = (
    ("root", -1, (0.0, 0.0, 0.0), True),
    ("chest", 0, (0.0, 0.236151, 0.0), True),
    ("neck", 1, (0.0, 0.223894, 0.0), True),
    ("right_hip", 0, (0.0, 0.0, 0.084887), True),
    ("right_knee", 3, (0.0, -0.421546, 0.0), False),
    ("right_ankle", 4, (0.0, -0.409870, 0.0), True),
    ("right_shoulder", 1, (-0.02405, 0.24350, 0.18311), True),
    ("right_elbow", 6, (0.0, -0.274788, 0.0), False),
    ("left_hip", 0, (0.0, 0.0, -0.084887), True),
    ("left_knee", 8, (0.0, -0.421546, 0.0), False),
    ("left_ankle", 9, (0.0, -0.409870, 0.0), True),
    ("left_shoulder", 1, (-0.02405, 0.24350, -0.18311), True),
    ("left_elbow", 11, (0.0, -0.274788, 0.0), False),
)
_ENDS = (("right_wrist", 7), ("left_wrist", 12))
_HAND = (0.0, -0.258947, 0.0)
_COLUMNS = 44


def is_deepmimic(text: str) -> bool:
    """Whether a file that starts with `text` may be one."""
    return text.lstrip().startswith("{") and '"Frames"' in text


def read_deepmimic(path: Path) -> Motion:
    """Read a DeepMimic motion, retargeted to SMPL-X's joints.

    Raises:
        ValueError: no JSON, no frames, or frames of another length.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8", errors="replace"))
        frames = floats(content["Frames"], "Frames")
    except (json.JSONDecodeError, RecursionError, KeyError, TypeError) as error:
        raise ValueError(f"expected DeepMimic's JSON with Frames, got {type(error).__name__}: {error}") from None
    if frames.ndim != 2 or frames.shape[1] != _COLUMNS or len(frames) == 0:
        raise ValueError(f"Frames: expected frames of {_COLUMNS} numbers, got the shape {frames.shape}")
    values = torch.from_numpy(frames)
    rotations: list[Tensor] = []
    positions: list[Tensor] = []
    rest: list[Tensor] = []
    column = 4
    for _, parent, offset, ball in _JOINTS:
        step = torch.tensor(offset, dtype=torch.float64)
        if ball:
            local = matrix_from_quaternion(values[:, column : column + 4])
        else:
            local = matrix_from_rotvec(values[:, column, None] * torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
        column += 4 if ball else 1
        rotations.append(local if parent < 0 else rotations[parent] @ local)
        positions.append(values[:, 1:4] if parent < 0 else positions[parent] + rotations[parent] @ step)
        rest.append(step if parent < 0 else rest[parent] + step)
    hand = torch.tensor(_HAND, dtype=torch.float64)
    for _, parent in _ENDS:
        rotations.append(rotations[parent])
        positions.append(positions[parent] + rotations[parent] @ hand)
        rest.append(rest[parent] + hand)
    # The first number of a frame is how long it lasts.
    times = torch.cat([torch.zeros(1, dtype=torch.float64), values[:-1, 0].cumsum(0)])
    source = Rig(
        names=(*(j[0] for j in _JOINTS), *(e[0] for e in _ENDS)),
        parents=(*(j[1] for j in _JOINTS), *(e[1] for e in _ENDS)),
        rotations=torch.stack(rotations, 1),
        positions=torch.stack(positions, 1),
        rest=torch.stack(rest),
        times=times,
    )
    return retarget(source, Labels(), "DeepMimic", "+y")
