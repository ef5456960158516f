"""Bounces off the flat surfaces of a room: the image method, on either side of the person or on both.

What a way over mirrors is worth at most is known before a shadow ray is shot: which mirrors can follow each other, and
be seen from where people are, once a clip; how strongly each leg lights each facet (`reach.py`) and what a facet is
then worth (`worth.py`), for several frames at once. Facets that together stay under the budget get no ray and no gain.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from mmsynth.arrays import differentiable
from mmsynth.simulation.facets import frame_of, gains_of, one_a_patch, paths_over, share_rays, strongest, unblocked
from mmsynth.simulation.legs import Leg, Mirror, longer, may_reach, mirrored
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.reach import lit
from mmsynth.simulation.scattering import material_table
from mmsynth.simulation.settings import Simulation
from mmsynth.simulation.worth import worth
from mmsynth.types import Paths, Radar, Scene

# Part of the budget of a family that facets may hold together which are left out by what they are worth.
UNSEEN = 0.25
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
class Chains:
    """All chains of a clip.

    Attributes:
        chains: of 0 to so many mirrors.
        legs: from the TX over each of them, and then, unless it shares rays with it, from the RX.
    """

    chains: list[Chain]
    legs: list[Leg]

    @property
    def shared(self) -> bool:
        """Whether what the TX sees, the RX sees."""
        return len(self.legs) == len(self.chains)

    def __iter__(self) -> Iterator[Chain]:
        return iter(self.chains)


_known: "WeakKeyDictionary[Scene, dict[tuple[Radar, int, str], Chains]]" = WeakKeyDictionary()


def mirror_paths(scene: Scene, pose: Pose, ends: tuple[Leg, Leg], seen: Tensor, power: Tensor) -> list[Paths]:
    """The paths over one to `settings.bounces` mirrors of the room: TX -> wall -> person -> RX, its reverse, and both.

    Where TX and RX share rays, a way and its reverse have one gain: they differ by the distance between the two, which
    errs by -45 dB of the family (60 GHz, person at 3 m).

    Args:
        scene: whose mirrors are used.
        pose: of one or several frames.
        ends: the direct legs of TX and RX.
        seen: what they see, of `facets.visible`.
        power: [frames] that of the direct paths, against which `settings.bounce_drop` is taken.
    """
    if scene.mirrors is None or len(scene.mirrors) == 0 or pose.topology.moving == 0:
        return []
    every = _chains(scene, pose.radar, pose.settings, ends)
    budget = pose.settings.bounce_drop * power
    families, traced = _families(pose, every)
    if len(families) == 0:
        return []
    # Rows of the legs in use; where TX and RX share rays, those of the TX stand for both.
    used, pairs = torch.unique(
        families + families.new_tensor([0, len(every.legs) - len(every.chains)]), return_inverse=True
    )
    over = [every.legs[k] for k in used.tolist()]
    strength = lit(pose, over, (pose.centre, pose.area))
    counts = _counting(pose, worth(pose, strength, over, pairs, traced), UNSEEN * budget)
    clear = _seen(pose, (over, strength), _wanted(counts, pairs, len(over)), seen if every.shared else None)
    found = []
    for (a, b), (i, j), family in zip(families.tolist(), pairs.tolist(), counts, strict=True):
        both = clear[i] & clear[j]
        facets = (both.reshape(pose.frames, -1, both.shape[1]).any(1) & family).reshape(-1).nonzero()[:, 0]
        if len(facets) == 0:
            continue
        one = every.chains[a].legs[0], every.chains[b].legs[1]
        gain = gains_of(pose, facets, one, both)
        keep = strongest(gain, pose.settings.drop, (1 - UNSEEN) * budget, frame_of(pose, facets))
        facets, gain = facets[keep], gain[keep]
        if len(facets) == 0:
            continue
        found.append(paths_over(pose, facets, one, gain))
        if every.shared and a != b:
            found.append(paths_over(pose, facets, (every.chains[b].legs[0], every.chains[a].legs[1]), gain))
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


def _chains(scene: Scene, radar: Radar, settings: Simulation, ends: tuple[Leg, Leg]) -> Chains:
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
    """See `_chains`: those whose mirrors see each other, and from the last the box in which people move."""
    low = torch.stack([p.vertices.detach().amin((0, 1)) for p in scene.people]).amin(0)
    high = torch.stack([p.vertices.detach().amax((0, 1)) for p in scene.people]).amax(0)
    choose = torch.cartesian_prod(*(torch.tensor([0.0, 1.0], dtype=torch.float64) for _ in range(3))).to(low.device)
    people = low + choose * (high - low)
    rows = [[Chain(ends)]]
    for _ in range(order):
        rows.append([one for chain in rows[-1] for one in _longer(chain, mirrors)])
    chains = [c for row in rows for c in row if any(bool(may_reach(leg, people, 8)) for leg in c.legs)]
    over = [chain.legs[side] for side in ((0,) if share_rays(ends) else (0, 1)) for chain in chains]
    return Chains(chains, over)


def _longer(chain: Chain, mirrors: list[Mirror]) -> list[Chain]:
    """The chain with one mirror more, for all that its leg to TX or to RX may use."""
    following = [one.mirrors[-1] for leg in chain.legs for one in longer(leg, mirrors)]
    return [
        Chain((mirrored(chain.legs[0], mirror), mirrored(chain.legs[1], mirror)))
        for mirror in mirrors
        if any(mirror is one for one in following)
    ]


def _families(pose: Pose, every: Chains) -> tuple[Tensor, Tensor]:
    """Pairs [families, 2] of chains, towards TX and RX, and in which frames [families, frames] they are traced.

    They are those whose best facet brings more than `settings.bounce_drop` of the power of the direct way. Where TX and
    RX share rays, one of a pair and its reverse is there.
    """
    step, size = max(1, pose.topology.moving // SAMPLES), len(every.chains)
    some = pose.centre[:: len(pose.instants), :, ::step]
    field = lit(pose, every.legs, (some, None)).amax(2)
    power = field.square().to(torch.float64).reshape(-1, size, pose.frames)
    power = power / power[:, :1].clamp_min(1e-300)
    mirrors = torch.tensor([len(chain.mirrors) for chain in every.chains], device=some.device)
    bounces = mirrors[:, None] + mirrors
    use = (bounces >= 1) & (bounces <= pose.settings.bounces)
    use = use.triu() if every.shared else use
    strong = (power[0][:, None] * power[-1] > pose.settings.bounce_drop) & use[:, :, None]
    families = strong.any(2).nonzero()
    return families, strong[families[:, 0], families[:, 1]]


def _counting(pose: Pose, most: Tensor, budget: Tensor) -> Tensor:
    """Whether [families, frames, faces] each facet counts, when the weakest of what they are worth go within a budget.

    `most` is that of `worth`, `budget` [frames].
    """
    rows = most.reshape(-1).nonzero()[:, 0]
    # That many times over: of a path, the power of all its gains counts.
    gain = (most.reshape(-1)[rows] * math.sqrt(len(pose.fade))).to(torch.complex64)[:, None]
    keep = strongest(gain, 0.0, budget.repeat(len(most)), rows // most.shape[2])
    counts = torch.zeros(most.numel(), dtype=torch.bool, device=most.device)
    return counts.index_fill_(0, rows[keep], True).reshape(most.shape)


def _wanted(counts: Tensor, pairs: Tensor, size: int) -> Tensor:
    """Whether [legs, frames, faces] each facet counts in some family of a leg."""
    wanted = counts.new_zeros(size, *counts.shape[1:])
    for pair, family in zip(pairs.tolist(), counts, strict=True):
        for leg in pair:
            wanted[leg] |= family
    return wanted


def _seen(pose: Pose, light: tuple[list[Leg], Tensor], wanted: Tensor, direct: Tensor | None) -> Tensor:
    """Whether [legs, instants, faces] each facet that counts is seen over each leg; others are not asked.

    `light` is the legs and their `reach.lit`; `direct` [instants, faces], if given, is what the one without mirrors
    sees.
    """
    over, strength = light
    known = None if direct is None else next((k for k, leg in enumerate(over) if not leg.mirrors), None)
    ask = wanted.repeat_interleave(len(pose.instants), 1) & (strength > 0)
    if known is not None:
        ask[known] = False
    facets = ask.reshape(-1).nonzero()[:, 0]
    first, patch = one_a_patch(pose.topology, facets, len(over) * strength.shape[1])
    per_leg = strength.shape[1] * strength.shape[2]
    clear = unblocked(pose, over, first // per_leg, first % per_leg)
    found = torch.zeros_like(ask).reshape(-1).index_copy_(0, facets, clear[patch]).reshape(ask.shape)
    if known is not None and direct is not None:
        found[known] = direct
    return found
