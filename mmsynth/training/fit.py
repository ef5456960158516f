"""From a recipe to a run: read the clips, hold out what is to be held out, train, keep."""

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmsynth.arrays import check_device
from mmsynth.config import load
from mmsynth.datasets import Clips, Dataset, Datasets, alone
from mmsynth.joints import JOINT_SETS
from mmsynth.training.adapt import by_clip
from mmsynth.training.augment import with_copies
from mmsynth.training.blend import fit_blend
from mmsynth.training.features import features
from mmsynth.training.loop import Material, Progress, steps_timed, train_network
from mmsynth.training.recipe import Recipe
from mmsynth.training.run import (
    BlendedNetwork,
    BlendedTrees,
    Model,
    Run,
    Targets,
    TreeModel,
    build,
    keep_run,
    load_run,
)
from mmsynth.training.trees import Forest, grow, join_forests
from mmsynth.training.windows import Windows, WindowSettings, concatenate, cut
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
        windows: to train on.
    """

    seconds: float
    memory: int
    parameters: int
    windows: int


def load_recipe(path: Path | str) -> Recipe:
    """Read a training recipe; the files that it names lie relative to the working folder, and are made absolute.

    Raises:
        ValueError: it is missing, not TOML, or a key is unknown or wrong.
    """
    recipe = load(Recipe, path)
    real, synthetic, unlabelled = (
        tuple(file.absolute() for file in files)
        for files in (recipe.data.real, recipe.data.synthetic, recipe.data.unlabelled)
    )
    data = replace(recipe.data, real=real, synthetic=synthetic, unlabelled=unlabelled)
    initial = recipe.initial.absolute() if recipe.initial else None
    return replace(recipe, data=data, initial=initial)


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
    material = gather(recipe)
    out.mkdir(parents=True, exist_ok=True)
    team.wait()
    with ExitStack() as held:
        if team.leads:
            note.touch()
            held.enter_context(alone(note))
            note.write_text(recipe.text(), encoding="utf-8")
        model = fit_model(recipe, material, out, progress, team)
        if team.leads:
            keep_run(out, recipe, material.targets, model)
    team.wait()
    return Run(out, recipe, material.targets, model)


def fit_model(recipe: Recipe, material: Material, folder: Path, progress: Progress, team: Team | None = None) -> Model:
    """Train on windows that are at hand; see `fit`."""
    if recipe.model == "trees":
        model = _fit_trees(recipe, material)
        if recipe.adapt.method == "self-training":
            model = _fit_trees(recipe, replace(material, real=_labelled_by(model, material)))
        progress(1, 1)
        return model
    own, blended = train_network(recipe, material, folder, progress, team), recipe.data.schedule == "pretrain"
    if not (blended and material.staged and recipe.task == "activity" and recipe.model != "heatmaps"):
        return own
    assert material.real is not None and material.synthetic is not None
    # Trees carry over from synthetic windows to recordings better than networks do (training/RESULTS.md).
    told = _grow_synthetic(recipe, material.synthetic, material.classes)
    return BlendedNetwork(own, _blended(recipe, material.real, told, material.classes))


def gather(recipe: Recipe) -> Material:
    """Read and cut the recipe's clips.

    Raises:
        ValueError: a file is missing, or nothing is left to train on; `hold_out` names what is not there; or there is
            no such device.
    """
    check_device(recipe.device)
    data = recipe.data
    draw = np.random.default_rng([recipe.seed, 1])
    files = [(_open(paths), hold) for paths, hold in ((data.real, data.hold_out), (data.synthetic, ()))]
    targets = _targets(recipe, [source for source, _ in files if source])
    if files[0][0]:
        _check_hold_out(files[0][0], data.hold_out)
    names = targets.classes if recipe.task == "activity" else recipe.classes
    real, synthetic = (_usable(source, names, hold) for source, hold in files)
    if len(real):
        real, _ = _divide(files[0][0], real, data.real_fraction, draw)
    if not len(real) and not len(synthetic):
        raise ValueError(f"data: no clip of {', '.join(names) or 'any activity'} is left to train on")
    # The model is chosen on recordings where there are any: on synthetic clips every model looks good.
    source, mine = (files[0][0], real) if len(real) else (files[1][0], synthetic)
    withheld, kept = _divide(source, mine, data.validation, draw, spare=1)
    real, synthetic = (kept, synthetic) if len(real) else (real, kept)
    apart = replace(recipe.window, step=recipe.window.duration)
    other = _open(data.unlabelled)

    def windows(source: Clips | None, clips: Array, settings: WindowSettings = recipe.window) -> Windows | None:
        return cut(source, settings, clips, recipe.task == "pose") if source and len(clips) else None

    recorded, made = windows(files[0][0], real), windows(files[1][0], synthetic)
    if recipe.task == "pose" and recorded is not None and made is not None:
        made = at_the_mean(made, recorded)
    return Material(
        targets=targets,
        real=recorded,
        synthetic=made,
        validation=windows(source, withheld, apart),
        unlabelled=_unlabelled(other, recipe) if other else None,
    )


def at_the_mean(synthetic: Windows, real: Windows) -> Windows:
    """Synthetic windows with their joints moved so that the mean pose is that of the recordings.

    Boards read angles askew and people are built differently: where joints lie is known from recordings, few as they
    may be; how they move is what synthetic poses are for.
    """
    here, there = (np.nanmean(w.joints, axis=(0, 1), dtype=np.float64) for w in (synthetic, real))
    return replace(synthetic, joints=(synthetic.joints + (there - here)).astype(np.float32))


def _targets(recipe: Recipe, sources: list[Clips]) -> Targets:
    """What the run tells: the recipe's activities, or all that there are; the joints of the data."""
    if recipe.task == "pose":
        sets = sorted({source.joint_set for source in sources})
        if len(sets) > 1 or not sets[0]:
            raise ValueError(
                f"data: expected one set of joints to train on, got {', '.join(s or 'none' for s in sets)}"
            )
        return Targets(joint_set=sets[0])
    found = sorted({str(a) for source in sources for a in source.labels.activity} - {""})
    return Targets(recipe.classes or tuple(found))


