"""Whether the distance to unlabelled recordings tells a good simulator from a wrong one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from mmsynth.calibration.errors import replicas
from mmsynth.calibration.quantities import distances, measure
from mmsynth.datasets import Clips


@dataclass(frozen=True)
class Ranking:
    """Simulators by name; the first is the default, used unless another is nearer.

    Attributes:
        parts: distance of each quantity to the recordings', as a share of its axis.
        accuracy: of what is trained on them.
        error: standard error of each simulator's mean distance less that of the first.
    """

    parts: Mapping[str, Mapping[str, float]]
    accuracy: Mapping[str, float]
    error: Mapping[str, float]

    @property
    def distance(self) -> dict[str, float]:
        """Mean over the quantities."""
        return {name: float(np.mean(list(own.values()))) for name, own in self.parts.items()}

    @property
    def spearman(self) -> float:
        """Rank correlation of distance and accuracy: -1 = the nearer the better, without exception."""
        found = spearmanr(list(self.distance.values()), [self.accuracy[name] for name in self.parts])
        return float(found.statistic)

    @property
    def nearest(self) -> str:
        """The simulator with the smallest distance."""
        distance = self.distance
        return min(distance, key=distance.__getitem__)

    @property
    def pick(self) -> str:
        """The nearest, if it lies nearer than the first by more than a standard error; else the first."""
        first, nearest = next(iter(self.parts)), self.nearest
        return nearest if self.distance[first] - self.distance[nearest] > self.error[nearest] else first

    def loss(self, name: str) -> float:
        """Accuracy that a simulator falls short of the best."""
        return max(self.accuracy.values()) - self.accuracy[name]


def rank(
    recordings: Clips, sets: Mapping[str, Clips], accuracy: Mapping[str, float], seconds: float, group: int = 1
) -> Ranking:
    """Distances of simulated sets to recordings, and the accuracies reached with them.

    Args:
        recordings: their labels are not looked at.
        sets: simulated clips by the simulator's name, of the same people at the same activities.
        accuracy: by the same names.
        seconds: windows that both are cut into.
        group: so many simulated clips that follow one another are one person's.
    """
    recorded = measure(recordings.points(), seconds)
    found = {name: measure(clips.points(), seconds) for name, clips in sets.items()}
    parts = {name: distances(recorded, own) for name, own in found.items()}
    drawn = {name: np.mean(list(replicas(recorded, own, group).values()), axis=0) for name, own in found.items()}
    first = next(iter(drawn.values()))
    error = {name: float(np.std(own - first)) for name, own in drawn.items()}
    return Ranking(parts, {name: accuracy[name] for name in sets}, error)
