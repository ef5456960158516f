"""Walking and side steps: footsteps planned along a path, feet that roll and never slide, a body that follows.

A path says where the pelvis is wanted; every step is set down where the pelvis will be in the middle of that stance.
So one planner serves walking straight, to and fro, backward, sideways and turning on the spot, and what is on the floor
stays there exactly.
"""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmsynth.motion.clip import Clip, ease, standing, track
from mmsynth.motion.paths import Path, loop, to_and_fro
from mmsynth.motion.posing import Pose, flat_foot, hang, hold_back, keep_reachable, stack
from mmsynth.motion.skeleton import ANKLE_HEIGHT


@dataclass(frozen=True)
class Gait:
    """How steps are made.

    Attributes:
        swing: share of the stride in which a foot leaves, swings and lands. Because it leaves and lands softly it is
            off the floor for five hundredths less: 0.43 gives the 38 % of level walking (Perry 1992).
        ratio: step length over cadence in m s: a person's is the same at all but slow speeds (Sekiya and Nagasaki
            1998); 0.0065 m/(steps/min) = 0.39 m s.
        cadence: least steps a second while moving.
        width: between the ankles in m.
        lift: of the foot in swing, in m.
        strike: toes up at landing after a step of 0.7 m, in rad.
        push: heel up at lift-off after a step of 0.7 m, in rad.
        drop: how much lower than standing the pelvis is carried with both feet on the floor, in m.
        vault: how much higher than that over the standing leg, in m; what the legs cannot reach comes on top of it.
        lead: share of the stance after which the pelvis is over the ankle.
    """

    swing: float = 0.43
    ratio: float = 0.39
    cadence: float = 1.0
    width: float = 0.13
    lift: float = 0.05
    strike: float = 0.38
    push: float = 1.05
    drop: float = 0.02
    vault: float = 0.03
    lead: float = 0.5


@dataclass(frozen=True)
class Step:
    """One stance: from `land` to `leave` in s, at (left, forward) in m, its direction, and the step that led to it."""

    land: float
    leave: float
    place: tuple[float, float]
    yaw: float
    forward: float = 0.0


def plan_steps(path: Path, gait: Gait, first: int) -> tuple[list[Step], list[Step]]:
    """The stances of both feet along the path; foot `first` (0 left, 1 right) leaves the floor first."""
    begin, end = float(path.times[0]), float(path.times[-1])
    steps: tuple[list[Step], list[Step]] = ([], [])
    place, yaw, _ = path.at(begin)
    for foot in (0, 1):
        # Both have stood there for some time.
        steps[foot].append(Step(begin - 2.0, end, _beside(place, yaw, foot, gait.width), yaw))
    now, foot = begin + 0.05, first
    while now < end - 1.5:
        period = _period(path, gait, now)
        place, yaw, _ = path.at(now + (gait.swing + gait.lead * (1 - gait.swing)) * 2 * period)
        wanted = [_beside(place, yaw, k, gait.width) for k in (0, 1)]
        away = [_away(steps[k][-1], wanted[k], yaw) for k in (0, 1)]
        mover = foot if away[foot] >= 1 else 1 - foot
        # Nobody lifts the foot that has only just come down.
        if max(away) < 1 or now - steps[mover][-1].land < 0.5 * period:
            now += 0.05
            continue
        spot, old = wanted[mover], steps[mover][-1]
        ahead = (spot[0] - old.place[0]) * math.sin(yaw) + (spot[1] - old.place[1]) * math.cos(yaw)
        steps[mover][-1] = dataclasses.replace(old, leave=now)
        steps[mover].append(Step(now + gait.swing * 2 * period, end, spot, yaw, ahead / 2))
        now, foot = now + period, 1 - mover
    return steps


def _period(path: Path, gait: Gait, now: float) -> float:
    """Seconds from this step to the next: by the fastest that the pelvis is about to move or turn."""
    soon = [path.at(now + ahead) for ahead in (0.1, 0.3, 0.5, 0.7)]
    cadence = math.sqrt(max(speed for _, _, speed in soon) / gait.ratio)
    # Turning on the spot takes two steps a second, however slowly the person moves.
    turning = max(abs(b[1] - a[1]) for a, b in zip(soon[:-1], soon[1:], strict=True)) / 0.2
    return 1 / max(cadence, gait.cadence, 2.0 * min(1.0, turning))


