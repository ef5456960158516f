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
from mmsynth.types import Paths, Radar, Scene

# TX and RX nearer to each other than this (in m) share one shadow ray, to the middle between them: at the edge of an
# occluder 0.3 m before a person at 2 m, the shadows of the two differ by less than 1 cm, a facet.
SHARED_RAY = 0.06

# The topology and the BVH of a scene, as long as the scene lives: a memo, which changes no result.
_stages: "WeakKeyDictionary[Scene, tuple[surface.Surface, Bvh | None]]" = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Pose:
    """Everything that moves in one frame.

    Attributes:
        scene, radar, settings, seed: as given.
        topology: faces of the merged mesh, people first.
        bvh: of the merged mesh; None = nothing casts shadows.
        knots: [knots] in s.
        vertices: [knots, vertices, 3] in the world in m (float64).
        local: [knots, vertices, 3] relative to `anchor` [3], float32: for shapes, not for ways.
        instants: rows of the knots at which visibility is found.
        area: [instants, 3, moving faces] outward normals times area.
        centre: [instants, moving faces, 3] centroids relative to `anchor`.
        sag: [3, 3, moving faces] of the smooth surface off the edges.
    """

    scene: Scene
    radar: Radar
    settings: Simulation
    seed: int
    topology: surface.Surface
    bvh: Bvh | None
    knots: Tensor
    vertices: Tensor
    local: Tensor
    anchor: Tensor
    instants: tuple[int, ...]
    area: Tensor
    centre: Tensor
    sag: Tensor


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
    return strongest(facet_paths(pose, tx, rx), settings.drop)


