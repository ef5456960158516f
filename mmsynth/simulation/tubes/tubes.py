"""Bounces between people, and in corners: ray tubes that are shot and bounce, with physical optics at the last hit.

Facets that the TX sees start tubes, whose rays are reflected by the smooth surface and fall on what they meet (Ling,
Chou and Lee 1989). The footprint there scatters towards the RX, and the tube bounces on. A tube spreads or gathers as
its rays do, so that power is kept, and turns by a quarter at a focus. The phase over it is integrated, not sampled; of
a tube that falls on the edge of a surface, the share counts whose rays meet it.

Tubes are cut into four as long as that changes their sum; those that changed least, and together by no more than the
budget allows, stay as they are. Paths hold on to surface points: first order in what moves is exact, since the way
of a reflected ray is stationary in its point of reflection.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mmsynth.arrays import differentiable
from mmsynth.simulation import legs, surface
from mmsynth.simulation.budget import strongest
from mmsynth.simulation.legs import SURFACE_OFFSET, Leg
from mmsynth.simulation.pose import PosedScene
from mmsynth.simulation.surface import unit
from mmsynth.simulation.tubes.closing import close
from mmsynth.simulation.tubes.shooting import INWARD, Shots, Starts, lattice, parted, shoot
from mmsynth.simulation.tubes.ways import chain_factor, chain_ways
from mmsynth.simulation.visible import seen_by_tx
from mmsynth.types import Paths

# Into how many pieces the edges of a facet are cut, one after the other, where its tubes still change.
CUTS = (1, 2, 4, 8)
# How many budgets tubes may hold together, by what their last cut changed, that are not cut again; uncut, a tube says
# little of what its pieces will hold. Where there is no budget, which part of all change.
UNCUT, UNCHANGED = (1.0, 8.0, 16.0), 1e-6


@dataclass(frozen=True, eq=False)
class Tubes:
    """Ray tubes that end on people.

    Attributes:
        gain: [tubes] complex, with the phase referenced to the way over the surface points.
        faces: [points, tubes] that the tube meets, from the first; weights: [points, tubes, 3] of their corners.
    """

    gain: Tensor
    faces: Tensor
    weights: Tensor

    def at(self, rows: Tensor) -> "Tubes":
        """Those at the indices `rows`."""
        return Tubes(self.gain[rows], self.faces[:, rows], self.weights[:, rows])


def tube_paths(pose: PosedScene, ends: tuple[Leg, Leg], seen: Tensor, budget: float) -> list[Paths]:
    """The paths over two to `settings.bounces + 1` surface points of the people, in sets by the number of points.

    Tubes go one way, and physical optics is taken at their last hit alone, which is not reciprocal where surfaces
    curve. So, half of the field is that of tubes from the TX, half that of tubes from the RX, walked backwards: TX and
    RX may be swapped. Where they share rays, the first half stands for both (see "Known limits" in README.md).

    Args:
        pose: of the frame.
        ends: the direct legs of TX and RX.
        seen: what they see, of `visible.visible`.
        budget: power gain that the paths left out of each set may hold together.
    """
    if pose.bvh is None or pose.topology.moving == 0:
        return []
    there = [_paths(pose, tubes, ends, -1) for tubes in _shot(pose, ends, seen, budget)]
    if legs.share_rays(ends):
        return there
    back = [_paths(pose, tubes, ends[::-1], 0) for tubes in _shot(pose, ends[::-1], seen, budget)]
    return [replace(paths, gain=0.5 * paths.gain) for paths in (*there, *map(_backwards, back))]


def _backwards(paths: Paths) -> Paths:
    """The paths from the RX to the TX."""
    return replace(
        paths,
        tx_delay=paths.rx_delay,
        rx_delay=paths.tx_delay,
        departure=paths.arrival,
        arrival=paths.departure,
    )


def _shot(pose: PosedScene, ends: tuple[Leg, Leg], seen: Tensor, budget: float) -> list[Tubes]:
    """The tubes from the first end that end on the second surface point, on the third, and so on."""
    bvh = pose.bvh
    assert bvh is not None
    bvh.refit(pose.vertices[len(pose.knots) // 2].T[None])
    starts = _meeting(pose, ends[0], seen_by_tx(pose, ends, seen).any(0).nonzero()[:, 0])
    bounces, budget = pose.settings.bounces, budget / len(pose.fade)
    sums = torch.zeros(len(starts.face), bounces, dtype=torch.complex64, device=starts.face.device)
    sets: list[list[Tubes]] = [[] for _ in range(bounces)]
    for k, count in enumerate(CUTS):
        grid, pieces = cut = lattice(count // CUTS[k - 1] if k else count, sums.device)
        shots = shoot(pose, ends[0], starts, grid, bounces)
        found, after = _closed(pose, ends, shots, pieces, bounces)
        again = sums.new_empty(0, dtype=torch.int64)
        if k + 1 < len(CUTS):
            again = _changed(after.sum(1) - sums, after != 0, UNCUT[k] * budget)
        left = torch.ones(after.shape[:2], dtype=torch.bool, device=sums.device).flatten().index_fill_(0, again, False)
        for parts, (tubes, row) in zip(sets, found, strict=True):
            parts.append(tubes.at(left[row].nonzero()[:, 0]))
        if len(again) == 0:
            break
        starts, sums = parted(starts, shots, cut, again), after.flatten(0, 1)[again]
    return [_strong(pose, _together(tubes), ends[1], budget) for tubes in sets]


def _changed(change: Tensor, there: Tensor, budget: float) -> Tensor:
    """The pieces to be cut again: those that are `there` [tubes, pieces, bounces] of the tubes that changed most.

    The `change` [tubes, bounces] of the sums of all others holds `budget` together.
    """
    size = change.abs()
    tubes = strongest(size, budget=max(budget, UNCHANGED * float(size.square().sum())))
    pieces = tubes[:, None] * there.shape[1] + torch.arange(there.shape[1], device=tubes.device)
    return pieces[there.any(2)[tubes]]


def _closed(
    pose: PosedScene, ends: tuple[Leg, Leg], shots: Shots, pieces: Tensor, bounces: int
) -> tuple[list[tuple[Tubes, Tensor]], Tensor]:
    """The pieces of tubes by bounces, each with its row, and the sums [tubes, pieces, bounces]."""
    scale = pose.radar.waveform.wavelength / (4 * math.pi) ** 1.5
    found, sums = [], []
    for stop in range(1, bounces + 1):
        gain, chosen, row, value = close(pose, ends, shots, pieces, stop)
        found.append((Tubes(scale * gain, shots.face[: stop + 1, chosen], shots.weight[: stop + 1, chosen]), row))
        sums.append(scale * value)
    return found, torch.stack(sums, 2)


def _together(parts: list[Tubes]) -> Tubes:
    """One set of tubes of one order out of several."""
    chains = (torch.cat([getattr(part, name) for part in parts], 1) for name in ("faces", "weights"))
    return Tubes(torch.cat([part.gain for part in parts]), *chains)


def _meeting(pose: PosedScene, tx: Leg, face: Tensor) -> Starts:
    """Tubes over those whole facets among `face` of whose corners a ray meets a person again."""
    faces, device = pose.topology.faces.index_select(1, face), face.device
    # One of the facets around each vertex that is there shoots its ray: rows of (corner, facet).
    speaker = torch.full((pose.topology.vertices,), -1, device=device)
    speaker = speaker.index_copy_(0, faces.flatten(), torch.arange(faces.numel(), device=device))
    used = (speaker >= 0).nonzero()[:, 0]
    row = speaker.index_select(0, used)
    corner, facet = row // len(face), row % len(face)
    inner = torch.eye(3, device=device)
    inner = inner + INWARD * (1 / 3 - inner)
    # A tube of one node, its first corner.
    one = Starts(face[facet], inner[corner][:, None].expand(-1, 3, 3), face.new_empty(len(facet), 0))
    shots = shoot(pose, tx, one, torch.eye(3, device=device)[:1], pose.settings.bounces)
    speaker.index_copy_(0, used, torch.arange(len(used), device=device))
    known = speaker[faces]
    met = (shots.face[1] >= 0)[known].any(0).nonzero()[:, 0]
    # Facets around a vertex share its ray where they are smooth.
    corners = surface.gather(pose.normals[0], faces)
    flat = unit(pose.area[-1].index_select(1, face))
    smooth = surface.uncreased(corners, flat) & (pose.settings.flatness > 0)
    known = torch.where(smooth & smooth[facet][known], known, -1)
    return Starts(face[met], inner.expand(len(met), 3, 3), known.T[met], shots)


def _strong(pose: PosedScene, tubes: Tubes, rx: Leg, budget: float) -> Tubes:
    """Those that the RX sees, but for the weakest, which hold less than `budget` of power gain together."""
    tubes = tubes.at(strongest(tubes.gain[:, None], budget=budget))
    if not pose.settings.occlusion or pose.bvh is None:
        return tubes
    corner = surface.gather(pose.vertices[len(pose.knots) // 2], pose.topology.faces[:, tubes.faces[-1]])
    start = (corner * tubes.weights[-1].T).sum(1) + SURFACE_OFFSET * unit(surface.area_vectors(corner))
    return tubes.at(legs.free(rx, start.T, pose.bvh).nonzero()[:, 0])


def _paths(pose: PosedScene, tubes: Tubes, ends: tuple[Leg, Leg], named: int) -> Paths:
    """The paths along tubes; their region is that of surface point `named`."""
    chain, gain = (tubes.faces, tubes.weights), tubes.gain
    there, back, departure, arrival = chain_ways(pose, chain, ends)
    if differentiable(pose.vertices, pose.materials, ends):
        # Kernels have no gradients: how wide the tubes are is held fixed, what materials and antennas leave is not.
        factor = chain_factor(pose, chain, ends)
        still = factor.detach()
        gain = gain * torch.where(still == 0, 1, factor / torch.where(still == 0, 1, still))
    return Paths(
        gain=gain[:, None].expand(-1, len(pose.fade)),
        tx_delay=there,
        rx_delay=back,
        knots=pose.knots,
        departure=departure,
        arrival=arrival,
        region=pose.topology.region[tubes.faces[named]],
        order=torch.full_like(tubes.faces[0], len(tubes.faces) - 1),
        region_names=pose.topology.region_names,
    )
