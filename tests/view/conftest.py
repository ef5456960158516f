"""Small nouns to draw."""

import pytest
import torch

from mmsynth.types import MeshSequence, PointCloud

CORNERS = torch.tensor([[x, y, z] for x in (0.0, 1) for y in (0.0, 1) for z in (0.0, 1)], dtype=torch.float64)
# Two counter-clockwise triangles a side, seen from outside; vertex = 4 x + 2 y + z.
SIDES = [
    *((0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5)),
    *((0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6)),
    *((0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)),
]


@pytest.fixture
def cube() -> MeshSequence:
    """A unit cube at x -0.5..0.5, y 2..3, standing on the floor, at three instants."""
    vertices = CORNERS + torch.tensor([-0.5, 2.0, 0.0], dtype=torch.float64)
    return MeshSequence(
        vertices=vertices.expand(3, -1, -1),
        faces=torch.tensor(SIDES),
        times=torch.arange(3) / 10,
        region=torch.zeros(12, dtype=torch.int64),
        region_names=("box",),
    )


@pytest.fixture
def cloud() -> PointCloud:
    """One point to the right and receding, one to the left and approaching, in the second of two frames."""
    position = torch.tensor([[0.0, 2.0, 0.0], [0.4, 2.1, 0.2], [-0.3, 2.2, -0.5]])
    nothing = torch.full((3,), float("nan"))
    velocity = torch.tensor([0.0, 1.0, -2.0])
    return PointCloud(position, velocity, nothing, nothing, nothing, torch.tensor([0, 1, 3]), torch.arange(2) / 10)
