"""Several people in one scene, who do not walk through each other."""

import torch

from mmsynth.motion.edit import complete
from mmsynth.motion.interpolate import resample
from mmsynth.motion.skeleton import forward
from mmsynth.types import Motion

# In m, kept between the joints of two people: the surface of a heavy body is up to 0.17 m from its joints, and two such
# bellies do not touch.
GAP = 0.35


def distance(first: Motion, second: Motion) -> float:
    """The least distance in m between joints of two people at the same time, seen from above; at 15 Hz.

    Limbs of both are taken at the generic proportions. People whose clips do not overlap in time are infinitely apart.
    """
    start = max(float(first.times[0]), float(second.times[0]))
    end = min(float(first.times[-1]), float(second.times[-1]))
    if end < start:
        return float("inf")
    times = torch.linspace(start, end, max(2, round(15 * (end - start))), dtype=torch.float64)
    if end == start:
        times = times[:1]
    a, b = (forward(complete(resample(m, times)))[..., :2] for m in (first, second))
    return float(torch.cdist(a, b).min())
