"""IF samples of a frame from its paths: the direct sum, and a fast one that is the default.

With tau = tau_mn(t) the delay of a path from TX m to RX n at the time t = t_chirp + t_k of the sample, both compute

    sum_p gain_p(t) exp(j 2 pi (f0 tau + S tau t_k - S tau^2 / 2)),

with every term of it: delay drift and acceleration through the frame, fast-time Doppler, and the offsets of TDM. A gain
that fades does so from chirp to chirp. The fast one is a Warp kernel (`spreading.py`) or, for gradients, small matrix
products in plain torch (`fast.py`); both run on any device.

Volts are those at the ADC input before the receiver adds anything: |sample|^2 = received power * load * gain^2, that
is, the rms of the IF signal. Real samples are sqrt(2) times the in-phase part, so that the mean square is the same.
"""

import math

import torch
from torch import Tensor

from mmsynth.simulation.fast import fast_sum
from mmsynth.simulation.series import interpolation
from mmsynth.simulation.spreading import spread_sum
from mmsynth.types import Paths, Radar


def synthesize(paths: Paths, radar: Radar, tolerance: float = 1e-3) -> Tensor:
    """Samples [loops, slots, rx, samples] of one frame in V at the ADC input, complex64 (float32 for real samples).

    Args:
        paths: of the frame; delays in float64.
        radar: whose waveform, schedule and antenna count are used (positions are in the delays already).
        tolerance: rms error against `synthesize_direct`, relative to the rms of the samples.
    """
    _check(paths, radar)
    wave, device = radar.waveform, paths.gain.device
    if len(paths) == 0:
        shape = (wave.loops, radar.slots, len(radar.rx), wave.samples)
        return _volts(torch.zeros(shape, dtype=torch.complex64, device=device), radar)
    gradients = torch.is_grad_enabled() and any(x.requires_grad for x in (paths.gain, paths.tx_delay, paths.rx_delay))
    return _volts((fast_sum if gradients else spread_sum)(paths, radar, tolerance), radar)


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
    rows = []
    for loop in range(wave.loops) if loops is None else loops.tolist():
        for slot, weights in enumerate(radar.codes.tolist()):
            basis, _, fraction = interpolation(paths.knots, starts[loop, slot] + fast_time)
            first, last = paths.gain.to(torch.complex128)[:, :, None].unbind(1)
            gain = first + (last - first) * fraction.mean()
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
