"""What stands before the radar: materials, people, a room."""

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from mmsynth.arrays import check_shapes
from mmsynth.types.fields import check_rigid
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
        check_rigid("Scene.world_from_radar", self.world_from_radar)
