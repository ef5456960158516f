"""A motion done by more or less, or by somebody of another build: feet that stood still stand still."""

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from mmsynth.geometry import matrix_from_rotvec, rotvec_from_matrix
from mmsynth.motion.clip import ease
from mmsynth.motion.edit import above_legs, complete
from mmsynth.motion.legs import leg_bones, leg_length, stand_on
from mmsynth.motion.posing import SIDES, cover
from mmsynth.motion.skeleton import ANKLE_HEIGHT, JOINTS, at_rest, offset, soft_ceiling
from mmsynth.types import Motion

_GENERIC = {name: at_rest(name) for name in JOINTS}
# Share of its length from which a leg gets no straighter than it was; and height in m from which a foot is quite up.
_STRAIGHT, _LIFTED = 0.96, 0.1
# Of a jump, at most, in s; and from which height in m on balls of feet are quite off the floor, not rolling over it.
_FLIGHT, _TIPTOE = 0.8, 0.03
# In rad: from where on elbows are held back, and how far they bend at most (AAOS: 150 degrees).
_BENT, _MOST_BENT = 2.4, 2.6


def scaled(
    motion: Motion,
    factor: float,
    rest: Mapping[str, Tensor],
    onto: Mapping[str, Tensor] | None = None,
    hop: float = 1.0,
) -> Motion:
    """The motion with steps, depth and swings `factor` times as large, by a body of other proportions if one is given.

    Places over the floor scale about the world's origin, so that a foot that stood still stands still; heights scale
    about how high the person stands. Legs follow by inverse kinematics, feet keep their direction, and the pelvis,
    which keeps its own, sinks where a leg would not reach the floor. Other joints swing about their mean pose; elbows
    never bend backward. A flight, in which both feet are off the floor, is scaled apart: its height and its time belong
    together. How high the soles are is the body's matter: ground the result.

    Args:
        motion: that stands on the floor for a part of its time; the mean pose and the floor are this clip's.
        factor: of the amplitude.
        rest: the joints [3] in m of the body that does it, in the T-pose by SMPL-X's names, in its axes.
        onto: those of the body that is to do it; places scale with the length of its legs. None = the same.
        hop: of the height of flights.
    """
    onto = rest if onto is None else onto
    whole = complete(motion, tuple(dict.fromkeys((*JOINTS, *motion.joint_names))))
    whole = dataclasses.replace(whole, rotations=whole.rotations.double(), translation=whole.translation.double())
    feet, hips = _feet(whole, rest), _hips(whole, rest)
    lower = torch.stack([ball[:, 2] for _, ball in feet.values()], 1).amin(1)
    floor = lower.quantile(0.02)
    lift = _flight(lower - floor, hips[:, 2] - floor, whole.times.double())
    size = leg_length(onto) / leg_length(rest)

    def moved(place: Tensor, up: Tensor) -> Tensor:
        return torch.cat([size * factor * place[:, :2], (size * up + hop * lift)[:, None]], 1)

    place = moved(hips, _sunk(hips[:, 2] - lift - floor, factor)) - _between(whole, onto)
    straight = {side: _straightness(whole, rest, side, *feet[side]) * _length(onto, side) for side in SIDES}
    ankles, short = {}, []
    for side, (turn, ball) in feet.items():
        lifted = moved(ball, factor * (ball[:, 2] - lift - floor))
        ankles[side] = lifted - turn @ _ball(onto, side)
        short.append(_out_of_reach(ankles[side] - _hip(whole, onto, place, side), straight[side], lifted[:, 2]))
    place[:, 2] -= cover(torch.stack(short, 1).amax(1), whole.times.double(), 0.07)
    for side, ankle in ankles.items():
        hip = _hip(whole, onto, place, side)
        gap = ankle - hip
        ankles[side] = hip + gap * (straight[side] / gap.norm(dim=1)).clamp_max(1.0)[:, None]
    return stand_on(_swung(whole, factor), onto, place, ankles)


def _flight(lower: Tensor, hips: Tensor, times: Tensor) -> Tensor:
    """How far off the floor [frames] in m somebody is in jumps, by heights [frames] of the lower foot and of the hips.

    Feet that are up for longer than `_FLIGHT` s, or of somebody who lies, are not those of somebody who flies.
    """
    lift, half = lower.clamp_min(0.0), round(0.5 * _FLIGHT * (len(times) - 1) / float(times[-1] - times[0]))
    held = torch.nn.functional.max_pool1d(-lift[None], 2 * half + 1, 1, half)
    held = torch.nn.functional.max_pool1d(-held, 2 * half + 1, 1, half)[0]
    lift = (lift - held) * _upright(hips)
    return lift * ease(lift / _TIPTOE)


def _sunk(height: Tensor, factor: float) -> Tensor:
    """Heights [frames] in m of the hips that come down `factor` times as far from where they stand.

    Of who sits or lies on the floor they stay there, and deep squats get little deeper.
    """
    stand = height.amax()
    share = _upright(height) if factor > 1 else _upright(height, 0.15, 0.4)
    return stand - (stand - height) * (1 + (factor - 1) * share)


