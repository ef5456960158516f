"""Whether the distance to unlabelled recordings tells a good simulator from a wrong one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from mmsynth.calibration.quantities import distances, measure
from mmsynth.datasets import Clips


@dataclass(frozen=True)
class Ranking:
    """Simulators by name.

    Attributes:
        parts: distance of each quantity to the recordings', as a share of its axis.
        accuracy: of what is trained on them.
    """

    parts: Mapping[str, Mapping[str, float]]
    accuracy: Mapping[str, float]

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
    def pick(self) -> str:
        """The simulator with the smallest distance."""
        distance = self.distance
        return min(distance, key=distance.__getitem__)

    @property
    def loss(self) -> float:
        """Accuracy that the pick falls short of the best."""
        return max(self.accuracy.values()) - self.accuracy[self.pick]


def rank(recordings: Clips, sets: Mapping[str, Clips], accuracy: Mapping[str, float], seconds: float) -> Ranking:
    """Distances of simulated sets beside the accuracies that were found with them.

    Args:
        recordings: their labels are not looked at.
        sets: simulated clips by the simulator's name.
        accuracy: by the same names.
        seconds: windows that both are cut into.
    """
    recorded = measure(recordings.points(), seconds)
    parts = {name: distances(recorded, measure(clips.points(), seconds)) for name, clips in sets.items()}
    return Ranking(parts, {name: accuracy[name] for name in sets})
