"""Radar devices as files: the board's antennas, chip and limits, and named profiles of waveform and processing.

A device is one TOML and no code. Antenna positions are given in half wavelengths at the board's design frequency, or
in metres; TX and RX are numbered from 1 as on the board. Powers and gains that end in `_db` become linear
(`tx_power_db` counts from 1 W: 12 dBm are -18), to a voltage ratio where the receiver has one (`leakage_db`) or to the
error of one (`iq_gain_db`, `channel_gain_db`); `rx_gain_db` stays in dB because chips are set in it.
"""

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.config import load
from mmsynth.types import Pattern, Processing, Radar, RadarSetup, Receiver, Waveform


@dataclass(frozen=True)
class Array:
    """Antennas of a board as (x, z): x to the right and z up, seen from behind the radar, along its boresight.

    Attributes:
        tx, rx: positions, in the unit that `half_wavelength_at` sets.
        half_wavelength_at: Hz; positions count half wavelengths at this frequency. 0: they are in metres.
        feeds: -1 for each RX that is fed from the other side, so that raw recordings hold its samples turned; else 1.
            Empty: all alike. What is simulated is not turned.
    """

    tx: tuple[tuple[float, float], ...]
    rx: tuple[tuple[float, float], ...]
    half_wavelength_at: float = 0.0
    feeds: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.tx or not self.rx:
            raise ValueError(f"array: expected at least one TX and one RX, got {len(self.tx)} and {len(self.rx)}")
        if self.feeds and (len(self.feeds) != len(self.rx) or not set(self.feeds) <= {1, -1}):
            raise ValueError(f"array.feeds: expected 1 or -1 for each of {len(self.rx)} RX, got {list(self.feeds)}")

    @property
    def unit(self) -> float:
        """Metres a unit of the positions."""
        return float(speed_of_light / (2 * self.half_wavelength_at)) if self.half_wavelength_at else 1.0

    def tx_positions(self) -> Tensor:
        """Positions [tx, 3] in m in the radar frame (float64)."""
        return self._metres(self.tx)

    def rx_positions(self) -> Tensor:
        """Positions [rx, 3] in m in the radar frame (float64)."""
        return self._metres(self.rx)

    def _metres(self, positions: tuple[tuple[float, float], ...]) -> Tensor:
        flat = torch.tensor(positions, dtype=torch.float64) * self.unit
        return torch.stack([flat[:, 0], torch.zeros(len(flat), dtype=torch.float64), flat[:, 1]], -1)


@dataclass(frozen=True)
class Beam:
    """Element pattern: peak gain and half-power widths, or two cuts (relative power gain) over `angle`."""

    peak_gain: float = 1.0
    azimuth_width: float = 2 * np.pi
    elevation_width: float = 2 * np.pi
    angle: tuple[float, ...] = ()
    azimuth_cut: tuple[float, ...] = ()
    elevation_cut: tuple[float, ...] = ()

    def pattern(self) -> Pattern:
        """The noun of it."""
        if not self.angle:
            return Pattern(self.peak_gain, self.azimuth_width, self.elevation_width)
        table = (torch.tensor(t, dtype=torch.float64) for t in (self.angle, self.azimuth_cut, self.elevation_cut))
        return Pattern(self.peak_gain, self.azimuth_width, self.elevation_width, *table)


@dataclass(frozen=True)
class Limits:
    """What the chip can do; a profile beyond it is refused unless it says `lenient`."""

    band: tuple[float, float] = (0.0, float("inf"))
    slope: float = float("inf")
    sample_rate: float = float("inf")
    idle_time: float = 0.0

    def check(self, waveform: Waveform) -> None:
        """Raise ValueError where the waveform asks for more than the chip has."""
        end = waveform.start_frequency + waveform.slope * waveform.ramp_time
        # Slack of 1.6 MHz: profiles are written to 0.01 us, which is 1 MHz at 100 MHz/us.
        if waveform.start_frequency < self.band[0] * (1 - 2e-5) or end > self.band[1] * (1 + 2e-5):
            raise ValueError(
                f"ramp: expected to stay within {self.band[0] / 1e9:g}-{self.band[1] / 1e9:g} GHz, "
                f"got {waveform.start_frequency / 1e9:.4g}-{end / 1e9:.4g} GHz"
            )
        for name in ("slope", "sample_rate"):
            if getattr(waveform, name) > getattr(self, name) * (1 + 1e-6):
                raise ValueError(f"{name}: expected at most {getattr(self, name):g}, got {getattr(waveform, name):g}")
        if waveform.idle_time < self.idle_time * (1 - 1e-6):
            raise ValueError(
                f"idle_time: expected at least {self.idle_time * 1e6:g} us, got {waveform.idle_time * 1e6:g} us"
            )


