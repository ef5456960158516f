"""Running against the mechanics of a body that is thrown from foot to foot."""

import biomechanics
import numpy as np
import pytest
import torch

from mmsynth.geometry import rotvec_from_matrix
from mmsynth.joints import SMPLX_PARENT
from mmsynth.motion import Subject, generate_motion
from mmsynth.motion.bounce import quintic
from mmsynth.motion.mass import centre_of_mass
from mmsynth.motion.skeleton import ANKLE_HEIGHT, BALL, HEEL, JOINTS, at_rest, forward

RATE = 240
ON_THE_SPOT = {"extent": 0.0}
STEADY = {"extent": 40.0, "speed": 2.8}


def runner(seed: int, seconds: float = 3.0, **style: float):
    draw = torch.Generator().manual_seed(seed)
    return generate_motion("run", seconds, Subject(seed, height=1.7), draw, RATE, style)


def soles(motion) -> np.ndarray:
    """Height in m of the lowest point of left and right foot [frames, 2]."""
    where, turned, found = forward(motion), {}, []
    for j, name in enumerate(motion.joint_names):
        parent = SMPLX_PARENT[name]
        turned[name] = motion.rotations[:, j] if parent is None else turned[parent] @ motion.rotations[:, j]
    for side in ("left", "right"):
        points = [turned[f"{side}_ankle"] @ torch.tensor(p, dtype=torch.float64) for p in (HEEL, BALL)]
        found.append(where[:, JOINTS.index(f"{side}_ankle"), 2] + torch.minimum(points[0][:, 2], points[1][:, 2]))
    return torch.stack(found, 1).numpy()


def acceleration(place: np.ndarray) -> np.ndarray:
    """Of places [frames, n] in m at their inner frames, in m/s^2."""
    return np.diff(place, 2, axis=0) * RATE**2


def spells(on: np.ndarray) -> list[tuple[int, int]]:
    """First frame and frame after the last of each spell that begins and ends within the clip."""
    change = np.flatnonzero(np.diff(on.astype(int)))
    starts, ends = change[~on[change]] + 1, change[on[change]] + 1
    return [(a, ends[ends > a][0]) for a in starts if (ends > a).any()]


@pytest.mark.parametrize("style", [ON_THE_SPOT, STEADY, {"extent": 4.0}, {"extent": 1.0}])
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_but_gravity_acts_in_flight(style, seed):
    """By other published masses than the generator's, which differ by up to 0.3 m/s^2 of swinging legs."""
    motion = runner(seed, contact=0.35, **style)
    mass = biomechanics.centre_of_mass(forward(motion).numpy(), JOINTS)
    flying = soles(motion).min(1)[1:-1] > 0.004
    assert flying.mean() > 0.1
    pull = acceleration(mass)[flying]
    assert abs(pull[:, 2].mean() + 9.81) < 0.35
    assert np.sqrt((pull[:, :2] ** 2).sum(1).mean()) < 0.8
    # And on the floor nothing pulls down.
    assert acceleration(mass)[~flying][:, 2].min() > -9.81 - 1.5


@pytest.mark.parametrize(("rate", "contact"), [(2.5, 0.34), (3.0, 0.34), (2.75, 0.39)])
def test_steps_last_as_long_as_contact_and_flight(rate, contact):
    """A foot touches the floor a little before it is loaded and after, while it is within 4 mm of it."""
    motion = runner(3, rate=rate, contact=contact, **STEADY)
    # The person's own contact is that at 2.5 m/s: at 2.8 it is 0.009 of a stride shorter.
    on_floor = 2 * (contact - 0.03 * 0.3) / rate
    low = soles(motion) < 0.004
    for foot in (0, 1):
        contacts = spells(low[:, foot])
        starts = np.array([a for a, _ in contacts]) / RATE
        assert np.diff(starts) == pytest.approx(2 / rate, abs=0.012)
        for a, b in contacts:
            assert on_floor - 0.005 < (b - a) / RATE < on_floor + 0.05
    for a, b in spells(~low.any(1)):
        assert 1 / rate - on_floor - 0.05 < (b - a) / RATE < 1 / rate - on_floor + 0.005


@pytest.mark.parametrize(("rate", "contact"), [(2.5, 0.34), (3.0, 0.34), (2.75, 0.39)])
@pytest.mark.parametrize("style", [ON_THE_SPOT, STEADY])
def test_body_rises_as_far_as_its_flight_lasts(rate, contact, style):
    """In agreement with the 6 to 10 cm of joggers. Slower than 1.8 m/s, feet stay no longer than at that pace."""
    motion = runner(3, rate=rate, contact=contact, **style)
    duty = contact + (0.03 * 0.7 if style is ON_THE_SPOT else -0.03 * 0.3)
    high = centre_of_mass(forward(motion))[:, 2].numpy()
    steps = [high[a : a + round(RATE / rate)] for a in range(0, len(high) - round(RATE / rate), round(RATE / rate))]
    rises = np.array([step.max() - step.min() for step in steps])
    wanted = biomechanics.running_rise(2 * duty / rate, (1 - 2 * duty) / rate)
    assert 0.05 < wanted < 0.11
    # Where the way turns within the clip, a step goes up or down as a whole.
    assert np.median(rises) == pytest.approx(wanted, abs=0.002)


