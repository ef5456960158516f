"""How much nearer synthetic poses bring a perceptron to the truth: a curve over the share that is trained on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmsynth import __version__, metrics
from mmsynth.arrays import digest
from mmsynth.datasets import Clips
from mmsynth.evaluation.fewshot import Curve
from mmsynth.evaluation.networks import NetworkPlan, kept
from mmsynth.evaluation.report import without_nan
from mmsynth.joints import joint_names
from mmsynth.processes import Progress, each
from mmsynth.training.frames import Frames
from mmsynth.training.material import FrameMaterial
from mmsynth.training.models import Targets
from mmsynth.training.perceptron import fit_frames
from mmsynth.training.recipe import Recipe
from mmsynth.whole import file_name

Array = NDArray[Any]

# Kinds of errors, of every joint, in this order.
KINDS = {
    "mae": "mean absolute error in cm",
    "relative_mae": "mean absolute error in cm, relative to the root",
    "mpjpe": "mean distance of a joint in cm",
    "relative_mpjpe": "mean distance of a joint in cm, relative to the root",
}
# The mean pose of all others, whatever share of theirs is trained on; recordings alone.
CONSTANT, ALONE = "constant pose", "alone"
# Synthetic frames, before or beside recordings.
MADE = {"pretrain": "pre-trained", "mix": "mixed"}
# Synthetic frames alone, and the others' recordings, of which no pose is known.
ADAPTED = "synthetic, unlabelled"


@dataclass(frozen=True, eq=False)
class PoseStudy:
    """A curve of poses.

    Attributes:
        real: recorded frames whose pose is known.
        recording: number [frames] of the recording that each of them is of, see `recordings`.
        held: name of a group, each of which is held out in turn -> whether a frame [frames] is of it.
        synthetic: name of a group -> simulated frames to use when it is held out.
        joint_set: of the poses.
        plan: what to train.
        out: folder in which everything found stays, so that an interrupted curve goes on.
        schedules: how synthetic frames are learnt from beside recordings, an arm each (`Data.schedule`).
    """

    real: Frames
    recording: Array
    held: Mapping[str, Array]
    synthetic: Mapping[str, Frames]
    joint_set: str
    plan: NetworkPlan
    out: Path
    schedules: tuple[Literal["pretrain", "mix"], ...]

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of what is trained: on recordings alone, with synthetic frames as well, without any label."""
        sizes = self.sizes
        return (*dict.fromkeys((ALONE, ALONE + sizes)), *(MADE[s] + sizes for s in self.schedules), ADAPTED)

    @property
    def sizes(self) -> str:
        """What the name of an arm ends in that estimates people's sizes, if the plan does."""
        return ", sizes" if self.plan.training.sizes else ""


def recordings(clips: Clips) -> Array:
    """Number [clips] of the recording that each clip is of, counted as they come.

    Clips that follow one another with the same labels are parts of one, as those of MARS are.
    """
    table = clips.labels
    labels = np.stack([clips.part.astype(str), table.source, table.session, table.subject, table.activity])
    return np.concatenate([[0], np.cumsum((labels[:, 1:] != labels[:, :-1]).any(0))])


def stretches(recording: Array, share: float, draw: np.random.Generator) -> Array:
    """Rows to train on: one unbroken stretch of every recording.

    Args:
        recording: number [frames] of the recording of each frame.
        share: of each recording.
        draw: of where it begins.
    """
    found: list[Array] = []
    for number in np.unique(recording):
        rows = np.flatnonzero(recording == number)
        length = max(1, round(share * len(rows)))
        start = int(draw.integers(len(rows) - length + 1))
        found.append(rows[start : start + length])
    return np.concatenate(found)


