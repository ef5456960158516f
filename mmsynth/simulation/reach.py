"""How strongly a leg over mirrors lights each facet, in one Warp kernel: what can be left out before a ray is shot."""

import math
from weakref import WeakKeyDictionary

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.kernels import (
    Beam,
    LegStruct,
    amplitude_gain,
    as_array,
    beam_struct,
    corner_of,
    leg_struct,
    mirrored_field,
)
from mmsynth.simulation.legs import Leg, images_of
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.rays import torch_stream

wp.set_module_options({"enable_backward": False})


@wp.struct
class _Quads:
    """The mirrors of a leg, from the antennas outwards: four corners of each, its normal, the image of the antennas."""

    corner: wp.array2d(dtype=wp.vec3d)
    normal: wp.array(dtype=wp.vec3d)
    image: wp.array(dtype=wp.vec3d)


@wp.func
def _arrives(quads: _Quads, point: wp.vec3d):
    """Whether the way from a point meets every mirror inside its quad: `legs.free` without a BVH."""
    start = point
    for step in range(quads.normal.shape[0]):
        m = quads.normal.shape[0] - 1 - step
        normal = quads.normal[m]
        way = quads.image[m] - start
        slope = wp.dot(way, normal)
        if wp.abs(slope) < wp.float64(1e-12):
            return False
        fraction = -wp.dot(start - quads.corner[m, 0], normal) / slope
        if fraction <= wp.float64(1e-6) or fraction >= wp.float64(1.0 - 1e-9):
            return False
        start = start + fraction * way
        least, most = wp.float64(0.0), wp.float64(0.0)
        for k in range(4):
            side = quads.corner[m, (k + 1) % 4] - quads.corner[m, k]
            turn = wp.dot(wp.cross(side, start - quads.corner[m, k]), normal)
            least, most = wp.min(least, turn), wp.max(most, turn)
        if least < wp.float64(0.0) and most > wp.float64(0.0):
            return False
    return True


@wp.kernel
def _reach(
    vertices: wp.array3d(dtype=wp.float64),
    rows: wp.array(dtype=int),
    moving: wp.int64,
    faces: wp.array2d(dtype=wp.int64),
    facets: wp.array(dtype=wp.int64),
    leg: LegStruct,
    quads: _Quads,
    beam: Beam,
    wavenumber: float,
    strength: wp.array(dtype=float),
):
    row = wp.tid()
    knot, face = rows[int(facets[row] // moving)], facets[row] % moving
    a = corner_of(vertices, faces, knot, face, 0)
    b = corner_of(vertices, faces, knot, face, 1)
    c = corner_of(vertices, faces, knot, face, 2)
    centre = (a + b + c) / wp.float64(3.0)
    if not _arrives(quads, centre):
        return
    way = wp.vec3(centre - leg.centre)
    far = wp.length(way)
    real, imag = mirrored_field(leg, way / far, wavenumber)
    power = wp.dot(real, real) + wp.dot(imag, imag)
    strength[row] = wp.sqrt(power) * amplitude_gain(beam, leg, way / far) / far


_quads: "WeakKeyDictionary[Leg, object]" = WeakKeyDictionary()  # as long as the leg lives: a memo


def reach(pose: Pose, leg: Leg, facets: Tensor) -> Tensor:
    """The field [facets] in 1/m that a unit source at the far end of a leg makes at facets, with nothing in the way.

    It carries the pattern and the mirrors, and is zero where the way misses one. Face f at the k-th of `pose.rows` has
    the index k * moving + f in `facets`.
    """
    device, count = facets.device, len(facets)
    strength = torch.zeros(count, dtype=torch.float32, device=device)
    if leg not in _quads:
        _quads[leg] = _quads_of(leg)
    rows = torch.tensor(pose.rows, dtype=torch.int32, device=device)
    inputs = [as_array(pose.vertices), as_array(rows), pose.topology.moving, as_array(pose.topology.faces)]
    inputs += [
        as_array(facets),
        leg_struct(leg),
        _quads[leg],
        beam_struct(pose.radar.pattern, device),
        math.tau / pose.radar.waveform.wavelength,
    ]
    with torch_stream(device):
        wp.launch(_reach, dim=count, inputs=inputs, outputs=[as_array(strength)], device=wp.device_from_torch(device))
    return strength


def _quads_of(leg: Leg) -> object:
    out = _Quads()
    if leg.mirrors:
        out.corner = as_array(torch.stack([m.corners for m in leg.mirrors]), wp.vec3d)
        out.normal = as_array(torch.stack([m.normal for m in leg.mirrors]), wp.vec3d)
        out.image = as_array(torch.stack(images_of(leg)[1:]), wp.vec3d)
    return out