@pytest.mark.parametrize("seed", [1, 4])
def test_force_passes_through_the_foot(seed):
    """In the middle of a contact: within 5 cm along the foot of its ball, and 3 cm across, running evenly."""
    motion = runner(seed, **STEADY)
    where, mass = forward(motion)[1:-1].numpy(), centre_of_mass(forward(motion)).numpy()
    pull, mass = acceleration(mass), mass[1:-1]
    pressed = mass[:, :2] - mass[:, 2:] * pull[:, :2] / (pull[:, 2:] + 9.81)
    ahead = np.diff(mass[:, :2], axis=0)
    ahead = ahead / np.linalg.norm(ahead, axis=1, keepdims=True)
    found = []
    for foot, side in enumerate(("left", "right")):
        ankle = where[:, JOINTS.index(f"{side}_ankle"), :2]
        for a, b in spells(soles(motion)[1:-1, foot] < 0.004):
            i = (a + b) // 2
            way = pressed[i] - ankle[i]
            found.append((way @ ahead[i] - BALL[2], way @ np.array([-ahead[i, 1], ahead[i, 0]])))
    assert np.abs(np.median(found, axis=0))[0] < 0.05
    assert np.abs(np.median(np.abs(found), axis=0))[1] < 0.03


def test_feet_stand_side_by_side():
    """Who runs on the spot faces -y: the left foot is at greater x, 4 cm from the body, which swings 1 cm to it."""
    motion = runner(2, **ON_THE_SPOT)
    where, low = forward(motion).numpy()[..., 0], soles(motion) < 0.004
    sides = [where[low[:, foot], JOINTS.index(f"{side}_ankle")].mean() for foot, side in enumerate(("left", "right"))]
    assert sides[0] - sides[1] == pytest.approx(0.1, abs=0.01)


def test_legs_neither_lock_nor_fold_as_feet_land():
    """Knees of joggers are commonly given as bent by 10 to 20 degrees as feet land, 40 to 50 in mid-contact and 90 to
    130 in mid-swing; these by 20 to 30, up to 75, and as much.
    """
    for seed in (1, 2, 3):
        motion = runner(seed, **STEADY)
        knee = torch.rad2deg(rotvec_from_matrix(motion.rotations[:, JOINTS.index("left_knee")])[:, 0])
        on = torch.from_numpy(soles(motion)[:, 0] < 0.004)
        assert 15 < knee[on].min() and knee[on].max() < 85
        assert 80 < knee[~on].max() < 135


def test_short_ways_are_run_slowly():
    """No step changes the velocity by more than 4 m/s in a second: a shuttle of 1 m is no place for 3 m/s."""
    for seed, extent in ((1, 1.0), (2, 4.0), (3, 8.0)):
        motion = runner(seed, 6.0, extent=extent, speed=3.4)
        mass = centre_of_mass(forward(motion))[:, :2].numpy()
        step = round(RATE / 2.75)
        mean = (mass[step:] - mass[:-step]) / step * RATE
        assert np.linalg.norm(mean[step:] - mean[:-step], axis=1).max() / (step / RATE) < 4.0


def test_end_values_of_a_quintic():
    u = torch.tensor([0.0, 1e-4, 2e-4, 1 - 2e-4, 1 - 1e-4, 1.0], dtype=torch.float64)
    first, last = (
        (torch.tensor([v], dtype=torch.float64) for v in values) for values in ((3.0, -2.0, 5.0), (1, 4, -6))
    )
    x = quintic(u, tuple(first), tuple(last))[:, 0].numpy()
    rates, bends = np.diff(x) / 1e-4, (x[2] - 2 * x[1] + x[0], x[5] - 2 * x[4] + x[3])
    assert (x[0], x[-1]) == (3.0, 1.0)
    assert (rates[0], rates[-1]) == pytest.approx((-2, 4), abs=1e-3)
    assert np.array(bends) / 1e-8 == pytest.approx((5, -6), abs=0.05)


def test_masses_make_up_a_whole_person():
    """Standing, the centre of mass is at 54 to 57 % of the height, in the middle, and goes where the person goes."""
    joints = torch.stack([at_rest(name) for name in JOINTS])[None]
    centre, moved = centre_of_mass(joints)[0], centre_of_mass(joints + 2.0)[0]
    assert (moved - centre).sub(2.0).abs().max() < 2 * 2e-3  # shares as published sum to 1 within 0.002
    floor = float(at_rest("left_ankle")[1]) - ANKLE_HEIGHT
    # The T-pose holds the arms up: 10 % of the mass at 0.3 m over where they hang.
    assert float(centre[0]) == pytest.approx(0, abs=1e-9)
    assert 0.54 < (float(centre[1]) - floor - 0.03) / 1.7 < 0.58
