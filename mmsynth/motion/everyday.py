"""What people do at home: fall, sit, lie, bend, reach, push, pull, clap, turn, carry, walk with an aid."""

import dataclasses
import math

import torch
from torch import Tensor

from mmsynth.motion.clip import Clip, beats, ease, progress, rhythm, standing, track
from mmsynth.motion.gait import Gait, follow
from mmsynth.motion.paths import plan_path, to_and_fro
from mmsynth.motion.posing import Pose, about, aim, hang, keep_reachable, shifted, stack


def _pair(value: Tensor | float, like: Tensor) -> Tensor:
    """The same value for both sides [frames, 2]."""
    return stack(value, value, like=like)


# --------------------------------------------------------------------------------------------- falls and lying


def fall(clip: Clip, way: str) -> Pose:
    """Standing, then falling "forward", "back" or to the "side" within about a second, then lying still.

    The body tips about its feet like a rod that gives way at knees and hips, the arms are thrown out to break the fall;
    wrists touch the floor 0.68 +- 0.12 s and the pelvis 0.72 +- 0.16 s after the loss of balance (young people on a
    mattress that slides away; quoted by Robinovitch 2005, J. Gerontol. A 60(12)).
    """
    s, t = clip.style, clip.times
    base = standing(clip, 0.2)
    start, last = clip.uniform(0.1, 0.45) * clip.duration, s["tempo"]
    u = (t - start) / last
    tipped = track(u, [(-0.25, 0.0), (0.0, 0.05), (0.35, 0.28), (0.7, 0.62), (1.0, 1.0), (1.15, 0.985), (1.35, 1.0)])
    # Prone, bent knees would hold the hips up.
    curl = s["curl"] * (0.25 if way == "forward" else 1.0)
    bent = track(u, [(-0.25, 0.0), (0.15, 0.3), (0.6, 1.0), (1.0, 0.45), (1.6, curl)])
    thrown = track(u, [(0.0, 0.0), (0.3, 0.8), (0.75, 1.0), (1.1, 0.8), (1.9, 0.45)])
    side = 1.0 if clip.uniform() < 0.5 else -1.0
    angle = 0.5 * math.pi * tipped
    tilt, pivot = {
        "forward": (stack(angle, 0.05, 0.0, like=t), (0.0, 0.0, 0.1)),
        "back": (stack(-angle, 0.05, 0.0, like=t), (0.0, 0.0, -0.05)),
        "side": (stack(0.0, 0.0, -side * angle, like=t), (side * 0.12, 0.0, 0.0)),
    }[way]
    fore, back = float(way == "forward"), float(way == "back")
    pose = shifted(
        base,
        pelvis=(0.0, -0.22 * bent, (-0.12 * fore - 0.16 * back - 0.05) * bent),
        turn=(0.0, (0.1 * fore + 0.35 * back + 0.15) * bent, 0.0),
        spine=(0.15 * side * bent, (0.25 - 0.1 * fore) * bent, 0.0),
        head=(0.0, (0.4 * back - 0.35 * fore) * thrown, 0.0),
    )
    # Forward, both arms go out and end beside the head; sideways, the lower one does; back, they go behind.
    ahead = track(u, [(0.0, 0.0), (0.3, 1.2), (0.75, 1.9), (1.05, 2.6), (2.0, 2.75)])
    low = [fore or (1 - fore - back) * 0.6 * float(side == sign) for sign in (1.0, -1.0)]
    flex = torch.stack([low[k] * ahead + (0.4 * (1 - fore - back) - 0.3 * back) * thrown for k in (0, 1)], 1)
    spread = 0.25 + (0.1 + 0.7 * back) * thrown
    # On the side, the lower arm lies in front of the chest, not under it, and the upper one on the hip.
    close = 1 - (1 - fore - back) * ease(u)
    arm = hang(flex, stack(spread * close, 0.9 * spread * close, like=t), _pair(0.2, t))
    # Lying, the feet hang over: soles to the back, prone; toes up, supine.
    point = ease(u - 0.1) * (0.9 * fore - 0.1 * back + 0.3)
    foot = pose.foot @ about("x", point)[:, None]
    pose = dataclasses.replace(pose, arm=arm, elbow=0.3 + _pair((0.5 + 0.7 * fore) * thrown, t), foot=foot)
    return dataclasses.replace(keep_reachable(pose), tilt=tilt, pivot=pivot)


