"""The MARS data set (An and Ogras, ACM TECS 2021): IWR1443 clouds paired with Kinect V2 poses, ten moves."""

import csv
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from mmsynth.datasets.attributes import Attributes
from mmsynth.datasets.capture import Capture, ImportReport, make_cloud
from mmsynth.datasets.cards import existing_folder
from mmsynth.datasets.mars_features import PARTS, feature_clips
from mmsynth.joints import JOINT_SETS
from mmsynth.radar import load_radar
from mmsynth.types import Labels, Sample

ACTIVITIES = (
    "left_upper_limb_extension",
    "right_upper_limb_extension",
    "both_upper_limb_extension",
    "left_front_lunge",
    "right_front_lunge",
    "squat",
    "left_side_lunge",
    "right_side_lunge",
    "left_limb_extension",
    "right_limb_extension",
)
# Where the radar's frame lies from the published labels' (m, added to them): the Kinect stood beside and above the
# radar. Sideways from the symmetrical moves 3 and 6 of subjects 1-3 (-0.13 to -0.18), up from fast points of the arm
# moves 1-3, 9, 10 against the joint of equal radial velocity (0.16 to 0.31). In depth from points at the body: they lie
# 0.03 m (standard deviation over 28 recordings 0.02) behind those of a simulated body in the Kinect's pose, as a board
# that is not calibrated measures some cm too far.
LABEL_OFFSET = (-0.16, 0.03, 0.23)
# Where the radar stands in that frame: level with the Kinect. The board is not calibrated and reads points higher than
# they are (profile "mars"), by this much at the 1.9 m at which people stand; so the offset up is the board's, not the
# room's. A radar 0.23 m under the Kinect sees legs that the recorded clouds do not show.
RADAR_POSITION = (0.0, 0.0, 0.23)
# How long in s the clouds come after the poses of the same frame. Power and points a frame of clouds simulated of the
# poses follow the recorded ones best when they are later by 0.65, 0.58 and 0.48 of a frame in subjects 1, 2 and 3 (50
# training and validation parts; by 0.06 to -0.01 once this lag is in). Frames are sent when their list is complete,
# poses when the camera has them; nobody published either delay.
RADAR_LAG = 0.05
# Two fronts, of furniture perhaps, stand beside the person: two points (x, y) in m of the foot of each, from left to
# right as one looks at it, and the height z of both. Recorded points beyond the body have the range of an echo that
# goes over one of them once, (r + r') / 2 with r' the distance of the body's image, or twice, r'. Put to one plane
# after another, these ranges agree on 1.25 to 1.33 m to the right (6,300 points at y = 0 of training and validation
# parts) and on 0.95 to 1.08 m to the left (4,800), in all three subjects, wherever the body stands. Their turns are
# those of directions of two bounces: 5.6 degrees from x towards +y (quartiles 2.5 and 7.7; 4.7 by fewer points) and
# 0.9 (-1.3, 2.9). An echo over a front goes either way round, and the azimuth of the sum peaks beside both
# directions; where the two azimuth TX are in opposition there, the phase of the raised one is off by pi: points of z
# = 0.9 r, so y = 0. Height and material are such that as many points come as recorded, from heights as recorded (0.2
# r under the body's own points: a front of 1.06 m shows hips and legs; walls of 1.5 m over the radar would show the
# trunk, too often and too high).
FRONTS = (((0.99, 5.0), (1.43, -0.3)), ((-0.985, -0.3), (-0.90, 5.0)))
FRONTS_TOP = 0.13
FRONTS_MATERIAL = "plasterboard"

# Rows of `radar_data_cropped`.
_FRAME, _X, _Y, _Z, _DOPPLER, _INTENSITY, _TIME = 0, 2, 3, 4, 5, 6, 7
_KINECT_SUFFIX = (("Left", "L"), ("Right", "R"))


