"""The lines of a TI configuration: commands with their numbers, comments, and what they may look like."""

import math
import re
from dataclasses import dataclass

# Number of arguments each command takes (several where SDKs differ). Argument lists: the tables of the mmWave SDK 1, 2
# and 3 user's guides and of the L-SDK's motion and presence detection demo.
COUNTS: dict[str, tuple[int, ...]] = {
    "dfeDataOutputMode": (1,),
    "channelCfg": (3,),
    "adcCfg": (2,),
    "adcbufCfg": (4, 5),
    "adcBufCfg": (4, 5),
    "profileCfg": (14,),
    "chirpCfg": (8,),
    "frameCfg": (6, 7, 8),
    "advFrameCfg": (5,),
    "subFrameCfg": (10,),
    "bpmCfg": (4,),
    "cfarCfg": (7, 8, 9, 12),
    "peakGrouping": (5, 6),
    "multiObjBeamForming": (2, 3),
    "clutterRemoval": (1, 2),
    "calibDcRangeSig": (4, 5),
    "extendedMaxVelocity": (1, 2),
    "compRangeBiasAndRxChanPhase": tuple(range(3, 1 + 2 * 192 + 1, 2)),
    "aoaFovCfg": (4, 5),
    "cfarFovCfg": (3, 4),
    "cfarProcCfg": (8,),
    "aoaProcCfg": (2,),
    "antGeometry0": tuple(range(1, 193)),
    "antGeometry1": tuple(range(1, 193)),
    "antPhaseRot": tuple(range(1, 193)),
    "chirpComnCfg": (7,),
    "chirpTimingCfg": (5,),
    "antGeometryCfg": tuple(range(4, 2 * 192 + 3, 2)),
    "rangeSelCfg": (2,),
    "sigProcChainCfg": tuple(range(7, 10)),
    "factoryCalibCfg": (5,),
}

# Of the people counting demo: that it is there says how points are found, its numbers belong to Capon's spectrum.
IMAGING = "dynamicRACfarCfg"

# Of the people counting demos: height over the floor, turn and tilt (not in every version, nor with one sign).
PLACE = "sensorPosition"

# Commands that change nothing about the signal or the points.
SILENT = frozenset(
    "sensorStop sensorStart flushCfg guiMonitor lowPower CQRxSatMonitor CQSigImgMonitor analogMonitor "
    "calibData calibrationCfg configDataPort queryDemoStatus version help idlePowerDown idlePowerCycle "
    "measureRangeBiasAndRxChanPhase testFmkCfg setProfileCfg lowPowerCfg runtimeCalibCfg "
    "lvdsStreamCfg baudRate adcLogging adcDataSource adcDataDitherCfg clkCfg apllFreqShiftEn".split()
)


@dataclass(frozen=True)
class Line:
    """A command, the number of its line and its arguments."""

    number: int
    name: str
    values: tuple[float, ...]

    def error(self, text: str) -> ValueError:
        """The error that `text` makes of this line."""
        return ValueError(f"line {self.number}: {self.name}: {text}")

    def whole(self, index: int, low: int, high: int) -> int:
        """Argument `index` (from 0) as a whole number between two bounds.

        Raises:
            ValueError: it is none, or beyond them.
        """
        value = self.values[index]
        if value != int(value) or not low <= value <= high:
            raise self.error(f"argument {index + 1}: expected a whole number from {low} to {high}, got {value:g}")
        return int(value)

    def flag(self, index: int) -> bool:
        """Argument `index` as 0 or 1."""
        return bool(self.whole(index, 0, 1))

    def antennas(self, index: int, count: int, kind: str) -> tuple[int, ...]:
        """Numbers (from 1) of the antennas in the bit mask that argument `index` is.

        Raises:
            ValueError: it is no mask of `count` antennas, or of none.
        """
        mask = self.whole(index, 0, 1 << 16)
        if mask == 0 or mask >> count:
            raise self.error(f"expected a {kind} mask from 1 to {(1 << count) - 1}, got {mask}")
        return tuple(i + 1 for i in range(count) if mask >> i & 1)

    def positive(self, index: int, zero: bool = False) -> float:
        """Argument `index` as a number above zero (or from zero on).

        Raises:
            ValueError: it is not.
        """
        value = self.values[index]
        if value < 0 or (value == 0 and not zero):
            wanted = "a number >= 0" if zero else "a positive number"
            raise self.error(f"argument {index + 1}: expected {wanted}, got {value:g}")
        return value


