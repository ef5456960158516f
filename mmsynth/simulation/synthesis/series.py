"""The polynomial through the knots of a frame, and short series of exp(j x): their coefficients and their sum."""

import math
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


def join_orders(bins: Tensor, orders: Tensor, fast_time: Tensor, pairs: tuple[tuple[int, int, float], ...]) -> Tensor:
    """Samples [frames, loops, slots, rx, samples] of coefficients of (j u)^order in each bucket of each frame.

    They are [frames * bins, orders, rx, pairs, loops].
    """
    orders = _by_slot(orders, pairs)
    angle = (math.tau * torch.remainder(bins[:, None] * fast_time, 1.0)).float()
    power = (1j * fast_time).to(torch.complex64) ** torch.arange(orders.shape[1], device=bins.device)[:, None]
    power[0] = 1  # also at the middle of an odd number of samples, where torch has NaN for 0^0
    carrier = torch.complex(angle.cos(), angle.sin())[:, None] * power
    flat = orders.reshape(-1, len(bins) * orders.shape[1], orders[0, 0].numel()).mT @ carrier.flatten(0, 1)
    return flat.reshape(-1, *orders.shape[2:], len(fast_time)).permute(0, 3, 2, 1, 4)


def _by_slot(total: Tensor, pairs: tuple[tuple[int, int, float], ...]) -> Tensor:
    """Sums [bins, orders, rx, pairs, loops] added up over the TX of a slot, with their weights (TDM: as they are)."""
    slot = [s for s, _, _ in pairs]
    weight = [w for _, _, w in pairs]
    if slot == sorted(set(slot)) and set(weight) == {1.0}:
        return total
    scaled = total * total.real.new_tensor(weight)[:, None]
    index = torch.tensor(slot, device=total.device)
    return scaled.new_zeros(*total.shape[:3], max(slot) + 1, total.shape[4]).index_add(3, index, scaled)
