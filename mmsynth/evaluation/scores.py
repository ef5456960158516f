"""What a prediction is worth: the numbers of one confusion matrix, and the rows of the ledger."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth import metrics
from mmsynth.evaluation.report import without_nan
from mmsynth.resources import commit
from mmsynth.whole import whole


@dataclass(frozen=True)
class Scores:
    """Scores of a classifier: `matrix` has true classes as rows, predicted ones as columns."""

    classes: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]

    @property
    def accuracy(self) -> float:
        """Fraction right."""
        return metrics.accuracy(self.matrix)

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall over the classes that occur."""
        return metrics.balanced_accuracy(self.matrix)

    @property
    def macro_f1(self) -> float:
        """Mean F1 over the classes."""
        return metrics.macro_f1(self.matrix)

    @property
    def recall(self) -> dict[str, float]:
        """Fraction found of each class."""
        return dict(zip(self.classes, metrics.recall(self.matrix).tolist(), strict=True))

    def table(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        return {
            "classes": list(self.classes),
            "windows": int(np.sum(self.matrix)),
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            "macro_f1": self.macro_f1,
            "recall": without_nan(self.recall),
            "confusion": [list(row) for row in self.matrix],
        }


def score(truth: NDArray[Any], predicted: NDArray[Any], classes: Sequence[str]) -> Scores:
    """Scores of predicted class indices [n] against true ones [n]."""
    matrix = metrics.confusion(truth, predicted, len(classes))
    return Scores(tuple(classes), tuple(tuple(int(c) for c in row) for row in matrix))


def mean(scores: Sequence[Scores]) -> float:
    """Balanced accuracy, mean over the held-out groups that the scores are of."""
    return float(np.mean([s.balanced_accuracy for s in scores]))


def vote(probabilities: NDArray[Any], clip: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Class probabilities [clips, classes] by the product of those of a clip's windows; its first window [clips].

    A thousandth is added to each, so that no window alone decides.
    """
    _, first, index = np.unique(clip.astype(str), return_index=True, return_inverse=True)
    total = np.zeros((len(first), probabilities.shape[1]))
    np.add.at(total, index, np.log(probabilities + 1e-3))
    share = np.exp(total - total.max(1, keepdims=True))
    return share / share.sum(1, keepdims=True), first


@dataclass(frozen=True)
class Row:
    """One line of the ledger `training/results.json`.

    Attributes:
        experiment: name, such as "radhar/zero_shot".
        value: mean over the repetitions.
        spread: their standard deviation.
        n: how many there are (seeds, re-drawn synthetic sets or draws of files).
        model: what was trained.
        method: of the simulator ("facets", "points" ...); empty where no synthetic data is in it.
        facets: of the simulated body.
        command: that prints it again.
        commit: of the code.
        note: what a reader must know.
    """

    experiment: str
    value: float
    spread: float
    n: int
    model: str
    method: str = ""
    facets: int = 0
    command: str = ""
    commit: str = ""
    note: str = ""


def row(experiment: str, values: Sequence[float], model: str, **more: Any) -> Row:
    """The row of an experiment from its repetitions."""
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Row(experiment, float(np.mean(values)), spread, len(values), model, **more)


def signed(rows: Sequence[Row], script: str, arguments: Sequence[str]) -> list[Row]:
    """The rows with the command that printed them and the commit of the code."""
    command = f"python {script} {shlex.join(arguments)}"
    return [replace(r, command=command, commit=commit()) for r in rows]


def text_table(rows: Sequence[Row]) -> str:
    """The rows as an aligned table."""
    lines = [("experiment", "value", "spread", "n", "model", "method", "facets", "note")]
    lines += [
        (r.experiment, f"{r.value:.3f}", f"{r.spread:.3f}", str(r.n), r.model, r.method or "-", str(r.facets), r.note)
        for r in rows
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def update_ledger(path: Path, rows: Sequence[Row]) -> None:
    """Put rows into the JSON ledger, replacing older ones of the same experiment, model, method and mesh."""
    old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    table = {(r["experiment"], r["model"], r["method"], r["facets"]): r for r in [*old, *map(asdict, rows)]}
    text = json.dumps(sorted(table.values(), key=lambda r: (r["experiment"], r["model"], r["method"])), indent=1)
    with whole(path) as (part,):
        part.write_text(text + "\n", encoding="utf-8")
