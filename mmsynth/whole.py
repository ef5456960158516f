"""Files that are there whole or not at all, and what they are called."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Names beside `paths` to write to, which become `paths` when the block ends well; else nothing is left of them.

    Files that stood there before stay until then. `a.png` is written as `a.part.png`: suffixes tell what to write.

    Raises:
        ValueError: the folder of a file does not exist.
        OSError: the disk is full, or a file that was written cannot be renamed.
    """
    for path in paths:
        if not path.parent.is_dir():
            raise ValueError(f"{path}: expected a folder {path.parent} to write into, got none")
    beside = tuple(path.with_stem(f"{path.stem}.part") for path in paths)
    try:
        yield beside
        for part, path in zip(beside, paths, strict=True):
            part.replace(path)
    except OSError as error:
        # A full disk is told of without the file's name.
        if error.filename is None:
            raise OSError(f"{paths[0]}: cannot write: {error.strerror or error}") from None
        raise
    finally:
        for part in beside:
            part.unlink(missing_ok=True)


def file_name(name: str) -> str:
    """A name as that of a file: what is no letter, digit or one of "+-." becomes "_"."""
    return "".join(c if c.isalnum() or c in "+-." else "_" for c in name)
