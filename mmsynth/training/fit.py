"""From a recipe to a run: train, keep; and what it will cost."""

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmsynth.datasets import alone
from mmsynth.training.adapt import AdaptSettings, adapt, by_clip
from mmsynth.training.augment import with_copies
from mmsynth.training.blend import fit_blend
from mmsynth.training.features import features
from mmsynth.training.gather import FrameMaterial, gather, gather_frames
from mmsynth.training.loop import Material, Progress, steps_timed, train_network
from mmsynth.training.perceptron import fit_frames
from mmsynth.training.recipe import Recipe
from mmsynth.training.run import BlendedNetwork, BlendedTrees, Model, Run, TreeModel, build, keep_run, load_run
from mmsynth.training.trees import Forest, grow, join_forests
from mmsynth.training.windows import Windows, concatenate
from mmsynth.training.workers import Team

Array = NDArray[Any]

# Simulated people that a share of the trees knows, at least, and how many shares there are, at most.
PEOPLE, PARTS = 20, 5


@dataclass(frozen=True)
class Estimate:
    """What a training will cost here, measured on a few steps.

    Attributes:
        seconds: of the whole training, without reading the data.
        memory: largest amount in bytes so far: on a GPU of the training, on a CPU of the whole process.
        parameters: of the model; 0 for trees.
        windows: to train on; for a perceptron, frames.
    """

    seconds: float
    memory: int
    parameters: int
    windows: int


def fit(recipe: Recipe, out: Path | str, progress: Progress, team: Team | None = None) -> Run:
    """Train what the recipe says and keep it in the folder `out`; an interrupted run goes on where it stopped.

    Args:
        recipe: what to train, on what and how.
        out: folder of the run.
        progress: called with (steps done, steps in all).
        team: processes that train together (`workers.team`).

    Raises:
        ValueError: a file is missing or holds no usable clip, or `out` holds a run of another recipe or one that
            another process is at.
    """
    out, team = Path(out), team or Team()
    note = out / "recipe.toml"
    # One that did not get as far as its first checkpoint is in nobody's way.
    begun = note.is_file() and any(p != note for p in out.iterdir())
    if begun and note.read_text(encoding="utf-8") not in ("", recipe.text()):
        raise ValueError(f"{out}: holds a training run of another recipe; give a new folder")
    if (out / "run.json").is_file():
        return load_run(out)
    material = gather_frames(recipe) if recipe.model == "histograms" else gather(recipe)
    out.mkdir(parents=True, exist_ok=True)
    team.wait()
    with ExitStack() as held:
        if team.leads:
            note.touch()
            held.enter_context(alone(note))
            note.write_text(recipe.text(), encoding="utf-8")
        model = fit_model(recipe, material, out, progress, team)
        run = Run(out, recipe, material.targets, model, material.about)
        if team.leads:
            keep_run(run)
    team.wait()
    return run


def fit_model(
    recipe: Recipe, material: Material | FrameMaterial, folder: Path, progress: Progress, team: Team | None = None
) -> Model:
    """Train on windows or frames that are at hand; see `fit`."""
    if isinstance(material, FrameMaterial):
        return fit_frames(recipe, material.real, material.synthetic, progress)
    if recipe.model == "trees":
        if recipe.adapt.method == "self-training":
            material = replace(material, real=_labelled_by(_voters(recipe, material), material))
        model = _fit_trees(recipe, material)
        progress(1, 1)
        return model
    own, blended = train_network(recipe, material, folder, progress, team), recipe.data.schedule == "pretrain"
    if not (blended and material.staged and recipe.task == "activity" and recipe.model != "heatmaps"):
        return own
    assert material.real is not None and material.synthetic is not None
    # Trees carry over from synthetic windows to recordings better than networks do (training/RESULTS.md).
    told = _grow_synthetic(recipe, material.synthetic, material.classes)
    return BlendedNetwork(own, _blended(recipe, material.real, told, material.classes))


def estimate(recipe: Recipe) -> Estimate:
    """Expected time and memory of `fit` on this device, from a few steps on the recipe's own data."""
    if recipe.model == "histograms":
        return _estimate_frames(recipe)
    material = gather(recipe)
    windows = sum(len(w) for w in (material.real, material.synthetic) if w is not None)
    if recipe.model == "trees":
        few, more = 5, 25
        first, second = (_seconds_of_trees(recipe, material, count) for count in (few, more))
        each = max(0.0, second - first) / (more - few)  # features are made once, however many trees there are
        return Estimate(first + each * (recipe.trees.count - few), peak_memory("cpu"), 0, windows)
    parameters = sum(p.numel() for p in build(recipe, material.targets).parameters())
    seconds = float(np.median(list(steps_timed(recipe, material, 12))[2:])) * recipe.optimise.steps
    return Estimate(seconds, peak_memory(recipe.device), parameters, windows)


