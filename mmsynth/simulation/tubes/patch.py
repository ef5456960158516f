"""One facet of a pose at its middle knot, and the smooth surface over it, for scalar kernels.

The surface is quadratic, through the corners and the raised middles of the edges; its normal is the mean of those at
the corners.
"""

import warp as wp

from mmsynth.simulation.facets.structs import PoseStruct, corner_of
from mmsynth.simulation.legs import SURFACE_OFFSET
from mmsynth.simulation.surface import CREASE_COSINE

wp.set_module_options({"enable_backward": False})

_SMOOTH, _OFFSET = wp.constant(CREASE_COSINE), wp.constant(SURFACE_OFFSET)


@wp.struct
class Facet:
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
def _vertex_normal(mesh: PoseStruct, face: wp.int64, corner: int):
    v = mesh.faces[corner, face]
    return wp.vec3(mesh.normals[0, 0, v], mesh.normals[0, 1, v], mesh.normals[0, 2, v])


@wp.func
def _sagitta(edge: wp.vec3, start: wp.vec3, end: wp.vec3):
    """`surface.sagitta` of one edge."""
    return -0.125 * (wp.dot(edge, start) * start - wp.dot(edge, end) * end)


@wp.func
def facet_of(mesh: PoseStruct, face: wp.int64):
    """One facet, flat where a vertex normal marks a crease."""
    f = Facet()
    f.a = corner_of(mesh, mesh.knots // 2, face, 0)
    f.b = corner_of(mesh, mesh.knots // 2, face, 1)
    f.c = corner_of(mesh, mesh.knots // 2, face, 2)
    ab, bc, ca = wp.vec3(f.b - f.a), wp.vec3(f.c - f.b), wp.vec3(f.a - f.c)
    f.flat = wp.normalize(wp.cross(ab, bc))
    f.na = _vertex_normal(mesh, face, 0)
    f.nb = _vertex_normal(mesh, face, 1)
    f.nc = _vertex_normal(mesh, face, 2)
    least = wp.min(wp.dot(f.na, f.flat), wp.min(wp.dot(f.nb, f.flat), wp.dot(f.nc, f.flat)))
    if mesh.bent == 0 or least <= _SMOOTH:
        f.na = f.flat
        f.nb = f.flat
        f.nc = f.flat
    f.ab = _sagitta(ab, f.na, f.nb)
    f.bc = _sagitta(bc, f.nb, f.nc)
    f.ca = _sagitta(ca, f.nc, f.na)
    return f


@wp.func
def flat_place(f: Facet, w: wp.vec3):
    """Where weights of the corners lie on the flat facet."""
    return wp.float64(w[0]) * f.a + wp.float64(w[1]) * f.b + wp.float64(w[2]) * f.c


@wp.func
def smooth_place(f: Facet, w: wp.vec3):
    """Where they lie on the smooth surface."""
    return flat_place(f, w) + wp.vec3d(4.0 * (w[0] * w[1] * f.ab + w[1] * w[2] * f.bc + w[2] * w[0] * f.ca))


@wp.func
def smooth_normal(f: Facet, w: wp.vec3):
    """Its unit normal there, as rays are reflected by it."""
    return wp.normalize(w[0] * f.na + w[1] * f.nb + w[2] * f.nc)


@wp.func
def weights_at(f: Facet, place: wp.vec3d):
    """Weights of the corners, none below zero, at the foot of a point."""
    side, other, away = wp.vec3(f.b - f.a), wp.vec3(f.c - f.a), wp.vec3(place - f.a)
    normal = wp.cross(side, other)
    square = wp.max(wp.dot(normal, normal), 1.0e-30)
    v = wp.dot(wp.cross(away, other), normal) / square
    w = wp.dot(wp.cross(side, away), normal) / square
    found = wp.vec3(wp.max(1.0 - v - w, 0.0), wp.max(v, 0.0), wp.max(w, 0.0))
    return found / (found[0] + found[1] + found[2])


@wp.func
def lifted(f: Facet, w: wp.vec3):
    """Where a ray is cast from: off the flat facet, under which the smooth surface may lie."""
    return wp.vec3(flat_place(f, w)) + _OFFSET * f.flat
