"""RCS of a standing adult against azimuth at 60 and 77 GHz, as a table and a figure.

    python benchmarks/adult_rcs.py [--out adult_rcs.png]

The full-resolution free body at 20 m in free space, isotropic antennas, skin, hair, shoes and cotton: every 3 degrees,
coherent and diffuse part together, and alone. People are measured at about -10 to 0 dBsm, angle-averaged.
"""

import argparse
import math

import matplotlib
import numpy as np
import torch

from mmsynth import geometry
from mmsynth.body_models import load_body
from mmsynth.motion import generate_motion, place, resample, sample_subject
from mmsynth.scene import person_materials
from mmsynth.simulation import Simulation, frame_knots, trace
from mmsynth.types import Radar, Scene, Waveform

DISTANCE = 20.0


def radar(frequency):
    wave = Waveform(frequency, 1e12, 64, 10e6, 7e-6, 57e-6, 4, 0.05)
    origin = torch.zeros(1, 3, dtype=torch.float64)
    return Radar("benchmark", wave, origin, origin, torch.eye(1, dtype=torch.float64))


def rcs(scene, device, settings):
    paths = trace(scene, device, 0, settings, 1)
    delay = (paths.tx_delay + paths.rx_delay)[:, 0, 0]
    field = paths.gain[:, 0].to(torch.complex128) * torch.exp(2j * math.pi * device.waveform.center_frequency * delay)
    power = float(field.sum().abs() ** 2)
    return power * (4 * math.pi) ** 3 * DISTANCE**4 / device.waveform.wavelength**2, len(paths)


def measure(frequency, azimuths, body, motion, settings):
    device = radar(frequency)
    materials = person_materials(body.region_names, frequency)
    found = []
    for azimuth in azimuths:
        mesh = body(resample(place(motion, (0.0, DISTANCE), azimuth), 0.5 + frame_knots(device, settings)))
        scene = Scene(geometry.radar_pose((0.0, 0.0, 1.0)), (mesh,), materials)
        found.append(rcs(scene, device, settings))
    return np.array(found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="adult_rcs.png")
    parser.add_argument("--step", type=float, default=3.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    body = load_body("free")
    generator = torch.Generator().manual_seed(1)
    motion = generate_motion("stand", 2.0, sample_subject(generator), generator)
    azimuths = np.radians(np.arange(0, 360, options.step))
    figure, axes = plt.subplots(subplot_kw={"projection": "polar"}, figsize=(6, 6))
    for frequency in (60e9, 77e9):
        for name, settings in (
            ("all", Simulation()),
            ("coherent", Simulation(diffuse=False)),
            ("diffuse", Simulation(coherent=False)),
        ):
            rows = measure(frequency, azimuths, body, motion, settings)
            level = 10 * np.log10(rows[:, 0])
            mean, low, middle, high = 10 * math.log10(rows[:, 0].mean()), *np.quantile(level, (0.1, 0.5, 0.9))
            print(
                f"{frequency / 1e9:.0f} GHz {name:9s} mean {mean:6.1f} dBsm  median {middle:6.1f}  "
                f"10-90 % {low:6.1f}..{high:5.1f}  facets {len(body.faces)}, paths {rows[:, 1].mean():.0f}"
            )
            if name == "all":
                closed = np.append(azimuths, azimuths[0] + math.tau), np.append(level, level[0])
                axes.plot(*closed, label=f"{frequency / 1e9:.0f} GHz")
    axes.set_theta_zero_location("S")
    axes.set_title("RCS of a standing adult, dBsm (0 = facing the radar)")
    axes.legend(loc="lower right")
    figure.savefig(options.out, dpi=120)


if __name__ == "__main__":
    main()
