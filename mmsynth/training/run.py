"""A finished training: its folder and its model."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmsynth import __version__
from mmsynth.config import load
from mmsynth.joints import joint_names
from mmsynth.resources import commit
from mmsynth.training.blend import Blend, join_evenly
from mmsynth.training.encoders import MapEncoder, PointEncoder, VoxelEncoder
from mmsynth.training.features import features
from mmsynth.training.networks import ActivityHead, Network, PoseHead, seeded, to_inputs
from mmsynth.training.perceptron import FrameModel, frame_model
from mmsynth.training.recipe import Recipe
from mmsynth.training.trees import Forest
from mmsynth.training.windows import Windows
from mmsynth.whole import whole

Array = NDArray[Any]

# Of a run's files and of what its model reads (features, grids, bins): a change of either makes a new one.
VERSION = 1


@dataclass(frozen=True)
class Targets:
    """What a model predicts: one of `classes`, or the joints of `joint_set` (then it is not empty)."""

    classes: tuple[str, ...] = ()
    joint_set: str = ""


class Model(Protocol):
    """Anything that classifies activities."""

    def probabilities(self, windows: Windows) -> Array:
        """Class probabilities [windows, classes]."""
        ...


@dataclass(frozen=True, eq=False)
class TreeModel:
    """Trees on physics features."""

    forest: Forest

    def probabilities(self, windows: Windows) -> Array:
        """Class probabilities [windows, classes]."""
        return self.classify(features(windows))

    def classify(self, table: Array) -> Array:
        """Class probabilities [windows, classes] from features [windows, features]."""
        return self.forest.probabilities(table)


@dataclass(frozen=True, eq=False)
class BlendedTrees:
    """Trees on synthetic windows alone, trees on recordings stacked on them, and the blend of both.

    Attributes:
        base: trained on synthetic windows alone.
        own: trained on recordings: on the features and the class probabilities by `base`.
        blend: of both predictions.
    """

    base: Forest
    own: Forest
    blend: Blend

    def probabilities(self, windows: Windows) -> Array:
        """Class probabilities [windows, classes]."""
        return self.classify(features(windows))

    def classify(self, table: Array) -> Array:
        """Class probabilities [windows, classes] from features [windows, features]."""
        return self.blend.join(*self.answers(table))

    def answers(self, table: Array) -> tuple[Array, Array]:
        """Class probabilities [windows, classes] by `own` and by `base` from features [windows, features]."""
        first = self.base.probabilities(table)
        return self.own.probabilities(np.hstack([table, first])), first


@dataclass(frozen=True, eq=False)
class NetworkModel:
    """A network, in evaluation mode."""

    network: Network
    targets: Targets
    batch: int = 256

    def probabilities(self, windows: Windows) -> Array:
        """Class probabilities [windows, classes].

        Raises:
            ValueError: it predicts poses.
        """
        if self.targets.joint_set:
            raise ValueError("model: expected one that classifies activities, got one that predicts poses")
        return np.concatenate([logits.softmax(1).double().cpu().numpy() for logits in self._outputs(windows)])

    def poses(self, windows: Windows) -> Array:
        """Joints in the radar frame and their expected error in m [windows, bins, joints, 4].

        Raises:
            ValueError: it classifies activities.
        """
        if not self.targets.joint_set:
            raise ValueError("model: expected one that predicts poses, got one that classifies activities")
        found = np.concatenate([output.float().cpu().numpy() for output in self._outputs(windows)])
        found[..., 3] = np.exp(found[..., 3])
        return found

    @property
    def mean_pose(self) -> Array:
        """The pose [joints, 3] that a network of poses starts from: the mean of what it was trained on."""
        assert isinstance(self.network.head, PoseHead)
        return np.asarray(self.network.head.get_buffer("mean_pose").cpu().numpy())

    @torch.no_grad()
    def _outputs(self, windows: Windows) -> Iterator[Tensor]:
        self.network.eval()
        device = next(self.network.parameters()).device
        for i in range(0, len(windows), self.batch):
            yield self.network(to_inputs(windows.take(np.arange(i, min(i + self.batch, len(windows)))), device))


@dataclass(frozen=True, eq=False)
class BlendedNetwork:
    """A network and trees, both taught recordings, in equal parts; their answer is blended as that of the trees is."""

    network: NetworkModel
    trees: BlendedTrees

    def probabilities(self, windows: Windows) -> Array:
        """Class probabilities [windows, classes]."""
        own, base = self.trees.answers(features(windows))
        return self.trees.blend.join(join_evenly(self.network.probabilities(windows), own), base)


@dataclass(frozen=True, eq=False)
class Run:
    """A training run on disk: `recipe.toml`, `run.json` and the model's file; `about` says what it learnt from."""

    folder: Path
    recipe: Recipe
    targets: Targets
    model: Model
    about: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """Activities that it knows, in order."""
        return self.targets.classes


