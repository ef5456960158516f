"""Squats, jumps, jacks and falls of the generators: published depths and times, and what their styles say."""

import math

import pytest
import torch
from motion.measures import SIDES, at, clip, contacts, flexion, slides, span

from mmsynth.motion import Subject, generate_motion
from mmsynth.motion.skeleton import forward


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


@pytest.mark.parametrize("activity", ["jump", "jack"])
def test_hops_travel_in_the_air_only(activity):
    still, moving = (clip(activity, 1, 20.0, travel=d, tempo=0.8, rest=0.0, height=0.03) for d in (0.0, 0.12))
    away = [span(at(forward(m), "pelvis")[:, 1]) for m in (still, moving)]
    assert away[0] < 0.06 and away[1] > 0.2
    # Heels and balls roll; the ankle's step from hop to hop is some centimetres.
    assert slides(moving).quantile(0.9) < slides(still).quantile(0.9) + 0.004


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
