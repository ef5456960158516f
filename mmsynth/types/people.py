"""People: what is known of a clip, their motion, their joints, their surface."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from torch import Tensor

from mmsynth.arrays import check_shapes
from mmsynth.types.fields import check_finite, check_rotations, check_times


@dataclass(frozen=True)
class Labels:
    """What is known of a clip, each in one line without tabs. Empty = not known."""

    activity: str = ""
    subject: str = ""
    session: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        for name in ("activity", "subject", "session", "source"):
            value = getattr(self, name)
            if "\t" in value or len(value.splitlines()) > 1:
                raise ValueError(f"Labels.{name}: expected one line without tabs, got {value!r}")


@dataclass(frozen=True, eq=False)
class Motion:
    """Human motion, as rotations of named joints.

    Attributes:
        joint_names: SMPL-X joint names (`mmsynth.joints`), "pelvis" first; joints not named stay at zero rotation.
        rotations: parent-local rotation matrices in SMPL-X's axes (x left, y up, z forward); identity = SMPL-X's
            T-pose. That of the pelvis takes those axes to the world (`geometry.UPRIGHT` = standing, facing world -y).
        translation: position of the pelvis joint in the world.
        shape: shape coefficients (betas) of the body model; fewer than the model has are filled with zeros.
        times: seconds from the first sample.
        gender: which of a body model's variants.
        expression: face coefficients, where the model has any.
        shape_of: whose betas `shape` holds: "smpl" (SMPL and SMPL-H), "smplx" or "free"; "" = of whichever body poses
            it. A body of another family poses the motion in its mean shape.
    """

    joint_names: tuple[str, ...]
    rotations: Annotated[Tensor, "frames joints 3 3", "1"]
    translation: Annotated[Tensor, "frames 3", "m"]
    times: Annotated[Tensor, "frames", "s"]
    shape: Annotated[Tensor, "betas", "1"] = field(default_factory=lambda: torch.zeros(10, dtype=torch.float64))
    labels: Labels = Labels()
    gender: Literal["neutral", "female", "male"] = "neutral"
    expression: Annotated[Tensor, "frames expressions", "1"] | None = None
    shape_of: Literal["", "free", "smpl", "smplx"] = ""

    def __post_init__(self) -> None:
        check_shapes(self)
        if len(self.joint_names) != self.rotations.shape[1]:
            raise ValueError(f"Motion: {len(self.joint_names)} joint names for {self.rotations.shape[1]} rotations")
        if self.joint_names[:1] != ("pelvis",):
            raise ValueError(f"Motion.joint_names: expected 'pelvis' first, got {self.joint_names[:1]}")
        check_times("Motion", self.times)
        for name in ("rotations", "translation", "times", "shape"):
            check_finite("Motion", name, getattr(self, name))
        check_rotations("Motion.rotations", self.rotations)

    @property
    def duration(self) -> float:
        """Seconds from the first to the last sample."""
        return float(self.times[-1] - self.times[0])


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Joint positions by name, in the world; NaN = not seen. `joint_set` names the set when it is a known one."""

    joint_names: tuple[str, ...]
    positions: Annotated[Tensor, "frames joints 3", "m"]
    times: Annotated[Tensor, "frames", "s"]
    labels: Labels = Labels()
    joint_set: str = ""

    def __post_init__(self) -> None:
        check_shapes(self)
        if len(self.joint_names) != self.positions.shape[1]:
            raise ValueError(f"Skeleton: {len(self.joint_names)} names for {self.positions.shape[1]} joints")
        check_times("Skeleton", self.times)


@dataclass(frozen=True, eq=False)
class MeshSequence:
    """A surface in motion in the world, with one topology.

    Attributes:
        vertices: positions at each of `times` (for the simulator these are the knots of its frames).
        faces: vertex indices, counter-clockwise seen from outside.
        region: index into `region_names` of the body part of each face; its material is looked up by that name.
        joints: joint positions at `times`, by `joint_names` (empty for a mesh with no skeleton).
    """

    vertices: Annotated[Tensor, "frames vertices 3", "m"]
    faces: Annotated[Tensor, "faces 3", "1"]
    times: Annotated[Tensor, "frames", "s"]
    region: Annotated[Tensor, "faces", "1"]
    region_names: tuple[str, ...]
    joint_names: tuple[str, ...] = ()
    joints: Annotated[Tensor, "frames joints 3", "m"] | None = None
    labels: Labels = Labels()

    def __post_init__(self) -> None:
        check_shapes(self)
        check_times("MeshSequence", self.times)
        if len(self.faces) and (int(self.faces.min()) < 0 or int(self.faces.max()) >= self.vertices.shape[1]):
            raise ValueError(f"MeshSequence.faces: expected indices below {self.vertices.shape[1]} vertices")
        check_finite("MeshSequence", "vertices", self.vertices)
