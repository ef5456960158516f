"""Which of the weakest may be left out within a budget, of many sets at once: nothing is put in order for it."""

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
