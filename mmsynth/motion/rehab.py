"""The ten rehabilitation moves of MARS (An and Ogras 2021), as its Kinect recordings show them.

Extension of an upper limb lifts the arm sideways and there folds the forearm up; lunges go over one leg and back in a
stance that is held, hands at the head (front, turned to the leading side) or arms stretched out (side); extension of a
limb lifts arm and leg of a side sideways. Its squats are `exercises.squat` with hands at the head.
"""

import dataclasses

import torch
from torch import Tensor

from mmsynth.motion.clip import Clip, beats, down_up, ease, progress, rhythm, standing
from mmsynth.motion.posing import (
    Pose,
    about,
    body_turn,
    flat_foot,
    hands_at_head,
    hang,
    hips,
    keep_reachable,
    shifted,
    stack,
)
from mmsynth.motion.skeleton import ANKLE_HEIGHT, offset


def _once(clip: Clip) -> Tensor:
    left, right = rhythm(clip)
    return left + right


def _stepped(pose: Pose, left: float, forward: float) -> Pose:
    """The pose so many m farther over the floor."""
    by = stack(left, 0.0, forward, like=pose.times)
    return dataclasses.replace(pose, pelvis=pose.pelvis + by, ankle=pose.ankle + by[:, None])


# Half of what the feet of somebody who stands are apart, in m: from there one of them steps into a lunge.
_HOME = 0.1
# Share of an arm's repetition in which it is lifted, and that in which it is lowered.
_LIFT = 0.22


def extend_arms(clip: Clip, left: bool, right: bool) -> Pose:
    """Arms lifted sideways, one or both; held out level, the forearm folds up over the shoulder; back the same way."""
    s = clip.style
    base, up, fold = standing(clip, s["stance"]), torch.zeros_like(clip.times), torch.zeros_like(clip.times)
    for beat in beats(clip, s["tempo"], s["rest"]):
        u, size, held = progress(clip.times, beat), min(beat.size, 1.1), 1 - 2 * _LIFT
        up = up + size * down_up(u, held)
        fold = fold + size * down_up((u - _LIFT) / held, s["hold"])
    sides = torch.tensor([float(left), 0.97 * float(right)], dtype=torch.float64)
    share, folded = up[:, None] * sides, fold[:, None] * sides
    # Turned outward as it folds, so that the forearm goes up.
    arm = hang(0.05 + 0.12 * share, 0.2 + (s["lift"] - 0.2) * share, 0.15 - 0.3 * share - 1.1 * ease(3 * folded))
    lean = 0.04 * (float(right) - float(left)) * up
    pose = dataclasses.replace(base, arm=arm, elbow=base.elbow * (1 - 0.6 * share) + s["fold"] * folded)
    pose = shifted(pose, pelvis=(-0.25 * lean, 0.0, 0.0), spine=(0.0, 0.0, lean))
    return keep_reachable(pose)


def _feet(
    clip: Clip, places: tuple[tuple[float, float], ...], yaws: tuple[float, float], heels: Tensor
) -> tuple[Tensor, Tensor]:
    """Ankles [frames, 2, 3] and feet [frames, 2, 3, 3] at (left, forward) in m, heels raised by [frames, 2] rad."""
    zero = torch.zeros_like(clip.times)
    pairs = [
        flat_foot(stack(x, ANKLE_HEIGHT, z, like=zero), zero + yaws[k], heels[:, k]) for k, (x, z) in enumerate(places)
    ]
    return torch.stack([p[0] for p in pairs], 1), torch.stack([p[1] for p in pairs], 1)


def lunge_front(clip: Clip, lead: int) -> Pose:
    """In a stance with foot `lead` in front and to its side: over the front leg and down, and back, trunk upright."""
    s = clip.style
    base, down = standing(clip), _once(clip)
    long, wide, sign = s["length"], s["width"], 1.0 if lead == 0 else -1.0
    front, back = (0.5 * wide * sign, 0.5 * long), (-0.5 * wide * sign, -0.5 * long)
    heel = torch.zeros(len(down), 2, dtype=torch.float64)
    heel[:, 1 - lead] = 0.1 + 0.2 * down
    outward = 0.2 * sign
    yaws = (outward, 0.0) if lead == 0 else (0.0, outward)
    ankle, foot = _feet(clip, (front, back) if lead == 0 else (back, front), yaws, heel)
    armed = hands_at_head(base, s["hands"], s["apart"])
    pose = dataclasses.replace(armed, ankle=ankle, foot=foot, toes=heel)
    pose = shifted(
        pose,
        pelvis=(sign * wide * (0.4 * down - 0.12), -0.01 - s["depth"] * down, long * (0.42 * down - 0.25)),
        turn=(0.18 * sign, 0.0, 0.0),
        spine=(0.14 * sign, 0.0, 0.0),
        head=(-0.2 * sign, 0.0, 0.0),
    )
    # Of the feet that stood side by side, the other one stays, or both make way.
    pose = _stepped(pose, sign * s["stays"] * (0.5 * wide - _HOME), s["stays"] * 0.5 * long)
    return keep_reachable(pose)


