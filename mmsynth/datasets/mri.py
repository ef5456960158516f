"""The mRI data set (An, Li, Ogras, NeurIPS 2022): IWR1443 clouds of 20 people at rehabilitation moves."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmsynth.datasets.attributes import Attributes
from mmsynth.datasets.capture import Capture, ImportReport, make_cloud
from mmsynth.datasets.cards import existing_folder
from mmsynth.pickles import read_pickle
from mmsynth.types import Labels, Sample

# Moves 1 to 10 are those of MARS, in its order.
ACTIVITIES = {f"pose_{i}": f"pose_{i}" for i in range(1, 11)} | {"free_form": "free_form", "walk": "walk"}
FRAME_PERIOD = 0.1
_COLUMNS = {"X": "x", "Y": "y", "Z": "z", "Doppler": "v", "Intensity": "intensity"}
_FRAME = "Camera Frame"


def import_mri(src: Path | str) -> Capture:
    """Open the published folder above `radar/singleframe/subject1.csv` and `pose_labels/subject1_all_labels.cpl`.

    One clip an action of a subject (`video_label`: first frame to last, exclusive), within the frames that both radar
    and labels have; id `subject1-pose_3`. The radar's columns are in its own frame (x right, y forward, z up); the
    labels (COCO's 17 joints in the camera's axes) go there by swapping y and z and negating x. Frames are those of the
    camera, taken as 10 frames/s. The label files are pickles and are read through an allow-list.

    Raises:
        ValueError: there is no such folder, nothing in it, or a file is not what it should be.
    """
    src = existing_folder(src)
    tables = sorted(src.rglob("singleframe/subject*.csv"), key=lambda p: _number(p.stem))
    if not tables:
        raise ValueError(f"{src}: expected radar/singleframe/subject1.csv and so on, found none")
    report = ImportReport()
    attributes = Attributes(joint_set="coco17", intensity_unit="ADC counts")
    return Capture(attributes, (clip for table in tables for clip in _clips(table, report)), report)


def _clips(table: Path, report: ImportReport) -> Iterator[Sample]:
    subject = table.stem
    path = table.parents[2] / "pose_labels" / f"{subject}_all_labels.cpl"
    labels = read_pickle(path) if path.is_file() else None
    if not isinstance(labels, dict):
        raise ValueError(f"{path}: expected a pickled dictionary of labels beside {table}")
    try:
        poses = np.asarray(labels["refined_gt_kps"], np.float32)
        spans = [tuple(int(v) for v in labels[name]) for name in ("gt_avail_frames", "radar_avail_frames")]
        actions = {
            str(name).replace(" ", "_"): tuple(int(v) for v in span)
            for name, span in dict(labels["video_label"]).items()
        }
        first, last = max(s[0] for s in spans), min(s[1] for s in spans)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{path}: expected poses, available frames and actions ({error!r})") from None
    if poses.ndim != 3 or poses.shape[1:] != (3, 17):
        raise ValueError(f"{path}: refined_gt_kps: expected [frames, 3, 17], got {poses.shape}")
    columns = _read_table(table)
    report.read.update(subjects=1, points=len(columns["x"]))
    for name, (start, stop) in actions.items():
        start, stop = max(start, first), min(stop, last + 1, len(poses))
        if name not in ACTIVITIES or stop <= start:
            report.dropped["actions without radar and labels, or of no name"] += 1
            continue
        report.read.update(clips=1, frames=stop - start)
        yield _clip(subject, name, columns, poses, (start, stop))


def _clip(
    subject: str, name: str, columns: dict[str, NDArray[np.float64]], poses: NDArray[np.float32], span: tuple[int, int]
) -> Sample:
    start, stop = span
    frame = columns["frame"].astype(np.int64)
    rows = np.flatnonzero((frame >= start) & (frame < stop))
    rows = rows[np.argsort(frame[rows], kind="stable")]
    points = {to: columns[to][rows] for to in _COLUMNS.values()}
    left, up, forward = np.moveaxis(poses[start:stop], 1, 0)
    return Sample(
        id=f"{subject}-{name}",
        labels=Labels(ACTIVITIES[name], f"mri-{subject}", subject, "mri"),
        cloud=make_cloud(points, frame[rows] - start, FRAME_PERIOD * np.arange(float(stop - start)), "ADC counts"),
        joints=torch.from_numpy(np.stack([-left, forward, up], -1)),
        joint_set="coco17",
        provenance={"first_frame": str(start)},
    )


def _read_table(path: Path) -> dict[str, NDArray[np.float64]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        header = [name.strip() for name in next(csv.reader(file), [])]
    missing = [name for name in (_FRAME, *_COLUMNS) if name not in header]
    if missing:
        raise ValueError(f"{path}: expected a column '{missing[0]}', got {', '.join(header)}")
    used: dict[str, Any] = {**_COLUMNS, _FRAME: "frame"}
    try:
        table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2, usecols=[header.index(name) for name in used])
    except ValueError as error:
        raise ValueError(f"{path}: expected numbers apart by commas ({error})") from None
    return dict(zip(used.values(), table.T, strict=True))


def _number(name: str) -> int:
    found = re.search(r"\d+", name)
    return int(found[0]) if found else 0
