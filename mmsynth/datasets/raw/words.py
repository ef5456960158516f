"""The 16-bit words of a recording that lies in several files, as one stream."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class Stream:
    """Words of files one after the other; what lies in one file is not copied.

    Attributes:
        words: in all.
        odd: bytes (0 or 1) after the last whole word.
    """

    def __init__(self, files: Sequence[Path], limits: Sequence[int] = ()) -> None:
        """Map the files.

        Args:
            files: in order.
            limits: bytes of each file that count; none = all.

        Raises:
            ValueError: a file is missing, or one before the last ends within a word.
        """
        self.parts: list[NDArray[np.int16]] = []
        self.odd = 0
        for index, file in enumerate(files):
            if not file.is_file():
                raise ValueError(f"{file}: no such file")
            size = file.stat().st_size
            size = min(size, limits[index]) if limits else size
            if size % 2 and file != files[-1]:
                raise ValueError(f"{file}: expected whole 16-bit words before the next file, got {size} bytes")
            self.odd = size % 2
            empty: NDArray[np.int16] = np.empty(0, np.int16)
            self.parts.append(np.memmap(file, np.int16, "r", shape=(size // 2,)) if size > 1 else empty)
        self.ends = np.cumsum([len(part) for part in self.parts])
        self.words = int(self.ends[-1])

    def read(self, start: int, stop: int) -> NDArray[np.int16]:
        """Words [stop - start], fewer where the stream ends."""
        pieces = [np.empty(0, np.int16)]
        for part, end in zip(self.parts, self.ends, strict=True):
            offset = int(end) - len(part)
            low, high = max(start - offset, 0), min(stop - offset, len(part))
            if low < high:
                pieces.append(part[low:high])
        return pieces[1] if len(pieces) == 2 else np.concatenate(pieces)

    def zeros(self, length: int) -> list[tuple[int, int]]:
        """Runs (first word, end) of zeros that hold `length` words; ends are known to half of it."""
        step = length // 2
        sampled = np.flatnonzero(self.at(np.arange(0, self.words, step)) == 0)
        runs = np.split(sampled, np.flatnonzero(np.diff(sampled) > 1) + 1)
        found = []
        for run in (run for run in runs if len(run) > 1):
            empty = [not self.read(k * step, (k + 1) * step + 1).any() for k in run[:-1].tolist()]
            found += [(k * step, (k + 1) * step) for k, zero in zip(run[:-1].tolist(), empty, strict=True) if zero]
        return found

    def at(self, places: NDArray[np.int64]) -> NDArray[np.int16]:
        """The words [places] at these places, all inside the stream."""
        found = np.empty(len(places), np.int16)
        owner = np.searchsorted(self.ends, places, side="right")
        for index, (part, end) in enumerate(zip(self.parts, self.ends, strict=True)):
            mine = owner == index
            found[mine] = part[places[mine] - (end - len(part))]
        return found
