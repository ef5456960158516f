"""From a recipe to a run: read the clips, hold out what is to be held out, train, keep."""

import json
import subprocess
import time
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmsynth.config import load
from mmsynth.datasets import Clips, Dataset, Datasets
from mmsynth.training.features import features
from mmsynth.training.loop import Material, Progress, steps_timed, train_network
from mmsynth.training.recipe import Recipe
from mmsynth.training.run import Model, Run, TreeModel, build, load_run, save_model
from mmsynth.training.trees import grow
from mmsynth.training.windows import concatenate, cut

Array = NDArray[Any]


@dataclass(frozen=True)
class Estimate:
    """What a training will cost here, measured on a few steps.

    Attributes:
        seconds: of the whole training.
        memory: largest amount of memory in bytes on the training device (on a CPU: of weights, gradients and averages).
        parameters: of the model; 0 for trees.
        windows: to train on.
    """

    seconds: float
    memory: int
    parameters: int
    windows: int


def load_recipe(path: Path | str) -> Recipe:
    """Read a training recipe.

    Raises:
        ValueError: it is missing, not TOML, or a key is unknown or wrong.
    """
    return load(Recipe, path)


def fit(recipe: Recipe, out: Path | str, progress: Progress) -> Run:
    """Train what the recipe says and keep it in the folder `out`; an interrupted run goes on where it stopped.

    Args:
        recipe: what to train, on what and how.
        out: folder of the run.
        progress: called with (steps done, steps in all).

    Raises:
        ValueError: a file is missing or holds no usable clip, or `out` holds a run of another recipe.
    """
    out = Path(out)
    if (out / "recipe.toml").is_file() and (out / "recipe.toml").read_text(encoding="utf-8") != recipe.text():
        raise ValueError(f"{out}: holds a training run of another recipe; give a new folder")
    if (out / "run.json").is_file():
        return load_run(out)
    material = gather(recipe)
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.toml").write_text(recipe.text(), encoding="utf-8")
    model = fit_model(recipe, material, out, progress)
    save_model(out / ("model.npz" if recipe.model == "trees" else "model.pt"), model)
    about = {"classes": list(material.classes), "version": version("mmsynth"), "commit": commit()}
    (out / "run.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return Run(out, recipe, material.classes, model)


def fit_model(recipe: Recipe, material: Material, folder: Path, progress: Progress) -> Model:
    """Train on windows that are at hand; see `fit`."""
    if recipe.model == "trees":
        return _fit_trees(recipe, material, progress)
    return train_network(recipe, material, folder, progress)


def gather(recipe: Recipe) -> Material:
    """Read and cut the recipe's clips.

    Raises:
        ValueError: a file is missing, or nothing is left to train on.
    """
    data = recipe.data
    draw = np.random.default_rng([recipe.seed, 1])
    files = [(_open(paths), hold) for paths, hold in ((data.real, data.hold_out), (data.synthetic, ()))]
    found = sorted({str(a) for source, _ in files if source for a in source.labels.activity} - {""})
    classes = recipe.classes or tuple(found)
    real, synthetic = (_usable(source, classes, hold) for source, hold in files)
    if len(real):
        real, _ = _divide(files[0][0], real, data.real_fraction, draw)
    if not len(real) and not len(synthetic):
        raise ValueError(f"data: no clip of {', '.join(classes) or 'any activity'} is left to train on")
    # The model is chosen on recordings where there are any: on synthetic clips every model looks good.
    source, mine = (files[0][0], real) if len(real) else (files[1][0], synthetic)
    withheld, kept = _divide(source, mine, data.validation, draw, spare=1)
    real, synthetic = (kept, synthetic) if len(real) else (real, kept)
    apart = replace(recipe.window, step=recipe.window.duration)
    return Material(
        classes,
        cut(files[0][0], recipe.window, real) if files[0][0] and len(real) else None,
        cut(files[1][0], recipe.window, synthetic) if files[1][0] and len(synthetic) else None,
        cut(source, apart, withheld) if source and len(withheld) else None,
    )


def estimate(recipe: Recipe) -> Estimate:
    """Expected time and memory of `fit` on this device, from a few steps on the recipe's own data."""
    material = gather(recipe)
    windows = sum(len(w) for w in (material.real, material.synthetic) if w is not None)
    if recipe.model == "trees":
        small = replace(recipe, trees=replace(recipe.trees, count=10))
        began = time.perf_counter()
        _fit_trees(small, material, lambda done, total: None)
        return Estimate((time.perf_counter() - began) * recipe.trees.count / 10, 0, 0, windows)
    parameters = sum(p.numel() for p in build(recipe, len(material.classes)).parameters())
    seconds = float(np.median(list(steps_timed(recipe, material, 8))[2:])) * recipe.optimise.steps
    cuda = recipe.device.startswith("cuda")
    memory = torch.cuda.max_memory_allocated(recipe.device) if cuda else parameters * 4 * 6
    return Estimate(seconds, memory, parameters, windows)


def _fit_trees(recipe: Recipe, material: Material, progress: Progress) -> TreeModel:
    """Trees take everything at once: in a mix, synthetic windows weigh `synthetic_share` of the whole."""
    parts = [(w, s) for w, s in ((material.real, 0), (material.synthetic, 1)) if w is not None]
    windows = concatenate([w for w, _ in parts])
    share = recipe.data.synthetic_share
    each = [(share if s else 1 - share) / len(w) if len(parts) == 2 else 1 / len(w) for w, s in parts]
    weight = np.concatenate([np.full(len(w), e) for (w, _), e in zip(parts, each, strict=True)]) * len(windows)
    labels = windows.labels(material.classes)
    used = weight > 0
    table = features(windows)[used]
    forest = grow(table, labels[used], len(material.classes), recipe.trees, recipe.seed, weight[used])
    progress(1, 1)
    return TreeModel(forest)


def _open(paths: tuple[Path, ...]) -> Clips | None:
    return Datasets(tuple(Dataset.open(p) for p in paths), drop_intensity=True) if paths else None


def _usable(source: Clips | None, classes: tuple[str, ...], hold_out: tuple[str, ...]) -> Array:
    """Indices of the clips that have one of the classes and are not held out."""
    if source is None:
        return np.zeros(0, np.int64)
    held = np.array([bool(hold_out) and s.startswith(hold_out) for s in source.labels.session.tolist()])
    return np.flatnonzero(np.isin(source.labels.activity, classes) & ~held)


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


def commit() -> str:
    """The commit of the code where it runs from a checkout, else its version."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return version("mmsynth")
    return answer.stdout.strip()
