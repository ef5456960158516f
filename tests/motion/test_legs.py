"""Generated motions on bodies of other proportions: what stands, stands still."""

import dataclasses

import pytest
import torch

from mmsynth.body_models import load_body, shape_for
from mmsynth.motion import Subject, generate_motion, keep_feet
from mmsynth.motion.skeleton import JOINTS, at_rest, forward

# Long and short thighs: a child, a short heavy man, an old woman.
PEOPLE = [
    Subject(1, "female", 4.0, 1.0, 16.0),
    Subject(2, "male", 37.0, 1.6, 80.0),
    Subject(3, "female", 80.0, 1.58, 62.0),
]


def own(subject: Subject, activity: str):
    """The motion in the subject's shape, before and after, and the body's rest joints by name."""
    motion = generate_motion(activity, 4.0, subject, torch.Generator().manual_seed(subject.seed))
    shape = shape_for(subject.height, subject.mass, subject.sex, subject.age)
    motion, body = dataclasses.replace(motion, shape=shape, shape_of="free"), load_body("free-low")
    rest = dict(zip(body.joint_names, body.rest_joints(motion), strict=True))
    return motion, keep_feet(motion, subject, rest), body


@pytest.mark.parametrize("subject", PEOPLE, ids=lambda p: f"{p.age:.0f} years")
@pytest.mark.parametrize("activity", ["walk", "squat"])
def test_flat_feet_of_any_body_stand_still(subject, activity):
    before, after, body = own(subject, activity)
    generic = forward(dataclasses.replace(before, translation=before.translation / subject.scale))
    for side in ("left", "right"):
        k = JOINTS.index(f"{side}_ankle")
        # Ankles of the generic proportions that do not move: planted, flat.
        still = generic[:, k].diff(dim=0).norm(dim=-1) * 60 < 1e-3
        assert still.sum() > 30
        speed = [
            body.joints(m)[:, body.joint_names.index(f"{side}_ankle")].diff(dim=0).norm(dim=-1)[still] * 60
            for m in (before, after)
        ]
        # A leg wanted straighter than it can be misses by a millimetre or two.
        assert speed[1].quantile(0.9) < 0.01 and speed[1].median() < 0.1 * speed[0].median() + 1e-3
    turned = before.rotations.transpose(-1, -2) @ after.rotations
    cosine = 0.5 * (turned.diagonal(dim1=-1, dim2=-2).sum(-1) - 1)
    assert torch.rad2deg(cosine.clamp(-1, 1).acos()).max() < 15


def test_the_generic_legs_are_left_as_they_are():
    subject = Subject(4, height=1.9)
    motion = generate_motion("walk", 2.0, subject, torch.Generator().manual_seed(1))
    kept = keep_feet(motion, subject, {name: subject.scale * at_rest(name) for name in JOINTS})
    assert (kept.translation - motion.translation).abs().max() < 1e-9
    # Legs straighter than 0.999 of their length are softened once more: a knee moves by a few millimetres at most.
    assert (forward(kept, subject.scale) - forward(motion, subject.scale)).norm(dim=-1).max() < 0.004


def test_a_body_without_legs_is_refused():
    motion = generate_motion("stand", 0.1, Subject(1), torch.Generator().manual_seed(1))
    with pytest.raises(ValueError, match="got no 'left_knee'"):
        keep_feet(motion, Subject(1), {name: at_rest(name) for name in JOINTS if name != "left_knee"})
