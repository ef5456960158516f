"""Batch normalisation over all processes of a training, and its statistics on other data."""

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional


def _summed(x: Tensor) -> Tensor:
    total = x.clone()
    distributed.all_reduce(total)
    return total


class _Sum(torch.autograd.Function):
    """The sum over all processes, whose gradient is the sum of theirs; torch's own warns that it will go."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _summed(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _summed(gradients[0])


class Norm(nn.BatchNorm1d):
    """Batch normalisation over axis 1 of a tensor of any rank, over the batches of all processes together.

    Torch's own synchronised layer runs on GPUs alone; with this one, two processes on a CPU train as one does.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The normalised input, in its shape."""
        training = self.training
        if not (training and distributed.is_initialized()):
            return functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, training, self._share(), self.eps
            )
        axes = [0, *range(2, x.dim())]
        wide = x.float()
        count = wide.new_full((1,), x.numel() / x.shape[1])
        sums: Tensor = _Sum.apply(torch.cat([wide.sum(axes), (wide**2).sum(axes), count]))  # type: ignore[no-untyped-call]
        count = sums[-1]
        mean, square = (sums[:-1] / count).chunk(2)
        variance = (square - mean**2).clamp_min(0)
        self._follow(mean.detach(), variance.detach() * count.detach() / (count.detach() - 1).clamp_min(1))
        shape = [1, -1] + [1] * (x.dim() - 2)
        scale = self.weight * (variance + self.eps).rsqrt()
        normal: Tensor = wide * scale.reshape(shape) + (self.bias - mean * scale).reshape(shape)
        return normal.to(x.dtype)

    def _share(self) -> float:
        """Weight of this batch in the running statistics."""
        assert self.num_batches_tracked is not None and self.momentum is not None
        if self.training:
            self.num_batches_tracked.add_(1)
        return self.momentum

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        share = self._share()
        assert self.running_mean is not None and self.running_var is not None
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


@torch.no_grad()
def align_statistics(network: nn.Module, inputs: object) -> None:
    """Replace the running statistics by those over `inputs` (AdaBN: Li et al. 2016): no label is needed.

    Args:
        network: changed in place, left in evaluation mode.
        inputs: what it takes.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, Norm)]
    momentum = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = 1.0
    network.train()
    network(inputs)
    for layer, value in zip(layers, momentum, strict=True):
        layer.momentum = value
    network.eval()
