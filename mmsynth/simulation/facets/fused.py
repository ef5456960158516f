"""What every facet scatters, as one Warp kernel in lanes: the arithmetic of `gains.py` with nothing stored in between.

`gains.py` stays as its reference, and as the route that can be differentiated. A lane is a facet; nothing branches on
one. The inner part is native: scalar code of the same arithmetic takes six times as long.
"""

import math

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.facets.integrals import NUMBERS, add_integrals
from mmsynth.simulation.kernels.lanes import FACETS, GEOMETRY, LANES, lanes_of
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.legs.structs import (
    FIELD,
    MIRRORS,
    Beam,
    LegStruct,
    as_array,
    beam_struct,
    leg_struct,
    material_arrays,
)
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.rays.bvh import torch_stream
from mmsynth.simulation.scattering import MOST_PIECES
from mmsynth.simulation.surface import CREASE_COSINE
from mmsynth.types import gain_rows

# Gradients go the way of the reference.
wp.set_module_options({"enable_backward": False})


@wp.struct
class _Way:
    """Both legs and the pattern of the elements at their ends."""

    tx: LegStruct
    rx: LegStruct
    beam: Beam


@wp.struct
class _Law:
    """Scalars of the simulation: see `settings.Simulation`; `flatness` in m, `scale` = lambda / (4 pi)^1.5."""

    wavenumber: float
    flatness: float
    scale: float
    coherent: int
    diffuse: int
    points: int
    seed: wp.uint64
    turn: float


@wp.struct
class _Mesh:
    """What `pose.Pose` and its topology hold; `normals` are those at the knot `shape` of each frame."""

    vertices: wp.array3d(dtype=wp.float64)
    faces: wp.array2d(dtype=wp.int64)
    normals: wp.array3d(dtype=float)
    knots: int
    shape: int
    moving: wp.int64
    person: wp.array(dtype=wp.int64)
    facet: wp.array(dtype=wp.int64)
    region: wp.array(dtype=wp.int64)
    permittivity: wp.array(dtype=wp.vec2)
    roughness: wp.array(dtype=float)
    loss: wp.array(dtype=float)


# What a facet is: its corners at a knot, and the smooth surface off their edges.
_SHAPE = (
    """
    const auto &vertices = mesh.vertices;
    const auto& faces = mesh.faces;
    const int knots = mesh.knots;
    const auto moving = mesh.moving;
"""
    + FACETS
    + """
    struct patch {
        three corner[3];
        wide centre[3];
    };
    auto patch_at = [&](int knot) {
        patch found;
        lane part[3][3];
        for (int n = 0; n < 3; ++n) {
            wide a[3];
            corners_at(knot, n, a);
            found.centre[n] = (a[0] + a[1] + a[2]) * (1.0 / 3.0);
            // Differences are taken in float64, so that a shape is as exact far from the origin as near it.
            for (int c = 0; c < 3; ++c)
                part[c][n] = narrow(a[c] - found.centre[n]);
        }
        for (int c = 0; c < 3; ++c)
            found.corner[c] = {part[c][0], part[c][1], part[c][2]};
        return found;
    };
    auto way_from = [&](const patch& at, const auto& leg) {
        return three{narrow(at.centre[0] - leg.centre.c[0]), narrow(at.centre[1] - leg.centre.c[1]),
                     narrow(at.centre[2] - leg.centre.c[2])};
    };
    auto normal_at = [&](int c) {
        float from[3][L];
        for (int l = 0; l < L; ++l)
            for (int n = 0; n < 3; ++n)
                from[n][l] = mesh.normals.data[(frame[l] * 3 + n) * stride + vertex[c][l]];
        return three{load(from[0]), load(from[1]), load(from[2])};
    };
    // `surface.sagitta` of each edge, as components along edges 0-1 and 0-2 and the unit normal.
    auto sagittas = [&](const patch& at, three* found) {
        three first_edge = at.corner[1] - at.corner[0], two = at.corner[2] - at.corner[0];
        three up = unit(cross(first_edge, two));
        lane a = dot(first_edge, first_edge), b = dot(first_edge, two), c = dot(two, two);
        lane scale = 1.0f / most(a * c - b * b, zero + 1e-30f);
        three normal[3] = {normal_at(0), normal_at(1), normal_at(2)};
        auto smooth = least(dot(normal[0], up), least(dot(normal[1], up), dot(normal[2], up))) > CREASE;
        for (int n = 0; n < 3; ++n) {
            const three &start = normal[n], &end = normal[(n + 1) % 3], edge = at.corner[(n + 1) % 3] - at.corner[n];
            three bend = (start * dot(edge, start) - end * dot(edge, end)) * (zero - 0.125f);
            lane along = dot(bend, first_edge), aside = dot(bend, two);
            three parts = {(c * along - b * aside) * scale, (a * aside - b * along) * scale, dot(bend, up)};
            found[n] = pick(smooth, parts, three{zero, zero, zero});
        }
    };
    // Corners, and the sagittas turned with them: the six nodes of a quadratic triangle.
    auto nodes_of = [&](const patch& at, const three* sagitta, three* node) {
        three first_edge = at.corner[1] - at.corner[0], two = at.corner[2] - at.corner[0];
        three up = unit(cross(first_edge, two));
        for (int n = 0; n < 3; ++n) {
            node[n] = at.corner[n];
            node[n + 3] = first_edge * sagitta[n].x + two * sagitta[n].y + up * sagitta[n].z;
        }
    };
"""
)

