"""Biovision hierarchy files (.bvh): any joint names that a body goes by, any channel order, any unit, any up axis."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmsynth.motion.posing import about
from mmsynth.motion.retarget import Rig, retarget
from mmsynth.types import Labels, Motion

# Joints times frames: 8 GB in all would be too much for a hostile file of a few MB to ask for.
MOST = 30_000_000


@dataclass(frozen=True)
class Joint:
    """A joint of the hierarchy: name, parent's index (-1 root), offset in the file's unit, channels in order."""

    name: str
    parent: int
    offset: tuple[float, float, float]
    channels: tuple[str, ...]


def read_bvh(path: Path | str) -> Motion:
    """Read a BVH file as a motion of SMPL-X's joints, scaled to the generic body (`retarget`).

    Raises:
        ValueError: the file is no BVH file, is cut short, holds what is no number, or its joints are no body's.
    """
    path = Path(path)
    try:
        return retarget(read_rig(path), Labels(), "BVH")
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(str(path)) else f"{path}: {text}") from None


def read_rig(path: Path) -> Rig:
    """Read a BVH file's joints as they are.

    Raises:
        ValueError: it is no BVH file, or damaged.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    head, motion, tail = text.partition("MOTION")
    if not head.lstrip("\ufeff \t\r\n").startswith("HIERARCHY") or not motion:
        raise ValueError(f"{path}: expected a BVH file with HIERARCHY and MOTION, got neither or one of them")
    joints = _hierarchy(head.split()[1:])
    # Some programs write the comma of their country.
    values, step = _frames(tail.replace(",", ".").split(), sum(len(j.channels) for j in joints))
    if len(values) * len(joints) > MOST:
        raise ValueError(f"{path}: expected at most {MOST} joints times frames, got {len(values) * len(joints)}")
    rotations, positions = _forward(joints, values)
    rest = np.zeros((len(joints), 3))
    for i, joint in enumerate(joints):
        rest[i] = joint.offset if joint.parent < 0 else rest[joint.parent] + joint.offset
    return Rig(
        names=tuple(j.name for j in joints),
        parents=tuple(j.parent for j in joints),
        rotations=rotations,
        positions=positions,
        rest=torch.from_numpy(rest),
        times=torch.arange(len(values), dtype=torch.float64) * step,
    )


def _hierarchy(words: list[str]) -> list[Joint]:
    """The joints in the file's order, parents first; end sites are dropped."""
    joints: list[Joint] = []
    nested: list[int] = []  # -2 stands for an end site
    k = 0
    while k < len(words):
        word, inside = words[k].upper(), bool(nested) and nested[-1] >= 0
        if word == "ROOT" or (word == "JOINT" and inside):
            brace = _brace(words, k)
            joints.append(Joint(" ".join(words[k + 1 : brace]), nested[-1] if nested else -1, (0.0, 0.0, 0.0), ()))
            nested.append(len(joints) - 1)
            k = brace + 1
        elif word == "END" and inside:
            nested.append(-2)
            k = _brace(words, k) + 1
        elif word == "OFFSET" and nested:
            x, y, z = _numbers(words[k + 1 : k + 4], 3)
            if inside:
                joints[nested[-1]] = replace(joints[nested[-1]], offset=(x, y, z))
            k += 4
        elif word == "CHANNELS" and inside:
            channels = _channels(words[k + 1 : k + 8])
            joints[nested[-1]] = replace(joints[nested[-1]], channels=channels)
            k += 2 + len(channels)
        elif word == "}" and nested:
            nested.pop()
            k += 1
        else:
            raise ValueError(f"BVH hierarchy: expected a joint, OFFSET, CHANNELS or a brace, got '{words[k][:40]}'")
    if nested or not joints:
        raise ValueError("BVH hierarchy: expected every brace to be closed, the file seems cut short")
    return joints


def _brace(words: list[str], start: int) -> int:
    """Where the brace after a joint's name is: names may hold blanks."""
    for k in range(start + 1, min(start + 12, len(words))):
        if words[k] == "{":
            return k
    raise ValueError(f"BVH hierarchy: expected a name and a brace after '{words[start]}', got none")


def _channels(words: list[str]) -> tuple[str, ...]:
    count = int(_numbers(words[:1], 1)[0])
    channels = tuple(w.lower() for w in words[1 : 1 + max(count, 0)])
    if not 0 <= count <= 6 or len(channels) != count or not all(_is_channel(c) for c in channels):
        raise ValueError(f"BVH hierarchy: expected up to six channels such as Xrotation, got {' '.join(channels)}")
    return channels


def _is_channel(word: str) -> bool:
    return word[:1] in ("x", "y", "z") and word[1:] in ("rotation", "position")


def _numbers(words: list[str], count: int) -> list[float]:
    try:
        values = [float(w.replace(",", ".")) for w in words]
    except ValueError:
        raise ValueError(f"BVH: expected {count} numbers, got '{' '.join(words)[:60]}'") from None
    if len(values) != count or not np.isfinite(values).all():
        raise ValueError(f"BVH: expected {count} finite numbers, got '{' '.join(words)[:60]}'")
    return values


def _frames(words: list[str], channels: int) -> tuple[np.ndarray, float]:
    """Channel values [frames, channels] and the time of a frame in s."""
    if len(words) < 5 or words[0].lower() != "frames:" or [w.lower() for w in words[2:4]] != ["frame", "time:"]:
        raise ValueError("BVH motion: expected 'Frames: n' and 'Frame Time: s', got something else")
    count, step = _numbers([words[1], words[4]], 2)
    have = (len(words) - 5) // channels if channels else 0
    if count < 1 or have < count:
        raise ValueError(
            f"BVH motion: expected {count:.0f} frames of {channels} values, got {have}: cut short or empty"
        )
    if not 1e-5 < step < 10:
        raise ValueError(f"BVH motion: expected a frame time in s, got {step}")
    try:
        values = np.array(words[5 : 5 + int(count) * channels], dtype=np.float64)
    except ValueError:
        raise ValueError("BVH motion: expected numbers, got something else among them") from None
    if not np.isfinite(values).all() or np.abs(values).max(initial=0.0) > 1e7:
        raise ValueError("BVH motion: expected finite numbers, got NaN, infinite or absurd ones")
    return values.reshape(int(count), channels), step


def _forward(joints: list[Joint], values: np.ndarray) -> tuple[Tensor, Tensor]:
    """World rotations [frames, joints, 3, 3] and positions [frames, joints, 3] in the file's unit."""
    channel = torch.from_numpy(values)
    rotations: list[Tensor] = []
    positions: list[Tensor] = []
    first = 0
    for joint in joints:
        local = torch.eye(3, dtype=torch.float64).expand(len(values), 3, 3)
        step = torch.tensor(joint.offset, dtype=torch.float64).repeat(len(values), 1)
        for k, name in enumerate(joint.channels):
            value = channel[:, first + k]
            if name.endswith("rotation"):
                local = local @ about(name[0], torch.deg2rad(value))
            else:
                # A joint that has position channels is where they say: they replace its offset.
                step[:, "xyz".index(name[0])] = value
        first += len(joint.channels)
        if joint.parent < 0:
            rotations.append(local)
            positions.append(step)
        else:
            above = rotations[joint.parent]
            rotations.append(above @ local)
            positions.append(positions[joint.parent] + (above @ step[..., None])[..., 0])
    return torch.stack(rotations, 1), torch.stack(positions, 1)
