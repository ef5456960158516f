"""SMPL, SMPL-H and SMPL-X from their official files, posed by the smplx package.

Models and package are licensed for non-commercial research only; the package is imported when a body is first posed.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from mmsynth.body_models.base import BodyModel, joint_rotations, own_shape
from mmsynth.body_models.files import BodyArrays, read_body
from mmsynth.types import MeshSequence, Motion

GENDERS = ("neutral", "female", "male")
_BATCH = 16


@dataclass(frozen=True)
class Family:
    """One of the licensed families.

    Attributes:
        name: what `load_body` knows it by.
        joints: how many a file of it has.
        pattern: names of its files in the official downloads, below the folder given, for one gender.
        download: file to download.
        page: where.
    """

    name: str
    joints: int
    pattern: str
    download: str
    page: str


FAMILIES = {
    "smpl": Family(
        "smpl",
        24,
        r"(SMPL_{G}|basicmodel_{g}_lbs_10_207_0_v1\.[01]\.0)\.(npz|pkl)",
        "SMPL_python_v.1.1.0.zip",
        "https://smpl.is.tue.mpg.de",
    ),
    "smplh": Family(
        "smplh",
        52,
        r"(SMPLH_{G}\.(npz|pkl)|{G}/model\.(npz|pkl))",
        "smplh.tar.xz (extended SMPL+H)",
        "https://mano.is.tue.mpg.de",
    ),
    "smplx": Family(
        "smplx",
        55,
        r"(SMPLX_{G}(_2020)?\.(npz|pkl)|{G}/model\.(npz|pkl))",
        "models_smplx_v1_1.zip",
        "https://smpl-x.is.tue.mpg.de",
    ),
}


def find_file(family: Family, folder: Path, gender: str) -> Path:
    """The file of a family and gender anywhere below `folder`; `.npz` before `.pkl`, shorter paths first.

    Raises:
        ValueError: there is none; says what to download and where to put it.
    """
    short = {"neutral": "neutral", "female": "f|female", "male": "m|male"}[gender]
    pattern = family.pattern.replace("{G}", gender).replace("{g}", f"({short})")
    matches = [
        path
        for path in (folder.rglob("*") if folder.is_dir() else ())
        if path.suffix in (".npz", ".pkl") and re.search(f"(^|/){pattern}$", path.as_posix(), re.IGNORECASE)
    ]
    # `male/model.npz` is the name in more than one download: the folders above it tell whose it is.
    other = {"smplh": "smplx", "smplx": "smplh"}.get(family.name, "no other")
    own = [p for p in matches if other not in p.relative_to(folder).as_posix().lower()]
    chosen = sorted(own, key=lambda p: (p.suffix != ".npz", len(p.parts), p.as_posix()))
    if chosen:
        return chosen[0]
    raise ValueError(
        f"body model '{family.name}' ({gender}): no file of it below {folder}; download {family.download} from "
        f"{family.page} (free registration, non-commercial licence) and unpack it there, or set MMSYNTH_BODY_MODELS to "
        "the folder where it is; the body 'free' comes with mmsynth and needs nothing"
    )


class SmplxBody(BodyModel):
    """A licensed body; the variant of the motion's gender is read when first needed."""

    def __init__(self, family: Family, folder: Path, device: torch.device | str = "cpu"):
        self._family, self._folder, self._device = family, folder, device
        self._variants: dict[str, BodyArrays] = {}
        first = next((g for g in GENDERS if _has(family, folder, g)), "neutral")
        # SMPL-H takes SMPL's betas.
        super().__init__(family.name, "smplx" if family.name == "smplx" else "smpl", self._variant(first))

    def to(self, device: torch.device | str) -> Self:
        """The same body with its arrays on `device`."""
        return type(self)(self._family, self._folder, device)

    def rest_joints(self, motion: Motion) -> Tensor:
        """Joints [joints, 3], or with an expression [frames, joints, 3], in m in the T-pose, from the pelvis."""
        arrays = self._variant(motion.gender)
        places = arrays.regressor @ self._shaped(arrays, motion)
        return places - places[..., :1, :]

    def __call__(self, motion: Motion) -> MeshSequence:
        """The surface at every time of the motion, vertices and joints in float64."""
        from smplx.lbs import lbs

        arrays = self._variant(motion.gender)
        shaped = self._shaped(arrays, motion)
        # smplx turns the body about the pelvis and leaves that where the file has it.
        pelvis = arrays.regressor[:1] @ shaped
        shaped = shaped.to(torch.float32)
        rotations = joint_rotations(motion, self.joint_names).to(shaped)
        fixed: dict[str, Any] = {
            "shapedirs": shaped.new_zeros(*shaped.shape[-2:], 1),
            "posedirs": arrays.pose,
            "J_regressor": arrays.regressor.to(torch.float32),
            "parents": torch.tensor(self.parents, device=shaped.device),
            "lbs_weights": arrays.weights,
            "pose2rot": False,
        }
        parts = []
        for start in range(0, len(rotations), _BATCH):
            pose = rotations[start : start + _BATCH]
            template = shaped[start : start + _BATCH] if shaped.ndim == 3 else shaped
            parts.append(lbs(pose.new_zeros(len(pose), 1), pose, template, **fixed)[0])
        joints = self.joints(motion)
        return MeshSequence(
            vertices=torch.cat(parts).to(torch.float64) - pelvis + motion.translation.to(joints)[:, None],
            faces=self.faces,
            times=motion.times.to(joints.device),
            region=self.region,
            region_names=self.region_names,
            joint_names=self.joint_names,
            joints=joints,
            labels=motion.labels,
        )

    def _variant(self, gender: str) -> BodyArrays:
        if gender not in self._variants:
            path = find_file(self._family, self._folder, gender)
            arrays = read_body(path)
            if len(arrays.joint_names) != self._family.joints:
                raise ValueError(
                    f"{path}: expected {self._family.name} with {self._family.joints} joints, "
                    f"got a body of {len(arrays.joint_names)}"
                )
            self._variants[gender] = arrays.to(self._device)
        return self._variants[gender]

    def _shaped(self, arrays: BodyArrays, motion: Motion) -> Tensor:
        """Template with the motion's shape [V, 3], or with its expression too [frames, V, 3], in float64."""
        known = arrays.shape.shape[-1]
        betas = own_shape(motion, self.family).to(arrays.shape)
        if len(betas) > known:
            raise ValueError(f"body '{self.name}': expected at most {known} betas, got {len(betas)}")
        shaped = arrays.template + arrays.shape[..., : len(betas)] @ betas
        if motion.expression is None:
            return shaped
        known = arrays.expression.shape[-1]
        count = motion.expression.shape[1]
        if count > known:
            raise ValueError(f"body '{self.name}': expected at most {known} expression coefficients, got {count}")
        face = motion.expression.to(arrays.expression)
        return shaped + torch.einsum("vce,fe->fvc", arrays.expression[..., :count], face)


def _has(family: Family, folder: Path, gender: str) -> bool:
    try:
        return find_file(family, folder, gender).is_file()
    except ValueError:
        return False