def lie(clip: Clip) -> Pose:
    """Lying on the back on the floor, rolling to a side and back now and then; breath."""
    s, t = clip.style, clip.times
    base = standing(clip, 0.24)
    left, right = rhythm(clip, 0.15)
    roll = s["roll"] * (left - right)
    curl = (left + right).clamp(0, 1.1)
    pose = shifted(
        base, pelvis=(0.0, -0.25 * curl, 0.0), turn=(roll, 0.35 * curl, 0.0), spine=(0.12 * roll, 0.15 * curl, 0.0)
    )
    # Arms beside the body; rolling, the upper one comes across the chest and the lower one gets out of the way.
    for side, sign, over, under in ((0, 1.0, right, left), (1, -1.0, left, right)):
        hand = stack(0.1 * sign, -0.46, 0.03, like=t)
        hand = hand + ease(over)[:, None] * stack(-0.3 * sign, 0.32, 0.29, like=t)
        pose = aim(pose, side, hand + ease(under)[:, None] * stack(-0.06 * sign, 0.26, 0.36, like=t), 0.5)
    # The feet turn with the body about its axis, knees drawn up on the side.
    turned = about("y", roll)[:, None]
    ankle = (turned @ (pose.ankle + stack(0.0, 0.0, 0.16 * curl, like=t)[:, None])[..., None])[..., 0]
    pose = dataclasses.replace(pose, ankle=ankle, foot=turned @ pose.foot @ about("x", 0.5 + 0 * t)[:, None])
    tilt = stack(-0.5 * math.pi, 0.0, 0.0, like=t)
    return dataclasses.replace(pose, tilt=tilt, pivot=(0.0, 0.9, 0.0))


# --------------------------------------------------------------------------------------------- sitting, bending


def sit(clip: Clip) -> Pose:
    """Sitting down on a chair, staying, standing up: the trunk leans forward in both.

    50 healthy people took 1.97 s down and 1.91 s up (Kerr 1997, Clin. Biomech. 12(4)).
    """
    s, t = clip.style, clip.times
    base = standing(clip, 0.24, 0.15)
    seated, lean = torch.zeros_like(t), torch.zeros_like(t)
    for beat in beats(clip, s["stay"] + s["pause"] + 2 * s["tempo"], 0.0, 0.1):
        down, up = beat.start + 0.5 * s["pause"], beat.start + 0.5 * s["pause"] + s["tempo"] + s["stay"]
        for begin, sign in ((down, 1.0), (up, -1.0)):
            u = (t - begin) / s["tempo"]
            seated = seated + sign * ease(u)
            first, second = (0.1, 0.95) if sign > 0 else (0.0, 0.75)
            lean = lean + ease((u - first) / 0.45) - ease((u - second + 0.35) / 0.5)
    drop = 0.92 - s["seat"] - 0.085
    pose = shifted(
        base,
        pelvis=(0.0, -drop * seated, -0.43 * seated),
        turn=(0.0, s["lean"] * 0.7 * lean - 0.12 * seated, 0.0),
        spine=(0.0, s["lean"] * 0.4 * lean + 0.18 * seated, 0.0),
        head=(0.0, -0.6 * s["lean"] * lean, 0.0),
    )
    rest = ease(seated)
    flex = 0.05 + 0.5 * rest + 0.5 * s["lean"] * lean
    arm = hang(_pair(flex, t), _pair(0.2 + 0.06 * rest, t), _pair(0.15 + 0.2 * rest, t))
    pose = dataclasses.replace(pose, arm=arm, elbow=base.elbow + _pair(0.75 * rest, t))
    return keep_reachable(pose)


