"""Raw ADC words of TI's DCA1000 capture card (.bin), read and written.

The card saves the LVDS stream as it comes, int16, chirp after chirp (TI SWRA581, "Mmwave Radar Device ADC Raw Data
Capture"):

- xWR16xx, 18xx, 68xx (two lanes, RX one after the other): for each RX, pairs of samples as I0 I1 Q0 Q1;
- xWR12xx, 14xx, 22xx (four lanes, interleaved): for each sample, I of four RX, then Q of four RX; RX that are off still
  have their lanes;
- real samples: the same without Q.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmsynth.datasets.raw.recording import Recording, board_correction, step_of
from mmsynth.radar import device_named
from mmsynth.types import AdcFrames, Radar, RadarSetup

LANES = 4  # of the interleaved order, whether used or not


@dataclass(frozen=True)
class Order:
    """How the words of a chirp stand in the file.

    Attributes:
        interleaved: four lanes with a sample of each RX at a time; else one RX after the other in pairs of samples.
        swap: Q comes before I.
        lanes: which lane (of four) each RX has; only for the interleaved order.
    """

    interleaved: bool = False
    swap: bool = False
    lanes: tuple[int, ...] = (0, 1, 2, 3)


def order_of(radar: Radar) -> Order:
    """The order in which the radar's board sends its words; that of the xWR16xx where the board is not known."""
    kind = _kind(radar)
    return Order(interleaved=kind == "xwr14xx", lanes=board_rx(radar))


def read_dca1000(paths: Path | str | Sequence[Path | str], setup: RadarSetup, order: Order | None = None) -> Recording:
    """Open a recording.

    Args:
        paths: one file, or the files of one recording in order (the card starts a new one at 1 GB; frames may lie
            across).
        setup: the configuration with which it was recorded (`load_radar("my.cfg")`); the board's range bias and channel
            errors in its processing are taken out.
        order: of the words; None = that of the board.

    Raises:
        ValueError: a file is missing or the files hold less than one frame.
    """
    files = [Path(p) for p in ([paths] if isinstance(paths, str | Path) else paths)]
    if not files:
        raise ValueError("DCA1000: expected at least one file, got none")
    radar = setup.radar
    order = order or order_of(radar)
    stream = _Stream(files)
    words = frame_words(radar, order)
    count, rest = divmod(stream.words, words)
    name = files[0].name
    if count == 0:
        raise ValueError(f"{name}: expected frames of {2 * words} bytes, got {stream.words * 2} bytes in all")
    notes = list(setup.notes)
    if rest or stream.odd:
        left = 2 * rest + stream.odd
        notes.append(f"{name}: the last {left} bytes are not a whole frame of {2 * words} bytes and were dropped")

    def decode(start: int, stop: int) -> Tensor:
        raw = stream.read(start * words, stop * words).reshape(stop - start, -1)
        return _decode(raw, radar, order)

    correction = board_correction(radar, setup.processing, board_rx(radar), _board_rx_count(radar))
    if correction is not None and not radar.waveform.complex_samples:
        notes.append("samples are real: range bias and channel errors of the board are left in")
        correction = None
    if radar.waveform.complex_samples and beats_backwards(decode(0, 1)):
        notes.append(f"{name}: beat frequencies are negative, as if I and Q were the other way round (Order(swap=...))")
    return Recording(radar, count, decode, tuple(notes), correction)


def beats_backwards(samples: Tensor) -> bool:
    """Whether complex samples [..., samples] have most of their power at negative beat frequencies.

    What stands in front of a radar is at low positive ones; noise alone is even, hence ten times as the bound.
    """
    spectrum = torch.fft.fft(samples - samples.mean(-1, keepdim=True)).abs().square()
    power = spectrum.reshape(-1, spectrum.shape[-1]).mean(0)
    quarter = len(power) // 4
    return len(power) >= 16 and bool(power[-quarter:-1].sum() > 10 * power[2 : quarter + 1].sum())


