"""The sum over paths as small matrix products: what makes synthesis fast.

Write u = (t_k - t_mid) / T, |u| <= 1/2, for fast time, B = S T, f_m = f0 + S t_mid, and tau for the delay at the middle
of the chirp's samples. Up to terms below 1e-9 cycles the phase of a path in cycles is

    f_m tau - S tau^2/2  +  u (B tau + (f_m - S tau) T tau')  +  u^2 B T tau'.

* The delay splits into a TX leg and an RX leg, and so does the first term: exp(j phase) = X(path, TX, chirp) A(path,
  RX). Slow time is cut into blocks of a few loops; A is taken at the middle of the block, with its first derivative.
* The middle term is the path's place nu on the range axis in bins. Paths are sorted into buckets one bin wide, so that
  nu = bucket + delta (block middle, RX; |delta| <= 1/2) + epsilon (drift in the block, TX; small), and each of
  exp(j 2 pi delta u), exp(j 2 pi epsilon u) is a short economised power series: its powers go with A and with X.

So for a bucket and block the sum over its paths is one product [RX * powers, paths] @ [paths, powers * chirps], and a
last product with exp(j 2 pi bucket u) (j u)^order yields the samples. All but the phase of the block's middle is
float32. The two lengths that trade cost for error, loops a block and terms of the series, follow from the paths' own
speeds and the tolerance.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.polynomial import chebyshev
from scipy.special import jv
from torch import Tensor

from mmsynth.types import Paths, Radar

TAU = 2 * math.pi
BATCH = 4096  # paths whose factors are formed at once: keeps them in the cache, and memory flat


@dataclass(frozen=True, eq=False)
class _Frame:
    """What all blocks of a frame share.

    Attributes:
        departure: phase in rad [paths, tx * knots] (float32) of TX leg plus mean RX leg, less whole turns.
        arrival: phase in rad [paths, rx, knots] (float32) of each RX leg beyond the mean one.
        gain: [paths, 2, 2] real and imaginary part of the gain at the first knot and of its change to the last.
        delay: float64 [paths, knots] of the mean legs.
        knots: s.
        carrier, bandwidth, window, middle: f_m, B, T and t_mid of the module's text.
        fast_time: u [samples].
        pairs: (slot, TX, weight) that transmit.
    """

    departure: Tensor
    arrival: Tensor
    gain: Tensor
    delay: Tensor
    knots: Tensor
    carrier: float
    bandwidth: float
    window: float
    middle: float
    fast_time: Tensor
    pairs: tuple[tuple[int, int, float], ...]


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


def interpolation(knots: Tensor, times: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of the polynomial through values at `knots`, of its slope, and the place between first and last knot.

    Args:
        knots: [knots] s, float64.
        times: [...] s, float64.

    Returns:
        values [..., knots], slopes [..., knots] in 1/s, fraction [...].
    """
    span = float(knots[-1] - knots[0]) or 1.0
    x, nodes = (times - knots[0]) / span, (knots - knots[0]) / span
    degree = torch.arange(len(knots), dtype=torch.float64, device=knots.device)
    # Powers about the middle of the frame: well conditioned for the handful of knots that a frame has.
    weights = torch.linalg.inv((2 * nodes[:, None] - 1) ** degree)
    power = (2 * x[..., None] - 1) ** degree
    slope = 2 / span * degree * (2 * x[..., None] - 1) ** (degree - 1).clamp(min=0)
    return power @ weights, slope @ weights, x


def fast_sum(paths: Paths, radar: Radar, tolerance: float) -> Tensor:
    """The sum of the module's text [loops, slots, rx, samples], complex64, per unit of gain."""
    wave, receivers = radar.waveform, paths.rx_delay.shape[1]
    if len(paths) == 0:
        shape = (wave.loops, radar.slots, receivers, wave.samples)
        return torch.zeros(shape, dtype=torch.complex64, device=paths.gain.device)
    frame = _prepare(paths, radar)
    starts = radar.chirp_times().to(frame.knots.device) + frame.middle
    with torch.no_grad():
        order = _choose_order(frame, radar, tolerance)
    return torch.cat([_block(frame, times, order) for times in torch.split(starts, order.loops)])