@dataclass(frozen=True)
class Profile:
    """A configuration of a device under a name.

    Attributes:
        waveform, processing: as the nouns.
        tx: the TX of each slot, numbered from 1, in order of time (TDM). Empty: all of them in turn.
        codes: weight of each TX in each slot, instead of `tx` (BPM).
        rx: the RX that are switched on, from 1; empty: all.
        rx_gain_db: voltage gain from the antenna to the ADC.
        tx_backoff_db: by which each TX stays under the device's power.
        source: where the numbers come from.
        lenient: skip the chip's limits.
    """

    waveform: Waveform
    processing: Processing = Processing()
    tx: tuple[int, ...] = ()
    codes: tuple[tuple[float, ...], ...] = ()
    rx: tuple[int, ...] = ()
    rx_gain_db: float = 30.0
    tx_backoff_db: float = 0.0
    source: str = ""
    lenient: bool = False


@dataclass(frozen=True)
class Device:
    """A board with its named profiles.

    Attributes:
        name: as its maker writes it.
        array: antennas.
        source: where positions and figures come from.
        platform: other names for it (lower case): its chip family as `% Platform:` comments of TI configurations name
            it, the chip as mmWave Studio does.
        kind: what wrote its raw recordings and reads its configuration: "xwr14xx", "xwr16xx" (and 18xx, 68xx), the
            low-power "xwrl" (xWRL6432) and "xwrl68xx", "bgt60", or "" for others.
        beam: of every element.
        tx_power: W into each TX antenna.
        receiver: noise figure, ADC; its `gain` is set by the profile's `rx_gain_db`.
        limits: of the chip.
        profiles: by name.
    """

    name: str
    array: Array
    source: str = ""
    platform: tuple[str, ...] = ()
    kind: Literal["xwr14xx", "xwr16xx", "xwrl", "xwrl68xx", "bgt60", ""] = ""
    beam: Beam = Beam()
    tx_power: float = 0.01
    receiver: Receiver = Receiver()
    limits: Limits = Limits()
    profiles: dict[str, Profile] = field(default_factory=dict)

    def setup(self, profile: Profile, name: str) -> RadarSetup:
        """The radar and processing of a profile; `name` is that of the profile.

        Raises:
            ValueError: the profile asks for antennas that the board does not have or for more than the chip can do.
        """
        where = f"{self.name}/{name}"
        try:
            if not profile.lenient:
                self.limits.check(profile.waveform)
            radar = Radar(
                name=where,
                waveform=profile.waveform,
                tx=self.array.tx_positions(),
                rx=self.array.rx_positions()[_indices("rx", profile.rx, len(self.array.rx))],
                codes=self._codes(profile),
                pattern=self.beam.pattern(),
                tx_power=self.tx_power * 10 ** (-profile.tx_backoff_db / 10),
                receiver=replace(self.receiver, gain=10 ** (profile.rx_gain_db / 20)),
            )
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{where}: {error}") from None
        return RadarSetup(radar, profile.processing)

    def _codes(self, profile: Profile) -> Tensor:
        count = len(self.array.tx)
        if profile.codes:
            if any(len(row) != count for row in profile.codes):
                raise ValueError(f"codes: expected {count} weights a slot, one a TX, got another number")
            return torch.tensor(profile.codes, dtype=torch.float32)
        return torch.eye(count, dtype=torch.float32)[_indices("tx", profile.tx, count)]


def _indices(kind: str, numbers: tuple[int, ...], count: int) -> list[int]:
    bad = [n for n in numbers if not 1 <= n <= count]
    if bad:
        raise ValueError(f"{kind}: expected numbers from 1 to {count}, got {bad[0]}")
    return [n - 1 for n in numbers] or list(range(count))


def load_device(path: Path | str) -> Device:
    """Read a device TOML.

    Raises:
        ValueError: no such file, not TOML, or a key or value that a device does not have.
    """
    return load(Device, path)


@cache
def devices() -> dict[str, Device]:
    """The devices that come with mmsynth, by name."""
    found = (load_device(path) for path in sorted((Path(__file__).parent / "devices").glob("*.toml")))
    return {device.name: device for device in found}


def device_named(name: str) -> Device:
    """The shipped device of that name, in any case; chips' names do as well ("awr1843").

    Raises:
        ValueError: there is none.
    """
    wanted = name.lower()
    for device in devices().values():
        if wanted == device.name.lower() or wanted in device.platform:
            return device
    raise ValueError(f"device: expected one of {', '.join(devices())}, got '{name}'")


def device_of(radar: Radar) -> Device:
    """The shipped device that a radar is a setup of (`Device.setup`).

    Raises:
        ValueError: its name begins with none.
    """
    return device_named(radar.name.partition("/")[0])
