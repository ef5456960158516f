"""Mesh sequences: vertices and faces in an `.npz`, or a folder of OBJ or PLY files of one topology."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmsynth.geometry import UPRIGHT
from mmsynth.motion.axes import FIRST, axis_named, upright_from
from mmsynth.motion.files import floats, number_of, text_of
from mmsynth.types import Labels, MeshSequence

_RATES = ("fps", "frame_rate", "framerate")
_SUFFIXES = (".obj", ".ply")
MOST_VALUES = 500_000_000
# Edges of which the faces look to either side, of all: a scan has a few.
_TORN = 0.01


def is_mesh(data: dict[str, Any]) -> bool:
    """Whether arrays by name are a mesh sequence."""
    return "vertices" in data and ("faces" in data or "f" in data)


def from_arrays(data: dict[str, Any], frame_rate: float | None) -> MeshSequence:
    """A mesh sequence of `vertices` [frames, vertices, 3] in m, `faces` [faces, 3], `fps`, and `up` ("y" or "z").

    Raises:
        ValueError: an array is of another shape, holds NaN, or a face names no vertex.
    """
    vertices = floats(data["vertices"], "vertices")
    faces = floats(data["faces"] if "faces" in data else data["f"], "faces")
    if vertices.ndim != 3 or vertices.shape[-1] != 3 or vertices.size == 0:
        raise ValueError(f"vertices: expected [frames, vertices, 3], got the shape {vertices.shape}")
    if faces.ndim != 2 or faces.shape[1] != 3 or len(faces) == 0:
        raise ValueError(f"faces: expected triangles [faces, 3], got the shape {faces.shape}")
    rate = next((number_of(data[k], k) for k in _RATES if k in data), frame_rate)
    up = axis_named(text_of(data["up"])) if "up" in data else ""
    return _sequence(torch.from_numpy(vertices), torch.from_numpy(faces).long(), rate, up)


def read_folder(folder: Path, frame_rate: float | None) -> MeshSequence:
    """A folder of OBJ or PLY files, one a frame in the order of the numbers in their names.

    Raises:
        ValueError: no such files, one that is no mesh, or one of another topology than the first.
    """
    import trimesh

    files = sorted((p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES), key=_order)
    if not files:
        raise ValueError(f"expected a folder of OBJ or PLY files, got {len(list(folder.iterdir()))} other entries")
    frames: list[np.ndarray[Any, Any]] = []
    faces: np.ndarray[Any, Any] | None = None
    for file in files:
        try:
            mesh = trimesh.load(file, force="mesh", process=False, maintain_order=True)
            points, triangles = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
        except Exception as error:  # its parsers raise nearly anything
            raise ValueError(f"{file.name}: expected a mesh, got {type(error).__name__}: {error}") from None
        if points.size == 0 or triangles.size == 0:
            raise ValueError(f"{file.name}: expected a mesh with vertices and faces, got none")
        faces = triangles if faces is None else faces
        if faces.shape != triangles.shape or (faces != triangles).any() or (frames and points.shape != frames[0].shape):
            raise ValueError(f"{file.name}: expected the topology of {files[0].name}, got another")
        if points.size * len(files) > MOST_VALUES:
            raise ValueError(
                f"expected at most {MOST_VALUES} coordinates, got {points.size} in each of {len(files)} files"
            )
        frames.append(floats(points, file.name))
    return _sequence(torch.from_numpy(np.stack(frames)), torch.from_numpy(faces), frame_rate, "")


def _torn(faces: Tensor) -> float:
    """The share of edges along which both faces [faces, 3] run in one direction: one of the two is inside out."""
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    _, owner, count = torch.unique(edges.sort(1).values, dim=0, return_inverse=True, return_counts=True)
    forward = torch.zeros_like(count).index_add_(0, owner, (edges[:, 0] < edges[:, 1]).long())
    shared = count == 2
    return float((forward[shared] != 1).double().mean()) if bool(shared.any()) else 0.0


def _order(path: Path) -> tuple[list[int], str]:
    return [int(n) for n in re.findall(r"\d+", path.stem)], path.name


def _sequence(vertices: Tensor, faces: Tensor, rate: float | None, up: str) -> MeshSequence:
    """Turn to z up and set the lowest vertex of the clip on the floor, faces outward.

    Where `up` is not given, it is the longer side of y and z in the first half second, before anybody falls or lies
    down: arms may be spread wider than a person is tall.

    Raises:
        ValueError: nobody is that small or large, or neighbouring faces look to either side.
    """
    first = vertices[: max(1, round(FIRST * (rate or 30.0)))]
    extent = (first.amax(1) - first.amin(1)).median(0).values
    axis = up or ("+y" if extent[1] >= extent[2] else "+z")
    if not 0.2 < float(extent.max()) < 50:
        raise ValueError(f"vertices: expected a body in m, got one of {float(extent.max()):.4g}")
    torn = _torn(faces)
    if torn > _TORN:
        raise ValueError(f"faces: expected all to look outwards, got {torn:.0%} of neighbours that look to either side")
    turned = vertices @ (UPRIGHT @ upright_from(axis)).T
    turned = turned - torch.tensor([0.0, 0.0, 1.0], dtype=turned.dtype) * turned[..., 2].min()
    step = f"{rate:g} Hz" if rate else "30 Hz assumed"
    found = MeshSequence(
        vertices=turned,
        faces=faces,
        times=torch.arange(len(turned), dtype=torch.float64) / (rate or 30.0),
        region=torch.zeros(len(faces), dtype=torch.long),
        region_names=("skin:body",),
        labels=Labels(source=f"mesh sequence, {axis} up{'' if up else ' by its longer side'}, {step}"),
    )
    a, b, c = (turned[0] - turned[0].mean(0))[faces.T]
    if float((torch.linalg.cross(a, b) * c).sum()) >= 0:
        return found
    # The simulator sees faces from outside alone.
    labels = Labels(source=f"{found.labels.source}, faces turned outward")
    return replace(found, faces=faces.flip(1), labels=labels)
