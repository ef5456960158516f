"""Ways over chains of surface points, from TX to RX: delays of every antenna, directions at the radar, what is left.

Delays and directions come from one Warp kernel; torch is its reference, and the route that can be differentiated.
"""

import math

import torch
import warp as wp
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.arrays import differentiable
from mmsynth.simulation import legs, surface
from mmsynth.simulation.facets.structs import PoseStruct, corner_of, pose_struct
from mmsynth.simulation.kernels.launch import launch
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.legs.structs import LegStruct, empty_ways, leg_struct
from mmsynth.simulation.pose import PosedScene
from mmsynth.simulation.scattering import polarised_reflection
from mmsynth.simulation.surface import length, unit

wp.set_module_options({"enable_backward": False})

_SLOWNESS = wp.constant(wp.float64(1 / speed_of_light))


Chains = tuple[Tensor, Tensor]
Ways = tuple[Tensor, Tensor, Tensor, Tensor]


def chain_ways(pose: PosedScene, chain: Chains, ends: tuple[Leg, Leg]) -> Ways:
    """Delays from the TX to the first points of chains and over all others to the RX, departure and arrival.

    `chain` has the faces [points, chains] and the weights [points, chains, 3] of their corners; legs are direct.
    Delays [chains, antennas, knots] are in s (float64), directions [chains, 3] in the radar frame at mid-frame.
    """
    return (reference_ways if differentiable(pose.vertices, ends) else _fused_ways)(pose, chain, ends)


def reference_ways(pose: PosedScene, chain: Chains, ends: tuple[Leg, Leg]) -> Ways:
    """As `chain_ways`, in torch."""
    tx, rx = ends
    corners = [surface.gather(pose.vertices, pose.topology.faces[:, face]) for face in chain[0]]
    places = [(corner * weight.T).sum(2) for corner, weight in zip(corners, chain[1], strict=True)]
    inner = sum((length((b - a).transpose(0, 1)) for a, b in zip(places, places[1:], strict=False)), torch.zeros(()))
    first, last = places[0], places[-1]
    middle = len(pose.knots) // 2
    away, back = (unit(x[middle] - leg.centre[:, None]).to(torch.float32) for x, leg in ((first, tx), (last, rx)))
    there, here = legs.delays(tx, first), legs.delays(rx, last) + inner.T[:, None] / speed_of_light
    return there, here, legs.in_radar(tx, away), legs.in_radar(rx, back)


def chain_factor(pose: PosedScene, chain: Chains, ends: tuple[Leg, Leg]) -> Tensor:
    """What antennas, materials and the first and the last way leave of a field along chains [chains] (complex).

    It can be differentiated; tubes' gains are this times what footprints and foci add, which holds no material.
    """
    tx, rx = ends
    vertices, wavenumber = pose.vertices[len(pose.knots) // 2], math.tau / pose.radar.waveform.wavelength
    corners = [surface.gather(vertices, pose.topology.faces[:, face]) for face in chain[0]]
    places = [(corner * weight.T).sum(1) for corner, weight in zip(corners, chain[1], strict=True)]
    normals = [_normal(pose, *point) for point in zip(chain[0], corners, chain[1], strict=True)]
    stops = [tx.centre[:, None], *places, rx.centre[:, None]]
    steps = [(b - a).to(torch.float32) for a, b in zip(stops, stops[1:], strict=False)]
    ways = [unit(step) for step in steps]
    value, left = legs.field(tx, ways[0], wavenumber), 1 / (length(steps[0]) * length(steps[-1]))
    for face, normal, into, out in zip(chain[0], normals, ways, ways[1:], strict=False):
        region = pose.topology.region.index_select(0, face)
        permittivity, rough, loss = (x.index_select(0, region) for x in pose.materials)
        value = polarised_reflection(permittivity, into, out, value)
        left = left * loss.sqrt() * torch.exp(-0.5 * (wavenumber * rough * surface.dot(out - into, normal)) ** 2)
    beam = legs.pattern(tx, ways[0], pose.radar) * legs.pattern(rx, -ways[-1], pose.radar)
    return surface.dot(value, legs.field(rx, -ways[-1], wavenumber)) * left * beam


def _normal(pose: PosedScene, face: Tensor, corner: Tensor, weight: Tensor) -> Tensor:
    """Normals [3, points] of the smooth surface at weights [points, 3] of corners [3, 3, points]; at a crease, flat."""
    flat = unit(surface.area_vectors(corner)).to(torch.float32)
    normal = surface.gather(pose.normals[0], pose.topology.faces[:, face])
    smooth = surface.uncreased(normal, flat) & (pose.settings.flatness > 0)
    return unit((torch.where(smooth, normal, flat[:, None]) * weight.T).sum(1))


@wp.func
def _write(
    place: wp.vec3d,
    before: wp.float64,
    leg: LegStruct,
    antennas: wp.array(dtype=wp.vec3d),
    delay: wp.array3d(dtype=wp.float64),
    way: wp.array(dtype=wp.vec3),
    at: wp.vec3i,
):
    """The delays of one chain at one knot, and at mid-frame its direction; `at`: chain, knot, knots."""
    for m in range(antennas.shape[0]):
        delay[at[0], m, at[1]] = (before + wp.length(place - antennas[m])) * _SLOWNESS
    if at[1] == at[2] // 2:
        way[at[0]] = leg.radar_from_world * wp.vec3(wp.normalize(place - leg.centre))


@wp.kernel
def _ways(
    mesh: PoseStruct,
    face: wp.array2d(dtype=wp.int64),
    weight: wp.array2d(dtype=wp.vec3),
    tx: LegStruct,
    rx: LegStruct,
    transmitters: wp.array(dtype=wp.vec3d),
    receivers: wp.array(dtype=wp.vec3d),
    tx_delay: wp.array3d(dtype=wp.float64),
    rx_delay: wp.array3d(dtype=wp.float64),
    departure: wp.array(dtype=wp.vec3),
    arrival: wp.array(dtype=wp.vec3),
):
    """One chain of points."""
    chain, knots = wp.tid(), mesh.knots
    for knot in range(knots):
        last, inner = wp.vec3d(), wp.float64(0.0)
        for point in range(face.shape[0]):
            here, w = wp.vec3d(), wp.vec3d(weight[point, chain])
            for k in range(3):
                here += w[k] * corner_of(mesh, knot, face[point, chain], k)
            if point == 0:
                _write(here, inner, tx, transmitters, tx_delay, departure, wp.vec3i(chain, knot, knots))
            else:
                inner += wp.length(here - last)
            last = here
        _write(last, inner, rx, receivers, rx_delay, arrival, wp.vec3i(chain, knot, knots))


def _fused_ways(pose: PosedScene, chain: Chains, ends: tuple[Leg, Leg]) -> Ways:
    """As `chain_ways`, by a kernel."""
    count = chain[0].shape[1]
    found = empty_ways(ends, count, len(pose.knots))
    inputs = [pose_struct(pose), *chain, *(leg_struct(leg) for leg in ends), *(leg.antennas for leg in ends)]
    launch(_ways, count, [*inputs, *found], pose.vertices.device)
    return found
