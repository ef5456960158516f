"""Paths that leave the TX, scatter off one facet of a person by physical optics, and arrive at the RX.

Legs are exact for every antenna; what is common (visibility, scattering, spreading) is computed once for the phase
centres of the TX and RX arrays.
"""

import torch
from torch import Tensor

from mmsynth.arrays import differentiable
from mmsynth.simulation import legs, surface
from mmsynth.simulation.facets.fused import fused_gains
from mmsynth.simulation.facets.gains import facet_gains
from mmsynth.simulation.facets.ways import fused_ways
from mmsynth.simulation.legs import RADAR_CLEARANCE, SURFACE_OFFSET, Leg
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.rays.picture import hidden
from mmsynth.simulation.surface import dot, unit
from mmsynth.types import Paths

# TX and RX nearer to each other than this (in m) share one shadow ray, to the middle between them: at the edge of an
# occluder 0.3 m before a person at 2 m, the shadows of the two differ by less than 1 cm, a facet.
SHARED_RAY = 0.06
# Where patches are more than so many times the facets of which somebody asks, sorting is faster than a table of them.
SPARSE = 4


def facet_paths(pose: Pose, ends: tuple[Leg, Leg], seen: Tensor, budget: float | None = None) -> Paths:
    """The paths from the TX over its leg to every seen facet and back over the leg of the RX.

    The weakest of each frame are left out as long as together they hold less than `budget` of power gain; its default
    is the fraction `settings.drop` of all of these paths. `seen` [frames * instants, faces] is that of `visible`.
    """
    # Face f of frame k has the index k * moving + f: of one frame, it is the face.
    facets = seen.reshape(pose.frames, len(pose.instants), -1).any(1).reshape(-1).nonzero()[:, 0]
    gain = gains_of(pose, facets, ends, seen)
    keep = strongest(gain, pose.settings.drop, budget, frame_of(pose, facets))
    return paths_over(pose, facets[keep], ends, gain[keep])


def gains_of(pose: Pose, facets: Tensor, ends: tuple[Leg, Leg], seen: Tensor) -> Tensor:
    """Gains [facets, gains] of the paths over `facets`, by the route that can be differentiated where somebody asks."""
    return (facet_gains if differentiable(pose.vertices, pose.materials, ends) else fused_gains)(
        pose, facets, ends, seen
    )


def paths_over(pose: Pose, facets: Tensor, ends: tuple[Leg, Leg], gain: Tensor) -> Paths:
    """The paths over `facets`, indices as in `facet_paths`, with gains [facets, gains]."""
    ways = facet_ways if differentiable(pose.vertices, pose.materials, ends) else fused_ways
    there, back, departure, arrival = ways(pose, facets, ends)
    return Paths(
        gain=gain,
        tx_delay=there,
        rx_delay=back,
        knots=pose.knots,
        departure=departure,
        arrival=arrival,
        region=pose.topology.region[facets if pose.frames == 1 else facets % pose.topology.moving],
        order=torch.full_like(facets, len(ends[0].mirrors) + len(ends[1].mirrors)),
        region_names=pose.topology.region_names,
        frame=frame_of(pose, facets),
        frames=pose.frames,
    )


def frame_of(pose: Pose, facets: Tensor) -> Tensor | None:
    """The frame [facets] of indices as in `facet_paths`; None where there is one."""
    return None if pose.frames == 1 else facets // max(pose.topology.moving, 1)


