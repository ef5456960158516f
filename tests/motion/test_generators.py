import math

import pytest
import torch

from mmsynth.geometry import rotvec_from_matrix
from mmsynth.motion import ACTIVITIES, Subject, generate_motion
from mmsynth.motion.skeleton import JOINTS, forward


def clip(activity: str, seed: int = 3, duration: float = 6.0, **overrides: float):
    generator = torch.Generator().manual_seed(seed)
    return generate_motion(activity, duration, Subject(seed), generator, overrides=overrides)


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_every_activity_is_smooth_and_on_the_floor(activity):
    for seed in (1, 2):
        motion = clip(activity, seed)
        joints = forward(motion)
        rate = rotvec_from_matrix(motion.rotations[:-1].transpose(-1, -2) @ motion.rotations[1:]).norm(dim=-1) * 60
        # rad/s: the elbow reaches 20 to 30 in a quick punch, the ankle 15 to 20 in a take-off.
        assert rate.max() < {"box": 32, "jack": 22, "jump": 22}.get(activity, 18), JOINTS[
            int(rate.max(0).values.argmax())
        ]
        velocity = joints.diff(dim=0).norm(dim=-1) * 60
        assert velocity.max() < 12, JOINTS[int(velocity.max(0).values.argmax())]
        ankles = joints[:, [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")], 2]
        assert ankles.min() > (0.03 if activity.startswith(("lie", "fall")) else 0.06)
        assert joints[:, 0, :2].norm(dim=-1).max() < 6


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_no_chest_moves_by_more_than_a_breath(activity):
    """The trunk's joints share its bend but for what breath adds: 6 mm either way and the heart at 0.19 m, or 2 deg.

    How far a squat goes down was once taken for how deep its breaths are: chests rocked by 104 degrees.
    """
    motion = generate_motion(activity, 6.0, Subject(2), torch.Generator().manual_seed(2), frame_rate=10.0)
    lower, middle = (motion.rotations[:, JOINTS.index(name)] for name in ("spine1", "spine2"))
    assert rotvec_from_matrix(middle.transpose(-1, -2) @ lower).norm(dim=-1).max() < 0.035


def test_hands_of_runners_are_not_stopped_at_once():
    """No joint of the arms changes its velocity by 1 m/s within a millisecond (a hundred times gravity)."""
    motion = generate_motion("run", 3.0, Subject(1, "male", 30, 1.78, 80.0), torch.Generator().manual_seed(2), 1000.0)
    arms = [i for i, name in enumerate(motion.joint_names) if name.endswith(("elbow", "wrist"))]
    speed = 1000 * forward(motion)[:, arms].diff(dim=0)
    assert float(speed.diff(dim=0).norm(dim=-1).max()) < 1.0


def fastest_change(motion) -> float:
    """Greatest acceleration in m/s^2 of any joint, from frame to frame."""
    rate = (len(motion.times) - 1) / float(motion.times[-1])
    return rate**2 * float(forward(motion).diff(dim=0).diff(dim=0).norm(dim=-1).max())


@pytest.mark.parametrize(
    ("activity", "most"),
    [
        *(("left_limb_extension", 50), ("right_limb_extension", 50), ("jump", 120), ("jack", 250)),
        *(("turn", 60), ("side_step", 80), ("walk_aided", 60), ("run", 170), ("kick", 150)),
    ],
)
def test_no_joint_is_stopped_at_once(activity, most):
    """Legs swing sideways at some 1 m/s, feet leave the floor at 2, hands of jumping jacks reach 10.

    On foot it is what knees feel of feet that leave the floor and land.
    """
    for seed in (2, 3, 4):
        motion = generate_motion(activity, 4.0, Subject(seed), torch.Generator().manual_seed(seed), 1000.0)
        assert fastest_change(motion) < most


def test_same_seed_same_clip_and_style_stays():
    first, second = clip("squat"), clip("squat")
    assert torch.equal(first.rotations, second.rotations)
    assert not torch.equal(first.rotations, clip("squat", 4).rotations)


def test_bad_requests_are_refused_in_one_sentence():
    generator = torch.Generator().manual_seed(0)
    with pytest.raises(ValueError, match="activity: expected one of walk, .*got 'wlak'"):
        generate_motion("wlak", 2.0, Subject(0), generator)
    with pytest.raises(ValueError, match="positive duration"):
        generate_motion("walk", math.nan, Subject(0), generator)
    with pytest.raises(ValueError, match="walk: expected one of the parameters"):
        generate_motion("walk", 2.0, Subject(0), generator, overrides={"sped": 1.0})


@pytest.mark.parametrize(
    ("activity", "style", "message"),
    [
        ("walk", {"speed": 0.0}, r"^walk: speed: expected 0.0225 to 28, got 0$"),
        ("left_front_lunge", {"tempo": 0.0}, r"^left_front_lunge: tempo: expected 0.09 to 72, got 0$"),
        ("box", {"tempo": -1.0}, r"^box: tempo: expected 0.018 to 21, got -1$"),
        ("jack", {"lag": -1.3}, r"^jack: lag: expected -1.2 to 1.2, got -1.3$"),
        ("squat", {"depth": math.nan}, r"^squat: depth: expected 0 to 9.2, got nan$"),
        (
            "squat",
            {"depth": 4.0},
            r"^squat: .*depth 4, .*: nobody moves like this \(the pelvis sinks below the floor\)$",
        ),
        ("run", {"lift": 2.8}, r"^run: .*lift 2.8, .*: nobody moves like this \(math domain error\)$"),
    ],
)
def test_a_style_that_nobody_has_is_refused(activity, style, message):
    with pytest.raises(ValueError, match=message):
        clip(activity, **style)


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_a_style_at_its_limits_makes_a_clip_or_is_refused(activity):
    """It neither goes on for ever nor ends in an error that names nothing."""
    for name, span in ACTIVITIES[activity].parameters.items():
        for value in span.limits:
            try:
                motion = clip(activity, duration=0.1, **{name: value})
            except ValueError as error:
                assert f"{activity}: " in str(error) and f"{name} {value:.3g}" in str(error)
            else:
                assert bool(motion.rotations.isfinite().all())


@pytest.mark.parametrize("duration", [0.001, 0.3])
def test_clips_of_any_length(duration):
    for activity in ACTIVITIES:
        motion = clip(activity, duration=duration)
        assert len(motion.times) == round(duration * 60) + 1
