"""Trace: from the surfaces of a scene, posed at the knots of a frame, to the paths that the radar sees.

Legs are exact for every antenna; what is common (visibility, scattering, spreading) is computed once for the phase
centres of the TX and RX arrays.
"""

import math
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from mmsynth.simulation import legs, scattering, surface
from mmsynth.simulation.legs import SURFACE_OFFSET, Leg
from mmsynth.simulation.rays import Bvh
from mmsynth.simulation.settings import HELD_TIME, Simulation, frame_knots
from mmsynth.simulation.surface import dot, length, unit
from mmsynth.types import Paths, Radar, Scene

# TX and RX nearer to each other than this (in m) share one shadow ray, to the middle between them: at the edge of an
# occluder 0.3 m before a person at 2 m, the shadows of the two differ by less than 1 cm, a facet.
SHARED_RAY = 0.06

# The topology and the BVH of a scene, as long as the scene lives: a memo, which changes no result.
_stages: "WeakKeyDictionary[Scene, dict[float, tuple[surface.Surface, Bvh | None]]]" = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Pose:
    """Everything that moves in one frame.

    Attributes:
        radar, settings, seed: as given.
        topology: faces of the merged mesh, people first.
        bvh: of the merged mesh; None = nothing casts shadows.
        materials: permittivity, roughness in m and layer loss of each region.
        knots: [knots] in s.
        vertices: [knots, 3, vertices] in the world in m (float64).
        local: [knots, 3, vertices] relative to `anchor` [3], float32: for shapes, not for ways.
        instants: rows of the knots at which visibility is found.
        area: [instants, 3, moving faces] outward normals times area.
        centre: [instants, 3, moving faces] centroids relative to `anchor`.
        normals: [3, vertices] of the smooth surface at the last of `instants`.
    """

    radar: Radar
    settings: Simulation
    seed: int
    topology: surface.Surface
    bvh: Bvh | None
    materials: tuple[Tensor, Tensor, Tensor]
    knots: Tensor
    vertices: Tensor
    local: Tensor
    anchor: Tensor
    instants: tuple[int, ...]
    area: Tensor
    centre: Tensor
    normals: Tensor


def trace(scene: Scene, radar: Radar, frame: int, settings: Simulation, seed: int) -> Paths:
    """The paths by which frame `frame` of the radar sees the people of a scene.

    Args:
        scene: its people are posed at the knots of all frames (`knot_times`); frame f has rows f*K to (f+1)*K.
        radar: the device.
        frame: index from 0.
        settings: method, knots, bounces.
        seed: of the phases of the diffuse part, which are fixed to the surface and thus the same in every frame.

    Raises:
        ValueError: the scene has no such frame, or lacks a material.
    """
    pose = pose_frame(scene, radar, frame, settings, seed)
    tx, rx = legs.direct_legs(scene, radar, settings)
    return facet_paths(pose, tx, rx)