def _away(step: Step, spot: tuple[float, float], yaw: float) -> float:
    """How far a foot is from where it is wanted, 1 = worth a step."""
    return max(math.hypot(spot[0] - step.place[0], spot[1] - step.place[1]) / 0.04, abs(yaw - step.yaw) / 0.12)


def _beside(place: np.ndarray, yaw: float, foot: int, width: float) -> tuple[float, float]:
    side = 0.5 * width * (1 if foot == 0 else -1)
    return float(place[0] + side * math.cos(yaw)), float(place[1] - side * math.sin(yaw))


def glide(u: Tensor) -> Tensor:
    """From 0 to 1 at an even speed with raised-cosine ramps of a share of 0.35 at both ends; of any shape, clamped."""
    u, ramp = u.clamp(0, 1), 0.35
    v = torch.minimum(u, 1 - u).clamp(0, ramp)
    part = 0.5 * (v - ramp / math.pi * torch.sin(math.pi * v / ramp))
    even = (torch.minimum(u, 1 - u) - ramp).clamp_min(0)
    half = (part + even) / (1 - ramp)
    return torch.where(u < 0.5, half, 1 - half)


@dataclass(frozen=True, eq=False)
class FootTrack:
    """One foot over time: ankle [frames, 3] in m, rotation, toes, air (1 in mid-swing), claim on the leg's reach."""

    ankle: Tensor
    rotation: Tensor
    toes: Tensor
    air: Tensor
    claim: Tensor


def foot_track(times: Tensor, steps: list[Step], gait: Gait, way: Tensor) -> FootTrack:
    """The foot's path through its stances: flat or rolling on the floor, gliding from one to the next in the air.

    The heel rises as the pelvis, at `way` [frames, 2], gets ahead of the foot, about from 0.2 m (heel-off at 30 % of
    the stride in level walking; Perry 1992).
    """
    x, z, yaw = (torch.full_like(times, v) for v in (*steps[0].place, steps[0].yaw))
    lift, air = torch.zeros_like(times), torch.zeros_like(times)
    claim = torch.ones_like(times)
    pitch = [(float(times[0]) - 3.0, 0.0)]
    for old, new in zip(steps[:-1], steps[1:], strict=True):
        u = (times - old.leave) / (new.land - old.leave)
        g, inside = glide(u), (u > 0) & (u < 1)
        x, z, yaw = (
            x + g * (new.place[0] - old.place[0]),
            z + g * (new.place[1] - old.place[1]),
            yaw + g * (new.yaw - old.yaw),
        )
        bump = torch.where(inside, torch.sin(math.pi * u.clamp(0, 1)) ** 2, torch.zeros_like(u))
        # Highest before half-way.
        lifted = u + u * (1 - u) * (1 - 0.8 * u)
        lifted = torch.where(inside, torch.sin(math.pi * lifted) ** 2, torch.zeros_like(u))
        lift, air = lift + gait.lift * lifted, air + bump
        claim = claim - torch.where(inside, ease(u / 0.4) - ease((u - 0.6) / 0.4), torch.zeros_like(u)) * (1 - 1e-6)
        pitch += _roll(old, new, gait)
    past = (way[:, 0] - x) * yaw.sin() + (way[:, 1] - z) * yaw.cos()
    heel = torch.tanh(2.4 * torch.nn.functional.softplus(16 * (past - 0.2)) / 16) * claim**0.5
    pitch_track = track(times, pitch)
    pitch_track = pitch_track + torch.nn.functional.softplus(20 * (heel - pitch_track.clamp_min(0) - 0.1)) / 20
    flat = stack(x, ANKLE_HEIGHT, z, like=x) + stack(0.0, lift, 0.0, like=x)
    ankle, rotation = flat_foot(flat, yaw, pitch_track)
    toes = pitch_track.clamp(0, 1.1)
    return FootTrack(ankle, rotation, toes, air, claim)


# A foot's pitch against its course: share of the stance, or 1 + share of the swing, and parts of the pitch at lift-off.
_ROLL = ((0.55, 0.0), (0.81, 0.28), (1.0, 1.0), (1.16, 1.02), (1.29, 0.85), (1.47, 0.39), (1.66, 0.03))


