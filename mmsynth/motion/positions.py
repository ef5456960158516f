"""Joint positions of depth cameras, pose estimators and motion capture (.npz, .npy, .csv): a Skeleton, z up, in m.

The joints are known by name, or by how many there are in the orders that data sets publish. Unit and up axis are found
from the legs and from where the head is. A body is fitted to the result elsewhere.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmsynth.geometry import UPRIGHT
from mmsynth.joints import JOINT_SETS, SMPLX_JOINTS
from mmsynth.motion.axes import UNITS, axis_named, up_of, upright_from
from mmsynth.motion.files import floats, number_of, text_of
from mmsynth.motion.retarget import match_names
from mmsynth.motion.tables import numbers, read_table
from mmsynth.types import Labels, Skeleton

# NTU RGB+D's files, converted as is usual, hold each person under a key of its own: the first is read.
_KEYS = (
    *("positions", "joint_positions", "joints", "joints3d", "xpos", "keypoints_3d", "keypoints", "skeleton"),
    *("skel_body0", "array"),
)
_NAMES = ("joint_names", "body_names", "names", "joints_names")
_RATES = ("fps", "frame_rate", "framerate", "mocap_framerate", "rate")
_TIMES = ("times", "time", "timestamps", "timestamp", "t")
# Of thighs in m, from children of two years to the tallest.
_THIGH = (0.19, 0.6)
# Bones by the joints at their ends, and how many times as long one may be as its fellow or its neighbour.
_BONES = {
    "thigh": ("hip", "knee"),
    "shank": ("knee", "ankle"),
    "upper arm": ("shoulder", "elbow"),
    "forearm": ("elbow", "wrist"),
}
_ALIKE = 1.7
# Kinect's clock counts tenths of microseconds.
_CLOCKS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "0.1 us": 1e-7, "ns": 1e-9}

_H36M17 = (
    "pelvis right_hip right_knee right_ankle left_hip left_knee left_ankle spine2 neck nose head_top left_shoulder "
    "left_elbow left_wrist right_shoulder right_elbow right_wrist"
).split()
_KINECT20 = (
    "pelvis spine2 neck head_middle left_shoulder left_elbow left_wrist left_middle1 right_shoulder right_elbow "
    "right_wrist right_middle1 left_hip left_knee left_ankle left_foot right_hip right_knee right_ankle right_foot"
).split()
# CMU's skeleton of 38 joints (31 and the doubles that its tree has at every fork).
_CMU38 = (
    "pelvis - left_hip left_knee left_ankle left_foot - - right_hip right_knee right_ankle right_foot - - spine1 "
    "spine3 - neck - head - left_shoulder left_elbow left_wrist - - - - - - right_shoulder right_elbow right_wrist "
    "- - - - -"
).split()
_MARS_ORDER = tuple(JOINT_SETS["mars19"])
# NTU RGB+D has Kinect V2's joints in Kinect's own order.
_KINECT25 = tuple(JOINT_SETS["kinect25"])
_BY_COUNT: dict[int, tuple[tuple[str, ...], str]] = {
    19: (_MARS_ORDER, "mars19"),
    20: (tuple(_KINECT20), ""),
    22: (SMPLX_JOINTS[:22], "smplx22"),
    24: (SMPLX_JOINTS[:22], ""),
    25: (_KINECT25, "kinect25"),
    38: (tuple(_CMU38), ""),
    55: (SMPLX_JOINTS, "smplx55"),
}


@dataclass(frozen=True)
class _Told:
    """What a file says of its positions besides the times: names of the joints, the axis that points up, the unit."""

    names: tuple[str, ...] | None = None
    up: str = ""
    unit: str = ""


def has_positions(data: dict[str, Any]) -> bool:
    """Whether arrays by name hold joint positions."""
    return any(k in data and np.ndim(data[k]) in (2, 3) for k in _KEYS)


def from_arrays(data: dict[str, Any], frame_rate: float | None) -> Skeleton:
    """Positions [frames, joints, 3] (or [frames, 3 joints]) with what else the file says.

    That is names of joints, rate or times, `up` ("y") and `units` ("m", "cm", "mm", "inch").

    Raises:
        ValueError: no such array, joints that are not known, no person's proportions, or all of it NaN.
    """
    key = next(k for k in _KEYS if k in data and np.ndim(data[k]) in (2, 3))
    try:
        values = np.asarray(data[key], dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{key}: expected numbers, got {type(data[key]).__name__}") from None
    if values.ndim == 2 and values.shape[1] % 3 == 0:
        values = values.reshape(len(values), -1, 3)
    if values.ndim != 3 or values.shape[-1] != 3 or values.size == 0:
        raise ValueError(f"{key}: expected positions [frames, joints, 3], got the shape {values.shape}")
    given = next((tuple(text_of(n) for n in np.asarray(data[k]).reshape(-1)) for k in _NAMES if k in data), None)
    if given is not None and len(given) != values.shape[1]:
        raise ValueError(f"{key}: expected {len(given)} named joints, got {values.shape[1]}")
    times, said = _clock(data, len(values), frame_rate)
    up = axis_named(text_of(data["up"])) if "up" in data else ""
    unit = next((text_of(data[k]).strip().lower() for k in ("units", "unit") if k in data), "")
    return _skeleton(values, _Told(given, up, unit if unit in UNITS else ""), times, said)


def read_csv(path: Path, frame_rate: float | None) -> Skeleton:
    """Positions from a table: one row a frame, columns NAME_X NAME_Y NAME_Z in any order (as MARS's), or 3 n bare ones.

    Columns of other names are left out, but for a clock's.

    Raises:
        ValueError: the table is empty, ragged, not of numbers, or its joints are not known.
    """
    header, rows = read_table(path)
    if header is None:
        return from_arrays({"array": numbers(rows, list(range(len(rows[0]))))}, frame_rate)
    columns = {_axis_of(name): i for i, name in enumerate(header)}
    names = tuple(dict.fromkeys(name for name, _ in columns if all((name, axis) in columns for axis in "xyz")))
    if not names:
        raise ValueError("expected columns such as Head_X, Head_Y, Head_Z for each joint")
    picked = numbers(rows, [columns[name, axis] for name in names for axis in "xyz"]).reshape(len(rows), -1, 3)
    # What follows such a word is a unit: "timestamp_ms", "Time (Seconds)".
    words = {re.split("[^a-z]", name.lower())[0]: i for (name, axis), i in columns.items() if not axis}
    clock = {word: numbers(rows, [words[word]]) for word in _TIMES if word in words}
    times, said = _clock(clock, len(rows), frame_rate)
    return _skeleton(picked, _Told(names), times, said)


def _axis_of(name: str) -> tuple[str, str]:
    for cut in (2, 1):
        if len(name) > cut and name[-1].lower() in "xyz" and (cut == 1 or name[-2] in "_. -"):
            return name[:-cut], name[-1].lower()
    return name, ""


def _clock(data: dict[str, Any], frames: int, frame_rate: float | None) -> tuple[Tensor, str]:
    """Times [frames] in s from the first, and what is to be said of them."""
    for key in _TIMES:
        if key in data and np.size(data[key]) == frames:
            times = floats(data[key], key).reshape(-1)
            unit, seconds = _clock_unit(times)
            return torch.from_numpy(seconds * (times - times[0])), f"times of the file in {unit}"
    rate = next((number_of(data[k], k) for k in _RATES if k in data and np.size(data[k]) == 1), None)
    said = f"{rate or frame_rate or 30.0:g} Hz" + ("" if rate or frame_rate else " assumed")
    return torch.arange(frames, dtype=torch.float64) / (rate or frame_rate or 30.0), said


def _clock_unit(times: np.ndarray[Any, Any]) -> tuple[str, float]:
    """Name and length in s of the unit of times: that which brings a frame nearest to 1/30 s."""
    step = float(np.median(np.abs(np.diff(times)))) if len(times) > 1 else 0.0
    if not step > 0:
        return "s", 1.0
    name = min(_CLOCKS, key=lambda unit: abs(np.log(step * _CLOCKS[unit] * 30)))
    return name, _CLOCKS[name]


# --------------------------------------------------------------------------------------------- joints and axes


def _skeleton(values: np.ndarray[Any, Any], told: _Told, times: Tensor, said: str) -> Skeleton:
    names, joint_set = _names(values, told.names)
    keep = [i for i, name in enumerate(names) if name not in ("-", "")]
    positions = torch.from_numpy(values[:, keep])
    kept = tuple(names[i] for i in keep)
    absurd = positions.isnan().any(-1) | (positions.abs() > 1e6).any(-1)
    # Sensors write a joint that they do not see as zero.
    unseen = absurd | ((positions == 0).all(-1) & bool((positions == 0).all(-1).float().mean() < 0.9))
    positions = positions.masked_fill(unseen[..., None], torch.nan)
    if bool(unseen.all()):
        raise ValueError("positions: expected joints that are seen somewhere, got none but NaN")
    if told.names is None:
        _check_order(positions, kept)
    axis = told.up or _up(positions, kept, times)
    unit = told.unit or _unit(positions, kept)
    metres = UNITS[unit]
    turned = metres * positions @ (UPRIGHT @ upright_from(axis)).T
    text = f"positions, {joint_set or 'matched'} {len(kept)} joints, {unit}, {axis} up, {said}"
    if _is_mirrored(turned, kept):
        turned = turned * torch.tensor([-1.0, 1.0, 1.0], dtype=turned.dtype)
        text += ", left-handed axes (mirrored back)"
    return Skeleton(kept, turned, times, Labels(source=text), joint_set)


def _names(values: np.ndarray[Any, Any], given: tuple[str, ...] | None) -> tuple[tuple[str, ...], str]:
    """Names of the joints ("-" = left out) and the joint set, from the file's names or from their number."""
    if given is None:
        count = values.shape[1]
        if count == 17:
            return (tuple(_H36M17), "") if _is_h36m(values) else (tuple(JOINT_SETS["coco17"]), "coco17")
        if count not in _BY_COUNT:
            raise ValueError(
                f"positions: expected named joints or one of 17, {str(list(_BY_COUNT))[1:-1]}, got {count}"
            )
        names, joint_set = _BY_COUNT[count]
        return (*names, *["-"] * (count - len(names))), joint_set
    for joint_set, table in sorted(JOINT_SETS.items(), key=lambda item: -len(item[1])):
        if set(table) <= set(_kinect_names(given)):
            return tuple(n if n in table else "-" for n in _kinect_names(given)), joint_set
    if set(given) <= set(SMPLX_JOINTS):
        return given, ""
    found = {index: joint for joint, index in match_names(given).items()}
    if len(found) < 8:
        raise ValueError(f"positions: expected joints that name a body's limbs, got {', '.join(given)[:120]}")
    return tuple(found.get(i, "-") for i in range(len(given))), ""


def _kinect_names(given: tuple[str, ...]) -> tuple[str, ...]:
    """Kinect's names in full (ShoulderLeft) as the short ones of the joint sets (ShoulderL)."""
    return tuple(n.replace("Left", "L").replace("Right", "R") if n[-1:] in "t" else n for n in given)


def _is_h36m(values: np.ndarray[Any, Any]) -> bool:
    """Human3.6M's first joint lies in the middle of the second and fifth, its hips; COCO's is the nose."""
    middle = 0.5 * (values[:, 1] + values[:, 4])
    apart = np.linalg.norm(values[:, 1] - values[:, 4], axis=-1)
    off = np.linalg.norm(values[:, 0] - middle, axis=-1)
    return bool(np.nanmedian(off) < 0.3 * np.nanmedian(apart))


def _of(names: tuple[str, ...], joint: str) -> list[int]:
    """Indices of the left and right `joint`, under SMPL-X's or Kinect's names."""
    return [
        i
        for i, n in enumerate(names)
        if n in (f"left_{joint}", f"right_{joint}", f"{joint.title()}L", f"{joint.title()}R")
    ]


def _up(positions: Tensor, names: tuple[str, ...], times: Tensor) -> str:
    """The axis along which shoulders are over ankles or hips (`up_of`)."""
    top, low = _of(names, "shoulder"), _of(names, "ankle") or _of(names, "hip")
    if not top or not low:
        raise ValueError("positions: expected shoulders and ankles among the joints, to find which way is up")
    try:
        return up_of(positions[:, top].nanmean(1) - positions[:, low].nanmean(1), times)
    except ValueError as error:
        raise ValueError(f"positions: {error}") from None


def _check_order(positions: Tensor, names: tuple[str, ...]) -> None:
    """Refuse joints whose order was taken for another by their number alone: a person's bones are in proportion."""
    bones: dict[str, Tensor] = {}
    for bone, (upper, lower) in _BONES.items():
        ends = _of(names, upper), _of(names, lower)
        if len(ends[0]) == len(ends[1]) == 2:
            bones[bone] = (positions[:, ends[0]] - positions[:, ends[1]]).norm(dim=-1).nanmedian(0).values
    pairs = [(f"one {bone}", f"the other {bone}", *sides.tolist()) for bone, sides in bones.items()]
    for upper, lower in (("thigh", "shank"), ("upper arm", "forearm")):
        if upper in bones and lower in bones:
            pairs.append((f"the {upper}", f"the {lower}", float(bones[upper].mean()), float(bones[lower].mean())))
    for first, second, one, other in pairs:
        if one > _ALIKE * other or other > _ALIKE * one:
            raise ValueError(
                f"positions: expected {len(names)} joints in a known order, got an order in which {first} would be "
                f"{one:.3g} and {second} {other:.3g} long; name the joints ('joint_names')"
            )


def _is_mirrored(positions: Tensor, names: tuple[str, ...]) -> bool:
    """Whether toes, or bent knees where there are none, are behind the body [m], as in axes that are left-handed."""
    chain = ("shoulder", "hip", "knee", "ankle", "foot")
    middle = {joint: positions[:, _of(names, joint)].nanmean(1) for joint in chain}
    left, right = sorted(_of(names, "hip"), key=lambda i: names[i] not in ("left_hip", "HipL"))
    ahead = torch.linalg.cross(positions[:, left] - positions[:, right], middle["shoulder"] - middle["hip"])
    tip = middle["foot"] - middle["ankle"]
    if not bool(tip.isfinite().all(-1).any()):
        tip = middle["knee"] - 0.5 * (middle["hip"] + middle["ankle"])
    # Knees of straight legs are as often behind the line from hip to ankle as before it.
    told = tip.norm(dim=-1) > 0.06
    cosine = torch.nn.functional.cosine_similarity(ahead, tip, dim=-1)[told]
    return bool(cosine.nanmean() < -0.3)


def _unit(positions: Tensor, names: tuple[str, ...]) -> str:
    """Name of the unit in which the thigh is as long as people's, or else nearest to 0.4 m; metric ones first."""
    hips, knees = _of(names, "hip"), _of(names, "knee")
    if len(hips) != 2 or len(knees) != 2:
        raise ValueError("positions: expected hips and knees among the joints, to find the unit")
    length = float((positions[:, knees] - positions[:, hips]).norm(dim=-1).nanmedian())
    if not 0 < length < 1e5:
        raise ValueError(f"positions: expected thighs of some length, got {length:.4g}")
    likely = (unit for unit, metres in UNITS.items() if _THIGH[0] < length * metres < _THIGH[1])
    name = next(likely, None) or min(UNITS, key=lambda unit: abs(np.log(length * UNITS[unit] / 0.4)))
    if not 0.1 < length * UNITS[name] < 1.0:
        raise ValueError(f"positions: expected thighs of 0.1 to 1 m in some unit, got {length:.4g} of the file's")
    return name
