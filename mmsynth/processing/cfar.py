"""Constant false-alarm rate detection by running sums, and peak grouping."""

import math

import torch
from torch import Tensor

from mmsynth.types import Cfar


def noise_estimate(values: Tensor, dim: int, cfar: Cfar) -> Tensor:
    """Noise estimate along `dim` for each cell of `values`, in their own unit (log level or power), same shape.

    CA averages the cells of both sides, CAGO takes the greater and CASO the smaller of the two sides' means, OS an
    ordered value of all cells. Near the ends of an axis that does not wrap, a side with too few cells is left out;
    where both are, the estimate is infinite, so that nothing is detected.

    Raises:
        ValueError: an axis that wraps has fewer cells than the windows of both sides.
    """
    values = values.movedim(dim, -1)
    reach = cfar.window + cfar.guard
    size = values.shape[-1]
    if cfar.cyclic and 2 * reach >= size:
        raise ValueError(
            f"Cfar: window {cfar.window} and guard {cfar.guard} need more than {2 * reach} cells, got {size}"
        )
    if cfar.cyclic:
        padded = torch.cat([values[..., size - reach :], values, values[..., :reach]], -1)
    else:
        # Infinite where a side reaches beyond the end; replaced by the other side below.
        padded = torch.nn.functional.pad(values, (reach, reach))
    estimate = _ordered(padded, size, cfar) if cfar.mode == "OS" else _averaged(padded, size, cfar)
    return estimate.movedim(-1, dim).to(values.dtype)


def _valid_sides(size: int, cfar: Cfar, device: torch.device) -> tuple[Tensor, Tensor]:
    """Whether all cells of the lower and of the upper side [size] lie inside the axis."""
    cell = torch.arange(size, device=device)
    reach = cfar.window + cfar.guard
    inside = torch.ones(size, dtype=torch.bool, device=device)
    return (inside, inside) if cfar.cyclic else (cell >= reach, cell < size - reach)


def _averaged(padded: Tensor, size: int, cfar: Cfar) -> Tensor:
    lower, upper = _side_sums(padded, size, cfar)
    has_lower, has_upper = _valid_sides(size, cfar, padded.device)
    both, one = has_lower & has_upper, has_lower | has_upper
    if cfar.mode == "CA":
        total = torch.where(has_lower, lower, 0) + torch.where(has_upper, upper, 0)
        cells = cfar.window * (has_lower.to(total.dtype) + has_upper.to(total.dtype))
    else:
        chosen = torch.maximum(lower, upper) if cfar.mode == "CAGO" else torch.minimum(lower, upper)
        total = torch.where(both, chosen, torch.where(has_lower, lower, upper))
        cells = torch.full_like(has_lower, cfar.window, dtype=total.dtype)
    if cfar.divide_shift is not None:
        # The firmware's divisor is fixed; at an edge, where CA has half the cells, it doubles their sum.
        full = cfar.window * (2 if cfar.mode == "CA" else 1)
        cells = cells * (2.0**cfar.divide_shift / full)
    return torch.where(one, total / cells.clamp_min(1e-30), math.inf)


def _side_sums(padded: Tensor, size: int, cfar: Cfar) -> tuple[Tensor, Tensor]:
    """Sums [..., size] over the window below and above each cell, by differences of one running sum (float64)."""
    running = torch.nn.functional.pad(padded.to(torch.float64).cumsum(-1), (1, 0))
    sums = running[..., cfar.window :] - running[..., : -cfar.window]
    above = cfar.window + 2 * cfar.guard + 1
    return sums[..., :size], sums[..., above : above + size]


def _ordered(padded: Tensor, size: int, cfar: Cfar) -> Tensor:
    cells = padded.unfold(-1, cfar.window, 1)
    above = cfar.window + 2 * cfar.guard + 1
    has_lower, has_upper = _valid_sides(size, cfar, padded.device)
    lower = torch.where(has_lower[:, None], cells[..., :size, :], math.inf)
    upper = torch.where(has_upper[:, None], cells[..., above : above + size, :], math.inf)
    ordered = torch.cat([lower, upper], -1).sort(-1).values
    # Cells of a side that is left out sort to the end; the rank is a fraction of those that count.
    count = cfar.window * (has_lower.to(torch.int64) + has_upper.to(torch.int64))
    rank = (cfar.order * count).ceil().to(torch.int64).clamp_min(1) - 1
    return ordered.gather(-1, rank[:, None].expand(*ordered.shape[:-1], 1))[..., 0]


def local_maxima(level: Tensor, doppler: bool, ranges: bool) -> Tensor:
    """Whether each cell of `level` [frames, doppler, range] is no smaller than its neighbours: TI's peak grouping.

    Neighbours lie along Doppler (which wraps), along range (which does not), or in the whole 3x3 for both.
    """
    best = level
    if doppler:
        best = torch.maximum(best, torch.maximum(level.roll(1, 1), level.roll(-1, 1)))
    if ranges:
        edge = torch.full_like(best[..., :1], -math.inf)
        before = torch.cat([edge, best[..., :-1]], -1)
        after = torch.cat([best[..., 1:], edge], -1)
        best = torch.maximum(best, torch.maximum(before, after))
    return level >= best