def pose_frame(scene: Scene, radar: Radar, frame: int, settings: Simulation, seed: int) -> Pose:
    """The surfaces of a scene at the knots of one frame."""
    knots = frame_knots(radar, settings).to(scene.world_from_radar.device)
    count = len(knots)
    topology, bvh = _stage(scene, settings)
    vertices = surface.posed_vertices(scene, slice(frame * count, (frame + 1) * count))
    anchor = vertices[count // 2].detach().mean(0)
    local = (vertices - anchor).to(torch.float32)
    instants = (count // 2,) if radar.active_time <= HELD_TIME else (0, count - 1)
    faces = topology.faces[: topology.moving]
    area, centre = [], []
    for instant in instants:
        points = surface.gather(local[instant], faces)
        area.append(surface.area_vectors(points))
        centre.append(points.mean(1).T)
    sag = torch.zeros_like(points)
    if settings.subdivision > 1 and settings.method == "facets":
        normals = surface.vertex_normals(faces, area[-1], local.shape[1])
        sag = surface.sagitta(points, area[-1], normals, faces)
    return Pose(
        scene,
        radar,
        settings,
        seed,
        topology,
        bvh,
        knots,
        vertices,
        local,
        anchor,
        instants,
        torch.stack(area),
        torch.stack(centre),
        sag,
    )


def facet_paths(pose: Pose, tx: Leg, rx: Leg) -> Paths:
    """The paths from the TX over its leg to every visible facet and back over the leg of the RX."""
    seen = visible(pose, tx, rx)
    facets = seen.any(0).nonzero()[:, 0]
    faces = pose.topology.faces[facets]
    centre = pose.vertices[:, faces].mean(2)
    middle = len(pose.knots) // 2
    into, out = ((centre[middle] - leg.centre).to(torch.float32) for leg in (tx, rx))
    into, out = (torch.nn.functional.normalize(way, dim=1) for way in (into, out))
    common = _coefficient(pose, facets, (tx, rx), into, out)
    gain = torch.stack(
        [
            _amplitude(pose, facets, knot, (centre[knot] - tx.centre, centre[knot] - rx.centre), common)
            * seen[row, facets]
            for row, knot in ((0, 0), (-1, len(pose.knots) - 1))
        ],
        1,
    )
    to_radar = tx.world_from_radar.to(into)
    return Paths(
        gain=gain,
        tx_delay=legs.delays(tx, centre),
        rx_delay=legs.delays(rx, centre),
        knots=pose.knots,
        departure=legs.departure(tx, into) @ to_radar,
        arrival=legs.departure(rx, out) @ to_radar,
        region=pose.topology.region[facets],
        order=torch.full_like(facets, len(tx.mirrors) + len(rx.mirrors)),
        region_names=pose.topology.region_names,
    )


def visible(pose: Pose, tx: Leg, rx: Leg) -> Tensor:
    """Whether [instants, moving faces] each facet faces both ends of the way, and no leg is blocked."""
    rows = []
    together = not tx.mirrors and not rx.mirrors and bool((tx.centre - rx.centre).norm() < SHARED_RAY)
    for row, instant in enumerate(pose.instants):
        area, centre = pose.area[row].detach(), pose.centre[row].detach()
        front = torch.ones(centre.shape[0], dtype=torch.bool, device=centre.device)
        for leg in (tx, rx):
            front &= ((leg.centre - pose.anchor).to(centre) @ area) > (area * centre.T).sum(0)
        if pose.bvh is not None and pose.settings.occlusion:
            pose.bvh.refit(pose.vertices[instant])
        facets = front.nonzero()[:, 0]
        lift = SURFACE_OFFSET * torch.nn.functional.normalize(area[:, facets].T, dim=1)
        start = (centre[facets] + lift).to(torch.float64) + pose.anchor
        bvh = pose.bvh if pose.settings.occlusion else None
        ends = [_between(tx, rx)] if together else [tx, rx]
        for leg in ends:
            clear = legs.free(leg, start, bvh)
            facets, start = facets[clear], start[clear]
        front = torch.zeros_like(front)
        front[facets] = True
        rows.append(front)
    return torch.stack(rows)


def strongest(paths: Paths, drop: float) -> Paths:
    """The paths without the weakest ones, which together hold at most the fraction `drop` of the power."""
    power = paths.gain.detach().abs().square().sum(1)
    order = power.argsort()
    total = power[order].to(torch.float64).cumsum(0)
    first = int(torch.searchsorted(total, drop * total[-1])) if len(total) else 0
    return select(paths, order[first:].sort().values)


def select(paths: Paths, keep: Tensor) -> Paths:
    """The paths at the indices `keep`."""
    rows = {
        name: getattr(paths, name)[keep]
        for name in ("gain", "tx_delay", "rx_delay", "departure", "arrival", "region", "order")
    }
    return Paths(knots=paths.knots, region_names=paths.region_names, **rows)


def _coefficient(pose: Pose, facets: Tensor, ends: tuple[Leg, Leg], into: Tensor, out: Tensor) -> Tensor:
    """What does not change within a frame [facets]: polarised reflection with its losses, patterns, lambda / (4 pi)^1.5."""
    names = pose.topology.region_names
    eps, _, loss = scattering.material_table([pose.scene.materials[n] for n in names], facets.device)
    region = pose.topology.region[facets]
    wavenumber = math.tau / pose.radar.waveform.wavelength
    there, back = (legs.field(leg, way, wavenumber) for leg, way in zip(ends, (into, out), strict=True))
    turned = scattering.polarised_reflection(eps.to(there)[region], into, -out, there)
    beam = legs.pattern(ends[0], into, pose.radar) * legs.pattern(ends[1], out, pose.radar)
    scale = pose.radar.waveform.wavelength / (4 * math.pi) ** 1.5
    return (turned * back).sum(1) * (scale * beam * loss[region].sqrt())


def _amplitude(pose: Pose, facets: Tensor, knot: int, ways: tuple[Tensor, Tensor], common: Tensor) -> Tensor:
    """Gain [facets] at one knot: coherent and diffuse part over the lengths of both legs."""
    settings, wavenumber = pose.settings, math.tau / pose.radar.waveform.wavelength
    corner = surface.centred(surface.gather(pose.local[knot], pose.topology.faces[facets]))
    into, out = (torch.nn.functional.normalize(way.to(torch.float32), dim=1).T for way in ways)
    bisector = -0.5 * (into + out)
    area = surface.area_vectors(corner)
    size = area.norm(dim=0)
    cosines = torch.stack([-(into * area).sum(0), -(out * area).sum(0)]).clamp_min(0) / size
    names = pose.topology.region_names
    rough = scattering.material_table([pose.scene.materials[n] for n in names], facets.device)[1]
    rough = rough[pose.topology.region[facets]]
    amplitude = torch.zeros_like(common)
    if settings.coherent:
        integral = scattering.curved_integral(
            corner, pose.sag[:, :, facets], bisector, (wavenumber, settings.subdivision)
        )
        left = scattering.roughness_factor(rough, wavenumber, cosines.sum(0))
        # -j: the Huygens source of a surface, so that a large plate gives what a mirror gives, also in phase.
        amplitude = amplitude - 1j * wavenumber / math.sqrt(math.pi) * integral * left
    if settings.diffuse:
        power = scattering.diffuse_rcs(torch.ones_like(rough), rough, wavenumber, size, cosines)
        phase = scattering.surface_phase(pose.seed, pose.topology.person[facets], pose.topology.facet[facets])
        amplitude = amplitude + torch.polar(safe_sqrt(power), phase)
    spread = (ways[0].norm(dim=1) * ways[1].norm(dim=1)).to(torch.float32)
    return amplitude * common / spread


def safe_sqrt(power: Tensor) -> Tensor:
    """Square root with a finite gradient at zero."""
    return (power + 1e-20).sqrt() * (power > 0)


def _between(tx: Leg, rx: Leg) -> Leg:
    """The leg to the middle between the phase centres."""
    middle = 0.5 * (tx.centre + rx.centre)
    return Leg(middle[None], middle, middle, tx.polarization, tx.world_from_radar)


def _stage(scene: Scene, settings: Simulation) -> tuple[surface.Surface, Bvh | None]:
    if scene not in _stages:
        topology = surface.merge_surface(scene)
        # Built on the first pose, so that the tree depends on the scene alone and not on the frames traced before.
        bvh = Bvh(surface.posed_vertices(scene, slice(0, 1))[0], topology.faces) if len(topology.faces) else None
        _stages[scene] = (topology, bvh)
    return _stages[scene]
