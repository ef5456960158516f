"""People and what the radar saw of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from mmsynth.geometry import apply, inverse
from mmsynth.types import MeshSequence, PointCloud
from mmsynth.view.style import BODY, INK, MUTED, VELOCITY_MAP, colour_bar, dress, new_figure

Array = NDArray[np.float64]
# (axis to the right, axis up, axis along the line of sight, its sign) in the radar frame. From the radar, x runs right.
_VIEWS = {"front": (0, 2, 1, 1), "side": (1, 2, 0, -1), "top": (0, 1, 2, -1)}


def scene_figure(
    mesh: MeshSequence, cloud: PointCloud, knot: int, frames: slice, world_from_radar: Tensor, title: str
) -> Figure:
    """A body with the point cloud around it, as seen from the radar and from the side.

    Args:
        mesh: in the world.
        cloud: in the radar frame.
        knot: which of the mesh's instants is drawn.
        frames: whose points are drawn, such as `slice(10, 13)`.
        world_from_radar: rigid transform; everything is drawn in the radar frame, the floor (z = 0) as a line.
        title: of the figure.
    """
    vertices = _in_radar(mesh, knot, world_from_radar)
    low, high = int(cloud.offsets[frames.start]), int(cloud.offsets[frames.stop])
    points = cloud.position[low:high].double().cpu().numpy()
    velocity = cloud.velocity[low:high].double().cpu().numpy()
    size = 16 + 3 * np.nan_to_num(cloud.snr_db[low:high].double().cpu().numpy(), nan=10.0).clip(0, 40)
    floor = -float(world_from_radar[2, 3])
    top = max(0.8, float(np.abs(velocity).max(initial=0)))
    norm = TwoSlopeNorm(0.0, -top, top)
    figure = new_figure(9.4, 4.5, title)
    panels = [figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)]
    centre = vertices.mean(0)
    for axes, view in zip(panels, ("front", "side"), strict=True):
        right, up, _, _ = _VIEWS[view]
        draw_mesh(axes, vertices, mesh.faces.cpu().numpy(), view)
        drawn = axes.scatter(
            points[:, right],
            points[:, up],
            s=size,
            c=velocity,
            cmap=VELOCITY_MAP,
            norm=norm,
            alpha=0.85,
            lw=0.6,
            ec=INK,
            zorder=3,
        )
        axes.axhline(floor, color=MUTED, lw=1)
        axes.set_aspect("equal")
        axes.set_xlim(centre[right] - 1.15, centre[right] + 1.15)
        axes.set_ylim(min(floor, vertices[:, 2].min()) - 0.12, max(vertices[:, 2].max() + 0.25, floor + 2.0))
    dress(panels[0], "seen from the radar", "x (right), m", "z, m")
    dress(panels[1], "from the side (radar at the left)", "y (distance), m")
    colour_bar(figure, drawn, panels, "radial velocity, m/s (blue approaches)")
    return figure


def contact_sheet(
    rows: Sequence[tuple[str, MeshSequence]], columns: int = 6, view_yaw: float = 0.5, clock: bool = True
) -> Figure:
    """Bodies in motion, one row each, at `columns` instants spread evenly over each clip.

    Args:
        rows: a title and a mesh each, in the world.
        columns: instants drawn.
        view_yaw: rad by which the view is turned from straight ahead (seen from world -y).
        clock: write the time under each.
    """
    turn = np.array([[np.cos(view_yaw), -np.sin(view_yaw), 0], [np.sin(view_yaw), np.cos(view_yaw), 0], [0, 0, 1.0]])
    poses = [[_pose(mesh, column, columns) @ turn.T for column in range(columns)] for _, mesh in rows]
    width = 0.06 + max(np.abs(pose[:, 0]).max() for line in poses for pose in line)
    tops = [0.3 + max(pose[:, 2].max() for pose in line) for line in poses]
    figure = new_figure(1.35 * columns, 1.35 / (2 * width) * sum(tops))
    panels = figure.subplots(len(rows), columns, squeeze=False, height_ratios=tops)
    for (name, mesh), top, line, bodies in zip(rows, tops, panels, poses, strict=True):
        for column, (axes, vertices) in enumerate(zip(line, bodies, strict=True)):
            draw_mesh(axes, vertices, mesh.faces.cpu().numpy(), "front")
            axes.plot([-width, width], [0, 0], color=MUTED, lw=0.8)
            axes.set(aspect="equal", xlim=(-width, width), ylim=(-0.1, top))
            axes.axis("off")
            if not clock:
                continue
            time = float(mesh.times[_instant(mesh, column, columns)] - mesh.times[0])
            axes.text(width, -0.09, f"{time:.2f} s", fontsize=7, color=MUTED, ha="right", va="top")
        title = line[0].text(-width, top, name, fontsize=10, color=INK, va="top", fontweight="bold")
        title.set_in_layout(False)  # a long name may reach over the columns beside it
    return figure


def _instant(mesh: MeshSequence, column: int, columns: int) -> int:
    return round((column + 0.5) * (len(mesh.times) - 1) / columns)


def _pose(mesh: MeshSequence, column: int, columns: int) -> Array:
    """Vertices at one instant of the sheet, centred over the origin of the floor."""
    vertices: Array = mesh.vertices[_instant(mesh, column, columns)].double().cpu().numpy()
    centre = (vertices.max(0) + vertices.min(0)) / 2
    vertices -= centre * [1, 1, 0]
    return vertices


def draw_mesh(axes: Axes, vertices: Array, faces: NDArray[np.int64], view: str) -> None:
    """Draw a shaded surface from outside, far faces first.

    Args:
        axes: to draw on.
        vertices: [vertices, 3] in m, x right, y away, z up.
        faces: [faces, 3], counter-clockwise seen from outside.
        view: "front" (along +y), "side" (from +x, y to the right) or "top".
    """
    right, up, depth, sign = _VIEWS[view]
    corner = vertices[faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    toward = normal[:, depth] * -sign
    seen = toward > 0
    order = np.argsort(-sign * corner[seen][:, :, depth].mean(1))
    # Light from above and beside the viewer, so that limbs stand out from the trunk.
    light = 0.55 + 0.45 * toward + 0.12 * normal[:, up] + 0.12 * normal[:, right]
    shade = np.clip(light, 0.15, 1.0)[seen][order, None] * np.array(BODY)
    # An array is taken in a tenth of the time of a list; matplotlib's types do not know of it.
    flat: Any = corner[seen][order][:, :, [right, up]]
    axes.add_collection(PolyCollection(flat, facecolors=shade, edgecolors=shade, linewidths=0.25, zorder=1.5))


def _in_radar(mesh: MeshSequence, knot: int, world_from_radar: Tensor) -> Array:
    vertices: Array = apply(inverse(world_from_radar), mesh.vertices[knot].to(torch.float64)).cpu().numpy()
    return vertices
