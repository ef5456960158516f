"""The way from the antennas to a surface and back: straight, or by the image method over plane mirrors.

A leg is described from its antennas outwards. Since everything is reciprocal, the way from a surface to the RX is the
same thing as the way from the RX to the surface.
"""

from dataclasses import dataclass, fields

import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth import geometry
from mmsynth.radar import pattern_gain
from mmsynth.simulation.legs.crossings import cross
from mmsynth.simulation.rays.bvh import Bvh
from mmsynth.simulation.scattering import polarised_reflection
from mmsynth.simulation.settings import Simulation
from mmsynth.simulation.surface import dot, length, unit
from mmsynth.types import Radar, Scene

# A shadow ray starts this far (in m) off its facet and ends this far before the antenna (the radar's own case).
SURFACE_OFFSET, RADAR_CLEARANCE = 2e-4, 0.03
# A ray to a mirror ends this far (in m) before it, and a ten-thousandth of its length: ten times what float32 resolves
# at 10 m, since in a corner a ray is some mm long.
STOP = 1e-5


@dataclass(frozen=True, eq=False)
class Mirror:
    """A plane quad with its front towards `normal`: `corners` [4, 3] in order, and its material (scalars)."""

    corners: Tensor
    normal: Tensor
    permittivity: Tensor
    roughness: Tensor
    layer_loss: Tensor


@dataclass(frozen=True, eq=False)
class Leg:
    """Antennas, seen from a surface over `mirrors` (from the antennas outwards).

    Attributes:
        antennas: images [antennas, 3] of the elements in the last mirror, in the world in m (float64).
        images: of their mean [3] in none of the mirrors, in the first, in the first two, and so on.
        polarization: unit vector [3] of the elements.
        world_from_radar: rotation [3, 3].
        mirrors: what the leg is reflected by.
    """

    antennas: Tensor
    images: tuple[Tensor, ...]
    polarization: Tensor
    world_from_radar: Tensor
    mirrors: tuple[Mirror, ...] = ()

    @property
    def centre(self) -> Tensor:
        """The mean [3] of the images in the last mirror."""
        return self.images[-1]

    @property
    def real_centre(self) -> Tensor:
        """The mean [3] of the elements themselves."""
        return self.images[0]


def direct_legs(scene: Scene, radar: Radar, settings: Simulation) -> tuple[Leg, Leg]:
    """The straight legs from the TX and from the RX of a radar."""
    pose = scene.world_from_radar.to(torch.float64)
    axis = {"horizontal": 0, "vertical": 2}[settings.polarization]
    legs = []
    for elements in (radar.tx, radar.rx):
        place = geometry.apply(pose, elements.to(pose))
        legs.append(Leg(place, (place.mean(0),), pose[:3, axis], pose[:3, :3]))
    return legs[0], legs[1]


def delays(leg: Leg, points: Tensor) -> Tensor:
    """Seconds [points, antennas, knots] from each antenna over the mirrors to the points [knots, 3, points]."""
    # |p - a|^2 by one matrix product; coordinates are taken from the centre, which costs no digits.
    points, antennas = points - leg.centre[:, None], leg.antennas - leg.centre
    square = (
        (points * points).sum(1, keepdim=True) - 2 * antennas @ points + (antennas * antennas).sum(-1, keepdim=True)
    )
    seconds: Tensor = square.sqrt() / speed_of_light
    return seconds.permute(2, 1, 0).contiguous()


def departure(leg: Leg, direction: Tensor) -> Tensor:
    """Directions [3, points] in the world in which the leg leaves its antennas, given those in which it arrives."""
    for mirror in reversed(leg.mirrors):
        direction = reflect(direction, mirror.normal)
    return direction


def field(leg: Leg, direction: Tensor, wavenumber: float) -> Tensor:
    """The field [3, points] (complex over a mirror) of a unit source where the leg arrives in `direction` [3, points].

    It carries the polarisation and the coefficient of every mirror, in exp(+j omega tau); no spreading, no phase of
    the way.
    """
    ways = [direction]
    for mirror in reversed(leg.mirrors):
        ways.insert(0, reflect(ways[0], mirror.normal))
    axis = leg.polarization.to(direction)[:, None]
    value = unit(axis - dot(axis, ways[0]) * ways[0])
    for mirror, before, after in zip(leg.mirrors, ways, ways[1:], strict=False):
        cosine = dot(before, mirror.normal.to(before).reshape(3, -1))
        rough = torch.exp(-2 * (wavenumber * mirror.roughness * cosine) ** 2)
        value = polarised_reflection(mirror.permittivity, before, after, value) * rough * mirror.layer_loss.sqrt()
    return value


