"""From a recipe to a run: train, keep; and what it will cost."""

import math
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from mmsynth.config import load
from mmsynth.datasets import alone
from mmsynth.processes import Progress
from mmsynth.training.forests import blend_trees, fit_trees, grow_synthetic, synthetic_tables, table_of
from mmsynth.training.gather import gather, gather_frames
from mmsynth.training.loop import steps_timed, train_network, validation_score
from mmsynth.training.material import FrameMaterial, TrainingMaterial
from mmsynth.training.models import BlendedNetwork, Model, NetworkModel, build
from mmsynth.training.perceptron import fit_frames
from mmsynth.training.recipe import Recipe
from mmsynth.training.run import Run, keep_run, load_run
from mmsynth.training.schedule import stages
from mmsynth.training.workers import ALONE, Team

# Windows of each kind that trees are timed on, at most.
_MEASURED = 2000


@dataclass(frozen=True)
class Estimate:
    """What a training will cost here, measured on a few steps.

    Attributes:
        seconds: of the whole training, reading the data too.
        memory: largest amount in bytes so far: on a GPU of the training, on a CPU of the whole process.
        parameters: of the model; 0 for trees.
        windows: to train on; for a perceptron, frames.
    """

    seconds: float
    memory: int
    parameters: int
    windows: int


def fit(recipe: Recipe, out: Path | str, progress: Progress, team: Team = ALONE) -> Run:
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
    out = Path(out)
    note = out / "recipe.toml"
    # One that did not get as far as its first checkpoint is in nobody's way.
    begun = note.is_file() and any(p != note for p in out.iterdir())
    if begun and note.read_text(encoding="utf-8") not in ("", recipe.text()):
        raise ValueError(f"{out}: holds a training run of another recipe; give a new folder")
    if note.is_file() and not begun and not _is_note(note):
        raise ValueError(f"{note}: is no note of a training run and would be written over; give a new folder")
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
        model, said = fit_model(recipe, material, out, progress, team)
        about = "; ".join(part for part in (material.about, said) if part)
        known = material.known | load_run(recipe.initial).known if recipe.initial else material.known
        run = Run(out, recipe, material.targets, model, about, known)
        if team.leads:
            keep_run(run)
    team.wait()
    return run


def _is_note(file: Path) -> bool:
    """Whether `fit` wrote this recipe, in full and without comments, rather than a person."""
    text = file.read_text(encoding="utf-8")
    try:
        return not text or text == load(Recipe, file).text()
    except ValueError:
        return False


def fit_model(
    recipe: Recipe,
    material: TrainingMaterial | FrameMaterial,
    folder: Path,
    progress: Progress,
    team: Team = ALONE,
) -> tuple[Model, str]:
    """Train on windows or frames that are at hand; see `fit`.

    Returns:
        The model, and what there is to say of the data that only training shows; "" = nothing.
    """
    if isinstance(material, FrameMaterial):
        return fit_frames(recipe, material, progress), ""
    if recipe.model == "trees":
        return fit_trees(recipe, material, progress)
    own = train_network(recipe, _of_network(recipe, material), folder, progress, team)
    if not _blends(recipe, material):
        return own, ""
    assert material.real is not None and material.synthetic is not None
    made = synthetic_tables(material.synthetic, material.classes, recipe.seed)
    base = grow_synthetic(made, len(material.classes), recipe.trees, recipe.seed)
    return BlendedNetwork(own, blend_trees(recipe, table_of(material.real, material.classes), base)), ""


def _blends(recipe: Recipe, material: TrainingMaterial) -> bool:
    """Whether a network is joined with trees."""
    return stages(recipe, material) and recipe.task == "activity" and recipe.model != "heatmaps"


def _of_network(recipe: Recipe, material: TrainingMaterial) -> TrainingMaterial:
    """What a network itself learns: where trees are blended with it, these alone know the synthetic windows.

    Trees carry over from such windows to recordings better than networks do. Beside them a network that was pre-trained
    is worth no more where little is recorded, and less where much is (training/notes/radhar.md).
    """
    return replace(material, synthetic=None) if _blends(recipe, material) else material


