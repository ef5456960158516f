"""How much fewer recordings are needed with synthetic data: a whole curve over the share that is trained on."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmsynth import metrics
from mmsynth.evaluation.curve import Drawn
from mmsynth.evaluation.protocol import Corpus, draw_rows, folds
from mmsynth.evaluation.scores import Row, row
from mmsynth.evaluation.transfer import PSEUDO_WINDOWS, Real, few_shot, train
from mmsynth.training.loop import Material, train_network
from mmsynth.training.recipe import Data, Optimise, Recipe
from mmsynth.training.run import NetworkModel, Targets, keep_run, load_run
from mmsynth.training.windows import Windows
from mmsynth.view import curve_figure, save_figure

Array = NDArray[Any]
Progress = Callable[[int, int], None]
SHARES = (0.01, 0.05, 0.10, 0.25, 1.0)


@dataclass(frozen=True)
class NetworkPlan:
    """What is trained at each share of the recordings.

    Attributes:
        model: network.
        steps: of the optimiser in all, with and without synthetic data.
        pretrain_steps: of these on synthetic data, where there is any.
        batch: windows a step.
        width: of the network.
        rate: peak learning rate; tune_rate: after pre-training.
        seeds: repetitions: other weights, other draws of recordings.
        shares: of the recordings.
    """

    model: Literal["points", "voxels"] = "points"
    steps: int = 500
    pretrain_steps: int = 100
    batch: int = 32
    width: int = 64
    rate: float = 3e-3
    tune_rate: float = 3e-3
    seeds: int = 3
    shares: tuple[float, ...] = SHARES

    def recipe(self, steps: int, rate: float, seed: int, initial: Path | None = None) -> Recipe:
        """The training of `steps` steps; its data are handed over as windows."""
        optimise = Optimise(
            steps, 0, self.batch, rate, warmup=max(1, steps // 20), average=0.98, every=steps, patience=0
        )
        data = Data(synthetic=(Path("windows"),), validation=0.0)
        return Recipe(data, model=self.model, seed=seed, width=self.width, initial=initial, optimise=optimise)


@dataclass(frozen=True, eq=False)
class Curve:
    """Scores over shares of the recordings.

    Attributes:
        shares: of the recordings; 0 = none.
        arms: name -> score [shares, repetitions], mean over the held-out groups; NaN = not known.
        model: that was trained.
        score: what the numbers are.
    """

    shares: tuple[float, ...]
    arms: Mapping[str, Array]
    model: str
    score: str = "balanced accuracy"

    def text(self) -> str:
        """The curve as a table: mean and spread of each arm."""
        lines = [f"{'share':8}" + "".join(f"{name:>24}" for name in self.arms)]
        for k, share in enumerate(self.shares):
            cells = [f"{np.mean(v[k]):.3f} +- {_spread(v[k]):.3f}" for v in self.arms.values()]
            lines.append(f"{100 * share:6g} %" + "".join(f"{c:>24}" for c in cells))
        return "\n".join(lines)

    def save(self, out: Path, about: Mapping[str, Any] | None = None) -> None:
        """Write `curve.txt`, `curve.json` and `curve.png` into the folder `out`."""
        out.mkdir(parents=True, exist_ok=True)
        (out / "curve.txt").write_text(self.text() + "\n", encoding="utf-8")
        arms = {name: [[None if np.isnan(x) else x for x in r] for r in v.tolist()] for name, v in self.arms.items()}
        content = {"model": self.model, "score": self.score, "shares": self.shares, "arms": arms, **(about or {})}
        (out / "curve.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        drawn = {name: (v.mean(1), np.array([_spread(r) for r in v])) for name, v in self.arms.items()}
        save_figure(curve_figure(self.shares, drawn, self.score, f"{self.model}"), out / "curve.png")

    def rows(self, baseline: str, **more: Any) -> list[Row]:
        """The gain of each arm over the arm `baseline` at each share, paired by repetition, as rows of the ledger."""
        found = []
        for name, values in self.arms.items():
            for k, share in enumerate(self.shares):
                # At share 0 the baseline is not known.
                gain = values[k] - self.arms[baseline][k]
                if name == baseline or not np.isfinite(gain).all():
                    continue
                means = f"{self.arms[baseline][k].mean():.3f} -> {values[k].mean():.3f}"
                note = f"{means}, wins {np.mean(gain > 0):.0%}; {more.get('note', '')}".rstrip("; ")
                title = f"radhar/few_shot_gain_{round(100 * share)}"
                found.append(row(title, gain.tolist(), f"{self.model}, {name}", **{**more, "note": note}))
        return found


def _spread(values: Array) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def tree_curve(real: Real, levelled: Real, drawn: Drawn, draws: int, progress: Progress) -> Curve:
    """Trees on each share of the recordings, alone, stacked and blended with the mean of trees on the synthetic sets.

    Args:
        real: recordings with heights as recorded: the best real-only model.
        levelled: the same with heights relative, as the synthetic sets have them.
        drawn: synthetic sets.
        draws: of recordings at each share.
        progress: called with (shares done, shares in all).
    """
    forests = [train(s, levelled.classes, k) for k, s in enumerate(drawn.sets)]
    told = tuple(np.mean([f.probabilities(t) for f in forests], axis=0) for t in (levelled.dense, levelled.apart))
    names = ("real alone", "stacked", "blended")
    table = np.full((3, len(SHARES) + 1, draws), np.nan)
    table[1:, 0] = np.mean([_score(real.data, fold.test, told[1][fold.test]) for fold in folds(real.data)])
    for k, share in enumerate(SHARES):
        found = few_shot(real, (told[0], told[1]), share, draws)
        table[:, k + 1] = [v.mean(1) for v in (found.alone, found.stacked, found.blended)]
        progress(k + 1, len(SHARES))
    return Curve((0.0, *SHARES), dict(zip(names, table, strict=True)), "trees")


def network_curve(
    real: Corpus, synthetic: Sequence[Windows], plan: NetworkPlan, out: Path, progress: Progress
) -> Curve:
    """Train a network on each share of the recordings, alone and after synthetic data, with as many steps in all.

    Repetition k is pre-trained on synthetic set k (in turn). Everything trained stays in `out`; an interrupted curve
    goes on from there.

    Args:
        real: recordings; each group is held out in turn.
        synthetic: windows of each drawn set.
        plan: what to train.
        out: folder of the curve.
        progress: called with (scores found, scores in all).

    Returns:
        Arms "real alone", "pre-trained" and "pre-trained, blended": its probabilities p and those q of the network
        trained on synthetic data as p^(1 - w) q^w, w = PSEUDO_WINDOWS / (PSEUDO_WINDOWS + windows). At share 0 the
        pre-trained network is scored as it is.
    """
    arms = ("real alone", "pre-trained", "pre-trained, blended")
    names = [fold.name for fold in folds(real)]
    table = np.full((len(arms), len(plan.shares) + 1, plan.seeds, len(names)), np.nan)
    done, total = 0, plan.seeds * len(names) * (len(plan.shares) + 1)
    for seed in range(plan.seeds):
        first = pretrained(plan, synthetic[seed % len(synthetic)], real.classes, seed, out / f"pretrained-{seed}")
        told = _model(first).probabilities(real.apart)
        for f, fold in enumerate(folds(real)):
            table[1:, 0, seed, f] = _score(real, fold.test, told[fold.test])
            for k, share in enumerate(plan.shares):
                cell = out / "scores" / f"{share:g}-{fold.name}-{seed}.json"
                if not cell.is_file():
                    stream = np.random.default_rng([seed, int(share * 1e4)])
                    rows = draw_rows(real.dense, np.flatnonzero(fold.train), share, stream)
                    scores = _compare(plan, real, (rows, fold.test), (first, told), seed)
                    cell.parent.mkdir(parents=True, exist_ok=True)
                    cell.write_text(json.dumps(scores), encoding="utf-8")
                table[:, k + 1, seed, f] = json.loads(cell.read_text(encoding="utf-8"))
                done += 1
                progress(done, total)
    means = table.mean(-1)
    curve = Curve((0.0, *plan.shares), dict(zip(arms, means, strict=True)), f"{plan.model} network")
    curve.save(out, {"plan": asdict(plan), "held_out": names})
    return curve


def pretrained(plan: NetworkPlan, windows: Windows, classes: tuple[str, ...], seed: int, out: Path) -> Path:
    """The folder of a network trained on synthetic windows alone."""
    if not (out / "run.json").is_file():
        out.mkdir(parents=True, exist_ok=True)
        recipe = plan.recipe(plan.pretrain_steps, plan.rate, seed)
        material = Material(Targets(classes), synthetic=windows)
        model = train_network(recipe, material, out, lambda done, total: None)
        keep_run(out, recipe, material.targets, model)
    return out


def _compare(
    plan: NetworkPlan, real: Corpus, rows: tuple[Array, Array], pre: tuple[Path, Array], seed: int
) -> list[float]:
    """Scores on the test windows of the network alone, tuned after pre-training, and blended with it."""
    train, test = rows
    own = Material(Targets(real.classes), real=real.dense.take(train))
    few = len(train)
    answers = []
    for recipe in (
        plan.recipe(plan.steps, plan.rate, seed),
        plan.recipe(plan.steps - plan.pretrain_steps, plan.tune_rate, seed, pre[0]),
    ):
        model = train_network(recipe, own, None, lambda done, total: None)
        answers.append(model.probabilities(real.apart.take(np.flatnonzero(test))))
    trust = PSEUDO_WINDOWS / (PSEUDO_WINDOWS + few)
    blended = (1 - trust) * np.log(answers[1] + 1e-2) + trust * np.log(pre[1][test] + 1e-2)
    return [_score(real, test, p) for p in (*answers, blended)]


def _score(real: Corpus, test: Array, probabilities: Array) -> float:
    truth = real.apart.labels(real.classes)[test]
    return metrics.balanced_accuracy(metrics.confusion(truth, probabilities.argmax(1), len(real.classes)))


def _model(folder: Path) -> NetworkModel:
    model = load_run(folder).model
    assert isinstance(model, NetworkModel)
    return model
