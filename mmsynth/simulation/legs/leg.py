"""The way from the antennas to a surface and back: straight, or by the image method over plane mirrors.

A leg is described from its antennas outwards. Since everything is reciprocal, the way from a surface to the RX is the
same thing as the way from the RX to the surface.
"""

from dataclasses import dataclass

import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth import geometry
from mmsynth.radar import pattern_gain
from mmsynth.simulation.scattering import polarised_reflection
from mmsynth.simulation.settings import Simulation
from mmsynth.simulation.surface import dot, unit
from mmsynth.types import Radar, Scene

# A shadow ray starts this far (in m) off its facet and ends this far before the antenna (the radar's own case).
SURFACE_OFFSET, RADAR_CLEARANCE = 2e-4, 0.03
# TX and RX nearer to each other than this (in m) share one shadow ray, to the middle between them: at the edge of an
# occluder 0.3 m before a person at 2 m, the shadows of the two differ by less than 1 cm, a facet.
SHARED_RAY = 0.06


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


def share_rays(ends: tuple[Leg, Leg]) -> bool:
    """Whether the antennas of two legs stand so near to each other that what one sees, the other sees."""
    return bool((ends[0].real_centre - ends[1].real_centre).norm() < SHARED_RAY)


def between(tx: Leg, rx: Leg) -> Leg:
    """The leg to the middle between the phase centres."""
    middle = 0.5 * (tx.centre + rx.centre)
    return Leg(middle[None], (middle,), tx.polarization, tx.world_from_radar)


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
