"""What tests measure on clips of the generators."""

import torch

from mmsynth.geometry import rotvec_from_matrix
from mmsynth.joints import SMPLX_PARENTS
from mmsynth.motion import Subject, generate_motion
from mmsynth.motion.skeleton import JOINTS, forward

SIDES = ("left", "right")


def clip(activity: str, seed: int, duration: float = 8.0, **overrides: float):
    return generate_motion(activity, duration, Subject(seed), torch.Generator().manual_seed(seed), overrides=overrides)


def at(positions: torch.Tensor, name: str) -> torch.Tensor:
    return positions[:, JOINTS.index(name)]


def flexion(motion, name: str) -> torch.Tensor:
    """Rotation about the joint's lateral axis in degrees, flexion of the knee positive."""
    return torch.rad2deg(rotvec_from_matrix(motion.rotations[:, JOINTS.index(name)])[:, 0])


def contacts(motion, side: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Heel and ball of a foot [frames, 3] each."""
    ankle, turned = at(forward(motion), f"{side}_ankle"), world(motion, f"{side}_ankle")
    sign = 1.0 if side == "left" else -1.0
    heel = turned @ torch.tensor([0.0, -0.0753, -0.052]).double()
    ball = turned @ torch.tensor([0.015 * sign, -0.0753, 0.14]).double()
    return ankle + heel, ankle + ball


def world(motion, name: str) -> torch.Tensor:
    from mmsynth.joints import SMPLX_PARENT

    parent = SMPLX_PARENT[name]
    local = motion.rotations[:, JOINTS.index(name)]
    return local if parent is None else world(motion, parent) @ local


def slides(motion) -> torch.Tensor:
    """How far heel or ball moves over the floor in each of its contacts (under 4 mm high), in m."""
    found = []
    for side in SIDES:
        for point in contacts(motion, side):
            low = point[:, 2] < 0.004
            edges = torch.nonzero(torch.diff(low.int(), prepend=torch.tensor([0]), append=torch.tensor([0])))[:, 0]
            for start, end in edges.reshape(-1, 2).tolist():
                if end - start > 6:
                    track = point[start:end, :2]
                    found.append((track - track[len(track) // 2]).norm(dim=1).max())
    return torch.stack(found)


def span(course: torch.Tensor) -> float:
    """From the lowest to the highest twentieth of a course."""
    low, high = torch.quantile(course, torch.tensor([0.05, 0.95], dtype=course.dtype))
    return float(high - low)


def forward_rotation(motion, name):
    """Rotation [frames, 3, 3] of a joint in the world."""
    turn, j = torch.eye(3, dtype=torch.float64), motion.joint_names.index(name)
    while j >= 0:
        turn, j = motion.rotations[:, j].double() @ turn, SMPLX_PARENTS[j]
    return turn
