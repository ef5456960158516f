"""The kinds of recordings of one's own: how each is found, opened and cut."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from mmsynth.config import load
from mmsynth.datasets.capture import make_cloud
from mmsynth.datasets.clouds import cut_cloud, join_clouds, join_heatmaps
from mmsynth.datasets.parts import parts_of
from mmsynth.datasets.raw import (
    Layout,
    Recording,
    board_correction,
    infineon_setup,
    read_array,
    read_cascade,
    read_dca1000,
    read_infineon,
    read_replay,
    read_ti_uart,
)
from mmsynth.datasets.rostext import read_ros_frames
from mmsynth.datasets.table import read_table
from mmsynth.processing import beamform, detect, range_doppler
from mmsynth.processing.heatmaps import KINDS
from mmsynth.radar import load_radar, processed_by
from mmsynth.types import AdcFrames, Heatmap, PointCloud, RadarSetup


@dataclass(frozen=True)
class RecordingSettings:
    """What a data set keeps of raw recordings.

    Attributes:
        adc: the samples themselves.
        heatmaps: kinds of heatmaps, as `processing.beamform` names them.
        layout: what the axes of plain arrays mean.
        processing: keys of the device's chain that differ from the profile's, as those of a synthetic set's recipe do.
    """

    adc: bool = False
    heatmaps: tuple[str, ...] = ()
    layout: Layout = Layout()
    processing: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind in self.heatmaps:
            if kind not in KINDS:
                raise ValueError(f"heatmaps: expected some of {', '.join(KINDS)}, got '{kind}'")

    @property
    def points_only(self) -> bool:
        """Whether samples are neither kept nor processed otherwise than their device does."""
        return not self.adc and not self.heatmaps and not self.processing


POINTS_ONLY = RecordingSettings()


def recording_settings(
    adc: bool, heatmaps: str, layout: Path | None, processing: Mapping[str, Any] | None = None
) -> RecordingSettings:
    """Settings as a command gives them: kinds of heatmaps apart by commas, the layout as a TOML file.

    Raises:
        ValueError: there is no such kind of heatmap or no such file, or it is no layout.
    """
    kinds = tuple(kind.strip() for kind in heatmaps.split(",") if kind.strip())
    return RecordingSettings(adc, kinds, load(Layout, layout) if layout else Layout(), processing or {})


class Source(Protocol):
    """One opened recording."""

    @property
    def setup(self) -> RadarSetup | None:
        """The radar that recorded it, if known."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was dropped or assumed of it, but for what its setup tells."""
        ...

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds [frames] of every frame."""
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
        """Seconds [frames] of every frame."""
        return self.recording.radar.waveform.frame_period * np.arange(float(len(self.recording)))

    def cut(self, start: int, stop: int) -> dict[str, Any]:
        """Cloud, and what the settings ask for, of frames start to stop."""
        parts = [self._process(adc, start) for adc in self.recording.chunks(start, stop)]
        clouds, maps, frames = zip(*parts, strict=True)
        radar = self.recording.radar
        adc = AdcFrames(radar, torch.cat([f.samples for f in frames]), torch.cat([f.times for f in frames]))
        return {
            "cloud": join_clouds(clouds),
            "heatmaps": tuple(join_heatmaps(kind) for kind in zip(*maps, strict=True)),
            "adc": adc if self.settings.adc else None,
        }

    def _process(self, adc: AdcFrames, zero: int) -> tuple[PointCloud, tuple[Heatmap, ...], AdcFrames]:
        """Cloud, heatmaps and what is kept of some frames; times count from frame `zero`."""
        chain = self.setup.processing
        adc = replace(adc, times=adc.times - zero * adc.radar.waveform.frame_period)
        cube = range_doppler(adc, chain)
        maps = tuple(beamform(cube, kind, chain) for kind in self.settings.heatmaps)
        kept = adc if self.settings.adc else replace(adc, samples=adc.samples[:0], times=adc.times[:0])
        return detect(cube, chain), maps, kept


def raw_source(recording: Recording, setup: RadarSetup, settings: RecordingSettings) -> RawSource:
    """A raw recording with a chain that its frames allow: few loops have no room for noise cells along Doppler.

    Raises:
        ValueError: a key of `settings.processing` is unknown or wrong.
    """
    setup = processed_by(setup, settings.processing)
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
        """Seconds [frames] of every frame."""
        return self.cloud.times.numpy().astype(np.float64)

    def cut(self, start: int, stop: int) -> dict[str, Any]:
        """Cloud of frames start to stop."""
        return {"cloud": cut_cloud(self.cloud, start, stop)}


def open_dca1000(path: Path, radar: str, settings: RecordingSettings) -> Source:
    """A DCA1000 file; later parts are taken with `NAME_Raw_0.bin` and `NAME_hdr_0ADC_0.bin`."""
    setup = _setup(path, radar)
    return raw_source(read_dca1000(parts_of(path), setup), setup, settings)


def open_cascade(path: Path, radar: str, settings: RecordingSettings) -> Source:
    """A folder with the files of TI's four-device cascade; --cfg is mmWave Studio's NAME.mmwave.json or a .cfg."""
    setup = _setup(path, radar)
    return raw_source(read_cascade(path, setup), setup, settings)


def open_array(path: Path, radar: str, settings: RecordingSettings) -> Source:
    """A plain array of samples, whose axes the settings' layout names."""
    setup = _setup(path, radar)
    recording = read_array(path, setup.radar, settings.layout)
    return raw_source(replace(recording, correction=board_correction(setup)), setup, settings)


