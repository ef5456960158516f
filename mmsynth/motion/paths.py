"""Ways over the floor for gaits to follow: to and fro, round and round, about a spot."""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmsynth.motion.clip import Clip, track

# m/s^2: 1.2 m/s round a circle of 1 m radius, 0.67 m/s round one of 0.3 m. Of walkers who turn in CMU's recordings (79
# clips, pelvis smoothed by 0.35 s), speed times turning rate has a median of 0.6 to 0.8, and 99 % stay under 1.26 to
# 1.43 at any speed from 0.4 to 1.3 m/s. Nearly the same at all speeds is what Wang 2025 (arXiv 2506.15321) finds too:
# the greatest turning rate falls with the speed to the power 0.8.
_SIDEWARD = 1.5


@dataclass(frozen=True, eq=False)
class Path:
    """Where the pelvis is wanted: times [n] in s beyond the clip's, position [n, 2] (left, forward) in m, yaw [n]."""

    times: np.ndarray
    position: np.ndarray
    yaw: np.ndarray

    def at(self, time: float) -> tuple[np.ndarray, float, float]:
        """Position [2] in m, yaw in rad and speed in m/s at `time`."""
        place = np.array([np.interp(time, self.times, self.position[:, i]) for i in (0, 1)])
        ahead = np.array([np.interp(time + 0.05, self.times, self.position[:, i]) for i in (0, 1)])
        return place, float(np.interp(time, self.times, self.yaw)), float(np.linalg.norm(ahead - place) / 0.05)


def plan_path(times: Tensor, speed: list[tuple[float, float, float]], yaw: list[tuple[float, float]]) -> Path:
    """Integrate keyed body-frame velocities into a path.

    Args:
        times: [frames] in s of the clip; the path reaches two seconds beyond.
        speed: keys (time in s, forward in m/s, to the left in m/s).
        yaw: keys (time in s, rad to the left).
    """
    grid = torch.arange(-2.0, float(times[-1]) + 3.0, 0.01, dtype=torch.float64)
    fore, left = (track(grid, [(k[0], k[i]) for k in speed]).numpy() for i in (1, 2))
    turn = track(grid, yaw).numpy()
    velocity = np.stack([fore * np.sin(turn) + left * np.cos(turn), fore * np.cos(turn) - left * np.sin(turn)], 1)
    position = np.concatenate([np.zeros((1, 2)), np.cumsum(0.5 * (velocity[1:] + velocity[:-1]) * 0.01, 0)])
    inside = (grid.numpy() > -0.006) & (grid.numpy() < float(times[-1]) + 0.006)
    middle = 0.5 * (position[inside].max(0) + position[inside].min(0))
    return Path(grid.numpy(), position - middle, turn)


def to_and_fro(clip: Clip, speed: float, extent: float, kind: str, ramp: float = 0.6) -> Path:
    """A path that covers `extent` m and comes back by turning, walking backward or sideways, again and again.

    `ramp` s at most are taken to start and to stop.
    """
    now, heading, sign = -2.0 - clip.uniform(0.0, 1.0), 0.0, 1.0
    speeds: list[tuple[float, float, float]] = [(now, 0.0, 0.0)]
    yaws = [(now, 0.0)]
    while now < clip.duration + 1.0:
        pace = speed * math.exp(clip.normal(0.08))
        length = extent * clip.uniform(0.75, 1.1)
        rise = min(ramp, 0.45 * length / pace)
        cruise = length / pace - rise
        fore, left = (0.0, sign * pace) if kind == "sideways" else (sign * pace, 0.0)
        speeds += [(now + rise, fore, left), (now + rise + cruise, fore, left), (now + 2 * rise + cruise, 0.0, 0.0)]
        yaws += [(now + rise, heading), (now + rise + 0.9 * cruise, heading)]
        now += 2 * rise + cruise
        if kind == "turn":
            heading += math.pi * (1 if clip.uniform() < 0.5 else -1)
            now += clip.uniform(0.9, 1.5)
            yaws.append((now, heading))
        else:
            sign = -sign
            now += clip.uniform(0.1, 0.6)
        speeds.append((now, 0.0, 0.0))
    return plan_path(clip.times, speeds, yaws)


def loop(clip: Clip, speed: float, extent: float) -> Path:
    """A path round and round, `extent` m across, now wider and now narrower, in a sense of its own.

    Narrow rounds are walked more slowly: people accelerate by no more than `_SIDEWARD` towards the middle.
    """
    sense = 1 if clip.uniform() < 0.5 else -1
    speed = min(speed, math.sqrt(_SIDEWARD * 0.5 * extent))
    now, yaw = -2.5, clip.uniform(-math.pi, math.pi)
    speeds, yaws = [(now, speed, 0.0)], [(now, yaw)]
    while now < clip.duration + 3.0:
        now += 0.6
        pace = speed * math.exp(clip.normal(0.1))
        yaw += sense * 0.6 * pace / (0.5 * extent) * math.exp(clip.normal(0.5))
        speeds.append((now, pace, 0.0))
        yaws.append((now, yaw))
    return plan_path(clip.times, speeds, yaws)


def wander(clip: Clip, spread: float) -> Path:
    """Shifting about the spot, `spread` m to either side, facing forward."""
    grid = torch.arange(-2.0, clip.duration + 3.0, 0.01, dtype=torch.float64)
    way = dataclasses.replace(clip, times=grid).noise(spread, 0.03, 0.25, 2)
    return Path(grid.numpy(), way.numpy(), np.zeros(len(grid)))