def pose_frame(scene: Scene, radar: Radar, frame: int, settings: Simulation, seed: int) -> Pose:
    """The surfaces of a scene at the knots of one frame."""
    knots = frame_knots(radar, settings).to(scene.world_from_radar.device)
    count = len(knots)
    topology, bvh = _stage(scene, settings.grain)
    vertices = surface.posed_vertices(scene, slice(frame * count, (frame + 1) * count))
    anchor = vertices[count // 2].detach().mean(1)
    instants = (count // 2,) if radar.active_time <= HELD_TIME else (0, count - 1)
    local = (vertices - anchor[:, None]).to(torch.float32)
    faces = topology.faces[:, : topology.moving]
    corner = surface.gather(local[list(instants)], faces)
    area = torch.stack([surface.area_vectors(c) for c in corner])
    normals = surface.vertex_normals(faces, area[-1], topology.vertices)
    materials = scattering.material_table([scene.materials[name] for name in topology.region_names], vertices.device)
    shapes = (local, anchor, instants, area, surface.centroid(corner), normals)
    return Pose(radar, settings, seed, topology, bvh, materials, knots, vertices, *shapes)


def facet_paths(pose: Pose, tx: Leg, rx: Leg, budget: float | None = None) -> Paths:
    """The paths from the TX over its leg to every visible facet and back over the leg of the RX.

    The weakest are left out as long as together they hold less than `budget` of power gain; its default is the fraction
    `settings.drop` of all of these paths.
    """
    seen = visible(pose, tx, rx)
    facets = seen.any(0).nonzero()[:, 0]
    last, middle = len(pose.knots) - 1, len(pose.knots) // 2
    centre = surface.centroid(surface.gather(pose.vertices, pose.topology.faces.index_select(1, facets)))
    into, out = (unit((centre[middle] - leg.centre[:, None]).to(torch.float32)) for leg in (tx, rx))
    common = _coefficient(pose, facets, (tx, rx), (into, out))
    sag = _sagitta(pose, facets)
    gain = torch.stack(
        [
            _amplitude(pose, (facets, sag, knot), centre[knot], (tx, rx)) * common * seen[row, facets]
            for row, knot in ((0, 0), (-1, last))
        ],
        1,
    )
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


def visible(pose: Pose, tx: Leg, rx: Leg) -> Tensor:
    """Whether [instants, moving faces] each facet faces both ends of the way, and no leg is blocked."""
    rows = []
    together = not tx.mirrors and not rx.mirrors and bool((tx.centre - rx.centre).norm() < SHARED_RAY)
    bvh = pose.bvh if pose.settings.occlusion else None
    for row, instant in enumerate(pose.instants):
        area, centre = pose.area[row].detach(), pose.centre[row].detach()
        front = torch.ones_like(area[0], dtype=torch.bool)
        for leg in (tx, rx):
            front &= dot((leg.centre - pose.anchor).detach().to(centre)[:, None] - centre, area) > 0
        if bvh is not None:
            bvh.refit(pose.vertices[instant].T)
        facets = front.nonzero()[:, 0]
        asked, patch = _one_a_patch(pose.topology, facets)
        lifted = centre.index_select(1, asked) + SURFACE_OFFSET * unit(area.index_select(1, asked))
        start = (lifted + pose.anchor.to(lifted)[:, None]).T
        clear = torch.ones_like(asked, dtype=torch.bool)
        for leg in [_between(tx, rx)] if together else [tx, rx]:
            clear = clear & legs.free(leg, start, bvh)
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
    eps, _, loss = (x[pose.topology.region[facets]] for x in pose.materials)
    wavelength = pose.radar.waveform.wavelength
    there, back = (legs.field(leg, way, math.tau / wavelength) for leg, way in zip(ends, ways, strict=True))
    turned = scattering.polarised_reflection(eps, ways[0], -ways[1], there)
    beam = legs.pattern(ends[0], ways[0], pose.radar) * legs.pattern(ends[1], ways[1], pose.radar)
    return dot(turned, back) * (wavelength / (4 * math.pi) ** 1.5 * beam * loss.sqrt())


def _sagitta(pose: Pose, facets: Tensor) -> Tensor:
    """The smooth surface [3, 3, facets] off the edges, at the last instant of visibility (it turns by little)."""
    faces = pose.topology.faces.index_select(1, facets)
    corner = surface.gather(pose.local[pose.instants[-1]], faces)
    if pose.settings.flatness == 0:
        return torch.zeros_like(corner)
    return surface.sagitta(corner, pose.area[-1].index_select(1, facets), pose.normals, faces)


def _amplitude(pose: Pose, shape: tuple[Tensor, Tensor, int], centre: Tensor, ends: tuple[Leg, Leg]) -> Tensor:
    """Square-root RCS [facets] in m over the lengths of both legs in m, at one knot, but for the reflection.

    `shape` = indices of the facets, their sagitta, the knot; `centre` [3, facets] in m.
    """
    (facets, sag, knot), settings = shape, pose.settings
    wavenumber = math.tau / pose.radar.waveform.wavelength
    ways = [(centre - leg.centre[:, None]).to(torch.float32) for leg in ends]
    spread = length(ways[0]) * length(ways[1])
    into, out = unit(ways[0]), unit(ways[1])
    corner = surface.gather(pose.local[knot], pose.topology.faces.index_select(1, facets))
    corner = corner - surface.centroid(corner)[:, None]
    area = surface.area_vectors(corner)
    size = length(area)
    cosines = torch.stack([-dot(into, area), -dot(out, area)]).clamp_min(0) / size
    rough = pose.materials[1][pose.topology.region[facets]]
    real, imag = torch.zeros_like(size), torch.zeros_like(size)
    if settings.coherent:
        cut = (wavenumber, settings.flatness * pose.radar.waveform.wavelength)
        real, imag = scattering.smooth_integral(corner, sag, -0.5 * (into + out), cut)
        # Times -j: the Huygens source of a surface, so that a large plate gives what a mirror gives, also in phase.
        left = wavenumber / math.sqrt(math.pi) * scattering.roughness_factor(rough, wavenumber, cosines[0] + cosines[1])
        real, imag = imag * left, -real * left
    if settings.diffuse:
        lambert = _sqrt(scattering.diffuse_rcs(rough, wavenumber, size, cosines))
        phase = scattering.surface_phase(pose.seed, pose.topology.person[facets], pose.topology.facet[facets])
        real, imag = real + lambert * phase.cos(), imag + lambert * phase.sin()
    return torch.complex(real / spread, imag / spread)


def _sqrt(power: Tensor) -> Tensor:
    """Square root with a finite gradient at zero."""
    return (power + 1e-24).sqrt() * (power > 0)


def _between(tx: Leg, rx: Leg) -> Leg:
    """The leg to the middle between the phase centres."""
    middle = 0.5 * (tx.centre + rx.centre)
    return Leg(middle[None], middle, middle, tx.polarization, tx.world_from_radar)


def _stage(scene: Scene, grain: float) -> tuple[surface.Surface, Bvh | None]:
    stages = _stages.setdefault(scene, {})
    if grain not in stages:
        # Built on the first pose, so that it depends on the scene alone and not on the frames traced before.
        topology = surface.merge_surface(scene, grain)
        first = surface.posed_vertices(scene, slice(0, 1))[0].T
        stages[grain] = (topology, Bvh(first, topology.faces.T) if topology.faces.shape[1] else None)
    return stages[grain]
