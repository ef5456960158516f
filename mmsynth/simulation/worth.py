"""What a way over two legs is worth at most, in one Warp kernel, before a ray is shot or a gain is computed.

A thread is a pair of legs, a frame, and as many facets beside each other as there are lanes.
"""

import math

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation import surface
from mmsynth.simulation.lanes import LANES, lanes_of
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.rays import torch_stream

wp.set_module_options({"enable_backward": False})

# Numbers of a facet at an instant: centre, area, two edges, bend; and of its material: permittivity, roughness, loss.
SHAPE, MATERIAL = 13, 4

_SNIPPET = (
    LANES
    + """
    constexpr int SHAPE = 13;
    const int start = packet * L + L <= faces ? packet * L : (faces > L ? faces - L : 0);
    auto read = [&](const float* from) {
        if (faces >= L)
            return load(from + start);
        float part[L];
        for (int l = 0; l < L; ++l)
            part[l] = from[l < faces ? l : faces - 1];
        return load(part);
    };
    const int one = pairs.data[2 * pair], two = pairs.data[2 * pair + 1], rows = instants * frames;
    const wp::vec3 tx = ends.data[one], rx = ends.data[two];
    lane best = zero;
    for (int row = frame * instants; traced.data[pair * frames + frame] && row < (frame + 1) * instants; ++row) {
        const float *first = strength.data + one * rows * faces, *second = strength.data + two * rows * faces;
        lane field = read(first + row * faces) * read(second + row * faces);
        if (!any(field > zero))
            continue;
        lane at[SHAPE], material[4];
        for (int n = 0; n < SHAPE; ++n)
            at[n] = read(shapes.data + (row * SHAPE + n) * faces);
        for (int n = 0; n < 4; ++n)
            material[n] = read(materials.data + n * faces);
        lane size = root(at[3] * at[3] + at[4] * at[4] + at[5] * at[5]), normal[3], bisector[3], slope[3];
        lane way = zero, back = zero, cos_in = zero, cos_out = zero, square = zero, steep = zero, slant = zero;
        for (int n = 0; n < 3; ++n) {
            normal[n] = at[3 + n] / size;
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
        // What the smooth surface turns within the facet may turn the slope of the phase over it to zero.
        const float turn = 2.0f * wavenumber;
        lane cosine = root(square);
        for (int n = 0; n < 3; ++n) {
            slope[n] = turn * (bisector[n] - steep * normal[n]);
            slant += slope[n] * slope[n];
        }
        slant = most(root(slant), zero + 1e-6f);
        lane turning = most(slant - turn * cosine * at[12], zero + 1e-3f), lobes = zero;
        // By Gauss's theorem the integral is that of the edges: each as long as it is across the slope, or as its lobes
        // allow; they are taken to add up in power.
        for (int k = 0; k < 3; ++k) {
            lane along = zero, across = zero;
            for (int n = 0; n < 3; ++n) {
                lane edge = k < 2 ? at[6 + 3 * k + n] : -at[6 + n] - at[9 + n];
                along += edge * slope[n];
                across += edge * edge;
            }
            along = along / slant;
            across = most(across - along * along, zero);
            lane lobe = 2.0f / most(turning * size_of(along), zero + 2.0f);
            lobes += across * lobe * lobe;
        }
        lobes = root(lobes) / turning;
        lane rough = turn * material[2] * steep, left = rough * rough;
        // exp(-x) from below, so that the two parts of the power are not less than they are together.
        float part[L];
        store(part, left);
        for (int l = 0; l < L; ++l)
            part[l] = wp::exp(-part[l]);
        left = load(part);
        lane coherent = 0.5641896f * wavenumber * steep * least(size, lobes);
        lane power = coherent * coherent * left + 4.0f * (1.0f - left) * size * cos_in * cos_out;
        if (points)
            power = size * root(most(cos_in * cos_out, zero));
        // The TE coefficient: that of TM is smaller.
        lane a = material[0] - 1.0f + square, b = material[1], both = root(a * a + b * b);
        lane x = root(most(0.5f * (both + a), zero)), y = 0.5f * (both - a);
        lane te = ((cosine - x) * (cosine - x) + y) / ((cosine + x) * (cosine + x) + y);
        power = power * material[3] * (material[0] < zero + 1e30f ? te : zero + 1.0f);
        lane gain = field * root(most(power, zero));
        best = field > zero ? most(best, gain) : best;
    }
    float found[L];
    store(found, scale * best);
    for (int l = 0; l < L && start + l < faces; ++l)
        worth.data[(pair * frames + frame) * faces + start + l] = found[l];
"""
)


