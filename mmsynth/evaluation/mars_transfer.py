"""What synthetic clips are worth for pose on MARS: a perceptron with and without them, equal optimiser steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth import metrics
from mmsynth.evaluation.fewshot import Curve
from mmsynth.evaluation.mars import held_out_people
from mmsynth.evaluation.scores import Row, row
from mmsynth.training.frames import Frames
from mmsynth.training.material import FrameMaterial
from mmsynth.training.models import Targets
from mmsynth.training.perceptron import fit_frames
from mmsynth.training.recipe import Recipe

Array = NDArray[Any]

TITLES = {
    "mae": "mean absolute error in cm",
    "relative_mae": "mean absolute error in cm, relative to the root",
    "mpjpe": "mean distance of a joint in cm",
    "relative_mpjpe": "mean distance of a joint in cm, relative to the root",
}
SIZES = "sizes from the unlabelled points of the person held out"
# Recordings alone, everybody as large as those people; the same, sizes estimated from them; then synthetic frames too.
ARMS = ("alone", "alone, sizes", "pre-trained, sizes", "mixed, sizes")
# Synthetic frames alone, and the others' recordings, of which no pose is known.
ADAPTED = "synthetic, unlabelled"


def stretches(frames: Frames, names: Array, share: float, draw: np.random.Generator) -> Array:
    """Rows to train on: one unbroken stretch of every recording.

    A recording is a move of a person, whatever official parts it was published in.

    Args:
        frames: of many recordings.
        names: of their clips, by number: recording, then "-" and the part.
        share: of each recording.
        draw: of where it begins.
    """
    found: list[Array] = []
    recording = np.array([str(name).rsplit("-", 1)[0] for name in names])[frames.clip]
    for name in np.unique(recording):
        rows = np.flatnonzero(recording == name)
        length = max(1, round(share * len(rows)))
        start = int(draw.integers(len(rows) - length + 1))
        found.append(rows[start : start + length])
    return np.concatenate(found)


@dataclass(frozen=True, eq=False)
class Errors:
    """Of the poses of a person, in cm: `mae` of a coordinate, `mpjpe` of each joint, both as they are and at the root.

    Attributes:
        mae, relative_mae: mean absolute error of a coordinate; relative: both poses moved to their first joint.
        mpjpe, relative_mpjpe: mean distance of each joint [joints].
    """

    mae: float
    relative_mae: float
    mpjpe: Array
    relative_mpjpe: Array


def transfer_errors(
    real: Frames,
    names: Array,
    synthetic: Mapping[str, Frames],
    shares: Sequence[float],
    recipe: Recipe,
    joint_set: str,
) -> dict[float, dict[str, tuple[Errors, ...]]]:
    """Errors by share and person held out, of each of `ARMS`.

    Nothing of the person's poses is seen, and of the others' only the stretches of the share; sizes are estimated from
    all points of the person, which need no label. At share 0: the mean of the others' poses, a model of synthetic
    poses alone, which knows no recording, and one that knows the others' recordings without their poses.

    Args:
        real: recorded poses.
        names: of their clips, see `stretches`.
        synthetic: simulated ones to use when a person is held out, by that person's name.
        shares: of the recordings.
        recipe: of the perceptron; `schedule` and `sizes` are each in turn, the seed also that of the stretches.
        joint_set: of the poses.
    """
    found: dict[float, dict[str, tuple[Errors, ...]]] = {0.0: {}, **{share: {} for share in shares}}
    before, beside = (replace(recipe, data=replace(recipe.data, schedule=s), sizes=True) for s in ("pretrain", "mix"))
    plain, targets = replace(recipe, sizes=False), Targets(joint_set=joint_set)
    for number, (name, there) in enumerate(held_out_people(real)):
        made = synthetic[name]
        test, others = real.take(there), real.take(~there)
        constant = np.broadcast_to(others.joints.mean(0), test.joints.shape)
        nothing, unlabelled = (FrameMaterial(targets, None, made, seen) for seen in (None, others))
        guesses = [fit_frames(before, own, _quiet).poses(test) for own in (nothing, unlabelled)]
        found[0.0][name] = _errors([constant, *guesses], test)
        for share in shares:
            few = others.take(stretches(others, names, share, np.random.default_rng([recipe.seed, number])))
            alone, joined = FrameMaterial(targets, few), FrameMaterial(targets, few, made)
            arms = ((plain, alone), (before, alone), (before, joined), (beside, joined))
            found[share][name] = _errors([fit_frames(r, own, _quiet).poses(test) for r, own in arms], test)
    return found


def pose_curves(runs: Sequence[Mapping[float, Mapping[str, tuple[Errors, ...]]]]) -> dict[str, Curve]:
    """What `transfer_errors` found with each seed, as a curve for each kind of error.

    At share 0 the synthetic poses alone stand as pre-trained, and `ADAPTED`; the mean pose of the others stands at
    every share.
    """
    shares, people = tuple(runs[0]), tuple(runs[0][0.0])
    curves = {}
    for name, title in TITLES.items():
        arms = ("constant pose", *ARMS, ADAPTED)
        table = np.full((len(arms), len(shares), len(runs), len(people)), np.nan)
        for where in np.ndindex(table.shape[1:]):
            k, seed, person = where
            each = [float(np.mean(getattr(e, name))) for e in runs[seed][shares[k]][people[person]]]
            constant = float(np.mean(getattr(runs[seed][0.0][people[person]][0], name)))
            own = [*each, np.nan] if k else [np.nan, np.nan, each[1], np.nan, each[2]]
            table[:, *where] = [constant, *own]
        scores = dict(zip(arms, table, strict=True))
        curves[name] = Curve(shares, people, scores, "perceptron on histograms", title)
    return curves


def joint_table(
    runs: Sequence[Mapping[float, Mapping[str, tuple[Errors, ...]]]], name: str, joints: Sequence[str]
) -> dict[str, dict[str, dict[str, float]]]:
    """Share -> arm -> joint -> its mean distance in cm, mean over seeds and people; `name` as in `Errors`."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for share in runs[0]:
        arms = ARMS if share else ("constant pose", "pre-trained, sizes", ADAPTED)
        each = [[[getattr(e, name) for e in person] for person in run[share].values()] for run in runs]
        mean = np.mean(each, (0, 1)).tolist()
        found[f"{share:g}"] = {arm: dict(zip(joints, own, strict=True)) for arm, own in zip(arms, mean, strict=True)}
    return found


