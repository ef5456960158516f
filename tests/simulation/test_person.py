"""A whole person: radar cross section, and knots against dense posing."""

import math

import numpy as np
import pytest
import torch
from simulation.scenes import decibel, rcs, response, small_radar

from mmsynth import geometry
from mmsynth.body_models import load_body
from mmsynth.motion import generate_motion, place, resample, sample_subject
from mmsynth.radar import load_radar
from mmsynth.scene import person_materials
from mmsynth.simulation.paths import trace
from mmsynth.simulation.settings import Simulation, frame_knots, settled
from mmsynth.types import Scene


@pytest.mark.parametrize("frequency", [pytest.param(60e9, marks=pytest.mark.slow), 77e9])
def test_a_standing_adult_has_a_published_cross_section(frequency):
    # People are measured at about -10 to 0 dBsm averaged over azimuth; 12 azimuths of a glinting target leave 1-2 dB.
    radar, body = small_radar(frequency), load_body("free")
    generator = torch.Generator().manual_seed(1)
    motion = generate_motion("stand", 1.0, sample_subject(generator), generator)
    materials = person_materials(body.region_names, frequency)
    pose, rows = geometry.radar_pose((0.0, 0.0, 1.0)), 0.5 + frame_knots(radar, Simulation())
    found = []
    for azimuth in np.arange(12) * math.tau / 12:
        mesh = body(resample(place(motion, (0.0, 20.0), azimuth), rows))
        found.append(rcs(trace(Scene(pose, (mesh,), materials), radar, 0, Simulation(), 1), radar, 20.0))
    assert -10 < decibel(np.mean(found)) < 0


@pytest.mark.parametrize("body_name", ["free", "free-low"])
def test_the_coherent_return_of_a_person_has_no_seed_and_the_diffuse_one_only_statistics(body_name):
    radar, body = small_radar(77e9), load_body(body_name)
    generator = torch.Generator().manual_seed(1)
    motion = place(generate_motion("stand", 1.0, sample_subject(generator), generator), (0.0, 2.5), 0.4)
    person = body(resample(motion, 0.5 + frame_knots(radar, Simulation())))
    materials = person_materials(body.region_names, 77e9, "denim")
    scene = Scene(geometry.radar_pose((0.0, 0.0, 1.0)), (person,), materials)
    smooth = Simulation(diffuse=False)
    coherent = [decibel(rcs(trace(scene, radar, 0, smooth, seed), radar, 2.5)) for seed in (1, 7, 2**40)]
    assert max(coherent) - min(coherent) < 1e-3
    if body_name == "free":
        return
    rough = Simulation(coherent=False, drop=0.0)
    sets = [[response(trace(scene, radar, 0, rough, seed), radar) for seed in range(a, a + 50)] for a in (0, 50)]
    total = float(trace(scene, radar, 0, rough, 0).gain[:, 0].abs().square().sum())
    for fields in sets:
        # A circular Gaussian field: its power is exponential, of mean and spread the sum of the facets' powers, and
        # the fields have no mean (50 draws: 14 % of the power is one sigma, the fourth moment is good to 40 %).
        drawn = torch.stack(fields)
        power = drawn.abs().square() / total
        assert float(power.mean()) == pytest.approx(1, abs=0.45)
        assert float(power.std()) == pytest.approx(1, abs=0.6)
        assert float(drawn.mean().abs()) < 3.5 * math.sqrt(total / 50)


@pytest.mark.parametrize(
    ("profile", "activity", "rate"),
    [
        ("radhar", "box", 60),
        ("mmmesh", "run", 30),
        ("mmmesh", "run", 60),
        ("mmmesh", "run", 120),
        ("mmmesh", "box", 120),
    ],
)
def test_default_knots_hold_the_way_to_a_fiftieth_of_a_wavelength(profile, activity, rate):
    radar, body = load_radar(profile).radar, load_body("free-low")
    generator = torch.Generator().manual_seed(1)
    motion = generate_motion(activity, 4.0, sample_subject(generator), generator, 960.0)
    motion = resample(motion, torch.arange(4 * rate, dtype=torch.float64) / rate)
    motion = place(motion, (0.0, 2.5), 0.0)
    knots = frame_knots(radar, settled(Simulation(), radar, rate))
    chirps = radar.chirp_times().reshape(-1)[::16]
    basis = []
    for i in range(len(knots)):
        rest = [(chirps - knots[j]) / (knots[i] - knots[j]) for j in range(len(knots)) if j != i]
        basis.append(torch.stack(rest).prod(0))
    worst = 0.0
    for start in (0.5, 0.9, 1.3, 1.7, 2.1):
        ways = [
            2 * (body(resample(motion, start + t)).vertices - torch.tensor([0.0, 0.0, 1.0])).norm(dim=-1)
            for t in (knots, chirps)
        ]
        error = torch.einsum("kt,kv->tv", torch.stack(basis), ways[0]) - ways[1]
        worst = max(worst, float(error.abs().max()))
    assert worst < radar.waveform.wavelength / 50
