"""Gain of an antenna element over direction."""

import math

import torch
from torch import Tensor

from mmsynth.geometry import azimuth_elevation
from mmsynth.types import Pattern


def pattern_gain(pattern: Pattern, direction: Tensor) -> Tensor:
    """Power gain [...], one way and isotropic = 1, of an element towards directions [..., 3] in the radar frame.

    Directions need not be of unit length. Of a parametric pattern, cosine powers fall to half at half the beam widths
    and to zero behind the antenna; a width of pi or more means no dependence on that angle. Of a table, both cuts are
    read between their angles by linear interpolation and held constant beyond them. Differentiable in `direction`.
    """
    azimuth, elevation = azimuth_elevation(direction)
    angle, azimuth_cut, elevation_cut = pattern.table_angle, pattern.azimuth_cut, pattern.elevation_cut
    if angle is None or azimuth_cut is None or elevation_cut is None:
        relative = _cosine_power(azimuth, pattern.azimuth_width) * _cosine_power(elevation, pattern.elevation_width)
    else:
        relative = _interpolate(azimuth, angle, azimuth_cut)
        relative = relative * _interpolate(elevation, angle, elevation_cut)
    return pattern.peak_gain * relative


def cosine_exponent(width: float) -> float:
    """The p at which cos(width / 2)^p = 1/2; 0 for widths of pi and more."""
    return math.log(0.5) / math.log(math.cos(width / 2)) if width < math.pi else 0.0


def _cosine_power(angle: Tensor, width: float) -> Tensor:
    power = cosine_exponent(width)
    # A floor instead of zero keeps the gradient of a power below one finite behind the antenna.
    return angle.cos().clamp_min(1e-9) ** power if power else torch.ones_like(angle)


def _interpolate(angle: Tensor, knots: Tensor, values: Tensor) -> Tensor:
    knots, values = knots.to(angle), values.to(angle)
    right = torch.searchsorted(knots, angle.detach().contiguous()).clamp(1, len(knots) - 1)
    left = right - 1
    weight = ((angle - knots[left]) / (knots[right] - knots[left])).clamp(0, 1)
    return values[left] + weight * (values[right] - values[left])
