"""Legs and patterns as Warp kernels take them, and the field and the beam of one direction.

CPU and CUDA run one source. Complex numbers are `vec2` (real, imaginary). `gains.py` and `leg.py` are the reference.
"""

from typing import Any
from weakref import WeakKeyDictionary

import torch
import warp as wp
from torch import Tensor

from mmsynth.radar import cosine_exponent
from mmsynth.simulation.kernels.launch import as_array
from mmsynth.simulation.legs.leg import Leg
from mmsynth.types import Pattern

# Gradients go the way of the reference.
wp.set_module_options({"enable_backward": False})


# Numbers of a mirror: normal and offset, permittivity, roughness, loss, image of the antennas, normal and offset of
# each edge within it.
MIRROR = 27


@wp.struct
class LegStruct:
    """One leg: `legs.Leg` without its antennas, and the numbers of its mirrors."""

    centre: wp.vec3d
    polarization: wp.vec3
    radar_from_world: wp.mat33
    mirrors: wp.array2d(dtype=float)


@wp.struct
class Beam:
    """`types.Pattern`: two exponents of cosines, or a table: cuts and their slopes [azimuth, its, elevation, its]."""

    peak: float
    azimuth: float
    elevation: float
    angle: wp.array(dtype=float)
    cuts: wp.array2d(dtype=float)


# Directions over the mirrors of a leg, in lanes.
MIRRORS = (
    f"    constexpr int MIRROR = {MIRROR};"
    + """
    auto normal_of = [&](const auto& leg, int m) {
        const float* at = leg.mirrors.data + m * MIRROR;
        return three{zero + at[0], zero + at[1], zero + at[2]};
    };
    // The direction before the mirrors from `first` on, for that in which the leg arrives.
    auto before_mirrors = [&](const auto& leg, int first, three way) {
        for (int m = leg.mirrors.shape[0] - 1; m >= first; --m) {
            three normal = normal_of(leg, m);
            way = way - normal * (2.0f * dot(way, normal));
        }
        return way;
    };
"""
)

