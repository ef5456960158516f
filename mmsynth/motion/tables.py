"""Tables of text (.csv): a header or none, numbers in columns."""

import csv
from pathlib import Path

import numpy as np

_SEPARATORS = ",;\t"


def read_table(path: Path) -> tuple[list[str] | None, list[list[str]]]:
    """The header, None where the first row holds numbers, and the rows of a table, cells stripped.

    Cells are separated by whichever of comma, semicolon and tab the first row has most of.

    Raises:
        ValueError: the table is empty or ragged, or a take of OptiTrack's Motive, whose columns are bones.
    """
    # Excel puts a byte-order mark first.
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        first = file.readline()
        file.seek(0)
        separator = max(_SEPARATORS, key=first.count)
        rows = [[cell.strip() for cell in row] for row in csv.reader(file, delimiter=separator) if row]
    if not rows:
        raise ValueError("expected a table of positions, got an empty file")
    if rows[0][0] == "Format Version":
        raise ValueError("expected a table of joint positions, got a take of OptiTrack's Motive; export it as BVH")
    header = rows.pop(0) if not _is_number(rows[0][0], separator) else None
    if not rows or any(len(row) != len(header or rows[0]) for row in rows):
        raise ValueError(
            f"expected rows of {len(header or rows[0])} cells each, got {sorted({len(r) for r in rows})[:4] or 'none'}"
        )
    if separator == ";":  # as where decimals have commas
        rows = [[cell.replace(",", ".") for cell in row] for row in rows]
    return header, rows


def numbers(rows: list[list[str]], columns: list[int]) -> np.ndarray:
    """The numbers [rows, columns] in some columns; NaN where a cell is blank.

    Raises:
        ValueError: a cell holds something else.
    """
    try:
        return np.array([[float(row[k]) if row[k] else np.nan for k in columns] for row in rows])
    except ValueError as error:
        raise ValueError(f"expected a table of numbers, got {error}") from None


def _is_number(cell: str, separator: str) -> bool:
    try:
        float(cell.replace(",", ".") if separator == ";" else cell)
    except ValueError:
        return False
    return True
