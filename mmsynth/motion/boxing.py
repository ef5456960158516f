"""Boxing: punches from a guard, with the trunk and the body's weight behind them, on feet that move about."""

import dataclasses
import math

import torch
from torch import Tensor

from mmsynth.motion.clip import Beat, Clip, beats, ease, progress
from mmsynth.motion.gait import Gait, follow
from mmsynth.motion.paths import wander
from mmsynth.motion.posing import Pose, aim, keep_reachable, shifted, stack

# Short quick steps, feet apart.
_SHUFFLE = Gait(width=0.3, lift=0.07, strike=0.1, push=0.5, cadence=1.6, vault=0.01)
# Below so many seconds from punch to punch there is no time for the whole lunge.
_WHOLE = 1.2


def box(clip: Clip) -> Pose:
    """Punches from a guard, left and right in turn or in the person's own mix.

    The trunk turns and leans into each, the weight moves forward and back with it, and the person shifts about.
    """
    s, t = clip.style, clip.times
    lead = 1.0 if s["stance"] < 0.8 else -1.0
    stagger = 0.5 * s["stagger"]
    base = follow(clip, wander(clip, s["footwork"]), _SHUFFLE, 0.0)[0]
    ankle = base.ankle + torch.stack([stack(0.0, 0.0, sg * lead * stagger, like=t) for sg in (1.0, -1.0)], 1)
    guard = [_guard(clip, sign) for sign in (1.0, -1.0)]
    out, round_ = ([torch.zeros_like(t) for _ in range(2)] for _ in range(2))
    twist, drive = torch.zeros_like(t), torch.zeros_like(t)
    for beat in beats(clip, s["tempo"], s["rest"], 0.2, 5):
        side = beat.side if s["mix"] < 0.7 else int(clip.uniform() < 0.5)
        strike, outward = _punch(t, beat, s["strike"])
        weight = torch.sin(math.pi * progress(t, beat)) ** 2
        out[side] = out[side] + strike
        round_[side] = round_[side] + outward
        twist = twist + (-0.5 if side == 0 else 0.5) * (strike + weight)
        drive = drive + min(1.0, beat.length / _WHOLE) * min(beat.size, 1.1) * weight
    bounce = clip.noise(0.006, 0.8, 2.0)[:, 0]
    yaw = 0.25 * lead * stagger / 0.15
    pose = shifted(
        dataclasses.replace(base, ankle=ankle),
        pelvis=(-0.01 * twist, bounce - s["crouch"], s["lunge"] * (drive - 0.4)),
        turn=(0.35 * s["turn"] * twist - yaw, 0.06 + 0.6 * s["lean"] * drive, 0.0),
        spine=(0.65 * s["turn"] * twist, 0.1 + 0.4 * s["lean"] * drive, 0.0),
        head=(-0.9 * s["turn"] * twist + yaw, -0.08 - 0.8 * s["lean"] * drive, 0.0),
    )
    for side, sign in enumerate((1.0, -1.0)):
        # Straight ahead whatever the trunk does: undo its turn at the target.
        far = _ahead(s["turn"] * twist - yaw, sign, s["aim"] + s["lean"] * drive)
        hand = guard[side] + (far - guard[side]) * out[side][:, None]
        hand = hand + stack(sign * s["hook"] * round_[side], 0.0, 0.0, like=t)
        pose = aim(pose, side, hand, 0.15 + 0.45 * out[side].clamp(0, 1))
    return keep_reachable(pose)


def _guard(clip: Clip, sign: float) -> Tensor:
    """Where the wrist waits [frames, 3], from its shoulder in the chest's axes."""
    drift = clip.noise(0.012, 0.1, 0.8, 3)
    rest = torch.tensor([-0.09 * sign, clip.style["guard"], clip.style["close"]], dtype=torch.float64)
    return rest + clip.normal(0.015) + drift


def _ahead(turned: Tensor, sign: float, height: Tensor) -> Tensor:
    """The stretched arm's wrist [frames, 3] from its shoulder, ahead of a person whose chest has turned by `turned`."""
    across = -0.10 * sign
    return 0.49 * torch.nn.functional.normalize(
        stack(across * turned.cos() - turned.sin(), height, turned.cos() + across * turned.sin(), like=turned), dim=-1
    )


def _punch(times: Tensor, beat: Beat, strike: float) -> tuple[Tensor, Tensor]:
    """Extension in the middle of the beat, and how far the hand swings out on its way there [frames].

    Out in 40 % of `strike` s, back a little slower (minimum jerk).
    """
    # No punch is thrown in much less than the person's own time, however quickly the next one follows.
    length = max(min(beat.length, strike), 0.85 * strike)
    u = (times - beat.start - 0.5 * (beat.length - length)) / length
    size = min(beat.size, 1.08)
    return size * (ease(u / 0.4) - ease((u - 0.44) / 0.56)), size * torch.sin(math.pi * (u / 0.4).clamp(0, 1)) ** 2
