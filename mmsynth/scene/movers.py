"""What moves in a room and is no person: a fan, a door."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmsynth.types import MeshSequence, check_kinds

_Array = np.ndarray
# Blades begin so many m from their axis.
_HUB = 0.04
_MOST_BLADES = 100


@dataclass(frozen=True)
class Fan:
    """Flat blades that turn about an axis through `position`.

    Attributes:
        position: of the hub in m.
        axis: direction of the axis in the world.
        blades: how many, evenly spread.
        length: of a blade in m, from the axis.
        width: of a blade in m.
        pitch: rad by which the blades are turned about their own length.
        rate: turns a second. At 10 a frame of 25 ms errs by -22 dB, at 25 one of 4 ms by -15 dB.
        phase: rad at the first sample.
    """

    position: tuple[float, float, float]
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    blades: int = 3
    length: float = 0.3
    width: float = 0.08
    pitch: float = 0.35
    rate: float = 3.0
    phase: float = 0.0
    name: str = "fan"
    material: str = "metal"

    def __post_init__(self) -> None:
        check_kinds(self)
        if self.blades < 1 or self.length <= _HUB or self.width <= 0:
            raise ValueError(
                f"fan '{self.name}': expected blades of a width, longer than {_HUB:g} m, got {self.blades} of "
                f"{self.length:g} m by {self.width:g} m"
            )
        if self.blades > _MOST_BLADES:
            raise ValueError(f"fan '{self.name}': expected at most {_MOST_BLADES} blades, got {self.blades}")
        if not any(self.axis):
            raise ValueError(f"fan '{self.name}': axis: expected a direction, got {list(self.axis)}")


@dataclass(frozen=True)
class Door:
    """A leaf that swings about a vertical hinge at `position` (its foot), between 0 and `swing` rad.

    Attributes:
        position: foot of the hinge in m.
        yaw: direction in rad of the closed leaf, from +x towards +y.
        width, height: of the leaf in m.
        swing: widest angle in rad.
        period: seconds of one opening and closing.
        phase: rad of that period at the first sample.
    """

    position: tuple[float, float, float]
    yaw: float = 0.0
    width: float = 0.9
    height: float = 2.0
    swing: float = 1.2
    period: float = 4.0
    phase: float = 0.0
    name: str = "door"
    material: str = "wood"

    def __post_init__(self) -> None:
        for name in ("width", "height", "period"):
            if getattr(self, name) <= 0:
                raise ValueError(f"door '{self.name}': {name}: expected more than zero, got {getattr(self, name):g}")


def movers(items: Sequence[Fan | Door], times: Tensor) -> tuple[MeshSequence, ...]:
    """The meshes of moving things at `times` [frames] in s; their regions are "MATERIAL:NAME".

    Blades and leaf have two faces each, so that both sides reflect, in pieces of 1 and 4 cm: a blade's flash, as wide
    as a piece's lobe, must not come and go between two gains of a frame.
    """
    found = []
    for item in items:
        flat, faces = _fan(item) if isinstance(item, Fan) else _door(item)
        turn = _fan_turn(item, times) if isinstance(item, Fan) else _door_turn(item, times)
        place = torch.tensor(item.position, dtype=torch.float64)
        vertices = torch.tensor(flat) @ turn.transpose(1, 2) + place
        region = torch.zeros(len(faces), dtype=torch.int64)
        names = (f"{item.material}:{item.name}",)
        found.append(MeshSequence(vertices, torch.tensor(faces), times.to(torch.float64), region, names))
    return tuple(found)


def _fan(fan: Fan) -> tuple[_Array, _Array]:
    """Blades along the axis z, at rest."""
    vertices, faces = _sheet(fan.length - _HUB, fan.width, 0.002, 0.01)
    vertices = vertices + [_HUB, -fan.width / 2, 0.0]
    vertices = vertices @ about("x", fan.pitch).T
    parts = [vertices @ about("z", math.tau * k / fan.blades).T for k in range(fan.blades)]
    offsets = len(vertices) * np.arange(fan.blades)[:, None, None]
    return np.concatenate(parts), (faces + offsets).reshape(-1, 3)


def _door(door: Door) -> tuple[_Array, _Array]:
    vertices, faces = _sheet(door.width, door.height, 0.04, 0.04)
    return vertices @ about("x", math.pi / 2).T, faces


def _fan_turn(fan: Fan, times: Tensor) -> Tensor:
    axis = torch.nn.functional.normalize(torch.tensor(fan.axis, dtype=torch.float64), dim=0)
    up = torch.tensor([0.0, 0.0, 1.0] if abs(float(axis[2])) < 0.9 else [1.0, 0.0, 0.0], dtype=torch.float64)
    side = torch.nn.functional.normalize(torch.linalg.cross(up, axis), dim=0)
    tilt = torch.stack([side, torch.linalg.cross(axis, side), axis], 1)
    return tilt @ _turns(math.tau * fan.rate * times.to(torch.float64) + fan.phase)


def _door_turn(door: Door, times: Tensor) -> Tensor:
    opening = 0.5 * door.swing * (1 - torch.cos(math.tau * times.to(torch.float64) / door.period + door.phase))
    return _turns(door.yaw + opening)


def _turns(angle: Tensor) -> Tensor:
    c, s, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([c, -s, zero, s, c, zero, zero, zero, one], 1).reshape(-1, 3, 3)


def about(axis: str, angle: float) -> _Array:
    """The matrix [3, 3] that turns by an angle in rad about the axis "x" or "z"."""
    c, s = math.cos(angle), math.sin(angle)
    if axis == "x":
        return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _sheet(length: float, width: float, thickness: float, piece: float) -> tuple[_Array, _Array]:
    """Both sides of a sheet [0, length] x [0, width], `thickness` apart along z, in pieces of at most `piece` m."""
    nx, ny = max(1, math.ceil(length / piece)), max(1, math.ceil(width / piece))
    x, y = np.meshgrid(np.linspace(0, length, nx + 1), np.linspace(0, width, ny + 1), indexing="ij")
    side = np.stack([x, y, np.full_like(x, thickness / 2)], -1).reshape(-1, 3)
    a = (np.arange(nx)[:, None] * (ny + 1) + np.arange(ny)).reshape(-1)
    up = np.concatenate([np.stack([a, a + ny + 1, a + ny + 2], 1), np.stack([a, a + ny + 2, a + 1], 1)])
    down = up[:, ::-1] + len(side)
    return np.concatenate([side, side * [1, 1, -1]]), np.concatenate([up, down])
