"""The sum over paths as one Warp kernel: the terms of `fast.py`, kept in registers from the delay to the bucket.

In the notation of `fast.py` a path contributes gain exp(j phase) exp(j x u) exp(j y u^2), with x = 2 pi (nu - bucket)
and y = 2 pi B T tau'. A lane is one chirp of one TX and RX; for eight loops at once, a thread adds up over all paths of
a bucket gain exp(j phase) x^q for q = 0, 1, ...: the coefficients of a power series in (j u), which a last matrix
product turns into samples. Nothing is expanded but exp(j x u): phase, x, y and gain are those of every chirp.

`fast.py`, plain torch, is its reference and the route that can be differentiated.
"""

import math
from functools import cache
from typing import Any

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.fast import Frame, join_orders, prepare
from mmsynth.simulation.rays import torch_stream
from mmsynth.simulation.series import economised, interpolation
from mmsynth.types import Paths, Radar

LANES = 8  # loops that a thread takes at once: one AVX register of floats
POWERS = range(5, 17)  # lengths of the series for which a kernel is compiled
WIDEST = 0.8  # bins from the middle of a bucket to the farthest of its places, beyond which the frame is halved
# Warp's own flags hold LLVM back from turning the lanes into vector instructions.
_FLAGS = "-march=native -ffp-contract=fast"

_Lanes = wp.types.vector(length=LANES, dtype=float)
# Adding and taking away 1.5 * 2^23 rounds a float to a whole number.
_MAGIC = wp.constant(_Lanes(*[12582912.0] * LANES))
_ONE = wp.constant(_Lanes(*[1.0] * LANES))


@wp.func
def _series(w: _Lanes, a: float, b: float, c: float, d: float, e: float):
    """1 + a w + b w^2 + ... + e w^5."""
    total = e * w + d * _ONE
    total = wp.cw_mul(total, w) + c * _ONE
    total = wp.cw_mul(total, w) + b * _ONE
    total = wp.cw_mul(total, w) + a * _ONE
    return wp.cw_mul(total, w) + _ONE


@cache
def _kernel(powers: int) -> Any:
    """The kernel for a series of `powers` terms."""
    sums = wp.types.matrix(shape=(powers, LANES), dtype=float)

    @wp.kernel(module="unique", enable_backward=False, module_options={"cpu_compiler_flags": _FLAGS})
    def spread(
        record: wp.array2d(dtype=float),
        bounds: wp.array(dtype=wp.int32),
        pairs: wp.array2d(dtype=wp.int32),
        weights: wp.array4d(dtype=_Lanes),
        scalars: wp.array(dtype=float),
        total: wp.array4d(dtype=_Lanes),
    ):
        """One bucket, pair of slot and TX, RX and block of loops a thread; `record` is in order of buckets."""
        bucket, pair, rx, block = wp.tid()
        knots = weights.shape[2] - 1
        slot, departure, arrival = pairs[pair, 0], pairs[pair, 1], pairs[pair, 2] + rx * knots
        step = scalars[0]
        place = weights[slot, block, knots, 0]
        real = sums()
        imag = sums()
        for p in range(bounds[bucket], bounds[bucket + 1]):
            phase = _Lanes()
            slope = _Lanes()
            for k in range(knots):
                leg = record[p, departure + k] + record[p, arrival + k]
                phase += leg * weights[slot, block, k, 0]
                slope += leg * weights[slot, block, k, 1]
            turns = phase * 0.15915494309189535
            half = (turns - ((turns + _MAGIC) - _MAGIC)) * 3.141592653589793
            w = wp.cw_mul(half, half)
            sine = wp.cw_mul(half, _series(w, -1.0 / 6.0, 1.0 / 120.0, -1.0 / 5040.0, 1.0 / 362880.0, -2.5052108e-8))
            cosine = _series(w, -0.5, 1.0 / 24.0, -1.0 / 720.0, 1.0 / 40320.0, -2.7557319e-7)
            c = _ONE - 2.0 * wp.cw_mul(sine, sine)
            s = 2.0 * wp.cw_mul(sine, cosine)
            g, h = record[p, 0] * _ONE + record[p, 1] * place, record[p, 2] * _ONE + record[p, 3] * place
            a = wp.cw_mul(g, c) - wp.cw_mul(h, s)
            b = wp.cw_mul(g, s) + wp.cw_mul(h, c)
            x = record[p, 4] * _ONE + step * phase + slope
            y = step * slope
            # exp(j y u^2) = 1 - j y (j u)^2: the first power of y suffices (y < 0.04 at 4 m/s).
            bend_a, bend_b = wp.cw_mul(y, b), -wp.cw_mul(y, a)
            for q in range(powers):
                real[q] += a
                imag[q] += b
                a, b = wp.cw_mul(a, x), wp.cw_mul(b, x)
                if q >= 2:
                    real[q] += scalars[q] * bend_a
                    imag[q] += scalars[q] * bend_b
                    bend_a, bend_b = wp.cw_mul(bend_a, x), wp.cw_mul(bend_b, x)
        for q in range(powers):
            total[bucket * powers + q, pair, rx, block * 2] = real[q]
            total[bucket * powers + q, pair, rx, block * 2 + 1] = imag[q]

    return spread


