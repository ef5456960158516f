"""Walks of the generators against joint angles, strides and contacts that are published for people."""

import numpy as np
import pytest
import torch
from biomechanics import boulic_stride
from motion.measures import SIDES, at, clip, contacts, flexion, slides, world

from mmsynth.motion.skeleton import forward


@pytest.mark.parametrize("seed", range(6))
def test_level_walking(seed):
    """Perry 1992: hip 20-30 degrees flexed to 10-20 extended, knee to 60 in swing; faster and longer steps more."""
    motion = clip("walk", seed, path=0.0, extent=20.0, speed=1.25, ratio=0.39)
    p = forward(motion)
    pace = at(p, "pelvis").diff(dim=0)[:, :2].norm(dim=-1) * 60
    steady = torch.cat([torch.tensor([False]), pace > 1.0])
    if steady.sum() < 120:
        pytest.skip("this clip turns round most of the time")
    knee, hip = flexion(motion, "left_knee")[steady], -flexion(motion, "left_hip")[steady]
    assert 52 < knee.max() < 70 and 0 < knee.min() < 12
    assert 38 < hip.max() - hip.min() < 58 and -24 < hip.min() < -5
    height = at(p, "pelvis")[steady, 2]
    assert 0.02 < height.max() - height.min() < 0.075  # Perry: 4 to 5 cm
    apart = (at(p, "left_ankle") - at(p, "right_ankle"))[steady, :2].norm(dim=-1).max()
    assert 0.55 < apart < 0.8  # a step of sqrt(1.25 * 0.39) = 0.70 m
    arm = flexion(motion, "left_shoulder")[steady]
    assert 3 < arm.max() - arm.min() < 60


# Per cent of the stride and joint angle in degrees, flexion positive, of level walking at the person's own pace: Perry,
# Gait Analysis (1992), as given by podiapaedia.org ("Angular kinematics of gait") and physio-pedia.com.
PERRY = {
    "hip": ((0, 25), (12, 22), (30, 3), (50, -10), (62, -8), (73, 12), (87, 27)),
    "knee": ((0, 5), (12, 18), (40, 8), (62, 40), (73, 60), (97, 4)),
    "ankle": ((0, 0), (6, -5), (30, 6), (48, 10), (62, -17), (85, 0)),
}


def mean_stride(speed):
    """Flexion [joint, 101] in degrees of left hip, knee and ankle over a stride, and the share in stance."""
    strides, stances = [], []
    for seed in range(3):
        motion = clip("walk", seed, path=0.0, extent=30.0, speed=speed, ratio=0.39)
        pace = at(forward(motion), "pelvis").diff(dim=0)[:, :2].norm(dim=-1) * 60
        low = torch.minimum(*(c[:, 2] for c in contacts(motion, "left"))) < 0.004
        lands = (torch.nonzero(low[1:] & ~low[:-1])[:, 0] + 1).tolist()
        angles = torch.stack(
            [-flexion(motion, "left_hip"), flexion(motion, "left_knee"), -flexion(motion, "left_ankle")]
        )
        for start, end in zip(lands[:-1], lands[1:], strict=True):
            if end - start < 110 and pace[start:end].min() > 0.85 * speed:
                whole = torch.nn.functional.interpolate(angles[None, :, start : end + 1], 101, mode="linear")[0]
                strides.append(whole)
                stances.append(float(torch.nonzero(~low[start:end])[0, 0]) / (end - start))
    assert len(strides) > 5
    return torch.stack(strides).mean(0), sum(stances) / len(stances)


@pytest.mark.parametrize("speed", [0.9, 1.25])
def test_joints_follow_the_published_course_of_a_stride(speed):
    mean, stance = mean_stride(speed)
    assert 0.58 < stance < 0.66  # Perry: 0.62
    for course, points in zip(mean, PERRY.values(), strict=True):
        apart = torch.stack([course[phase] - angle for phase, angle in points])
        # People differ by 5 to 8 degrees (one standard deviation) at any phase.
        assert apart.square().mean().sqrt() < 10


def test_hip_and_knee_follow_boulic_s_walk():
    """The walk that radar simulators use (1990): a curve through two to four points a stride, knees straight in stance.

    Perry's own points lie 5 and 8 degrees (rms) from it; the generator's knees are 10 degrees more bent in stance.
    """
    mean, _ = mean_stride(1.25)
    _, walk = boulic_stride(1.25, 0.9)
    phase = np.linspace(0, 1, 101)
    for course, (name, limit) in zip(mean, (("hip", 10), ("knee", 15)), strict=False):
        apart = course.numpy() - np.degrees(walk[name](phase))
        assert np.sqrt((apart**2).mean()) < limit
        # Half a stride off, as of the other leg, it would be twice as far.
        assert np.sqrt(((course.numpy() - np.degrees(walk[name](phase + 0.5))) ** 2).mean()) > 2 * limit


def test_feet_do_not_slide():
    still = [slides(clip(a, seed)) for a in ("squat", "bend", "sit") for seed in (1, 2)]
    still += [slides(clip("box", seed, footwork=0.0)) for seed in (1, 2)]
    assert torch.cat(still).max() < 0.002
    walking = torch.cat([slides(clip("walk", seed, path=(0.0, 2.0, 3.0)[seed % 3])) for seed in range(6)])
    assert walking.median() < 0.003 and walking.quantile(0.9) < 0.02
    # On a curve a foot turns a little before it has left: 3 mm more than the same people to and fro.
    straight, loops = (torch.cat([slides(clip("walk", seed, path=p)) for seed in (0, 2, 4)]) for p in (0.0, 1.0))
    assert loops.median() < 0.003 and loops.quantile(0.9) < straight.quantile(0.9) + 0.003
    assert torch.cat([slides(clip("run", seed)) for seed in range(4)]).max() < 0.01


@pytest.mark.parametrize("activity", ["walk", "run", "jack", "jump", "squat", "side_step", "turn", "fall_back"])
def test_feet_stay_over_the_floor(activity):
    for seed in (1, 2, 3):
        for side in SIDES:
            heel, ball = contacts(clip(activity, seed), side)
            assert min(float(heel[:, 2].min()), float(ball[:, 2].min())) > -0.006


def test_walking_in_a_loop_goes_where_it_faces():
    """Half the loop's width is the radius, so that the person turns by speed / radius."""
    turned = []
    for seed in range(4):
        motion = clip("walk", seed, 15.0, path=1.0, extent=1.6, speed=0.8)
        velocity = at(forward(motion), "pelvis")[:, :2].diff(dim=0) * 60
        facing = world(motion, "pelvis")[1:, :2, 2]
        assert float((velocity * facing).sum(1).mean() / velocity.norm(dim=1).mean()) > 0.9
        heading = torch.from_numpy(np.unwrap(torch.atan2(facing[:, 1], facing[:, 0]).numpy()))
        turned.append(abs(float(heading[-1] - heading[0])) / (15 * 0.8 / 0.8))
    # Steps of the radius are drawn with a spread of half: their mean is 1.13.
    assert 0.9 < np.mean(turned) < 1.4
