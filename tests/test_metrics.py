"""Scores against counts done by hand."""

import numpy as np
import pytest

from mmsynth import metrics


def test_confusion_scores_of_a_matrix_done_by_hand() -> None:
    matrix = metrics.confusion([0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0], 2)
    assert matrix.tolist() == [[3, 1], [1, 1]]
    assert metrics.accuracy(matrix) == pytest.approx(4 / 6)
    assert metrics.balanced_accuracy(matrix) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert metrics.macro_f1(matrix) == pytest.approx((6 / 8 + 2 / 4) / 2)


def test_a_class_that_never_occurs_counts_for_f1_only_when_predicted() -> None:
    matrix = metrics.confusion([0, 1], [0, 1], 3)
    assert metrics.balanced_accuracy(matrix) == 1 and metrics.macro_f1(matrix) == 1
    assert np.isnan(metrics.recall(matrix)[2])
    assert metrics.macro_f1(metrics.confusion([0, 1], [0, 2], 3)) == pytest.approx(1 / 3)


def test_mutual_information_of_tables_with_closed_forms() -> None:
    assert metrics.mutual_information(np.eye(4)) == pytest.approx(2)
    assert metrics.mutual_information(np.roll(np.eye(4), 1, 0)) == pytest.approx(2)
    # Independent sides: three entropies that cancel, but for rounding.
    assert metrics.mutual_information(np.outer([1, 2, 3], [4, 5, 6])) == pytest.approx(0, abs=1e-12)
    # A diagonal has its entropy; a symmetric channel of error e leaves 1 - h(e) of a bit.
    assert metrics.mutual_information(np.diag([2, 1, 1])) == pytest.approx(1.5)
    assert metrics.mutual_information([[9, 1], [1, 9]]) == pytest.approx(1 + 0.1 * np.log2(0.1) + 0.9 * np.log2(0.9))
    # Many at once; a table without counts tells nothing.
    assert metrics.mutual_information(np.stack([7 * np.eye(2), np.zeros((2, 2))])) == pytest.approx([1, 0])


def test_a_skeleton_moved_by_a_centimetre_is_a_centimetre_off() -> None:
    truth = np.random.default_rng(0).normal(size=(7, 19, 3))
    moved = truth + np.array([0.006, 0.008, 0.0])
    assert metrics.mpjpe(moved, truth) == pytest.approx(np.full(19, 0.01))
    assert metrics.mae(moved, truth) == pytest.approx(0.014 / 3)
    assert metrics.mpjpe(metrics.root_relative(moved), metrics.root_relative(truth)) == pytest.approx(np.zeros(19))


def test_unknown_joints_do_not_count() -> None:
    truth = np.zeros((2, 1, 3))
    truth[1] = np.nan
    assert metrics.mpjpe(np.ones((2, 1, 3)), truth) == pytest.approx([np.sqrt(3)])
    assert metrics.mae(np.ones((2, 1, 3)), truth) == 1


def test_earth_mover_is_the_shift_of_a_histogram() -> None:
    first = np.zeros(10)
    first[2] = 5
    assert metrics.earth_mover(first, np.roll(first, 3) * 7, 0.5) == pytest.approx(1.5)


def test_correlation_ignores_gaps() -> None:
    a = np.array([0.0, 1, 2, np.nan, 4])
    assert metrics.correlation(a, -3 * a + 1) == pytest.approx(-1)
    assert np.isnan(metrics.correlation(a, np.ones(5)))
    assert np.isnan(metrics.correlation(a, np.full(5, np.nan)))


@pytest.mark.parametrize("pair", [([0, 1], [0]), ([], []), ([0, 2], [0, 1])])
def test_wrong_predictions_are_refused(pair: tuple[list[int], list[int]]) -> None:
    with pytest.raises(ValueError, match="confusion: expected"):
        metrics.confusion(*pair, 2)
