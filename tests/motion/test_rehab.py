"""Moves of MARS's recordings: lunges, and extensions of arms and limbs."""

import pytest
import torch
from motion.measures import SIDES, at, clip, flexion, forward_rotation

from mmsynth.motion.skeleton import forward


@pytest.mark.parametrize("side", SIDES)
def test_the_standing_leg_stays_as_straight_as_it_stood(side):
    """Lifting the other leg, the pelvis leans about the hip that bears it."""
    bears = "right" if side == "left" else "left"
    for seed in range(3):
        motion = clip(f"{side}_limb_extension", seed)
        up = at(forward(motion), f"{side}_ankle")[:, 2]
        knee = flexion(motion, f"{bears}_knee")
        assert up.max() > 0.2 and abs(float(knee[up.argmax()] - knee[up.argmin()])) < 6


@pytest.mark.parametrize("activity", ["prisoner_squat", "left_front_lunge"])
def test_hands_at_the_head_lie_where_the_style_has_them(activity):
    motion = clip(activity, 1, hands=0.2, apart=0.06)
    p, chest = forward(motion), forward_rotation(motion, "spine3")
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        hand, elbow = (
            (chest.transpose(-1, -2) @ (at(p, f"{side}_{j}") - at(p, f"{side}_shoulder"))[..., None])[..., 0]
            for j in ("wrist", "elbow")
        )
        assert torch.allclose(hand, torch.tensor([0.06 * sign, 0.2, 0.03]).double().expand_as(hand), atol=0.01)
        # Upper arms stick out to the side, about level.
        assert (elbow[:, 0] * sign).min() > 0.2 and elbow[:, 1:].abs().max() < 0.1


@pytest.mark.parametrize(("side", "sign"), [("left", 1.0), ("right", -1.0)])
def test_a_front_lunge_goes_over_the_front_foot_and_back(side, sign):
    motion = clip(f"{side}_front_lunge", 1, 12.0, length=0.4, width=0.5, depth=0.12)
    p = forward(motion)
    other = "right" if side == "left" else "left"
    apart = at(p, f"{side}_ankle") - at(p, f"{other}_ankle")
    # Facing -y: the leading foot stands in front of the other and to its own side (heels rise by up to 0.3 rad).
    assert torch.allclose(apart[:, :2], torch.tensor([0.5 * sign, -0.4]).double().expand(len(apart), 2), atol=0.04)
    pelvis = at(p, "pelvis")
    low, high = pelvis[:, 2].argmin(), pelvis[:, 2].argmax()
    way = pelvis[low] - pelvis[high]
    assert way[0] * sign > 0.12 and way[1] < -0.12 and -0.16 < way[2] < -0.06


@pytest.mark.parametrize(
    ("move", "joint"), [("left_arm_extension", "left_wrist"), ("right_limb_extension", "right_ankle")]
)
def test_mars_moves_go_sideways_on_their_side(move, joint):
    p = forward(clip(move, 2, 10.0))
    aside = (at(p, joint) - at(p, "pelvis"))[:, 0].abs()
    lifted = at(p, joint)[:, 2]
    assert aside.max() > 0.45 and aside.min() < 0.3
    assert lifted.max() - lifted.min() > 0.12
    other = joint.replace("left", "x").replace("right", "left").replace("x", "right")
    assert at(p, other)[:, 2].max() - at(p, other)[:, 2].min() < 0.12


@pytest.mark.parametrize("move", ["front_lunge", "side_lunge"])
@pytest.mark.parametrize("lead", SIDES)
def test_a_lunge_is_stepped_into_by_one_foot_or_by_both(move, lead):
    """As MARS's Kinect has it, whose people lunge 0.1 to 0.2 m off where they stood."""
    sign, other = (1.0, "right") if lead == "left" else (-1.0, "left")
    shape = {"width": 0.7} | ({"length": 0.5} if move == "front_lunge" else {})
    feet = {}
    for stays in (0.0, 1.0):
        p = forward(clip(f"{lead}_{move}", 1, 8.0, stays=stays, **shape))
        feet[stays] = [at(p, f"{side}_ankle").median(0).values for side in (lead, other)]
    # Both feet: as far to either side. One foot: the other stands 0.1 m aside, where it stood, to 2 cm of its turning.
    middle = (feet[0.0][0] + feet[0.0][1]) / 2
    assert middle[:2].abs().max() < 0.02
    assert abs(float(feet[1.0][1][0]) + 0.1 * sign) < 0.02
    front = 0.5 if move == "front_lunge" else 0.0
    assert abs(abs(float((feet[1.0][0] - feet[1.0][1])[1])) - front) < 0.04
    if front:
        assert abs(float(feet[1.0][1][1])) < 0.04


def test_in_a_limb_extension_the_weight_stays_over_the_foot_that_bears():
    for side, other, sign in (("left", "right", 1.0), ("right", "left", -1.0)):
        p = forward(clip(f"{side}_limb_extension", 1, 10.0, stance=0.2))
        off = sign * (at(p, "pelvis") - at(p, f"{other}_ankle"))[:, 0]
        # 0.04 m of the half stance of 0.1 m when both feet stand, next to nothing with the leg up.
        assert 0.025 < float(off.max()) < 0.055 and abs(float(off.min())) < 0.025


def test_an_arm_extension_lifts_a_straight_arm_and_folds_the_forearm_up():
    """As MARS's Kinect has it: the elbow bends with the upper arm level, and then the forearm points up."""
    motion = clip("both_arm_extension", 1, 12.0, lift=1.6, fold=2.0, hold=0.3)
    p = forward(motion)
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        upper, fore = (
            torch.nn.functional.normalize(at(p, f"{side}_{b}") - at(p, f"{side}_{a}"), dim=1)
            for a, b in (("shoulder", "elbow"), ("elbow", "wrist"))
        )
        bend = torch.rad2deg((upper * fore).sum(1).clamp(-1, 1).acos())
        folded, low = bend > 90, upper[:, 2] < -0.5
        assert bend.max() > 105 and folded.double().mean() > 0.1 and low.any()
        assert bend[low].max() < 25  # straight on the way up and down
        assert upper[folded, 2].abs().max() < 0.3 and (sign * upper[folded, 0]).min() > 0.9
        # In the plane of the chest, as the size of the repetition and the lean of the spine have it.
        assert (fore[folded, 2] / bend[folded].deg2rad().sin()).min() > 0.8 and fore[folded, 1].abs().max() < 0.3
        assert ((upper[:, 2] > -0.1) & (bend < 25)).any()  # level and not yet folded
