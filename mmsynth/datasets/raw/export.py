"""A data set's raw samples as recordings of the radar's own tools, for chains that read those."""

import csv
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from mmsynth.datasets.raw.cascade import write_cascade
from mmsynth.datasets.raw.dca1000 import write_dca1000
from mmsynth.datasets.raw.infineon import write_infineon
from mmsynth.radar import device_of, write_cfg
from mmsynth.types import AdcFrames, Labels, Processing, Radar, RadarSetup, Sample
from mmsynth.whole import file_name

COLUMNS = ("file", "start", "end", "label", "subject", "session")


def export_recordings(
    clips: Iterable[Sample], folder: Path | str, processing: Processing | None = None, kind: str = ""
) -> tuple[Path, ...]:
    """Write the raw samples of every clip that has some to a new folder; returns the recordings.

    A DCA1000 .bin a clip (`NAME_Raw_0.bin` ... beyond 1 GB), or a folder a clip with the cascade's files or with
    Infineon's radar.npy and config.json; beside TI's, radar.cfg. labels.csv names each recording's activity, subject
    and session, as `mmsynth import` reads it. The folder is written beside its name and renamed.

    Args:
        clips: such as those of a data set.
        folder: that does not exist.
        processing: goes into the .cfg; None = TI's defaults.
        kind: a key of `KINDS`; "" = that of the radar's board.

    Raises:
        ValueError: the folder exists, no clip has samples, two of them would be one file, or the radar is not of a
            board that records so.
        OSError: the disk is full, or not writable.
    """
    folder = Path(folder)
    if folder.exists():
        raise ValueError(f"{folder}: exists already")
    if kind and kind not in KINDS:
        raise ValueError(f"export: expected one of {', '.join(KINDS)}, got '{kind}'")
    beside = folder.with_name(folder.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)  # of an export that was killed
    beside.mkdir(parents=True)
    try:
        written = _write_all(clips, beside, processing or Processing(), kind)
        beside.rename(folder)
    except OSError as error:
        raise OSError(f"{folder}: cannot write: {error.strerror or error}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return tuple(folder / name for name in written)


def _write_all(clips: Iterable[Sample], folder: Path, processing: Processing, kind: str) -> list[str]:
    """Names of the recordings."""
    rows: list[tuple[str, Labels]] = []
    names: set[str] = set()
    for sample in clips:
        if sample.adc is None:
            continue
        used = kind or _kind_of(sample.adc.radar)
        name = file_name(sample.id)
        if name in names:
            raise ValueError(f"export: expected clips whose names differ as files, got '{name}' twice ('{sample.id}')")
        names.add(name)
        rows.append((KINDS[used](folder / name, sample.adc), sample.labels))
        if used != "infineon" and len(rows) == 1:
            text = write_cfg(RadarSetup(sample.adc.radar, processing))
            (folder / "radar.cfg").write_text(text, encoding="utf-8")
    if not rows:
        raise ValueError(
            "export: expected clips with raw samples, got none (keep them by import --adc, or outputs.adc = true)"
        )
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows((name, "", "", labels.activity, labels.subject, labels.session) for name, labels in rows)
    return [name for name, _ in rows]


def _kind_of(radar: Radar) -> str:
    try:
        board = device_of(radar)
    except ValueError as error:
        raise ValueError(
            f"export: expected the radar of a board whose recordings have a format (by the beginning of its name; "
            f"{error}); the samples of any radar are in the data set itself"
        ) from None
    if board.name == "AWR2243CASCADE":
        return "cascade"
    return "infineon" if board.kind == "bgt60" else "dca1000"


def _dca1000(path: Path, adc: AdcFrames) -> str:
    if _kind_of(adc.radar) != "dca1000":
        raise ValueError(f"radar {adc.radar.name}: expected a board that goes with a DCA1000, got another one")
    return write_dca1000(path.with_name(path.name + ".bin"), adc)[0].name


def _cascade(path: Path, adc: AdcFrames) -> str:
    write_cascade(path, adc)
    return path.name


def _infineon(path: Path, adc: AdcFrames) -> str:
    write_infineon(path, adc)
    return path.name


# Writers of one recording by the kind that `mmsynth import` reads it as; each gives the name of what it wrote.
KINDS: dict[str, Callable[[Path, AdcFrames], str]] = {"dca1000": _dca1000, "cascade": _cascade, "infineon": _infineon}
