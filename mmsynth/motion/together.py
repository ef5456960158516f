"""Several people in one scene, who do not walk through each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from mmsynth.motion.edit import complete, place
from mmsynth.motion.interpolate import resample
from mmsynth.motion.skeleton import forward
from mmsynth.types import Motion


@dataclass(frozen=True)
class Area:
    """Where people may be placed: ranges of x and y in m and of heading in rad; `gap` in m is kept between joints.

    The surface of a heavy body is up to 0.17 m from its joints: of two such bellies the default keeps them apart.
    """

    x: tuple[float, float] = (-1.5, 1.5)
    y: tuple[float, float] = (1.5, 4.0)
    heading: tuple[float, float] = (-3.14159, 3.14159)
    gap: float = 0.35


def place_apart(motions: Sequence[Motion], area: Area, generator: torch.Generator, tries: int = 200) -> list[Motion]:
    """The clips placed at random in `area`, such that no joint of one comes within `gap` of another's at any time.

    Whoever covers most floor is placed first. Clips may differ in length and rate: they are compared where both run.

    Raises:
        ValueError: no place was found for one in `tries` attempts.
    """
    placed: dict[int, Motion] = {}
    order = sorted(range(len(motions)), key=lambda i: -_extent(motions[i]))
    for i in order:
        for _ in range(tries):
            u = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
            x, y, heading = (
                low + (high - low) * v for (low, high), v in zip((area.x, area.y, area.heading), u, strict=True)
            )
            here = place(motions[i], (x, y), heading)
            if all(distance(here, other) >= area.gap for other in placed.values()):
                placed[i] = here
                break
        else:
            raise ValueError(
                f"place_apart: expected room for {len(motions)} people, found none for number {i} in {tries} tries"
            )
    return [placed[i] for i in range(len(motions))]


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


def _extent(motion: Motion) -> float:
    floor = motion.translation[:, :2]
    return float((floor.amax(0) - floor.amin(0)).norm())
