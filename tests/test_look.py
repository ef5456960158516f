"""Which stretch of a clip a contact sheet shows."""

import torch

from mmsynth.look import _telling
from mmsynth.motion import Subject, generate_motion


def test_the_sheet_of_a_fall_shows_the_fall():
    motion = generate_motion("fall_back", 8.0, Subject(1), torch.Generator().manual_seed(1))
    times = _telling(motion)
    height = motion.translation[(motion.times[None] - times[:, None]).abs().argmin(1), 2]
    # Standing at first, lying at last, and at least one instant between.
    assert len(times) == 6 and (times.diff() > 0).all() and float(times[-1] - times[0]) < 5
    assert height[0] > 0.85 and height[-1] < 0.3


def test_evenly_spread_over_a_short_stretch_where_poses_repeat():
    motion = generate_motion("clap", 8.0, Subject(1), torch.Generator().manual_seed(1))
    step = _telling(motion).diff()
    assert (step - step.mean()).abs().max() < 0.02  # a frame of 60 Hz
