"""How much fewer recordings a network needs with synthetic data: a curve over the share that is trained on."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmsynth.evaluation.fewshot import SHARES, Curve, balanced_score
from mmsynth.evaluation.jobs import each
from mmsynth.evaluation.protocol import Corpus, Fold, draw_rows, folds
from mmsynth.evaluation.transfer import Real, grow_few
from mmsynth.processes import Progress
from mmsynth.training.blend import join_evenly
from mmsynth.training.loop import Material, train_network
from mmsynth.training.recipe import Data, Optimise, Recipe
from mmsynth.training.run import NetworkModel, Run, Targets, keep_run, load_run
from mmsynth.training.windows import Windows
from mmsynth.whole import whole

Array = NDArray[Any]
# Of recordings alone: the network, trees, and both joined in equal parts.
ALONE = ("real alone", "real trees", "real alone and trees")
ARMS = (*ALONE, "blended trees", "blended", "pre-trained", "pre-trained, blended")


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
        seeds: of the repetitions: other weights, other draws of recordings.
        shares: of the recordings.
        device: where it trains.
    """

    model: Literal["points", "voxels"] = "points"
    steps: int = 500
    pretrain_steps: int = 100
    batch: int = 32
    width: int = 64
    rate: float = 3e-3
    tune_rate: float = 3e-3
    seeds: tuple[int, ...] = (0, 1, 2)
    shares: tuple[float, ...] = SHARES
    device: str = "cpu"

    @property
    def title(self) -> str:
        """A name that no other plan of the curve has."""
        return f"{self.pretrain_steps}-{self.tune_rate:g}"

    def recipe(self, steps: int, rate: float, seed: int, initial: Path | None = None) -> Recipe:
        """The training of `steps` steps; its data are handed over as windows."""
        return Recipe(
            Data(synthetic=(Path("windows"),), validation=0.0),
            model=self.model,
            seed=seed,
            width=self.width,
            initial=initial,
            device=self.device,
            optimise=Optimise(
                steps, 0, self.batch, rate, warmup=max(1, steps // 20), average=0.98, every=steps, patience=0
            ),
        )


@dataclass(frozen=True, eq=False)
class Study:
    """A curve of networks.

    Attributes:
        real: recordings; each group is held out in turn.
        base: class probabilities of each window of `dense` and `apart` by trees on synthetic windows alone.
        synthetic: windows of all sets.
        plans: what to train; of several, which differ in how they pre-train and tune, each held-out group gets the one
            that does best at that share within its training recordings (`choose`).
        out: folder in which everything found stays, so that an interrupted curve goes on.
    """

    real: Real
    base: tuple[Array, Array]
    synthetic: Windows
    plans: tuple[NetworkPlan, ...]
    out: Path

    def fold(self, name: str) -> Fold:
        """The held-out group of that name."""
        return next(f for f in folds(self.real.data) if f.name == name)


def network_curve(study: Study, progress: Progress, workers: int = 1) -> Curve:
    """Train a network on each share of the recordings, alone and after synthetic data, with as many steps in all.

    Args:
        study: what is trained on what, and where it stays.
        progress: called with (trainings done, trainings in all), those found before among them.
        workers: processes, one thread each.

    Returns:
        Arms `ARMS`: a network is blended as `mmsynth train` does, see `BlendedNetwork`. At share 0 the trees on
        synthetic windows and the pre-trained network are scored as they are.
    """
    base, names = study.plans[0], [fold.name for fold in folds(study.real.data)]
    steps = sorted({plan.pretrain_steps for plan in study.plans})
    # Each wave leaves files that the next one needs.
    first = [(study, count, seed) for count in steps for seed in base.seeds]
    trials = [(study, plan, name, share) for share in base.shares for name in names for plan in study.plans]
    cells = [(study, name, share, seed) for seed in base.seeds for share in base.shares for name in names]
    waves: list[tuple[Callable[..., Any], list[Any]]] = [
        (pretrained, first),
        (trial, trials if len(study.plans) > 1 else []),
        (cell, cells),
    ]
    done, total, found = 0, sum(len(jobs) for _, jobs in waves), dict[int, Any]()
    for work, jobs in waves:
        for k, result in each(work, jobs, workers):
            found[k] = result  # in the end, of the cells
            done += 1
            progress(done, total)
    table = np.full((len(ARMS), len(base.shares) + 1, len(base.seeds), len(names)), np.nan)
    for k, (_, name, share, seed) in enumerate(cells):
        place = base.seeds.index(seed), names.index(name)
        table[len(ALONE) :, 0, *place], table[:, base.shares.index(share) + 1, *place] = found[k]
    scores = dict(zip(ARMS, table, strict=True))
    curve = Curve((0.0, *base.shares), tuple(names), scores, f"{base.model} network")
    chosen = {f"{name} {share:g}": asdict(choose(study, name, share)) for name in names for share in base.shares}
    curve.save(study.out, {"plans": chosen})
    return curve


def pretrained(study: Study, steps: int, seed: int) -> Path:
    """The folder, within a study's, of a network trained on synthetic windows alone."""
    out, plan = study.out / f"pretrained-{steps}-{seed}", study.plans[0]
    if not (out / "run.json").is_file():
        out.mkdir(parents=True, exist_ok=True)
        recipe = plan.recipe(steps, plan.rate, seed)
        material = Material(Targets(study.real.data.classes), synthetic=study.synthetic)
        model = train_network(recipe, material, out, lambda done, total: None)
        keep_run(Run(out, recipe, material.targets, model))
    return out


def choose(study: Study, name: str, share: float) -> NetworkPlan:
    """The plan whose pre-trained network does best, at a share, within the recordings that a fold trains on."""
    if len(study.plans) == 1:
        return study.plans[0]
    return max(study.plans, key=lambda plan: trial(study, plan, name, share))


def trial(study: Study, plan: NetworkPlan, name: str, share: float) -> float:
    """Score of a plan at a share within the recordings that the fold `name` trains on.

    A third of the clips of each activity is set apart to score on; the held-out group is not looked at.
    """
    real, fold = study.real.data, study.fold(name)

    def find() -> Array:
        rows = draw_rows(real.dense, np.flatnonzero(fold.train), 1 / 3, np.random.default_rng(0))
        clips = sorted(set(real.dense.clip[rows].tolist()))
        kept, apart = (np.isin(windows.clip.astype(str), clips) for windows in (real.dense, real.apart))
        own = _drawn(real, fold.train & ~kept, share, 0), apart
        return np.array(balanced_score(real, apart, _tuned(study, plan, own, 0)))

    return float(_once(study.out / "choice" / f"{share:g}-{name}-{plan.title}.npy", find))


def cell(study: Study, name: str, share: float, seed: int) -> tuple[list[float], list[float]]:
    """Scores on the held-out group `name`: without recordings of each of `ARMS` that can do so, and of each of `ARMS`.

    What networks answer is kept, so that another way to blend needs no training.
    """
    real, fold, plan = study.real, study.fold(name), choose(study, name, share)
    train, answers = _drawn(real.data, fold.train, share, seed), study.out / "answers"
    rows, start = (train, fold.test), f"{share:g}-{name}-{seed}"
    alone = _once(
        answers / f"{start}-alone.npy",
        lambda: _trained(plan.recipe(plan.steps, plan.rate, seed), real.data, rows),
    )
    tuned = _once(answers / f"{start}-{plan.title}.npy", lambda: _tuned(study, plan, rows, seed))
    first = load_run(pretrained(study, plan.pretrain_steps, seed)).model
    assert isinstance(first, NetworkModel)
    untuned = first.probabilities(real.data.apart.take(np.flatnonzero(fold.test)))
    few, base = grow_few(real, study.base[0], train, seed), study.base[1][fold.test]
    trees, stacked, blended = few.answers(real.apart[fold.test], base)
    with_both = [few.blend.join(join_evenly(network, stacked), base) for network in (alone, tuned)]
    with_few = [alone, trees, join_evenly(alone, trees), blended, with_both[0], tuned, with_both[1]]
    both = [base, base, untuned, base], with_few
    without, found = ([balanced_score(real.data, fold.test, p) for p in ps] for ps in both)
    return without, found


def _once(path: Path, find: Callable[[], Array]) -> Array:
    """What `path` holds, found and kept there if it does not exist."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as (part,), part.open("wb") as file:
            np.save(file, find(), allow_pickle=False)
    return np.asarray(np.load(path, allow_pickle=False))


def _drawn(real: Corpus, mask: Array, share: float, seed: int) -> Array:
    return draw_rows(real.dense, np.flatnonzero(mask), share, np.random.default_rng([seed, int(share * 1e4)]))


def _tuned(study: Study, plan: NetworkPlan, rows: tuple[Array, Array], seed: int) -> Array:
    first = pretrained(study, plan.pretrain_steps, seed)
    return _trained(plan.recipe(plan.steps - plan.pretrain_steps, plan.tune_rate, seed, first), study.real.data, rows)


def _trained(recipe: Recipe, real: Corpus, rows: tuple[Array, Array]) -> Array:
    """Probabilities of the test windows (a mask over `apart`) by a network trained on rows of `dense`."""
    train, test = rows
    own = Material(Targets(real.classes), real=real.dense.take(train))
    model = train_network(recipe, own, None, lambda done, total: None)
    return model.probabilities(real.apart.take(np.flatnonzero(test)))
