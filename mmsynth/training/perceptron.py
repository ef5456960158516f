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

from mmsynth.joints import mirror_order
from mmsynth.processes import Progress
from mmsynth.training.frames import MIRROR, Frames, mean_row, moved_to
from mmsynth.training.material import FrameMaterial
from mmsynth.training.networks import check_learnt, seeded
from mmsynth.training.recipe import Recipe
from mmsynth.training.sizes import Sizes, fit_sizes, floor_of, mean_size, of_one_size, resized
from mmsynth.training.windows import Windows

Array = NDArray[Any]

# So many recorded poses are worth as many steps of pre-training as of tuning, or half of every mixed batch.
PRETRAINED_POSES, MIXED_POSES = 60, 10_000
# Of the hidden layers' outputs, while it learns.
_DROPOUT = 0.2
# Frames that are answered for at once.
_AT_ONCE = 1 << 13


@dataclass(frozen=True, eq=False)
class FrameModel:
    """Tells the pose of every frame.

    Attributes:
        network: from how histograms differ from `centre` to how the pose differs from the mean.
        centre: mean row [features] of the table learnt from.
        mean: pose [joints, 3] in m of the people learnt from; of one size, where sizes are estimated.
        floor: height in m that people grow from.
        sizes: relative to the people learnt from; None = everybody is as large as they are.
        sides: for each joint [joints] the one on the other side of the body: it answers with the mean of what it says
            of the frame and, left and right exchanged twice, of its mirror image; None = of the frame alone.
    """

    network: nn.Sequential
    centre: Tensor
    mean: Tensor
    floor: float
    sizes: Sizes | None = None
    sides: Tensor | None = None

    @property
    def mean_pose(self) -> Array:
        """The pose [joints, 3] that it differs from."""
        return np.asarray(self.mean.cpu().numpy())

    @torch.no_grad()
    def poses(self, frames: Frames, progress: Progress = lambda done, total: None) -> Array:
        """Joints [frames, joints, 3] in the radar frame; `progress` is called with (frames done, frames in all)."""
        parts = []
        # Some frames at a time: layers of all at once take several times the memory of their table.
        for first in range(0, max(len(frames), 1), _AT_ONCE):
            progress(first, len(frames))
            parts.append(self._of_one_size(frames.table[first : first + _AT_ONCE]).cpu().numpy())
        progress(len(frames), len(frames))
        joints = np.concatenate(parts)
        return joints if self.sizes is None else resized(joints, self.sizes.factors(frames), self.floor)

    def _of_one_size(self, table: Array) -> Tensor:
        """Joints [frames, joints, 3] of people of one size."""
        told = self._told(table)
        return told if self.sides is None else (told + _mirrored(self._told(table[:, MIRROR]), self.sides)) / 2

    def _told(self, table: Array) -> Tensor:
        """The same, of the frames as they are."""
        answer: Tensor = self.network.eval()(torch.from_numpy(table).to(self.mean.device) - self.centre)
        return answer.reshape(-1, *self.mean.shape) + self.mean

    def probabilities(self, windows: Windows) -> Array:
        """Refused.

        Raises:
            ValueError: always: it predicts poses.
        """
        raise ValueError("model: expected one that classifies activities, got one that predicts poses")

    def tensors(self) -> dict[str, Tensor]:
        """All that it is, by name, for a file."""
        found = {f"network/{k}": v.cpu() for k, v in self.network.state_dict().items()}
        found |= {"centre": self.centre.cpu(), "mean": self.mean.cpu()}
        found |= {"floor": torch.tensor(self.floor, dtype=torch.float64)}
        if self.sides is not None:
            found["sides"] = self.sides.cpu()
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
        told = bool(tensors["sizes/told"])
        sizes = Sizes(tensors["sizes/weights"].numpy(), spread, noise, own, level, people, recordings, told)
    centre, mean, floor = tensors["centre"], tensors["mean"], float(tensors["floor"])
    return FrameModel(network.eval(), centre, mean, floor, sizes, tensors.get("sides"))


