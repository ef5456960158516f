"""A user's own recordings, end to end: raw ADC or point logs with a label table become one data set."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mmsynth.datasets.attributes import Attributes
from mmsynth.datasets.capture import Capture, ImportReport
from mmsynth.datasets.parts import starts
from mmsynth.datasets.segments import Segment, read_segments
from mmsynth.datasets.sources import FORMATS, POINTS_ONLY, Format, RecordingSettings, Source
from mmsynth.types import Labels, Radar, RadarSetup, Sample


def import_recordings(
    kind: str,
    source: Path | str,
    radar: str = "",
    labels: Path | None = None,
    settings: RecordingSettings = POINTS_ONLY,
) -> Capture:
    """Open recordings of a kind (a key of `FORMATS`), raw ones through the device's own processing.

    With a label table each of its rows becomes a clip `NAME-000` of the frames from start to end; without one each
    recording becomes a clip without a label.

    Args:
        kind: of the files.
        source: a recording, or a folder of them.
        radar: profile, .toml or .cfg of the radar that recorded.
        labels: CSV, see `segments.read_segments`.
        settings: what is kept of raw recordings.

    Raises:
        ValueError: there is no such source, nothing in it, a labelled file is missing or shorter than its label says,
            the recordings were made by different radars, or samples or heatmaps are asked of a log of points.
    """
    source, how = Path(source), FORMATS[kind]
    if not how.raw and not settings.points_only:
        raise ValueError(f"import {kind}: holds points, not ADC samples; leave out --adc, --heatmaps and --recipe")
    if not source.exists():
        raise ValueError(f"{source}: no such file or folder")
    _check_file(source, how, kind)
    segments = read_segments(labels) if labels else tuple(Segment(name, "") for name in _find(source, how, kind))
    report = ImportReport()
    clips = _clips(source, segments, partial(_open, kind, radar, settings), report)
    first, setup = next(clips)
    attributes = Attributes(
        radar=setup.radar if setup else None,
        processing=setup.processing if setup else None,
        intensity_unit=first.cloud.intensity_unit,
        notes={"format": kind},
    )
    rest = (_same_radar(sample, other, setup) for sample, other in clips)
    return Capture(attributes, chain([first], rest), report)


def _open(kind: str, radar: str, settings: RecordingSettings, path: Path) -> Source:
    how = FORMATS[kind]
    _check_file(path, how, kind)
    return how.open(path, radar, settings)


def _check_file(source: Path, how: Format, kind: str) -> None:
    """Refuse a single file where a folder is the recording, or that another format than binary dumps calls its own."""
    if not source.is_file():
        return
    if how.folder:
        raise ValueError(f"{source}: expected the folder of {kind} recordings ({', '.join(how.patterns)}), got a file")
    suffixes = {Path(pattern).suffix for other in FORMATS.values() for pattern in other.patterns} - {".bin", ".dat"}
    if source.suffix in suffixes and not any(source.match(pattern) for pattern in how.patterns):
        raise ValueError(f"{source}: expected a {kind} recording ({', '.join(how.patterns)}), got a {source.suffix}")


def _find(source: Path, how: Format, kind: str) -> list[str]:
    """Names of the recordings in a folder, relative to it."""
    if source.is_file():
        return [source.name]
    found = sorted({p for pattern in how.patterns for p in source.rglob(pattern)}, key=lambda p: p.as_posix())
    names = [(p.parent if how.folder else p).relative_to(source).as_posix() for p in found]
    names = starts(names)
    if not names:
        raise ValueError(f"{source}: expected {kind} recordings ({', '.join(how.patterns)}), found none")
    return names


def _clips(
    source: Path, segments: tuple[Segment, ...], open_file: Callable[[Path], Source], report: ImportReport
) -> Iterator[tuple[Sample, RadarSetup | None]]:
    told: dict[str, list[str]] = {}  # which recordings a sentence is of
    for name in dict.fromkeys(segment.file for segment in segments):
        # A source that is a recording itself may be called by its own name.
        path = source if source.name == name else source / name
        if not path.exists():
            raise ValueError(f"{path}: expected a recording that the table of labels names, got no such file")
        opened = open_file(path)
        times = opened.times
        report.read.update(recordings=1, frames=len(times))
        _tell(opened, path.resolve().name if name == "." else name, told)
        mine = [segment for segment in segments if segment.file == name]
        used = np.zeros(len(times), bool)
        for k, segment in enumerate(mine):
            start, stop = _frames(segment, times, path)
            twice = int(used[start:stop].sum())
            if twice:
                report.notes.append(f"{name}: {twice} frames of clip {k:03d} are in an earlier one")
            used[start:stop] = True
            labelled = len(mine) > 1 or bool(segment.label)
            stem = path.resolve().name if path.is_dir() else Path(name).with_suffix("").as_posix()
            clip = Sample(
                id=f"{stem}-{k:03d}" if labelled else stem,
                labels=Labels(segment.label, segment.subject, segment.session, stem),
                provenance={"file": name, "start": f"{times[start] - times[0]:.6f}"},
                **opened.cut(start, stop),
            )
            report.read.update(clips=1, points=len(clip.cloud.velocity))
            yield clip, opened.setup
        report.dropped["frames without a label"] += int((~used).sum())
    for note, names in told.items():
        report.notes.append(f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {note}")


def _tell(opened: Source, name: str, told: dict[str, list[str]]) -> None:
    """Add the name of a recording to every sentence on it, and once that of its radar to those on that."""
    for note in opened.notes:
        told.setdefault(note, []).append(name)
    if opened.setup:
        told.update({note: [opened.setup.radar.name] for note in opened.setup.notes})


def _frames(segment: Segment, times: NDArray[np.float64], path: Path) -> tuple[int, int]:
    """First and end frame of a segment."""
    since = times - times[0]
    start, stop = (int(np.searchsorted(since, edge - 1e-6)) for edge in (segment.start, segment.end))
    period = float(np.median(np.diff(since))) if len(since) > 1 else 0.0
    if not math.isinf(segment.end) and segment.end > since[-1] + period + 1e-6:
        raise ValueError(f"{path}: labelled to {segment.end} s, but it lasts {since[-1] + period:.3f} s")
    if stop <= start:
        raise ValueError(f"{path}: no frame from {segment.start} s to {segment.end} s")
    return start, stop


def _same_radar(sample: Sample, setup: RadarSetup | None, first: RadarSetup | None) -> Sample:
    if (setup is None) != (first is None) or (setup and first and not _equal(setup.radar, first.radar)):
        raise ValueError(
            f"clip '{sample.id}': recorded by another radar than the first; import it to a file of its own"
        )
    return sample


def _equal(a: Radar, b: Radar) -> bool:
    return a.waveform == b.waveform and a.rx.shape == b.rx.shape and bool(torch.equal(a.codes, b.codes))
