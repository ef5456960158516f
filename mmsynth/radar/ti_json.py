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
        text = studio_cfg(_json(path))
        device = device or _device(path.with_name(f"{name}.setup.json"))
        return parse_cfg(text, device, 0, name)
    except ValueError as error:
        raise ValueError(str(error) if str(path) in str(error) else f"{path}: {error}") from None


def studio_cfg(table: Any) -> str:
    """The lines of a .cfg that say what a NAME.mmwave.json (parsed) says.

    Raises:
        ValueError: an entry is missing.
    """
    try:
        rf = table["mmWaveDevices"][0]["rfConfig"]
        channel, adc = rf["rlChanCfg_t"], rf["rlAdcOutCfg_t"]["fmt"]
        lines = [
            "dfeDataOutputMode 1",
            f"channelCfg {_number(channel['rxChannelEn'])} {_number(channel['txChannelEn'])} 0",
            f"adcCfg {_number(adc['b2AdcBits'])} {_number(adc['b2AdcOutFmt'])}",
            *(_line("profileCfg", entry["rlProfileCfg_t"], PROFILE) for entry in rf["rlProfiles"]),
            *(_line("chirpCfg", entry["rlChirpCfg_t"], CHIRP) for entry in rf["rlChirps"]),
            _line("frameCfg", rf["rlFrameCfg_t"], FRAME),
        ]
    except KeyError as error:
        raise ValueError(f"mmWave Studio: {error} is missing") from None
    except (TypeError, IndexError):
        raise ValueError("mmWave Studio: expected tables mmWaveDevices[0].rfConfig, got another structure") from None
    return "\n".join(lines)


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
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
