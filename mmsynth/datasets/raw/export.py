"""A data set's raw samples as recordings of the radar's own tools, for chains that read those."""

import csv
from pathlib import Path
from typing import Protocol

from mmsynth.datasets.raw.dca1000 import write_dca1000
from mmsynth.datasets.raw.infineon import write_infineon
from mmsynth.radar import device_named, write_cfg
from mmsynth.types import Processing, RadarSetup, Sample

COLUMNS = ("file", "start", "end", "label", "subject", "session")


class Clips(Protocol):
    """Any sequence of clips, such as a data set."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


def export_recordings(clips: Clips, folder: Path | str, processing: Processing | None = None) -> tuple[Path, ...]:
    """Write the raw samples of every clip that has some to a new folder; returns the recordings.

    TI's boards: a DCA1000 .bin a clip and one radar.cfg; Infineon's: a folder a clip with radar.npy and config.json.
    labels.csv beside them names each recording's activity, subject and session, as `mmsynth import` reads it.

    Args:
        clips: a data set.
        folder: that does not exist.
        processing: goes into the .cfg; None = TI's defaults.

    Raises:
        ValueError: the folder exists, no clip has samples, or the radar is of another maker.
    """
    folder = Path(folder)
    if folder.exists():
        raise ValueError(f"{folder}: exists already")
    written: list[tuple[Path, Sample]] = []
    for index in range(len(clips)):
        sample = clips[index]
        if sample.adc is None:
            continue
        radar = sample.adc.radar
        folder.mkdir(parents=True, exist_ok=True)
        name = "".join(c if c.isalnum() or c in "-_." else "_" for c in sample.id)
        if device_named(radar.name.partition("/")[0]).kind == "bgt60":
            write_infineon(folder / name, sample.adc)
            written.append((folder / name, sample))
        else:
            written += [(path, sample) for path in write_dca1000(folder / f"{name}.bin", sample.adc)]
            if not (folder / "radar.cfg").exists():
                text = write_cfg(RadarSetup(radar, processing or Processing()))
                (folder / "radar.cfg").write_text(text, encoding="utf-8")
    if not written:
        raise ValueError("export: expected clips with raw samples, got none (generate with ADC kept)")
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for path, sample in written:
            labels = sample.labels
            table.writerow([path.name, "", "", labels.activity, labels.subject, labels.session])
    return tuple(path for path, _ in written)
