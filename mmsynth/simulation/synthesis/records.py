"""The paths of a frame as numbers for the kernel that adds them up: phases of each leg, from float64 delays."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.kernels.lanes import GEOMETRY, LANES
from mmsynth.simulation.kernels.launch import FUSED, launch, native
from mmsynth.simulation.synthesis.plan import Plan, share_of
from mmsynth.types import Paths


@dataclass(frozen=True, eq=False)
class Record:
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


_SNIPPET = (
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
def records_kernel(knots: int) -> Any:
    """The kernel for so many knots."""

    @native(
        f"constexpr int KNOTS = {knots}; constexpr double TAU = {math.tau!r};" + _SNIPPET,
        "thread",
        module="unique",
        module_options=FUSED,
    )
    def records(
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

    return records


def record_of(paths: Paths, plan: Plan) -> Record:
    """The numbers of paths."""
    device, (count, tx, knots) = paths.gain.device, paths.tx_delay.shape
    rows = torch.empty(count, 5 + (tx + paths.rx_delay.shape[1]) * knots, dtype=torch.float32, device=device)
    delay = torch.empty(knots, count, dtype=torch.float64, device=device)
    base, reach = delay.new_empty(count), torch.empty(count, 2, dtype=torch.float32, device=device)
    scalars = delay.new_tensor([plan.carrier, plan.slope, plan.bandwidth])
    inputs = [paths.tx_delay.contiguous(), paths.rx_delay.contiguous(), plan.middle, scalars, rows, delay, base, reach]
    launch(records_kernel(knots), -(-count // share_of(device)[0]), inputs, device)
    drift = plan.bandwidth * float((plan.ends @ delay).abs().max())
    reaches = (0.5 + plan.bandwidth / plan.carrier / math.tau * float(reach.amax(0).sum()), drift)
    return Record(rows, delay, base, paths.frame, paths.frames, reaches)
