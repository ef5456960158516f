"""The rows of the ledger that tell what synthetic data is worth on RadHAR."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.evaluation.scores import Row, Scores, row
from mmsynth.evaluation.transfer import Real, Synthetic, adapted, few_shot, train, zero_shot
from mmsynth.training.adapt import AdaptSettings

Array = NDArray[Any]
FRACTIONS = (0.01, 0.05, 0.10, 0.25, 1.0)


@dataclass(frozen=True, eq=False)
class Drawn:
    """Synthetic sets of one recipe and method, drawn with different seeds."""

    sets: tuple[Synthetic, ...]
    method: str
    facets: int


def mean(scores: Sequence[Scores]) -> float:
    """Balanced accuracy, mean over the held-out groups."""
    return float(np.mean([s.balanced_accuracy for s in scores]))


def transfer_rows(levelled: Real, drawn: Drawn) -> list[Row]:
    """Synthetic data alone, by window and by file, and with the other day's recordings unlabelled."""
    straight = [zero_shot(levelled, s, k) for k, s in enumerate(drawn.sets)]
    single = AdaptSettings(vote=False)
    tuned = [adapted(levelled, s, k, single) for k, s in enumerate(drawn.sets)]
    by_clip = [adapted(levelled, s, k, AdaptSettings()) for k, s in enumerate(drawn.sets)]
    more = {"method": drawn.method, "facets": drawn.facets}
    other = "other day's recordings, unlabelled"
    return [
        row("radhar/zero_shot", [mean(w) for w, _ in straight], "trees", note="2 s windows", **more),
        row("radhar/file_vote", [mean(c) for _, c in straight], "trees", note="20 s files, synthetic only", **more),
        row("radhar/zero_shot_adapted", [mean(w) for w, _ in tuned], "trees", note=other, **more),
        row("radhar/file_vote_adapted", [mean(c) for _, c in tuned], "trees", note=other, **more),
        row(
            "radhar/zero_shot_adapted_by_file",
            [mean(w) for w, _ in by_clip],
            "trees",
            note=f"{other}; one activity a file is known",
            **more,
        ),
    ]


def zero_shot_values(levelled: Real, drawn: Drawn) -> list[float]:
    """Zero-shot score of each set."""
    return [mean(zero_shot(levelled, s, k)[0]) for k, s in enumerate(drawn.sets)]


def few_shot_rows(real: Real, levelled: Real, drawn: Drawn, draws: int) -> Iterator[Row]:
    """Gains by a synthetic model over recordings alone, paired over draws of recordings.

    The synthetic model is the mean over all drawn sets; the real-only model is the best one: trees on all features.
    """
    forests = [train(s, levelled.classes, k) for k, s in enumerate(drawn.sets)]
    told = tuple(np.mean([f.probabilities(t) for f in forests], axis=0) for t in (levelled.dense, levelled.apart))
    for fraction in FRACTIONS:
        found = few_shot(real, (told[0], told[1]), fraction, draws)
        for model, scores in (("trees, blended", found.blended), ("trees, stacked", found.stacked)):
            gain = (scores - found.alone).mean(1)
            note = f"{found.alone.mean():.3f} -> {scores.mean():.3f}, wins {np.mean(gain > 0):.0%}"
            name = f"radhar/few_shot_gain_{round(100 * fraction)}"
            yield row(name, gain.tolist(), model, method=drawn.method, facets=drawn.facets, note=note)
