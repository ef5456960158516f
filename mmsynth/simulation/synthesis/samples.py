"""IF samples of a frame from its paths: the direct sum, and a fast one that is the default.

With tau = tau_mn(t) the delay of a path from TX m to RX n at the time t = t_chirp + t_k of the sample, both compute

    sum_p gain_p(t) exp(j 2 pi (f0 tau + S tau t_k - S tau^2 / 2)),

with every term of it: delay drift and acceleration through the frame, fast-time Doppler, and the offsets of TDM. A gain
that fades does so from chirp to chirp. The fast one is a Warp kernel (`spreading.py`) or, for gradients, small matrix
products in plain torch (`products.py`); both run on any device. Between more than two gains the frame is cut into runs
of loops, each with a gain that is linear.

Volts are those at the ADC input before the receiver adds anything: |sample|^2 = received power * load * gain^2, that
is, the rms of the IF signal. Real samples are sqrt(2) times the in-phase part, so that the mean square is the same.
"""

import itertools
import math
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from mmsynth.arrays import differentiable
from mmsynth.simulation.synthesis.products import fast_sum
from mmsynth.simulation.synthesis.series import interpolation
from mmsynth.simulation.synthesis.spreading import spread_sum
from mmsynth.types import Paths, Radar


def synthesize(paths: Paths, radar: Radar, tolerance: float = 1e-3) -> Tensor:
    """Samples [loops, slots, rx, samples] of one frame in V at the ADC input, complex64 (float32 for real samples).

    Args:
        paths: of the frame; delays in float64.
        radar: whose waveform, schedule and antenna count are used (positions are in the delays already).
        tolerance: rms error against `synthesize_direct`, relative to the rms of the samples.

    Raises:
        ValueError: the paths are of several frames, of other antennas, or in single precision.
    """
    if paths.frames != 1:
        raise ValueError(f"paths: expected those of one frame, got {paths.frames} frames (see synthesize_frames)")
    return synthesize_frames(paths, radar, tolerance)[0]


def synthesize_frames(paths: Paths, radar: Radar, tolerance: float = 1e-3) -> Tensor:
    """Samples [frames, loops, slots, rx, samples] of all frames of the paths, as `synthesize` has them.

    Args:
        paths: delays in float64.
        radar: whose waveform, schedule and antenna count are used (positions are in the delays already).
        tolerance: rms error against `synthesize_direct`, relative to the rms of the samples.
    """
    _check(paths, radar)
    wave, device = radar.waveform, paths.gain.device
    if len(paths) == 0:
        shape = (paths.frames, wave.loops, radar.slots, len(radar.rx), wave.samples)
        return _volts(torch.zeros(shape, dtype=torch.complex64, device=device), radar)
    if not differentiable(paths):
        return _volts(spread_sum(paths, radar, tolerance, _cuts(paths, radar)), radar)
    runs = _runs(paths, radar)
    return _volts(
        torch.cat([fast_sum(part, _cut(radar, loops.stop - loops.start), tolerance) for loops, part in runs], 1), radar
    )


def synthesize_direct(paths: Paths, radar: Radar, loops: Tensor | None = None) -> Tensor:
    """The same sum term by term in float64, [loops, slots, rx, samples] complex128: the reference, and slow.

    Args:
        paths: of the frame.
        radar: as in `synthesize`.
        loops: indices of the loops to compute; None = all.
    """
    _check(paths, radar)
    wave, device = radar.waveform, paths.gain.device
    fast_time = wave.sample_times().to(device)
    starts = radar.chirp_times().to(device)
    frequency = wave.start_frequency + wave.slope * fast_time
    gains, times = paths.gain.to(torch.complex128), paths.gain_times
    rows, run = [], {loop: k for k, cut in enumerate(_cuts(paths, radar)) for loop in range(cut.start, cut.stop)}
    for loop in range(wave.loops) if loops is None else loops.tolist():
        first, last = gains[:, run[loop], None], gains[:, run[loop] + 1, None]
        start, end = times[run[loop]], times[run[loop] + 1]
        for slot, weights in enumerate(radar.codes.tolist()):
            basis, _, _ = interpolation(paths.knots, starts[loop, slot] + fast_time)
            gain = first + (last - first) * ((starts[loop, slot] + fast_time.mean() - start) / (end - start))
            for arrival in paths.rx_delay.unbind(1):
                total = torch.zeros(wave.samples, dtype=torch.complex128, device=device)
                for departure, weight in zip(paths.tx_delay.unbind(1), weights, strict=True):
                    if weight == 0:
                        continue
                    delay = (departure + arrival) @ basis.T
                    cycles = frequency * delay - wave.slope * delay**2 / 2
                    angle = 2 * math.pi * (cycles - cycles.round())
                    total = total + weight * (gain * torch.complex(angle.cos(), angle.sin())).sum(0)
                rows.append(total)
    shape = (-1, radar.slots, len(radar.rx), wave.samples)
    return _volts(torch.stack(rows).reshape(shape), radar)


def _cuts(paths: Paths, radar: Radar) -> list[slice]:
    """The loops between one gain and the next, of each pair of gains; a loop lies where its middle does."""
    inner = (paths.gain_times[1:-1] / radar.loop_time).round().long().clamp(0, radar.waveform.loops).tolist()
    bounds = [0, *inner, radar.waveform.loops]
    return [slice(a, b) for a, b in itertools.pairwise(bounds)]


def _runs(paths: Paths, radar: Radar) -> list[tuple[slice, Paths]]:
    """Loops and paths of every stretch between two gains; times of a stretch's knots are from its first loop."""
    if paths.gain.shape[1] == 2:
        return [(slice(0, radar.waveform.loops), paths)]
    found, times = [], paths.gain_times
    for k, loops in enumerate(_cuts(paths, radar)):
        if loops.start == loops.stop:
            continue
        start, active = loops.start * radar.loop_time, _cut(radar, loops.stop - loops.start).active_time
        # The knots at least as far apart as those of the frame lie no farther off the way, which is smooth.
        knots = active * (paths.knots - paths.knots[0]) / (paths.knots[-1] - paths.knots[0])
        basis, _, _ = interpolation(paths.knots, start + knots)
        place = (start + knots[[0, -1]] - times[k]) / (times[k + 1] - times[k])
        gain = paths.gain[:, k, None] + (paths.gain[:, k + 1] - paths.gain[:, k])[:, None] * place.to(torch.float32)
        tx, rx = paths.tx_delay @ basis.T, paths.rx_delay @ basis.T
        found.append((loops, replace(paths, gain=gain, tx_delay=tx, rx_delay=rx, knots=knots)))
    return found


@lru_cache(maxsize=64)
def _cut(radar: Radar, loops: int) -> Radar:
    """The radar that sends only so many loops; kept, since what its frames share is kept by it."""
    return replace(radar, waveform=replace(radar.waveform, loops=loops))


def _volts(waves: Tensor, radar: Radar) -> Tensor:
    volts = waves * (math.sqrt(radar.tx_power * radar.receiver.load) * radar.receiver.gain)
    return volts if radar.waveform.complex_samples else math.sqrt(2) * volts.real


def _check(paths: Paths, radar: Radar) -> None:
    for name, legs, antennas in (("tx", paths.tx_delay, radar.tx), ("rx", paths.rx_delay, radar.rx)):
        if legs.shape[1] != len(antennas):
            raise ValueError(
                f"paths.{name}_delay: expected {len(antennas)} antennas of {radar.name}, got {legs.shape[1]}"
            )
        if legs.dtype != torch.float64:
            raise ValueError(f"paths.{name}_delay: expected float64 (phase needs it), got {legs.dtype}")
