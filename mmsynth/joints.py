"""The names of joints: SMPL-X's 55, which every Motion uses, and the sets that data sets are labelled in."""

import torch
from torch import Tensor

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")

# SMPL-X's joints in the order of its files, with the parent of each.
SMPLX_PARENT: dict[str, str | None] = {
    "pelvis": None,
    "left_hip": "pelvis",
    "right_hip": "pelvis",
    "spine1": "pelvis",
    "left_knee": "left_hip",
    "right_knee": "right_hip",
    "spine2": "spine1",
    "left_ankle": "left_knee",
    "right_ankle": "right_knee",
    "spine3": "spine2",
    "left_foot": "left_ankle",
    "right_foot": "right_ankle",
    "neck": "spine3",
    "left_collar": "spine3",
    "right_collar": "spine3",
    "head": "neck",
    "left_shoulder": "left_collar",
    "right_shoulder": "right_collar",
    "left_elbow": "left_shoulder",
    "right_elbow": "right_shoulder",
    "left_wrist": "left_elbow",
    "right_wrist": "right_elbow",
    "jaw": "head",
    "left_eye": "head",
    "right_eye": "head",
} | {
    f"{side}_{finger}{k}": f"{side}_wrist" if k == 1 else f"{side}_{finger}{k - 1}"
    for side in ("left", "right")
    for finger in _FINGERS
    for k in (1, 2, 3)
}
SMPLX_JOINTS: tuple[str, ...] = tuple(SMPLX_PARENT)
SMPLX_PARENTS: tuple[int, ...] = tuple(-1 if p is None else SMPLX_JOINTS.index(p) for p in SMPLX_PARENT.values())

# Each joint of a labelled set as weights over SMPL-X joints; those of the trunk are rigid with it. Kinect's joints lie
# where its recogniser puts them: against a body of the same height the hips 4 cm low and 3 cm inward, the knees 7 cm
# low, the ankles 3 cm high, the head over the neck, 6 cm behind the middle of the head (measured on MARS, subjects 2
# and 3).
_HEAD = {"head": 1.0, "neck": -0.5, "left_eye": 0.25, "right_eye": 0.25}
_SIDES = (("L", "left", "right"), ("R", "right", "left"))
_KINECT_LIMBS = {
    f"{name}{tag}": {joint.format(side=side, other=other): weight for joint, weight in mix.items()}
    for name, mix in {
        "Shoulder": {"{side}_shoulder": 1.0},
        "Elbow": {"{side}_elbow": 1.0},
        "Wrist": {"{side}_wrist": 1.0},
        "Hip": {"{side}_hip": 1.065, "{other}_hip": 0.365, "pelvis": -0.43},
        "Knee": {"{side}_knee": 0.84, "{side}_ankle": 0.16},
        "Ankle": {"{side}_ankle": 0.94, "{side}_knee": 0.06},
        "Foot": {"{side}_foot": 0.85, "{side}_ankle": 0.15},
        "Hand": {"{side}_middle1": 1.0},
        "HandTip": {"{side}_middle3": 1.0},
        "Thumb": {"{side}_thumb3": 1.0},
    }.items()
    for tag, side, other in _SIDES
}
_KINECT: dict[str, dict[str, float]] = {
    "SpineBase": {"left_hip": 0.715, "right_hip": 0.715, "pelvis": -0.43},
    "SpineMid": {"spine2": 0.63, "spine3": 0.37},
    "Neck": {"neck": 0.69, "head": 0.31},
    "Head": {"head": 2.3, "neck": -0.9, "left_eye": -0.2, "right_eye": -0.2},
    "SpineShoulder": {"neck": 0.78, "spine3": 0.22},
    **_KINECT_LIMBS,
}
_MARS19 = (
    "SpineBase SpineMid Neck Head ShoulderL ElbowL WristL ShoulderR ElbowR WristR HipL KneeL AnkleL FootL HipR KneeR "
    "AnkleR FootR SpineShoulder"
).split()
_KINECT25 = (
    "SpineBase SpineMid Neck Head ShoulderL ElbowL WristL HandL ShoulderR ElbowR WristR HandR HipL KneeL AnkleL FootL "
    "HipR KneeR AnkleR FootR SpineShoulder HandTipL ThumbL HandTipR ThumbR"
).split()
_COCO17: dict[str, dict[str, float]] = {
    "nose": {"left_eye": 0.5, "right_eye": 0.5},
    "left_eye": {"left_eye": 1.0},
    "right_eye": {"right_eye": 1.0},
    "left_ear": {"head": 0.6, "left_eye": 0.4},
    "right_ear": {"head": 0.6, "right_eye": 0.4},
    **{
        f"{side}_{joint}": {f"{side}_{joint}": 1.0}
        for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    },
}

