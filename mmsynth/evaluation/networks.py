"""How much fewer recordings a network needs with synthetic data: a curve over the share that is trained on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth import __version__
from mmsynth.arrays import digest
from mmsynth.evaluation.fewshot import SHARES, Curve, balanced_score
from mmsynth.evaluation.protocol import draw_rows, folds
from mmsynth.evaluation.transfer import Real, grow_few
from mmsynth.processes import Progress, each
from mmsynth.training.blend import join_evenly
from mmsynth.training.loop import train_network
from mmsynth.training.material import TrainingMaterial
from mmsynth.training.models import Targets
from mmsynth.training.recipe import Adapt, Data, Recipe
from mmsynth.training.windows import Windows
from mmsynth.whole import file_name, whole

Array = NDArray[Any]
# Of recordings alone: the network, trees, and both joined in equal parts.
ALONE = ("real alone", "real trees", "real alone and trees")
ARMS = (*ALONE, "blended trees", "blended")


@dataclass(frozen=True)
class NetworkPlan:
    """What is trained at each share of the recordings.

    Attributes:
        training: of the network.
        seeds: of the repetitions: other weights, other draws of recordings.
        shares: of the recordings.
    """

    training: Recipe
    seeds: tuple[int, ...] = (0, 1, 2)
    shares: tuple[float, ...] = SHARES

    def recipe(self, seed: int) -> Recipe:
        """The training; its data are handed over as windows, on which its last state alone is scored."""
        data, whole = Data(real=(Path("windows"),), validation=0.0), self.training.optimise
        own = replace(whole, pretrain_steps=0, every=whole.steps, patience=0)
        return replace(self.training, data=data, adapt=Adapt(), seed=seed, optimise=own)


@dataclass(frozen=True, eq=False)
class Study:
    """A curve of networks.

    Attributes:
        real: recordings; each group is held out in turn.
        base: class probabilities of each window of `dense` and `apart` by trees on synthetic windows alone.
        plan: what to train.
        out: folder in which everything found stays, so that an interrupted curve goes on.
    """

    real: Real
    base: tuple[Array, Array]
    plan: NetworkPlan
    out: Path


def network_curve(study: Study, progress: Progress, workers: int = 1) -> Curve:
    """Train a network on each share of the recordings, and blend it with trees as `mmsynth train` does.

    With and without synthetic data it is the same network: trees alone know the synthetic windows (`BlendedNetwork`).

    Args:
        study: what is trained on what, and where it stays.
        progress: called with (trainings done, trainings in all), those found before among them.
        workers: processes, one thread each.

    Returns:
        Arms `ARMS`; at share 0 a blend is the trees on synthetic windows.
    """
    real, plan, held = study.real.data, study.plan, list(folds(study.real.data))
    table = np.full((len(ARMS), len(plan.shares) + 1, len(plan.seeds), len(held)), np.nan)
    table[len(ALONE) :, 0] = [balanced_score(real, fold.test, study.base[1][fold.test]) for fold in held]
    places = list(np.ndindex(len(plan.seeds), len(plan.shares), len(held)))
    cells = [(study, held[g].name, plan.shares[k], plan.seeds[s]) for s, k, g in places]
    for done, (i, scores) in enumerate(each(cell, cells, workers), 1):
        s, k, g = places[i]
        table[:, k + 1, s, g] = scores
        progress(done, len(cells))
    names = tuple(fold.name for fold in held)
    curve = Curve((0.0, *plan.shares), names, dict(zip(ARMS, table, strict=True)), f"{plan.training.model} network")
    curve.save(study.out)
    return curve


def cell(study: Study, name: str, share: float, seed: int) -> list[float]:
    """Scores on the held-out group `name` of each of `ARMS`.

    What the network answers is kept, so that other synthetic data, or another way to blend, needs no training.
    """
    real, fold = study.real, next(f for f in folds(study.real.data) if f.name == name)
    stream = np.random.default_rng([seed, int(share * 1e4)])
    rows = draw_rows(real.data.dense, np.flatnonzero(fold.train), share, stream)
    training = Training(
        study.plan.recipe(seed), real.data.classes, real.data.dense.take(rows), real.data.apart.take(fold.test)
    )
    alone = training.kept(study.out / "answers", f"{share:g}-{file_name(name)}-{seed}")
    few, base = grow_few(real, study.base[0], rows, seed), study.base[1][fold.test]
    trees, stacked, blended = few.answers(real.apart[fold.test], base)
    both = few.blend.join(join_evenly(alone, stacked), base)
    answers = (alone, trees, join_evenly(alone, trees), blended, both)
    return [balanced_score(real.data, fold.test, p) for p in answers]


def kept(path: Path, find: Callable[[], Array]) -> Array:
    """The array of a file; if there is none, what `find` gives, which is then kept there."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as (part,), part.open("wb") as file:
            np.save(file, find(), allow_pickle=False)
    return np.asarray(np.load(path, allow_pickle=False))


@dataclass(frozen=True, eq=False)
class Training:
    """A network, and what it is asked.

    Attributes:
        recipe: of the training.
        classes: activities in order.
        learnt: windows that it is trained on.
        asked: windows whose activity it then tells.
    """

    recipe: Recipe
    classes: tuple[str, ...]
    learnt: Windows
    asked: Windows

    def kept(self, folder: Path, name: str) -> Array:
        """Class probabilities [windows, classes] of `asked`, from a file in `folder` if they were found before.

        It is called `name` and a digest of all that they depend on: of other settings or recordings there is another.
        """
        return kept(folder / f"{name}-{self.digest()}.npy", self.answers)

    def answers(self) -> Array:
        """Train the network and ask it: class probabilities [windows, classes] of `asked`."""
        own = TrainingMaterial(Targets(self.classes), real=self.learnt)
        return train_network(self.recipe, own, None, lambda done, total: None).probabilities(self.asked)

    def digest(self) -> str:
        """Of recipe, activities, both sorts of windows and mmsynth's version."""
        text = "\n".join([__version__, self.recipe.text(), *self.classes])
        return digest(text, self.learnt, self.asked)[:16]