def _prepare(paths: Paths, radar: Radar) -> _Frame:
    wave, device = radar.waveform, paths.gain.device
    window = wave.samples / wave.sample_rate
    middle = wave.adc_start + (wave.samples - 1) / 2 / wave.sample_rate
    carrier = wave.start_frequency + wave.slope * middle
    mean_rx = paths.rx_delay.mean(1)
    delay = paths.tx_delay.mean(1) + mean_rx
    values, _, _ = interpolation(paths.knots, (paths.knots[0] + paths.knots[-1]) / 2)
    center = delay @ values
    # About `center` the phase is linear in the delay: S (change)^2 / 2 is 2e-5 cycles after 11 cm of motion.
    rate = TAU * (carrier - wave.slope * center)[:, None, None]
    turns = carrier * center - wave.slope * center**2 / 2
    offset = TAU * (turns - turns.round())[:, None, None]
    departure = rate * (paths.tx_delay + (mean_rx - center[:, None])[:, None]) + offset
    gain = torch.stack([paths.gain[:, 0], paths.gain[:, 1] - paths.gain[:, 0]], 1)
    return _Frame(
        departure=departure.float().flatten(1),
        arrival=(rate * (paths.rx_delay - mean_rx[:, None])).float(),
        gain=torch.view_as_real(gain.to(torch.complex64)),
        delay=delay,
        knots=paths.knots,
        carrier=carrier,
        bandwidth=wave.slope * window,
        window=window,
        middle=middle,
        fast_time=((wave.sample_times() - middle) / window).to(device),
        pairs=tuple((s, m, float(radar.codes[s, m])) for s, m in radar.codes.nonzero().tolist()),
    )


def economised(limit: float, terms: int) -> tuple[float, ...]:
    """Coefficients of (j x)^q, q < terms, in the truncated Chebyshev series of exp(j x) on |x| <= limit."""
    bessel = [(1 if k == 0 else 2) * 1j**k * jv(k, limit) for k in range(terms)]
    power = chebyshev.cheb2poly(np.array(bessel)) / (1j * limit) ** np.arange(terms)
    return tuple(float(p.real) for p in power)


def _choose_order(frame: _Frame, radar: Radar, tolerance: float) -> _Order:
    """The longest block, and the shortest series, that keep the rms error of the paths' sum under `tolerance`."""
    wave = radar.waveform
    times = radar.chirp_times().to(frame.knots.device)[:, 0] + frame.middle
    _, slopes, _ = interpolation(frame.knots, torch.stack([times[0], times.mean(), times[-1]]))
    slopes = slopes.float()
    weight = frame.gain[:, 0].square().sum(-1) + (frame.gain[:, 0] + frame.gain[:, 1]).square().sum(-1)
    weight = weight / weight.sum().clamp(min=1e-30)
    tx_phase = frame.departure.reshape(len(weight), -1, len(frame.knots))
    step = frame.bandwidth / frame.carrier
    spread = step * (tx_phase - tx_phase.mean(1, keepdim=True))[..., 0].abs().amax(1)
    drift = frame.bandwidth * TAU * (frame.delay.float() @ slopes.T).abs().amax(1)
    turn = (frame.arrival @ slopes.T).abs().amax((1, 2))
    terms = 3 if tolerance >= 5e-4 else 4

    def error(loops: int, turning: bool) -> float:
        half = loops * radar.loop_time / 2
        x, y = (drift * half + spread) / 2, turn * half
        series = (x / 2) ** terms / math.factorial(terms) / 2
        still = (y**2 / 4) ** 2 + (x * y / 4) ** 2 if turning else (y / 2) ** 2
        return float((weight * (series**2 + still)).sum().sqrt())

    turning, loops = _block_length(error, wave.loops, 0.5 * tolerance)
    x = (drift * (loops * radar.loop_time / 2) + spread) / 2
    limit = math.sqrt(float((weight * x**2).sum()))
    edge = math.pi * (0.5 + step / TAU * float(frame.arrival.abs().max()))
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


