"""Standing, squats, jumping jacks, jumps and waving, each in the person's own style."""

import dataclasses
import math

import numpy as np
import torch
from torch import Tensor

from mmsynth.motion.clip import Beat, Clip, beats, ease, progress, rhythm, standing, track
from mmsynth.motion.mass import GRAVITY
from mmsynth.motion.posing import Pose, aim, flat_foot, hands_at_head, hang, keep_reachable, shifted, stack
from mmsynth.motion.skeleton import ANKLE_HEIGHT, BALL


def stand(clip: Clip) -> Pose:
    """Standing at ease: sway, breath and heart; now and then the weight moves to the other leg."""
    base = standing(clip, clip.style["width"])
    shift = clip.noise(clip.style["shift"], 0.02, 0.12)[:, 0]
    pelvis = base.pelvis + stack(shift, 0.0, 0.0, like=shift)
    spine = base.spine + stack(0.0, 0.0, -0.6 * shift, like=shift)
    turn = base.turn + stack(0.0, 0.0, 0.8 * shift, like=shift)
    pose = dataclasses.replace(base, pelvis=pelvis, spine=spine, turn=turn)
    return keep_reachable(pose)


def squat(clip: Clip) -> Pose:
    """Squats: hips back and down, trunk inclined so that the weight stays over the feet.

    Arms are those of the person's habit (`arms`), or hands are held at the head (`hands`, `apart`).
    """
    s = clip.style
    base = standing(clip, s["width"], s["toes_out"])
    left, right = rhythm(clip, bout=5)
    down = left + right
    depth = s["depth"]
    pelvis = base.pelvis - stack(0.0, depth * down, s["back"] * depth * down.clamp_min(0) ** 1.3, like=down)
    lean = s["lean"] * down
    pose = dataclasses.replace(
        base,
        pelvis=pelvis,
        turn=base.turn + stack(0.0, 0.62 * lean, 0.0, like=down),
        spine=base.spine + stack(0.0, 0.3 * lean, 0.0, like=down),
        head=base.head + stack(0.0, -0.6 * lean, 0.0, like=down),
    )
    pose = hands_at_head(pose, s["hands"], s["apart"]) if "hands" in s else _squat_arms(pose, down, lean, s["arms"])
    return keep_reachable(pose)


def _squat_arms(pose: Pose, down: Tensor, lean: Tensor, habit: float) -> Pose:
    """Arms in a squat: raised in front (habit below 1), clasped at the chest (below 2), or hanging."""
    if habit < 1:
        raised = (1.35 + 0.5 * lean) * ease(1.15 * down)
        lift = torch.stack([raised, raised], 1)
        return dataclasses.replace(pose, arm=hang(0.05 + lift, 0.2 - 0.1 * lift / 1.35, 0.2 + 0 * lift))
    if habit < 2:
        for side, sign in enumerate((1.0, -1.0)):
            pose = aim(pose, side, stack(-0.12 * sign, -0.1 - 0.02 * down, 0.24 + 0.03 * down, like=down), 0.25)
        return pose
    fore = torch.stack([0.9 * lean, 0.9 * lean], 1)
    return dataclasses.replace(pose, arm=hang(0.05 + fore, 0.2 + 0.05 * fore, 0.15 + 0 * fore))


# --------------------------------------------------------------------------------------------- jumping

# Seconds in which the heels rise before take-off and sink after landing, at most, and how far, in rad.
_ROLL = 0.16
_MOST_PITCH = 0.75


@dataclasses.dataclass(frozen=True, eq=False)
class Hop:
    """Course of jumps [frames].

    Attributes:
        flight: height in m over take-off.
        lag: how far the feet stay below it while they gain the speed that rolling has not given them, in m.
        crouch: how much the pelvis is lowered, in m.
        fold: as deep, but over before the feet leave, for what does not fly: trunks unfold first.
        roll: heel-up pitch of the foot while it rolls over the ball, in rad; stays in the air what it was at take-off.
        pitch: that of the foot itself: in the air it points further down.
        drift: how far the ankles swing forward in the air, in m, from the speed that rolling has given them.
        air: 0 on the floor .. 1 in mid-flight.
    """

    flight: Tensor
    lag: Tensor
    crouch: Tensor
    fold: Tensor
    roll: Tensor
    pitch: Tensor
    drift: Tensor
    air: Tensor

    def __add__(self, other: "Hop") -> "Hop":
        return Hop(*(getattr(self, f.name) + getattr(other, f.name) for f in dataclasses.fields(self)))


