"""Shadow rays against a triangle mesh that moves: a Warp BVH, built once and refitted to each pose.

The only file of the simulator that imports Warp. CPU and CUDA run the same kernels.
"""

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import warp as wp
from torch import Tensor


def _init_quietly() -> None:
    """Start Warp; where there is no GPU, its native code would say so on stderr every time."""
    wp.config.log_level = wp.LOG_ERROR
    if torch.cuda.is_available():
        wp.init()
        return
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        wp.init()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


_init_quietly()


@wp.kernel  # type: ignore[untyped-decorator]
def _shadow(
    mesh: wp.uint64,
    origin: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    target: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    hit: wp.array(dtype=wp.uint8),  # type: ignore[valid-type]
) -> None:
    ray = wp.tid()
    step = target[ray % target.shape[0]] - origin[ray]
    length = wp.length(step)
    if wp.mesh_query_ray_anyhit(mesh, origin[ray], step / length, length):
        hit[ray] = wp.uint8(1)


@wp.kernel  # type: ignore[untyped-decorator]
def _closest(
    mesh: wp.uint64,
    origin: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    direction: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    reach: float,
    face: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    distance: wp.array(dtype=float),  # type: ignore[valid-type]
) -> None:
    ray = wp.tid()
    query = wp.mesh_query_ray(mesh, origin[ray], direction[ray], reach)
    if query.result:
        face[ray] = query.face
        distance[ray] = query.t


class Bvh:
    """A bounding volume hierarchy over triangles [faces, 3] of vertices [vertices, 3] in m."""

    def __init__(self, vertices: Tensor, faces: Tensor) -> None:
        self._device: Any = wp.device_from_torch(vertices.device)
        self._points = vertices.detach().to(torch.float32).contiguous().clone()
        self._faces = faces.to(torch.int32).reshape(-1).contiguous()
        with torch_stream(vertices.device):
            self._mesh: Any = wp.Mesh(wp.from_torch(self._points, dtype=wp.vec3), wp.from_torch(self._faces))

    def refit(self, vertices: Tensor) -> None:
        """Move the vertices [vertices, 3]; the tree keeps its shape, its boxes follow."""
        self._points.copy_(vertices.detach())
        with torch_stream(vertices.device):
            self._mesh.refit()

    def blocked(self, origin: Tensor, target: Tensor) -> Tensor:
        """Whether [rays] something lies between each origin [rays, 3] and its target [rays, 3] (or [1, 3] for all)."""
        start, end = _vec3(origin), _vec3(target)
        hit = torch.zeros(len(origin), dtype=torch.uint8, device=origin.device)
        if len(origin):
            arrays = [wp.from_torch(start, dtype=wp.vec3), wp.from_torch(end, dtype=wp.vec3), wp.from_torch(hit)]
            with torch_stream(origin.device):
                wp.launch(_shadow, dim=len(origin), inputs=[self._mesh.id, *arrays], device=self._device)
        return hit.bool()

    def first_hit(self, origin: Tensor, direction: Tensor, reach: float = 1e3) -> tuple[Tensor, Tensor]:
        """The face [rays] that each ray meets first (-1 = none) and the distance [rays] in m to it."""
        start, way = _vec3(origin), _vec3(direction)
        face = torch.full((len(origin),), -1, dtype=torch.int32, device=origin.device)
        distance = torch.full((len(origin),), torch.inf, dtype=torch.float32, device=origin.device)
        if len(origin):
            inputs = [self._mesh.id, wp.from_torch(start, dtype=wp.vec3), wp.from_torch(way, dtype=wp.vec3), reach]
            outputs = [wp.from_torch(face), wp.from_torch(distance)]
            with torch_stream(origin.device):
                wp.launch(_closest, dim=len(origin), inputs=inputs, outputs=outputs, device=self._device)
        return face.long(), distance


def torch_stream(device: torch.device) -> AbstractContextManager[Any]:
    """On CUDA, let Warp work in torch's stream, so that neither reads what the other has not written yet."""
    if device.type != "cuda":
        return nullcontext()
    stream: AbstractContextManager[Any] = wp.ScopedStream(wp.stream_from_torch(torch.cuda.current_stream(device)))
    return stream


def _vec3(points: Tensor) -> Tensor:
    return points.detach().to(torch.float32).contiguous()
