"""Pose from MARS's clouds: one person held out, against the constant pose; the others' poses as motions to simulate."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor

from mmsynth import metrics
from mmsynth.datasets import Clips
from mmsynth.training.frames import Frames

Array = NDArray[Any]


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
        ValueError: there is nobody of that name, or no stretch that long, or the folder holds files.
    """
    subjects = dataset.labels.subject.tolist()
    for name in leave_out:
        if name not in subjects:
            raise ValueError(f"leave out: expected one of {', '.join(sorted(set(subjects)))}, got '{name}'")
    if out.exists() and any(out.iterdir()):
        raise ValueError(
            f"{out}: expected a new or empty folder: motions of those left out may be among the files there"
        )
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


def constant_pose(poses: Frames) -> dict[str, float]:
    """Mean absolute error in cm for each person of the mean pose of all others."""
    return {
        name: 100
        * metrics.mae(np.broadcast_to(poses.joints[~test].mean(0), poses.joints[test].shape), poses.joints[test])
        for name, test in held_out_people(poses)
    }


def leave_one_out(poses: Frames, seed: int, trees: int = 60) -> dict[str, float]:
    """Mean absolute error in cm for each person of trees trained on all others (every fourth frame)."""
    found = {}
    for name, test in held_out_people(poses):
        rows = np.flatnonzero(~test)[::4]
        model = ExtraTreesRegressor(trees, min_samples_leaf=5, max_features=0.3, random_state=seed)
        model.fit(poses.table[rows], poses.joints[rows].reshape(len(rows), -1))
        guess = model.predict(poses.table[test]).reshape(-1, *poses.joints.shape[1:])
        found[name] = 100 * metrics.mae(guess, poses.joints[test])
    return found


def held_out_people(poses: Frames) -> Iterator[tuple[str, Array]]:
    """Each person in turn, with a mask over the frames of that person.

    Raises:
        ValueError: there is nobody else to learn from.
    """
    names = sorted(set(poses.subject.tolist()))
    if len(names) < 2:
        raise ValueError(f"protocol: expected poses of at least two people to hold one out, got {names}")
    for name in names:
        yield name, poses.subject == name


def mean_over_people(errors: Sequence[dict[str, float]]) -> list[float]:
    """Mean over people of each repetition."""
    return [float(np.mean(list(e.values()))) for e in errors]
