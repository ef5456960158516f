"""Breath, heart and sway, of generators and of motions that are read."""

import pytest
import torch
from motion.measures import SIDES, at, clip, forward_rotation

from mmsynth.body_models import load_body
from mmsynth.geometry import rotvec_from_matrix
from mmsynth.joints import SMPLX_JOINTS
from mmsynth.motion import ACTIVITIES, Subject, breathing, resample, swaying
from mmsynth.motion.skeleton import forward
from mmsynth.motion.subject import style


@pytest.mark.parametrize(("depth", "pulse"), [(0.001, 0.0005), (0.006, 0.0003), (0.012, 0.0001)])
def test_breath_and_heart_move_the_breastbone_as_asked(depth, pulse):
    """On the body's surface: the millimetres of the style at its two rates."""
    body = load_body("free-low")
    asked = {"depth": depth, "pulse": pulse, "breath": 0.25, "heart": 1.25, "shift": 0.0}
    motion = clip("breathe", 1, 60.0, **asked)
    rest = body(resample(motion, motion.times[:1])).vertices[0]
    high = (rest[:, 2] - rest[:, 2].min()) / (rest[:, 2].max() - rest[:, 2].min())
    middle = torch.nonzero((high > 0.7) & (high < 0.76) & (rest[:, 0] - rest[:, 0].mean()).abs().lt(0.03))[:, 0]
    bone = int(middle[rest[middle, 1].argmin()])
    times = torch.linspace(0.0, 60.0, 1201, dtype=torch.float64)
    moved = resample(motion, times)
    chest = body(moved).vertices[:, bone, 1] - moved.translation[:, 1]
    # By least squares at each rate, and about it: the breath wanders by 0.15 s, the heart does not.
    window = torch.hann_window(len(chest), dtype=torch.float64)
    power = torch.fft.rfft((chest - chest.mean()) * window / window.mean()).abs() / len(chest) * 2
    rates = torch.fft.rfftfreq(len(chest), float(times[1]))
    swing = [float(power[(rates - rate).abs() < 0.04].max()) for rate in (0.25, 1.25)]
    # The wave's fundamental is 0.49 of its height, the throb's 0.375 (sin^3); a Hann bin may lie off its peak.
    assert swing[0] == pytest.approx(0.49 * depth, rel=0.25)
    assert swing[1] == pytest.approx(0.375 * pulse, rel=0.3, abs=3e-6)


def test_a_motion_that_does_not_breathe_is_made_to():
    """The skin over the breastbone goes as far as asked; directions of head and upper arms stay."""
    still, body = clip("squat", 1), load_body("free-low")
    still = resample(still, torch.tensor([0.0, 2.0], dtype=torch.float64))
    made = breathing(still, torch.tensor([0.006, -0.004], dtype=torch.float64))
    one, two = body(still), body(made)
    depth = one.vertices[0, :, 2].max() - one.vertices[0, :, 2]
    chest = (depth > 0.33) & (depth < 0.42) & (one.vertices[0, :, 0].abs() < 0.06)
    chest &= one.vertices[0, :, 1] < one.joints[0, SMPLX_JOINTS.index("spine3"), 1]
    moved = (two.vertices - one.vertices)[0, chest]
    # Skin goes with a mixture of its bones, and the patch reaches a few cm around the point that is asked for.
    assert chest.sum() > 2 and -moved[:, 1].mean() == pytest.approx(0.006, rel=0.1)
    for name in ("head", "left_shoulder", "right_shoulder"):
        apart = forward_rotation(still, name) @ forward_rotation(made, name).transpose(-1, -2)
        assert rotvec_from_matrix(apart).norm(dim=-1).max() < 1e-6
    with pytest.raises(ValueError, match="expected 2 frames"):
        breathing(still, torch.zeros(3))


def test_sway_turns_every_joint_of_the_trunk_at_its_rate_and_leaves_the_feet():
    still = clip("stand", 1, 20.0)
    swayed = swaying(still, 0.08, torch.Generator().manual_seed(2))
    rates = []
    for name in ("spine1", "spine2", "head", "left_collar"):
        j = still.joint_names.index(name)
        own = rotvec_from_matrix(still.rotations[:, j].transpose(-1, -2) @ swayed.rotations[:, j])
        rates.append(own.diff(dim=0).mul(60).square().mean().sqrt())
    # Three axes of sixteen waves each over 20 s: a tenth of the root mean square for each joint.
    assert torch.stack(rates).square().mean().sqrt() == pytest.approx(0.08, rel=0.1)
    moved = (forward(swayed) - forward(still)).norm(dim=-1)
    assert all(at(moved, f"{side}_{joint}").max() == 0 for side in SIDES for joint in ("hip", "knee", "ankle", "foot"))
    # Four joints under the head turn by some 0.02 rad each, 0.1 to 0.5 m below it.
    assert 0.005 < at(moved, "head").mean() < 0.03


def test_breath_stays_with_the_person():
    first, second = (style(Subject(seed), "breathe", ACTIVITIES["breathe"].parameters) for seed in (1, 2))
    assert first["breath"] != second["breath"] and first["depth"] != second["depth"]
