"""Editing clips: place, heading, cut, speed, mirror."""

import dataclasses
import math

import torch

from mmsynth.geometry import rotation_about
from mmsynth.joints import SMPLX_JOINTS
from mmsynth.motion.interpolate import resample
from mmsynth.types import Motion


def place(motion: Motion, position: tuple[float, float], heading: float = 0.0) -> Motion:
    """The clip turned by `heading` rad to the left about the world's origin, then moved by `position` (x, y) in m.

    A generated clip stays near the origin and faces -y, so that it ends up around `position`, facing -y turned by
    `heading` counter-clockwise seen from above.
    """
    turn = rotation_about("z", heading).to(motion.translation)
    shift = torch.tensor([*position, 0.0]).to(motion.translation)
    rotations = motion.rotations.clone()
    rotations[:, 0] = turn.to(rotations) @ rotations[:, 0]
    return dataclasses.replace(motion, rotations=rotations, translation=motion.translation @ turn.T + shift)


def cut(motion: Motion, start: float, end: float) -> Motion:
    """The part from `start` to `end` s, its times counted from `start`.

    Raises:
        ValueError: the part is empty or reaches beyond the clip.
    """
    if not start < end:
        raise ValueError(f"cut: expected start before end, got {start} s and {end} s")
    inside = motion.times[(motion.times > start + 1e-9) & (motion.times < end - 1e-9)]
    ends = torch.tensor([start, end]).to(inside)
    part = resample(motion, torch.cat([ends[:1], inside, ends[1:]]))
    return dataclasses.replace(part, times=part.times - start)


def speed(motion: Motion, factor: float) -> Motion:
    """The clip played `factor` times as fast."""
    if not (factor > 0 and math.isfinite(factor)):
        raise ValueError(f"speed.factor: expected a positive number, got {factor}")
    return dataclasses.replace(motion, times=motion.times / factor)


def mirror(motion: Motion) -> Motion:
    """The clip with left and right exchanged, mirrored at the plane x = 0 of the world."""
    names = [_other(name) for name in motion.joint_names]
    if missing := [n for n in names if n not in motion.joint_names]:
        raise ValueError(f"mirror: expected both sides of every joint, got no '{missing[0]}'")
    flip = torch.diag(torch.tensor([-1.0, 1.0, 1.0])).to(motion.rotations)
    order = [motion.joint_names.index(name) for name in names]
    return dataclasses.replace(
        motion,
        rotations=flip @ motion.rotations[:, order] @ flip,
        translation=motion.translation * torch.tensor([-1.0, 1.0, 1.0]).to(motion.translation),
    )


def _other(name: str) -> str:
    if name.startswith("left_"):
        return name.replace("left_", "right_", 1)
    return name.replace("right_", "left_", 1)


def complete(motion: Motion, names: tuple[str, ...] = SMPLX_JOINTS[:22]) -> Motion:
    """The clip with exactly the joints `names`: those it lacks stay at rest, those not asked for are dropped."""
    rotations = torch.eye(3).to(motion.rotations).repeat(len(motion.times), len(names), 1, 1)
    for j, name in enumerate(names):
        if name in motion.joint_names:
            rotations[:, j] = motion.rotations[:, motion.joint_names.index(name)]
    return dataclasses.replace(motion, joint_names=names, rotations=rotations)
