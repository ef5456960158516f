"""What the frames of a radar share when paths are added up: times, weights at them, and groups of chirps."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from mmsynth.simulation.synthesis.series import interpolation
from mmsynth.types import Radar

BLOCK = 8  # loops that share the phase of an RX at their middle
# Loops that a thread takes at once, and threads that share the paths of a bucket: on a CPU an AVX register of floats
# and one; on CUDA threads are the lanes, and too few of them would wait for the fullest bucket.
CPU_SHARE, CUDA_SHARE = (BLOCK, 1), (1, 8)


@dataclass(frozen=True, eq=False)
class Plan:
    """What all frames of a radar share. `carrier`, `bandwidth` and `window` are f_m, B and T of `products.py`.

    Attributes:
        starts: [loops, slots] s of the middles of the samples.
        middle: [knots] weights of the polynomial through the knots at the middle of the frame.
        ends: [knots, knots] those of its slope at the knots.
        fast_time: u [samples].
        pairs: (slot, TX, weight) that transmit.
        tx: how many TX there are.
    """

    carrier: float
    bandwidth: float
    window: float
    slope: float
    starts: Tensor
    middle: Tensor
    ends: Tensor
    fast_time: Tensor
    pairs: tuple[tuple[int, int, float], ...]
    tx: int


@dataclass(frozen=True, eq=False)
class Group:
    """A run of chirps whose paths keep their buckets.

    Attributes:
        loops: how many.
        half: s from the middle of a block to its ends.
        at: [knots] float64 weights that turn delays at the knots into the place in bins at the group's middle.
        lanes: [slots, runs, knots + 1, 2, lanes] weights that turn values at the knots into phase and 2 pi T f_m
            tau'; the last row of the knots holds the place between the first and the last one, for the gain, and the
            time in s from the middle of the block. Lanes beyond the last loop repeat it.
        blocks: [blocks, 2, knots] weights of phase and slope in 1/s at the middle of each block.
    """

    loops: int
    half: float
    at: Tensor
    lanes: Tensor
    blocks: Tensor


def share_of(device: torch.device) -> tuple[int, int]:
    """`CPU_SHARE` or `CUDA_SHARE`."""
    return CUDA_SHARE if device.type == "cuda" else CPU_SHARE


@lru_cache(maxsize=64)
def plan_of(radar: Radar, knots: tuple[float, ...], device: torch.device) -> Plan:
    """What all frames of a radar share, of paths that are known at the same knots (s)."""
    wave = radar.waveform
    window = wave.samples / wave.sample_rate
    middle = wave.adc_start + (wave.samples - 1) / 2 / wave.sample_rate
    at = torch.tensor(knots, dtype=torch.float64)
    return Plan(
        carrier=wave.start_frequency + wave.slope * middle,
        bandwidth=wave.slope * window,
        window=window,
        slope=wave.slope,
        starts=radar.chirp_times() + middle,
        middle=interpolation(at, (at[0] + at[-1]) / 2)[0].to(device),
        ends=interpolation(at, at)[1].to(device),
        fast_time=((wave.sample_times() - middle) / window).to(device),
        pairs=tuple((s, m, float(radar.codes[s, m])) for s, m in radar.codes.nonzero().tolist()),
        tx=len(radar.tx),
    )


@lru_cache(maxsize=64)
def groups_of(
    radar: Radar, knots: tuple[float, ...], loops: int, stretch: tuple[int, int, float, float], device: torch.device
) -> tuple[Group, ...]:
    """Chirps of a radar's frame in groups of `loops`.

    `stretch` is the first loop and the one after the last, and the times in s of the gains before and after.
    """
    plan, at = plan_of(radar, knots, device), torch.tensor(knots, dtype=torch.float64)
    found = []
    begin, end, before, after = stretch
    for times in torch.split(plan.starts[begin:end], loops):
        blocks, (at_once, _) = -(-len(times) // BLOCK), share_of(device)
        padded = torch.cat([times, times[-1:].expand(blocks * BLOCK - len(times), -1)])
        value, slope, _ = interpolation(at, padded)
        by_block = padded.reshape(blocks, -1)
        middles = (by_block.amin(1) + by_block.amax(1)) / 2
        both = torch.stack([value, plan.window * slope], -1)  # [loops, slots, knots, 2]
        away = padded - middles.repeat_interleave(BLOCK)[:, None]
        lanes = torch.cat([both, torch.stack([(padded - before) / (after - before), away], -1)[:, :, None]], 2)
        lanes = lanes.reshape(-1, at_once, times.shape[1], len(at) + 1, 2).permute(2, 0, 3, 4, 1)
        values, slopes, _ = interpolation(at, times.mean())
        place = plan.bandwidth * values + plan.carrier * plan.window * slopes
        turn = torch.stack(interpolation(at, middles)[:2], 1)
        half = float((by_block.amax(1) - by_block.amin(1)).max()) / 2
        parts = (place, lanes.to(torch.float32).contiguous(), turn.to(torch.float32))
        found.append(Group(len(times), half, *(x.to(device) for x in parts)))
    return tuple(found)
