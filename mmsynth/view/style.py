"""One look for every figure: colours, fonts, and how a figure is made without any global state."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmsynth.whole import whole

INK = "#1f2933"
MUTED = "#7b8794"
GRID = "#e4e7eb"
BODY = (0.80, 0.82, 0.85)
ACCENT = "#1668a8"
SECOND = "#d1603d"
# Approaching blue, receding red, still grey.
VELOCITY_MAP = "coolwarm"
POWER_MAP = "magma"


def new_figure(width: float, height: float, title: str = "") -> Figure:
    """An empty figure of `width` x `height` inches with its own canvas, perhaps under a title."""
    figure = Figure(figsize=(width, height), dpi=130, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title, fontsize=12, color=INK, fontweight="bold")
    return figure


def dress(axes: Axes, title: str = "", x: str = "", y: str = "", grid: bool = True) -> None:
    """Titles, light grid and no frame on the upper and right side."""
    axes.set_title(title, loc="left", fontsize=10, color=INK, fontweight="bold")
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
    axes.tick_params(labelsize=8, colors=MUTED, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(MUTED)
    if grid:
        axes.grid(color=GRID, linewidth=0.7)
        axes.set_axisbelow(True)


def colour_bar(figure: Figure, drawn: Any, axes: Axes | Sequence[Axes], label: str) -> None:
    """A slim colour bar beside `axes`."""
    bar = figure.colorbar(drawn, ax=axes, shrink=0.85, pad=0.02, aspect=28)
    bar.set_label(label, fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=8, colors=MUTED, length=2)
    bar.outline.set_visible(False)


def edges(centres: np.ndarray) -> np.ndarray:
    """Borders [n + 1] of cells around increasing centres [n]."""
    if len(centres) < 2:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def save_figure(figure: Figure, path: Path | str) -> Path:
    """Write a figure as PNG, PDF or SVG by the suffix of `path`, and return the path.

    Raises:
        ValueError: the suffix is of no kind of picture.
        OSError: the folder does not exist, or the file cannot be written.
    """
    path = Path(path)
    with whole(path) as (part,):
        figure.savefig(part, bbox_inches="tight", pad_inches=0.12)
    return path