def facet_ways(pose: Pose, facets: Tensor, ends: tuple[Leg, Leg]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The reference of `fused_ways`, and the route that can be differentiated."""
    centre = surface.centroid(surface.gather(pose.vertices, pose.topology.faces.index_select(1, facets)))
    ways = [unit((centre[len(pose.knots) // 2] - leg.centre[:, None]).to(torch.float32)) for leg in ends]
    departure, arrival = (legs.in_radar(leg, way) for leg, way in zip(ends, ways, strict=True))
    return legs.delays(ends[0], centre), legs.delays(ends[1], centre), departure, arrival


def visible(pose: Pose, ends: tuple[Leg, Leg]) -> Tensor:
    """Whether [frames * instants, moving faces] each facet faces both ends of the way, and no leg is blocked."""
    tx, rx = ends
    if not tx.mirrors and not rx.mirrors and share_rays(ends):
        # A facet that has its back to one of the two by a hair is left to its cosine, which is cut at zero.
        return seen_from(pose, _between(tx, rx))
    return seen_from(pose, tx) & seen_from(pose, rx)


def seen_by_tx(pose: Pose, ends: tuple[Leg, Leg], seen: Tensor) -> Tensor:
    """Whether [frames * instants, moving faces] the TX sees each facet; `seen`, of `visible`, may say it."""
    return seen if share_rays(ends) else seen_from(pose, ends[0])


def share_rays(ends: tuple[Leg, Leg]) -> bool:
    """Whether the antennas of two legs stand so near to each other that what one sees, the other sees."""
    return bool((ends[0].real_centre - ends[1].real_centre).norm() < SHARED_RAY)


def shown(pose: Pose, leg: Leg) -> Tensor:
    """Area [frames * instants, moving faces] in m^2 of each facet across the way from a leg; < 0 = its back."""
    centre = pose.centre.detach().transpose(0, 1)  # [3, instants, faces]
    way = (leg.centre - pose.anchor).detach().to(centre)[:, None, None] - centre
    return dot(way, pose.area.detach().transpose(0, 1)) * dot(way, way).rsqrt()


def seen_from(pose: Pose, leg: Leg) -> Tensor:
    """Whether [frames * instants, moving faces] each facet faces the leg and the way over the mirrors is free."""
    front = shown(pose, leg) > 0
    # Face f at instant k has the index k * moving + f.
    facets = front.reshape(-1).nonzero()[:, 0]
    asked, patch = one_a_patch(pose.topology, facets, len(front))
    clear = _unhidden(pose, leg, asked)
    if clear is None:
        clear = unblocked(pose, [leg], torch.zeros_like(asked), asked)
    return torch.zeros_like(front).reshape(-1).index_copy_(0, facets, clear.index_select(0, patch)).reshape(front.shape)


def _unhidden(pose: Pose, leg: Leg, asked: Tensor) -> Tensor | None:
    """As `unblocked`, from a picture: None where there is none, as of a room, of mirrors, or of people all around."""
    faces = pose.topology.faces
    if leg.mirrors or not pose.settings.occlusion or faces.shape[1] > pose.topology.moving or len(asked) == 0:
        return None
    apex = (leg.real_centre - pose.anchor).detach().to(torch.float32)[:, None]
    shape = (pose.local[pose.rows].detach() - apex, faces)
    found = hidden(shape, _lifted(pose, asked) - apex, asked // pose.topology.moving, RADAR_CLEARANCE)
    return None if found is None else ~found


def _lifted(pose: Pose, asked: Tensor) -> Tensor:
    """Where [3, asked] the rays of the faces `asked` start, relative to the pose's anchor."""
    area, centre = (x.detach().transpose(0, 1).flatten(1).index_select(1, asked) for x in (pose.area, pose.centre))
    return centre + SURFACE_OFFSET * unit(area)


def unblocked(pose: Pose, over: list[Leg], which: Tensor, asked: Tensor) -> Tensor:
    """Whether [asked] rays from the faces `asked`, indices as in `seen_from`, arrive, each over its leg `which`."""
    bvh = pose.bvh if pose.settings.occlusion else None
    lifted, instants = _lifted(pose, asked), len(pose.instants)
    start, row = (lifted + pose.anchor.to(lifted)[:, None]).T, asked // pose.topology.moving
    if bvh is None:
        return legs.free_over(over, which, start, None)
    clear = torch.zeros_like(asked, dtype=torch.bool)
    for frame in range(pose.frames):
        rows = pose.rows[frame * instants : (frame + 1) * instants]
        some = (row // instants == frame).nonzero()[:, 0]
        if len(some):
            bvh.refit(pose.vertices[rows].transpose(1, 2))
            clear[some] = legs.free_over(over, which[some], start[some], bvh, row[some] % instants)
    return clear


def one_a_patch(topology: surface.Surface, facets: Tensor, instants: int) -> tuple[Tensor, Tensor]:
    """One of `facets` for each patch that they touch [patches], and the row [facets] of each facet's patch in it.

    `facets` are indices into the faces of `instants`, which follow each other.
    """
    if instants == 1:
        patch = topology.patch.index_select(0, facets)
    else:
        patch = facets // topology.moving * topology.patches + topology.patch.index_select(0, facets % topology.moving)
    none = topology.moving * instants
    if topology.patches * instants > SPARSE * len(facets):
        used, patch = torch.unique(patch, return_inverse=True)
        return torch.full_like(used, none).scatter_reduce_(0, patch, facets, "amin"), patch
    first = torch.full((topology.patches * instants,), none, device=facets.device)
    first = first.scatter_reduce_(0, patch, facets, "amin")
    used = first < none
    return first[used], (used.cumsum(0) - 1).index_select(0, patch)


def strongest(gain: Tensor, drop: float, budget: float | Tensor | None = None, frame: Tensor | None = None) -> Tensor:
    """Indices of the paths that stay when the weakest, of together at most `budget`, go; see `facet_paths`.

    `frame` [paths] is that of each path, in order; None = there is one. There may be a budget for each [frames].
    """
    # A product with ones: torch's sum over so short an axis takes ten times as long.
    parts = torch.view_as_real(gain.detach().to(torch.complex64)).flatten(1)
    power = (parts.square() @ parts.new_ones(parts.shape[1])).to(torch.float64)
    owner = torch.zeros_like(power, dtype=torch.int64) if frame is None else frame
    if len(power) == 0:
        return owner
    whole = power.new_zeros(int(owner[-1]) + 1).index_add_(0, owner, power)
    limit = drop * whole
    if budget is not None:
        limit = torch.as_tensor(budget).to(whole).reshape(-1)
        limit = limit.expand_as(whole) if len(limit) == 1 else limit[: len(whole)]
    # One that alone exceeds the budget stays: few are left to be put in order, by frame and then by power.
    weak = (power < limit.index_select(0, owner)).nonzero()[:, 0]
    # The bits of numbers above zero have their order, and torch sorts whole numbers several times as fast.
    bits = power.to(torch.float32).view(torch.int32).index_select(0, weak).to(torch.int64)
    weak = weak.index_select(0, ((owner.index_select(0, weak) << 32) | bits).argsort())
    own, of = power.index_select(0, weak), owner.index_select(0, weak)
    before = whole.new_zeros(len(whole)).index_add_(0, of, own)
    before = before.cumsum(0) - before
    gone = own.cumsum(0) - before.index_select(0, of) < limit.index_select(0, of)
    keep = torch.ones_like(power, dtype=torch.bool).index_fill_(0, weak[gone], False)
    return keep.nonzero()[:, 0]


def _between(tx: Leg, rx: Leg) -> Leg:
    """The leg to the middle between the phase centres."""
    middle = 0.5 * (tx.centre + rx.centre)
    return Leg(middle[None], (middle,), tx.polarization, tx.world_from_radar)