def pose_rows(curve: Curve, made: str, **more: Any) -> list[Row]:
    """Rows of the ledger: synthetic poses alone, `ADAPTED`, and each share's gain of each of `ARMS` over the first.

    Args:
        curve: of mean absolute errors.
        made: the synthetic clips, in words.
        more: of each row.
    """
    rows = []
    for arm, title in (("pre-trained, sizes", "mars/zero_shot_cm"), (ADAPTED, "mars/zero_shot_adapted_cm")):
        own = curve.scores[arm][0]
        each = ", ".join(f"{who} {v:.2f}" for who, v in zip(curve.groups, own.mean(0), strict=True))
        note = f"MAE, {made}; {SIZES}; {each}"
        rows.append(row(title, own.mean(1).tolist(), "perceptron", note=note, **more))
    for k, share in list(enumerate(curve.shares))[1:]:
        alone = curve.scores[ARMS[0]][k]
        for arm in ARMS[1:]:
            own = curve.scores[arm][k]
            pairs = zip(curve.groups, alone.mean(0), own.mean(0), strict=True)
            note = "; ".join(["MAE", SIZES, ", ".join(f"{who} {a:.2f} -> {b:.2f}" for who, a, b in pairs)])
            gains = (own - alone).mean(1).tolist()
            rows.append(row(f"mars/loso_gain_{round(100 * share)}_cm", gains, f"perceptron, {arm}", note=note, **more))
    return rows


def _errors(guesses: Sequence[Array], test: Frames) -> tuple[Errors, ...]:
    found = []
    for guess in guesses:
        at_root = metrics.root_relative(guess), metrics.root_relative(test.joints)
        whole = guess, test.joints
        found.append(
            Errors(
                mae=100 * metrics.mae(*whole),
                relative_mae=100 * metrics.mae(*at_root),
                mpjpe=100 * metrics.mpjpe(*whole),
                relative_mpjpe=100 * metrics.mpjpe(*at_root),
            )
        )
    return tuple(found)


def _quiet(done: int, total: int) -> None:
    del done, total
