"""Trees in the place of the simulator."""

import numpy as np
import pytest
import torch

from mmsynth.evaluation.ceiling import learned_correlations, stretch_of
from mmsynth.evaluation.fidelity import SERIES
from mmsynth.types import Labels, PointCloud, Sample


def swaying(subject: str, phase: float) -> Sample:
    """Nineteen joints that sway 20 cm along the view at 2 m, and ten noisy points on them that know the speed."""
    draw, times = np.random.default_rng(int(10 * phase)), 0.1 * np.arange(300)
    way = 0.2 * np.sin(2 * np.pi * 0.4 * times + phase) + 0.05 * np.sin(2 * np.pi * 0.13 * times)
    speed = np.gradient(way, 0.1)
    joints = np.tile([0.0, 2.0, 0.0], (300, 19, 1)) + draw.normal(0, 0.1, (1, 19, 3)) * [1, 0, 1]
    joints[..., 1] += way[:, None]
    points = np.repeat(joints[:, :10], 1, 1).reshape(-1, 3) + draw.normal(0, 0.05, (3000, 3))
    blank = torch.full((3000,), torch.nan)
    cloud = PointCloud(
        torch.from_numpy(points).float(), torch.from_numpy(np.repeat(speed, 10) + draw.normal(0, 0.1, 3000)).float(),
        blank, blank, blank, torch.arange(0, 3001, 10), torch.from_numpy(times),
    )  # fmt: skip
    return Sample(f"{subject}-test", Labels(subject=subject), cloud, torch.from_numpy(joints).float(), "mars19")


def test_trees_learn_from_others_what_the_pose_tells_and_nothing_else():
    people = [swaying(f"p{k}", 0.7 * k) for k in range(3)]
    known = [stretch_of(p, slice(0, 300), 0.1, (0.0, 0.0, 0.0)) for p in people]
    asked = [stretch_of(p, slice(200, 260), 0.1, (0.0, 0.0, 0.0)) for p in people]
    found = learned_correlations(known, asked, 30, seed=0)
    assert set(found) == set(SERIES)
    assert found["doppler"] > 0.9 and found["range"] > 0.9
    # Sideways and upwards the points only jitter: other people cannot tell how (180 frames: one sigma is 0.075).
    assert abs(found["lateral"]) < 0.5
    shuffled = [type(s)(s.subject, np.random.default_rng(1).permutation(s.features), s.course) for s in known]
    assert abs(learned_correlations(shuffled, asked, 30, seed=0)["doppler"]) < 0.4


def test_a_clip_without_joints_is_named():
    sample = swaying("p0", 0.0)
    with pytest.raises(ValueError, match="p0-test: expected joints"):
        stretch_of(Sample(sample.id, sample.labels, sample.cloud), slice(0, 5), 0.1, (0.0, 0.0, 0.0))
