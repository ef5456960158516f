"""Random draws: a stream for each thing that is drawn, whatever else is drawn before it; and what is drawn from."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch

# What a stream of a recipe's seed is for: the first of its keys. Then comes the number of a clip (of PERSON and STYLE:
# of a person); then that of the sample, where samples of one clip differ.
PLAY, PERSON, DEVICE, STYLE, OTHERS, POINTS, GHOSTS, SURFACES, SWAY, CLUTTER, EDITS, PICTURES = range(12)

Range = tuple[float, float]
# Of a distribution, evenly spaced from its least value to its greatest: two are a uniform range.
Quantiles = tuple[float, ...]
RAD = " rad (in degrees: the same key with _deg)"


def check_range(name: str, value: Quantiles, low: float, high: float, unit: str = "") -> None:
    """Refuse a range that does not rise from `low` or more to `high` or less.

    Raises:
        ValueError: it does not; the sentence begins with `name`.
    """
    rising = all(a <= b for a, b in pairwise(value))
    if not (len(value) > 1 and rising and low <= value[0] and value[-1] <= high):
        raise ValueError(f"{name}: expected [low, high] within {low:g} to {high:g}{unit}, rising, got {list(value)}")


# Of a motion, and of the edits of motion files.
Draws = tuple[torch.Generator, torch.Generator]


def stream(seed: int, *keys: int) -> torch.Generator:
    """The random stream of (seed, keys): independent streams for different keys, whatever the order of use."""
    state = np.random.SeedSequence([seed, *keys]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) >> 1)


def uniform(bounds: Sequence[float], draw: torch.Generator) -> float:
    """A number of the range; of more than two bounds, from between any two neighbours as often."""
    along = (len(bounds) - 1) * float(torch.rand((), generator=draw, dtype=torch.float64))
    part = min(int(along), len(bounds) - 2)
    return bounds[part] + (bounds[part + 1] - bounds[part]) * (along - part)


def integer(count: int, draw: torch.Generator) -> int:
    """A whole number below `count`."""
    return int(torch.randint(count, (), generator=draw))
