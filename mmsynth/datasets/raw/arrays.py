"""Raw samples in plain arrays (.npy, .npz, .mat) whose axes the user names."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from mmsynth.datasets.raw.infineon import open_npy
from mmsynth.datasets.raw.mat5 import read_mat5
from mmsynth.datasets.raw.recording import Recording
from mmsynth.types import Radar

AXES = ("frames", "loops", "slots", "rx", "samples")
# Axes that stand for two.
JOINED = {"chirps": ("loops", "slots"), "virtual": ("slots", "rx")}


@dataclass(frozen=True)
class Layout:
    """What an array of raw samples means.

    Attributes:
        axes: names of its axes in order, apart by spaces: of frames, loops, slots, rx, samples, where "chirps" stands
            for loops and slots in order of time, "virtual" for slots and RX (all RX of the first slot first), and "iq"
            for an axis of two (I, Q). Axes that are not named have one element.
        key: of the array in a .npz or .mat; empty = the only one that fits.
        volts: a step.
        middle: the value of zero volts.
        conjugate: Q has the other sign (range bins would come out negative).
    """

    axes: str = "frames loops slots rx samples"
    key: str = ""
    volts: float = 1.0
    middle: float = 0.0
    conjugate: bool = False

    def __post_init__(self) -> None:
        names = self.axes.split()
        known = {*AXES, *JOINED, "iq"}
        bad = [name for name in names if name not in known]
        if bad:
            raise ValueError(f"axes: expected names of {', '.join(sorted(known))}, got '{bad[0]}'")
        parts = [part for name in names for part in JOINED.get(name, (name,))]
        if len(set(parts)) != len(parts):
            raise ValueError(f"axes: expected each axis once, got '{self.axes}'")
        if "samples" not in names:
            raise ValueError(f"axes: expected 'samples' among them, got '{self.axes}'")


def read_array(path: Path | str, radar: Radar, layout: Layout) -> Recording:
    """Open an array of raw samples.

    Args:
        path: .npy (mapped, not loaded), .npz or .mat (v5 to v7.3).
        radar: that recorded it.
        layout: names of the axes.

    Raises:
        ValueError: no such file or array, its shape is not that of the radar's frames, or one is real and the
            other complex.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    array, notes = _open(path, layout.key)
    names = layout.axes.split()
    if array.dtype.kind not in "iufc" and array.dtype.names != ("real", "imag"):
        raise ValueError(f"{path}: expected numbers, got {array.dtype}")
    if array.ndim != len(names):
        raise ValueError(f"{path}: expected {len(names)} axes ({layout.axes}), got shape {array.shape}")
    sizes = dict(zip(names, array.shape, strict=True))
    _check(path, radar, sizes)
    if radar.waveform.complex_samples and array.dtype.kind in "iuf" and "iq" not in names:
        raise ValueError(
            f"{path}: expected complex samples (complex numbers, or an axis 'iq') as radar {radar.name} has, "
            f"got {array.dtype}"
        )
    if not radar.waveform.complex_samples and (array.dtype.kind not in "iuf" or "iq" in names):
        got = "an axis 'iq'" if "iq" in names else array.dtype
        raise ValueError(f"{path}: expected real samples as radar {radar.name} has, got {got}")
    count = sizes.get("frames", 1)
    first = names.index("frames") if "frames" in names else None

    def decode(start: int, stop: int) -> Tensor:
        index = tuple(slice(start, stop) if i == first else slice(None) for i in range(array.ndim))
        samples = _samples(np.asarray(array[index]), names, radar, layout)
        bad = (~torch.isfinite(samples)).flatten(1).any(1).nonzero()[:, 0]
        if len(bad):
            raise ValueError(
                f"{path}: expected finite samples, got NaN or infinite ones in frame {start + int(bad[0])}"
            )
        return samples

    return Recording(radar, count, decode, notes)


def _check(path: Path, radar: Radar, sizes: dict[str, int]) -> None:
    w = radar.waveform
    wanted = {"loops": w.loops, "slots": radar.slots, "rx": len(radar.rx), "samples": w.samples, "iq": 2}
    for name, (first, second) in JOINED.items():
        if name in sizes:
            wanted[name] = wanted.pop(first) * wanted.pop(second)
    for name, size in wanted.items():
        got = sizes.get(name, 2 if name == "iq" else 1)
        if got != size:
            raise ValueError(f"{path}: axis '{name}': expected {size} as in radar {radar.name}, got {got}")
    if sizes.get("frames", 1) < 1:
        raise ValueError(f"{path}: expected at least one frame, got none")


def _samples(part: np.ndarray[Any, Any], names: list[str], radar: Radar, layout: Layout) -> Tensor:
    """Samples [frames, loops, slots, rx, samples] of an array with the named axes."""
    if part.dtype.names == ("real", "imag"):  # complex numbers of a MATLAB v7.3 file
        part = part["real"] + 1j * part["imag"]
    wanted = [n for n in ("frames", "chirps", "loops", "virtual", "slots", "rx", "samples") if n in names]
    order = [names.index(n) for n in wanted] + ([names.index("iq")] if "iq" in names else [])
    moved = part.transpose(order)
    if "iq" in names:
        real, imaginary = moved[..., 0] - layout.middle, moved[..., 1] - layout.middle
        values = real.astype(np.float32) + 1j * imaginary.astype(np.float32)
    else:
        values = moved - layout.middle
    w = radar.waveform
    values = values.reshape(-1, w.loops, radar.slots, len(radar.rx), w.samples) * layout.volts
    if layout.conjugate:
        values = values.conj()
    return torch.from_numpy(np.ascontiguousarray(values, np.complex64 if np.iscomplexobj(values) else np.float32))


def _open(path: Path, key: str) -> tuple[Any, tuple[str, ...]]:
    """The array in the file and notes on it."""
    if path.suffix == ".npy":
        return open_npy(path)
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as bundle:
                return _pick(path, {name: bundle[name] for name in bundle.files if not key or name == key}, key), ()
        if path.suffix == ".mat":
            return _pick(path, _mat(path), key), ()
    except ValueError as error:
        if "pickle" in str(error):
            raise ValueError(f"{path}: expected numbers, got Python objects, which are never read") from None
        raise ValueError(str(error) if str(path) in str(error) else f"{path}: {_first_line(error)}") from None
    except Exception as error:  # zip, zlib and HDF5 raise kinds of their own on damage
        raise ValueError(f"{path}: damaged: {_first_line(error)}") from None
    raise ValueError(f"{path}: expected .npy, .npz or .mat, got '{path.suffix}'")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:100]


def _mat(path: Path) -> dict[str, Any]:
    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            # MATLAB stores arrays with their axes reversed.
            return {n: np.asarray(d).T for n, d in file.items() if isinstance(d, h5py.Dataset) and d.ndim > 1}
    return read_mat5(path)


def _pick(path: Path, arrays: dict[str, Any], key: str) -> Any:
    if key:
        if key not in arrays:
            raise ValueError(f"{path}: expected an array '{key}', got {_names(arrays)}")
        return arrays[key]
    large = [name for name, array in arrays.items() if array.ndim > 1]
    if len(large) != 1:
        raise ValueError(f"{path}: expected a key, one of {_names(arrays)}, got none")
    return arrays[large[0]]


def _names(arrays: dict[str, Any]) -> str:
    return ", ".join(map(repr, arrays))[:200] or "none"
