"""How well the course of recorded clouds can be told from the poses at all: by trees that know other people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from sklearn.ensemble import ExtraTreesRegressor

from mmsynth import metrics
from mmsynth.evaluation.fidelity import SERIES, series, split_frames
from mmsynth.types import Sample

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Stretch:
    """Consecutive frames of one person: features of the pose [frames, features], and what the radar made of them.

    `course` holds one number a frame for each of `fidelity.SERIES`; NaN where nothing was detected.
    """

    subject: str
    features: Array
    course: dict[str, Array]


def stretch_of(sample: Sample, frames: slice, period: float, radar: Sequence[float], smoothing: float = 0.1) -> Stretch:
    """Frames of a clip without gaps in pose or time.

    Args:
        sample: with joints.
        frames: which of it.
        period: of a frame in s.
        radar: its position [3] in m in the frame of the joints.
        smoothing: standard deviation in s of the Gaussian that the joints are smoothed with.

    Raises:
        ValueError: the clip has no joints.
    """
    if sample.joints is None:
        raise ValueError(f"{sample.id}: expected joints, got none")
    joints = gaussian_filter1d(sample.joints[frames].double().numpy(), smoothing / period, axis=0, mode="nearest")
    place = joints - np.asarray(radar)
    distance = np.linalg.norm(place, axis=2)
    speed = (np.gradient(joints, period, axis=0) * place / distance[..., None]).sum(2)
    columns = [place.reshape(len(place), -1), distance, speed, speed.mean(1, keepdims=True), np.sort(speed, 1)]
    clouds = tuple(list(split_frames(sample.cloud))[frames])
    return Stretch(sample.labels.subject, np.hstack([*columns, speed.clip(-0.1, 0.1)]), series(clouds))


def learned_correlations(known: list[Stretch], asked: list[Stretch], trees: int, seed: int) -> dict[str, float]:
    """Correlation over all frames of `asked` of what trees predict, who know `known` but for the person asked about."""
    predicted: dict[str, list[Array]] = {name: [] for name in SERIES}
    recorded: dict[str, list[Array]] = {name: [] for name in SERIES}
    for subject in sorted({s.subject for s in asked}):
        others, own = (
            [s for s in group if (s.subject == subject) == same] for group, same in ((known, False), (asked, True))
        )
        table, wanted = (np.concatenate([s.features for s in group]) for group in (others, own))
        for name in SERIES:
            course = np.concatenate([s.course[name] for s in others])
            seen = np.isfinite(course)
            model = ExtraTreesRegressor(trees, min_samples_leaf=3, max_features=0.3, random_state=seed)
            predicted[name].append(model.fit(table[seen], course[seen]).predict(wanted))
            recorded[name].append(np.concatenate([s.course[name] for s in own]))
    return {n: metrics.correlation(np.concatenate(predicted[n]), np.concatenate(recorded[n])) for n in SERIES}
