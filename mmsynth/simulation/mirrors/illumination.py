"""How strongly legs over mirrors light each facet, in one Warp kernel: what can be left out before a ray is shot.

A thread is a leg and as many facets beside each other as there are lanes.
"""

import math

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.kernels.lanes import GEOMETRY, LANES, lanes_of
from mmsynth.simulation.kernels.launch import launch, native, torch_stream
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.legs.structs import FIELD, MIRRORS, Beam, LegStruct, beam_struct, leg_struct
from mmsynth.simulation.pose import PosedScene

wp.set_module_options({"enable_backward": False})

_SNIPPET = (
    LANES
    + GEOMETRY
    + MIRRORS
    + FIELD
    + """
    constexpr float TURNED = 0.15f;  // sine by which a facet may turn within a frame
    auto dots = [](const float* a, three b) { return a[0] * b.x + a[1] * b.y + a[2] * b.z; };
    const auto& leg = legs.data[which];
    float numbers[6][L];
    for (int n = 0; n < (facing ? 6 : 3); ++n)
        for (int l = 0; l < L; ++l) {
            const int at = packet * L + l < faces ? packet * L + l : faces - 1;
            const float* from = (n < 3 ? centres.data : areas.data) + (row * 3 + n % 3) * faces;
            numbers[n][l] = from[at];
        }
    float result[L];
    store(result, zero);
    three point = three{load(numbers[0]), load(numbers[1]), load(numbers[2])} + same(anchor);
    const auto* centre = leg.centre.c;
    three way = {point.x - (float)centre[0], point.y - (float)centre[1], point.z - (float)centre[2]};
    auto lit = zero == zero;
    if (facing) {
        three area = {load(numbers[3]), load(numbers[4]), load(numbers[5])};
        lit = dot(way, area) < TURNED * root(dot(way, way) * dot(area, area));
    }
    // Whether the way meets every mirror inside its quad: `legs.free` without a BVH.
    three start = point;
    for (int m = leg.mirrors.shape[0] - 1; m >= 0 && any(lit); --m) {
        const float* mirror = leg.mirrors.data + m * MIRROR;
        three toward = three{zero + mirror[8], zero + mirror[9], zero + mirror[10]} - start;
        lane fraction = (mirror[3] - dots(mirror, start)) / dots(mirror, toward);
        lit = lit & (fraction > zero + 1e-6f) & (fraction < zero + 1.0f);
        start = start + toward * fraction;
        lane low = zero, high = zero;
        for (int k = 0; k < 4; ++k) {
            const float* edge = mirror + 11 + 4 * k;
            lane turn = dots(edge, start) - edge[3];
            low = least(low, turn);
            high = most(high, turn);
        }
        lit = lit & ((low >= zero) | (high <= zero));
    }
    if (any(lit)) {
        lane near = 1.0f / length(way);
        three into = way * near;
        wave_of field = field_of(leg, into, wavenumber);
        lane power = (dot(field.real, field.real) + dot(field.imag, field.imag)) * beam_of(beam, leg, into);
        store(result, lit ? root(power) * near : zero);
    }
    for (int l = 0; l < L && packet * L + l < faces; ++l)
        strength.data[((long long)which * rows + row) * faces + packet * L + l] = result[l];
"""
)


@native(_SNIPPET, "row", "packet", "which")
def _light(
    centres: wp.array(dtype=float),
    areas: wp.array(dtype=float),
    facing: int,
    faces: int,
    anchor: wp.vec3,
    legs: wp.array(dtype=LegStruct),
    beam: Beam,
    wavenumber: float,
    rows: int,
    strength: wp.array(dtype=float),
):
    """A leg, an instant, and as many facets as there are lanes; `facing`: whether they have a back."""


def lit(pose: PosedScene, legs: list[Leg], shape: tuple[Tensor, Tensor | None]) -> Tensor:
    """The field [legs, rows, points] in 1/m that a unit source at the far end of each leg makes, nothing in the way.

    It carries the pattern and the mirrors, and is zero where the way misses one, or from behind.

    Args:
        pose: of the radar and of the anchor.
        legs: over mirrors.
        shape: points [rows, 3, points] in m (float32), relative to the anchor, and normals there (None = no back).
    """
    (points, normals), device = shape, pose.vertices.device
    rows, _, count = points.shape
    strength = torch.zeros(len(legs), rows, count, dtype=torch.float32, device=device)
    if strength.numel() == 0:
        return strength
    shapes = [x.to(torch.float32).flatten().contiguous() for x in (points, points if normals is None else normals)]
    with torch_stream(device):
        over = wp.array([leg_struct(leg) for leg in legs], dtype=LegStruct, device=wp.device_from_torch(device))
    inputs = [*shapes, int(normals is not None), count, wp.vec3(*pose.anchor.tolist()), over]
    inputs += [beam_struct(pose.radar.pattern, device), math.tau / pose.radar.waveform.wavelength, rows]
    size = (rows, -(-count // lanes_of(device)), len(legs))
    launch(_light, size, [*inputs, strength.flatten()], device)
    return strength
