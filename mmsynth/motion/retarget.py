"""From a foreign skeleton to SMPL-X's joints: matched by name, aligned in a reference pose, scaled to the legs.

Skeletons differ in the axes of their joints and in what zero rotation means. What is common is where the joints are. In
one reference pose - the file's rest pose where that is a person standing, else its most upright frame - each SMPL-X
joint is turned so that its bone points where the source's does, with as little twist as possible; from then on it turns
as the source's joint does.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from os.path import commonprefix
from typing import Annotated

import torch
from torch import Tensor

from mmsynth.geometry import UPRIGHT, matrix_from_rotvec
from mmsynth.joints import SMPLX_PARENT
from mmsynth.motion.axes import AXES, UNITS, up_of, upright_from
from mmsynth.motion.skeleton import JOINTS, at_rest, frame, offset
from mmsynth.types import Labels, Motion


@dataclass(frozen=True, eq=False)
class Rig:
    """A moving skeleton as read: world rotations and positions of every joint, in the file's axes and unit.

    Attributes:
        names: of the joints.
        parents: index of each joint's parent, -1 for the root; parents come first.
        rotations: world rotation of each joint.
        positions: world position of each joint, in the file's unit.
        rest: positions with all rotations zero.
        times: seconds.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    rotations: Annotated[Tensor, "frames joints 3 3", "1"]
    positions: Annotated[Tensor, "frames joints 3", "unit"]
    rest: Annotated[Tensor, "joints 3", "unit"]
    times: Annotated[Tensor, "frames", "s"]


# Names (lower case, without prefix, blanks, `_`, `-`, `.`) by which a joint goes; `~` stands for left/l, right/r at
# either end. First match wins: LeftShoulder is the collar bone in most rigs, the shoulder where there is a LeftCollar.
_ALIASES: dict[str, tuple[str, ...]] = {
    "hip": ("~upleg", "~upperleg", "~thigh", "~thighbend", "~hip", "~femur"),
    "knee": ("~leg", "~lowerleg", "~shin", "~knee", "~calf", "~tibia"),
    "ankle": ("~ankle", "~foot"),
    "foot": ("~toebase", "~toe", "~toes", "~toe0", "~toeend", "~ball", "~foot"),
    "shoulder": ("~arm", "~uparm", "~upperarm", "~humerus", "~shldr", "~shldrbend", "~shoulder"),
    "collar": ("~collar", "~clavicle", "~shoulder", "~inshoulder"),
    "elbow": ("~forearm", "~forearmbend", "~lowerarm", "~elbow", "~radius"),
    "wrist": ("~wrist", "~hand"),
}
_MIDDLE: dict[str, tuple[str, ...]] = {
    "pelvis": ("hips", "pelvis", "root", "spinebase", "hip"),
    "spine2": ("spinemid", "upperback", "spine1"),
    "neck": ("neck", "neck1", "neck01", "lowerneck"),
    "head": ("head", "head1", "upperneck"),
}
_UNITS = UNITS | {"CMU's 2.54/0.45 cm": 0.0254 / 0.45}


