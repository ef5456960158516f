"""What synthetic clips are worth for pose on MARS: a small network with and without them, equal optimiser steps."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmsynth import metrics
from mmsynth.evaluation.mars import Poses

Array = NDArray[Any]


# So many recorded poses weigh as much in a blend as the network that has seen synthetic ones alone.
PSEUDO_POSES = 60


@dataclass(frozen=True)
class TransferSettings:
    """How the network is trained.

    Attributes:
        steps: of the optimiser in all, with and without synthetic poses.
        batch: poses a step.
        rate: peak learning rate; it falls to zero along a cosine over each part.
        width: of the two hidden layers.
        checks: how often each part is judged on held-back training stretches; the best state is kept.
    """

    steps: int = 800
    batch: int = 128
    rate: float = 1e-3
    width: int = 128
    checks: int = 8


def stretches(poses: Poses, share: float, draw: np.random.Generator) -> tuple[Array, Array]:
    """Rows to train on and rows to choose by: one unbroken stretch of every recording, every fifth one held back.

    A recording is a move of a person, whatever official parts it was published in.
    """
    fit: list[Array] = []
    choose: list[Array] = []
    recording = np.array([name.rsplit("-", 1)[0] for name in poses.clip.tolist()])
    for k, name in enumerate(draw.permutation(np.unique(recording))):
        rows = np.flatnonzero(recording == name)
        length = max(1, round(share * len(rows)))
        start = int(draw.integers(len(rows) - length + 1))
        (choose if k % 5 == 4 else fit).append(rows[start : start + length])
    return np.concatenate(fit), np.concatenate(choose)


def transfer_errors(
    real: Poses, synthetic: Mapping[str, Poses], shares: Sequence[float], seed: int, settings: TransferSettings
) -> dict[float, dict[str, tuple[float, ...]]]:
    """Mean absolute error in cm by share and person held out: real poses alone, pre-trained, blended.

    Of `settings.steps`, a part w is on synthetic poses, w = PSEUDO_POSES / (PSEUDO_POSES + real poses), a half at most:
    with more recordings it vanishes. Pre-trained: that part comes first. Blended: the other part teaches a network of
    its own real poses; its pose, with weight 1 - w, and that of the network which saw synthetic poses alone, with
    weight w, are added, the latter moved so that its mean over the real poses trained on is theirs. Nothing of the
    person is seen, and of the others only the stretches of the share. Share 0: the mean of the others' poses; a
    network that has seen synthetic poses alone (half of the steps) and knows no real mean either; the same network
    with its mean moved to the others', which is what the constant pose knows too.

    Args:
        real: recorded poses.
        synthetic: simulated ones to use when a person is held out, by that person's name.
        shares: of the recordings.
        seed: of weights and draws.
        settings: of the training.
    """
    found: dict[float, dict[str, tuple[float, ...]]] = {0.0: {}, **{share: {} for share in shares}}
    for number, name in enumerate(sorted(set(real.subject.tolist()))):
        there = real.subject == name
        test, others = _rows(real, there), _rows(real, ~there)
        mean = np.broadcast_to(others.joints.mean(0), test.joints.shape)
        before = _taught(synthetic[name], settings.steps // 2, seed, settings)
        moved = before.guess(test) - synthetic[name].joints.mean(0) + others.joints.mean(0)
        constant, told = (100 * metrics.mae(guess, test.joints) for guess in (mean, moved))
        found[0.0][name] = (constant, before.error(test), told)
        for share in shares:
            fit, choose = stretches(others, share, np.random.default_rng([seed, number]))
            few, held = _rows(others, fit), _rows(others, choose)
            trust = PSEUDO_POSES / (PSEUDO_POSES + len(fit))
            first = round(min(0.5, trust) * settings.steps)
            before = _taught(synthetic[name], first, seed, settings)
            alone = _Pupil.new(few, seed, settings).learn(few, held, settings.steps)
            after = before.copy().learn(few, held, settings.steps - first)
            rest = _Pupil.new(few, seed, settings).learn(few, held, settings.steps - first)
            told = before.guess(test) - before.guess(few).mean(0) + few.joints.mean(0)
            blended = 100 * metrics.mae((1 - trust) * rest.guess(test) + trust * told, test.joints)
            found[share][name] = (alone.error(test), after.error(test), blended)
    return found


def _taught(synthetic: Poses, steps: int, seed: int, settings: TransferSettings) -> "_Pupil":
    """A network that has seen synthetic poses alone; every fifth of them chooses its state."""
    chosen = np.arange(len(synthetic.table)) % 5 == 4
    return _Pupil.new(synthetic, seed, settings).learn(synthetic, _rows(synthetic, chosen), steps)


def _rows(poses: Poses, keep: Array) -> Poses:
    return Poses(poses.table[keep], poses.joints[keep], poses.subject[keep], poses.clip[keep])


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

    def learn(self, poses: Poses, held: Poses, steps: int) -> "_Pupil":
        """Teach it `poses` and return it in the state that erred least on `held`, its state before among them."""
        table, joints = torch.from_numpy(poses.table), torch.from_numpy(poses.joints).flatten(1).float()
        taught = replace(self, mean=joints.mean(0))
        optimiser = torch.optim.AdamW(self.network.parameters(), lr=self.settings.rate, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        draw = torch.Generator().manual_seed(self.seed)
        best = (taught.error(held), _copy(self.network))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            for step in range(steps):
                chosen = torch.randint(len(table), (self.settings.batch,), generator=draw)
                loss = (self.network(table[chosen]) - (joints[chosen] - taught.mean)).abs().mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                if (step + 1) % max(1, steps // self.settings.checks) == 0:
                    error = taught.error(held)
                    best = min(best, (error, _copy(self.network)), key=lambda found: found[0])
        self.network.load_state_dict(best[1])
        return taught

    def guess(self, poses: Poses) -> Array:
        """Joints [frames, joints, 3] in m."""
        self.network.eval()
        with torch.no_grad():
            found = (self.network(torch.from_numpy(poses.table)) + self.mean).numpy()
        self.network.train()
        return np.asarray(found.reshape(poses.joints.shape))

    def error(self, poses: Poses) -> float:
        """Mean absolute error in cm."""
        return 100 * metrics.mae(self.guess(poses), poses.joints)


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}
