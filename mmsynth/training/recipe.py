"""What to train, on what and how, as a TOML file says it."""

import glob
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mmsynth.config import dumps, load, read_toml, to_table
from mmsynth.training.augment import Augment
from mmsynth.training.losses import PoseLoss
from mmsynth.training.trees import TreeSettings
from mmsynth.training.windows import WindowSettings
from mmsynth.types import check_numbers


@dataclass(frozen=True)
class Data:
    """Which clips are trained on.

    Attributes:
        real: files of recordings; synthetic: files of generated clips (as `mmsynth import` and `generate` write them);
            relative to the folder that the command is run in; a pattern ("data/job*/dataset.h5") stands for all that
            match, sorted.
        unlabelled: files of recordings whose labels are not looked at, to adapt to.
        hold_out: recordings whose session begins with one of these, or that are of this subject, are never trained on
            (synthetic clips are, whatever their names).
        split: name of a protocol of `datasets/splits/`, or a .toml file like these, in place of `hold_out`: of the
            recordings its training clips alone are trained on, its validation clips, where it has any, choose among a
            network's states, and its test clips are what `evaluate` scores.
        real_fraction: of the recordings' clips that is used (whole clips, stratified by activity).
        schedule: "pretrain" = on synthetic data first, then on real; for activities from points these are two models:
            trees on synthetic data, and trees on recordings that are told what those answer, joined with a network on
            recordings alone if `model` is one; they are blended, with less of the first the more recordings there are;
            "mix" = both in every batch (trees: in one forest).
        synthetic_share: of a mix.
        validation: share of the training clips that chooses among a network's states (of synthetic clips alone: of
            their people); trees learn from all.
    """

    real: tuple[Path, ...] = ()
    synthetic: tuple[Path, ...] = ()
    unlabelled: tuple[Path, ...] = ()
    hold_out: tuple[str, ...] = ()
    split: str = ""
    real_fraction: float = 1.0
    schedule: Literal["pretrain", "mix"] = "pretrain"
    synthetic_share: float = 0.5
    validation: float = 0.15

    def __post_init__(self) -> None:
        if not self.real and not self.synthetic:
            raise ValueError("data: expected files under 'real' or 'synthetic', got none")
        if self.split and self.hold_out:
            raise ValueError(f"data.split: expected none beside hold_out, got '{self.split}'")
        check_numbers(self, ("real_fraction", "synthetic_share", "validation"), least=0, most=1, where="data")


