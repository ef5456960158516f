"""What a radar saw in clips: their points in space and time."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from mmsynth.joints import bones
from mmsynth.processing.heatmaps import KINDS
from mmsynth.types import Sample
from mmsynth.view.maps import draw_map
from mmsynth.view.style import INK, VELOCITY_MAP, colour_bar, dress, new_figure

# Axes to the right and up, in the radar frame: as seen from the radar, and from above.
_VIEWS = ((0, 2), (0, 1))
_NAMES = ("x (right), m", "y (distance), m", "z, m")


def clips_figure(clips: Sequence[Sample]) -> Figure:
    """A row for each clip: all its points from the radar and from above, and their velocities over time.

    The joints of the instant in the middle are drawn as lines, where they are known; so are the heatmaps that all clips
    have, each in dB under its strongest cell.
    """
    kinds = [kind for kind in KINDS if all(kind in {m.kind for m in clip.heatmaps} for clip in clips)]
    figure = new_figure(9.6 + 2.2 * len(kinds), 0.5 + 2.5 * len(clips))
    widths = (1, 1, 1.5, *(0.9 for _ in kinds))
    panels = figure.subplots(len(clips), len(widths), squeeze=False, width_ratios=widths, sharex="col", sharey="col")
    low, high = _bounds(
        np.concatenate([clip.cloud.position.numpy() for clip in clips]), np.concatenate([_pose(clip) for clip in clips])
    )
    speeds = np.concatenate([np.abs(clip.cloud.velocity.numpy()) for clip in clips])
    fastest = max(0.5, float(np.nanquantile(speeds, 0.99)) if np.isfinite(speeds).any() else 0.0)
    norm = TwoSlopeNorm(0.0, -fastest, fastest)
    for number, (row, clip) in enumerate(zip(panels, clips, strict=True), 1):
        last = number == len(clips)
        velocity = clip.cloud.velocity.numpy()
        look = {"c": np.nan_to_num(velocity), "cmap": VELOCITY_MAP, "norm": norm, "s": 5, "lw": 0}
        place = clip.cloud.position.numpy()
        names = (clip.labels.activity or "no label", clip.id)
        for axes, (right, up), name in zip(row[:2], _VIEWS, names, strict=True):
            axes.scatter(place[:, right], place[:, up], **look)
            _sticks(axes, clip, right, up)
            axes.set(aspect="equal", xlim=(low[right], high[right]), ylim=(low[up], high[up]))
            dress(axes, name, _NAMES[right] if last else "", _NAMES[up])
        time = clip.cloud.times.numpy()[clip.cloud.frame_index().numpy()]
        drawn = row[2].scatter(time, velocity, **look)
        counted = f"{len(velocity)} points in {len(clip.cloud.times)} frames"
        dress(row[2], counted, "time, s" if last else "", "radial velocity, m/s")
        maps = {heatmap.kind: heatmap for heatmap in clip.heatmaps}
        for axes, kind in zip(row[3:], kinds, strict=True):
            name, across, distance = draw_map(axes, maps[kind], len(maps[kind].power) // 2)
            dress(axes, name, across if last else "", distance, grid=False)
    colour_bar(figure, drawn, list(panels.ravel()), "radial velocity, m/s (blue approaches)")
    return figure


def _bounds(points: np.ndarray, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Limits [3] of a cube in m that holds nearly all points [points, 3] and the joints [joints, 3] that are drawn."""
    ends = [*np.quantile(points, (0.005, 0.995), axis=0)] if len(points) else []
    ends += [*joints[np.isfinite(joints).all(1)]]
    if not ends:
        return np.full(3, -1.0), np.full(3, 1.0)
    low, high = np.min(ends, axis=0), np.max(ends, axis=0)
    half = max(1.0, 0.55 * float((high - low).max()))
    return (low + high) / 2 - half, (low + high) / 2 + half


def _pose(clip: Sample) -> np.ndarray:
    """Joints [joints, 3] of the instant in the middle; none where there are none."""
    if clip.joints is None or not clip.joint_set:
        return np.zeros((0, 3))
    return np.asarray(clip.joints[len(clip.joints) // 2].numpy())


def _sticks(axes: Axes, clip: Sample, right: int, up: int) -> None:
    joints = _pose(clip)
    for a, b in bones(clip.joint_set) if len(joints) else ():
        axes.plot(joints[[a, b], right], joints[[a, b], up], color=INK, lw=1.2, alpha=0.7)
