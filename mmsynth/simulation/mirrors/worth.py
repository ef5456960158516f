"""What a way over two legs is worth, in one Warp kernel, before a ray is shot or a gain is computed.

A thread is a pair of legs, a frame, and as many facets beside each other as there are lanes.
"""

import math
from typing import Any

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation import surface
from mmsynth.simulation.kernels.lanes import GEOMETRY, LANES, lanes_of
from mmsynth.simulation.kernels.launch import launch, native
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.pose import PosedScene

wp.set_module_options({"enable_backward": False})

# Numbers of a facet at an instant: centre, area, two edges, bend; and of its material: permittivity, roughness, loss.
SHAPE, MATERIAL = 13, 4

_SNIPPET = (
    LANES
    + GEOMETRY
    + f"    constexpr int SHAPE = {SHAPE}, MATERIAL = {MATERIAL};"
    + """
    const int start = packet * L + L <= faces ? packet * L : (faces > L ? faces - L : 0);
    auto read = [&](const float* from) {
        if (faces >= L)
            return load(from + start);
        float part[L];
        for (int l = 0; l < L; ++l)
            part[l] = from[l < faces ? l : faces - 1];
        return load(part);
    };
    const int one = pairs.data[2 * pair], two = pairs.data[2 * pair + 1];
    const wp::vec3 tx = ends.data[one], rx = ends.data[two];
    lane gain = zero;
    if (traced.data[pair * frames + frame]) {
        const float *first = strength.data + ((long long)one * frames + frame) * faces;
        gain = read(first) * read(first + (long long)(two - one) * frames * faces);
    }
    if (any(gain > zero)) {
        lane at[SHAPE], material[MATERIAL];
        for (int n = 0; n < SHAPE; ++n)
            at[n] = read(shapes.data + (frame * SHAPE + n) * faces);
        for (int n = 0; n < MATERIAL; ++n)
            material[n] = read(materials.data + n * faces);
        lane size = root(at[3] * at[3] + at[4] * at[4] + at[5] * at[5]), normal[3], bisector[3], slope[3];
        lane way = zero, back = zero, cos_in = zero, cos_out = zero, square = zero, steep = zero, slant = zero;
        lane per = 1.0f / size;
        for (int n = 0; n < 3; ++n) {
            normal[n] = at[3 + n] * per;
            way += (at[n] - tx.c[n]) * (at[n] - tx.c[n]);
            back += (at[n] - rx.c[n]) * (at[n] - rx.c[n]);
        }
        way = 1.0f / root(way), back = 1.0f / root(back);
        for (int n = 0; n < 3; ++n) {
            lane into = (at[n] - tx.c[n]) * way, out = (at[n] - rx.c[n]) * back;
            cos_in -= into * normal[n];
            cos_out -= out * normal[n];
            bisector[n] = -0.5f * (into + out);
            square += bisector[n] * bisector[n];
            steep += bisector[n] * normal[n];
        }
        // What the smooth surface and the wavefronts turn within the facet may turn the slope of the phase over it to
        // zero.
        const float turn = 2.0f * wavenumber;
        lane cosine = root(square), longest = zero;
        for (int k = 0; k < 3; ++k) {
            lane reach = zero;
            for (int n = 0; n < 3; ++n) {
                lane edge = k < 2 ? at[6 + 3 * k + n] : at[6 + n] + at[9 + n];
                reach += edge * edge;
            }
            longest = most(longest, reach);
        }
        lane bend = at[12] + (1.0f / 3.0f) * (way + back) * root(longest);
        for (int n = 0; n < 3; ++n) {
            slope[n] = turn * (bisector[n] - steep * normal[n]);
            slant += slope[n] * slope[n];
        }
        slant = most(root(slant), zero + 1e-6f);
        lane straight = 1.0f / slant, turning = most(slant - turn * cosine * bend, zero + 1e-3f), lobes = zero;
        // By Gauss's theorem the integral is that of the edges: each as long as it is across the slope, or as its lobes
        // allow; they are taken to add up in power.
        for (int k = 0; k < 3; ++k) {
            lane along = zero, across = zero;
            for (int n = 0; n < 3; ++n) {
                lane edge = k < 2 ? at[6 + 3 * k + n] : -at[6 + n] - at[9 + n];
                along += edge * slope[n];
                across += edge * edge;
            }
            along *= straight;
            across = most(across - along * along, zero);
            lane lobe = 2.0f / most(turning * size_of(along), zero + 2.0f);
            lobes += across * lobe * lobe;
        }
        lobes = root(lobes) / turning;
        cos_in = most(cos_in, zero), cos_out = most(cos_out, zero), steep = most(steep, zero);
        lane rough = turn * material[2] * steep, left = rough * rough;
        left = exponential(-left);
        lane coherent = 0.5641896f * wavenumber * steep * least(size, lobes);
        lane power = coherent * coherent * left + 4.0f * (1.0f - left) * size * cos_in * cos_out;
        if (points)
            power = size * root(most(cos_in * cos_out, zero));
        // The TE coefficient: that of TM is smaller.
        lane a = material[0] - 1.0f + square, b = material[1], far = root(a * a + b * b);
        lane x = root(most(0.5f * (far + a), zero)), y = 0.5f * (far - a);
        lane te = ((cosine - x) * (cosine - x) + y) / ((cosine + x) * (cosine + x) + y);
        power = power * material[3] * (material[0] < zero + 1e30f ? te : zero + 1.0f);
        gain *= scale * root(most(power, zero));
    }
    float found[L];
    store(found, gain);
    for (int l = 0; l < L && start + l < faces; ++l)
        worth.data[((long long)pair * frames + frame) * faces + start + l] = found[l];
"""
)


