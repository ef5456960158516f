"""Proportions of the free body's mean shape (1.7 m), for the generators: forward and inverse kinematics on them.

Axes are SMPL-X's: x left, y up, z forward. Other bodies have proportions of their own; what is planted here moves there
by the difference of limb lengths only, because the translation is scaled with the person.
"""

import torch
from torch import Tensor

from mmsynth.geometry import matrix_from_rotvec
from mmsynth.joints import SMPLX_PARENT
from mmsynth.types import Motion

# Rest position in m of each joint from its parent (left side; the right mirrors it), SMPL-X's T-pose.
_REST: dict[str, tuple[float, float, float]] = {
    "pelvis": (0.0, 0.0, 0.0),
    "left_hip": (0.1093, -0.0854, 0.0315),
    "spine1": (0.0, 0.0720, 0.0158),
    "left_knee": (0.0019, -0.3896, -0.0026),
    "spine2": (0.0, 0.0751, 0.0026),
    "left_ankle": (-0.0023, -0.4274, 0.0001),
    "spine3": (0.0, 0.1371, -0.0156),
    "left_foot": (0.0147, -0.0498, 0.1438),
    "neck": (0.0, 0.1845, 0.0316),
    "left_collar": (0.0235, 0.1112, 0.0502),
    "head": (0.0, 0.1027, 0.0359),
    "left_shoulder": (0.1539, -0.0219, -0.0072),
    "left_elbow": (0.2616, -0.0001, -0.0001),
    "left_wrist": (0.2390, -0.0006, 0.0001),
}
JOINTS: tuple[str, ...] = tuple(name for name in SMPLX_PARENT)[:22]
ANKLE_HEIGHT = 0.0753
"""Of the ankle above the sole, in m."""
HEEL = (0.0, -ANKLE_HEIGHT, -0.052)
"""Where the heel touches, from the ankle, in m."""
BALL = (0.015, -ANKLE_HEIGHT, 0.140)
"""Where the ball of the (left) foot touches, from the ankle, in m."""


def offset(name: str, *, device: torch.device | None = None) -> Tensor:
    """Rest offset [3] in m of the joint `name` from its parent."""
    x, y, z = _REST[name.replace("right_", "left_")]
    return torch.tensor([-x if name.startswith("right_") else x, y, z], dtype=torch.float64, device=device)


def at_rest(name: str) -> Tensor:
    """Position [3] in m of the joint `name` in the T-pose, from the pelvis."""
    parent = SMPLX_PARENT[name]
    return offset(name) if parent is None else at_rest(parent) + offset(name)


def stand_height() -> float:
    """Height in m of the pelvis joint over the floor with the legs straight."""
    return ANKLE_HEIGHT - float((offset("left_hip") + offset("left_knee") + offset("left_ankle"))[1])


def forward(motion: Motion, scale: float = 1.0) -> Tensor:
    """World positions [frames, joints, 3] in m of the motion's joints on the generic proportions times `scale`.

    Raises:
        ValueError: the motion names a joint outside SMPL-X's first 22, or a child before its parent.
    """
    where: dict[str, Tensor] = {}
    turned: dict[str, Tensor] = {}
    for j, name in enumerate(motion.joint_names):
        parent = SMPLX_PARENT.get(name)
        if name not in JOINTS or (parent is not None and parent not in where):
            raise ValueError(f"forward kinematics: expected SMPL-X body joints, parents first, got '{name}'")
        local = motion.rotations[:, j].double()
        if parent is None:
            where[name], turned[name] = motion.translation.double(), local
        else:
            step = scale * offset(name, device=local.device)
            where[name] = where[parent] + turned[parent] @ step
            turned[name] = turned[parent] @ local
    return torch.stack([where[name] for name in motion.joint_names], 1)


def frame(first: Tensor, second: Tensor) -> Tensor:
    """Rotation [..., 3, 3] whose first column is along `first` and whose second lies in the plane with `second`."""
    a = torch.nn.functional.normalize(first, dim=-1)
    b = torch.nn.functional.normalize(second - (second * a).sum(-1, keepdim=True) * a, dim=-1)
    return torch.stack([a, b, torch.linalg.cross(a, b)], -1)


def two_bone(
    bones: tuple[Tensor, Tensor], hinge: Tensor, target: Tensor, hint: Tensor, free: float = 0.994
) -> tuple[Tensor, Tensor]:
    """Upper rotation [..., 3, 3] and hinge angle [...] in rad that bring the end of a limb to `target`.

    Closed form: the angle from the law of cosines for bones with any rest direction, the rotation from the frame that
    holds the limb and its hinge. A target beyond the limb is approached smoothly: the joint never snaps straight.

    Args:
        bones: rest vectors [3] in m of the upper and of the lower bone.
        hinge: rest axis [3] (unit) of the joint between them; a positive angle flexes it.
        target: end of the limb from its root [..., 3] in m.
        hint: wanted direction [..., 3] of the hinge axis.
        free: share of the limb's length up to which targets are met exactly.
    """
    upper, lower = bones
    along = (upper @ hinge) * (lower @ hinge)
    even = upper @ lower - along
    odd = upper @ torch.linalg.cross(hinge, lower)
    swing, phase = torch.hypot(even, odd), torch.atan2(odd, even)
    base = upper @ upper + lower @ lower + 2 * along
    reach = (base + 2 * swing).sqrt()
    distance = soft_ceiling(target.norm(dim=-1), free * reach, (0.06 * free + 0.94) * reach)
    cosine = ((distance**2 - base) / (2 * swing)).clamp(-0.98, 1.0)
    angle = phase + cosine.acos()
    end = upper + (matrix_from_rotvec(angle[..., None] * hinge) @ lower)
    rest = frame(end, hinge.expand_as(end))
    return frame(target, hint.expand_as(target)) @ rest.transpose(-1, -2), angle


def soft_ceiling(value: Tensor, start: Tensor, ceiling: Tensor) -> Tensor:
    """The value below `start`; above, it approaches `ceiling` with continuous slope."""
    room = ceiling - start
    return torch.where(value <= start, value, ceiling - room * torch.exp(-(value - start).clamp_min(0) / room))
