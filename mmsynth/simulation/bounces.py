"""Bounces off the flat surfaces of a room: the image method, on either side of the person or on both."""

import torch
from torch import Tensor

from mmsynth.simulation.facets import facet_paths, seen_from
from mmsynth.simulation.legs import Leg, Mirror, mirrored
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.scattering import material_table
from mmsynth.types import Paths, Scene


def mirror_paths(scene: Scene, pose: Pose, ends: tuple[Leg, Leg], budget: float) -> list[Paths]:
    """The paths over one to `settings.bounces` mirrors of the room: TX -> wall -> person -> RX, its reverse, and both.

    Args:
        scene: whose mirrors are used.
        pose: of the frame.
        ends: the direct legs of TX and RX.
        budget: power gain that the paths left out of each family may hold together.
    """
    mirrors = room_mirrors(scene)
    order = pose.settings.bounces
    sides = [_chains(leg, mirrors, order) for leg in ends]
    seen = [{id(leg): seen_from(pose, leg) for row in side for leg in row} for side in sides]
    found = []
    for there, tx_row in enumerate(sides[0]):
        for back, rx_row in enumerate(sides[1]):
            if not 1 <= there + back <= order:
                continue
            for tx in tx_row:
                for rx in rx_row:
                    both = seen[0][id(tx)] & seen[1][id(rx)]
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


def _chains(leg: Leg, mirrors: list[Mirror], order: int) -> list[list[Leg]]:
    """Legs over 0, 1, ... `order` mirrors, none twice running, whose antennas are in front of every mirror."""
    rows = [[leg]]
    for _ in range(order):
        rows.append(
            [
                mirrored(shorter, mirror)
                for shorter in rows[-1]
                for mirror in mirrors
                if not (shorter.mirrors and shorter.mirrors[-1] is mirror) and _before(shorter.centre, mirror)
            ]
        )
    return rows


def _before(point: Tensor, mirror: Mirror) -> bool:
    """Whether a point is on the front of a mirror: the other side is inside a wall or a piece of furniture."""
    return bool((point - mirror.corners[0]) @ mirror.normal > 0)