def _roll(old: Step, new: Step, gait: Gait) -> list[tuple[float, float]]:
    """Keys of the foot's pitch from late stance, through the swing, to the flat foot of the next stance."""
    share = max(-0.3, min(1.3, new.forward / 0.7))
    push, strike = gait.push * max(share, 0.0) ** 0.5, -gait.strike * share
    swing, stance = new.land - old.leave, min(old.leave - old.land, 1.5)
    rise = [(old.leave + (at - 1) * (stance if at < 1 else swing), part * push) for at, part in _ROLL]
    return [
        *rise,
        (old.leave + 0.87 * swing, strike),
        (new.land, strike),
        (new.land + 0.12 * min(new.leave - new.land, 1.5), 0.0),
    ]


def follow(clip: Clip, path: Path, gait: Gait, swing_arms: float) -> tuple[Pose, tuple[FootTrack, FootTrack]]:
    """A standing person set walking along the path: feet, pelvis, trunk and arms in step; and the tracks of the feet.

    Pelvis and trunk turn with the steps as published for level walking (Perry 1992: pelvis about 5 degrees to each side
    in turn, 4 in list; the chest turns against it), arms swing against the legs.
    """
    base, times = standing(clip, gait.width), clip.times
    yaw = torch.from_numpy(np.interp(times.numpy(), path.times, path.yaw))
    way = torch.from_numpy(np.stack([np.interp(times.numpy(), path.times, path.position[:, i]) for i in (0, 1)], 1))
    left, right = (foot_track(times, s, gait, way) for s in plan_steps(path, gait, int(clip.uniform() < 0.5)))
    ahead = stack(yaw.sin(), yaw.cos(), like=yaw)
    apart = ((left.ankle - right.ankle)[:, [0, 2]] * ahead).sum(1)
    air = left.air - right.air
    side = -0.022 * air
    height = base.pelvis[:, 1] - gait.drop + gait.vault * (left.air + right.air)
    pelvis = stack(way[:, 0] + side * yaw.cos(), height, way[:, 1] - side * yaw.sin(), like=yaw)
    turn = base.turn + stack(yaw - 0.13 * apart, 0.03, 0.055 * air, like=yaw)
    spine = base.spine + stack(0.2 * apart, 0.02, -0.06 * air, like=yaw)
    head = base.head + stack(-0.07 * apart, -0.04, 0.0, like=yaw)
    lift = swing_arms * torch.stack([-apart, apart], 1)
    arms = hang(0.02 + lift, clip.uniform(0.12, 0.2) + 0.02 * lift, torch.full_like(lift, 0.25))
    elbow = base.elbow + 0.15 + 0.7 * torch.nn.functional.softplus(6 * lift) / 6
    pose = dataclasses.replace(
        base,
        pelvis=pelvis,
        turn=turn,
        spine=spine,
        head=head,
        ankle=torch.stack([left.ankle, right.ankle], 1),
        foot=torch.stack([left.rotation, right.rotation], 1),
        toes=torch.stack([left.toes, right.toes], 1),
        arm=arms,
        elbow=elbow,
    )
    claim = torch.stack([left.claim, right.claim], 1)
    # Feet yield to the reach of their legs soon after they left, and before they land.
    return hold_back(keep_reachable(pose, claim, 0.998), claim**2), (left, right)


# --------------------------------------------------------------------------------------------- walking


def walk(clip: Clip) -> Pose:
    """Walking to and fro, turning round, backward or sideways, or in a loop, by the person's habit or `path`.

    `speed` is that on the way forward. Starts, turns every `extent` m and slower steps backward and sideways belong to
    a clip, whose mean is 0.6 of it.
    """
    s = clip.style
    kind = ("turn", "loop", "backward", "sideways")[min(int(s["path"]), 3)]
    # Backward and sideways, steps are shorter and slower; sideways the feet must not cross.
    ahead = (1.0, 1.0, 0.42)
    pace, ratio, lead = {"backward": (0.6, 0.5, 0.42), "sideways": (0.42, 0.28, 0.5)}.get(kind, ahead)
    if kind == "loop":
        path = loop(clip, s["speed"], s["extent"])
    else:
        path = to_and_fro(clip, pace * s["speed"], s["extent"], kind)
    width = 0.3 if kind == "sideways" else s["width"]
    gait = Gait(ratio=ratio * s["ratio"], width=width, lift=s["lift"], cadence=1.1, lead=lead)
    return follow(clip, path, gait, s["arms"])[0]


def side_step(clip: Clip) -> Pose:
    """Stepping sideways and back, facing forward."""
    s = clip.style
    path = to_and_fro(clip, s["speed"], s["extent"], "sideways")
    return follow(clip, path, Gait(ratio=s["ratio"], width=0.28, lift=s["lift"], cadence=1.1), s["arms"])[0]
