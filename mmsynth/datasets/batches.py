"""Windows as batches for torch: points padded to the fullest frame, with a mask."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmsynth.arrays import check_shapes, moved
from mmsynth.datasets.clips import Clips
from mmsynth.datasets.windows import select_points, windows


@dataclass(frozen=True)
class BatchSettings:
    """How windows are cut and laid into batches.

    Attributes:
        duration: of a window in s.
        step: seconds from the start of one to the next; 0 = `duration`.
        frames: each window is brought to so many, each the recorded one that is nearest in time.
        points: which points count.
        max_points: of a frame; the strongest are kept, the first where intensity is not recorded.
    """

    duration: float = 2.0
    step: float = 0.0
    frames: int = 60
    points: Literal["moving", "static", "all"] = "moving"
    max_points: int = 64


@dataclass(frozen=True, eq=False)
class Batch:
    """Windows with their labels.

    Attributes:
        points: x, y, z, v, intensity, snr_db, noise_db (what was not recorded is 0); 0 where `mask` is False.
        mask: which points are there.
        activity: index into the classes; -1 = another.
        joints: in the radar frame, NaN = not known; no joints in the data set = size 0.
        part: which of several joined data sets each window is from.
        clip: index of its clip.
    """

    points: Annotated[Tensor, "windows frames points 7", "1"]
    mask: Annotated[Tensor, "windows frames points", "1"]
    activity: Annotated[Tensor, "windows", "1"]
    joints: Annotated[Tensor, "windows frames joints 3", "m"]
    part: Annotated[Tensor, "windows", "1"]
    clip: Annotated[Tensor, "windows", "1"]

    def __post_init__(self) -> None:
        check_shapes(self)

    def __len__(self) -> int:
        return len(self.activity)

    def to(self, device: torch.device | str) -> "Batch":
        """The same on another device."""
        return moved(self, device)


class WindowDataset(torch.utils.data.Dataset[Batch]):
    """Windows of one or several files as batches of one, for a DataLoader with `collate`.

    All points are in memory once (28 bytes each), windows are made of them when asked for.

    Attributes:
        table: where the windows lie.
        classes: activities in the order of their indices.
        activity: index of each window's activity, for balanced drawing.
        part: data set that each window is from, for mixing by ratio.
    """

    def __init__(
        self,
        dataset: Clips,
        settings: BatchSettings,
        classes: Sequence[str] = (),
        clips: Sequence[int] | None = None,
    ) -> None:
        """Cut a data set.

        Args:
            dataset: one file or several joined.
            settings: how to cut, and what a batch has room for.
            classes: activities; default: those of the data set, sorted.
            clips: which clips to use; default: all.

        Raises:
            ValueError: no clip is as long as a window.
        """
        self.settings = settings
        self.classes = tuple(classes) or tuple(sorted(set(dataset.labels.activity.tolist())))
        flat = dataset.points()
        table = windows(dataset, settings.duration, settings.step or settings.duration, flat)
        keep = np.isin(table.clip, np.arange(len(dataset)) if clips is None else np.asarray(clips))
        self.table = table.take(keep)
        self._flat = select_points(flat, settings.points)
        self._joints = dataset.joints()
        order = {name: i for i, name in enumerate(self.classes)}
        labels = np.array([order.get(name, -1) for name in dataset.labels.activity.tolist()])
        self.activity = labels[self.table.clip]
        self.part = dataset.part[self.table.clip]

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Batch:
        frames, settings = self._frames(index), self.settings
        bounds = self._flat.point_offsets
        size = int(min(max((bounds[frames + 1] - bounds[frames]).max(initial=0), 1), settings.max_points))
        points = np.zeros((settings.frames, size, 7), np.float32)
        mask = np.zeros((settings.frames, size), bool)
        for row, frame in enumerate(frames):
            found = self._flat.values[bounds[frame] : bounds[frame + 1]]
            if len(found) > size:
                found = found[np.sort(np.argsort(-np.nan_to_num(found[:, 4]), kind="stable")[:size])]
            points[row, : len(found)] = np.nan_to_num(found)
            mask[row, : len(found)] = True
        return Batch(
            points=torch.from_numpy(points)[None],
            mask=torch.from_numpy(mask)[None],
            activity=torch.tensor([self.activity[index]]),
            joints=self._pose(frames),
            part=torch.tensor([self.part[index]]),
            clip=torch.tensor([self.table.clip[index]]),
        )

    def _frames(self, index: int) -> NDArray[np.int64]:
        """The frames of a window, resampled to their number by the nearest in time."""
        start, stop = int(self.table.start[index]), int(self.table.stop[index])
        times = self._flat.frame_time[start:stop]
        wanted = times[0] + (np.arange(self.settings.frames) + 0.5) * self.settings.duration / self.settings.frames
        nearest = np.abs(times[None] + self.table.lead[index] - wanted[:, None]).argmin(1)
        frames: NDArray[np.int64] = start + nearest.astype(np.int64)
        return frames

    def _pose(self, frames: NDArray[np.int64]) -> Tensor:
        if self._joints is None:
            return torch.zeros(1, len(frames), 0, 3)
        return torch.from_numpy(self._joints[frames])[None]


def collate(items: Sequence[Batch]) -> Batch:
    """Lay windows into one batch, padded to the fullest frame of them all."""
    size = max(item.points.shape[2] for item in items)

    def pad(value: Tensor, axis: int) -> Tensor:
        shape = list(value.shape)
        shape[axis] = size - shape[axis]
        return torch.cat([value, value.new_zeros(shape)], axis)

    return Batch(
        points=torch.cat([pad(item.points, 2) for item in items]),
        mask=torch.cat([pad(item.mask, 2) for item in items]),
        activity=torch.cat([item.activity for item in items]),
        joints=torch.cat([item.joints for item in items]),
        part=torch.cat([item.part for item in items]),
        clip=torch.cat([item.clip for item in items]),
    )
