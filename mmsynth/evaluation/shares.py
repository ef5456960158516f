"""What synthetic clips add to recordings of one's own, over the share of these that has labels."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mmsynth.datasets import Dataset, Datasets
from mmsynth.evaluation.fewshot import SHARES, Curve, tree_curve
from mmsynth.evaluation.networks import ALONE, NetworkPlan, Study, network_curve
from mmsynth.evaluation.protocol import Corpus, folds
from mmsynth.evaluation.transfer import base_of, real_tables
from mmsynth.processes import Progress
from mmsynth.training.forests import synthetic_tables
from mmsynth.training.gather import gather
from mmsynth.training.recipe import Adapt, Recipe
from mmsynth.training.withheld import check_hold_out


def share_curve(
    recipe: Recipe,
    out: Path,
    progress: Progress,
    draws: Sequence[int] = range(5),
    shares: Sequence[float] = SHARES,
    workers: int = 1,
) -> tuple[Curve, str]:
    """Train as a recipe says on shares of its recordings, alone and with its synthetic clips.

    Each of `data.hold_out` is held out in turn and scored; the shares are of all others.

    Args:
        recipe: of activities from points, with `data.real`, `synthetic` and `hold_out`. Where the same recordings are
            `unlabelled` too, those beyond the share are learnt from without labels.
        out: folder to write `curve.txt`, `curve.json` and `curve.png` into; what networks answer stays there, so that
            an interrupted curve goes on.
        progress: called with (trainings or shares done, all of them).
        draws: seeds of the draws of recordings, and of weights.
        shares: of the recordings, in (0, 1].
        workers: processes that train networks.

    Returns:
        The curve; what was learnt from and what it gained, in words.

    Raises:
        ValueError: the recipe is of another kind, or nothing is left to train on or to score.
    """
    rest = _check(recipe, shares)
    check_hold_out([Datasets(tuple(Dataset.open(path) for path in recipe.data.real), True)], recipe.data)
    data = replace(recipe.data, hold_out=(), unlabelled=(), real_fraction=1.0, validation=0.0)
    every = replace(recipe, data=data, adapt=Adapt())
    learnt = gather(every)
    recorded, apart = replace(data, synthetic=()), replace(recipe.window, step=recipe.window.duration)
    asked = gather(replace(every, data=recorded, window=apart))
    assert learnt.real is not None and learnt.synthetic is not None and asked.real is not None
    own = Corpus(learnt.classes, learnt.real, asked.real, recipe.data.hold_out)
    list(folds(own))  # refuses what cannot be held out before anything is computed
    real, sets = real_tables(own), [synthetic_tables(learnt.synthetic, learnt.classes, recipe.seed)]
    alone: tuple[str, ...] = ("real alone",)
    if recipe.model == "trees":
        curve = tree_curve(real, sets, draws, progress, shares, rest)
        curve.save(out)
    else:
        plan = NetworkPlan(recipe, tuple(draws), tuple(shares))
        curve, alone = network_curve(Study(real, base_of(real, sets), plan, out), progress, workers), ALONE
    return curve, f"{curve.gains('blended', *alone)}\n{learnt.about}"


def _check(recipe: Recipe, shares: Sequence[float]) -> bool:
    """Refuse a recipe that no curve is of; whether recordings beyond the share are learnt from without labels."""
    data, kind = recipe.data, f"'{recipe.model}' for '{recipe.task}'"
    for name, is_so, expected, got in (
        ("model", recipe.task == "activity" and recipe.model != "heatmaps", "activities from points", kind),
        ("data.real", data.real, "recordings with labels", "none"),
        ("data.synthetic", data.synthetic, "synthetic clips", "none"),
        ("data.hold_out", data.hold_out, "subjects or sessions, each of which is held out in turn", "none"),
        ("data.schedule", data.schedule == "pretrain", "'pretrain'", f"'{data.schedule}'"),
        ("data.unlabelled", set(data.unlabelled) <= set(data.real), "files that are under data.real too", "others"),
        ("adapt.method", recipe.adapt.method in ("none", "self-training"), "none", f"'{recipe.adapt.method}'"),
        ("shares", all(0 < share <= 1 for share in shares), "numbers from above 0 to 1", list(shares)),
    ):
        if not is_so:
            raise ValueError(f"{name}: expected {expected} for a curve, got {got}")
    return bool(data.unlabelled)
