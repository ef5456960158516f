"""A chest that breathes at 0.33 m, simulated with the configuration of a real capture, beside that capture.

    python benchmarks/bgt60_breathing.py [--data FOLDER] [--out bgt60_breathing.png] [--draws 3] [--plate 0.1]
    python benchmarks/bgt60_breathing.py --stances 100   # what nobody wrote down: how far each moves the echo's height

The recording: Infineon's BGT60TR13C, 256 frames of 8 chirps at 12.9 frames/s, a person who breathes (`bgt60_breathing`
of the raw captures). The simulation: the free body at full resolution, standing, whose chest wall alone moves, by 8 mm
peak to peak at 0.25 Hz: the middle of the 4-12 mm that are published (Droitcour 2006). The radar is before the middle
of the breastbone. (Before one breast, as it once was, the other side of the trunk lies deeper and makes the peak too
wide.) How far, the recording's strongest bin tells to half a bin of 2.7 cm; the third decimal is from the slope of its
front edge. Radar and receiver are the shipped profile, noise and quantisation on. Both go through the same range FFT;
what does not move is taken away.

Printed for each: the strongest bin; the width at half its power in bins; by how many dB it stands over the noise of the
bins that neither the chest nor the antennas' coupling fills, and that noise as the rms of a sample in steps of the ADC
(noise is what neighbouring chirps differ by; from frame to frame the recording changes by 2 to 3 dB more, and the
coupling's bins have noise of their own); the rms of the way that the phase of the strongest bin goes, for each antenna,
less its mean over 8 s (people drift). The way is less than the chest's, since the phase is that of all that is in the
bin, still or moving.

Then how many times the chest's way the phase of other bins goes in 0.23 s. About two, at twice the range, is an echo
that struck the chest twice, over something still in between; `--plate` puts a square of metal of that side in m there,
`AHEAD` of the antennas. What stood before the recorded person nobody wrote down.
"""

import argparse
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib
import numpy as np
import torch
from scipy.ndimage import uniform_filter1d

from mmsynth.body_models import load_body
from mmsynth.geometry import rotation_about
from mmsynth.motion import generate_motion, place, resample, sample_subject
from mmsynth.processing.spectrum import range_spectrum
from mmsynth.radar import load_radar
from mmsynth.scene import person_materials
from mmsynth.scene.materials import material, skin_permittivity
from mmsynth.scene.movers import Door, movers
from mmsynth.simulation import Simulation, knot_times, simulate
from mmsynth.types import AdcFrames, MeshSequence, Processing, Scene

DISTANCE, DEPTH, RATE = 0.337, 8e-3, 0.25
REACH = 0.12  # m: standard deviation of the Gaussian over which the wall moves, up, down and to the sides
# Bins that the window's main lobe about bin 12 and the coupling in 0 to 3 leave.
SIDE = slice(5, 9)
DRIFT = 104  # frames: 8 s
AHEAD, BESIDE = 0.1, 0.04  # m: a plate before the antennas' plane, and its near edge to the right of them
# Frames within which ways are compared, and of which bins: the chest's front and middle, and twice its range.
LAG, COMPARED = 3, (11, 12, 13, 20, 21, 22, 23, 24)


@dataclass(frozen=True)
class Stance:
    """How a person stands before the radar: as nobody wrote down.

    Attributes:
        lean, yaw: degrees by which the trunk leans back and turns to the left.
        up, aside: m by which the radar is above, and to the right of, the middle of the breastbone.
        distance: m to what is before it.
        clothing: see `scene.CLOTHING`.
    """

    lean: float = 0.0
    yaw: float = 0.0
    up: float = 0.0
    aside: float = 0.0
    distance: float = DISTANCE
    clothing: str = "cotton"


