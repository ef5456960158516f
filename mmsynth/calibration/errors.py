"""How sure distances of histograms are: clips, which are few, are drawn again.

A distance of samples is never zero, even of a simulator that is right, and it moves with who happens to be in a set.
Both come from the bootstrap over whole clips (B. Efron and R. Tibshirani, An Introduction to the Bootstrap, 1993,
section 8.4): recordings are drawn again by clip, simulated clips by person. Every call draws alike, so that replicas of
two simulated sets of the same people are pairs, and the error of their difference is smaller than that of each. One
clip, or one person, says nothing of others: replicas are NaN then.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmsynth.calibration.quantities import Floats, Ints, Measured, Quantity, distances, recorded_quantities

DRAWS = 400
# Standard errors by which what is tried must gain, as a distance must to be said to fall: with one, what gains nothing
# would be taken in 16 % of searches.
SURE = 2.0


@dataclass(frozen=True)
class Distance:
    """How far one histogram lies from the recordings', as a share of its axis, on people that the search has not seen.

    Attributes:
        before, after: calibration.
        error: standard error of their difference; NaN with one recording or one person.
        floor: what a simulator that is right would have on average, with clips as few as these; NaN likewise.
    """

    before: float
    after: float
    error: float
    floor: float

    @property
    def verdict(self) -> str:
        """Whether it fell or rose, or by no more than two standard errors."""
        if not math.isfinite(self.error):
            return "error not known"
        if abs(self.after - self.before) <= 2 * self.error:
            return "no change beyond error"
        return "falls" if self.after < self.before else "rises"


@dataclass(frozen=True)
class Apart:
    """How far each histogram lies from that of recordings, by name; and with clips drawn again [DRAWS]."""

    far: Mapping[str, float]
    drawn: Mapping[str, Floats]

    def loss(self, names: Sequence[str] = ()) -> float:
        """Mean distance of some histograms, or of all."""
        return float(np.mean([self.far[name] for name in names or self.far]))

    def losses(self, names: Sequence[str] = ()) -> Floats:
        """The same with clips drawn again [DRAWS]."""
        found: Floats = np.mean([self.drawn[name] for name in names or self.drawn], axis=0)
        return found


def apart(recorded: Measured, simulated: Measured, group: int = 1) -> Apart:
    """How far simulated clips are from recordings; arguments as of `replicas`."""
    return Apart(distances(recorded, simulated), replicas(recorded, simulated, group))


def better(other: Apart, own: Apart, names: Sequence[str] = (), sure: float = SURE) -> bool:
    """Whether others lie nearer by more than so many errors of the difference, in some histograms or in all."""
    return other.loss(names) - own.loss(names) < -sure * float(np.std(other.losses(names) - own.losses(names)))


def compare(recorded: Measured, before: Measured, after: Measured, group: int = 1) -> dict[str, Distance]:
    """Distances to the recordings before and after, and how sure their difference is.

    Args:
        recorded: as `measure` gives it.
        before: likewise, of simulated clips.
        after: likewise, of the same people at the same activities, in one order.
        group: so many simulated clips that follow one another are one person's.
    """
    values = [distances(recorded, m) for m in (before, after)]
    drawn = [replicas(recorded, m, group) for m in (before, after)]
    chance = floors(recorded, after, group)
    return {
        name: Distance(
            values[0][name],
            values[1][name],
            float(np.std(drawn[1][name] - drawn[0][name])),
            chance[name],
        )
        for name in values[0]
    }


def replicas(recorded: Measured, simulated: Measured, group: int = 1) -> dict[str, Floats]:
    """Distance of each quantity, as a share of its axis, with clips drawn again [DRAWS].

    Args:
        recorded: as `measure` gives it.
        simulated: likewise.
        group: so many simulated clips that follow one another are one person's.
    """
    found = {}
    for quantity, (real, own) in _shares(recorded, simulated, group).items():
        some = len(simulated[quantity.name]) > 0
        found[quantity.name] = np.abs(np.cumsum(own[1:] - real[1:], 1)).mean(1) if some else np.ones(DRAWS)
    return found


def floors(recorded: Measured, simulated: Measured, group: int = 1) -> dict[str, float]:
    """The distance that each quantity would have on average if the simulator were right, with clips as few as these."""
    found = {}
    for quantity, (real, own) in _shares(recorded, simulated, group).items():
        noise = (own[1:] - own[0]) - (real[1:] - real[0])
        found[quantity.name] = float(np.abs(np.cumsum(noise, 1)).mean())
    return found


def drawn_again(quantity: Quantity, measured: Measured, group: int, seed: int) -> Floats:
    """Histograms [1 + DRAWS, bins] of all clips, and of as many drawn with replacement; NaN where there is one.

    Args:
        quantity: one that was measured.
        measured: as `measure` gives it.
        group: so many clips that follow one another are drawn together.
        seed: sets of one seed are drawn alike.
    """
    counts = quantity.counts(measured[quantity.name])
    counts = np.add.reduceat(counts, np.arange(0, len(counts), group))
    found: Floats = np.concatenate([np.ones((1, len(counts))), times_drawn(len(counts), seed)]) @ counts
    if len(counts) < 2:
        found[1:] = np.nan
    return found


def times_drawn(count: int, seed: int) -> Ints:
    """How often each of `count` things is drawn [DRAWS, count] when as many are drawn with replacement."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), DRAWS)


def _shares(recorded: Measured, simulated: Measured, group: int) -> dict[Quantity, tuple[Floats, Floats]]:
    """Share of each bin [1 + DRAWS, bins] of recordings and simulated clips: as they are, then drawn again."""
    each = {
        q: (drawn_again(q, recorded, 1, 0), drawn_again(q, simulated, group, 1)) for q in recorded_quantities(recorded)
    }
    return {q: tuple(c / np.maximum(c.sum(1, keepdims=True), 1) for c in counts) for q, counts in each.items()}
