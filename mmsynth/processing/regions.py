"""Which part of the scene caused a point: the label that only a simulator can give."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.types import Paths, PointCloud, Radar

# A path further than this many resolution cells from a point has not caused it.
_REACH = 4.0


def label_points(cloud: PointCloud, paths: Sequence[Paths], radar: Radar) -> PointCloud:
    """The cloud with the region of each point: that of the strongest power around it in range, velocity, direction.

    Each path of the point's frame counts with its power times a Gaussian of its distance in resolution cells; points
    with no path within four cells (false alarms, side lobes) get -1.

    Raises:
        ValueError: not one Paths a frame, or frames with different region names.
    """
    names = paths[0].region_names if paths else ()
    if len(paths) != len(cloud.times) or any(p.region_names != names for p in paths):
        raise ValueError(f"label_points: expected {len(cloud.times)} Paths of one scene, got {len(paths)}")
    found = [
        _regions(cloud.position[low:high], cloud.velocity[low:high], of_frame, radar)
        for of_frame, low, high in zip(paths, cloud.offsets[:-1].tolist(), cloud.offsets[1:].tolist(), strict=True)
    ]
    region = torch.cat(found) if found else torch.zeros(0, dtype=torch.int64)
    return replace(cloud, region=region, region_names=names)


def path_features(paths: Paths) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Range in m, radial velocity in m/s (positive receding), direction [paths, 3] and power of paths at mid-frame."""
    delay = paths.tx_delay.mean(1) + paths.rx_delay.mean(1)
    half = 0.5 * speed_of_light
    span = float(paths.knots[-1] - paths.knots[0]) or 1.0
    velocity = half * (delay[:, -1] - delay[:, 0]) / span
    direction = torch.nn.functional.normalize(paths.arrival, dim=1)
    return half * delay[:, delay.shape[1] // 2], velocity, direction, paths.gain.abs().square().mean(1)


def _regions(position: Tensor, velocity: Tensor, paths: Paths, radar: Radar) -> Tensor:
    if not len(paths) or not len(position):
        return torch.full((len(position),), -1, dtype=torch.int64, device=position.device)
    distance, speed, direction, power = path_features(paths)
    span = 2 * radar.max_velocity
    apart = (velocity[:, None] - speed.to(velocity) + span / 2) % span - span / 2  # folded, as the point's velocity is
    square = ((position.norm(dim=1)[:, None] - distance.to(position)) / radar.waveform.range_resolution) ** 2
    square = square + (apart / radar.velocity_resolution) ** 2
    looking = torch.nn.functional.normalize(position, dim=1)
    place = radar.virtual_array() if radar.is_tdm else radar.tx.mean(0) + radar.rx
    for axis in (0, 2):
        aperture = float(place[:, axis].max() - place[:, axis].min())
        cells = (looking[:, None, axis] - direction[:, axis].to(looking)) * (aperture / radar.waveform.wavelength)
        square = square + cells**2
    weight = torch.exp(-0.5 * square) * (square < _REACH**2) * power.to(square)
    score = weight.new_zeros(len(position), int(paths.region.max()) + 1).index_add_(1, paths.region.long(), weight)
    best, region = score.max(1)
    return torch.where(best > 0, region, -1)