def match_joints(names: tuple[str, ...], parents: tuple[int, ...]) -> dict[str, int]:
    """Index of the source joint for each SMPL-X joint that it has.

    Limbs are matched by name; the pelvis is the last common ancestor of the hips, the spine the chain from there to
    that of shoulders and neck, of which first, middle and last are taken.

    Raises:
        ValueError: hips, knees, ankles, shoulders, elbows or neck and head cannot be found; names what is missing.
    """
    found = match_names(names)
    missing = [f"{s}_{j}" for j in ("hip", "knee", "ankle", "shoulder", "elbow") for s in ("left", "right")]
    missing = [m for m in missing if m not in found]
    if missing:
        raise ValueError(f"skeleton: expected joints that name a body's limbs, found no {', '.join(missing)}")
    found.pop("spine2", None)
    found["pelvis"] = _common(parents, found["left_hip"], found["right_hip"])
    chest = _common(parents, found["left_shoulder"], found["right_shoulder"])
    if chest == found["pelvis"]:
        return found
    chain = [i for i in _ancestors(parents, chest) if i not in _ancestors(parents, found["pelvis"])][::-1]
    count = len(chain)
    picks = {1: ("spine2",), 2: ("spine1", "spine3")}.get(count, ("spine1", "spine2", "spine3"))
    spots = {1: (0,), 2: (0, 1)}.get(count, (0, (count - 1) // 2, count - 1))
    return found | {name: chain[k] for name, k in zip(picks, spots, strict=True)}


def match_names(names: tuple[str, ...]) -> dict[str, int]:
    """Index of the source joint for each SMPL-X limb joint, neck, head, spine and pelvis that its names tell."""
    bare = [re.split(r"[:|]", name)[-1] for name in names]
    # Programs put a figure's name before all of its joints: Character1_Hips.
    shared = re.match(r".*[\s_.\-]|", commonprefix(bare))
    plain = [_plain(name[shared.end() if shared else 0 :]) for name in bare]
    found: dict[str, int] = {}
    for joint, patterns in _ALIASES.items():
        for side in ("left", "right"):
            for index in _candidates(plain, patterns, side):
                if index not in found.values():
                    found[f"{side}_{joint}"] = index
                    break
    for joint, words in _MIDDLE.items():
        hits = [plain.index(word) for word in words if word in plain]
        if hits:
            found[joint] = hits[0]
    return found


def _plain(name: str) -> str:
    bare = re.sub(r"^(mixamorig\d*|bip0?01|def|valvebiped)[_ .-]*", "", name, flags=re.IGNORECASE)
    return re.sub(r"[\s_.\-]", "", bare).lower()


def _candidates(plain: list[str], patterns: tuple[str, ...], side: str) -> list[int]:
    names = [form for p in patterns for word in (side, side[0]) for form in (p.replace("~", word), p[1:] + word)]
    return [plain.index(n) for n in names if n in plain]


def _ancestors(parents: tuple[int, ...], joint: int) -> list[int]:
    """The joint, its parent, and so on to the root."""
    line = [joint]
    while parents[line[-1]] >= 0:
        line.append(parents[line[-1]])
    return line


def _common(parents: tuple[int, ...], a: int, b: int) -> int:
    other = set(_ancestors(parents, b))
    return next(i for i in _ancestors(parents, a) if i in other)


# --------------------------------------------------------------------------------------------- axes and unit


def up_axis(source: Rig, found: dict[str, int]) -> str:
    """The axis of the file that points up, such as "+y".

    The one along which the rest pose stands, if it does (a person may lie throughout the clip), else the one along
    which the shoulders are over the ankles (`up_of`).
    """
    for axis in ("+y", "+z", *AXES):
        if _is_standing(source.rest @ upright_from(axis).T, found):
            return axis
    p = source.positions
    top = p[:, [found["left_shoulder"], found["right_shoulder"]]].mean(1)
    feet = p[:, [found["left_ankle"], found["right_ankle"]]].mean(1)
    return up_of(top - feet, source.times)


def unit_of(source: Rig, found: dict[str, int]) -> tuple[str, float]:
    """Name and length in m of the file's unit: the one that brings the legs nearest to 0.82 m.

    Raises:
        ValueError: no unit makes the legs those of a person.
    """
    length = _leg_length(source.positions, found)
    if not (torch.isfinite(torch.tensor(length)) and length > 0):
        raise ValueError(f"skeleton: expected legs of some length, got {length} of the file's units")
    name = min(_UNITS, key=lambda u: abs(torch.log(torch.tensor(length * _UNITS[u] / 0.82)).item()))
    if not 0.25 < length * _UNITS[name] < 2.0:
        raise ValueError(f"skeleton: expected legs of 0.25 to 2 m in some unit, got {length:.4g} of the file's units")
    return name, _UNITS[name]


def _leg_length(positions: Tensor, found: dict[str, int]) -> float:
    total = 0.0
    for side in ("left", "right"):
        chain = positions[:, [found[f"{side}_{j}"] for j in ("hip", "knee", "ankle")]]
        total += float(chain.diff(dim=1).norm(dim=-1).sum(1).median()) / 2
    return total


# --------------------------------------------------------------------------------------------- alignment


def retarget(source: Rig, labels: Labels, kind: str, up: str = "") -> Motion:
    """The source's motion on SMPL-X's joints, in the world (z up), scaled to the legs of the generic 1.7 m body.

    `labels.source` receives what was taken for what: kind, joints matched, unit, up axis (found if not given), scale.

    Raises:
        ValueError: the joints cannot be matched, or their lengths are no person's.
    """
    found = match_joints(source.names, source.parents)
    axis = up or up_axis(source, found)
    unit, metres = unit_of(source, found)
    turn = upright_from(axis)
    leg = float(offset("left_knee").norm() + offset("left_ankle").norm())
    scale = leg / _leg_length(source.positions, found)
    positions = scale * source.positions @ turn.T
    rotations = turn @ source.rotations @ turn.T
    rest = scale * source.rest @ turn.T
    if _is_standing(rest, found):
        reference, aligned = torch.eye(3).to(turn).expand(len(source.names), 3, 3), _align(rest, found, True)
    else:
        k = _most_upright(positions, found)
        reference, aligned = rotations[k], _align(positions[k], found, False)
    world: dict[str, Tensor] = {}
    for name in JOINTS:
        parent = SMPLX_PARENT[name]
        if name in found:
            j = found[name]
            world[name] = rotations[:, j] @ reference[j].T @ aligned[name]
        else:
            world[name] = world[parent or "pelvis"]
    local = [_local(name, world) for name in JOINTS]
    middle = 0.5 * (positions[:, found["left_hip"]] + positions[:, found["right_hip"]])
    hip = offset("left_hip") * torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)
    pelvis = middle - world["pelvis"] @ hip
    text = f"{kind}, {len(found)} joints matched, {unit}, {axis} up, scaled by {scale / metres:.3f}"
    return Motion(
        joint_names=JOINTS,
        rotations=torch.stack(local, 1),
        translation=pelvis @ UPRIGHT.T,
        times=source.times,
        labels=Labels(labels.activity, labels.subject, labels.session, text),
    )


def _local(name: str, world: dict[str, Tensor]) -> Tensor:
    parent = SMPLX_PARENT[name]
    return UPRIGHT @ world[name] if parent is None else world[parent].transpose(-1, -2) @ world[name]


def _is_standing(p: Tensor, found: dict[str, int]) -> bool:
    """Whether positions [joints, 3] (y up) are of a person with straight legs under an upright trunk."""
    down = torch.tensor([0.0, -1.0, 0.0], dtype=p.dtype)
    lines = [(f"{s}_{a}", f"{s}_{b}") for s in ("left", "right") for a, b in pairwise(("hip", "knee", "ankle"))]
    lines.append(("left_shoulder", "left_hip"))
    lines.append(("right_shoulder", "right_hip"))
    bones = torch.stack([p[found[b]] - p[found[a]] for a, b in lines])
    apart = (p[found["left_hip"]] - p[found["right_hip"]]).norm() / bones[:4].norm(dim=-1).sum().clamp_min(1e-9)
    return bool((torch.nn.functional.normalize(bones, dim=-1) @ down > 0.85).all()) and float(apart) > 0.02


def _most_upright(positions: Tensor, found: dict[str, int]) -> int:
    """The frame with the straightest legs, the most upright trunk and the feet beside each other."""
    total = torch.zeros(len(positions), dtype=positions.dtype)
    for s in ("left", "right"):
        for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "hip")):
            bone = positions[:, found[f"{s}_{b}"]] - positions[:, found[f"{s}_{a}"]]
            total = total - torch.nn.functional.normalize(bone, dim=-1)[:, 1]
    return int(total.argmax())


