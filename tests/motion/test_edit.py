import math

import pytest
import torch

from mmsynth.geometry import matrix_from_rotvec, rotvec_from_matrix
from mmsynth.motion import (
    Subject,
    along,
    amplitude,
    centre,
    complete,
    concatenate,
    cut,
    generate_motion,
    heading_of,
    loop,
    mirror,
    noisy,
    place,
    speed,
)
from mmsynth.motion.skeleton import JOINTS, forward


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


def test_cut_and_speed(walking):
    part = cut(walking, 1.01, 2.5)
    assert float(part.times[0]) == 0 and abs(part.duration - 1.49) < 1e-9
    k = int((walking.times - 2.0).abs().argmin())
    j = int((part.times - 0.99).abs().argmin())
    assert (part.translation[j] - walking.translation[k]).abs().max() < 1e-9
    assert abs(speed(walking, 2.0).duration - walking.duration / 2) < 1e-12
    with pytest.raises(ValueError, match="start before end"):
        cut(walking, 2.0, 1.0)


def test_concatenate_goes_on_where_the_first_ends():
    first, second = clip("walk", path=0.0, extent=8.0, speed=1.2), place(clip("squat"), (7.0, -3.0), 2.0)
    whole = concatenate(first, second, 0.5)
    assert abs(whole.duration - (first.duration + second.duration - 0.5)) < 0.02
    early = whole.times < first.duration - 0.5
    count = int(early.sum())
    assert torch.equal(whole.rotations[:count], first.rotations[:count])
    # No step in position or velocity: nothing jerks more than the clips themselves, and the blend's own 30 m/s^2.
    assert jumps(whole) < max(jumps(first), jumps(second)) + 30
    assert (whole.translation.diff(dim=0).norm(dim=-1) / whole.times.diff()).max() < 3


def test_loop_is_as_long_as_it_says(walking):
    part = cut(walking, 0.5, 2.0)
    whole = loop(part, 3, 0.3)
    assert abs(whole.duration - (3 * 1.5 - 2 * 0.3)) < 0.05
    assert jumps(whole) < jumps(walking) + 30


def test_amplitude_scales_the_swing():
    motion = clip("wave")
    half, none, same = amplitude(motion, 0.5), amplitude(motion, 0.0), amplitude(motion, 1.0)
    assert (same.rotations - motion.rotations).abs().max() < 1e-6
    assert (none.rotations[:, 1:] - none.rotations[:1, 1:]).abs().max() < 1e-9

    def swing(m):
        j = JOINTS.index("right_elbow")
        return float(rotvec_from_matrix(m.rotations[:1, j].transpose(-1, -2) @ m.rotations[:, j]).norm(dim=-1).max())

    # The elbow turns about one axis: there, half the swing is half the angle.
    assert abs(swing(half) / swing(motion) - 0.5) < 1e-3


def test_noise_has_the_asked_spread_and_leaves_the_legs():
    motion = clip("stand", duration=60.0)
    rough = noisy(motion, 0.05, torch.Generator().manual_seed(0), rate=2.0)
    legs = [JOINTS.index(f"{s}_{j}") for s in ("left", "right") for j in ("hip", "knee", "ankle", "foot")]
    assert torch.equal(rough.rotations[:, legs], motion.rotations[:, legs])
    j = JOINTS.index("left_elbow")
    added = rotvec_from_matrix(motion.rotations[:, j].transpose(-1, -2) @ rough.rotations[:, j])
    # Eight sinusoids of random phase over many periods: each axis' deviation is 0.05 to a few per cent.
    assert (added.std(0) - 0.05).abs().max() < 0.006


def test_along_follows_the_path_and_keeps_the_pace(walking):
    straight = cut(walking, 0.0, walking.duration)
    corners = torch.tensor([[0.0, 0.0], [0.0, 2.0], [1.5, 3.5], [3.0, 3.5], [6.0, 3.5]]).double()
    bent = along(straight, corners)
    pace = straight.translation[:, :2].diff(dim=0).norm(dim=1).sum()
    assert abs(float(bent.translation[:, :2].diff(dim=0).norm(dim=1).sum() / pace) - 1) < 0.05
    off = (bent.translation[:, None, :2] - corners).norm(dim=-1).min(0).values
    assert off[:3].max() < 0.1
    # The person faces where they go: the heading turns with the path, from +y to +x.
    ahead = bent.rotations[:, 0, :2, 2]
    way = bent.translation[:, :2].diff(dim=0)
    along_way = (torch.nn.functional.normalize(ahead[1:], dim=1) * torch.nn.functional.normalize(way, dim=1)).sum(1)
    assert along_way.median() > 0.95
    with pytest.raises(ValueError, match="a clip that travels"):
        along(clip("stand"), corners)


def test_complete_fills_and_drops():
    motion = clip("stand", 0.2)
    small = complete(motion, ("pelvis", "left_knee", "jaw"))
    assert small.joint_names == ("pelvis", "left_knee", "jaw")
    assert torch.equal(small.rotations[:, 1], motion.rotations[:, JOINTS.index("left_knee")])
    assert torch.equal(small.rotations[:, 2], matrix_from_rotvec(torch.zeros(len(small.times), 3).double()))
