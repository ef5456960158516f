"""Which part of a body each of its faces is: by skin weights, and on the head by place."""

import torch
from torch import Tensor

from mmsynth.body_models.files import BodyArrays

_PARTS = {
    "pelvis": "cloth:hips",
    "spine1": "cloth:torso",
    "spine2": "cloth:torso",
    "spine3": "cloth:torso",
    "collar": "cloth:torso",
    "neck": "skin:neck",
    "head": "skin:face",
    "jaw": "skin:face",
    "eye": "skin:face",
    "shoulder": "cloth:{side}upper_arm",
    "elbow": "cloth:{side}forearm",
    "wrist": "skin:{side}hand",
    "hand": "skin:{side}hand",
    "thumb": "skin:{side}hand",
    "index": "skin:{side}hand",
    "middle": "skin:{side}hand",
    "ring": "skin:{side}hand",
    "pinky": "skin:{side}hand",
    "hip": "cloth:{side}thigh",
    "knee": "cloth:{side}shin",
    "ankle": "shoe:{side}foot",
    "foot": "shoe:{side}foot",
}


def part_of(joint: str) -> str:
    """Region name of what moves with a joint: "left_elbow" -> "cloth:left_forearm"."""
    side = joint.partition("_")[0]
    side = f"{side}_" if side in ("left", "right") else ""
    bare = joint.removeprefix(side)
    return _PARTS.get(bare, _PARTS.get(bare.rstrip("123"), "cloth:torso")).format(side=side)


def face_regions(body: BodyArrays) -> tuple[Tensor, tuple[str, ...]]:
    """Region index [faces] and region names of a body."""
    owner = body.weights.argmax(1)[body.faces].mode(1).values
    parts = [part_of(name) for name in body.joint_names]
    names = tuple(dict.fromkeys([*parts, "hair:head"]))
    region = torch.tensor([names.index(p) for p in parts], device=owner.device)[owner]
    face, hair = names.index("skin:face"), names.index("hair:head")
    head = region == face
    center = body.template[body.faces].mean(1)
    height, ahead = (_between(center[:, axis], center[head, axis]) for axis in (1, 2))
    # The hairline climbs from the nape, at a third of the head's height, to the forehead, at four fifths.
    line = 0.33 + 0.47 * ((ahead - 0.3) / 0.45).clamp(0, 1)
    region[head & (height > line)] = hair
    return region, names


def _between(value: Tensor, among: Tensor) -> Tensor:
    """How far `value` lies from the least (0) to the greatest (1) of `among`."""
    return (value - among.min()) / (among.max() - among.min())
