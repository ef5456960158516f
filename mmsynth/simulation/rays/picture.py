"""What people hide from one point, found in the picture that it sees: no tree to refit, and no ray to walk through one.

The points of which somebody asks are sorted into the cells of a grid over the picture. Then every triangle looks at the
few that lie in the cells under it, and hides those that it covers. The answers are those of shadow rays, for a quarter
of the time, since there are fewer points than triangles. CPU and CUDA run the same kernel.
"""

import math

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.kernels.lanes import LANES, LARGEST
from mmsynth.simulation.kernels.launch import launch, native
from mmsynth.simulation.surface import length

wp.set_module_options({"enable_backward": False})

# A picture is taken if everybody is at least so far in m ahead, and within so much (a tangent) of its middle.
NEAREST, WIDEST = 0.02, 4.0
# How far around all that hides points may lie in the picture (a tangent), so that those on its outline are inside.
EDGE = 1e-3
# Points a cell on average over the whole picture: where people are, there are some times as many.
FILL = 0.3

_SNIPPET = (
    LANES
    + """
    const int* corner = faces.data + 3 * face;
    const wp::vec3* seen = places.data + pose * vertices;
    const wp::vec3 a = seen[corner[0]], b = seen[corner[1]], c = seen[corner[2]];
    auto low = [](float x, float y) { return x < y ? x : y; };
    auto high = [](float x, float y) { return x > y ? x : y; };
    int first[2], last[2];
    for (int n = 0; n < 2; ++n) {
        // Where all points lie close together, triangles may be more cells away than an integer counts.
        first[n] = int32_t(low(high(low(low(a.c[n], b.c[n]), c.c[n]), 0.0f), 1.0f * side));
        last[n] = int32_t(low(high(high(a.c[n], b.c[n]), c.c[n]), side - 0.5f) + 1.0f) - 1;
    }
    const float* x = points.data;
    const float *y = x + count, *depth = y + count, *stop = depth + count;
    float steps[L];
    for (int n = 0; n < L; ++n)
        steps[n] = n;
    for (int row = first[1]; row <= last[1]; ++row) {
        const int* cell = bounds.data + (pose * side + row) * side;
        const int end = first[0] <= last[0] ? cell[last[0] + 1] : 0;
        for (int n = cell[first[0]]; n < end; n += L) {
            const float left = end - n;
            lane px = load(x + n), py = load(y + n), d = load(depth + n);
            lane ax = a.c[0] - px, ay = a.c[1] - py, bx = b.c[0] - px;
            lane by = b.c[1] - py, cx = c.c[0] - px, cy = c.c[1] - py;
            lane one = bx * cy - by * cx, two = cx * ay - cy * ax, three = ax * by - ay * bx;
            auto inside = (least(least(one, two), three) >= zero) | (most(most(one, two), three) <= zero);
            // Inverse depth is linear in the picture.
            lane away = (one * (a.c[2] - d) + two * (b.c[2] - d) + three * (c.c[2] - d)) / (one + two + three);
            auto hit = inside & (away > zero) & (away < load(stop + n) - d) & (load(steps) < zero + left);
#if defined(__CUDA_ARCH__) || defined(__CUDACC_RTC__)
            // Triangles look at the same time: one that does not hide must not write back what it has read.
            if (hit)
                hidden.data[n] = 1.0f;
#else
            store(hidden.data + n, hit ? zero + 1.0f : load(hidden.data + n));
#endif
        }
    }
"""
)


@native(_SNIPPET, "pose", "face")
def _hide(
    places: wp.array(dtype=wp.vec3),
    vertices: int,
    faces: wp.array(dtype=wp.int32),
    points: wp.array(dtype=float),
    count: int,
    side: int,
    bounds: wp.array(dtype=wp.int32),
    hidden: wp.array(dtype=float),
):
    """Mark the points that a triangle hides; places in the picture are in cells, depths are inverse, in 1/m."""


def hidden(shape: tuple[Tensor, Tensor], points: Tensor, pose: Tensor, nearest: float) -> Tensor | None:
    """Whether [points] something lies between each point and the origin; None if no picture shows everybody.

    Args:
        shape: vertices [poses, 3, vertices] in m (float32) and faces [3, faces] of what hides.
        points: [3, points] in m (float32).
        pose: [points] that of each.
        nearest: m from the origin within which nothing hides.
    """
    vertices, faces = shape
    axes = _axes(vertices)
    seen, asked = axes @ vertices, axes @ points
    depth = seen[:, 2]
    if not bool((depth.amin() > NEAREST) & ((seen[:, :2].abs().amax(1) / depth).amax() < WIDEST)):
        return None
    inverse = 1 / depth
    across = seen[:, :2] * inverse[:, None]
    # What is behind, or beside all that hides, is left out.
    near = 1 / asked[2]
    place, first, last = asked[:2] * near, across.amin((0, 2))[:, None] - EDGE, across.amax((0, 2))[:, None] + EDGE
    inside = (near > 0) & ((place > first) & (place < last)).all(0)
    if not bool(inside.all()):
        some = inside.nonzero()[:, 0]
        if len(some) == 0:
            return inside
        part = hidden(shape, points.index_select(1, some), pose.index_select(0, some), nearest)
        return None if part is None else torch.zeros_like(inside).index_copy_(0, some, part)
    side = max(1, math.ceil(math.sqrt(points.shape[1] / len(vertices) / FILL)))
    low = place.amin(1, keepdim=True)
    scale = side * (1 - 1e-6) / (place.amax(1, keepdim=True) - low).clamp_min(1e-9)
    place = (place - low) * scale
    order, bounds = _sorted(place, pose, side, len(vertices))
    # The way of a ray ends `nearest` before the origin: there, depth is that part of the point's own.
    stop = near * length(asked) / nearest
    rows = torch.nn.functional.pad(torch.stack([*place, near, stop]).index_select(1, order), (0, LARGEST))
    places = torch.stack([*((across[:, n] - low[n]) * scale[n] for n in range(2)), inverse], 2)
    found = torch.zeros(rows.shape[1], dtype=torch.float32, device=points.device)
    corners = faces.T.to(torch.int32).flatten()
    inputs = [places.flatten(0, 1), vertices.shape[2], corners, rows.flatten(), rows.shape[1], side, bounds, found]
    launch(_hide, (len(vertices), faces.shape[1]), inputs, points.device)
    return torch.empty_like(near).index_copy_(0, order, found[: len(order)]).bool()


def _axes(vertices: Tensor) -> Tensor:
    """Unit vectors [3, 3] across, up and ahead of the way to the middle of all."""
    ahead = vertices.mean((0, 2))
    ahead = ahead / ahead.norm().clamp_min(1e-9)
    helper = torch.eye(3, dtype=ahead.dtype, device=ahead.device)[ahead.abs().argmin()]
    aside = torch.nn.functional.normalize(torch.linalg.cross(ahead, helper), dim=0)
    return torch.stack([aside, torch.linalg.cross(aside, ahead), ahead])


def _sorted(place: Tensor, pose: Tensor, side: int, poses: int) -> tuple[Tensor, Tensor]:
    """The points in order of their cells, and where [poses * side^2 + 1] (int32) each cell begins."""
    # Four bytes a cell: sorted in half the time of eight.
    column, row = place.int().unbind()
    cell = (pose.int() * side + row) * side + column
    count = torch.bincount(cell, minlength=poses * side * side)
    return cell.argsort(), torch.nn.functional.pad(count.cumsum(0, dtype=torch.int32), (1, 0))
