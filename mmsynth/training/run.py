"""A finished training: its folder and its model."""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmsynth import __version__
from mmsynth.config import load
from mmsynth.resources import commit
from mmsynth.training.blend import Blend
from mmsynth.training.known import Known
from mmsynth.training.models import BlendedNetwork, BlendedTrees, Model, NetworkModel, Targets, TreeModel, build
from mmsynth.training.perceptron import FrameModel, frame_model
from mmsynth.training.recipe import Recipe
from mmsynth.training.trees import Forest
from mmsynth.whole import whole

Array = NDArray[Any]

# Of a run's files and of what its model reads (features, grids, bins): a change of either makes a new one.
VERSION = 4


@dataclass(frozen=True, eq=False)
class Run:
    """A training run on disk: `recipe.toml`, `run.json`, the model's file, and `known.npz`.

    Attributes:
        about: says what it learnt from; known: tells the clips that it has seen.
    """

    folder: Path
    recipe: Recipe
    targets: Targets
    model: Model
    about: str = ""
    known: Known = Known()

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
    with whole(folder / "known.npz") as (part,), part.open("wb") as file:
        np.savez(file, allow_pickle=False, learnt=run.known.learnt, adapted=run.known.adapted)
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
        _check_classes(model, len(targets.classes))
        with _arrays(folder / "known.npz") as arrays:
            known = Known(arrays["learnt"], arrays["adapted"])
        return Run(folder, recipe, targets, model, str(about["data"]), known)
    except (KeyError, RuntimeError, OSError, TypeError, zipfile.BadZipFile, ValueError) as error:
        raise ValueError(f"{folder}: damaged training run: {error}") from None


def _check_classes(model: Model, count: int) -> None:
    """Refuse trees of another number of classes; a network's weights do not fit one of another number."""
    trees = model.trees if isinstance(model, BlendedNetwork) else model
    forests = (trees.own, trees.base) if isinstance(trees, BlendedTrees) else ()
    for forest in (trees.forest,) if isinstance(trees, TreeModel) else forests:
        if forest.value.shape[1] != count:
            raise ValueError(f"expected trees for {count} classes, got some for {forest.value.shape[1]}")


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
    with _arrays(path) as arrays:
        return _trees(arrays)


def _arrays(path: Path) -> Any:
    return np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)


def _trees(arrays: Mapping[str, Array]) -> TreeModel | BlendedTrees:
    """The model of which `_tree_arrays` are these."""

    def forest(name: str) -> Forest:
        return Forest(**{f.name: arrays[f"{name}/{f.name}"] for f in fields(Forest)})

    if "blend/bias" not in arrays:
        return TreeModel(forest("own"))
    blend = Blend(float(arrays["blend/trust"]), float(arrays["blend/temper"]), arrays["blend/bias"])
    return BlendedTrees(forest("base"), forest("own"), blend)
