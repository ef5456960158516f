"""A finished training: its folder, its model, and what it predicts."""

import io
import json
import zipfile
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mmsynth.arrays import check_shapes
from mmsynth.config import load
from mmsynth.datasets import Clips
from mmsynth.training.features import features
from mmsynth.training.networks import NETWORKS, to_batch
from mmsynth.training.recipe import Recipe
from mmsynth.training.trees import Forest
from mmsynth.training.windows import Windows, cut

Array = NDArray[Any]


class Model(Protocol):
    """Anything that tells activities apart."""

    def probabilities(self, windows: Windows) -> Array:
        """Class probabilities [windows, classes]."""
        ...


@dataclass(frozen=True, eq=False)
class TreeModel:
    """Trees on physics features."""

    forest: Forest

    def probabilities(self, windows: Windows) -> Array:
        """Class probabilities [windows, classes]."""
        return self.forest.probabilities(features(windows))


@dataclass(frozen=True, eq=False)
class NetworkModel:
    """A network, in evaluation mode."""

    network: nn.Module
    batch: int = 256

    @torch.no_grad()
    def probabilities(self, windows: Windows) -> Array:
        """Class probabilities [windows, classes]."""
        self.network.eval()
        device = next(self.network.parameters()).device
        parts = [np.arange(len(windows))[i : i + self.batch] for i in range(0, len(windows), self.batch)]
        scores = [self.network(to_batch(windows.take(rows), device)).softmax(1) for rows in parts]
        table: Array = torch.cat(scores).double().cpu().numpy()
        return np.asarray(table)


@dataclass(frozen=True, eq=False)
class Run:
    """A training run on disk: `recipe.toml`, `run.json` and the model's file."""

    folder: Path
    recipe: Recipe
    classes: tuple[str, ...]
    model: Model


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a run says of each window.

    Attributes:
        clip: id of the clip; start: of the window in s from the start of the clip; duration: in s.
        truth: the recorded activity; empty = not known.
        probability: of each of `classes`.
    """

    classes: tuple[str, ...]
    clip: Annotated[Array, "windows", "1"]
    start: Annotated[Array, "windows", "s"]
    truth: Annotated[Array, "windows", "1"]
    probability: Annotated[Array, "windows classes", "1"]
    duration: float

    def __post_init__(self) -> None:
        check_shapes(self)

    def __len__(self) -> int:
        return len(self.start)

    @property
    def label(self) -> tuple[str, ...]:
        """The likeliest class of each window."""
        return tuple(self.classes[i] for i in self.probability.argmax(1))

    @property
    def confidence(self) -> Array:
        """Its probability [windows]."""
        return np.asarray(self.probability.max(1))


def predict(run: Run, dataset: Clips) -> Predictions:
    """Class probabilities of every window (not overlapping) of the clips of a data set.

    Raises:
        ValueError: no clip is as long as a window.
    """
    settings = replace(run.recipe.window, step=run.recipe.window.duration)
    windows = cut(dataset, settings)
    p = run.model.probabilities(windows)
    return Predictions(run.classes, windows.clip, windows.start, windows.activity, p, settings.duration)


def save_model(path: Path, model: Model) -> None:
    """Write a model's weights, beside the name and then renamed."""
    beside = path.with_suffix(".tmp")
    if isinstance(model, NetworkModel):
        torch.save({k: v.cpu() for k, v in model.network.state_dict().items()}, beside)
    elif isinstance(model, TreeModel):
        with beside.open("wb") as file:
            np.savez(file, **{f.name: getattr(model.forest, f.name) for f in fields(Forest)})
    else:
        raise ValueError(f"{path}: cannot store a {type(model).__name__}")
    beside.replace(path)


def load_run(folder: Path | str) -> Run:
    """Read a finished run.

    Raises:
        ValueError: there is none, or it is damaged.
    """
    folder = Path(folder)
    if not (folder / "run.json").is_file():
        raise ValueError(f"{folder}: expected a finished training run, found no run.json")
    recipe = load(Recipe, folder / "recipe.toml")
    try:
        classes = tuple(str(c) for c in json.loads((folder / "run.json").read_text(encoding="utf-8"))["classes"])
        if recipe.model == "trees":
            return Run(folder, recipe, classes, TreeModel(_load_forest(folder / "model.npz")))
        network = build(recipe, len(classes))
        network.load_state_dict(torch.load(folder / "model.pt", map_location="cpu", weights_only=True))
    except (KeyError, RuntimeError, OSError, TypeError, json.JSONDecodeError, zipfile.BadZipFile, ValueError) as error:
        raise ValueError(f"{folder}: damaged training run: {error}") from None
    return Run(folder, recipe, classes, NetworkModel(network))


def build(recipe: Recipe, classes: int) -> nn.Module:
    """The recipe's network with weights drawn by its seed, the same on every device."""
    with torch.random.fork_rng(devices=[]):
        # The one place where torch draws from its global generator: layers cannot be told another one.
        torch.default_generator.manual_seed(recipe.seed)
        return NETWORKS[recipe.model](classes, recipe.width)


def _load_forest(path: Path) -> Forest:
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
        return Forest(**{f.name: arrays[f.name] for f in fields(Forest)})