def _between(start: Tensor, end: Tensor) -> Tensor:
    """The smallest rotation [3, 3] that takes the direction `start` [3] to that of `end` [3]."""
    a, b = torch.nn.functional.normalize(start, dim=0), torch.nn.functional.normalize(end, dim=0)
    axis = torch.linalg.cross(a, b)
    angle = torch.atan2(axis.norm(), a @ b)
    if float(axis.norm()) < 1e-9:
        side = torch.tensor([1.0, 0.0, 0.0], dtype=a.dtype) if abs(float(a[0])) < 0.9 else a.new_tensor([0.0, 1.0, 0.0])
        axis = torch.linalg.cross(a, side)
    return matrix_from_rotvec(angle * torch.nn.functional.normalize(axis, dim=0))


def _align(p: Tensor, found: dict[str, int], standing: bool) -> dict[str, Tensor]:
    """World rotation [3, 3] of each matched SMPL-X joint that lays its bone along that of positions [joints, 3]."""
    if standing:
        body = frame(p[found["left_hip"]] - p[found["right_hip"]], torch.tensor([0.0, 1.0, 0.0], dtype=p.dtype))
    else:
        # Shoulders are not straight over hips at rest, so that the same frame of the generic body is undone.
        generic = _body_frame({f"{s}_{j}": at_rest(f"{s}_{j}") for s in ("left", "right") for j in ("hip", "shoulder")})
        body = _body_frame({name: p[index] for name, index in found.items()}) @ generic.T
    aligned = dict.fromkeys(found, body)
    for side in ("left", "right"):
        for chain in (("hip", "knee", "ankle", "foot"), ("shoulder", "elbow", "wrist")):
            turned = body
            for a, b in pairwise(f"{side}_{j}" for j in chain):
                if b not in found:
                    break
                # The foot is laid along its own direction from the body's frame, not from the shank's.
                turned = body if a.endswith("ankle") else turned
                bone = p[found[b]] - p[found[a]]
                turned = _between(turned @ offset(b), bone) @ turned
                aligned[a] = aligned[b] = turned
    return aligned


def _body_frame(p: dict[str, Tensor]) -> Tensor:
    """Rotation [3, 3] whose x runs from right to left hip and whose y leans towards the shoulders."""
    up = p["left_shoulder"] + p["right_shoulder"] - p["left_hip"] - p["right_hip"]
    return frame(p["left_hip"] - p["right_hip"], up)
