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
from mmsynth.evaluation.protocol import Corpus, Fold, draw_rows, folds
from mmsynth.evaluation.scores import Row, row
from mmsynth.evaluation.transfer import Real, blend, few_shot, train
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

    @property
    def title(self) -> str:
        """What tells it from other plans of one curve."""
        return f"{self.pretrain_steps}-{self.tune_rate:g}"

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


def tree_curve(real: Real, drawn: Drawn, draws: int, progress: Progress) -> Curve:
    """Trees on each share of the recordings, alone, stacked and blended with the mean of trees on the synthetic sets.

    Args:
        real: recordings.
        drawn: synthetic sets.
        draws: of recordings at each share.
        progress: called with (shares done, shares in all).
    """
    forests = [train(s, real.classes, k) for k, s in enumerate(drawn.sets)]
    told = tuple(np.mean([f.probabilities(t) for f in forests], axis=0) for t in (real.dense, real.apart))
    names = ("real alone", "stacked", "blended")
    table = np.full((3, len(SHARES) + 1, draws), np.nan)
    table[1:, 0] = np.mean([_score(real.data, fold.test, told[1][fold.test]) for fold in folds(real.data)])
    for k, share in enumerate(SHARES):
        found = few_shot(real, (told[0], told[1]), share, draws)
        table[:, k + 1] = [v.mean(1) for v in (found.alone, found.stacked, found.blended)]
        progress(k + 1, len(SHARES))
    return Curve((0.0, *SHARES), dict(zip(names, table, strict=True)), "trees")


def network_curve(
    real: Corpus, synthetic: Windows, plans: Sequence[NetworkPlan], out: Path, progress: Progress
) -> Curve:
    """Train a network on each share of the recordings, alone and after synthetic data, with as many steps in all.

    Everything found stays in `out`; an interrupted curve goes on from there.

    Args:
        real: recordings; each group is held out in turn.
        synthetic: windows of all sets.
        plans: what to train; of several, which differ in how they pre-train and tune, each held-out group gets the one
            that does best at that share within its training recordings (`choose`).
        out: folder of the curve.
        progress: called with (scores found, scores in all).

    Returns:
        Arms "real alone", "pre-trained" and "pre-trained, blended": its probabilities p and those q of the network
        trained on synthetic data, see `blend`. At share 0 the
        pre-trained network is scored as it is.
    """
    arms, base = ("real alone", "pre-trained", "pre-trained, blended"), plans[0]
    names = [fold.name for fold in folds(real)]
    table = np.full((len(arms), len(base.shares) + 1, base.seeds, len(names)), np.nan)
    done, total, chosen = 0, base.seeds * len(names) * len(base.shares), {}
    for seed in range(base.seeds):
        for f, fold in enumerate(folds(real)):
            for k, share in enumerate(base.shares):
                plan = chosen[f"{fold.name} {share:g}"] = choose(plans, real, (fold, share), synthetic, out)
                first = pretrained(plan, synthetic, real.classes, seed, out)
                table[:, k + 1, seed, f] = _cell(plan, real, (fold, share, seed), first, out / "scores")
                if k == 0:
                    table[1:, 0, seed, f] = _score(real, fold.test, _model(first).probabilities(real.apart)[fold.test])
                done += 1
                progress(done, total)
    means = table.mean(-1)
    curve = Curve((0.0, *base.shares), dict(zip(arms, means, strict=True)), f"{base.model} network")
    curve.save(out, {"plans": {name: asdict(p) for name, p in chosen.items()}})
    return curve


