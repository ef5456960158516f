"""A file that HDF5 can write to without ever meeting a full disk, from which it cannot recover."""

import io
from pathlib import Path


class Disk(io.RawIOBase):
    """A new file; what fails is kept in `error` and looks like success to the writer, which must ask afterwards.

    HDF5 that cannot write can neither flush nor close, and complains for ever after. So it is let to finish, and the
    file, which is then worth nothing, is removed by whoever finds the error.
    """

    def __init__(self, path: Path) -> None:
        """Create the file; raises OSError."""
        self.error: OSError | None = None
        self._file = path.open("w+b", buffering=0)

    def readable(self) -> bool:
        """HDF5 reads back what it wrote."""
        return True

    def writable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """As of any file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As of any file."""
        return self._file.tell()

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """As of any file; what was never written is zeros."""
        view = memoryview(buffer).cast("B")
        count = self._file.readinto(view) or 0
        view[count:] = bytes(len(view) - count)
        return len(view)

    def write(self, data: bytes | memoryview, /) -> int:  # type: ignore[override]
        """All of it, or the error is kept."""
        view = memoryview(data).cast("B")
        done = 0
        try:
            while self.error is None and done < len(view):
                done += self._file.write(view[done:]) or 0
        except OSError as error:
            self.error = error
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        """As of any file, or the error is kept."""
        try:
            return self._file.truncate(size)
        except OSError as error:
            self.error = error
            return size or 0

    def close(self) -> None:
        """Close the file; some file systems tell of a full disk only here."""
        try:
            self._file.close()
        except OSError as error:
            self.error = error
        super().close()
