"""One run a folder: whoever writes into a folder holds it, and lets go of it when it ends, however it ends."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has none: there, nobody is kept out
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def alone(note: Path) -> Iterator[None]:
    """Hold a folder by a file in it, which is there: a second run that asks for it meanwhile is refused.

    The lock is the operating system's (flock) and ends with the process, also with one that is killed.

    Raises:
        ValueError: another run holds it.
        OSError: the file cannot be opened for writing.
    """
    with note.open("r+b") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(
                    f"{note.parent}: another run writes into it now; choose another --out or wait"
                ) from None
        yield
