"""Recordings that lie in several files, numbered by the program that recorded."""

import re
from collections.abc import Iterable
from pathlib import Path

from mmsynth.datasets.cards import is_apple_double

# What the DCA1000's software and TI's Visualizer call the parts of a recording, and the buffers beside the samples that
# are none.
PART = re.compile(r"(?:(?:_Raw|_hdr_0ADC)_(?P<bin>\d+)\.bin|(?:^|/)replay_(?P<json>\d+)\.json)$")
# The number at which they begin, at the latest.
FIRST = {"bin": 0, "json": 1}
BESIDE = re.compile(r"_hdr_0CC9_\d+\.bin$")


def starts(names: Iterable[str]) -> list[str]:
    """Those of some files that begin a recording: of its parts the lowest, whether or not it is the first.

    Buffers beside a DCA1000's samples do not, nor what macOS adds to archives.
    """
    found: dict[str, str] = {}
    for name in names:
        if BESIDE.search(name) or is_apple_double(name):
            continue
        stem = _stem(name)
        found[stem] = min(found.get(stem, name), name, key=_number)
    return list(found.values())


def parts_of(path: Path) -> list[Path]:
    """The files of a recording, in order of their numbers; a file without number is one by itself.

    Raises:
        ValueError: one of them is missing, or is named without the first: frames may lie across them.
    """
    part = PART.search(path.name)
    if part is None:
        return [path]
    stem = _stem(path.name)
    parts = {_number(p.name): p for p in path.parent.iterdir() if PART.search(p.name) and _stem(p.name) == stem}
    first = min([FIRST[str(part.lastgroup)], *parts])
    missing = sorted(set(range(first, max(parts))) - set(parts))
    if missing or _number(path.name) != first:
        raise ValueError(
            f"{path}: expected {stem}{first}{path.suffix} and all parts to {max(parts)} beside it, got "
            + (f"none of number {missing[0]}" if missing else "a later one by itself; name the first")
        )
    return [parts[number] for number in sorted(parts)]


def _stem(name: str) -> str:
    """What stands before the number of a part; the whole name of what is none."""
    part = PART.search(name)
    return name[: part.start(str(part.lastgroup))] if part else name


def _number(name: str) -> int:
    part = PART.search(name)
    return int(part[str(part.lastgroup)]) if part else 0