def open_infineon(path: Path, radar: str, settings: RecordingSettings) -> Source:
    """A folder with radar.npy and config.json.

    Raises:
        ValueError: a radar is given, or the folder holds no such recording.
    """
    if radar:
        raise ValueError("import infineon: config.json describes the radar; leave out --cfg")
    return raw_source(read_infineon(path), infineon_setup(path / "config.json", path.name), settings)


def open_ti_uart(path: Path, radar: str, settings: RecordingSettings) -> Source:
    """A log of the bytes that a TI demo sends over its data port, or what TI's Visualizer saves of them.

    The Visualizer's replay_1.json and so on hold their configuration; later parts are taken with the first.
    """
    if path.suffix.lower() == ".json":
        replay = read_replay(parts_of(path), load_radar(radar) if radar else None)
        return PointSource(replay.cloud, replay.setup, replay.notes)
    setup = _setup(path, radar)
    log = read_ti_uart(path, setup.radar)
    return PointSource(log.cloud, setup, log.notes)


def open_ros_text(path: Path, radar: str, settings: RecordingSettings) -> Source:
    """Text that `rostopic echo` wrote of `ti_mmwave_rospkg`'s radar_scan."""
    setup = _setup(path, radar)
    found = read_ros_frames(path, setup.radar.waveform.frame_period)
    notes = (
        (f"{found.damaged} damaged blocks were left out", found.damaged),
        (f"{found.lead} points before the first whole frame were left out", found.lead),
        (f"{found.lost} frames were lost by the recorder", found.lost),
    )
    cloud = make_cloud(found.columns, found.frame, found.times, "10 log10(ADC counts + 1)")
    return PointSource(cloud, setup, tuple(text for text, count in notes if count))


def open_table(path: Path, radar: str, settings: RecordingSettings) -> Source:
    """A CSV of points."""
    setup = load_radar(radar) if radar else None
    return PointSource(read_table(path, setup.radar if setup else None), setup)


def _setup(path: Path, radar: str) -> RadarSetup:
    if not radar:
        raise ValueError(f"{path}: expected the radar's configuration (--cfg), got none")
    return load_radar(radar)


@dataclass(frozen=True)
class Format:
    """How recordings of one kind are found and opened.

    Attributes:
        patterns: of the files that are recordings, in a folder.
        open: a file (or folder), radar and settings to a source.
        folder: the recording is the folder of the file.
        raw: it holds ADC samples, not points.
    """

    patterns: tuple[str, ...]
    open: Callable[[Path, str, RecordingSettings], Source]
    folder: bool = False
    raw: bool = False


FORMATS: dict[str, Format] = {
    "dca1000": Format(("*.bin",), open_dca1000, raw=True),
    "cascade": Format(("master_0000_data.bin",), open_cascade, folder=True, raw=True),
    "infineon": Format(("radar.npy",), open_infineon, folder=True, raw=True),
    "array": Format(("*.npy", "*.npz", "*.mat"), open_array, raw=True),
    "ti-uart": Format(("*.dat", "*.bin", "replay_*.json"), open_ti_uart),
    "ros-text": Format(("*.txt", "*.yaml"), open_ros_text),
    "csv": Format(("*.csv",), open_table),
}
