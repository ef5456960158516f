"""Made-up recordings of two activities that differ in tempo, by two people on two days."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmsynth.datasets import Attributes, DatasetWriter
from mmsynth.training.recipe import Data, Optimise, Recipe
from mmsynth.types import Heatmap, Labels, PointCloud, Sample

# A person of 1.7 m as Kinect's 19 joints see one, facing -y.
PERSON = np.array(
    [
        [0, 0, 0.95],
        [0, 0, 1.2],
        [0, 0, 1.45],
        [0, 0, 1.6],
        [0.2, 0, 1.4],
        [0.25, 0, 1.1],
        [0.25, 0, 0.85],
        [-0.2, 0, 1.4],
    ]
    + [
        [-0.25, 0, 1.1],
        [-0.25, 0, 0.85],
        [0.1, 0, 0.9],
        [0.1, 0, 0.5],
        [0.1, 0, 0.1],
        [0.1, -0.1, 0.05],
        [-0.1, 0, 0.9],
    ]
    + [[-0.1, 0, 0.5], [-0.1, 0, 0.1], [-0.1, -0.1, 0.05], [0, 0, 1.4]]
)


def make_clip(stage: Any, index: int) -> Iterator[Sample]:
    """The samples of clip `index` of a stage's recipe."""
    from mmsynth.generation.clip import make_samples
    from mmsynth.generation.play import draw_play

    return make_samples(stage, draw_play(stage.recipe, stage.body, index))


def swing(activity: str, seed: int, seconds: float = 6.0) -> Sample:
    """A point that swings in range, 4 points a frame and noise on each."""
    draw = np.random.default_rng(seed)
    rate = {"slow": 0.5, "fast": 1.5}[activity] * draw.uniform(0.85, 1.15)
    times = np.arange(int(seconds * 20)) / 20
    phase = 2 * np.pi * (rate * times + draw.random())
    depth, speed = 2 + draw.random() + 0.2 * np.sin(phase), 0.8 * np.cos(phase)
    frame = np.repeat(np.arange(len(times)), 4)
    position = np.stack([0 * frame, depth[frame], 0 * frame], 1) + draw.normal(0, 0.05, (len(frame), 3))
    unknown = torch.full((len(frame),), torch.nan)
    return Sample(
        f"{activity}-{seed}",
        Labels(activity, f"p{seed % 2}", f"2020-01-0{1 + seed % 2}-a"),
        PointCloud(
            torch.from_numpy(position).float(),
            torch.from_numpy(speed[frame]).float(),
            unknown,
            unknown,
            unknown,
            torch.arange(len(times) + 1) * 4,
            torch.from_numpy(times),
        ),
    )


@pytest.fixture(name="swing", scope="session")
def swing_() -> Callable[..., Sample]:
    return swing


@pytest.fixture(scope="session")
def write() -> Callable[..., Path]:
    def make(path: Path, seeds: range, seconds: float = 6.0) -> Path:
        with DatasetWriter(path, Attributes()) as writer:
            for seed in seeds:
                for activity in ("fast", "slow"):
                    writer.append(swing(activity, seed, seconds))
        return path

    return make


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory, write: Callable[..., Path]) -> Path:
    return write(tmp_path_factory.mktemp("data") / "real.h5", range(8))


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory, write: Callable[..., Path]) -> Path:
    return write(tmp_path_factory.mktemp("data") / "synthetic.h5", range(100, 108))


def dressed(sample: Sample, seed: int) -> Sample:
    """The swinging point with a skeleton around it, its arms spread to the left, and a range-Doppler map."""
    frames = len(sample.cloud.times)
    centre = sample.cloud.position.reshape(frames, 4, 3).mean(1)
    draw = np.random.default_rng(7)
    offset = torch.from_numpy(draw.normal(0, 0.3, (19, 3))).float()
    joints = centre[:, None] * torch.tensor([0.0, 1.0, 0.0]) + offset
    rows, columns = torch.linspace(0, 6, 64), torch.linspace(-2, 2, 16)
    velocity = sample.cloud.velocity.reshape(frames, 4)[:, 0]
    near = -(((rows - centre[:, 1:2]) / 0.2) ** 2)[:, :, None] - (((columns - velocity[:, None]) / 0.4) ** 2)[:, None]
    power = 40 * near.exp() + torch.from_numpy(np.random.default_rng(seed).normal(0, 1, near.shape)).float()
    heatmap = Heatmap("range_doppler", power, rows, columns, sample.cloud.times)
    return replace(sample, joints=joints, joint_set="mars19", heatmaps=(heatmap,))


@pytest.fixture(scope="session")
def posed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("posed") / "posed.h5"
    with DatasetWriter(path, Attributes(joint_set="mars19")) as writer:
        for seed in range(6):
            for activity in ("fast", "slow"):
                writer.append(dressed(swing(activity, seed), seed))
    return path


def quiet(done: int, total: int | None) -> None:
    """Progress that nobody is shown."""
    del done, total


def written(path: Path, attributes: Attributes, samples: list[Sample]) -> Path:
    """A data set of these samples."""
    with DatasetWriter(path, attributes) as writer:
        for sample in samples:
            writer.append(sample)
    return path


def label_table(path: Path, *rows: str) -> Path:
    """A CSV of the labels of recordings."""
    path.write_text("\n".join(("file,start,end,label,subject,session", *rows)) + "\n")
    return path


def network_recipe(
    model: Any = "points", steps: int = 500, batch: int = 32, width: int = 64, rate: float = 3e-3
) -> Recipe:
    """A training of a network, of whose data nothing is known yet."""
    optimise = Optimise(steps, 0, batch, rate, warmup=max(1, steps // 20), average=0.98)
    return Recipe(Data(real=(Path("recordings"),), validation=0.0), model=model, width=width, optimise=optimise)
