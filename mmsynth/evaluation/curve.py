"""The ledger's rows on what synthetic data is worth on RadHAR."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmsynth.evaluation.protocol import folds
from mmsynth.evaluation.scores import Row, Scores, mean, row
from mmsynth.evaluation.transfer import Real, Synthetic, adapted, self_trained, zero_shot
from mmsynth.training.adapt import AdaptSettings


@dataclass(frozen=True, eq=False)
class Drawn:
    """Synthetic sets of one recipe and method, drawn with different seeds; of so many clips each."""

    sets: tuple[Synthetic, ...]
    method: str
    facets: int
    clips: int


def transfer_rows(real: Real, drawn: Drawn, naive: Drawn | None = None) -> list[Row]:
    """Synthetic data alone, by window and by file, and with the other day's recordings unlabelled.

    With `naive`, the same people, motions and places by a naive method, in the order of the drawn sets: also by how
    much the simulated chain is better.
    """
    straight = [zero_shot(real, s, k) for k, s in enumerate(drawn.sets)]
    single = AdaptSettings(vote=False)
    tuned = [adapted(real, s, k, single) for k, s in enumerate(drawn.sets)]
    by_clip = [adapted(real, s, k, AdaptSettings()) for k, s in enumerate(drawn.sets)]
    more = {"method": drawn.method, "facets": drawn.facets}
    other = "other day's recordings, unlabelled"
    days = _by_day(real, [w for w, _ in straight])
    rows = [
        row("radhar/zero_shot", [mean(w) for w, _ in straight], "trees", note=f"2 s windows; {days}", **more),
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
    if naive is not None:
        rows.append(_chain_row(real, drawn, [w for w, _ in straight], naive))
    return rows


def _chain_row(real: Real, drawn: Drawn, scores: Sequence[list[Scores]], naive: Drawn) -> Row:
    """What the chain is worth: the zero-shot `scores` of its sets less those of the naive ones."""
    bare = [zero_shot(real, s, k)[0] for k, s in enumerate(naive.sets)]
    pairs = zip(scores, bare, strict=False)
    gains = np.array([[a.balanced_accuracy - b.balanced_accuracy for a, b in zip(*p, strict=True)] for p in pairs])
    days = ", ".join(f"{g:+.3f} on {fold.name}" for g, fold in zip(gains.mean(0), folds(real.data), strict=True))
    note = f"{drawn.method} less {naive.method}, same motions and trees; {days}"
    more = {"method": naive.method, "facets": drawn.facets, "note": note}
    return row("radhar/chain_minus_naive", gains.mean(1).tolist(), "trees", **more)


def blind_rows(real: Real, drawn: Drawn) -> list[Row]:
    """Synthetic data of people whose style and place are not known, alone and with recordings that have no labels."""
    alone = [zero_shot(real, s, k) for k, s in enumerate(drawn.sets)]
    other, own = ([self_trained(real, s, k, which) for k, s in enumerate(drawn.sets)] for which in (False, True))
    about = {
        "": (alone, "nothing known of style and place"),
        "_unlabelled": (other, "the same, and the other day's recordings, unlabelled"),
        "_unlabelled_own": (own, "the same, and the recordings that are scored, unlabelled"),
    }
    more = {"method": drawn.method, "facets": drawn.facets}
    rows = []
    for name, (scores, note) in about.items():
        windows, files = ([pair[k] for pair in scores] for k in (0, 1))
        for part, found in (("zero_shot", windows), ("file_vote", files)):
            values, days = [mean(s) for s in found], _by_day(real, found)
            title, model = f"radhar/{part}_blind{name}", f"trees, {drawn.clips} clips"
            rows.append(row(title, values, model, note=f"{note}; {days}", **more))
    return rows


def _by_day(real: Real, scores: Sequence[Sequence[Scores]]) -> str:
    """The mean over sets on each of the held-out groups, in words."""
    found = np.mean([[s.balanced_accuracy for s in own] for own in scores], 0)
    return ", ".join(f"{value:.3f} on {fold.name}" for fold, value in zip(folds(real.data), found, strict=True))
