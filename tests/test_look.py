"""Which stretch of a clip a contact sheet shows."""

from pathlib import Path

import numpy as np
import torch
from made_up import PERSON

from mmsynth.body_models import fit_error, fit_skeleton, load_body
from mmsynth.look import _telling, files_sheet
from mmsynth.motion import Subject, generate_motion, read_motion


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


def test_the_sheet_of_a_skeleton_says_how_near_the_body_came(tmp_path: Path):
    np.savez(tmp_path / "person.npz", positions=np.repeat(PERSON[None], 20, 0), fps=30)
    found = read_motion(tmp_path / "person.npz")
    body = load_body()
    off = 100 * float(fit_error(found, body, fit_skeleton(found, body)).nanmedian())
    said = [text.get_text() for axes in files_sheet([tmp_path / "person.npz"]).axes for text in axes.texts]
    assert f"person.npz, fitted: half of the joints within {off:.1f} cm" in said


def test_a_file_of_one_frame_is_drawn(tmp_path: Path):
    np.savez(tmp_path / "still.npz", poses=np.zeros((1, 156)), trans=np.zeros((1, 3)), mocap_framerate=30.0)
    figure = files_sheet([tmp_path / "still.npz"])
    assert {text.get_text() for axes in figure.axes for text in axes.texts} >= {"still.npz", "0.00 s"}
