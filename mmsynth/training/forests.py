"""From windows to trees: on recordings, on synthetic clips, on both, and on recordings that have no labels."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.processes import Progress, Steps
from mmsynth.training.adapt import AdaptSettings, adapt, by_clip, mixed_clips
from mmsynth.training.augment import with_copies
from mmsynth.training.blend import fit_blend
from mmsynth.training.features import features
from mmsynth.training.material import TrainingMaterial
from mmsynth.training.models import BlendedTrees, Model, TreeModel
from mmsynth.training.recipe import Recipe
from mmsynth.training.trees import Forest, TreeSettings, grow, join_forests
from mmsynth.training.windows import Windows

Array = NDArray[Any]

# Features [windows, features] and class indices [windows].
Table = tuple[Array, Array]

# Simulated people that a share of the trees knows, at least, and how many shares there are, at most.
PEOPLE, PARTS = 20, 5


def fit_trees(recipe: Recipe, material: TrainingMaterial, progress: Progress) -> tuple[Model, str]:
    """Trees on recordings, on synthetic windows, or blended of both; with "mix", in one forest on both at once.

    By self-training they learn the recordings without labels too, as those that earlier trees took them for.

    Args:
        recipe: what to train and how.
        material: windows.
        progress: called with (steps done, steps in all): tables, forests, rounds.

    Returns:
        The model, and what there is to say of recordings without labels; "" = nothing.
    """
    synthetic, classes, seed = material.synthetic, material.classes, recipe.seed
    adapting, rounds = recipe.adapt.method == "self-training", AdaptSettings.rounds if material.real is None else 0
    step = Steps(progress, 3 + adapting * (2 + rounds))
    made = synthetic_tables(synthetic, classes, seed) if synthetic is not None else []
    step()
    mixed = recipe.data.schedule == "mix" and (material.real is not None or material.unlabelled is not None)
    base = grow_synthetic(made, len(classes), recipe.trees, seed) if made and not mixed else None
    real = table_of(material.real, classes) if material.real is not None else None
    step()
    known, note = real, ""
    if adapting:
        assert material.unlabelled is not None
        table, clip = features(material.unlabelled), material.unlabelled.clip
        if real is None:
            model: TreeModel | BlendedTrees = _adapted(recipe, (table, clip), made, len(classes), step)
        else:
            model = _teach(recipe, real, made, base, classes)
        step()
        guess, note = _label(recipe, (table, clip), model, classes)
        step()
        known = (table, guess) if real is None else join_tables([real, (table, guess)])
    model = _teach(recipe, known, made, base, classes)
    step()
    return model, note


def table_of(windows: Windows, classes: tuple[str, ...]) -> Table:
    """Features and labels of windows."""
    return features(windows), windows.labels(classes)


def _teach(
    recipe: Recipe, real: Table | None, made: list[Table], base: Forest | None, classes: tuple[str, ...]
) -> TreeModel | BlendedTrees:
    """Trees on the recordings, blended with those on synthetic windows, if there are such."""
    if real is None:
        assert base is not None
        return TreeModel(base)
    if base is not None:
        return blend_trees(recipe, real, base)
    if not made:
        return TreeModel(grow(*real, len(classes), recipe.trees, recipe.seed))
    return TreeModel(_grow_mixed(recipe, real, made, len(classes)))


def _adapted(
    recipe: Recipe, unlabelled: tuple[Array, Array], made: list[Table], classes: int, step: Callable[[], None]
) -> TreeModel:
    """Trees that go over by degrees from synthetic windows to recordings of which none has a label."""
    settings = AdaptSettings(vote=recipe.adapt.one_activity, trees=recipe.trees.count)
    return TreeModel(adapt(join_tables(made), unlabelled, classes, settings, recipe.seed, step))


def _label(
    recipe: Recipe, unlabelled: tuple[Array, Array], model: TreeModel | BlendedTrees, classes: tuple[str, ...]
) -> tuple[Array, str]:
    """The likeliest activity [windows] of each clip's, or each, window; and what to say of these.

    Args:
        recipe: of the training.
        unlabelled: features [windows, features] and the clip [windows] of each.
        model: that classifies them.
        classes: activities in order.
    """
    table, clip = unlabelled
    probability, own = model.classify(table), recipe.adapt.one_activity
    guess = (by_clip(probability, clip) if own else probability).argmax(1)
    share = np.bincount(guess, minlength=len(classes)) / len(guess)
    note = "taken for " + ", ".join(f"{name} {part:.0%}" for name, part in zip(classes, share, strict=True))
    doubted = mixed_clips(table, clip, guess, len(classes), recipe.seed) if own else []
    if doubted:
        listed = ", ".join(doubted[:6]) + (" ..." if len(doubted) > 6 else "")
        note += (
            f"; {len(doubted)} of {len(set(clip))} of them seem to show more than one activity ({listed}): "
            "cut them, leave them out, or say adapt.one_activity = false"
        )
    return guess, note


def synthetic_tables(windows: Windows, classes: tuple[str, ...], seed: int) -> list[Table]:
    """Synthetic windows and their copies, a table for each part of the people if these are many.

    Trees that each know some of the people carry over to recordings better than trees that know all.

    Args:
        windows: of all people, who are told apart by `subject`.
        classes: activities in order.
        seed: of what alters the copies.
    """
    _, person = np.unique(windows.subject.astype(str), return_inverse=True)
    parts = min(PARTS, max(1, (int(person.max()) + 1) // PEOPLE))
    tables = []
    for part in range(parts):
        own = windows.take(np.flatnonzero(person % parts == part))
        tables.append(table_of(with_copies(own, np.random.default_rng([seed, 7])), classes))
    return tables


def grow_synthetic(made: list[Table], classes: int, settings: TreeSettings, seed: int) -> Forest:
    """A share of the trees for each table of `synthetic_tables`."""
    few = replace(settings, count=max(1, settings.count // len(made)))
    return join_forests([grow(*table, classes, few, seed + part) for part, table in enumerate(made)])


def blend_trees(recipe: Recipe, real: Table, base: Forest) -> BlendedTrees:
    """Trees on recordings stacked on the trees on synthetic windows, and the blend of both."""
    table, labels = real
    first = base.probabilities(table)
    stacked = grow(np.hstack([table, first]), labels, first.shape[1], recipe.trees, recipe.seed)
    return BlendedTrees(base, stacked, fit_blend(first, labels))


def _grow_mixed(recipe: Recipe, real: Table, made: list[Table], classes: int) -> Forest:
    """Everything at once: synthetic windows, each with its copies, weigh `synthetic_share` of the whole."""
    synthetic, share = join_tables(made), recipe.data.synthetic_share
    table, labels = join_tables([real, synthetic])
    sizes = len(real[1]), len(synthetic[1])
    weight = len(labels) * np.repeat([(1 - share) / sizes[0], share / sizes[1]], sizes)
    used = weight > 0
    return grow(table[used], labels[used], classes, recipe.trees, recipe.seed, weight[used])


def join_tables(tables: list[Table]) -> Table:
    """All windows of several tables as one."""
    return np.concatenate([table for table, _ in tables]), np.concatenate([labels for _, labels in tables])
