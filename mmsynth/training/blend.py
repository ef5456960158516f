"""Joining a model that has seen synthetic windows alone with one that has seen a few recordings."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

Array = NDArray[Any]

# So many recorded windows weigh as much as the synthetic model.
PSEUDO_WINDOWS = 100
# Keeps a class that no tree voted for possible.
FLOOR = 1e-2
# Of the squared distance of temper from 1 and of the biases from 0, against the mean loss of a class-balanced window.
RIDGE = 0.02


@dataclass(frozen=True, eq=False)
class Blend:
    """Logarithms of `own^(1 - trust) (base^temper e^bias)^trust`: it leaves the synthetic model as recordings come in.

    Attributes:
        trust: in the synthetic model.
        temper: its inverse temperature: above 1, its probabilities are sharpened.
        bias: of each class, which simulated people take part in too often or too rarely [classes].
    """

    trust: float
    temper: float
    bias: Array

    def join(self, own: Array, base: Array) -> Array:
        """Class probabilities [windows, classes].

        Args:
            own: the same by the model that has seen recordings.
            base: by the one that has seen synthetic windows alone.
        """
        scaled = log_softmax(self.temper * np.log(base + FLOOR) + self.bias, axis=1)
        return np.asarray(softmax((1 - self.trust) * np.log(own + FLOOR) + self.trust * scaled, axis=1))


def join_evenly(first: Array, second: Array) -> Array:
    """Class probabilities [windows, classes] of two models that have seen the same: neither is trusted more."""
    return Blend(0.5, 1.0, np.zeros(first.shape[1])).join(first, second)


def fit_blend(base: Array, labels: Array) -> Blend:
    """Temper and bias from recorded windows, which the synthetic model has not seen (vector scaling, Guo et al. 2017).

    Args:
        base: the synthetic model's class probabilities [windows, classes].
        labels: their class indices [windows].
    """
    count = base.shape[1]
    logs, size = np.log(base + FLOOR), np.bincount(labels, minlength=count)
    # Every class that occurs weighs the same.
    weight = 1 / (size[labels] * np.count_nonzero(size))
    truth = np.eye(count)[labels]

    def loss(x: Array) -> tuple[float, Array]:
        p = log_softmax(x[0] * logs + x[1:], axis=1)
        away = np.concatenate([[x[0] - 1], x[1:]])
        slope = weight[:, None] * (np.exp(p) - truth)
        gradient = np.concatenate([[(slope * logs).sum()], slope.sum(0)]) + 2 * RIDGE * away
        return float(-weight @ p[np.arange(len(labels)), labels] + RIDGE * (away**2).sum()), gradient

    x = minimize(loss, np.concatenate([[1.0], np.zeros(count)]), jac=True, method="L-BFGS-B").x
    return Blend(PSEUDO_WINDOWS / (PSEUDO_WINDOWS + len(labels)), float(x[0]), x[1:])
