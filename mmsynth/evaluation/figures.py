"""Figures of a report."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mmsynth import metrics
from mmsynth.evaluation.scores import Scores


def draw_confusion(scores: Scores, path: Path) -> None:
    """Draw a confusion matrix, each row as shares of the true class, with the counts written in."""
    matrix = np.asarray(scores.matrix)
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    figure = Figure(figsize=(1.6 + 0.8 * len(matrix), 1.2 + 0.8 * len(matrix)), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(matrix):
        axes.text(j, i, str(count), ha="center", va="center", color="white" if share[i, j] > 0.5 else "black")
    for axis, label in ((axes.xaxis, "predicted"), (axes.yaxis, "true")):
        axis.set_ticks(range(len(matrix)), scores.classes)
        axis.set_label_text(label)
    axes.tick_params(axis="x", rotation=30)
    found = metrics.balanced_accuracy(matrix)
    axes.set_title(f"balanced accuracy {found:.3f}, {matrix.sum()} windows", fontsize=10)
    figure.savefig(path, dpi=120)


def draw_curve(curves: Mapping[str, Sequence[tuple[float, float, float]]], path: Path, title: str) -> None:
    """Draw scores against the real share of the training part.

    Args:
        curves: by name, points of (share in percent, mean, standard deviation).
        path: of the picture.
        title: above it.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, points in curves.items():
        x, y, spread = np.array(points).T
        axes.errorbar(x, y, spread, marker="o", capsize=3, label=name)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xticks([0, 1, 5, 10, 25, 100], ["0", "1", "5", "10", "25", "100"])
    axes.set_xlabel("real clips in training, percent")
    axes.set_ylabel("balanced accuracy")
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