# Human3.6M's 17 in the order of its 3-D estimators: right leg, left leg, spine to head, left arm, right arm.
_H36M17: dict[str, dict[str, float]] = {
    "Hip": {"left_hip": 0.5, "right_hip": 0.5},
    **{f"R{name}": {f"right_{joint}": 1.0} for name, joint in (("Hip", "hip"), ("Knee", "knee"), ("Foot", "ankle"))},
    **{f"L{name}": {f"left_{joint}": 1.0} for name, joint in (("Hip", "hip"), ("Knee", "knee"), ("Foot", "ankle"))},
    "Spine": {"spine2": 1.0},
    "Thorax": {"neck": 1.0},
    "Neck": {"head": 1.0},
    "Head": _HEAD,
    **{f"L{joint.capitalize()}": {f"left_{joint}": 1.0} for joint in ("shoulder", "elbow", "wrist")},
    **{f"R{joint.capitalize()}": {f"right_{joint}": 1.0} for joint in ("shoulder", "elbow", "wrist")},
}
# OpenPose's 18: COCO's with a neck, right side first.
_COCO18: dict[str, dict[str, float]] = {
    "nose": _COCO17["nose"],
    "neck": {"left_shoulder": 0.5, "right_shoulder": 0.5},
    **{
        f"{side}_{joint}": {f"{side}_{joint}": 1.0}
        for part in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
        for side in ("right", "left")
        for joint in part
    },
    **{f"{side}_{joint}": _COCO17[f"{side}_{joint}"] for joint in ("eye", "ear") for side in ("right", "left")},
}

# Points that readers name beside SMPL-X's joints.
LANDMARKS: dict[str, dict[str, float]] = {
    "nose": _COCO17["nose"],
    "left_ear": _COCO17["left_ear"],
    "right_ear": _COCO17["right_ear"],
    "head_middle": _HEAD,
    "head_top": {"head": 2.5, "neck": -1.5},
    "hips": {"left_hip": 0.5, "right_hip": 0.5},
}

JOINT_SETS: dict[str, dict[str, dict[str, float]]] = {
    "mars19": {name: _KINECT[name] for name in _MARS19},
    "kinect25": {name: _KINECT[name] for name in _KINECT25},
    "coco17": _COCO17,
    "coco18": _COCO18,
    "h36m17": _H36M17,
    "smplx22": {name: {name: 1.0} for name in SMPLX_JOINTS[:22]},
    "smplx55": {name: {name: 1.0} for name in SMPLX_JOINTS},
}


def joint_names(joint_set: str) -> tuple[str, ...]:
    """Names of the joints of a known set, or the names that stand in `joint_set` apart by spaces."""
    return tuple(JOINT_SETS[joint_set]) if joint_set in JOINT_SETS else tuple(joint_set.split())


def convert_joints(positions: Tensor, names: tuple[str, ...], target: str) -> Tensor:
    """Positions [..., joints, 3] under SMPL-X `names`, as those of the joint set `target` [..., set, 3].

    Raises:
        ValueError: `target` is no joint set, or needs a joint that `names` lacks.
    """
    if target not in JOINT_SETS:
        raise ValueError(f"joint set: expected one of {', '.join(JOINT_SETS)}, got '{target}'")
    table = JOINT_SETS[target]
    weights = torch.zeros(len(table), len(names), dtype=positions.dtype, device=positions.device)
    for row, mix in enumerate(table.values()):
        for joint, weight in mix.items():
            if joint not in names:
                raise ValueError(f"joint set {target}: needs joint '{joint}', which the body does not have")
            weights[row, names.index(joint)] = weight
    return weights @ positions


# Which joints of a labelled set a bone joins, in whatever set has both; `{}` stands for a side.
_CHAINS = (
    "SpineBase SpineMid SpineShoulder Neck Head",
    "SpineShoulder Shoulder{} Elbow{} Wrist{} Hand{} HandTip{}",
    "Hand{} Thumb{}",
    "SpineBase Hip{} Knee{} Ankle{} Foot{}",
    "Hip Spine Thorax Neck Head",
    "Thorax {}Shoulder {}Elbow {}Wrist",
    "Hip {}Hip {}Knee {}Foot",
    "nose {}_eye {}_ear",
    "neck nose",
    "neck {}_shoulder {}_elbow {}_wrist",
    "{}_shoulder {}_hip {}_knee {}_ankle",
    "left_shoulder right_shoulder",
    "left_hip right_hip",
)
_NAMES_OF_SIDES = (("L", "R"), ("left", "right"))


def bones(joint_set: str) -> tuple[tuple[int, int], ...]:
    """Pairs of joint indices of a set whose distance is a bone's length, or nearly.

    In a set of one's own they are found by the names that known sets give joints; there may be none.
    """
    names = joint_names(joint_set)
    if joint_set in ("smplx22", "smplx55"):
        return tuple((SMPLX_PARENTS[k], k) for k in range(1, len(names)))
    sides = [side for pair in _NAMES_OF_SIDES for side in pair]
    chains = [chain.format(*[side] * chain.count("{}")).split() for chain in _CHAINS for side in sides]
    pairs = dict.fromkeys((a, b) for chain in chains for a, b in zip(chain[:-1], chain[1:], strict=True))
    return tuple((names.index(a), names.index(b)) for a, b in pairs if a in names and b in names)


def mirror_order(joint_set: str) -> tuple[int, ...]:
    """For each joint of a set the index of the one on the other side of the body; in the middle, its own."""
    names = joint_names(joint_set)
    other = []
    for name in names:
        found = [name]
        for one, two in (*_NAMES_OF_SIDES, *((b, a) for a, b in _NAMES_OF_SIDES)):
            found += [two + name.removeprefix(one)] * name.startswith(one)
            found += [name.removesuffix(one) + two] * name.endswith(one)
        other.append(next(names.index(n) for n in reversed(found) if n in names))
    return tuple(other)
