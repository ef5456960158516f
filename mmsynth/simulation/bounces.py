"""Bounces off the flat surfaces of a room: the image method, on either side of the person or on both.

What a way over mirrors is worth at most is known before a shadow ray is shot: which mirrors can follow each other, and
be seen from where people are, once a clip; how strongly a leg lights each facet, once a frame (`reach.py`). Facets that
together stay under the budget get no ray and no gain.
"""

import math
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from mmsynth.simulation.facets import gains_of, one_a_patch, paths_over, share_rays, shown, strongest, unblocked
from mmsynth.simulation.legs import Leg, Mirror, longer, may_reach, mirrored
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.reach import reach
from mmsynth.simulation.scattering import material_table
from mmsynth.simulation.settings import Simulation
from mmsynth.simulation.surface import length
from mmsynth.types import Paths, Radar, Scene

# Part of the budget of a family that facets may hold together which are left out by what they can be worth at most.
UNSEEN = 0.25
# How far the normal of a piece of a bent facet lies from the facet's own: on a limb of 4 cm with edges of 12 mm.
BENT = 0.15
# Facets on which the strength of a leg is sampled, to find families that are worth tracing.
SAMPLES = 256


@dataclass(frozen=True, eq=False)
class Chain:
    """The legs of TX and RX over the same mirrors."""

    legs: tuple[Leg, Leg]

    @property
    def mirrors(self) -> tuple[Mirror, ...]:
        """The mirrors, from the antennas outwards."""
        return self.legs[0].mirrors


@dataclass(frozen=True, eq=False)
class Light:
    """What a leg lights in a frame, before shadows.

    Attributes:
        front: [instants, faces] whether a facet faces the leg, and the way over the mirrors exists.
        strength: [faces] of the field in 1/m, see `reach`; area: [faces] across the way in m^2, at most.
        first: [patches] a facet of each patch that has fronts; patch: [instants * faces] that of each. Face f at
            instant k has the index k * faces + f.
    """

    front: Tensor
    strength: Tensor
    area: Tensor
    first: Tensor
    patch: Tensor


# A chain on one of the two sides; TX and RX that share rays share their side.
Key = tuple[int, int]

_known: "WeakKeyDictionary[Scene, dict[tuple[Radar, int, str], list[Chain]]]" = WeakKeyDictionary()


def mirror_paths(scene: Scene, pose: Pose, ends: tuple[Leg, Leg], seen: Tensor, power: float) -> list[Paths]:
    """The paths over one to `settings.bounces` mirrors of the room: TX -> wall -> person -> RX, its reverse, and both.

    Where TX and RX share rays, a way and its reverse have one gain: they differ by the distance between the two, which
    errs by -45 dB of the family (60 GHz, person at 3 m).

    Args:
        scene: whose mirrors are used.
        pose: of the frame.
        ends: the direct legs of TX and RX.
        seen: what they see, of `facets.visible`.
        power: that of the direct paths, against which `settings.bounce_drop` is taken.
    """
    if scene.mirrors is None or len(scene.mirrors) == 0 or pose.topology.moving == 0:
        return []
    chains, shared = _chains(scene, pose.radar, pose.settings, ends), share_rays(ends)
    budget = pose.settings.bounce_drop * power

    def key(side: int, index: int) -> Key:
        return (0 if shared else side, index)

    families = _families(pose, chains, pose.settings.bounce_drop, shared)
    keys = dict.fromkeys(k for pair in families for k in map(key, (0, 1), pair))
    lights = {k: _light(pose, chains[k[1]].legs[k[0]]) for k in keys}
    known = {(0, 0): seen} if shared else {}
    lights |= {k: replace(lights[k], front=front) for k, front in known.items() if k in lights}
    worth = {}
    for a, b in families:
        worth[a, b] = _worth(pose, lights[key(0, a)], lights[key(1, b)], UNSEEN * budget)
    if pose.bvh is not None and pose.settings.occlusion:
        pose.bvh.refit(pose.vertices[pose.rows].transpose(1, 2))
    for k in lights:
        if k not in known:
            counts = [worth[pair] for pair in families if k in map(key, (0, 1), pair)]
            known[k] = _seen(pose, chains[k[1]].legs[k[0]], lights[k], counts)
    found = []
    for a, b in families:
        one = chains[a].legs[0], chains[b].legs[1]
        both = known[key(0, a)] & known[key(1, b)]
        facets = (both.any(0) & worth[a, b]).nonzero()[:, 0]
        if len(facets) == 0:
            continue
        gain = gains_of(pose, facets, one, both)
        keep = strongest(gain, pose.settings.drop, (1 - UNSEEN) * budget)
        facets, gain = facets[keep], gain[keep]
        found.append(paths_over(pose, facets, one, gain))
        if shared and a != b:
            found.append(paths_over(pose, facets, (chains[b].legs[0], chains[a].legs[1]), gain))
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


def _chains(scene: Scene, radar: Radar, settings: Simulation, ends: tuple[Leg, Leg]) -> list[Chain]:
    """The chains of 0 to `settings.bounces` mirrors, none twice running, that somebody may use in the clip.

    They depend on the scene alone: kept with it, but where somebody asks for gradients by the room.
    """
    mirrors = room_mirrors(scene)
    graph = [x for m in mirrors for x in (m.corners, m.permittivity, m.roughness, m.layer_loss)]
    if any(x.requires_grad for x in (*graph, *(leg.antennas for leg in ends))):
        return _search(scene, mirrors, settings.bounces, ends)
    known, key = _known.setdefault(scene, {}), (radar, settings.bounces, settings.polarization)
    if key not in known:
        known[key] = _search(scene, mirrors, settings.bounces, ends)
    return known[key]


