"""Paths that leave the TX, scatter off one facet of a person by physical optics, and arrive at the RX.

Legs are exact for every antenna; what is common (visibility, scattering, spreading) is computed once for the phase
centres of the TX and RX arrays.
"""

import torch
from torch import Tensor

from mmsynth.arrays import differentiable
from mmsynth.simulation import legs, surface
from mmsynth.simulation.budget import strongest
from mmsynth.simulation.facets.fused import fused_gains
from mmsynth.simulation.facets.gains import facet_gains
from mmsynth.simulation.facets.ways import fused_ways
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.surface import unit
from mmsynth.types import Paths


def facet_paths(pose: Pose, ends: tuple[Leg, Leg], seen: Tensor) -> Paths:
    """The paths from the TX over its leg to every seen facet and back over the leg of the RX.

    The weakest of each frame are left out as long as together they hold less than the fraction `settings.drop` of the
    power of all. `seen` [frames * instants, faces] is that of `visible`.
    """
    # Face f of frame k has the index k * moving + f: of one frame, it is the face.
    facets = seen.reshape(pose.frames, len(pose.instants), -1).any(1).reshape(-1).nonzero()[:, 0]
    gain = gains_of(pose, facets, ends, seen)
    keep = strongest(gain, frame_of(pose, facets), drop=pose.settings.drop)
    return paths_over(pose, facets[keep], ends, gain[keep])


def gains_of(pose: Pose, facets: Tensor, ends: tuple[Leg, Leg], seen: Tensor) -> Tensor:
    """Gains [facets, gains] of the paths over `facets`, by the route that can be differentiated where somebody asks."""
    return (facet_gains if differentiable(pose.vertices, pose.materials, ends) else fused_gains)(
        pose, facets, ends, seen
    )


def paths_over(pose: Pose, facets: Tensor, ends: tuple[Leg, Leg], gain: Tensor) -> Paths:
    """The paths over `facets`, indices as in `facet_paths`, with gains [facets, gains]."""
    ways = facet_ways if differentiable(pose.vertices, pose.materials, ends) else fused_ways
    there, back, departure, arrival = ways(pose, facets, ends)
    return Paths(
        gain=gain,
        tx_delay=there,
        rx_delay=back,
        knots=pose.knots,
        departure=departure,
        arrival=arrival,
        region=pose.topology.region[facets if pose.frames == 1 else facets % pose.topology.moving],
        order=torch.full_like(facets, len(ends[0].mirrors) + len(ends[1].mirrors)),
        region_names=pose.topology.region_names,
        frame=frame_of(pose, facets),
        frames=pose.frames,
    )


def frame_of(pose: Pose, facets: Tensor) -> Tensor | None:
    """The frame [facets] of indices as in `facet_paths`; None where there is one."""
    return None if pose.frames == 1 else facets // max(pose.topology.moving, 1)


def facet_ways(pose: Pose, facets: Tensor, ends: tuple[Leg, Leg]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The reference of `fused_ways`, and the route that can be differentiated."""
    centre = surface.centroid(surface.gather(pose.vertices, pose.topology.faces.index_select(1, facets)))
    ways = [unit((centre[len(pose.knots) // 2] - leg.centre[:, None]).to(torch.float32)) for leg in ends]
    departure, arrival = (legs.in_radar(leg, way) for leg, way in zip(ends, ways, strict=True))
    return legs.delays(ends[0], centre), legs.delays(ends[1], centre), departure, arrival
