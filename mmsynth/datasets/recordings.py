"""A user's own recordings, end to end: raw ADC or point logs with a label table become one data set."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from mmsynth.datasets.attributes import Attributes
from mmsynth.datasets.capture import Capture, ImportReport
from mmsynth.datasets.clouds import cut_cloud, join_clouds, join_heatmaps
from mmsynth.datasets.raw import Recording, infineon_setup, read_dca1000, read_infineon, read_ti_uart
from mmsynth.datasets.table import read_table
from mmsynth.datasets.takes import Take, read_takes
from mmsynth.processing import beamform, detect, range_doppler
from mmsynth.radar import load_radar
from mmsynth.types import AdcFrames, Heatmap, Labels, PointCloud, Radar, RadarSetup, Sample


@dataclass(frozen=True)
class RecordingSettings:
    """What a data set keeps of raw recordings.

    Attributes:
        adc: the samples themselves.
        heatmaps: kinds of heatmaps, as `processing.beamform` names them.
    """

    adc: bool = False
    heatmaps: tuple[str, ...] = ()


class Source(Protocol):
    """One opened recording."""

    @property
    def setup(self) -> RadarSetup | None:
        """The radar that recorded it, if known."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was dropped or assumed."""
        ...

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds of every frame."""
        ...

    def cut(self, start: int, stop: int) -> dict[str, Any]:
        """Cloud (and ADC and heatmaps) of frames start to stop, as fields of a Sample; times from `start` on."""
        ...


@dataclass(frozen=True, eq=False)
class RawSource:
    """Raw ADC, processed as the device does it, a chunk of frames at a time."""

    recording: Recording
    setup: RadarSetup
    settings: RecordingSettings

    @property
    def notes(self) -> tuple[str, ...]:
        """What was dropped or assumed."""
        return self.recording.notes

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds of every frame."""
        return self.recording.radar.waveform.frame_period * np.arange(float(len(self.recording)))

    def cut(self, start: int, stop: int) -> dict[str, Any]:
        """Cloud, and what the settings ask for, of frames start to stop."""
        step = max(1, (32 << 20) // max(1, 8 * self.recording.frames(start, start + 1).samples.numel()))
        parts = [self._process(a, min(a + step, stop), start) for a in range(start, stop, step)]
        clouds, maps, frames = zip(*parts, strict=True)
        radar = self.recording.radar
        adc = AdcFrames(radar, torch.cat([f.samples for f in frames]), torch.cat([f.times for f in frames]))
        return {
            "cloud": join_clouds(clouds),
            "heatmaps": tuple(join_heatmaps(kind) for kind in zip(*maps, strict=True)),
            "adc": adc if self.settings.adc else None,
        }

    def _process(self, start: int, stop: int, zero: int) -> tuple[PointCloud, tuple[Heatmap, ...], AdcFrames]:
        adc, chain = self.recording.frames(start, stop), self.setup.processing
        adc = replace(adc, times=adc.times - zero * adc.radar.waveform.frame_period)
        cube = range_doppler(adc, chain)
        maps = tuple(beamform(cube, kind, chain) for kind in self.settings.heatmaps)
        kept = adc if self.settings.adc else replace(adc, samples=adc.samples[:0], times=adc.times[:0])
        return detect(cube, chain), maps, kept


def raw_source(recording: Recording, setup: RadarSetup, settings: RecordingSettings) -> RawSource:
    """A raw recording with a chain that its frames allow: few loops have no room for noise cells along Doppler."""
    cfar, loops = setup.processing.doppler_cfar, setup.radar.waveform.loops
    if cfar is None or 2 * (cfar.window + cfar.guard) < loops:
        return RawSource(recording, setup, settings)
    note = (
        f"{loops} loops are too few for a CFAR along Doppler with {cfar.window} cells and {cfar.guard} guards: left out"
    )
    chain = replace(setup.processing, doppler_cfar=None)
    return RawSource(replace(recording, notes=(*recording.notes, note)), replace(setup, processing=chain), settings)


@dataclass(frozen=True, eq=False)
class PointSource:
    """A log of points, as the device sent them."""

    cloud: PointCloud
    setup: RadarSetup | None = None
    notes: tuple[str, ...] = ()

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds of every frame."""
        return self.cloud.times.numpy().astype(np.float64)

    def cut(self, start: int, stop: int) -> dict[str, Any]:
        """Cloud of frames start to stop."""
        return {"cloud": cut_cloud(self.cloud, start, stop)}


def open_dca1000(path: Path, radar: str, settings: RecordingSettings) -> Source:
    """A DCA1000 file; parts `NAME_Raw_1.bin` and so on are taken with `NAME_Raw_0.bin`."""
    if not radar:
        raise ValueError("import dca1000: expected the radar's configuration (--cfg), got none")
    setup = load_radar(radar)
    return raw_source(read_dca1000(_raw_parts(path), setup), setup, settings)


def open_infineon(path: Path, radar: str, settings: RecordingSettings) -> Source:
    """A folder with radar.npy and config.json."""
    if radar:
        raise ValueError("import infineon: config.json describes the radar; leave out --cfg")
    return raw_source(read_infineon(path), infineon_setup(path / "config.json", path.name), settings)


def open_ti_uart(path: Path, radar: str, settings: RecordingSettings) -> Source:
    """A log of the bytes that a TI demo sends over its data port."""
    if not radar:
        raise ValueError("import ti-uart: expected the radar's configuration (--cfg), got none")
    setup = load_radar(radar)
    log = read_ti_uart(path, setup.radar)
    return PointSource(log.cloud, setup, log.notes)


def open_table(path: Path, radar: str, settings: RecordingSettings) -> Source:
    """A CSV of points."""
    setup = load_radar(radar) if radar else None
    return PointSource(read_table(path, setup.radar.waveform.frame_period if setup else 0.0), setup)


@dataclass(frozen=True)
class Format:
    """How recordings of one kind are found and opened.

    Attributes:
        patterns: of the files that are recordings, in a folder.
        open: a file (or folder), radar and settings to a source.
        folder: the recording is the folder of the file.
    """

    patterns: tuple[str, ...]
    open: Callable[[Path, str, RecordingSettings], Source]
    folder: bool = False


FORMATS: dict[str, Format] = {
    "dca1000": Format(("*.bin",), open_dca1000),
    "infineon": Format(("radar.npy",), open_infineon, folder=True),
    "ti-uart": Format(("*.dat", "*.bin"), open_ti_uart),
    "csv": Format(("*.csv",), open_table),
}


def import_recordings(
    kind: str,
    source: Path | str,
    radar: str = "",
    labels: Path | None = None,
    settings: RecordingSettings = RecordingSettings(),
) -> Capture:
    """Open recordings of a kind (a key of `FORMATS`), raw ones through the device's own processing.

    With a label table each of its rows becomes a clip `NAME-000` of the frames from start to end; without one each
    recording becomes a clip without a label.

    Args:
        kind: of the files.
        source: a recording, or a folder of them.
        radar: profile, .toml or .cfg of the radar that recorded.
        labels: CSV, see `takes.read_takes`.
        settings: what is kept of raw recordings.

    Raises:
        ValueError: there is no such source, nothing in it, a labelled file is missing or shorter than its label says,
            or the recordings were made by different radars.
    """
    source, how = Path(source), FORMATS[kind]
    takes = read_takes(labels) if labels else tuple(Take(name, "") for name in _find(source, how, kind))
    report = ImportReport()
    clips = _clips(source, takes, lambda path: how.open(path, radar, settings), report)
    first, setup = next(clips)
    attributes = Attributes(
        radar=setup.radar if setup else None,
        processing=setup.processing if setup else None,
        intensity_unit=first.cloud.intensity_unit,
        notes={"format": kind},
    )
    rest = (_same_radar(sample, other, setup) for sample, other in clips)
    return Capture(attributes, chain([first], rest), report)


def _find(source: Path, how: Format, kind: str) -> list[str]:
    """Names of the recordings in a folder, relative to it."""
    if not source.exists():
        raise ValueError(f"{source}: no such file or folder")
    if source.is_file():
        return [source.name]
    found = sorted({p for pattern in how.patterns for p in source.rglob(pattern)}, key=lambda p: p.as_posix())
    names = [(p.parent if how.folder else p).relative_to(source).as_posix() for p in found]
    names = [name for name in names if not name.endswith(".bin") or "_Raw_" not in name or name.endswith("_Raw_0.bin")]
    if not names:
        raise ValueError(f"{source}: expected {kind} recordings ({', '.join(how.patterns)}), found none")
    return names


def _clips(
    source: Path, takes: tuple[Take, ...], open_file: Callable[[Path], Source], report: ImportReport
) -> Iterator[tuple[Sample, RadarSetup | None]]:
    for name in dict.fromkeys(take.file for take in takes):
        # A source that is a recording itself may be called by its own name.
        path = source if source.name == name else source / name
        if not path.exists():
            raise ValueError(f"{path}: no such recording")
        opened = open_file(path)
        times = opened.times
        report.read.update(recordings=1, frames=len(times))
        report.notes.extend(note for note in opened.notes if note not in report.notes)
        mine = [take for take in takes if take.file == name]
        used = np.zeros(len(times), bool)
        for k, take in enumerate(mine):
            start, stop = _frames(take, times, path)
            used[start:stop] = True
            labelled = len(mine) > 1 or bool(take.label)
            stem = path.resolve().name if path.is_dir() else Path(name).with_suffix("").as_posix()
            clip = Sample(
                id=f"{stem}-{k:03d}" if labelled else stem,
                labels=Labels(take.label, take.subject, take.session, stem),
                provenance={"file": name, "start": f"{times[start] - times[0]:.6f}"},
                **opened.cut(start, stop),
            )
            report.read.update(clips=1, points=len(clip.cloud.velocity))
            yield clip, opened.setup
        report.dropped["frames without a label"] += int((~used).sum())


def _frames(take: Take, times: NDArray[np.float64], path: Path) -> tuple[int, int]:
    """First and end frame of a take."""
    since = times - times[0]
    start, stop = (int(np.searchsorted(since, edge - 1e-6)) for edge in (take.start, take.end))
    period = float(np.median(np.diff(since))) if len(since) > 1 else 0.0
    if not math.isinf(take.end) and take.end > since[-1] + period + 1e-6:
        raise ValueError(f"{path}: labelled to {take.end} s, but it lasts {since[-1] + period:.3f} s")
    if stop <= start:
        raise ValueError(f"{path}: no frame from {take.start} s to {take.end} s")
    return start, stop


def _same_radar(sample: Sample, setup: RadarSetup | None, first: RadarSetup | None) -> Sample:
    if (setup is None) != (first is None) or (setup and first and not _equal(setup.radar, first.radar)):
        raise ValueError(
            f"clip '{sample.id}': recorded by another radar than the first; import it to a file of its own"
        )
    return sample


def _equal(a: Radar, b: Radar) -> bool:
    return a.waveform == b.waveform and a.rx.shape == b.rx.shape and bool(torch.equal(a.codes, b.codes))


def _raw_parts(path: Path) -> list[Path]:
    """The files of a DCA1000 recording, in order."""
    if not path.name.endswith("_Raw_0.bin"):
        return [path]
    prefix = path.name.removesuffix("0.bin")
    parts = [p for p in path.parent.glob(f"{prefix}*.bin") if p.stem.removeprefix(prefix).isdigit()]
    return sorted(parts, key=lambda p: int(p.stem.removeprefix(prefix)))
