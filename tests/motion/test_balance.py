"""Bodies whose weight is over what carries them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from biomechanics import centre_of_mass

from mmsynth.motion import Subject, generate_motion
from mmsynth.motion.balance import HIGH, balanced, mass_of, poised
from mmsynth.motion.clip import Clip, standing
from mmsynth.motion.skeleton import JOINTS, forward


def test_pendulum_follows_its_support_as_its_length_allows():
    """Of a support that swings at w rad/s the mass above goes a share 1 / (1 + w^2 h / g); and it stands over one."""
    times = torch.linspace(0, 4, 41, dtype=torch.float64)
    for rate in (0.0, 1.5, 6.0):
        found = poised(times, lambda t, rate=rate: np.cos(rate * t))
        wanted = (rate * times).cos() / (1 + rate**2 * HIGH / 9.81)
        # What is beyond the two seconds about a clip is known no better than exp(-2 / 0.31).
        assert (found - wanted).abs().max() < 2 * np.exp(-2 / (HIGH / 9.81) ** 0.5)


@pytest.mark.parametrize("level", [False, True])
def test_mass_is_where_it_is_wanted(level):
    times = torch.linspace(0, 1, 5, dtype=torch.float64)
    base = standing(Clip(times, {}, Subject(1), torch.Generator().manual_seed(1)))
    way = torch.tensor([0.05, -0.08, -0.03], dtype=torch.float64)
    moved = balanced(lambda pelvis: replace(base, pelvis=pelvis), base.pelvis, mass_of(base) + way, level)
    gone = mass_of(moved) - mass_of(base)
    assert (gone - way)[:, [0, 2]].abs().max() < 1e-5
    if level:
        assert torch.equal(moved.pelvis[:, 1], base.pelvis[:, 1])
    else:
        assert (gone - way)[:, 1].abs().max() < 1e-5


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_who_kicks_does_not_fall_over(seed):
    """Pressure stays under the sole of the standing foot, from 6 cm behind the ankle to 15 before, 5 to either side.

    By other published masses than the generator's: 2 cm.
    """
    draw = torch.Generator().manual_seed(seed)
    motion = generate_motion("kick", 6.0, Subject(seed, height=1.7), draw, 60.0)
    where = forward(motion).numpy()
    mass = centre_of_mass(where, JOINTS)
    pull, mass = np.diff(mass, 2, axis=0) * 3600, mass[1:-1]
    pressed = mass[:, :2] - mass[:, 2:] * pull[:, :2] / (pull[:, 2:] + 9.81)
    ankles = [where[1:-1, JOINTS.index(f"{side}_ankle")] for side in ("left", "right")]
    alone = 0
    for stands, kicks in (ankles, ankles[::-1]):
        up = kicks[:, 2] > stands[:, 2] + 0.02
        aside, ahead = (pressed - stands[:, :2])[up].T * np.array([[1], [-1]])
        alone += up.sum()
        if up.any():
            assert np.abs(aside).max() < 0.05
            assert -0.06 < ahead.min() and ahead.max() < 0.15
    assert alone > 30
    # On both feet and while the weight goes over, it is between their outer edges.
    sideways = [ankle[:, 0] for ankle in ankles]
    assert (pressed[:, 0] > np.min(sideways, 0) - 0.05).all() and (pressed[:, 0] < np.max(sideways, 0) + 0.05).all()
    assert np.ptp(where[:, 0, 2]) < 0.06
