"""A motion on a person's own legs: feet stand still, whatever the body's proportions."""

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from mmsynth.geometry import matrix_from_rotvec
from mmsynth.joints import SMPLX_PARENT
from mmsynth.motion.posing import SIDES
from mmsynth.motion.skeleton import forward, offset, two_bone
from mmsynth.motion.subject import Subject
from mmsynth.types import Motion


def keep_feet(motion: Motion, subject: Subject, rest: Mapping[str, Tensor]) -> Motion:
    """The motion with hips and knees turned so that a body's own ankles are where the generic proportions' would be.

    Places scale with the length of the legs instead of the height, so that angles hardly change; what differs besides
    (thigh against shank, where the hips are) hips and knees take up. Feet keep their direction. How high the sole is
    is the body's matter: ground the result.

    Args:
        motion: that `generate_motion` made for the subject.
        subject: the person.
        rest: the body's joints [3] in m in the T-pose by SMPL-X's names, in its axes.

    Raises:
        ValueError: `rest` lacks a joint of the legs.
    """
    legs = [f"{side}_{joint}" for side in SIDES for joint in ("hip", "knee", "ankle")]
    if missing := [name for name in ("pelvis", *legs) if name not in rest]:
        raise ValueError(f"keep_feet.rest: expected the joints of the legs, got no '{missing[0]}'")
    own = leg_bones(rest)
    size = _length(own) / _length({name: offset(name) for name in legs})
    index = {name: j for j, name in enumerate(motion.joint_names)}
    generic = dataclasses.replace(motion, translation=motion.translation / subject.scale)
    where = size * forward(generic)
    pelvis = motion.rotations[:, 0]
    hips = {side: (pelvis @ own[f"{side}_hip"]) for side in SIDES}
    middle = 0.5 * (where[:, index["left_hip"]] + where[:, index["right_hip"]])
    place = middle - 0.5 * (hips["left"] + hips["right"])
    return stand_on(motion, rest, place, {side: where[:, index[f"{side}_ankle"]] for side in SIDES})


def stand_on(motion: Motion, rest: Mapping[str, Tensor], place: Tensor, ankles: Mapping[str, Tensor]) -> Motion:
    """The motion with hips and knees turned so that ankles are in given places; feet keep their direction.

    Args:
        motion: with all joints of the legs, in float64.
        rest: see `keep_feet`.
        place: of the pelvis [frames, 3] in m.
        ankles: places [frames, 3] in m by side.
    """
    own, pelvis, rotations = leg_bones(rest), motion.rotations[:, 0], motion.rotations.clone()
    index = {name: j for j, name in enumerate(motion.joint_names)}
    hinge = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    for side in SIDES:
        hip, knee, ankle = (index[f"{side}_{joint}"] for joint in ("hip", "knee", "ankle"))
        thigh = pelvis @ motion.rotations[:, hip]
        foot = thigh @ motion.rotations[:, knee] @ motion.rotations[:, ankle]
        bones = (own[f"{side}_knee"], own[f"{side}_ankle"])
        # Whoever asks has softened the end of the legs' reach already.
        reach = ankles[side] - place - pelvis @ own[f"{side}_hip"]
        turned, bend = two_bone(bones, hinge, reach, thigh[..., 0], 0.999)
        flexed = matrix_from_rotvec(bend[:, None] * hinge)
        rotations[:, hip] = pelvis.transpose(-1, -2) @ turned
        rotations[:, knee] = flexed
        rotations[:, ankle] = (turned @ flexed).transpose(-1, -2) @ foot
    return dataclasses.replace(motion, rotations=rotations, translation=place)


def leg_length(rest: Mapping[str, Tensor]) -> float:
    """Of both legs straight, in m, by the body's joints in the T-pose."""
    return _length(leg_bones(rest))


def _length(bones: Mapping[str, Tensor]) -> float:
    return sum(float((bones[f"{side}_knee"] + bones[f"{side}_ankle"]).norm()) for side in SIDES)


def leg_bones(rest: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """From its parent to each joint of the legs that is there [3] in m."""
    legs = [f"{side}_{joint}" for side in SIDES for joint in ("hip", "knee", "ankle", "foot")]
    bones = {name: rest[name] - rest[str(SMPLX_PARENT[name])] for name in legs if name in rest}
    return {name: bone.to("cpu", torch.float64) for name, bone in bones.items()}
