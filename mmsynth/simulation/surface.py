"""The surfaces of a scene as one mesh, its facets at one instant, and the smooth surface between their vertices.

Arrays of the simulator are laid out component first, `[3, facets]` and `[3 (component), 3 (corner), facets]`:
reductions over a last axis of three cost five times as much.
"""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from mmsynth.types import MeshSequence, Scene

# Vertex normals further than this from the normal of a facet mark an edge of the object: the facet stays flat there.
CREASE_COSINE = 0.77
# Square of the sine of the angle at a facet's first corner up to which it is a sliver, whose two edges hardly differ in
# direction: components along them are lost to rounding (float32: by a fiftieth there).
SLIVER = 1e-5


@dataclass(frozen=True, eq=False)
class Surface:
    """Topology of everything in a scene: people first, then the room.

    Attributes:
        faces: [3, faces] into the merged vertices.
        moving: number of faces that belong to people.
        person: [faces] index of the person, -1 for the room.
        facet: [faces] a number of the face's own in its mesh.
        region: [faces] index into `region_names`.
        vertices: how many there are.
        patch: [moving] index below `patches` of the patch of each face of the people.
    """

    faces: Tensor
    moving: int
    person: Tensor
    facet: Tensor
    region: Tensor
    region_names: tuple[str, ...]
    vertices: int
    patch: Tensor
    patches: int


def region_names(scene: Scene) -> tuple[str, ...]:
    """The names of the regions of a scene, people first, as its surfaces and paths count them."""
    return tuple(dict.fromkeys(name for mesh in _meshes(scene) for name in mesh.region_names))


def _meshes(scene: Scene) -> list[MeshSequence]:
    return [*scene.people, *([scene.room] if scene.room is not None else [])]


def merge_surface(scene: Scene, grain: float) -> Surface:
    """Put the people and the room of a scene into one topology, with patches of about `grain` m (0 = one a face).

    Raises:
        ValueError: a region has no material.
    """
    meshes, names = _meshes(scene), region_names(scene)
    for name in names:
        if name not in scene.materials:
            raise ValueError(f"Scene.materials: expected a material for region '{name}', got {sorted(scene.materials)}")
    faces, person, facet, region, offset = [], [], [], [], 0
    for index, mesh in enumerate(meshes):
        device = mesh.faces.device
        where = torch.tensor([names.index(name) for name in mesh.region_names], device=device)
        faces.append(mesh.faces.long().T + offset)
        owner = index if index < len(scene.people) else -1
        person.append(torch.full((len(mesh.faces),), owner, device=device))
        facet.append(torch.arange(len(mesh.faces), device=device))
        region.append(where[mesh.region.long()])
        offset += mesh.vertices.shape[1]
    if not meshes:
        empty = torch.zeros(0, dtype=torch.int64, device=scene.world_from_radar.device)
        return Surface(empty.reshape(3, 0), 0, empty, empty, empty, (), 0, empty, 0)
    moving = sum(len(mesh.faces) for mesh in scene.people)
    merged = (torch.cat(faces, 1), moving, torch.cat(person), torch.cat(facet), torch.cat(region), names, offset)
    corner = gather(posed_vertices(scene, slice(0, 1))[0].detach(), merged[0][:, :moving])
    return Surface(*merged, *patches(corner, (merged[2][:moving], merged[4][:moving]), grain))


def patches(corner: Tensor, owner: tuple[Tensor, Tensor], grain: float) -> tuple[Tensor, int]:
    """Patch [faces] of each face of `corner` [3, 3, faces], and how many there are.

    A patch has the faces of one person, region (`owner`) and side whose centres share a cube of edge `grain` m; 0 = one
    face a patch.
    """
    if grain == 0 or corner.shape[2] == 0:
        return torch.arange(corner.shape[2], device=corner.device), corner.shape[2]
    cube = torch.floor(centroid(corner) / grain).long()
    side = (area_vectors(corner) > 0).long()
    # One number a face in mixed radix: sorting numbers is 20 times faster than sorting columns.
    key = torch.zeros_like(owner[0])
    for digit in (*owner, *cube, *side):
        low = digit.min()
        key = key * (digit.max() - low + 1) + (digit - low)
    distinct, found = torch.unique(key, return_inverse=True)
    return found, len(distinct)


def posed_vertices(scene: Scene, rows: slice) -> Tensor:
    """Merged vertices [rows, 3, vertices] in m of people at the rows `rows`, and of the room (float64).

    Raises:
        ValueError: a person has fewer poses.
    """
    parts = [_rows(person, rows) for person in scene.people]
    if scene.room is not None:
        parts.append(scene.room.vertices[:1].to(torch.float64).expand(rows.stop - rows.start, -1, -1))
    if not parts:
        return torch.zeros(rows.stop - rows.start, 3, 0, dtype=torch.float64, device=scene.world_from_radar.device)
    merged = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
    return merged.transpose(1, 2).contiguous()


