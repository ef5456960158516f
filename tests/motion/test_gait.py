import torch

from mmsynth.motion import Subject
from mmsynth.motion.clip import Clip
from mmsynth.motion.gait import Gait, plan_steps
from mmsynth.motion.paths import to_and_fro


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
