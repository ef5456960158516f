"""Bounces off the flat surfaces of a room: the image method, on either side of the person or on both.

What a way over mirrors is worth is known before a shadow ray is shot: which mirrors can follow each other, and be seen
from where people are, once a clip (`chains.py`); how strongly each leg lights each facet (`illumination.py`) and what a
facet is then worth (`worth.py`), for several frames at once. The weakest facets of all families, which together stay
under the budget, get no ray and no gain.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mmsynth.simulation.budget import least
from mmsynth.simulation.facets.paths import gains_of, paths_over
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.mirrors.chains import Chains, chains_of
from mmsynth.simulation.mirrors.illumination import lit
from mmsynth.simulation.mirrors.worth import shapes_of, worth
from mmsynth.simulation.pose import PosedScene
from mmsynth.simulation.visible import one_a_patch, unblocked
from mmsynth.types import Paths, Scene

# Part of the budget that facets may hold together which are left out by what they are worth, and how many times too
# much that is of all of them (1.8 to 2.1 measured).
UNSEEN, WORTH = 0.7, 2.0
# Families whose best facet brings less than this part of the budget are not looked at.
FAINT = 0.01
# Facets on which the strength of a leg is sampled, to find families that are worth tracing.
SAMPLES = 256


@dataclass(frozen=True, eq=False)
class _Light:
    """What families, pairs of chains towards TX and RX, light of the facets that both may see.

    Attributes:
        families: [families, 2] rows of `Chains.chains`.
        legs: the same as rows of `Chains.legs`; pairs: as rows of `used`.
        ways: [families] how many ways each stands for: two where it stands for its reverse.
        facets: [facets] of one frame.
        used: [legs] rows of `Chains.legs`.
        worth: [families, frames, facets].
    """

    families: Tensor
    legs: Tensor
    pairs: Tensor
    ways: Tensor
    facets: Tensor
    used: Tensor
    worth: Tensor


def mirror_paths(scene: Scene, pose: PosedScene, ends: tuple[Leg, Leg], seen: Tensor, power: Tensor) -> list[Paths]:
    """The paths over one to `settings.bounces` mirrors of the room: TX -> wall -> person -> RX, its reverse, and both.

    Where TX and RX share rays, a way and its reverse have one gain: they differ by the distance between the two, which
    errs by -45 dB of the family (60 GHz, person at 3 m).

    Args:
        scene: whose mirrors are used.
        pose: of one or several frames.
        ends: the direct legs of TX and RX.
        seen: what they see, of `visible.visible`.
        power: [frames] that of the direct paths, against which `settings.bounce_drop` is taken.
    """
    if scene.mirrors is None or len(scene.mirrors) == 0 or pose.topology.moving == 0:
        return []
    every = chains_of(scene, pose.radar, pose.settings, ends)
    light = _light(pose, every, seen)
    if not light:
        return []
    counts = _counting(light, UNSEEN * WORTH * pose.settings.bounce_drop / len(pose.fade) * power)
    clear, found = _seen(pose, every, (light, counts), seen), []
    for part, count in zip(light, counts, strict=True):
        for (a, b), legs, some in zip(part.families.tolist(), part.legs.tolist(), count, strict=True):
            both = clear[legs[0]] & clear[legs[1]]
            frame, column = some.nonzero().unbind(1)
            facets = frame * pose.topology.moving + part.facets[column]
            facets = facets[both.reshape(pose.frames, -1, both.shape[1]).any(1).reshape(-1)[facets]]
            if len(facets) == 0:
                continue
            one = every.chains[a][0], every.chains[b][1]
            scattered = gains_of(pose, facets, one, both)
            found.append(paths_over(pose, facets, one, scattered))
            if every.shared and a != b:
                found.append(paths_over(pose, facets, (every.chains[b][0], every.chains[a][1]), scattered))
    return found


def _families(pose: PosedScene, every: Chains) -> tuple[Tensor, Tensor]:
    """Pairs [families, 2] of chains, towards TX and RX, and in which frames [families, frames] they are traced.

    They are those whose best facet brings more than `FAINT` of the budget. Where TX and RX share rays, one of a pair
    and its reverse is there.
    """
    step, size = max(1, pose.topology.moving // SAMPLES), len(every.chains)
    some = pose.centre[:: len(pose.instants), :, ::step]
    field = lit(pose, every.legs, (some, None)).amax(2)
    power = field.square().to(torch.float64).reshape(-1, size, pose.frames)
    power = power / power[:, :1].clamp_min(1e-300)
    mirrors = torch.tensor([len(tx.mirrors) for tx, _ in every.chains], device=some.device)
    bounces = mirrors[:, None] + mirrors
    use = (bounces >= 1) & (bounces <= pose.settings.bounces)
    use = use.triu() if every.shared else use
    strong = (power[0][:, None] * power[-1] > FAINT * pose.settings.bounce_drop) & use[:, :, None]
    families = strong.any(2).nonzero()
    return families, strong[families[:, 0], families[:, 1]]


def _light(pose: PosedScene, every: Chains, seen: Tensor) -> list[_Light]:
    """What the families light: those that have a straight leg, of which `seen` is known, and the others."""
    families, traced = _families(pose, every)
    known = (families[:, 0] == 0) & every.shared
    found = []
    for group, facets in ((known, seen.any(0).nonzero()[:, 0]), (~known, torch.arange(seen.shape[1]).to(seen.device))):
        some = families[group]
        if len(some) == 0 or len(facets) == 0:
            continue
        # Where TX and RX share rays, legs of the TX stand for both.
        legs = some + some.new_tensor([0, len(every.legs) - len(every.chains)])
        used, pairs = torch.unique(legs, return_inverse=True)
        over, shapes = [every.legs[k] for k in used.tolist()], shapes_of(pose, facets)
        strength = lit(pose, over, (shapes[:, :3], shapes[:, 3:6]))
        if every.shared:
            strength[used == 0] *= seen.reshape(pose.frames, -1, seen.shape[1]).any(1).index_select(1, facets)
        most = worth(pose, facets, shapes, (strength, over), (pairs, traced[group]))
        ways = 1 + (some[:, 0] != some[:, 1]) * every.shared
        found.append(_Light(some, legs, pairs, ways, facets, used, most))
    return found


def _counting(light: list[_Light], budget: Tensor) -> list[Tensor]:
    """Whether [families, frames, facets] each facet counts, when the weakest of all families go within a budget.

    `budget` [frames] is that of the sum of the squares of what they are worth.
    """
    frame = torch.arange(len(budget), dtype=torch.int32, device=budget.device)[:, None]
    bound = least([(part.worth, frame, part.ways[:, None, None]) for part in light], budget)[:, None]
    return [part.worth >= bound for part in light]


def _seen(
    pose: PosedScene, every: Chains, asked: tuple[list[_Light], list[Tensor]], direct: Tensor
) -> dict[int, Tensor]:
    """Whether [instants, faces] each facet that counts is seen over each leg; others are not asked.

    `asked` is what the families light, and what counts of it. Where TX and RX share rays, `direct` [instants, faces] is
    what the leg without mirrors sees.
    """
    legs = torch.unique(torch.cat([part.used for part in asked[0]]))
    ask = direct.new_zeros(len(legs), pose.frames, direct.shape[1])
    for part, count in zip(*asked, strict=True):
        wanted = count.new_zeros(len(part.used), *count.shape[1:])
        for pair, some in zip(part.pairs.tolist(), count, strict=True):
            for leg in pair:
                wanted[leg] |= some
        leg, frame, column = wanted.nonzero().unbind(1)
        ask[torch.searchsorted(legs, part.used)[leg], frame, part.facets[column]] = True
    known = (legs == 0) & every.shared
    ask[known] = False
    # At both ends of a frame: face f of leg l at row r has the index (l * rows + r) * faces + f.
    leg, frame, face = ask.nonzero().unbind(1)
    row = frame[:, None] * len(pose.instants) + torch.arange(len(pose.instants), device=frame.device)
    over = [every.legs[k] for k in legs.tolist()]
    tip = torch.stack([(one.centre - pose.anchor).detach() for one in over]).to(torch.float32)
    centre, area = (x.detach()[row, :, face[:, None]] for x in (pose.centre, pose.area))
    front = ((tip[leg][:, None] - centre) * area).sum(2) > 0
    facets = (leg[:, None] * direct.numel() + row * len(direct[0]) + face[:, None])[front]
    first, patch = one_a_patch(pose.topology, facets, len(legs) * len(direct))
    clear = unblocked(pose, over, first // direct.numel(), first % direct.numel())
    found = direct.new_zeros(len(legs) * direct.numel()).index_copy_(0, facets, clear[patch])
    found = found.reshape(len(legs), *direct.shape)
    found[known] = direct
    return dict(zip(legs.tolist(), found, strict=True))
