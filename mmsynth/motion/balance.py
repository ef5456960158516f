"""A body in balance: its centre of mass where gravity and the force under its feet want it."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from scipy.linalg import solveh_banded
from torch import Tensor

from mmsynth.geometry import UPRIGHT
from mmsynth.motion.articulate import to_motion
from mmsynth.motion.mass import GRAVITY, centre_of_mass
from mmsynth.motion.posing import Pose
from mmsynth.motion.skeleton import forward

HIGH = 0.95
"""Of the centre of mass over the floor where levers are asked for, in m."""


def mass_of(pose: Pose) -> Tensor:
    """Where the pose's centre of mass is [frames, 3] in m."""
    return centre_of_mass(forward(to_motion(pose))) @ UPRIGHT


def balanced(shape: Callable[[Tensor], Pose], pelvis: Tensor, where: Tensor, level: bool = False) -> Pose:
    """The pose of that shape with the pelvis where its centre of mass is at `where` [frames, 3] in m, to 0.01 mm.

    Args:
        shape: from places of the pelvis [frames, 3] in m, for limbs that go with it.
        pelvis: about where it is.
        where: of the centre of mass.
        level: keep the height of the pelvis; only how far ahead and to the left it is goes by the mass.
    """
    for _ in range(6):
        off = where - mass_of(shape(pelvis))
        if level:
            off = off * torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)
        # Legs follow the pelvis by half.
        pelvis = pelvis + 1.18 * off
    return shape(pelvis)


def poised(times: Tensor, pressure: Callable[[np.ndarray], np.ndarray]) -> Tensor:
    """Where the centre of mass is along one axis [frames] in m, so that pressure under the feet is at `pressure`(time).

    That of an inverted pendulum, x - h/g x'' = p, which neither falls before nor after (Kajita 2003): it begins to move
    some 0.3 s before its support does.
    """
    step = 0.005
    grid = np.arange(float(times[0]) - 2.0, float(times[-1]) + 2.0, step)
    stiff = HIGH / GRAVITY / step**2
    bands = np.stack([np.full(len(grid), -stiff), np.full(len(grid), 1 + 2 * stiff)])
    return torch.from_numpy(CubicSpline(grid, solveh_banded(bands, pressure(grid)))(times.numpy()))
