"""Where rays meet a mirror, in one Warp kernel: each ray its own of several."""

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.kernels.launch import launch

wp.set_module_options({"enable_backward": False})


@wp.kernel
def _cross(
    start: wp.array(dtype=wp.vec3d),
    which: wp.array(dtype=wp.int64),
    corners: wp.array2d(dtype=wp.vec3d),
    normals: wp.array(dtype=wp.vec3d),
    images: wp.array(dtype=wp.vec3d),
    meeting: wp.array(dtype=wp.vec3d),
    inside: wp.array(dtype=wp.uint8),
):
    ray = wp.tid()
    mirror = which[ray]
    normal, way = normals[mirror], images[mirror] - start[ray]
    slope = wp.dot(way, normal)
    if wp.abs(slope) < wp.float64(1e-12):
        slope = wp.float64(1e-12)
    fraction = -wp.dot(start[ray] - corners[mirror, 0], normal) / slope
    place = start[ray] + fraction * way
    meeting[ray] = place
    least, most = wp.float64(0.0), wp.float64(0.0)
    for k in range(4):
        side = corners[mirror, (k + 1) % 4] - corners[mirror, k]
        turn = wp.dot(wp.cross(side, place - corners[mirror, k]), normal)
        least, most = wp.min(least, turn), wp.max(most, turn)
    between = fraction > wp.float64(1e-6) and fraction < wp.float64(1.0 - 1e-9)
    if between and (least >= wp.float64(0.0) or most <= wp.float64(0.0)):
        inside[ray] = wp.uint8(1)


def cross(start: Tensor, which: Tensor, mirrors: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Where [rays, 3] rays from `start` [rays, 3] (float64) meet a mirror, and whether in it and before their ends.

    Args:
        start: in the world in m.
        which: [rays] mirror of each.
        mirrors: corners [mirrors, 4, 3] in order, normals [mirrors, 3], and where their rays go [mirrors, 3].
    """
    meeting, inside = torch.empty_like(start), torch.zeros(len(start), dtype=torch.uint8, device=start.device)
    launch(_cross, len(start), [start, which, *mirrors, meeting, inside], start.device)
    return meeting, inside.bool()
