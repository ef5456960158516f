"""From what a person does to joint rotations: legs by inverse kinematics, a chest that breathes, a floor to lie on."""

import dataclasses
import math

import torch
from torch import Tensor

from mmsynth.geometry import UPRIGHT, matrix_from_rotvec
from mmsynth.motion.posing import SIDES, SIGN, Pose, about, body_turn, cover, hips
from mmsynth.motion.skeleton import ANKLE_HEIGHT, HEEL, JOINTS, at_rest, forward, offset, two_bone
from mmsynth.types import Labels, Motion


def to_motion(pose: Pose, scale: float = 1.0, labels: Labels | None = None) -> Motion:
    """The pose as a `Motion` in the world (z up, facing -y), its lengths times `scale`."""
    local = dict.fromkeys(JOINTS, torch.eye(3, dtype=torch.float64).expand(len(pose.times), 3, 3))
    pelvis = body_turn(pose.turn)
    local |= _trunk(pose) | _legs(pose, pelvis) | _arms(pose)
    place = pose.pelvis
    if pose.tilt is not None:
        laid, pivot = matrix_from_rotvec(pose.tilt), torch.tensor(pose.pivot, dtype=torch.float64)
        place = (laid @ (place - pivot)[..., None])[..., 0] + pivot
        pelvis = laid @ pelvis
    local["pelvis"] = UPRIGHT @ pelvis
    motion = Motion(
        joint_names=JOINTS,
        rotations=torch.stack([local[name] for name in JOINTS], 1),
        translation=place @ UPRIGHT.T,
        times=pose.times,
        labels=labels or Labels(),
    )
    place = motion.translation if pose.tilt is None else _on_floor(motion, UPRIGHT @ laid @ pose.foot.transpose(0, 1))
    return dataclasses.replace(motion, translation=scale * place)


# How far the floor is from each joint where the body rests on it there, in m; other joints never touch it first.
_RADIUS = {"pelvis": 0.105, "spine2": 0.10, "spine3": 0.115, "head": 0.09, "left_foot": ANKLE_HEIGHT - 0.0498} | {
    "left_shoulder": 0.075, "left_elbow": 0.045, "left_wrist": 0.035, "left_hip": 0.09, "left_knee": 0.06,
    "left_ankle": 0.055,
}  # fmt: skip


def _on_floor(motion: Motion, feet: Tensor) -> Tensor:
    """Pelvis [frames, 3] of a laid person, so that the lowest part of the body just touches the floor.

    Args:
        motion: laid, at any height.
        feet: world rotations [2, frames, 3, 3]; heels reach farther from the ankles than the skin in other directions.
    """
    radius = torch.tensor([_RADIUS.get(n.replace("right_", "left_"), -1.0) for n in JOINTS], dtype=torch.float64)
    where = forward(motion)
    heel = feet @ torch.tensor(HEEL, dtype=torch.float64)
    heels = [where[:, JOINTS.index(f"{name}_ankle"), 2] + heel[s, :, 2] for s, name in enumerate(SIDES)]
    height = torch.cat([where[..., 2] - radius, torch.stack(heels, 1)], 1)
    sharp = 200.0
    rise = cover((-sharp * height).logsumexp(1) / sharp, motion.times, 0.05)
    # Four parts at once on the floor would read as log(4) / sharp too high.
    rise = rise - 1.1 / sharp
    return motion.translation + torch.stack([0 * rise, 0 * rise, rise], 1)


def _trunk(pose: Pose) -> dict[str, Tensor]:
    third, half = body_turn(pose.spine / 3), body_turn(pose.head / 2)
    fore, back = _chest(pose.breath)
    rocked = {"spine1": third @ about("x", fore), "spine2": third, "spine3": third @ about("x", -back)}
    return rocked | {"neck": about("x", back - fore) @ half, "head": half}


# How far above spine1 the breastbone moves as if it lay, in m: by the skin of the free body.
_BREASTBONE = 0.19


def _chest(breath: Tensor) -> tuple[Tensor, Tensor]:
    """Forward bend of spine1 and backward bend of spine3 [frames] in rad for a breastbone moved forward by `breath` m.

    The neck stays where it is. The body model cannot widen its chest: the back goes with the front.
    """
    fore = breath / _BREASTBONE
    lower, upper = (float(at_rest("neck")[1] - at_rest(name)[1]) for name in ("spine1", "spine3"))
    return fore, fore * lower / upper


