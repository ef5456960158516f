"""Bounces off the flat surfaces of a room: the image method, on either side of the person or on both."""

import math

import torch
from torch import Tensor

from mmsynth.simulation.facets import SHARED_RAY, facet_paths, seen_from
from mmsynth.simulation.legs import Leg, Mirror, field, free, mirrored, pattern
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.scattering import material_table
from mmsynth.simulation.surface import length, unit
from mmsynth.types import Paths, Scene


def mirror_paths(scene: Scene, pose: Pose, ends: tuple[Leg, Leg], power: float) -> list[Paths]:
    """The paths over one to `settings.bounces` mirrors of the room: TX -> wall -> person -> RX, its reverse, and both.

    Args:
        scene: whose mirrors are used.
        pose: of the frame.
        ends: the direct legs of TX and RX.
        power: that of the direct paths, against which `settings.bounce_drop` is taken.
    """
    order = pose.settings.bounces
    mirrors = room_mirrors(scene)
    if not mirrors or pose.topology.moving == 0:
        return []
    sides = [_chains(pose, leg, mirrors, order) for leg in ends]
    budget = pose.settings.bounce_drop * power
    # TX and RX that share a shadow ray share it over every mirror too.
    shared = bool((ends[0].centre - ends[1].centre).norm() < SHARED_RAY)
    seen: dict[tuple[int, ...], Tensor] = {}

    def visible(leg: Leg, side: int) -> Tensor:
        key = (0 if shared else side, *(id(mirror) for mirror in leg.mirrors))
        if key not in seen:
            seen[key] = seen_from(pose, leg)
        return seen[key]

    found = []
    for tx, there in sides[0]:
        for rx, back in sides[1]:
            bounces = len(tx.mirrors) + len(rx.mirrors)
            if not 1 <= bounces <= order or there * back * power <= budget:
                continue
            both = visible(tx, 0) & visible(rx, 1)
            if bool(both.any()):
                found.append(facet_paths(pose, (tx, rx), both, budget))
    return found


def room_mirrors(scene: Scene) -> list[Mirror]:
    """The mirrors of a scene, with the material of their regions."""
    if scene.mirrors is None or len(scene.mirrors) == 0:
        return []
    materials = [scene.materials[name] for name in scene.mirror_regions]
    eps, rough, loss = material_table(materials, scene.mirrors.device)
    quads = scene.mirrors.to(torch.float64)
    normal = torch.linalg.cross(quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0])
    normal = torch.nn.functional.normalize(normal, dim=1)
    return [Mirror(*parts) for parts in zip(quads, normal, eps, rough, loss, strict=True)]


def _chains(pose: Pose, leg: Leg, mirrors: list[Mirror], order: int) -> list[tuple[Leg, float]]:
    """Legs over 0 to `order` mirrors, none twice running, that some facet may use; each with its relative strength."""
    step = max(1, pose.topology.moving // 256)
    sample = (pose.centre[0].detach()[:, ::step].to(torch.float64) + pose.anchor[:, None]).T
    whole = _strength(pose, leg, sample)
    rows: list[list[tuple[Leg, float]]] = [[(leg, 1.0)]]
    for _ in range(order):
        longer = [
            mirrored(shorter, mirror)
            for shorter, _ in rows[-1]
            for mirror in mirrors
            if not (shorter.mirrors and shorter.mirrors[-1] is mirror) and _before(shorter.centre, mirror)
        ]
        # A leg that no facet uses may still be the first half of one that some do: a corner of the room.
        rows.append([(one, _strength(pose, one, sample) / whole) for one in longer])
    return [(one, strength) for row in rows for one, strength in row if strength > 0]


def _strength(pose: Pose, leg: Leg, sample: Tensor) -> float:
    """The greatest power density, up to a constant, that a unit source sends over a leg to the points [points, 3]."""
    inside = free(leg, sample, None)
    way = (sample[inside].T - leg.centre[:, None]).to(torch.float32)
    if way.shape[1] == 0:
        return 0.0
    value = field(leg, unit(way), math.tau / pose.radar.waveform.wavelength).abs().square().sum(0)
    value = value * pattern(leg, unit(way), pose.radar) ** 2 / length(way) ** 2
    return float(value.detach().max())


def _before(point: Tensor, mirror: Mirror) -> bool:
    """Whether a point is on the front of a mirror: the other side is inside a wall or a piece of furniture."""
    return bool((point - mirror.corners[0]) @ mirror.normal > 0)
