"""Which part of the scene caused a point: the label that only a simulator can give."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.types import Paths, PointCloud, Processing, Radar

# A path further than this many resolution cells from a point has not caused it.
_REACH = 4.0
# Standard deviation in cells of the power of a window's main lobe, by its width at half power (Harris 1978, table I).
_LOBE = {"none": 0.38, "hamming": 0.55, "hann": 0.61, "blackman": 0.70}


def label_points(cloud: PointCloud, paths: Sequence[Paths], radar: Radar, processing: Processing) -> PointCloud:
    """The cloud with the region of each point: the one whose echoes sum to most in the point's cell.

    Within a region echoes add up as waves do, since facets of one limb cancel. Each path of the point's frame counts as
    far as it reaches the cell: by the antennas' beam, and by the main lobes of the windows, taken for Gaussians, over
    which a path that speeds up in the frame is spread. Points with no path within four cells of range and Doppler
    (false alarms, side lobes) get -1.

    Args:
        cloud: of `detect`.
        paths: of each of its frames.
        radar: the device.
        processing: the settings that made the cloud.

    Raises:
        ValueError: not one Paths a frame, or frames with different region names.
    """
    names = paths[0].region_names if paths else ()
    if len(paths) != len(cloud.times) or any(p.region_names != names for p in paths):
        raise ValueError(f"label_points: expected {len(cloud.times)} Paths of one scene, got {len(paths)}")
    found = [
        _regions(cloud.position[low:high], cloud.velocity[low:high], of_frame, radar, processing)
        for of_frame, low, high in zip(paths, cloud.offsets[:-1].tolist(), cloud.offsets[1:].tolist(), strict=True)
    ]
    region = torch.cat(found) if found else torch.zeros(0, dtype=torch.int64)
    return replace(cloud, region=region, region_names=names)


@dataclass(frozen=True, eq=False)
class Echoes:
    """Paths as the spectra of a frame show them.

    Attributes:
        distance: m [paths], as the beat frequency has it.
        velocity: radial, in Doppler cells [paths], positive when receding.
        rise: by how many cells [paths] that rises within the frame.
        direction: [paths, 3] in the radar frame.
        amplitude: complex [paths], with the phase at mid-band and mid-frame.
    """

    distance: Tensor
    velocity: Tensor
    rise: Tensor
    direction: Tensor
    amplitude: Tensor


def echoes(paths: Paths, radar: Radar) -> Echoes:
    """What the paths of a frame look like to `radar`, of the mean antenna."""
    wave, half = radar.waveform, 0.5 * speed_of_light
    delay = paths.tx_delay.mean(1) + paths.rx_delay.mean(1)
    last = delay.shape[1] - 1
    middle = 0.5 * (delay[:, last // 2] + delay[:, (last + 1) // 2])
    span = float(paths.knots[-1] - paths.knots[0]) or 1.0
    velocity = half * (delay[:, -1] - delay[:, 0]) / span
    rise = 4 * half * (delay[:, -1] - 2 * middle + delay[:, 0]) / span
    phase = math.tau * (wave.center_frequency * middle - 0.5 * wave.slope * middle.square())
    return Echoes(
        # The beat frequency holds the Doppler frequency too.
        distance=half * middle + velocity * wave.center_frequency / wave.slope,
        velocity=velocity / radar.velocity_resolution,
        rise=rise / radar.velocity_resolution,
        direction=torch.nn.functional.normalize(paths.arrival, dim=1),
        amplitude=paths.gain.mean(1) * torch.polar(torch.ones_like(phase), phase).to(paths.gain.dtype),
    )


def _regions(position: Tensor, velocity: Tensor, paths: Paths, radar: Radar, processing: Processing) -> Tensor:
    if not len(paths) or not len(position):
        return torch.full((len(position),), -1, dtype=torch.int64, device=position.device)
    seen, loops = echoes(paths, radar), radar.waveform.loops
    apart = seen.distance.to(position) - position.norm(dim=1)[:, None] - processing.range_bias
    apart = apart / radar.waveform.range_resolution
    at = (velocity / radar.velocity_resolution).to(position)
    reach = _folded(seen.velocity.to(at) - at[:, None], loops) / _spread(seen.rise, processing).abs().to(at)
    # Few paths reach a point: complex numbers for those pairs alone.
    near = apart.square() + reach.square() < _REACH**2
    point, path = near.nonzero(as_tuple=True)
    weight = torch.exp(-0.25 * (apart[near] / _LOBE[processing.range_window]).square())
    weight = weight * doppler_response(at, seen, (point, path), loops, processing)
    looking = torch.nn.functional.normalize(position, dim=1)
    beam = _antennas(looking, at, radar).conj() @ _antennas(seen.direction, seen.velocity, radar).T
    parts = weight * beam[near] * seen.amplitude.to(beam)[path]
    regions = int(paths.region.max()) + 1
    sums = parts.new_zeros(len(position) * regions).index_add_(0, point * regions + paths.region[path], parts)
    best, region = sums.reshape(-1, regions).abs().max(1)
    return torch.where(best > 0, region, -1)


def _folded(cells: Tensor, loops: int) -> Tensor:
    return torch.remainder(cells + loops / 2, loops) - loops / 2


def _spread(rise: Tensor, processing: Processing) -> Tensor:
    """By what the lobe of a path widens, and turns, that speeds up by `rise` cells within the frame; complex."""
    return 1 - 1j * rise / (4 * math.pi * _LOBE[processing.doppler_window] ** 2)


def doppler_response(
    at: Tensor, seen: Echoes, pairs: tuple[Tensor, Tensor], loops: int, processing: Processing
) -> Tensor:
    """Complex response [pairs] of Doppler cells `at` [points] to paths, for pairs of point and path.

    The integral over the frame of exp(-t^2 / (2 s^2) + j 2 pi (d t + r t^2 / 2)), for d cells apart and a rise by r.
    """
    point, path = pairs
    lobe, own, rise = _LOBE[processing.doppler_window], seen.velocity.to(at), seen.rise.to(at)
    away, spread = _folded(own[path] - at[point], loops), _spread(rise, processing)
    response = torch.exp((away / lobe).square() * (-0.25 / spread)[path]) / spread.sqrt()[path]
    if processing.clutter_removal:
        # Of each path the mean over the loops goes, whose spectrum is the window's.
        time = ((torch.arange(loops) + 0.5) / loops - 0.5).to(at)
        turn = math.tau * (own[:, None] * time + 0.5 * rise[:, None] * time.square())
        mean = torch.polar(torch.ones_like(turn), turn).mean(1)
        response = response - mean[path] * torch.exp(-0.25 * (at / lobe).square())[point]
    return response


def _antennas(direction: Tensor, cells: Tensor, radar: Radar) -> Tensor:
    """Phases [echoes, virtual] against the mean antenna, of echoes from directions [echoes, 3] at Doppler cells.

    Slots of TDM see a moving echo one after the other: where its velocity folds, processing takes that for a direction.
    """
    sent = radar.codes[:, radar.used_tx].abs().double()
    slot = ((radar.chirp_times()[0].to(sent) @ sent) / sent.sum(0)).repeat_interleave(len(radar.rx))
    place = (radar.virtual_array() - radar.tx.mean(0) - radar.rx.mean(0)).to(direction) / radar.waveform.wavelength
    frames = ((slot - slot.mean()) / (radar.waveform.loops * radar.loop_time)).to(direction)
    phase = math.tau * (cells.to(direction)[:, None] * frames - direction @ place.T)
    return torch.polar(torch.ones_like(phase), phase).to(torch.complex64)
