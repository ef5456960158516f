"""Range-Doppler spectra to point clouds: the device's detection and angle steps."""

import math

import torch
from torch import Tensor

from mmsynth.processing.angle import (
    VirtualArray,
    azimuth_power,
    elevation_cosine,
    first_peak,
    row_spectra,
    second_peak,
    virtual_array,
    virtual_signals,
    whole_numbers,
)
from mmsynth.processing.cfar import local_maxima, noise_estimate
from mmsynth.processing.spectrum import detection_level, volts_per_count
from mmsynth.types import Cfar, PointCloud, Processing, RadarCube


def detect(cube: RadarCube, processing: Processing) -> PointCloud:
    """Point cloud of each frame of `cube`, by the device's own chain.

    Non-coherent detection level, CFAR along Doppler and then range, peak grouping, angles of each detected cell (one or
    two per cell), field of view, and at most `max_points` a frame, strongest first. Positions and velocities lie on the
    device's grids. `snr_db` is the level over the noise estimate of the range CFAR, `noise_db` that estimate over one
    ADC count.
    """
    level = detection_level(cube, processing)
    noise = noise_level(level, processing)
    hit = _select(cube, level, noise, processing)
    loops = cube.spectrum.shape[1]
    frame, doppler, bin_ = _listed(hit, processing)
    array = virtual_array(cube.radar, processing, level.device)
    signed, signals = _unfold(cube.spectrum[frame, doppler, :, :, bin_], doppler - loops // 2, loops, array, processing)
    source, across, up, peak = _directions(signals, array, processing, volts_per_count(cube.radar))
    frame, doppler, bin_, signed = frame[source], doppler[source], bin_[source], signed[source]

    velocity = signed * (cube.velocity[1] - cube.velocity[0] if loops > 1 else 0.0)
    level, noise = level[frame, doppler, bin_], noise[frame, doppler, bin_]
    keep = _in_view(across, up, velocity, processing).nonzero()[:, 0]
    rank = keep if processing.listing == "scan" else -level[keep]
    keep = _first(frame[keep], rank, keep, processing.max_points)
    across, up, frame = across[keep], up[keep], frame[keep]
    ahead = (1 - across.square() - up.square()).clamp_min(0).sqrt()
    position = cube.range[bin_[keep], None] * torch.stack([across, ahead, up], -1)
    if processing.position_step:
        position = (position / processing.position_step).round() * processing.position_step
    count = torch.bincount(frame, minlength=len(cube.times))
    return PointCloud(
        position=position.to(torch.float32),
        velocity=velocity[keep].to(torch.float32),
        intensity=_intensity(level[keep], noise[keep], processing, peak[keep]),
        snr_db=level[keep] - noise[keep],
        noise_db=noise[keep],
        offsets=torch.nn.functional.pad(count.cumsum(0), (1, 0)),
        times=cube.times,
        intensity_unit={"snr": "dB", "peak": "ADC counts", "peak_db": "10 log10(ADC counts + 1)"}[processing.intensity],
    )


def noise_level(level: Tensor, processing: Processing) -> Tensor:
    """Noise estimate in dB, as `level` [frames, doppler, range], of the range direction's CFAR."""
    return _noise(level, 2, processing.range_cfar, processing)


def _noise(level: Tensor, dim: int, cfar: Cfar, processing: Processing) -> Tensor:
    if processing.detection == "log":
        return noise_estimate(level, dim, cfar)
    return 10 * noise_estimate(10 ** (level.to(torch.float64) / 10), dim, cfar).log10().to(level.dtype)


def _select(cube: RadarCube, level: Tensor, noise: Tensor, processing: Processing) -> Tensor:
    """Detected cells [frames, doppler, range]."""
    low, high = processing.range_limits
    inside = ((cube.range >= low) & (cube.range <= high) & (cube.range >= 0)).expand_as(level)
    if processing.points == "strongest":
        candidates = torch.where(inside, level, -math.inf).flatten(1)
        best = candidates.topk(min(processing.max_points, candidates.shape[1]), 1).indices
        hit = torch.zeros_like(candidates, dtype=torch.bool).scatter(1, best, True)
        return hit.reshape(level.shape) & inside
    hit = inside & (level > noise + processing.range_cfar.threshold_db)
    if processing.doppler_cfar is not None:
        along_doppler = _noise(level, 1, processing.doppler_cfar, processing)
        hit = hit & (level > along_doppler + processing.doppler_cfar.threshold_db)
    return hit & local_maxima(level, processing.peak_grouping_doppler, processing.peak_grouping_range)


def _listed(hit: Tensor, processing: Processing) -> tuple[Tensor, Tensor, Tensor]:
    """Frame, Doppler index and range bin [cells] of the detected cells, in the order of the device's list."""
    if processing.listing != "scan":
        frame, doppler, bin_ = hit.nonzero(as_tuple=True)
        return frame, doppler, bin_
    # The accelerator goes through Doppler as the FFT leaves it (0, then receding, then approaching), range within.
    half = hit.shape[1] // 2
    frame, scan, bin_ = hit.roll(-half, 1).nonzero(as_tuple=True)
    kept = _leading(frame, processing.max_points)
    return frame[kept], (scan[kept] + half) % hit.shape[1], bin_[kept]


def _unfold(
    cells: Tensor, signed: Tensor, loops: int, array: VirtualArray, processing: Processing
) -> tuple[Tensor, Tensor]:
    """Signed Doppler bin [points] and signals [points, virtual] of cells [points, slots, rx].

    With extended velocity, every fold of the Doppler that the slots can tell apart is tried, and the one with the
    sharpest azimuth peak is taken (TI's extendedMaxVelocity): a wrong one breaks the row between its transmitters.
    """
    slots = len(array.slot_time)
    if not processing.extended_velocity or slots < 2:
        return signed, virtual_signals(cells, signed, loops, array, processing)
    fold = torch.arange(slots, device=cells.device) - slots // 2
    # Of an even number of folds, the outermost is the negative one for positive bins and the positive one for others.
    hypotheses = signed[:, None] + loops * torch.where((slots % 2 == 0) & (signed[:, None] < 0), fold + 1, fold)
    signals = virtual_signals(cells.repeat_interleave(slots, 0), hypotheses.flatten(), loops, array, processing)
    peak = azimuth_power(row_spectra(signals, array), array).amax(1).reshape(len(cells), slots)
    best = peak.argmax(1, keepdim=True)
    chosen = signals.reshape(len(cells), slots, signals.shape[1]).take_along_dim(best[..., None], 1)[:, 0]
    return hypotheses.take_along_dim(best, 1)[:, 0], chosen


def _directions(
    signals: Tensor, array: VirtualArray, processing: Processing, count: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Source cell, x / r, z / r and power [directions] of the one or two azimuth peaks of each cell.

    The power is in V^2; where the device keeps whole numbers, it is their square. `count` is the ADC's last bit in V.
    """
    rows = row_spectra(signals, array)
    power = azimuth_power(rows, array)
    if processing.angle_step:
        rows, magnitude = whole_numbers(rows, array, processing.angle_step * count)
        power = magnitude.square()
    first = first_peak(power, array)
    second, exists = second_peak(power, first, processing.second_peak)
    cell = torch.arange(len(signals), device=signals.device)
    source, peak = torch.cat([cell, cell[exists]]), torch.cat([first, second[exists]])
    return source, array.across[peak], elevation_cosine(rows[source, :, peak], array), power[source, peak]


def _in_view(across: Tensor, up: Tensor, velocity: Tensor, processing: Processing) -> Tensor:
    """Whether the direction exists (unless the device does not ask) and the limits of angle and velocity hold it."""
    flat = across.square() + up.square()
    azimuth = torch.atan2(across, (1 - flat).clamp_min(0).sqrt())
    elevation = torch.asin(up.clamp(-1, 1))
    inside = (flat <= 1) | processing.impossible_directions
    for value, (low, high) in (
        (azimuth, processing.azimuth_limits),
        (elevation, processing.elevation_limits),
        (velocity, processing.velocity_limits),
    ):
        inside = inside & (value >= low) & (value <= high)
    return inside


def _first(frame: Tensor, rank: Tensor, index: Tensor, limit: int) -> Tensor:
    """Those of `index` whose `rank` is among the `limit` lowest of their frame, by frame, lowest first."""
    order = rank.argsort(stable=True)
    order = order[frame[order].argsort(stable=True)]
    return index[order[_leading(frame[order], limit)]]


def _leading(frame: Tensor, limit: int) -> Tensor:
    """Whether [entries] each is among the first `limit` of its frame; frames [entries] are in order."""
    start = torch.searchsorted(frame, frame, side="left")
    return torch.arange(len(frame), device=frame.device) - start < limit


def _intensity(level: Tensor, noise: Tensor, processing: Processing, peak: Tensor) -> Tensor:
    if processing.intensity == "snr":
        return level - noise
    if processing.intensity == "peak" and processing.angle_step:
        return peak.sqrt().to(level.dtype)
    peak = processing.intensity_scale * 10 ** (level / 20)
    return peak if processing.intensity == "peak" else 10 * (peak + 1).log10()
