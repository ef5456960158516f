"""TI configuration files (.cfg): what is sent to the demo on the board, read as a radar and its processing."""

import tomllib
from dataclasses import replace
from pathlib import Path

from mmsynth.config import dumps, merge, parse, to_table
from mmsynth.radar import ti_lsdk, ti_processing, ti_sdk
from mmsynth.radar.device import Device, device_named, devices
from mmsynth.radar.ti_lines import Lines, split
from mmsynth.radar.ti_processing import factors_of
from mmsynth.types import Processing, RadarSetup

# Comments that the writer leaves for what TI's commands cannot say: TOML of fields of Processing.
EXTRA = "mmsynth.processing "


def read_cfg(path: Path | str, device: str | None = None, subframe: int = 0) -> RadarSetup:
    """Read a TI .cfg; see `parse_cfg`. Errors name the file.

    Raises:
        ValueError: no such file, not text, or not a configuration.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    if path.stat().st_size > 1 << 20:
        raise ValueError(f"{path}: expected a configuration of a few kB, got {path.stat().st_size} bytes")
    try:
        text = path.read_text(encoding="utf-8")
        if text.lstrip("\ufeff \t\r\n").startswith("{"):
            raise ValueError("expected TI's commands, got JSON; mmWave Studio's is read by a name that ends in .json")
        return parse_cfg(text, device, subframe, path.stem)
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected text, got bytes that are not UTF-8") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def parse_cfg(text: str, device: str | None = None, subframe: int = 0, name: str = "cfg") -> RadarSetup:
    """The radar and the processing that a TI configuration sets up.

    SDK 1, 2 and 3 (profileCfg ...) and the L-SDK of the low-power chips (chirpComnCfg ...). The board is, in this
    order: `device`; the shipped one with the file's antGeometry lines; that of a comment "Device: NAME"; that whose
    feeds' senses are the file's calibration; that of a comment "Platform: xWR18xx"; a guess from band, dialect and
    antennas. The notes tell a guess.

    Args:
        text: of the file.
        device: name of a shipped device, or None.
        subframe: which one of an advanced frame (dfeDataOutputMode 3). The frame period is that of all subframes.
        name: goes into the radar's name.

    Raises:
        ValueError: with the line number, a line that is wrong; or a line that is needed and missing.
    """
    lines = split(text)
    board, how = _board(lines, device)
    if lines.last("chirpComnCfg"):
        profile, notes = ti_lsdk.profile(lines, board)
    else:
        profile, notes = ti_sdk.profile(lines, board, subframe)
    processing = ti_processing.processing(lines, board, profile, subframe)
    processing = _with_extras(processing, lines.comments)
    setup = board.setup(replace(profile, processing=processing), name)
    calibration = ti_processing.calibration(lines, board)
    return replace(setup, notes=how + notes + lines.notes, calibration=calibration, frames=_frames(lines))


def _frames(lines: Lines) -> int:
    """Frames after which the radar stops; 0 = when it is told to."""
    mode = lines.last("dfeDataOutputMode")
    if mode is not None and mode.values[0] == 3:
        return lines.need("advFrameCfg").whole(2, 0, 65535)
    return lines.need("frameCfg").whole(5 if lines.last("chirpComnCfg") else 3, 0, 65535)


def _board(lines: Lines, device: str | None) -> tuple[Device, tuple[str, ...]]:
    if device:
        return device_named(device), ()
    named = dict.fromkeys(sum(_comments(lines).values(), []))
    fitting = [board for board in devices().values() if _fits(board, lines)]
    # An array may be that of several boards: a name decides among them, else the newest chip.
    both = [board for board in fitting if board.name in named]
    if both or fitting:
        return (both or fitting)[-1], ()
    fed = [] if _comments(lines)["device"] else [board for board in devices().values() if _fed_as(board, lines)]
    if fed and not any(board.name in named for board in fed):
        return fed[0], (f"the signs of compRangeBiasAndRxChanPhase are those of {fed[0].name}'s feeds: it is assumed",)
    if named:
        return device_named(next(iter(named))), ()
    board = device_named(_family(lines))
    return board, (f"no board is named: {board.name} is assumed; FILE.cfg#BOARD names another",)


def _comments(lines: Lines) -> dict[str, list[str]]:
    """Boards that comments name, by their "Device:" or "Platform:"."""
    known = {name.lower(): name for name in devices()}
    known |= {family: board.name for board in devices().values() for family in board.platform}
    found: dict[str, list[str]] = {"device": [], "platform": []}
    for comment in lines.comments:
        key, colon, value = (part.strip().lower() for part in comment.partition(":"))
        if colon and key in found and value in known:
            found[key].append(known[value])
    return found


def _start_frequency(lines: Lines) -> float:
    low_power = lines.last("chirpTimingCfg")
    return 1e9 * (low_power.values[4] if low_power else lines.need("profileCfg").values[1])


def _family(lines: Lines) -> str:
    if lines.last("chirpComnCfg"):
        return "xwrl64xx"
    if _start_frequency(lines) < 70e9:
        return "xwr68xx"
    # The first SDKs' CFAR in range direction alone is that of the xWR14xx.
    cfar, measured = lines.all("cfarCfg"), lines.last("compRangeBiasAndRxChanPhase")
    old = [line for line in cfar if len(line.values) == 7]
    if old and all(line.values[0] == 0 for line in old):
        return "xwr14xx"
    # Two TX: eight factors, or the first SDKs' demos with the third one off.
    early = bool(old or lines.counting()) and lines.need("channelCfg").values[1] < 4
    return "xwr16xx" if early or (measured is not None and len(factors_of(measured)) == 8) else "xwr18xx"


def _fits(board: Device, lines: Lines) -> bool:
    """Whether the board's virtual array is that of the antGeometry lines, up to an offset, in the file's band."""
    wanted = _geometry(lines)
    if not wanted or not board.array.half_wavelength_at:
        return False
    array = board.array
    virtual = [(tx[0] + rx[0], tx[1] + rx[1]) for tx in array.tx for rx in array.rx]
    return _in_band(board, lines) and _from_first(virtual) == _from_first(wanted)


def _fed_as(board: Device, lines: Lines) -> bool:
    """Whether the file's calibration is nothing but the senses of the board's feeds, which not every board has."""
    measured, feeds = lines.last("compRangeBiasAndRxChanPhase"), board.array.feeds
    if measured is None or -1 not in feeds:
        return False
    senses = [(float(feed), 0.0) for feed in feeds * len(board.array.tx)]
    return _in_band(board, lines) and factors_of(measured) == senses


def _in_band(board: Device, lines: Lines) -> bool:
    low, high = board.limits.band
    return low <= _start_frequency(lines) * (1 + 1e-9) <= high


def _from_first(positions: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x - positions[0][0], z - positions[0][1]) for x, z in positions]


def _geometry(lines: Lines) -> list[tuple[float, float]]:
    # antGeometry0/1 count half wavelengths to the left and up; antGeometryCfg gives (row down, column right) pairs.
    left, up, both = lines.last("antGeometry0"), lines.last("antGeometry1"), lines.last("antGeometryCfg")
    if left and up:
        if len(left.values) != len(up.values):
            raise up.error(f"expected {len(left.values)} indices as in antGeometry0, got {len(up.values)}")
        return [(-a, b) for a, b in zip(left.values, up.values, strict=True)]
    indices = both.values[:-2] if both else ()
    return [(column, -row) for row, column in zip(indices[::2], indices[1::2], strict=True)]


def _with_extras(processing: Processing, comments: tuple[str, ...]) -> Processing:
    text = "\n".join(c.removeprefix(EXTRA) for c in comments if c.startswith(EXTRA))
    if not text:
        return processing
    try:
        table = tomllib.loads(dumps(to_table(processing)))
        return parse(Processing, merge(table, tomllib.loads(text)), "mmsynth.processing")
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"comment '{EXTRA.strip()}': not TOML: {error}") from None
