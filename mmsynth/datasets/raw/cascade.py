"""Recordings of TI's four-device cascade (MMWCAS-RF-EVM with MMWCAS-DSP-EVM), read and written.

Each device has files of its own, `master_0000_data.bin`, `slave1_0000_data.bin` and so on (0001 ... when one is full):
frames of int16 I and Q [loops, chirps, samples, 4 RX, 2], and beside them `..._idx.bin` with the number of whole frames
(TI's cascade examples for MATLAB, read_ADC_bin_TDA2_separateFiles.m and getValidNumFrames.m). The board's RX are the
master's, then those of slaves 1 to 3.
"""

import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmsynth.datasets.raw.recording import Recording, board_correction, frames_note, step_of
from mmsynth.datasets.raw.words import Stream
from mmsynth.types import AdcFrames, Radar, RadarSetup

DEVICES = ("master", "slave1", "slave2", "slave3")
RX = 4  # of each device

_INFO = struct.Struct("<4IQ")  # tag, version, flags, frames, bytes of data


def read_cascade(folder: Path | str, setup: RadarSetup) -> Recording:
    """Open a recording: the folder that holds the files of the four devices.

    TI's examples skip the first frame; it is kept here.

    Args:
        folder: of the files.
        setup: the configuration with which it was recorded (`load_radar("my.mmwave.json")`).

    Raises:
        ValueError: a file is missing, they hold less than one frame, or the radar has other RX than the cascade.
    """
    folder, radar = Path(folder), setup.radar
    if len(radar.rx) != RX * len(DEVICES) or not radar.waveform.complex_samples:
        raise ValueError(f"radar {radar.name}: expected the cascade's 16 RX and complex samples, got another radar")
    frame = _frame_words(radar)
    streams = [_stream(folder, device) for device in DEVICES]
    count = min(stream.words // frame for stream in streams)
    if count == 0:
        got = min(stream.words for stream in streams)
        raise ValueError(f"{folder}: expected frames of {2 * frame} bytes of each device, got {2 * got} bytes in all")
    left = sum(2 * (stream.words - count * frame) + stream.odd for stream in streams)
    dropped = (f"{left} bytes beyond the last frame that all devices have were dropped",) if left else ()

    def decode(start: int, stop: int) -> Tensor:
        w = radar.waveform
        shape = (stop - start, w.loops, radar.slots, w.samples, RX, 2)
        parts = [stream.read(start * frame, stop * frame).reshape(shape) for stream in streams]
        volts = np.concatenate(parts, -2).astype(np.float32) * np.float32(step_of(radar))
        return torch.view_as_complex(torch.from_numpy(volts)).transpose(-1, -2).contiguous()

    return Recording(radar, count, decode, (*dropped, *frames_note(count, setup)), board_correction(setup))


def write_cascade(folder: Path | str, adc: AdcFrames) -> None:
    """Write frames as the cascade's board records them, clipped at the ADC's full scale.

    Raises:
        ValueError: the radar has other RX than the cascade, or the folder holds a recording already.
    """
    folder, radar = Path(folder), adc.radar
    if len(radar.rx) != RX * len(DEVICES) or not adc.samples.is_complex():
        raise ValueError(f"radar {radar.name}: expected the cascade's 16 RX and complex samples, got another radar")
    if (folder / "master_0000_data.bin").exists():
        raise ValueError(f"{folder / 'master_0000_data.bin'}: exists already")
    folder.mkdir(parents=True, exist_ok=True)
    values = torch.view_as_real(adc.samples.transpose(-1, -2).contiguous()) / step_of(radar)
    words = values.round().clamp(-32768, 32767).to(torch.int16).cpu().numpy()
    for index, device in enumerate(DEVICES):
        part = words[..., RX * index : RX * (index + 1), :]
        (folder / f"{device}_0000_data.bin").write_bytes(np.ascontiguousarray(part).data)
        info = _INFO.pack(0, 0, 0, len(part), part.nbytes)
        (folder / f"{device}_0000_idx.bin").write_bytes(info)


def _frame_words(radar: Radar) -> int:
    """16-bit words of a frame of one device."""
    w = radar.waveform
    return w.loops * radar.slots * w.samples * RX * 2


def _stream(folder: Path, device: str) -> Stream:
    """The words of one device, as far as its index files say that they are whole frames."""
    files = sorted(folder.glob(f"{device}_[0-9][0-9][0-9][0-9]_data.bin"))
    if not files:
        raise ValueError(f"{folder / f'{device}_0000_data.bin'}: no such file")
    return Stream(files, [_valid_bytes(file) for file in files])


def _valid_bytes(file: Path) -> int:
    size, index = file.stat().st_size, file.with_name(file.name.replace("_data", "_idx"))
    if not index.is_file():
        return size
    head = index.read_bytes()[: _INFO.size]
    if len(head) < _INFO.size:
        raise ValueError(f"{index}: expected {_INFO.size} bytes or more, got {len(head)}")
    valid = int(_INFO.unpack(head)[4])
    return min(size, valid) if valid else size
