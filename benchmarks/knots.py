"""Phase error of delays between the knots of a frame, against posing the body at every chirp.

    python benchmarks/knots.py

For each profile, activity and number of knots: the worst error of the two-way path in wavelengths over all vertices
that face the radar, and the power of the phase error in dB over those vertices. Then, apart, what a source at 30 Hz
loses against the same motion known at every chirp.
"""

import math

import torch

from mmsynth.body_models import load_body
from mmsynth.motion import generate_motion, place, resample, sample_subject
from mmsynth.radar import load_radar
from mmsynth.simulation import Simulation, frame_knots


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


def main():
    torch.set_num_threads(1)
    body = load_body("free-low")
    eye = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    print(f"{'profile':10s} {'activity':14s} {'knots':>5s} {'worst/lambda':>12s} {'error dB':>9s}")
    for profile in ("radhar", "mmmesh"):
        radar = load_radar(profile).radar
        wavelength = radar.waveform.wavelength
        chirps = radar.chirp_times().reshape(-1)
        chirps = chirps[:: max(1, len(chirps) // 48)] + 0.5 * radar.waveform.ramp_time
        for activity in ("walk", "run", "box"):
            generator = torch.Generator().manual_seed(1)
            motion = generate_motion(activity, 4.0, sample_subject(generator), generator)
            motion = place(motion, (0.0, 2.5), 0.0)
            starts = [0.5, 0.9, 1.3, 1.7, 2.1]

            def way(times, source=motion):
                return 2 * (body(resample(source, times)).vertices - eye).norm(dim=-1)

            dense = [way(start + chirps) for start in starts]
            for count in (2, 3, 5, 7, 9):
                knots = frame_knots(radar, Simulation(knots=count))
                error = torch.stack(
                    [interpolate(knots, way(s + knots), chirps) - d for s, d in zip(starts, dense, strict=True)]
                )
                phase = math.tau / wavelength * error
                power = 10 * math.log10(float((torch.polar(torch.ones_like(phase), phase) - 1).abs().square().mean()))
                worst = float(error.abs().max()) / wavelength
                default = " <- default" if count == len(frame_knots(radar, Simulation())) else ""
                print(f"{profile:10s} {activity:14s} {count:5d} {worst:12.5f} {power:9.1f}{default}")
            # The source at 30 Hz, interpolated on the manifold, against the same at its own rate.
            thirty = resample(motion, torch.arange(int(motion.duration * 30), dtype=torch.float64) / 30)
            lost = torch.stack([way(s + chirps, thirty) - d for s, d in zip(starts, dense, strict=True)])
            lost = lost - lost.mean(1, keepdim=True)  # a wrong place is no Doppler error
            print(
                f"{profile:10s} {activity:14s} source at 30 Hz: worst {float(lost.abs().max()) / wavelength:.4f} lambda"
            )


if __name__ == "__main__":
    main()
