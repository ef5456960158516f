"""Waveform and transmit schedule from the commands of TI's mmWave SDK 1, 2 and 3."""

from mmsynth.radar.device import Device, Profile
from mmsynth.radar.ti_lines import Line, Lines
from mmsynth.types import Waveform


def profile(lines: Lines, board: Device, subframe: int) -> tuple[Profile, tuple[str, ...]]:
    """The profile that the configuration sets, without its processing, and what it leaves out (notes).

    Raises:
        ValueError: a line is wrong or missing.
    """
    first, count, loops, period, frame = _frame(lines, subframe)
    chirps = {index: _chirp(lines, index, frame) for index in range(first, first + count)}
    ids = {chirp.whole(2, 0, 3) for chirp in chirps.values()}
    if len(ids) > 1:
        raise frame.error(f"expected chirps of one profile, got profiles {', '.join(map(str, sorted(ids)))}")
    settings = [line for line in lines.all("profileCfg") if line.whole(0, 0, 3) in ids]
    if not settings:
        raise chirps[first].error(f"profile {ids.pop()} is not set by a profileCfg line")
    sent = settings[-1]
    channel = lines.need("channelCfg")
    rx = channel.antennas(0, len(board.array.rx), "RX")
    codes, notes = _codes(lines, board, chirps, subframe)
    notes += _left_out(lines, sent, subframe)
    waveform = _waveform(sent, lines, loops, period)
    try:
        board.limits.check(waveform)
    except ValueError as error:
        raise sent.error(str(error)) from None
    active = loops * count * waveform.chirp_time
    if active > period:
        taken = f"{loops} loops of {count} chirps take {active * 1e3:.3f} ms"
        raise frame.error(f"{taken} of a period of {period * 1e3:g} ms")
    return Profile(
        waveform=waveform,
        codes=codes,
        rx=rx if len(rx) < len(board.array.rx) else (),
        # The low six bits are the gain; the rest choose the RF gain's target.
        rx_gain_db=float(sent.whole(13, 0, 255) & 63),
        tx_backoff_db=_backoff(sent),
    ), notes


def _left_out(lines: Lines, sent: Line, subframe: int) -> tuple[str, ...]:
    """What the file says that is not followed, a sentence each."""
    notes = [f"line {line.number}: cfarCfg of people counting: its numbers are not used" for line in lines.counting()]
    if sent.values[6]:
        notes.append(f"line {sent.number}: profileCfg: phases of the TX are not simulated")
    parts, mode = lines.last("advFrameCfg"), lines.last("dfeDataOutputMode")
    if parts is not None and mode is not None and mode.values[0] == 3 and parts.values[0] > 1:
        count = int(parts.values[0])
        notes.append(
            f"subframe {subframe} of 0 to {count - 1} is read; FILE.cfg#{(subframe + 1) % count} reads another"
        )
    return tuple(notes)


def _frame(lines: Lines, subframe: int) -> tuple[int, int, int, float, Line]:
    """First chirp, number of chirps, loops, period in s, and the line that says so."""
    mode = lines.last("dfeDataOutputMode")
    if mode is not None and mode.whole(0, 1, 3) == 3:
        advanced = lines.need("advFrameCfg")
        frames = {line.whole(0, 0, 3): line for line in lines.all("subFrameCfg")}
        wanted = advanced.whole(0, 1, 4)
        missing = [i for i in range(wanted) if i not in frames]
        if missing:
            raise advanced.error(f"subframe {missing[0]} is not set by a subFrameCfg line")
        if not 0 <= subframe < wanted:
            raise advanced.error(f"expected a subframe from 0 to {wanted - 1}, got {subframe}")
        line = frames[subframe]
        period = sum(frames[i].positive(9) for i in range(wanted)) / 1e3
        bursts = line.whole(7, 1, 512) * line.whole(8, 1, 64)
        if bursts > 1:
            raise line.error(f"expected one burst a subframe, got {bursts}")
        return line.whole(2, 0, 511), line.whole(3, 1, 512), line.whole(4, 1, 255), period, line
    if mode is not None and mode.whole(0, 1, 3) == 2:
        raise mode.error("expected frames (1) or an advanced frame (3), got continuous transmission")
    if subframe:
        raise ValueError(f"subframe: expected 0 of a configuration without subframes, got {subframe}")
    frame = lines.need("frameCfg")
    if len(frame.values) < 7:
        raise frame.error(f"expected 7 numbers, got {len(frame.values)}")
    first, last = frame.whole(0, 0, 511), frame.whole(1, 0, 511)
    if last < first:
        raise frame.error(f"expected the last chirp not before the first, got {first} to {last}")
    # SDK 4 puts the number of samples before the period.
    period = frame.positive(5 if len(frame.values) == 8 else 4) / 1e3
    return first, last - first + 1, frame.whole(2, 1, 65535), period, frame


def _chirp(lines: Lines, index: int, frame: Line) -> Line:
    found = [line for line in lines.all("chirpCfg") if line.values[0] <= index <= line.values[1]]
    if not found:
        raise frame.error(f"chirp {index} is not set by a chirpCfg line")
    chirp = found[-1]
    if any(chirp.values[3:7]):
        raise chirp.error("expected no variation of frequency, slope or times from the profile, got some")
    return chirp


def _codes(
    lines: Lines, board: Device, chirps: dict[int, Line], subframe: int
) -> tuple[tuple[tuple[float, ...], ...], tuple[str, ...]]:
    """Weight of each TX in each chirp; BPM gives the second TX of its second chirp the minus sign."""
    count = len(board.array.tx)
    enabled = lines.need("channelCfg").antennas(1, count, "TX")
    negative = _negative_chirp(lines, subframe)
    rows, notes = [], []
    for index, chirp in chirps.items():
        on = chirp.antennas(7, count, "TX")
        off = [tx for tx in on if tx not in enabled]
        if off:
            raise chirp.error(f"TX {off[0]} is not switched on by channelCfg")
        row = [1.0 if tx + 1 in on else 0.0 for tx in range(count)]
        if negative == index and len(on) > 1:
            row[on[-1] - 1] = -1.0
        elif negative is None and len(on) > 1:
            notes.append(f"line {chirp.number}: {len(on)} TX send the same chirp without BPM")
        rows.append(tuple(row))
    return tuple(rows), tuple(notes)


def _negative_chirp(lines: Lines, subframe: int) -> int | None:
    found = lines.of_subframe("bpmCfg", subframe, 4)
    if not found or not found[-1].flag(0):
        return None
    return found[-1].whole(2, 0, 511)


def _waveform(sent: Line, lines: Lines, loops: int, period: float) -> Waveform:
    adc = lines.last("adcCfg")
    try:
        return Waveform(
            start_frequency=sent.positive(1) * 1e9,
            slope=sent.positive(7) * 1e12,
            samples=sent.whole(9, 2, 1 << 16),
            sample_rate=sent.positive(10) * 1e3,
            idle_time=sent.positive(2, zero=True) / 1e6,
            ramp_time=sent.positive(4) / 1e6,
            adc_start=sent.positive(3, zero=True) / 1e6,
            loops=loops,
            frame_period=period,
            complex_samples=adc is None or adc.whole(1, 0, 3) != 0,
        )
    except ValueError as error:
        raise error if str(error).startswith("line") else sent.error(str(error)) from None


def _backoff(sent: Line) -> float:
    """DB under full power: one byte a TX; all are taken to be equal to the first."""
    return float(sent.whole(5, 0, (1 << 24) - 1) & 0xFF)
