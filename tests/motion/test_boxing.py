"""Boxing: punches in turn, a body that goes along, feet that step."""

import pytest
import torch
from motion.measures import SIDES, at, clip, slides, span

from mmsynth.motion.skeleton import forward


def test_punches_alternate_and_reach_out():
    motion = clip("box", 1, 10.0, mix=0.0, tempo=0.6, rest=0.0)
    p = forward(motion)
    out = [-(at(p, f"{s}_wrist") - at(p, f"{s}_shoulder"))[:, 1] for s in SIDES]
    for o in out:
        assert o.max() > 0.42 and o.median() < 0.36
    speed = at(p, "left_wrist").diff(dim=0).norm(dim=-1).max() * 60
    assert 2 < speed < 9  # m/s; untrained 3-6, boxers 8-10 (Walilko 2005)
    assert float(torch.corrcoef(torch.stack(out))[0, 1]) < 0


def test_a_punch_takes_the_body_along():
    """The pelvis goes forward by the lunge while the hand is out; on feet that stay where they are."""
    style = {"tempo": 1.3, "strike": 0.6, "rest": 0.0, "footwork": 0.0, "stagger": 0.3}
    motion = clip("box", 1, 12.0, lunge=0.2, lean=0.3, **style)
    p = forward(motion)
    ahead, out = -at(p, "pelvis")[:, 1], -torch.stack([at(p, f"{s}_wrist")[:, 1] for s in SIDES]).amin(0)
    assert 0.13 < span(ahead) < 0.24 and float(torch.corrcoef(torch.stack([ahead, out]))[0, 1]) > 0.5
    assert slides(motion).max() < 0.002
    assert span(-at(forward(clip("box", 1, 12.0, lunge=0.0, **style)), "pelvis")[:, 1]) < 0.03


@pytest.mark.parametrize("footwork", [0.25, 0.6])
def test_footwork_steps_and_does_not_slide(footwork):
    motion = clip("box", 2, 20.0, footwork=footwork, lunge=0.0)
    p = forward(motion)
    assert min(span(at(p, joint)[:, 1]) for joint in ("pelvis", "left_ankle")) > 1.2 * footwork
    # Those of walking.
    found = slides(motion)
    assert found.median() < 0.003 and found.quantile(0.9) < 0.02