def no_hop(times: Tensor) -> Hop:
    """Standing."""
    return Hop(*(torch.zeros_like(times) for _ in range(8)))


def hop(times: Tensor, start: float, height: float, before: float, after: float) -> Hop:
    """One jump from `start`: a crouch of `before` s, a ballistic flight up to `height` m, a landing of `after` s.

    Flight lasts 2 sqrt(2 h / g). Pelvis and ankles leave the floor at the take-off speed that they have gained from
    stretching legs and feet, and come back in the same way, so that their velocity is continuous throughout.
    """
    speed = math.sqrt(2 * GRAVITY * height)
    leave, flying = start + before, 2 * speed / GRAVITY
    t = times - leave
    inside = (t > 0) & (t < flying)
    flight = torch.where(inside, speed * t - 0.5 * GRAVITY * t * t, torch.zeros_like(t))
    u = (t / flying).clamp(0, 1)
    span = min(_ROLL, 0.8 * before, 0.8 * after)
    top, gained = _take_off(speed, span)
    roll = top * (1 + (t / span).clamp(-1, 0)) ** 2 * (1 - ((t - flying) / span).clamp(0, 1)) ** 2
    # Goes on with the speed of take-off and comes back to that of landing.
    coast = flying * (u * (1 - u) ** 6 + (1 - u) * u**6)
    pitch = roll + 2 * top / span * coast
    drift = (BALL[2] * math.sin(top) + ANKLE_HEIGHT * math.cos(top)) * 2 * top / span * coast
    # What the rise of the ankles does not give (half of it reaches the pelvis), the legs do; and the crouch is as deep
    # as if they gave all.
    slope, deep = speed - 0.5 * gained, 0.5 * gained

    def stretch(v: Tensor, length: float) -> Tensor:
        return length * (slope * v**2 * (1 - v) + 16 * 0.148 * deep * v**2 * (1 - v) ** 2)

    down, up = progress(times, Beat(start, before, 1.0)), 1 - progress(times, Beat(leave + flying, after, 1.0))
    crouch = stretch(down, before) + stretch(up, after)
    fold = 16 * 0.148 * speed * (before * (down * (1 - down)) ** 2 + after * (up * (1 - up)) ** 2)
    lag = (speed - gained) * coast
    return Hop(flight, lag, crouch, fold, roll, pitch, drift, torch.sin(math.pi * u) ** 2)


def _take_off(speed: float, span: float) -> tuple[float, float]:
    """Pitch in rad at take-off, and the upward speed in m/s that rolling (with the time's square) gives the ankle."""

    def gain(pitch: float) -> float:
        return (BALL[2] * math.cos(pitch) - ANKLE_HEIGHT * math.sin(pitch)) * 2 * pitch / span

    low, high = 0.0, _MOST_PITCH
    if gain(high) < speed:
        return high, gain(high)
    for _ in range(30):
        low, high = (0.5 * (low + high), high) if gain(0.5 * (low + high)) < speed else (low, 0.5 * (low + high))
    return high, gain(high)


def _airborne(pose: Pose, yaw: Tensor, course: Hop) -> Pose:
    """The pose with feet and pelvis on the course of the jumps."""
    lifted = pose.ankle + stack(0.0, course.flight - course.lag, 0.0, like=course.flight)[:, None]
    ankle, _ = flat_foot(lifted, yaw, course.roll[:, None].expand(-1, 2))
    _, foot = flat_foot(lifted, yaw, course.pitch[:, None].expand(-1, 2))
    rise = 0.5 * (ankle - lifted)[:, 0, 1]
    way = stack(yaw.sin(), 0.0, yaw.cos(), like=yaw)
    ankle = ankle + course.drift[:, None, None] * way
    # The toes stay bent until they are clear of the floor.
    toes = (course.roll.clamp(max=0.7) * torch.exp(-((course.flight / 0.05) ** 2)))[:, None].expand(-1, 2)
    pose = dataclasses.replace(pose, ankle=ankle, foot=foot, toes=toes)
    return shifted(pose, pelvis=(0.0, course.flight - course.crouch + rise, 0.0))


