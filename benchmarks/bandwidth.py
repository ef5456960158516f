"""What it costs to find a facet's gain once for a whole chirp: against gains at many frequencies of its band.

    python benchmarks/bandwidth.py

Of one chirp and one pair of antennas before a person (free body, all facets), for radars of wide bands: the error of
the sum over paths in dB of the sum, and the same under a Blackman window, with the gain and the lag of the middle of
the band (as `trace` has them), and with that gain on the way to the centroid, without a lag. The reference is the
polynomial through the gains at `NODES` frequencies.
"""

import math
from dataclasses import replace

import numpy as np
import torch
from scipy.interpolate import BarycentricInterpolator

from mmsynth.body_models import load_body
from mmsynth.geometry import radar_pose
from mmsynth.motion import Subject, generate_motion, place, resample
from mmsynth.radar import load_radar
from mmsynth.scene import person_materials
from mmsynth.simulation import Simulation, knot_times, trace
from mmsynth.types import Scene

NODES = 13
EXACT = Simulation(drop=0.0, turn=0.0)
# Motion, its instant in s, and the distance of the pelvis in m from most radars, and from BGT60's.
STANCES = (("walk", 1.0, 2.0, 0.6), ("walk", 1.3, 1.5, 0.6), ("squat", 1.2, 3.0, 0.8), ("box", 1.5, 1.5, 0.6))


def person(radar, motion, start, distance):
    draw = torch.Generator().manual_seed(1)
    moved = place(generate_motion(motion, 3.0, Subject(1), draw), (0.0, distance), 0.0)
    mesh = load_body("free")(resample(moved, knot_times(radar, 1, EXACT) + start))
    materials = person_materials(mesh.region_names, radar.waveform.center_frequency)
    return Scene(radar_pose((0.0, 0.0, 1.0)), (mesh,), materials)


def traced(scene, radar, place, settings=EXACT):
    """Gains and delays [facets] at the first knot, `place` bandwidths above the middle of the band."""
    wave = radar.waveform
    moved = wave.bandwidth * place
    # Facets are cut as at the middle, so that gains are smooth in frequency.
    held = replace(settings, flatness=settings.flatness * (1 + moved / wave.center_frequency))
    there = replace(radar, waveform=replace(wave, start_frequency=wave.start_frequency + moved))
    paths = trace(scene, there, 0, held, 1)
    return paths.gain[:, 0].to(torch.complex128).numpy(), (paths.tx_delay + paths.rx_delay[:, :1])[:, 0, 0].numpy()


def errors(scene, radar):
    """Errors in dB, each without and with a window: with the lag, and without."""
    wave, time = radar.waveform, radar.waveform.sample_times().numpy()[:, None]
    place = (wave.start_frequency + wave.slope * time - wave.center_frequency) / wave.bandwidth
    gain, delay = traced(scene, radar, 0.0)
    centroid = traced(scene, radar, 0.0, replace(EXACT, method="points"))[1]

    def total(gains, delays):
        cycles = (wave.start_frequency + wave.slope * time) * delays - wave.slope * delays**2 / 2
        return (gains * np.exp(2j * math.pi * cycles)).sum(1)

    nodes, rows = 0.5 * np.cos(math.pi * np.arange(NODES) / (NODES - 1)), []
    for node in nodes:
        other, lagging = traced(scene, radar, node)
        frequency = wave.center_frequency + node * wave.bandwidth
        rows.append(other * np.exp(2j * math.pi * frequency * (lagging - delay)))
    want = total(BarycentricInterpolator(nodes, np.stack(rows))(place[:, 0]), delay)
    held = total(gain * np.exp(2j * math.pi * wave.center_frequency * (delay - centroid)), centroid)
    windows = np.ones(len(want)), np.blackman(len(want))
    return [
        [20 * math.log10(np.linalg.norm((got - want) * w) / np.linalg.norm(want * w)) for w in windows]
        for got in (total(gain, delay), held)
    ]


if __name__ == "__main__":
    print("radar, motion, m: error with the lag (under a window); without")
    for name in ("radhar", "mars", "bgt60_breathing"):
        radar = load_radar(name).radar
        for motion, start, far, near in STANCES:
            distance = near if name.startswith("bgt60") else far
            found = errors(person(radar, motion, start, distance), radar)
            print(
                f"{name:16} {motion:6} {distance:3.1f}",
                *(f"{plain:6.1f} ({windowed:.1f})" for plain, windowed in found),
            )