# One by one; draws take 5 degrees rms of lean and yaw, 4 and 3 cm rms of up and aside, and any distance of its bin.
ONE_BY_ONE = (
    Stance(),
    *(Stance(lean=a) for a in (-10, -5, 5, 10)),
    *(Stance(yaw=a) for a in (10, 20)),
    *(Stance(up=a) for a in (-0.1, -0.05, 0.05)),
    *(Stance(aside=a) for a in (0.05, 0.1)),
    *(Stance(distance=a) for a in (0.325, 0.35)),
    *(Stance(clothing=a) for a in ("synthetic", "wool", "coat")),
)


def recorded(folder):
    """Frames of the recording, in V as its device's full scale has them."""
    radar = load_radar("bgt60_breathing").radar
    raw = np.load(folder / "raw_adc/bgt60_breathing/radar.npy").astype(np.float32)
    volts = (raw - 2048) * step(radar)
    samples = torch.from_numpy(volts).transpose(1, 2)[:, :, None]
    return AdcFrames(radar, samples, torch.arange(len(raw)) * radar.waveform.frame_period)


def step(radar):
    """Volts of a step of the ADC."""
    return 2 * radar.receiver.full_scale / 2**radar.receiver.bits


def simulated(body, frames, seed, rate=RATE, stance=Stance(), plate=0.0):
    """Frames of a person whose chest moves by `DEPTH` m, breath out at first, before a square plate of that side in m.

    The plate is a door that does not swing, as a room's TOML has it: waves go from people to it and back.
    """
    radar = load_radar("bgt60_breathing").radar
    generator = torch.Generator().manual_seed(seed)
    motion = place(generate_motion("stand", 1.0, sample_subject(generator), generator), (0.0, 1.0))
    still = body(resample(motion, torch.tensor([0.5], dtype=torch.float64)))
    chest = breastbone(still.vertices[0].double())
    near = still.vertices[0].double() - chest
    times = knot_times(radar, frames, Simulation())
    wall = torch.exp(-(near[:, 0] ** 2 + near[:, 2] ** 2) / 2 / REACH**2) * (near[:, 1] < 0.1)
    wave = 0.5 * DEPTH * torch.cos(2 * math.pi * rate * times)
    # From the chest to the origin of the radar, which looks along +y.
    turn = rotation_about("z", math.radians(stance.yaw)) @ rotation_about("x", -math.radians(stance.lean))
    near = near @ turn.T - torch.tensor([stance.aside, 0.0, stance.up])
    before = (near[:, 0].abs() < 0.05) & (near[:, 2].abs() < 0.015)
    near = near + torch.tensor([0.0, stance.distance - float(near[before, 1].min()), 0.0])
    vertices = near.expand(len(times), -1, -1).clone()
    vertices[:, :, 1] += wave[:, None] * wall
    mesh = MeshSequence(vertices, still.faces, times, still.region, still.region_names)
    frequency = radar.waveform.center_frequency
    materials = person_materials(body.region_names, frequency, stance.clothing) | {
        "metal:plate": material("metal", frequency)
    }
    foot = (BESIDE, AHEAD - 0.02, -plate / 2)  # the leaf is 4 cm thick
    doors = [Door(foot, width=plate, height=plate, swing=0.0, name="plate", material="metal")] if plate else []
    scene = Scene(torch.eye(4, dtype=torch.float64), (mesh, *movers(doors, times)), materials)
    settings = Simulation(bounces=2, bounce_drop=1e-5) if plate else Simulation()
    return simulate(scene, radar, frames, settings, generator)


def breastbone(vertices):
    """The point [3] before the spine 0.35 m under the crown, of vertices [vertices, 3] of someone who faces -y."""
    height = vertices[:, 2].max() - 0.35
    rows = ((vertices[:, 2] - height).abs() < 0.015) & (vertices[:, 0].abs() < 0.05)
    return torch.stack([0 * height, vertices[rows, 1].min(), height])


@dataclass
class Figures:
    """What is compared: see the module's text."""

    peak: int
    width: float
    above: float
    noise: float
    way: np.ndarray
    level: np.ndarray
    ratio: np.ndarray


