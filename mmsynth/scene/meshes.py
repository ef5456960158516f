"""Meshes from files that stand in a room."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from mmsynth.scene.movers import about

# m across; without walls that say it better, a larger mesh is one in other units.
_LARGEST = 100.0


@dataclass(frozen=True)
class MeshFile:
    """A mesh from a file that trimesh reads, in metres after `scale`.

    `up` is the file's axis that points upwards, "y" or "z"; "" = y of .glb and .gltf, whose format says so (glTF 2.0,
    section 3.4; z ahead turns to the world's -y), z of all others.

    The simulator sees faces from their front alone, so that closed bodies are turned to have it towards the radar's
    side: outwards, or inwards if the radar is within. Open surfaces stay as the file has them; a file of which no face
    looks towards the radar is refused.
    """

    file: str
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    name: str = "mesh"
    yaw: float = 0.0
    scale: float = 1.0
    material: str = "wood"
    up: Literal["", "y", "z"] = ""


def read_mesh(
    item: MeshFile, size: tuple[float, float, float] | None, radar: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Vertices [vertices, 3] in m, faces [faces, 3] and the region "MATERIAL:NAME" of each face of a mesh file.

    Args:
        item: the file, and where it stands.
        size: in m of the room around it; None = of no walls.
        radar: its place in m.

    Raises:
        ValueError: no such file; or it holds no mesh of finite triangles, is larger than the room, shows the radar no
            front, or has a closed body with faces that look to either side.
    """
    path = Path(item.file)
    vertices, faces = _triangles(item, path)
    across = float(np.ptp(vertices[faces.reshape(-1)], axis=0).max())
    limit = math.hypot(*size) if size else _LARGEST
    if across > limit:
        raise ValueError(
            f"{path}: expected a mesh of at most {limit:.3g} m, got one {across:.4g} m across; `scale = 0.001` is for "
            "files in millimetres"
        )
    vertices = vertices @ about("z", item.yaw).T + item.position
    try:
        faces = _turned(vertices, faces, np.array(radar))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not (_volumes(vertices[faces] - radar) < 0).any():
        raise ValueError(
            f"{path}: expected faces that look towards the radar, got an open surface that shows its back, or no areas"
        )
    return vertices, faces, [f"{item.material}:{item.name}"] * len(faces)


def _triangles(item: MeshFile, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [vertices, 3] in m, z up, and faces [faces, 3] as the file has them; see `read_mesh`."""
    import trimesh

    if not path.is_file():
        raise ValueError(f"{path}: no such file (mesh '{item.name}')")
    try:
        found = trimesh.load(path, force="mesh", process=False)
        vertices = np.asarray(found.vertices, dtype=np.float64) * item.scale
        faces = np.asarray(found.faces, dtype=np.int64)
    # trimesh raises whatever its readers raise.
    except Exception as error:
        raise ValueError(f"{path}: not a mesh that can be read: {error}") from None
    wrong = int((~np.isfinite(vertices)).any(1).sum())
    if len(faces) == 0 or wrong:
        raise ValueError(
            f"{path}: expected a mesh of finite triangles, got {len(faces)} triangles"
            + (f" and {wrong} vertices that are NaN or infinite" if wrong else "")
        )
    if (item.up or ("y" if path.suffix.lower() in (".glb", ".gltf") else "z")) == "y":
        vertices = vertices[:, [0, 2, 1]] * [1, -1, 1]
    return vertices, faces


def _volumes(corner: np.ndarray) -> np.ndarray:
    """Six times the signed volumes [faces] between the origin and triangles [faces, 3, 3]: < 0 = it sees the front."""
    a, b, c = corner.transpose(1, 0, 2)
    return np.asarray((a * np.cross(b, c)).sum(1))


def _turned(vertices: np.ndarray, faces: np.ndarray, radar: np.ndarray) -> np.ndarray:
    """The faces [faces, 3], those of closed bodies in the order that shows their front to the side of the radar.

    Raises:
        ValueError: faces of a closed body look to either side.
    """
    import trimesh

    # Files of flat shaded bodies have their corners once a face.
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    body = trimesh.graph.connected_component_labels(mesh.face_adjacency, node_count=len(faces))
    faces = faces.copy()
    for rows in np.split(body.argsort(kind="stable"), np.bincount(body).cumsum()[:-1]):
        edges = mesh.faces[rows][:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        if (np.unique(np.sort(edges, 1), axis=0, return_counts=True)[1] != 2).any():
            continue
        if len(np.unique(edges, axis=0)) < len(edges):
            raise ValueError("expected all faces of a closed body to look outwards, got some that look inwards")
        corner = vertices[faces[rows]] - radar
        a, b, c = corner.transpose(1, 0, 2)
        x, y, z = np.linalg.norm(corner, axis=2).T
        volume = _volumes(corner)
        # The solid angle of each face from the radar: van Oosterom and Strackee 1983, eq. 8.
        near = x * y * z + (a * b).sum(1) * z + (b * c).sum(1) * x + (c * a).sum(1) * y
        around = 2 * np.arctan2(volume, near).sum()
        within = abs(around) > math.tau
        if (volume.sum() < 0) != within:
            faces[rows] = faces[rows][:, ::-1]
    return faces
