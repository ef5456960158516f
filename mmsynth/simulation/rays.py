"""Shadow rays against a triangle mesh that moves: a Warp BVH, built once and refitted to each pose.

The first file of the simulator to import Warp, and the one that starts it. CPU and CUDA run the same kernels.
"""

import os
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
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


@wp.func  # type: ignore[untyped-decorator]
def _root(mesh: wp.uint64, pose: wp.array(dtype=wp.int32), ray: int) -> int:  # type: ignore[valid-type]
    """Where the tree of a ray's pose starts: -1, the whole tree, if it holds one pose."""
    if pose.shape[0] == 0:
        return -1
    return wp.mesh_get_group_root(mesh, pose[ray % pose.shape[0]])


@wp.kernel  # type: ignore[untyped-decorator]
def _shadow(
    mesh: wp.uint64,
    pose: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    origin: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    target: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    hit: wp.array(dtype=wp.uint8),  # type: ignore[valid-type]
) -> None:
    ray = wp.tid()
    step = target[ray % target.shape[0]] - origin[ray]
    length = wp.length(step)
    if wp.mesh_query_ray_anyhit(mesh, origin[ray], step / length, length, _root(mesh, pose, ray)):
        hit[ray] = wp.uint8(1)


@wp.kernel  # type: ignore[untyped-decorator]
def _closest(
    mesh: wp.uint64,
    pose: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    origin: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    direction: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    reach: float,
    face: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    distance: wp.array(dtype=float),  # type: ignore[valid-type]
) -> None:
    ray = wp.tid()
    query = wp.mesh_query_ray(mesh, origin[ray], direction[ray], reach, _root(mesh, pose, ray))
    if query.result:
        face[ray] = query.face
        distance[ray] = query.t


class Bvh:
    """Bounding volume hierarchies over one topology in one or several poses, of which no ray of one meets another.

    Args:
        vertices: [vertices, 3] in m of a pose on which the trees are built.
        faces: [faces, 3].
        poses: how many trees.
    """

    def __init__(self, vertices: Tensor, faces: Tensor, poses: int = 1) -> None:
        self.poses = poses
        self._device: Any = wp.device_from_torch(vertices.device)
        self._points = vertices.detach().to(torch.float32).repeat(poses, 1)
        copies = torch.arange(poses, device=faces.device)
        self._faces = (copies[:, None, None] * len(vertices) + faces).to(torch.int32).reshape(-1)
        self._single = torch.zeros(0 if poses == 1 else 1, dtype=torch.int32, device=vertices.device)

    @cached_property
    def _mesh(self) -> Any:
        """The trees, built when somebody first asks."""
        size = len(self._faces) // (3 * self.poses)
        groups = torch.arange(self.poses, dtype=torch.int32, device=self._points.device).repeat_interleave(size)
        with torch_stream(self._points.device):
            corners = wp.from_torch(self._points, dtype=wp.vec3), wp.from_torch(self._faces)
            return wp.Mesh(*corners, groups=None if self.poses == 1 else wp.from_torch(groups))

    def refit(self, vertices: Tensor) -> None:
        """Move the vertices of the first poses [poses, vertices, 3]; trees keep their shape, their boxes follow."""
        mesh = self._mesh
        self._points[: len(vertices) * vertices.shape[1]] = vertices.detach().flatten(0, 1).to(torch.float32)
        with torch_stream(vertices.device):
            mesh.refit()

    def blocked(self, origin: Tensor, target: Tensor, pose: Tensor | None = None) -> Tensor:
        """Whether [rays] something lies between each origin [rays, 3] and its target [rays, 3] (or [1, 3] for all).

        `pose` [rays] is the one in which to look; None = the first.
        """
        start, end = _vec3(origin), _vec3(target)
        hit = torch.zeros(len(origin), dtype=torch.uint8, device=origin.device)
        if len(origin):
            arrays = [self._poses(pose), *(wp.from_torch(x, dtype=wp.vec3) for x in (start, end)), wp.from_torch(hit)]
            with torch_stream(origin.device):
                wp.launch(_shadow, dim=len(origin), inputs=[self._mesh.id, *arrays], device=self._device)
        return hit.bool()

    def first_hit(self, origin: Tensor, direction: Tensor, reach: float = 1e3) -> tuple[Tensor, Tensor]:
        """The face [rays] of the first pose that each ray meets first (-1 = none), and how far [rays] in m it is."""
        start, way = _vec3(origin), _vec3(direction)
        face = torch.full((len(origin),), -1, dtype=torch.int32, device=origin.device)
        distance = torch.full((len(origin),), torch.inf, dtype=torch.float32, device=origin.device)
        if len(origin):
            inputs = [self._mesh.id, self._poses(None), *(wp.from_torch(x, dtype=wp.vec3) for x in (start, way)), reach]
            outputs = [wp.from_torch(face), wp.from_torch(distance)]
            with torch_stream(origin.device):
                wp.launch(_closest, dim=len(origin), inputs=inputs, outputs=outputs, device=self._device)
        return face.long(), distance

    def _poses(self, pose: Tensor | None) -> Any:
        """The pose of every ray as the kernels take it: empty = the one that there is."""
        given = pose is not None and len(self._single) > 0
        return wp.from_torch(pose.to(torch.int32).contiguous() if given and pose is not None else self._single)


def torch_stream(device: torch.device) -> AbstractContextManager[Any]:
    """On CUDA, let Warp work in torch's stream, so that neither reads what the other has not written yet."""
    if device.type != "cuda":
        return nullcontext()
    stream: AbstractContextManager[Any] = wp.ScopedStream(wp.stream_from_torch(torch.cuda.current_stream(device)))
    return stream


def _vec3(points: Tensor) -> Tensor:
    return points.detach().to(torch.float32).contiguous()
