"""Legs, patterns and corners as Warp kernels take them, and the field and the beam of one direction.

CPU and CUDA run one source. Complex numbers are `vec2` (real, imaginary). `gains.py` and `legs.py` are the reference.
"""

from typing import Any
from weakref import WeakKeyDictionary

import torch
import warp as wp
from torch import Tensor

from mmsynth.radar import cosine_exponent
from mmsynth.simulation.legs import Leg
from mmsynth.types import Pattern

# Gradients go the way of the reference.
wp.set_module_options({"enable_backward": False})


@wp.struct
class LegStruct:
    """One leg: `legs.Leg` without its antennas, and its mirrors as arrays."""

    centre: wp.vec3d
    polarization: wp.vec3
    radar_from_world: wp.mat33
    normal: wp.array(dtype=wp.vec3)
    permittivity: wp.array(dtype=wp.vec2)
    roughness: wp.array(dtype=float)
    loss: wp.array(dtype=float)


@wp.struct
class Beam:
    """`types.Pattern`: two exponents of cosines, or a table."""

    peak: float
    azimuth: float
    elevation: float
    angle: wp.array(dtype=float)
    azimuth_cut: wp.array(dtype=float)
    elevation_cut: wp.array(dtype=float)


@wp.func
def times(a: wp.vec2, b: wp.vec2):
    """The product of two complex numbers."""
    return wp.vec2(a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0])


@wp.func
def _over(a: wp.vec2, b: wp.vec2):
    return wp.vec2(a[0] * b[0] + a[1] * b[1], a[1] * b[0] - a[0] * b[1]) / wp.dot(b, b)


@wp.func
def _root(a: wp.vec2):
    """The principal square root."""
    size = wp.length(a)
    real = wp.sqrt(wp.max(0.5 * (size + a[0]), 0.0))
    imag = wp.sqrt(wp.max(0.5 * (size - a[0]), 0.0))
    return wp.vec2(real, wp.where(a[1] < 0.0, -imag, imag))


@wp.func
def _least_axis(direction: wp.vec3):
    size = wp.vec3(wp.abs(direction[0]), wp.abs(direction[1]), wp.abs(direction[2]))
    least = wp.min(size)
    return wp.vec3(
        wp.where(size[0] == least, 1.0, 0.0),
        wp.where(size[1] == least, 1.0, 0.0),
        wp.where(size[2] == least, 1.0, 0.0),
    )


@wp.func
def reflected(permittivity: wp.vec2, incident: wp.vec3, scattered: wp.vec3, real: wp.vec3, imag: wp.vec3):
    """`scattering.polarised_reflection` of the field (real, imag)."""
    cosine = wp.clamp(0.5 * wp.length(scattered - incident), 1e-6, 1.0)
    te, tm = wp.vec2(-1.0, 0.0), wp.vec2(1.0, 0.0)
    if wp.isfinite(permittivity[0]):
        root = _root(permittivity - wp.vec2(1.0 - cosine * cosine, 0.0))
        straight, slanted = wp.vec2(cosine, 0.0), permittivity * cosine
        te = _over(straight - root, straight + root)
        tm = _over(slanted - root, slanted + root)
    axis = wp.cross(incident, scattered)
    if wp.dot(axis, axis) <= 1e-8:
        axis = wp.cross(incident, _least_axis(incident))
    axis = wp.normalize(axis)
    into, out = wp.cross(axis, incident), wp.cross(axis, scattered)
    # Conjugated to exp(+j omega tau).
    s = times(wp.vec2(te[0], -te[1]), wp.vec2(wp.dot(real, axis), wp.dot(imag, axis)))
    p = times(wp.vec2(tm[0], -tm[1]), wp.vec2(wp.dot(real, into), wp.dot(imag, into)))
    return s[0] * axis + p[0] * out, s[1] * axis + p[1] * out


@wp.func
def before_mirrors(leg: LegStruct, mirror: int, direction: wp.vec3):
    """The direction before the mirrors from `mirror` on, for that in which the leg arrives."""
    way = direction
    for m in range(leg.normal.shape[0] - 1, mirror - 1, -1):
        way = way - 2.0 * wp.dot(way, leg.normal[m]) * leg.normal[m]
    return way


@wp.func
def mirrored_field(leg: LegStruct, direction: wp.vec3, wavenumber: float):
    """`legs.field` of one direction."""
    way = before_mirrors(leg, 0, direction)
    real = wp.normalize(leg.polarization - wp.dot(leg.polarization, way) * way)
    imag = wp.vec3(0.0, 0.0, 0.0)
    for m in range(leg.normal.shape[0]):
        after = before_mirrors(leg, m + 1, direction)
        lost = wavenumber * leg.roughness[m] * wp.dot(way, leg.normal[m])
        left = wp.exp(-2.0 * lost * lost) * wp.sqrt(leg.loss[m])
        real, imag = reflected(leg.permittivity[m], way, after, real, imag)
        real, imag = real * left, imag * left
        way = after
    return real, imag


