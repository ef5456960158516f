"""mmWave Studio's configuration (NAME.mmwave.json, beside it NAME.setup.json) as a radar."""

import json
from pathlib import Path
from typing import Any

from mmsynth.radar.device import devices
from mmsynth.radar.ti_cfg import parse_cfg
from mmsynth.types import RadarSetup

# In the order of profileCfg; "0" stands for what is not used (corners of the high-pass, which come in words).
PROFILE = (
    "profileId startFreqConst_GHz idleTimeConst_usec adcStartTimeConst_usec rampEndTime_usec txOutPowerBackoffCode "
    "txPhaseShifter freqSlopeConst_MHz_usec txStartTime_usec numAdcSamples digOutSampleRate 0 0 rxGain_dB"
).split()
CHIRP = (
    "chirpStartIdx chirpEndIdx profileId startFreqVar_MHz freqSlopeVar_KHz_usec idleTimeVar_usec adcStartTimeVar_usec "
    "txEnable"
).split()
CHANNELS = (("rxChannelEn", 4), ("txChannelEn", 3))  # and how many antennas a device has
FRAME = "chirpStartIdx chirpEndIdx numLoops numFrames framePeriodicity_msec triggerSelect frameTriggerDelay".split()


def read_studio(path: Path | str, device: str | None = None) -> RadarSetup:
    """The radar of a NAME.mmwave.json; the board is `device`, or the one that NAME.setup.json names, or a guess.

    The processing is the out-of-box demo's: mmWave Studio records raw samples only.

    Raises:
        ValueError: no such file, or not such a configuration.
    """
    path = Path(path)
    name = path.name.partition(".")[0]
    try:
        table = _json(path)
        text = studio_cfg(table)
        cascade = "AWR2243CASCADE" if len(table["mmWaveDevices"]) > 1 else None
        device = device or cascade or _device(path.with_name(f"{name}.setup.json"))
        return parse_cfg(text, device, 0, name)
    except ValueError as error:
        raise ValueError(str(error) if str(path) in str(error) else f"{path}: {error}") from None


def studio_cfg(table: Any) -> str:
    """The lines of a .cfg that say what a NAME.mmwave.json (parsed) says.

    Raises:
        ValueError: an entry is missing.
    """
    try:
        devices = [device["rfConfig"] for device in sorted(table["mmWaveDevices"], key=_device_id)]
        receive, send = (_joined([d["rlChanCfg_t"][k] for d in devices], n) for k, n in CHANNELS)
        rf, adc = devices[0], devices[0]["rlAdcOutCfg_t"]["fmt"]
        lines = [
            "dfeDataOutputMode 1",
            f"channelCfg {receive} {send} 0",
            f"adcCfg {_number(adc['b2AdcBits'])} {_number(adc['b2AdcOutFmt'])}",
            *(_line("profileCfg", entry["rlProfileCfg_t"], PROFILE) for entry in rf["rlProfiles"]),
            *(_line("chirpCfg", entry, CHIRP) for entry in _chirps(devices)),
            _line("frameCfg", rf["rlFrameCfg_t"], FRAME),
        ]
    except KeyError as error:
        raise ValueError(f"mmWave Studio: {error} is missing") from None
    except (TypeError, IndexError):
        raise ValueError("mmWave Studio: expected tables mmWaveDevices[0].rfConfig, got another structure") from None
    return "\n".join(lines)


def _device_id(device: dict[str, Any]) -> int:
    return int(device.get("mmWaveDeviceId", 0))


def _chirps(devices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The chirps of the first device, with the TX that any device sends in them."""
    rows = [[entry["rlChirpCfg_t"] for entry in device["rlChirps"]] for device in devices]
    spans = [[(chirp["chirpStartIdx"], chirp["chirpEndIdx"]) for chirp in row] for row in rows]
    if any(other != spans[0] for other in spans):
        raise ValueError("mmWave Studio: expected the same chirps of every device, got others")
    return [
        {**together[0], "txEnable": _joined([c["txEnable"] for c in together], 3)}
        for together in zip(*rows, strict=True)
    ]


def _joined(masks: list[Any], count: int) -> str:
    """One mask of `count` antennas a device, those of the first device lowest; as it stands of a single device."""
    if len(masks) == 1:
        return _number(masks[0])
    bits = [int(float(_number(mask))) for mask in masks]
    if any(not 0 <= mask < 1 << count for mask in bits):
        raise ValueError(f"mmWave Studio: expected masks of {count} antennas a device, got {masks}")
    return str(sum(mask << count * i for i, mask in enumerate(bits)))


def _line(command: str, entry: dict[str, Any], keys: list[str]) -> str:
    return " ".join([command, *("0" if key == "0" else _number(entry[key]) for key in keys)])


def _number(value: Any) -> str:
    """A number, given as such, as text or as hexadecimal text."""
    if isinstance(value, str):
        try:
            return str(int(value, 0))
        except ValueError:
            return value.split()[0] if value.split() else "''"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"mmWave Studio: expected a number, got {value!r:.40}")
    return repr(value)


def _device(setup: Path) -> str | None:
    if not setup.is_file():
        return None
    table = _json(setup)
    wanted = str(table.get("mmWaveDevice", "")).lower() if isinstance(table, dict) else ""
    return next((board.name for board in devices().values() if wanted in board.platform), None)


def _json(path: Path) -> Any:
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