# `gains._coefficient` and `gains._amplitude`, the coherent part of which is left to `integrals`.
_MAIN = """
    lane eps_real, eps_imag, roughness, loss, turn_real, turn_imag;
    {
        float of[5][L];
        for (int l = 0; l < L; ++l) {
            const int region = mesh.region.data[face[l]];
            of[0][l] = mesh.permittivity.data[region].c[0];
            of[1][l] = mesh.permittivity.data[region].c[1];
            of[2][l] = mesh.roughness.data[region];
            of[3][l] = mesh.loss.data[region];
            // SplitMix64, as `scattering._mix`.
            unsigned long long bits = 0, keys[3] = {law.seed, 0, 0};
            keys[1] = mesh.person.data[face[l]];
            keys[2] = mesh.facet.data[face[l]];
            for (int i = 0; i < 3; ++i) {
                bits += keys[i] + 0x9E3779B97F4A7C15ull;
                bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9ull;
                bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBull;
                bits ^= bits >> 31;
            }
            of[4][l] = (bits >> 40) * 3.7450702829e-7f;
        }
        eps_real = load(of[0]), eps_imag = load(of[1]), roughness = load(of[2]), loss = load(of[3]);
        wave(load(of[4]), turn_real, turn_imag);
    }
    // Where one gain is not enough: of a patch at its place.
    auto amplitude = [&](const patch& at, const three* node, number common, lane* item, lane& pieces) {
        three way = way_from(at, ways.tx), back = way_from(at, ways.rx);
        lane far = length(way), near = length(back), spread = 1.0f / (far * near);
        three into = way * (1.0f / far), out = back * (1.0f / near);
        common = {common.real * spread, common.imag * spread};
        three area = cross(node[1] - node[0], node[2] - node[0]) * (zero + 0.5f);
        lane size = length(area), per = 1.0f / size;
        lane cos_in = most(-dot(into, area), zero) * per, cos_out = most(-dot(out, area), zero) * per;
        pieces = zero;
        if (law.points != 0) {
            lane level = root(size * root(most(cos_in * cos_out, zero + 1e-12f)));
            return number{common.real * level, common.imag * level};
        }
        lane rough = law.wavenumber * roughness * (cos_in + cos_out);
        number value = {zero, zero};
        if (law.coherent != 0) {
            lane left = law.wavenumber * 0.5641895835f * exponential(-0.5f * rough * rough);
            three bisector = (into + out) * (zero - 0.5f);
            lane half = length(bisector);
            auto there = half >= 1e-9f;
            three ahead = bisector * (1.0f / most(half, zero + 1e-9f));
            auto upright = size_of(ahead.z) < 0.7f;
            three aside = unit(cross(three{upright ? zero : one, zero, upright ? one : zero}, ahead));
            three up = cross(ahead, aside);
            lane worst = zero;
            for (int n = 0; n < 6; ++n) {
                lane along = dot(node[n], bisector);
                item[3 * n] = dot(node[n], aside);
                item[3 * n + 1] = dot(node[n], up);
                item[3 * n + 2] = (-2.0f * law.wavenumber) * along;
                if (n >= 3)
                    worst = most(worst, size_of(along));
            }
            item[18] = 0.5f * half * left * common.imag;
            item[19] = -0.5f * half * left * common.real;
            pieces = one;
            if (law.flatness != 0.0f)
                pieces = least(most(root(worst * (1.0f / law.flatness)), zero + 2.0f), zero + PIECES);
            pieces = there ? pieces : zero;
        }
        if (law.diffuse != 0) {
            lane lost = 1.0f - exponential(-rough * rough);
            lane level = root(4.0f * lost * size * cos_in * cos_out);
            value = times(common, {turn_real * level, turn_imag * level});
        }
        return value;
    };
    const int middle = knots / 2, final = knots - 1, several = rows.shape[0];
    const bool bends = law.points == 0 && law.coherent != 0 && law.flatness > 0.0f;
    patch half_way = patch_at(middle), first = patch_at(0), last = patch_at(final);
    three sagitta[3] = {{zero, zero, zero}, {zero, zero, zero}, {zero, zero, zero}}, node[6];
    if (bends)
        sagittas(mesh.shape == middle ? half_way : last, sagitta);
    number common;
    {
        three into = unit(way_from(half_way, ways.tx)), out = unit(way_from(half_way, ways.rx));
        wave_of there = field_of(ways.tx, into, law.wavenumber), back = field_of(ways.rx, out, law.wavenumber);
        lane beams = beam_of(ways.beam, ways.tx, into) * beam_of(ways.beam, ways.rx, out);
        lane scale = law.scale * root(beams * loss);
        common = product(reflected({eps_real, eps_imag}, into, three{-out.x, -out.y, -out.z}, there), back);
        common = {scale * common.real, scale * common.imag};
    }
    // What is seen at either end of the frame, and by how much a corner turns in phase against the centroid.
    float ends[3][L];
    for (int l = 0; l < L; ++l) {
        const unsigned char* at = seen.data + (long long)(frame[l] * instants) * seen.shape[1] + face[l];
        ends[0][l] = at[0];
        ends[1][l] = at[(long long)(instants - 1) * seen.shape[1]];
    }
    lane from = load(ends[0]), to = load(ends[1]), most_turn = zero;
    three before = unit(way_from(first, ways.tx)) + unit(way_from(first, ways.rx));
    three after = unit(way_from(last, ways.tx)) + unit(way_from(last, ways.rx));
    for (int n = 0; n < 3; ++n)
        most_turn = most(most_turn, size_of(dot(first.corner[n], before) - dot(last.corner[n], after)));
    auto still = (from > zero) & (to > zero) & (law.wavenumber * most_turn < zero + law.turn);
    store(ends[2], still ? one : zero);
    bool rest = false, move = false;
    for (int l = 0; l < own; ++l) {
        alike.data[thread * L + l] = ends[2][l] > 0.0f;
        rest |= ends[2][l] > 0.0f;
        move |= ends[2][l] == 0.0f;
    }
    // Row -1 is mid-frame, the one gain of those that hardly turn.
    for (int k = rest ? -1 : 0; k < (move ? several : 0); ++k) {
        const int knot = k < 0 ? middle : rows.data[k];
        patch inner;
        if (knot != middle && knot != 0 && knot != final)
            inner = patch_at(knot);
        const patch& at = knot == middle ? half_way : knot == 0 ? first : knot == final ? last : inner;
        nodes_of(at, sagitta, node);
        lane share = k < 0 ? one : fade.data[2 * k] * from + fade.data[2 * k + 1] * to, item[NUMBERS], pieces;
        number value = amplitude(at, node, {share * common.real, share * common.imag}, item, pieces);
        float numbers[NUMBERS][L], out[4][L];
        for (int n = 0; n < NUMBERS; ++n)
            store(numbers[n], item[n]);
        store(out[0], value.real);
        store(out[1], value.imag);
        store(out[2], pieces);
        store(out[3], share);
        for (int l = 0; l < own; ++l) {
            if ((k < 0) != (ends[2][l] > 0.0f) || out[3][l] <= 0.0f)
                continue;
            const int row = (thread * L + l) * several + (k < 0 ? 0 : k);
            for (int i = 0; i < (k < 0 ? several : 1); ++i) {
                gain.data[row + i].c[0] = out[0][l];
                gain.data[row + i].c[1] = out[1][l];
            }
            const int whole_ones = out[2][l];
            cuts.data[row] = whole_ones + (whole_ones < out[2][l]);
            for (int n = 0; n < NUMBERS; ++n)
                items.data[row * NUMBERS + n] = numbers[n][l];
        }
    }
"""

