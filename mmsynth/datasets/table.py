"""Point clouds in a CSV table, one row a point."""

import csv
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmsynth.datasets.capture import make_cloud
from mmsynth.types import PointCloud, Radar

# Four days at 30 frames/s; numbers further apart are damage.
MOST_FRAMES = 10_000_000

# What other programs call the columns; the first is ours.
NAMES = {
    "frame": ("frame", "frame_id", "frame #", "frame_number", "framenumber"),
    "time": ("time", "t", "timestamp", "time_s"),
    "x": ("x", "x_m"),
    "y": ("y", "y_m"),
    "z": ("z", "z_m"),
    "v": ("v", "velocity", "doppler", "v_mps"),
    "intensity": ("intensity", "peak", "power"),
    "snr_db": ("snr_db", "snr"),
    "noise_db": ("noise_db", "noise"),
}
# Metres beyond which the middle one of the points' distances is taken for that of another unit.
FARTHEST = 500.0
# Metres a second beyond which the middle one of the speeds of points that move is taken for that of another unit:
# hands of boxers reach it, people do not.
FASTEST = 15.0
# Seconds from frame to frame beyond which times are taken for those of another unit.
SLOWEST = 5.0


def read_table(path: Path | str, radar: Radar | None = None) -> PointCloud:
    """A point cloud of a table in the radar's frame (x right, y forward, z up; m and m/s, v positive when receding).

    Columns are known by their names (`NAMES`, in any case); x, y, z and at least one of frame and time (seconds) are
    needed, others are left out. Rows of one frame number (or, without it, of one time) are a frame; one whose x, y and
    z are empty (or NaN) holds no point, nor do numbers that are missing between others. Times count from the first
    row's; without a time they are frame numbers over the frame rate.

    Args:
        path: of the CSV.
        radar: that recorded it, if known.

    Raises:
        ValueError: no such file, a column is missing or there twice, a value is no number, frames step back, or times,
            places or velocities are those of another unit.
    """
    path = Path(path)
    columns = _read(path)
    if "frame" not in columns and "time" not in columns:
        raise ValueError(f"{path}: expected a column 'frame' or 'time', got {', '.join(columns)}")
    key = columns["frame"] if "frame" in columns else columns["time"]
    if bool((np.diff(key) < 0).any()):
        line = int(np.argmax(np.diff(key) < 0)) + 3
        raise ValueError(f"{path}, line {line}: expected frames in order of time, got a step back")
    values, index = np.unique(key, return_inverse=True)
    if "time" in columns:
        first = np.searchsorted(index, np.arange(len(values)))
        times = columns["time"][first] - columns["time"][0]
        if "frame" in columns:
            index, times = _with_empty_frames(values, index, times)
    elif radar:
        if key[-1] - key[0] > MOST_FRAMES:
            raise ValueError(
                f"{path}: expected at most {MOST_FRAMES} frames, got numbers from {key[0]:g} to {key[-1]:g}"
            )
        index = np.rint(key - key[0]).astype(np.int64)
        times = radar.waveform.frame_period * np.arange(float(index[-1] + 1))
    else:
        raise ValueError(f"{path}: expected a column 'time', or a radar (--cfg) that says how long a frame lasts")
    if len(times) > 1 and not bool((np.diff(times) > 0).all()):
        raise ValueError(f"{path}: expected a later time for each frame, got a repeat or a step back")
    there = np.isfinite(columns["x"])
    points = {name: column[there] for name, column in columns.items() if name not in ("frame", "time")}
    try:
        _check_units(points, times, radar)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return make_cloud(points, index[there], times, "dB")


def _check_units(points: Mapping[str, NDArray[np.float64]], times: NDArray[np.float64], radar: Radar | None) -> None:
    """Refuse columns [points] and times [frames] that are far beyond what a radar before people sees in SI units.

    Raises:
        ValueError: half of the frames, places or velocities are, or one velocity is beyond what all chirps of `radar`
            tell apart.
    """
    if len(times) > 1 and np.median(np.diff(times)) > SLOWEST:
        raise ValueError(f"expected times in s, got a frame every {np.median(np.diff(times)):g}")
    distance = np.median(np.linalg.norm([points[name] for name in "xyz"], axis=0))
    if distance > FARTHEST:
        raise ValueError(f"expected x, y and z in m, got half of the points beyond {distance:g}")
    velocity = points.get("v", np.zeros(0))
    speed = np.abs(velocity[np.isfinite(velocity) & (velocity != 0)])
    # A program may unfold the Doppler as far as the chirps of all transmitters together allow.
    limit = radar.slots * radar.max_velocity if radar else np.inf
    if len(speed) and speed.max() > 1.01 * limit:
        raise ValueError(f"expected v in m/s, at most {limit:.3g} by this radar, got {speed.max():g}")
    if len(speed) and np.median(speed) > FASTEST:
        raise ValueError(f"expected v in m/s, got half of the points that move at {np.median(speed):g} or more")


def _with_empty_frames(
    number: NDArray[np.float64], index: NDArray[np.int64], times: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The frame [points] of each point and the times [frames], counted with the frames whose numbers are missing.

    Numbers may rise by more than one from frame to frame. A gap that time does not confirm is none of frames without
    points: the recorder was stopped, or the device was started again.
    """
    if len(number) < 3 or (number != np.rint(number)).any() or (np.diff(times) <= 0).any():
        return index, times
    rise = np.diff(number).astype(np.int64)
    rise //= np.gcd.reduce(rise)
    period = np.median(np.diff(times) / rise)
    rise = np.where(np.abs(np.diff(times) / period - rise) < 0.5 * rise, rise, 1)
    place = np.concatenate([[0], np.cumsum(rise)])
    if place[-1] > MOST_FRAMES:
        return index, times
    return place[index], np.interp(np.arange(place[-1] + 1.0), place, times)


def other_separator(header: list[str]) -> str:
    """A sentence if columns are not apart by commas, as spreadsheets write them where commas are decimal; else ""."""
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and mark in header[0]:
            return f"expected columns apart by commas (and decimal points), got {name}"
    return ""


def _read(path: Path) -> dict[str, NDArray[np.float64]]:
    """The known columns, under our names."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = [name.strip().lower() for name in next(csv.reader(file), [])]
        if wrong := other_separator(header):
            raise ValueError(wrong)
        used = {name: [i for i, h in enumerate(header) if h in others] for name, others in NAMES.items()}
        for name, places in used.items():
            if len(places) > 1:
                raise ValueError(f"expected one column for '{name}', got {len(places)}")
            if name in "xyz" and not places:
                raise ValueError(f"expected a column '{name}', got {', '.join(header)}")
        used = {name: places for name, places in used.items() if places}
        order = [places[0] for places in used.values()]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # no row at all: reported below
            with path.open(encoding="utf-8-sig") as file:
                table = np.loadtxt(file, delimiter=",", skiprows=1, ndmin=2, usecols=order, converters=_number)
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected a table of text, got bytes that are none") from None
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path}: {error}") from None
    found = dict(zip(used, table.T, strict=True))
    needed = [name for name in found if name in ("frame", "time", "x", "y", "z")]
    place = np.array([found[name] for name in "xyz"])
    blank = np.isnan(place).all(0)
    known = place[:, ~blank], *(found[name] for name in needed if name not in "xyz")
    if blank.all() or not all(np.isfinite(values).all() for values in known):
        raise ValueError(f"{path}: expected at least one point, and finite numbers in {', '.join(needed)}")
    return found


def _number(text: str) -> float:
    """What a cell says; NaN of an empty one."""
    return float(text) if text.strip() else np.nan