def _travelling(pose: Pose, clip: Clip, flights: list[tuple[float, float]]) -> Pose:
    """The pose by hops that do not come down quite where they began; by the style's `travel`, m to either side.

    The pelvis moves on steadily, feet only in the air, to where the pelvis will be in the middle of the stance.

    Args:
        pose: on the spot.
        clip: times and draws.
        flights: take-off and landing of each hop in s, in order.
    """
    t = clip.times
    way = clip.noise(clip.style["travel"], 0.04, 0.3, 2) * torch.tensor([0.4, 1.0], dtype=torch.float64)
    stances = [0.5 * (land + leave) for (_, land), (leave, _) in zip(flights[:-1], flights[1:], strict=True)]
    at = [np.interp([-1.0, *stances, clip.duration + 1], t, way[:, k]) for k in (0, 1)]
    feet = torch.full_like(way, 0.0) + torch.tensor([a[0] for a in at])
    for k, (leave, land) in enumerate(flights):
        step = torch.tensor([a[k + 1] - a[k] for a in at])
        feet = feet + ease((t - leave) / (land - leave))[:, None] * step
    ankle = pose.ankle + stack(feet[:, 0], 0.0, feet[:, 1], like=t)[:, None]
    return shifted(dataclasses.replace(pose, ankle=ankle), pelvis=(way[:, 0], 0.0, way[:, 1]))


def jump(clip: Clip) -> Pose:
    """Jumps on the spot: crouch, take-off, flight, landing; from hops that hardly leave the floor to high ones."""
    s = clip.style
    base = standing(clip, s["width"], 0.1)
    course, swing, flights = no_hop(clip.times), torch.zeros_like(clip.times), []
    flying = 2 * math.sqrt(2 * s["height"] / GRAVITY)
    # A quick hop has no time for the crouch of a single jump.
    crouching = min(s["crouch"], max((s["tempo"] - flying) / (1.1 + s["soft"]), 0.13))
    for beat in beats(clip, max(s["tempo"], (1 + s["soft"]) * crouching + flying), s["rest"], 0.08, 4):
        height, before = s["height"] * beat.size, crouching * (0.9 + 0.1 * beat.size)
        leave = beat.start + before
        land = leave + 2 * math.sqrt(2 * height / GRAVITY)
        flights.append((leave, land))
        course = course + hop(clip.times, beat.start, height, before, s["soft"] * before)
        keys = [
            (beat.start, 0.0),
            (leave - 0.35 * before, -0.45),
            (0.4 * leave + 0.6 * land, 1.0),
            (land + before, 0.0),
        ]
        swing = swing + track(clip.times, keys)
    fold = s["fold"] * course.fold
    pose = shifted(
        _airborne(base, torch.tensor([0.1, -0.1], dtype=torch.float64).expand(len(swing), 2), course),
        pelvis=(0.0, -0.008, -0.35 * course.fold),
        turn=(0.0, 0.55 * fold, 0.0),
        spine=(0.0, 0.35 * fold, 0.0),
        head=(0.0, -0.5 * fold, 0.0),
    )
    pose = _travelling(pose, clip, flights)
    # Arms help a high jump, hardly a hop.
    lift = s["arms"] * min(1.0, 0.15 + s["height"] / 0.15) * torch.stack([swing, 0.95 * swing], 1)
    # Hanging arms stay plumb while the trunk folds.
    arm = hang(0.05 + lift + 0.9 * fold[:, None], 0.22 + 0.05 * lift, 0.15 + 0 * lift)
    pose = dataclasses.replace(pose, arm=arm, elbow=pose.elbow + 0.5 * torch.nn.functional.softplus(8 * lift) / 8)
    return keep_reachable(pose, slack=0.985)


