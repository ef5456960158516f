"""MARS's feature maps: what its authors feed their network, where the recordings themselves are not at hand."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from mmsynth.datasets.capture import ImportReport, load_array, make_cloud
from mmsynth.types import Labels, Sample

FRAME_PERIOD = 0.1
PARTS = ("train", "validate", "test")


def feature_clips(folder: Path, offset: tuple[float, float, float], report: ImportReport) -> Iterator[Sample]:
    """One clip a part of `featuremap_train.npy` [frames, 8, 8, 5] with `labels_train.npy` [frames, 57], and so on.

    A map holds up to 64 points x, y, z, Doppler, intensity, in an order of its own; places without a point are all
    zeros. Labels are X of 19 joints, then Y, then Z. Persons and moves are not named, and neither are the places
    where one recording ends and another begins: times only count the frames, and labels of activity are empty.

    Args:
        folder: with the arrays.
        offset: from the labels' frame to the radar's in m.
        report: what is counted.

    Raises:
        ValueError: an array is missing, or of another shape.
    """
    for part in PARTS:
        path = folder / f"featuremap_{part}.npy"
        if not path.is_file():
            continue
        maps, labels = load_array(path), load_array(folder / f"labels_{part}.npy")
        if maps.ndim != 4 or maps.shape[1:] != (8, 8, 5):
            raise ValueError(f"{path}: expected feature maps [frames, 8, 8, 5], got shape {maps.shape}")
        if labels.shape != (len(maps), 57):
            raise ValueError(f"{folder}/labels_{part}.npy: expected [{len(maps)}, 57], got shape {labels.shape}")
        points = maps.reshape(len(maps), 64, 5)
        there = (points != 0).any(2)
        frame = np.repeat(np.arange(len(maps)), there.sum(1))
        columns = dict(zip(("x", "y", "z", "v", "intensity"), points[there].T, strict=True))
        joints = labels.reshape(-1, 3, 19).transpose(0, 2, 1) + np.array(offset)
        report.read.update(clips=1, frames=len(maps), points=len(frame))
        yield Sample(
            id=f"features-{part}",
            labels=Labels(source="mars"),
            cloud=make_cloud(columns, frame, FRAME_PERIOD * np.arange(float(len(maps))), "ADC counts"),
            joints=torch.from_numpy(joints.astype(np.float32)),
            joint_set="mars19",
        )
