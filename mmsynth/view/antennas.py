"""Where a radar's antennas stand, and how sharply it looks."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmsynth.types import Radar
from mmsynth.view.style import ACCENT, INK, MUTED, SECOND, dress, new_figure


def array_figure(radar: Radar) -> Figure:
    """TX, RX and virtual antennas of a radar in half wavelengths, and its array factor in azimuth and elevation."""
    figure = new_figure(9.6, 3.6, radar.name)
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.0, 1.1, 1.2])
    half = radar.waveform.wavelength / 2
    tx, rx = (a.double().cpu().numpy()[:, [0, 2]] / half for a in (radar.tx, radar.rx))
    used = radar.used_tx.cpu().numpy()
    virtual = (tx[used][:, None] + rx[None]).reshape(-1, 2)
    virtual = virtual - virtual.min(0)
    # Cascades spread over 90 places: smaller marks, and heights on a scale of their own.
    wide = np.ptp(virtual[:, 0]) > 20
    size = 12 if wide else 36
    left.scatter(*rx.T, marker="o", s=size, color=ACCENT, label="RX", zorder=3)
    left.scatter(*tx[used].T, marker="^", s=size, color=SECOND, label="TX", zorder=4)
    left.scatter(*tx[~used].T, marker="^", s=size, facecolors="none", edgecolors=MUTED, zorder=4)
    for number, place in enumerate(tx, 1):
        left.annotate(f"{number}", place, (0, 7), textcoords="offset points", ha="center", fontsize=8, color=INK)
    left.legend(fontsize=8, frameon=False, loc="best")
    middle.scatter(*virtual.T, marker="s", s=4 if wide else 30, color=INK, zorder=3)
    dress(left, "antennas", "x, half wavelengths", "z, half wavelengths")
    dress(middle, f"virtual array: {len(virtual)}", "x, half wavelengths")
    for axes in (left, middle):
        axes.set_aspect("auto" if wide else "equal", adjustable="datalim")
        axes.margins(0.2)
    _beams(right, virtual)
    return figure


def _beams(axes: Axes, virtual: np.ndarray) -> None:
    angle = np.radians(np.linspace(-90, 90, 721))
    # As the device looks: azimuth by its longest row, where that holds half of the antennas.
    height, count = np.unique(np.round(virtual[:, 1] * 4), return_counts=True)
    row = virtual[np.round(virtual[:, 1] * 4) == height[count.argmax()]]
    row = row if 2 * len(row) >= len(virtual) else virtual
    for place, name, colour in ((row[:, 0], "azimuth", ACCENT), (virtual[:, 1], "elevation", SECOND)):
        phase = np.pi * place[:, None] * np.sin(angle)
        gain = np.abs(np.exp(1j * phase).mean(0))
        gain_db = 20 * np.log10(np.maximum(gain, 1e-4))
        first = angle[(angle > 0) & (gain_db < -3.0103)]
        width = 2 * np.degrees(first[0]) if len(first) else 180.0
        label = f"{name}: {width:.0f}° at -3 dB" if len(first) else f"{name}: none"
        axes.plot(np.degrees(angle), gain_db, color=colour, lw=1.5, label=label)
    axes.set_ylim(-40, 10)  # room for the legend
    axes.set_yticks(range(-40, 1, 10))
    axes.set_xlim(-90, 90)
    axes.set_xticks(range(-90, 91, 30))
    dress(axes, "array factor", "angle, degrees", "dB")
    axes.legend(
        fontsize=8,
        frameon=True,
        framealpha=0.9,
        edgecolor="none",
        loc="upper center",
        ncols=2,
        handlelength=1.2,
        columnspacing=1,
    )
