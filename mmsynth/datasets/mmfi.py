"""The MM-Fi data set (Yang et al., NeurIPS 2023): IWR6843 clouds of 40 people, 27 moves, four rooms."""

import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mmsynth.datasets.attributes import Attributes
from mmsynth.datasets.capture import Capture, ImportReport, load_array, make_cloud, stack_frames
from mmsynth.datasets.cards import existing_folder
from mmsynth.types import Labels, Sample

# By the number of the action, A01 first.
ACTIVITIES = (
    "stretching", "chest_expansion_horizontal", "chest_expansion_vertical", "twist_left", "twist_right", "mark_time",
    "limb_extension_left", "limb_extension_right", "lunge_left_front", "lunge_right_front", "limb_extension_both",
    "squat", "raise_hand_left", "raise_hand_right", "lunge_left_side", "lunge_right_side", "wave_hand_left",
    "wave_hand_right", "pick_up", "throw_left", "throw_right", "kick_left", "kick_right", "body_extension_left",
    "body_extension_right", "jump_up", "bow",
)  # fmt: skip
FRAME_PERIOD = 0.1


def import_mmfi(src: Path | str) -> Capture:
    """Open the published folder `E01/S01/A01/mmwave/frame001.bin`, with `ground_truth.npy` beside `mmwave`.

    One clip a move, with id `E01-S01-A01`. Each frame is float64 [points, 5]: forward, lateral, vertical, Doppler,
    intensity. The radar hung upside down, so that lateral is positive to the right and vertical to the floor; it goes
    to (x, y, z) = (lateral, forward, -vertical), as the poses, which are in the camera's axes (right, down, forward).
    The two origins are some 0.1 m apart and are left as they are. Empty frames are kept: files of 0 bytes are part of
    the data. Frame numbers count from 1 at 10 frames/s.

    Raises:
        ValueError: there is no such folder, nothing in it, or a file of the wrong length.
    """
    src = existing_folder(src)
    folders = sorted(p for p in src.rglob("A[0-9][0-9]/mmwave") if p.is_dir())
    if not folders:
        raise ValueError(f"{src}: expected folders E01/S01/A01/mmwave, found none")
    report = ImportReport()
    attributes = Attributes(joint_set="h36m17", intensity_unit="dB")
    return Capture(attributes, (_clip(folder, report) for folder in folders), report)


def _clip(folder: Path, report: ImportReport) -> Sample:
    scene, subject, action = folder.parts[-4:-1]
    if not (re.fullmatch(r"S\d\d", subject) and 1 <= int(action[1:]) <= len(ACTIVITIES)):
        raise ValueError(f"{folder}: expected .../E01/S01/A01/mmwave with an action of 1 to {len(ACTIVITIES)}")
    files = sorted(folder.glob("frame[0-9]*.bin"))
    numbers = [int(p.stem.removeprefix("frame")) - 1 for p in files]
    if not files or min(numbers) < 0:
        raise ValueError(f"{folder}: expected frame001.bin and so on, found {files[0].name if files else 'none'}")
    rows, frame = stack_frames([_read_frame(p) for p in files], 5)
    columns = {"x": rows[:, 1], "y": rows[:, 0], "z": -rows[:, 2], "v": rows[:, 3], "intensity": rows[:, 4]}
    times = (np.array(numbers) - numbers[0]) * FRAME_PERIOD
    report.read.update(clips=1, frames=len(files), points=len(rows))
    report.read["empty frames"] += len(files) - len(np.unique(frame))
    return Sample(
        id=f"{scene}-{subject}-{action}",
        labels=Labels(ACTIVITIES[int(action[1:]) - 1], f"mmfi-{subject}", scene, "mmfi"),
        cloud=make_cloud(columns, frame, times, "dB"),
        joints=torch.from_numpy(_poses(folder.parent / "ground_truth.npy", numbers, report)),
        joint_set="h36m17",
    )


def _read_frame(path: Path) -> NDArray[np.float64]:
    raw = path.read_bytes()
    if len(raw) % 40:
        raise ValueError(f"{path}: expected a multiple of 40 bytes (5 float64 a point), got {len(raw)}")
    return np.frombuffer(raw, "<f8").reshape(-1, 5)


def _poses(path: Path, numbers: list[int], report: ImportReport) -> NDArray[np.float32]:
    """Poses [frames, 17, 3] in the radar's axes, NaN where there are none."""
    found = np.full((len(numbers), 17, 3), np.nan, np.float32)
    if not path.is_file():
        report.dropped["frames without a pose (NaN)"] += len(numbers)
        return found
    truth = load_array(path)
    if truth.ndim != 3 or truth.shape[1:] != (17, 3):
        raise ValueError(f"{path}: expected poses [frames, 17, 3], got shape {truth.shape}")
    known = np.array(numbers) < len(truth)
    right, down, forward = np.moveaxis(truth[np.array(numbers)[known]], -1, 0)
    found[known] = np.stack([right, forward, -down], -1)
    report.dropped["frames without a pose (NaN)"] += int((~known).sum())
    return found