# `scattering.polarised_reflection`, `legs.field` and the square of `legs.pattern`. Complex numbers are two lanes.
FIELD = """
    struct number {
        lane real, imag;
    };
    auto times = [](const number& a, const number& b) {
        return number{a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real};
    };
    auto over = [](const number& a, const number& b) {
        lane scale = 1.0f / (b.real * b.real + b.imag * b.imag);
        return number{(a.real * b.real + a.imag * b.imag) * scale, (a.imag * b.real - a.real * b.imag) * scale};
    };
    struct wave_of {
        three real, imag;
    };
    // The product of a field with that which another way makes.
    auto product = [&](const wave_of& a, const wave_of& b) {
        return number{dot(a.real, b.real) - dot(a.imag, b.imag), dot(a.real, b.imag) + dot(a.imag, b.real)};
    };
    const lane one = zero + 1.0f;
    auto reflected = [&](const number& eps, const three& into, const three& out, const wave_of& field) {
        lane cosine = least(most(0.5f * length(out - into), zero + 1e-6f), one);
        auto conductor = eps.real > 1e30f;
        number given = {conductor ? one : eps.real, conductor ? zero : eps.imag};
        number under = {given.real - (1.0f - cosine * cosine), given.imag};
        lane size = root(under.real * under.real + under.imag * under.imag);
        lane real = root(most(0.5f * (size + under.real), zero)), imag = root(most(0.5f * (size - under.real), zero));
        imag = under.imag < zero ? -imag : imag;
        number slanted = {given.real * cosine, given.imag * cosine};
        number te = over({cosine - real, -imag}, {cosine + real, imag});
        number tm = over({slanted.real - real, slanted.imag - imag}, {slanted.real + real, slanted.imag + imag});
        // Conjugated to exp(+j omega tau).
        te = {conductor ? -one : te.real, conductor ? zero : -te.imag};
        tm = {conductor ? one : tm.real, conductor ? zero : -tm.imag};
        three axis = cross(into, out);
        auto aside = dot(axis, axis) > 1e-8f;
        if (any(!aside)) {
            lane x = size_of(into.x), y = size_of(into.y), z = size_of(into.z), smallest = least(least(x, y), z);
            three helper = {x == smallest ? one : zero, y == smallest ? one : zero, z == smallest ? one : zero};
            axis = pick(aside, axis, cross(into, helper));
        }
        axis = unit(axis);
        three before = cross(axis, into), after = cross(axis, out);
        number s = times(te, {dot(field.real, axis), dot(field.imag, axis)});
        number p = times(tm, {dot(field.real, before), dot(field.imag, before)});
        return wave_of{axis * s.real + after * p.real, axis * s.imag + after * p.imag};
    };
    auto field_of = [&](const auto& leg, const three& direction, float wavenumber) {
        three way = before_mirrors(leg, 0, direction), axis = same(leg.polarization);
        wave_of field = {unit(axis - way * dot(axis, way)), {zero, zero, zero}};
        for (int m = 0; m < leg.mirrors.shape[0]; ++m) {
            const float* at = leg.mirrors.data + m * MIRROR;
            three after = before_mirrors(leg, m + 1, direction);
            lane lost = wavenumber * at[6] * dot(way, normal_of(leg, m));
            lane left = exponential(-2.0f * lost * lost) * sqrtf(at[7]);
            field = reflected({zero + at[4], zero + at[5]}, way, after, field);
            field = {field.real * left, field.imag * left};
            way = after;
        }
        return field;
    };
    // Power gain of the element at the end of a leg.
    auto beam_of = [&](const auto& beam, const auto& leg, const three& direction) {
        three way = turned_by(leg.radar_from_world, before_mirrors(leg, 0, direction));
        lane power = zero + beam.peak, level = root(way.x * way.x + way.y * way.y);
        const int angles = beam.angle.shape[0];
        if (angles > 0) {
            const float *at = beam.angle.data, low = at[0], high = at[angles - 1];
            lane angle[2] = {angle_of(way.x, way.y), angle_of(way.z, level)}, found[2];
            for (int i = 0; i < 2; ++i)
                angle[i] = least(most(angle[i], zero + low), zero + high);
            for (int k = 0; k + 1 < angles; ++k)
                for (int i = 0; i < 2; ++i) {
                    const float* cut = beam.cuts.data + 2 * i * angles + k;
                    lane value = cut[0] + (angle[i] - at[k]) * cut[angles];
                    found[i] = k == 0 ? value : (angle[i] >= at[k] ? value : found[i]);
                }
            return power * found[0] * found[1];
        }
        lane across = most(way.y / most(level, zero + 1e-30f), zero + 1e-9f);
        lane up = most(level / length(way), zero + 1e-9f);
        if (beam.azimuth != 0.0f)
            power = power * exponential(beam.azimuth * least(logarithm(across), zero));
        if (beam.elevation != 0.0f)
            power = power * exponential(beam.elevation * least(logarithm(up), zero));
        return power;
    };
"""


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
        out.mirrors = as_array(torch.stack(_mirror_numbers(leg)).to(torch.float32))
    return out


def _mirror_numbers(leg: Leg) -> list[Tensor]:
    """The numbers [MIRROR] of each mirror of a leg."""
    rows = []
    for mirror, image in zip(leg.mirrors, leg.images[1:], strict=True):
        corner, normal = mirror.corners, mirror.normal
        edge = torch.linalg.cross(normal.expand(4, 3), corner.roll(-1, 0) - corner)
        edges = torch.cat([edge, (edge * corner).sum(1, keepdim=True)], 1).flatten()
        eps = torch.view_as_real(mirror.permittivity.to(torch.complex64)).to(corner)
        material = torch.cat([eps, torch.stack([mirror.roughness, mirror.layer_loss]).to(corner)])
        rows.append(torch.cat([normal, (normal @ corner[0])[None], material, image, edges]))
    return rows


def empty_ways(ends: tuple[Leg, Leg], count: int, knots: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where kernels write delays [count, antennas, knots] (float64) over legs, departure and arrival [count, 3]."""
    device = ends[0].centre.device
    there, back = (torch.empty(count, len(leg.antennas), knots, dtype=torch.float64, device=device) for leg in ends)
    departure, arrival = (torch.empty(count, 3, dtype=torch.float32, device=device) for _ in ends)
    return there, back, departure, arrival


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
    angle, cuts = pattern.table_angle, (pattern.azimuth_cut, pattern.elevation_cut)
    if angle is not None:
        last = angle.new_zeros(1)
        rows = [x for cut in cuts if cut is not None for x in (cut, torch.cat([cut.diff() / angle.diff(), last]))]
        out.angle, out.cuts = (as_array(x.to(device, torch.float32)) for x in (angle, torch.stack(rows)))
    return out
