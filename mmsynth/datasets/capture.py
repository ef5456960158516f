"""What every reader of real captures gives, and how it becomes a file."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mmsynth.datasets.attributes import Attributes
from mmsynth.datasets.clouds import cloud_of_rows
from mmsynth.datasets.layout import COLUMNS
from mmsynth.datasets.writer import DatasetWriter
from mmsynth.types import PointCloud, Sample


@dataclass
class ImportReport:
    """Counts that grow while a capture is read.

    Attributes:
        read: things found, such as files, frames, points.
        dropped: things left out, by reason.
        notes: sentences on what was found wrong or settled.
    """

    read: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report, a line each."""
        found = ", ".join(f"{count} {name}" for name, count in self.read.items())
        dropped = [f"dropped {count}: {why}" for why, count in self.dropped.items() if count]
        return [f"read {found or 'nothing'}", *dropped, *self.notes]


@dataclass(frozen=True, eq=False)
class Capture:
    """A source of real data, opened: what holds for all of it, its clips as they are read, and a growing report."""

    attributes: Attributes
    samples: Iterator[Sample]
    report: ImportReport


def write_capture(capture: Capture, out: Path | str, progress: Callable[[int], None] | None = None) -> ImportReport:
    """Write all clips of a capture to a new file, with the report among the file's notes.

    Args:
        capture: from a reader.
        out: a file that does not exist.
        progress: called with the number of clips written.

    Raises:
        ValueError: the source is damaged or empty, or the file cannot be written; then nothing is left of it.
    """
    with DatasetWriter(out, capture.attributes) as writer:
        count = 0
        for count, sample in enumerate(capture.samples, 1):  # noqa: B007 - the count is what remains
            writer.append(sample)
            if progress:
                progress(count)
        if count == 0:
            raise ValueError(f"{out}: nothing to import: the source has no clips")
        writer.note("import", "\n".join(capture.report.lines()))
    return capture.report


def make_cloud(
    columns: dict[str, NDArray[np.float64]], frame: NDArray[np.int64], times: NDArray[np.float64], unit: str
) -> PointCloud:
    """A cloud of columns x y z v intensity [snr_db noise_db] of points that are sorted by `frame`."""
    missing = np.full(len(frame), np.nan)
    rows = np.column_stack([columns.get(name, missing) for name in COLUMNS]).astype(np.float32)
    offsets = torch.from_numpy(np.searchsorted(frame, np.arange(len(times) + 1)))
    return cloud_of_rows(torch.from_numpy(rows), offsets, torch.from_numpy(times), intensity_unit=unit)


def stack_frames(frames: list[NDArray[np.float64]], columns: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points [points, columns] of all frames laid end to end, and the frame of each."""
    rows = np.concatenate([np.empty((0, columns)), *frames])
    return rows, np.repeat(np.arange(len(frames)), [len(f) for f in frames])


def load_array(path: Path, key: str = "") -> NDArray[np.float64]:
    """A numeric array of an .npy file, or that called `key` of an .npz; nothing is unpickled.

    Raises:
        ValueError: no such file or key, not an array file, or an array of objects.
    """
    try:
        # Mapped: a damaged header then cannot ask for more than the file holds.
        found = np.load(path, mmap_mode=None if key else "r", allow_pickle=False)
        if key:
            with found:
                found = found[key]
        return np.asarray(found, np.float64)
    except Exception as error:  # NumPy's and zip's parsers let nearly anything through on a damaged file
        what = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ValueError(f"{path}: expected numbers as NumPy writes them ({what})") from None
