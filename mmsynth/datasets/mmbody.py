"""The mmBody data set (Chen et al., ACM MM 2022): clouds of an Arbe Phoenix paired with SMPL-X bodies."""

import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mmsynth.datasets.attributes import Attributes
from mmsynth.datasets.capture import Capture, ImportReport, load_array, make_cloud, stack_frames
from mmsynth.datasets.cards import existing_folder
from mmsynth.types import Labels, Sample

FRAME_PERIOD = 0.1
_JOINTS = 22


def import_mmbody(src: Path | str) -> Capture:
    """Open the published folder above `train/sequence_0/radar/frame_0.npy` and `test/SCENE/sequence_0/...`.

    One clip a sequence, with id `train-sequence_0` or `lab1-sequence_1`. Points are [n, 6]: x right, y forward, z up in
    m, then velocity, amplitude and energy. Velocities are stored 1e-38 times too small (published code multiplies by
    1e38): they are kept only where they are normal numbers below 20 m/s after that, else NaN. Intensity is the energy.
    Joints are SMPL-X's first 22, in the radar's frame as published. Frame times assume 10 frames/s.

    Raises:
        ValueError: there is no such folder, nothing in it, or a file is not what it should be.
    """
    src = existing_folder(src)
    folders = sorted(
        (p for p in src.rglob("sequence_*/radar") if p.is_dir()), key=lambda p: (p.parts[:-2], _number(p.parent))
    )
    if not folders:
        raise ValueError(f"{src}: expected folders sequence_0/radar, found none")
    report = ImportReport()
    attributes = Attributes(joint_set="smplx22", intensity_unit="energy")
    return Capture(attributes, (_clip(folder, report) for folder in folders), report)


def _clip(folder: Path, report: ImportReport) -> Sample:
    scene, sequence = folder.parts[-3:-1]
    files = sorted(folder.glob("frame_*.npy"), key=_number)
    if not files:
        raise ValueError(f"{folder}: expected frame_0.npy and so on, found none")
    numbers = np.array([_number(p) for p in files])
    rows, frame = stack_frames([_read_frame(p) for p in files], 6)
    velocity = rows[:, 3] * 1e38
    usable = np.isfinite(velocity) & (np.abs(velocity) < 20.0)
    report.read.update(clips=1, frames=len(files), points=len(rows))
    report.dropped["velocities that are no numbers (NaN)"] += int((~usable).sum())
    columns = dict(zip("xyz", rows[:, :3].T, strict=True))
    columns |= {"v": np.where(usable, velocity, np.nan), "intensity": rows[:, 5]}
    poses = np.stack([_pose(folder.parent / "mesh" / f"{p.stem}.npz", report) for p in files])
    return Sample(
        id=f"{scene}-{sequence}",
        labels=Labels("", "", scene, "mmbody"),
        cloud=make_cloud(columns, frame, (numbers - numbers[0]) * FRAME_PERIOD, "energy"),
        joints=torch.from_numpy(poses),
        joint_set="smplx22",
    )


def _read_frame(path: Path) -> NDArray[np.float64]:
    points = load_array(path)
    if points.ndim != 2 or points.shape[1] != 6:
        raise ValueError(f"{path}: expected points [n, 6], got shape {points.shape}")
    return points


def _pose(path: Path, report: ImportReport) -> NDArray[np.float32]:
    """Joints [22, 3] of a frame; NaN where there is no mesh."""
    if not path.is_file():
        report.dropped["frames without a body (NaN)"] += 1
        return np.full((_JOINTS, 3), np.nan, np.float32)
    joints = load_array(path, "joints")
    if joints.ndim != 2 or joints.shape[0] < _JOINTS or joints.shape[1] != 3:
        raise ValueError(f"{path}: joints: expected [22 or more, 3], got shape {joints.shape}")
    return joints[:_JOINTS].astype(np.float32)


def _number(path: Path) -> int:
    found = re.search(r"\d+$", path.stem)
    return int(found[0]) if found else 0