@wp.func_native(_SNIPPET)
def _estimate(
    strength: wp.array(dtype=float),
    pairs: wp.array(dtype=wp.int32),
    traced: wp.array(dtype=wp.uint8),
    ends: wp.array(dtype=wp.vec3),
    shapes: wp.array(dtype=float),
    materials: wp.array(dtype=float),
    frames: int,
    instants: int,
    faces: int,
    wavenumber: float,
    scale: float,
    points: int,
    worth: wp.array(dtype=float),
    pair: int,
    frame: int,
    packet: int,
): ...


@wp.kernel
def _worth(
    strength: wp.array(dtype=float),
    pairs: wp.array(dtype=wp.int32),
    traced: wp.array(dtype=wp.uint8),
    ends: wp.array(dtype=wp.vec3),
    shapes: wp.array(dtype=float),
    materials: wp.array(dtype=float),
    frames: int,
    instants: int,
    faces: int,
    wavenumber: float,
    scale: float,
    points: int,
    worth: wp.array(dtype=float),
):
    pair, frame, packet = wp.tid()
    _estimate(
        strength, pairs, traced, ends, shapes, materials, frames, instants, faces, wavenumber, scale, points, worth,
        pair, frame, packet,
    )  # fmt: skip


def worth(pose: Pose, strength: Tensor, over: list[Leg], pairs: Tensor, traced: Tensor) -> Tensor:
    """The gain [pairs, frames, faces] that a facet brings at most, 0 where one of the two legs does not light it.

    It takes the TE coefficient for both, and the envelope of a triangle's lobes for the phase integral, which is too
    much for nearly all facets, and too little for few.

    Args:
        pose: of one or several frames.
        strength: [legs, frames * instants, faces], by `reach.lit`.
        over: the legs.
        pairs: [pairs, 2] of them, from the TX and from the RX.
        traced: [pairs, frames] whether the pair is asked for.
    """
    device, wavelength, faces = strength.device, pose.radar.waveform.wavelength, strength.shape[2]
    found = torch.zeros(*traced.shape, faces, dtype=torch.float32, device=device)
    ends = torch.stack([(leg.centre - pose.anchor).detach() for leg in over]).to(torch.float32)
    eps, rough, loss = (x.detach()[pose.topology.region[:faces]] for x in pose.materials)
    # A conductor's is infinite, and so would be what is subtracted from it.
    materials = torch.nan_to_num(torch.stack([eps.real, eps.imag, rough, loss]), nan=0.0)
    arrays = [strength.flatten(), pairs.to(torch.int32).flatten(), traced.view(torch.uint8).flatten()]
    inputs = [*map(wp.from_torch, arrays), wp.from_torch(ends, dtype=wp.vec3)]
    inputs += [wp.from_torch(_shapes(pose).flatten()), wp.from_torch(materials.flatten())]
    inputs += [pose.frames, len(pose.instants), faces, math.tau / wavelength]
    inputs += [wavelength / (4 * math.pi) ** 1.5, int(pose.settings.method == "points")]
    size = (*traced.shape, -(-faces // lanes_of(device)))
    with torch_stream(device):
        outputs = [wp.from_torch(found.flatten())]
        wp.launch(_worth, dim=size, inputs=inputs, outputs=outputs, device=wp.device_from_torch(device))
    return found


def _shapes(pose: Pose) -> Tensor:
    """Numbers [frames * instants, SHAPE, faces] of the facets of people as the kernel takes them.

    The bend is the sine by which the normal turns within a facet of the smooth surface, about.
    """
    faces = pose.topology.faces[:, : pose.topology.moving]
    corner = surface.gather(pose.local[pose.rows].detach(), faces)
    edges = (corner.roll(-1, 2) - corner)[:, :, :2].transpose(1, 2).flatten(1, 2)
    normal = surface.unit(pose.area.detach()[len(pose.instants) - 1 :: len(pose.instants)].transpose(0, 1))
    smooth = surface.gather(pose.normals.detach(), faces).transpose(0, 1)  # [3, frames, 3, faces]
    bent = (surface.dot(smooth, normal[:, :, None]) > surface.CREASE_COSINE).all(1)
    bend = surface.length(smooth - normal[:, :, None]).amax(1) * (bent & (pose.settings.flatness > 0))
    bend = bend.repeat_interleave(len(pose.instants), 0)[:, None]
    return torch.cat([pose.centre.detach(), pose.area.detach(), edges, bend], 1)
