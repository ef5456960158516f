"""Paths that leave the TX, scatter off one facet of a person by physical optics, and arrive at the RX.

Legs are exact for every antenna; what is common (visibility, scattering, spreading) is computed once for the phase
centres of the TX and RX arrays.
"""

import math

import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.arrays import differentiable
from mmsynth.simulation import legs, surface
from mmsynth.simulation.budget import strongest
from mmsynth.simulation.facets.fused import fused_gains
from mmsynth.simulation.facets.gains import facet_gains
from mmsynth.simulation.facets.ways import fused_ways
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.pose import PosedScene
from mmsynth.simulation.surface import unit
from mmsynth.types import Paths

# Part of its slope that a gain must not fall below to have a lag of its own.
ZERO = 0.01


def facet_paths(pose: PosedScene, ends: tuple[Leg, Leg], seen: Tensor) -> Paths:
    """The paths from the TX over its leg to every seen facet and back over the leg of the RX.

    The weakest of each frame are left out as long as together they hold less than the fraction `settings.drop` of the
    power of all. `seen` [frames * instants, faces] is that of `visible`.
    """
    # Face f of frame k has the index k * moving + f: of one frame, it is the face.
    facets = seen.reshape(pose.frames, len(pose.instants), -1).any(1).reshape(-1).nonzero()[:, 0]
    gain, slope = gains_of(pose, facets, ends, seen)
    keep = strongest(gain, frame_of(pose, facets), drop=pose.settings.drop)
    return paths_over(pose, facets[keep], ends, (gain[keep], slope[keep]))


def gains_of(pose: PosedScene, facets: Tensor, ends: tuple[Leg, Leg], seen: Tensor) -> tuple[Tensor, Tensor]:
    """Gains and slopes [facets, gains] of the paths over `facets`, see `facet_gains`.

    They go by the route that can be differentiated where somebody asks.
    """
    return (facet_gains if differentiable(pose.vertices, pose.materials, ends) else fused_gains)(
        pose, facets, ends, seen
    )


def paths_over(pose: PosedScene, facets: Tensor, ends: tuple[Leg, Leg], scattered: tuple[Tensor, Tensor]) -> Paths:
    """The paths over `facets` [n], indices as in `facet_paths`, with what `gains_of` has of them."""
    ways = facet_ways if differentiable(pose.vertices, pose.materials, ends) else fused_ways
    there, back, departure, arrival = ways(pose, facets, ends)
    gain, turn = _lagging(*scattered)
    half = turn[:, None, None] * (0.5 * pose.radar.waveform.wavelength / (math.tau * speed_of_light))
    return Paths(
        gain=gain,
        tx_delay=there.add_(half),
        rx_delay=back.add_(half),
        knots=pose.knots,
        departure=departure,
        arrival=arrival,
        region=pose.topology.region[facets if pose.frames == 1 else facets % pose.topology.moving],
        order=torch.full_like(facets, len(ends[0].mirrors) + len(ends[1].mirrors)),
        region_names=pose.topology.region_names,
        frame=frame_of(pose, facets),
        frames=pose.frames,
    )


def _lagging(gain: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """Gains [facets, gains] less a turn in rad [facets] (float64), which is left to the delay.

    A facet that is wavelengths deep does not echo from its centroid alone: over the band its gain turns. The turn is
    that of the delay which turns alike (the group delay, of all times of the gains as one) at the middle of the band.
    """
    a, b, c, d = gain.real, gain.imag, slope.real, slope.imag
    # Next to a zero of the gain no delay does; this holds the turn below 1 / (2 ZERO).
    size = (a * a + b * b + ZERO**2 * (c * c + d * d)).sum(1)
    turn = (a * d - b * c).sum(1) / size.clamp_min(1e-36)
    cosine, sine = turn.cos()[:, None], turn.sin()[:, None]
    return torch.complex(a * cosine + b * sine, b * cosine - a * sine), turn.to(torch.float64)


def frame_of(pose: PosedScene, facets: Tensor) -> Tensor | None:
    """The frame [facets] of indices as in `facet_paths`; None where there is one."""
    return None if pose.frames == 1 else facets // max(pose.topology.moving, 1)


def facet_ways(pose: PosedScene, facets: Tensor, ends: tuple[Leg, Leg]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The reference of `fused_ways`, with its shapes and units, and the route that can be differentiated."""
    centre = surface.centroid(surface.gather(pose.vertices, pose.topology.faces.index_select(1, facets)))
    ways = [unit((centre[len(pose.knots) // 2] - leg.centre[:, None]).to(torch.float32)) for leg in ends]
    departure, arrival = (legs.in_radar(leg, way) for leg, way in zip(ends, ways, strict=True))
    return legs.delays(ends[0], centre), legs.delays(ends[1], centre), departure, arrival