def spread_sum(paths: Paths, radar: Radar, tolerance: float) -> Tensor:
    """The sum of `fast.fast_sum`, by the kernel."""
    wave = radar.waveform
    frame = prepare(paths, radar)
    record = torch.cat(
        [frame.gain, frame.gain[:1], frame.departure, frame.arrival]
    ).T.contiguous()  # row 4 is room for x
    starts = radar.chirp_times().to(frame.knots.device) + frame.middle
    apart, drift = _reach(frame)
    loops = wave.loops
    while loops > LANES and apart + drift * loops * radar.loop_time / 2 > WIDEST:
        loops = -(-loops // (2 * LANES)) * LANES
    limit = math.pi * (apart + drift * min(loops, wave.loops) * radar.loop_time / 2)
    accuracy = (limit, tolerance)
    return torch.cat([_group_sum(frame, record, times, accuracy) for times in torch.split(starts, loops)])


def _reach(frame: Frame) -> tuple[float, float]:
    """How far in bins a place may lie from the middle of its bucket, and by how much that grows with time in 1/s."""
    ends = torch.stack([frame.knots[0], frame.knots.mean(), frame.knots[-1]])
    drift = frame.bandwidth * float((interpolation(frame.knots, ends)[1] @ frame.delay).abs().max())
    departure = frame.departure[:: len(frame.knots)]
    apart = float(frame.arrival.abs().max()) + float((departure - departure.mean(0)).abs().max())
    return 0.5 + frame.bandwidth / frame.carrier / math.tau * apart, drift


def _group_sum(frame: Frame, record: Tensor, times: Tensor, accuracy: tuple[float, float]) -> Tensor:
    """Samples [loops, slots, rx, samples] of a group of chirps at `times` [loops, slots].

    `accuracy` is the greatest |x u| in rad, and the error that the series may leave.
    """
    edge, tolerance = accuracy
    values, slopes, _ = interpolation(frame.knots, times.mean())
    place = frame.bandwidth * (values @ frame.delay) + frame.carrier * frame.window * (slopes @ frame.delay)
    bucket, order = place.round().sort(stable=True)
    bins, counts = torch.unique_consecutive(bucket, return_counts=True)
    bounds = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
    step = frame.bandwidth / frame.carrier
    base = math.tau * (frame.bandwidth * frame.center[order] - bucket) - step * frame.start[order]
    record = record[order]
    record[:, 4] = base
    blocks = -(-len(times) // LANES)
    weights = _weights(frame, times, blocks)
    terms = next(n for n in POWERS if 2 * (edge / 2) ** n / math.factorial(n) <= tolerance or n == POWERS[-1])
    series = economised(edge, terms)
    knots, tx = len(frame.knots), len(frame.departure) // len(frame.knots)
    pairs = torch.tensor([[s, 5 + m * knots, 5 + tx * knots] for s, m, _ in frame.pairs], dtype=torch.int32)
    scalars = torch.tensor([step, 0.0, *(series[q - 2] / series[q] for q in range(2, terms))], dtype=torch.float32)
    shape = (len(bins) * terms, len(frame.pairs), frame.rx, blocks * 2)
    total = torch.empty(*shape, LANES, dtype=torch.float32, device=record.device)
    inputs = [wp.from_torch(x.to(record.device)) for x in (record, bounds.int(), pairs)]
    inputs += [wp.from_torch(weights, dtype=_Lanes), wp.from_torch(scalars.to(record.device))]
    with torch_stream(record.device):
        size = (len(bins), len(frame.pairs), frame.rx, blocks)
        output = wp.from_torch(total, dtype=_Lanes)
        wp.launch(_kernel(terms), dim=size, inputs=inputs, outputs=[output], device=wp.device_from_torch(record.device))
    total = total.reshape(len(bins), terms, len(frame.pairs), frame.rx, blocks, 2, LANES).transpose(2, 3)
    orders = torch.complex(total[..., 0, :], total[..., 1, :]).flatten(4)[..., : len(times)]
    return join_orders(frame, bins, orders * orders.real.new_tensor(series)[:, None, None, None])


def _weights(frame: Frame, times: Tensor, blocks: int) -> Tensor:
    """Lanes [slots, blocks, knots + 1, 2, LANES] that turn values at the knots into phase and 2 pi T f_m tau'.

    The last row of the knots holds the place between the first and the last one, for the gain. Lanes beyond the last
    loop repeat it.
    """
    padded = torch.cat([times, times[-1:].expand(blocks * LANES - len(times), -1)])
    at, slope, fraction = interpolation(frame.knots, padded)
    both = torch.stack([at, frame.window * slope], -1)  # [loops, slots, knots, 2]
    place = torch.stack([fraction, torch.zeros_like(fraction)], -1)[:, :, None]
    lanes = torch.cat([both, place], 2).reshape(blocks, LANES, times.shape[1], -1, 2)
    return lanes.permute(2, 0, 3, 4, 1).to(torch.float32).contiguous()
