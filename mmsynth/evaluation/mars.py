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
from mmsynth.joints import bones

Array = NDArray[Any]

# Each pose is asked for from its own frame and so many on both sides of it (0.2 and 1 s at 10 frames/s).
SIDES = (0, 2, 10)
_AXES = ((1.0, 2.8, 12), (-1.0, 1.0, 10), (-1.1, 1.0, 14), (-2.0, 2.0, 11))  # range, lateral, height, velocity


@dataclass(frozen=True, eq=False)
class Poses:
    """Frames with poses: histograms of points about each, joints in the radar frame, who and which recording.

    Attributes:
        context: mean histograms of the whole recording.
        size: of the person, the sum of the bones' lengths.
    """

    table: Annotated[Array, "frames features", "1"]
    context: Annotated[Array, "frames cells", "1"]
    joints: Annotated[Array, "frames joints 3", "m"]
    size: Annotated[Array, "frames", "m"]
    subject: Annotated[Array, "frames", "1"]
    clip: Annotated[Array, "frames", "1"]

    def __post_init__(self) -> None:
        check_shapes(self)


def pose_table(dataset: Clips) -> Poses:
    """Features of every frame whose pose is known.

    Raises:
        ValueError: the data set has no joints.
    """
    flat, joints = dataset.points(), dataset.joints()
    if joints is None:
        raise ValueError("poses: expected a data set with joints, got none")
    frames, starts = len(flat.frame_time), flat.clip_offsets
    columns = _histograms(flat.values, flat.frame, frames)
    clip = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    total = np.concatenate([np.zeros((1, columns.shape[1])), np.cumsum(columns, 0)])
    index, parts = np.arange(frames), []
    for side in SIDES:
        first, last = np.maximum(starts[clip], index - side), np.minimum(starts[clip + 1], index + side + 1)
        # As many as if no frame were missing at the ends.
        whole = (2 * side + 1) / (last - first)
        parts.append(np.log1p((total[last] - total[first]) * whole[:, None]))
    mean = (total[starts[1:]] - total[starts[:-1]]) / np.maximum(np.diff(starts), 1)[:, None]
    known = np.isfinite(joints).all((1, 2))
    clip, labels = clip[known], dataset.labels
    return Poses(
        np.hstack(parts)[known].astype(np.float32),
        np.log1p(10 * mean[clip]).astype(np.float32),
        joints[known],
        _sizes(joints[known], clip, dataset.joint_set),
        labels.subject[clip],
        labels.id[clip],
    )


def _sizes(joints: Array, clip: Array, joint_set: str) -> Array:
    """Sum of the bones' lengths [frames], the same for all frames of a clip."""
    a, b = (list(ends) for ends in zip(*bones(joint_set), strict=True))
    each = np.linalg.norm(joints[:, a] - joints[:, b], axis=2).sum(1)
    _, index = np.unique(clip, return_inverse=True)
    return np.asarray((np.bincount(index, each) / np.bincount(index))[index])


def join_poses(parts: Sequence[Poses]) -> Poses:
    """The poses of several tables, one after another."""
    return Poses(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Poses)))


def write_skeletons(
    dataset: Clips, leave_out: Sequence[str], out: Path, seconds: float, sizes: Sequence[float] = (1.0,)
) -> list[Path]:
    """Write the poses of everybody but `leave_out` as motion files that `read_motion` and recipes take.

    One file for each piece of a stretch without gaps and each size, named after activity, clip, first frame and size in
    %. Nothing of the people held out is looked at.

    Args:
        dataset: recordings with joints of 19 or 25 (Kinect's sets).
        leave_out: subjects.
        out: folder to write into.
        seconds: length of each piece; a body is fitted to a short one much faster than to a whole stretch.
        sizes: by which people grow or shrink: few people's motions as people of other sizes would make them.

    Raises:
        ValueError: there is nobody of that name, or no stretch that long.
    """
    subjects = dataset.labels.subject.tolist()
    for name in leave_out:
        if name not in subjects:
            raise ValueError(f"leave out: expected one of {', '.join(sorted(set(subjects)))}, got '{name}'")
    written = []
    for k in np.flatnonzero(~np.isin(dataset.labels.subject, leave_out)):
        sample = dataset[int(k)]
        if sample.joints is None:
            continue
        times, joints = sample.cloud.times.numpy(), sample.joints.numpy()
        known = np.isfinite(joints).all((1, 2))
        breaks = np.flatnonzero((np.diff(times) > 1.5 * np.median(np.diff(times))) | ~known[1:] | ~known[:-1]) + 1
        for own in np.split(np.arange(len(times)), breaks):
            number = round((times[own[-1]] - times[own[0]]) / seconds - 0.5) if known[own[0]] else 0
            for piece in np.array_split(own, number) if number else ():
                name = f"{sample.labels.activity}-{sample.id}-{piece[0]:04d}"
                for size in sizes:
                    out.mkdir(parents=True, exist_ok=True)
                    written.append(out / f"{name}-{round(100 * size)}.npz")
                    at, here = times[piece] - times[piece[0]], np.float32(size) * joints[piece]
                    np.savez(written[-1], positions=here, times=at)
    if not written:
        raise ValueError(f"skeletons: expected a stretch of {seconds} s without gaps, found none")
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
