"""The sum over paths as Warp kernels: the terms of `products.py`, kept in registers from the delay to the bucket.

In the notation of `products.py` a path contributes gain exp(j phase) exp(j x u) exp(j y u^2), with
x = 2 pi (nu - bucket) and y = 2 pi B T tau'. A lane is one chirp of one TX; for eight loops at once, a thread adds up
over all paths of a bucket gain exp(j phase) x^q for q = 0, 1, ... and each RX: the coefficients of a power series in
(j u), which a last matrix product turns into samples. The phase of the TX leg is that of every chirp; that of an RX,
beyond the mean of them, is taken at the middle of the eight loops and turns linearly from there (or, where it turns by
more than `STILL`, is that of every chirp too, at nearly twice the cost).

`products.py`, plain torch, is its reference and the route that can be differentiated.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.kernels.lanes import GEOMETRY, LANES
from mmsynth.simulation.rays.bvh import torch_stream
from mmsynth.simulation.synthesis.products import join_orders
from mmsynth.simulation.synthesis.series import economised, interpolation
from mmsynth.types import Paths, Radar

BLOCK = 8  # loops that share the phase of an RX at their middle
# Loops that a thread takes at once, and threads that share the paths of a bucket: on a CPU an AVX register of floats
# and one; on CUDA threads are the lanes, and too few of them would wait for the fullest bucket.
CPU_SHARE, CUDA_SHARE = (BLOCK, 1), (1, 8)
RECEIVERS = 4  # that a thread takes at once, at most
# Lengths of the series for which a kernel is compiled, which takes 12 s for several RX at once; those longer than
# `SHORT`, which hardly occur, take one RX a thread.
POWERS, SHORT = (6, 7, 8, 12, 16), 8
WIDEST = 0.65  # bins from the middle of a bucket to the farthest of its places, beyond which the frame is halved
# The phase of an RX is followed linearly if the square of what it turns in half of eight loops is less than this much
# of the tolerance: half of that square is the error at the ends, a fifth of it that of the sum.
STILL = 2.5
# Products and sums are fused, as Warp does on CUDA alone: a tenth of the time.
_OPTIONS = {
    "enable_backward": False,
    "cpu_compiler_flags": f"{wp.config.cpu_compiler_flags or '-march=native'} -ffp-contract=fast",
}


@dataclass(frozen=True, eq=False)
class _Plan:
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
class _Group:
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


@dataclass(frozen=True, eq=False)
class _Record:
    """The paths of a frame, or of several.

    Attributes:
        rows: [paths, 5 + (tx + rx) * knots] room for the gain (real part at the start of a run, its change to the end,
            the same of the imaginary part) and for x, and phases in rad at the knots of each TX leg (with the mean RX
            leg) and of each RX leg beyond the mean.
        delay: [knots, paths] s of the mean legs (float64).
        base: [paths] what x is but for the bucket (float64).
        frame: [paths] of `frames` that each belongs to; None = there is one.
        reach: how far a place may lie from the middle of its bucket in bins, and how fast that grows in bins a second.
    """

    rows: Tensor
    delay: Tensor
    base: Tensor
    frame: Tensor | None
    frames: int
    reach: tuple[float, float]


_RECORDS = (
    LANES
    + GEOMETRY
    + """
    const int count = rows.shape[0], width = rows.shape[1], own = thread * L + L < count ? L : count - thread * L;
    const int transmitters = tx.shape[1], receivers = rx.shape[1];
    // The delay of an antenna at a knot.
    auto delay_of = [&](const auto& legs, int antenna, int knot) {
        double values[L];
        for (int l = 0; l < L; ++l) {
            const int p = thread * L + (l < own ? l : own - 1);
            values[l] = legs.data[(p * legs.shape[1] + antenna) * KNOTS + knot];
        }
        wide found;
        memcpy(&found, values, sizeof(wide));
        return found;
    };
    auto put = [&](auto* to, int stride, auto value) {
        decltype(to[0] + to[0]) values[L];
        memcpy(values, &value, sizeof(value));
        for (int l = 0; l < own; ++l)
            to[(thread * L + l) * stride] = values[l];
    };
    wide there[KNOTS], back[KNOTS], center = wide();
    for (int k = 0; k < KNOTS; ++k) {
        there[k] = back[k] = wide();
        for (int m = 0; m < transmitters; ++m)
            there[k] += delay_of(tx, m, k);
        for (int n = 0; n < receivers; ++n)
            back[k] += delay_of(rx, n, k);
        there[k] *= 1.0 / transmitters;
        back[k] *= 1.0 / receivers;
        put(delay.data + k * count, 1, there[k] + back[k]);
        center += middle.data[k] * (there[k] + back[k]);
    }
    const double carrier = scalars.data[0], slope = scalars.data[1], bandwidth = scalars.data[2];
    // About `center` the phase is linear in the delay: S (change)^2 / 2 is 2e-5 cycles after 11 cm of motion.
    wide rate = TAU * (carrier - slope * center), turns = carrier * center - slope * center * center * 0.5;
    const double magic = 6755399441055744.0;
    wide start = TAU * (turns - ((turns + magic) - magic));
    put(base.data, 1, TAU * bandwidth * center - bandwidth / carrier * start);
    lane widest_rx = zero, widest_tx = zero;
    for (int k = 0; k < KNOTS; ++k) {
        for (int m = 0; m < transmitters; ++m) {
            wide away = delay_of(tx, m, k);
            put(rows.data + 5 + m * KNOTS + k, width, narrow(start + rate * (away + back[k] - center)));
            widest_tx = most(widest_tx, size_of(narrow(rate * (away - there[k]))));
        }
        for (int n = 0; n < receivers; ++n) {
            lane phase = narrow(rate * (delay_of(rx, n, k) - back[k]));
            put(rows.data + 5 + (transmitters + n) * KNOTS + k, width, phase);
            widest_rx = most(widest_rx, size_of(phase));
        }
    }
    put(reach.data, 2, widest_rx);
    put(reach.data + 1, 2, widest_tx);