def bend(clip: Clip) -> Pose:
    """Bending down to pick something up from the floor and straightening, with straighter or more bent knees."""
    s, t = clip.style, clip.times
    base = standing(clip, 0.24, 0.12)
    left, right = rhythm(clip)
    down = left + right
    crouch = s["crouch"] * down
    # Who bends the knees more bends the trunk less, and the hands still end at the floor.
    fold = s["lean"] * (1.1 - 1.3 * s["crouch"])
    pose = shifted(
        base,
        pelvis=(0.0, -crouch, -0.16 * down - 0.35 * crouch),
        turn=(0.0, 0.95 * fold * down, 0.0),
        spine=(0.1 * (left - right), 0.55 * fold * down, 0.0),
        head=(0.0, -0.35 * down, 0.0),
    )
    main, other = (left, right) if s["side"] < 0.5 else (right, left)
    both = ease(down)
    flex = stack(1.35 * both, (0.6 + 0.75 * (other > -1)) * both, like=t)
    pose = dataclasses.replace(
        pose, arm=hang(0.05 + flex, _pair(0.15, t), _pair(0.2, t)), elbow=base.elbow * (1 - 0.5 * both[:, None])
    )
    return keep_reachable(pose)


# --------------------------------------------------------------------------------------------- hands


def _hands(clip: Clip, base: Pose, far: Tensor, near: Tensor, out: Tensor) -> Pose:
    """Both wrists between `near` and `far` [3] (left side's, from the shoulder) by `out` [frames, 2]."""
    pose = base
    for side, sign in enumerate((1.0, -1.0)):
        mirror = torch.tensor([sign, 1.0, 1.0], dtype=torch.float64)
        hand = mirror * (near + (far - near) * out[:, side, None]) + clip.noise(0.006, 0.1, 0.8, 3)
        pose = aim(pose, side, hand, 0.3)
    return pose


def reach_out(clip: Clip) -> Pose:
    """Reaching for something in front, to a shelf or low, with one hand, and taking it back."""
    s, t = clip.style, clip.times
    base = standing(clip)
    left, right = rhythm(clip)
    side = 0 if s["side"] < 0.3 else 1
    out = left + right
    high = s["high"]
    target = stack((-0.05 if side == 0 else 0.05), 0.5 * math.sin(high), 0.5 * math.cos(high), like=t)
    rest = stack((0.08 if side == 0 else -0.08), -0.46, 0.08, like=t)
    # By the way: the hand comes up close to the body before it goes out.
    way = rest + (target - rest) * out[:, None] + stack(0.0, 0.06, 0.06, like=t) * (4 * out * (1 - out))[:, None]
    pose = aim(base, side, way, 0.25)
    sign = -1.0 if side == 0 else 1.0
    pose = shifted(
        pose,
        pelvis=(0.0, 0.0, 0.04 * out),
        turn=(0.12 * sign * out, 0.08 * out, 0.0),
        spine=(0.25 * sign * out, 0.18 * out * math.cos(high), 0.0),
        head=(-0.3 * sign * out, -0.2 * out * math.sin(high), 0.0),
    )
    return keep_reachable(pose)


def push(clip: Clip, pull: bool = False) -> Pose:
    """Both hands pushed forward from the chest, or pulled to it, one foot in front; the body leans into it."""
    s, t = clip.style, clip.times
    base = standing(clip, 0.24, 0.12)
    step = 0.5 * s["stagger"]
    ankle = base.ankle + torch.stack([stack(0.0, 0.0, step, like=t), stack(0.0, 0.0, -step, like=t)], 1)
    left, right = rhythm(clip)
    out = left + right
    out = 1 - out if pull else out
    near = torch.tensor([-0.02, -0.14, 0.17], dtype=torch.float64)
    far = torch.tensor([-0.03, s["high"], 0.47], dtype=torch.float64)
    lean = (0.5 - out) * -1.0 * s["lean"] if not pull else (out - 0.6) * s["lean"]
    pose = _hands(clip, dataclasses.replace(base, ankle=ankle), far, near, _pair(out, t))
    pose = shifted(
        pose, pelvis=(0.0, -0.03, 0.09 * lean / 0.2), turn=(0.0, 0.5 * lean + 0.05, 0.0), spine=(0.0, 0.6 * lean, 0.0)
    )
    return keep_reachable(pose)


