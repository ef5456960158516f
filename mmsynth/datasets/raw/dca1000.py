"""Raw ADC words of TI's DCA1000 capture card (.bin), read and written.

The card saves the LVDS stream as it comes, int16, chirp after chirp (TI SWRA581, "Mmwave Radar Device ADC Raw Data
Capture"):

- xWR16xx, 18xx, 68xx (two lanes, RX one after the other): for each RX, pairs of samples as I0 I1 Q0 Q1 (mmWave Studio;
  Q0 Q1 I0 I1 with the SDK's demos, whose adcbufCfg says Q first; Q0 I0 Q1 I1 from TI's command-line tool, which takes
  the card's order apart again);
- xWR12xx, 14xx, 22xx (four lanes, interleaved): for each sample, I of four RX, then Q of four RX; RX that are off still
  have their lanes;
- real samples: the same without Q.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmsynth.datasets.raw.beats import forwardness, mirrored
from mmsynth.datasets.raw.hsi import Headers, find_headers
from mmsynth.datasets.raw.recording import Recording, board_correction, board_rx, frames_note, known_device, step_of
from mmsynth.datasets.raw.words import Stream
from mmsynth.types import AdcFrames, Radar, RadarSetup

LANES = 4  # of the interleaved order, whether used or not
PACKET = 728  # words that the card sends at a time; its software writes zeros for those that do not arrive


@dataclass(frozen=True)
class Order:
    """How the words of a chirp stand in the file.

    Attributes:
        interleaved: four lanes with a sample of each RX at a time; else one RX after the other in pairs of samples.
        swap: Q comes before I.
        lanes: which lane (of four) each RX has; only for the interleaved order.
        paired: I and Q of a sample stand side by side, not those of two samples; not for the interleaved order.
    """

    interleaved: bool = False
    swap: bool = False
    lanes: tuple[int, ...] = (0, 1, 2, 3)
    paired: bool = False

    @property
    def words(self) -> str:
        """The first words of two samples of one RX, for people."""
        first, second = "QI" if self.swap else "IQ"
        pattern = (first, second, first, second) if self.paired or self.interleaved else (first, first, second, second)
        index = (0, 0, 1, 1) if self.paired or self.interleaved else (0, 1, 0, 1)
        return " ".join(f"{part}{i}" for part, i in zip(pattern, index, strict=True))


def order_of(radar: Radar) -> Order:
    """The order in which the radar's board sends its words; that of the xWR16xx where the board is not known."""
    board = known_device(radar)
    return Order(interleaved=board is not None and board.kind == "xwr14xx", lanes=board_rx(radar))


def read_dca1000(paths: Path | str | Sequence[Path | str], setup: RadarSetup, order: Order | None = None) -> Recording:
    """Open a recording, with the headers that TI's SDK can put before each chirp or without.

    The order of I and Q hangs on how the radar and the card's software were set up, and the file does not say: unless
    it is given, it is the board's, or another one of two lanes if that one alone has its power at positive beats.

    Args:
        paths: one file, or the files of one recording in order (the card starts a new one at 1 GB; frames may lie
            across).
        setup: the configuration with which it was recorded (`load_radar("my.cfg")`); the board's range bias and channel
            errors (`setup.calibration`) are taken out.
        order: of the words; None = found as above.

    Raises:
        ValueError: a file is missing, the files hold less than one frame, or headers tell of other samples.
    """
    files = [Path(p) for p in ([paths] if isinstance(paths, str | Path) else paths)]
    if not files:
        raise ValueError("DCA1000: expected at least one file, got none")
    radar = setup.radar
    stream = Stream(files)
    try:
        headers = find_headers(stream)
        frames = _Frames(stream, frame_words(radar, order or order_of(radar)), radar, headers)
    except ValueError as error:
        raise ValueError(f"{files[0]}: {error}") from None
    if frames.count == 0:
        raise ValueError(f"{files[0]}: expected frames of {2 * frames.size} bytes, got {stream.words * 2} bytes in all")
    notes = [*frames.notes, *frames_note(frames.count, setup)]
    first = frames.read(0, 1)
    steps, exchanged = _rms(first), _rms(first.byteswap())
    if steps > 4 * exchanged:
        notes.append(
            f"reads as noise of {steps:.0f} steps, with the bytes of each word exchanged of {exchanged:.0f}: "
            "another byte order, or a file that begins within a word"
        )
    if order is None:
        order = _order_in(first, radar, headers)
        if order != order_of(radar):
            notes.append(f"words are taken to be in the order {order.words}")

    def decode(start: int, stop: int) -> Tensor:
        return _decode(frames.read(start, stop), radar, order)

    if radar.waveform.complex_samples and forwardness(decode(0, 1)) < 0.1:
        notes.append("beat frequencies are negative, as if I and Q were the other way round (Order(swap=...))")
    return Recording(radar, frames.count, decode, tuple(notes), board_correction(setup))


