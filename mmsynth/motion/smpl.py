"""Parameters of the SMPL family: AMASS, AIST++, and the fits that estimators write.

All are rotation vectors of SMPL's joints, which SMPL-X shares; what differs is where the joints stand in the row, the
world's up axis, and that the translation is the model's origin, not its pelvis.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from mmsynth.geometry import UPRIGHT, matrix_from_rotvec
from mmsynth.joints import SMPLX_JOINTS
from mmsynth.motion.axes import up_of, upright_from
from mmsynth.motion.files import floats, number_of, text_of
from mmsynth.types import Labels, Motion

# Where the pelvis joint of the mean shape is in the model's own axes (y up), in m: the translation does not contain it.
_PELVIS = {"smpl": (-0.002, -0.223, 0.028), "smplx": (0.003, -0.351, 0.012)}
_BODY = SMPLX_JOINTS[:22]
_FACE = SMPLX_JOINTS[22:25]
_HANDS = SMPLX_JOINTS[25:]
_AMASS_RATES = ("mocap_framerate", "mocap_frame_rate", "fps", "frame_rate", "framerate")
Gender = Literal["neutral", "female", "male"]


def is_amass(data: dict[str, Any]) -> bool:
    """Whether arrays by name are AMASS's."""
    return "trans" in data and ("poses" in data or "root_orient" in data)


def is_aist(data: dict[str, Any]) -> bool:
    """Whether arrays by name are AIST++'s."""
    return "smpl_poses" in data and "smpl_trans" in data


def is_fit(data: dict[str, Any]) -> bool:
    """Whether arrays by name are a sequence of SMPL or SMPL-X fits."""
    return "body_pose" in data and "global_orient" in data


def from_amass(data: dict[str, Any], frame_rate: float | None) -> Motion:
    """AMASS: `poses` of 72, 156 (SMPL-H) or 165 (SMPL-X) columns or its parts, `trans`, `betas`, z up.

    Raises:
        ValueError: an array is missing, of another shape, or holds NaN.
    """
    rate = next((number_of(data[k], k) for k in _AMASS_RATES if k in data), frame_rate)
    if rate is None:
        raise ValueError(
            f"AMASS: expected one of {', '.join(_AMASS_RATES)}, or a frame rate to be given, got "
            f"{', '.join(sorted(data))[:200]}"
        )
    if "poses" in data:
        poses = _rows(data["poses"], "poses")
    else:
        parts = ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")
        have = [_rows(data[k], k) for k in parts if k in data]
        if len({len(p) for p in have}) != 1:
            raise ValueError("AMASS: expected root_orient, pose_body and pose_hand of as many frames each")
        poses = np.concatenate(have, 1)
    names = _columns(poses.shape[1])
    kind = "smplx" if poses.shape[1] == 165 or text_of(data.get("surface_model_type", "")) == "smplx" else "smpl"
    rotations = matrix_from_rotvec(torch.from_numpy(poses[:, : 3 * len(names)]).reshape(len(poses), -1, 3))
    place = _rows(data["trans"], "trans", 3)
    return _motion(
        _Parts(names, rotations, place, "+z", kind, rate), data, f"AMASS {poses.shape[1]} columns, {rate:g} Hz"
    )


def from_aist(data: dict[str, Any]) -> Motion:
    """AIST++: `smpl_poses` [frames, 72], `smpl_trans` over `smpl_scaling`, y up, 60 frames/s.

    Raises:
        ValueError: an array is missing, of another shape, or holds NaN.
    """
    poses = _rows(data["smpl_poses"], "smpl_poses", 72)
    scale = number_of(data.get("smpl_scaling", 1.0), "smpl_scaling")
    rotations = matrix_from_rotvec(torch.from_numpy(poses[:, :66]).reshape(len(poses), 22, 3))
    place = _rows(data["smpl_trans"], "smpl_trans", 3) / scale
    return _motion(_Parts(_BODY, rotations, place, "+y", "smpl", 60.0), data, "AIST++, 60 Hz")


