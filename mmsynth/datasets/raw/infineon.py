"""Recordings of Infineon's radar SDK: a folder with radar.npy (uint16 frames, rx, chirps, samples) and config.json."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmsynth.datasets.raw.recording import Recording, nearest_rx
from mmsynth.radar import device_named
from mmsynth.radar.device import Profile
from mmsynth.types import AdcFrames, Radar, RadarSetup, Waveform

# DB from the antenna to the IF amplifier, whose own gain the configuration gives.
FRONT_END_DB = 14.0
# DB that a step of tx_power_level is worth below its full 31 (data sheet: about 0.5 dB near the top).
POWER_STEP_DB = 0.5


def infineon_setup(config: Path | str, name: str = "recording") -> RadarSetup:
    """The radar of a config.json (device_config.fmcw_single_shape, one TX): a BGT60TR13C with its settings.

    Raises:
        ValueError: no such file, or not such a configuration.
    """
    shape, board = _shape(Path(config)), device_named("BGT60TR13C")
    try:
        samples, rate = int(shape["num_samples_per_chirp"]), float(shape["sample_rate_Hz"])
        window = samples / rate
        waveform = Waveform(
            start_frequency=float(shape["start_frequency_Hz"]),
            slope=(float(shape["end_frequency_Hz"]) - float(shape["start_frequency_Hz"])) / window,
            samples=samples,
            sample_rate=rate,
            idle_time=float(shape["chirp_repetition_time_s"]) - window,
            ramp_time=window,
            loops=int(shape["num_chirps_per_frame"]),
            frame_period=float(shape["frame_repetition_time_s"]),
            complex_samples=False,
        )
        rx = tuple(int(i) for i in shape["rx_antennas"])
        backoff = POWER_STEP_DB * (31 - int(shape.get("tx_power_level", 31)))
        gain = FRONT_END_DB + float(shape.get("if_gain_dB", 23))
        highpass = float(shape.get("hp_cutoff_Hz", board.receiver.highpass))
        if not 0 <= highpass < rate / 2:
            raise ValueError(f"hp_cutoff_Hz: expected 0 to half the sample rate, got {highpass:g}")
    except (KeyError, TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
        what = f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{config}: {what}") from None
    board = replace(board, receiver=replace(board.receiver, highpass=highpass))
    profile = Profile(waveform=waveform, rx=rx, rx_gain_db=gain, tx_backoff_db=backoff, lenient=True)
    setup = board.setup(profile, name)
    return replace(setup, processing=board.profiles["bgt60"].processing)


def read_infineon(folder: Path | str) -> Recording:
    """Open a recording: the folder that holds radar.npy and config.json.

    Words are taken about mid-scale; the constant part that remains is the mixer's offset.

    Raises:
        ValueError: a file is missing, or the array does not fit the configuration.
    """
    folder = Path(folder)
    setup = infineon_setup(folder / "config.json", folder.name)
    radar, file = setup.radar, folder / "radar.npy"
    if not file.is_file():
        raise ValueError(f"{file}: no such file")
    words, notes = open_npy(file)
    wanted = (len(radar.rx), radar.waveform.loops, radar.waveform.samples)
    if words.ndim != 4 or words.shape[1:] != wanted or words.dtype.kind not in "iu":
        raise ValueError(
            f"{file}: expected whole numbers of shape (frames, {', '.join(map(str, wanted))}), "
            f"got {words.dtype} of shape {words.shape}"
        )
    if not len(words):
        raise ValueError(f"{file}: expected at least one frame, got none")

    def decode(start: int, stop: int) -> Tensor:
        part = torch.from_numpy(words[start:stop].astype(np.float32))
        volts = (part - middle(radar)) * _step(radar)
        return volts.permute(0, 2, 1, 3)[:, :, None].contiguous()

    return Recording(radar, len(words), decode, notes)


def write_infineon(folder: Path | str, adc: AdcFrames) -> None:
    """Write frames of a radar with one TX and real samples as Infineon's SDK records them.

    Raises:
        ValueError: the radar has several TX or complex samples, or the folder holds a recording already.
    """
    folder, radar = Path(folder), adc.radar
    if radar.slots != 1 or radar.waveform.complex_samples:
        raise ValueError(f"radar {radar.name}: expected one TX and real samples, got another kind of radar")
    if (folder / "radar.npy").exists():
        raise ValueError(f"{folder / 'radar.npy'}: exists already")
    top = 2**radar.receiver.bits - 1
    steps = (adc.samples[:, :, 0] / _step(radar) + middle(radar)).round().clamp(0, top)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "radar.npy", steps.permute(0, 2, 1, 3).cpu().numpy().astype(np.uint16))
    (folder / "config.json").write_text(json.dumps(_config(radar), indent=4))


def open_npy(file: Path) -> tuple[np.ndarray[Any, Any], tuple[str, ...]]:
    """A .npy mapped to memory; of a file that was cut off, the whole rows (first axis), and a note that says so.

    Raises:
        ValueError: not a .npy, or one that holds Python objects.
    """
    try:
        with file.open("rb") as stream:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(stream)
            offset = stream.tell()
    except Exception as error:  # the header is Python's syntax: NumPy lets the errors of its parser through
        raise ValueError(f"{file}: not a .npy array: {str(error)[:100].partition(chr(10))[0]}") from None
    if dtype.hasobject:
        raise ValueError(f"{file}: expected numbers, got Python objects, which are never read")
    row = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize if shape else 0
    have = file.stat().st_size - offset
    if not shape or row <= 0 or any(n < 0 for n in shape) or fortran:
        raise ValueError(f"{file}: expected an array of at least one axis in C order, got shape {shape}")
    rows = min(shape[0], have // row)
    if rows == 0:
        raise ValueError(f"{file}: expected at least one whole row of {row} bytes, got {have} bytes")
    notes = () if rows == shape[0] else (f"cut off: {rows} of {shape[0]} frames are whole and were kept",)
    return np.memmap(file, dtype, "r", offset, (rows, *shape[1:])), notes


def middle(radar: Radar) -> float:
    """The word of zero volts."""
    return float(2 ** (radar.receiver.bits - 1))


def _step(radar: Radar) -> float:
    return radar.receiver.full_scale / middle(radar)


def _shape(config: Path) -> dict[str, Any]:
    if not config.is_file():
        raise ValueError(f"{config}: no such file")
    try:
        shape = json.loads(config.read_text(encoding="utf-8-sig"))["device_config"]["fmcw_single_shape"]
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{config}: not JSON: {error}") from None
    except (KeyError, TypeError):
        raise ValueError(f"{config}: expected device_config.fmcw_single_shape, got something else") from None
    if not isinstance(shape, dict):
        raise ValueError(f"{config}: expected a table in fmcw_single_shape, got {type(shape).__name__}")
    if shape.get("mimo_mode", "off") != "off":
        raise ValueError(f"{config}: expected mimo_mode 'off', got {shape['mimo_mode']!r}")
    return shape


def _config(radar: Radar) -> dict[str, Any]:
    w = radar.waveform
    board = device_named("BGT60TR13C")
    backoff = 10 * math.log10(board.tx_power / radar.tx_power)
    return {
        "device_config": {
            "fmcw_single_shape": {
                "aaf_cutoff_Hz": int(w.sample_rate / 4),
                "chirp_repetition_time_s": w.chirp_time,
                "end_frequency_Hz": w.start_frequency + w.slope * (w.samples / w.sample_rate),
                "frame_repetition_time_s": w.frame_period,
                "hp_cutoff_Hz": int(radar.receiver.highpass),
                "if_gain_dB": round(20 * float(np.log10(radar.receiver.gain)) - FRONT_END_DB, 6),
                "mimo_mode": "off",
                "num_chirps_per_frame": w.loops,
                "num_samples_per_chirp": w.samples,
                "rx_antennas": [i + 1 for i in nearest_rx(radar, board)],
                "sample_rate_Hz": w.sample_rate,
                "start_frequency_Hz": w.start_frequency,
                "tx_antennas": [1],
                "tx_power_level": min(max(31 - round(backoff / POWER_STEP_DB), 0), 31),
            }
        }
    }
