"""The polynomial through the knots of a frame, and short series of exp(j x)."""

from functools import lru_cache

import numpy as np
import torch
from numpy.polynomial import chebyshev
from scipy.special import jv
from torch import Tensor


def interpolation(knots: Tensor, times: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of the polynomial through values at `knots`, of its slope, and the place between first and last knot.

    Args:
        knots: [knots] s, float64.
        times: [...] s, float64.

    Returns:
        values [..., knots], slopes [..., knots] in 1/s, fraction [...].
    """
    span = float(knots[-1] - knots[0]) or 1.0
    x, nodes = (times - knots[0]) / span, (knots - knots[0]) / span
    degree = torch.arange(len(knots), dtype=torch.float64, device=knots.device)
    # Powers about the middle of the frame: well conditioned for the handful of knots that a frame has.
    weights = torch.linalg.inv((2 * nodes[:, None] - 1) ** degree)
    power = (2 * x[..., None] - 1) ** degree
    slope = 2 / span * degree * (2 * x[..., None] - 1) ** (degree - 1).clamp(min=0)
    return power @ weights, slope @ weights, x


@lru_cache(maxsize=256)
def economised(limit: float, terms: int) -> tuple[float, ...]:
    """Coefficients of (j x)^q, q < terms, in the truncated Chebyshev series of exp(j x) on |x| <= limit."""
    bessel = [(1 if k == 0 else 2) * 1j**k * jv(k, limit) for k in range(terms)]
    power = chebyshev.cheb2poly(np.array(bessel)) / (1j * limit) ** np.arange(terms)
    return tuple(float(p.real) for p in power)
