"""Recordings of TI's Visualizer (mmwave_industrial_visualizer): replay_1.json, replay_2.json ..., 100 frames each.

{"cfg": lines of the .cfg, "data": [{"timestamp": ms, "frameData": {"frameNum": n, "pointCloud": rows}}, ...]}; a row is
x, y, z in m, Doppler in m/s, SNR, noise and track. What a demo does not send stays zero. People counting sends the SNR
as a ratio and no noise, all others both in dB.

The Visualizer turns points by the tilts of `sensorPosition` and raises them by its height when it draws them, in the
arrays that it saves afterwards: so they lie in the file, but for the last frame, which is saved before it is drawn.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from mmsynth.datasets.clouds import cloud_of_rows
from mmsynth.datasets.raw.ti_uart import FAR, far_note, frame_times
from mmsynth.radar import parse_cfg
from mmsynth.types import PointCloud, RadarSetup

Rows = NDArray[np.float64]
COLUMNS = "x y z Doppler SNR noise track"
_PLACE = re.compile(r"^[ \t]*sensorPosition\b([^%#\n]*)", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Replay:
    """What the files hold.

    Attributes:
        cloud: the points of each frame, in the radar's frame.
        setup: of the radar that recorded.
        notes: what was dropped or assumed.
    """

    cloud: PointCloud
    setup: RadarSetup
    notes: tuple[str, ...]


def read_replay(paths: Sequence[Path], setup: RadarSetup | None = None) -> Replay:
    """Read the files of a recording, in order; a frame that an earlier file holds as well is read once.

    Times are frame numbers times the frame period, as those of logs are: time stamps are of when the computer read.

    Args:
        paths: of the files.
        setup: of the radar that recorded; None = what the files say.

    Raises:
        ValueError: a file is none of the Visualizer, or of another configuration than the first, or holds none.
    """
    text, place, lost = "", None, 0
    frames: dict[tuple[float, int], Rows] = {}
    for path in paths:
        lines, entries = _load(path)
        if path is paths[0]:
            text, place = lines, _place(path, lines)
        if lines != text:
            raise ValueError(f"{path}: expected the configuration of {paths[0].name}, got that of another recording")
        for number, entry in enumerate(entries, 1):
            found = _frame(entry, f"{path}, frame {number}")
            if found is None:
                lost += 1
                continue
            key, rows = found
            if place and number < len(entries):
                rows[:, :3] = _turned_back(rows[:, :3], *place)
            frames.setdefault(key, rows)
    if not frames:
        raise ValueError(f"{paths[0]}: expected frames with points, got none that the Visualizer could read")
    notes = [f"{lost} frames could not be read by the Visualizer and were left out"] if lost else []
    if place:
        said = "points are turned back by sensorPosition: {0:g} m, {1:g} and {2:g} deg; a recipe for this radar has "
        notes.append((said + "radar_height = {0:g} and radar_tilt_deg = {3:g}").format(*place, 0 - place[-1]))
    if setup is None:
        setup = _setup(paths[0], _PLACE.sub("", text))  # which is used here: its reader would say that it is not
    cloud, wrong = _cloud(frames, setup.radar.waveform.frame_period)
    return Replay(cloud, setup, (*notes, *wrong))


def _load(path: Path) -> tuple[str, list[Any]]:
    """The configuration and the frames of a file."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        table = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
    entries = table.get("data") if isinstance(table, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{path}: expected the frames of TI's Visualizer under 'data', got none")
    lines = table.get("cfg")
    lines = lines if isinstance(lines, list) else []
    return "\n".join(str(line).rstrip() for line in lines), entries


def _frame(entry: Any, where: str) -> tuple[tuple[float, int], Rows] | None:
    """Time stamp in ms, number and rows [points, 7] of a frame; None where the Visualizer did not understand it."""
    try:
        data, stamp = entry["frameData"], float(entry["timestamp"])
        if "pointCloud" not in data or "frameNum" not in data:
            return None
        number, widths = int(data["frameNum"]), {len(row) for row in data["pointCloud"]}
        rows = np.array(data["pointCloud"], np.float64).reshape(-1, 7) if widths <= {7} else None
    except (LookupError, TypeError, ValueError, OverflowError):
        raise ValueError(f"{where}: expected timestamp, frameNum and pointCloud in numbers, got others") from None
    if rows is None:
        raise ValueError(f"{where}: expected points of 7 numbers ({COLUMNS}), got {max(widths - {7})}")
    if not 0 <= number < 1 << 32:
        raise ValueError(f"{where}: expected a frameNum of 32 bits, got {number}")
    return (stamp, number), rows


def _place(path: Path, text: str) -> tuple[float, float, float] | None:
    """Height in m, turn and tilt in deg of a configuration's last sensorPosition; None without one."""
    found = _PLACE.findall(text)
    if not found:
        return None
    try:
        # The low-power chips' begins with x and y.
        height, turn, tilt = (float(word) for word in found[-1].split()[-3:])
        known = bool(np.isfinite((height, turn, tilt)).all())
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"{path}: sensorPosition: expected height, turn and tilt, got '{found[-1].strip()}'")
    return (height, turn, tilt) if any((height, turn, tilt)) else None


