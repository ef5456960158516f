"""Planted feet: where a foot is seen to stand it is held in one place, so that a sensor's jitter does not move it."""

from dataclasses import replace

import torch
from torch import Tensor

from mmsynth.body_models.pose_solver import Problem

# A foot stands while it moves slower than this (m/s, from the frame before to the one after) for so long (s), ...
_SLOW, _LEAST = 0.5, 0.15
# ... no higher than this (m) above the lowest it is seen (their tenth percentile).
_LIFTED = 0.06
# It is held where it is within this (m) of the middle of its stand: slow steps are no stand.
_NEAR = 0.04
# How much more a planted foot counts than a joint that is only seen.
FIRM = 15.0


def plant(problem: Problem, placed: Tensor, rows: list[int], times: Tensor) -> Problem:
    """The problem with the targets `rows` (heels, balls of the feet) held still while they are seen to stand.

    Args:
        problem: what is seen.
        placed: where the body has the targets so far [frames, targets, 3] in m (z up). They are held where the body has
            them, not where they are seen: legs of another length must not pull at the rest of it.
        rows: targets that touch the floor.
        times: of the frames in s.
    """
    seen, weight = problem.seen.clone(), problem.weight.clone()
    if len(times) < 3:
        return problem
    reach = max(1, round(0.03 / float(times.diff().median())))
    frames = torch.arange(len(times), device=seen.device)
    after, before = (frames + reach).clamp_max(len(times) - 1), (frames - reach).clamp_min(0)
    for row in rows:
        place = problem.seen[:, row]
        speed = (place[after] - place[before]).norm(dim=-1) / (times[after] - times[before])
        height = place[:, 2]
        stands = (speed < _SLOW) & (height < height.quantile(0.1) + _LIFTED)
        for start, stop in _runs(stands):
            if float(times[stop - 1] - times[start]) >= _LEAST:
                middle = place[start:stop].median(0).values
                held = torch.nonzero((place[start:stop] - middle).norm(dim=-1) < _NEAR).flatten() + start
                if len(held):
                    seen[held, row] = placed[held, row].median(0).values
                    weight[held, row] *= FIRM
    return replace(problem, seen=seen, weight=weight)


def _runs(mask: Tensor) -> list[tuple[int, int]]:
    """First and one past the last index of each run of True."""
    edges = torch.diff(torch.nn.functional.pad(mask.to(torch.int8), (1, 1))).nonzero().flatten().tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
