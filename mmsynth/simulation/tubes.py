"""Bounces between people, and in corners: ray tubes that are shot and bounce, with physical optics at the last hit.

Every facet that the TX sees starts a tube, whose three corner rays are reflected by the smooth surface and fall on the
plane of whatever the middle ray meets (Ling, Chou and Lee 1989). The footprint there scatters towards the RX, and the
tube bounces on. A tube spreads or gathers as its corners do, so that power is kept. Where it would be wide on a surface
that curves, the facet starts a tube from each of its pieces instead. Paths hold on to surface points: first order in
what moves is exact, since the way of a reflected ray is stationary in its point of reflection.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.simulation import legs, scattering, surface
from mmsynth.simulation.facets import seen_by_tx, share_rays, strongest
from mmsynth.simulation.legs import SURFACE_OFFSET, Leg
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.rays import Bvh
from mmsynth.simulation.surface import cross, dot, length, unit
from mmsynth.types import Paths

# A corner ray that grazes the plane which it falls on (cosine below this) would make a footprint without end.
GRAZING = 0.05
# A footprint of a first reflection may leave the surface on which it falls by this part of a wavelength, ...
FLAT = 1 / 32
# ... but no edge of a facet is cut into more pieces than this.
MOST_PIECES = 4


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
    there = [_collect(pose, tubes, ends, budget, -1) for tubes in _shot(pose, ends, seen)]
    if share_rays(ends):
        return there
    back = [_collect(pose, tubes, ends[::-1], budget, 0) for tubes in _shot(pose, ends[::-1], seen)]
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


def _shot(pose: Pose, ends: tuple[Leg, Leg], seen: Tensor) -> Iterator[Tubes]:
    """The tubes from the first end where they have met two surface points, three, and so on."""
    bvh = pose.bvh
    assert bvh is not None
    lit = seen_by_tx(pose, ends, seen).any(0).nonzero()[:, 0]
    bvh.refit(pose.vertices[len(pose.knots) // 2].T[None])
    tubes = _shoot(pose, bvh, ends[0], lit)
    for _ in range(pose.settings.bounces):
        tubes = _bounce(pose, bvh, tubes)
        if len(tubes.face) == 0:
            break
        yield tubes


def _shoot(pose: Pose, bvh: Bvh, tx: Leg, seen: Tensor) -> Tubes:
    """The tubes of the facets `seen`, at their first surface, cut as finely as the surfaces that they meet ask for."""
    pieces = _pieces(pose, bvh, tx, seen)
    parts = [_launch(pose, tx, seen[pieces == count], count) for count in sorted(set(pieces.tolist())) if count]
    if not parts:
        return _launch(pose, tx, seen[:0], 1)
    names = ("point", "middle", "way", "ahead", "travelled", "field", "face")
    joined = {name: torch.cat([getattr(part, name) for part in parts], -1) for name in names}
    return Tubes(**joined, chain=((joined["face"], torch.cat([part.chain[0][1] for part in parts], -1)),))


def _launch(pose: Pose, tx: Leg, face: Tensor, count: int) -> Tubes:
    """Tubes of the facets `face` [facets], each edge in `count` pieces on the smooth surface [count^2 * facets]."""
    faces = pose.topology.faces[:, face]
    corner = surface.gather(pose.vertices[len(pose.knots) // 2], faces)
    weights, pieces = (x.to(corner.device) for x in scattering.pieces_of(count))
    weights = weights.to(corner)
    shape = corner
    if count > 1:
        area = surface.area_vectors(corner)
        shape = torch.cat([corner, surface.sagitta(corner, area, pose.normals[0].to(corner), faces)], 1)
    # Of a quadratic node, 4 a b of an edge's sagitta lie off the flat point a, b, c.
    node = weights[:, : shape.shape[1]] @ shape  # [3, nodes, facets]
    point = node[:, pieces].flatten(2)  # [3, 3, pieces * facets]
    flat = weights[:, :3][pieces].mean(0).T  # [3, pieces]
    thirds = flat[:, :, None].expand(-1, -1, len(face)).flatten(1)
    middle = surface.centroid(point)
    way, ahead = point - tx.centre[:, None, None], unit(middle - tx.centre[:, None])
    wavenumber = math.tau / pose.radar.waveform.wavelength
    field = legs.field(tx, ahead.to(torch.float32), wavenumber) / length(middle - tx.centre[:, None])
    start = face.repeat(pieces.shape[1])
    return Tubes(point, middle, unit(way), ahead, length(way), field, start, ((start, thirds),))


def _pieces(pose: Pose, bvh: Bvh, tx: Leg, face: Tensor) -> Tensor:
    """Into how many pieces [facets] to cut each edge of a facet; 0 = none of its rays meets a person again.

    The rays are those of its corners, which neighbours share, and of its middle.
    """
    here = _facets(pose, face)
    used = torch.zeros(pose.topology.vertices, dtype=torch.bool, device=face.device)
    row = used.index_fill_(0, here.faces.flatten(), True).cumsum(0) - 1
    middle, third = surface.centroid(here.corner), torch.full_like(here.flat, 1 / 3)
    start = torch.cat([pose.vertices[len(pose.knots) // 2][:, used], middle], 1)
    normal = torch.cat([pose.normals[0].to(start)[:, used], here.normal(third)], 1)
    way = _reflect(unit(start - tx.centre[:, None]), normal)
    hit, reach = bvh.first_hit((start + SURFACE_OFFSET * normal).T, way.T)
    bent = _bent(pose, hit)
    # Rows of the rays of each facet: three corners and the middle.
    own = torch.cat([row[here.faces], int(used.sum()) + torch.arange(len(face), device=face.device)[None]])
    met = ((hit >= 0) & (hit < pose.topology.moving))[own] & (dot(way[:, own], here.flat[:, None]) > 0)
    fall = torch.where(met, reach[own], 0).amax(0)
    wide = _edges(here.corner + fall * way[:, own[:3]]).amax(0)
    count = wide * torch.where(met, bent[own], 0).amax(0) / math.sqrt(FLAT * pose.radar.waveform.wavelength)
    return torch.where(met.any(0), count.ceil().clamp(1, MOST_PIECES), 0).long()


def _bent(pose: Pose, hit: Tensor) -> Tensor:
    """Root of the sagitta over the length of the edge [rays] that bends most, of the facets of people that rays meet.

    Off a patch n times as wide the surface lies n^2 times as far.
    """
    rows = ((hit >= 0) & (hit < pose.topology.moving)).nonzero()[:, 0]
    faces = pose.topology.faces[:, hit[rows]]
    corner = surface.gather(pose.vertices[len(pose.knots) // 2], faces)
    sag = length(surface.sagitta(corner, surface.area_vectors(corner), pose.normals[0].to(corner), faces))
    found = (sag.sqrt() / _edges(corner)).amax(0)
    return torch.zeros(len(hit), dtype=found.dtype, device=hit.device).index_copy(0, rows, found)


def _bounce(pose: Pose, bvh: Bvh, tubes: Tubes) -> Tubes:
    """Reflect the tubes where they are, and carry them to what their middle rays meet next."""
    here = _facets(pose, tubes.face)
    normal = here.normal(tubes.chain[-1][1])
    ahead = unit(_reflect(tubes.ahead, normal))
    hit, _ = bvh.first_hit((tubes.middle + SURFACE_OFFSET * here.flat).T, ahead.T)
    # The room is met over mirrors, not here.
    rows = ((hit >= 0) & (hit < pose.topology.moving) & (dot(ahead, here.flat) > 0)).nonzero()[:, 0]
    tubes, here, normal, ahead = tubes.at(rows), here.at(rows), normal[:, rows], ahead[:, rows]
    weights = [_barycentric(tubes.point[:, k], here.corner) for k in range(3)]
    way = _reflect(tubes.way, torch.stack([here.normal(weight) for weight in weights], 1))
    eps, rough, loss = (x[pose.topology.region[tubes.face]] for x in pose.materials)
    wavenumber = math.tau / pose.radar.waveform.wavelength
    field = scattering.polarised_reflection(eps, tubes.ahead, ahead, tubes.field)
    lost = scattering.roughness_factor(rough, wavenumber, -2 * dot(tubes.ahead, normal)) * loss.sqrt()
    moved = replace(tubes, way=way, ahead=ahead, field=field * lost, face=hit[rows])
    return _land(pose, moved, _width(tubes.point, tubes.ahead))


def _land(pose: Pose, tubes: Tubes, width: Tensor) -> Tubes:
    """Put the footprints onto planes that touch the smooth surface; `width` in m^2 is that of the tubes before.

    Each plane touches it where the middle ray meets the facet `tubes.face`.
    """
    there = _facets(pose, tubes.face)
    reach = dot(tubes.middle - there.corner[:, 0], there.flat) / -dot(tubes.ahead, there.flat).clamp_max(-1e-9)
    weight = _barycentric(tubes.middle + reach * tubes.ahead, there.corner)
    normal, touch = there.normal(weight), _touch(pose, there, weight)
    down, fall = -dot(tubes.way, normal[:, None]), -dot(tubes.ahead, normal)
    step = dot(tubes.point - touch[:, None], normal[:, None]) / down.clamp_min(1e-9)
    reach = dot(tubes.middle - touch, normal) / fall.clamp_min(1e-9)
    point, middle = tubes.point + step * tubes.way, tubes.middle + reach * tubes.ahead
    after = _width(point, tubes.ahead)
    # The ratio of widths is that of powers; a tube narrower than 1e-4 of what it was is at a caustic. A corner may lie
    # in the very crease between two facets: hence the micrometre below.
    field = tubes.field * (width / after.clamp_min(1e-30)).sqrt().clamp_max(100.0)
    landed = Tubes(
        point, middle, tubes.way, tubes.ahead, tubes.travelled + step, field, tubes.face,
        (*tubes.chain, (tubes.face, weight)),
    )  # fmt: skip
    good = (down > GRAZING).all(0) & (step > -1e-6).all(0) & (fall > GRAZING) & (reach > 0)
    return landed.at(good.nonzero()[:, 0])


def _collect(pose: Pose, tubes: Tubes, ends: tuple[Leg, Leg], budget: float, named: int) -> Paths:
    """The paths from the footprints to the RX; their region is that of surface point `named`."""
    tx, rx = ends
    wavelength = pose.radar.waveform.wavelength
    normal = _facets(pose, tubes.face).normal(tubes.chain[-1][1])
    out = unit(rx.centre[:, None] - tubes.middle)
    ask = (dot(out, normal) > 0).nonzero()[:, 0]
    start = (tubes.middle + SURFACE_OFFSET * normal).T
    clear = torch.ones_like(ask, dtype=torch.bool)
    if pose.settings.occlusion and pose.bvh is not None:
        clear = legs.free(rx, start[ask], pose.bvh)
    tubes, normal, out = tubes.at(ask[clear]), normal[:, ask[clear]], out[:, ask[clear]]
    places = [_follow(pose, link) for link in tubes.chain]
    gain = _gain(pose, tubes, (normal, out), ends, places)
    keep = strongest(gain[:, None].expand(-1, len(pose.fade)), pose.settings.drop, budget)
    inner = sum((length((b - a).transpose(0, 1)) for a, b in zip(places, places[1:], strict=False)), torch.zeros(()))
    first, last = places[0].index_select(-1, keep), places[-1].index_select(-1, keep)
    middle = len(pose.knots) // 2
    away = unit(first[middle] - tx.centre[:, None]).to(torch.float32)
    return Paths(
        gain=(gain[keep])[:, None].expand(-1, len(pose.fade)) * (wavelength / (4 * math.pi) ** 1.5),
        tx_delay=legs.delays(tx, first),
        rx_delay=legs.delays(rx, last) + inner.T[keep][:, None] / speed_of_light,
        knots=pose.knots,
        departure=legs.in_radar(tx, away),
        arrival=legs.in_radar(rx, -out[:, keep].to(torch.float32)),
        region=pose.topology.region[tubes.chain[named][0][keep]],
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


@dataclass(frozen=True, eq=False)
class _Facets:
    """Facets at the middle knot, and the smooth surface over them.

    Attributes:
        faces: [3, tubes] vertices; corner: [3, 3, tubes] their places.
        flat: unit normals [3, tubes]; vertex: [3, 3, tubes] those of the smooth surface at the corners.
        smooth: [tubes] whether it is smooth there.
    """

    faces: Tensor
    corner: Tensor
    flat: Tensor
    vertex: Tensor
    smooth: Tensor

    def at(self, rows: Tensor) -> "_Facets":
        """Those at the indices `rows`."""
        parts = (self.faces, self.corner, self.flat, self.vertex, self.smooth)
        return _Facets(*(x.index_select(-1, rows) for x in parts))

    def normal(self, weight: Tensor) -> Tensor:
        """Normals [3, tubes] of the smooth surface at the points given by `weight` [3, tubes] of the corners."""
        return torch.where(self.smooth, unit((self.vertex * weight.clamp(0, 1)).sum(1)), self.flat)


def _facets(pose: Pose, face: Tensor) -> _Facets:
    """The facets `face` [tubes]."""
    faces = pose.topology.faces[:, face]
    corner = surface.gather(pose.vertices[len(pose.knots) // 2], faces)
    flat = unit(surface.area_vectors(corner))
    vertex = surface.gather(pose.normals[0], faces).to(flat)
    smooth = (dot(vertex, flat[:, None]) > surface.CREASE_COSINE).all(0)
    return _Facets(faces, corner, flat, vertex, smooth if pose.settings.flatness else torch.zeros_like(smooth))


def _touch(pose: Pose, facets: _Facets, weight: Tensor) -> Tensor:
    """Points [3, tubes] of the smooth surface over those given by `weight` [3, tubes] of the corners of facets."""
    if pose.settings.flatness == 0:
        return (facets.corner * weight).sum(1)
    sag = surface.sagitta(facets.corner, surface.area_vectors(facets.corner), pose.normals[0].to(weight), facets.faces)
    return (facets.corner * weight + 4 * sag * weight * weight.roll(-1, 0)).sum(1)


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


def _edges(corner: Tensor) -> Tensor:
    """Lengths [3, ...] in m of the edges of triangles with corners [3, 3, ...]."""
    return length(corner.roll(-1, 1) - corner)


def _reflect(way: Tensor, normal: Tensor) -> Tensor:
    """Directions [3, ...] mirrored in surfaces of unit normals [3, ...]."""
    return way - 2 * dot(way, normal) * normal
