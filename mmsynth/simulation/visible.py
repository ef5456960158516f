"""Which facets of people the antennas see: those that face them, and from which the way is free."""

import torch
from torch import Tensor

from mmsynth.simulation import legs
from mmsynth.simulation.legs import RADAR_CLEARANCE, SURFACE_OFFSET, Leg
from mmsynth.simulation.pose import PosedScene
from mmsynth.simulation.rays.picture import hidden
from mmsynth.simulation.surface import Surface, dot, unit

# Where patches are more than so many times the facets of which somebody asks, sorting is faster than a table of them.
SPARSE = 4


def visible(pose: PosedScene, ends: tuple[Leg, Leg]) -> Tensor:
    """Whether [frames * instants, moving faces] each facet faces both ends of the way, and no leg is blocked."""
    tx, rx = ends
    if not tx.mirrors and not rx.mirrors and legs.share_rays(ends):
        # A facet that has its back to one of the two by a hair is left to its cosine, which is cut at zero.
        return seen_from(pose, legs.between(tx, rx))
    return seen_from(pose, tx) & seen_from(pose, rx)


def seen_by_tx(pose: PosedScene, ends: tuple[Leg, Leg], seen: Tensor) -> Tensor:
    """Whether [frames * instants, moving faces] the TX sees each facet; `seen`, of `visible`, may say it."""
    return seen if legs.share_rays(ends) else seen_from(pose, ends[0])


def shown(pose: PosedScene, leg: Leg) -> Tensor:
    """Area [frames * instants, moving faces] in m^2 of each facet across the way from a leg; < 0 = its back."""
    centre = pose.centre.detach().transpose(0, 1)  # [3, instants, faces]
    way = (leg.centre - pose.anchor).detach().to(centre)[:, None, None] - centre
    return dot(way, pose.area.detach().transpose(0, 1)) * dot(way, way).rsqrt()


def seen_from(pose: PosedScene, leg: Leg) -> Tensor:
    """Whether [frames * instants, moving faces] each facet faces the leg and the way over the mirrors is free."""
    front = shown(pose, leg) > 0
    # Face f at instant k has the index k * moving + f.
    facets = front.reshape(-1).nonzero()[:, 0]
    asked, patch = one_a_patch(pose.topology, facets, len(front))
    clear = _unhidden(pose, leg, asked)
    if clear is None:
        clear = unblocked(pose, [leg], torch.zeros_like(asked), asked)
    return torch.zeros_like(front).reshape(-1).index_copy_(0, facets, clear.index_select(0, patch)).reshape(front.shape)


def _unhidden(pose: PosedScene, leg: Leg, asked: Tensor) -> Tensor | None:
    """As `unblocked`, from a picture: None where there is none, as of a room, of mirrors, or of people all around."""
    faces = pose.topology.faces
    if leg.mirrors or not pose.settings.occlusion or faces.shape[1] > pose.topology.moving or len(asked) == 0:
        return None
    apex = (leg.real_centre - pose.anchor).detach().to(torch.float32)[:, None]
    shape = (pose.local[pose.rows].detach() - apex, faces)
    found = hidden(shape, _lifted(pose, asked) - apex, asked // pose.topology.moving, RADAR_CLEARANCE)
    return None if found is None else ~found


def _lifted(pose: PosedScene, asked: Tensor) -> Tensor:
    """Where [3, asked] the rays of the faces `asked` start, relative to the pose's anchor."""
    area, centre = (x.detach().transpose(0, 1).flatten(1).index_select(1, asked) for x in (pose.area, pose.centre))
    return centre + SURFACE_OFFSET * unit(area)


def unblocked(pose: PosedScene, over: list[Leg], which: Tensor, asked: Tensor) -> Tensor:
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


def one_a_patch(topology: Surface, facets: Tensor, instants: int) -> tuple[Tensor, Tensor]:
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
