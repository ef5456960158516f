"""How well the course of recorded clouds can be predicted from poses at all: by trees that know other people.

Alone, they stand for the simulator; on its residual, they show whether it misses something that poses determine.
Errors are standard deviations over recordings drawn with replacement: frames of one recording are not independent.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from sklearn.ensemble import ExtraTreesRegressor

from mmsynth import metrics
from mmsynth.evaluation.fidelity import SERIES, Courses, series, split_frames
from mmsynth.evaluation.restage import SMOOTHING
from mmsynth.types import Sample

Array = NDArray[Any]
_AROUND = (-0.5, -0.3, -0.2, -0.1, 0.1, 0.2, 0.3, 0.5)  # s: at which times besides now radial speeds are known
_DRAWS = 400


@dataclass(frozen=True, eq=False)
class Stretch:
    """Consecutive frames of one person: features of the pose [frames, features], and what the radar made of them.

    `course` holds one number a frame for each of `fidelity.SERIES`; NaN where nothing was detected.
    """

    subject: str
    features: Array
    course: Courses


def stretch_of(sample: Sample, frames: slice, period: float, radar: Sequence[float]) -> Stretch:
    """Frames of a clip without gaps in pose or time.

    Args:
        sample: with joints.
        frames: which of it; its step may leave some out, whose joints are used all the same.
        period: of a frame in s.
        radar: its position [3] in m in the frame of the joints.

    Raises:
        ValueError: the clip has no joints.
    """
    if sample.joints is None:
        raise ValueError(f"{sample.id}: expected joints, got none")
    whole = sample.joints[frames.start : frames.stop].double().numpy()
    joints = gaussian_filter1d(whole, SMOOTHING / period, axis=0, mode="nearest")
    clouds = tuple(list(split_frames(sample.cloud))[frames])
    return Stretch(sample.labels.subject, _features(joints, np.asarray(radar), period)[:: frames.step], series(clouds))


def _features(joints: Array, radar: Array, period: float) -> Array:
    """Where every joint is and how it moves [frames, features], joints [frames, joints, 3] being consecutive."""
    place, velocity = joints - radar, np.gradient(joints, period, axis=0)
    distance = np.linalg.norm(place, axis=2)
    radial = (velocity * place / distance[..., None]).sum(2)
    speed = np.linalg.norm(velocity, axis=2)
    columns = [place.reshape(len(place), -1), velocity.reshape(len(place), -1), distance, radial, speed]
    columns += [radial.mean(1, keepdims=True), radial.std(1, keepdims=True), np.sort(radial, 1), radial.clip(-0.1, 0.1)]
    # The middle of what moves: without what rests, few points come.
    for weight in (np.abs(radial) + 1e-3, (np.abs(radial) > 0.15) + 1e-3, speed + 1e-3):
        share = (weight / weight.sum(1, keepdims=True))[..., None]
        columns += [(place * share).sum(1), (distance[..., None] * share).sum(1)]
    at = np.arange(len(place))
    columns += [radial[(at + round(t / period)).clip(0, len(at) - 1)] for t in _AROUND]
    return np.hstack(columns)


def learned_correlations(
    known: list[Stretch], tested: list[Stretch], trees: int, seed: int
) -> dict[str, tuple[float, float]]:
    """Correlation, with its error, of the recorded course with that predicted by trees trained on `known`.

    Over all frames of `tested`; of each test subject nothing in `known` is used.
    """
    predicted = list(_predicted(known, tested, trees, seed))
    found = {}
    for name in SERIES:
        pairs = [(guess[name], stretch.course[name]) for guess, stretch in zip(predicted, tested, strict=True)]
        found[name] = _with_error(_correlation, pairs)
    return found


def residual_gains(
    known: list[tuple[Stretch, Courses]], tested: list[tuple[Stretch, Courses]], trees: int, seed: int
) -> dict[str, tuple[float, float, float]]:
    """Whether poses predict what a simulation leaves over of the recorded course.

    Args:
        known: stretches, each with the simulated course of the same frames.
        tested: likewise; of each test subject nothing in `known` is used.
        trees: how many.
        seed: of the trees.

    Returns:
        For each of `fidelity.SERIES` the correlation of the simulated with the recorded course, what it gains by adding
        the trees' prediction of the difference, and the error of this gain.
    """
    left, wanted = (
        [replace(s, course={n: s.course[n] - made[n] for n in SERIES}) for s, made in group]
        for group in (known, tested)
    )
    predicted = list(_predicted(left, wanted, trees, seed))
    found = {}
    for name in SERIES:
        triples = [
            (made[name], made[name] + guess[name], stretch.course[name])
            for guess, (stretch, made) in zip(predicted, tested, strict=True)
        ]
        alone = _correlation([(made, recorded) for made, _, recorded in triples])
        found[name] = (alone, *_with_error(_gain, triples))
    return found


def _predicted(known: list[Stretch], tested: list[Stretch], trees: int, seed: int) -> Iterator[Courses]:
    """The course of each stretch of `tested`, predicted by trees trained on the other subjects in `known`."""
    learnt: dict[str, dict[str, ExtraTreesRegressor]] = {}
    for stretch in tested:
        if stretch.subject not in learnt:
            others = [s for s in known if s.subject != stretch.subject]
            if not others:
                raise ValueError(f"protocol: expected poses of others than {stretch.subject} to learn from, got none")
            learnt[stretch.subject] = {name: _learnt(others, name, trees, seed) for name in SERIES}
        yield {name: model.predict(stretch.features) for name, model in learnt[stretch.subject].items()}


def _learnt(known: list[Stretch], name: str, trees: int, seed: int) -> ExtraTreesRegressor:
    course = np.concatenate([s.course[name] for s in known])
    seen = np.isfinite(course)
    model = ExtraTreesRegressor(trees, min_samples_leaf=8, max_features=0.1, random_state=seed)
    return model.fit(np.concatenate([s.features for s in known])[seen], course[seen])


def _correlation(pairs: Sequence[tuple[Array, ...]]) -> float:
    first, second = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return metrics.correlation(first, second)


def _gain(triples: Sequence[tuple[Array, ...]]) -> float:
    """By how much the second course lies nearer to the third than the first does."""
    return _correlation([(b, c) for _, b, c in triples]) - _correlation([(a, c) for a, _, c in triples])


def _with_error(
    statistic: Callable[[Sequence[tuple[Array, ...]]], float], clips: Sequence[tuple[Array, ...]]
) -> tuple[float, float]:
    """The statistic of all clips, and its standard deviation over draws of as many clips with replacement."""
    draw = np.random.default_rng(0)
    drawn = [statistic([clips[k] for k in draw.integers(0, len(clips), len(clips))]) for _ in range(_DRAWS)]
    return statistic(clips), float(np.nanstd(drawn))
