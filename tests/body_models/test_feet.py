"""Feet that are seen to stand stand still; feet that walk walk."""

import pytest
import torch

from mmsynth.body_models import FitSettings, fit_error, fit_skeleton, ground, load_body
from mmsynth.body_models.feet import _runs, plant
from mmsynth.body_models.pose_solver import Problem
from mmsynth.motion import read_motion
from mmsynth.types import Skeleton

D = torch.float64


def stepping(frames: int = 60, rate: float = 30.0) -> tuple[torch.Tensor, torch.Tensor]:
    """A foot [frames, 1, 3] that stands for 0.8 s, swings 0.6 m within 0.4 s, stands again; and its times."""
    times = torch.arange(frames, dtype=D) / rate
    share = ((times - 0.8) / 0.4).clamp(0, 1)
    forward = 0.6 * (share - torch.sin(2 * torch.pi * share) / (2 * torch.pi))
    lift = 0.12 * torch.sin(torch.pi * share)
    return torch.stack([torch.zeros_like(times), -forward, 0.05 + lift], -1)[:, None], times


def problem_of(seen: torch.Tensor) -> Problem:
    return Problem(
        seen, torch.ones(seen.shape[:2], dtype=D), torch.eye(1, dtype=D), seen[0], (-1,), [0], {}, (seen, seen), 1.0
    )


def test_stands_are_held_and_the_swing_is_not():
    seen, times = stepping()
    noisy = seen + 0.004 * torch.randn(seen.shape, generator=torch.Generator().manual_seed(1), dtype=D)
    placed = noisy + 0.03  # the body's foot is elsewhere: it is held there
    out = plant(problem_of(noisy), placed, [0], times)
    first, last, swing = slice(2, 20), slice(40, 58), slice(27, 33)
    for part in (first, last):
        assert float(out.seen[part].std(0).max()) < 1e-9
        assert float((out.seen[part] - placed[part].median(0).values).abs().max()) < 0.01
        assert (out.weight[part] > 10).all()
    assert torch.equal(out.seen[swing], noisy[swing]) and (out.weight[swing] == 1).all()


def test_a_raised_foot_held_still_is_no_stand():
    seen, times = stepping()
    raised = seen.clone()
    raised[40:, 0, 2] = 0.4
    out = plant(problem_of(raised), raised, [0], times)
    assert (out.weight[42:] == 1).all()


def test_slow_steps_are_no_stand():
    seen, times = stepping()
    creeping = seen.clone()
    creeping[..., 1] = -0.3 * times[:, None]  # 0.3 m/s all the time: within 4 cm of its middle for a fifth of a second
    creeping[..., 2] = 0.05
    out = plant(problem_of(creeping), creeping, [0], times)
    assert int((out.weight > 1).sum()) <= 9
    # From one place to another: no frame is near the middle of the two (the median takes each axis alone).
    ring = creeping.clone()
    angle = times * 2.0
    ring[:, 0, 0], ring[:, 0, 1] = 0.2 * torch.cos(angle), 0.2 * torch.sin(angle)
    out = plant(problem_of(ring), ring, [0], times)
    assert torch.equal(out.seen, ring)


def test_runs():
    assert _runs(torch.tensor([True, True, False, True, False])) == [(0, 2), (3, 4)]
    assert _runs(torch.zeros(3, dtype=torch.bool)) == []


def slides(skeleton: Skeleton, body, settings: FitSettings) -> list[float]:
    """Metres that the sole creeps in each stance: sole under 3 cm, ball of the foot slower than 0.5 m/s, for 0.2 s.

    Of the sole's lowest 1.5 cm, the stillest point of each frame counts: a foot may roll.
    """
    mesh = body(ground(fit_skeleton(skeleton, body, settings), body))
    step, found = float(skeleton.times.diff().median()), []
    for side in ("left", "right"):
        sole = mesh.faces[mesh.region == mesh.region_names.index(f"shoe:{side}_foot")].unique()
        points = mesh.vertices[:, sole]
        low = points[..., 2].amin(1)
        ball = skeleton.positions[:, skeleton.joint_names.index(f"{side}_foot")]
        speed = (ball[2:] - ball[:-2]).norm(dim=-1) / (2 * step)
        stance = (low < 0.03) & (torch.cat([speed[:1], speed, speed[-1:]]) < 0.5)
        moved = points.diff(dim=0)[..., :2].norm(dim=-1)
        creep = torch.where(points[1:, :, 2] < low[1:, None] + 0.015, moved, torch.inf).amin(1)
        for start, stop in _runs(stance):
            if (stop - start) * step >= 0.2:
                found.append(float(creep[start : stop - 1].sum()))
    return found


@pytest.mark.real
def test_cmu_walkers_do_not_slide(real_data):
    """Issue: median slide under 1 cm a stance for CMU walking."""
    body, creep, errors = load_body("free-low"), {True: [], False: []}, []
    for path in sorted((real_data / "mocap" / "cmu_loco_fk30").glob("test_walking_*.npz"))[:4]:
        found = read_motion(path)
        # These clips begin with one frame of the T-pose.
        found = Skeleton(found.joint_names, found.positions[1:], found.times[1:], found.labels, found.joint_set)
        for planted in (True, False):
            creep[planted] += slides(found, body, FitSettings(plant_feet=planted))
        errors.append(fit_error(found, body, fit_skeleton(found, body)).nanmedian())
    median = {planted: torch.tensor(values).median() * 100 for planted, values in creep.items()}
    print(f"CMU walking: slide {median[True]:.2f} cm planted, {median[False]:.2f} not, {len(creep[True])} stances")
    assert median[True] < 1.0
    assert torch.stack(errors).median() < 0.04