def save_model(path: Path, model: Model) -> None:
    """Write a model's weights, whole or not at all.

    Raises:
        ValueError: there is no way to store this kind of model.
        OSError: it cannot be written.
    """
    with whole(path) as (part,):
        if isinstance(model, NetworkModel):
            write_tensors(part, {"network": _weights(model)})
        elif isinstance(model, FrameModel):
            write_tensors(part, {"frames": model.tensors()})
        elif isinstance(model, BlendedNetwork):
            trees = {name: torch.from_numpy(value) for name, value in _tree_arrays(model.trees).items()}
            write_tensors(part, {"network": _weights(model.network), "trees": trees})
        elif isinstance(model, TreeModel | BlendedTrees):
            with part.open("wb") as file:
                np.savez(file, allow_pickle=False, **_tree_arrays(model))
        else:
            raise ValueError(f"{path}: cannot store a {type(model).__name__}")


def write_tensors(path: Path, content: dict[str, Any]) -> None:
    """Write tensors by name as torch does, by way of memory: of a full disk torch itself does not tell as OSError."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    path.write_bytes(buffer.getbuffer())


def keep_run(run: Run) -> None:
    """Write what `load_run` reads; `run.json`, which says that a run is finished, comes last."""
    folder, recipe = run.folder, run.recipe
    (folder / "recipe.toml").write_text(recipe.text(), encoding="utf-8")
    save_model(folder / ("model.npz" if recipe.model == "trees" else "model.pt"), run.model)
    about = {
        "classes": list(run.targets.classes),
        "joint_set": run.targets.joint_set,
        "data": run.about,
        "version": VERSION,
        "mmsynth": __version__,
        "commit": commit(),
    }
    with whole(folder / "run.json") as (part,):
        part.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def load_run(folder: Path | str) -> Run:
    """Read a finished run.

    Raises:
        ValueError: there is none, it is damaged, or of another version.
    """
    folder = Path(folder)
    if not (folder / "run.json").is_file():
        raise ValueError(f"{folder}: expected a finished training run, found no run.json")
    about = _about(folder)
    recipe = load(Recipe, folder / "recipe.toml")
    try:
        targets = Targets(tuple(str(c) for c in about["classes"]), str(about["joint_set"]))
        trees = recipe.model == "trees"
        model = _load_trees(folder / "model.npz") if trees else _load_network(folder / "model.pt", recipe, targets)
        return Run(folder, recipe, targets, model, str(about["data"]))
    except (KeyError, RuntimeError, OSError, TypeError, zipfile.BadZipFile, ValueError) as error:
        raise ValueError(f"{folder}: damaged training run: {error}") from None


def _about(folder: Path) -> dict[str, Any]:
    """What `run.json` says, of the version that is read here."""
    try:
        about: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        found = about["version"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder}: damaged training run: run.json: {error}") from None
    if found != VERSION:
        raise ValueError(f"{folder}: expected a training run of version {VERSION}, got one of version {found}")
    return about


def build(recipe: Recipe, targets: Targets) -> Network:
    """The recipe's network with weights drawn by its seed, the same on every device."""
    width = recipe.width
    with seeded(recipe.seed):
        encoder: nn.Module
        if recipe.model == "heatmaps":
            encoder = MapEncoder(width, len(recipe.window.maps))
        else:
            encoder = {"points": PointEncoder, "voxels": VoxelEncoder}[recipe.model](width)
        joints = joint_names(targets.joint_set)
        head = PoseHead(width, len(joints)) if joints else ActivityHead(width, len(targets.classes))
        return Network(encoder, width, head)


def _tree_arrays(model: TreeModel | BlendedTrees) -> dict[str, Array]:
    """Every array of a model of trees by name: "own/roots" ..., "base/roots" ..., "blend/bias" ..."""
    if isinstance(model, TreeModel):
        return _forest_arrays("own", model.forest)
    blend = {f"blend/{f.name}": np.asarray(getattr(model.blend, f.name)) for f in fields(Blend)}
    return {**_forest_arrays("own", model.own), **_forest_arrays("base", model.base), **blend}


def _weights(model: NetworkModel) -> dict[str, Tensor]:
    return {k: v.cpu() for k, v in model.network.state_dict().items()}


def _load_network(path: Path, recipe: Recipe, targets: Targets) -> NetworkModel | BlendedNetwork | FrameModel:
    kept = torch.load(path, map_location="cpu", weights_only=True)
    if recipe.model == "histograms":
        return frame_model(kept["frames"])
    network = build(recipe, targets)
    network.load_state_dict(kept["network"])
    own = NetworkModel(network, targets)
    if "trees" not in kept:
        return own
    trees = _trees({k: v.numpy() for k, v in kept["trees"].items()})
    assert isinstance(trees, BlendedTrees)
    return BlendedNetwork(own, trees)


def _forest_arrays(name: str, forest: Forest) -> dict[str, Array]:
    return {f"{name}/{f.name}": getattr(forest, f.name) for f in fields(Forest)}


def _load_trees(path: Path) -> TreeModel | BlendedTrees:
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
        return _trees(arrays)


def _trees(arrays: Mapping[str, Array]) -> TreeModel | BlendedTrees:
    """The model of which `_tree_arrays` are these."""

    def forest(name: str) -> Forest:
        return Forest(**{f.name: arrays[f"{name}/{f.name}"] for f in fields(Forest)})

    if "blend/bias" not in arrays:
        return TreeModel(forest("own"))
    blend = Blend(float(arrays["blend/trust"]), float(arrays["blend/temper"]), arrays["blend/bias"])
    return BlendedTrees(forest("base"), forest("own"), blend)
