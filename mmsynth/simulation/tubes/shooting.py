"""Rays that leave the TX and bounce from person to person, as Warp kernels; `closing` makes tubes of them.

Surfaces are smooth between their vertices: a ray is reflected by the mean of the normals at the corners of a facet, and
lands on the plane that touches the quadratic surface through the facet's raised edges where it meets the facet.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from weakref import WeakKeyDictionary

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.legs import SURFACE_OFFSET, Leg
from mmsynth.simulation.legs.structs import LegStruct, as_array, corner_of, leg_struct, material_arrays
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.rays.bvh import torch_stream
from mmsynth.simulation.surface import CREASE_COSINE

wp.set_module_options({"enable_backward": False})

# By this part of it, rays lie inside their facet: on the edge itself of two plates that make a corner, some would miss.
INWARD = 1e-3
_SMOOTH, _OFFSET = wp.constant(CREASE_COSINE), wp.constant(SURFACE_OFFSET)


@wp.struct
class Shape:
    """The surfaces at one knot, as `pose.Pose` holds them; `bent`: smooth between their vertices, or flat."""

    vertices: wp.array3d(dtype=wp.float64)
    faces: wp.array2d(dtype=wp.int64)
    normals: wp.array3d(dtype=float)
    region: wp.array(dtype=wp.int64)
    permittivity: wp.array(dtype=wp.vec2)
    roughness: wp.array(dtype=float)
    loss: wp.array(dtype=float)
    knot: int
    moving: int
    bent: int
    wavenumber: float


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


@wp.struct
class _Facet:
    """Corners, unit normal, normals of the smooth surface at the corners, sagittas of the edges 0-1, 1-2, 2-0."""

    a: wp.vec3d
    b: wp.vec3d
    c: wp.vec3d
    flat: wp.vec3
    na: wp.vec3
    nb: wp.vec3
    nc: wp.vec3
    ab: wp.vec3
    bc: wp.vec3
    ca: wp.vec3


@wp.func
def _vertex_normal(shape: Shape, face: wp.int64, corner: int):
    v = shape.faces[corner, face]
    return wp.vec3(shape.normals[0, 0, v], shape.normals[0, 1, v], shape.normals[0, 2, v])


@wp.func
def _sagitta(edge: wp.vec3, start: wp.vec3, end: wp.vec3):
    """`surface.sagitta` of one edge."""
    return -0.125 * (wp.dot(edge, start) * start - wp.dot(edge, end) * end)


@wp.func
def facet_of(shape: Shape, face: wp.int64):
    """One facet of the surfaces."""
    f = _Facet()
    f.a = corner_of(shape.vertices, shape.faces, shape.knot, face, 0)
    f.b = corner_of(shape.vertices, shape.faces, shape.knot, face, 1)
    f.c = corner_of(shape.vertices, shape.faces, shape.knot, face, 2)
    ab, bc, ca = wp.vec3(f.b - f.a), wp.vec3(f.c - f.b), wp.vec3(f.a - f.c)
    f.flat = wp.normalize(wp.cross(ab, bc))
    f.na = _vertex_normal(shape, face, 0)
    f.nb = _vertex_normal(shape, face, 1)
    f.nc = _vertex_normal(shape, face, 2)
    least = wp.min(wp.dot(f.na, f.flat), wp.min(wp.dot(f.nb, f.flat), wp.dot(f.nc, f.flat)))
    if shape.bent == 0 or least <= _SMOOTH:
        f.na = f.flat
        f.nb = f.flat
        f.nc = f.flat
    f.ab = _sagitta(ab, f.na, f.nb)
    f.bc = _sagitta(bc, f.nb, f.nc)
    f.ca = _sagitta(ca, f.nc, f.na)
    return f


@wp.func
def flat_place(f: _Facet, w: wp.vec3):
    """Where weights of the corners lie on the flat facet."""
    return wp.float64(w[0]) * f.a + wp.float64(w[1]) * f.b + wp.float64(w[2]) * f.c


@wp.func
def _smooth_place(f: _Facet, w: wp.vec3):
    return flat_place(f, w) + wp.vec3d(4.0 * (w[0] * w[1] * f.ab + w[1] * w[2] * f.bc + w[2] * w[0] * f.ca))


@wp.func
def _smooth_normal(f: _Facet, w: wp.vec3):
    return wp.normalize(w[0] * f.na + w[1] * f.nb + w[2] * f.nc)


@wp.func
def _weights(f: _Facet, place: wp.vec3d):
    """Weights of the corners, none below zero, at the foot of a point."""
    side, other, away = wp.vec3(f.b - f.a), wp.vec3(f.c - f.a), wp.vec3(place - f.a)
    normal = wp.cross(side, other)
    square = wp.max(wp.dot(normal, normal), 1.0e-30)
    v = wp.dot(wp.cross(away, other), normal) / square
    w = wp.dot(wp.cross(side, away), normal) / square
    found = wp.vec3(wp.max(1.0 - v - w, 0.0), wp.max(v, 0.0), wp.max(w, 0.0))
    return found / (found[0] + found[1] + found[2])


@wp.func
def _settle(rays: Rays, stop: int, ray: int, face: wp.int64, f: _Facet, w: wp.vec3, place: wp.vec3d, way: wp.vec3):
    """Write where a ray is and how it is reflected, if it comes from the front."""
    normal = _smooth_normal(f, w)
    fall = wp.dot(way, normal)
    rays.face[stop, ray] = wp.where(fall < 0.0 and wp.dot(way, f.flat) < 0.0, face, wp.int64(-1))
    rays.weight[stop, ray] = w
    rays.place[stop, ray] = place
    rays.normal[stop, ray] = normal
    rays.ahead[stop, ray] = way - 2.0 * fall * normal


@wp.func
def _lifted(f: _Facet, w: wp.vec3):
    """Where a ray is cast from: off the flat facet, under which the smooth surface may lie."""
    return wp.vec3(flat_place(f, w)) + _OFFSET * f.flat


@wp.kernel
def _start(
    shape: Shape,
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
    f = facet_of(shape, facets[tube])
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
            place = _smooth_place(f, w)
            _settle(rays, 0, ray, facets[tube], f, w, place, wp.normalize(wp.vec3(place - tx.centre)))
            for stop in range(1, rays.face.shape[0]):
                rays.face[stop, ray] = wp.int64(-1)
            begin[ray] = _lifted(f, w)
            fresh[ray] = rays.face[0, ray] >= wp.int64(0)


@wp.kernel
def _land(
    shape: Shape,
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
    if face < wp.int64(0) or face >= wp.int64(shape.moving):
        return
    last = facet_of(shape, rays.face[stop - 1, ray])
    place, ahead = rays.place[stop - 1, ray], rays.ahead[stop - 1, ray]
    if wp.dot(ahead, last.flat) <= 0.0:
        return
    f = facet_of(shape, face)
    w = _weights(f, wp.vec3d(begin[ray] + reach[wp.tid()] * ahead))
    # The plane that touches the smooth surface where the ray meets the facet.
    normal = wp.vec3d(_smooth_normal(f, w))
    fall = wp.dot(wp.vec3d(ahead), normal)
    far = wp.dot(_smooth_place(f, w) - place, normal)
    if fall >= wp.float64(0.0) or far > wp.float64(0.0):
        return
    met = place + (far / fall) * wp.vec3d(ahead)
    w = _weights(f, met)
    _settle(rays, stop, ray, face, f, w, met, ahead)
    begin[ray] = _lifted(f, w)


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


# The surfaces of a pose at its middle knot as kernels take them: a memo, which changes no result.
_shapes: "WeakKeyDictionary[Pose, Any]" = WeakKeyDictionary()


def shape_of(pose: Pose) -> Any:
    """The surfaces at the middle knot, as kernels take them."""
    if pose not in _shapes:
        _shapes[pose] = _shape_of(pose)
    return _shapes[pose]


def _shape_of(pose: Pose) -> Any:
    out, topology = Shape(), pose.topology
    out.vertices, out.faces, out.region = (as_array(x) for x in (pose.vertices, topology.faces, topology.region))
    out.normals = as_array(pose.normals)
    out.permittivity, out.roughness, out.loss = material_arrays(*pose.materials)
    out.knot, out.moving, out.bent = len(pose.knots) // 2, topology.moving, int(pose.settings.flatness > 0)
    out.wavenumber = 2 * torch.pi / pose.radar.waveform.wavelength
    return out


def shoot(pose: Pose, tx: Leg, tubes: Starts, grid: Tensor, stops: int) -> Shots:
    """Rays from the TX over tubes at the weights `grid` [nodes, 3] of their corners, until they met `stops` surfaces.

    The BVH of the pose must be at its middle knot.
    """
    device, on, bvh = tubes.face.device, wp.device_from_torch(tubes.face.device), pose.bvh
    assert bvh is not None
    count = len(tubes.face) * len(grid)
    # Where there is no face, nobody reads the others.
    face = torch.empty(stops + 1, count, dtype=torch.int64, device=device)
    weight, normal, ahead = (torch.empty(stops + 1, count, 3, device=device) for _ in range(3))
    place = torch.empty(stops + 1, count, 3, dtype=torch.float64, device=device)
    shots = Shots(len(grid), face, weight, place, normal, ahead)
    begin, fresh = torch.empty(count, 3, device=device), torch.empty(count, dtype=torch.bool, device=device)
    shape, rays, start = shape_of(pose), shots.struct, as_array(begin, wp.vec3)
    with torch_stream(device):
        lattice = [as_array(grid, wp.vec3), as_array(tubes.face), as_array(tubes.corner, wp.vec3)]
        inputs = [shape, leg_struct(tx), *lattice, as_array(tubes.known), (tubes.old or shots).struct]
        wp.launch(_start, dim=len(tubes.face), inputs=inputs, outputs=[rays, start, as_array(fresh)], device=on)
    rows = fresh.nonzero()[:, 0]
    for stop in range(1, stops + 1):
        if stop > 1:
            rows = rows.index_select(0, (face[stop - 1].index_select(0, rows) >= 0).nonzero()[:, 0])
        hit, reach = bvh.first_hit(begin.index_select(0, rows), ahead[stop - 1].index_select(0, rows))
        with torch_stream(device):
            inputs = [shape, stop, *(as_array(x) for x in (rows, hit, reach)), rays, start]
            wp.launch(_land, dim=len(rows), inputs=inputs, device=on)
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
