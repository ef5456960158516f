"""The sum over the paths of each bucket, as Warp kernels: `spreading.py` says of what."""

import math
from functools import cache
from typing import Any

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.kernels.lanes import LANES
from mmsynth.simulation.kernels.launch import FUSED, launch, native
from mmsynth.simulation.synthesis.plan import BLOCK, Group, Plan, share_of

RECEIVERS = 4  # that a thread takes at once, at most
# Lengths of the series for which a kernel is compiled, which takes 12 s for several RX at once; those longer than
# `SHORT`, which hardly occur, take one RX a thread.
POWERS, SHORT = (6, 7, 8, 12, 16), 8
# The phase of an RX is followed linearly if the square of what it turns in half of eight loops is less than this much
# of the tolerance: half of that square is the error at the ends, a fifth of it that of the sum.
STILL = 2.5

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
def turns_kernel(knots: int) -> Any:
    """The kernel for so many knots."""

    @native(f"constexpr int KNOTS = {knots};" + _TURNS, "thread", module="unique", module_options=FUSED)
    def turns(
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

    return turns


_SUM = (
    LANES
    + """
    // The paths of a piece of a bucket, the pair of slot and TX, and the first RX.
    const int bucket = piece / PIECES, which = piece % PIECES, held = bounds.data[bucket + 1] - bounds.data[bucket];
    const int begin = bounds.data[bucket] + held * which / PIECES;
    const int end = bounds.data[bucket] + held * (which + 1) / PIECES;
    const int slot = pairs.data[2 * pair], departure = pairs.data[2 * pair + 1], first = part * RECEIVERS;
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
            rows[i] = record.data + (long long)path * width;
            back[i] = turn.data + ((long long)block * paths + path) * rx + first;
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
            const int row = ((piece * POWERS + q) * pairs.shape[0] + pair) * rx + first + n;
            float* to = total.data + ((long long)row * runs + run) * 2 * L;
            store(to, real[n][q]);
            store(to + L, imag[n][q]);
        }
"""
)


@cache
def sum_kernel(powers: int, receivers: int, still: bool, pieces: int) -> Any:
    """The kernel for a series of `powers` terms, with `receivers` a thread; each bucket is cut into `pieces`."""
    constants = f"constexpr int POWERS = {powers}, RECEIVERS = {receivers}, PIECES = {pieces}, BLOCK = {BLOCK};"

    @native(
        f"{constants} constexpr bool STILL = {str(still).lower()};" + _SUM,
        *("piece", "pair", "part", "run"),
        module="unique",
        module_options=FUSED,
    )
    def add_up(
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

    return add_up


def bucket_sums(rows: Tensor, plan: Plan, group: Group, sums: tuple[Tensor, tuple[float, ...], float]) -> Tensor:
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
    runs, (lanes, pieces) = group.lanes.shape[1], share_of(device)
    shape = (bins * pieces * terms, len(plan.pairs), rx, runs * 2, lanes)
    total = torch.empty(shape, dtype=torch.float32, device=device)
    rates = turn.new_empty(-(-len(rows) // lanes))
    inputs = [rows, group.blocks.flatten(), 5 + plan.tx * knots, step, plan.window, turn, rates]
    launch(turns_kernel(knots), len(rates), inputs, device)
    still = bool((rates.max() * group.half).square() <= STILL * tolerance)
    kernel = sum_kernel(terms, at_once, still, pieces)
    inputs = [rows.flatten(), rows.shape[1], turn.reshape(-1, 4), bounds, pairs, group.lanes.flatten(), knots]
    inputs += [rows.new_tensor(scalars), rx, runs, total.flatten()]
    launch(kernel, (bins * pieces, len(plan.pairs), rx // at_once, runs), inputs, device)
    total = total.reshape(bins, pieces, -1).sum(1) if pieces > 1 else total
    return total.reshape(bins, terms, len(plan.pairs), rx, runs, 2, lanes).transpose(2, 3)