@dataclass(frozen=True)
class Lines:
    """A configuration taken apart.

    Attributes:
        commands: the known commands, in order.
        comments: texts of the comment lines.
        notes: a sentence for each line that is not used.
    """

    commands: tuple[Line, ...]
    comments: tuple[str, ...]
    notes: tuple[str, ...]

    def all(self, name: str) -> list[Line]:
        """Every line of that command."""
        return [line for line in self.commands if line.name == name]

    def last(self, name: str) -> Line | None:
        """The line that counts where a command is given again."""
        found = self.all(name)
        return found[-1] if found else None

    def need(self, name: str) -> Line:
        """The last line of that command.

        Raises:
            ValueError: there is none.
        """
        line = self.last(name)
        if line is None:
            raise ValueError(f"expected a {name} line, got none")
        return line

    def counting(self) -> list[Line]:
        """The cfarCfg lines of twelve numbers of a configuration that is not the low-power SDK's.

        They are those of TI's first people counting demos: of its spectrum over range and angle.
        """
        return [] if self.last("chirpComnCfg") else [line for line in self.all("cfarCfg") if len(line.values) == 12]

    def of_subframe(self, name: str, subframe: int, extra: int) -> list[Line]:
        """Lines of a command that hold for a subframe, without that argument.

        Args:
            name: of the command.
            subframe: index.
            extra: number of arguments of the form that begins with a subframe index (-1 = all of them); shorter forms
                come from SDK 1, which had none.
        """
        found = []
        for line in self.all(name):
            if len(line.values) < extra:
                found.append(line)
            elif line.whole(0, -1, 3) in (-1, subframe):
                found.append(Line(line.number, line.name, line.values[1:]))
        return found


def split(text: str) -> Lines:
    """Take a configuration apart.

    Raises:
        ValueError: a known command has the wrong number of arguments, or one that is not a finite number; the sentence
            begins with the number of the line.
    """
    commands, comments, notes = [], [], []
    unused: dict[int, str] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        content = raw.strip().lstrip("\ufeff")
        if content[:1] in ("%", "#", ";") or content.startswith("//"):
            comments.append(content.lstrip("%#;/ ").rstrip())
            continue
        words = re.split(r"[%#]", content, maxsplit=1)[0].split()
        if not words or words[0] in SILENT:
            continue
        if words[0] == "antGeometryBoard" and len(words) == 2:
            comments.append(f"Device: {words[1]}")
            continue
        if words[0] == IMAGING:
            commands.append(Line(number, IMAGING, ()))
            notes.append(f"line {number}: '{IMAGING}': its numbers are not used")
            continue
        if words[0] not in COUNTS:
            unused[number] = words[0]
            continue
        commands.append(_line(number, words[0], words[1:]))
    return Lines(tuple(commands), tuple(comments), (*notes, *_unused(unused)))


def _unused(lines: dict[int, str]) -> list[str]:
    """What is said of lines, by their numbers, whose commands are not known."""
    notes = []
    if lines:
        where = ", ".join(map(str, lines))
        names = ", ".join(f"'{_short(name)}'" for name in dict.fromkeys(lines.values()))
        notes.append(f"line {where}: {names} is not used" if len(lines) == 1 else f"lines {where}: not used: {names}")
    if PLACE in lines.values():
        notes.append(f"{PLACE}: what it says is for a recipe's [placement] to say: radar_height, radar_tilt_deg")
    return notes


def _line(number: int, name: str, words: list[str]) -> Line:
    counts = COUNTS[name]
    if len(words) not in counts:
        expected = " or ".join(map(str, counts)) if len(counts) < 5 else f"{counts[0]} to {counts[-1]}"
        raise ValueError(f"line {number}: {name}: expected {expected} numbers, got {len(words)}")
    try:
        values = tuple(_value(word) for word in words)
    except ValueError:
        bad = next(word for word in words if not _is_number(word))
        raise ValueError(f"line {number}: {name}: expected numbers, got '{_short(bad)}'") from None
    if not all(math.isfinite(value) and abs(value) < 1e12 for value in values):
        raise ValueError(f"line {number}: {name}: expected finite numbers, got one that is not or is huge")
    return Line(number, name, values)


def _value(word: str) -> float:
    return float(int(word, 16) if word[:2].lower() == "0x" else float(word))


def _is_number(word: str) -> bool:
    try:
        _value(word)
    except ValueError:
        return False
    return True


def _short(word: str) -> str:
    printable = "".join(c if c.isprintable() else "?" for c in word)
    return printable if len(printable) <= 40 else printable[:37] + "..."