def _block(frame: _Frame, times: Tensor, order: _Order) -> Tensor:
    """Samples [loops, slots, rx, samples] of the chirps whose samples have their middle at `times` [loops, slots]."""
    values, slopes, _ = interpolation(frame.knots, times.mean())
    delay, speed = frame.delay @ values, frame.delay @ slopes
    place = frame.bandwidth * delay + frame.carrier * frame.window * speed  # the S tau tau' part is 1e-5 bins
    bucket, index = place.detach().round().sort(stable=True)
    bins, counts = torch.unique_consecutive(bucket, return_counts=True)
    bounds = [0, *counts.cumsum(0).tolist()]
    weights = _departure_weights(frame, times)
    plain = 2 * frame.arrival.shape[1] * len(order.bucket)
    firsts, rests, owners = [], [], []
    for start in range(0, len(index), BATCH):
        part = index[start : start + BATCH]
        delta = torch.stack([place[part] - bucket[start : start + BATCH], frame.window * frame.bandwidth * speed[part]])
        left = _arrival_factor(frame, part, (delta * TAU).float(), times, order)
        right = _departure_factor(frame, part, weights, len(order.drift))
        for b in range(len(bins)):
            low, high = max(bounds[b] - start, 0), min(bounds[b + 1] - start, len(part))
            if low < high:
                # The change of A matters to the leading power of epsilon only.
                rows, columns = left[:, low:high], right[low:high]
                firsts.append(rows @ columns[:, :2].flatten(1))
                rests.append(rows[:plain] @ columns[:, 2:].flatten(1))
                owners.append(b)
    owner = torch.tensor(owners, device=index.device)
    first, rest = (_sum_by(torch.stack(x), owner, len(bins)) for x in (firsts, rests))
    return _samples(frame, times, bins, (first, rest), order)


def _sum_by(pieces: Tensor, owner: Tensor, count: int) -> Tensor:
    """Pieces [n, ...] added up by owner into [count, ...]."""
    return pieces if len(pieces) == count else pieces.new_zeros(count, *pieces.shape[1:]).index_add(0, owner, pieces)


def _departure_weights(frame: _Frame, times: Tensor) -> tuple[Tensor, ...]:
    """Matrices [..., pairs * loops] that take departure phases to phase and 2 pi epsilon, and gain's ends to gain."""
    values, slopes, fraction = interpolation(frame.knots, times)
    middle, middle_slope, _ = interpolation(frame.knots, times.mean())
    step = frame.bandwidth / frame.carrier
    transmitters = frame.departure.shape[1] // len(frame.knots)
    phase = values.new_zeros(transmitters, len(frame.knots), len(frame.pairs), len(times))
    center = (step * middle + frame.window * middle_slope) / transmitters
    drift = (-center[:, None, None]).expand(phase.shape).clone()
    for column, (slot, m, _) in enumerate(frame.pairs):
        phase[m, :, column] = values[:, slot].T
        drift[m, :, column] += (step * values[:, slot] + frame.window * slopes[:, slot]).T
    place = fraction.T[[slot for slot, _, _ in frame.pairs]].flatten()
    phase, drift = (x.flatten(2).flatten(0, 1).float() for x in (phase, drift))
    return phase, drift, torch.stack([torch.ones_like(place), place]).float()


def _departure_factor(frame: _Frame, part: Tensor, weights: tuple[Tensor, ...], terms: int) -> Tensor:
    """X with the gain, times the powers of 2 pi epsilon: [paths, powers * 2 (real, imaginary), pairs * loops]."""
    legs = frame.departure.index_select(0, part)
    phase, drift = legs @ weights[0], legs @ weights[1]
    real, imag = (frame.gain.index_select(0, part).permute(2, 0, 1) @ weights[2]).unbind(0)
    cos, sin = phase.cos(), phase.sin()
    powers = [real * cos - imag * sin, real * sin + imag * cos]
    for _ in range(terms - 1):
        powers += [powers[-2] * drift, powers[-1] * drift]
    return torch.stack(powers, 1)


