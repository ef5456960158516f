"""Made-up clips of every kind that a file can hold."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from mmsynth.datasets import Attributes
from mmsynth.types import (
    AdcFrames,
    Cfar,
    Heatmap,
    Labels,
    Pattern,
    PointCloud,
    Processing,
    Radar,
    Receiver,
    Sample,
    Waveform,
)


@pytest.fixture(scope="session")
def radar() -> Radar:
    waveform = Waveform(77e9, 70e12, 16, 5e6, 7e-6, 57e-6, loops=4, frame_period=1 / 30)
    return Radar(
        "toy", waveform, torch.rand(2, 3, dtype=torch.float64), torch.rand(3, 3, dtype=torch.float64),
        torch.eye(2, dtype=torch.float64), receiver=Receiver(bits=12, full_scale=0.5),
        pattern=Pattern(table_angle=torch.tensor([-1.0, 0, 1]), azimuth_cut=torch.ones(3), elevation_cut=torch.ones(3)),
    )  # fmt: skip


@pytest.fixture
def attributes(radar: Radar) -> Attributes:
    processing = Processing(doppler_cfar=None, range_cfar=Cfar(mode="OS"), range_limits=(0.5, float("inf")))
    return Attributes(
        radar=radar, processing=processing, joint_set="mars19", method="facets", facets=27420,
        recipe="seed = 3\nname = 'ä'\n", seed=3, versions={"mmsynth": "0"}, notes={"a": "b"},
    )  # fmt: skip


@pytest.fixture
def make_cloud() -> Callable[..., PointCloud]:
    def make(seed: int, frames: int = 7, period: float = 1 / 30, unit: str = "dB") -> PointCloud:
        draw = np.random.default_rng(seed)
        counts = draw.integers(0, 5, frames)
        points = int(counts.sum())
        flat = torch.from_numpy(draw.normal(size=(points, 7)).astype(np.float32))
        flat[:, 6] = torch.nan
        return PointCloud(
            flat[:, :3], flat[:, 3], flat[:, 4], flat[:, 5], flat[:, 6],
            torch.from_numpy(np.concatenate([[0], np.cumsum(counts)])),
            torch.arange(frames, dtype=torch.float64) * period,
            region=torch.from_numpy(draw.integers(-1, 3, points)),
            region_names=(f"only{seed}", "head", "torso"), intensity_unit=unit,
        )  # fmt: skip

    return make


@pytest.fixture
def make_sample(radar: Radar, make_cloud: Callable[..., PointCloud]) -> Callable[..., Sample]:
    def make(seed: int, frames: int = 7, adc: bool = True, heatmap: bool = True, joints: bool = True) -> Sample:
        draw = torch.Generator().manual_seed(seed)
        step = 0.5 / 2**11  # volts of one count of the toy radar's ADC
        counts = torch.randint(-2048, 2047, (frames, 4, 2, 3, 16, 2), generator=draw).float()
        times = torch.arange(frames, dtype=torch.float64) / 30
        power = torch.randn(2, 5, 6, generator=draw).half().float()
        rows, columns = torch.arange(5.0).double(), torch.arange(6.0).double()
        maps = (Heatmap("range_azimuth", power, rows, columns, torch.tensor([0.0, 0.1], dtype=torch.float64)),)
        return Sample(
            id=f"clip-{seed}", labels=Labels("walk", f"p{seed}", "2020-01-01", "ünit"), cloud=make_cloud(seed, frames),
            joints=torch.randn(frames, 19, 3, generator=draw) if joints else None, joint_set="mars19" if joints else "",
            heatmaps=maps if heatmap else (),
            adc=AdcFrames(radar, torch.view_as_complex(counts * step), times) if adc else None,
            provenance={"seed": str(seed)},
        )  # fmt: skip

    return make