"""
)


@cache
def _records(knots: int) -> Any:
    """The kernel for so many knots."""

    @wp.func_native(f"constexpr int KNOTS = {knots}; constexpr double TAU = {math.tau!r};" + _RECORDS)
    def records(
        tx: wp.array3d(dtype=wp.float64),
        rx: wp.array3d(dtype=wp.float64),
        middle: wp.array(dtype=wp.float64),
        scalars: wp.array(dtype=wp.float64),
        rows: wp.array2d(dtype=float),
        delay: wp.array2d(dtype=wp.float64),
        base: wp.array(dtype=wp.float64),
        reach: wp.array2d(dtype=float),
        thread: int,
    ): ...

    @wp.kernel(module="unique", module_options=_OPTIONS)
    def run(
        tx: wp.array3d(dtype=wp.float64),
        rx: wp.array3d(dtype=wp.float64),
        middle: wp.array(dtype=wp.float64),
        scalars: wp.array(dtype=wp.float64),
        rows: wp.array2d(dtype=float),
        delay: wp.array2d(dtype=wp.float64),
        base: wp.array(dtype=wp.float64),
        reach: wp.array2d(dtype=float),
    ):
        """A path a lane; `reach` [paths, 2] is its greatest phase of an RX, and of a TX from the mean of them."""
        records(tx, rx, middle, scalars, rows, delay, base, reach, wp.tid())

    return run


_TURNS = (
    LANES
    + """
    const int rx = turn.shape[2], count = turn.shape[1], blocks = turn.shape[0], width = record.shape[1];
    lane fastest = zero;
    for (int n = 0; n < rx; ++n) {
        float values[KNOTS][L], sums[4][L];
        for (int l = 0; l < L; ++l) {
            const int p = thread * L + l < count ? thread * L + l : count - 1;
            for (int k = 0; k < KNOTS; ++k)
                values[k][l] = record.data[p * width + first + n * KNOTS + k];
        }
        for (int block = 0; block < blocks; ++block) {
            const float* weights = middles.data + 2 * block * KNOTS;
            lane angle = zero, rate = zero, c, s;
            for (int k = 0; k < KNOTS; ++k) {
                angle += load(values[k]) * weights[k];
                rate += load(values[k]) * weights[KNOTS + k];
            }
            fastest = most(fastest, most(rate, -rate));
            wave(angle, c, s);
            store(sums[0], c);
            store(sums[1], s);
            store(sums[2], rate);
            store(sums[3], step * angle + window * rate);
            for (int l = 0; l < L && thread * L + l < count; ++l)
                for (int i = 0; i < 4; ++i)
                    turn.data[(block * count + thread * L + l) * rx + n].c[i] = sums[i][l];
        }
    }
    float worst[L];
    store(worst, fastest);
    for (int l = 1; l < L; ++l)
        worst[0] = worst[l] > worst[0] ? worst[l] : worst[0];
    rates.data[thread] = worst[0];
