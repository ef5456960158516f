"""The image method: legs with one more mirror, and which of them there can be at all."""

from dataclasses import fields

import torch
from torch import Tensor

from mmsynth.simulation.legs.leg import Leg, Mirror


def extended(row: list[Leg], mirrors: list[Mirror], use: Tensor) -> list[Leg]:
    """The legs of a row with one more mirror each, for all that are in `use` [legs, mirrors]."""
    pairs = use.nonzero().tolist()
    if not pairs:
        return []
    before, over = [row[leg] for leg, _ in pairs], [mirrors[mirror] for _, mirror in pairs]
    points = torch.stack([torch.cat([leg.antennas, leg.centre[None]]) for leg in before])
    normal = torch.stack([mirror.normal for mirror in over])[:, None]
    height = ((points - torch.stack([mirror.corners[:1] for mirror in over])) * normal).sum(2, keepdim=True)
    return [
        Leg(image[:-1], (*leg.images, image[-1]), leg.polarization, leg.world_from_radar, (*leg.mirrors, mirror))
        for leg, mirror, image in zip(before, over, points - 2 * height * normal, strict=True)
    ]


def frusta(row: list[Leg]) -> tuple[Tensor, Tensor]:
    """Points and inward normals [legs, planes, 3] of the planes that bound what legs over mirrors can reach at all.

    They are those through the image of the antennas and each edge of the last mirror, and the mirror itself.
    """
    tip = torch.stack([leg.centre for leg in row]).detach()[:, None]
    quad = torch.stack([leg.mirrors[-1].corners for leg in row]).detach()
    normal = torch.stack([leg.mirrors[-1].normal for leg in row]).detach()[:, None]
    sides = torch.linalg.cross(quad - tip, quad.roll(-1, 1) - tip)
    sides = sides * torch.sign((sides * (quad.mean(1, keepdim=True) - tip)).sum(2, keepdim=True))
    return torch.cat([tip.expand(-1, 4, 3), quad[:, :1]], 1), torch.cat([sides, normal], 1)


def may_reach(row: list[Leg], points: Tensor, hull: int = 1) -> Tensor:
    """Whether [legs, hulls] legs may reach into the convex hull of every `hull` of the points [hulls * hull, 3].

    It is false only where a plane of the frustum parts them. All legs are over as many mirrors.
    """
    if not row or not row[0].mirrors:
        return torch.ones(len(row), len(points) // hull, dtype=torch.bool, device=points.device)
    place, normal = frusta(row)
    height = normal @ points.T - (place * normal).sum(2, keepdim=True)  # [legs, planes, points]
    inside: Tensor = (height > 0).reshape(*height.shape[:2], -1, hull).any(3).all(1)
    return inside


def longer(row: list[Leg], mirrors: list[Mirror]) -> Tensor:
    """Whether [legs, mirrors] legs, all over as many mirrors, may reach one more and are in front of it.

    The other side of a mirror is inside a wall or a piece of furniture.
    """
    quads = torch.stack([m.corners for m in mirrors])
    if not row:
        return torch.zeros(0, len(mirrors), dtype=torch.bool, device=quads.device)
    away = torch.stack([leg.centre for leg in row])[:, None] - quads[:, 0]
    front = (away * torch.stack([m.normal for m in mirrors])).sum(2) > 0
    again = [[bool(leg.mirrors) and leg.mirrors[-1] is m for m in mirrors] for leg in row]
    return front & may_reach(row, quads.flatten(0, 1), 4) & ~torch.tensor(again, device=quads.device)


def beside(row: list[Leg]) -> Leg:
    """Legs over as many mirrors as one whose fields take a direction [3, legs] for each."""
    stacked = [
        Mirror(*(torch.stack([getattr(m, f.name) for m in over], -1) for f in fields(Mirror)))
        for over in zip(*(leg.mirrors for leg in row), strict=True)
    ]
    antennas, centre = torch.stack([leg.antennas for leg in row], -1), torch.stack([leg.centre for leg in row], -1)
    return Leg(antennas, (centre,), row[0].polarization, row[0].world_from_radar, tuple(stacked))
