"""The low-power SDK's commands of a radar and its processing, and what both SDKs' writers share."""

import math

import torch

from mmsynth.radar.device import Device
from mmsynth.radar.ti_lsdk import CLOCK
from mmsynth.radar.ti_processing import MODES
from mmsynth.types import Cfar, Processing, Radar


def signal(radar: Radar, board: Device) -> list[str]:
    """Lines of antennas, chirp and frame.

    Raises:
        ValueError: the schedule is not the low-power SDK's: TX in rising order, or two TX in BPM.
    """
    w, codes = radar.waveform, radar.codes
    on = [bool(column.any()) for column in codes.T]
    used = [i for i, flag in enumerate(on) if flag]
    tdm = radar.is_tdm and list(radar.slot_tx) == used
    bpm = len(used) == 2 and codes[:, used].tolist() == [[1, 1], [1, -1]]
    if not tdm and not bpm:
        raise ValueError(f"radar {radar.name}: expected its TX one after the other, or two in BPM, to write a .cfg")
    gain = round(20 * math.log10(radar.receiver.gain))
    accumulated = max(round(radar.tx_power / board.tx_power), 1)  # more power than there is: several chirps'
    backoff = round(10 * math.log10(accumulated * board.tx_power / radar.tx_power))
    idle_time, summed = w.chirp_time / accumulated - w.ramp_time, accumulated if accumulated > 1 else 0
    skipped = w.adc_start * w.sample_rate
    return [
        f"channelCfg {_masks(board, rx_mask(radar, board))} {_masks(board, mask(on))} 0",
        f"chirpComnCfg {CLOCK[board.kind] / w.sample_rate:.10g} 0 0 {w.samples} {1 if tdm else 4} {us(w.ramp_time)} 0",
        f"chirpTimingCfg {us(idle_time)} {skipped:.10g} 0 {w.slope / 1e12:.10g} {w.start_frequency / 1e9:.10g}",
        f"frameCfg {radar.slots} {summed} {us(radar.loop_time)} {w.loops} {w.frame_period * 1e3:.10g} 0",
        f"factoryCalibCfg 1 0 {gain} {backoff} 0x1ff000",
    ]


def _masks(board: Device, mask: int) -> int:
    """A mask as the board's SDK writes it: the xWRL6844 has two bits an antenna."""
    return sum(3 << 2 * i for i in range(8) if mask >> i & 1) if board.kind == "xwrl68xx" else mask


def chain(p: Processing) -> list[str]:
    """Lines of the processing."""
    lines = [
        f"cfarCfg {cfar_numbers(p.range_cfar)} 0 0.5 {int(p.peak_grouping_range)} 1 1 1",
        f"aoaFovCfg {degrees(p.azimuth_limits)} {degrees(p.elevation_limits)}",
        f"clutterRemoval {int(p.clutter_removal)}",
    ]
    if all(map(math.isfinite, p.range_limits)):
        lines.append(f"rangeSelCfg {p.range_limits[0]!r} {p.range_limits[1]!r}")
    return lines


def cfar_numbers(cfar: Cfar) -> str:
    """Mode, window, guard, shift, cyclic and threshold."""
    cells = cfar.window * (2 if cfar.mode == "CA" else 1)
    shift = cfar.divide_shift if cfar.divide_shift is not None else math.ceil(math.log2(cells))
    numbers = f"{MODES.index(cfar.mode)} {cfar.window} {cfar.guard} {shift} {int(cfar.cyclic)}"
    return f"{numbers} {cfar.threshold_db:.10g}"


def us(seconds: float) -> str:
    """Microseconds, as TI writes times."""
    return f"{seconds * 1e6:.10g}"


def mask(on: list[bool]) -> int:
    """Bit i set where antenna i is on."""
    return sum(1 << i for i, bit in enumerate(on) if bit)


def rx_mask(radar: Radar, board: Device) -> int:
    """Mask of the board's RX that the radar has, by position.

    Raises:
        ValueError: one stands where the board has none.
    """
    known = board.array.rx_positions()
    on = [bool((torch.linalg.norm(radar.rx - rx, dim=-1) < 1e-6).any()) for rx in known]
    if sum(on) != len(radar.rx):
        raise ValueError(f"radar {radar.name}: expected RX of {board.name}, got positions that it does not have")
    return mask(on)


def degrees(limits: tuple[float, float]) -> str:
    """An interval in degrees."""
    return f"{math.degrees(limits[0]):.10g} {math.degrees(limits[1]):.10g}"
