"""A run scored on a data set: table, figure, JSON."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.datasets import Clips
from mmsynth.evaluation.report import keep_report
from mmsynth.evaluation.scores import Scores, score, vote
from mmsynth.processes import Progress
from mmsynth.training import Predictions, Run, are_known, held_out, leaks, other_radar, predict
from mmsynth.view import confusion_figure

SEEN = "of these clips the run was trained on {}: the figures above do not say how it does on others"
ADAPTED = "of these clips the run was adapted to {}, without their labels: on new recordings it may do worse"
LEFT = "{} more clips are none of those that the run held out, and were not scored"


@dataclass(frozen=True)
class Report:
    """Scores of a run, by window and clip, beside those of the constant answer.

    Attributes:
        seen: clips that the run was trained on, or chosen by.
        adapted: clips that it was adapted to, without their labels.
        other_radar: a sentence if they are of another radar than those that it learnt from.
        leaks: a sentence if the split that it was trained by leaks.
        left: clips that were not scored because they are none of those that the run held out.
        short: clips that were not scored because none of them is as long as a window.
    """

    windows: Scores
    clips: Scores
    majority: Scores
    confidence: float
    seen: int = 0
    adapted: int = 0
    other_radar: str = ""
    leaks: str = ""
    left: int = 0
    short: int = 0

    def text(self) -> str:
        """The report as a table."""
        names = self.windows.classes
        width = max(10, *(len(n) for n in names))
        lines = [f"{'':24}{'accuracy':>10}{'balanced':>10}{'macro F1':>10}{'n':>8}"]
        for title, s in (("windows", self.windows), ("clips, by vote", self.clips), ("constant answer", self.majority)):
            size = int(np.sum(s.matrix))
            lines.append(f"{title:24}{s.accuracy:10.3f}{s.balanced_accuracy:10.3f}{s.macro_f1:10.3f}{size:8d}")
        lines += ["", "recall and confusion of windows (rows: true, columns: predicted)"]
        lines.append(" " * width + f"{'recall':>8}" + "".join(f"{n[:9]:>10}" for n in names))
        for name, counts in zip(names, self.windows.matrix, strict=True):
            recall = self.windows.recall[name]
            shown = "-" if np.isnan(recall) else f"{recall:.3f}"
            lines.append(f"{name:{width}}{shown:>8}" + "".join(f"{c:10d}" for c in counts))
        short = f"{self.short} clips are shorter than a window and were not scored" if self.short else ""
        return "\n".join([*lines, *warnings(self.seen, self.adapted, self.left, self.other_radar, self.leaks, short)])


def warnings(seen: int, adapted: int, left: int, *others: str) -> list[str]:
    """What stands below a report on clips that the run knows, are of another radar or of a split that leaks."""
    counted = [text.format(count) for text, count in ((SEEN, seen), (ADAPTED, adapted), (LEFT, left)) if count]
    return [line for text in (*counted, *others) if text for line in ("", text)]


def met(run: Run, dataset: Clips, clips: NDArray[Any]) -> tuple[int, int]:
    """How many of some clips a run was trained on or chosen by, and how many it was adapted to without their labels."""
    learnt, adapted = are_known(dataset, run.known.learnt, run.known.adapted)
    return int(learnt[clips].sum()), int(adapted[clips].sum())


def untouched(run: Run, dataset: Clips) -> NDArray[Any]:
    """Indices [clips] to score a run on: those that it held out, and all of files that it knows no clip of.

    Where it held out none of them, all.
    """
    held = held_out(dataset, run.recipe.data)
    if not held.any():
        return np.arange(len(dataset))
    part = dataset.part
    other = ~np.isin(part, part[held])
    if other.any():
        known = np.logical_or(*are_known(dataset, run.known.learnt, run.known.adapted))
        other &= ~np.isin(part, part[known])
    return np.flatnonzero(held | other)


def evaluate(run: Run, dataset: Clips, out: Path | str, progress: Progress = lambda done, total: None) -> Report:
    """Score a run on labelled clips; writes `report.txt`, `report.json` and `confusion.png` into the folder `out`.

    Of clips some of which the run held out, those alone count, and all of files that it knows no clip of (`untouched`):
    the others it may have seen. Clips whose activity the run does not know are refused, clips without a label are left
    out. `progress` is called with (windows done, windows in all).

    Raises:
        ValueError: there is no labelled window, or an activity is unknown to the run.
    """
    clips = untouched(run, dataset)
    found = predict(run, dataset, clips, progress=progress)
    report = score_predictions(found)
    (seen, adapted), other = met(run, dataset, clips), other_radar(run, dataset)
    about: dict[str, Any] = {"seen": seen, "adapted": adapted, "other_radar": other, "leaks": leaks(run.recipe.data)}
    about |= {"left": len(dataset) - len(clips), "short": len(clips) - len(set(found.clip))}
    report = replace(report, **about)
    content = {name: getattr(report, name).table() for name in ("windows", "clips", "majority")}
    content |= {"confidence": report.confidence, **about}
    figure = confusion_figure(np.asarray(report.windows.matrix), report.windows.classes)
    keep_report(Path(out, "report.txt"), Path(out, "confusion.png"), report.text(), content, figure)
    return report


def score_predictions(predictions: Predictions) -> Report:
    """Scores of predictions whose truth is known.

    Raises:
        ValueError: none has a label, or a label is not among the classes.
    """
    known = predictions.truth.astype(str) != ""
    if not known.any():
        raise ValueError("evaluate: expected labelled windows of at least one clip, got none")
    truth_names, p = predictions.truth[known].astype(str), predictions.probability[known]
    strange = sorted(set(truth_names.tolist()) - set(predictions.classes))
    if strange:
        raise ValueError(f"evaluate: the run knows {', '.join(predictions.classes)}; got clips of {', '.join(strange)}")
    truth = np.array([predictions.classes.index(t) for t in truth_names.tolist()])
    voted, first = vote(p, predictions.clip[known])
    constant = np.full(len(truth), np.bincount(truth).argmax())
    return Report(
        windows=score(truth, p.argmax(1), predictions.classes),
        clips=score(truth[first], voted.argmax(1), predictions.classes),
        majority=score(truth, constant, predictions.classes),
        confidence=float(p.max(1).mean()),
    )