def jack(clip: Clip) -> Pose:
    """Jumping jacks: feet hop apart while the arms rise sideways overhead, and back."""
    s = clip.style
    base = standing(clip, s["narrow"], 0.1)
    opened, raised, course = torch.zeros_like(clip.times), torch.zeros_like(clip.times), no_hop(clip.times)
    flights = []
    flying = 2 * math.sqrt(2 * s["height"] / GRAVITY)
    for beat in beats(clip, s["tempo"], s["rest"], bout=6):
        half = 0.5 * beat.length
        ground = max(half - flying, 0.1)
        for k, sign in enumerate((1.0, -1.0)):
            start = beat.start + k * half
            leave = start + 0.5 * ground
            flights.append((leave, leave + flying))
            course = course + hop(clip.times, start, s["height"], 0.5 * ground, 0.5 * ground)
            opened = opened + sign * min(beat.size, 1.1) * ease((clip.times - leave) / flying)
            raised = raised + sign * min(beat.size, 1.05) * ease((clip.times - start - s["lag"]) / (s["sweep"] * half))
    spread = 0.5 * (s["wide"] - s["narrow"]) * opened
    ankle = base.ankle + torch.stack([stack(sign * spread, 0.0, 0.0, like=spread) for sign in (1.0, -1.0)], 1)
    yaw = torch.stack([0.1 + 0.2 * opened, -0.1 - 0.2 * opened], 1)
    lift = torch.stack([raised, 0.98 * raised], 1)
    # The arms go up before or behind the plane of the body.
    flexion = 0.05 + 0.15 * lift + 4 * s["fore"] * lift * (1 - lift)
    pose = dataclasses.replace(
        _airborne(dataclasses.replace(base, ankle=ankle), yaw, course),
        arm=hang(flexion, s["low"] + (s["arms"] - s["low"]) * lift, 0.15 - 0.9 * lift),
        elbow=0.15 + s["elbow"] * (0.4 + 0.6 * lift),
    )
    fold = s["fold"] * course.fold
    pose = shifted(pose, pelvis=(0.0, -0.012, 0.0), turn=(0.0, 0.6 * fold, 0.0), spine=(0.0, 0.4 * fold, 0.0))
    pose = _travelling(pose, clip, flights)
    return keep_reachable(pose, slack=0.985)


# --------------------------------------------------------------------------------------------- arms


def wave(clip: Clip) -> Pose:
    """Waving: one arm or both raised, the forearm swings from side to side, with a rest now and then."""
    s = clip.style
    base = standing(clip)
    times = clip.times
    arms, elbows = base.arm.clone(), base.elbow.clone()
    both = s["both"] > 0.75
    main = 0 if s["side"] < 0.35 else 1
    if clip.uniform() < 0.15:
        main = 1 - main
    for side in (0, 1) if both else (main,):
        beat = clip.noise(0.12, 0.05, 0.4)[:, 0]
        phase = 2 * math.pi * s["rate"] * (times + 0.3 * beat) + clip.uniform(0, 6.28)
        size = s["swing"] * (1 + clip.noise(0.12, 0.1, 0.6)[:, 0])
        lift = torch.full_like(times, s["lift"]) + clip.noise(0.03, 0.1, 0.5)[:, 0]
        flexion = 0.35 + 0.06 * phase.sin()
        pair = [torch.stack([v, v], 1) for v in (flexion, lift, -1.35 + 0 * lift)]
        # Turning the upper arm about its own axis swings the bent forearm; the elbow adds to it.
        pair[2] = pair[2] + (0.55 * size * phase.sin())[:, None]
        arms[:, side] = hang(*pair)[:, side]
        elbows[:, side] = s["elbow"] + 0.6 * size * (phase + 0.3).sin()
    sway = 0.012 * (2 * math.pi * s["rate"] * times).sin() * (1.0 if main == 0 else -1.0)
    pose = dataclasses.replace(base, arm=arms, elbow=elbows, spine=base.spine + stack(0.5 * sway, 0.0, sway, like=sway))
    return keep_reachable(pose)
