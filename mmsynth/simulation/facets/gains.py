"""What every facet scatters, in plain torch: the reference of `fused.py`, and the route that is differentiable."""

import math

import torch
from torch import Tensor

from mmsynth.simulation import legs, scattering, surface
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.pose import PosedScene
from mmsynth.simulation.surface import dot, length, unit
from mmsynth.types import gain_rows


def facet_gains(pose: PosedScene, facets: Tensor, ends: tuple[Leg, Leg], seen: Tensor) -> tuple[Tensor, Tensor]:
    """Gains [facets, gains] (complex64) of the paths over the faces `facets` of one frame at the knots `gain_rows`.

    And their slopes, of the same shape: d gain / d ln(frequency), less a part that is in phase with the gain.

    `seen` [instants, moving faces] is that of `visible.visible`: a facet that is not seen at an end of the frame has no
    gain there, and fades in between.
    """
    corner = surface.gather(pose.vertices, pose.topology.faces.index_select(1, facets))
    centre = surface.centroid(corner)
    into, out = (unit((centre[len(pose.knots) // 2] - leg.centre[:, None]).to(torch.float32)) for leg in ends)
    common = _coefficient(pose, facets, ends, (into, out))
    # All instants in one go, as facets beside each other. Differences are taken in float64, so that a shape is as exact
    # far from the origin as near it.
    rows = gain_rows(len(pose.knots))
    shape = torch.cat([(corner[k] - centre[k][:, None]).to(torch.float32) for k in rows], -1)
    parts = _amplitude(pose, facets, shape, torch.cat([centre[k] for k in rows], -1), ends)
    shares = seen[[0, -1]].index_select(1, facets).to(torch.float32).T @ pose.fade.T
    gain, slope = (part.reshape(len(rows), -1).T * common[:, None] * shares for part in parts)
    return gain, slope


def _coefficient(pose: PosedScene, facets: Tensor, ends: tuple[Leg, Leg], ways: tuple[Tensor, Tensor]) -> Tensor:
    """What hardly changes within a frame [facets]: polarised reflection, losses, patterns, lambda / (4 pi)^1.5."""
    region = pose.topology.region.index_select(0, facets)
    eps, _, loss = (x.index_select(0, region) for x in pose.materials)
    wavelength = pose.radar.waveform.wavelength
    there, back = (legs.field(leg, way, math.tau / wavelength) for leg, way in zip(ends, ways, strict=True))
    turned = scattering.polarised_reflection(eps, ways[0], -ways[1], there)
    beam = legs.pattern(ends[0], ways[0], pose.radar) * legs.pattern(ends[1], ways[1], pose.radar)
    scale: Tensor = wavelength / (4 * math.pi) ** 1.5 * beam * loss.sqrt()
    return dot(turned, back) * scale


def _sagitta(pose: PosedScene, facets: Tensor, corner: Tensor) -> Tensor:
    """The smooth surface [3, 3, gains * facets] off the edges of `corner` [3, 3, gains * facets].

    It is found once, at the last instant of visibility, and turns with the facets.
    """
    if pose.settings.flatness == 0:
        return torch.zeros_like(corner)
    faces = pose.topology.faces.index_select(1, facets)
    before = surface.gather(pose.local[pose.instants[-1]], faces)
    sag = surface.sagitta(before, pose.area[-1].index_select(1, facets), pose.normals[0], faces)
    times = corner.shape[2] // len(facets)
    return surface.carry(sag.repeat(1, 1, times), before.repeat(1, 1, times), corner)


def _amplitude(
    pose: PosedScene, facets: Tensor, corner: Tensor, centre: Tensor, ends: tuple[Leg, Leg]
) -> tuple[Tensor, Tensor]:
    """Square-root RCS in m over the lengths of both legs in m, but for the reflection, and its slope [gains * facets].

    Args:
        pose: of the frame.
        facets: [facets] indices.
        corner: [3, 3, gains * facets] in m relative to the centroid, of all facets at the first instant, then the next.
        centre: [3, gains * facets] centroids in the world.
        ends: legs of TX and RX.
    """
    settings, wavelength = pose.settings, pose.radar.waveform.wavelength
    wavenumber, times = math.tau / wavelength, corner.shape[2] // max(len(facets), 1)
    ways = [(centre - leg.centre[:, None]).to(torch.float32) for leg in ends]
    lengths = [length(way) for way in ways]
    into, out = ways[0] / lengths[0], ways[1] / lengths[1]
    spread = lengths[0] * lengths[1]
    area = surface.area_vectors(corner)
    # A facet without an area, as where three corners are in a line, has no echo, and no gradient that is no number.
    size = dot(area, area).clamp_min(1e-36).sqrt()
    cosines = torch.stack([-dot(into, area), -dot(out, area)]).clamp_min(0) / size
    rough = pose.materials[1].index_select(0, pose.topology.region.index_select(0, facets)).repeat(times)
    gain, slope = torch.zeros(2, len(size), dtype=torch.complex64, device=size.device)
    if settings.method == "points":
        return _point_amplitude(size, cosines) / spread + gain, slope
    if settings.coherent:
        sag = _sagitta(pose, facets, corner)
        cut = (wavenumber, settings.flatness * wavelength)
        bend = 0.25 * (1 / lengths[0] + 1 / lengths[1])
        gain, slope = scattering.smooth_integral((corner, sag), -0.5 * (into + out), bend, cut)
        # Times -j: the Huygens source of a surface, so that a large plate gives what a mirror gives, also in phase.
        left = wavenumber / math.sqrt(math.pi) * scattering.roughness_factor(rough, wavenumber, cosines[0] + cosines[1])
        gain, slope = -1j * left * gain, -1j * left * slope
    if settings.diffuse:
        lambert = _sqrt(scattering.diffuse_rcs(rough, wavenumber, size, cosines))
        phase = scattering.surface_phase(
            pose.seed, *(x.index_select(0, facets) for x in (pose.topology.person, pose.topology.facet))
        )
        gain = gain + torch.polar(torch.ones_like(phase), phase).repeat(times) * lambert
    return gain / spread, slope / spread


def _point_amplitude(area: Tensor, cosines: Tensor) -> Tensor:
    """Square-root RCS [facets] in m of a point that returns what falls on a facet, evenly: sqrt(area cos_i).

    `cosines` [2, facets] are those of incidence and scattering; with their geometric mean the law is reciprocal. The
    phase is that of the way to the centroid alone, which undersamples a facet of several wavelengths.
    """
    return (area * (cosines[0] * cosines[1]).clamp_min(1e-12).sqrt()).sqrt()


def _sqrt(power: Tensor) -> Tensor:
    """Square root with a finite gradient at zero."""
    return (power + 1e-24).sqrt() * (power > 0)
