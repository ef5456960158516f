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

import torch
from torch import Tensor

from mmsynth.simulation.synthesis.buckets import POWERS, bucket_sums
from mmsynth.simulation.synthesis.plan import BLOCK, Group, Plan, groups_of, plan_of
from mmsynth.simulation.synthesis.records import Record, record_of
from mmsynth.simulation.synthesis.series import economised, join_orders
from mmsynth.types import Paths, Radar

WIDEST = 0.65  # bins from the middle of a bucket to the farthest of its places, beyond which the frame is halved


def spread_sum(paths: Paths, radar: Radar, tolerance: float, runs: Sequence[slice]) -> Tensor:
    """The sum of `products.fast_sum`, by the kernels, of each frame [frames, loops, slots, rx, samples].

    `runs` are the loops between one gain of the paths and the next.
    """
    knots, times = tuple(paths.knots.tolist()), paths.gain_times.tolist()
    plan = plan_of(radar, knots, paths.gain.device)
    record = record_of(paths, plan)
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
        groups = groups_of(radar, knots, loops, stretch, paths.gain.device)
        found += [_group_sum((record, gain), plan, group, accuracy) for group in groups]
    return found[0] if len(found) == 1 else torch.cat(found, 1)


def _group_sum(paths: tuple[Record, Tensor], plan: Plan, group: Group, accuracy: tuple[float, float]) -> Tensor:
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
    total = bucket_sums(rows, plan, group, (bounds, series, tolerance))
    orders = torch.complex(total[..., 0, :], total[..., 1, :]).flatten(4)[..., : group.loops]
    orders = orders * orders.real.new_tensor(series)[:, None, None, None]
    return join_orders(bins, orders, plan.fast_time, plan.pairs)


def _by_bucket(bucket: Tensor, record: Record) -> tuple[Tensor, Tensor, Tensor]:
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
