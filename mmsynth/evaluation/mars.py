"""Pose from MARS's clouds: one person held out, against the constant pose; the others' poses as motions to simulate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor

from mmsynth import metrics
from mmsynth.arrays import check_shapes
from mmsynth.datasets import Clips

Array = NDArray[Any]

# Each pose is asked for from this many frames up to and with its own (0.5 s at 10 frames/s).
FRAMES = 5
_AXES = ((1.0, 2.8, 12), (-1.0, 1.0, 10), (-1.1, 1.0, 14), (-2.0, 2.0, 11))  # range, lateral, height, velocity


@dataclass(frozen=True, eq=False)
class Poses:
    """Frames with poses: histograms of the last frames' points, joints in the radar frame, who and which recording."""

    table: Annotated[Array, "frames features", "1"]
    joints: Annotated[Array, "frames joints 3", "m"]
    subject: Annotated[Array, "frames", "1"]
    clip: Annotated[Array, "frames", "1"]

    def __post_init__(self) -> None:
        check_shapes(self)


def pose_table(dataset: Clips) -> Poses:
    """Features of every frame whose pose is known."""
    flat, joints = dataset.points(), dataset.joints()
    if joints is None:
        raise ValueError("poses: expected a data set with joints, got none")
    frames = len(flat.frame_time)
    columns = _histograms(flat.values, flat.frame, frames)
    clip = np.repeat(np.arange(len(flat.clip_offsets) - 1), np.diff(flat.clip_offsets))
    first = flat.clip_offsets[:-1][clip]
    total = np.concatenate([np.zeros((1, columns.shape[1])), np.cumsum(columns, 0)])
    index = np.arange(frames)
    recent = [total[index + 1] - total[np.maximum(first, index - back)] for back in (0, FRAMES - 1)]
    known = np.isfinite(joints).all((1, 2))
    table = np.hstack([np.log1p(r) for r in recent]).astype(np.float32)
    labels = dataset.labels
    return Poses(table[known], joints[known], labels.subject[clip][known], labels.id[clip][known])


def join_poses(parts: Sequence[Poses]) -> Poses:
    """The poses of several tables, one after another."""
    return Poses(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Poses)))


def write_skeletons(dataset: Clips, leave_out: str, out: Path, shortest: float) -> list[Path]:
    """Write the poses of everybody but `leave_out` as motion files that `read_motion` and recipes take.

    One file for each stretch without gaps, named after activity and clip. Nothing of the person held out is looked at.

    Args:
        dataset: recordings with joints of 19 or 25 (Kinect's sets).
        leave_out: subject.
        out: folder to write into.
        shortest: stretch that is kept, in s.

    Raises:
        ValueError: there is nobody of that name, or no stretch that long.
    """
    subjects = dataset.labels.subject.tolist()
    if leave_out not in subjects:
        raise ValueError(f"leave out: expected one of {', '.join(sorted(set(subjects)))}, got '{leave_out}'")
    written = []
    for k in np.flatnonzero(dataset.labels.subject != leave_out):
        sample = dataset[int(k)]
        if sample.joints is None:
            continue
        times, joints = sample.cloud.times.numpy(), sample.joints.numpy()
        known = np.isfinite(joints).all((1, 2))
        breaks = np.flatnonzero((np.diff(times) > 1.5 * np.median(np.diff(times))) | ~known[1:] | ~known[:-1]) + 1
        for own in np.split(np.arange(len(times)), breaks):
            if len(own) and known[own[0]] and times[own[-1]] - times[own[0]] >= shortest:
                written.append(out / f"{sample.labels.activity}-{sample.id}-{own[0]:04d}.npz")
                out.mkdir(parents=True, exist_ok=True)
                np.savez(written[-1], positions=joints[own], times=times[own] - times[own[0]])
    if not written:
        raise ValueError(f"skeletons: expected a stretch of {shortest} s without gaps, found none")
    return written


def constant_pose(poses: Poses) -> dict[str, float]:
    """Mean absolute error in cm for each person of the mean pose of all others."""
    return {
        name: 100
        * metrics.mae(np.broadcast_to(poses.joints[~test].mean(0), poses.joints[test].shape), poses.joints[test])
        for name, test in _people(poses)
    }


def leave_one_out(poses: Poses, seed: int, trees: int = 60) -> dict[str, float]:
    """Mean absolute error in cm for each person of trees trained on all others (every fourth frame)."""
    found = {}
    for name, test in _people(poses):
        rows = np.flatnonzero(~test)[::4]
        model = ExtraTreesRegressor(trees, min_samples_leaf=5, max_features=0.3, random_state=seed)
        model.fit(poses.table[rows], poses.joints[rows].reshape(len(rows), -1))
        guess = model.predict(poses.table[test]).reshape(-1, *poses.joints.shape[1:])
        found[name] = 100 * metrics.mae(guess, poses.joints[test])
    return found


def _people(poses: Poses) -> Iterator[tuple[str, Array]]:
    for name in sorted(set(poses.subject.tolist())):
        yield name, poses.subject == name


def _histograms(values: Array, frame: Array, frames: int) -> Array:
    """Counts [frames, bins] of range, lateral position, height and velocity, and of height by velocity's sign."""
    distance = np.linalg.norm(values[:, :3], axis=1)
    columns: list[Array] = []
    for value, (low, high, bins) in zip((distance, values[:, 0], values[:, 2], values[:, 3]), _AXES, strict=True):
        columns.append(_count(frame, _bin(value, low, high, bins), bins, frames))
    moving = (values[:, 3] > 0.05).astype(int) - (values[:, 3] < -0.05).astype(int) + 1
    low, high, bins = _AXES[2]
    columns.append(_count(frame, _bin(values[:, 2], low, high, bins) * 3 + moving, 3 * bins, frames))
    sides = _bin(values[:, 0], -0.6, 0.6, 4)
    columns.append(_count(frame, _bin(values[:, 2], low, high, bins) * 4 + sides, 4 * bins, frames))
    return np.hstack(columns)


def _bin(value: Array, low: float, high: float, bins: int) -> Array:
    return np.clip((value - low) / (high - low) * bins, 0, bins - 1).astype(int)


def _count(frame: Array, cell: Array, cells: int, frames: int) -> Array:
    return np.bincount(frame * cells + cell, minlength=frames * cells).reshape(frames, cells)


def mean_over_people(errors: Sequence[dict[str, float]]) -> list[float]:
    """Mean over people of each repetition."""
    return [float(np.mean(list(e.values()))) for e in errors]
