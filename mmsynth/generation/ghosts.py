"""Points by way of a wall: what a room's echoes do to a cloud, without a room."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from mmsynth.generation.draws import uniform
from mmsynth.types import PointCloud

# A detour by a wall or the floor makes the way longer by so many metres, and comes from so many rad aside. Out and back
# go different ways, so that the transmitters' phases do not agree: the sine of elevation that a board reads is any.
DETOUR, ASIDE, RAISED = (0.1, 1.0), 0.5, 0.5


def add_ghosts(cloud: PointCloud, shares: tuple[float, float], draw: torch.Generator) -> PointCloud:
    """The cloud with a share of its points, drawn from the range `shares`, where an echo by a detour would put them.

    Such a point keeps its velocity, lies farther by a uniform draw from `DETOUR` in m, is turned about the radar's
    vertical axis by a normal draw of `ASIDE` in rad, and has an elevation whose sine is uniform up to `RAISED` above
    and below. The number of points stays. Of MARS's recorded points a tenth lie so, 0.3 to 1.3 m beyond the body.
    """
    if shares[-1] <= 0 or len(cloud.velocity) == 0:
        return cloud
    share = uniform(shares, draw)
    ghost = _draws(len(cloud.velocity), draw) < share
    place = cloud.position.double()
    distance = place.norm(dim=1) + DETOUR[0] + (DETOUR[1] - DETOUR[0]) * _draws(len(ghost), draw)
    turn = ASIDE * torch.randn(len(ghost), generator=draw, dtype=torch.float64)
    bearing = (torch.atan2(place[:, 0], place[:, 1]) + turn).clamp(-0.5 * math.pi, 0.5 * math.pi)  # never behind it
    sine = RAISED * (2 * _draws(len(ghost), draw) - 1)
    level = distance * (1 - sine**2).sqrt()
    moved = torch.stack([level * bearing.sin(), level * bearing.cos(), distance * sine], 1).to(cloud.position)
    return replace(cloud, position=torch.where(ghost[:, None], moved, cloud.position))


def _draws(count: int, draw: torch.Generator) -> Tensor:
    return torch.rand(count, generator=draw, dtype=torch.float64)
