"""Rays that leave the TX and bounce from person to person, as Warp kernels; `closing` makes tubes of them.

Surfaces are smooth between their vertices: a ray is reflected by the mean of the normals at the corners of a facet, and
lands on the plane that touches the quadratic surface through the facet's raised edges where it meets the facet.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.facets.structs import PoseStruct, pose_struct
from mmsynth.simulation.kernels.launch import as_array, launch
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.legs.structs import LegStruct, leg_struct
from mmsynth.simulation.pose import PosedScene
from mmsynth.simulation.tubes.patch import Facet, facet_of, lifted, smooth_normal, smooth_place, weights_at

wp.set_module_options({"enable_backward": False})

# By this part of it, rays lie inside their facet: on the edge itself of two plates that make a corner, some would miss.
INWARD = 1e-3


@wp.struct
class Rays:
    """Where rays [stops, rays] are on each surface that they meet, from the one on which they start.

    The face (-1 = there is none), the weights of its corners, the place on the smooth surface, its normal there, and
    the way ahead.
    """

    face: wp.array2d(dtype=wp.int64)
    weight: wp.array2d(dtype=wp.vec3)
    place: wp.array2d(dtype=wp.vec3d)
    normal: wp.array2d(dtype=wp.vec3)
    ahead: wp.array2d(dtype=wp.vec3)


@wp.func
def _settle(rays: Rays, stop: int, ray: int, face: wp.int64, f: Facet, w: wp.vec3, place: wp.vec3d, way: wp.vec3):
    """Write where a ray is and how it is reflected, if it comes from the front."""
    normal = smooth_normal(f, w)
    fall = wp.dot(way, normal)
    rays.face[stop, ray] = wp.where(fall < 0.0 and wp.dot(way, f.flat) < 0.0, face, wp.int64(-1))
    rays.weight[stop, ray] = w
    rays.place[stop, ray] = place
    rays.normal[stop, ray] = normal
    rays.ahead[stop, ray] = way - 2.0 * fall * normal


@wp.kernel
def _start(
    mesh: PoseStruct,
    tx: LegStruct,
    grid: wp.array(dtype=wp.vec3),
    facets: wp.array(dtype=wp.int64),
    corner: wp.array2d(dtype=wp.vec3),
    known: wp.array2d(dtype=wp.int64),
    old: Rays,
    rays: Rays,
    begin: wp.array(dtype=wp.vec3),
    fresh: wp.array(dtype=wp.bool),
):
    """Rays from the TX at the nodes `grid` of a tube; the first are copied from those `known` [tubes, nodes] of old."""
    tube, nodes = wp.tid(), grid.shape[0]
    f = facet_of(mesh, facets[tube])
    for node in range(nodes):
        ray, before = nodes * tube + node, wp.int64(-1)
        if node < known.shape[1]:
            before = known[tube, node]
        if before >= wp.int64(0):
            for stop in range(rays.face.shape[0]):
                rays.face[stop, ray] = old.face[stop, before]
                rays.weight[stop, ray] = old.weight[stop, before]
                rays.place[stop, ray] = old.place[stop, before]
                rays.normal[stop, ray] = old.normal[stop, before]
                rays.ahead[stop, ray] = old.ahead[stop, before]
            fresh[ray] = False
        else:
            w = grid[node][0] * corner[tube, 0] + grid[node][1] * corner[tube, 1] + grid[node][2] * corner[tube, 2]
            place = smooth_place(f, w)
            _settle(rays, 0, ray, facets[tube], f, w, place, wp.normalize(wp.vec3(place - tx.centre)))
            for stop in range(1, rays.face.shape[0]):
                rays.face[stop, ray] = wp.int64(-1)
            begin[ray] = lifted(f, w)
            fresh[ray] = rays.face[0, ray] >= wp.int64(0)


@wp.kernel
def _land(
    mesh: PoseStruct,
    stop: int,
    rows: wp.array(dtype=wp.int64),
    hit: wp.array(dtype=wp.int64),
    reach: wp.array(dtype=float),
    rays: Rays,
    begin: wp.array(dtype=wp.vec3),
):
    """Put the rays `rows` where they meet the smooth surface; `hit` and `reach` are those of a BVH."""
    ray, face = int(rows[wp.tid()]), hit[wp.tid()]
    # The room is met over mirrors, not here.
    if face < wp.int64(0) or face >= wp.int64(mesh.moving):
        return
    last = facet_of(mesh, rays.face[stop - 1, ray])
    place, ahead = rays.place[stop - 1, ray], rays.ahead[stop - 1, ray]
    if wp.dot(ahead, last.flat) <= 0.0:
        return
    f = facet_of(mesh, face)
    w = weights_at(f, wp.vec3d(begin[ray] + reach[wp.tid()] * ahead))
    # The plane that touches the smooth surface where the ray meets the facet.
    normal = wp.vec3d(smooth_normal(f, w))
    fall = wp.dot(wp.vec3d(ahead), normal)
    far = wp.dot(smooth_place(f, w) - place, normal)
    if fall >= wp.float64(0.0) or far > wp.float64(0.0):
        return
    met = place + (far / fall) * wp.vec3d(ahead)
    w = weights_at(f, met)
    _settle(rays, stop, ray, face, f, w, met, ahead)
    begin[ray] = lifted(f, w)


@dataclass(frozen=True, eq=False)
class Shots:
    """Rays from the TX over tubes, `nodes` a tube: see `Rays`; face [stops, rays], the others [stops, rays, 3]."""

    nodes: int
    face: Tensor
    weight: Tensor
    place: Tensor
    normal: Tensor
    ahead: Tensor

    @cached_property
    def struct(self) -> Any:
        """As kernels take them."""
        out = Rays()
        out.face, out.place = as_array(self.face), as_array(self.place, wp.vec3d)
        out.weight, out.normal, out.ahead = (as_array(x, wp.vec3) for x in (self.weight, self.normal, self.ahead))
        return out


@dataclass(frozen=True, eq=False)
class Starts:
    """Tubes where they start.

    Attributes:
        face: the facet [tubes] of each; corner: its corners [tubes, 3, 3] as weights of the facet's.
        known: rows [tubes, nodes] of rays `old` at its first nodes, where these have been shot; else -1.
    """

    face: Tensor
    corner: Tensor
    known: Tensor
    old: Shots | None = None


def shoot(pose: PosedScene, tx: Leg, tubes: Starts, grid: Tensor, stops: int) -> Shots:
    """Rays from the TX over tubes at the weights `grid` [nodes, 3] of their corners, until they met `stops` surfaces.

    The BVH of the pose must be at its middle knot.
    """
    device, bvh = tubes.face.device, pose.bvh
    assert bvh is not None
    count = len(tubes.face) * len(grid)
    # Where there is no face, nobody reads the others.
    face = torch.empty(stops + 1, count, dtype=torch.int64, device=device)
    weight, normal, ahead = (torch.empty(stops + 1, count, 3, device=device) for _ in range(3))
    place = torch.empty(stops + 1, count, 3, dtype=torch.float64, device=device)
    shots = Shots(len(grid), face, weight, place, normal, ahead)
    begin, fresh = torch.empty(count, 3, device=device), torch.empty(count, dtype=torch.bool, device=device)
    mesh, rays = pose_struct(pose), shots.struct
    inputs = [
        mesh,
        leg_struct(tx),
        grid,
        tubes.face,
        tubes.corner.contiguous(),
        tubes.known,
        (tubes.old or shots).struct,
    ]
    launch(_start, len(tubes.face), [*inputs, rays, begin, fresh], device)
    rows = fresh.nonzero()[:, 0]
    for stop in range(1, stops + 1):
        if stop > 1:
            rows = rows.index_select(0, (face[stop - 1].index_select(0, rows) >= 0).nonzero()[:, 0])
        hit, reach = bvh.first_hit(begin.index_select(0, rows), ahead[stop - 1].index_select(0, rows))
        launch(_land, len(rows), [mesh, stop, rows, hit, reach, rays, begin], device)
    return shots


def parted(tubes: Starts, shots: Shots, cut: tuple[Tensor, Tensor], which: Tensor) -> Starts:
    """The pieces `which` [pieces] of tubes that were `cut` by a lattice, over all tubes, as tubes of their own."""
    grid, pieces = cut
    tube, piece = which // len(pieces), which % len(pieces)
    corner = grid[pieces[:, :3].long()][piece] @ tubes.corner[tube]
    return Starts(tubes.face[tube], corner, tube[:, None] * shots.nodes + pieces[piece], shots)


@cache
def lattice(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Weights [nodes, 3] of the corners of a tube whose edges are cut into `count`, and the nodes of each piece.

    Pieces [count^2, 6] have their corners first, then the middles of their edges 0-1, 1-2, 2-0. So have the nodes those
    of the whole.
    """
    size = 2 * count
    whole = [(0, 0), (size, 0), (0, size), (count, 0), (count, count), (0, count)]
    places = whole + [at for at in ((i, j) for i in range(size + 1) for j in range(size + 1 - i)) if at not in whole]
    index = {at: k for k, at in enumerate(places)}
    weights = torch.tensor([[1 - (i + j) / size, i / size, j / size] for i, j in places])
    nodes = [(0, 0), (2, 0), (0, 2), (1, 0), (1, 1), (0, 1)]
    rows = [[index[2 * i + a, 2 * j + b] for a, b in nodes] for i in range(count) for j in range(count - i)]
    rows += [
        [index[2 * (i + 1) - a, 2 * (j + 1) - b] for a, b in nodes]
        for i in range(count - 1)
        for j in range(count - 1 - i)
    ]
    return weights.to(device), torch.tensor(rows, dtype=torch.int32, device=device)
