"""What passes people and is bent at their outline: Fresnel's integral over what they cover, as one along its edge.

Of a wave that goes straight from a source to a point, somebody in between takes a share h away: Fresnel's integral over
the silhouette. In polar coordinates about the ray it is done along the radius, and what is left is one along the
outline, h = g - (1 / 2 pi) sum of exp(j pi r^2 / F^2) d phi: g = 1 where the ray is hidden, r how far from the ray the
outline passes, F^2 = wavelength * a * b / (a + b) that far, a and b, from both ends (Maggi, Rubinowicz; Born and Wolf,
Principles of Optics, section 8.9).
"""

import math

import torch
from torch import Tensor

from mmsynth.simulation.surface import cross, dot, length, unit

# m: of the pieces of an outline, which are short beside Fresnel zones.
PIECE = 0.02
# r^2 / F^2 at which the outline no longer counts (an edge there bends a fortieth of the field); it fades until there.
WIDEST = 40.0
# How far beside the outline it is looked whether that is free, as part of the way.
BESIDE = 1e-4


def mesh_edges(faces: Tensor) -> Tensor:
    """The edges [4, edges] of a mesh [3, faces]: both ends, and the third vertex of either face (of one, twice)."""
    ends, third = torch.cat([faces, faces.roll(-1, 0)]).reshape(2, -1), faces.roll(1, 0).reshape(-1)
    low, high = ends.amin(0).long(), ends.amax(0).long()
    _, edge, count = torch.unique(low * (1 + int(faces.max())) + high, return_inverse=True, return_counts=True)
    order = edge.argsort(stable=True)
    first = count.cumsum(0) - count
    one, other = order[first], order[first + (count > 1).long()]
    return torch.cat([ends[:, one], torch.stack([third[one], third[other]])])


def outline(vertices: Tensor, edges: Tensor) -> Tensor:
    """Where the origin sees the surface end: pieces [2, 3, pieces] from begin to end, the surface on their left.

    They are those of every fold, also where something else lies behind it.

    Args:
        vertices: [3, vertices] in m.
        edges: [4, edges] as `mesh_edges` has them.
    """
    begin, end, one, other = (vertices.index_select(1, corner) for corner in edges)
    normal = cross(begin, end)
    side, across = dot(normal, one), dot(normal, other)
    some = (side * across > 0).nonzero()[:, 0]
    begin, end, side = begin[:, some], end[:, some], side[some]
    begin, end = torch.where(side > 0, begin, end), torch.where(side > 0, end, begin)
    count = (length(end - begin) / PIECE).ceil().long().clamp_min(1)
    place = torch.arange(int(count.sum()), device=count.device) - (count.cumsum(0) - count).repeat_interleave(count)
    begin, step = (x.repeat_interleave(count, 1) for x in (begin, (end - begin) / count))
    return torch.stack([begin + place * step, begin + (place + 1) * step])


def beside(pieces: Tensor, reach: Tensor) -> Tensor:
    """Points [3, pieces] `reach` m from the origin, just outside the middles of pieces of an outline."""
    inward = unit(cross(pieces[0], pieces[1]))
    return reach * unit(unit(pieces.mean(0)) - BESIDE * inward)


def bent(pieces: Tensor, ways: Tensor, whole: Tensor, wavelength: float) -> tuple[Tensor, Tensor]:
    """The share [ways] of waves that the outline bends into their way, and where it is, as a mean [ways].

    That is the sum over the outline above, with exp(+j omega tau), and a / b.

    Args:
        pieces: [2, 3, pieces] in m of an outline of which nothing is covered, seen from the origin.
        ways: [3, ways] in m from the origin, along which people may stand.
        whole: [ways] in m from the source to the receiver, of which the ways are the last part or the first.
        wavelength: in m.
    """
    ahead, middle = unit(ways), pieces.mean(0)
    along = ahead.T @ middle  # [ways, pieces]
    zone = wavelength * along * (whole[:, None] - along) / whole[:, None]
    apart = dot(middle, middle) - along.square()
    way, piece = ((along > 0) & (along < length(ways)[:, None]) & (apart < WIDEST * zone)).nonzero().unbind(1)
    ahead, zone, along = ahead[:, way], zone[way, piece], along[way, piece]
    ends = pieces[:, :, piece]
    ends = ends - (ends * ahead).sum(1, keepdim=True) * ahead
    # Along a piece the mean of r^2 over phi is twice the area between it and the ray, over how far it turns about it.
    area, cosine = dot(cross(ends[0], ends[1]), ahead), dot(ends[0], ends[1])
    turned = torch.atan2(area, cosine)
    zones = torch.where(turned == 0, cosine, area / turned) / zone
    size = turned / math.tau * (1 - (zones / WIDEST).clamp_max(1).square()).square()
    share = size * torch.sinc(0.5 * (dot(ends[1], ends[1]) - dot(ends[0], ends[0])) / zone)
    total = torch.zeros(len(whole), dtype=torch.complex64, device=ways.device)
    total = total.index_add(0, way, torch.polar(torch.ones_like(share), math.pi * zones) * share)
    weight, place = (
        whole.new_zeros(len(whole)).index_add(0, way, x)
        for x in (size.abs(), size.abs() * along / (whole[way] - along))
    )
    return total, place / weight.clamp_min(1e-12)
