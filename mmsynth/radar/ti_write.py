"""A radar and its processing written as a TI configuration (SDK 3 or L-SDK) that `parse_cfg` reads back."""

import math
from functools import reduce
from operator import or_
from typing import Any

import torch

from mmsynth.config import dumps, to_table
from mmsynth.radar import ti_write_low
from mmsynth.radar.device import Device, device_of
from mmsynth.radar.ti_cfg import EXTRA, parse_cfg
from mmsynth.radar.ti_lsdk import CLOCK
from mmsynth.radar.ti_processing import beam_scale_power
from mmsynth.radar.ti_write_low import cfar_numbers, degrees, mask, rx_mask, us
from mmsynth.types import ChannelCalibration, Processing, Radar, RadarSetup


def write_cfg(setup: RadarSetup) -> str:
    """Text of a .cfg for SDK 3's out-of-box demo, or the low-power SDK's for its chips.

    What TI's commands cannot say of the processing stands in comments, which `parse_cfg` understands and the device
    skips; the round trip is exact to the ten digits written. Board, antenna pattern and noise figure are those of the
    shipped device that the radar's name begins with.

    Raises:
        ValueError: the radar's name is not that of a shipped TI device, or its schedule or antennas are beyond TI's
            commands (weights other than 0, +1 and -1; a pause between loops, which only the low-power SDK has).
    """
    radar, processing = setup.radar, setup.processing
    board = device_of(radar)
    head = [
        f"% Device: {board.name}",
        f"% Range resolution (m): {radar.waveform.range_resolution:.4g}",
        f"% Maximum radial velocity (m/s): {radar.max_velocity:.4g}",
    ]
    if board.kind in CLOCK:
        body = [
            "sensorStop 0",
            *ti_write_low.signal(radar, board),
            *ti_write_low.chain(processing),
            *_calibration(setup.calibration, board),
            "sensorStart 0 0 0 0",
        ]
    elif board.kind in ("xwr14xx", "xwr16xx"):
        body = [
            "sensorStop",
            "flushCfg",
            "dfeDataOutputMode 1",
            *_signal(radar, board),
            *_chain(processing, board),
            *_calibration(setup.calibration, board),
            "sensorStart",
        ]
    else:
        raise ValueError(f"radar {radar.name}: expected a TI device to write a .cfg, got {board.name}")
    extras = _extras(processing, parse_cfg("\n".join(head + body)).processing)
    return "\n".join([*head, *extras, *body, ""])


def _signal(radar: Radar, board: Device) -> list[str]:
    w = radar.waveform
    if w.loop_idle:
        raise ValueError(f"radar {radar.name}: expected evenly spaced loops to write a .cfg, got a pause between them")
    masks = [mask([bool(weight) for weight in row]) for row in radar.codes.tolist()]
    gain = round(20 * math.log10(radar.receiver.gain))
    backoff = round(10 * math.log10(board.tx_power / radar.tx_power))
    codes = sum(backoff << 8 * i for i in range(3))
    numbers = (
        f"{us(w.idle_time)} {us(w.adc_start)} {us(w.ramp_time)} {codes} 0 {w.slope / 1e12:.10g} 0 {w.samples} "
        f"{w.sample_rate / 1e3:.10g} 0 0 {gain}"
    )
    chirps = [f"chirpCfg {i} {i} 0 0 0 0 0 {mask}" for i, mask in enumerate(masks)]
    return [
        f"channelCfg {rx_mask(radar, board)} {reduce(or_, masks)} 0",
        f"adcCfg 2 {1 if w.complex_samples else 0}",
        "adcbufCfg -1 0 1 1 1",
        f"profileCfg 0 {w.start_frequency / 1e9:.10g} {numbers}",
        *chirps,
        f"frameCfg 0 {len(masks) - 1} {w.loops} 0 {w.frame_period * 1e3:.10g} 1 0",
        f"bpmCfg -1 {_bpm(radar)}",
    ]


def _bpm(radar: Radar) -> str:
    codes = radar.codes
    if not bool(((codes == 0) | (codes.abs() == 1)).all()):
        raise ValueError(f"radar {radar.name}: expected weights 0, 1 and -1 to write a .cfg, got others")
    negative = [i for i, row in enumerate(codes.tolist()) if min(row) < 0]
    if not negative:
        return "0 0 0"
    row = codes[negative[0]]
    same = [i for i, other in enumerate(codes) if torch.equal(other, row.abs())]
    if len(negative) > 1 or not same or int((row < 0).nonzero()[-1]) != int(row.nonzero()[-1]):
        raise ValueError(f"radar {radar.name}: expected one BPM pair (both plus, then the last TX minus) for a .cfg")
    return f"1 {same[0]} {negative[0]}"


def _chain(p: Processing, board: Device) -> list[str]:
    lines = [f"cfarCfg -1 0 {cfar_numbers(p.range_cfar)} {int(p.peak_grouping_range)}"]
    if p.doppler_cfar is not None:
        lines.append(f"cfarCfg -1 1 {cfar_numbers(p.doppler_cfar)} {int(p.peak_grouping_doppler)}")
    scale = p.second_peak ** (1 / beam_scale_power(board))
    lines += [
        f"multiObjBeamForming -1 {int(p.second_peak > 0)} {scale:.10g}",
        f"clutterRemoval -1 {int(p.clutter_removal)}",
        f"calibDcRangeSig -1 {int(p.dc_range_bins > 0)} {-p.dc_range_bins_negative} {p.dc_range_bins} 256",
        f"extendedMaxVelocity -1 {int(p.extended_velocity)}",
        f"aoaFovCfg -1 {degrees(p.azimuth_limits)} {degrees(p.elevation_limits)}",
    ]
    for direction, limits in enumerate((p.range_limits, p.velocity_limits)):
        if all(map(math.isfinite, limits)):
            lines.append(f"cfarFovCfg -1 {direction} {limits[0]!r} {limits[1]!r}")
    return lines


def _calibration(found: ChannelCalibration, board: Device) -> list[str]:
    # A board with feeds of either sense has them undone where no line says that it is simulated.
    if found == ChannelCalibration() and not board.array.feeds:
        return []
    factors = found.factors or ((1.0, 0.0),) * (len(board.array.tx) * len(board.array.rx))
    pairs = " ".join(f"{re!r} {im!r}" for re, im in factors)
    return [f"compRangeBiasAndRxChanPhase {found.range_bias:.10g} {pairs}"]


def _extras(wanted: Processing, said: Processing) -> list[str]:
    """Comment lines with the fields that TI's commands bring back differently."""
    want, got = to_table(wanted), to_table(said)
    return [EXTRA_LINE + line for key in want if not _same(want[key], got[key]) for line in _toml(key, want[key])]


EXTRA_LINE = f"% {EXTRA}"


def _toml(key: str, value: Any) -> list[str]:
    if isinstance(value, dict):
        # `false` where the default of a field would come back for None.
        filled = {name: False if part is None else part for name, part in value.items()}
        return [f"{key}.{line}" for line in dumps(filled).splitlines()]
    return dumps({key: value}).splitlines()


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return set(a) == set(b) and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return a == b or math.isclose(a, b, rel_tol=1e-9)
    return bool(a == b)