def figures(frames):
    """The figures of frames of real samples."""
    radar = frames.radar
    # A chirp's mean stays in it: a piece of the chest's tone, whose removal would put it into the bins of the coupling.
    chirps = range_spectrum(frames, Processing())[:, :, 0].numpy()
    whole = chirps.mean(1)
    level = 10 * np.log10((np.abs(whole - whole.mean(0)) ** 2).mean((0, 1)))
    floor = (np.abs(np.diff(chirps, axis=1)) ** 2).mean((0, 1, 2)) / 2 / chirps.shape[1]
    peak = 4 + int(level[4:].argmax())
    fine = np.linspace(peak - 4, peak + 4, 801)
    inside = np.interp(fine, np.arange(len(level)), level) > level[peak] - 3.01
    # The stretch about the peak only: something else may be as strong.
    left, right = (np.argmin(inside[400::s]) for s in (-1, 1))
    way = np.unwrap(np.angle(whole[:, :, peak]), axis=0) * radar.waveform.wavelength / (4 * np.pi)
    way -= uniform_filter1d(way, DRIFT, axis=0) if len(way) > DRIFT else way.mean(0)
    above = float(level[peak] - 10 * np.log10(floor[SIDE].mean()))
    return Figures(peak, (left + right) / 100, above, noise(frames), way, level, way_ratios(whole, peak))


def way_ratios(whole, peak):
    """How many times the way of the bins about `peak` the phase of each bin goes, of spectra [frames, rx, bins].

    By what turns its steps over `LAG` frames back the best, all antennas together; what lies still is taken away.
    """
    moving = whole - whole.mean(0)
    about = moving[:, :, peak - 1 : peak + 2]
    turn = np.cumsum(np.angle((about[1:] * about[:-1].conj()).sum((1, 2))))
    steps = (moving[LAG:] * moving[:-LAG].conj()).sum(1)
    ratios = np.arange(-1, 3.01, 0.02)
    back = np.exp(-1j * ratios[:, None] * (turn[LAG - 1 :] - np.append(0, turn[:-LAG])))
    return ratios[(back @ steps).real.argmax(0)]


def noise(frames):
    """Rms in steps of the ADC of what differs between neighbouring chirps, as if it were as dense as in `SIDE`."""
    window = np.hanning(frames.samples.shape[-1])
    spectrum = np.fft.rfft(np.diff(frames.samples.numpy(), axis=1) * window)[..., SIDE]
    return math.sqrt((np.abs(spectrum) ** 2).mean() / 2 / (window**2).sum()) / step(frames.radar)


def touching(thickness, permittivity=2.0 - 0.04j, frequency=60.75e9):
    """By how many dB cloth that lies on the skin, `thickness` m of cotton, changes what bare skin reflects.

    It is a layer that matches skin to air: a published calculation has up to 34 % more power go into skin under cloth
    at 60 GHz (Sacco et al. 2021), which leaves 0.16 of the power to be reflected instead of 0.38.
    """
    inner, outer = np.sqrt(skin_permittivity(frequency)), np.sqrt(permittivity)
    below, above = (outer - inner) / (outer + inner), (1 - outer) / (1 + outer)
    below = below * np.exp(-4j * np.pi * frequency / 299792458.0 * outer * thickness)
    return 20 * math.log10(abs((above + below) / (1 + above * below)) / abs((1 - inner) / (1 + inner)))


