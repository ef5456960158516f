"""What a network's answer is worth in training: activity, pose, and whether it tells synthetic from real."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mmsynth.joints import bones
from mmsynth.types import check_numbers

# No joint is ever known better than this, in m: keeps the likelihood of the expected error bounded.
SURE = 0.01


@dataclass(frozen=True)
class PoseLoss:
    """What a pose is trained for beside the distance of its joints.

    Attributes:
        bones: weight of the error of bone lengths, which also keeps them the same over time.
        motion: weight of the error of the joints' steps from one time bin to the next.
        error: weight of the likelihood of the error that the network expects of itself; it changes no pose.
    """

    bones: float = 0.5
    motion: float = 0.5
    error: float = 0.05

    def __post_init__(self) -> None:
        check_numbers(self, ("bones", "motion", "error"), least=0, where="pose")


def activity_loss(scores: Tensor, truth: Tensor, smoothing: float) -> Tensor:
    """Cross entropy [windows] of class scores [windows, classes]."""
    return functional.cross_entropy(scores, truth, label_smoothing=smoothing, reduction="none")


def pose_loss(predicted: Tensor, truth: Tensor, joint_set: str, settings: PoseLoss) -> Tensor:
    """Loss [windows] of poses.

    Args:
        predicted: x, y, z and log expected error [windows, bins, joints, 4].
        truth: joints [windows, bins, joints, 3]; NaN = not known.
        joint_set: of the joints.
        settings: weights.
    """
    known = torch.isfinite(truth).all(-1)
    truth = torch.nan_to_num(truth)
    off = (predicted[..., :3] - truth).abs().mean(-1)
    total = _mean(off, known)
    scale = predicted[..., 3].exp() + SURE
    total = total + settings.error * _mean(off.detach() / scale + scale.log(), known)
    a, b = torch.tensor(bones(joint_set), dtype=torch.int64, device=predicted.device).reshape(-1, 2).T
    long = [(p[..., a, :3] - p[..., b, :3]).norm(dim=-1) for p in (predicted, truth)]
    total = total + settings.bones * _mean((long[0] - long[1]).abs(), known[..., a] & known[..., b])
    steps = [p[:, 1:, :, :3] - p[:, :-1, :, :3] for p in (predicted, truth)]
    moved = (steps[0] - steps[1]).abs().mean(-1)
    return total + settings.motion * _mean(moved, known[:, 1:] & known[:, :-1])


def _mean(values: Tensor, known: Tensor) -> Tensor:
    """Mean [windows] over the known entries of each window; 0 where none is."""
    axes = tuple(range(1, values.dim()))
    return (values * known).sum(axes) / known.sum(axes).clamp_min(1)


class Critic(nn.Module):
    """Tells synthetic windows from recorded ones by their pooled vectors, against the network that makes them.

    The gradient is turned round on its way back (domain-adversarial training: Ganin et al. 2016).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, 1))

    def loss(self, vectors: Tensor, recorded: Tensor, strength: float) -> Tensor:
        """Cross entropy [windows] of telling vectors [windows, 2 width] of recordings (1) from synthetic ones (0)."""
        turned: Tensor = _Turn.apply(vectors, strength)  # type: ignore[no-untyped-call]
        scores: Tensor = self.layers(turned)[:, 0]
        # Either kind weighs half, whatever their numbers.
        share = recorded.mean().clamp(1e-3, 1 - 1e-3)
        weight = 0.5 * torch.where(recorded > 0.5, 1 / share, 1 / (1 - share))
        return weight * functional.binary_cross_entropy_with_logits(scores, recorded, reduction="none")


class _Turn(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, strength: float) -> Tensor:
        """The input itself."""
        context.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """The gradient, turned round."""
        return -context.strength * gradient, None


def pose_error(predicted: NDArray[Any], truth: NDArray[Any]) -> float:
    """Mean absolute error in m of poses [windows, bins, joints, 3 or 4] over the known joints."""
    return float(np.nanmean(np.abs(predicted[..., :3] - truth)))
