"""The training loop of a network: exact under a kill, because every step's randomness is keyed by (seed, step)."""

import copy
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from mmsynth import metrics
from mmsynth.training.augment import augment
from mmsynth.training.networks import to_batch
from mmsynth.training.recipe import Recipe
from mmsynth.training.run import NetworkModel, build
from mmsynth.training.windows import Windows, concatenate

Array = NDArray[Any]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Material:
    """What a network is trained on; a part with no windows is None.

    Attributes:
        real, synthetic: to train on.
        validation: chooses the model; None = the last one is kept.
    """

    classes: tuple[str, ...]
    real: Windows | None
    synthetic: Windows | None
    validation: Windows | None


@dataclass
class State:
    """Where a training stands: all that a checkpoint holds."""

    step: int
    network: nn.Module
    average: nn.Module
    optimiser: torch.optim.Optimizer
    best: dict[str, Any]
    best_score: float = -1.0
    stale: int = 0


def train_network(recipe: Recipe, material: Material, folder: Path, progress: Progress) -> NetworkModel:
    """Train the recipe's network; a checkpoint in `folder` is gone on from, with the same outcome as without the stop.

    Args:
        recipe: what to train and how.
        material: windows.
        folder: where `checkpoint.pt` and `log.jsonl` are kept.
        progress: called with (steps done, steps in all).
    """
    settings = recipe.optimise
    state = _start(recipe, len(material.classes))
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.is_file():
        _restore(state, torch.load(checkpoint, map_location=recipe.device, weights_only=True))
    while state.step < settings.steps:
        loss = train_step(recipe, material, state)
        if state.step % settings.every == 0 or state.step == settings.steps:
            score = _validate(material, state)
            _save(checkpoint, state)
            line = {"step": state.step, "loss": round(loss, 5), "validation": score, "time": round(time.time(), 1)}
            with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
            progress(state.step, settings.steps)
            tuning = state.step > (settings.pretrain_steps if _stages(recipe, material) else 0)
            if tuning and settings.patience and state.stale >= settings.patience:
                break
    if state.best:
        state.average.load_state_dict(state.best)
    return NetworkModel(state.average.cpu().eval())


def train_step(recipe: Recipe, material: Material, state: State) -> float:
    """One optimiser step; returns the loss."""
    settings = recipe.optimise
    draw = np.random.default_rng([recipe.seed, state.step])
    windows = augment(_batch(recipe, material, state.step, draw), recipe.augment, draw)
    truth = torch.from_numpy(windows.labels(material.classes)).to(recipe.device)
    for group in state.optimiser.param_groups:
        group["lr"] = _rate(recipe, material, state.step)
    state.network.train()
    with torch.autocast(torch.device(recipe.device).type, torch.bfloat16, enabled=recipe.device.startswith("cuda")):
        loss = functional.cross_entropy(
            state.network(to_batch(windows, recipe.device)), truth, label_smoothing=recipe.smoothing
        )
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(state.network.parameters(), 2.0)
    state.optimiser.step()
    state.step += 1
    _follow(state.average, state.network, min(settings.average, state.step / (state.step + 9)))
    return float(loss.detach())


def _start(recipe: Recipe, classes: int) -> State:
    network = build(recipe, classes).to(recipe.device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.optimise.rate, weight_decay=recipe.optimise.decay)
    return State(0, network, copy.deepcopy(network), optimiser, {})


def _stages(recipe: Recipe, material: Material) -> bool:
    return recipe.data.schedule == "pretrain" and material.real is not None and material.synthetic is not None


def _batch(recipe: Recipe, material: Material, step: int, draw: np.random.Generator) -> Windows:
    """Windows of a step: synthetic, real or both, each with classes in equal numbers."""
    size, share = recipe.optimise.batch, recipe.data.synthetic_share
    if _stages(recipe, material):
        share = 1.0 if step < recipe.optimise.pretrain_steps else 0.0
    elif material.real is None or material.synthetic is None:
        share = 1.0 if material.real is None else 0.0
    wanted = ((material.synthetic, round(share * size)), (material.real, size - round(share * size)))
    parts = [w.take(_balanced(w.labels(material.classes), n, draw)) for w, n in wanted if w is not None and n]
    return concatenate(parts)


def _balanced(labels: Array, count: int, draw: np.random.Generator) -> Array:
    """Indices [count] drawn with every class that occurs equally likely."""
    present, index, size = np.unique(labels, return_inverse=True, return_counts=True)
    return draw.choice(len(labels), count, p=(1 / size / len(present))[index])


def _rate(recipe: Recipe, material: Material, step: int) -> float:
    """Learning rate: linear warm-up, then a cosine to zero; once more, and lower, after pre-training."""
    settings = recipe.optimise
    start, stop, peak = 0, settings.steps, settings.rate
    if _stages(recipe, material):
        if step < settings.pretrain_steps:
            stop = settings.pretrain_steps
        else:
            start, peak = settings.pretrain_steps, settings.rate * settings.finetune_rate
    done = (step - start) / (stop - start)
    return peak * min(1.0, (step - start + 1) / (settings.warmup + 1)) * 0.5 * (1 + math.cos(math.pi * done))


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, keep: float) -> None:
    """Move the averaged weights towards the network's; counters are copied."""
    for mine, theirs in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mine.dtype.is_floating_point:
            mine.lerp_(theirs, 1 - keep)
        else:
            mine.copy_(theirs)


def _validate(material: Material, state: State) -> float | None:
    """Balanced accuracy of the averaged network on the validation windows; the best weights are kept."""
    if material.validation is None:
        return None
    p = NetworkModel(state.average).probabilities(material.validation)
    truth = material.validation.labels(material.classes)
    score = metrics.balanced_accuracy(metrics.confusion(truth, p.argmax(1), len(material.classes)))
    # Log loss breaks ties, so that a small validation part does not stop a model that still grows surer.
    score -= 0.02 * float(-np.log(p[np.arange(len(truth)), truth] + 1e-6).mean())
    if score > state.best_score:
        state.best_score, state.stale = score, 0
        state.best = {k: v.clone() for k, v in state.average.state_dict().items()}
    else:
        state.stale += 1
    return round(score, 5)


def _save(path: Path, state: State) -> None:
    content = {
        "step": state.step,
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "best": state.best,
        "best_score": state.best_score,
        "stale": state.stale,
    }
    beside = path.with_suffix(".tmp")
    torch.save(content, beside)
    beside.replace(path)


def _restore(state: State, content: dict[str, Any]) -> None:
    state.network.load_state_dict(content["network"])
    state.average.load_state_dict(content["average"])
    state.optimiser.load_state_dict(content["optimiser"])
    state.step, state.best = int(content["step"]), dict(content["best"])
    state.best_score, state.stale = float(content["best_score"]), int(content["stale"])


def steps_timed(recipe: Recipe, material: Material, count: int) -> Iterator[float]:
    """Seconds of each of `count` training steps."""
    state = _start(recipe, len(material.classes))
    for _ in range(count):
        began = time.perf_counter()
        train_step(recipe, material, state)
        yield time.perf_counter() - began
