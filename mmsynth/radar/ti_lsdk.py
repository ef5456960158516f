"""Waveform and transmit schedule from the commands of TI's L-SDK (xWRL6432, xWRL6844)."""

import math
from dataclasses import replace

from mmsynth.radar.device import Device, Profile
from mmsynth.radar.ti_lines import Line, Lines
from mmsynth.types import Waveform

# The ADC's samples leave the decimator at this rate divided by chirpComnCfg's first argument.
CLOCK = {"xwrl": 100e6, "xwrl68xx": 200e6}


def profile(lines: Lines, board: Device) -> tuple[Profile, tuple[str, ...]]:
    """The profile that the configuration sets, without its processing, and what it leaves out (notes).

    A frame is a number of bursts. Each burst sends the TX pattern once, so a burst is a loop; or a single burst is the
    whole frame and repeats the pattern. The xWRL6844 has two bits an antenna in its masks (cli.c of TI's demo). Chirps
    that the chip accumulates are one chirp in as much time, of as much more power.

    Raises:
        ValueError: a line is wrong or missing.
    """
    common, timing, frame = lines.need("chirpComnCfg"), lines.need("chirpTimingCfg"), lines.need("frameCfg")
    channel = lines.need("channelCfg")
    if board.kind == "xwrl68xx":
        channel = replace(channel, values=(*map(_one_bit, channel.values[:2]), channel.values[2]))
    rx, tx = channel.antennas(0, len(board.array.rx), "RX"), channel.antennas(1, len(board.array.tx), "TX")
    chirps, bursts = frame.whole(0, 1, 65535), frame.whole(3, 1, 4096)
    waveform = _waveform(common, timing, frame, CLOCK.get(board.kind, CLOCK["xwrl"]))
    waveform = replace(waveform, loop_idle=0.0) if bursts == 1 else waveform
    if chirps % len(tx):
        raise frame.error(f"expected a multiple of {len(tx)} chirps a burst, one a TX, got {chirps}")
    try:
        board.limits.check(waveform)
    except ValueError as error:
        raise timing.error(str(error)) from None
    even = abs(waveform.loop_idle) < 1e-9
    if chirps > len(tx) and not even:
        raise frame.error(f"expected {len(tx)} chirps a burst (or bursts without a pause), got {chirps}")
    waveform = replace(waveform, loops=bursts * chirps // len(tx))
    gain, backoff = _calibration(lines)
    accumulated = _accumulated(frame)
    notes = f"line {frame.number}: frameCfg: {accumulated} chirps are accumulated: simulated as one of as much power"
    return Profile(
        waveform=waveform,
        codes=_codes(common, tx, len(board.array.tx)),
        rx=rx if len(rx) < len(board.array.rx) else (),
        rx_gain_db=gain,
        tx_backoff_db=backoff - 10 * math.log10(accumulated),
    ), (notes,) if accumulated > 1 else ()


def _accumulated(frame: Line) -> int:
    return max(frame.whole(1, 0, 64), 1)


def _calibration(lines: Lines) -> tuple[float, float]:
    """RX gain and TX back-off in dB, which the low-power SDK says where it calibrates; its default is 36 and 0."""
    line = lines.last("factoryCalibCfg")
    return (float(line.whole(2, 0, 63)), float(line.whole(3, 0, 63))) if line else (36.0, 0.0)


def _one_bit(mask: float) -> float:
    """A mask of two bits an antenna, either of which switches it on, as one of one bit."""
    if mask != int(mask) or not 0 <= mask < 1 << 16:
        return -1.0  # refused with the line's number where the antennas are read
    return float(sum(1 << i for i in range(8) if int(mask) >> 2 * i & 3))


def _waveform(common: Line, timing: Line, frame: Line, clock: float) -> Waveform:
    rate = clock / common.positive(0)
    idle, ramp = timing.positive(0) / 1e6, common.positive(5) / 1e6
    idle += (_accumulated(frame) - 1) * (idle + ramp)
    chirps, burst = frame.whole(0, 1, 65535), frame.positive(2) / 1e6
    pause = burst - chirps * (idle + ramp)
    if pause < -1e-9:
        taken = f"{chirps} chirps take {chirps * (idle + ramp) * 1e6:g} us"
        raise frame.error(f"{taken} of a burst period of {burst * 1e6:g} us")
    if frame.whole(3, 1, 4096) * burst > frame.positive(4) / 1e3 * (1 + 1e-9):
        raise frame.error(f"bursts take longer than the frame period of {frame.values[4]:g} ms")
    try:
        return Waveform(
            start_frequency=timing.positive(4) * 1e9,
            slope=timing.positive(3) * 1e12,
            samples=common.whole(3, 2, 4096),
            sample_rate=rate,
            idle_time=idle,
            ramp_time=ramp,
            adc_start=timing.positive(1, zero=True) / rate,
            loops=frame.whole(3, 1, 4096),
            frame_period=frame.positive(4) / 1e3,
            complex_samples=False,
            loop_idle=max(pause, 0.0),
        )
    except ValueError as error:
        raise error if str(error).startswith("line") else timing.error(str(error)) from None


def _codes(common: Line, tx: tuple[int, ...], count: int) -> tuple[tuple[float, ...], ...]:
    pattern = common.whole(4, 0, 4)
    if pattern == 4 and len(tx) == 2:  # BPM: both, then the second turned
        row = [1.0 if i + 1 in tx else 0.0 for i in range(count)]
        turned = list(row)
        turned[tx[1] - 1] = -1.0
        return tuple(row), tuple(turned)
    if pattern == 4:
        raise common.error(f"expected two TX for BPM, got {len(tx)}")
    return tuple(tuple(1.0 if i + 1 == slot else 0.0 for i in range(count)) for slot in tx)