def choose(
    plans: Sequence[NetworkPlan], real: Corpus, at: tuple[Fold, float], synthetic: Windows, out: Path
) -> NetworkPlan:
    """The plan whose pre-trained network does best, at a share, within the recordings that a fold trains on.

    A third of the clips of each activity is set apart to score on; the held-out group is not looked at.
    """
    if len(plans) == 1:
        return plans[0]
    (fold, share), draw = at, np.random.default_rng(0)
    rows = draw_rows(real.dense, np.flatnonzero(fold.train), 1 / 3, draw)
    clips = sorted(set(real.dense.clip[rows].tolist()))
    kept, apart = (np.isin(windows.clip.astype(str), clips) for windows in (real.dense, real.apart))

    def found(plan: NetworkPlan) -> float:
        cell = out / "choice" / f"{share:g}-{fold.name}-{plan.title}.json"
        first = pretrained(plan, synthetic, real.classes, 0, out)
        own = _drawn(real, fold.train & ~kept, share, 0), apart
        return _once(cell, lambda: [_score(real, apart, _tuned(plan, real, own, first, 0))])[0]

    return max(plans, key=found)


def _cell(
    plan: NetworkPlan, real: Corpus, at: tuple[Fold, float, int], first: Path, scores: Path
) -> tuple[float, float, float]:
    """Scores on the held-out group of the network alone, of the tuned one, and of the latter blended with `first`."""
    fold, share, seed = at
    name = f"{share:g}-{fold.name}-{seed}"
    rows = _drawn(real, fold.train, share, seed), fold.test

    def alone() -> list[float]:
        return [_score(real, fold.test, _trained(plan.recipe(plan.steps, plan.rate, seed), real, rows))]

    def after() -> list[float]:
        tuned, told = _tuned(plan, real, rows, first, seed), _model(first).probabilities(real.apart)[fold.test]
        return [_score(real, fold.test, p) for p in (tuned, blend(tuned, told, len(rows[0])))]

    (one,) = _once(scores / f"{name}-alone.json", alone)
    two, three = _once(scores / f"{name}-{plan.title}.json", after)
    return one, two, three


def _once(path: Path, find: Callable[[], list[float]]) -> list[float]:
    """What `path` holds, found and kept there if it does not exist."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".tmp")
        beside.write_text(json.dumps(find()), encoding="utf-8")
        beside.replace(path)
    kept: list[float] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def _drawn(real: Corpus, mask: Array, share: float, seed: int) -> Array:
    return draw_rows(real.dense, np.flatnonzero(mask), share, np.random.default_rng([seed, int(share * 1e4)]))


def pretrained(plan: NetworkPlan, windows: Windows, classes: tuple[str, ...], seed: int, curve: Path) -> Path:
    """The folder, within a curve's, of a network trained on synthetic windows alone."""
    out = curve / f"pretrained-{plan.pretrain_steps}-{seed}"
    if not (out / "run.json").is_file():
        out.mkdir(parents=True, exist_ok=True)
        recipe = plan.recipe(plan.pretrain_steps, plan.rate, seed)
        material = Material(Targets(classes), synthetic=windows)
        model = train_network(recipe, material, out, lambda done, total: None)
        keep_run(out, recipe, material.targets, model)
    return out


def _tuned(plan: NetworkPlan, real: Corpus, rows: tuple[Array, Array], first: Path, seed: int) -> Array:
    return _trained(plan.recipe(plan.steps - plan.pretrain_steps, plan.tune_rate, seed, first), real, rows)


def _trained(recipe: Recipe, real: Corpus, rows: tuple[Array, Array]) -> Array:
    """Probabilities of the test windows (a mask over `apart`) by a network trained on rows of `dense`."""
    train, test = rows
    own = Material(Targets(real.classes), real=real.dense.take(train))
    model = train_network(recipe, own, None, lambda done, total: None)
    return model.probabilities(real.apart.take(np.flatnonzero(test)))


def _score(real: Corpus, test: Array, probabilities: Array) -> float:
    truth = real.apart.labels(real.classes)[test]
    return metrics.balanced_accuracy(metrics.confusion(truth, probabilities.argmax(1), len(real.classes)))


def _model(folder: Path) -> NetworkModel:
    model = load_run(folder).model
    assert isinstance(model, NetworkModel)
    return model