def _turned_back(points: Rows, height: float, turn: float, tilt: float) -> Rows:
    """Points [points, 3] as the radar sent them: tilted down by `tilt`, then turned to the right by `turn` (deg)."""
    shown = Rotation.from_euler("ZX", (-turn, -tilt), degrees=True)
    back: Rows = shown.inv().apply(points - (0, 0, height)) if len(points) else points
    return back


def _setup(path: Path, text: str) -> RadarSetup:
    if not text.strip():
        raise ValueError(f"{path}: expected the lines of its configuration under 'cfg', got none; name it with --cfg")
    try:
        return parse_cfg(text, name=path.stem)
    except ValueError as error:
        raise ValueError(f"{path}: cfg: {error}") from None


def _cloud(frames: dict[tuple[float, int], Rows], period: float) -> tuple[PointCloud, tuple[str, ...]]:
    rows = np.concatenate(list(frames.values()))
    owner = np.repeat(np.arange(len(frames)), [len(part) for part in frames.values()])
    stamps, numbers = (np.array(column) for column in zip(*frames, strict=True))
    times, notes = frame_times(numbers, np.zeros_like(numbers), period)
    clock = (stamps[-1] - stamps[0]) / 1000
    if abs(clock - times[-1]) > 1 + 0.05 * times[-1]:
        notes += (
            f"{times[-1]:.1f} s by frame numbers and configuration, {clock:.1f} s by the computer's clock: "
            "it was recorded with another configuration, or the radar was started again",
        )
    sent = rows[:, :6].any(1)  # rows that the demo did not fill are left out
    near = (np.abs(rows[:, :4]) < FAR).all(1)  # NaN is not near
    notes += far_note(near)
    rows, owner = rows[sent & near], owner[sent & near]
    columns = torch.from_numpy(np.column_stack([rows[:, :4], *_levels(rows[:, 4], rows[:, 5])]).astype(np.float32))
    offsets = torch.from_numpy(np.searchsorted(owner, np.arange(len(frames) + 1)))
    return cloud_of_rows(columns, offsets, torch.from_numpy(times), intensity_unit="dB"), notes


def _levels(snr: Rows, noise: Rows) -> tuple[Rows, Rows, Rows]:
    """Intensity, SNR and noise in dB; NaN = not recorded."""
    unknown = (snr == 0) & (noise == 0)
    if not noise.any():
        snr, noise = 10 * np.log10(np.maximum(snr, 1e-3)), np.full_like(noise, np.nan)
    snr, noise = np.where(unknown, np.nan, snr), np.where(unknown, np.nan, noise)
    return snr, snr, noise
