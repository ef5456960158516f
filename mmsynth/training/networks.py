"""Small networks over windows of points: they run on a CPU, and the same code on a GPU."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor, nn

from mmsynth.training.features import relative_to_median
from mmsynth.training.windows import Windows

BINS_PER_SECOND = 10
CHANNELS = 6


@dataclass(frozen=True, eq=False)
class Batch:
    """Windows as tensors: all points in a row, each with the time bin it falls into.

    Attributes:
        points: range and lateral position relative to the window's median, height, velocity, speed, time in its bin;
            all scaled to order one.
        cell: window * bins + time bin of each point.
        windows: how many windows; bins: time bins of each.
    """

    points: Annotated[Tensor, "points channels", "1"]
    cell: Annotated[Tensor, "points", "1"]
    windows: int
    bins: int


def to_batch(windows: Windows, device: torch.device | str = "cpu") -> Batch:
    """What a network reads of the windows."""
    bins = max(1, round(windows.duration * BINS_PER_SECOND))
    depth, lateral = relative_to_median(windows)
    phase = np.clip(windows.time / windows.duration, 0, 1 - 1e-6) * bins
    speed = windows.velocity / 2
    columns = (depth, lateral, windows.position[:, 2], speed, np.abs(speed), phase % 1 - 0.5)
    points = torch.from_numpy(np.stack(columns, 1).astype(np.float32)).to(device)
    cell = torch.from_numpy(windows.index * bins + phase.astype(np.int64)).to(device)
    return Batch(points, cell, len(windows), bins)


class PointNetwork(nn.Module):
    """Per-point MLP, pooling over each time bin, dilated convolutions over time, pooling over the window.

    After PointNet (Qi et al. 2017) for the set and a residual temporal convolution (Bai et al. 2018) for the rest.
    """

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.point = nn.Sequential(
            nn.Linear(CHANNELS, width), nn.BatchNorm1d(width), nn.GELU(), nn.Linear(width, width), nn.GELU()
        )
        self.join = nn.Conv1d(2 * width + 1, width, 1)
        self.blocks = nn.ModuleList(_Residual(width, dilation) for dilation in (1, 2, 4))
        self.head = nn.Linear(2 * width, classes)

    def forward(self, batch: Batch) -> Tensor:
        """Class scores [windows, classes]."""
        x = self.join(pool_cells(self.point(batch.points), batch))
        for block in self.blocks:
            x = block(x)
        scores: Tensor = self.head(torch.cat([x.mean(2), x.amax(2)], 1))
        return scores


class VoxelNetwork(nn.Module):
    """Histograms of velocity, range, lateral position and height over time, and a convolution over time on them.

    The published RadHAR baseline (Singh et al. 2019) stacks occupied voxels; soft one-dimensional bins of the same
    quantities keep what it uses and do not grow with the cube of the resolution.
    """

    BINS = 12

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        # Range, lateral position, height, velocity: centres in the units of `Batch.points`.
        centres = torch.stack([torch.linspace(-a, a, self.BINS) for a in (0.8, 1.0, 1.2, 2.0)])
        self.register_buffer("centres", centres)
        self.join = nn.Conv1d(4 * self.BINS + self.BINS * self.BINS, width, 1)
        self.blocks = nn.ModuleList(_Residual(width, dilation) for dilation in (1, 2, 4))
        self.head = nn.Linear(2 * width, classes)

    def forward(self, batch: Batch) -> Tensor:
        """Class scores [windows, classes]."""
        values = batch.points[:, :4]
        centres = self.get_buffer("centres")
        step = (centres[:, 1] - centres[:, 0])[None, :, None]
        soft = torch.clamp(1 - (values[:, :, None] - centres[None]).abs() / step, min=0)
        plane = (soft[:, 3, :, None] * soft[:, 2, None, :]).flatten(1)
        cells = torch.zeros(batch.windows * batch.bins, self.join.in_channels, device=values.device)
        cells = cells.index_add(0, batch.cell, torch.cat([soft.flatten(1), plane], 1))
        x = self.join(torch.log1p(cells).reshape(batch.windows, batch.bins, -1).transpose(1, 2))
        for block in self.blocks:
            x = block(x)
        scores: Tensor = self.head(torch.cat([x.mean(2), x.amax(2)], 1))
        return scores


class _Residual(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm1d(width),
            nn.GELU(),
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation),
            nn.BatchNorm1d(width),
            nn.GELU(),
            nn.Conv1d(width, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The input plus what the body makes of it, [windows, width, bins]."""
        return x + self.body(x)  # type: ignore[no-any-return]


def pool_cells(values: Tensor, batch: Batch) -> Tensor:
    """Mean, maximum and log count of per-point values over the time bins: [windows, 2 width + 1, bins]."""
    cells, width = batch.windows * batch.bins, values.shape[1]
    count = torch.zeros(cells, device=values.device, dtype=values.dtype)
    count = count.index_add(0, batch.cell, torch.ones_like(values[:, 0]))[:, None]
    total = torch.zeros(cells, width, device=values.device, dtype=values.dtype).index_add(0, batch.cell, values)
    highest = torch.zeros_like(total).scatter_reduce(
        0, batch.cell[:, None].expand_as(values), values, "amax", include_self=False
    )
    pooled = torch.cat([total / count.clamp(min=1), highest, torch.log1p(count)], 1)
    return pooled.reshape(batch.windows, batch.bins, -1).transpose(1, 2)


NETWORKS: dict[str, type[PointNetwork] | type[VoxelNetwork]] = {"points": PointNetwork, "voxels": VoxelNetwork}
