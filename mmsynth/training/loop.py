"""The training loop of a network: exact under a kill, because every step's randomness is keyed by (seed, step)."""

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmsynth import metrics
from mmsynth.processes import Progress
from mmsynth.training.augment import augment
from mmsynth.training.log import Log
from mmsynth.training.losses import Critic, activity_loss, pose_error, pose_loss
from mmsynth.training.material import TrainingMaterial
from mmsynth.training.models import BlendedNetwork, NetworkModel, Targets, build
from mmsynth.training.networks import Network, PoseHead, check_learnt, pool, seeded, to_inputs
from mmsynth.training.norm import align_statistics
from mmsynth.training.recipe import Recipe
from mmsynth.training.run import load_run, write_tensors
from mmsynth.training.schedule import draw_windows, rate, stages, tuning
from mmsynth.training.windows import Windows, concatenate
from mmsynth.training.workers import ALONE, Team
from mmsynth.whole import whole

Array = NDArray[Any]


@dataclass
class State:
    """Where a training stands: all that a checkpoint holds."""

    step: int
    network: Network
    average: Network
    critic: Critic
    optimiser: torch.optim.Optimizer
    best: dict[str, Any]
    best_score: float = -math.inf
    stale: int = 0


def train_network(
    recipe: Recipe, material: TrainingMaterial, folder: Path | None, progress: Progress, team: Team = ALONE
) -> NetworkModel:
    """Train the recipe's network; a checkpoint in `folder` is gone on from, with the same outcome as without the stop.

    Args:
        recipe: what to train and how.
        material: windows.
        folder: where `checkpoint.pt` and the logs are kept; None = nothing is kept.
        progress: called with (steps done, steps in all).
        team: the processes that train together.

    Raises:
        ValueError: the training diverges.
    """
    settings, state = recipe.optimise, start(recipe, material)
    checkpoint = folder / "checkpoint.pt" if folder else None
    if checkpoint and checkpoint.is_file():
        _restore(state, torch.load(checkpoint, map_location=recipe.device, weights_only=True))
    with Log(folder if team.leads else None, state.step, recipe.tensorboard) as log:
        while state.step < settings.steps:
            if settings.patience and state.stale >= settings.patience and tuning(recipe, material, state.step):
                break
            loss = train_step(recipe, material, state, team)
            if state.step % settings.every and state.step != settings.steps:
                continue
            check_learnt(state.average, settings.rate)
            score = _validate(recipe, material, state)
            team.wait()
            if team.leads and checkpoint:
                _save(checkpoint, state)
            log.write(state.step, {"loss": loss, "validation": score, "rate": rate(recipe, material, state.step - 1)})
            if team.leads:
                progress(state.step, settings.steps)
    network = build(recipe, material.targets)
    network.load_state_dict(state.best or state.average.state_dict())
    if recipe.adapt.method == "statistics" and material.unlabelled is not None:
        align_statistics(network.to(recipe.device), to_inputs(material.unlabelled, recipe.device))
    return NetworkModel(network.cpu().eval(), material.targets)


def train_step(recipe: Recipe, material: TrainingMaterial, state: State, team: Team = ALONE) -> float:
    """One optimiser step; returns the mean loss of the windows that this process took."""
    draw = np.random.default_rng([recipe.seed, state.step])
    drawn = augment(draw_windows(recipe, material, state.step, draw), recipe.augment, draw)
    mine = np.arange(len(drawn))[team.own(len(drawn))]
    own, other = drawn.take(mine), _strangers(recipe, material, len(drawn), draw)
    for group in state.optimiser.param_groups:
        group["lr"] = rate(recipe, material, state.step)
    state.network.train()
    with torch.autocast(torch.device(recipe.device).type, torch.bfloat16, enabled=recipe.device.startswith("cuda")):
        losses = _losses(recipe, material, state, own, other.take(mine) if other else None)
    state.optimiser.zero_grad(set_to_none=True)
    # Each process holds a share of the batch: gradients of its share of the mean add up to those of the mean.
    (losses.sum() / len(drawn)).backward()  # type: ignore[no-untyped-call]
    modules = nn.ModuleList([state.network, state.critic])
    team.sum_gradients(modules)
    nn.utils.clip_grad_norm_(modules.parameters(), recipe.optimise.clip)
    state.optimiser.step()
    state.step += 1
    _follow(state.average, state.network, min(recipe.optimise.average, state.step / (state.step + 9)))
    return float(losses.detach().mean())


def _strangers(recipe: Recipe, material: TrainingMaterial, count: int, draw: np.random.Generator) -> Windows | None:
    """So many windows without labels for a step with an adversary, else None; the same in all processes."""
    if recipe.adapt.method != "adversarial" or material.unlabelled is None:
        return None
    rows = draw.integers(len(material.unlabelled), size=count)
    return augment(material.unlabelled.take(rows), recipe.augment, draw)


