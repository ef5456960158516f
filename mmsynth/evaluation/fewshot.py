"""How much fewer recordings are needed with synthetic data: a whole curve over the share that is trained on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth import metrics
from mmsynth.evaluation.protocol import Corpus, folds
from mmsynth.evaluation.report import keep_report, without_nan
from mmsynth.evaluation.scores import Row, row
from mmsynth.evaluation.transfer import Real, Synthetic, base_of, few_shot
from mmsynth.processes import Progress
from mmsynth.view import curve_figure

Array = NDArray[Any]
SHARES = (0.01, 0.05, 0.10, 0.25, 1.0)


@dataclass(frozen=True, eq=False)
class Curve:
    """Scores over shares of the recordings.

    Attributes:
        shares: of the recordings; 0 = none.
        groups: names of what is held out in turn.
        scores: name of an arm -> score [shares, repetitions, groups]; NaN = not known.
        model: that was trained.
        score: what the numbers are.
        errors: they are errors, of which less is better.
    """

    shares: tuple[float, ...]
    groups: tuple[str, ...]
    scores: Mapping[str, Array]
    model: str
    score: str = "balanced accuracy"
    errors: bool = False

    @property
    def arms(self) -> dict[str, Array]:
        """Name of an arm -> score [shares, repetitions], mean over the held-out groups."""
        return {name: values.mean(-1) for name, values in self.scores.items()}

    def text(self) -> str:
        """The curve as tables: mean and spread of each arm, over all held-out groups and in each."""
        each = {name: {arm: v[..., k] for arm, v in self.scores.items()} for k, name in enumerate(self.groups)}
        tables = {f"mean of {len(self.groups)}": self.arms, **each}
        return "\n".join(self._table(name, arms) for name, arms in tables.items())

    def _table(self, title: str, arms: Mapping[str, Array]) -> str:
        lines = [f"{title:12}" + "".join(f"{name:>24}" for name in arms)]
        for k, share in enumerate(self.shares):
            cells = [_told(v[k]) for v in arms.values()]
            lines.append(f"{f'{100 * share:g} %':>12}" + "".join(f"{c:>24}" for c in cells))
        return "\n".join(lines)

    def save(self, out: Path, about: Mapping[str, Any] | None = None) -> None:
        """Write `curve.txt`, `curve.json` and `curve.png` into the folder `out`."""
        arms, scores = without_nan(self.arms), without_nan(self.scores)
        content = {"model": self.model, "score": self.score, "shares": self.shares, "arms": arms}
        content |= {"groups": self.groups, "scores": scores, **(about or {})}
        drawn = {name: (v.mean(1), np.array([_spread(r) for r in v])) for name, v in self.arms.items()}
        figure = curve_figure(self.shares, drawn, self.score, self.model)
        keep_report(out / "curve.txt", out / "curve.png", self.text(), content, figure)

    def best(self, arms: Sequence[str]) -> list[str]:
        """The one of `arms` that does best at each share, in the mean over repetitions and groups."""
        best = min if self.errors else max
        return [best(arms, key=lambda arm: float(self.scores[arm][k].mean())) for k in range(len(self.shares))]

    def rows(self, *baselines: str, **more: Any) -> list[Row]:
        """The gain of each arm with synthetic data at each share, paired by repetition, as rows of the ledger.

        Args:
            baselines: arms without synthetic data; of several, each share is compared with the one that is best there
                over all groups, also in each of them.
            more: of each row.
        """
        found, over = [], ", over the best real-only" if len(baselines) > 1 else ""
        for share, name, alone, values in self._pairs(baselines):
            about = [self._gain(alone.mean(1), values.mean(1))]
            about += [f"{g}: {self._gain(alone[:, j], values[:, j])}" for j, g in enumerate(self.groups)]
            note = "; ".join([*about, *filter(None, [more.get("note")])])
            title, gain = f"radhar/few_shot_gain_{round(100 * share)}", (values - alone).mean(1).tolist()
            found.append(row(title, gain, f"{self.model}, {name}{over}", **{**more, "note": note}))
        return found

    def gains(self, arm: str, *baselines: str) -> str:
        """The gain of an arm at each share, paired by repetition, a line each; baselines as in `rows`."""
        lines = []
        for share, name, alone, values in self._pairs(baselines):
            gain = (values - alone).mean(1)
            if name == arm:
                said = f"{gain.mean():+.3f} +- {_spread(gain):.3f} by synthetic clips"
                lines.append(f"{f'{100 * share:g} %':>12}  {said}, {self._gain(alone.mean(1), values.mean(1))}")
        return "\n".join(lines)

    def _pairs(self, baselines: Sequence[str]) -> Iterator[tuple[float, str, Array, Array]]:
        """Share, name of an arm with synthetic data, scores [repetitions, groups] of the best baseline and of it."""
        best = self.best(baselines)
        for name, values in self.scores.items():
            for k, share in enumerate(self.shares):
                alone = self.scores[best[k]][k]
                # At share 0 the baseline is not known.
                if not name.startswith("real") and np.isfinite(values[k] - alone).all():
                    yield share, name, alone, values[k]

    def _gain(self, alone: Array, values: Array) -> str:
        """The mean over repetitions without and with synthetic data, and how often it is better, in words."""
        wins = values < alone if self.errors else values > alone
        return f"{alone.mean():.3f} -> {values.mean():.3f}, wins {np.mean(wins):.0%}"


def _told(values: Array) -> str:
    """Mean and spread over repetitions; "-" where they are not known."""
    return f"{np.mean(values):.3f} +- {_spread(values):.3f}" if np.isfinite(values).all() else "-"


def _spread(values: Array) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def tree_curve(
    real: Real,
    sets: Sequence[Synthetic],
    draws: Sequence[int],
    progress: Progress,
    shares: Sequence[float] = SHARES,
    rest: bool = False,
) -> Curve:
    """Trees on each share of the recordings, alone, stacked and blended with the mean of trees on the synthetic sets.

    Args:
        real: recordings.
        sets: synthetic ones.
        draws: seeds of the draws of recordings at each share.
        progress: called with (shares done, shares in all).
        shares: of the recordings.
        rest: learn from the other recordings of the training groups too, without their labels, see `few_shot`.
    """
    base = base_of(real, sets)
    names = ("real alone", "stacked", "blended")
    held = list(folds(real.data))
    table = np.full((3, len(shares) + 1, len(draws), len(held)), np.nan)
    table[1:, 0] = [balanced_score(real.data, fold.test, base[1][fold.test]) for fold in held]
    for k, share in enumerate(shares):
        found = few_shot(real, base, share, draws, rest)
        table[:, k + 1] = found.alone, found.stacked, found.blended
        progress(k + 1, len(shares))
    model = "trees, the rest unlabelled" if rest else "trees"
    return Curve((0.0, *shares), tuple(f.name for f in held), dict(zip(names, table, strict=True)), model)


def balanced_score(real: Corpus, test: Array, probabilities: Array) -> float:
    """Balanced accuracy of probabilities [windows, classes] of the windows of `test`, a mask over those of `apart`."""
    truth = real.apart.labels(real.classes)[test]
    return metrics.balanced_accuracy(metrics.confusion(truth, probabilities.argmax(1), len(real.classes)))