_CONSTANTS = f"""
    constexpr int NUMBERS = {NUMBERS};
    constexpr float CREASE = {CREASE_COSINE}f, PIECES = {MOST_PIECES}.0f;
"""


@wp.func_native(LANES + GEOMETRY + _CONSTANTS + MIRRORS + FIELD + _SHAPE + _MAIN)
def _gains_of(
    mesh: _Mesh,
    law: _Law,
    ways: _Way,
    facets: wp.array(dtype=wp.int64),
    seen: wp.array2d(dtype=wp.uint8),
    instants: int,
    rows: wp.array(dtype=int),
    fade: wp.array2d(dtype=float),
    gain: wp.array2d(dtype=wp.vec2),
    items: wp.array3d(dtype=float),
    cuts: wp.array2d(dtype=wp.int32),
    alike: wp.array(dtype=wp.uint8),
    thread: int,
): ...


@wp.kernel
def _gains(
    mesh: _Mesh,
    law: _Law,
    ways: _Way,
    facets: wp.array(dtype=wp.int64),
    seen: wp.array2d(dtype=wp.uint8),
    instants: int,
    rows: wp.array(dtype=int),
    fade: wp.array2d(dtype=float),
    gain: wp.array2d(dtype=wp.vec2),
    items: wp.array3d(dtype=float),
    cuts: wp.array2d(dtype=wp.int32),
    alike: wp.array(dtype=wp.uint8),
):
    """All but the coherent part, which is left to `integrals`."""
    _gains_of(mesh, law, ways, facets, seen, instants, rows, fade, gain, items, cuts, alike, wp.tid())