def clap(clip: Clip) -> Pose:
    """Clapping in front of the chest, in bursts."""
    s, t = clip.style, clip.times
    apart = torch.zeros_like(t)
    for beat in beats(clip, 1 / s["rate"], 0.0, 0.05):
        apart = apart + min(beat.size, 1.2) * torch.sin(math.pi * progress(t, beat)) ** 2
    burst = ease(1.5 + 2.5 * clip.noise(1.0, 0.05, 0.2)[:, 0])
    wide = 0.16 - (0.155 - s["wide"] * apart) * burst
    pose = standing(clip)
    for side, sign in enumerate((1.0, -1.0)):
        # From the shoulder at 0.18 m to the middle of the chest.
        pose = aim(pose, side, stack(sign * (wide - 0.16), -0.16 + 0.02 * apart, 0.3 + 0.03 * apart, like=t), 0.35)
    return keep_reachable(pose)


# --------------------------------------------------------------------------------------------- on foot


def turn_round(clip: Clip) -> Pose:
    """Turning on the spot, by a quarter to a whole turn, with rests between."""
    s = clip.style
    now, yaw = -1.0, 0.0
    keys = [(-2.0, 0.0)]
    while now < clip.duration + 1:
        angle = clip.uniform(0.5, 2.0) * math.pi * (1 if clip.uniform() < 0.5 else -1)
        yaw = yaw + angle if abs(yaw + angle) < 7 else yaw - angle
        keys += [(now, keys[-1][1]), (now + abs(yaw - keys[-1][1]) / s["rate"], yaw)]
        now = keys[-1][0] + clip.uniform(0.2, 1.2)
    path = plan_path(clip.times, [(-2.0, 0.0, 0.0)], keys)
    return follow(clip, path, Gait(width=0.16, lift=0.04, cadence=1.4), 0.4)[0]


def carry(clip: Clip) -> Pose:
    """Walking with a box held in front of the belly by both hands."""
    s = clip.style
    path = to_and_fro(clip, s["speed"], s["extent"], "turn")
    pose, _ = follow(clip, path, Gait(ratio=0.36, width=0.15, lead=0.42), 0.0)
    hand = torch.tensor([s["wide"] / 2 - 0.18, -0.3, 0.26], dtype=torch.float64)
    pose = _hands(clip, pose, hand, hand, _pair(0.0, clip.times))
    return shifted(pose, spine=(0.0, -0.06, 0.0))


def walk_aided(clip: Clip) -> Pose:
    """Slow, stooped walking behind a walker (`aid` below 0.5) or with a stick in one hand."""
    s, t = clip.style, clip.times
    path = to_and_fro(clip, s["speed"], s["extent"], "turn")
    gait = Gait(ratio=0.33, width=0.16, lift=0.02, strike=0.15, push=0.6, lead=0.42, cadence=1.1)
    pose, (left, right) = follow(clip, path, gait, 0.15)
    pose = shifted(
        pose, turn=(0.0, 0.3 * s["stoop"], 0.0), spine=(0.0, 0.7 * s["stoop"], 0.0), head=(0.0, -0.7 * s["stoop"], 0.0)
    )
    if s["aid"] < 0.5:
        hand = torch.tensor([0.05, -0.42 + 0.2 * s["stoop"], 0.2 + 0.1 * s["stoop"]], dtype=torch.float64)
        return _hands(clip, pose, hand, hand, _pair(0.0, t))
    side = int(s["aid"] < 0.75)
    # The stick goes forward with the opposite foot.
    other = (right if side == 0 else left).air
    sign = 1.0 if side == 0 else -1.0
    return aim(pose, side, stack(0.08 * sign, -0.43 + 0.05 * other, 0.12 + 0.12 * other, like=t), 0.2)