def lunge_side(clip: Clip, side: int) -> Pose:
    """In a wide stance with arms stretched out: the weight goes over one bent leg and back."""
    s = clip.style
    base, down = standing(clip), _once(clip)
    sign, half = (1.0 if side == 0 else -1.0), 0.5 * s["width"]
    flat = torch.zeros(len(down), 2, dtype=torch.float64)
    ankle, foot = _feet(clip, ((half, 0.0), (-half, 0.0)), (0.25, -0.25), flat)
    arm = hang(0.1 + flat, s["arms"] + flat + clip.noise(0.02, 0.1, 0.5, 2), flat)
    pose = dataclasses.replace(base, ankle=ankle, foot=foot, arm=arm, elbow=base.elbow * 0.5)
    pose = shifted(
        pose,
        pelvis=(sign * (s["shift"] * down - 0.2 * half), -s["depth"] * down, 0.04 * down),
        turn=(0.05 * sign, 0.04 + 0.04 * down, 0.0),
        spine=(0.12 * sign, 0.0, 0.0),
        head=(-0.12 * sign, 0.0, 0.0),
    )
    pose = _stepped(pose, sign * s["stays"] * (half - _HOME), 0.0)
    return keep_reachable(pose)


def extend_limb(clip: Clip, side: int) -> Pose:
    """Arm and leg of one side lifted sideways, standing on the other leg, and lowered."""
    s = clip.style
    base, up = standing(clip, s["stance"], 0.08), _once(clip)
    sign = 1.0 if side == 0 else -1.0
    share = torch.zeros(len(up), 2, dtype=torch.float64)
    share[:, side] = up
    arm = hang(0.05 + 0.1 * share, 0.2 + (s["arm"] - 0.2) * share, 0.15 - 0.3 * share)
    # Between two lifts the weight stays over the foot that bears, on which the other one leans.
    lean, shift = -0.28 * sign * up, -0.5 * sign * s["stance"] * (0.6 + 0.35 * up)
    pose = dataclasses.replace(base, arm=arm, elbow=base.elbow * (1 - 0.5 * share))
    # The pelvis leans about the hip that bears it, which stays as high as it stood, and opens to the lifted leg.
    tilted = shifted(pose, turn=(0.15 * sign * up, 0.0, lean))
    bears = [(hips(p.pelvis, body_turn(p.turn)))[:, 1 - side, 1] for p in (pose, tilted)]
    pose = shifted(tilted, pelvis=(shift, bears[0] - bears[1], -0.02 * up), spine=(0.0, 0.0, -0.35 * lean))
    # The leg swings about its hip: from where the foot stood to where the straight leg carries it, a little bent on the
    # way. By direction and length, so that the knee neither locks nor folds as the foot leaves the floor.
    straight = float(offset("left_knee").norm() + offset("left_ankle").norm())
    swing, free = s["leg"] * up, ease(4 * up)
    hip = hips(pose.pelvis, body_turn(pose.turn))[:, side]
    stood = pose.ankle[:, side] - hip
    length, way = stood.norm(dim=1), stack(sign * swing.sin(), -swing.cos(), 0.05 * up, like=up)
    way = stood / length[:, None] + free[:, None] * (way - stood / length[:, None])
    length = length + free * (0.996 * straight - length) - 0.04 * free * (1 - free)
    ankle, foot = pose.ankle.clone(), pose.foot.clone()
    ankle[:, side] = hip + length[:, None] * torch.nn.functional.normalize(way, dim=1)
    foot[:, side] = about("z", 0.6 * sign * swing) @ foot[:, side]
    planted = 1 - share.clamp(0, 0.25) * 4
    return keep_reachable(dataclasses.replace(pose, ankle=ankle, foot=foot), planted)
