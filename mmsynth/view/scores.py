"""How well a network did, and how near a simulator comes."""

from collections.abc import Mapping, Sequence
from itertools import compress, product

import numpy as np
from matplotlib.figure import Figure

from mmsynth.view.style import ACCENT, GRID, INK, MUTED, SECOND, dress, new_figure


def confusion_figure(matrix: np.ndarray, classes: Sequence[str]) -> Figure:
    """A confusion matrix: rows the truth, columns the prediction, shades and percentages by row; its balanced accuracy.

    Args:
        matrix: [classes, classes] counts.
        classes: names.
    """
    counts = np.asarray(matrix, dtype=np.float64)
    total = counts.sum(1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    recall = share.diagonal()[total[:, 0] > 0]
    side = 2.2 + 0.72 * len(classes)
    figure = new_figure(side, side - 0.3)
    axes = figure.add_subplot(1, 1, 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i, row in enumerate(share):
        for j, value in enumerate(row):
            if counts[i, j] > 0:
                colour = "white" if value > 0.55 else INK
                axes.text(j, i - 0.08, f"{100 * value:.0f} %", ha="center", va="center", fontsize=10, color=colour)
                axes.text(j, i + 0.25, f"{counts[i, j]:.0f}", ha="center", va="center", fontsize=7, color=colour)
    dress(axes, "", "predicted", "true", grid=False)
    axes.set_xticks(range(len(classes)), classes, rotation=35, ha="right", fontsize=9, color=INK)
    axes.set_yticks(range(len(classes)), classes, fontsize=9, color=INK)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)
    axes.set_title(f"balanced accuracy {100 * recall.mean():.1f} %, n = {counts.sum():.0f}", loc="left", fontsize=10)
    return figure


def histograms_figure(quantities: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Figure:
    """Histograms of real against simulated values, before and after calibration.

    Args:
        quantities: name with unit -> values recorded, simulated before, simulated after.
    """
    columns = min(3, len(quantities))
    lines = -(-len(quantities) // columns)
    figure = new_figure(3.5 * columns, 2.6 * lines, "recorded and simulated, before and after calibration")
    panels = figure.subplots(lines, columns, squeeze=False)
    for axes in panels.ravel()[len(quantities) :]:
        axes.axis("off")
    for axes, (name, (real, before, after)) in zip(panels.ravel(), quantities.items(), strict=False):
        bins = _bins(real, before, after)
        axes.hist(real, bins, density=len(real) > 0, color=GRID, ec=MUTED, lw=0.6, label="recorded")
        outlines = ((before, SECOND, 1.4, (0, (4, 2)), "simulated"), (after, ACCENT, 1.6, "-", "calibrated"))
        for values, color, width, style, label in outlines:
            axes.hist(
                values, bins, density=len(values) > 0, histtype="step", color=color, lw=width, ls=style, label=label
            )
        dress(axes, "", name)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
    panels[0, 0].legend(fontsize=8, frameon=False, labelcolor=INK)
    return figure


def ablation_figure(accuracy: Mapping[str, float], consistency: Mapping[str, float]) -> Figure:
    """Accuracy of each variant of a simulator, the best first, beside what speaks for it without labels.

    Args:
        accuracy: of each variant by name.
        consistency: of each variant by name, in bits; those without one stay out of the second panel.
    """
    names = sorted(accuracy, key=lambda name: accuracy[name])
    figure = new_figure(9.6, 1.2 + 0.26 * len(names))
    bars, dots = figure.subplots(1, 2)
    bars.barh(names, [accuracy[n] for n in names], color=ACCENT, height=0.7)
    dress(bars, "", "balanced accuracy", "")
    known = [n for n in names if n in consistency]
    places = np.array([(consistency[n], accuracy[n]) for n in known]).reshape(-1, 2)
    dots.scatter(*places.T, color=INK)
    # Where dots crowd their names would cover one another; the bars name them in the same order.
    apart = np.abs(places[:, None] - places) / (places.max(0, initial=0) - places.min(0, initial=0)).clip(1e-9)
    crowded = (apart < [0.3, 0.025]).all(2).sum(1) > 1
    for name, place in zip(compress(known, ~crowded), places[~crowded], strict=True):
        dots.annotate(name, place, (4, 4), textcoords="offset points", fontsize=7, color=MUTED)
    dress(dots, "", "consistency on unlabelled recordings (bits)", "balanced accuracy")
    return figure


def curve_figure(
    shares: Sequence[float], arms: Mapping[str, tuple[np.ndarray, np.ndarray]], name: str, title: str = ""
) -> Figure:
    """Scores over the share of recordings that is trained on, a line an arm, bars of one standard deviation.

    Args:
        shares: of the recordings, rising; 0 stands at the left end of an otherwise logarithmic axis.
        arms: name -> mean and spread at each share; NaN = not known.
        name: of the score.
        title: of the figure.
    """
    place = np.array([np.log10(s) if s > 0 else np.log10(min(x for x in shares if x > 0)) - 0.7 for s in shares])
    figure = new_figure(7.6, 3.8)
    axes = figure.add_subplot(1, 1, 1)
    # After the last colour the first again, dashed, and with a mark of its own: some arms have one point and no line.
    looks = product((("-", "o"), ("--", "s"), (":", "^")), (MUTED, ACCENT, SECOND, INK))
    for (arm, (mean, spread)), ((dash, marker), colour) in zip(arms.items(), looks, strict=False):
        known = np.isfinite(mean)
        line = axes.errorbar(place[known], mean[known], spread[known], color=colour, marker=marker, ms=4, capsize=2)
        line.lines[0].set_linestyle(dash)
        line.set_label(arm)
    axes.set_xticks(place, [f"{100 * s:g} %" for s in shares])
    dress(axes, title, "share of the recordings", name)
    axes.legend(fontsize=8, frameon=False, labelcolor=INK, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _bins(*values: np.ndarray) -> np.ndarray:
    """40 common bins over the middle 99.5 % of each of the samples; whole numbers get a bin each where they fit.

    However few values one has: what lies far from the others is what the picture is for.
    """
    samples = [np.asarray(v, dtype=np.float64) for v in values]
    samples = [own for own in (v[np.isfinite(v)] for v in samples) if len(own)] or [np.array([0.0, 1.0])]
    ends = np.array([np.quantile(own, [0.0025, 0.9975]) for own in samples])
    low, high = ends[:, 0].min(), max(ends[:, 1].max(), ends[:, 0].min() + 1e-9)
    if all(np.all(own == np.round(own)) for own in samples) and high - low <= 60:
        return np.arange(np.floor(low), np.ceil(high) + 2) - 0.5
    # Half a bin more, and all a little aside: of a device's steps, rounded otherwise here and there, none falls off the
    # end or to another side of an edge.
    margin = 0.5 * (high - low) / 39
    return np.linspace(low - 1.01 * margin, high + 0.99 * margin, 41)
