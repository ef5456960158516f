"""Poses at the knots of a frame against poses at every chirp, of the same motion."""

import math

import pytest
import torch
from scipy.constants import speed_of_light

from mmsynth.body_models import load_body
from mmsynth.motion import Subject, generate_motion, place, resample
from mmsynth.radar import load_radar
from mmsynth.simulation import Simulation, frame_knots
from mmsynth.simulation.synthesis.series import interpolation


def distances(activity: str, times: torch.Tensor) -> torch.Tensor:
    """Distance [times, vertices] in m from the radar of each point of a body that moves 2 m before it."""
    draw = torch.Generator().manual_seed(5)
    motion = place(generate_motion(activity, 3.0, Subject(seed=4), draw), (0.0, 2.0), 0.0)
    vertices = load_body("free-low")(resample(motion, times)).vertices
    return (vertices - torch.tensor([0.0, 0.0, 1.0])).norm(dim=-1)


@pytest.mark.parametrize(
    ("profile", "activity"), [("mmmesh", "walk"), ("mmmesh", "box"), ("mmmesh", "run"), ("radhar", "box")]
)
def test_default_knots_follow_the_body_within_a_fiftieth_of_a_wavelength(profile: str, activity: str) -> None:
    radar = load_radar(profile).radar
    knots, chirps = frame_knots(radar, Simulation()), radar.chirp_times()[:: radar.waveform.loops // 16].flatten()
    weights, _, _ = interpolation(knots, chirps)
    starts = torch.tensor([0.4, 0.9, 1.3, 1.75, 2.2], dtype=torch.float64)
    count = len(knots)
    all_times = torch.cat([start + torch.cat([knots, chirps]) for start in starts])
    order = all_times.argsort()
    found = distances(activity, all_times[order])[order.argsort()].reshape(len(starts), count + len(chirps), -1)
    error = weights @ found[:, :count] - found[:, count:]
    assert float(error.abs().max()) < speed_of_light / radar.waveform.center_frequency / 50
    phase = 4 * math.pi / radar.waveform.wavelength * error
    assert 10 * math.log10(float(2 - 2 * phase.cos().mean())) < -40  # |exp(j phase) - 1|^2