def fused_gains(pose: Pose, facets: Tensor, ends: tuple[Leg, Leg], seen: Tensor) -> Tensor:
    """Gains [facets, gains] (complex64) of the paths over the faces `facets`, by `facet_paths`; see `facet_gains`."""
    device = facets.device
    rows = torch.tensor(gain_rows(len(pose.knots)), dtype=torch.int32, device=device)
    gain = torch.zeros(len(facets), len(rows), 2, dtype=torch.float32, device=device)
    items = torch.empty(*gain.shape[:2], NUMBERS, dtype=torch.float32, device=device)
    cuts = torch.zeros(gain.shape[:2], dtype=torch.int32, device=device)
    alike = torch.empty(len(facets), dtype=torch.uint8, device=device)
    ways = _Way()
    ways.tx, ways.rx = (leg_struct(leg) for leg in ends)
    ways.beam = beam_struct(pose.radar.pattern, device)
    inputs = [_mesh(pose), _law(pose), ways, as_array(facets), as_array(seen.view(torch.uint8)), len(pose.instants)]
    inputs += [as_array(rows), as_array(pose.fade)]
    with torch_stream(device):
        on = wp.device_from_torch(device)
        outputs = [as_array(gain, wp.vec2), *(as_array(x) for x in (items, cuts, alike))]
        wp.launch(_gains, dim=-(-len(facets) // lanes_of(device)), inputs=inputs, outputs=outputs, device=on)
    add_integrals(items.flatten(0, 1), cuts.flatten(), alike, gain)
    return torch.view_as_complex(gain)


def _mesh(pose: Pose) -> _Mesh:
    topology, mesh = pose.topology, _Mesh()
    mesh.vertices, mesh.faces = as_array(pose.vertices), as_array(topology.faces)
    mesh.normals, mesh.shape = as_array(pose.normals), pose.instants[-1]
    mesh.knots, mesh.moving = len(pose.knots), max(topology.moving, 1)
    mesh.person, mesh.facet = as_array(topology.person), as_array(topology.facet)
    mesh.region = as_array(topology.region)
    mesh.permittivity, mesh.roughness, mesh.loss = material_arrays(*pose.materials)
    return mesh


def _law(pose: Pose) -> _Law:
    settings, wavelength, law = pose.settings, pose.radar.waveform.wavelength, _Law()
    law.wavenumber, law.flatness = math.tau / wavelength, settings.flatness * wavelength
    law.scale = wavelength / (4 * math.pi) ** 1.5
    law.coherent, law.diffuse, law.points = settings.coherent, settings.diffuse, settings.method == "points"
    law.seed, law.turn = pose.seed & (2**64 - 1), settings.turn
    return law
