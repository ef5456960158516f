"""Numeric arrays of MATLAB's MAT-files, level 5 (`save -v6`, `-v7`).

SciPy's reader ends the process on some damaged files (a segmentation fault in 1.16 on one flipped byte), so recordings
from strangers are read here: full numeric arrays only. Format: "MAT-File Format", MathWorks, chapter 1.
"""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COMPRESSED, MATRIX = 15, 14
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
# Decompressed size of a variable at most.
LIMIT = 4 << 30


def read_mat5(path: Path) -> dict[str, NDArray[Any]]:
    """The numeric arrays of a file by name; variables of other kinds are left out.

    Raises:
        ValueError: not a little-endian level 5 file, or damaged.
    """
    data = path.read_bytes()
    if len(data) < 128 or data[124:128] != b"\x00\x01IM":
        raise ValueError(f"{path}: expected a MAT-file of level 5 (little-endian), got something else")
    found: dict[str, NDArray[Any]] = {}
    try:
        at = 128
        while at + 8 <= len(data):
            kind, body, at = _element(data, at)
            if kind == COMPRESSED:
                kind, body, _ = _element(_inflate(body), 0)
            if kind == MATRIX:
                found.update(_matrix(body))
    except (struct.error, zlib.error, ValueError) as error:
        raise ValueError(f"{path}: damaged: {str(error)[:100]}") from None
    return found


def _element(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Type and content of the element at a place, and the place of the next."""
    first, size = struct.unpack_from("<II", data, at)
    if first >> 16:  # a small one: type and size in one word, content in the next
        return first & 0xFFFF, data[at + 4 : at + 4 + (first >> 16)][:4], at + 8
    if at + 8 + size > len(data):
        raise ValueError(f"an element of {size} bytes runs beyond the end")
    following = at + 8 + size
    # All but compressed elements are padded to eight bytes.
    return first, data[at + 8 : following], following if first == COMPRESSED else following + -size % 8


def _inflate(body: bytes) -> bytes:
    stream = zlib.decompressobj()
    content = stream.decompress(body, LIMIT)
    if stream.unconsumed_tail:
        raise ValueError(f"a variable is larger than {LIMIT} bytes")
    return content


def _matrix(body: bytes) -> dict[str, NDArray[Any]]:
    _, flags, at = _element(body, 0)
    word = struct.unpack_from("<I", flags)[0]
    if word & 0xFF not in CLASSES:
        return {}
    _, sizes, at = _element(body, at)
    _, name, at = _element(body, at)
    shape = struct.unpack(f"<{len(sizes) // 4}i", sizes[: len(sizes) // 4 * 4])
    dtype = np.dtype(CLASSES[word & 0xFF])
    real, at = _numbers(body, at, dtype)
    values: NDArray[Any] = real
    if word & 0x0800:
        imaginary, at = _numbers(body, at, dtype)
        values = real + 1j * imaginary
    if any(n < 0 for n in shape) or int(np.prod([int(n) for n in shape], dtype=object)) != len(values):
        raise ValueError(f"an array of shape {shape[:8]} has {len(values)} elements")
    return {name.decode("ascii", "replace"): values.reshape(shape, order="F")}


def _numbers(body: bytes, at: int, dtype: np.dtype[Any]) -> tuple[NDArray[Any], int]:
    kind, content, at = _element(body, at)
    if kind not in STORED:
        raise ValueError(f"an array is stored as type {kind}")
    stored = np.dtype("<" + STORED[kind])
    return np.frombuffer(content[: len(content) // stored.itemsize * stored.itemsize], stored).astype(dtype), at
