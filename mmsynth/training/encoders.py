"""What brings each time bin of a window to a vector: its points as a set, as histograms, or its heatmaps."""

import torch
from torch import Tensor, nn

from mmsynth.training.maps import COLUMNS, ROWS
from mmsynth.training.networks import Inputs
from mmsynth.training.norm import Norm

CHANNELS = 6


class PointEncoder(nn.Module):
    """Per-point MLP and pooling over each time bin, after PointNet (Qi et al. 2017)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.point = nn.Sequential(
            nn.Linear(CHANNELS, width, bias=False), Norm(width), nn.GELU(), nn.Linear(width, width), nn.GELU()
        )
        self.join = nn.Conv1d(2 * width + 1, width, 1)

    def forward(self, inputs: Inputs) -> Tensor:
        """Vectors [windows, width, bins]."""
        bins: Tensor = self.join(pool_cells(self.point(inputs.points), inputs))
        return bins


def pool_cells(values: Tensor, inputs: Inputs) -> Tensor:
    """Mean, maximum and log count of per-point values over the time bins: [windows, 2 width + 1, bins]."""
    cells = inputs.windows * inputs.bins
    lengths = torch.bincount(inputs.cell, minlength=cells)
    values = values.float()
    count = lengths.to(values)[:, None]
    total = torch.zeros(cells, values.shape[1], device=values.device).index_add(0, inputs.cell, values)
    # Points lie cell by cell: a maximum over runs has a gradient six times faster than one over scattered points.
    highest = torch.segment_reduce(values, "max", lengths=lengths, unsafe=True)
    pooled = torch.cat([total / count.clamp(min=1), highest.where(count > 0, 0.0), torch.log1p(count)], 1)
    return pooled.reshape(inputs.windows, inputs.bins, -1).transpose(1, 2)


class VoxelEncoder(nn.Module):
    """Histograms of range, lateral position, height and velocity over each time bin.

    The published RadHAR baseline (Singh et al. 2019) stacks occupied voxels; soft one-dimensional bins of the same
    quantities, and the plane of velocity and height, keep what it uses and do not grow with the cube of the resolution.
    """

    BINS = 12

    def __init__(self, width: int) -> None:
        super().__init__()
        # Range, lateral position, height, velocity: centres in the units of `Inputs.points`.
        centres = torch.stack([torch.linspace(-a, a, self.BINS) for a in (0.8, 1.0, 1.2, 2.0)])
        self.register_buffer("centres", centres)
        self.join = nn.Conv1d(4 * self.BINS + self.BINS * self.BINS, width, 1)

    def forward(self, inputs: Inputs) -> Tensor:
        """Vectors [windows, width, bins]."""
        values = inputs.points[:, :4]
        centres = self.get_buffer("centres")
        step = (centres[:, 1] - centres[:, 0])[None, :, None]
        soft = torch.clamp(1 - (values[:, :, None] - centres[None]).abs() / step, min=0)
        plane = (soft[:, 3, :, None] * soft[:, 2, None, :]).flatten(1)
        cells = torch.zeros(inputs.windows * inputs.bins, self.join.in_channels, device=values.device)
        cells = cells.index_add(0, inputs.cell, torch.cat([soft.flatten(1), plane], 1))
        bins: Tensor = self.join(torch.log1p(cells).reshape(inputs.windows, inputs.bins, -1).transpose(1, 2))
        return bins


class MapEncoder(nn.Module):
    """Three strided convolutions over the heatmaps of each time bin, all kinds as channels of one picture."""

    def __init__(self, width: int, kinds: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        sizes = (kinds, width // 4, width // 2, width // 2)
        for before, after in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), Norm(after), nn.GELU()]
        self.picture = nn.Sequential(*layers)
        self.join = nn.Conv1d(sizes[-1] * (ROWS // 8) * (COLUMNS // 8), width, 1)

    def forward(self, inputs: Inputs) -> Tensor:
        """Vectors [windows, width, bins]."""
        seen = self.picture(inputs.maps.flatten(0, 1)).flatten(1)
        bins: Tensor = self.join(seen.reshape(inputs.windows, inputs.bins, -1).transpose(1, 2))
        return bins
