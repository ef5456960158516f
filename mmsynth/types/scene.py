"""What stands before the radar: materials, people, a room."""

import cmath
from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from mmsynth.arrays import check_shapes
from mmsynth.types.fields import check_numbers, check_rigid
from mmsynth.types.people import MeshSequence


@dataclass(frozen=True)
class Material:
    """What a surface does to a wave; scalar tensors in place of numbers make the trace differentiable in them.

    Attributes:
        permittivity: complex relative permittivity `eps' - j eps''` (time convention exp(+j omega t)) at `frequency`;
            None = perfect conductor.
        frequency: Hz at which it holds, for a radar within a tenth of it; 0 = at any.
        roughness: rms height in m, which splits coherent from diffuse scattering.
        layer_loss: linear two-way power factor of what covers it (clothing); 1 = none.
    """

    name: str
    permittivity: complex | Tensor | None
    frequency: float = 0.0
    roughness: float | Tensor = 0.0
    layer_loss: float | Tensor = 1.0

    def __post_init__(self) -> None:
        check_numbers(self, ("frequency", "roughness", "layer_loss"), least=0)
        if not isinstance(self.layer_loss, Tensor) and self.layer_loss > 1:
            raise ValueError(f"Material.layer_loss: expected what is left of the power, 0 to 1, got {self.layer_loss}")
        eps = self.permittivity
        if eps is None or isinstance(eps, Tensor):
            return
        # With the other sign, of physics books' exp(-j omega t), it would be a gain.
        if not cmath.isfinite(eps) or eps == 0 or complex(eps).imag > 0:
            raise ValueError(f"Material.permittivity: expected eps' - j eps'' (its loss below zero), got {eps}")


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that stands before the radar.

    Attributes:
        world_from_radar: rigid transform.
        people: moving surfaces, all at the same times (the knots of the frames).
        room: static surfaces (one mesh of one frame), None = free space.
        materials: material of each region name of people and room.
        mirrors: planar quads of the room that reflect, as corners in order, with a region name each.
    """

    world_from_radar: Annotated[Tensor, "4 4", "1"]
    people: tuple[MeshSequence, ...]
    materials: dict[str, Material]
    room: MeshSequence | None = None
    mirrors: Annotated[Tensor, "mirrors 4 3", "m"] | None = None
    mirror_regions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_shapes(self)
        if not isinstance(self.people, tuple) or not all(isinstance(one, MeshSequence) for one in self.people):
            raise ValueError(f"Scene.people: expected a tuple of MeshSequence, got {type(self.people).__name__}")
        check_rigid("Scene.world_from_radar", self.world_from_radar)
