"""What a way over two legs is worth at most, in one Warp kernel, before a ray is shot or a gain is computed."""

import math

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.kernels import as_array
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.rays import torch_stream
from mmsynth.simulation.surface import CREASE_COSINE

wp.set_module_options({"enable_backward": False})

_SMOOTH, _LEFT = wp.constant(CREASE_COSINE), wp.constant(1 / math.sqrt(math.pi))


@wp.func
def _reflected(permittivity: wp.vec2, cosine: float):
    """Size of the TE coefficient, that of TM is smaller."""
    if not wp.isfinite(permittivity[0]):
        return 1.0
    real, imag = permittivity[0] - 1.0 + cosine * cosine, permittivity[1]
    size = wp.sqrt(real * real + imag * imag)
    x, y = wp.sqrt(wp.max(0.5 * (size + real), 0.0)), wp.sqrt(wp.max(0.5 * (size - real), 0.0))
    return wp.sqrt(((cosine - x) * (cosine - x) + y * y) / ((cosine + x) * (cosine + x) + y * y))


@wp.func
def _at(values: wp.array3d(dtype=float), row: int, face: int):
    return wp.vec3(values[row, 0, face], values[row, 1, face], values[row, 2, face])


@wp.func
def _bend(normals: wp.array3d(dtype=float), faces: wp.array2d(dtype=wp.int64), frame: int, face: int, normal: wp.vec3):
    """Sine by which the normal turns within a facet of the smooth surface, about."""
    most = float(0.0)
    for n in range(3):
        v = faces[n, face]
        corner = wp.vec3(normals[frame, 0, v], normals[frame, 1, v], normals[frame, 2, v])
        if wp.dot(corner, normal) < _SMOOTH:
            return 0.0
        most = wp.max(most, wp.length(corner - normal))
    return most


@wp.func
def _lobes(
    local: wp.array3d(dtype=float), faces: wp.array2d(dtype=wp.int64), row: int, face: int, slope: wp.vec3, bend: float
):
    """The most in m^2 that a triangle's phase integral is off its normal, for the phase's slope in it in rad/m.

    By Gauss's theorem it is that of its edges: each as long as it is across the slope, or as its lobes allow; they are
    taken to add up in power.
    """
    steep = wp.max(wp.length(slope), 1e-6)
    turning = wp.max(steep - bend, 1e-3)
    total = float(0.0)
    for n in range(3):
        v = faces[n, face]
        w = faces[(n + 1) % 3, face]
        edge = wp.vec3(
            local[row, 0, w] - local[row, 0, v],
            local[row, 1, w] - local[row, 1, v],
            local[row, 2, w] - local[row, 2, v],
        )
        along = wp.dot(edge, slope) / steep
        across = wp.max(wp.dot(edge, edge) - along * along, 0.0)
        lobe = wp.min(1.0, 2.0 / wp.max(turning * wp.abs(along), 1e-9))
        total += across * lobe * lobe
    return wp.sqrt(total) / turning


@wp.kernel
def _worth(
    strength: wp.array3d(dtype=float),
    pairs: wp.array2d(dtype=wp.int32),
    traced: wp.array2d(dtype=wp.uint8),
    ends: wp.array(dtype=wp.vec3),
    area: wp.array3d(dtype=float),
    centre: wp.array3d(dtype=float),
    local: wp.array3d(dtype=float),
    normals: wp.array3d(dtype=float),
    rows: wp.array(dtype=wp.int32),
    faces: wp.array2d(dtype=wp.int64),
    region: wp.array(dtype=wp.int64),
    permittivity: wp.array(dtype=wp.vec2),
    roughness: wp.array(dtype=float),
    loss: wp.array(dtype=float),
    wavenumber: float,
    scale: float,
    smooth: float,
    points: int,
    worth: wp.array3d(dtype=float),
):
    pair, frame, face = wp.tid()
    if traced[pair, frame] == wp.uint8(0):
        return
    one, two, instants = pairs[pair, 0], pairs[pair, 1], strength.shape[1] // traced.shape[1]
    best = float(0.0)
    for k in range(instants):
        row = frame * instants + k
        field = strength[one, row, face] * strength[two, row, face]
        if field > 0.0:
            place, normal = _at(centre, row, face), _at(area, row, face)
            size = wp.length(normal)
            into, out = wp.normalize(place - ends[one]), wp.normalize(place - ends[two])
            bisector, normal = -0.5 * (into + out), normal / size
            cosine, steep = wp.length(bisector), wp.dot(bisector, normal)
            cos_in, cos_out = -wp.dot(into, normal), -wp.dot(out, normal)
            rough = wavenumber * roughness[region[face]] * 2.0 * steep
            left = wp.exp(-rough * rough)
            # Physical optics: all of the facet in phase, or what its lobes allow; and Lambert's law.
            turn = 2.0 * wavenumber
            bend = smooth * turn * cosine * _bend(normals, faces, frame, face, normal)
            lobes = _lobes(local, faces, rows[row], face, turn * (bisector - steep * normal), bend)
            coherent = wavenumber * _LEFT * steep * wp.min(size, lobes)
            power = coherent * coherent * left + 4.0 * (1.0 - left) * size * cos_in * cos_out
            if points != 0:
                power = size * wp.sqrt(cos_in * cos_out)
            kept = _reflected(permittivity[region[face]], cosine) * wp.sqrt(loss[region[face]])
            best = wp.max(best, field * kept * wp.sqrt(power))
    worth[pair, frame, face] = scale * best


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
    device, wavelength = strength.device, pose.radar.waveform.wavelength
    found = torch.zeros(*traced.shape, strength.shape[2], dtype=torch.float32, device=device)
    ends = torch.stack([(leg.centre - pose.anchor).detach() for leg in over]).to(torch.float32)
    eps, rough, loss = (x.detach() for x in pose.materials)
    inputs = [as_array(strength), as_array(pairs.to(torch.int32)), as_array(traced.view(torch.uint8))]
    inputs += [
        as_array(ends, wp.vec3),
        as_array(pose.area),
        as_array(pose.centre),
        as_array(pose.local),
        as_array(pose.normals),
    ]
    rows = torch.tensor(pose.rows, dtype=torch.int32, device=device)
    inputs += [as_array(rows), as_array(pose.topology.faces), as_array(pose.topology.region)]
    inputs += [as_array(torch.view_as_real(eps.contiguous()), wp.vec2), as_array(rough), as_array(loss)]
    inputs += [math.tau / wavelength, wavelength / (4 * math.pi) ** 1.5, float(pose.settings.flatness > 0)]
    inputs += [int(pose.settings.method == "points")]
    with torch_stream(device):
        on = wp.device_from_torch(device)
        wp.launch(_worth, dim=tuple(found.shape), inputs=inputs, outputs=[as_array(found)], device=on)
    return found
