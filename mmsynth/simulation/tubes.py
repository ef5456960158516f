"""Bounces between people, and in corners: ray tubes that are shot and bounce, with physical optics at the last hit.

Every facet that the TX sees starts a tube, whose three corner rays are reflected by the smooth surface and fall on the
plane of whatever the middle ray meets (Ling, Chou and Lee 1989). The footprint there scatters towards the RX, and the
tube bounces on. A tube spreads or gathers as its corners do, so that power is kept. Paths hold on to surface points:
first order in what moves is exact, since the way of a reflected ray is stationary in its point of reflection.
"""

import math
from dataclasses import dataclass

import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.simulation import legs, scattering, surface
from mmsynth.simulation.facets import seen_from, strongest
from mmsynth.simulation.legs import SURFACE_OFFSET, Leg
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.rays import Bvh
from mmsynth.simulation.surface import cross, dot, length, unit
from mmsynth.types import Paths

# A corner ray that grazes the plane which it falls on (cosine below this) would make a footprint without end.
GRAZING = 0.05


@dataclass(frozen=True, eq=False)
class Tubes:
    """Ray tubes that have just met a facet each, at the middle knot of the frame.

    Attributes:
        point: corners [3, 3, tubes] of the footprint; middle [3, tubes] of it: where the middle ray falls.
        way: unit direction [3, 3, tubes] of the corner rays before they are reflected; ahead [3, tubes] of the middle.
        travelled: metres [3, tubes] along the corner rays from the TX; inner [tubes] along the middle ray after its
            first surface point.
        field: [3, tubes] complex, of a unit source, with the factor of spreading.
        face: [tubes] that was met.
        chain: surface points met so far, as (faces [tubes], weights of the corners [3, tubes]).
    """

    point: Tensor
    middle: Tensor
    way: Tensor
    ahead: Tensor
    travelled: Tensor
    field: Tensor
    face: Tensor
    chain: tuple[tuple[Tensor, Tensor], ...]

    def at(self, rows: Tensor) -> "Tubes":
        """Those at the indices `rows`."""
        chain = tuple((face[rows], weight[:, rows]) for face, weight in self.chain)
        point, middle, way, ahead, travelled, field = (
            x.index_select(-1, rows)
            for x in (self.point, self.middle, self.way, self.ahead, self.travelled, self.field)
        )
        return Tubes(point, middle, way, ahead, travelled, field, self.face[rows], chain)


