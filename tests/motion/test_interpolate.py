import dataclasses
import math

import numpy as np
import pytest
import torch

from mmsynth.geometry import matrix_from_rotvec, rotvec_from_matrix
from mmsynth.motion import resample
from mmsynth.types import Motion


def swinging(rate: float, duration: float = 1.0) -> Motion:
    """Two joints on smooth curves of known form, at `rate` Hz."""
    times = torch.arange(round(duration * rate) + 1, dtype=torch.float64) / rate
    return curve(times)


def curve(times: torch.Tensor) -> Motion:
    w = 2 * math.pi * times
    vector = torch.stack([1.2 * (3 * w).sin(), 0.8 * (2 * w + 1).cos(), 0.5 * (2.5 * w).sin()], -1)
    other = torch.stack([0.3 * w.sin(), 1.0 + 0.9 * (1.5 * w).sin(), 0.1 * w], -1)
    rotations = matrix_from_rotvec(torch.stack([vector, other], 1)) @ matrix_from_rotvec(
        torch.tensor([0.3, 1.0, -0.4]).double()
    )
    translation = torch.stack([w.sin(), (2 * w).cos(), 0.1 * w**2], -1)
    return Motion(("pelvis", "left_hip"), rotations, translation, times)


def spin(rate: float, velocity: torch.Tensor) -> Motion:
    times = torch.arange(round(rate) + 1, dtype=torch.float64) / rate
    start = matrix_from_rotvec(torch.tensor([0.4, -1.1, 0.7]).double())
    rotations = start @ matrix_from_rotvec(times[:, None] * velocity)
    return Motion(("pelvis",), rotations[:, None], times[:, None] * velocity, times)


def angle(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return rotvec_from_matrix(a.transpose(-1, -2) @ b).norm(dim=-1)


def test_constant_spin_is_exact():
    # 6 rad/s at 4 Hz: 1.5 rad a sample; a rotation about a fixed axis is a straight line on the manifold.
    velocity = torch.tensor([4.0, 4.0, -2.0]).double()
    motion = spin(4, velocity)
    motion = dataclasses.replace(motion, expression=motion.times[:, None] * velocity[:2])
    at = torch.linspace(0, 1, 333, dtype=torch.float64)
    found = resample(motion, at)
    assert found.expression is not None and (found.expression - at[:, None] * velocity[:2]).abs().max() < 1e-12
    exact = motion.rotations[:1] @ matrix_from_rotvec(at[:, None, None] * velocity)
    assert angle(found.rotations, exact).max() < 1e-7  # acos-free log: limited by float64 near identity
    assert (found.translation - at[:, None] * velocity).abs().max() < 1e-12


def test_samples_are_kept():
    motion = swinging(30)
    found = resample(motion, motion.times)
    assert angle(found.rotations, motion.rotations).max() < 1e-7
    assert (found.translation - motion.translation).abs().max() < 1e-12


def test_error_falls_with_the_step():
    at = torch.linspace(0.2, 0.8, 501, dtype=torch.float64)
    exact = curve(at)
    errors = {"rotation": [], "translation": []}
    rates = [40, 80, 160]
    for rate in rates:
        found = resample(swinging(rate), at)
        errors["rotation"].append(float(angle(found.rotations, exact.rotations).max()))
        errors["translation"].append(float((found.translation - exact.translation).norm(dim=-1).max()))
    slopes = {key: np.polyfit(np.log(rates), np.log(values), 1)[0] for key, values in errors.items()}
    # A cubic spline is of fourth order.
    assert -4.5 < slopes["translation"] < -3.7, errors
    assert -4.5 < slopes["rotation"] < -3.5, errors


def test_velocity_is_continuous_across_samples():
    motion = swinging(20)
    knots = motion.times[1:-1]
    eps = 1e-5
    before, at, after = (resample(motion, knots + s * eps) for s in (-1, 0, 1))
    into = rotvec_from_matrix(before.rotations.transpose(-1, -2) @ at.rotations) / eps
    out = rotvec_from_matrix(at.rotations.transpose(-1, -2) @ after.rotations) / eps
    # One-sided differences differ by eps * acceleration (about 1e3 rad/s^2 here) where velocity is continuous; plain
    # interpolation between samples jumps by several rad/s.
    assert (into - out).norm(dim=-1).max() < 0.05
    slow, fast = (at.translation - before.translation) / eps, (after.translation - at.translation) / eps
    assert (slow - fast).norm(dim=-1).max() < 0.01


def test_one_frame_and_bad_queries():
    motion = swinging(30)
    still = Motion(("pelvis",), torch.eye(3).double()[None, None], torch.zeros(1, 3).double(), torch.zeros(1).double())
    assert resample(still, torch.zeros(1)).rotations.shape == (1, 1, 3, 3)
    with pytest.raises(ValueError, match=r"resample.times: expected seconds in \[0, 1\]"):
        resample(motion, torch.tensor([0.5, 1.5]))
