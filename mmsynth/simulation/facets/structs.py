"""The surfaces of a pose as Warp kernels take them, and what native code reads of a facet."""

import math
from typing import Any
from weakref import WeakKeyDictionary

import torch
import warp as wp

from mmsynth.simulation.kernels.launch import as_array
from mmsynth.simulation.pose import PosedScene
from mmsynth.simulation.surface import CREASE_COSINE, SLIVER

wp.set_module_options({"enable_backward": False})


@wp.struct
class PoseStruct:
    """What `pose.PosedScene` and its topology hold; `knots` are those of a frame, `bent`: smooth or flat.

    `normals` are those at the knot `shape` of each frame.
    """

    vertices: wp.array3d(dtype=wp.float64)
    faces: wp.array2d(dtype=wp.int64)
    normals: wp.array3d(dtype=float)
    knots: int
    shape: int
    moving: int
    bent: int
    person: wp.array(dtype=wp.int64)
    facet: wp.array(dtype=wp.int64)
    region: wp.array(dtype=wp.int64)
    permittivity: wp.array(dtype=wp.vec2)
    roughness: wp.array(dtype=float)
    loss: wp.array(dtype=float)
    wavenumber: float


# As long as the pose lives: a memo, which changes no result.
_poses: "WeakKeyDictionary[PosedScene, Any]" = WeakKeyDictionary()


def pose_struct(pose: PosedScene) -> Any:
    """A pose as kernels take it."""
    if pose not in _poses:
        _poses[pose] = _pose_struct(pose)
    return _poses[pose]


def _pose_struct(pose: PosedScene) -> Any:
    out, topology, (eps, rough, loss) = PoseStruct(), pose.topology, pose.materials
    out.vertices, out.normals = as_array(pose.vertices), as_array(pose.normals)
    out.faces, out.region = as_array(topology.faces), as_array(topology.region)
    out.person, out.facet = as_array(topology.person), as_array(topology.facet)
    out.knots, out.shape = len(pose.knots), pose.instants[-1]
    out.moving, out.bent = max(topology.moving, 1), int(pose.settings.flatness > 0)
    out.permittivity = as_array(torch.view_as_real(eps.detach().to(torch.complex64).contiguous()), wp.vec2)
    out.roughness, out.loss = as_array(rough.to(torch.float32)), as_array(loss.to(torch.float32))
    out.wavenumber = math.tau / pose.radar.waveform.wavelength
    return out


@wp.func
def corner_of(pose: PoseStruct, knot: int, face: wp.int64, corner: int):
    """A corner of a face at a knot."""
    v = pose.faces[corner, face]
    return wp.vec3d(pose.vertices[knot, 0, v], pose.vertices[knot, 1, v], pose.vertices[knot, 2, v])


# The facets of a thread, L of `facets` (face f of frame k is k * moving + f), a last one again where there are no more:
# `frame`, `face` and `vertex` of each, and one component of their corners at a knot of the frame. The kernel has
# `mesh` (a `PoseStruct`), `facets` and `thread`.
FACETS = """
    const int count = facets.shape[0], own = thread * L + L < count ? L : count - thread * L;
    const int stride = mesh.vertices.shape[2], all = mesh.faces.shape[1], knots = mesh.knots;
    int frame[L], face[L], vertex[3][L];
    for (int l = 0; l < L; ++l) {
        const auto item = facets.data[thread * L + (l < own ? l : own - 1)];
        frame[l] = item / mesh.moving;
        face[l] = item % mesh.moving;
        for (int c = 0; c < 3; ++c)
            vertex[c][l] = mesh.faces.data[c * all + face[l]];
    }
    auto corners_at = [&](int knot, int n, wide* corner) {
        double place[L];
        for (int c = 0; c < 3; ++c) {
            for (int l = 0; l < L; ++l)
                place[l] = mesh.vertices.data[(long long)((frame[l] * knots + knot) * 3 + n) * stride + vertex[c][l]];
            memcpy(corner + c, place, sizeof(wide));
        }
    };
"""

# What a facet is: its corners at a knot, and the smooth surface off their edges.
PATCHES = (
    f"    constexpr float CREASE = {CREASE_COSINE}f, SLIVER = {SLIVER}f;"
    + """
    struct patch {
        three corner[3];
        wide centre[3];
    };
    auto patch_at = [&](int knot) {
        patch found;
        lane part[3][3];
        for (int n = 0; n < 3; ++n) {
            wide a[3];
            corners_at(knot, n, a);
            found.centre[n] = (a[0] + a[1] + a[2]) * (1.0 / 3.0);
            // Differences are taken in float64, so that a shape is as exact far from the origin as near it.
            for (int c = 0; c < 3; ++c)
                part[c][n] = narrow(a[c] - found.centre[n]);
        }
        for (int c = 0; c < 3; ++c)
            found.corner[c] = {part[c][0], part[c][1], part[c][2]};
        return found;
    };
    auto way_from = [&](const patch& at, const auto& leg) {
        return three{narrow(at.centre[0] - leg.centre.c[0]), narrow(at.centre[1] - leg.centre.c[1]),
                     narrow(at.centre[2] - leg.centre.c[2])};
    };
    auto normal_at = [&](int c) {
        float from[3][L];
        for (int l = 0; l < L; ++l)
            for (int n = 0; n < 3; ++n)
                from[n][l] = mesh.normals.data[(frame[l] * 3 + n) * stride + vertex[c][l]];
        return three{load(from[0]), load(from[1]), load(from[2])};
    };
    // `surface.sagitta` of each edge, as components along edges 0-1 and 0-2 and the unit normal; none of a sliver.
    auto sagittas = [&](const patch& at, three* found) {
        three first_edge = at.corner[1] - at.corner[0], two = at.corner[2] - at.corner[0];
        three up = unit(cross(first_edge, two));
        lane a = dot(first_edge, first_edge), b = dot(first_edge, two), c = dot(two, two);
        lane span = a * c - b * b, scale = 1.0f / most(span, zero + 1e-30f);
        three normal[3] = {normal_at(0), normal_at(1), normal_at(2)};
        auto smooth = least(dot(normal[0], up), least(dot(normal[1], up), dot(normal[2], up))) > CREASE;
        smooth = smooth & (span > SLIVER * a * c);
        for (int n = 0; n < 3; ++n) {
            const three &start = normal[n], &end = normal[(n + 1) % 3], edge = at.corner[(n + 1) % 3] - at.corner[n];
            three bend = (start * dot(edge, start) - end * dot(edge, end)) * (zero - 0.125f);
            lane along = dot(bend, first_edge), aside = dot(bend, two);
            three parts = {(c * along - b * aside) * scale, (a * aside - b * along) * scale, dot(bend, up)};
            found[n] = pick(smooth, parts, three{zero, zero, zero});
        }
    };
    // Corners, and the sagittas turned with them: the six nodes of a quadratic triangle.
    auto nodes_of = [&](const patch& at, const three* sagitta, three* node) {
        three first_edge = at.corner[1] - at.corner[0], two = at.corner[2] - at.corner[0];
        three up = unit(cross(first_edge, two));
        for (int n = 0; n < 3; ++n) {
            node[n] = at.corner[n];
            node[n + 3] = first_edge * sagitta[n].x + two * sagitta[n].y + up * sagitta[n].z;
        }
    };
"""
)