def _seconds_of_trees(recipe: Recipe, material: Material, count: int) -> float:
    began = time.perf_counter()
    _fit_trees(replace(recipe, trees=replace(recipe.trees, count=count)), material)
    return time.perf_counter() - began


def _estimate_frames(recipe: Recipe) -> Estimate:
    """As `estimate`, of a perceptron; its `windows` are frames."""
    material = gather_frames(recipe)
    few = replace(recipe, optimise=replace(recipe.optimise, steps=40, pretrain_steps=0, every=1))
    at: list[float] = []
    model = fit_frames(few, material.real, material.synthetic, lambda done, total: at.append(time.perf_counter()))
    seconds = float(np.median(np.diff(at))) * recipe.optimise.steps
    parameters = sum(p.numel() for p in model.network.parameters())
    frames = sum(len(f) for f in (material.real, material.synthetic) if f is not None)
    return Estimate(seconds, peak_memory(recipe.device), parameters, frames)


def peak_memory(device: str) -> int:
    """Largest amount of memory in bytes so far: what torch took of a GPU, or what this process took."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    import resource  # not there on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _voters(recipe: Recipe, material: Material) -> Model:
    """What tells recordings without labels: where none has a label, synthetic windows brought to them by degrees."""
    if material.real is not None:
        return _fit_trees(recipe, material)
    assert material.synthetic is not None and material.unlabelled is not None
    made, classes = _copied(recipe, material.synthetic), material.classes
    told, asked = (features(made), made.labels(classes)), (features(material.unlabelled), material.unlabelled.clip)
    return TreeModel(adapt(told, asked, len(classes), AdaptSettings(), recipe.seed))


def _labelled_by(model: Model, material: Material) -> Windows:
    """The recordings, those without labels among them, each clip of which is taken to show the likeliest activity."""
    assert material.unlabelled is not None
    found = by_clip(model.probabilities(material.unlabelled), material.unlabelled.clip).argmax(1)
    told = replace(material.unlabelled, activity=np.array(material.classes)[found])
    return told if material.real is None else concatenate([material.real, told])


def _fit_trees(recipe: Recipe, material: Material) -> TreeModel | BlendedTrees:
    """Trees on recordings, on synthetic windows, or blended of both; with "mix", in one forest on both at once."""
    real, synthetic = material.real, material.synthetic
    if material.staged and recipe.data.schedule == "mix":
        return TreeModel(_grow_mixed(recipe, material))
    if synthetic is None:
        assert real is not None
        return TreeModel(_grow(recipe, features(real), real.labels(material.classes), len(material.classes)))
    told = _grow_synthetic(recipe, synthetic, material.classes)
    return TreeModel(told) if real is None else _blended(recipe, real, told, material.classes)


def _grow(recipe: Recipe, table: Array, labels: Array, classes: int, weight: Array | None = None) -> Forest:
    return grow(table, labels, classes, recipe.trees, recipe.seed, np.ones(len(labels)) if weight is None else weight)


def _grow_mixed(recipe: Recipe, material: Material) -> Forest:
    """Everything at once: synthetic windows, each with its copies, weigh `synthetic_share` of the whole."""
    assert material.real is not None and material.synthetic is not None
    made, share = _copied(recipe, material.synthetic), recipe.data.synthetic_share
    windows = concatenate([material.real, made])
    each = [(1 - share) / len(material.real)] * len(material.real) + [share / len(made)] * len(made)
    weight = np.array(each) * len(windows)
    used = weight > 0
    labels = windows.labels(material.classes)
    return _grow(recipe, features(windows)[used], labels[used], len(material.classes), weight[used])


def _grow_synthetic(recipe: Recipe, synthetic: Windows, classes: tuple[str, ...]) -> Forest:
    """A share of the trees for each part of the simulated people, where there are many.

    Trees that each know some of the people carry over to recordings better than trees that know all.
    """
    _, person = np.unique(synthetic.subject.astype(str), return_inverse=True)
    parts = min(PARTS, max(1, (int(person.max()) + 1) // PEOPLE))
    forests = []
    for part in range(parts):
        own = _copied(recipe, synthetic.take(np.flatnonzero(person % parts == part)))
        few = replace(recipe.trees, count=max(1, recipe.trees.count // parts))
        each = replace(recipe, trees=few, seed=recipe.seed + part)
        forests.append(_grow(each, features(own), own.labels(classes), len(classes)))
    return join_forests(forests)


def _blended(recipe: Recipe, real: Windows, told: Forest, classes: tuple[str, ...]) -> BlendedTrees:
    """Trees on recordings that are told what the trees on synthetic windows say of them, and the blend of both."""
    table, labels = features(real), real.labels(classes)
    said = told.probabilities(table)
    return BlendedTrees(told, _grow(recipe, np.hstack([table, said]), labels, len(classes)), fit_blend(said, labels))


def _copied(recipe: Recipe, synthetic: Windows) -> Windows:
    return with_copies(synthetic, np.random.default_rng([recipe.seed, 7]))
