"""Reading a data set: clips by index, or everything as flat arrays."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from mmsynth.datasets.attributes import Attributes, processing_from_json, radar_from_json
from mmsynth.datasets.check import check_arrays, check_clips, checked_bounds
from mmsynth.datasets.clips import FlatPoints, LabelTable
from mmsynth.datasets.clouds import cloud_of_rows
from mmsynth.datasets.layout import LABEL_COLUMNS, SCHEMA, VERSION
from mmsynth.types import AdcFrames, Heatmap, Labels, PointCloud, Sample

# What HDF5, NumPy and JSON raise on a file with flipped bits.
_DAMAGE = (OSError, RuntimeError, KeyError, TypeError, AttributeError, IndexError, OverflowError)


class Dataset:
    """One file, read lazily; picklable (each process opens it for itself).

    Attributes:
        path: of the file.
        attributes: what holds for all of its clips.
        labels: of every clip.
    """

    def __init__(self, path: Path | str) -> None:
        """Open a file; see `open`."""
        self.path = Path(path)
        self._handle: h5py.File | None = None
        if not self.path.is_file():
            held = ", ".join(sorted(p.name for p in self.path.glob("*.h5")))
            what = "expected the file of a data set, got a folder" + (f" with {held}" if held else "")
            raise ValueError(f"{self.path}: {what if self.path.is_dir() else 'no such file'}")
        with self._reading():
            self.attributes = _attributes(self._file)
            check_arrays(self._file, self.path.stat().st_size, self.attributes.joint_set)
            clips = self._file["clips"]
            self.labels = LabelTable(**{name: clips[name].asstr()[...].astype(str) for name in LABEL_COLUMNS})
            times = self._file["frames/time"][...]
            self._clip_offsets = checked_bounds(clips["frame_offsets"][...], len(times))
            self._point_offsets = checked_bounds(
                self._file["frames/point_offsets"][...], len(self._file["points/values"])
            )
            self._regions = tuple(json.loads(_text(self._file["points/region"], "names")))
            if len(self._clip_offsets) != len(self.labels) + 1 or len(self._point_offsets) != self.frames + 1:
                raise ValueError(f"bounds do not fit {len(self.labels)} clips")
            check_clips(self.labels.id, times, self._clip_offsets)

    @classmethod
    def open(cls, path: Path | str) -> "Dataset":
        """Open a data set.

        Raises:
            ValueError: there is no such file, it is no data set of mmsynth, it is damaged or of a newer version.
        """
        return cls(path)

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handle": None}

    def __enter__(self) -> "Dataset":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; reading opens it again."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    @property
    def part(self) -> NDArray[np.int64]:
        """The file [clips] that each clip is from: 0 for all of one file."""
        return np.zeros(len(self), np.int64)

    @property
    def joint_set(self) -> str:
        """The joints' set; "" = no joints."""
        return self.attributes.joint_set

    @property
    def frames(self) -> int:
        """Frames of all clips."""
        return int(self._clip_offsets[-1])

    @property
    def heatmap_kinds(self) -> tuple[str, ...]:
        """Kinds of the heatmaps in the file."""
        return tuple(self._file["heatmaps"]) if "heatmaps" in self._file else ()

    @property
    def has_adc(self) -> bool:
        """Whether any clip has raw samples."""
        return "adc" in self._file

    def __getitem__(self, index: int) -> Sample:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self.path}: clip {index} of {len(self)}")
        index %= len(self)
        with self._reading():
            file = self._file
            start, stop = (int(k) for k in self._clip_offsets[index : index + 2])
            joints = torch.from_numpy(file["joints/positions"][start:stop]) if "joints" in file else None
            return Sample(
                id=str(self.labels.id[index]),
                labels=Labels(**{name: str(getattr(self.labels, name)[index]) for name in LABEL_COLUMNS[1:]}),
                cloud=self._cloud(start, stop),
                joints=joints,
                joint_set=self.joint_set if joints is not None else "",
                heatmaps=tuple(m for kind in self.heatmap_kinds for m in self._heatmap(kind, index)),
                adc=self._adc(index),
                provenance=json.loads(file["clips/provenance"].asstr()[index]),
            )

    def points(self) -> FlatPoints:
        """All points of the file, in one read."""
        with self._reading():
            return FlatPoints(self._file["points/values"][...], self._point_offsets, *self.frame_times())

    def frame_times(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """`frame_time` [frames] in s and `clip_offsets` [clips + 1] of `FlatPoints`, without reading a point."""
        with self._reading():
            return self._file["frames/time"][...], self._clip_offsets

    def joints(self) -> NDArray[np.float32] | None:
        """Joint positions [frames, joints, 3] of all clips in the radar frame (NaN = not known), in one read."""
        with self._reading():
            return self._file["joints/positions"][...] if "joints" in self._file else None

    @property
    def _file(self) -> h5py.File:
        if self._handle is None:
            self._handle = h5py.File(self.path, "r")
        return self._handle

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn what HDF5, JSON and checks say of a damaged file into one sentence that names it."""
        try:
            yield
        except MemoryError as error:
            raise ValueError(f"{self.path}: too little memory to read it, or damaged: {error}") from None
        except _DAMAGE as error:
            raise ValueError(f"{self.path}: not a readable data set of mmsynth: {error}") from None
        except ValueError as error:
            text = str(error)
            raise ValueError(text if text.startswith(str(self.path)) else f"{self.path}: damaged: {text}") from None

    def _cloud(self, start: int, stop: int) -> PointCloud:
        offsets = self._point_offsets[start : stop + 1]
        values = torch.from_numpy(self._file["points/values"][offsets[0] : offsets[-1]])
        region = self._file["points/region"][offsets[0] : offsets[-1]]
        return cloud_of_rows(
            values,
            torch.from_numpy(offsets - offsets[0]),
            torch.from_numpy(self._file["frames/time"][start:stop]),
            region=torch.from_numpy(region.astype(np.int64)) if self._regions else None,
            region_names=self._regions,
            intensity_unit=self.attributes.intensity_unit,
        )

    def _heatmap(self, kind: str, index: int) -> Iterator[Heatmap]:
        group = self._file[f"heatmaps/{kind}"]
        start, stop = (int(k) for k in group["frame_offsets"][index : index + 2])
        if stop > start:
            yield Heatmap(
                kind=kind,
                power=torch.from_numpy(group["power"][start:stop]).float(),
                rows=torch.from_numpy(group["rows"][...]),
                columns=torch.from_numpy(group["columns"][...]),
                times=torch.from_numpy(group["time"][start:stop]),
            )

    def _adc(self, index: int) -> AdcFrames | None:
        if not self.has_adc or self.attributes.radar is None:
            return None
        group = self._file["adc"]
        start, stop = (int(k) for k in group["frame_offsets"][index : index + 2])
        if stop == start:
            return None
        scale = group["scale"][start:stop]
        if not np.isfinite(scale).all():
            raise ValueError(f"'adc/scale' of clip '{self.labels.id[index]}' holds what is no number")
        scale = scale.reshape(-1, *[1] * (group["samples"].ndim - 1))
        volts = torch.from_numpy((group["samples"][start:stop] * scale).astype(np.float32))
        samples = torch.view_as_complex(volts) if volts.shape[-1] == 2 else volts[..., 0]
        return AdcFrames(self.attributes.radar, samples, torch.from_numpy(group["time"][start:stop]))


def _attributes(file: h5py.File) -> Attributes:
    if "schema" not in file.attrs or _text(file, "schema") != SCHEMA:
        raise ValueError(f"{file.filename}: expected a data set of mmsynth, got another kind of HDF5 file")
    if int(file.attrs["schema_version"]) > VERSION:
        raise ValueError(f"{file.filename}: version {file.attrs['schema_version']}, this mmsynth reads up to {VERSION}")
    radar, processing = _text(file, "radar"), _text(file, "processing")
    return Attributes(
        radar=radar_from_json(radar) if radar else None,
        processing=processing_from_json(processing) if processing else None,
        joint_set=_text(file, "joint_set"),
        intensity_unit=_text(file, "intensity_unit"),
        method=_text(file, "method"),
        facets=int(file.attrs["facets"]),
        recipe=_text(file, "recipe"),
        seed=int(file.attrs["seed"]),
        versions=json.loads(_text(file, "versions")),
        notes=json.loads(_text(file, "notes")),
    )


def _text(place: h5py.Group | h5py.Dataset, name: str) -> str:
    value = place.attrs[name]
    return value.decode() if isinstance(value, bytes) else str(value)