def estimate(recipe: Recipe) -> Estimate:
    """Expected time and memory of `fit` on this device, from a few steps on the recipe's own data."""
    if recipe.model == "histograms":
        return _estimate_frames(recipe)
    began = time.perf_counter()
    material = gather(recipe)
    reading = time.perf_counter() - began
    windows = sum(len(w) for w in (material.real, material.synthetic) if w is not None)
    if recipe.model == "trees":
        return Estimate(reading + _seconds_of_forests(recipe, material), peak_memory("cpu"), 0, windows)
    network = build(recipe, material.targets)
    parameters = sum(p.numel() for p in network.parameters())
    seconds = float(np.median(list(steps_timed(recipe, _of_network(recipe, material), 12))[2:])) * recipe.optimise.steps
    if material.validation is not None:
        model, began = NetworkModel(network.to(recipe.device).eval(), material.targets), time.perf_counter()
        validation_score(model, material.validation)
        seconds += (time.perf_counter() - began) * math.ceil(recipe.optimise.steps / recipe.optimise.every)
    if _blends(recipe, material):
        seconds += _seconds_of_forests(recipe, material)
    return Estimate(reading + seconds, peak_memory(recipe.device), parameters, windows)


def _seconds_of_forests(recipe: Recipe, material: TrainingMaterial) -> float:
    """Of all trees, from few of them on some of the windows: features take as long as windows are many, trees log more.

    What is measured must not take longer than what it is measured for.
    """
    few, more = 10, 50
    part = _some(material)
    whole, some = (sum(len(w) for w in (m.real, m.synthetic, m.unlabelled) if w is not None) for m in (material, part))
    _seconds_of_trees(recipe, part, 1)  # the first is slower: libraries are loaded
    first, second = (_seconds_of_trees(recipe, part, count) for count in (few, more))
    each = max(0.0, second - first) / (more - few)  # features are made once, however many trees there are
    deeper = math.log(whole + 1) / math.log(some + 1)
    return whole / some * (first - few * each + each * recipe.trees.count * deeper)


def _some(material: TrainingMaterial) -> TrainingMaterial:
    """The material with `_MEASURED` windows, drawn, in place of every part that has more."""
    draw = np.random.default_rng(0)
    parts = {name: getattr(material, name) for name in ("real", "synthetic", "unlabelled")}
    few = {
        name: windows.take(np.sort(draw.permutation(len(windows))[:_MEASURED]))
        for name, windows in parts.items()
        if windows is not None and len(windows) > _MEASURED
    }
    return replace(material, **few)


def _seconds_of_trees(recipe: Recipe, material: TrainingMaterial, count: int) -> float:
    began = time.perf_counter()
    fit_trees(replace(recipe, trees=replace(recipe.trees, count=count)), material, lambda done, total: None)
    return time.perf_counter() - began


def _estimate_frames(recipe: Recipe) -> Estimate:
    """As `estimate`, of a perceptron; its `windows` are frames."""
    began = time.perf_counter()
    material = gather_frames(recipe)
    reading = time.perf_counter() - began
    few = replace(recipe, optimise=replace(recipe.optimise, steps=40, pretrain_steps=0, every=1))
    at: list[float] = []

    def note(done: int, total: int) -> None:
        at.append(time.perf_counter())

    model = fit_frames(few, material, note)
    seconds = float(np.median(np.diff(at))) * recipe.optimise.steps
    parameters = sum(p.numel() for p in model.network.parameters())
    frames = sum(len(f) for f in (material.real, material.synthetic) if f is not None)
    return Estimate(reading + seconds, peak_memory(recipe.device), parameters, frames)


def peak_memory(device: str) -> int:
    """Largest amount of memory in bytes so far: what torch took of a GPU, or what this process took."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    import resource  # not there on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
