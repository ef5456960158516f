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


@contextlib.contextmanager
def run_folder(folder: Path, name: str, text: str) -> Iterator[None]:
    """Hold a new or empty folder for a run, or that of an interrupted one which went by the same `text`.

    The text stays in the folder under `name`. Files are written as `*.part` until they are whole; of another run that
    got no further, nothing is kept.

    Raises:
        ValueError: the folder holds something else, an unfinished run that went by another text, or one that goes on.
    """
    note = folder / name
    if not note.exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            got = "one with other files in it" if folder.is_dir() else "a file"
            raise ValueError(f"{folder}: expected a new or empty folder, got {got}; choose another --out or remove it")
        folder.mkdir(parents=True, exist_ok=True)
        note.touch()
    with alone(note):
        begun = any(p.is_file() and p != note and p.suffix != ".part" for p in folder.rglob("*"))
        if begun and note.read_text(encoding="utf-8") not in ("", text):
            raise ValueError(
                f"{folder}: holds an unfinished run of another recipe or other settings, or files that it names have "
                "changed since, or mmsynth's version; choose another --out or remove it"
            )
        note.write_text(text, encoding="utf-8")
        yield