def _upright(height: Tensor, least: float = 0.25, whole: float = 0.6) -> Tensor:
    """0 where hips are below `least` of their greatest height [frames], 1 from `whole` of it on, smooth between."""
    return ease((height / height.amax() - least) / (whole - least))


def _ball(rest: Mapping[str, Tensor], side: str) -> Tensor:
    """From the ankle to the sole under the ball of the foot [3] in m, about which the foot rolls.

    Bodies say how high the joint is over the sole only by their surface; taken in proportion to the legs.
    """
    sole = ANKLE_HEIGHT + float(offset(f"{side}_foot")[1])
    low = leg_bones(rest)[f"{side}_foot"].clone()
    low[1] -= sole * leg_length(rest) / leg_length(_GENERIC)
    return low


def _feet(motion: Motion, rest: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """By side: how a foot is turned [frames, 3, 3], and where its ball is [frames, 3] in m."""
    found, bones = {}, leg_bones(rest)
    for side in SIDES:
        turn, place = motion.rotations[:, 0], motion.translation
        for joint in ("hip", "knee", "ankle"):
            place = place + turn @ bones[f"{side}_{joint}"]
            turn = turn @ motion.rotations[:, motion.joint_names.index(f"{side}_{joint}")]
        found[side] = turn, place + turn @ _ball(rest, side)
    return found


def _between(motion: Motion, rest: Mapping[str, Tensor]) -> Tensor:
    """From the pelvis to the middle of the hips [frames, 3] in m."""
    bones = leg_bones(rest)
    return motion.rotations[:, 0] @ (0.5 * (bones["left_hip"] + bones["right_hip"]))


def _hips(motion: Motion, rest: Mapping[str, Tensor]) -> Tensor:
    return motion.translation + _between(motion, rest)


def _hip(motion: Motion, rest: Mapping[str, Tensor], place: Tensor, side: str) -> Tensor:
    return place + motion.rotations[:, 0] @ leg_bones(rest)[f"{side}_hip"]


def _length(rest: Mapping[str, Tensor], side: str) -> float:
    bones = leg_bones(rest)
    return float((bones[f"{side}_knee"] + bones[f"{side}_ankle"]).norm())


def _straightness(motion: Motion, rest: Mapping[str, Tensor], side: str, turn: Tensor, ball: Tensor) -> Tensor:
    """Up to which share of its length [frames] a leg may stretch: `_STRAIGHT`, or as far as it does; see `_feet`."""
    gap = ball - turn @ _ball(rest, side) - _hip(motion, rest, motion.translation, side)
    share: Tensor = gap.norm(dim=1) / _length(rest, side)
    return share.clamp_min(_STRAIGHT)


def _out_of_reach(gap: Tensor, length: Tensor, height: Tensor) -> Tensor:
    """By how much [frames] in m the pelvis must sink for a foot on the floor to be within the leg's reach.

    Args:
        gap: from the hip to the ankle [frames, 3] in m.
        length: that the leg may have [frames] in m.
        height: of the ball of the foot [frames] in m.
    """
    reach = (length.square() - gap[:, :2].square().sum(1)).clamp_min(0.01).sqrt()
    return (-gap[:, 2] - reach).clamp_min(0.0) * (1 - height / _LIFTED).clamp(0.0, 1.0)


def _swung(motion: Motion, factor: float) -> Motion:
    """The motion with all joints above the legs at `factor` times their way from the mean pose."""
    rotations = motion.rotations.clone()
    above = above_legs(motion)
    mean = _mean_rotation(rotations[:, above])
    rotations[:, above] = mean @ matrix_from_rotvec(
        factor * rotvec_from_matrix(mean.transpose(-1, -2) @ rotations[:, above])
    )
    for side in SIDES if factor > 1 else ():
        elbow = motion.joint_names.index(f"{side}_elbow")
        rotations[:, elbow] = _hinged(motion.rotations[:, elbow], factor)
    return dataclasses.replace(motion, rotations=rotations)


def _hinged(rotations: Tensor, factor: float) -> Tensor:
    """Rotations [frames, 3, 3] whose angles swing `factor` times as far about their mean, never beyond straight."""
    turn = rotvec_from_matrix(rotations)
    angle = turn.norm(dim=-1)
    least, wanted = angle.amin(), angle.mean() + factor * (angle - angle.mean())
    wanted = -soft_ceiling(-wanted, -least, -0.5 * least)
    wanted = soft_ceiling(wanted, torch.full_like(least, _BENT), torch.full_like(least, _MOST_BENT))
    return matrix_from_rotvec(turn * (wanted / angle.clamp_min(1e-9))[:, None])


def _mean_rotation(rotations: Tensor) -> Tensor:
    """The chordal mean [joints, 3, 3] of rotations [frames, joints, 3, 3] (nearest rotation to the mean matrix)."""
    u, _, v = torch.linalg.svd(rotations.mean(0))
    sign = torch.ones_like(u[..., 0])
    sign[..., 2] = torch.linalg.det(u @ v)
    mean: Tensor = u @ torch.diag_embed(sign) @ v
    return mean
