"""Extremely randomised trees: grown by scikit-learn, kept and evaluated as plain arrays (nothing is pickled)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.arrays import check_shapes
from mmsynth.types import check_numbers

Array = NDArray[Any]


@dataclass(frozen=True)
class TreeSettings:
    """How the forest is grown.

    Attributes:
        count: trees.
        leaf: fewest windows in a leaf.
        share: of the features tried at each split; 0 = square root of their number.
    """

    count: int = 400
    leaf: int = 2
    share: float = 0.0

    def __post_init__(self) -> None:
        check_numbers(self, ("count", "leaf"), least=1, where="trees")
        check_numbers(self, ("share",), least=0, most=1, where="trees")


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees as one flat table of nodes; a leaf is its own left and right child, others stand before their children.

    Attributes:
        roots: node of each tree's root.
        feature: column that a node looks at.
        threshold: a sample goes left where its feature is not above this.
        left, right: node to go to.
        value: class probabilities of the samples that reached the node in training.
    """

    roots: Annotated[Array, "trees", "1"]
    feature: Annotated[Array, "nodes", "1"]
    threshold: Annotated[Array, "nodes", "1"]
    left: Annotated[Array, "nodes", "1"]
    right: Annotated[Array, "nodes", "1"]
    value: Annotated[Array, "nodes classes", "1"]

    def __post_init__(self) -> None:
        check_shapes(self)
        own = np.arange(len(self.feature))
        child = np.stack([self.left, self.right])
        half = (child[0] == own) != (child[1] == own)
        # Onward alone: a way back in a damaged file would be walked for ever.
        if not ((child >= own) & (child < len(own)) & ~half).all() or not _below(self.roots, len(own)):
            raise ValueError("Forest: expected children behind their node and roots among the nodes, got others")
        if not _below(self.feature, np.inf):
            raise ValueError("Forest.feature: expected columns from 0 on, got others")

    def probabilities(self, features: Array) -> Array:
        """Class probabilities [windows, classes] for features [windows, features]: the mean over the trees.

        Raises:
            ValueError: there are fewer features than the trees look at.
        """
        features = np.asarray(features, np.float32)
        if not _below(self.feature, features.shape[1]):
            raise ValueError(f"Forest: expected more than {self.feature.max()} features, got {features.shape[1]}")
        total = np.zeros((len(features), self.value.shape[1]))
        rows = np.arange(len(features))
        for root in self.roots:
            node = np.full(len(features), root)
            while not np.array_equal(self.left[node], node):
                goes_left = features[rows, self.feature[node]] <= self.threshold[node]
                node = np.where(goes_left, self.left[node], self.right[node])
            total += self.value[node]
        return total / len(self.roots)


def _below(indices: Array, end: float) -> bool:
    return bool(((indices >= 0) & (indices < end)).all())


def grow(
    features: Array, labels: Array, classes: int, settings: TreeSettings, seed: int, weight: Array | None = None
) -> Forest:
    """Fit a forest.

    Args:
        features: [windows, features].
        labels: class indices [windows]; classes that do not occur get probability 0.
        classes: how many there are.
        settings: of the forest.
        seed: of the draws of splits.
        weight: of each window [windows], before classes are balanced; None = of all the same.
    """
    from sklearn.ensemble import ExtraTreesClassifier  # here: a second to import, and who asks a forest needs none

    model = ExtraTreesClassifier(
        settings.count,
        min_samples_leaf=settings.leaf,
        max_features=settings.share or "sqrt",
        random_state=seed,
    )
    weight = np.ones(len(labels)) if weight is None else weight
    share = np.bincount(labels, weight, minlength=classes)
    model.fit(features, labels, sample_weight=weight / share[labels] * weight.sum() / max((share > 0).sum(), 1))
    parts, roots, start = [], [], 0
    for tree in (estimator.tree_ for estimator in model.estimators_):
        own = np.arange(tree.node_count)
        leaf = tree.children_left < 0
        value = np.zeros((tree.node_count, classes))
        value[:, model.classes_] = tree.value[:, 0] / tree.value[:, 0].sum(1, keepdims=True)
        left = np.where(leaf, own, tree.children_left) + start
        right = np.where(leaf, own, tree.children_right) + start
        parts.append((np.where(leaf, 0, tree.feature), tree.threshold, left, right, value))
        roots.append(start)
        start += tree.node_count
    return Forest(np.array(roots), *(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def join_forests(forests: Sequence[Forest]) -> Forest:
    """All trees of several forests as one forest."""
    start = np.cumsum([0, *(len(f.feature) for f in forests)])[:-1]
    nodes = {"roots", "left", "right"}
    return Forest(
        *(
            np.concatenate(
                [
                    getattr(f, c.name) + by if c.name in nodes else getattr(f, c.name)
                    for f, by in zip(forests, start.tolist(), strict=True)
                ]
            )
            for c in fields(Forest)
        )
    )