def import_mars(src: Path | str) -> Capture:
    """Open the published folder, or any folder above `subjectN/radar_data1.mat` (use the data without outliers).

    Three clips a recording: its official parts, by frame: the first 60 % train, the next 20 % validate, the rest test
    (both shares rounded up; this reproduces the published counts and boundaries). Ids are `s2-m04-train` for subject 2,
    move 4. Joints are Kinect's 19 of the paper, moved by `LABEL_OFFSET` into the radar frame; where labels were not
    published (subject 1, train) they are NaN. Frames without points or pose were left out by the publishers, which
    shows as gaps in the times (10 frames/s). Intensity is linear. Nothing is dropped. A folder that holds only the
    published feature maps is read too (`mars_features`).

    Raises:
        ValueError: there is no such folder or nothing in it, or the labels do not fit the recordings.
    """
    src = existing_folder(src)
    pairs = {"woutlier", "wooutlier"}  # published side by side; as their names have it, "w" is the one at hand
    folders = sorted({p.parent for p in src.rglob("subject[0-9]*/radar_data1.mat")}, key=lambda p: p.as_posix())
    kinds = {p.parent.name for p in folders} & pairs
    if len(kinds) > 1:
        folders = [p for p in folders if p.parent.name == "woutlier"]
    features = next(iter(sorted(src.rglob("featuremap_*.npy"))), None)
    if not folders and features is None:
        raise ValueError(f"{src}: expected folders subjectN with radar_data1.mat (or featuremap_*.npy), found none")
    setup = load_radar("mars")
    report = ImportReport()
    offset = "x {:+.2f} m, y {:+.2f} m, z {:+.2f} m".format(*LABEL_OFFSET)
    report.notes.append(f"joints were moved from the labels' frame into the radar's: {offset}")
    attributes = Attributes(
        radar=setup.radar,
        processing=setup.processing,
        joint_set="mars19",
        intensity_unit="ADC counts",
        notes={"label_offset": offset},
    )
    if features is not None and not folders:
        return Capture(attributes, feature_clips(features.parent, LABEL_OFFSET, report), report)
    return Capture(attributes, _clips(folders, report), report)


def official_parts(frames: int) -> dict[str, slice]:
    """The frames of each official part of a recording."""
    train, validate = math.ceil(0.6 * frames), math.ceil(0.2 * frames)
    return {
        "train": slice(0, train),
        "validate": slice(train, train + validate),
        "test": slice(train + validate, frames),
    }


def _clips(folders: list[Path], report: ImportReport) -> Iterator[Sample]:
    for folder in folders:
        subject = _subject(folder)
        moves = [m for m in range(1, len(ACTIVITIES) + 1) if (folder / f"radar_data{m}.mat").is_file()]
        recordings = {m: _read_recording(folder / f"radar_data{m}.mat") for m in moves}
        counts = {m: len(np.unique(r[_FRAME])) for m, r in recordings.items()}
        poses = _poses(folder, counts, report)
        report.read["subjects"] += 1
        for move, rows in recordings.items():
            report.read.update(recordings=1, frames=counts[move], points=rows.shape[1])
            for part, frames in official_parts(counts[move]).items():
                if len(poses[move, part]):  # of a frame or two there are no later parts
                    yield _clip(f"s{subject}-m{move:02d}-{part}", rows, frames, poses[move, part])


def _subject(folder: Path) -> int:
    found = re.fullmatch(r"subject(\d+)", folder.name)
    if not found:
        raise ValueError(f"{folder}: expected a folder named subjectN")
    return int(found[1])