def write_dca1000(
    path: Path | str, adc: AdcFrames, order: Order | None = None, split: int = 1 << 30
) -> tuple[Path, ...]:
    """Write frames as the card would have saved them; returns the files.

    Volts are rounded to the words' steps and clipped at the ADC's full scale. Beyond `split` bytes a new file begins,
    named as the card does: `name_Raw_0.bin`, `name_Raw_1.bin`, ...

    Raises:
        ValueError: there is such a file already.
    """
    path = Path(path)
    order = order or order_of(adc.radar)
    words = encode(adc.samples, adc.radar, order).reshape(-1)
    parts = [words[i : i + split // 2] for i in range(0, len(words), split // 2)]
    names = [path] if len(parts) == 1 else [path.with_name(f"{path.stem}_Raw_{i}.bin") for i in range(len(parts))]
    for name in names:
        if name.exists():
            raise ValueError(f"{name}: exists already")
    for name, part in zip(names, parts, strict=True):
        part.tofile(name)
    return tuple(names)


def frame_words(radar: Radar, order: Order) -> int:
    """Number of int16 words of a frame."""
    w = radar.waveform
    channels = LANES if order.interleaved else len(radar.rx)
    return w.loops * radar.slots * channels * w.samples * (2 if w.complex_samples else 1)


def _decode(raw: NDArray[np.int16], radar: Radar, order: Order) -> Tensor:
    """Samples [frames, loops, slots, rx, samples] of words [frames, words a frame]."""
    w, rx = radar.waveform, len(radar.rx)
    frames, chirps = len(raw), w.loops * radar.slots
    step = np.float32(step_of(radar))
    parts = 2 if w.complex_samples else 1
    out = np.empty((frames, chirps, rx, w.samples, parts), np.float32)
    first, second = (1, 0) if order.swap else (0, 1)
    for frame in range(frames):  # a frame at a time stays in the cache
        target, words = out[frame], raw[frame]
        if order.interleaved:
            source = words.reshape(chirps, w.samples, parts, LANES)
            for index, lane in enumerate(order.lanes):
                for part, place in zip(range(parts), (first, second), strict=False):
                    target[:, index, :, place if parts == 2 else 0] = source[:, :, part, lane]
        elif parts == 1:
            target[..., 0] = words.reshape(chirps, rx, w.samples)
        else:
            pairs, quads = target.reshape(-1, 2, 2), words.reshape(-1, 4)
            pairs[:, 0, first], pairs[:, 1, first] = quads[:, 0], quads[:, 1]
            pairs[:, 0, second], pairs[:, 1, second] = quads[:, 2], quads[:, 3]
        target *= step
    samples = torch.from_numpy(out)
    shape = (frames, w.loops, radar.slots, rx, w.samples)
    return (torch.view_as_complex(samples) if parts == 2 else samples[..., 0]).reshape(shape)


def encode(samples: Tensor, radar: Radar, order: Order) -> NDArray[np.int16]:
    """Words [frames, words a frame] of samples [frames, loops, slots, rx, samples] in V."""
    w, rx = radar.waveform, len(radar.rx)
    frames, chirps = len(samples), w.loops * radar.slots
    values = torch.view_as_real(samples) if samples.is_complex() else samples[..., None]
    parts = values.shape[-1]
    steps = (values / step_of(radar)).round().clamp(-32768, 32767).to(torch.int16).cpu().numpy()
    steps = steps.reshape(frames, chirps, rx, w.samples, parts)
    if order.swap and parts == 2:
        steps = steps[..., ::-1]
    if order.interleaved:
        words = np.zeros((frames, chirps, w.samples, parts, LANES), np.int16)
        for index, lane in enumerate(order.lanes):
            words[..., lane] = steps[:, :, index]
        return words.reshape(frames, -1)
    if parts == 1:
        return steps.reshape(frames, -1)
    pairs = steps.reshape(frames, -1, 2, 2)
    return np.ascontiguousarray(pairs.swapaxes(-1, -2)).reshape(frames, -1)


class _Stream:
    """The words of several files as one; what lies in one file is not copied."""

    def __init__(self, files: list[Path]) -> None:
        self.parts: list[NDArray[np.int16]] = []
        self.odd = 0
        for file in files:
            if not file.is_file():
                raise ValueError(f"{file}: no such file")
            size = file.stat().st_size
            if size % 2 and file != files[-1]:
                raise ValueError(f"{file}: expected whole 16-bit words before the next file, got {size} bytes")
            self.odd = size % 2
            empty: NDArray[np.int16] = np.empty(0, np.int16)
            self.parts.append(np.memmap(file, np.int16, "r", shape=(size // 2,)) if size > 1 else empty)
        self.ends = np.cumsum([len(part) for part in self.parts])
        self.words = int(self.ends[-1])

    def read(self, start: int, stop: int) -> NDArray[np.int16]:
        """Words start to stop."""
        pieces = []
        for part, end in zip(self.parts, self.ends, strict=True):
            offset = int(end) - len(part)
            low, high = max(start - offset, 0), min(stop - offset, len(part))
            if low < high:
                pieces.append(part[low:high])
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _kind(radar: Radar) -> str:
    try:
        return device_named(radar.name.partition("/")[0]).kind
    except ValueError:
        return ""


def board_rx(radar: Radar) -> tuple[int, ...]:
    """Which of its board's RX (from 0) each of the radar's is, by position; in order where the board is not known."""
    try:
        known = device_named(radar.name.partition("/")[0]).array.rx_positions()
    except ValueError:
        return tuple(range(len(radar.rx)))
    distance = torch.linalg.norm(radar.rx[:, None].to(known) - known, dim=-1)
    return tuple(int(i) for i in distance.argmin(1))


def _board_rx_count(radar: Radar) -> int:
    try:
        return len(device_named(radar.name.partition("/")[0]).array.rx)
    except ValueError:
        return len(radar.rx)
