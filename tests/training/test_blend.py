"""Joining two models."""

import numpy as np
import pytest

from mmsynth.training.blend import FLOOR, PSEUDO_WINDOWS, Blend, fit_blend, join_evenly


def biased(windows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Answers of a model that is right but for a liking for class 0, and the true classes."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(3, size=windows)
    logits = draw.normal(0, 1, (windows, 3)) + 2.5 * np.eye(3)[labels]
    # Bayes: the difference of means over the variance.
    base = np.exp(2.5 * logits + np.array([3.0, 0.0, 0.0]))
    return base / base.sum(1, keepdims=True), labels


def test_a_bias_is_found_from_few_windows_and_taken_back() -> None:
    few, test = biased(30, 0), biased(2000, 1)
    blend = fit_blend(*few)
    alone = Blend(1.0, blend.temper, blend.bias)
    uniform = np.full(test[0].shape, 1 / 3)
    scaled = alone.join(uniform, test[0])
    exact = test[0] * np.exp([-3.0, 0.0, 0.0])
    before, after, best = (np.mean(p.argmax(1) == test[1]) for p in (test[0], scaled, exact))
    assert blend.bias[0] < min(blend.bias[1:]) - 0.3
    # Ten windows a class tell most of it; the ridge holds the rest back.
    assert best > before + 0.05 and after > before + 0.7 * (best - before)
    np.testing.assert_allclose(scaled.sum(1), 1)


def test_the_synthetic_model_is_left_as_recordings_come_in() -> None:
    base, labels = biased(PSEUDO_WINDOWS, 2)
    assert fit_blend(base, labels).trust == pytest.approx(0.5)
    assert fit_blend(base[:1], labels[:1]).trust > 0.98
    own = np.array([[0.9, 0.05, 0.05]])
    other = np.array([[0.05, 0.9, 0.05]])
    answers = [Blend(trust, 1.0, np.zeros(3)).join(own, other).argmax() for trust in (0.4, 0.6)]
    assert answers == [0, 1]


def test_a_blend_is_the_product_that_it_says() -> None:
    draw = np.random.default_rng(4)
    own, base = (draw.dirichlet([1.0, 1.0, 1.0], 20) for _ in range(2))
    bias = np.array([0.5, -0.2, 0.0])
    want = (own + FLOOR) ** 0.7 * ((base + FLOOR) ** 1.8 * np.exp(bias)) ** 0.3
    np.testing.assert_allclose(Blend(0.3, 1.8, bias).join(own, base), want / want.sum(1, keepdims=True))
    # Joined evenly, neither counts for more: of two alike it is that one, but for what keeps classes possible.
    np.testing.assert_allclose(join_evenly(own, base), join_evenly(base, own))
    np.testing.assert_allclose(join_evenly(own, own), (own + FLOOR) / (1 + 3 * FLOOR))


def test_every_class_weighs_the_same_and_what_tells_nothing_changes_nothing() -> None:
    base, labels = biased(60, 3)
    more = np.concatenate([np.arange(60), np.repeat(np.flatnonzero(labels == 1), 4)])
    once, often = fit_blend(base, labels), fit_blend(base[more], labels[more])
    # The search for the least stops within 1e-3 of it.
    assert (often.temper, *often.bias) == pytest.approx((once.temper, *once.bias), abs=5e-3)
    none = fit_blend(np.full((60, 3), 1 / 3), labels)
    assert (none.temper, *none.bias) == pytest.approx((1, 0, 0, 0), abs=1e-3)


def test_a_sure_and_right_model_is_left_as_it_is() -> None:
    labels = np.arange(60) % 3
    blend = fit_blend(0.97 * np.eye(3)[labels] + 0.01, labels)
    # The classes are alike, so that biases are zero but for the optimiser's stop.
    assert blend.bias == pytest.approx(0, abs=1e-3) and blend.temper >= 1
