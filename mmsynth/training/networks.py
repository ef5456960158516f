"""Small networks over windows: they run on a CPU, and the same code on a GPU.

An encoder brings each time bin of a window to a vector, residual convolutions look across time (Bai et al. 2018), and a
head says the activity of the window, or the pose in each of its bins.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmsynth.arrays import moved
from mmsynth.training.features import relative_to_median
from mmsynth.training.norm import Norm
from mmsynth.training.windows import Windows, medians


@dataclass(frozen=True, eq=False)
class Inputs:
    """Windows as tensors: all points in a row, time bin by time bin.

    Attributes:
        points: range and lateral position relative to the window's median, height, velocity, speed, time in its bin;
            all scaled to order one.
        cell: window * bins + time bin of each point, rising.
        anchor: lateral position and depth of the window's median point, which poses are relative to; NaN = no point.
        maps: heatmaps on their common grid.
        bins: time bins of each window.
    """

    points: Annotated[Tensor, "points channels", "1"]
    cell: Annotated[Tensor, "points", "1"]
    anchor: Annotated[Tensor, "windows 2", "m"]
    maps: Annotated[Tensor, "windows bins channels rows columns", "1"]
    bins: int

    @property
    def windows(self) -> int:
        """How many windows."""
        return len(self.anchor)


def to_inputs(windows: Windows, device: torch.device | str = "cpu") -> Inputs:
    """What a network reads of the windows."""
    bins = windows.bins
    depth, lateral = relative_to_median(windows)
    phase = np.clip(windows.time / windows.duration, 0, 1 - 1e-6) * bins
    speed = windows.velocity / 2
    columns = (depth, lateral, windows.position[:, 2], speed, np.abs(speed), phase % 1 - 0.5)
    cell = windows.index * bins + phase.astype(np.int64)
    order = np.argsort(cell, kind="stable")
    inputs = Inputs(
        points=torch.from_numpy(np.stack(columns, 1)[order].astype(np.float32)),
        cell=torch.from_numpy(cell[order]),
        anchor=torch.from_numpy(anchors(windows)),
        maps=torch.from_numpy(windows.maps).float(),
        bins=bins,
    )
    return moved(inputs, device)


def anchors(windows: Windows) -> NDArray[np.float32]:
    """Median lateral position and depth [windows, 2] in m of each window's points; NaN = it has none."""
    return np.stack([medians(windows.position[:, k], windows.offsets) for k in (0, 1)], 1).astype(np.float32)


@contextmanager
def seeded(seed: int, device: str = "cpu") -> Iterator[None]:
    """Torch's global generators seeded meanwhile: layers and dropout draw from them and take no others."""
    place = torch.device(device)
    used = [place.index or 0] if place.type == "cuda" else []
    with torch.random.fork_rng(devices=used):
        for generator in (torch.default_generator, *(torch.cuda.default_generators[k] for k in used)):
            generator.manual_seed(seed)
        yield


def check_learnt(network: nn.Module, rate: float) -> None:
    """Refuse weights that a training has driven beyond all numbers: whatever is asked, they answer NaN.

    Raises:
        ValueError: some are NaN or infinite.
    """
    if not all(bool(torch.isfinite(value).all()) for value in network.state_dict().values()):
        raise ValueError(f"optimise.rate: expected one at which the training stays finite, got {rate:g}; lower it")


class Network(nn.Module):
    """Encoder, convolutions over time, head."""

    def __init__(self, encoder: nn.Module, width: int, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.blocks = nn.ModuleList(_Residual(width, dilation) for dilation in (1, 2, 4))
        self.head = head

    def embed(self, inputs: Inputs) -> Tensor:
        """The windows as sequences [windows, width, bins]."""
        x: Tensor = self.encoder(inputs)
        for block in self.blocks:
            x = block(x)
        return x

    def forward(self, inputs: Inputs) -> Tensor:
        """What the head says: logits [windows, classes], or joints and log errors [windows, bins, joints, 4]."""
        output: Tensor = self.head(self.embed(inputs), inputs)
        return output


def pool(sequence: Tensor) -> Tensor:
    """Mean and maximum over time [windows, 2 width] of sequences [windows, width, bins]."""
    return torch.cat([sequence.mean(2), sequence.amax(2)], 1)


class ActivityHead(nn.Module):
    """Class scores [windows, classes]."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * width, classes)

    def forward(self, sequence: Tensor, inputs: Inputs) -> Tensor:
        """Scores of sequences [windows, width, bins]."""
        del inputs
        scores: Tensor = self.linear(pool(sequence))
        return scores


class PoseHead(nn.Module):
    """Joints of each bin [windows, bins, joints, 4]: x, y, z in m in the radar frame, log of the expected error in m.

    The pose starts from the mean pose and follows the window's median point by a learnt share; both means are of the
    data it is trained on (`set_means`).
    """

    def __init__(self, width: int, joints: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(width, 4 * joints, 1)
        self.follow = nn.Parameter(torch.full((2,), 0.5))
        self.register_buffer("mean_pose", torch.zeros(joints, 3))
        self.register_buffer("mean_anchor", torch.zeros(2))

    @torch.no_grad()
    def set_means(self, windows: Windows) -> None:
        """Take mean pose and mean anchor from windows with joints."""
        pose = np.nanmean(windows.joints, axis=(0, 1))
        self.get_buffer("mean_pose").copy_(torch.from_numpy(pose))
        self.get_buffer("mean_anchor").copy_(torch.from_numpy(np.nan_to_num(np.nanmean(anchors(windows), 0))))

    def forward(self, sequence: Tensor, inputs: Inputs) -> Tensor:
        """Poses from sequences [windows, width, bins]."""
        joints = self.get_buffer("mean_pose")
        output: Tensor = self.linear(sequence)
        output = output.reshape(len(sequence), len(joints), 4, -1).permute(0, 3, 1, 2).float()
        moved = torch.nan_to_num(inputs.anchor - self.get_buffer("mean_anchor")) * self.follow
        shift = torch.cat([moved, torch.zeros_like(moved[:, :1])], 1)
        where = joints + shift[:, None, None] + output[..., :3]
        # The expected error starts at 10 cm.
        return torch.cat([where, output[..., 3:] - 2.3], -1)


class _Residual(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            Norm(width),
            nn.GELU(),
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation, bias=False),
            Norm(width),
            nn.GELU(),
            nn.Conv1d(width, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The input plus what the body makes of it, [windows, width, bins]."""
        return x + self.body(x)  # type: ignore[no-any-return]
