"""Trees for recordings whose labels are not known: synthetic windows weighed by likeness, then self-training."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from mmsynth.training.blend import FLOOR
from mmsynth.training.trees import Forest, TreeSettings, grow

Array = NDArray[Any]

# A clip shows more than one activity where so many of its windows are classified otherwise than the clip.
MIXED = 0.4
# Clips are doubted in so many parts: of ten, trees on half of them know too little (they doubted five that were right).
PARTS = 5


@dataclass(frozen=True)
class AdaptSettings:
    """How recordings without labels are used.

    Attributes:
        rounds: of self-training.
        share: of the windows taken for each class that are believed, the surest first.
        largest: limit of a synthetic window's weight, relative to the mean.
        vote: average over the windows of a recording before believing: a recording shows one activity.
        trust: weight of all believed recordings against all synthetic windows.
        even: how strongly all classes are drawn to equal shares of the recordings in the first round (0 = not at all,
            1 = to equal ones whatever is recorded), less in each further round and not at all in the end. Without it
            a class that trees on synthetic windows take for another is never believed, and lost.
        trees: how many.
    """

    rounds: int = 4
    share: float = 0.6
    largest: float = 8.0
    vote: bool = True
    trust: float = 2.0
    even: float = 0.6
    trees: int = 400


def adapt(
    synthetic: tuple[Array, Array],
    recordings: tuple[Array, Array],
    classes: int,
    settings: AdaptSettings,
    seed: int,
    done: Callable[[], None] = lambda: None,
) -> Forest:
    """Trees for recordings, from labelled synthetic windows and unlabelled recorded ones.

    Args:
        synthetic: features [windows, features] and class indices [windows].
        recordings: features [windows, features] and the clip [windows] that each is from.
        classes: how many there are.
        settings: see there.
        seed: of the trees.
        done: called before every round.
    """
    table, labels = synthetic
    unlabelled, clip = recordings
    trees = TreeSettings(settings.trees, leaf=3)
    judges = TreeSettings(max(1, settings.trees // 4), leaf=5)
    weight = likeness(table, unlabelled, settings.largest, seed, judges)
    forest = grow(table, labels, classes, trees, seed, weight)
    for step in range(settings.rounds):
        done()
        p = forest.probabilities(unlabelled)
        p = evenly(by_clip(p, clip) if settings.vote else p, settings.even * (1 - step / settings.rounds))
        rows, guess = believed(p, settings.share)
        trust = settings.trust * weight.sum() / len(rows)
        forest = grow(
            np.concatenate([table, unlabelled[rows]]),
            np.concatenate([labels, guess]),
            classes,
            trees,
            seed + 1000 * (step + 1),
            np.concatenate([weight, np.full(len(rows), trust)]),
        )
    return forest


def likeness(synthetic: Array, recorded: Array, largest: float, seed: int, trees: TreeSettings) -> Array:
    """Weight [windows] of synthetic windows by how like recorded ones they are, with mean 1.

    A forest learns to classify the two, each half of the data judged by trees grown on the other half; the odds are
    the ratio of densities.
    """
    table = np.concatenate([synthetic, recorded])
    domain = np.concatenate([np.zeros(len(synthetic), int), np.ones(len(recorded), int)])
    half = np.random.default_rng(seed).permutation(len(table)) % 2
    p = np.zeros(len(table))
    for side in (0, 1):
        rows = half != side
        forest = grow(table[rows], domain[rows], 2, trees, seed)
        p[~rows] = forest.probabilities(table[~rows])[:, 1]
    odds = (p / (1 - p + 1e-3))[: len(synthetic)] + 1e-2
    odds = np.minimum(odds / odds.mean(), largest)
    return np.asarray(odds / odds.mean())


def believed(probability: Array, share: float) -> tuple[Array, Array]:
    """Windows [n] whose class is believed, and the classes [n]: of each class's the surest `share`: none dies out."""
    guess, sure = probability.argmax(1), probability.max(1)
    rows = []
    for name in np.unique(guess):
        own = np.flatnonzero(guess == name)
        rows.append(own[np.argsort(-sure[own], kind="stable")[: max(1, round(share * len(own)))]])
    chosen = np.concatenate(rows)
    return chosen, guess[chosen]


def evenly(probability: Array, strength: float) -> Array:
    """Class probabilities [windows, classes], each class raised or lowered for all windows alike to even their sums.

    Unbalanced optimal transport from windows to classes: `strength` is the exponent of its scaling (Chizat et al. 2018,
    table 1, rho / (rho + epsilon)); 1 gives Sinkhorn's equal shares, 0 leaves the probabilities as they are.
    """
    logs, bias = np.log(probability + FLOOR), np.zeros(probability.shape[1])
    if not strength:
        return probability
    for _ in range(100):
        share = softmax(logs + bias, axis=1).mean(0)
        bias = strength * (bias - np.log(share * len(share)))
    return np.asarray(softmax(logs + bias, axis=1))


def by_clip(probability: Array, clip: Array) -> Array:
    """Class probabilities [windows, classes], each the mean over the windows of its clip: a clip shows one activity."""
    _, index = np.unique(clip.astype(str), return_inverse=True)
    total = np.zeros((index.max() + 1, probability.shape[1]))
    np.add.at(total, index, probability)
    return np.asarray((total / np.bincount(index)[:, None])[index])


def mixed_clips(table: Array, clip: Array, labels: Array, classes: int, seed: int) -> list[str]:
    """Clips that seem to show more than one activity: many windows are not classified as the clip was.

    Each part of the clips is classified by trees on the others, which have not learnt the labels that are doubted.

    Args:
        table: features [windows, features].
        clip: that each window is from.
        labels: class index of each, the same all over a clip.
        classes: how many there are.
        seed: of the parts and the trees.
    """
    names, index = np.unique(clip.astype(str), return_inverse=True)
    if len(names) == 1:
        return []
    part = (np.random.default_rng(seed).permutation(len(names)) % PARTS)[index]
    other = np.zeros(len(labels), bool)
    for k in np.unique(part):
        rows = part != k
        forest = grow(table[rows], labels[rows], classes, TreeSettings(100, leaf=3), seed)
        other[~rows] = forest.probabilities(table[~rows]).argmax(1) != labels[~rows]
    share = np.bincount(index, other) / np.bincount(index)
    return [str(name) for name in names[share > MIXED]]
