"""Point clouds as tables of columns, and parts of clouds and heatmaps in time."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmsynth.types import Heatmap, PointCloud

_POINTS = ("position", "velocity", "intensity", "snr_db", "noise_db")


def point_rows(cloud: PointCloud) -> NDArray[np.float32]:
    """The seven columns [points, 7] of a cloud (`layout.COLUMNS`)."""
    return torch.column_stack([getattr(cloud, name) for name in _POINTS]).detach().cpu().numpy().astype(np.float32)


def cloud_of_rows(values: Tensor, offsets: Tensor, times: Tensor, **more: Any) -> PointCloud:
    """The cloud of which `values` [points, 7] are the columns, with `more` of its fields."""
    columns = (values[:, :3], *values[:, 3:].T)
    return PointCloud(**dict(zip(_POINTS, columns, strict=True)), offsets=offsets, times=times, **more)


def cut_cloud(cloud: PointCloud, start: int, stop: int) -> PointCloud:
    """Frames start to stop of a cloud that has no regions, as no recording has, with times from the first of them."""
    a, b = int(cloud.offsets[start]), int(cloud.offsets[stop])
    parts: dict[str, Any] = {name: getattr(cloud, name)[a:b] for name in _POINTS}
    return replace(
        cloud,
        **parts,
        offsets=cloud.offsets[start : stop + 1] - a,
        times=cloud.times[start:stop] - cloud.times[start],
    )


def join_clouds(clouds: Sequence[PointCloud]) -> PointCloud:
    """Clouds of consecutive frames as one; regions are not kept."""
    parts: dict[str, Any] = {name: torch.cat([getattr(c, name) for c in clouds]) for name in (*_POINTS, "times")}
    counts = torch.cat([c.offsets.diff() for c in clouds])
    offsets = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
    return replace(clouds[0], **parts, offsets=offsets, region=None, region_names=())


def join_heatmaps(maps: Sequence[Heatmap]) -> Heatmap:
    """Heatmaps of one kind of consecutive frames as one."""
    power, times = (torch.cat([getattr(m, name) for m in maps]) for name in ("power", "times"))
    return replace(maps[0], power=power, times=times)
