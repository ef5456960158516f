"""A perceptron that predicts poses of people of one size from histograms, frame by frame, and how large they are.

Of synthetic frames it learns how poses move; where the mean pose lies and how recorded clouds differ from simulated
ones, recordings tell. How large somebody is, who is in none of them, simulated people of many sizes tell (`sizes.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmsynth.processes import Progress
from mmsynth.training.frames import Frames
from mmsynth.training.networks import check_learnt, seeded
from mmsynth.training.recipe import Recipe
from mmsynth.training.sizes import Sizes, fit_sizes, floor_of, mean_size, of_one_size, resized
from mmsynth.training.windows import Windows

Array = NDArray[Any]

# So many recorded poses are worth as many steps of pre-training as of tuning, or half of every mixed batch.
PRETRAINED_POSES, MIXED_POSES = 60, 1000
# Of the hidden layers' outputs, while it learns.
_DROPOUT = 0.3


@dataclass(frozen=True, eq=False)
class FrameModel:
    """Tells the pose of every frame.

    Attributes:
        network: from histograms to how the pose differs from the mean.
        mean: pose [joints, 3] in m of the people learnt from; of one size, where sizes are estimated.
        floor: height in m that people grow from.
        sizes: relative to the people learnt from; None = everybody is as large as they are.
    """

    network: nn.Sequential
    mean: Tensor
    floor: float
    sizes: Sizes | None = None

    @property
    def mean_pose(self) -> Array:
        """The pose [joints, 3] that it differs from."""
        return np.asarray(self.mean.cpu().numpy())

    @torch.no_grad()
    def poses(self, frames: Frames) -> Array:
        """Joints [frames, joints, 3] in the radar frame."""
        table = torch.from_numpy(frames.table).to(self.mean.device)
        predicted = self.network.eval()(table).reshape(-1, *self.mean.shape) + self.mean
        joints = np.asarray(predicted.cpu().numpy())
        return joints if self.sizes is None else resized(joints, self.sizes.factors(frames), self.floor)

    def probabilities(self, windows: Windows) -> Array:
        """Refused.

        Raises:
            ValueError: always: it predicts poses.
        """
        raise ValueError("model: expected one that classifies activities, got one that predicts poses")

    def tensors(self) -> dict[str, Tensor]:
        """All that it is, by name, for a file."""
        found = {f"network/{k}": v.cpu() for k, v in self.network.state_dict().items()}
        found |= {"mean": self.mean.cpu(), "floor": torch.tensor(self.floor, dtype=torch.float64)}
        if self.sizes is not None:
            found |= {f"sizes/{f.name}": torch.tensor(np.asarray(getattr(self.sizes, f.name))) for f in fields(Sizes)}
        return found


def frame_model(tensors: Mapping[str, Tensor]) -> FrameModel:
    """The model of which `tensors()` are these.

    Raises:
        KeyError, RuntimeError: some are missing, or do not fit.
    """
    weights = {name.removeprefix("network/"): v for name, v in tensors.items() if name.startswith("network/")}
    width, inputs = weights["1.weight"].shape
    network = _layers(inputs, width, tensors["mean"].numel())
    network.load_state_dict(weights)
    sizes = None
    if "sizes/weights" in tensors:
        spread, noise, own, level = (float(tensors[f"sizes/{n}"]) for n in ("spread", "noise", "own", "level"))
        people, recordings = (int(tensors[f"sizes/{name}"]) for name in ("people", "recordings"))
        sizes = Sizes(tensors["sizes/weights"].numpy(), spread, noise, own, level, people, recordings)
    return FrameModel(network.eval(), tensors["mean"], float(tensors["floor"]), sizes)


def fit_frames(recipe: Recipe, real: Frames | None, synthetic: Frames | None, progress: Progress) -> FrameModel:
    """Train on frames with poses, with `recipe.optimise.steps` in all whatever is there; the last state is kept.

    With both kinds a part c / (c + real poses), a half at most, is synthetic: of the steps, which come first
    (`schedule = "pretrain"`), or of every batch ("mix"). Where sizes are estimated, poses are learnt of people of
    one size, and predictions are scaled by what `fit_sizes` estimates from a person's recordings, trained on the
    synthetic people or, where there are none, the recorded ones.

    Args:
        recipe: steps, batch, rate, decay, width, schedule, sizes, seed and device.
        real: frames of recordings with known poses; None = there are none.
        synthetic: simulated ones, the same; one of both must be there.
        progress: called with (steps done, steps in all).
    """
    known = real if real is not None else synthetic
    assert known is not None
    steps, floor, sizes, aside = recipe.optimise.steps, floor_of(known), None, synthetic
    if recipe.sizes:
        size = mean_size(known)
        sizes = fit_sizes(known if synthetic is None else synthetic).relative_to(known)
        known, aside = of_one_size(known, size), of_one_size(synthetic, size) if synthetic is not None else None
    pupil = _Pupil(recipe, known, progress)
    if real is None or aside is None:
        mean = pupil.learn(known, steps)
    elif recipe.data.schedule == "mix":
        mean = pupil.learn(known, steps, aside, min(0.5, MIXED_POSES / (MIXED_POSES + len(known))))
    else:
        first = round(steps * min(0.5, PRETRAINED_POSES / (PRETRAINED_POSES + len(known))))
        pupil.learn(aside, first)
        mean = pupil.learn(known, steps - first)
    check_learnt(pupil.network, recipe.optimise.rate)
    return FrameModel(pupil.network, mean, floor, sizes)


def _layers(inputs: int, width: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.LayerNorm(inputs)]
    for before in (inputs, width):
        layers += [nn.Linear(before, width), nn.GELU(), nn.Dropout(_DROPOUT)]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


@dataclass(frozen=True, eq=False)
class _Lesson:
    """Frames to teach: their mean, and how each differs from it."""

    table: Tensor
    off: Tensor
    mean: Tensor

    @staticmethod
    def of(frames: Frames, device: str) -> "_Lesson":
        joints = torch.from_numpy(frames.joints).flatten(1).float().to(device)
        return _Lesson(torch.from_numpy(frames.table).to(device), joints - joints.mean(0), joints.mean(0))


class _Pupil:
    """A network that is taught one thing after another."""

    def __init__(self, recipe: Recipe, frames: Frames, progress: Progress) -> None:
        self.recipe, self.progress, self.done = recipe, progress, 0
        with seeded(recipe.seed):
            self.network = _layers(frames.table.shape[1], recipe.width, frames.joints[0].size)
        last = self.network[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.network.to(recipe.device)

    def learn(self, frames: Frames, steps: int, beside: Frames | None = None, share: float = 0.0) -> Tensor:
        """Teach it frames, and a share of others in every batch; returns the mean pose [joints, 3] of the frames."""
        settings, device = self.recipe.optimise, self.recipe.device
        some = round(share * settings.batch) if beside is not None else 0
        parts = [(_Lesson.of(frames, device), settings.batch - some)]
        if beside is not None and some:
            parts.append((_Lesson.of(beside, device), some))
        mean = parts[0][0].mean
        # Simulated clouds of a pose differ from recorded ones: what the mean of all answers differs by is learnt.
        apart = nn.Parameter(torch.zeros_like(mean))
        optimiser = torch.optim.AdamW(
            [*self.network.parameters(), apart], lr=settings.rate, weight_decay=settings.decay, fused=True
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(steps, 1))
        draw = torch.Generator().manual_seed(self.recipe.seed)
        self.network.train()
        with seeded(self.recipe.seed, device):
            for _ in range(steps):
                rows = [torch.randint(len(own.table), (count,), generator=draw) for own, count in parts]
                table = torch.cat([own.table[k] for (own, _), k in zip(parts, rows, strict=True)])
                truth = torch.cat([own.off[k] for (own, _), k in zip(parts, rows, strict=True)])
                predicted = self.network(table)
                predicted[len(rows[0]) :] += apart
                loss = (predicted - truth).abs().mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                self._step()
        return mean.reshape(-1, 3)

    def _step(self) -> None:
        self.done += 1
        if self.done % self.recipe.optimise.every == 0 or self.done == self.recipe.optimise.steps:
            self.progress(self.done, self.recipe.optimise.steps)