def _rms(words: NDArray[np.int16]) -> float:
    return float(np.sqrt(np.mean(np.square(words, dtype=np.float64))))


def _order_in(frame: NDArray[np.int16], radar: Radar, headers: Headers | None) -> Order:
    """The order of a frame's words: the expected one, unless another alone has its power at positive beats."""
    board = order_of(radar)
    if not radar.waveform.complex_samples:
        return board
    # Only the SDK's demos send headers, and TI's configurations for them say Q first.
    expected = board if headers is None else replace(board, swap=True, paired=not headers.card)
    choices = [replace(expected, swap=not expected.swap)]
    if not board.interleaved:
        choices += [replace(expected, swap=swap, paired=not expected.paired) for swap in (False, True)]
    best = max(choices, key=lambda order: forwardness(_decode(frame, radar, order)))
    new, old = (_decode(frame, radar, order) for order in (best, expected))
    clear = forwardness(new) > 10 > forwardness(old)
    # Pairs taken apart wrongly turn a beat beyond a quarter of the rate into one below, but leave images of it.
    if best.paired != expected.paired:
        clear &= mirrored(old) > 2 * mirrored(new)
    return best if clear else expected


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
        name.write_bytes(part.data)  # of a full disk `tofile` does not tell as such
    return tuple(names)


def frame_words(radar: Radar, order: Order) -> int:
    """Number of int16 words of a frame."""
    w = radar.waveform
    channels = LANES if order.interleaved else len(radar.rx)
    return w.loops * radar.slots * channels * w.samples * (2 if w.complex_samples else 1)


class _Frames:
    """Whole frames of words in a stream, without the headers.

    Attributes:
        size: words of a frame in the stream.
        count: of whole frames.
        notes: what was dropped.
    """

    def __init__(self, stream: Stream, words: int, radar: Radar, headers: Headers | None) -> None:
        """Find the frames; `words` are those of a frame's samples.

        Raises:
            ValueError: the headers tell of other samples than the radar's.
        """
        self.stream, self.headers, self.size, self.notes = stream, headers, words, list[str]()
        usable = stream.words
        if headers is not None:
            chirps = radar.waveform.loops * radar.slots
            got, want = headers.record - headers.words, headers.chirps * words // chirps
            if chirps % headers.chirps:
                raise ValueError(f"HSI headers: expected a divisor of {chirps} chirps a record, got {headers.chirps}")
            if got != want:
                raise ValueError(f"HSI headers: expected {2 * want} bytes of samples in each record, got {2 * got}")
            self.size = chirps // headers.chirps * headers.record
            found = np.flatnonzero(headers.intact(stream))
            last = int(found[-1]) + 1 if len(found) else 0
            lost = last - len(found)
            if lost:
                self.notes.append(f"{lost} of {last} HSI headers are damaged or lost; their samples were kept")
            # Beyond the last header that stands where it should, nothing says where a chirp begins.
            usable = last * headers.record
        self.count = min(usable, stream.words) // self.size
        left = 2 * (stream.words - self.count * self.size) + stream.odd
        if left:
            self.notes.append(
                f"the last {left} bytes are not a whole frame of {2 * self.size} bytes and were dropped (the recording "
                "was stopped within a frame, or another configuration made it)"
            )
        empty = {word // self.size for run in stream.zeros(PACKET) for word in run if word < self.count * self.size}
        if empty:
            self.notes.append(
                f"{len(empty)} of {self.count} frames hold runs of zeros, as of lost packets; the frames were kept"
            )

    def read(self, start: int, stop: int) -> NDArray[np.int16]:
        """Words [frames, words a frame] of samples."""
        raw = self.stream.read(start * self.size, stop * self.size)
        if self.headers is not None:
            raw = raw.reshape(-1, self.headers.record)[:, self.headers.words :]
        return raw.reshape(stop - start, -1)


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
        elif order.paired:
            source = words.reshape(target.shape)
            target[..., first], target[..., second] = source[..., 0], source[..., 1]
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
    if parts == 1 or order.paired:
        return np.ascontiguousarray(steps).reshape(frames, -1)
    pairs = steps.reshape(frames, -1, 2, 2)
    return np.ascontiguousarray(pairs.swapaxes(-1, -2)).reshape(frames, -1)
