"""Bounces between people, and in corners: ray tubes that are shot and bounce, with physical optics at the last hit.

Facets that the TX sees start tubes, whose rays are reflected by the smooth surface and fall on what they meet (Ling,
Chou and Lee 1989). The footprint there scatters towards the RX, and the tube bounces on. A tube spreads or gathers as
its rays do, so that power is kept, and turns by a quarter at a focus. The phase over it is integrated, not sampled; of
a tube that falls on the edge of a surface, the share counts whose rays meet it.

A facet is cut into more tubes as long as that changes its sum; those that changed least, and together by no more than
the budget allows, stay as they are. Paths hold on to surface points: first order in what moves is exact, since the way
of a reflected ray is stationary in its point of reflection.
"""

import math
from dataclasses import dataclass, replace

import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.simulation import legs, surface
from mmsynth.simulation.closing import close
from mmsynth.simulation.facets import seen_by_tx, share_rays, strongest
from mmsynth.simulation.legs import SURFACE_OFFSET, Leg
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.shooting import lattice, shoot
from mmsynth.simulation.surface import length, unit
from mmsynth.types import Paths

# Into how many pieces the edges of a facet are cut, one after the other, until its tubes no longer change.
CUTS = (2, 4, 8)
# How many budgets facets may hold together, by what their last cut changed, that are not cut again; and where there is
# no budget, which part of all change.
UNCUT, UNCHANGED = 2.0, 1e-6


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


def tube_paths(pose: Pose, ends: tuple[Leg, Leg], seen: Tensor, budget: float) -> list[Paths]:
    """The paths over two to `settings.bounces + 1` surface points of the people, in sets by the number of points.

    Tubes go one way, and physical optics is taken at their last hit alone, which is not reciprocal where surfaces
    curve. So, half of the field is that of tubes from the TX, half that of tubes from the RX, walked backwards: TX and
    RX may be swapped. Where they stand so near to each other that they share rays, both halves are the same.

    Args:
        pose: of the frame.
        ends: the direct legs of TX and RX.
        seen: what they see, of `facets.visible`.
        budget: power gain that the paths left out of each set may hold together.
    """
    if pose.bvh is None or pose.topology.moving == 0:
        return []
    there = [_paths(pose, tubes, ends, -1) for tubes in _shot(pose, ends, seen, budget)]
    if share_rays(ends):
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


