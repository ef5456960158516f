"""What synthetic clips are worth for pose on MARS: a small network with and without them, equal optimiser steps."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmsynth import metrics
from mmsynth.evaluation.mars import Poses
from mmsynth.evaluation.sizes import SizeModel, fit_sizes, floor_of, mean_size, of_one_size, resized

Array = NDArray[Any]


# So many recorded poses are worth as many steps of pre-training as of tuning, or half of every mixed batch.
PRETRAINED_POSES, MIXED_POSES = 60, 1000
# Real poses alone, then with synthetic ones.
ARMS = ("alone", "mixed", "pre-trained, sizes", "mixed, sizes")


@dataclass(frozen=True)
class TransferSettings:
    """How the network is trained.

    Attributes:
        steps: of the optimiser in all, with and without synthetic poses.
        batch: poses a step.
        rate: peak learning rate; it falls to zero along a cosine over each part. The last state is kept.
        width: of the two hidden layers.
    """

    steps: int = 800
    batch: int = 128
    rate: float = 1e-3
    width: int = 128


def stretches(poses: Poses, share: float, draw: np.random.Generator) -> Array:
    """Rows to train on: one unbroken stretch of every recording.

    A recording is a move of a person, whatever official parts it was published in.
    """
    found: list[Array] = []
    recording = np.array([name.rsplit("-", 1)[0] for name in poses.clip.tolist()])
    for name in np.unique(recording):
        rows = np.flatnonzero(recording == name)
        length = max(1, round(share * len(rows)))
        start = int(draw.integers(len(rows) - length + 1))
        found.append(rows[start : start + length])
    return np.concatenate(found)


def transfer_errors(
    real: Poses, synthetic: Mapping[str, Poses], shares: Sequence[float], seed: int, settings: TransferSettings
) -> dict[float, dict[str, tuple[float, ...]]]:
    """Mean absolute error in cm by share and person held out, of each of `ARMS`.

    Nothing of the person is seen, and of the others only the stretches of the share. Pre-trained: a part of
    `settings.steps` is on synthetic poses and comes first. Mixed: a part of every batch is synthetic, each kind told as
    the difference from its mean. The part is c / (c + real poses), a half at most. With sizes, networks learn poses of
    people of one size and the guess grows by what `fit_sizes`, taught synthetic people, makes of the recording.

    At share 0: the mean of the others' poses; a network that has seen synthetic poses alone (half of the steps) and
    knows no real mean or size either; the same network with its mean moved to the others' and sizes relative to theirs,
    which is what the constant pose knows too.

    Args:
        real: recorded poses.
        synthetic: simulated ones to use when a person is held out, by that person's name.
        shares: of the recordings.
        seed: of weights and draws.
        settings: of the training.
    """
    found: dict[float, dict[str, tuple[float, ...]]] = {0.0: {}, **{share: {} for share in shares}}
    for number, name in enumerate(sorted(set(real.subject.tolist()))):
        there, made = real.subject == name, synthetic[name]
        test, others, sizes = _rows(real, there), _rows(real, ~there), fit_sizes(made)
        found[0.0][name] = _without_real(others, made, test, sizes, _Pupil.new(made, seed, settings))
        for share in shares:
            few = _rows(others, stretches(others, share, np.random.default_rng([seed, number])))
            before, beside = (min(0.5, c / (c + len(few.table))) for c in (PRETRAINED_POSES, MIXED_POSES))
            first = round(before * settings.steps)
            new, size = _Pupil.new(few, seed, settings), mean_size(few)
            own, aside = of_one_size(few, size), of_one_size(made, size)
            factor, floor = sizes.factors(test, few), floor_of(few)
            plain = [new.copy().learn(few, settings.steps), new.copy().learn(few, settings.steps, made, beside)]
            sized = [
                new.copy().learn(aside, first).learn(own, settings.steps - first),
                new.copy().learn(own, settings.steps, aside, beside),
            ]
            guesses = [pupil.guess(test) for pupil in plain]
            guesses += [resized(pupil.guess(test), factor, floor) for pupil in sized]
            found[share][name] = tuple(100 * metrics.mae(guess, test.joints) for guess in guesses)
    return found


def _without_real(others: Poses, made: Poses, test: Poses, sizes: SizeModel, new: "_Pupil") -> tuple[float, ...]:
    """Errors at share 0, see `transfer_errors`."""
    size = mean_size(made)
    alike = of_one_size(made, size)
    guess = new.learn(alike, new.settings.steps // 2).guess(test)
    absolute = resized(guess, np.exp(sizes.logarithms(test)) / size, floor_of(made))
    moved = guess - alike.joints.mean(0) + others.joints.mean(0)
    told = resized(moved, sizes.factors(test, others), floor_of(others))
    constant = np.broadcast_to(others.joints.mean(0), test.joints.shape)
    return tuple(100 * metrics.mae(said, test.joints) for said in (constant, absolute, told))


def _rows(poses: Poses, keep: Array) -> Poses:
    return Poses(*(getattr(poses, f.name)[keep] for f in fields(Poses)))


@dataclass(frozen=True, eq=False)
class _Tensors:
    """Poses to teach: their mean, and how each differs from it."""

    table: Tensor
    off: Tensor
    mean: Tensor


def _tensors(poses: Poses) -> _Tensors:
    joints = torch.from_numpy(poses.joints).flatten(1).float()
    return _Tensors(torch.from_numpy(poses.table), joints - joints.mean(0), joints.mean(0))


@dataclass(frozen=True, eq=False)
class _Pupil:
    """A network that tells how a pose differs from the mean of the poses it was last taught."""

    network: nn.Module
    mean: Tensor
    seed: int
    settings: TransferSettings

    @staticmethod
    def new(poses: Poses, seed: int, settings: TransferSettings) -> "_Pupil":
        inputs, outputs = poses.table.shape[1], poses.joints[0].size
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            network = nn.Sequential(
                nn.LayerNorm(inputs),
                nn.Linear(inputs, settings.width),
                nn.GELU(),
                nn.Dropout(0.3),
                nn.Linear(settings.width, settings.width),
                nn.GELU(),
                nn.Dropout(0.3),
                nn.Linear(settings.width, outputs),
            )
        last = network[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        return _Pupil(network, torch.zeros(outputs), seed, settings)

    def copy(self) -> "_Pupil":
        """The same, to be taught apart."""
        return replace(self, network=deepcopy(self.network))

    def learn(self, poses: Poses, steps: int, beside: Poses | None = None, share: float = 0.0) -> "_Pupil":
        """Teach it `poses`, which its mean is of, and a share of `beside` in every batch."""
        taught = _tensors(poses)
        parts = [(taught, self.settings.batch)]
        if beside is not None:
            some = round(share * self.settings.batch)
            parts = [(taught, self.settings.batch - some), (_tensors(beside), some)]
        # Simulated clouds of a pose differ from recorded ones: what the mean of all answers differs by is learnt.
        apart = nn.Parameter(torch.zeros_like(taught.mean))
        weights = [*self.network.parameters(), apart]
        optimiser = torch.optim.AdamW(weights, lr=self.settings.rate, weight_decay=1e-2, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        draw = torch.Generator().manual_seed(self.seed)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            for _ in range(steps):
                rows = [torch.randint(len(own.table), (count,), generator=draw) for own, count in parts]
                table = torch.cat([own.table[k] for (own, _), k in zip(parts, rows, strict=True)])
                truth = torch.cat([own.off[k] for (own, _), k in zip(parts, rows, strict=True)])
                said = self.network(table)
                said[len(rows[0]) :] += apart
                loss = (said - truth).abs().mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
        return replace(self, mean=taught.mean)

    def guess(self, poses: Poses) -> Array:
        """Joints [frames, joints, 3] in m."""
        self.network.eval()
        with torch.no_grad():
            found = (self.network(torch.from_numpy(poses.table)) + self.mean).numpy()
        self.network.train()
        return np.asarray(found.reshape(poses.joints.shape))
