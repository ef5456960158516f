"""Joint angles, tempos and contacts of the generators against what is published for people."""

import math

import numpy as np
import oracles
import pytest
import torch

from mmsynth.body_models import load_body
from mmsynth.geometry import rotvec_from_matrix
from mmsynth.joints import SMPLX_JOINTS, SMPLX_PARENTS
from mmsynth.motion import ACTIVITIES, Subject, breathing, generate_motion, resample, swaying
from mmsynth.motion.skeleton import JOINTS, forward
from mmsynth.motion.subject import style

SIDES = ("left", "right")


def clip(activity: str, seed: int, duration: float = 8.0, **overrides: float):
    return generate_motion(activity, duration, Subject(seed), torch.Generator().manual_seed(seed), overrides=overrides)


def at(positions: torch.Tensor, name: str) -> torch.Tensor:
    return positions[:, JOINTS.index(name)]


def flexion(motion, name: str) -> torch.Tensor:
    """Rotation about the joint's lateral axis in degrees, flexion of the knee positive."""
    return torch.rad2deg(rotvec_from_matrix(motion.rotations[:, JOINTS.index(name)])[:, 0])


def contacts(motion, side: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Heel and ball of a foot [frames, 3] each."""
    ankle, turned = at(forward(motion), f"{side}_ankle"), world(motion, f"{side}_ankle")
    sign = 1.0 if side == "left" else -1.0
    heel = turned @ torch.tensor([0.0, -0.0753, -0.052]).double()
    ball = turned @ torch.tensor([0.015 * sign, -0.0753, 0.14]).double()
    return ankle + heel, ankle + ball


def world(motion, name: str) -> torch.Tensor:
    from mmsynth.joints import SMPLX_PARENT

    parent = SMPLX_PARENT[name]
    local = motion.rotations[:, JOINTS.index(name)]
    return local if parent is None else world(motion, parent) @ local


def slides(motion) -> torch.Tensor:
    """How far heel or ball moves over the floor in each of its contacts (under 4 mm high), in m."""
    found = []
    for side in SIDES:
        for point in contacts(motion, side):
            low = point[:, 2] < 0.004
            edges = torch.nonzero(torch.diff(low.int(), prepend=torch.tensor([0]), append=torch.tensor([0])))[:, 0]
            for start, end in edges.reshape(-1, 2).tolist():
                if end - start > 6:
                    track = point[start:end, :2]
                    found.append((track - track[len(track) // 2]).norm(dim=1).max())
    return torch.stack(found)


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
    _, walk = oracles.boulic_stride(1.25, 0.9)
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


@pytest.mark.parametrize("height", [0.03, 0.2])
def test_jumps_are_ballistic(height):
    """In the air the pelvis falls with g, and flight lasts 2 sqrt(2 h / g)."""
    motion = generate_motion(
        "jump", 12.0, Subject(1), torch.Generator().manual_seed(1), 480.0, {"height": height, "tempo": 1.2, "rest": 0.0}
    )
    p = forward(motion)
    fall = at(p, "pelvis")[:, 2].diff().diff() * 480**2
    sole = torch.stack([torch.minimum(*(c[:, 2] for c in contacts(motion, s))) for s in SIDES]).amin(0)[1:-1]
    airborne = sole > 0.25 * height
    assert airborne.any() and abs(float(fall[airborne].median()) + 9.81) < 0.3
    rise = at(p, "pelvis")[:, 2].max() - at(p, "pelvis")[0, 2]
    assert 0.5 * height < rise < 2.0 * height + 0.12


def test_a_soft_landing_takes_longer():
    """The body sinks for longer after landing than it stretches before take-off, as many times as the style says."""

    def grounded(soft: float) -> float:
        style = {"height": 0.05, "tempo": 2.0, "crouch": 0.3, "rest": 0.0, "fold": 0.0, "travel": 0.0}
        motion = generate_motion(
            "jump", 12.0, Subject(1), torch.Generator().manual_seed(1), 240.0, style | {"soft": soft}
        )
        height = motion.translation[:, 2]
        moving = height.diff().abs() > 1e-4
        return float(moving.double().mean())

    # 0.3 s of crouch, 0.2 s of flight, and a landing of 0.54 s in place of 0.27: 1.35 times as long.
    assert 1.2 < grounded(1.8) / grounded(0.9) < 1.6


def test_squats_go_as_deep_as_asked():
    depths = [
        float(flexion(clip("squat", seed, depth=d, tempo=2.5, rest=0.0, back=0.6), "left_knee").max())
        for seed, d in ((1, 0.25), (1, 0.42))
    ]
    assert 65 < depths[0] < 95 < depths[1] < 140


@pytest.mark.parametrize("side", SIDES)
def test_the_standing_leg_stays_as_straight_as_it_stood(side):
    """Lifting the other leg, the pelvis leans about the hip that bears it."""
    bears = "right" if side == "left" else "left"
    for seed in range(3):
        motion = clip(f"{side}_limb_extension", seed)
        up = at(forward(motion), f"{side}_ankle")[:, 2]
        knee = flexion(motion, f"{bears}_knee")
        assert up.max() > 0.2 and abs(float(knee[up.argmax()] - knee[up.argmin()])) < 6


def rate_of(signal: torch.Tensor, low: float, high: float) -> float:
    """The strongest frequency in Hz between two bounds."""
    x = (signal - signal.mean()) * torch.hann_window(len(signal), dtype=signal.dtype)
    power = torch.fft.rfft(x, 8192).abs()
    freqs = torch.fft.rfftfreq(8192, 1 / 60)
    return float(freqs[(power * ((freqs > low) & (freqs < high))).argmax()])


@pytest.mark.parametrize(
    ("activity", "overrides", "joint", "axis", "rate"),
    [
        ("wave", {"rate": 1.5, "side": 1.0, "both": 0.0}, "right_wrist", 0, 1.5),
        ("squat", {"tempo": 2.0, "rest": 0.0}, "pelvis", 2, 0.5),
        ("jack", {"tempo": 1.0, "rest": 0.0}, "left_wrist", 2, 1.0),
        ("clap", {"rate": 3.0}, "left_wrist", 0, 3.0),
    ],
)
def test_tempo_is_what_the_style_says(activity, overrides, joint, axis, rate):
    motion = clip(activity, 1, 30.0, **overrides)
    found = rate_of(at(forward(motion), joint)[:, axis], 0.35 * rate, 1.6 * rate)
    # Tempo drifts by 6 % and differs by as much from one repetition to the next.
    assert abs(found / rate - 1) < 0.15


def test_punches_alternate_and_reach_out():
    motion = clip("box", 1, 10.0, mix=0.0, tempo=0.6, rest=0.0)
    p = forward(motion)
    out = [-(at(p, f"{s}_wrist") - at(p, f"{s}_shoulder"))[:, 1] for s in SIDES]
    for o in out:
        assert o.max() > 0.42 and o.median() < 0.36
    speed = at(p, "left_wrist").diff(dim=0).norm(dim=-1).max() * 60
    assert 2 < speed < 9  # m/s; untrained 3-6, boxers 8-10 (Walilko 2005)
    assert float(torch.corrcoef(torch.stack(out))[0, 1]) < 0


def span(course: torch.Tensor) -> float:
    """From the lowest to the highest twentieth of a course."""
    low, high = torch.quantile(course, torch.tensor([0.05, 0.95], dtype=course.dtype))
    return float(high - low)


def test_a_punch_takes_the_body_along():
    """The pelvis goes forward by the lunge while the hand is out; on feet that stay where they are."""
    style = {"tempo": 1.3, "strike": 0.6, "rest": 0.0, "footwork": 0.0, "stagger": 0.3}
    motion = clip("box", 1, 12.0, lunge=0.2, lean=0.3, **style)
    p = forward(motion)
    ahead, out = -at(p, "pelvis")[:, 1], -torch.stack([at(p, f"{s}_wrist")[:, 1] for s in SIDES]).amin(0)
    assert 0.13 < span(ahead) < 0.24 and float(torch.corrcoef(torch.stack([ahead, out]))[0, 1]) > 0.5
    assert slides(motion).max() < 0.002
    assert span(-at(forward(clip("box", 1, 12.0, lunge=0.0, **style)), "pelvis")[:, 1]) < 0.03


def test_footwork_steps_and_does_not_slide():
    motion = clip("box", 2, 20.0, footwork=0.25, lunge=0.0)
    p = forward(motion)
    assert span(at(p, "pelvis")[:, 1]) > 0.3 and span(at(p, "left_ankle")[:, 1]) > 0.3
    # Those of walking.
    found = slides(motion)
    assert found.median() < 0.003 and found.quantile(0.9) < 0.02


@pytest.mark.parametrize("activity", ["jump", "jack"])
def test_hops_travel_in_the_air_only(activity):
    still, moving = (clip(activity, 1, 20.0, travel=d, tempo=0.8, rest=0.0, height=0.03) for d in (0.0, 0.12))
    away = [span(at(forward(m), "pelvis")[:, 1]) for m in (still, moving)]
    assert away[0] < 0.06 and away[1] > 0.2
    # Heels and balls roll; the ankle's step from hop to hop is some centimetres.
    assert slides(moving).quantile(0.9) < slides(still).quantile(0.9) + 0.004


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


def test_habits_move_what_they_say():
    def wrist(activity: str, **style: float) -> torch.Tensor:
        """Of the left arm [frames, 3] from its shoulder in m."""
        p = forward(clip(activity, 1, 12.0, rest=0.0, **style))
        return at(p, "left_wrist") - at(p, "left_shoulder")

    # 0.5 m of arm: 0.5 (cos 0.1 - cos 1) = 0.23 m, less what the shoulder girdle lifts the shoulder.
    low = [float(wrist("jack", low=v)[:, 2].quantile(0.05)) for v in (0.1, 1.0)]
    assert 0.12 < low[1] - low[0] < 0.3
    # 0.5 sin(0.6) = 0.28 m where the arm is half way up and level.
    fore = [float((-wrist("jack", fore=v, elbow=0.0, low=0.2)[:, 1]).quantile(0.95)) for v in (0.0, 0.6)]
    assert 0.12 < fore[1] - fore[0] < 0.32
    close = [float(-wrist("box", close=v, lean=0.0, turn=0.0, hook=0.0)[:, 1].median()) for v in (0.1, 0.3)]
    assert 0.1 < close[1] - close[0] < 0.21
    back = [span(at(forward(clip("squat", 1, 12.0, rest=0.0, depth=0.25, back=v)), "pelvis")[:, 1]) for v in (0.2, 0.7)]
    assert 0.09 < back[1] - back[0] < 0.16  # half of 0.25 m, by repetitions of different size


@pytest.mark.parametrize(("depth", "pulse"), [(0.001, 0.0005), (0.006, 0.0003), (0.012, 0.0001)])
def test_breath_and_heart_move_the_breastbone_as_asked(depth, pulse):
    """On the body's surface: the millimetres of the style at its two rates."""
    body = load_body("free-low")
    asked = {"depth": depth, "pulse": pulse, "breath": 0.25, "heart": 1.25, "shift": 0.0}
    motion = clip("breathe", 1, 60.0, **asked)
    rest = body(resample(motion, motion.times[:1])).vertices[0]
    high = (rest[:, 2] - rest[:, 2].min()) / (rest[:, 2].max() - rest[:, 2].min())
    middle = torch.nonzero((high > 0.7) & (high < 0.76) & (rest[:, 0] - rest[:, 0].mean()).abs().lt(0.03))[:, 0]
    bone = int(middle[rest[middle, 1].argmin()])
    times = torch.linspace(0.0, 60.0, 1201, dtype=torch.float64)
    moved = resample(motion, times)
    chest = body(moved).vertices[:, bone, 1] - moved.translation[:, 1]
    # By least squares at each rate, and about it: the breath wanders by 0.15 s, the heart does not.
    window = torch.hann_window(len(chest), dtype=torch.float64)
    power = torch.fft.rfft((chest - chest.mean()) * window / window.mean()).abs() / len(chest) * 2
    rates = torch.fft.rfftfreq(len(chest), float(times[1]))
    swing = [float(power[(rates - rate).abs() < 0.04].max()) for rate in (0.25, 1.25)]
    # The wave's fundamental is 0.49 of its height, the throb's 0.375 (sin^3); a Hann bin may lie off its peak.
    assert swing[0] == pytest.approx(0.49 * depth, rel=0.25)
    assert swing[1] == pytest.approx(0.375 * pulse, rel=0.3, abs=3e-6)


def test_a_motion_that_does_not_breathe_is_made_to():
    """The skin over the breastbone goes as far as asked; directions of head and upper arms stay."""
    still, body = clip("squat", 1), load_body("free-low")
    still = resample(still, torch.tensor([0.0, 2.0], dtype=torch.float64))
    made = breathing(still, torch.tensor([0.006, -0.004], dtype=torch.float64))
    one, two = body(still), body(made)
    depth = one.vertices[0, :, 2].max() - one.vertices[0, :, 2]
    chest = (depth > 0.33) & (depth < 0.42) & (one.vertices[0, :, 0].abs() < 0.06)
    chest &= one.vertices[0, :, 1] < one.joints[0, SMPLX_JOINTS.index("spine3"), 1]
    moved = (two.vertices - one.vertices)[0, chest]
    # Skin goes with a mixture of its bones, and the patch reaches a few cm around the point that is asked for.
    assert chest.sum() > 2 and -moved[:, 1].mean() == pytest.approx(0.006, rel=0.1)
    for name in ("head", "left_shoulder", "right_shoulder"):
        apart = forward_rotation(still, name) @ forward_rotation(made, name).transpose(-1, -2)
        assert rotvec_from_matrix(apart).norm(dim=-1).max() < 1e-6
    with pytest.raises(ValueError, match="expected 2 frames"):
        breathing(still, torch.zeros(3))


def test_sway_turns_every_joint_of_the_trunk_at_its_rate_and_leaves_the_feet():
    still = clip("stand", 1, 20.0)
    swayed = swaying(still, 0.08, torch.Generator().manual_seed(2))
    rates = []
    for name in ("spine1", "spine2", "head", "left_collar"):
        j = still.joint_names.index(name)
        own = rotvec_from_matrix(still.rotations[:, j].transpose(-1, -2) @ swayed.rotations[:, j])
        rates.append(own.diff(dim=0).mul(60).square().mean().sqrt())
    # Three axes of sixteen waves each over 20 s: a tenth of the root mean square for each joint.
    assert torch.stack(rates).square().mean().sqrt() == pytest.approx(0.08, rel=0.1)
    moved = (forward(swayed) - forward(still)).norm(dim=-1)
    assert all(at(moved, f"{side}_{joint}").max() == 0 for side in SIDES for joint in ("hip", "knee", "ankle", "foot"))
    # Four joints under the head turn by some 0.02 rad each, 0.1 to 0.5 m below it.
    assert 0.005 < at(moved, "head").mean() < 0.03


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


def forward_rotation(motion, name):
    """Rotation [frames, 3, 3] of a joint in the world."""
    turn, j = torch.eye(3, dtype=torch.float64), motion.joint_names.index(name)
    while j >= 0:
        turn, j = motion.rotations[:, j].double() @ turn, SMPLX_PARENTS[j]
    return turn


def test_breath_stays_with_the_person():
    first, second = (style(Subject(seed), "breathe", ACTIVITIES["breathe"].parameters) for seed in (1, 2))
    assert first["breath"] != second["breath"] and first["depth"] != second["depth"]


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


@pytest.mark.parametrize("way", ["forward", "back", "side"])
def test_falls_end_on_the_floor_in_published_time(way):
    """From standing height to lying within 0.5 to 1.7 s; nothing through the floor."""
    motion = clip(f"fall_{way}", 3, 6.0, tempo=1.0)
    p = forward(motion)
    head = at(p, "head")[:, 2]
    high, low = torch.nonzero(head > 0.9 * head[0]).max(), torch.nonzero(head < 0.35)[0, 0]
    assert head[0] > 1.4 and head[-1] < 0.35
    assert 0.25 < float(low - high) / 60 < 1.7
    assert p[..., 2].min() > 0.0
    assert math.isfinite(float(p.sum()))
