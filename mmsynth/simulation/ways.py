"""The ways over many facets in one Warp kernel: delays of every antenna, and directions at the radar.

`legs.delays` and `legs.in_radar` stay as its reference, and as the route that can be differentiated.
"""

import torch
import warp as wp
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.simulation.kernels import LegStruct, as_array, before_mirrors, corner_of, leg_struct
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.rays import torch_stream

wp.set_module_options({"enable_backward": False})

_SLOWNESS = wp.constant(wp.float64(1 / speed_of_light))


@wp.func
def _one_leg(
    centre: wp.vec3d, leg: LegStruct, antennas: wp.array(dtype=wp.vec3), delay: wp.array2d(dtype=wp.float64), knot: int
):
    """Write the delays of the antennas at a knot, and return the direction to a facet's centre."""
    far = centre - leg.centre
    reach = wp.length(far)
    way, size = wp.vec3(far), float(reach)
    for m in range(antennas.shape[0]):
        # |far - antenna| - |far| without cancellation: exact to a ten-millionth of the array's size in float32.
        rise = wp.dot(antennas[m], antennas[m]) - 2.0 * wp.dot(way, antennas[m])
        more = rise / (size + wp.sqrt(size * size + rise))
        delay[m, knot] = (reach + wp.float64(more)) * _SLOWNESS
    return way / size


@wp.kernel
def _ways(
    vertices: wp.array3d(dtype=wp.float64),
    faces: wp.array2d(dtype=wp.int64),
    facets: wp.array(dtype=wp.int64),
    moving: wp.int64,
    tx: LegStruct,
    rx: LegStruct,
    transmitters: wp.array(dtype=wp.vec3),
    receivers: wp.array(dtype=wp.vec3),
    tx_delay: wp.array3d(dtype=wp.float64),
    rx_delay: wp.array3d(dtype=wp.float64),
    departure: wp.array(dtype=wp.vec3),
    arrival: wp.array(dtype=wp.vec3),
):
    """One facet a thread; antennas are relative to the centre of their leg."""
    row = wp.tid()
    knots = tx_delay.shape[2]
    face, begin = facets[row] % moving, int(facets[row] // moving) * knots
    for knot in range(knots):
        a = corner_of(vertices, faces, begin + knot, face, 0)
        b = corner_of(vertices, faces, begin + knot, face, 1)
        c = corner_of(vertices, faces, begin + knot, face, 2)
        centre = (a + b + c) / wp.float64(3.0)
        into = _one_leg(centre, tx, transmitters, tx_delay[row], knot)
        out = _one_leg(centre, rx, receivers, rx_delay[row], knot)
        if knot == knots // 2:
            departure[row] = tx.radar_from_world * before_mirrors(tx, 0, into)
            arrival[row] = rx.radar_from_world * before_mirrors(rx, 0, out)


def fused_ways(pose: Pose, facets: Tensor, ends: tuple[Leg, Leg]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Delays to the faces `facets` (by `facet_paths`) from TX and RX, departure and arrival.

    Delays [facets, antennas, knots] are in s (float64), the others directions [facets, 3] in the radar frame at
    mid-frame, as in `types.Paths`.
    """
    device, count = facets.device, len(facets)
    delays = [
        torch.empty(count, len(leg.antennas), len(pose.knots), dtype=torch.float64, device=device) for leg in ends
    ]
    ways = [torch.empty(count, 3, dtype=torch.float32, device=device) for _ in ends]
    inputs = [as_array(pose.vertices), as_array(pose.topology.faces), as_array(facets), max(pose.topology.moving, 1)]
    inputs += [leg_struct(leg) for leg in ends]
    inputs += [as_array((leg.antennas - leg.centre).to(torch.float32), wp.vec3) for leg in ends]
    with torch_stream(device):
        outputs = [as_array(delays[0]), as_array(delays[1]), as_array(ways[0], wp.vec3), as_array(ways[1], wp.vec3)]
        wp.launch(_ways, dim=count, inputs=inputs, outputs=outputs, device=wp.device_from_torch(device))
    return delays[0], delays[1], ways[0], ways[1]
