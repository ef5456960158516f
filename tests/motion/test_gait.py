import pytest
import torch

from mmsynth.motion import Subject, generate_motion
from mmsynth.motion.clip import Clip
from mmsynth.motion.gait import Gait, plan_steps
from mmsynth.motion.paths import to_and_fro
from mmsynth.motion.skeleton import JOINTS, forward


def test_no_foot_leaves_as_soon_as_it_has_landed():
    """Where the way turns back, one foot may be wanted elsewhere twice running; it still bears the person in between.

    At some two steps a second, half a step is no less than 0.2 s.
    """
    gait = Gait(ratio=0.11, width=0.28, cadence=1.1)
    times = torch.arange(0.0, 8.0, 0.1, dtype=torch.float64)
    for seed in range(20):
        clip = Clip(times, {}, Subject(seed), torch.Generator().manual_seed(seed))
        for steps in plan_steps(to_and_fro(clip, 0.4, 1.0, "sideways"), gait, seed % 2):
            assert len(steps) > 5
            assert min(step.leave - step.land for step in steps[1:-1]) > 0.2


def test_nobody_sinks_in_narrow_rounds():
    """Round a circle of 0.3 m at 1.4 m/s, feet would be so far off that hips sank by 20 cm to reach them."""
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        style = {"path": 1.5, "speed": 1.4, "extent": 0.6}
        height = generate_motion("walk", 6.0, Subject(seed, height=1.7), generator, 60.0, style).translation[:, 2]
        assert height.max() - height.min() < 0.1


@pytest.mark.parametrize(("activity", "most"), [("walk", 3.0), ("run", 3.5)])
def test_knees_do_not_lock_as_feet_swing_forward(activity, most):
    """What a knee's velocity changes by within 20 ms, in m/s."""
    knees = [JOINTS.index(f"{side}_knee") for side in ("left", "right")]
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        style = {"speed": 1.4, "path": 0.5} if activity == "walk" else {"speed": 3.2, "extent": 6.0}
        motion = generate_motion(activity, 6.0, Subject(seed, height=1.7), generator, 500.0, style)
        velocity = 500 * forward(motion)[:, knees].diff(dim=0)
        change = (velocity[10:] - velocity[:-10]).norm(dim=-1).max()
        assert change < most
