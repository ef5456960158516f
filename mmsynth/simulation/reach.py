"""How strongly legs over mirrors light each facet, in one Warp kernel: what can be left out before a ray is shot.

A thread is a leg and as many facets beside each other as there are lanes.
"""

import math
from weakref import WeakKeyDictionary

import torch
import warp as wp
from torch import Tensor

from mmsynth.radar import pattern_gain
from mmsynth.simulation.lanes import GEOMETRY, LANES, lanes_of
from mmsynth.simulation.legs import Leg, images_of
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.rays import torch_stream
from mmsynth.types import Pattern

wp.set_module_options({"enable_backward": False})

# Numbers of a leg (centre, polarisation, rotation to the radar, how many mirrors) and of each of its mirrors (normal
# and offset, image of the antennas, normal and offset of each edge within it, permittivity, roughness, loss).
LEG, MIRROR = 16, 27
# Steps of the tables of the pattern over azimuth and elevation, see `_cuts`.
STEPS = 4096

_SNIPPET = (
    LANES
    + GEOMETRY
    + """
    constexpr int LEG = 16, MIRROR = 27, STEPS = 4096;
    auto dots = [](const float* a, three b) { return a[0] * b.x + a[1] * b.y + a[2] * b.z; };
    auto add = [](three a, lane s, const float* b) { return three{a.x + s * b[0], a.y + s * b[1], a.z + s * b[2]}; };
    auto sum = [](lane s, three a, lane t, three b) {
        return three{s * a.x + t * b.x, s * a.y + t * b.y, s * a.z + t * b.z};
    };
    const float* leg = legs.data + which.data[one] * width;
    const int mirrors = (int32_t)leg[15];
    float numbers[6][L];
    for (int n = 0; n < (facing ? 6 : 3); ++n)
        for (int l = 0; l < L; ++l) {
            const int at = packet * L + l < faces ? packet * L + l : faces - 1;
            const float* from = (n < 3 ? centres.data : areas.data) + (row * 3 + n % 3) * faces;
            numbers[n][l] = from[at];
        }
    float result[L];
    store(result, zero);
    three point = {load(numbers[0]) + anchor.c[0], load(numbers[1]) + anchor.c[1], load(numbers[2]) + anchor.c[2]};
    three way = {point.x - leg[0], point.y - leg[1], point.z - leg[2]};
    auto lit = zero == zero;
    if (facing)
        lit = dot(way, three{load(numbers[3]), load(numbers[4]), load(numbers[5])}) < zero;
    // Whether the way meets every mirror inside its quad: `legs.free` without a BVH.
    three start = point;
    for (int m = mirrors - 1; m >= 0 && any(lit); --m) {
        const float* mirror = leg + LEG + m * MIRROR;
        three toward = {mirror[4] - start.x, mirror[5] - start.y, mirror[6] - start.z};
        lane fraction = (mirror[3] - dots(mirror, start)) / dots(mirror, toward);
        lit = lit & (fraction > zero + 1e-6f) & (fraction < zero + 1.0f);
        start = sum(zero + 1.0f, start, fraction, toward);
        lane low = zero, high = zero;
        for (int k = 0; k < 4; ++k) {
            const float* edge = mirror + 7 + 4 * k;
            lane turn = dots(edge, start) - edge[3];
            low = least(low, turn);
            high = most(high, turn);
        }
        lit = lit & ((low >= zero) | (high <= zero));
    }
    if (any(lit)) {
        lane far = root(dot(way, way)), near = 1.0f / far;
        three arrives = {way.x * near, way.y * near, way.z * near};
        auto before = [&](int first) {
            three direction = arrives;
            for (int m = mirrors - 1; m >= first; --m) {
                const float* normal = leg + LEG + m * MIRROR;
                direction = add(direction, -2.0f * dots(normal, direction), normal);
            }
            return direction;
        };
        three into = before(0), leaves = into;
        lane along = dots(leg + 3, into);
        three real = {leg[3] - along * into.x, leg[4] - along * into.y, leg[5] - along * into.z};
        three imag = {zero, zero, zero};
        lane norm = root(dot(real, real));
        norm = 1.0f / most(norm, zero + 1e-12f);
        real = {real.x * norm, real.y * norm, real.z * norm};
        for (int m = 0; m < mirrors; ++m) {
            const float *mirror = leg + LEG + m * MIRROR, eps = mirror[23], loss = mirror[24];
            three out = before(m + 1), normal = {zero + mirror[0], zero + mirror[1], zero + mirror[2]};
            lane cosine = least(most(size_of(dots(mirror, into)), zero + 1e-6f), zero + 1.0f);
            // Fresnel's coefficients, TE and TM, of a half space: `scattering.reflection`.
            lane te = zero - 1.0f, te_j = zero, tm = zero + 1.0f, tm_j = zero;
            if (eps < 1e30f) {
                lane a = eps - 1.0f + cosine * cosine, b = zero + loss, whole_size = root(a * a + b * b);
                lane re = root(most(0.5f * (whole_size + a), zero)), im = root(most(0.5f * (whole_size - a), zero));
                im = b < zero ? -im : im;
                auto over = [&](lane c, lane d, lane& x, lane& y) {
                    lane p = c - re, q = d - im, r = c + re, s = d + im, scale = 1.0f / (r * r + s * s);
                    x = (p * r + q * s) * scale;
                    y = (q * r - p * s) * scale;
                };
                over(cosine, zero, te, te_j);
                over(eps * cosine, loss * cosine, tm, tm_j);
            }
            three axis = cross(into, normal);
            lane straight = dot(axis, axis);
            lane up = size_of(into.z) < zero + 0.7f ? zero + 1.0f : zero;
            three aside = cross(into, three{1.0f - up, zero, up});
            auto slanted = straight > zero + 1e-8f;
            axis = {slanted ? axis.x : aside.x, slanted ? axis.y : aside.y, slanted ? axis.z : aside.z};
            norm = 1.0f / root(dot(axis, axis));
            axis = {axis.x * norm, axis.y * norm, axis.z * norm};
            three under = cross(axis, into), over_out = cross(axis, out);
            lane s = dot(real, axis), s_j = dot(imag, axis), p = dot(real, under), p_j = dot(imag, under);
            lane scale = zero + wp::sqrt(mirror[26]);
            if (mirror[25] > 0.0f) {
                float part[L];
                store(part, wavenumber * mirror[25] * cosine);
                for (int l = 0; l < L; ++l)
                    part[l] = wp::exp(-2.0f * part[l] * part[l]);
                scale *= load(part);
            }
            // Times the conjugates: exp(+j omega tau).
            real = sum(scale * (te * s + te_j * s_j), axis, scale * (tm * p + tm_j * p_j), over_out);
            imag = sum(scale * (te * s_j - te_j * s), axis, scale * (tm * p_j - tm_j * p), over_out);
            into = out;
        }
        lane across = dots(leg + 6, leaves), ahead = dots(leg + 9, leaves), above = dots(leg + 12, leaves);
        lane turn = size_of(across) / most(size_of(across) + size_of(ahead), zero + 1e-12f);
        turn = ahead < zero ? 2.0f - turn : turn;
        turn = (2.0f + (across < zero ? -turn : turn)) * (STEPS / 4);
        above = (1.0f + least(most(above, zero - 1.0f), zero + 1.0f)) * (STEPS / 2);
        float cut[2][L], value[L];
        store(cut[0], turn);
        store(cut[1], above);
        store(result, root(dot(real, real) + dot(imag, imag)) * near);
        store(value, lit ? zero + 1.0f : zero);
        for (int l = 0; l < L; ++l)
            for (int n = 0; n < 2; ++n) {
                const int low = wp::clamp((int32_t)cut[n][l], 0, STEPS - 1);
                const float *table = cuts.data + n * (STEPS + 1) + low, share = cut[n][l] - low;
                value[l] *= table[0] + share * (table[1] - table[0]);
            }
        for (int l = 0; l < L; ++l)
            result[l] = value[l] > 0.0f ? result[l] * value[l] : 0.0f;
    }
    for (int l = 0; l < L && packet * L + l < faces; ++l)
        strength.data[(one * rows + row) * faces + packet * L + l] = result[l];
"""
)


