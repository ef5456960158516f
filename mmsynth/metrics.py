"""Scores: plain functions of NumPy arrays, with no state and no opinion on where the arrays came from."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def confusion(truth: ArrayLike, predicted: ArrayLike, classes: int) -> Ints:
    """Count matrix [classes, classes]: rows are the truth, columns the prediction.

    Args:
        truth: class indices [n].
        predicted: class indices [n].
        classes: how many there are.

    Raises:
        ValueError: lengths differ, there is nothing to count, or an index is out of range.
    """
    t, p = np.asarray(truth, np.int64), np.asarray(predicted, np.int64)
    if t.shape != p.shape or t.ndim != 1:
        raise ValueError(f"confusion: expected two index lists of one length, got shapes {t.shape} and {p.shape}")
    if len(t) == 0:
        raise ValueError("confusion: expected at least one prediction, got none")
    if min(t.min(), p.min()) < 0 or max(t.max(), p.max()) >= classes:
        raise ValueError(f"confusion: expected class indices in 0..{classes - 1}")
    return np.bincount(t * classes + p, minlength=classes * classes).reshape(classes, classes)


def accuracy(matrix: ArrayLike) -> float:
    """Fraction of a count matrix [classes, classes] that lies on its diagonal."""
    m = np.asarray(matrix, np.float64)
    return float(np.trace(m) / m.sum())


def recall(matrix: ArrayLike) -> Floats:
    """Fraction found of each true class [classes]; NaN where the class does not occur."""
    m = np.asarray(matrix, np.float64)
    total = m.sum(1)
    return np.where(total > 0, np.diag(m) / np.maximum(total, 1), np.nan)


def balanced_accuracy(matrix: ArrayLike) -> float:
    """Mean recall over the classes that occur, of a count matrix [true, predicted]."""
    return float(np.nanmean(recall(matrix)))


def macro_f1(matrix: ArrayLike) -> float:
    """Mean of 2 TP / (2 TP + FP + FN) of counts [classes, classes], over the classes that occur or are predicted."""
    m = np.asarray(matrix, np.float64)
    size = m.sum(0) + m.sum(1)
    seen = size > 0
    return float((2 * np.diag(m)[seen] / size[seen]).mean())


def mutual_information(counts: ArrayLike) -> Floats:
    """Mutual information in bits of the two sides of count matrices [..., classes, classes]; 0 of an empty one.

    0 = the one says nothing of the other; a diagonal matrix has the entropy of its diagonal, at most log2(classes).
    """
    c = np.asarray(counts, np.float64)
    total = np.maximum(c.sum((-2, -1)), np.finfo(float).tiny)

    def entropy(parts: Floats) -> Floats:
        share = parts / total.reshape(*total.shape, *[1] * (parts.ndim - total.ndim))
        terms = -share * np.log2(np.where(share > 0, share, 1))
        return np.asarray(terms.reshape(*total.shape, -1).sum(-1))

    return np.asarray(entropy(c.sum(-1)) + entropy(c.sum(-2)) - entropy(c))


def mae(predicted: ArrayLike, truth: ArrayLike) -> float:
    """Mean absolute error over all coordinates (of any shape), in the unit given; NaN in `truth` does not count."""
    return float(np.nanmean(np.abs(np.asarray(predicted, np.float64) - np.asarray(truth, np.float64))))


def mpjpe(predicted: ArrayLike, truth: ArrayLike) -> Floats:
    """Mean Euclidean distance of each joint [joints], from positions [frames, joints, 3], in the unit given.

    Frames in which a joint is NaN do not count; one that is known in no frame is NaN.
    """
    return known_mean(np.linalg.norm(np.asarray(predicted, np.float64) - np.asarray(truth, np.float64), axis=-1))


def known_mean(values: ArrayLike) -> Floats:
    """Mean over the first axis of the values that are finite; NaN where none is, without NumPy's warning."""
    v = np.asarray(values)
    known = np.isfinite(v)
    total, count = np.where(known, v, 0).sum(axis=0), known.sum(axis=0)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def root_relative(positions: ArrayLike) -> Floats:
    """Positions [frames, joints, 3] relative to the first joint of the same frame, the pelvis of most joint sets."""
    p = np.asarray(positions, np.float64)
    return np.asarray(p - p[:, :1])


def earth_mover(first: ArrayLike, second: ArrayLike, width: float = 1.0) -> float:
    """Distance in one dimension between two histograms over the same bins, as area between their cumulative sums.

    Args:
        first: counts [bins], normalised to sum 1 before they are compared.
        second: likewise.
        width: of a bin, in the unit the answer is to have.

    Raises:
        ValueError: shapes differ or a histogram is empty.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"earth_mover: expected two histograms of one shape, got {a.shape} and {b.shape}")
    if not (a.sum() > 0 and b.sum() > 0):
        raise ValueError("earth_mover: expected counts that sum to more than zero")
    return float(np.abs(np.cumsum(a / a.sum() - b / b.sum())).sum() * width)


def correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Pearson's correlation of two series [n] where both are finite; NaN if either is constant or none is."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    both = np.isfinite(a) & np.isfinite(b)
    if not both.any():
        return float("nan")
    a, b = a[both] - a[both].mean(), b[both] - b[both].mean()
    scale = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / scale) if scale > 0 else float("nan")
