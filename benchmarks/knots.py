"""Phase error of delays between the knots of a frame, against posing the body at every chirp.

    python benchmarks/knots.py

For each profile, activity, source rate and number of knots: the worst error of the two-way path in wavelengths over
all vertices, and the power of the phase error in dB over them, both against the same interpolant of the source. Then,
apart, what a source at that rate loses against the motion as it was at 960 Hz.
"""

import math

import torch

from mmsynth.body_models import load_body
from mmsynth.motion import generate_motion, place, resample, sample_subject
from mmsynth.radar import load_radar
from mmsynth.simulation import Simulation, frame_knots, settled

TRUTH = 960.0  # Hz, at which the motion is taken to be known


def interpolate(knots, values, times):
    """Lagrange interpolation of values [knots, ...] at `times`."""
    weights = torch.stack(
        [
            torch.stack([(times - knots[j]) / (knots[i] - knots[j]) for j in range(len(knots)) if j != i]).prod(0)
            for i in range(len(knots))
        ],
        1,
    )
    return torch.einsum("tk,kv->tv", weights, values)


def size(error):
    """The worst of errors in wavelengths, and the power of their phases in dB."""
    phase = math.tau * error
    power = 10 * math.log10(float((torch.polar(torch.ones_like(phase), phase) - 1).abs().square().mean()))
    return f"{float(error.abs().max()):12.5f} {power:9.1f}"


def main():
    torch.set_num_threads(1)
    body = load_body("free-low")
    eye = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    print(f"{'profile':8s} {'activity':8s} {'source':>6s} {'knots':>5s} {'worst/lambda':>12s} {'error dB':>9s}")
    for profile in ("radhar", "mmmesh"):
        radar = load_radar(profile).radar
        wavelength = radar.waveform.wavelength
        chirps = radar.chirp_times().reshape(-1)
        chirps = chirps[:: max(1, len(chirps) // 48)] + 0.5 * radar.waveform.ramp_time
        for activity in ("walk", "run", "box"):
            generator = torch.Generator().manual_seed(1)
            motion = generate_motion(activity, 4.0, sample_subject(generator), generator, TRUTH)
            motion = place(motion, (0.0, 2.5), 0.0)
            starts = [0.5, 0.9, 1.3, 1.7, 2.1]

            def way(times, source=motion):
                return 2 * (body(resample(source, times)).vertices - eye).norm(dim=-1)

            truth = [way(start + chirps) for start in starts]
            for rate in (30, 60, 120):
                source = resample(motion, torch.arange(int(motion.duration * rate), dtype=torch.float64) / rate)
                dense = [way(start + chirps, source) for start in starts]
                default = len(frame_knots(radar, settled(Simulation(), radar, rate)))
                about = f"{profile:8s} {activity:8s} {rate:6d}"
                for count in (3, 5, 7, 9):
                    knots = frame_knots(radar, Simulation(knots=count))
                    found = [interpolate(knots, way(s + knots, source), chirps) for s in starts]
                    error = (torch.stack(found) - torch.stack(dense)) / wavelength
                    print(about, f"{count:5d}", size(error), "<- default" if count == default else "")
                lost = (torch.stack(dense) - torch.stack(truth)) / wavelength
                lost = lost - lost.mean(1, keepdim=True)  # a wrong place is no Doppler error
                print(about, " " * 5, size(lost), "the source itself")


if __name__ == "__main__":
    main()
