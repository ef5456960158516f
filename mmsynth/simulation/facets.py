"""Paths that leave the TX, scatter off one facet of a person by physical optics, and arrive at the RX.

Legs are exact for every antenna; what is common (visibility, scattering, spreading) is computed once for the phase
centres of the TX and RX arrays.
"""

import math

import torch
from torch import Tensor

from mmsynth.simulation import legs, scattering, surface
from mmsynth.simulation.legs import SURFACE_OFFSET, Leg
from mmsynth.simulation.points import point_amplitude
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.surface import dot, length, unit
from mmsynth.types import Paths

# TX and RX nearer to each other than this (in m) share one shadow ray, to the middle between them: at the edge of an
# occluder 0.3 m before a person at 2 m, the shadows of the two differ by less than 1 cm, a facet.
SHARED_RAY = 0.06


def facet_paths(pose: Pose, ends: tuple[Leg, Leg], seen: Tensor, budget: float | None = None) -> Paths:
    """The paths from the TX over its leg to every seen facet and back over the leg of the RX.

    The weakest are left out as long as together they hold less than `budget` of power gain; its default is the fraction
    `settings.drop` of all of these paths. `seen` [instants, moving faces] is that of `visible`.
    """
    tx, rx = ends
    facets = seen.any(0).nonzero()[:, 0]
    corner = surface.gather(pose.vertices, pose.topology.faces.index_select(1, facets))
    centre = surface.centroid(corner)
    into, out = (unit((centre[len(pose.knots) // 2] - leg.centre[:, None]).to(torch.float32)) for leg in (tx, rx))
    common = _coefficient(pose, facets, ends, (into, out))
    # Both ends of the frame in one go, as facets beside each other. Differences are taken in float64, so that a shape
    # is as exact far from the origin as near it.
    shape = torch.cat([(corner[k] - centre[k][:, None]).to(torch.float32) for k in (0, -1)], -1)
    amplitude = _amplitude(pose, facets, shape, torch.cat([centre[0], centre[-1]], -1), ends)
    gain = amplitude.reshape(2, -1).T * common[:, None] * seen[[0, -1]].index_select(1, facets).T
    keep = strongest(gain, pose.settings.drop, budget)
    centre, into, out = (x.index_select(-1, keep) for x in (centre, into, out))
    return Paths(
        gain=gain[keep],
        tx_delay=legs.delays(tx, centre),
        rx_delay=legs.delays(rx, centre),
        knots=pose.knots,
        departure=legs.in_radar(tx, into),
        arrival=legs.in_radar(rx, out),
        region=pose.topology.region[facets[keep]],
        order=torch.full_like(keep, len(tx.mirrors) + len(rx.mirrors)),
        region_names=pose.topology.region_names,
    )


def visible(pose: Pose, ends: tuple[Leg, Leg]) -> Tensor:
    """Whether [instants, moving faces] each facet faces both ends of the way, and no leg is blocked."""
    tx, rx = ends
    if not tx.mirrors and not rx.mirrors and bool((tx.centre - rx.centre).norm() < SHARED_RAY):
        # A facet that has its back to one of the two by a hair is left to its cosine, which is cut at zero.
        return seen_from(pose, _between(tx, rx))
    return seen_from(pose, tx) & seen_from(pose, rx)


def facing(pose: Pose, leg: Leg) -> Tensor:
    """Whether [instants, moving faces] each facet has its front towards the (image of the) phase centre of a leg."""
    centre = pose.centre.detach().transpose(0, 1)  # [3, instants, faces]
    way = (leg.centre - pose.anchor).detach().to(centre)[:, None, None] - centre
    front: Tensor = dot(way, pose.area.detach().transpose(0, 1)) > 0
    return front


def seen_from(pose: Pose, leg: Leg) -> Tensor:
    """Whether [instants, moving faces] each facet faces the leg and its ray over the mirrors arrives."""
    bvh = pose.bvh if pose.settings.occlusion else None
    rows = []
    for row, front in enumerate(facing(pose, leg)):
        if bvh is not None:
            bvh.refit(pose.vertices[pose.instants[row]].T)
        facets = front.nonzero()[:, 0]
        asked, patch = _one_a_patch(pose.topology, facets)
        area, centre = (x[row].detach().index_select(1, asked) for x in (pose.area, pose.centre))
        lifted = centre + SURFACE_OFFSET * unit(area)
        clear = legs.free(leg, (lifted + pose.anchor.to(lifted)[:, None]).T, bvh)
        rows.append(torch.zeros_like(front).index_copy_(0, facets, clear[patch]))
    return torch.stack(rows)


def _one_a_patch(topology: surface.Surface, facets: Tensor) -> tuple[Tensor, Tensor]:
    """One of `facets` for each patch that they touch [patches], and the row [facets] of each facet's patch in it."""
    patch = topology.patch.index_select(0, facets)
    first = torch.full((topology.patches,), topology.moving, device=facets.device)
    first = first.scatter_reduce_(0, patch, facets, "amin")
    used = first < topology.moving
    return first[used], (used.cumsum(0) - 1)[patch]


def strongest(gain: Tensor, drop: float, budget: float | None = None) -> Tensor:
    """Indices of the paths that stay when the weakest, of together at most `budget`, go; see `facet_paths`."""
    power = gain.detach().real.square() + gain.detach().imag.square()
    power, order = power.sum(1).sort()
    total = power.to(torch.float64).cumsum(0)
    if len(total) == 0:
        return order
    limit = drop * total[-1] if budget is None else torch.as_tensor(budget).to(total)
    return order[int(torch.searchsorted(total, limit)) :].sort().values


def _coefficient(pose: Pose, facets: Tensor, ends: tuple[Leg, Leg], ways: tuple[Tensor, Tensor]) -> Tensor:
    """What hardly changes within a frame [facets]: polarised reflection, losses, patterns, lambda / (4 pi)^1.5."""
    region = pose.topology.region.index_select(0, facets)
    eps, _, loss = (x.index_select(0, region) for x in pose.materials)
    wavelength = pose.radar.waveform.wavelength
    there, back = (legs.field(leg, way, math.tau / wavelength) for leg, way in zip(ends, ways, strict=True))
    turned = scattering.polarised_reflection(eps, ways[0], -ways[1], there)
    beam = legs.pattern(ends[0], ways[0], pose.radar) * legs.pattern(ends[1], ways[1], pose.radar)
    scale: Tensor = wavelength / (4 * math.pi) ** 1.5 * beam * loss.sqrt()
    return dot(turned, back) * scale


def _sagitta(pose: Pose, facets: Tensor, corner: Tensor) -> Tensor:
    """The smooth surface [3, 3, 2 * facets] off the edges of `corner` [3, 3, 2 * facets], both ends of the frame.

    It is found once, at the last instant of visibility, and turns with the facets.
    """
    if pose.settings.flatness == 0:
        return torch.zeros_like(corner)
    faces = pose.topology.faces.index_select(1, facets)
    before = surface.gather(pose.local[pose.instants[-1]], faces)
    sag = surface.sagitta(before, pose.area[-1].index_select(1, facets), pose.normals, faces)
    return surface.carry(sag.repeat(1, 1, 2), before.repeat(1, 1, 2), corner)


def _amplitude(pose: Pose, facets: Tensor, corner: Tensor, centre: Tensor, ends: tuple[Leg, Leg]) -> Tensor:
    """Square-root RCS in m over the lengths of both legs in m, but for the reflection, [2 * facets].

    Args:
        pose: of the frame.
        facets: [facets] indices.
        corner: [3, 3, 2 * facets] in m relative to the centroid, of all facets at the first knot, then at the last.
        centre: [3, 2 * facets] centroids in the world.
        ends: legs of TX and RX.
    """
    settings, wavelength = pose.settings, pose.radar.waveform.wavelength
    wavenumber = math.tau / wavelength
    ways = [(centre - leg.centre[:, None]).to(torch.float32) for leg in ends]
    lengths = [length(way) for way in ways]
    into, out = ways[0] / lengths[0], ways[1] / lengths[1]
    spread = lengths[0] * lengths[1]
    area = surface.area_vectors(corner)
    size = length(area)
    cosines = torch.stack([-dot(into, area), -dot(out, area)]).clamp_min(0) / size
    rough = pose.materials[1].index_select(0, pose.topology.region.index_select(0, facets)).repeat(2)
    real, imag = torch.zeros_like(size), torch.zeros_like(size)
    if settings.method == "points":
        return torch.complex(point_amplitude(size, cosines) / spread, imag)
    if settings.coherent:
        sag = _sagitta(pose, facets, corner)
        cut = (wavenumber, settings.flatness * wavelength)
        real, imag = scattering.smooth_integral(corner, sag, -0.5 * (into + out), cut)
        # Times -j: the Huygens source of a surface, so that a large plate gives what a mirror gives, also in phase.
        left = wavenumber / math.sqrt(math.pi) * scattering.roughness_factor(rough, wavenumber, cosines[0] + cosines[1])
        real, imag = imag * left, -real * left
    if settings.diffuse:
        lambert = _sqrt(scattering.diffuse_rcs(rough, wavenumber, size, cosines))
        phase = scattering.surface_phase(
            pose.seed, *(x.index_select(0, facets) for x in (pose.topology.person, pose.topology.facet))
        )
        turn = torch.stack([phase.cos(), phase.sin()]).repeat(1, 2)
        real, imag = real + lambert * turn[0], imag + lambert * turn[1]
    return torch.complex(real / spread, imag / spread)


def _sqrt(power: Tensor) -> Tensor:
    """Square root with a finite gradient at zero."""
    return (power + 1e-24).sqrt() * (power > 0)


def _between(tx: Leg, rx: Leg) -> Leg:
    """The leg to the middle between the phase centres."""
    middle = 0.5 * (tx.centre + rx.centre)
    return Leg(middle[None], middle, middle, tx.polarization, tx.world_from_radar)
