"""Flat facets of people and moving things that are too large for how near the radar is, in pieces.

Physical optics here has the phase over a facet to second order in its size, and one way and one amplitude for all of
it. Curved surfaces stay whole: what errs there is how smooth they are, alike near and far (balls of 3 cm facets from
0.3 to 2 m), and bodies, which are known by their joints, did not come nearer to finer ones by it.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mmsynth import geometry
from mmsynth.simulation.legs import RADAR_CLEARANCE
from mmsynth.simulation.surface import Surface, area_vectors, cut_triangle, gather, sagitta, vertex_normals
from mmsynth.types import MeshSequence, Radar, Scene

# Part of a wavelength by which the way over a facet and back may miss its second order: 2 pi / 50 in phase.
PART = 1 / 50
# Edges in m: the longest that stays whole, since a facet echoes from one range; and the longest of pieces up to `FAR` m
# away, within which what a facet returns hardly changes either. Further off it grows as the way allows.
LONGEST, PIECE, FAR = 0.15, 0.01, 3.0
# m by which the smooth surface through the normals at the vertices may leave what counts as flat.
FLAT = 1e-6
# Facets that a scene may come to.
MOST = 300_000
# Where a facet is looked at for how near it is: corners, middles of edges, centroid.
_PLACES = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 0.5, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (1 / 3, 1 / 3, 1 / 3))


@dataclass(frozen=True, eq=False)
class Cut:
    """Where the vertices of pieces lie.

    Attributes:
        corners: [3, new] vertices of the face on which each new one lies.
        weights: [3, new] of them (float64).
    """

    corners: Tensor
    weights: Tensor


def pieces(scene: Scene, radar: Radar) -> Tensor | None:
    """In how many pieces [moving faces] each edge of the faces of people is to be cut; None = all stay whole.

    A flat face stays whole if no edge is longer than `LONGEST`, and if, where it comes nearest to an antenna in the
    whole clip, its way is within `PART` of a wavelength of its second order: `2 / (3 sqrt(3)) r^3 / R^2` for a corner r
    off the centroid (the third order of both ways at the worst tilt), and `r^2 b^2 / (4 R^3)` for antennas b apart,
    whose wavefronts are not bent alike in all directions. How large and how flat it is, is that of the first pose.

    Raises:
        ValueError: there would be more than `MOST` faces.
    """
    pose = scene.world_from_radar.detach().to(torch.float64)
    ends = torch.stack([geometry.apply(pose, place.detach().to(pose)).mean(0) for place in (radar.tx, radar.rx)])
    found = [_pieces(mesh, ends, PART * radar.waveform.wavelength) for mesh in scene.people]
    if all(count is None for count in found):
        return None
    count = torch.cat(
        [mesh.region.new_ones(len(mesh.faces)) if n is None else n for n, mesh in zip(found, scene.people, strict=True)]
    )
    total = int(count.square().sum())
    if total > MOST:
        raise ValueError(
            f"Scene.people: expected surfaces of at most {MOST:,} facets where large flat ones are cut into pieces of "
            f"{100 * PIECE:g} cm near the radar, got {total:,}; move them further away or leave parts out"
        )
    return count


def _pieces(mesh: MeshSequence, ends: Tensor, error: float) -> Tensor | None:
    """In how many pieces [faces] to cut the edges of a mesh; None = in one. `error` is that of the way in m."""
    if mesh.joint_names:
        return None
    vertices, faces = mesh.vertices[0].detach().to(torch.float64).T, mesh.faces.long().T
    corner = gather(vertices, faces)
    edge = (corner - corner.roll(1, 1)).norm(dim=0).amax(0)
    radius = (corner - corner.mean(1, keepdim=True)).norm(dim=0).amax(0)
    apart = float((ends[0] - ends[1]).norm())
    third, second = 2 / (27**0.5 * error), apart / (2 * math.sqrt(error))
    # Nearer than this a face may not come.
    reach = torch.maximum((third * radius**3).sqrt(), (second * radius) ** (2 / 3))
    low, high = mesh.vertices.detach().aminmax(dim=0)
    gap = (ends.clamp(low.amin(0).to(ends), high.amax(0).to(ends)) - ends).norm(dim=1).min()
    large = (reach > gap) | (edge > LONGEST)
    if not bool(large.any()):
        return None
    area = area_vectors(corner)
    bulge = sagitta(corner, area, vertex_normals(faces, area, vertices.shape[1]), faces)
    some = (large & (bulge.norm(dim=0).amax(0) < FLAT)).nonzero()[:, 0]
    if len(some) == 0:
        return None
    near = _nearest(mesh, some, ends).clamp_min(RADAR_CLEARANCE)
    size = (PIECE * (near / FAR).clamp_min(1) ** (2 / 3)).clamp_max(LONGEST)
    asked = edge[some] / size, radius[some] * (third / near**2) ** (1 / 3), radius[some] * second / near**1.5
    whole = (near >= reach[some]) & (edge[some] <= LONGEST)
    count = torch.ones_like(faces[0])
    count[some] = torch.where(whole, 1, torch.stack(asked).amax(0).ceil().long())
    return count if int(count.max()) > 1 else None


def _nearest(mesh: MeshSequence, faces: Tensor, ends: Tensor) -> Tensor:
    """Distance in m [faces] of faces from the nearer antennas, where they come nearest."""
    places, rows = ends.new_tensor(_PLACES), mesh.faces.long()[faces]
    found = torch.full_like(faces, math.inf, dtype=torch.float64)
    for vertices in mesh.vertices.detach():
        seen = places @ vertices.to(torch.float64)[rows]
        found = torch.minimum(found, torch.cdist(seen, ends.expand(len(faces), -1, -1)).amin((1, 2)))
    return found


def cut_surface(whole: Surface, count: Tensor) -> tuple[Surface, Cut]:
    """The topology with the edges of each face of people in `count` [moving] pieces, with a patch a face, and where.

    Faces that are cut alike share the vertices on a common edge.
    """
    faces, kept = whole.faces[:, : whole.moving], (count == 1).nonzero()[:, 0]
    parts, source, corners, weights, vertices = [faces[:, kept]], [kept], [], [], whole.vertices
    for n in torch.unique(count[count > 1]).tolist():
        rows, (share, piece) = (count == n).nonzero()[:, 0], (x.to(count.device) for x in cut_triangle(n))
        # A node is told by the corners that it lies between and its shares of them.
        key = torch.where(share > 0, faces[:, rows].T[:, None] * (n + 1) + share, -1).sort(-1).values.flatten(0, 1)
        key, node = torch.unique(key, dim=0, return_inverse=True)
        order = torch.arange(len(node), device=node.device)
        first = torch.full_like(key[:, 0], len(node)).scatter_reduce_(0, node, order, "amin")
        corner = key[:, 2] % (n + 1) == n
        number = torch.where(corner, key[:, 2] // (n + 1), vertices + (~corner).cumsum(0) - 1)
        parts.append(number[node].reshape(len(rows), -1)[:, piece].movedim(1, 0).flatten(1))
        source.append(rows.repeat_interleave(n * n))
        first = first[~corner]
        corners.append(faces[:, rows[first // len(share)]])
        weights.append((share.to(torch.float64) / n)[first % len(share)].T)
        vertices += len(first)
    one, room = torch.cat(source), slice(whole.moving, None)
    new = torch.arange(whole.faces.shape[1], whole.faces.shape[1] + len(one) - len(kept), device=one.device)
    topology = replace(
        whole,
        faces=torch.cat([*parts, whole.faces[:, room]], 1),
        moving=len(one),
        person=torch.cat([whole.person[one], whole.person[room]]),
        facet=torch.cat([whole.facet[kept], new, whole.facet[room]]),
        region=torch.cat([whole.region[one], whole.region[room]]),
        vertices=vertices,
        patch=torch.arange(len(one), device=one.device),
        patches=len(one),
    )
    return topology, Cut(torch.cat(corners, 1), torch.cat(weights, 1))


def cut_vertices(vertices: Tensor, cut: Cut) -> Tensor:
    """Merged vertices [rows, 3, vertices + new] in m of what is cut, of those [rows, 3, vertices] of what is whole."""
    return torch.cat([vertices, (gather(vertices, cut.corners) * cut.weights).sum(2)], 2)
