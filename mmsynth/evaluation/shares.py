"""What synthetic clips add to recordings of one's own, over the share of these that has labels."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mmsynth.datasets import Datasets
from mmsynth.evaluation.fewshot import SHARES, Curve, tree_curve
from mmsynth.evaluation.networks import ALONE, NetworkPlan, Study, network_curve
from mmsynth.evaluation.pose_curve import PoseStudy, pose_curves, recordings
from mmsynth.evaluation.protocol import Corpus, folds
from mmsynth.evaluation.transfer import base_of, real_tables
from mmsynth.processes import Progress
from mmsynth.training.forests import synthetic_tables
from mmsynth.training.gather import gather, gather_frames
from mmsynth.training.recipe import Adapt, Recipe
from mmsynth.training.windows import Windows
from mmsynth.training.withheld import check_hold_out, of_groups


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
        recipe: of activities from points, or of poses by "histograms", with `data.real`, `synthetic` and `hold_out`.
            Where the same recordings are `unlabelled` too, those beyond the share are learnt from without labels.
        out: folder to write `curve.txt`, `curve.json` and `curve.png` into (of poses, a folder in it for each kind of
            error); what networks answer, or how they err, stays there, so that an interrupted curve goes on.
        progress: called with (trainings or shares done, all of them).
        draws: seeds of the draws of recordings, and of weights.
        shares: of the recordings, in (0, 1].
        workers: processes that train networks.

    Returns:
        The curve, of poses that of mean absolute errors; what was learnt from and what it gained, in words.

    Raises:
        ValueError: the recipe is of another kind, or nothing is left to train on or to score.
        OSError: `out` cannot be written.
    """
    rest = _check(recipe, shares)
    sources = Datasets.open(recipe.data.real, drop_intensity=True)
    check_hold_out([sources], recipe.data)
    data = replace(recipe.data, hold_out=(), unlabelled=(), real_fraction=1.0, validation=0.0)
    every, plan = replace(recipe, data=data, adapt=Adapt()), NetworkPlan(recipe, tuple(draws), tuple(shares))
    if recipe.task == "pose":
        study, about = _pose_study(every, sources, plan, out)
        out.mkdir(parents=True, exist_ok=True)  # what cannot be written is told before anything is trained
        curve, alone, best = pose_curves(study, progress, workers)["mae"], study.arms[:-2], study.arms[-2]
        return curve, f"{curve.gains(best, *alone)}\n{about}"
    own, synthetic, about = _corpus(every, recipe.data.hold_out)
    out.mkdir(parents=True, exist_ok=True)
    real, sets = real_tables(own), [synthetic_tables(synthetic, own.classes, recipe.seed)]
    if recipe.model == "trees":
        curve = tree_curve(real, sets, draws, progress, shares, rest)
        curve.save(out)
        return curve, f"{curve.gains('blended', 'real alone')}\n{about}"
    curve = network_curve(Study(real, base_of(real, sets), plan, out), progress, workers)
    return curve, f"{curve.gains('blended', *ALONE)}\n{about}"


def _corpus(every: Recipe, hold_out: tuple[str, ...]) -> tuple[Corpus, Windows, str]:
    """Windows of all recordings, of which groups can be held out, and of synthetic clips; what they are, in words."""
    learnt = gather(every)
    recorded, apart = replace(every.data, synthetic=()), replace(every.window, step=every.window.duration)
    asked = gather(replace(every, data=recorded, window=apart))
    assert learnt.real is not None and learnt.synthetic is not None and asked.real is not None
    own = Corpus(learnt.classes, learnt.real, asked.real, hold_out)
    list(folds(own))  # refuses what cannot be held out before anything is computed
    return own, learnt.synthetic, learnt.about


def _pose_study(every: Recipe, sources: Datasets, plan: NetworkPlan, out: Path) -> tuple[PoseStudy, str]:
    """Frames of all recordings, of which groups can be held out, and of synthetic clips; what they are, in words."""
    learnt, labels = gather_frames(every), sources.labels
    assert learnt.real is not None and learnt.synthetic is not None
    clip, held = learnt.real.clip, {}
    for name in plan.training.data.hold_out:
        held[name] = there = of_groups(labels.session, labels.subject, (name,))[clip]
        if there.all() or not there.any():
            raise ValueError(
                f"data.hold_out: expected poses of '{name}' to score and of others to train on, got {there.sum()} and "
                f"{(~there).sum()}"
            )
    synthetic, kinds = dict.fromkeys(held, learnt.synthetic), (every.data.schedule,)
    number, joint_set = recordings(sources)[clip], learnt.targets.joint_set
    return PoseStudy(learnt.real, number, held, synthetic, joint_set, plan, out, kinds), learnt.about


def _check(recipe: Recipe, shares: Sequence[float]) -> bool:
    """Refuse a recipe that no curve is of; whether recordings beyond the share are learnt from without labels."""
    data, posed, kind = recipe.data, recipe.task == "pose", f"'{recipe.model}' for '{recipe.task}'"
    known = recipe.model == "histograms" if posed else recipe.model != "heatmaps"
    for name, is_so, expected, got in (
        ("model", known, "activities from points, or poses by 'histograms',", kind),
        ("data.real", data.real, "recordings with labels", "none"),
        ("data.synthetic", data.synthetic, "synthetic clips", "none"),
        ("data.hold_out", data.hold_out, "subjects or sessions, each of which is held out in turn", "none"),
        ("data.schedule", posed or data.schedule == "pretrain", "'pretrain'", f"'{data.schedule}'"),
        ("adapt.method", recipe.adapt.method in ("none", "self-training"), "none", f"'{recipe.adapt.method}'"),
        ("data.unlabelled", set(data.unlabelled) <= set(data.real), "files that are under data.real too", "others"),
        ("shares", all(0 < share <= 1 for share in shares), "numbers from above 0 to 1", list(shares)),
    ):
        if not is_so:
            raise ValueError(f"{name}: expected {expected} for a curve, got {got}")
    return bool(data.unlabelled)
