"""Whether the way of a leg exists, over all its mirrors, and nothing is in it."""

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.kernels.launch import launch
from mmsynth.simulation.legs.leg import RADAR_CLEARANCE, SURFACE_OFFSET, Leg
from mmsynth.simulation.rays.bvh import Bvh
from mmsynth.simulation.surface import length

wp.set_module_options({"enable_backward": False})

# A ray to a mirror ends this far (in m) before it, and a ten-thousandth of its length: ten times what float32 resolves
# at 10 m, since in a corner a ray is some mm long.
STOP = 1e-5


def free(leg: Leg, points: Tensor, bvh: Bvh | None) -> Tensor:
    """Whether [points] the way from each point [points, 3] over the mirrors to the antennas exists and is free.

    It exists if it meets every mirror inside its quad. With no BVH nothing is in the way.
    """
    return free_over([leg], torch.zeros(len(points), dtype=torch.int64, device=points.device), points, bvh)


def free_over(over: list[Leg], which: Tensor, points: Tensor, bvh: Bvh | None, pose: Tensor | None = None) -> Tensor:
    """As `free`, for each point over its own of several legs, `which` [points].

    `pose` [points] is that of the BVH's poses in which to look (None = the first).
    """
    count = torch.tensor([len(leg.mirrors) for leg in over], device=points.device)
    clear, start = torch.ones_like(which, dtype=torch.bool), points.detach().to(torch.float64)
    planes = [_planes(leg) for leg in over]
    for step in range(max((len(leg.mirrors) for leg in over), default=0) - 1, -1, -1):
        ask = (clear & (count > step)[which]).nonzero()[:, 0]
        # Legs of fewer mirrors stand in with what none of their rays will ask for.
        mirrors = (rows[min(step, len(rows) - 1)] for rows in planes)
        corners, normals, images = map(torch.stack, zip(*mirrors, strict=True))
        meeting, inside = _crossing(start[ask], which[ask], (corners, normals, images))
        clear[ask] = inside
        ask, meeting = ask[inside], meeting[inside]
        begin, normal = start[ask], normals.index_select(0, which[ask])
        if bvh is not None:
            clear[ask] = ~_blocked((begin, meeting), bvh, None if pose is None else pose[ask], which[ask])
        # The next ray starts on the side that the last one came from.
        side = torch.sign(((begin - meeting) * normal).sum(1, keepdim=True))
        start = start.index_copy(0, ask, meeting + 2 * SURFACE_OFFSET * side * normal)
    if bvh is not None and over:
        ask = clear.nonzero()[:, 0]
        begin, end = start[ask], torch.stack([leg.real_centre for leg in over]).index_select(0, which[ask])
        way = (end - begin).T
        short = way * (1 - RADAR_CLEARANCE / length(way).clamp_min(RADAR_CLEARANCE))
        clear[ask] = ~_blocked((begin, begin + short.T), bvh, None if pose is None else pose[ask], which[ask])
    return clear


def _planes(leg: Leg) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Corners and normal of each mirror of a leg, and the image of the antennas in it; of none, zeros."""
    if not leg.mirrors:
        return [(leg.centre.new_zeros(4, 3), leg.centre.new_zeros(3), leg.centre.new_zeros(3))]
    return [(mirror.corners, mirror.normal, image) for mirror, image in zip(leg.mirrors, leg.images[1:], strict=True)]


def _blocked(ends: tuple[Tensor, Tensor], bvh: Bvh, pose: Tensor | None, which: Tensor) -> Tensor:
    """Whether [rays] something is between the ends [rays, 3]."""
    start, end = ends
    # A ray stops just short of a mirror that is itself a surface of the mesh.
    way = start - end
    return bvh.blocked(start, end + way * (1e-4 + STOP / length(way.T).clamp_min(2 * STOP)[:, None]), pose, which)


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
    between = fraction > wp.float64(1e-9) and fraction < wp.float64(1.0 - 1e-9)
    if between and (least >= wp.float64(0.0) or most <= wp.float64(0.0)):
        inside[ray] = wp.uint8(1)


def _crossing(start: Tensor, which: Tensor, mirrors: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Where [rays, 3] rays from `start` [rays, 3] (float64) meet a mirror, and whether in it and before their ends.

    Args:
        start: in the world in m.
        which: [rays] mirror of each.
        mirrors: corners [mirrors, 4, 3] in order, normals [mirrors, 3], and where their rays go [mirrors, 3].
    """
    meeting, inside = torch.empty_like(start), torch.zeros(len(start), dtype=torch.uint8, device=start.device)
    launch(_cross, len(start), [start, which, *mirrors, meeting, inside], start.device)
    return meeting, inside.bool()
