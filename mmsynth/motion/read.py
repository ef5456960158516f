"""`read_motion`: one door for every format; what the file was taken for stands in `labels.source`."""

from dataclasses import replace
from pathlib import Path

import torch

from mmsynth.motion import deepmimic, meshes, positions, smpl
from mmsynth.motion.bvh import read_bvh
from mmsynth.motion.files import read_arrays
from mmsynth.motion.skeleton import JOINTS, forward
from mmsynth.types import MeshSequence, Motion, Skeleton

FORMATS = (
    "BVH",
    "AMASS .npz",
    "AIST++ .pkl",
    "SMPL or SMPL-X fits (.npz, .pkl)",
    "joint positions (.npz, .npy, .csv)",
    "DeepMimic .json or .txt",
    "mesh sequence (.npz, or a folder of OBJ or PLY)",
)


# In m/s: hands and feet of people who punch and sprint stay below.
JUMP = 12.0


def read_motion(path: Path | str, frame_rate: float | None = None) -> Motion | Skeleton | MeshSequence:
    """Read a motion file of any known format, recognised by its content.

    Args:
        path: a file, or a folder of meshes.
        frame_rate: in Hz, for files that do not say; 30 where it is not given (and then said so in `labels.source`).

    Returns:
        A Motion where the file holds rotations, a Skeleton where it holds joint positions, a MeshSequence of a surface;
        in the world, z up, where and which way the file has it. A rest pose that stands before the motion (as in most
        files that were made of CMU's) is left out, and `labels.source` says so.

    Raises:
        ValueError: there is no such file, it is of no known format, empty, cut short, or holds NaN.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"{path}: no such file")
    if frame_rate is not None and not 0 < frame_rate < 1e5:
        raise ValueError(f"frame_rate: expected a positive number of Hz, got {frame_rate}")
    try:
        return _without_rest_pose(_read(path, frame_rate))
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    except (OSError, MemoryError) as error:
        raise ValueError(f"{path}: not read: {error}") from None


def _without_rest_pose(found: Motion | Skeleton | MeshSequence) -> Motion | Skeleton | MeshSequence:
    """What was read, without a first frame that it jumps away from.

    That is, where a joint leaves that frame at more than `JUMP`, and more than twice as fast as any moves in the second
    that follows.
    """
    if isinstance(found, MeshSequence):
        return found
    start = found.times[found.times <= found.times[0] + 1.0]
    count = len(start)
    if isinstance(found, Skeleton):
        positions = found.positions[:count]
    else:
        known = [i for i, name in enumerate(found.joint_names) if name in JOINTS]
        names = tuple(found.joint_names[i] for i in known)
        turned, moved = found.rotations[:count, known], found.translation[:count]
        positions = forward(Motion(names, turned, moved, start))
    speed = torch.nan_to_num(positions.diff(dim=0).norm(dim=-1) / start.diff()[:, None]).amax(1)
    if len(speed) < 2 or not float(speed[0]) > max(JUMP, 2 * float(speed[1:].max())):
        return found
    labels = replace(found.labels, source=f"{found.labels.source}, less the rest pose before it")
    times = found.times[1:] - found.times[1]
    if isinstance(found, Skeleton):
        return replace(found, positions=found.positions[1:], times=times, labels=labels)
    expression = None if found.expression is None else found.expression[1:]
    rotations, translation = found.rotations[1:], found.translation[1:]
    return replace(
        found, rotations=rotations, translation=translation, times=times, expression=expression, labels=labels
    )


def _read(path: Path, frame_rate: float | None) -> Motion | Skeleton | MeshSequence:
    if path.is_dir():
        return meshes.read_folder(path, frame_rate)
    if path.stat().st_size == 0:
        raise ValueError("expected a motion file, got an empty one")
    suffix = path.suffix.lower()
    if suffix in (".npz", ".npy", ".pkl", ".pickle"):
        return _from_arrays(path, frame_rate)
    with open(path, encoding="utf-8", errors="replace") as file:
        start = file.read(4096)
    if suffix == ".bvh" or start.lstrip("\ufeff \t\r\n").startswith("HIERARCHY"):
        return read_bvh(path)
    if deepmimic.is_deepmimic(start):
        return deepmimic.read_deepmimic(path)
    if suffix == ".csv":
        return positions.read_csv(path, frame_rate)
    raise ValueError(f"expected one of {', '.join(FORMATS)}, got something else")


def _from_arrays(path: Path, frame_rate: float | None) -> Motion | Skeleton | MeshSequence:
    data = read_arrays(path)
    # Some estimators nest the parameters of one person.
    nested = next((v for k, v in data.items() if k in ("smpl", "smplx", "params") and isinstance(v, dict)), None)
    data = nested or data
    if smpl.is_amass(data):
        return smpl.from_amass(data, frame_rate)
    if smpl.is_aist(data):
        return smpl.from_aist(data)
    if smpl.is_fit(data):
        return smpl.from_fit(data, frame_rate)
    if meshes.is_mesh(data):
        return meshes.from_arrays(data, frame_rate)
    if positions.has_positions(data):
        return positions.from_arrays(data, frame_rate)
    raise ValueError(f"expected {', '.join(FORMATS[1:5])} or a mesh sequence, got the arrays {', '.join(data)[:200]}")