def from_fit(data: dict[str, Any], frame_rate: float | None) -> Motion:
    """A sequence of fits: `global_orient`, `body_pose`, optionally `transl`, `betas`, hands, jaw; up is found.

    Rotation vectors [frames, 3 n], [frames, n, 3] or matrices [frames, n, 3, 3].

    Raises:
        ValueError: an array is of another shape or holds NaN.
    """
    rate = next((number_of(data[k], k) for k in _AMASS_RATES if k in data), frame_rate or 30.0)
    root = _matrices(data["global_orient"], "global_orient")
    body = _matrices(data["body_pose"], "body_pose")[:, :21]
    parts = [(_BODY[:1], root[:, :1]), (_BODY[1:], body)]
    if "jaw_pose" in data:
        parts.append((_FACE[:1], _matrices(data["jaw_pose"], "jaw_pose")))
    for side in ("left", "right"):
        if f"{side}_hand_pose" in data and np.asarray(data[f"{side}_hand_pose"]).size % 45 == 0:
            names = tuple(n for n in _HANDS if n.startswith(side))
            parts.append((names, _matrices(data[f"{side}_hand_pose"], f"{side}_hand_pose")))
    frames = len(root)
    if any(p.shape[:2] != (frames, len(names)) for names, p in parts):
        shapes = ", ".join(str(tuple(p.shape[:2])) for _, p in parts)
        raise ValueError(f"fits: expected {frames} frames of 1, 21, (1, 15, 15) joints, got {shapes}")
    place = next((_rows(data[k], k, 3) for k in ("transl", "trans", "translation") if k in data), np.zeros((frames, 3)))
    word = up_of(root[:, 0, :, 1], torch.arange(frames, dtype=torch.float64) / rate)
    names = tuple(n for group, _ in parts for n in group)
    kind = (
        "smplx"
        if "jaw_pose" in data or "expression" in data or np.asarray(data["body_pose"]).size == frames * 63
        else "smpl"
    )
    text = f"{kind} fits, {rate:g} Hz{'' if frame_rate or any(k in data for k in _AMASS_RATES) else ' assumed'}"
    return _motion(_Parts(names, torch.cat([p for _, p in parts], 1), place, word, kind, rate), data, text)


# --------------------------------------------------------------------------------------------- parts


@dataclass(frozen=True, eq=False)
class _Parts:
    """What the readers have in common: joints, rotations, the model's translation, up axis, model and rate."""

    names: tuple[str, ...]
    rotations: Tensor
    place: np.ndarray[Any, np.dtype[np.float64]]
    up: str
    model: str
    rate: float


def _motion(parts: _Parts, data: dict[str, Any], text: str) -> Motion:
    """Turn the model's world to z up: the pelvis is at translation plus its rest position, whatever the root's turn."""
    frames = len(parts.rotations)
    if frames == 0 or len(parts.place) != frames:
        raise ValueError(f"{text}: expected a translation for each of {frames} frames, got {len(parts.place)}")
    turn = UPRIGHT @ upright_from(parts.up)
    rotations = parts.rotations.clone()
    rotations[:, 0] = turn @ rotations[:, 0]
    pelvis = torch.from_numpy(parts.place) + torch.tensor(_PELVIS[parts.model], dtype=torch.float64)
    word = text_of(data.get("gender", "neutral")).strip().lower()
    gender: Gender = "female" if word.startswith("f") else "male" if word.startswith("m") else "neutral"
    betas = floats(data.get("betas", np.zeros(10)), "betas")
    shape = betas.reshape(-1, betas.shape[-1]).mean(0) if betas.size else np.zeros(10)
    return Motion(
        joint_names=parts.names,
        rotations=rotations,
        translation=pelvis @ turn.T,
        times=torch.arange(frames, dtype=torch.float64) / parts.rate,
        shape=torch.from_numpy(shape),
        gender=gender,
        shape_of="smplx" if parts.model == "smplx" else "smpl",
        labels=Labels(source=f"{text}, {parts.up} up"),
    )


def _columns(count: int) -> tuple[str, ...]:
    """The joints that `count` columns of rotation vectors stand for, those of SMPL's two hands left out."""
    known = {63: None, 66: _BODY, 72: _BODY, 156: (*_BODY, *_HANDS), 165: SMPLX_JOINTS}
    names = known.get(count)
    if names is None:
        raise ValueError(f"poses: expected 66, 72, 156 or 165 columns, got {count}")
    return names


def _rows(value: Any, name: str, columns: int | None = None) -> np.ndarray[Any, np.dtype[np.float64]]:
    array = floats(value, name)
    array = array.reshape(len(array), -1) if array.ndim > 2 and len(array) else array
    if array.ndim != 2 or len(array) == 0 or (columns is not None and array.shape[1] != columns):
        raise ValueError(f"{name}: expected frames times {columns or 'columns'}, got the shape {array.shape}")
    return array


def _matrices(value: Any, name: str) -> Tensor:
    """Rotation matrices [frames, joints, 3, 3] of rotation vectors or matrices in any of their usual shapes."""
    array = floats(value, name)
    if array.ndim == 4 and array.shape[-2:] == (3, 3):
        given = torch.from_numpy(array)
        u, _, v = torch.linalg.svd(given)
        near: Tensor = u @ v
        if (near - given).abs().max() > 0.05 or (torch.linalg.det(near) < 0).any():
            raise ValueError(f"{name}: expected rotation matrices, got others")
        return near
    if array.ndim < 2 or len(array) == 0 or array[0].size % 3:
        raise ValueError(f"{name}: expected rotation vectors of each frame, got the shape {array.shape}")
    return matrix_from_rotvec(torch.from_numpy(array.reshape(len(array), -1, 3)))
