"""Shadow rays against a triangle mesh that moves: a Warp BVH, built once and refitted to each pose.

CPU and CUDA run the same kernels (`packets.py`).
"""

from functools import cached_property
from typing import Any

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.kernels.launch import torch_stream
from mmsynth.simulation.rays.packets import cast, roots_of

# Metres beyond which no ray meets anything.
_FAR = 1e3


class Bvh:
    """Bounding volume hierarchies over one topology in one or several poses, of which no ray of one meets another.

    Args:
        vertices: [vertices, 3] in m of a pose on which the trees are built.
        faces: [faces, 3].
        poses: how many trees.
    """

    def __init__(self, vertices: Tensor, faces: Tensor, poses: int = 1) -> None:
        self.poses = poses
        self._points = vertices.detach().to(torch.float32).repeat(poses, 1)
        copies = torch.arange(poses, device=faces.device)
        self._faces = (copies[:, None, None] * len(vertices) + faces).to(torch.int32).reshape(-1)
        self._none = torch.zeros(0, dtype=torch.int32, device=vertices.device)

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

    @cached_property
    def _roots(self) -> Tensor:
        """Where the tree of each pose begins; refitting moves none."""
        return roots_of(self._mesh, self.poses, self._points.device)

    def blocked(
        self, origin: Tensor, target: Tensor, pose: Tensor | None = None, bundle: Tensor | None = None
    ) -> Tensor:
        """Whether [rays] something lies between each origin [rays, 3] and its target [rays, 3] (or [1, 3] for all).

        `pose` [rays] is the one in which to look; None = the first. `bundle` [rays] may say which go to the same point.
        """
        if len(origin) == 0:
            return torch.zeros(0, dtype=torch.bool, device=origin.device)
        pose = None if self.poses == 1 else pose
        if pose is not None:
            bundle = pose if bundle is None else bundle * self.poses + pose
        of_pose, bundles = (self._none if x is None else x.to(torch.int32).contiguous() for x in (pose, bundle))
        rays = _vec3(origin), _vec3(target)
        return cast((self._mesh, self._roots), (of_pose, bundles), rays, 1.0, nearest=False)[0] >= 0

    def first_hit(self, origin: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
        """The face [rays] of the first pose that each ray meets first (-1 = none), and how far [rays] in m it is."""
        if len(origin) == 0:
            return origin.new_zeros(0, dtype=torch.int64), origin.new_zeros(0, dtype=torch.float32)
        rays, groups = (_vec3(origin), _vec3(direction)), (self._none, self._none)
        face, distance = cast((self._mesh, self._roots), groups, rays, _FAR, nearest=True)
        return face.long(), torch.where(face < 0, torch.inf, distance)


def _vec3(points: Tensor) -> Tensor:
    return points.detach().to(torch.float32).contiguous()