def _losses(recipe: Recipe, material: TrainingMaterial, state: State, own: Windows, other: Windows | None) -> Tensor:
    """Loss of each window; with an adversary, of recordings without labels too."""
    if other is None:
        return _task_loss(recipe, material, state.network(to_inputs(own, recipe.device)), own)
    inputs = to_inputs(concatenate([own, other]), recipe.device)
    sequence = state.network.embed(inputs)
    predicted = state.network.head(sequence[: len(own)], to_inputs(own, recipe.device))
    recorded = torch.arange(len(sequence), device=sequence.device) >= len(own)
    strength = recipe.adapt.weight * min(1.0, 2 * state.step / recipe.optimise.steps)
    critic = state.critic.loss(pool(sequence), recorded.float(), strength)
    return _task_loss(recipe, material, predicted, own) + critic[: len(own)] + critic[len(own) :]


def _task_loss(recipe: Recipe, material: TrainingMaterial, predicted: Tensor, own: Windows) -> Tensor:
    if recipe.task == "pose":
        truth = torch.from_numpy(own.joints).to(recipe.device)
        return pose_loss(predicted, truth, material.targets.joint_set, recipe.pose)
    truth = torch.from_numpy(own.labels(material.classes)).to(recipe.device)
    return activity_loss(predicted, truth, recipe.smoothing)


def start(recipe: Recipe, material: TrainingMaterial) -> State:
    """The state before the first step.

    Raises:
        ValueError: the run that the recipe starts from holds another network.
    """
    network = build(recipe, material.targets)
    if recipe.initial is not None:
        first = _initial(recipe.initial, material.targets)
        try:
            network.load_state_dict(first)
        except RuntimeError:
            raise ValueError(
                f"initial: {recipe.initial} holds another network than model '{recipe.model}' of width {recipe.width} "
                f"with {len(recipe.window.maps)} heatmaps"
            ) from None
    if isinstance(network.head, PoseHead):
        known = material.real if material.real is not None else material.synthetic
        assert known is not None
        network.head.set_means(known)
    network = network.to(recipe.device)
    with seeded(recipe.seed + 1):
        critic = Critic(recipe.width).to(recipe.device)
    weights = [*network.parameters(), *critic.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=recipe.optimise.rate, weight_decay=recipe.optimise.decay, fused=True)
    return State(0, network, copy.deepcopy(network), critic, optimiser, {})


def _initial(folder: Path, targets: Targets) -> dict[str, Any]:
    run = load_run(folder)
    model = run.model.network if isinstance(run.model, BlendedNetwork) else run.model
    if not isinstance(model, NetworkModel) or run.targets != targets:
        known = ", ".join(run.classes) or run.targets.joint_set
        raise ValueError(f"initial: {folder} predicts {known}; expected a network for the targets of this recipe")
    return model.network.state_dict()


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, keep: float) -> None:
    """Move the averaged weights towards the network's; counters are copied."""
    pairs = list(zip(average.state_dict().values(), network.state_dict().values(), strict=True))
    moving = [pair for pair in pairs if pair[0].dtype.is_floating_point]
    torch._foreach_lerp_([mine for mine, _ in moving], [theirs for _, theirs in moving], 1 - keep)
    for mine, theirs in pairs:
        if not mine.dtype.is_floating_point:
            mine.copy_(theirs)


def _validate(recipe: Recipe, material: TrainingMaterial, state: State) -> float | None:
    """Score of the averaged network on the validation windows, more is better; the best weights are kept."""
    if material.validation is None:
        return None
    score = validation_score(NetworkModel(state.average, material.targets), material.validation)
    if score > state.best_score:
        state.best_score, state.stale = score, 0
        state.best = {k: v.clone() for k, v in state.average.state_dict().items()}
    elif tuning(recipe, material, state.step):
        state.stale += 1
    return score


def validation_score(model: NetworkModel, windows: Windows) -> float:
    """Balanced accuracy, ties broken by log loss; for poses the mean absolute error in m, with a minus."""
    if model.targets.joint_set:
        return -pose_error(model.poses(windows), windows.joints)
    p, classes = model.probabilities(windows), model.targets.classes
    truth = windows.labels(classes)
    score = metrics.balanced_accuracy(metrics.confusion(truth, p.argmax(1), len(classes)))
    # A small validation part must not stop a model that still grows surer.
    return score - 0.02 * float(-np.log(p[np.arange(len(truth)), truth] + 1e-6).mean())


def _save(path: Path, state: State) -> None:
    content = {
        "step": state.step,
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "critic": state.critic.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "best": state.best,
        "best_score": state.best_score,
        "stale": state.stale,
    }
    with whole(path) as (part,):
        write_tensors(part, content)


def _restore(state: State, content: dict[str, Any]) -> None:
    for name in ("network", "average", "critic", "optimiser"):
        getattr(state, name).load_state_dict(content[name])
    state.step, state.best = int(content["step"]), dict(content["best"])
    state.best_score, state.stale = float(content["best_score"]), int(content["stale"])


def steps_timed(recipe: Recipe, material: TrainingMaterial, count: int) -> Iterator[float]:
    """Seconds of each of `count` training steps, half of them of either stage where there are two."""
    state = start(recipe, material)
    for k in range(count):
        if k >= count // 2 and stages(recipe, material):
            state.step = max(state.step, recipe.optimise.pretrain_steps)
        began = time.perf_counter()
        train_step(recipe, material, state)
        yield time.perf_counter() - began
