"""Which of several models, or of the simulators that they learnt from, does best on recordings without labels.

What somebody does outlasts a window of two seconds. So the answers for neighbouring windows of a recording agree where
they are right, and their mutual information is large; a model that guesses, or always says the same, has none. This is
the aim of invariant information clustering (X. Ji, J. Henriques, A. Vedaldi, ICCV 2019, equations 2 to 4), with
neighbours in time in place of altered pictures. Unlike histograms of points it sees how people move, and whether one
activity is told from another. It does not see which is called what: two labels exchanged make no difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mmsynth.calibration.errors import times_drawn
from mmsynth.calibration.quantities import Floats, stretches
from mmsynth.datasets import Clips
from mmsynth.evaluation.evaluate import met, untouched
from mmsynth.metrics import mutual_information
from mmsynth.processes import Progress
from mmsynth.training import Predictions, Run, predict

# Standard errors within which two models are not told apart.
APART = 2.0


@dataclass(frozen=True)
class Standing:
    """One of several models.

    Attributes:
        name: of it.
        consistency: mutual information of its answers for neighbouring windows, in bits.
        behind: how much less that is than the best one's.
        error: standard error of `behind`; NaN of recordings that are one short stretch.
    """

    name: str
    consistency: float
    behind: float
    error: float

    @property
    def apart(self) -> bool:
        """Whether the best is told from this one."""
        return self.behind > APART * self.error


@dataclass(frozen=True)
class Ranking:
    """Models, the most consistent first.

    Attributes:
        models: in that order.
        windows: of the recordings.
    """

    models: tuple[Standing, ...]
    windows: int

    @property
    def pick(self) -> str:
        """The most consistent one."""
        return self.models[0].name

    def text(self) -> str:
        """A line a model."""
        width = max(len(m.name) for m in self.models)
        lines = [f"{'':{width}}  consistency, bits   behind   (error)   {self.windows} windows"]
        for m in self.models:
            told = "" if m.apart else "  not told from the first"
            behind = f"{m.behind:7.3f}  ({m.error:6.3f}){told}" if m is not self.models[0] else ""
            lines.append(f"{m.name:{width}}  {m.consistency:17.3f}  {behind}".rstrip())
        return "\n".join(lines)


def answers(run: Run, recordings: Clips, progress: Progress = lambda done, total: None) -> Predictions:
    """What a run says of recordings that it has not seen; `progress` as in `predict`.

    Raises:
        ValueError: it learnt from them, or was adapted to them, which alone makes its answers for a clip agree.
    """
    clips = untouched(run, recordings)
    if any(met(run, recordings, clips)):
        raise ValueError(
            f"rank: expected recordings that no run has seen, got some that {run.folder} was trained on or adapted to: "
            "its answers for them agree whether they are right or not"
        )
    return predict(run, recordings, clips, progress=progress)


def rank(predictions: Mapping[str, Predictions]) -> Ranking:
    """Order models by how far their answers for neighbouring windows of recordings agree, whatever these show.

    Args:
        predictions: of each model by its name, for the same windows, which do not overlap.

    Raises:
        ValueError: there is no model, their windows differ, no recording has two, or no two neighbours hold points.
    """
    if not predictions:
        raise ValueError("rank: expected at least one model, got none")
    first = next(iter(predictions.values()))
    for name, said in predictions.items():
        if said.duration != first.duration or len(said) != len(first):
            raise ValueError(
                f"rank: expected windows alike, got {len(first)} of {first.duration:g} s and, by {name}, "
                f"{len(said)} of {said.duration:g} s"
            )
    if len(np.unique(first.clip)) == len(first):
        raise ValueError(
            f"rank: expected recordings of at least two windows, {2 * first.duration:g} s, got {len(first)} "
            "of one each; import them whole, not cut into windows"
        )
    counts = {name: successions(said) for name, said in predictions.items()}
    for name, own in counts.items():
        if not own.any():
            raise ValueError(f"rank: expected neighbouring windows with points, got none that count for {name}")
    found = {name: mutual_information(own.sum(0)) for name, own in counts.items()}
    size = len(counts[next(iter(counts))])
    # Everyone sees the same stretches drawn again, so that replicas are pairs.
    times = times_drawn(size, 0)
    drawn = {name: mutual_information(np.tensordot(times, own, 1)) for name, own in counts.items()}
    names = sorted(found, key=lambda name: -float(found[name]))
    best = names[0]
    models = [
        Standing(
            name,
            float(found[name]),
            float(found[best] - found[name]),
            float(np.std(drawn[best] - drawn[name])) if size > 1 else float("nan"),
        )
        for name in names
    ]
    return Ranking(tuple(models), len(first))


def successions(said: Predictions) -> Floats:
    """How often two answers [stretches, classes, classes] are of neighbouring windows of a clip that hold points.

    Both orders count, half each. Stretches of the clips are what is drawn again.
    """
    answer, size = said.probability.argmax(1), len(said.classes)
    same = said.clip[1:] == said.clip[:-1]
    owner, parts = stretches(np.concatenate([[0], np.cumsum(~same)]), said.duration)
    rows = np.flatnonzero(same & ~said.empty[1:] & ~said.empty[:-1])
    counts = np.zeros((parts, size, size))
    np.add.at(counts, (owner[rows], answer[rows], answer[rows + 1]), 0.5)
    return counts + counts.swapaxes(1, 2)
