"""From synthetic data to recordings: without labels, with unlabelled recordings, with a few labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth import metrics
from mmsynth.evaluation.protocol import Corpus, draw_rows, folds
from mmsynth.evaluation.scores import Scores, score, vote
from mmsynth.training.adapt import AdaptSettings, adapt, by_clip
from mmsynth.training.blend import Blend, fit_blend
from mmsynth.training.features import features
from mmsynth.training.forests import Table, grow_synthetic, join_tables
from mmsynth.training.trees import Forest, TreeSettings, grow

Array = NDArray[Any]
# One drawn synthetic set, see `synthetic_tables`.
Synthetic = list[Table]
ON_SYNTHETIC = TreeSettings(leaf=3)


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
        """Class index [windows] of each window."""
        return (self.data.dense if dense else self.data.apart).labels(self.data.classes)


def real_tables(data: Corpus) -> Real:
    """Features of recordings, computed once."""
    return Real(data, features(data.dense), features(data.apart))


def base_of(real: Real, sets: Sequence[Synthetic]) -> tuple[Array, Array]:
    """Class probabilities [windows, classes] of `dense` and of `apart`: the mean over trees on each synthetic set."""
    forests = [grow_synthetic(s, real.classes, ON_SYNTHETIC, k) for k, s in enumerate(sets)]
    dense, apart = (np.mean([f.probabilities(t) for f in forests], axis=0) for t in (real.dense, real.apart))
    return dense, apart


def zero_shot(real: Real, synthetic: Synthetic, seed: int) -> tuple[list[Scores], list[Scores]]:
    """Scores by window and by file vote of each group of recordings, none of which is trained on."""
    return scores_of(real, grow_synthetic(synthetic, real.classes, ON_SYNTHETIC, seed).probabilities(real.apart))


def scores_of(real: Real, probability: Array) -> tuple[list[Scores], list[Scores]]:
    """Scores, as of `zero_shot`, of class probabilities [windows, classes] of `apart`."""
    return _scored(real, [probability] * len(list(folds(real.data))))


def adapted(real: Real, synthetic: Synthetic, seed: int, settings: AdaptSettings) -> tuple[list[Scores], list[Scores]]:
    """As `zero_shot`, with the *other* groups' recordings, unlabelled, to adapt to."""
    found = []
    for fold in folds(real.data):
        unlabelled, clip = real.dense[fold.train], real.data.dense.clip[fold.train]
        forest = adapt(join_tables(synthetic), (unlabelled, clip), real.classes, settings, seed)
        found.append(forest.probabilities(real.apart))
    return _scored(real, found)


def self_trained(real: Real, synthetic: Synthetic, seed: int, own: bool) -> tuple[list[Scores], list[Scores]]:
    """As `mmsynth train` with synthetic clips and recordings without labels, each clip of which shows one activity.

    Args:
        real: recordings.
        synthetic: the set.
        seed: of the trees.
        own: the recordings without labels are those that are scored, else those of the *other* groups.
    """
    base = base_of(real, [synthetic])
    found = []
    for fold in folds(real.data):
        rows = np.flatnonzero(fold.train != own)
        table, clip = real.dense[rows], real.data.dense.clip[rows]
        voters = adapt(join_tables(synthetic), (table, clip), real.classes, AdaptSettings(), seed)
        guess = by_clip(voters.probabilities(table), clip).argmax(1)
        few = grow_few(real, base[0], rows, seed, (guess, guess))
        found.append(few.answers(real.apart, base[1])[2])
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


def few_shot(
    real: Real, base: tuple[Array, Array], fraction: float, draws: Sequence[int], rest: bool = False
) -> FewShot:
    """Scores with few labelled recordings, with and without a synthetic model; all see the same windows in each draw.

    Args:
        real: recordings.
        base: class probabilities [windows, classes] of `dense` and of `apart` by a model trained on synthetic windows.
        fraction: of the clips of each activity; see `draw_rows`.
        draws: seeds of the draws of clips.
        rest: learn from the other recordings of the training groups too, each clip labelled by the vote of what has
            been learnt from the few: alone by trees alone, else by what is blended.
    """
    truth = real.labels(False)
    found: list[list[list[float]]] = []
    for draw in draws:
        stream = np.random.default_rng([draw, int(fraction * 1e4)])
        each = []
        for fold in folds(real.data):
            train = np.flatnonzero(fold.train)
            rows = draw_rows(real.data.dense, train, fraction, stream)
            few = grow_few(real, base[0], rows, draw)
            if rest and len(rows) < len(train):
                few = _self_trained(real, base[0], few, (rows, np.setdiff1d(train, rows)), draw)
            answers = [p.argmax(1) for p in few.answers(real.apart[fold.test], base[1][fold.test])]
            matrices = [metrics.confusion(truth[fold.test], a, real.classes) for a in answers]
            each.append([metrics.balanced_accuracy(m) for m in matrices])
        found.append(each)
    return FewShot(*np.moveaxis(np.array(found), 2, 0))


@dataclass(frozen=True, eq=False)
class FewTrees:
    """Trees on a few recordings, trees stacked on a synthetic model, and the blend of both.

    The base model of the stack is trained on synthetic windows alone; `base` are its class probabilities.
    """

    alone: Forest
    stacked: Forest
    blend: Blend

    def answers(self, table: Array, base: Array) -> tuple[Array, Array, Array]:
        """Class probabilities [windows, classes] alone, stacked, blended, from features and those of the base model."""
        stacked = self.stacked.probabilities(np.hstack([table, base]))
        return self.alone.probabilities(table), stacked, self.blend.join(stacked, base)


def grow_few(real: Real, base: Array, rows: Array, seed: int, labels: tuple[Array, Array] | None = None) -> FewTrees:
    """Trees on a few recordings.

    Args:
        real: recordings.
        base: class probabilities [windows, classes] of `dense` by a model trained on synthetic windows.
        rows: indices of the windows of `dense` that are trained on.
        seed: of the trees.
        labels: class indices of `rows` for the trees alone and for the stacked ones; None = the true ones.
    """
    own, blended = labels or (real.labels(True)[rows],) * 2

    def few(table: Array, truth: Array) -> Forest:
        return grow(table, truth, real.classes, TreeSettings(200), seed)

    stacked = few(np.hstack([real.dense[rows], base[rows]]), blended)
    return FewTrees(few(real.dense[rows], own), stacked, fit_blend(base[rows], blended))


def _self_trained(real: Real, base: Array, few: FewTrees, rows: tuple[Array, Array], seed: int) -> FewTrees:
    """Trees on labelled `rows[0]` of `dense` and on `rows[1]`, whose clips get their labels from `few`."""
    labelled, others = rows
    alone, _, blended = few.answers(real.dense[others], base[others])
    guesses = (by_clip(p, real.data.dense.clip[others]).argmax(1) for p in (alone, blended))
    own, both = (np.concatenate([real.labels(True)[labelled], guess]) for guess in guesses)
    return grow_few(real, base, np.concatenate(rows), seed, (own, both))


def _scored(real: Real, probabilities: Sequence[Array]) -> tuple[list[Scores], list[Scores]]:
    """Scores by window and by file vote of class probabilities of the windows of `apart`, those for each fold."""
    labels, windows, clips = real.labels(False), [], []
    for fold, p in zip(folds(real.data), probabilities, strict=True):
        truth, own = labels[fold.test], p[fold.test]
        windows.append(score(truth, own.argmax(1), real.data.classes))
        voted, first = vote(own, real.data.apart.clip[fold.test])
        clips.append(score(truth[first], voted.argmax(1), real.data.classes))
    return windows, clips
