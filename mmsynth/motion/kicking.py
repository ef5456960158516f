"""Kicks: on one leg, over which the body goes before the other leaves the floor."""

import dataclasses

import numpy as np
import torch
from torch import Tensor

from mmsynth.motion.balance import balanced, mass_of, poised
from mmsynth.motion.clip import Beat, Clip, beats, ease, standing, track
from mmsynth.motion.posing import SIGN, Pose, about, body_turn, hang, hips, keep_reachable, shifted, stack
from mmsynth.motion.skeleton import offset

# Between the ankles, in m.
_WIDTH = 0.18
# Share of a repetition in which the body goes over to the standing leg; as much afterwards, and half of it before.
_SHIFT = 0.12


def _borne(times: Tensor, beat: Beat) -> Tensor:
    """Share of the weight [frames] that the kicking leg has handed over."""
    u = (times - beat.start) / beat.length
    return ease((u + _SHIFT) / (2 * _SHIFT)) - ease((u - 1 + _SHIFT) / (2 * _SHIFT))


def kick(clip: Clip) -> Pose:
    """Kicks to the front: the knee comes up, the shank is thrown forward, the foot comes back to its place.

    Before, the body goes over the other foot, where pressure stays while it stands alone.
    """
    s, t = clip.style, clip.times
    base = standing(clip, _WIDTH, 0.12)
    # A repetition is a kick and the shifts of weight about it.
    found = beats(clip, s["tempo"] / (1 - 2 * _SHIFT), s["rest"], 0.08)
    legs = [beat.side if s["mix"] < 0.6 else int(s["mix"] < 0.75) for beat in found]

    def leant(times: Tensor) -> Tensor:
        """Weight [frames] on the left foot alone 1, on the right -1."""
        parts = [-SIGN[side] * _borne(times, beat) for side, beat in zip(legs, found, strict=True)]
        return torch.stack(parts).sum(0)

    weight, back = leant(t), torch.stack([_borne(t, beat) for beat in found]).sum(0)
    swing = torch.stack([0.5 * weight, -0.5 * weight], 1)
    two = torch.ones_like(swing)
    pose = shifted(
        base,
        pelvis=(0.0, -0.012 - 0.01 * back, 0.0),
        turn=(0.12 * weight, -0.12 * back, 0.0),
        spine=(-0.15 * weight, 0.1 * back, 0.0),
    )
    pose = dataclasses.replace(pose, arm=hang(0.2 + swing, 0.35 * two, 0.2 * two), elbow=0.8 * two)

    def kicking(pelvis: Tensor) -> Pose:
        """With legs that go with the pelvis."""
        moved = dataclasses.replace(pose, pelvis=pelvis)
        at = hips(pelvis, body_turn(pose.turn))
        ankle, foot, planted = pose.ankle.clone(), pose.foot.clone(), two.clone()
        for side, beat in zip(legs, found, strict=True):
            u = ((t - beat.start) / beat.length - _SHIFT) / (1 - 2 * _SHIFT)
            _kick(u, s["high"], at[:, side], ankle[:, side], foot[:, side], planted[:, side])
        return keep_reachable(dataclasses.replace(moved, ankle=ankle, foot=foot), planted.clamp(0, 1))

    def pressure(times: np.ndarray) -> np.ndarray:
        return 0.5 * _WIDTH * leant(torch.from_numpy(times)).numpy()

    rest = mass_of(base)
    where = torch.stack([rest[:, 0] + poised(t, pressure), rest[:, 1], rest[:, 2]], 1)
    return balanced(kicking, pose.pelvis, where, level=True)


def _kick(u: Tensor, high: float, hip: Tensor, ankle: Tensor, foot: Tensor, planted: Tensor) -> None:
    """Writes a kick over u [frames] in 0..1 into a leg's ankle [frames, 3], foot [frames, 3, 3] and claim [frames]."""
    leg = 0.97 * float(offset("left_knee").norm() + offset("left_ankle").norm())
    knee = track(
        u, [(0.0, 0.15), (0.14, 0.0), (0.36, 0.85 * high), (0.5, high), (0.72, 0.55), (0.86, 0.35), (1.0, 0.15)]
    )
    bend = track(u, [(0.0, 0.3), (0.16, 0.6), (0.33, 1.55), (0.5, 0.12), (0.66, 1.0), (0.86, 0.7), (1.0, 0.3)])
    free = track(u, [(0.04, 0.0), (0.16, 1.0), (0.86, 1.0), (1.0, 0.0)])
    thigh, shank, down = 0.49 * leg, 0.51 * leg, knee - bend
    fore, under = thigh * knee.sin() + shank * down.sin(), thigh * knee.cos() + shank * down.cos()
    ankle += free[:, None] * (hip + stack(0.0, -under, fore, like=u) - ankle)
    # Off the floor at once, and down at the last.
    ankle[:, 1] += 0.2 * free * (1 - free)
    foot[:] = foot @ about("x", -0.9 * down * free)
    planted -= free