def fit_frames(recipe: Recipe, material: FrameMaterial, progress: Progress) -> FrameModel:
    """Train on frames with poses, with `recipe.optimise.steps` in all whatever is there; the last state is kept.

    With both kinds a part c / (c + real poses), a half at most, is synthetic: of the steps, which come first
    (`schedule = "pretrain"`), or of every batch ("mix"). Where sizes are estimated, poses are learnt of people of
    one size, and predictions are scaled by what `fit_sizes` estimates from a person's recordings, trained on the
    synthetic people or, where there are none, the recorded ones. Of every batch a part `recipe.augment.mirror` is
    mirrored, if that is not zero, about the plane straight ahead of the radar.

    To recordings without labels synthetic frames are moved (`frames.moved_to`). Where no others are there, strangers
    are told to be larger or smaller than the people of these, who are taken to be as large as the synthetic ones.

    Args:
        recipe: steps, batch, rate, decay, mirror, width, schedule, sizes, seed and device.
        material: real or synthetic frames, or both; their poses are known.
        progress: called with (steps done, steps in all).
    """
    real, aside, unlabelled = material.real, material.synthetic, material.unlabelled
    if aside is not None and unlabelled is not None:
        aside = moved_to(aside, unlabelled, recipe.augment.mirror)
    known = real if real is not None else aside
    assert known is not None
    steps, floor, sizes = recipe.optimise.steps, floor_of(known), None
    if recipe.sizes:
        size, taught = mean_size(known), fit_sizes(known if aside is None else aside)
        others, told = (known, True) if real is not None or unlabelled is None else (unlabelled, False)
        sizes = taught.relative_to(others, told)
        known, aside = of_one_size(known, size), of_one_size(aside, size) if aside is not None else None
    sides = None
    if recipe.augment.mirror:
        sides = torch.tensor(mirror_order(material.targets.joint_set), device=recipe.device)
    pupil = _Pupil(recipe, known, sides, progress)
    if real is None or aside is None:
        mean = pupil.learn(known, steps)
    elif recipe.data.schedule == "mix":
        mean = pupil.learn(known, steps, aside, min(0.5, MIXED_POSES / (MIXED_POSES + len(known))))
    else:
        first = round(steps * min(0.5, PRETRAINED_POSES / (PRETRAINED_POSES + len(known))))
        pupil.learn(aside, first)
        mean = pupil.learn(known, steps - first)
    check_learnt(pupil.network, recipe.optimise.rate)
    return FrameModel(pupil.network, pupil.centre, mean, floor, sizes, sides)


def _layers(inputs: int, width: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.LayerNorm(inputs)]
    for before in (inputs, width, width):
        layers += [nn.Linear(before, width), nn.GELU(), nn.Dropout(_DROPOUT)]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def _mirrored(joints: Tensor, sides: Tensor) -> Tensor:
    """Joints [..., joints, 3] with left and right exchanged; `sides` as in `FrameModel`."""
    return joints[..., sides, :] * joints.new_tensor([-1.0, 1.0, 1.0])


class _Lesson:
    """Frames to teach, a share of them mirrored, and their mean pose [joints, 3]; `centre` as in `FrameModel`."""

    def __init__(self, frames: Frames, centre: Tensor, sides: Tensor | None, share: float) -> None:
        device = centre.device
        self.table, self.joints = (torch.from_numpy(a).float().to(device) for a in (frames.table, frames.joints))
        self.centre, self.mean, self.sides, self.share = centre, self.joints.mean(0), sides, share
        if sides is not None:
            self.mean = self.mean.lerp(_mirrored(self.mean, sides), share)

    def draw(self, count: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """So many rows of the table, and how the poses differ from their mean [count, coordinates]."""
        rows = torch.randint(len(self.table), (count,), generator=draw)
        table, joints = self.table[rows], self.joints[rows]
        if self.sides is not None:
            swap = (torch.rand(count, generator=draw) < self.share).to(table.device)
            table = torch.where(swap[:, None], table[:, MIRROR], table)
            joints = torch.where(swap[:, None, None], _mirrored(joints, self.sides), joints)
        return table - self.centre, (joints - self.mean).flatten(1)


class _Pupil:
    """A network that is taught one thing after another."""

    def __init__(self, recipe: Recipe, frames: Frames, sides: Tensor | None, progress: Progress) -> None:
        self.recipe, self.sides, self.progress, self.done = recipe, sides, progress, 0
        with seeded(recipe.seed):
            self.network = _layers(frames.table.shape[1], recipe.width, frames.joints[0].size)
        last = self.network[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.network.to(recipe.device)
        self.centre = torch.from_numpy(mean_row(frames, recipe.augment.mirror)).to(recipe.device)

    def learn(self, frames: Frames, steps: int, beside: Frames | None = None, share: float = 0.0) -> Tensor:
        """Teach it frames, and a share of others in every batch; returns the mean pose [joints, 3] of the frames."""
        settings, device = self.recipe.optimise, self.recipe.device
        some = round(share * settings.batch) if beside is not None else 0
        parts = [(self._lesson(frames), settings.batch - some)]
        if beside is not None and some:
            parts.append((self._lesson(beside), some))
        mean = parts[0][0].mean
        # Simulated clouds of a pose differ from recorded ones: what the mean of all answers differs by is learnt.
        apart = nn.Parameter(torch.zeros_like(mean).flatten())
        optimiser = torch.optim.AdamW(
            [*self.network.parameters(), apart], lr=settings.rate, weight_decay=settings.decay, fused=True
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(steps, 1))
        draw = torch.Generator().manual_seed(self.recipe.seed)
        self.network.train()
        with seeded(self.recipe.seed, device):
            for _ in range(steps):
                tables, truths = zip(*(own.draw(count, draw) for own, count in parts), strict=True)
                predicted = self.network(torch.cat(tables))
                predicted[len(tables[0]) :] += apart
                loss = (predicted - torch.cat(truths)).abs().mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                self._step()
        return mean

    def _lesson(self, frames: Frames) -> _Lesson:
        return _Lesson(frames, self.centre, self.sides, self.recipe.augment.mirror)

    def _step(self) -> None:
        self.done += 1
        if self.done % self.recipe.optimise.every == 0 or self.done == self.recipe.optimise.steps:
            self.progress(self.done, self.recipe.optimise.steps)