def breathing(motion: Motion, push: Tensor) -> Motion:
    """The motion with the breastbone pushed forward by `push` [frames] in m; head and arms keep their directions.

    For motion of coarse sources, which do not hold a person's breath.

    Raises:
        ValueError: a joint of the trunk is missing, or there is not one push for each frame.
    """
    if push.shape != motion.times.shape:
        raise ValueError(f"push: expected {len(motion.times)} frames, got the shape {tuple(push.shape)}")
    fore, back = _chest(push.double())
    local = {"spine1": about("x", fore), "spine3": about("x", -back), "neck": about("x", back - fore)}
    local |= {f"{side}_collar": about("x", back - fore) for side in SIDES}
    missing = [name for name in local if name not in motion.joint_names]
    if missing:
        raise ValueError(f"motion: expected the joints of the trunk to breathe with, got none named '{missing[0]}'")
    rotations = motion.rotations.clone()
    for name, turn in local.items():
        j, turn = motion.joint_names.index(name), turn.to(rotations)
        # What lies below bends before the joint's own rotation is applied, and what hangs on it is turned back first.
        spine = name.startswith("spine")
        rotations[:, j] = rotations[:, j] @ turn if spine else turn @ rotations[:, j]
    return dataclasses.replace(motion, rotations=rotations)


# Hz between which people who stand still sway, and how many waves that is.
_SWAY, _WAVES = (0.3, 2.0), 16
_SWAYS = ("spine1", "spine2", "spine3", "neck", "head", "left_collar", "right_collar")


def swaying(motion: Motion, rate: float, generator: torch.Generator) -> Motion:
    """The motion with trunk, head and shoulders that are never quite still: each turns a little about its joint.

    Neither generators nor cameras hold these turns, but a radar that takes away what rests sees little else of somebody
    who holds still. Pelvis and legs stay as they are, so that feet do not slide.

    Args:
        motion: of any source; joints that it lacks do not turn.
        rate: of the turns about each axis, root mean square, in rad/s.
        generator: of the turns.
    """
    low, high = _SWAY
    shape = (_WAVES, len(_SWAYS), 3)
    share, phase = torch.rand((2, *shape), generator=generator, dtype=torch.float64)
    pulse = math.tau * low * (high / low) ** share
    angle = pulse * motion.times.double()[:, None, None, None] + math.tau * phase
    turns = matrix_from_rotvec((angle.sin() * (rate * math.sqrt(2 / _WAVES) / pulse)).sum(1)).to(motion.rotations)
    rotations = motion.rotations.clone()
    for name, turn in zip(_SWAYS, turns.unbind(1), strict=True):
        if name in motion.joint_names:
            j = motion.joint_names.index(name)
            rotations[:, j] = rotations[:, j] @ turn
    return dataclasses.replace(motion, rotations=rotations)


def _legs(pose: Pose, pelvis: Tensor) -> dict[str, Tensor]:
    hinge = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    at, local = hips(pose.pelvis, pelvis), {}
    for s, name in enumerate(SIDES):
        bones = (offset(f"{name}_knee"), offset(f"{name}_ankle"))
        # The knee bends in the direction of the foot, held a little by the pelvis.
        hint = pose.foot[:, s, :, 0] + 0.5 * pelvis[..., 0]
        thigh, bend = two_bone(bones, hinge, pose.ankle[:, s] - at[:, s], hint)
        knee = matrix_from_rotvec(bend[:, None] * hinge)
        local[f"{name}_hip"] = pelvis.transpose(-1, -2) @ thigh
        local[f"{name}_knee"] = knee
        local[f"{name}_ankle"] = (thigh @ knee).transpose(-1, -2) @ pose.foot[:, s]
        local[f"{name}_foot"] = about("x", -pose.toes[:, s])
    return local


def _arms(pose: Pose) -> dict[str, Tensor]:
    local = {}
    fore, back = _chest(pose.breath)
    for s, (name, sign) in enumerate(zip(SIDES, SIGN, strict=True)):
        arm = pose.arm[:, s]
        # The shoulder girdle takes a third of the lift beyond 30 degrees (scapulohumeral rhythm, Inman 1944).
        direction = sign * arm[..., 0]
        lift = torch.acos((-direction[..., 1]).clamp(-0.999999, 0.999999))
        raised = torch.nn.functional.softplus(12 * (lift - torch.pi / 6)) / 12
        side = (sign * direction[..., 0]).clamp_min(0)
        collar = about("z", sign * 0.25 * raised * (0.4 + 0.6 * side))
        # Arms hang still while the chest rocks.
        local[f"{name}_collar"] = about("x", back - fore) @ collar
        local[f"{name}_shoulder"] = collar.transpose(-1, -2) @ arm
        local[f"{name}_elbow"] = about("y", -sign * pose.elbow[:, s])
        local[f"{name}_wrist"] = pose.wrist[:, s]
    return local
