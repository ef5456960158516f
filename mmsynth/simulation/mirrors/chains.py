"""Chains of mirrors of a room that ways to people may go over: which there are depends on the scene alone."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch

from mmsynth.arrays import differentiable
from mmsynth.simulation.legs import Leg, Mirror, extended, longer, may_reach, share_rays
from mmsynth.simulation.scattering import material_table
from mmsynth.simulation.settings import Simulation
from mmsynth.types import Radar, Scene


@dataclass(frozen=True, eq=False)
class Chains:
    """All chains of a clip.

    Attributes:
        chains: the legs of TX and RX over the same 0 to so many mirrors.
        legs: from the TX over each of them, and then, unless it shares rays with it, from the RX.
    """

    chains: list[tuple[Leg, Leg]]
    legs: list[Leg]

    @property
    def shared(self) -> bool:
        """Whether what the TX sees, the RX sees."""
        return len(self.legs) == len(self.chains)


_known: "WeakKeyDictionary[Scene, dict[tuple[Radar, int, str], Chains]]" = WeakKeyDictionary()


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


def chains_of(scene: Scene, radar: Radar, settings: Simulation, ends: tuple[Leg, Leg]) -> Chains:
    """The chains of 0 to `settings.bounces` mirrors, none twice running, that somebody may use in the clip.

    They depend on the scene alone: kept with it, but where somebody asks for gradients by the room.
    """
    mirrors = room_mirrors(scene)
    if differentiable(mirrors, ends):
        return _search(scene, mirrors, settings.bounces, ends)
    known, key = _known.setdefault(scene, {}), (radar, settings.bounces, settings.polarization)
    if key not in known:
        known[key] = _search(scene, mirrors, settings.bounces, ends)
    return known[key]


def _search(scene: Scene, mirrors: list[Mirror], order: int, ends: tuple[Leg, Leg]) -> Chains:
    """See `chains_of`: those whose mirrors see each other, and from the last the box in which people move."""
    low = torch.stack([p.vertices.detach().amin((0, 1)) for p in scene.people]).amin(0)
    high = torch.stack([p.vertices.detach().amax((0, 1)) for p in scene.people]).amax(0)
    choose = torch.cartesian_prod(*(torch.tensor([0.0, 1.0], dtype=torch.float64) for _ in range(3))).to(low.device)
    people = low + choose * (high - low)
    chains, row = [], ([ends[0]], [ends[1]])
    for mirror in range(order + 1):
        reached = (may_reach(row[0], people, 8) | may_reach(row[1], people, 8))[:, 0].tolist()
        chains += [legs for legs, used in zip(zip(*row, strict=True), reached, strict=True) if used]
        if mirror < order and row[0]:
            use = longer(row[0], mirrors) | longer(row[1], mirrors)
            row = extended(row[0], mirrors, use), extended(row[1], mirrors, use)
    return Chains(chains, [chain[side] for side in ((0,) if share_rays(ends) else (0, 1)) for chain in chains])