@wp.func_native(_SNIPPET)
def _light_up(
    centres: wp.array(dtype=float),
    areas: wp.array(dtype=float),
    facing: int,
    faces: int,
    anchor: wp.vec3,
    legs: wp.array(dtype=float),
    width: int,
    which: wp.array(dtype=wp.int32),
    cuts: wp.array(dtype=float),
    wavenumber: float,
    strength: wp.array(dtype=float),
    rows: int,
    one: int,
    row: int,
    packet: int,
): ...


@wp.kernel
def _light(
    centres: wp.array(dtype=float),
    areas: wp.array(dtype=float),
    facing: int,
    faces: int,
    anchor: wp.vec3,
    legs: wp.array(dtype=float),
    width: int,
    which: wp.array(dtype=wp.int32),
    cuts: wp.array(dtype=float),
    wavenumber: float,
    rows: int,
    strength: wp.array(dtype=float),
):
    one, row, packet = wp.tid()
    _light_up(
        centres, areas, facing, faces, anchor, legs, width, which, cuts, wavenumber, strength, rows, one, row, packet
    )  # fmt: skip


def lit(pose: Pose, table: Tensor, which: Tensor, shape: tuple[Tensor, Tensor | None]) -> Tensor:
    """The field [which, rows, points] in 1/m that a unit source at the far end of each leg makes, nothing in the way.

    It carries the pattern and the mirrors, and is zero where the way misses one, or from behind.

    Args:
        pose: of the radar and of the anchor.
        table: of the legs, by `table_of`.
        which: [which] of them.
        shape: points [rows, 3, points] in m (float32), relative to the anchor, and normals there (None = no back).
    """
    (points, normals), device = shape, table.device
    rows, _, count = points.shape
    strength = torch.zeros(len(which), rows, count, dtype=torch.float32, device=device)
    if strength.numel() == 0:
        return strength
    flat = [
        wp.from_torch(x.detach().to(torch.float32).contiguous().flatten())
        for x in (points, points if normals is None else normals)
    ]
    inputs = [*flat, int(normals is not None), count, wp.vec3(*pose.anchor.tolist()), wp.from_torch(table.flatten())]
    inputs += [table.shape[1], wp.from_torch(which.to(torch.int32)), wp.from_torch(_cuts(pose.radar.pattern, device))]
    inputs += [math.tau / pose.radar.waveform.wavelength, rows]
    size = (len(which), rows, -(-count // lanes_of(device)))
    with torch_stream(device):
        outputs = [wp.from_torch(strength.flatten())]
        wp.launch(_light, dim=size, inputs=inputs, outputs=outputs, device=wp.device_from_torch(device))
    return strength


def reach(pose: Pose, leg: Leg, facets: Tensor) -> Tensor:
    """The field [facets] of `lit` of one leg at facets, on their backs too.

    Face f at the k-th of `pose.rows` has the index k * moving + f in `facets`.
    """
    centre = pose.centre.transpose(0, 1).flatten(1).index_select(1, facets)
    only = torch.zeros(1, dtype=torch.int64, device=facets.device)
    return lit(pose, table_of([leg]), only, (centre[None], None))[0, 0]


def table_of(legs: list[Leg]) -> Tensor:
    """The numbers [legs, LEG + MIRROR * most mirrors] of legs as the kernel takes them (float32, in the world)."""
    most = max(len(leg.mirrors) for leg in legs)
    rows = []
    for leg in legs:
        parts = [leg.centre, leg.polarization, leg.world_from_radar.T.flatten()]
        parts += [leg.centre.new_full((1,), len(leg.mirrors))]
        for mirror, image in zip(leg.mirrors, images_of(leg)[1:], strict=True):
            corner, normal = mirror.corners, mirror.normal
            edge = torch.linalg.cross(normal.expand(4, 3), corner.roll(-1, 0) - corner)
            edges = torch.cat([edge, (edge * corner).sum(1, keepdim=True)], 1).flatten()
            eps = torch.view_as_real(mirror.permittivity.to(torch.complex64)).to(corner)
            material = torch.cat([eps, torch.stack([mirror.roughness, mirror.layer_loss]).to(corner)])
            parts += [normal, (normal @ corner[0])[None], image, edges, material]
        parts += [leg.centre.new_zeros(MIRROR * (most - len(leg.mirrors)))]
        rows.append(torch.cat([part.detach().to(torch.float64) for part in parts]))
    return torch.stack(rows).to(torch.float32)


_known: "WeakKeyDictionary[Pattern, dict[torch.device, Tensor]]" = WeakKeyDictionary()  # a memo


def _cuts(pattern: Pattern, device: torch.device) -> Tensor:
    """Amplitude gain of an element over azimuth and, over that ahead, over elevation, as a table [2 * (STEPS + 1)].

    Azimuth goes by x / (|x| + |y|), from -1 to 1 ahead and beyond behind; elevation by its sine.
    """
    known = _known.setdefault(pattern, {})
    if device not in known:
        turn, up = (torch.linspace(-end, end, STEPS + 1, dtype=torch.float64) for end in (2.0, 1.0))
        across = torch.where(turn.abs() > 1, turn.sign() * (2 - turn.abs()), turn)
        level = torch.stack([across, (1 - turn.abs()), torch.zeros_like(turn)], 1)
        upright = torch.stack([torch.zeros_like(up), (1 - up * up).clamp_min(0).sqrt(), up], 1)
        around, above = pattern_gain(pattern, torch.stack([level, upright]))
        power = torch.cat([around, above / above[STEPS // 2]])
        known[device] = power.clamp_min(0).sqrt().to(device, torch.float32)
    return known[device]
