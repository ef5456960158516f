"""Poses of joints, predicted and recorded."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mmsynth.view.style import ACCENT, MUTED, dress, new_figure


def pose_figure(predicted: np.ndarray, truth: np.ndarray, bones: Sequence[tuple[int, int]]) -> Figure:
    """Stick figures seen from the radar, six in a row: recorded in grey, predicted in colour.

    Args:
        predicted: joints [poses, joints, 3] in m in the radar frame.
        truth: the same; NaN = not known.
        bones: pairs of joints to join.
    """
    columns = min(6, len(predicted))
    lines = -(-len(predicted) // columns)
    figure = new_figure(2.0 * columns, 2.6 * lines, "recorded in grey, predicted in blue")
    panels = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes in panels[len(predicted) :]:
        axes.axis("off")
    for axes, guess, known in zip(panels, predicted, truth, strict=False):
        for joints, colour, width in ((known, MUTED, 3.0), (guess, ACCENT, 1.5)):
            axes.plot(joints[:, 0], joints[:, 2], ".", color=colour, ms=width)
            for a, b in bones:
                axes.plot(joints[[a, b], 0], joints[[a, b], 2], color=colour, lw=width, solid_capstyle="round")
        axes.set_aspect("equal")
        dress(axes, "", "x, m", "z, m" if axes is panels[0] else "")
    return figure
