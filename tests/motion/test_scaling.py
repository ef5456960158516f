"""A motion by more, by less, by another body: what stood still stands still, and the rest is in proportion."""

import dataclasses
import math

import pytest
import torch
from motion.measures import at, clip

from mmsynth.body_models import load_body, shape_for
from mmsynth.geometry import rotvec_from_matrix
from mmsynth.motion import scaled, speed
from mmsynth.motion.skeleton import JOINTS, at_rest, forward

REST = {name: at_rest(name) for name in JOINTS}
SIDES = ("left", "right")


@pytest.mark.parametrize("activity", ["walk", "jack", "box", "squat", "kick"])
def test_as_large_as_it_was_it_is_as_it_was(activity):
    motion = clip(activity, 3, 4.0)
    same = scaled(motion, 1.0, REST)
    shift = (same.translation - motion.translation).median(0).values
    # Legs straighter than 0.999 of their length are softened once more: a knee moves by a few millimetres at most.
    assert (forward(same) - shift - forward(motion)).norm(dim=-1).max() < 0.004
    assert shift[:2].abs().max() < 1e-9


@pytest.mark.parametrize("factor", [0.8, 1.25])
@pytest.mark.parametrize("seed", [1, 2, 5])
def test_steps_are_longer_and_feet_do_not_slide(factor, seed):
    motion = clip("walk", seed, path=0.0, extent=20.0)
    more = scaled(motion, factor, REST)
    way, wanted = (m.translation[-1, :2] - m.translation[0, :2] for m in (more, motion))
    assert (way - factor * wanted).norm() < 0.03
    for side in SIDES:
        # Of heel and ball in m/s; where both rest the foot is flat.
        own, there = (
            torch.stack(
                [at(forward(m), f"{side}_{joint}").diff(dim=0).norm(dim=-1) * 60 for joint in ("ankle", "foot")]
            )
            for m in (motion, more)
        )
        flat = own.amax(0) < 0.01
        assert flat.sum() > 60 and there.amax(0)[flat].quantile(0.95) < 0.012


@pytest.mark.parametrize(("factor", "depth"), [(0.8, 0.3), (1.2, 0.3), (0.8, 0.5)])
def test_squats_are_as_much_deeper(factor, depth):
    motion = clip("squat", 4, depth=depth, lean=0.5)
    height, own = (scaled(motion, f, REST).translation[:, 2] for f in (factor, 1.0))
    # The pelvis leans: what comes down by the factor is the middle of the hips, some centimetres below.
    depth = (height.amax() - height.amin()) / (own.amax() - own.amin())
    assert float(depth) == pytest.approx(factor, rel=0.02)
    # Feet that stand wider leave straight legs a centimetre less.
    assert float(height.amax()) == pytest.approx(float(own.amax()), abs=0.012)


def test_whoever_lies_stays_on_the_floor():
    motion = clip("fall_back", 2)
    low = [float(scaled(motion, f, REST).translation[:, 2].amin()) for f in (1.0, 1.3)]
    assert low[1] == pytest.approx(low[0], abs=0.02) and low[0] < 0.3


def test_arms_swing_by_the_factor_and_elbows_never_bend_backward():
    motion = clip("wave", 2)
    half, more = scaled(motion, 0.7, REST), scaled(motion, 1.3, REST)
    j = JOINTS.index("right_shoulder")

    def swing(m):
        return float(rotvec_from_matrix(m.rotations[:1, j].transpose(-1, -2) @ m.rotations[:, j]).norm(dim=-1).max())

    assert swing(half) / swing(motion) == pytest.approx(0.7, abs=0.05)
    boxing = clip("box", 2)
    more = scaled(boxing, 1.3, REST)
    for side, sign in (("left", -1.0), ("right", 1.0)):
        turn, own = (
            sign * rotvec_from_matrix(m.rotations[:, JOINTS.index(f"{side}_elbow")])[:, 1] for m in (more, boxing)
        )
        assert 0.4 * float(own.min()) < float(turn.min()) and float(turn.max()) < math.radians(150)
        assert float(turn.max() - turn.min()) > float(own.max() - own.min())


def flight(motion):
    """Greatest height of the lower ball over the floor, in m."""
    low = torch.stack([at(forward(motion), f"{side}_foot")[:, 2] for side in SIDES]).amin(0)
    return float(low.amax() - low.amin())


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.2])
def test_flights_follow_gravity_alone(factor):
    """Twice as fast, a quarter as high, however wide arms and knees swing."""
    motion = clip("jump", 3, height=0.2, rest=0.0)
    quick = scaled(speed(motion, 1.25), factor, REST, hop=1.25**-2)
    assert flight(quick) / flight(motion) == pytest.approx(1.25**-2, rel=0.05)
    assert flight(scaled(motion, factor, REST)) / flight(motion) == pytest.approx(1.0, rel=0.05)


def leg(rest):
    return float((rest["left_ankle"] - rest["left_knee"]).norm() + (rest["left_knee"] - rest["left_hip"]).norm())


@pytest.mark.parametrize("who", [(1.35, 30.0, "female", 9.0), (1.95, 100.0, "male", 40.0)])
def test_another_body_takes_steps_of_its_legs_and_slides_no_more(who):
    body = load_body("free-low")
    motion = clip("walk", 2, 5.0, path=0.0, extent=20.0)
    other = dataclasses.replace(motion, shape=shape_for(*who), shape_of="free")
    rest, onto = (dict(zip(body.joint_names, body.rest_joints(m), strict=True)) for m in (motion, other))
    first, second = scaled(motion, 1.0, rest), scaled(other, 1.0, rest, onto)
    way = [m.translation[-1, 1] - m.translation[0, 1] for m in (first, second)]
    assert float(way[1] / way[0]) == pytest.approx(leg(onto) / leg(rest), rel=0.01)
    for side in SIDES:
        k = body.joint_names.index(f"{side}_foot")
        balls = [body.joints(m)[:, k].diff(dim=0)[:, :2].norm(dim=-1) * 60 for m in (first, second)]
        still = balls[0] < 0.01  # m/s
        assert still.sum() > 60 and balls[1][still].quantile(0.95) < 0.02
