"""Text of ROS's `ti_mmwave_rospkg`, as `rostopic echo` prints it: one block of 16 lines a point."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

# The lines of a block in order; those with a name hold a number that is kept under it.
_LINES = (
    (b"header: ", ""),
    (b"  seq: ", "seq"),
    (b"  stamp: ", ""),
    (b"    secs: ", "secs"),
    (b"    nsecs: ", "nsecs"),
    (b"  frame_id: ", ""),
    (b"point_id: ", "point_id"),
    (b"x: ", "x"),
    (b"y: ", "y"),
    (b"z: ", "z"),
    (b"range: ", "range"),
    (b"velocity: ", "velocity"),
    (b"doppler_bin: ", "doppler_bin"),
    (b"bearing: ", "bearing"),
    (b"intensity: ", "intensity"),
)
_WIDTH = 24  # the longest float64 in Python's notation, "-2.2250738585072014e-308"


# A pause longer than this many frame periods means that frames were lost: where messages come two frames at a time, as
# RadHAR's do at 30 frames/s, and where each comes by itself.
_PAUSE, _PAUSE_ALONE = 2.7, 1.7


@dataclass(frozen=True, eq=False)
class RosFrames:
    """Points of a file in the radar's frame (x right, y forward, z up; v positive when receding), by frames.

    Attributes:
        columns: x, y, z, v, intensity (dB) of each point.
        frame: of each point, increasing.
        times: of each frame in s.
        start: the first point's stamp, in s since 1970.
        damaged: blocks that were left out.
        lead: points before the first whole frame, left out.
        lost: frames that are missing in between.
    """

    columns: dict[str, NDArray[np.float64]]
    frame: Annotated[NDArray[np.int64], "points", "1"]
    times: Annotated[NDArray[np.float64], "frames", "s"]
    start: float
    damaged: int
    lead: int
    lost: int


def read_ros_frames(path: Path, period: float) -> RosFrames:
    """The frames of a file: each begins with point_id 0.

    The driver writes forward as x, and TI's x negated as y: lateral goes to -y. Its stamps tell where frames are
    missing; times are frame numbers times the radar's frame period.

    Args:
        path: of the text.
        period: of frames in s.

    Raises:
        ValueError: no block is whole, or none begins a frame.
    """
    columns, damaged = read_ros_text(path)
    starts = columns["point_id"] == 0
    if not starts.any():
        raise ValueError(f"{path}: expected frames that begin with point_id 0, found none")
    lead = int(np.argmax(starts))
    columns = {name: column[lead:] for name, column in columns.items()}
    starts = starts[lead:]
    stamps = columns["secs"] + 1e-9 * columns["nsecs"]
    times = frame_times(stamps[starts], period)
    points = {"x": -columns["y"], "y": columns["x"], "z": columns["z"]}
    points |= {"v": columns["velocity"], "intensity": columns["intensity"]}
    lost = round(times[-1] / period) + 1 - len(times)
    return RosFrames(points, np.cumsum(starts) - 1, times, float(stamps[0]), damaged, lead, lost)


def frame_times(stamps: NDArray[np.float64], period: float) -> NDArray[np.float64]:
    """Seconds [frames] from the first frame, on the radar's own beat: stamps only tell where frames are missing."""
    gaps = np.diff(stamps) / period
    paired = np.mean(gaps < 0.5) > 0.25 if len(gaps) else False
    pause, usual = (_PAUSE, 2) if paired else (_PAUSE_ALONE, 1)
    lost = np.where(gaps > pause, np.rint(gaps) - usual, 0).clip(0)
    return np.concatenate([[0.0], np.cumsum(1 + lost)]) * period


def read_ros_text(path: Path) -> tuple[dict[str, NDArray[np.float64]], int]:
    """The numbers of a file by name [points], and how many blocks were damaged and left out.

    All lines are found and all numbers cut out at once, by array operations on the bytes.

    Raises:
        ValueError: no block is whole.
    """
    text = np.frombuffer(path.read_bytes(), np.uint8)
    ends = np.flatnonzero(text == ord("\n"))
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    stops = np.flatnonzero((ends - starts == 3) & (text[starts] == ord("-")))
    first = np.concatenate([[0], stops[:-1] + 1]) if len(stops) else stops
    tail = int(len(ends) > 0 and (len(stops) == 0 or stops[-1] + 1 < len(ends) or ends[-1] + 1 < len(text)))
    whole = stops - first == len(_LINES)
    whole[whole] = _have_keys(text, starts, ends, first[whole])
    damaged = int((~whole).sum()) + tail
    if not whole.any():
        raise ValueError(f"{path}: expected blocks of ROS text (header, point_id, x, y, z, ...), found no whole one")
    columns: dict[str, NDArray[np.float64]] = {}
    good = np.ones(int(whole.sum()), bool)
    for k, (key, name) in enumerate(_LINES):
        if name:
            line = first[whole] + k
            columns[name] = _numbers(text, starts[line] + len(key), ends[line])
            good &= np.isfinite(columns[name])
    return {name: column[good] for name, column in columns.items()}, damaged + int((~good).sum())


def _have_keys(
    text: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64], first: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which blocks [blocks] have the right key on every line."""
    good = np.ones(len(first), bool)
    for k, (key, _) in enumerate(_LINES):
        begin = starts[first + k]
        good &= ends[first + k] - begin >= len(key)
        for j, letter in enumerate(key):
            good &= text[np.minimum(begin + j, len(text) - 1)] == letter
    return good


def _numbers(text: NDArray[np.uint8], begin: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
    """The numbers that stand in the given spans; NaN where there is none."""
    at = begin[:, None] + np.arange(_WIDTH)
    letters = np.where(at < end[:, None], text[np.minimum(at, len(text) - 1)], 0).astype(np.uint8)
    words = np.ascontiguousarray(letters).view(f"S{_WIDTH}")[:, 0]
    try:
        return words.astype(np.float64)
    except ValueError:
        return np.array([_number(word) for word in words])


def _number(word: bytes) -> float:
    try:
        return float(word)
    except ValueError:
        return float("nan")