def stances(body, real, count):
    """Print how high the echo stands over the noise for stances one by one, three people each, and for draws."""
    for stance in ONE_BY_ONE:
        drawn = [figures(simulated(body, 16, seed, 0.4, stance)) for seed in (1, 2, 3)]
        told = ", ".join(f"{k} {v}" for k, v in asdict(stance).items() if v != getattr(ONE_BY_ONE[0], k)) or "as is"
        above = [f.above for f in drawn]
        print(f"{told:18s} {np.median(above):5.1f} dB, each {' '.join(f'{a:.1f}' for a in above)}", flush=True)
    draw, drawn = np.random.default_rng(1), []
    for _ in range(count):
        lean, yaw, up, aside = draw.normal(0, (5, 5, 0.04, 0.03))
        stance = Stance(lean, yaw, up, aside, draw.uniform(0.325, 0.35))
        drawn.append(figures(simulated(body, 16, int(draw.integers(1, 13)), 0.4, stance)))
    alike = [f for f in drawn if f.peak == real.peak and abs(f.width / real.width - 1) < 0.15]
    for name, some in (("all draws", drawn), ("those of the recorded bin and width", alike)):
        above = np.array([f.above for f in some])
        low, median, high = np.percentile(above, [5, 50, 95])
        print(
            f"{name} ({len(some)}): median {median:.1f} dB, 5 and 95 % {low:.1f} and {high:.1f}, "
            f"{(above <= real.above).mean():.2f} no stronger than recorded ({real.above:.1f})"
        )
    told = ", ".join(f"{1e3 * d:.1f} mm {touching(d):.1f}" for d in (2e-4, 4e-4, 6e-4, 8e-4, 1e-3, 1.5e-3))
    print(f"cotton that lies on the skin, dB against bare skin: {told}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    home = os.environ.get("MMSYNTH_DATA", Path.home() / ".cache/mmsynth-data")
    parser.add_argument("--data", type=Path, default=Path(home))
    parser.add_argument("--out", default="bgt60_breathing.png")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--frames", type=int, default=104)
    parser.add_argument("--body", default="free")
    parser.add_argument("--plate", type=float, default=0.0)
    parser.add_argument("--stances", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    body = load_body(options.body)
    found = {"recorded": figures(recorded(options.data))}
    if options.stances:
        return stances(body, found["recorded"], options.stances)
    for seed in range(1, options.draws + 1):
        found[f"simulated, person {seed}"] = figures(simulated(body, options.frames, seed, plate=options.plate))
    print(f"simulated chest: {DEPTH * 1e3:.0f} mm peak to peak, {DEPTH * 1e3 / math.sqrt(8):.2f} mm rms")
    print(f"{'capture':20s} {'peak bin':>8s} {'width':>6s} {'over dB':>8s} {'noise':>6s}  way rms mm, each antenna")
    for name, f in found.items():
        way = "  ".join(f"{w * 1e3:.2f}" for w in f.way.std(0))
        print(f"{name:20s} {f.peak:8d} {f.width:6.2f} {f.above:8.1f} {f.noise:6.2f}  {way}")
    print(f"times the chest's way; dB below it, at bins {' '.join(map(str, COMPARED))}")
    for name, f in found.items():
        below = " ".join(f"{f.level[k] - f.level[f.peak]:.0f}" for k in COMPARED)
        print(f"{name:20s} {' '.join(f'{f.ratio[k]:.2f}' for k in COMPARED)}; {below}")
    draw(found, options.out)


def draw(found, path):
    """The profiles of what moves, and the way of the strongest bin's phase."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(16, 4), layout="constrained")
    frame_period = load_radar("bgt60_breathing").radar.waveform.frame_period
    for name, f in found.items():
        strong = {"color": "black", "linewidth": 2} if name == "recorded" else {}
        left.plot(f.level - f.level[f.peak], label=name, **strong)
        # Of noise there is no way.
        told = np.where(f.level - f.level[f.peak] > 10 - f.above, f.ratio, np.nan)
        middle.plot(told, "o-", markersize=3, **strong)
        way = f.way[:DRIFT, 0] * 1e3
        right.plot(np.arange(len(way)) * frame_period, way, **strong)
    left.set(xlabel="range bin (2.725 cm)", ylabel="dB below the peak", title="what moves, all antennas", ylim=(-70, 3))
    middle.set(xlabel="range bin", ylabel="times the chest's way", title="way of each bin's phase", ylim=(-0.5, 2.5))
    right.set(xlabel="s", ylabel="mm", title="way of the strongest bin's phase, antenna 1")
    left.legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
