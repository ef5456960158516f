"""Points by way of a wall: what a room's echoes do to a cloud, without a room."""

from dataclasses import replace

import torch
from torch import Tensor

from mmsynth.types import PointCloud

# A detour by a wall or the floor makes the way longer by so many metres, and comes from so many rad aside.
DETOUR, ASIDE = (0.1, 1.0), 0.3


def add_ghosts(cloud: PointCloud, shares: tuple[float, float], draw: torch.Generator) -> PointCloud:
    """The cloud with a share of its points, drawn from the range `shares`, where an echo by a detour would put them.

    Such a point keeps its velocity, lies farther by a uniform draw from `DETOUR` in m, and is turned about the radar's
    vertical axis by a normal draw of `ASIDE` in rad. The number of points stays.
    """
    low, high = shares
    if high <= 0 or len(cloud.velocity) == 0:
        return cloud
    share = low + (high - low) * _draws(1, draw)
    ghost = _draws(len(cloud.velocity), draw) < share
    detour = DETOUR[0] + (DETOUR[1] - DETOUR[0]) * _draws(len(ghost), draw)
    turn = ASIDE * torch.randn(len(ghost), generator=draw, dtype=torch.float64)
    place = cloud.position.double()
    distance = place.norm(dim=1).clamp_min(0.1)
    x, y, z = (place * ((distance + detour) / distance)[:, None]).unbind(1)
    cos, sin = turn.cos(), turn.sin()
    moved = torch.stack([cos * x + sin * y, cos * y - sin * x, z], 1).to(cloud.position)
    return replace(cloud, position=torch.where(ghost[:, None], moved, cloud.position))


def _draws(count: int, draw: torch.Generator) -> Tensor:
    return torch.rand(count, generator=draw, dtype=torch.float64)
