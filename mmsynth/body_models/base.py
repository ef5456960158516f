"""What a body model is to the rest of mmsynth, and the kinematics that all of them share."""

from abc import ABC, abstractmethod
from dataclasses import replace
from functools import cache
from typing import Final, Literal, Self

import torch
from torch import Tensor

from mmsynth.body_models.files import BodyArrays
from mmsynth.body_models.regions import face_regions
from mmsynth.geometry import UPRIGHT
from mmsynth.joints import SMPLX_JOINTS
from mmsynth.types import MeshSequence, Motion

# Of the heights of a clip's lowest vertices: that on which it stands.
_LOW = 0.02
# Seconds either side of a frame within which somebody who leaves the floor comes down again.
_HOP = 0.15


class BodyModel(ABC):
    """A surface that a Motion, on any device, moves on the body's own.

    Everything handed out is in the world (z up, an unturned body faces -y).

    Attributes:
        name: what `load_body` knows it by.
        family: whose betas it takes (`Motion.shape_of`).
        joint_names: SMPL-X names of its joints, "pelvis" first; hands of one joint are "left_hand" and "right_hand".
        parents: index of the parent of each joint, -1 for the pelvis; parents stand before their children.
        faces: vertex indices [faces, 3], counter-clockwise seen from outside.
        region: index [faces] into `region_names`.
        region_names: such as "cloth:torso" or "skin:left_hand"; what stands before the colon names the material.
    """

    def __init__(self, name: str, family: Literal["free", "smpl", "smplx"], arrays: BodyArrays) -> None:
        self.name: Final = name
        self.family: Final = family
        self.joint_names: Final = arrays.joint_names
        self.parents: Final = arrays.parents
        self.faces: Final = arrays.faces
        self.region, self.region_names = face_regions(arrays)

    @abstractmethod
    def rest_joints(self, motion: Motion) -> Tensor:
        """Joints [joints, 3] (float64, m) of the motion's shape in the T-pose, from the pelvis, in SMPL-X's axes."""

    @abstractmethod
    def __call__(self, motion: Motion) -> MeshSequence:
        """The surface at every time of the motion, vertices and joints in float64."""

    @abstractmethod
    def to(self, device: torch.device | str) -> Self:
        """The same body with its arrays on `device`."""

    def joints(self, motion: Motion) -> Tensor:
        """Joints [frames, joints, 3] (float64, m) in the world, without the surface."""
        rotations = joint_rotations(motion, self.joint_names)
        _, places = forward_kinematics(rotations, self.rest_joints(motion), self.parents)
        return places + motion.translation.to(places)[:, None]

    def lowest(self, motion: Motion) -> Tensor:
        """Height [frames] in m of the lowest vertex."""
        return self(motion).vertices[..., 2].amin(1)


def joint_rotations(motion: Motion, joint_names: tuple[str, ...]) -> Tensor:
    """The motion's rotations [frames, joints, 3, 3] (float64) in the order of `joint_names`.

    Joints that the motion has no rotation of get the identity; joints of SMPL-X that the body lacks (a hand, for SMPL)
    are left out.

    Raises:
        ValueError: the motion names a joint that is none of SMPL-X's and none of the body's.
    """
    strange = [n for n in motion.joint_names if n not in SMPLX_JOINTS and n not in joint_names]
    if strange:
        raise ValueError(f"Motion.joint_names: expected joints of SMPL-X, got '{strange[0]}'")
    given = {name: i for i, name in enumerate(motion.joint_names)}
    source = motion.rotations.to(torch.float64)
    columns = torch.tensor([given.get(name, len(given)) for name in joint_names], device=source.device)
    unit = torch.eye(3, dtype=source.dtype, device=source.device).expand(len(source), 1, 3, 3)
    return torch.cat([source, unit], 1)[:, columns]


def own_shape(motion: Motion, family: str) -> Tensor:
    """The motion's betas [betas] if they are of this family or of none; of another [0]: the mean shape."""
    return motion.shape if motion.shape_of in ("", family) else motion.shape[:0]


