"""Which of the weakest may be left out when what they hold together stays within a budget of power."""

import torch
from torch import Tensor

# Steps of a sixteenth of an octave that a positive number in single precision may be in, and its bits within one.
STEPS, SHIFT = 4096, 19


def least(sets: list[tuple[Tensor, Tensor, Tensor]], budget: Tensor) -> Tensor:
    """The amplitude [frames] (float32) that counts at least, when weaker ones of all sets hold up to a budget of power.

    The budget is spent to a sixteenth of an octave.

    Args:
        sets: amplitudes (float32), the frame of each (int32), and in how many paths it is there; they broadcast.
        budget: [frames] of power.
    """
    held = budget.new_zeros(len(budget) * STEPS, dtype=torch.float64)
    for amplitude, frame, times in sets:
        # The bits of numbers above zero have their order.
        step = (amplitude.contiguous().view(torch.int32) >> SHIFT) + frame * STEPS
        held += torch.bincount(step.flatten(), (amplitude.square() * times).flatten(), len(held))
    gone = (held.reshape(len(budget), -1).cumsum(1) <= budget[:, None]).sum(1).clamp(1, STEPS - 1)
    return (gone << SHIFT).to(torch.int32).view(torch.float32)


def strongest(gain: Tensor, frame: Tensor | None = None, *, drop: float = 0.0, budget: float = 0.0) -> Tensor:
    """Indices of the paths that stay when the weakest of each frame go, exactly to the budget.

    Args:
        gain: [paths, gains].
        frame: [paths] that of each path, in order; None = there is one.
        drop: fraction of the power of a frame's paths that those which go may hold together,
        budget: and power gain on top of it.
    """
    # A product with ones: torch's sum over so short an axis takes ten times as long.
    parts = torch.view_as_real(gain.detach().to(torch.complex64)).flatten(1)
    power = (parts.square() @ parts.new_ones(parts.shape[1])).to(torch.float64)
    owner = torch.zeros_like(power, dtype=torch.int64) if frame is None else frame
    if len(power) == 0:
        return owner
    whole = power.new_zeros(int(owner[-1]) + 1).index_add_(0, owner, power)
    limit = drop * whole + torch.tensor(budget)
    # One that alone exceeds the budget stays: few are left to be put in order, by frame and then by power.
    weak = (power < limit.index_select(0, owner)).nonzero()[:, 0]
    # The bits of numbers above zero have their order, and torch sorts whole numbers several times as fast.
    bits = power.to(torch.float32).view(torch.int32).index_select(0, weak).to(torch.int64)
    weak = weak.index_select(0, ((owner.index_select(0, weak) << 32) | bits).argsort())
    own, of = power.index_select(0, weak), owner.index_select(0, weak)
    before = whole.new_zeros(len(whole)).index_add_(0, of, own)
    before = before.cumsum(0) - before
    gone = own.cumsum(0) - before.index_select(0, of) < limit.index_select(0, of)
    keep = torch.ones_like(power, dtype=torch.bool).index_fill_(0, weak[gone], False)
    return keep.nonzero()[:, 0]
