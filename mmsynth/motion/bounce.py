"""The centre of mass of who runs: parabolas in the air, joined on the floor by a half sine of force."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmsynth.motion.balance import HIGH
from mmsynth.motion.clip import ease
from mmsynth.motion.mass import GRAVITY
from mmsynth.motion.paths import Path


def quintic(u: Tensor, first: tuple[Tensor, Tensor, Tensor], last: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """The polynomial [frames, n] over u [frames] in 0..1 of given values, rates and accelerations at both ends."""
    u = u[:, None]
    late = ease(u)
    leaving = (1 - late, u - 6 * u**3 + 8 * u**4 - 3 * u**5, 0.5 * u**2 * (1 - u) ** 3)
    arriving = (late, -4 * u**3 + 7 * u**4 - 3 * u**5, 0.5 * u**3 * (1 - u) ** 2)
    found = torch.zeros_like(late)
    for shape, part in zip(leaving + arriving, first + last, strict=True):
        found = found + shape * part
    return found


@dataclass(frozen=True, eq=False)
class Bounce:
    """The course of a centre of mass: flight `k` begins at `start + k period`, and contact `k` follows it.

    Attributes:
        start: of flight 0, in s.
        period: of a step, a flight and a contact, in s.
        flight: in s.
        height: [steps] at take-off and landing of each flight, in m.
        place: [steps, 2] (left, forward) in the middle of each flight, in m.
        velocity: [steps, 2] of each flight, in m/s.
    """

    start: float
    period: float
    flight: float
    height: Tensor
    place: Tensor
    velocity: Tensor

    @property
    def contact(self) -> float:
        """Seconds from landing to take-off."""
        return self.period - self.flight

    def at(self, times: Tensor) -> Tensor:
        """Where the centre of mass is [frames, 3] in m (left, up, forward).

        Vertical force on the floor is a half sine that gives back what the flight took (Morin 2005, J. Appl. Biomech.
        21(2)): from contact to contact the body sinks by g tc (tc + tf) / (2 pi) - g tc^2 / 8 and rises by g tf^2 / 8.
        """
        k = ((times - self.start) / self.period).floor()
        since = times - self.start - k * self.period
        k = k.long().clamp(0, len(self.place) - 2)
        on = (since - self.flight).clamp_min(0)
        before, after = self.velocity[k], self.velocity[k + 1]
        none = torch.zeros_like(before)
        level = quintic(
            on / self.contact,
            (self.place[k] + 0.5 * self.flight * before, self.contact * before, none),
            (self.place[k + 1] - 0.5 * self.flight * after, self.contact * after, none),
        )
        level = level + before * (since - self.flight).clamp_max(0)[:, None]
        pressed = on - self.contact / math.pi * (math.pi * on / self.contact).sin()
        high = torch.lerp(self.height[k], self.height[k + 1], ease(on / self.contact))
        high = high + 0.5 * GRAVITY * (since * (self.flight - since) + self.period * pressed)
        return torch.stack([level[:, 0], high, level[:, 1]], 1)


def plan_bounce(path: Path, start: float, rate: float, duty: float, width: float) -> Bounce:
    """The course of who runs along the path with `rate` steps a second, each foot on the floor for `duty` of a stride.

    Velocity swings as force through the feet asks for: braked in the first half of a contact and made good in the
    second; to the side, away from each foot, left after even flights, which is `width` / 2 in m beside the body.
    """
    period = 1 / rate
    contact = 2 * period * duty
    flight = period - contact
    steps = math.ceil((float(path.times[-1]) - start) * rate) + 2
    middle = start + 0.5 * flight + period * np.arange(steps)
    before, place, after = (
        np.stack([np.interp(middle + at * period, path.times, path.position[:, i]) for i in (0, 1)], 1)
        for at in (-0.5, 0.0, 0.5)
    )
    # Force leans as the line from foot to body does, and the pressure under a foot goes a fifth of the way with it.
    dip = 0.8 * (0.5 - 1 / math.pi) * 0.5 * GRAVITY * period * contact / HIGH
    # A quintic that is to cover less than its end velocities ask for is slower by 1.875 times as much in its middle.
    pace = (after - before) * rate * (1 + dip / 1.875 * contact / period)
    yaw = np.interp(middle, path.times, path.yaw)
    aside = np.stack([np.cos(yaw), -np.sin(yaw)], 1) * (-1.0) ** np.arange(steps)[:, None]
    velocity = pace + 0.25 * GRAVITY * period * width / HIGH * aside
    height = torch.full((steps,), HIGH, dtype=torch.float64)
    return Bounce(start, period, flight, height, torch.from_numpy(place), torch.from_numpy(velocity))
