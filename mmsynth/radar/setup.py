"""From a name or a file to a radar and its processing."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mmsynth.config import merge, parse, to_table
from mmsynth.radar.device import Device, device_named, devices, load_device
from mmsynth.radar.ti_cfg import read_cfg
from mmsynth.radar.ti_json import read_studio
from mmsynth.types import RadarSetup

# A radar's file and which part of it, as in "my.cfg#IWR1843BOOST"; folders may have a # in their names.
_FILE = re.compile(r"(.+\.(?:toml|cfg|json))(?:#([^#/]*))?", re.IGNORECASE)


def radar_names() -> tuple[str, ...]:
    """All shipped profiles as "DEVICE/PROFILE"; the part after the slash is enough where it is unique."""
    return tuple(f"{device.name}/{profile}" for device in devices().values() for profile in device.profiles)


def radar_file(name: str) -> tuple[str, str]:
    """Path and part of a radar that is named as a file, see `load_radar`; ("", "") of a shipped profile."""
    found = _FILE.fullmatch(name)
    return (found[1], found[2] or "") if found else ("", "")


def load_radar(name_or_path: str) -> RadarSetup:
    """The radar and processing of a shipped profile or of a file.

    Args:
        name_or_path: "DEVICE/PROFILE" or a unique profile name of `radar_names()`; or a path that ends in .toml (a
            device of one's own; "FILE.toml#PROFILE" where it has several) or in .cfg (TI's; "FILE.cfg#DEVICE" where the
            file does not say what it is for, "FILE.cfg#1" for the second subframe, "FILE.cfg#DEVICE,1" for both) or in
            .json (mmWave Studio's NAME.mmwave.json, "#DEVICE" likewise).

    Raises:
        ValueError: no such name or file, or the file is not what it should be.
    """
    path, part = radar_file(name_or_path)
    if path.lower().endswith(".toml"):
        return _profile(load_device(path), part, path)
    if path.lower().endswith(".json"):
        return read_studio(path, part or None)
    if path.lower().endswith(".cfg"):
        parts = [p.strip() for p in part.split(",") if p.strip()]
        names = [p for p in parts if not p.isdecimal()]
        numbers = [int(p) for p in parts if p.isdecimal()]
        return read_cfg(path, names[0] if names else None, numbers[0] if numbers else 0)
    return _shipped(name_or_path)


def processed_by(setup: RadarSetup, keys: Mapping[str, Any]) -> RadarSetup:
    """The setup with those keys of its chain changed, as a recipe's [processing] names them.

    Raises:
        ValueError: a key is unknown or wrong.
    """
    changed = parse(type(setup.processing), merge(to_table(setup.processing), keys), "processing")
    return replace(setup, processing=changed)


def _shipped(name: str) -> RadarSetup:
    device_name, slash, profile = name.rpartition("/")
    if slash and device_name in devices():
        return _profile(device_named(device_name), profile, name)
    owners = [device for device in devices().values() if name in device.profiles]
    if len(owners) != 1:
        which = "is that of several devices" if owners else "is not a profile or a file (.toml, .cfg, .json)"
        known = radar_names()
        board = [full for full in known if name.lower() in full.lower()]
        near = board or difflib.get_close_matches(name, known, 1, 0.0)
        raise ValueError(f"radar: '{name}' {which}; known are {', '.join(known)} (nearest: {', '.join(near)})")
    return owners[0].setup(owners[0].profiles[name], name)


def _profile(device: Device, name: str, where: str) -> RadarSetup:
    if not name and len(device.profiles) == 1:
        name = next(iter(device.profiles))
    if name not in device.profiles:
        raise ValueError(f"{where}: expected one of the profiles {', '.join(device.profiles)}, got '{name}'")
    return device.setup(device.profiles[name], name)