def tube_paths(pose: Pose, ends: tuple[Leg, Leg], budget: float) -> list[Paths]:
    """The paths over two to `settings.bounces + 1` surface points of the people, one set for each number of points.

    Args:
        pose: of the frame.
        ends: the direct legs of TX and RX.
        budget: power gain that the paths left out of each set may hold together.
    """
    bvh = pose.bvh
    if bvh is None or pose.topology.moving == 0:
        return []
    tubes = _shoot(pose, ends[0])
    bvh.refit(pose.vertices[len(pose.knots) // 2].T)
    found = []
    for _ in range(pose.settings.bounces):
        tubes = _bounce(pose, bvh, tubes)
        if len(tubes.face) == 0:
            break
        found.append(_collect(pose, bvh, tubes, ends, budget))
    return found


def _shoot(pose: Pose, tx: Leg) -> Tubes:
    """The tubes of all facets that the TX sees, at their first surface."""
    face = seen_from(pose, tx).any(0).nonzero()[:, 0]
    point = surface.gather(pose.vertices[len(pose.knots) // 2], pose.topology.faces[:, face])
    middle = surface.centroid(point)
    way = point - tx.centre[:, None, None]
    ahead = unit(middle - tx.centre[:, None])
    thirds = torch.full_like(middle, 1 / 3)
    wavenumber = math.tau / pose.radar.waveform.wavelength
    field = legs.field(tx, ahead.to(torch.float32), wavenumber) / length(middle - tx.centre[:, None])
    return Tubes(point, middle, unit(way), ahead, length(way), field, face, ((face, thirds),))


def _bounce(pose: Pose, bvh: Bvh, tubes: Tubes) -> Tubes:
    """Reflect the tubes where they are, and carry them to what their middle rays meet next."""
    normals, middle_normal, flat = _normals(pose, tubes)
    way = _reflect(tubes.way, normals)
    ahead = unit(_reflect(tubes.ahead, middle_normal))
    eps, rough, loss = (x[pose.topology.region[tubes.face]] for x in pose.materials)
    wavenumber = math.tau / pose.radar.waveform.wavelength
    field = scattering.polarised_reflection(eps, tubes.ahead, ahead, tubes.field)
    lost = scattering.roughness_factor(rough, wavenumber, -2 * dot(tubes.ahead, middle_normal)) * loss.sqrt()
    start = tubes.middle + SURFACE_OFFSET * flat
    hit, _ = bvh.first_hit(start.T, ahead.T)
    # The room is met over mirrors, not here.
    met = (hit >= 0) & (hit < pose.topology.moving) & (dot(ahead, flat) > 0)
    rows = met.nonzero()[:, 0]
    moved = Tubes(tubes.point, tubes.middle, way, ahead, tubes.travelled, field * lost, hit, tubes.chain).at(rows)
    return _land(pose, moved, _width(tubes.point, tubes.ahead)[rows])


def _land(pose: Pose, tubes: Tubes, width: Tensor) -> Tubes:
    """Put the footprints onto the planes of the facets `tubes.face`; `width` in m^2 is that of the tubes before."""
    corner = surface.gather(pose.vertices[len(pose.knots) // 2], pose.topology.faces[:, tubes.face])
    normal = unit(surface.area_vectors(corner))
    down = -dot(tubes.way, normal[:, None])
    step = dot(tubes.point - corner[:, :1], normal[:, None]) / down.clamp_min(1e-9)
    fall = -dot(tubes.ahead, normal)
    reach = dot(tubes.middle - corner[:, 0], normal) / fall.clamp_min(1e-9)
    point, middle = tubes.point + step * tubes.way, tubes.middle + reach * tubes.ahead
    after = _width(point, tubes.ahead)
    # The ratio of widths is that of powers; a tube narrower than 1e-4 of what it was is at a caustic. A corner may lie
    # in the very crease between two facets: hence the micrometre below.
    field = tubes.field * (width / after.clamp_min(1e-30)).sqrt().clamp_max(100.0)
    weight = _barycentric(middle, corner)
    landed = Tubes(
        point, middle, tubes.way, tubes.ahead, tubes.travelled + step, field, tubes.face,
        (*tubes.chain, (tubes.face, weight)),
    )  # fmt: skip
    good = (down > GRAZING).all(0) & (step > -1e-6).all(0) & (fall > GRAZING) & (reach > 0)
    return landed.at(good.nonzero()[:, 0])


def _collect(pose: Pose, bvh: Bvh, tubes: Tubes, ends: tuple[Leg, Leg], budget: float) -> Paths:
    """The paths from the footprints to the RX."""
    tx, rx = ends
    wavelength = pose.radar.waveform.wavelength
    corner = surface.gather(pose.vertices[len(pose.knots) // 2], pose.topology.faces[:, tubes.face])
    normal = unit(surface.area_vectors(corner))
    out = unit(rx.centre[:, None] - tubes.middle)
    ask = (dot(out, normal) > 0).nonzero()[:, 0]
    start = (tubes.middle + SURFACE_OFFSET * normal).T
    clear = legs.free(rx, start[ask], bvh) if pose.settings.occlusion else torch.ones_like(ask, dtype=torch.bool)
    tubes, normal, out = tubes.at(ask[clear]), normal[:, ask[clear]], out[:, ask[clear]]
    places = [_follow(pose, link) for link in tubes.chain]
    gain = _gain(pose, tubes, (normal, out), ends, places)
    keep = strongest(torch.stack([gain, gain], 1), pose.settings.drop, budget)
    inner = sum((length((b - a).transpose(0, 1)) for a, b in zip(places, places[1:], strict=False)), torch.zeros(()))
    first, last = places[0].index_select(-1, keep), places[-1].index_select(-1, keep)
    middle = len(pose.knots) // 2
    away = unit(first[middle] - tx.centre[:, None]).to(torch.float32)
    return Paths(
        gain=(gain[keep])[:, None].expand(-1, 2) * (wavelength / (4 * math.pi) ** 1.5),
        tx_delay=legs.delays(tx, first),
        rx_delay=legs.delays(rx, last) + inner.T[keep][:, None] / speed_of_light,
        knots=pose.knots,
        departure=legs.in_radar(tx, away),
        arrival=legs.in_radar(rx, -out[:, keep].to(torch.float32)),
        region=pose.topology.region[tubes.face[keep]],
        order=torch.full_like(keep, len(tubes.chain) - 1),
        region_names=pose.topology.region_names,
    )


def _gain(
    pose: Pose, tubes: Tubes, toward: tuple[Tensor, Tensor], ends: tuple[Leg, Leg], places: list[Tensor]
) -> Tensor:
    """Gain [tubes] over lambda / (4 pi)^1.5, with the phase referenced to the way over the surface points."""
    (normal, out), (tx, rx) = toward, ends
    middle = len(pose.knots) // 2
    wavenumber = math.tau / pose.radar.waveform.wavelength
    eps, rough, loss = (x[pose.topology.region[tubes.face]] for x in pose.materials)
    stops = [tx.centre[:, None], *(place[middle] for place in places), rx.centre[:, None]]
    reference = sum((length(b - a) for a, b in zip(stops, stops[1:], strict=False)), torch.zeros(()))
    excess = tubes.travelled + length(tubes.point - rx.centre[:, None, None]) - reference
    real, imag = scattering.triangle_phase_integral(*(wavenumber * excess).to(torch.float32))
    area = length(surface.area_vectors(tubes.point))
    cosines = dot(out, normal) - dot(tubes.ahead, normal)
    size = 0.5 * cosines * area * scattering.roughness_factor(rough, wavenumber, cosines) * loss.sqrt()
    back = legs.field(rx, -out.to(torch.float32), wavenumber)
    turned = scattering.polarised_reflection(eps, tubes.ahead, out, tubes.field)
    away = unit(places[0][middle] - tx.centre[:, None]).to(torch.float32)
    beam = legs.pattern(tx, away, pose.radar) * legs.pattern(rx, -out.to(torch.float32), pose.radar)
    spread = size * beam / length(tubes.middle - rx.centre[:, None])
    huygens = -1j * wavenumber / math.sqrt(math.pi) * torch.complex(real, imag)
    gain: Tensor = (dot(turned, back.to(turned)) * huygens * spread).to(torch.complex64)
    return gain


def _normals(pose: Pose, tubes: Tubes) -> tuple[Tensor, Tensor, Tensor]:
    """Normals of the smooth surface at the corners [3, 3, tubes] and the middle [3, tubes]; flat ones [3, tubes]."""
    faces = pose.topology.faces[:, tubes.face]
    corner = surface.gather(pose.vertices[len(pose.knots) // 2], faces)
    flat = unit(surface.area_vectors(corner))
    vertex = surface.gather(pose.normals.to(flat), faces)
    smooth = (dot(vertex, flat[:, None]) > surface.CREASE_COSINE).all(0)
    if pose.settings.flatness == 0:
        smooth = torch.zeros_like(smooth)

    def at(place: Tensor) -> Tensor:
        weight = _barycentric(place, corner).clamp(0, 1)
        return torch.where(smooth, unit((vertex * weight).sum(1)), flat)

    return torch.stack([at(tubes.point[:, k]) for k in range(3)], 1), at(tubes.middle), flat


def _follow(pose: Pose, link: tuple[Tensor, Tensor]) -> Tensor:
    """Places [knots, 3, tubes] of surface points, given as faces and weights of their corners."""
    face, weight = link
    return (surface.gather(pose.vertices, pose.topology.faces[:, face]) * weight).sum(2)


def _barycentric(point: Tensor, corner: Tensor) -> Tensor:
    """Weights [3, tubes] of the corners [3, 3, tubes] that give `point` [3, tubes] in their plane."""
    side, other, away = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0], point - corner[:, 0]
    normal = cross(side, other)
    square = dot(normal, normal).clamp_min(1e-30)
    second, third = dot(cross(away, other), normal) / square, dot(cross(side, away), normal) / square
    return torch.stack([1 - second - third, second, third])


def _width(point: Tensor, direction: Tensor) -> Tensor:
    """Area [tubes] in m^2 of footprints with corners [3, 3, tubes], across `direction` [3, tubes]."""
    return dot(surface.area_vectors(point), direction).abs()


def _reflect(way: Tensor, normal: Tensor) -> Tensor:
    """Directions [3, ...] mirrored in surfaces of unit normals [3, ...]."""
    return way - 2 * dot(way, normal) * normal
