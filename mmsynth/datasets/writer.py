"""Writing a data set: clips in, one HDF5 file out, whole or not at all."""

import contextlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmsynth.datasets.attributes import Attributes, to_json
from mmsynth.datasets.check import check_clips
from mmsynth.datasets.clouds import point_rows
from mmsynth.datasets.disk import Disk
from mmsynth.datasets.layout import COLUMNS, SCHEMA, TEXT_COLUMNS, VERSION, axes_of, column_units
from mmsynth.joints import joint_names
from mmsynth.types import AdcFrames, Heatmap, PointCloud, Sample


class DatasetWriter:
    """A context manager that appends clips to a new file.

    The file grows beside its name (`NAME.part`) and gets its name when the block ends well; otherwise nothing is left.
    The same clips in the same order give the same bytes. Points become float32, heatmaps float16, ADC int16 with a
    scale: one step of the radar's own ADC where it has one, else a power of two, so that copying a file keeps values.
    """

    def __init__(self, path: Path | str, attributes: Attributes) -> None:
        """Open a new file.

        Raises:
            ValueError: the file exists, or its folder does not.
        """
        self.path = Path(path)
        self.attributes = attributes
        if self.path.exists():
            raise ValueError(f"{self.path}: expected a new file, got one that exists")
        if not self.path.parent.is_dir():
            raise ValueError(f"{self.path}: no such folder {self.path.parent}")
        self._part = self.path.with_name(self.path.name + ".part")
        self._ids: set[str] = set()
        self._arrays: dict[str, h5py.Dataset] = {}  # those that grow, by path
        self._texts: dict[str, list[bytes]] = {name: [] for name in TEXT_COLUMNS}
        self._regions: dict[str, int] = {}
        try:
            self._disk = Disk(self._part)
        except OSError as error:
            raise ValueError(f"{self.path}: cannot write: {error.strerror}") from None
        # Headers of this version carry checksums: a damaged file is refused instead of read.
        self._file = h5py.File(self._disk, "w", libver=("v110", "v110"))
        with self._or_nothing():
            self._create()

    def __enter__(self) -> "DatasetWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._file:
            return
        if kind is not None:
            self._discard()
            return
        with self._or_nothing():
            self._finish()
            self._file.close()
            self._disk.close()
            if self._disk.error is None and self.path.exists():
                raise ValueError(f"{self.path}: expected a new file, got one that appeared meanwhile")
        self._part.rename(self.path)

    def append(self, sample: Sample) -> None:
        """Add one clip.

        Raises:
            ValueError: its id is taken, it does not fit what the file holds (joint set, unit of intensity, radar, axes
                of a heatmap), or the disk is full (then nothing is left of the file).
        """
        self._check(sample)
        with self._or_nothing():
            self._append_cloud(sample.cloud)
            if self.attributes.joint_set:
                self._append_joints(sample)
            for heatmap in sample.heatmaps:
                self._append_heatmap(heatmap)
            if sample.adc is not None:
                self._append_adc(sample.adc)
            self._close_clip()
        self._ids.add(sample.id)
        text = (sample.id, *(getattr(sample.labels, name) for name in TEXT_COLUMNS[1:-1]))
        for name, value in zip(TEXT_COLUMNS, (*text, json.dumps(sample.provenance, sort_keys=True)), strict=True):
            self._texts[name].append(value.encode())

    def note(self, name: str, text: str) -> None:
        """Add to the notes of the file's attributes what is only known at its end."""
        notes = {**json.loads(self._file.attrs["notes"]), name: text}
        with self._or_nothing():
            _put(self._file, "notes", json.dumps(notes, sort_keys=True))

    def _create(self) -> None:
        given, file = self.attributes, self._file
        file.attrs["schema_version"], file.attrs["facets"], file.attrs["seed"] = VERSION, given.facets, given.seed
        _put(file, "schema", SCHEMA)
        for name in ("joint_set", "intensity_unit", "method", "recipe"):
            _put(file, name, getattr(given, name))
        _put(file, "versions", json.dumps(given.versions, sort_keys=True))
        _put(file, "notes", json.dumps(given.notes, sort_keys=True))
        _put(file, "radar", "" if given.radar is None else to_json(given.radar))
        _put(file, "processing", "" if given.processing is None else to_json(given.processing))
        for name in ("clips/frame_offsets", "frames/point_offsets"):
            self._array(name, (), np.int64, 4096)
            self._extend(name, np.zeros(1, np.int64))
        self._array("frames/time", (), np.float64, 4096)
        self._array("points/values", (len(COLUMNS),), np.float32, 8192)
        _put(file["points/values"], "columns", " ".join(COLUMNS))
        _put(file["points/values"], "units", column_units(given.intensity_unit))
        self._array("points/region", (), np.int16, 32768)

    def _finish(self) -> None:
        """Write what is only known at the end: the texts of all clips, as wide as the longest, and region names."""
        _put(self._file["points/region"], "names", json.dumps(list(self._regions)))
        for name, values in self._texts.items():
            width = max([1, *(len(value) for value in values)])
            self._fixed(f"clips/{name}", np.array(values, f"S{width}").astype(h5py.string_dtype("utf-8", width)))

    def _array(self, path: str, shape: tuple[int, ...], dtype: Any, rows: int, pack: bool = True) -> None:
        """An empty array that grows along its first axis, `rows` of them a chunk; radar noise is not worth packing."""
        packing = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if pack else {}
        data = self._arrays[path] = self._file.create_dataset(
            path,
            (0, *shape),
            dtype,
            maxshape=(None, *shape),
            chunks=(rows, *shape),
            track_times=False,
            fletcher32=True,
            **packing,
        )
        self._describe(path, data)

    def _fixed(self, path: str, values: NDArray[Any]) -> None:
        self._describe(path, self._file.create_dataset(path, data=values, track_times=False))

    def _describe(self, path: str, data: h5py.Dataset) -> None:
        axes, unit = axes_of(path)
        for k, axis in enumerate(axes):
            data.dims[k].label = axis
        _put(data, "unit", unit)

    def _extend(self, path: str, rows: NDArray[Any]) -> int:
        """Append rows; the number of rows before."""
        data = self._arrays[path]
        before = int(data.shape[0])
        if len(rows):
            data.resize(before + len(rows), axis=0)
            data[before:] = rows
        return before

    def _append_cloud(self, cloud: PointCloud) -> None:
        start = self._extend("points/values", point_rows(cloud))
        region = np.full(len(cloud.velocity), -1, np.int16)
        if cloud.region is not None and len(region):
            table = [self._regions.setdefault(name, len(self._regions)) for name in cloud.region_names]
            region = np.array([*table, -1], np.int16)[_numpy(cloud.region).astype(np.int64)]
        self._extend("points/region", region)
        self._extend("frames/point_offsets", start + _numpy(cloud.offsets)[1:].astype(np.int64))
        self._extend("frames/time", _numpy(cloud.times).astype(np.float64))

    def _append_joints(self, sample: Sample) -> None:
        count = len(joint_names(self.attributes.joint_set))
        if "joints" not in self._file:
            self._array("joints/positions", (count, 3), np.float32, 256)
        frames = len(sample.cloud.times)
        unknown = np.full((frames, count, 3), np.nan, np.float32)
        self._extend("joints/positions", unknown if sample.joints is None else _numpy(sample.joints))

    def _append_heatmap(self, heatmap: Heatmap) -> None:
        place = f"heatmaps/{heatmap.kind}"
        if place not in self._file:
            self._array(f"{place}/power", tuple(heatmap.power.shape[1:]), np.float16, 1, pack=False)
            self._fixed(f"{place}/rows", _numpy(heatmap.rows).astype(np.float64))
            self._fixed(f"{place}/columns", _numpy(heatmap.columns).astype(np.float64))
            self._start_stream(place)
        self._extend(f"{place}/power", _numpy(heatmap.power).astype(np.float16))
        self._extend(f"{place}/time", _numpy(heatmap.times).astype(np.float64))

    def _append_adc(self, adc: AdcFrames) -> None:
        parts = 2 if adc.samples.is_complex() else 1
        if "adc" not in self._file:
            self._array("adc/samples", (*adc.samples.shape[1:], parts), np.int16, 1, pack=False)
            self._array("adc/scale", (), np.float64, 4096)
            self._start_stream("adc")
        volts = torch.view_as_real(adc.samples) if parts == 2 else adc.samples[..., None]
        counts, scale = to_counts(_numpy(volts), adc)
        self._extend("adc/samples", counts)
        self._extend("adc/scale", np.full(len(counts), scale))
        self._extend("adc/time", _numpy(adc.times).astype(np.float64))

    def _start_stream(self, place: str) -> None:
        """Times and bounds of frames that have a rhythm of their own; clips so far had none of them."""
        self._array(f"{place}/time", (), np.float64, 4096)
        self._array(f"{place}/frame_offsets", (), np.int64, 4096)
        self._extend(f"{place}/frame_offsets", np.zeros(len(self._ids) + 1, np.int64))

    def _close_clip(self) -> None:
        for path in [path for path in self._arrays if path.endswith("/frame_offsets")]:
            frames = "frames" if path.startswith("clips") else path.removesuffix("/frame_offsets")
            self._extend(path, np.array([len(self._arrays[f"{frames}/time"])]))

    def _check(self, sample: Sample) -> None:
        if not self._file:
            raise ValueError(f"{self.path}: expected an open file, got one that is closed")
        given, where = self.attributes, f"{self.path}: clip '{sample.id}'"
        if not sample.id or sample.id in self._ids:
            raise ValueError(f"{where}: expected an id of its own, got one that is empty or taken")
        if sample.cloud.intensity_unit != given.intensity_unit:
            raise ValueError(f"{where}: intensity in {sample.cloud.intensity_unit}, expected {given.intensity_unit}")
        region = sample.cloud.region
        if region is not None and len(region) and not -1 <= int(region.max()) < len(sample.cloud.region_names):
            raise ValueError(f"{where}: region: expected indices below {len(sample.cloud.region_names)}")
        try:
            check_clips(np.array([sample.id]), _numpy(sample.cloud.times), np.array([0, len(sample.cloud.times)]))
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from None
        if sample.joints is not None:
            want = (len(sample.cloud.times), len(joint_names(given.joint_set)), 3)
            if sample.joint_set != given.joint_set or tuple(sample.joints.shape) != want:
                raise ValueError(
                    f"{where}: joints '{sample.joint_set}' {tuple(sample.joints.shape)}, "
                    f"expected '{given.joint_set}' {want} (the file's joint_set)"
                )
        for heatmap in sample.heatmaps:
            self._check_heatmap(heatmap, where)
        if sample.adc is not None:
            self._check_adc(sample.adc, where)

    def _check_heatmap(self, heatmap: Heatmap, where: str) -> None:
        if not heatmap.kind.isidentifier():
            raise ValueError(f"{where}: heatmap kind: expected a name, got '{heatmap.kind}'")
        for axis in ("rows", "columns"):
            before = self._file.get(f"heatmaps/{heatmap.kind}/{axis}")
            if before is not None and not np.array_equal(before[...], _numpy(getattr(heatmap, axis))):
                raise ValueError(f"{where}: heatmap {heatmap.kind} has other {axis} than the clips before")

    def _check_adc(self, adc: AdcFrames, where: str) -> None:
        if self.attributes.radar is None:
            raise ValueError(f"{where}: has ADC samples, for which the file needs its radar")
        if "adc" in self._file:
            want = tuple(self._file["adc/samples"].shape[1:])
            got = (*adc.samples.shape[1:], 2 if adc.samples.is_complex() else 1)
            if got != want:
                raise ValueError(f"{where}: ADC frames of shape {got}, expected {want}")

    @contextlib.contextmanager
    def _or_nothing(self) -> Iterator[None]:
        """Whatever goes wrong, a full disk too, leaves no file."""
        try:
            yield
            if self._disk.error is not None:
                raise ValueError(f"{self.path}: cannot write: {self._disk.error.strerror}")
        except BaseException:
            self._discard()
            raise

    def _discard(self) -> None:
        self._part.unlink(missing_ok=True)
        self._file.close()
        self._disk.close()


def _put(place: h5py.Group | h5py.Dataset, name: str, text: str) -> None:
    """A text attribute of fixed length: HDF5 cannot tell a damaged one of variable length."""
    value = text.encode()
    place.attrs.create(name, np.bytes_(value), dtype=h5py.string_dtype("utf-8", max(len(value), 1)))


def to_counts(volts: NDArray[Any], adc: AdcFrames) -> tuple[NDArray[np.int16], float]:
    """Samples in V as int16 in their shape, and the volts of one count: the ADC's, or as many as the largest needs."""
    receiver = adc.radar.receiver
    peak = float(np.abs(volts).max(initial=0.0))
    step = receiver.full_scale / 2 ** (receiver.bits - 1) if receiver.bits else 0.0
    if step == 0.0 or peak > 32767.5 * step:
        step = 2.0 ** math.ceil(math.log2(peak / 32767)) if peak > 0 else 1.0
    return np.rint(volts / step).clip(-32768, 32767).astype(np.int16), step


def _numpy(values: Tensor) -> NDArray[Any]:
    return values.detach().cpu().numpy()
