"""Parts of point clouds and heatmaps in time."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from mmsynth.types import Heatmap, PointCloud

_POINTS = ("position", "velocity", "intensity", "snr_db", "noise_db")


def cut_cloud(cloud: PointCloud, start: int, stop: int) -> PointCloud:
    """Frames start to stop of a cloud, with times from the first of them."""
    a, b = int(cloud.offsets[start]), int(cloud.offsets[stop])
    parts: dict[str, Any] = {name: getattr(cloud, name)[a:b] for name in _POINTS}
    return replace(
        cloud,
        **parts,
        region=None if cloud.region is None else cloud.region[a:b],
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