@dataclass(frozen=True)
class Optimise:
    """The loop of a network's training.

    Attributes:
        steps: in all; pretrain_steps: of these on synthetic data alone, where one network learns both kinds (poses, or
            activities from heatmaps; `data.schedule`).
        batch: windows a step, classes balanced.
        rate: peak learning rate; warmup: steps up to it; then a cosine down to zero.
        decay: of the weights; clip: largest norm of a step's gradient.
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
    clip: float = 2.0
    average: float = 0.99
    every: int = 50
    patience: int = 12
    finetune_rate: float = 0.5

    def __post_init__(self) -> None:
        check_numbers(self, ("steps", "batch", "rate", "clip", "every"), least=0, strict=True, where="optimise")
        check_numbers(self, ("warmup", "decay", "patience", "finetune_rate"), least=0, where="optimise")
        if not 0 <= self.average < 1:
            raise ValueError(f"optimise.average: expected a number from 0 to below 1, got {self.average}")
        if not 0 <= self.pretrain_steps < self.steps:
            raise ValueError(f"optimise.pretrain_steps: expected 0 to {self.steps - 1}, got {self.pretrain_steps}")


@dataclass(frozen=True)
class Adapt:
    """How a model is brought to recordings without labels (`data.unlabelled`).

    Attributes:
        method: "statistics" = after training, those of its normalisation layers are taken from the recordings (AdaBN);
            of "histograms" before it, synthetic ones are moved to the mean of the recordings;
            "adversarial" = trained against a critic that tells what is learnt from what has no label; "self-training" =
            trees learn from them too, each clip labelled with the one activity that trees before took it for: those of
            the labelled recordings, or without any (`adapt.py`) of the synthetic windows that are most like them.
        weight: of the adversary, reached half way through the training.
        one_activity: each clip without a label shows one activity all along, so that its windows vote on it in
            self-training; false = each window is labelled by itself, which is worth less.
    """

    method: Literal["none", "statistics", "adversarial", "self-training"] = "none"
    weight: float = 0.3
    one_activity: bool = True

    def __post_init__(self) -> None:
        check_numbers(self, ("weight",), least=0, where="adapt")


@dataclass(frozen=True)
class Recipe:
    """A training run.

    Attributes:
        data: the clips.
        task: what is predicted: the activity of a window, or the pose in each of its time bins.
        classes: activities, in order; empty = all that the data has, sorted.
        model: trees on physics features, or a network on points, on voxels of them or on heatmaps (`window.maps`), or
            "histograms": a perceptron that predicts the pose of every frame and a person's size, for people who
            stand where those of the recordings stood (its bins end 1 and 2.8 m from the radar, 1 m to either side of it
            and 1.1 m above and below); it reads steps, batch, rate and decay of `optimise`, divides them between
            synthetic and recorded poses by itself, mirrors a part `augment.mirror` of every batch (unless that is zero,
            its answers too are the mean of two, about the plane straight ahead of the radar), and leaves `window`, the
            rest of `augment`, `data.synthetic_share` and `data.validation` alone.
        sizes: whether "histograms" estimates a person's size, from how high the points of all of their recordings lie
            that are predicted together; false = as large as the people learnt from, for a radar that hangs higher or
            lower from one recording to another (5 cm look like 10 % of a person's size).
        seed: of everything random.
        width: of the network.
        initial: folder of a finished run of the same network, whose weights this one starts from: one on synthetic data
            pre-trains any network.
        smoothing: share of every label that is spread over the classes.
        device: where the network trains.
        tensorboard: log events for it too (needs the extra of that name).
    """

    data: Data
    task: Literal["activity", "pose"] = "activity"
    classes: tuple[str, ...] = ()
    model: Literal["trees", "points", "voxels", "heatmaps", "histograms"] = "trees"
    sizes: bool = True
    seed: int = 0
    width: int = 64
    smoothing: float = 0.05
    initial: Path | None = None
    device: str = "cpu"
    tensorboard: bool = False
    window: WindowSettings = WindowSettings(step=1.0)
    trees: TreeSettings = TreeSettings()
    optimise: Optimise = Optimise()
    augment: Augment = Augment()
    adapt: Adapt = Adapt()
    pose: PoseLoss = PoseLoss()

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width: expected 1 or more, got {self.width}")
        # What scikit-learn takes.
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"seed: expected zero to 2^31 - 1, got {self.seed}")
        if len(set(self.classes)) < len(self.classes) or "" in self.classes:
            raise ValueError(f"classes: expected names that differ, got {', '.join(map(repr, self.classes))}")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing: expected a number from 0 to below 1, got {self.smoothing}")
        if self.task == "pose" and self.model == "trees":
            raise ValueError("model: expected a network for task 'pose', got 'trees'")
        if self.model == "histograms":
            _check_histograms(self)
        if (self.model == "heatmaps") != bool(self.window.maps):
            raise ValueError(
                f"window.maps: expected kinds of heatmaps for model 'heatmaps' and none for the others, got "
                f"{list(self.window.maps)} for '{self.model}'"
            )
        _check_adapt(self.adapt.method, self)

    def text(self) -> str:
        """The resolved recipe as TOML, every default spelled out."""
        return dumps(to_table(self))


def _check_adapt(method: str, recipe: Recipe) -> None:
    """Refuse files without labels that nothing is done with, and a method without files or of another model."""
    if method != "none" and not recipe.data.unlabelled:
        raise ValueError(f"data.unlabelled: expected files to adapt to by '{method}', got none")
    if method == "none" and recipe.data.unlabelled:
        raise ValueError(
            "adapt.method: expected what is done with the files under data.unlabelled ('self-training' for trees), "
            "got 'none'"
        )
    if method != "none" and (method == "self-training") != (recipe.model == "trees"):
        raise ValueError(
            f"adapt.method: expected 'self-training' with trees and another with networks, got "
            f"'{method}' with '{recipe.model}'"
        )


def _check_histograms(recipe: Recipe) -> None:
    """Refuse what a perceptron on histograms cannot do."""
    for name, is_so, expected, got in (
        ("task", recipe.task == "pose", "'pose'", f"'{recipe.task}'"),
        (
            "adapt.method",
            recipe.adapt.method in ("none", "statistics"),
            "'none' or 'statistics'",
            f"'{recipe.adapt.method}'",
        ),
        ("initial", recipe.initial is None, "no earlier run", f"{recipe.initial}"),
        (
            "data.synthetic",
            recipe.data.synthetic or recipe.adapt.method == "none",
            "clips to adapt to recordings",
            "none",
        ),
    ):
        if not is_so:
            raise ValueError(f"{name}: expected {expected} for model 'histograms', got {got}")


def load_recipe(path: Path | str) -> Recipe:
    """Read a training recipe; the files that it names lie relative to the working folder, and are made absolute.

    Raises:
        ValueError: it is missing, not TOML, or a key is unknown or wrong.
    """
    if "activities" in read_toml(path):
        raise ValueError(f"{path}: expected a training recipe, got one for `mmsynth generate`")
    recipe = load(Recipe, path)
    real, synthetic, unlabelled = (
        tuple(found for file in files for found in _matching(file, path))
        for files in (recipe.data.real, recipe.data.synthetic, recipe.data.unlabelled)
    )
    split = recipe.data.split
    split = str(Path(split).absolute()) if split.endswith(".toml") else split
    data = replace(recipe.data, real=real, synthetic=synthetic, unlabelled=unlabelled, split=split)
    initial = recipe.initial.absolute() if recipe.initial else None
    return replace(recipe, data=data, initial=initial)


def _matching(file: Path, recipe: Path | str) -> list[Path]:
    """The files that one of a recipe, or a pattern in it, stands for, absolute.

    Raises:
        ValueError: nothing matches the pattern.
    """
    if file.exists() or not any(c in str(file) for c in "*?["):
        return [file.absolute()]
    found = sorted(Path(name) for name in glob.glob(str(file.absolute()), recursive=True))
    if not found:
        raise ValueError(f"{recipe}: data: no file matches {file}")
    return found
