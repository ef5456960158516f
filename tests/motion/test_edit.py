import math

import pytest
import torch

from mmsynth.geometry import UPRIGHT, matrix_from_rotvec, rotvec_from_matrix
from mmsynth.motion import Subject, centre, cut, generate_motion, heading_of, loop, mirror, noisy, place, speed
from mmsynth.motion.edit import complete
from mmsynth.motion.skeleton import JOINTS, forward
from mmsynth.types import Motion


def clip(activity="walk", duration=4.0, seed=2, **overrides):
    return generate_motion(activity, duration, Subject(seed), torch.Generator().manual_seed(seed), overrides=overrides)


@pytest.fixture(scope="module")
def walking():
    return clip(path=0.0, extent=20.0, speed=1.2)


def jumps(motion) -> float:
    """The largest change of any joint's velocity from frame to frame, in m/s^2."""
    step = motion.times.diff()[:, None, None]
    velocity = forward(motion).diff(dim=0) / step
    return float((velocity.diff(dim=0) / step[1:]).norm(dim=-1).max())


def test_place_moves_the_person_as_a_whole(walking):
    moved = place(walking, (0.5, 2.0), math.pi / 2)
    # A quarter turn to the left, seen from above: (x, y) goes to (-y, x).
    p, q = forward(walking), forward(moved)
    expected = torch.stack([-p[..., 1] + 0.5, p[..., 0] + 2.0, p[..., 2]], -1)
    assert (q - expected).abs().max() < 1e-12
    assert abs(math.sin(float(heading_of(moved)[0] - heading_of(walking)[0]) - math.pi / 2)) < 1e-9


def test_place_takes_one_heading(walking):
    with pytest.raises(ValueError, match=f"place: expected one heading in rad, got {len(walking.times)}; `heading_of`"):
        place(walking, (0.5, 2.0), heading_of(walking))
    assert torch.equal(
        place(walking, (0.0, 0.0), torch.tensor(0.25)).rotations, place(walking, (0.0, 0.0), 0.25).rotations
    )


def test_generated_clips_face_minus_y():
    assert float(heading_of(clip("stand")).abs().max()) < 0.1


def test_centre_undoes_place(walking):
    back = centre(place(walking, (3.0, -4.0), 1.0))
    floor = back.translation[:, :2]
    assert (floor.amax(0) + floor.amin(0)).abs().max() < 1e-9
    facing = heading_of(back)
    assert abs(float(torch.atan2(facing.sin().mean(), facing.cos().mean()))) < 1e-9


def test_mirror_is_its_own_inverse_and_swaps_sides(walking):
    turned = mirror(walking)
    twice = mirror(turned)
    assert torch.equal(twice.rotations, walking.rotations) and torch.equal(twice.translation, walking.translation)
    p, q = forward(walking), forward(turned)
    left, right = JOINTS.index("left_wrist"), JOINTS.index("right_wrist")
    assert (q[:, right] - p[:, left] * torch.tensor([-1.0, 1.0, 1.0])).abs().max() < 1e-12


def test_mirror_of_one_arm_alone_is_the_other(walking):
    lone = complete(walking, ("pelvis", "left_elbow"))
    turned = mirror(lone)
    assert turned.joint_names == ("pelvis", "left_elbow", "right_elbow")
    flip = torch.diag(torch.tensor([-1.0, 1.0, 1.0])).double()
    assert torch.equal(turned.rotations[:, 2], flip @ lone.rotations[:, 1] @ flip)
    assert torch.equal(turned.rotations[:, 1], torch.eye(3).double().expand(len(lone.times), 3, 3))


def test_cut_and_speed(walking):
    part = cut(walking, 1.01, 2.5)
    assert float(part.times[0]) == 0 and abs(part.duration - 1.49) < 1e-9
    k = int((walking.times - 2.0).abs().argmin())
    j = int((part.times - 0.99).abs().argmin())
    assert (part.translation[j] - walking.translation[k]).abs().max() < 1e-9
    assert abs(speed(walking, 2.0).duration - walking.duration / 2) < 1e-12
    with pytest.raises(ValueError, match="start before end"):
        cut(walking, 2.0, 1.0)


def bobbing(seconds: float, rate: float = 60.0) -> Motion:
    """Somebody who swings an arm once a second, bobs, and walks a circle of 2 m, 0.3 rad a second."""
    times = torch.arange(round(seconds * rate) + 1, dtype=torch.float64) / rate
    beat, way = 2 * math.pi * times, 0.3 * times
    flat = torch.zeros_like(times)
    arm = matrix_from_rotvec(torch.stack([0.8 * beat.sin(), flat, flat], 1))
    turned = matrix_from_rotvec(torch.stack([flat, flat, way], 1)) @ UPRIGHT.double()
    where = torch.stack([2 * way.cos(), 2 * way.sin(), 0.9 + 0.05 * beat.sin()], 1)
    return Motion(("pelvis", "left_shoulder"), torch.stack([turned, arm], 1), where, times)


@pytest.mark.parametrize("seconds", [1.7, 2.4, 3.1])
def test_who_does_the_same_again_and_again_goes_on_so(seconds):
    """A loop of what repeats is what one would have seen longer, on the same circle.

    The arm passes each pose twice a second, on its way up and down: which it is velocity tells alone.
    """
    longer, truth = loop(bobbing(seconds), 9.0), bobbing(9.0)
    assert longer.duration == pytest.approx(9.0, abs=1 / 60) and len(longer.times) == len(truth.times)
    assert (longer.rotations - truth.rotations).abs().max() < 1e-6
    assert (longer.translation - truth.translation).abs().max() < 1e-6


def test_loop_joins_what_does_not_repeat_without_a_jerk():
    part = cut(clip("squat", 8.0), 0.5, 2.3)
    whole = loop(part, 7.0)
    assert whole.duration == pytest.approx(7.0, abs=1 / 60)
    assert jumps(whole) < jumps(part) + 30
    assert (whole.translation.diff(dim=0).norm(dim=-1) / whole.times.diff()).max() < 3


def test_a_moment_is_not_repeated(walking):
    with pytest.raises(ValueError, match="at least 0.95 s and 9 frames, got 0.50 s"):
        loop(cut(walking, 0.0, 0.5), 3.0)


def test_noise_has_the_asked_spread_and_leaves_the_legs():
    motion = clip("stand", duration=60.0)
    rough = noisy(motion, 0.05, torch.Generator().manual_seed(0), rate=2.0)
    legs = [JOINTS.index(f"{s}_{j}") for s in ("left", "right") for j in ("hip", "knee", "ankle", "foot")]
    assert torch.equal(rough.rotations[:, legs], motion.rotations[:, legs])
    j = JOINTS.index("left_elbow")
    added = rotvec_from_matrix(motion.rotations[:, j].transpose(-1, -2) @ rough.rotations[:, j])
    # Eight sinusoids of random phase over many periods: each axis' deviation is 0.05 to a few per cent.
    assert (added.std(0) - 0.05).abs().max() < 0.006


def test_complete_fills_and_drops():
    motion = clip("stand", 0.2)
    small = complete(motion, ("pelvis", "left_knee", "jaw"))
    assert small.joint_names == ("pelvis", "left_knee", "jaw")
    assert torch.equal(small.rotations[:, 1], motion.rotations[:, JOINTS.index("left_knee")])
    assert torch.equal(small.rotations[:, 2], matrix_from_rotvec(torch.zeros(len(small.times), 3).double()))
