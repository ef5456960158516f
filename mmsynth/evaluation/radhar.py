"""Activity from point clouds across recording days: real data alone, with the controls that make a figure honest."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.evaluation.protocol import Corpus, folds
from mmsynth.evaluation.scores import Row, Scores, mean, row, score
from mmsynth.training.features import count_features, features
from mmsynth.training.trees import TreeSettings, grow
from mmsynth.training.windows import Windows

Array = NDArray[Any]
Featurise = Callable[[Windows], Array]


def predict_with_trees(train: Array, labels: Array, test: Array, classes: int, seed: int) -> Array:
    """Class probabilities [windows, classes] of `test` by trees on `train` (features [windows, features]), balanced."""
    return grow(train, labels, classes, TreeSettings(), seed).probabilities(test)


def across(data: Corpus, seed: int, featurise: Featurise = features, shuffle: bool = False) -> list[Scores]:
    """Scores of trees on each held-out group, trained on the others.

    Args:
        data: recordings.
        seed: of the forest (and of the shuffle).
        featurise: windows to features; `count_features` is a control.
        shuffle: give the training clips each other's labels: what is left is what leaks.
    """
    dense, apart = featurise(data.dense), featurise(data.apart)
    truth = data.apart.labels(data.classes)
    found = []
    for fold in folds(data):
        labels = data.dense.labels(data.classes)[fold.train]
        if shuffle:
            labels = _shuffled(data.dense.clip[fold.train], labels, np.random.default_rng(seed))
        p = predict_with_trees(dense[fold.train], labels, apart[fold.test], len(data.classes), seed)
        found.append(score(truth[fold.test], p.argmax(1), data.classes))
    return found


def all_real(moving: Corpus, static: Corpus, seeds: Sequence[int]) -> list[Row]:
    """Real data alone: trees on moving points, and the controls."""
    both = f"balanced accuracy, mean over {', '.join(f.name for f in folds(moving))} held out"
    return [
        row("radhar/all_real", [mean(across(moving, s)) for s in seeds], "trees", note=both),
        row("radhar/static_only", [mean(across(static, s)) for s in seeds], "trees", note="points at rest only"),
        row(
            "radhar/counts_only",
            [mean(across(moving, s, count_features)) for s in seeds],
            "trees",
            note="no v, x, y, z",
        ),
        row(
            "radhar/shuffled_labels",
            [mean(across(moving, s, shuffle=True)) for s in seeds],
            "trees",
            note="training clips exchanged their labels",
        ),
        row("radhar/majority", [1 / len(moving.classes)], "constant", note="the same class always"),
    ]


def _shuffled(clip: Array, labels: Array, draw: np.random.Generator) -> Array:
    _, first, index = np.unique(clip.astype(str), return_index=True, return_inverse=True)
    return draw.permutation(labels[first])[index]