def _arrival_factor(frame: _Frame, part: Tensor, delta: Tensor, times: Tensor, order: _Order) -> Tensor:
    """A, and its change over half a block if the order has it, times the powers of 2 pi delta.

    Args:
        frame: what the blocks share.
        part: indices of the paths.
        delta: [2, paths] in rad: place in the bucket, and coefficient of u^2.
        times: of the block's chirps.
        order: its `bucket` says how many powers; the coefficients are multiplied in at the end, by `_samples`.

    Returns:
        [(A, change) * (real, imaginary) * rx * powers, paths].
    """
    values, slopes, _ = interpolation(frame.knots, times.mean())
    half = (times.max() - times.min()) / 2
    basis = torch.stack([values, half * slopes]).float()
    angle, turn = torch.einsum("dk,prk->drp", basis, frame.arrival.index_select(0, part))
    cos, sin = angle.cos(), angle.sin()
    waves = [torch.stack([cos, sin])] + ([torch.stack([-sin * turn, cos * turn])] if order.turning else [])
    pair = torch.stack(waves)  # [1 or 2, 2, rx, paths]
    x = delta[0] + angle * (frame.bandwidth / frame.carrier)
    series, powers = order.bucket, [pair]
    for _ in series[1:]:
        powers.append(powers[-1] * x)
    # exp(j y u^2) = 1 - j y (j u)^2: the first power of y suffices (y < 0.04 at 4 m/s).
    bend = delta[1] * torch.stack([pair[:, 1], -pair[:, 0]], 1)
    rows = powers[:2]
    for r in range(2, len(series)):
        rows.append(torch.add(powers[r], bend, alpha=series[r - 2] / series[r]))
        bend = bend * x
    return torch.stack(rows, 3).flatten(0, 3)


def _samples(frame: _Frame, times: Tensor, bins: Tensor, sums: tuple[Tensor, Tensor], order: _Order) -> Tensor:
    """Put the buckets' sums together: powers to orders of (j u), then times exp(j 2 pi bucket u) (j u)^order."""
    loops, slots = times.shape
    count, powers, drifts, pairs = len(bins), len(order.bucket), len(order.drift), len(frame.pairs)
    receivers = frame.arrival.shape[1]
    first = sums[0].reshape(count, -1, 2, receivers, powers, 2, pairs, loops)
    rest = sums[1].reshape(count, 2, receivers, powers, drifts - 1, 2, pairs, loops)
    real = first[:, :, 0, :, :, 0] - first[:, :, 1, :, :, 1]
    imag = first[:, :, 0, :, :, 1] + first[:, :, 1, :, :, 0]
    lead = torch.complex(real, imag)
    parts = [lead[:, 0]]
    if order.turning:
        offset = ((times - times.mean()) / ((times.max() - times.min()) / 2)).float().T
        parts[0] = parts[0] + lead[:, 1] * offset[[slot for slot, _, _ in frame.pairs]]
    tail = torch.complex(
        rest[:, 0, ..., 0, :, :] - rest[:, 1, ..., 1, :, :], rest[:, 0, ..., 1, :, :] + rest[:, 1, ..., 0, :, :]
    )
    parts += list(tail.unbind(3))
    orders = powers + drifts - 1
    total = parts[0].new_zeros(count, orders, *parts[0].shape[1:2], pairs, loops)
    coefficients = parts[0].real.new_tensor(order.bucket)[:, None, None, None]
    for q, (scale, term) in enumerate(zip(order.drift, parts, strict=True)):
        total[:, q : q + powers] += scale * coefficients * term.transpose(1, 2)
    angle = TAU * torch.remainder(bins[:, None] * frame.fast_time, 1.0)
    power = (1j * frame.fast_time) ** torch.arange(orders, device=bins.device)[:, None]
    carrier = torch.complex(angle.cos(), angle.sin())[:, None] * power
    slot_sum = _by_slot(total, frame.pairs)
    flat = slot_sum.flatten(0, 1).flatten(1).T @ carrier.to(torch.complex64).flatten(0, 1)
    return flat.reshape(-1, slots, loops, len(frame.fast_time)).permute(2, 1, 0, 3)


def _by_slot(total: Tensor, pairs: tuple[tuple[int, int, float], ...]) -> Tensor:
    """Sums [bins, orders, rx, pairs, loops] added up over the TX of a slot, with their weights (TDM: as they are)."""
    slot = [s for s, _, _ in pairs]
    weight = [w for _, _, w in pairs]
    if slot == sorted(set(slot)) and set(weight) == {1.0}:
        return total
    scaled = total * total.real.new_tensor(weight)[:, None]
    index = torch.tensor(slot, device=total.device)
    return scaled.new_zeros(*total.shape[:3], max(slot) + 1, total.shape[4]).index_add(3, index, scaled)