"""
)


@cache
def _turns(knots: int) -> Any:
    """The kernel for so many knots."""

    @wp.func_native(f"constexpr int KNOTS = {knots};" + _TURNS)
    def turns(
        record: wp.array2d(dtype=float),
        middles: wp.array(dtype=float),
        first: int,
        step: float,
        window: float,
        turn: wp.array3d(dtype=wp.vec4),
        rates: wp.array(dtype=float),
        thread: int,
    ): ...

    @wp.kernel(module="unique", module_options=_OPTIONS)
    def run(
        record: wp.array2d(dtype=float),
        middles: wp.array(dtype=float),
        first: int,
        step: float,
        window: float,
        turn: wp.array3d(dtype=wp.vec4),
        rates: wp.array(dtype=float),
    ):
        """Cosine and sine of an RX phase at the middle of a block, its rate in rad/s, and what it adds to x.

        `turn` is [blocks, paths, rx], and `rates` the greatest of a thread's rates.
        """
        turns(record, middles, first, step, window, turn, rates, wp.tid())

    return run


@wp.func
def _piece(bounds: wp.array(dtype=wp.int32), piece: int, pieces: int):
    """First path, and the one after the last, of a piece of the buckets, each cut into `pieces`."""
    bucket, which = piece // pieces, piece % pieces
    begin, count = bounds[bucket], bounds[bucket + 1] - bounds[bucket]
    return begin + count * which // pieces, begin + count * (which + 1) // pieces


_SNIPPET = (
    LANES
    + """
    const int lanes_of_run = (knots + 1) * 2 * L;
    const float* from = weights.data + (slot * runs + run) * lanes_of_run;
    lane place = load(from + 2 * knots * L), time = load(from + (2 * knots + 1) * L);
    lane real[RECEIVERS][POWERS], imag[RECEIVERS][POWERS];
    for (int n = 0; n < RECEIVERS; ++n)
        for (int q = 0; q < POWERS; ++q)
            real[n][q] = imag[n][q] = zero;
    const float step = scalars.data[0];
    const int block = run * L / BLOCK, paths = turn.shape[0] / (runs * L / BLOCK * rx);
    // Two paths at a time, so that each sum is loaded and stored once for both; a last one goes with a path of no gain.
    for (int p = begin; p < end; p += 2) {
        lane there_a[2], there_b[2], base[2], bend[2][POWERS];
        const float* rows[2];
        const wp::vec4* back[2];
        for (int i = 0; i < 2; ++i) {
            const int path = p + i < end ? p + i : p;
            rows[i] = record.data + path * width;
            back[i] = turn.data + (block * paths + path) * rx + first;
            lane phase = zero, slope = zero, c, s;
            for (int k = 0; k < knots; ++k) {
                phase += rows[i][departure + k] * load(from + 2 * k * L);
                slope += rows[i][departure + k] * load(from + (2 * k + 1) * L);
            }
            wave(phase, c, s);
            const float is = p + i < end ? 1.0f : 0.0f;
            lane g = is * rows[i][0] + (is * rows[i][1]) * place, h = is * rows[i][2] + (is * rows[i][3]) * place;
            there_a[i] = g * c - h * s;
            there_b[i] = g * s + h * c;
            base[i] = rows[i][4] + step * phase + slope;
            // exp(j y u^2) = 1 - j y (j u)^2: the first power of y suffices (y < 0.04 at 4 m/s).
            for (int q = 2; q < POWERS; ++q)
                bend[i][q] = (scalars.data[q] * step) * slope;
        }
        for (int n = 0; n < RECEIVERS; ++n) {
            lane a[2], b[2], x[2];
            for (int i = 0; i < 2; ++i) {
                const wp::vec4& at = back[i][n];
                lane ahead = at.c[2] * time, c, s;
                if (STILL) {
                    c = at.c[0] - at.c[1] * ahead;
                    s = at.c[1] + at.c[0] * ahead;
                } else {
                    lane here, aside;
                    wave(ahead, here, aside);
                    c = at.c[0] * here - at.c[1] * aside;
                    s = at.c[1] * here + at.c[0] * aside;
                }
                a[i] = there_a[i] * c - there_b[i] * s;
                b[i] = there_a[i] * s + there_b[i] * c;
                x[i] = base[i] + at.c[3] + step * ahead;
            }
            // x^q, and the two powers before it.
            lane power[2] = {zero + 1.0f, zero + 1.0f}, last[2] = {zero, zero}, before[2] = {zero, zero};
#pragma unroll
            for (int q = 0; q < POWERS; ++q) {
                lane sum_a = real[n][q], sum_b = imag[n][q];
                for (int i = 0; i < 2; ++i) {
                    sum_a += power[i] * a[i];
                    sum_b += power[i] * b[i];
                    if (q >= 2) {
                        lane aside = bend[i][q] * before[i];
                        sum_a += aside * b[i];
                        sum_b -= aside * a[i];
                    }
                    before[i] = last[i];
                    last[i] = power[i];
                    power[i] = q == 0 ? x[i] : power[i] * x[i];
                }
                real[n][q] = sum_a;
                imag[n][q] = sum_b;
            }
        }
    }
    for (int n = 0; n < RECEIVERS; ++n)
        for (int q = 0; q < POWERS; ++q) {
            const int row = ((piece * POWERS + q) * pairs + pair) * rx + first + n;
            float* to = total.data + (row * runs + run) * 2 * L;
            store(to, real[n][q]);
            store(to + L, imag[n][q]);
        }
