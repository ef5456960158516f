"""What synthetic clips are worth for pose on MARS: a perceptron with and without them, equal optimiser steps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth import metrics
from mmsynth.training.frames import Frames
from mmsynth.training.perceptron import fit_frames
from mmsynth.training.recipe import Recipe

Array = NDArray[Any]

# Recordings alone, everybody as large as those people; the same, sizes estimated from them; then synthetic frames too.
ARMS = ("alone", "alone, sizes", "pre-trained, sizes", "mixed, sizes")


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


def transfer_errors(
    real: Frames, names: Array, synthetic: Mapping[str, Frames], shares: Sequence[float], recipe: Recipe
) -> dict[float, dict[str, tuple[float, ...]]]:
    """Mean absolute error in cm by share and person held out, of each of `ARMS`.

    Nothing of the person's poses is seen, and of the others' only the stretches of the share. At share 0: the mean of
    the others' poses, and a model of synthetic poses alone, which knows no recording.

    Args:
        real: recorded poses.
        names: of their clips, see `stretches`.
        synthetic: simulated ones to use when a person is held out, by that person's name.
        shares: of the recordings.
        recipe: of the perceptron; `schedule` and `sizes` are each in turn, the seed also that of the stretches.
    """
    found: dict[float, dict[str, tuple[float, ...]]] = {0.0: {}, **{share: {} for share in shares}}
    before, beside = (replace(recipe, data=replace(recipe.data, schedule=s), sizes=True) for s in ("pretrain", "mix"))
    plain = replace(recipe, sizes=False)
    for number, name in enumerate(sorted(set(real.subject.tolist()))):
        there, made = real.subject == name, synthetic[name]
        test, others = real.take(there), real.take(~there)
        constant = np.broadcast_to(others.joints.mean(0), test.joints.shape)
        guesses = [constant, fit_frames(before, None, made, _quiet).poses(test)]
        found[0.0][name] = _errors(guesses, test)
        for share in shares:
            few = others.take(stretches(others, names, share, np.random.default_rng([recipe.seed, number])))
            arms = ((plain, None), (before, None), (before, made), (beside, made))
            found[share][name] = _errors([fit_frames(r, few, m, _quiet).poses(test) for r, m in arms], test)
    return found


def _errors(guesses: Sequence[Array], test: Frames) -> tuple[float, ...]:
    return tuple(100 * metrics.mae(guess, test.joints) for guess in guesses)


def _quiet(done: int, total: int) -> None:
    del done, total
