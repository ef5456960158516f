"""From windows to trees: on recordings, on synthetic clips, on both, and on recordings that have no labels."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.training.adapt import AdaptSettings, adapt, by_clip, mixed_clips
from mmsynth.training.augment import with_copies
from mmsynth.training.blend import fit_blend
from mmsynth.training.features import features
from mmsynth.training.loop import Material
from mmsynth.training.recipe import Recipe
from mmsynth.training.run import BlendedTrees, Model, TreeModel
from mmsynth.training.trees import Forest, grow, join_forests
from mmsynth.training.windows import Windows, concatenate

Array = NDArray[Any]

# Features [windows, features] and class indices [windows].
Table = tuple[Array, Array]

# Simulated people that a share of the trees knows, at least, and how many shares there are, at most.
PEOPLE, PARTS = 20, 5


def fit_trees(recipe: Recipe, material: Material) -> tuple[Model, str]:
    """Trees on recordings, on synthetic windows, or blended of both; with "mix", in one forest on both at once.

    By self-training they learn the recordings without labels too, as those that earlier trees took them for.

    Returns:
        The model, and what there is to say of recordings without labels; "" = nothing.
    """
    made = synthetic_tables(recipe, material) if material.synthetic is not None else []
    mixed = recipe.data.schedule == "mix" and (material.real is not None or material.unlabelled is not None)
    base = grow_synthetic(recipe, made, len(material.classes)) if made and not mixed else None
    if recipe.adapt.method != "self-training":
        return _teach(recipe, material, made, base), ""
    assert material.unlabelled is not None
    if material.real is None:
        model: Model = _adapted(recipe, material.unlabelled, made, len(material.classes))
    else:
        model = _teach(recipe, material, made, base)
    guessed, note = _label(recipe, material.unlabelled, model, material.classes)
    real = guessed if material.real is None else concatenate([material.real, guessed])
    return _teach(recipe, replace(material, real=real), made, base), note


def _teach(recipe: Recipe, material: Material, made: list[Table], base: Forest | None) -> TreeModel | BlendedTrees:
    """Trees on the recordings, blended with those on synthetic windows, if there are such."""
    real, classes = material.real, material.classes
    if real is None:
        assert base is not None
        return TreeModel(base)
    if base is not None:
        return blend_trees(recipe, real, base, classes)
    table, labels = features(real), real.labels(classes)
    if not made:
        return TreeModel(_grow(recipe, table, labels, len(classes)))
    return TreeModel(_grow_mixed(recipe, (table, labels), made, len(classes)))


def _adapted(recipe: Recipe, unlabelled: Windows, made: list[Table], classes: int) -> TreeModel:
    """Trees that go over by degrees from synthetic windows to recordings of which none has a label."""
    settings = AdaptSettings(vote=recipe.adapt.one_activity, trees=recipe.trees.count)
    return TreeModel(adapt(_joined(made), (features(unlabelled), unlabelled.clip), classes, settings, recipe.seed))


def _label(recipe: Recipe, unlabelled: Windows, model: Model, classes: tuple[str, ...]) -> tuple[Windows, str]:
    """Recordings with the likeliest activity of each clip, or window, as its label; and what to say of these."""
    said, own = model.probabilities(unlabelled), recipe.adapt.one_activity
    guess = (by_clip(said, unlabelled.clip) if own else said).argmax(1)
    labelled = replace(unlabelled, activity=np.array(classes)[guess])
    share = np.bincount(guess, minlength=len(classes)) / len(guess)
    note = "taken for " + ", ".join(f"{name} {part:.0%}" for name, part in zip(classes, share, strict=True))
    doubted = mixed_clips(features(unlabelled), unlabelled.clip, guess, len(classes), recipe.seed) if own else []
    if doubted:
        listed = ", ".join(doubted[:6]) + (" ..." if len(doubted) > 6 else "")
        note += (
            f"; {len(doubted)} of {len(set(unlabelled.clip))} of them seem to show more than one activity ({listed}): "
            "cut them, leave them out, or say adapt.one_activity = false"
        )
    return labelled, note


def synthetic_tables(recipe: Recipe, material: Material) -> list[Table]:
    """Features and labels of synthetic windows and their copies, a table for each part of the people if these are many.

    Trees that each know some of the people carry over to recordings better than trees that know all.
    """
    synthetic = material.synthetic
    assert synthetic is not None
    _, person = np.unique(synthetic.subject.astype(str), return_inverse=True)
    parts = min(PARTS, max(1, (int(person.max()) + 1) // PEOPLE))
    tables = []
    for part in range(parts):
        own = synthetic.take(np.flatnonzero(person % parts == part))
        copied = with_copies(own, np.random.default_rng([recipe.seed, 7]))
        tables.append((features(copied), copied.labels(material.classes)))
    return tables


def grow_synthetic(recipe: Recipe, made: list[Table], classes: int) -> Forest:
    """A share of the trees for each table of `synthetic_tables`."""
    few = replace(recipe.trees, count=max(1, recipe.trees.count // len(made)))
    return join_forests(
        [
            _grow(replace(recipe, trees=few, seed=recipe.seed + part), table, labels, classes)
            for part, (table, labels) in enumerate(made)
        ]
    )


def blend_trees(recipe: Recipe, real: Windows, base: Forest, classes: tuple[str, ...]) -> BlendedTrees:
    """Trees on recordings stacked on the trees on synthetic windows, and the blend of both."""
    table, labels = features(real), real.labels(classes)
    said = base.probabilities(table)
    return BlendedTrees(base, _grow(recipe, np.hstack([table, said]), labels, len(classes)), fit_blend(said, labels))


def _grow(recipe: Recipe, table: Array, labels: Array, classes: int, weight: Array | None = None) -> Forest:
    return grow(table, labels, classes, recipe.trees, recipe.seed, np.ones(len(labels)) if weight is None else weight)


def _grow_mixed(recipe: Recipe, real: Table, made: list[Table], classes: int) -> Forest:
    """Everything at once: synthetic windows, each with its copies, weigh `synthetic_share` of the whole."""
    synthetic, share = _joined(made), recipe.data.synthetic_share
    table, labels = _joined([real, synthetic])
    sizes = len(real[1]), len(synthetic[1])
    weight = len(labels) * np.repeat([(1 - share) / sizes[0], share / sizes[1]], sizes)
    used = weight > 0
    return _grow(recipe, table[used], labels[used], classes, weight[used])


def _joined(tables: list[Table]) -> Table:
    return np.concatenate([table for table, _ in tables]), np.concatenate([labels for _, labels in tables])