def _shot(pose: Pose, ends: tuple[Leg, Leg], seen: Tensor, budget: float) -> list[Tubes]:
    """The tubes from the first end that end on the second surface point, on the third, and so on."""
    bvh = pose.bvh
    assert bvh is not None
    bvh.refit(pose.vertices[len(pose.knots) // 2].T[None])
    facets = _meeting(pose, ends[0], seen_by_tx(pose, ends, seen).any(0).nonzero()[:, 0])
    sums = torch.zeros(len(facets), dtype=torch.complex64, device=facets.device)
    twice: list[Tubes] = []
    longer: list[Tubes] = []
    for count in CUTS:
        # Of three surfaces and more, the first cut will do: they hold little, and spread too far to be cut fine enough.
        found, after = _cut(pose, ends, facets, count, 1 if twice else pose.settings.bounces)
        change = (after - sums).abs().square()
        limit = max(UNCUT * budget / len(pose.fade), UNCHANGED * float(change.sum()))
        again = strongest(change.sqrt()[:, None], 0.0, limit) if count < CUTS[-1] else facets[:0]
        left = torch.zeros(pose.topology.moving, dtype=torch.bool, device=facets.device)
        left = left.index_fill_(0, facets[again], True)
        twice.append(found[0].at((~left[found[0].faces[0]]).nonzero()[:, 0]))
        longer += found[1:]
        facets, sums = facets[again], after[again]
        if len(facets) == 0:
            break
    return [_strong(pose, tubes, ends[1], budget) for tubes in (_together(twice), *longer)]


def _cut(pose: Pose, ends: tuple[Leg, Leg], facets: Tensor, count: int, bounces: int) -> tuple[list[Tubes], Tensor]:
    """The tubes of facets whose edges are cut into `count`, by bounces, and the sums [facets] of those of one."""
    weights, tubes = (x.to(facets.device) for x in lattice(count))
    start = facets.repeat_interleave(len(weights)), weights.repeat(len(facets), 1)
    shots = shoot(pose, ends[0], start, bounces, len(weights))
    scale = pose.radar.waveform.wavelength / (4 * math.pi) ** 1.5
    found, sums = [], torch.empty(0)
    for stop in range(bounces, 0, -1):
        gain, chosen, sums = close(pose, ends, shots, tubes, stop)
        found.append(Tubes(scale * gain, shots.face[: stop + 1, chosen], shots.weight[: stop + 1, chosen]))
    return found[::-1], scale * sums


def _together(parts: list[Tubes]) -> Tubes:
    """One set of tubes of one order out of several."""
    chains = (torch.cat([getattr(part, name) for part in parts], 1) for name in ("faces", "weights"))
    return Tubes(torch.cat([part.gain for part in parts]), *chains)


def _meeting(pose: Pose, tx: Leg, face: Tensor) -> Tensor:
    """Those of the facets `face` of whose corners a ray meets a person again."""
    faces = pose.topology.faces[:, face]
    # One of the facets around each vertex that is there shoots its ray: rows of (corner, facet).
    speaker = torch.full((pose.topology.vertices,), -1, device=face.device)
    speaker = speaker.index_copy(0, faces.flatten(), torch.arange(faces.numel(), device=face.device))
    used = (speaker >= 0).nonzero()[:, 0]
    corner, facet = speaker[used] // len(face), speaker[used] % len(face)
    shots = shoot(pose, tx, (face[facet], torch.eye(3, device=face.device)[corner]), 1)
    met = torch.zeros_like(speaker, dtype=torch.bool).index_copy(0, used, shots.face[1] >= 0)
    return face[met[faces].any(0)]


def _strong(pose: Pose, tubes: Tubes, rx: Leg, budget: float) -> Tubes:
    """Those that the RX sees, but for the weakest, which hold less than `budget` of power gain together."""
    tubes = tubes.at(strongest(tubes.gain[:, None], 0.0, budget / len(pose.fade)))
    if not pose.settings.occlusion or pose.bvh is None:
        return tubes
    corner = surface.gather(pose.vertices[len(pose.knots) // 2], pose.topology.faces[:, tubes.faces[-1]])
    start = (corner * tubes.weights[-1].T).sum(1) + SURFACE_OFFSET * unit(surface.area_vectors(corner))
    return tubes.at(legs.free(rx, start.T, pose.bvh).nonzero()[:, 0])


def _paths(pose: Pose, tubes: Tubes, ends: tuple[Leg, Leg], named: int) -> Paths:
    """The paths along tubes; their region is that of surface point `named`."""
    tx, rx = ends
    corners = [surface.gather(pose.vertices, pose.topology.faces[:, face]) for face in tubes.faces]
    places = [(corner * weight.T).sum(2) for corner, weight in zip(corners, tubes.weights, strict=True)]
    inner = sum((length((b - a).transpose(0, 1)) for a, b in zip(places, places[1:], strict=False)), torch.zeros(()))
    first, last = places[0], places[-1]
    middle = len(pose.knots) // 2
    away, back = (unit(x[middle] - leg.centre[:, None]).to(torch.float32) for x, leg in ((first, tx), (last, rx)))
    return Paths(
        gain=tubes.gain[:, None].expand(-1, len(pose.fade)),
        tx_delay=legs.delays(tx, first),
        rx_delay=legs.delays(rx, last) + inner.T[:, None] / speed_of_light,
        knots=pose.knots,
        departure=legs.in_radar(tx, away),
        arrival=legs.in_radar(rx, back),
        region=pose.topology.region[tubes.faces[named]],
        order=torch.full_like(tubes.faces[0], len(tubes.faces) - 1),
        region_names=pose.topology.region_names,
    )
