"""The ways over many facets in one Warp kernel in lanes: delays of every antenna, and directions at the radar.

`legs.delays` and `legs.in_radar` stay as its reference, and as the route that can be differentiated.
"""

import torch
import warp as wp
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.simulation.facets.structs import FACETS, PoseStruct, pose_struct
from mmsynth.simulation.kernels.lanes import GEOMETRY, LANES, lanes_of
from mmsynth.simulation.kernels.launch import launch, native
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.legs.structs import MIRRORS, LegStruct, empty_ways, leg_struct
from mmsynth.simulation.pose import PosedScene

wp.set_module_options({"enable_backward": False})

_SNIPPET = (
    LANES
    + GEOMETRY
    + MIRRORS
    + FACETS
    + f"    constexpr double SLOWNESS = {1 / speed_of_light!r};"
    + """
    // Write the delays of the antennas of a leg at a knot and, at mid-frame, the direction at the radar.
    auto one_leg = [&](const wide* centre, const auto& leg, const auto& antennas, auto* delay, int knot, auto* ahead) {
        wide far[3] = {centre[0] - leg.centre.c[0], centre[1] - leg.centre.c[1], centre[2] - leg.centre.c[2]};
        wide reach = long_root(far[0] * far[0] + far[1] * far[1] + far[2] * far[2]);
        three way = {narrow(far[0]), narrow(far[1]), narrow(far[2])};
        lane size = narrow(reach);
        const int many = antennas.shape[0];
        for (int m = 0; m < many; ++m) {
            const float *a = antennas.data[m].c, own_square = a[0] * a[0] + a[1] * a[1] + a[2] * a[2];
            // |far - antenna| - |far| without cancellation: exact to a ten-millionth of the array's size in float32.
            lane rise = own_square - 2.0f * (way.x * a[0] + way.y * a[1] + way.z * a[2]);
            wide seconds = (reach + widen(rise / (size + root(size * size + rise)))) * SLOWNESS;
            double of[L];
            memcpy(of, &seconds, sizeof(wide));
            for (int l = 0; l < own; ++l)
                delay[((thread * L + l) * many + m) * knots + knot] = of[l];
        }
        if (knot != knots / 2)
            return;
        three turned = turned_by(leg.radar_from_world, before_mirrors(leg, 0, way * (1.0f / size)));
        float place[3][L];
        store(place[0], turned.x);
        store(place[1], turned.y);
        store(place[2], turned.z);
        for (int l = 0; l < own; ++l)
            for (int n = 0; n < 3; ++n)
                ahead[thread * L + l].c[n] = place[n][l];
    };
    for (int knot = 0; knot < knots; ++knot) {
        wide corner[3], centre[3];
        for (int n = 0; n < 3; ++n) {
            corners_at(knot, n, corner);
            centre[n] = (corner[0] + corner[1] + corner[2]) * (1.0 / 3.0);
        }
        one_leg(centre, tx, transmitters, tx_delay.data, knot, departure.data);
        one_leg(centre, rx, receivers, rx_delay.data, knot, arrival.data);
    }
"""
)


@native(_SNIPPET, "thread")
def _ways(
    mesh: PoseStruct,
    facets: wp.array(dtype=wp.int64),
    tx: LegStruct,
    rx: LegStruct,
    transmitters: wp.array(dtype=wp.vec3),
    receivers: wp.array(dtype=wp.vec3),
    tx_delay: wp.array3d(dtype=wp.float64),
    rx_delay: wp.array3d(dtype=wp.float64),
    departure: wp.array(dtype=wp.vec3),
    arrival: wp.array(dtype=wp.vec3),
):
    """A facet a lane; antennas are relative to the centre of their leg."""


def fused_ways(pose: PosedScene, facets: Tensor, ends: tuple[Leg, Leg]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Delays to the faces `facets` (by `facet_paths`) from TX and RX, departure and arrival.

    Delays [facets, antennas, knots] are in s (float64), the others directions [facets, 3] in the radar frame at
    mid-frame, as in `types.Paths`.
    """
    device, count = facets.device, len(facets)
    found = empty_ways(ends, count, len(pose.knots))
    inputs = [pose_struct(pose), facets, *(leg_struct(leg) for leg in ends)]
    inputs += [(leg.antennas - leg.centre).to(torch.float32) for leg in ends]
    launch(_ways, -(-count // lanes_of(device)), [*inputs, *found], device)
    return found
