"""The label table of one's own recordings: which part of which file shows what."""

import csv
import difflib
import math
from dataclasses import dataclass, fields
from pathlib import Path

from mmsynth.datasets.table import other_separator

REQUIRED = ("file", "label")


@dataclass(frozen=True)
class Segment:
    """A labelled part of a recording.

    Attributes:
        file: of the recording, relative to the source folder.
        start, end: seconds from its first frame; the whole of it if not given.
        label: what is done in it.
        subject, session: who and when, for protocols that hold people or days out; "" = not known.
    """

    file: str
    label: str
    start: float = 0.0
    end: float = math.inf
    subject: str = ""
    session: str = ""

    def __post_init__(self) -> None:
        if not self.file:
            raise ValueError("file: expected a name, got none")
        if not 0 <= self.start < self.end:
            raise ValueError(f"expected 0 <= start < end, got {self.start} and {self.end}")


COLUMNS = tuple(f.name for f in fields(Segment))


def read_segments(path: Path | str) -> tuple[Segment, ...]:
    """Read a CSV with the columns file, start, end, label, subject, session (in any order; file and label at least).

    An empty start or end means that of the recording.

    Raises:
        ValueError: no such file, an unknown or missing column, or a row that does not hold what it should (with its
            line number).
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected text in UTF-8, got bytes of another encoding; save it as UTF-8") from None
    except csv.Error as error:
        raise ValueError(f"{path}: expected a CSV table ({error})") from None
    header = [name.strip() for name in rows[0]] if rows else []
    if wrong := other_separator(header):
        raise ValueError(f"{path}: {wrong}")
    for name in header:
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, 1, 0.0)[0]
            raise ValueError(f"{path}: unknown column '{name}': the nearest known one is '{near}'")
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise ValueError(f"{path}: expected the columns {', '.join(COLUMNS)}, got none for '{missing[0]}'")
    found = [_segment(path, line, header, row) for line, row in enumerate(rows[1:], 2) if any(v.strip() for v in row)]
    if not found:
        raise ValueError(f"{path}: expected a row for each labelled part, got none")
    return tuple(found)


def _segment(path: Path, line: int, header: list[str], row: list[str]) -> Segment:
    if len(row) != len(header):
        raise ValueError(f"{path}, line {line}: expected {len(header)} columns, got {len(row)}")
    values = {name: value.strip() for name, value in zip(header, row, strict=True)}
    try:
        times = {name: float(values.pop(name)) for name in ("start", "end") if values.get(name)}
        texts = {name: value for name, value in values.items() if name not in ("start", "end")}
        return Segment(**texts, **times)  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(f"{path}, line {line}: {error}") from None
