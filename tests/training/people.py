"""Made-up people, recording by recording and frame by frame, and recipes that learn from them."""

from pathlib import Path

import numpy as np
import torch

from mmsynth.training.augment import Augment
from mmsynth.training.frames import Frames
from mmsynth.training.material import FrameMaterial
from mmsynth.training.models import Targets
from mmsynth.training.recipe import Data, Optimise, Recipe
from mmsynth.training.sizes import resized
from mmsynth.types import PointCloud

QUICK = Optimise(steps=240, pretrain_steps=0, batch=32, rate=3e-3, decay=0.01)


def cloud(position: np.ndarray, velocity: np.ndarray, per_frame: int) -> PointCloud:
    frames = len(position) // per_frame
    unknown = torch.full((len(position),), torch.nan)
    return PointCloud(
        torch.from_numpy(position).float(),
        torch.from_numpy(velocity).float(),
        unknown,
        unknown,
        unknown,
        torch.arange(frames + 1) * per_frame,
        torch.arange(frames).double() / 10,
    )


def people(sizes: dict[str, float], recordings: int, seed: int, noise: float = 0.0) -> Frames:
    """Four joints that follow two latent numbers, which twelve features show; heights follow the size."""
    draw, names = np.random.default_rng(seed), list(sizes)
    subject = np.repeat(np.array(names, object), 20 * recordings)
    clip = np.repeat(np.arange(len(names) * recordings), 20)
    size = np.array([sizes[name] for name in subject.tolist()])
    latent = draw.uniform(-0.3, 0.3, (len(clip), 2))
    mixing = np.random.default_rng(0).normal(0, 1, (2, 12))
    table = (3 * latent @ mixing + draw.normal(0, 0.05, (len(clip), 12))).astype(np.float32)
    joints = np.repeat(latent[:, :, None], 3, 2) + [[0, 2, 0], [0.2, 2, 0.3]]
    sole = joints[:, :1] * [1, 1, 0] - [0, 0, 1]
    joints = resized(np.concatenate([joints, sole], 1), size, -1.0).astype(np.float32)
    heights = np.log(size)[:, None] * [0.2, 0.3, 0.5, 0.7, 0.9] + draw.normal(0, noise, (clip.max() + 1, 1))[clip]
    return Frames(table, heights, joints, size, subject, np.zeros(len(clip)), clip)


MANY = {f"q{k}": 0.8 + 0.02 * k for k in range(21)}


def recipe(schedule: str = "pretrain") -> Recipe:
    """Nothing is mirrored: the made-up features know no sides."""
    data = Data(real=(Path("none.h5"),), schedule=schedule)  # type: ignore[arg-type]
    return Recipe(data, "pose", model="histograms", width=32, optimise=QUICK, augment=Augment(mirror=0.0))


def material(real: Frames | None, synthetic: Frames | None, unlabelled: Frames | None = None) -> FrameMaterial:
    return FrameMaterial(Targets(joint_set="mars19"), real, synthetic, unlabelled)
