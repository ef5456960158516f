"""The sum over paths as small matrix products: what makes synthesis fast.

Write u = (t_k - t_mid) / T, |u| <= 1/2, for fast time, B = S T, f_m = f0 + S t_mid, and tau for the delay at the middle
of the chirp's samples. Up to terms below 1e-5 cycles the phase of a path in cycles is

    f_m tau - S tau^2/2  +  u (B tau + f_m T tau')  +  u^2 B T tau'.

* The delay splits into a TX leg and an RX leg, and so does the first term: exp(j phase) = X(path, TX, chirp) A(path,
  RX). Slow time is cut into blocks of a few loops; A is taken at the middle of the block, with its first derivative
  where that pays.
* The middle term is the path's place nu on the range axis in bins. Paths are sorted into buckets one bin wide, so that
  nu = bucket + delta (block middle, RX; |delta| <= 1/2) + epsilon (drift in the block, TX; small), and each of
  exp(j 2 pi delta u), exp(j 2 pi epsilon u) is a short economised power series: its powers go with A and with X.

So for a bucket and block the sum over its paths is one product [RX * powers, paths] @ [paths, powers * chirps], and a
last product with exp(j 2 pi bucket u) (j u)^order yields the samples. All but the phase of the block's middle is
float32. The two lengths that trade cost for error, loops a block and terms of the series, follow from the paths' own
speeds and the tolerance.

`spreading.py` has the same expansions in kernels: it is faster, and is what runs unless gradients are asked for.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mmsynth.simulation.synthesis.plan import Plan, plan_of
from mmsynth.simulation.synthesis.series import economised, interpolation, join_orders
from mmsynth.types import Paths, Radar

CACHE = 1 << 21  # numbers of the factor X that are formed at once: fits the cache, and memory is flat
SAMPLE = 500  # about so many of the paths are looked at to choose how far the series go


@dataclass(frozen=True, eq=False)
class _Frame:
    """What all blocks of a frame share.

    Attributes:
        departure: phase in rad [tx * knots, paths] (float32) of TX leg plus mean RX leg, less whole turns.
        arrival: phase in rad [rx * knots, paths] (float32) of each RX leg beyond the mean one.
        gain: [4, paths]: real part at the first knot, its change to the last, and the same of the imaginary part.
        delay: float64 [knots, paths] of the mean legs.
        knots: s.
        plan: f_m, B, T and what else the frames of a radar share.
        rx: how many.
    """

    departure: Tensor
    arrival: Tensor
    gain: Tensor
    delay: Tensor
    knots: Tensor
    plan: Plan
    rx: int


@dataclass(frozen=True)
class _Order:
    """How far the expansions go.

    Attributes:
        loops: a block.
        turning: whether the change of A within a block is followed.
        bucket, drift: economised series of exp(j x), x = 2 pi delta u and 2 pi epsilon u: coefficients of (j x)^q.
    """

    loops: int
    turning: bool
    bucket: tuple[float, ...]
    drift: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class _Block:
    """A block of chirps: `times` [loops, slots] of the middles of their samples, and the matrices that lead there.

    Attributes:
        values, slopes: [knots] float64, of the polynomial through the knots at the middle of the block.
        phase, drift: [pairs * loops, tx * knots] from departure phases to phase and to 2 pi epsilon.
        fade: [pairs * loops, 2] from a gain and its change over the frame to the gain.
        turn: [2 * rx, rx * knots] from arrival phases to phase at the middle, and change over half the block.
        offset: [pairs, loops] place of each chirp in the block, -1..1.
    """

    times: Tensor
    values: Tensor
    slopes: Tensor
    phase: Tensor
    drift: Tensor
    fade: Tensor
    turn: Tensor
    offset: Tensor


def fast_sum(paths: Paths, radar: Radar, tolerance: float) -> Tensor:
    """The sum of the module's text [1, loops, slots, rx, samples] over at least one path, complex64, per unit of gain.

    It is of one frame.
    """
    frame = _prepare(paths, radar)
    with torch.no_grad():
        order = _choose_order(frame, radar, tolerance)
    starts = torch.split(frame.plan.starts.to(frame.knots.device), order.loops)
    return torch.cat([_block_sum(frame, _block(frame, times), order) for times in starts], 1)


def _prepare(paths: Paths, radar: Radar) -> _Frame:
    """What the chirps of a frame share; see the text of the module."""
    plan, slope = plan_of(radar, tuple(paths.knots.tolist()), paths.gain.device), radar.waveform.slope
    tx, rx = paths.tx_delay.permute(1, 2, 0), paths.rx_delay.permute(1, 2, 0)
    mean_rx = _mean(rx)
    delay = _mean(tx) + mean_rx
    center = plan.middle @ delay
    # About `center` the phase is linear in the delay: S (change)^2 / 2 is 2e-5 cycles after 11 cm of motion.
    rate = math.tau * (plan.carrier - slope * center)
    turns = plan.carrier * center - slope * center**2 / 2
    shift = math.tau * (turns - turns.round()) + rate * (mean_rx - center)
    first, last = paths.gain.T
    return _Frame(
        departure=(rate * tx + shift).float().flatten(0, 1),
        arrival=(rate * (rx - mean_rx)).float().flatten(0, 1),
        gain=torch.stack([first.real, (last - first).real, first.imag, (last - first).imag]).float(),
        delay=delay,
        knots=paths.knots,
        plan=plan,
        rx=len(rx),
    )


def _mean(legs: Tensor) -> Tensor:
    # Sums of views: torch's reduction over so short an axis is several times slower.
    total = legs[0]
    for leg in legs[1:]:
        total = total + leg
    return total / len(legs)


def _choose_order(frame: _Frame, radar: Radar, tolerance: float) -> _Order:
    """The longest block, and the shortest series, that keep the rms error of the paths' sum under `tolerance`."""
    wave, knots = radar.waveform, frame.knots
    times = frame.plan.starts.to(knots.device)[:, 0]
    slopes = interpolation(knots, torch.stack([times[0], times.mean(), times[-1]]))[1]
    some = slice(None, None, 1 + frame.delay.shape[1] // SAMPLE)
    gain, arrival = frame.gain[:, some], frame.arrival[:, some].reshape(frame.rx, len(knots), -1)
    weight = gain[::2].square().sum(0) + (gain[::2] + gain[1::2]).square().sum(0)
    weight = weight / weight.sum().clamp(min=1e-30)
    step = frame.plan.bandwidth / frame.plan.carrier
    departure = frame.departure[:: len(knots), some]
    spread = step * (departure - departure.mean(0)).abs().amax(0)
    drift = frame.plan.bandwidth * math.tau * (slopes @ frame.delay[:, some]).abs().amax(0).float()
    turn = (slopes.float() @ arrival).abs().amax((0, 1))
    terms = 3 if tolerance >= 5e-4 else 4

    def error(loops: int, turning: bool) -> float:
        half = loops * radar.loop_time / 2
        x, y = (drift * half + spread) / 2, turn * half
        series = (x / 2) ** terms / math.factorial(terms) / 2
        still = (y**2 / 4) ** 2 + (x * y / 4) ** 2 if turning else (y / 2) ** 2
        return float((weight * (series**2 + still)).sum().sqrt())

    turning, loops = _block_length(error, wave.loops, 0.4 * tolerance)
    # The series is tuned to the rms of its argument at the corners of the block: most of it is smaller.
    limit = float((weight * ((drift * (loops * radar.loop_time / 2) + spread) / 2) ** 2).sum().sqrt())
    edge = math.pi * (0.5 + step / math.tau * float(arrival.abs().max()))
    powers = next(n for n in range(4, 20) if 2 * (edge / 2) ** n / math.factorial(n) <= 2 * tolerance)
    return _Order(loops, turning, economised(edge, powers), economised(max(limit, 1e-3), terms))


def _block_length(error: Callable[[int, bool], float], loops: int, tolerance: float) -> tuple[bool, int]:
    """Whether to follow the turn of A, and the longest block (a halving of the frame) within the tolerance."""
    lengths = [loops]
    while lengths[-1] > 1:
        lengths.append((lengths[-1] + 1) // 2)
    with_turn, without = (next((n for n in lengths if error(n, turning) <= tolerance), 1) for turning in (True, False))
    # Following it costs a third more arithmetic; blocks half as long cost about a tenth.
    return (True, with_turn) if without <= with_turn / 4 else (False, without)


def _block(frame: _Frame, times: Tensor) -> _Block:
    knots, step = len(frame.knots), frame.plan.bandwidth / frame.plan.carrier
    values, slopes, _ = interpolation(frame.knots, times.mean())
    at, slope, fraction = interpolation(frame.knots, times)
    slot = [s for s, _, _ in frame.plan.pairs]
    transmitters = len(frame.departure) // knots
    phase = at.new_zeros(len(slot), len(times), transmitters, knots)
    center = (step * values + frame.plan.window * slopes) / transmitters
    drift = (-center).expand(phase.shape).clone()
    for row, (s, m, _) in enumerate(frame.plan.pairs):
        phase[row, :, m] = at[:, s]
        drift[row, :, m] += step * at[:, s] + frame.plan.window * slope[:, s]
    place = fraction.T[slot].flatten()
    half = (times.max() - times.min()) / 2
    eye = torch.eye(frame.rx, dtype=torch.float64, device=times.device)
    return _Block(
        times=times,
        values=values,
        slopes=slopes,
        phase=phase.float().flatten(2).flatten(0, 1),
        drift=drift.float().flatten(2).flatten(0, 1),
        fade=torch.stack([torch.ones_like(place), place], 1).float(),
        turn=torch.cat([torch.kron(eye, values[None]), torch.kron(eye, half * slopes[None])]).float(),
        offset=((times - times.mean()) / half.clamp(min=1e-12)).float().T[slot],
    )


def _block_sum(frame: _Frame, block: _Block, order: _Order) -> Tensor:
    """Samples [1, loops, slots, rx, samples] of a block."""
    delay, speed = block.values @ frame.delay, block.slopes @ frame.delay
    place = frame.plan.bandwidth * delay + frame.plan.carrier * frame.plan.window * speed
    bucket, index = place.detach().round().sort(stable=True)
    bins, counts = torch.unique_consecutive(bucket, return_counts=True)
    bounds = [0, *counts.cumsum(0).tolist()]
    state = (
        math.tau * torch.stack([place[index] - bucket, frame.plan.window * frame.plan.bandwidth * speed[index]]).float()
    )
    step = max(1, CACHE // (2 * len(order.drift) * len(block.phase)))
    size = 2 * len(order.bucket) * frame.rx
    kinds = 2 if order.turning else 1
    # Sums of A, of its change, and of A with each further power of epsilon.
    total = state.new_zeros(len(bins), kinds + len(order.drift) - 1, size, len(block.phase))
    for start in range(0, len(index), step):
        part = slice(start, start + step)
        left = _arrival_factor(frame, block, order, index[part], state[:, part])
        right = _departure_factor(frame, block, index[part], len(order.drift))
        for b in range(len(bins)):
            span = slice(max(bounds[b] - start, 0), min(bounds[b + 1] - start, right[0].shape[1]))
            if span.start < span.stop:
                _accumulate(total[b], [x[:, span] for x in left], [x[:, span] for x in right])
    return _samples(frame, block, order, bins, total)


def _accumulate(total: Tensor, left: list[Tensor], right: list[Tensor]) -> None:
    """Add the products over paths; the change of A (second half of the rows) goes with epsilon's leading power only."""
    kinds = len(left[0]) // total.shape[1]
    for q in range(len(right) // 2):
        rows = total[:kinds].flatten(0, 1) if q == 0 else total[kinds + q - 1]
        for factor, power in zip(left, right[2 * q : 2 * q + 2], strict=True):
            rows.addmm_(factor[: len(rows)], power.T)


def _departure_factor(frame: _Frame, block: _Block, index: Tensor, terms: int) -> list[Tensor]:
    """X with the gain, times the powers of 2 pi epsilon: (real, imaginary) of each power, [pairs * loops, paths]."""
    legs, gain = frame.departure.index_select(1, index), frame.gain.index_select(1, index)
    phase, drift = block.phase @ legs, block.drift @ legs
    real, imag = block.fade @ gain[:2], block.fade @ gain[2:]
    cos, sin = phase.cos(), phase.sin()
    wave = [torch.addcmul(real * cos, imag, sin, value=-1), torch.addcmul(real * sin, imag, cos)]
    for _ in range(terms - 1):
        wave += [wave[-2] * drift, wave[-1] * drift]
    return wave


def _arrival_factor(frame: _Frame, block: _Block, order: _Order, index: Tensor, state: Tensor) -> list[Tensor]:
    """A, and its change over half a block if the order has it, times the powers of 2 pi delta.

    Args:
        frame: what the blocks share.
        block: where in the frame.
        order: how many powers; their coefficients are multiplied in at the end, by `_samples`.
        index: of the paths.
        state: [2, paths] in rad: 2 pi delta without the part of the RX, and 2 pi times the coefficient of u^2.

    Returns:
        [(A, change) * powers * (real, imaginary) * rx, paths], and j times it, which goes with X's imaginary part.
    """
    angle, turn = (block.turn @ frame.arrival.index_select(1, index)).reshape(2, frame.rx, -1)
    cos, sin = angle.cos(), angle.sin()
    waves = [torch.stack([cos, sin])] + ([torch.stack([-sin * turn, cos * turn])] if order.turning else [])
    powers = [torch.stack(waves)]
    x = state[0] + angle * (frame.plan.bandwidth / frame.plan.carrier)
    for _ in order.bucket[1:]:
        powers.append(powers[-1] * x)
    # exp(j y u^2) = 1 - j y (j u)^2: the first power of y suffices (y < 0.04 at 4 m/s).
    bend = torch.stack([state[1] * sin, -state[1] * cos])
    factor = torch.stack(powers, 1)
    for r in range(2, len(powers)):
        factor[0, r] += bend * (order.bucket[r - 2] / order.bucket[r])
        bend = bend * x
    times_j = torch.stack([-factor[:, :, 1], factor[:, :, 0]], 2)
    return [factor.flatten(0, 3), times_j.flatten(0, 3)]


def _samples(frame: _Frame, block: _Block, order: _Order, bins: Tensor, sums: Tensor) -> Tensor:
    """Put the buckets' sums together: powers to orders of (j u), then times exp(j 2 pi bucket u) (j u)^order."""
    chirps, powers = block.offset.shape, len(order.bucket)
    parts = list(sums.reshape(len(bins), -1, powers, 2, frame.rx, *chirps).unbind(1))
    if order.turning:
        change = parts.pop(1)
        parts[0] = parts[0] + change * block.offset
    coefficients = sums.new_tensor(order.bucket)[:, None, None, None, None]
    total = sums.new_zeros(len(bins), powers + len(parts) - 1, 2, frame.rx, *chirps)
    for q, (scale, part) in enumerate(zip(order.drift, parts, strict=True)):
        total[:, q : q + powers] += scale * coefficients * part
    return join_orders(bins, torch.complex(total[:, :, 0], total[:, :, 1]), frame.plan.fast_time, frame.plan.pairs)
