"""Arrays out of untrusted files: bounded in what they may ask for, with nothing unpickled but arrays."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from mmsynth.pickles import plain, read_pickle, unpickle

MOST_BYTES = 4 << 30
"""What one file may unfold to."""


def read_arrays(path: Path) -> dict[str, Any]:
    """The arrays of an `.npz`, `.npy` (under the name "array", or of a dictionary in it) or `.pkl` file by name.

    Arrays of objects, as some published files hold for a single string, are read through the allow-list unpickler.

    Raises:
        ValueError: the file is empty, cut short, hostile or no such file.
    """
    try:
        if path.suffix.lower() in (".pkl", ".pickle"):
            content = read_pickle(path)
            if not isinstance(content, dict):
                raise ValueError(f"expected a dictionary of arrays, got a {type(content).__name__}")
            return {str(key): plain(value) for key, value in content.items()}
        if path.suffix.lower() == ".npy":
            with open(path, "rb") as file:
                array = _array(file, path.stat().st_size)
            # What `numpy.save` makes of a dictionary.
            whole = array.item() if array.dtype == object and array.ndim == 0 else None
            return {str(k): plain(v) for k, v in whole.items()} if isinstance(whole, dict) else {"array": array}
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise ValueError(f"expected at most {MOST_BYTES >> 30} GB of arrays, got more")
            return {
                entry.filename.removesuffix(".npy"): _array(io.BytesIO(archive.read(entry)), entry.file_size)
                for entry in archive.infolist()
                if entry.filename.endswith(".npy")
            }
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    except Exception as error:  # zipfile, zlib and numpy raise nearly anything on a broken file
        raise ValueError(f"{path}: expected a file of arrays, got {type(error).__name__}: {error}") from None


def _array(file: Any, size: int) -> np.ndarray[Any, Any]:
    """One array in numpy's format, not larger than the `size` bytes that hold it."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        return np.asarray(unpickle(file), dtype=object)
    if int(np.prod([float(n) for n in shape])) * dtype.itemsize > size:
        raise ValueError(f"expected {shape} values of {dtype}, got {size} bytes: cut short")
    file.seek(0)
    return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def text_of(value: Any) -> str:
    """A string that a file holds as string, bytes, or an array of either."""
    item = np.asarray(value, dtype=object).reshape(-1)
    word = item[0] if len(item) else ""
    if isinstance(word, np.ndarray):
        return text_of(word)
    return word.decode("latin1", "replace") if isinstance(word, bytes) else str(word)


def number_of(value: Any, name: str) -> float:
    """A positive number that a file holds as number or array of one.

    Raises:
        ValueError: it is none.
    """
    try:
        number = float(np.asarray(value, dtype=np.float64).reshape(-1)[0])
    except (TypeError, ValueError, IndexError):
        raise ValueError(f"{name}: expected a number, got {str(value)[:40]!r}") from None
    if not 0 < number < 1e6:
        raise ValueError(f"{name}: expected a positive number, got {number}")
    return number


def floats(value: Any, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """An array of finite numbers, as float64.

    Raises:
        ValueError: it is something else.
    """
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected numbers, got {type(value).__name__}") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got {int((~np.isfinite(array)).sum())} NaN or infinite")
    return array
