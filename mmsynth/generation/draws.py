"""Random draws: a stream for each thing that is drawn, whatever else is drawn before it."""

from collections.abc import Sequence

import numpy as np
import torch

# What a stream of a recipe's seed is for: the first of its keys. Then comes the number of a clip (of PERSON and STYLE:
# of a person); then that of the sample, where samples of one clip differ.
PLAY, PERSON, DEVICE, STYLE, OTHERS, POINTS, GHOSTS, SURFACES, SWAY, CLUTTER = range(10)


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