def pose_curves(study: PoseStudy, progress: Progress, workers: int = 1) -> dict[str, Curve]:
    """Train perceptrons on a stretch of each recording, with and without synthetic frames, as `mmsynth train` does.

    Each stays in a folder of `study.out` as table, figure, and JSON, which has the errors of each joint too.

    Args:
        study: what is trained on what, and where it stays.
        progress: called with (cells of the curve done, cells in all), those found before among them.
        workers: processes, one thread each.

    Returns:
        A curve for each of `KINDS`; at share 0 the first arm with synthetic frames has these alone.
    """
    plan, held, joints = study.plan, tuple(study.held), joint_names(study.joint_set)
    shares, arms = (0.0, *plan.shares), (CONSTANT, *study.arms)
    table = np.full((len(KINDS), len(arms), len(shares), len(plan.seeds), len(held), len(joints)), np.nan)
    for g, there in enumerate(study.held.values()):
        test, mean = study.real.take(there), study.real.joints[~there].mean(0)
        constant = errors_of(np.broadcast_to(mean, test.joints.shape), test.joints)
        table[:, 0, :, :, g] = constant[:, None, None]
    places = list(np.ndindex(len(plan.seeds), len(shares), len(held)))
    cells = [(study, held[g], shares[k], plan.seeds[s]) for s, k, g in places]
    for done, (i, errors) in enumerate(each(cell, cells, workers), 1):
        s, k, g = places[i]
        table[:, 1:, k, s, g] = errors
        progress(done, len(cells))
    curves = {}
    for (kind, title), own in zip(KINDS.items(), table, strict=True):
        scores = dict(zip(arms, own.mean(-1), strict=True))
        curves[kind] = Curve(shares, held, scores, "perceptron on histograms", title, errors=True)
        mean = own.mean((2, 3))
        by_joint = {name: dict(zip(arms, mean[..., j], strict=True)) for j, name in enumerate(joints)}
        curves[kind].save(study.out / kind, {"joints": without_nan(by_joint)})
    return curves


def cell(study: PoseStudy, name: str, share: float, seed: int) -> Array:
    """Errors [kinds, arms, joints] in cm of the poses of the group `name`; NaN = of no such model at that share.

    Nothing of its poses is learnt from, and of the others' only the stretches of the share. Sizes are estimated from
    all of its points, which need no label.
    """
    recipe, there, made = study.plan.recipe(seed), study.held[name], study.synthetic[name]
    test, others, few = study.real.take(there), study.real.take(~there), None
    if share:
        draw = np.random.default_rng([seed, list(study.held).index(name)])
        few = others.take(stretches(study.recording[~there], share, draw))

    def found() -> Array:
        errors = np.full((len(KINDS), len(study.arms), test.joints.shape[1]), np.nan)
        for arm, (own, material) in _lessons(study, recipe, few, made, others).items():
            model = fit_frames(own, material, lambda done, total: None)
            errors[:, study.arms.index(arm)] = errors_of(model.poses(test), test.joints)
        return errors

    text = "\n".join([__version__, recipe.text(), study.joint_set, *study.arms])
    mark = digest(text, test, made, others if few is None else few)[:16]
    return kept(study.out / "errors" / f"{share:g}-{file_name(name)}-{seed}-{mark}.npy", found)


def _lessons(
    study: PoseStudy, recipe: Recipe, few: Frames | None, made: Frames, others: Frames
) -> dict[str, tuple[Recipe, FrameMaterial]]:
    """By arm, how it is trained on what; `others` are recordings without labels where `few` with labels are None."""
    targets, sizes = Targets(joint_set=study.joint_set), study.sizes
    if few is None:
        found = {ADAPTED: (recipe, FrameMaterial(targets, None, made, others))}
    else:
        alone = FrameMaterial(targets, few)
        found = {ALONE: (replace(recipe, sizes=False), alone), ALONE + sizes: (recipe, alone)}
    # Without recordings the order of both kinds is no matter.
    for schedule in study.schedules if few is not None else study.schedules[:1]:
        own = replace(recipe, data=replace(recipe.data, schedule=schedule))
        found[MADE[schedule] + sizes] = own, FrameMaterial(targets, few, made)
    return found


def errors_of(guess: Array, truth: Array) -> Array:
    """Errors [kinds, joints] in cm of poses [frames, joints, 3] in m, in the order of `KINDS`."""
    pairs = (guess, truth), (metrics.root_relative(guess), metrics.root_relative(truth))
    absolute = [[metrics.mae(a[:, j], b[:, j]) for j in range(truth.shape[1])] for a, b in pairs]
    return 100 * np.array([*absolute, *(metrics.mpjpe(*pair) for pair in pairs)])