def _clip(name: str, rows: NDArray[np.float64], frames: slice, pose: NDArray[np.float32]) -> Sample:
    numbers, index = np.unique(rows[_FRAME], return_inverse=True)
    keep = (index >= frames.start) & (index < frames.stop)
    rows, index, numbers = rows[:, keep], index[keep] - frames.start, numbers[frames]
    order = np.argsort(index, kind="stable")
    columns = dict(zip("xyz", rows[[_X, _Y, _Z]][:, order], strict=True))
    columns |= {"v": rows[_DOPPLER][order], "intensity": rows[_INTENSITY][order]}
    start = datetime.fromtimestamp(float(rows[_TIME].min()), UTC)
    subject, move, _ = name.split("-")
    return Sample(
        id=name,
        labels=Labels(ACTIVITIES[int(move[1:]) - 1], f"mars-{subject}", start.date().isoformat(), "mars"),
        cloud=make_cloud(columns, index[order], (numbers - numbers[0]) * 0.1, "ADC counts"),
        joints=torch.from_numpy(pose + np.array(LABEL_OFFSET, np.float32)),
        joint_set="mars19",
        provenance={"start": start.isoformat(timespec="milliseconds"), "first_frame": str(int(numbers[0]))},
    )


def _read_recording(path: Path) -> NDArray[np.float64]:
    """Rows [8, points] of a recording (HDF5, as MATLAB 7.3 writes it)."""
    try:
        with h5py.File(path, "r") as file:
            rows = np.asarray(file["radar_data_cropped"][...], np.float64)
    except (OSError, KeyError) as error:
        raise ValueError(f"{path}: expected MATLAB 7.3 with 'radar_data_cropped' ({error})") from None
    if rows.ndim != 2 or rows.shape[0] != 8 or rows.shape[1] == 0 or not np.isfinite(rows).all():
        raise ValueError(f"{path}: expected finite numbers [8, points], got shape {rows.shape}")
    return rows


def _poses(folder: Path, counts: dict[int, int], report: ImportReport) -> dict[tuple[int, str], NDArray[np.float32]]:
    """Poses [frames, 19, 3] by move and part, in the labels' own frame; NaN where they were not published."""
    poses: dict[tuple[int, str], NDArray[np.float32]] = {}
    joints = tuple(JOINT_SETS["mars19"])
    for part in PARTS:
        path = folder / "timesplit" / f"kinect_data_{part}.csv"
        lengths = {m: len(range(*official_parts(n)[part].indices(n))) for m, n in counts.items()}
        total = sum(lengths.values())
        if path.is_file():
            labels = _read_labels(path, joints)
            if len(labels) != total:
                raise ValueError(f"{path}: expected {total} poses for the recordings beside it, got {len(labels)}")
        else:
            labels = np.full((total, len(joints), 3), np.nan, np.float32)
            report.dropped[f"poses not published ({folder.name}, {part}: NaN)"] += total
        bounds = np.cumsum([0, *lengths.values()])
        poses |= {(m, part): labels[a:b] for m, a, b in zip(lengths, bounds[:-1], bounds[1:], strict=True)}
    return poses


def _read_labels(path: Path, joints: tuple[str, ...]) -> NDArray[np.float32]:
    """Poses [frames, joints, 3] of a table with columns such as ElbowLeft_X."""
    with path.open(newline="", encoding="utf-8") as file:
        header = next(csv.reader(file), [])
    short = {_short(name): k for k, name in enumerate(header)}
    missing = [f"{joint}_{axis}" for joint in joints for axis in "XYZ" if f"{joint}_{axis}" not in short]
    if missing:
        raise ValueError(f"{path}: expected a column for every joint and axis, got none for {missing[0]}")
    try:
        table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    except ValueError as error:
        raise ValueError(f"{path}: expected numbers apart by commas ({error})") from None
    if table.shape[1] != len(header):
        raise ValueError(f"{path}: expected {len(header)} columns as in the header, got {table.shape[1]}")
    columns = [[short[f"{joint}_{axis}"] for axis in "XYZ"] for joint in joints]
    return table[:, np.array(columns)].astype(np.float32)


def _short(name: str) -> str:
    """`ElbowLeft_X` as `ElbowL_X`."""
    for long, short in _KINECT_SUFFIX:
        name = name.replace(f"{long}_", f"{short}_")
    return name