def pattern(leg: Leg, direction: Tensor, radar: Radar) -> Tensor:
    """Amplitude gain [points] of an element towards the leg's departure for the direction [3, points] of arrival."""
    return pattern_gain(radar.pattern, in_radar(leg, direction)).sqrt()


def in_radar(leg: Leg, direction: Tensor) -> Tensor:
    """The departure [points, 3] in the radar frame, for directions [3, points] of arrival in the world."""
    return (leg.world_from_radar.T.to(direction) @ departure(leg, direction)).T


def reflect(vector: Tensor, normal: Tensor) -> Tensor:
    """Directions [3, ...] mirrored in a plane of unit normal [3], or [3, n] each in its own."""
    normal = normal.to(vector) if normal.dim() > 1 else normal.to(vector).reshape(3, *[1] * (vector.dim() - 1))
    return vector - 2 * dot(vector, normal) * normal


def mirrored(leg: Leg, mirror: Mirror) -> Leg:
    """The leg with one more mirror at its outer end."""
    return extended([leg], [mirror], torch.ones(1, 1, dtype=torch.bool))[0]


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


def free(leg: Leg, points: Tensor, bvh: Bvh | None, pose: Tensor | None = None) -> Tensor:
    """Whether [points] the way from each point [points, 3] over the mirrors to the antennas exists and is free.

    It exists if it meets every mirror inside its quad. With no BVH nothing is in the way; `pose` [points] is that of
    the BVH's poses in which to look (None = the first).
    """
    return free_over([leg], torch.zeros(len(points), dtype=torch.int64, device=points.device), points, bvh, pose)


def free_over(over: list[Leg], which: Tensor, points: Tensor, bvh: Bvh | None, pose: Tensor | None = None) -> Tensor:
    """As `free`, for each point over its own of several legs, `which` [points]."""
    count = torch.tensor([len(leg.mirrors) for leg in over], device=points.device)
    clear, start = torch.ones_like(which, dtype=torch.bool), points.detach().to(torch.float64)
    planes = [_planes(leg) for leg in over]
    for step in range(max((len(leg.mirrors) for leg in over), default=0) - 1, -1, -1):
        ask = (clear & (count > step)[which]).nonzero()[:, 0]
        # Legs of fewer mirrors stand in with what none of their rays will ask for.
        mirrors = (rows[min(step, len(rows) - 1)] for rows in planes)
        corners, normals, images = map(torch.stack, zip(*mirrors, strict=True))
        meeting, inside = cross(start[ask], which[ask], (corners, normals, images))
        clear[ask] = inside
        ask, meeting = ask[inside], meeting[inside]
        begin, normal = start[ask], normals.index_select(0, which[ask])
        if bvh is not None:
            clear[ask] = ~_blocked((begin, meeting), bvh, None if pose is None else pose[ask], which[ask])
        # The next ray starts on the side that the last one came from.
        side = torch.sign(((begin - meeting) * normal).sum(1, keepdim=True))
        start = start.index_copy(0, ask, meeting + 2 * SURFACE_OFFSET * side * normal)
    if bvh is not None and over:
        ask = clear.nonzero()[:, 0]
        begin, end = start[ask], torch.stack([leg.real_centre for leg in over]).index_select(0, which[ask])
        way = (end - begin).T
        short = way * (1 - RADAR_CLEARANCE / length(way).clamp_min(RADAR_CLEARANCE))
        clear[ask] = ~_blocked((begin, begin + short.T), bvh, None if pose is None else pose[ask], which[ask])
    return clear


def _planes(leg: Leg) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Corners and normal of each mirror of a leg, and the image of the antennas in it; of none, zeros."""
    if not leg.mirrors:
        return [(leg.centre.new_zeros(4, 3), leg.centre.new_zeros(3), leg.centre.new_zeros(3))]
    return [(mirror.corners, mirror.normal, image) for mirror, image in zip(leg.mirrors, leg.images[1:], strict=True)]


def _blocked(ends: tuple[Tensor, Tensor], bvh: Bvh, pose: Tensor | None, which: Tensor) -> Tensor:
    """Whether [rays] something is between the ends [rays, 3]."""
    start, end = ends
    # A ray stops just short of a mirror that is itself a surface of the mesh.
    way = start - end
    return bvh.blocked(start, end + way * (1e-4 + STOP / length(way.T).clamp_min(2 * STOP)[:, None]), pose, which)
