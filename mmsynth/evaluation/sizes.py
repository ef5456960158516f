"""How large somebody is, told from a whole recording: what few recorded people cannot teach, and many simulated can."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.evaluation.mars import Poses

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class SizeModel:
    """Ridge regression of the logarithm of people's sizes on what their recordings look like."""

    middle: Array
    scale: Array
    weights: Array
    level: float

    def logarithms(self, poses: Poses) -> Array:
        """Logarithm [frames] of the size in m that each frame's recording tells."""
        return np.asarray((poses.context - self.middle) / self.scale @ self.weights + self.level)

    def factors(self, poses: Poses, known: Poses) -> Array:
        """How much larger [frames] people are than those of `known`, whose sizes are known, are on average.

        What the model is wrong by in all recordings of a radar alike falls out.
        """
        return np.asarray(np.exp(self.logarithms(poses) - self.logarithms(known).mean()))


def fit_sizes(poses: Poses, ridge: float = 0.3) -> SizeModel:
    """The model of people whose sizes are known; each recording counts once.

    Args:
        poses: of many people.
        ridge: penalty of the weights on standardised features, relative to the number of recordings.
    """
    _, first, clip = np.unique(poses.clip.astype(str), return_index=True, return_inverse=True)
    table = poses.context[first].astype(np.float64)
    logarithm = np.bincount(clip, np.log(poses.size)) / np.bincount(clip)
    # Bins in which hardly a point falls tell nothing.
    middle, scale, level = table.mean(0), table.std(0) + 1e-3, float(logarithm.mean())
    table = (table - middle) / scale
    penalty = ridge * len(table) * np.eye(table.shape[1])
    return SizeModel(middle, scale, np.linalg.solve(table.T @ table + penalty, table.T @ (logarithm - level)), level)


def mean_size(poses: Poses) -> float:
    """Geometric mean of people's sizes in m."""
    return float(np.exp(np.log(poses.size).mean()))


def of_one_size(poses: Poses, size: float) -> Poses:
    """The poses as people of one size would take them on the same spot."""
    return replace(poses, joints=resized(poses.joints, size / poses.size, floor_of(poses)))


def floor_of(poses: Poses) -> float:
    """Height in m of what people stand on: of the lowest joint, as it mostly is."""
    return float(np.median(poses.joints[..., 2].min(1)))


def resized(joints: Array, factor: Array, floor: float) -> Array:
    """Joints [frames, joints, 3] grown by a factor [frames] from the floor under the first joint."""
    foot = joints[:, :1].copy()
    foot[..., 2] = floor
    return np.asarray(foot + factor[:, None, None] * (joints - foot), joints.dtype)
