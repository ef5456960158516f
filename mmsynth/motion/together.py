"""Several people in one scene, who do not walk through each other."""

import torch
from torch import Tensor

from mmsynth.motion.edit import complete
from mmsynth.motion.interpolate import resample
from mmsynth.motion.skeleton import forward
from mmsynth.types import Motion

# In m, kept between the joints of two people: the surface of a heavy body is up to 0.17 m from its joints, and two such
# bellies do not touch.
GAP = 0.35


def tracks(first: Motion, second: Motion) -> tuple[Tensor, Tensor]:
    """Where the joints of two people are [times, joints, 2] in m, seen from above, while both are there; at 15 Hz.

    Limbs of both are taken at the generic proportions. Tracks turn and move with their motions (`place`).
    """
    start = max(float(first.times[0]), float(second.times[0]))
    end = min(float(first.times[-1]), float(second.times[-1]))
    if end < start:
        return torch.empty(0, 0, 2), torch.empty(0, 0, 2)
    times = torch.linspace(start, end, max(2, round(15 * (end - start))), dtype=torch.float64)
    if end == start:
        times = times[:1]
    a, b = (forward(complete(resample(m, times)))[..., :2] for m in (first, second))
    return a, b


def least(first: Tensor, second: Tensor) -> float:
    """The least distance in m between joints of two people at the same time; infinite where there is none.

    Args:
        first: track of one, see `tracks`.
        second: of the other.
    """
    return float(torch.cdist(first, second).min()) if len(first) else float("inf")
