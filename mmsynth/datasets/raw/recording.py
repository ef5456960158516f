"""A raw recording, opened: frames are read from disk when they are asked for."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.radar import Device, device_of
from mmsynth.types import AdcFrames, ChannelCalibration, Radar, RadarSetup

# Of samples that are decoded and processed at once.
CHUNK_BYTES = 32 << 20


@dataclass(frozen=True, eq=False)
class Recording:
    """Whole frames of a capture.

    Attributes:
        radar: that recorded it.
        count: number of whole frames.
        decode: samples [stop - start, loops, slots, rx, samples] in V of frames start to stop.
        notes: what was dropped or assumed, a sentence each.
        correction: factor [slots, rx, samples] that calibrates the board; None = none.
    """

    radar: Radar
    count: int
    decode: Callable[[int, int], Tensor]
    notes: tuple[str, ...] = ()
    correction: Tensor | None = None

    def __len__(self) -> int:
        return self.count

    def frames(self, start: int = 0, stop: int | None = None) -> AdcFrames:
        """Frames start to stop (all, if not given).

        Raises:
            ValueError: the recording does not have them.
        """
        stop = self.count if stop is None else stop
        if not 0 <= start < stop <= self.count:
            raise ValueError(f"frames: expected a part of 0 to {self.count}, got {start} to {stop}")
        samples = self.decode(start, stop)
        if self.correction is not None:
            samples = corrected(samples, self.correction)
        times = torch.arange(start, stop, dtype=torch.float64) * self.radar.waveform.frame_period
        return AdcFrames(self.radar, samples, times)

    def chunks(self, start: int, stop: int) -> Iterator[AdcFrames]:
        """Frames start to stop, as many at a time as fit into `CHUNK_BYTES`."""
        step = max(1, CHUNK_BYTES // (8 * frame_values(self.radar)))
        for first in range(start, stop, step):
            yield self.frames(first, min(first + step, stop))


def frame_values(radar: Radar) -> int:
    """ADC samples (complex or real) of a frame over all its chirps and RX."""
    return radar.waveform.loops * radar.slots * len(radar.rx) * radar.waveform.samples


def frames_note(count: int, setup: RadarSetup) -> tuple[str, ...]:
    """A sentence where a recording has other frames than its configuration lets the radar send."""
    if setup.frames in (0, count):
        return ()
    how = "several recordings stand in it" if count > setup.frames else "it was stopped early"
    return (
        f"{count} frames, where the configuration has the radar stop after {setup.frames}: another one made the "
        f"recording, or {how}",
    )


def step_of(radar: Radar) -> float:
    """V a step of 16-bit words: their full range is the ADC's."""
    return radar.receiver.full_scale / 32768


def board_correction(setup: RadarSetup) -> Tensor | None:
    """Factor [slots, rx, samples] (complex64) that undoes the board's range bias and channel errors; None = none.

    TI's compRangeBiasAndRxChanPhase: samples are turned by `exp(-j 2 pi S (2 bias / c) t)`, which moves every range by
    -bias, and multiplied by the coefficient of their virtual antenna.

    Raises:
        ValueError: the coefficients are not as many as the board has virtual antennas, or the radar is not TDM.
    """
    radar, found = setup.radar, setup.calibration
    if found == ChannelCalibration():
        return None
    w = radar.waveform
    turn = -2 * math.pi * w.slope * (2 * found.range_bias / speed_of_light) * w.sample_times()
    factor = torch.polar(torch.ones_like(turn), turn).expand(radar.slots, len(radar.rx), w.samples)
    if found.factors:
        board = known_device(radar)
        antennas = len(board.array.rx if board else radar.rx)
        wanted = len(radar.tx) * antennas
        if len(found.factors) != wanted:
            raise ValueError(f"calibration: expected {wanted} factors, got {len(found.factors)}")
        channel = torch.view_as_complex(torch.tensor(found.factors, dtype=torch.float64)).reshape(-1, antennas)
        factor = factor * channel[list(radar.slot_tx)][:, list(board_rx(radar))][..., None]
    return factor.to(torch.complex64)


def corrected(samples: Tensor, factor: Tensor) -> Tensor:
    """Samples [..., samples] whose echoes, all at positive beats, are multiplied by a complex factor; of the same kind.

    Of real samples those are the analytic signal's, whose real part they are (DC and the Nyquist bin stand once in it).
    """
    if samples.is_complex():
        return samples * factor
    count = samples.shape[-1]
    weight = torch.zeros(count, device=samples.device)
    weight[0], weight[1 : (count + 1) // 2] = 1, 2
    if count % 2 == 0:
        weight[count // 2] = 1
    analytic: Tensor = torch.fft.ifft(torch.fft.fft(samples) * weight)
    return (analytic * factor).real


def board_rx(radar: Radar) -> tuple[int, ...]:
    """Which of its board's RX (from 0) each of the radar's is; in order where the board is not known."""
    board = known_device(radar)
    return nearest_rx(radar, board) if board else tuple(range(len(radar.rx)))


def nearest_rx(radar: Radar, board: Device) -> tuple[int, ...]:
    """Which of a board's RX (from 0) each of the radar's is, by position."""
    known = board.array.rx_positions()
    distance = torch.linalg.norm(radar.rx[:, None].to(known) - known, dim=-1)
    return tuple(int(i) for i in distance.argmin(1))


def known_device(radar: Radar) -> Device | None:
    """The radar's board; None where it is not known."""
    try:
        return device_of(radar)
    except ValueError:
        return None