"""
)


@cache
def _kernel(powers: int, receivers: int, still: bool, pieces: int) -> Any:
    """The kernel for a series of `powers` terms, with `receivers` a thread; each bucket is cut into `pieces`."""
    constants = f"constexpr int POWERS = {powers}, RECEIVERS = {receivers}, BLOCK = {BLOCK};"

    @wp.func_native(f"{constants} constexpr bool STILL = {str(still).lower()};" + _SNIPPET)
    def add_up(
        record: wp.array(dtype=float),
        width: int,
        begin: int,
        end: int,
        departure: int,
        turn: wp.array(dtype=wp.vec4),
        weights: wp.array(dtype=float),
        knots: int,
        scalars: wp.array(dtype=float),
        total: wp.array(dtype=float),
        piece: int,
        slot: int,
        pair: int,
        pairs: int,
        first: int,
        rx: int,
        run: int,
        runs: int,
    ): ...

    @wp.kernel(module="unique", module_options=_OPTIONS)
    def spread(
        record: wp.array(dtype=float),
        width: int,
        turn: wp.array(dtype=wp.vec4),
        bounds: wp.array(dtype=wp.int32),
        pairs: wp.array2d(dtype=wp.int32),
        weights: wp.array(dtype=float),
        knots: int,
        scalars: wp.array(dtype=float),
        rx: int,
        runs: int,
        total: wp.array(dtype=float),
    ):
        """One piece of a bucket, pair of slot and TX, set of RX and run of loops a thread.

        `record` is in order of buckets.
        """
        piece, pair, part, run = wp.tid()
        begin, end = _piece(bounds, piece, pieces)
        slot, departure, first, many = pairs[pair, 0], pairs[pair, 1], part * receivers, pairs.shape[0]
        add_up(
            record, width, begin, end, departure, turn, weights, knots, scalars, total,
            piece, slot, pair, many, first, rx, run, runs,
        )  # fmt: skip

    return spread


def spread_sum(paths: Paths, radar: Radar, tolerance: float, runs: Sequence[slice]) -> Tensor:
    """The sum of `products.fast_sum`, by the kernels, of each frame [frames, loops, slots, rx, samples].

    `runs` are the loops between one gain of the paths and the next.
    """
    knots, times = tuple(paths.knots.tolist()), paths.gain_times.tolist()
    plan = _plan(radar, knots, paths.gain.device)
    record = _record(paths, plan)
    apart, drift = record.reach
    parts = torch.view_as_real(paths.gain.detach().to(torch.complex64))  # [paths, gains, 2]
    found = []
    for k, run in enumerate(runs):
        if run.start == run.stop:
            continue
        first, change = parts[:, k], parts[:, k + 1] - parts[:, k]
        gain = torch.stack([first, change], 2).flatten(1)
        loops = run.stop - run.start
        while loops > BLOCK and apart + drift * loops * radar.loop_time / 2 > WIDEST:
            loops = -(-loops // (2 * BLOCK)) * BLOCK
        # Rounded up, so that the series is found once.
        limit = math.pi * (apart + drift * min(loops, run.stop - run.start) * radar.loop_time / 2)
        accuracy = (math.ceil(limit * 20) / 20, tolerance)
        stretch = (run.start, run.stop, times[k], times[k + 1])
        groups = _groups(radar, knots, loops, stretch, paths.gain.device)
        found += [_group_sum((record, gain), plan, group, accuracy) for group in groups]
    return found[0] if len(found) == 1 else torch.cat(found, 1)


@lru_cache(maxsize=64)
def _plan(radar: Radar, knots: tuple[float, ...], device: torch.device) -> _Plan:
    wave = radar.waveform
    window = wave.samples / wave.sample_rate
    middle = wave.adc_start + (wave.samples - 1) / 2 / wave.sample_rate
    at = torch.tensor(knots, dtype=torch.float64)
    return _Plan(
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
def _groups(
    radar: Radar, knots: tuple[float, ...], loops: int, stretch: tuple[int, int, float, float], device: torch.device
) -> tuple[_Group, ...]:
    """Chirps of a radar's frame in groups of `loops`.

    `stretch` is the first loop and the one after the last, and the times in s of the gains before and after.
    """
    plan, at = _plan(radar, knots, device), torch.tensor(knots, dtype=torch.float64)
    found = []
    begin, end, before, after = stretch
    for times in torch.split(plan.starts[begin:end], loops):
        blocks, (at_once, _) = -(-len(times) // BLOCK), _share(device)
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
        found.append(_Group(len(times), half, *(x.to(device) for x in parts)))
    return tuple(found)


def _share(device: torch.device) -> tuple[int, int]:
    return CUDA_SHARE if device.type == "cuda" else CPU_SHARE


def _record(paths: Paths, plan: _Plan) -> _Record:
    """Phases from float64 delays."""
    device, (count, tx, knots) = paths.gain.device, paths.tx_delay.shape
    rows = torch.empty(count, 5 + (tx + paths.rx_delay.shape[1]) * knots, dtype=torch.float32, device=device)
    delay = torch.empty(knots, count, dtype=torch.float64, device=device)
    base, reach = delay.new_empty(count), torch.empty(count, 2, dtype=torch.float32, device=device)
    scalars = delay.new_tensor([plan.carrier, plan.slope, plan.bandwidth])
    inputs = [wp.from_torch(x.detach().contiguous()) for x in (paths.tx_delay, paths.rx_delay, plan.middle, scalars)]
    with torch_stream(device):
        outputs = [wp.from_torch(x) for x in (rows, delay, base, reach)]
        size, on = -(-count // _share(device)[0]), wp.device_from_torch(device)
        wp.launch(_records(knots), dim=size, inputs=inputs, outputs=outputs, device=on)
    drift = plan.bandwidth * float((plan.ends @ delay).abs().max())
    reaches = (0.5 + plan.bandwidth / plan.carrier / math.tau * float(reach.amax(0).sum()), drift)
    return _Record(rows, delay, base, paths.frame, paths.frames, reaches)


def _group_sum(paths: tuple[_Record, Tensor], plan: _Plan, group: _Group, accuracy: tuple[float, float]) -> Tensor:
    """Samples [frames, loops, slots, rx, samples] of a group of chirps.

    `paths` are their record and gains [paths, 4]; `accuracy` is the greatest |x u| in rad, and the error that the
    series may leave.
    """
    (record, gain), (edge, tolerance) = paths, accuracy
    bucket = (group.at @ record.delay).round().to(torch.int32)
    order, bins, bounds = _by_bucket(bucket, record)
    rows = record.rows.index_select(0, order)
    rows[:, :4] = gain.index_select(0, order)
    rows[:, 4] = record.base.index_select(0, order) - math.tau * bucket.index_select(0, order)
    # The first term left out is 2 (edge / 2)^n / n! at most; its rms over places is 0.6 of it (0.56 to 0.63 measured).
    terms = next(n for n in POWERS if 1.4 * (edge / 2) ** n / math.factorial(n) <= tolerance or n == POWERS[-1])
    series = economised(edge, terms)
    total = _launch(rows, plan, group, (bounds, series, tolerance))
    orders = torch.complex(total[..., 0, :], total[..., 1, :]).flatten(4)[..., : group.loops]
    orders = orders * orders.real.new_tensor(series)[:, None, None, None]
    return join_orders(bins, orders, plan.fast_time, plan.pairs)


def _by_bucket(bucket: Tensor, record: _Record) -> tuple[Tensor, Tensor, Tensor]:
    """The order [paths] of frames and their buckets, the buckets [bins], and where (int32) each begins in that order.

    All frames have the buckets of any: those of a frame that hold no path come out as zeros.
    """
    low, high = (int(x) for x in bucket.aminmax())
    many = high - low + 1
    place = bucket - low if record.frame is None else bucket - low + record.frame.int() * many
    held = torch.bincount(place, minlength=record.frames * many).reshape(record.frames, many)
    used = held.any(0).nonzero()[:, 0]
    bounds = torch.nn.functional.pad(held[:, used].flatten().cumsum(0, dtype=torch.int32), (1, 0))
    # Two bytes a bucket are sorted in half the time of eight.
    return place.to(torch.int16 if held.numel() <= 1 << 15 else torch.int32).argsort(stable=True), used + low, bounds


def _launch(rows: Tensor, plan: _Plan, group: _Group, sums: tuple[Tensor, tuple[float, ...], float]) -> Tensor:
    """Sums [frames * bins, powers, rx, pairs, runs, 2, lanes] over the paths of each bucket.

    `sums` are the buckets' bounds in `rows`, the series, and the error that they may have.
    """
    (bounds, series, tolerance), device = sums, rows.device
    blocks, knots, terms = len(group.blocks), group.blocks.shape[-1], len(series)
    rx = (rows.shape[1] - 5) // knots - plan.tx
    step = plan.bandwidth / plan.carrier
    turn = torch.empty(blocks, len(rows), rx, 4, dtype=torch.float32, device=device)
    pairs = torch.tensor([[s, 5 + m * knots] for s, m, _ in plan.pairs], dtype=torch.int32, device=device)
    scalars = [step, 0.0, *(series[q - 2] / series[q] for q in range(2, terms))]
    bins, at_once = len(bounds) - 1, math.gcd(rx, RECEIVERS) if terms <= SHORT else 1
    runs, (lanes, pieces) = group.lanes.shape[1], _share(device)
    shape = (bins * pieces * terms, len(plan.pairs), rx, runs * 2, lanes)
    total = torch.empty(shape, dtype=torch.float32, device=device)
    with torch_stream(device):
        on = wp.device_from_torch(device)
        record, polar = wp.from_torch(rows), wp.from_torch(turn, dtype=wp.vec4)
        inputs = [record, wp.from_torch(group.blocks.flatten()), 5 + plan.tx * knots, step, plan.window]
        rates = turn.new_empty(-(-len(rows) // lanes))
        wp.launch(_turns(knots), dim=len(rates), inputs=inputs, outputs=[polar, wp.from_torch(rates)], device=on)
        still = bool((rates.max() * group.half).square() <= STILL * tolerance)
        kernel = _kernel(terms, at_once, still, pieces)
        inputs = [wp.from_torch(rows.flatten()), rows.shape[1], wp.from_torch(turn.reshape(-1, 4), dtype=wp.vec4)]
        inputs += [wp.from_torch(bounds), wp.from_torch(pairs), wp.from_torch(group.lanes.flatten()), knots]
        inputs += [wp.from_torch(rows.new_tensor(scalars)), rx, runs]
        size = (bins * pieces, len(plan.pairs), rx // at_once, runs)
        wp.launch(kernel, dim=size, inputs=inputs, outputs=[wp.from_torch(total.flatten())], device=on)
    total = total.reshape(bins, pieces, -1).sum(1) if pieces > 1 else total
    return total.reshape(bins, terms, len(plan.pairs), rx, runs, 2, lanes).transpose(2, 3)