def _rows(person: MeshSequence, rows: slice) -> Tensor:
    if rows.start < 0 or rows.stop > len(person.times):
        raise ValueError(
            f"Scene.people: expected poses up to row {rows.stop - 1} (knots of every frame), got {len(person.times)}"
        )
    return person.vertices[rows].to(torch.float64)


def gather(vertices: Tensor, faces: Tensor) -> Tensor:
    """Corners [..., 3, 3, faces] (component, corner, face) of `faces` [3, faces] in `vertices` [..., 3, vertices]."""
    # torch.gather is the fastest of the five ways to write this.
    found = torch.gather(vertices, -1, faces.reshape(-1).expand(*vertices.shape[:-1], -1))
    return found.reshape(*vertices.shape[:-1], 3, -1)


def centroid(corner: Tensor) -> Tensor:
    """Centroids [..., 3, faces] of corners [..., 3, 3, faces]."""
    return (corner[..., 0, :] + corner[..., 1, :] + corner[..., 2, :]) / 3


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product [...] over the first axis [3, ...]."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Vector product [3, ...] over the first axis."""
    return torch.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def length(a: Tensor) -> Tensor:
    """Euclidean length [...] over the first axis [3, ...]."""
    return dot(a, a).sqrt()


def unit(a: Tensor) -> Tensor:
    """Unit vectors [3, ...]; zero stays zero."""
    return a * dot(a, a).clamp_min(1e-30).rsqrt()


def area_vectors(corner: Tensor) -> Tensor:
    """Outward normals [3, ..., faces] times the area in m^2, of corners [3, 3, ..., faces]."""
    return 0.5 * cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])


def vertex_normals(faces: Tensor, area: Tensor, count: int) -> Tensor:
    """Unit normals [..., 3, count] at the vertices: the mean of the `area` [..., 3, faces] of the faces around."""
    total = area.new_zeros(*area.shape[:-1], count)
    for corner in faces:
        total.index_add_(-1, corner, area)
    return unit(total.movedim(-2, 0)).movedim(0, -2)


def uncreased(normal: Tensor, flat: Tensor) -> Tensor:
    """Which facets [..., faces] are smooth: no vertex normal [3, ..., corners, faces] marks a crease.

    `flat` [3, ..., faces] are their own unit normals.
    """
    return (dot(normal, flat.unsqueeze(-2)) > CREASE_COSINE).all(-2)


def sagitta(corner: Tensor, area: Tensor, normals: Tensor, faces: Tensor) -> Tensor:
    """How far [3, 3, faces] (component, edge, face) the smooth surface lies off the middle of each edge, in m.

    The edges are 0-1, 1-2, 2-0. It is the middle of the cubic edge of a PN triangle (Vlachos et al. 2001, eq. 2), which
    both facets of an edge share, so that no gap opens; zero where a vertex normal marks a crease. On a sphere of radius
    a it is `edge^2 / (8 a)`.
    """
    normal = gather(normals, faces)
    edge = corner.roll(-1, 1) - corner
    following = normal.roll(-1, 1)
    bend = dot(edge, normal) * normal - dot(edge, following) * following
    return -0.125 * bend * uncreased(normal, unit(area))


@cache
def cut_triangle(count: int) -> tuple[Tensor, Tensor]:
    """Nodes and pieces of a triangle whose edges are cut into `count`.

    Nodes [nodes, 3] are shares of its corners, in parts of `count`; pieces [3, count^2] are nodes, turned like it.
    """
    index = {at: k for k, at in enumerate((i, j) for i in range(count + 1) for j in range(count + 1 - i))}
    pieces = [(index[i, j], index[i + 1, j], index[i, j + 1]) for i, j in index if i + j < count]
    pieces += [(index[i + 1, j], index[i + 1, j + 1], index[i, j + 1]) for i, j in index if i + j < count - 1]
    return torch.tensor([[count - i - j, i, j] for i, j in index]), torch.tensor(pieces).T.contiguous()


def carry(vectors: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Vectors [3, 3, faces] (component, any, face) that move with their facets from corners `before` to `after`.

    They keep their components along two edges and the unit normal of the facet. Of a `SLIVER` they are zero.
    """
    one, two = before[:, 1] - before[:, 0], before[:, 2] - before[:, 0]
    a, b, c = dot(one, one), dot(one, two), dot(two, two)
    span = a * c - b * b
    kept = span > SLIVER * a * c
    # Something else stands in for what a sliver has, the gradient of which is no number.
    scale = 1 / torch.where(kept, span, 1.0)
    other = torch.eye(3, dtype=before.dtype, device=before.device)[..., None]
    one, two, normal = _frame(torch.where(kept, before, other))
    along, across = dot(vectors, one[:, None]), dot(vectors, two[:, None])
    first, second = (c * along - b * across) * scale, (a * across - b * along) * scale
    out = _frame(torch.where(kept, after, other))
    height = dot(vectors, normal[:, None])
    carried = first * out[0][:, None] + second * out[1][:, None] + height * out[2][:, None]
    return torch.where(kept, carried, 0.0)


def _frame(corner: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    one, two = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    return one, two, unit(cross(one, two))
