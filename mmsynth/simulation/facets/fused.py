"""What every facet scatters, as one Warp kernel in lanes: the arithmetic of `gains.py` with nothing stored in between.

`gains.py` stays as its reference, and as the route that can be differentiated. A lane is a facet; nothing branches on
one. The inner part is native: scalar code of the same arithmetic takes six times as long.
"""

import math

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.facets.integrals import NUMBERS, add_integrals
from mmsynth.simulation.facets.structs import FACETS, PATCHES, PoseStruct, pose_struct
from mmsynth.simulation.kernels.lanes import GEOMETRY, LANES, lanes_of
from mmsynth.simulation.kernels.launch import launch, native
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.legs.structs import FIELD, MIRRORS, Beam, LegStruct, beam_struct, leg_struct
from mmsynth.simulation.pose import PosedScene
from mmsynth.simulation.scattering import MOST_PIECES
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

    flatness: float
    scale: float
    coherent: int
    diffuse: int
    points: int
    seed: wp.uint64
    turn: float


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
        // A facet without an area, as where three corners are in a line, has no echo.
        lane size = length(area), per = 1.0f / most(size, zero + 1e-30f);
        lane cos_in = most(-dot(into, area), zero) * per, cos_out = most(-dot(out, area), zero) * per;
        pieces = zero;
        if (law.points != 0) {
            lane level = root(size * root(most(cos_in * cos_out, zero + 1e-12f)));
            return number{common.real * level, common.imag * level};
        }
        lane rough = mesh.wavenumber * roughness * (cos_in + cos_out);
        number value = {zero, zero};
        if (law.coherent != 0) {
            lane left = mesh.wavenumber * 0.5641895835f * exponential(-0.5f * rough * rough);
            three bisector = (into + out) * (zero - 0.5f);
            lane half = length(bisector);
            auto there = half >= 1e-9f;
            three ahead = bisector * (1.0f / most(half, zero + 1e-9f));
            auto upright = size_of(ahead.z) < 0.7f;
            three aside = unit(cross(three{upright ? zero : one, zero, upright ? one : zero}, ahead));
            three up = cross(ahead, aside);
            lane worst = zero, bend = 0.25f / far + 0.25f / near;
            for (int n = 0; n < 6; ++n) {
                item[3 * n] = dot(node[n], aside);
                item[3 * n + 1] = dot(node[n], up);
            }
            // `scattering._depth`.
            for (int n = 0; n < 6; ++n) {
                const lane *to = item + 3 * ((n + 1) % 3), *from = item + 3 * (n % 3);
                lane x = n < 3 ? from[0] : to[0] - from[0], y = n < 3 ? from[1] : to[1] - from[1];
                lane along = dot(node[n], bisector) + (n < 3 ? -1.0f : 0.25f) * bend * (x * x + y * y);
                item[3 * n + 2] = (-2.0f * mesh.wavenumber) * along;
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
        wave_of there = field_of(ways.tx, into, mesh.wavenumber), back = field_of(ways.rx, out, mesh.wavenumber);
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
    auto still = (from > zero) & (to > zero) & (mesh.wavenumber * most_turn < zero + law.turn);
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
                items.data[(long long)row * NUMBERS + n] = numbers[n][l];
        }
    }
"""

_SNIPPET = (
    LANES
    + GEOMETRY
    + MIRRORS
    + FIELD
    + FACETS
    + PATCHES
    + f"    constexpr int NUMBERS = {NUMBERS}; constexpr float PIECES = {MOST_PIECES}.0f;"
    + _MAIN
)


@native(_SNIPPET, "thread")
def _gains(
    mesh: PoseStruct,
    law: _Law,
    ways: _Way,
    facets: wp.array(dtype=wp.int64),
    seen: wp.array2d(dtype=wp.uint8),
    instants: int,
    rows: wp.array(dtype=int),
    fade: wp.array2d(dtype=float),
    gain: wp.array2d(dtype=wp.vec4),
    items: wp.array3d(dtype=float),
    cuts: wp.array2d(dtype=wp.int32),
    alike: wp.array(dtype=wp.uint8),
):
    """All but the coherent part, which is left to `integrals`."""


def fused_gains(pose: PosedScene, facets: Tensor, ends: tuple[Leg, Leg], seen: Tensor) -> tuple[Tensor, Tensor]:
    """Gains and their slopes [facets, gains] (complex64) of the paths over the faces `facets`; see `facet_gains`."""
    device = facets.device
    rows = torch.tensor(gain_rows(len(pose.knots)), dtype=torch.int32, device=device)
    gain = torch.zeros(len(facets), len(rows), 4, dtype=torch.float32, device=device)
    items = torch.empty(*gain.shape[:2], NUMBERS, dtype=torch.float32, device=device)
    cuts = torch.zeros(gain.shape[:2], dtype=torch.int32, device=device)
    alike = torch.empty(len(facets), dtype=torch.uint8, device=device)
    ways = _Way()
    ways.tx, ways.rx = (leg_struct(leg) for leg in ends)
    ways.beam = beam_struct(pose.radar.pattern, device)
    inputs = [pose_struct(pose), _law(pose), ways, facets, seen.view(torch.uint8), len(pose.instants), rows, pose.fade]
    launch(_gains, -(-len(facets) // lanes_of(device)), [*inputs, gain, items, cuts, alike], device)
    add_integrals(items.flatten(0, 1), cuts.flatten(), alike, gain)
    found = torch.view_as_complex(gain.reshape(*cuts.shape, 2, 2))
    return found[..., 0], found[..., 1]


def _law(pose: PosedScene) -> _Law:
    settings, wavelength, law = pose.settings, pose.radar.waveform.wavelength, _Law()
    law.flatness = settings.flatness * wavelength
    law.scale = wavelength / (4 * math.pi) ** 1.5
    law.coherent, law.diffuse, law.points = settings.coherent, settings.diffuse, settings.method == "points"
    law.seed, law.turn = pose.seed & (2**64 - 1), settings.turn
    return law
