"""What to train, on what and how, as a TOML file says it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mmsynth.config import dumps, to_table
from mmsynth.training.augment import Augment
from mmsynth.training.trees import TreeSettings
from mmsynth.training.windows import WindowSettings


@dataclass(frozen=True)
class Data:
    """Which clips are trained on.

    Attributes:
        real: files of recordings; synthetic: files of generated clips (as `mmsynth import` and `generate` write them).
        hold_out: recordings whose session begins with one of these are never trained on.
        real_fraction: of the recordings' clips that is used (whole clips, stratified by activity).
        schedule: "pretrain" = on synthetic data first, then on real; "mix" = both in every batch.
        synthetic_share: of a mixed batch.
        validation: share of the training clips that chooses the model.
    """

    real: tuple[Path, ...] = ()
    synthetic: tuple[Path, ...] = ()
    hold_out: tuple[str, ...] = ()
    real_fraction: float = 1.0
    schedule: Literal["pretrain", "mix"] = "pretrain"
    synthetic_share: float = 0.5
    validation: float = 0.15

    def __post_init__(self) -> None:
        if not self.real and not self.synthetic:
            raise ValueError("data: expected files under 'real' or 'synthetic', got none")
        for name, low in (("real_fraction", 0.0), ("synthetic_share", 0.0), ("validation", 0.0)):
            if not low <= getattr(self, name) <= 1:
                raise ValueError(f"data.{name}: expected a number from 0 to 1, got {getattr(self, name)}")


@dataclass(frozen=True)
class Optimise:
    """The loop of a network's training.

    Attributes:
        steps: in all; pretrain_steps: of these on synthetic data alone, where both kinds are there.
        batch: windows a step, classes balanced.
        rate: peak learning rate; warmup: steps up to it; then a cosine down to zero.
        decay: of the weights.
        average: factor of the exponential moving average of the weights, which is what is kept.
        every: steps between validations.
        patience: validations without a better score after which training stops; 0 = never.
        finetune_rate: learning rate after pre-training, relative to `rate`.
    """

    steps: int = 1500
    pretrain_steps: int = 700
    batch: int = 64
    rate: float = 2e-3
    warmup: int = 50
    decay: float = 0.02
    average: float = 0.99
    every: int = 50
    patience: int = 12
    finetune_rate: float = 0.5

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "rate", "every"):
            if not getattr(self, name) > 0:
                raise ValueError(f"optimise.{name}: expected more than zero, got {getattr(self, name)}")
        if not 0 <= self.pretrain_steps < self.steps:
            raise ValueError(f"optimise.pretrain_steps: expected 0 to {self.steps - 1}, got {self.pretrain_steps}")


@dataclass(frozen=True)
class Recipe:
    """A training run.

    Attributes:
        data: the clips.
        classes: activities to tell apart, in order; empty = all that the data has, sorted.
        model: trees on physics features, or a network ("points", "voxels").
        seed: of everything random.
        width: of the network.
        smoothing: share of every label that is spread over the classes.
        device: where the network trains.
    """

    data: Data
    classes: tuple[str, ...] = ()
    model: Literal["trees", "points", "voxels"] = "trees"
    seed: int = 0
    width: int = 64
    smoothing: float = 0.05
    device: str = "cpu"
    window: WindowSettings = WindowSettings(step=1.0)
    trees: TreeSettings = TreeSettings()
    optimise: Optimise = Optimise()
    augment: Augment = Augment()

    def text(self) -> str:
        """The resolved recipe as TOML, every default spelled out."""
        return dumps(to_table(self))