@native(_SNIPPET, "frame", "packet", "pair")
def _worth(
    strength: wp.array(dtype=float),
    pairs: wp.array(dtype=wp.int32),
    traced: wp.array(dtype=wp.uint8),
    ends: wp.array(dtype=wp.vec3),
    shapes: wp.array(dtype=float),
    materials: wp.array(dtype=float),
    frames: int,
    faces: int,
    wavenumber: float,
    scale: float,
    points: int,
    worth: wp.array(dtype=float),
):
    """A pair of legs, a frame, and as many facets as there are lanes."""


def worth(
    pose: PosedScene, facets: Tensor, shapes: Tensor, light: tuple[Tensor, list[Leg]], pairs: tuple[Tensor, Tensor]
) -> Tensor:
    """The gain [pairs, frames, facets] that a facet may bring at mid-frame, 0 where it is not lit by both.

    It takes the TE coefficient for both, and the envelope of a triangle's lobes for the phase integral, which is too
    much for nearly all facets, and too little for few.

    Args:
        pose: of one or several frames.
        facets: [facets] of one frame.
        shapes: of them, by `shapes_of`.
        light: strength [legs, frames, facets] of `illumination.lit`, and the legs.
        pairs: [pairs, 2] of them, from the TX and from the RX, and whether [pairs, frames] each is asked for.
    """
    (strength, over), (sides, traced), wavelength = light, pairs, pose.radar.waveform.wavelength
    device, count = strength.device, len(facets)
    found = torch.empty(*traced.shape, count, dtype=torch.float32, device=device)
    ends = torch.stack([(leg.centre - pose.anchor).detach() for leg in over]).to(torch.float32)
    eps, rough, loss = (x.detach()[pose.topology.region[facets]] for x in pose.materials)
    # A conductor's is infinite, and so would be what is subtracted from it.
    materials = torch.nan_to_num(torch.stack([eps.real, eps.imag, rough, loss]), nan=0.0)
    inputs: list[Any] = [strength.flatten(), sides.to(torch.int32).flatten(), traced.view(torch.uint8).flatten(), ends]
    inputs += [shapes.flatten(), materials.flatten(), pose.frames, count, math.tau / wavelength]
    inputs += [wavelength / (4 * math.pi) ** 1.5, int(pose.settings.method == "points"), found.flatten()]
    # What a packet is stays in the cache while pairs go over it.
    launch(_worth, (pose.frames, -(-count // lanes_of(device)), len(traced)), inputs, device)
    return found


def shapes_of(pose: PosedScene, facets: Tensor) -> Tensor:
    """Numbers [frames, SHAPE, facets] of facets of people at mid-frame as the kernel takes them.

    They are the centroid relative to `pose.anchor`, the area vector, two edges, and the bend: the sine by which the
    normal turns within a facet of the smooth surface, about.
    """
    faces, knots = pose.topology.faces.index_select(1, facets), len(pose.knots)
    corner = surface.gather(pose.local[knots // 2 :: knots].detach(), faces)
    edges = (corner.roll(-1, 2) - corner)[:, :, :2].transpose(1, 2).flatten(1, 2)
    area = surface.area_vectors(corner.permute(1, 2, 0, 3))
    smooth = surface.gather(pose.normals.detach(), faces).transpose(0, 1)  # [3, frames, 3, facets]
    flat = surface.unit(area)
    bent = surface.uncreased(smooth, flat) & (pose.settings.flatness > 0)
    bend = surface.length(smooth - flat[:, :, None]).amax(1) * bent
    return torch.cat([surface.centroid(corner), area.transpose(0, 1), edges, bend[:, None]], 1)
