"""The surfaces of a scene as one mesh, its facets at one instant, and the smooth surface between their vertices.

Facet arrays are laid out component first, `[3 (x y z), 3 (corner), facets]`, which keeps the arithmetic contiguous.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mmsynth.types import MeshSequence, Scene

# Vertex normals further than this from the normal of a facet mark an edge of the object: the facet stays flat there.
CREASE_COSINE = 0.77


@dataclass(frozen=True, eq=False)
class Surface:
    """Topology of everything in a scene: people first, then the room.

    Attributes:
        faces: [faces, 3] into the merged vertices.
        moving: number of faces that belong to people.
        person: [faces] index of the person, -1 for the room.
        facet: [faces] index of the face in its own mesh.
        region: [faces] index into `region_names`.
    """

    faces: Tensor
    moving: int
    person: Tensor
    facet: Tensor
    region: Tensor
    region_names: tuple[str, ...]


def merge_surface(scene: Scene) -> Surface:
    """Put the people and the room of a scene into one topology.

    Raises:
        ValueError: a region has no material.
    """
    meshes = [*scene.people, *([scene.room] if scene.room is not None else [])]
    names = tuple(dict.fromkeys(name for mesh in meshes for name in mesh.region_names))
    for name in names:
        if name not in scene.materials:
            raise ValueError(f"Scene.materials: expected a material for region '{name}', got {sorted(scene.materials)}")
    faces, person, facet, region, offset = [], [], [], [], 0
    for index, mesh in enumerate(meshes):
        where = torch.tensor([names.index(name) for name in mesh.region_names], device=mesh.faces.device)
        faces.append(mesh.faces.long() + offset)
        person.append(torch.full_like(mesh.region, index if index < len(scene.people) else -1, dtype=torch.int64))
        facet.append(torch.arange(len(mesh.faces), device=mesh.faces.device))
        region.append(where[mesh.region.long()])
        offset += mesh.vertices.shape[1]
    moving = sum(len(mesh.faces) for mesh in scene.people)
    if not meshes:
        empty = torch.zeros(0, dtype=torch.int64, device=scene.world_from_radar.device)
        return Surface(empty.reshape(0, 3), 0, empty, empty, empty, ())
    return Surface(torch.cat(faces), moving, torch.cat(person), torch.cat(facet), torch.cat(region), names)


def posed_vertices(scene: Scene, rows: slice) -> Tensor:
    """Merged vertices [rows, vertices, 3] in m of people at the rows `rows`, and of the room (float64).

    Raises:
        ValueError: a person has fewer poses.
    """
    count = rows.stop - rows.start
    parts = [_rows(person, rows) for person in scene.people]
    if scene.room is not None:
        parts.append(scene.room.vertices[:1].to(torch.float64).expand(count, -1, -1))
    return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


def _rows(person: MeshSequence, rows: slice) -> Tensor:
    if rows.start < 0 or rows.stop > len(person.times):
        raise ValueError(
            f"Scene.people: expected poses up to row {rows.stop - 1} (knots of every frame), got {len(person.times)}"
        )
    return person.vertices[rows].to(torch.float64)


def gather(vertices: Tensor, faces: Tensor) -> Tensor:
    """Corners [3, 3, faces] (component, corner, face) of `faces` [faces, 3] among `vertices` [vertices, 3]."""
    return vertices.T.contiguous().index_select(1, faces.T.reshape(-1)).reshape(3, 3, -1)


def centred(corner: Tensor) -> Tensor:
    """Corners [3, 3, faces] relative to the centroid of each face."""
    return corner - corner.mean(1, keepdim=True)


def area_vectors(corner: Tensor) -> Tensor:
    """Outward normals [3, faces] times the area in m^2."""
    return 0.5 * torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0], dim=0)


def vertex_normals(faces: Tensor, area: Tensor, count: int) -> Tensor:
    """Unit normals [count, 3] at the vertices: the area-weighted mean of the faces around."""
    total = area.new_zeros(count, 3)
    total.index_add_(0, faces.T.reshape(-1), area.T.repeat(3, 1))
    return torch.nn.functional.normalize(total, dim=1)


def sagitta(corner: Tensor, area: Tensor, normals: Tensor, faces: Tensor) -> Tensor:
    """How far [3, 3, faces] (component, edge, face) the smooth surface lies off the middle of each edge, in m.

    The edges are 0-1, 1-2, 2-0. It is the middle of the cubic edge of a PN triangle (Vlachos et al. 2001, eq. 2), which
    both facets of an edge share, so that no gap opens; zero where a vertex normal marks a crease. On a sphere of radius
    a it is `edge^2 / (8 a)`.
    """
    normal = normals.T.contiguous().index_select(1, faces.T.reshape(-1)).reshape(3, 3, -1)
    unit = torch.nn.functional.normalize(area, dim=0)
    smooth = ((normal * unit[:, None]).sum(0) > CREASE_COSINE).all(0)
    edge = corner.roll(-1, 1) - corner
    following = normal.roll(-1, 1)
    bend = (edge * normal).sum(0) * normal - (edge * following).sum(0) * following
    return -0.125 * bend * smooth