def _search(scene: Scene, mirrors: list[Mirror], order: int, ends: tuple[Leg, Leg]) -> list[Chain]:
    """See `_chains`: those whose mirrors see each other, and from the last the box in which people move."""
    low = torch.stack([p.vertices.detach().amin((0, 1)) for p in scene.people]).amin(0)
    high = torch.stack([p.vertices.detach().amax((0, 1)) for p in scene.people]).amax(0)
    choose = torch.cartesian_prod(*(torch.tensor([0.0, 1.0], dtype=torch.float64) for _ in range(3))).to(low.device)
    people = low + choose * (high - low)
    rows = [[Chain(ends)]]
    for _ in range(order):
        rows.append([one for chain in rows[-1] for one in _longer(chain, mirrors)])
    return [c for row in rows for c in row if any(bool(may_reach(leg, people, 8)) for leg in c.legs)]


def _longer(chain: Chain, mirrors: list[Mirror]) -> list[Chain]:
    """The chain with one mirror more, for all that its leg to TX or to RX may use."""
    following = [one.mirrors[-1] for leg in chain.legs for one in longer(leg, mirrors)]
    return [
        Chain((mirrored(chain.legs[0], mirror), mirrored(chain.legs[1], mirror)))
        for mirror in mirrors
        if any(mirror is one for one in following)
    ]


def _families(pose: Pose, chains: list[Chain], drop: float, shared: bool) -> list[tuple[int, int]]:
    """Pairs of chains, towards TX and RX, whose best facet brings more than `drop` of the power of the direct way.

    Where TX and RX share rays, one of a pair and its reverse is there.
    """
    step = max(1, pose.topology.moving // SAMPLES)
    sample = torch.arange(0, pose.topology.moving, step, device=pose.local.device)
    sides = (0,) if shared else (0, 1)
    rows = [torch.stack([reach(pose, c.legs[side], sample).amax() for side in sides]) for c in chains]
    power = torch.stack(rows).expand(-1, 2).square().to("cpu", torch.float64)
    strength = power / power[0].clamp_min(1e-300)
    found = []
    for a, first in enumerate(chains):
        for b, second in enumerate(chains):
            bounces = len(first.mirrors) + len(second.mirrors)
            if 1 <= bounces <= pose.settings.bounces and not (shared and a > b):
                if float(strength[a, 0] * strength[b, 1]) > drop:
                    found.append((a, b))
    return found


def _light(pose: Pose, leg: Leg) -> Light:
    """What a leg lights in a frame: a patch as its first facet, whose ray will speak for all."""
    area = shown(pose, leg)
    facets = (area > 0).reshape(-1).nonzero()[:, 0]
    first, patch = one_a_patch(pose.topology, facets, len(area))
    field = reach(pose, leg, first)[patch]
    strength = torch.zeros_like(area).reshape(-1).index_copy_(0, facets, field).reshape(area.shape)
    most = area.amax(0).clamp_min(0) + BENT * length(pose.area.detach()[-1])
    place = torch.zeros(area.numel(), dtype=torch.int64, device=area.device).index_copy_(0, facets, patch)
    return Light(strength > 0, strength.amax(0), most, first, place)


def _worth(pose: Pose, tx: Light, rx: Light, budget: float) -> Tensor:
    """Whether [faces] each facet counts, when the weakest, by what they can be worth at most, go within `budget`."""
    both = (tx.front & rx.front).any(0)
    facets = both.nonzero()[:, 0]
    wavenumber = math.tau / pose.radar.waveform.wavelength
    there, back = tx.area[facets], rx.area[facets]
    # Physical optics with no reflection lost and all of a facet in phase, and Lambert's law with all of it diffuse.
    rough = pose.materials[1].detach()[pose.topology.region[facets]]
    lost = 1 - torch.exp(-((2 * wavenumber * rough) ** 2))
    most = wavenumber / math.sqrt(math.pi) * 0.5 * (there + back) + 2 * (lost * torch.minimum(there, back)).sqrt()
    scale = pose.radar.waveform.wavelength / (4 * math.pi) ** 1.5
    most = most * scale * tx.strength[facets] * rx.strength[facets]
    keep = strongest(most[:, None].to(torch.complex64), 0.0, budget)
    return torch.zeros_like(both).index_fill_(0, facets[keep], True)


def _seen(pose: Pose, leg: Leg, light: Light, worth: list[Tensor]) -> Tensor:
    """Whether [instants, faces] each facet that counts in some family is seen over a leg; others are not asked."""
    wanted = (torch.stack(worth).any(0) & light.front).reshape(-1).nonzero()[:, 0]
    patch = light.patch[wanted]
    used = torch.zeros_like(light.first, dtype=torch.bool).index_fill_(0, patch, True)
    clear = unblocked(pose, leg, light.first[used])
    seen = torch.zeros_like(light.front).reshape(-1)
    return seen.index_copy_(0, wanted, clear[(used.cumsum(0) - 1)[patch]]).reshape(light.front.shape)
