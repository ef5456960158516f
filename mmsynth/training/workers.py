"""One training on several processes, as `torchrun` starts them: each takes its share of every batch."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn


@dataclass(frozen=True)
class Team:
    """The processes of a training, and which of them this one is."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def own(self, count: int) -> slice:
        """Which of `count` windows this process takes."""
        return slice(self.rank, count, self.size)

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            distributed.barrier()

    def sum_gradients(self, module: nn.Module) -> None:
        """Sum of all processes' gradients, in place."""
        if self.size == 1:
            return
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        distributed.all_reduce(flat)
        for gradient, summed in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(summed.view_as(gradient))


ALONE = Team()


def local_device(device: str) -> str:
    """The device of this process: with "cuda" under `torchrun`, the GPU of its local rank."""
    return f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" and "LOCAL_RANK" in os.environ else device


@contextmanager
def team(device: str) -> Iterator[Team]:
    """Join the processes that `torchrun` started; alone where it did not."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    place = torch.device(device)
    # Bound to its own GPU: else `barrier` takes the current one, which is the first for all processes, and may hang.
    backend, own = ("nccl", place) if place.type == "cuda" else ("gloo", None)
    distributed.init_process_group(backend, device_id=own)
    try:
        yield Team(distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()
