"""What a training finds: models of trees, of networks and of both, and a recipe's network before it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmsynth.joints import joint_names
from mmsynth.training.blend import Blend, join_evenly
from mmsynth.training.encoders import MapEncoder, PointEncoder, VoxelEncoder
from mmsynth.training.features import features
from mmsynth.training.networks import ActivityHead, Network, PoseHead, seeded, to_inputs
from mmsynth.training.recipe import Recipe
from mmsynth.training.trees import Forest
from mmsynth.training.windows import Windows

Array = NDArray[Any]


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