@wp.func
def _read(angle: float, knots: wp.array(dtype=float), values: wp.array(dtype=float)):
    right = wp.clamp(wp.lower_bound(knots, angle), 1, knots.shape[0] - 1)
    weight = wp.clamp((angle - knots[right - 1]) / (knots[right] - knots[right - 1]), 0.0, 1.0)
    return values[right - 1] + weight * (values[right] - values[right - 1])


@wp.func
def amplitude_gain(beam: Beam, leg: LegStruct, direction: wp.vec3):
    """`legs.pattern` of one direction."""
    way = leg.radar_from_world * before_mirrors(leg, 0, direction)
    level = wp.sqrt(way[0] * way[0] + way[1] * way[1])
    if beam.angle.shape[0] > 0:
        azimuth, elevation = wp.atan2(way[0], way[1]), wp.atan2(way[2], level)
        cuts = _read(azimuth, beam.angle, beam.azimuth_cut) * _read(elevation, beam.angle, beam.elevation_cut)
        return wp.sqrt(beam.peak * cuts)
    power = beam.peak
    if beam.azimuth != 0.0:
        power *= wp.pow(wp.max(way[1] / wp.max(level, 1e-30), 1e-9), beam.azimuth)
    if beam.elevation != 0.0:
        power *= wp.pow(wp.max(level / wp.length(way), 1e-9), beam.elevation)
    return wp.sqrt(power)


@wp.func
def corner_of(
    vertices: wp.array3d(dtype=wp.float64), faces: wp.array2d(dtype=wp.int64), knot: int, face: wp.int64, corner: int
):
    """A corner of a face at a knot."""
    v = faces[corner, face]
    return wp.vec3d(vertices[knot, 0, v], vertices[knot, 1, v], vertices[knot, 2, v])


# `before_mirrors` in lanes.
MIRRORS = """
    // The direction before the mirrors from `first` on, for that in which the leg arrives.
    auto before_mirrors = [&](const auto& leg, int first, three way) {
        for (int m = leg.normal.shape[0] - 1; m >= first; --m) {
            three normal = same(leg.normal.data[m]);
            way = way - normal * (2.0f * dot(way, normal));
        }
        return way;
    };
"""


def as_array(values: Tensor, dtype: Any = None) -> Any:
    """A tensor as Warp sees it, without its gradient."""
    return wp.from_torch(values.detach().contiguous(), dtype=dtype)


def material_arrays(permittivity: Tensor, roughness: Tensor, loss: Tensor) -> tuple[Any, Any, Any]:
    """Material arrays of a kernel, from tensors [n]."""
    eps = torch.view_as_real(permittivity.detach().to(torch.complex64).contiguous())
    return as_array(eps, wp.vec2), as_array(roughness.to(torch.float32)), as_array(loss.to(torch.float32))


# Legs and patterns as kernels take them, as long as they live: a memo, which changes no result.
_legs: "WeakKeyDictionary[Leg, Any]" = WeakKeyDictionary()
_beams: "WeakKeyDictionary[Pattern, dict[torch.device, Any]]" = WeakKeyDictionary()


def leg_struct(leg: Leg) -> Any:
    """A leg as kernels take it."""
    if leg not in _legs:
        _legs[leg] = _leg_struct(leg)
    return _legs[leg]


def _leg_struct(leg: Leg) -> Any:
    out = LegStruct()
    out.centre = wp.vec3d(*leg.centre.tolist())
    out.polarization = wp.vec3(*leg.polarization.tolist())
    out.radar_from_world = wp.mat33(*leg.world_from_radar.T.flatten().tolist())
    if leg.mirrors:
        out.normal = as_array(torch.stack([m.normal for m in leg.mirrors]).to(torch.float32), wp.vec3)
        parts = ((m.permittivity, m.roughness, m.layer_loss) for m in leg.mirrors)
        out.permittivity, out.roughness, out.loss = material_arrays(*(torch.stack(x) for x in zip(*parts, strict=True)))
    return out


def beam_struct(pattern: Pattern, device: torch.device) -> Any:
    """A pattern as kernels take it."""
    known = _beams.setdefault(pattern, {})
    if device not in known:
        known[device] = _beam_struct(pattern, device)
    return known[device]


def _beam_struct(pattern: Pattern, device: torch.device) -> Any:
    out = Beam()
    out.peak = pattern.peak_gain
    out.azimuth, out.elevation = cosine_exponent(pattern.azimuth_width), cosine_exponent(pattern.elevation_width)
    if pattern.table_angle is not None:
        names = ("angle", "azimuth_cut", "elevation_cut")
        cuts = (pattern.table_angle, pattern.azimuth_cut, pattern.elevation_cut)
        for name, values in zip(names, cuts, strict=True):
            if values is not None:
                setattr(out, name, as_array(values.to(device, torch.float32)))
    return out