def forward_kinematics(rotations: Tensor, rest: Tensor, parents: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Rotations [frames, joints, 3, 3] and places [frames, joints, 3] of joints, the root at the origin.

    Args:
        rotations: parent-local [frames, joints, 3, 3]; the root's takes the body's axes to the world.
        rest: joints [joints, 3] or [frames, joints, 3] in m in the T-pose.
        parents: index of each joint's parent, which stands before it.

    One batched product a level of the tree, root first, on the device of `rest`.
    """
    rotations = rotations.to(rest.device)
    turns, places = [rotations[:, :1]], [torch.zeros_like(rotations[:, :1, :, 0])]
    steps = rest - rest[..., [max(p, 0) for p in parents], :]
    levels = _levels(parents)
    for joints, above in levels[1:]:
        turn = turns[-1][:, above]
        step = steps[..., joints, :].expand(len(rotations), -1, -1)
        places.append(places[-1][:, above] + (turn @ step[..., None])[..., 0])
        turns.append(turn @ rotations[:, joints])
    order = torch.tensor([j for joints, _ in levels for j in joints], device=rest.device).argsort()
    return torch.cat(turns, 1)[:, order], torch.cat(places, 1)[:, order]


@cache
def _levels(parents: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """The joints of each level of the tree, and where in the level before each of them hangs."""
    levels: list[tuple[list[int], list[int]]] = [([0], [])]
    while True:
        last = levels[-1][0]
        joints = [j for j, p in enumerate(parents) if p in last]
        if not joints:
            return levels
        levels.append((joints, [last.index(parents[j]) for j in joints]))


def ground(motion: Motion, body: BodyModel) -> Motion:
    """The motion raised or lowered so that its lowest contact stands on the floor, z = 0.

    The height is the quantile `_LOW` of the lowest vertex of each frame: a few frames of jitter do not lift the clip.
    Of a long clip, 100 to 200 frames evenly spread are looked at.
    """
    some = frames(motion, slice(None, None, max(1, len(motion.times) // 100)))
    lows = [body.lowest(frames(some, slice(k, k + 50))) for k in range(0, len(some.times), 50)]
    low = torch.cat(lows).quantile(_LOW)
    shift = torch.zeros_like(motion.translation)
    shift[:, 2] = -low.to(shift)
    return replace(motion, translation=motion.translation + shift)


def settle(motion: Motion, body: BodyModel) -> Motion:
    """A motion that never leaves the floor, kept on it throughout: also from standing to lying.

    Each frame is lowered by its lowest vertex: the lowest of any within `_HOP` s, so that a hop so short stays one,
    and smoothly over as long; nothing then is below the floor.

    Args:
        motion: of evenly spaced times.
        body: that does it.
    """
    count = len(motion.times)
    if count < 2:
        return ground(motion, body)
    low = torch.cat([body.lowest(frames(motion, slice(k, k + 50))) for k in range(0, count, 50)])[None]
    half = max(1, round(_HOP * (count - 1) / motion.duration))
    least = -torch.nn.functional.max_pool1d(-_held(low, half), 2 * half + 1, stride=1)
    # Every minimum that counts for a frame has seen that frame.
    weight = torch.hann_window(2 * half + 3, periodic=False, dtype=low.dtype, device=low.device)[1:-1]
    floor = torch.nn.functional.conv1d(_held(least, half)[None], (weight / weight.sum())[None, None])[0, 0]
    shift = torch.zeros_like(motion.translation)
    shift[:, 2] = -floor.to(shift)
    return replace(motion, translation=motion.translation + shift)


def _held(values: Tensor, count: int) -> Tensor:
    """Values [1, frames], the first and the last of them held for `count` frames more."""
    return torch.nn.functional.pad(values[None], (count, count), mode="replicate")[0]


def stature(body: BodyModel, motion: Motion) -> float:
    """Height in m of the body in the motion's shape, standing in the T-pose."""
    rest = replace(
        frames(motion, slice(1)), joint_names=("pelvis",), rotations=UPRIGHT[None, None].to(motion.rotations)
    )
    up = body(rest).vertices[0, :, 2]
    return float(up.max() - up.min())


def frames(motion: Motion, part: slice) -> Motion:
    """Some frames of a motion."""
    expression = None if motion.expression is None else motion.expression[part]
    cut = {name: getattr(motion, name)[part] for name in ("rotations", "translation", "times")}
    return replace(motion, expression=expression, **cut)