def _unlabelled(source: Clips, recipe: Recipe) -> Windows:
    """Windows of recordings to adapt to, with poses marked as not known, so that none can be learnt from them."""
    windows = cut(source, recipe.window, np.flatnonzero(~held_out(source, recipe.data.hold_out)))
    if recipe.task != "pose":
        return windows
    joint_set = _targets(recipe, [s for s in (_open(recipe.data.real), _open(recipe.data.synthetic)) if s]).joint_set
    shape = (len(windows), windows.bins, len(JOINT_SETS[joint_set]), 3)
    return replace(windows, joints=np.full(shape, np.nan, np.float32), joint_set=joint_set)


def estimate(recipe: Recipe) -> Estimate:
    """Expected time and memory of `fit` on this device, from a few steps on the recipe's own data."""
    material = gather(recipe)
    windows = sum(len(w) for w in (material.real, material.synthetic) if w is not None)
    if recipe.model == "trees":
        small = replace(recipe, trees=replace(recipe.trees, count=10))
        began = time.perf_counter()
        _fit_trees(small, material)
        seconds = (time.perf_counter() - began) * recipe.trees.count / 10
        return Estimate(seconds, peak_memory("cpu"), 0, windows)
    parameters = sum(p.numel() for p in build(recipe, material.targets).parameters())
    seconds = float(np.median(list(steps_timed(recipe, material, 12))[2:])) * recipe.optimise.steps
    return Estimate(seconds, peak_memory(recipe.device), parameters, windows)


def peak_memory(device: str) -> int:
    """Largest amount of memory in bytes so far: what torch took of a GPU, or what this process took."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    import resource  # not there on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


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


def _open(paths: tuple[Path, ...]) -> Clips | None:
    return Datasets(tuple(Dataset.open(p) for p in paths), drop_intensity=True) if paths else None


def _usable(source: Clips | None, classes: tuple[str, ...], hold_out: tuple[str, ...]) -> Array:
    """Indices of the clips that have one of the classes (none = any) and are not held out."""
    if source is None:
        return np.zeros(0, np.int64)
    wanted = np.isin(source.labels.activity, classes) if classes else np.ones(len(source), bool)
    return np.flatnonzero(wanted & ~held_out(source, hold_out))


def _check_hold_out(source: Clips, hold_out: tuple[str, ...]) -> None:
    """Refuse a name that holds nothing out: mistyped, it would let what it means be trained on."""
    for name in hold_out:
        if not held_out(source, (name,)).any():
            there = {*source.labels.session.tolist(), *source.labels.subject.tolist()} - {""}
            listed = ", ".join(sorted(there)[:12]) + (" ..." if len(there) > 12 else "")
            raise ValueError(
                f"data.hold_out: no recording is of a session or subject '{name}'; there are {listed or 'none'}"
            )


def held_out(source: Clips, hold_out: tuple[str, ...]) -> Array:
    """Which clips [clips] are of a held-out session (by the beginning of its name) or subject (by its whole name)."""
    sessions = np.array([bool(hold_out) and s.startswith(hold_out) for s in source.labels.session.tolist()], bool)
    return np.asarray(sessions | np.isin(source.labels.subject, hold_out))


def _divide(
    source: Clips | None, clips: Array, share: float, draw: np.random.Generator, spare: int = 0
) -> tuple[Array, Array]:
    """A random share of the clips of each activity, and the rest.

    At least one clip of each activity is drawn (unless the share is 0), and at least `spare` are left.
    """
    if source is None or share == 0:
        return clips[:0], clips
    activity = source.labels.activity[clips]
    chosen = np.zeros(len(clips), bool)
    for name in np.unique(activity):
        own = np.flatnonzero(activity == name)
        chosen[draw.permutation(own)[: min(max(1, round(share * len(own))), len(own) - spare)]] = True
    return clips[chosen], clips[~chosen]
