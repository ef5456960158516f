"""Heatmaps over range, velocity, angle and time."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from mmsynth.types import Heatmap
from mmsynth.view.style import POWER_MAP, colour_bar, dress, edges, new_figure

# Colours cover so many dB under the strongest cell.
_MAP_SPAN, _DOPPLER_SPAN = 55.0, 40.0
_TITLES = {
    "range_doppler": "range-Doppler",
    "range_azimuth": "range-azimuth",
    "range_elevation": "range-elevation",
}


def heatmaps_figure(heatmaps: Sequence[Heatmap], frame: int, max_range: float) -> Figure:
    """Heatmaps of one frame side by side.

    Args:
        heatmaps: of the kinds of `beamform`.
        frame: which one.
        max_range: m, upper end of the range axis.
    """
    figure = new_figure(0.6 + 3.3 * len(heatmaps), 4.2)
    panels = figure.subplots(1, len(heatmaps), squeeze=False)[0]
    for axes, heatmap in zip(panels, heatmaps, strict=True):
        title, across, up = draw_map(axes, heatmap, frame, max_range)
        dress(axes, title, across, up if axes is panels[0] else "", grid=False)
    colour_bar(figure, panels[-1].collections[0], list(panels), "dB under the strongest cell")
    return figure


def draw_map(axes: Axes, heatmap: Heatmap, frame: int, max_range: float = 5.0) -> tuple[str, str, str]:
    """Draw one frame of a heatmap, arguments as of `heatmaps_figure`; returns its title and what its two axes are."""
    rows = heatmap.rows.double().cpu().numpy()
    near = rows <= max_range
    power = heatmap.power[frame].double().cpu().numpy()[near]
    doppler = heatmap.kind == "range_doppler"
    columns = heatmap.columns.double().cpu().numpy()
    across = columns if doppler else np.degrees(columns)
    _image(axes, across, rows[near], power - power.max())
    if not doppler:
        axes.set_xlim(-80, 80)
    name = "velocity, m/s" if doppler else f"{heatmap.kind.removeprefix('range_')}, degrees"
    return _TITLES[heatmap.kind], name, "range, m"


def micro_doppler_figure(heatmap: Heatmap, frame_period: float, title: str = "micro-Doppler") -> Figure:
    """The micro-Doppler of a whole clip: velocity over time, the columns of its frames one after the other.

    Args:
        heatmap: of `micro_doppler`.
        frame_period: s; the columns of a frame are stretched over it, its silent part too.
        title: of the figure.
    """
    frames, rows, columns = heatmap.power.shape
    power = heatmap.power.permute(1, 0, 2).reshape(rows, -1).double().cpu().numpy()
    start = heatmap.times.double().cpu().numpy()
    time = (start[:, None] + (np.arange(columns) + 0.5) * frame_period / columns).ravel()
    figure = new_figure(8.4, 3.6)
    axes = figure.add_subplot(1, 1, 1)
    velocity = heatmap.rows.double().cpu().numpy()
    power = power - power.max()
    drawn = axes.pcolormesh(
        time, velocity, power, cmap=POWER_MAP, vmin=-_DOPPLER_SPAN, vmax=0, shading="gouraud", rasterized=True
    )
    active = np.abs(velocity[power.max(1) > -_DOPPLER_SPAN]).max(initial=0.5)
    axes.set_ylim(max(-1.3 * active, velocity[0]), min(1.3 * active, velocity[-1]))
    axes.axhline(0, color="white", lw=0.5, alpha=0.5)
    dress(axes, title, "time, s", "radial velocity, m/s", grid=False)
    colour_bar(figure, drawn, axes, "dB")
    return figure


def _image(axes: Axes, x: np.ndarray, y: np.ndarray, power: np.ndarray) -> QuadMesh:
    return axes.pcolormesh(
        edges(x), edges(y), power, cmap=POWER_MAP, vmin=-_MAP_SPAN, vmax=0, rasterized=True, edgecolors="none"
    )
