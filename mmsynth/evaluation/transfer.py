"""From synthetic data to recordings: without labels, with unlabelled recordings, with a few labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth import metrics
from mmsynth.evaluation.protocol import Corpus, Fold, draw_rows, folds
from mmsynth.evaluation.scores import Scores, score, vote
from mmsynth.training.adapt import AdaptSettings, adapt
from mmsynth.training.augment import COPIES, with_copies
from mmsynth.training.blend import Blend, fit_blend
from mmsynth.training.features import features
from mmsynth.training.trees import Forest, TreeSettings, grow
from mmsynth.training.windows import Windows

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Real:
    """Recordings as feature tables: `dense` to train on, `apart` to be scored on, rows as in `data`."""

    data: Corpus
    dense: Array
    apart: Array

    @property
    def classes(self) -> int:
        """How many activities there are."""
        return len(self.data.classes)

    def labels(self, dense: bool) -> Array:
        """Class index of each window."""
        return (self.data.dense if dense else self.data.apart).labels(self.data.classes)


@dataclass(frozen=True, eq=False)
class Synthetic:
    """One drawn synthetic set as a feature table with its labels."""

    table: Array
    labels: Array


def real_tables(data: Corpus) -> Real:
    """Features of recordings, computed once."""
    return Real(data, features(data.dense), features(data.apart))


def synthetic_table(windows: Windows, classes: Sequence[str], seed: int, copies: int = COPIES) -> Synthetic:
    """Features of synthetic windows and of `copies` augmented ones each."""
    every = with_copies(windows, np.random.default_rng([seed, 7]), copies)
    return Synthetic(features(every), every.labels(classes))


def train(synthetic: Synthetic, classes: int, seed: int) -> Forest:
    """Trees on synthetic data alone."""
    weight = np.ones(len(synthetic.labels))
    return grow(synthetic.table, synthetic.labels, classes, TreeSettings(leaf=3), seed, weight)


def told_of(real: Real, sets: Sequence[Synthetic]) -> tuple[Array, Array]:
    """Class probabilities of the windows of `dense` and `apart`: the mean over trees on each synthetic set."""
    forests = [train(s, real.classes, k) for k, s in enumerate(sets)]
    dense, apart = (np.mean([f.probabilities(t) for f in forests], axis=0) for t in (real.dense, real.apart))
    return dense, apart


def zero_shot(real: Real, synthetic: Synthetic, seed: int) -> tuple[list[Scores], list[Scores]]:
    """Scores by window and by file vote of each group of recordings, none of which is trained on."""
    p = train(synthetic, real.classes, seed).probabilities(real.apart)
    return _scored(real, [p] * len(list(folds(real.data))))


def adapted(real: Real, synthetic: Synthetic, seed: int, settings: AdaptSettings) -> tuple[list[Scores], list[Scores]]:
    """As `zero_shot`, with the *other* groups' recordings, unlabelled, to adapt to."""
    found = []
    for fold in folds(real.data):
        unlabelled, clip = real.dense[fold.train], real.data.dense.clip[fold.train]
        forest = adapt((synthetic.table, synthetic.labels), (unlabelled, clip), real.classes, settings, seed)
        found.append(forest.probabilities(real.apart))
    return _scored(real, found)


@dataclass(frozen=True, eq=False)
class FewShot:
    """Balanced accuracy [draws, groups] of trees on a share of the recordings.

    Attributes:
        alone: on recordings alone.
        stacked: with the synthetic model's class probabilities as further features.
        blended: the stacked trees' probabilities joined with the synthetic model's, see `Blend`.
    """

    alone: Array
    stacked: Array
    blended: Array


def few_shot(real: Real, told: tuple[Array, Array], fraction: float, draws: Sequence[int]) -> FewShot:
    """Scores with few labelled recordings, with and without a synthetic model; all see the same windows in each draw.

    Args:
        real: recordings.
        told: what a synthetic model says of each window of `dense` and `apart`: class probabilities.
        fraction: of the clips of each activity; see `draw_rows`.
        draws: seeds of the draws of clips.
    """
    truth = real.labels(False)
    found: list[list[list[float]]] = []
    for draw in draws:
        stream = np.random.default_rng([draw, int(fraction * 1e4)])
        each = []
        for fold in folds(real.data):
            rows = draw_rows(real.data.dense, np.flatnonzero(fold.train), fraction, stream)
            alone, stacked, blend = few_trees(real, told, (rows, fold.test), draw)
            blended = blend.join(stacked, told[1][fold.test])
            answers = [p.argmax(1) for p in (alone, stacked, blended)]
            matrices = [metrics.confusion(truth[fold.test], a, real.classes) for a in answers]
            each.append([metrics.balanced_accuracy(m) for m in matrices])
        found.append(each)
    return FewShot(*np.moveaxis(np.array(found), 2, 0))


def few_trees(
    real: Real, told: tuple[Array, Array], rows: tuple[Array, Array], seed: int
) -> tuple[Array, Array, Blend]:
    """Class probabilities by trees on a few recordings, by trees that are told too, and the blend to be joined with.

    Args:
        real: recordings.
        told: what a synthetic model says of each window of `dense` and `apart`: class probabilities.
        rows: indices of the windows of `dense` that are trained on, and a mask over those of `apart` that are asked.
        seed: of the trees.
    """
    train, test = rows
    labels = real.labels(True)[train]

    def answers(dense: Array, apart: Array) -> Array:
        forest = grow(dense[train], labels, real.classes, TreeSettings(200), seed, np.ones(len(labels)))
        return forest.probabilities(apart[test])

    stacked = (np.hstack([table, said]) for table, said in zip((real.dense, real.apart), told, strict=True))
    return answers(real.dense, real.apart), answers(*stacked), fit_blend(told[0][train], labels)


def _scored(real: Real, probabilities: Sequence[Array]) -> tuple[list[Scores], list[Scores]]:
    truth, windows, clips = real.labels(False), [], []
    for fold, p in zip(folds(real.data), probabilities, strict=True):
        windows.append(score(truth[fold.test], p[fold.test].argmax(1), real.data.classes))
        clips.append(_voted(real, fold, p, truth))
    return windows, clips


def _voted(real: Real, fold: Fold, probabilities: Array, truth: Array) -> Scores:
    p, first = vote(probabilities[fold.test], real.data.apart.clip[fold.test])
    return score(truth[fold.test][first], p.argmax(1), real.data.classes)
