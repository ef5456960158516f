"""The MiliPoint data set (Cui et al., NeurIPS 2023): clouds of 11 people, 49 moves, paired with 18 joints."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mmsynth.datasets.attributes import Attributes
from mmsynth.datasets.capture import Capture, ImportReport, load_array, make_cloud, stack_frames
from mmsynth.pickles import read_pickle
from mmsynth.types import Labels, Sample

FRAME_PERIOD = 1 / 24


def import_milipoint(src: Path | str) -> Capture:
    """Open the published folder of `0.pkl` to `18.pkl`, `action_label.npy` and `id.json`.

    Each pickle is a list of frames {x: points [n, 3], y: joints [18, 3]}; `action_label.npy` numbers the frames of all
    of them in order (-1 = between moves), `id.json` says which person each file is of. One clip a run of frames with
    one label within one file, with id `f03-0012-a07`; frames between moves are left out. There are no velocities
    (NaN), so that moving points cannot be distinguished from static ones. Points and joints are taken to be in the
    radar's frame (x right, y forward, z up), 24 frames/s.

    Raises:
        ValueError: there is no such folder, a file is missing, or labels and frames differ in number.
    """
    src = Path(src)
    place = next(iter(sorted(src.rglob("action_label.npy"))), None) if src.is_dir() else None
    if place is None:
        raise ValueError(f"{src}: expected a folder with 0.pkl and so on and action_label.npy")
    files = sorted(place.parent.glob("*.pkl"), key=lambda p: (len(p.stem), p.stem))
    labels = load_array(place)
    if labels.ndim != 1 or not files:
        raise ValueError(f"{place}: expected labels [frames] beside 0.pkl and so on, got shape {labels.shape}")
    people = _people(place.parent / "id.json")
    report = ImportReport()
    return Capture(Attributes(joint_set="coco18", intensity_unit="none"), _clips(files, labels, people, report), report)


def _people(path: Path) -> dict[str, str]:
    """The person of each file, by the file's stem."""
    if not path.is_file():
        return {}
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return {str(file): str(person) for person, files in table.items() for file in files}
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{path}: expected lists of files by person ({error})") from None


def _clips(
    files: list[Path], labels: NDArray[np.float64], people: dict[str, str], report: ImportReport
) -> Iterator[Sample]:
    done = 0
    for path in files:
        clouds, poses = _read(path)
        mine = labels[done : done + len(clouds)].astype(np.int64)
        done += len(clouds)
        if len(mine) < len(clouds):
            raise ValueError(f"{path}: expected a label for each of {done} frames so far, got {len(labels)}")
        report.read.update(files=1, frames=len(clouds), points=sum(len(c) for c in clouds))
        report.dropped["frames between moves"] += int((mine < 0).sum())
        bounds = [0, *(np.flatnonzero(np.diff(mine)) + 1).tolist(), len(mine)]
        for run, (a, b) in enumerate(zip(bounds[:-1], bounds[1:], strict=True)):
            if b > a and mine[a] >= 0:
                name = f"f{path.stem:0>2}-{run:04d}-a{mine[a]:02d}"
                yield _clip(name, clouds[a:b], poses[a:b], people.get(path.stem, ""))
    if done < len(labels):
        raise ValueError(f"{files[0].parent}: {len(labels)} labels for {done} frames: expected all of the files")


def _clip(name: str, clouds: list[NDArray[np.float64]], poses: NDArray[np.float32], person: str) -> Sample:
    rows, frame = stack_frames(clouds, 3)
    times = FRAME_PERIOD * np.arange(float(len(clouds)))
    file, _, action = name.split("-")
    return Sample(
        id=name,
        labels=Labels(f"action_{action[1:]}", f"milipoint-{person}" if person else "", file, "milipoint"),
        cloud=make_cloud(dict(zip("xyz", rows.T, strict=True)), frame, times, "none"),
        joints=torch.from_numpy(poses),
        joint_set="coco18",
    )


def _read(path: Path) -> tuple[list[NDArray[np.float64]], NDArray[np.float32]]:
    """Clouds [n, 3] and poses [frames, 18, 3] of a file."""
    frames = read_pickle(path)
    try:
        clouds = [np.asarray(f["x"], np.float64) for f in frames]
        poses = np.stack([np.asarray(f["y"], np.float32) for f in frames])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{path}: expected a list of frames with x [n, 3] and y [18, 3] ({error!r})") from None
    if poses.shape[1:] != (18, 3) or any(c.ndim != 2 or c.shape[1] != 3 for c in clouds):
        raise ValueError(f"{path}: expected x [n, 3] and y [18, 3], got y {poses.shape[1:]}")
    return clouds, poses
