"""A radar: its ramps, its antennas, its receiver."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.arrays import check_shapes
from mmsynth.types.fields import Amplitude, Excess, check_finite, check_kinds, check_numbers
from mmsynth.types.pattern import Pattern

# Of an ADC; float32 holds no finer steps.
MOST_BITS = 24
# Of another radar, in s; chips have ramps of some 10 us.
SHORTEST_RAMP = 1e-6


@dataclass(frozen=True)
class Waveform:
    """One frame's worth of FMCW ramps.

    Attributes:
        start_frequency: at the start of the ramp, in Hz (not at the first ADC sample).
        slope: in Hz/s.
        samples: ADC samples a chirp; sample k is taken at `adc_start + k / sample_rate` from the start of the ramp.
        sample_rate: in Hz.
        adc_start: in s from the start of the ramp.
        idle_time: in s between the end of one ramp and the start of the next.
        ramp_time: in s.
        loops: how often a frame repeats the transmit schedule.
        frame_period: in s.
        complex_samples: I and Q, or I alone.
        loop_idle: in s, extra pause between the loops of a frame (devices that send bursts); 0 = evenly spaced chirps.
    """

    start_frequency: float
    slope: float
    samples: int
    sample_rate: float
    idle_time: float
    ramp_time: float
    loops: int
    frame_period: float
    adc_start: float = 0.0
    complex_samples: bool = True
    loop_idle: float = 0.0

    def __post_init__(self) -> None:
        check_kinds(self)
        positive = ("start_frequency", "slope", "samples", "sample_rate", "ramp_time", "loops", "frame_period")
        check_numbers(self, positive, least=0, strict=True)
        check_numbers(self, ("adc_start", "idle_time", "loop_idle"), least=0)
        if self.samples < 2:
            raise ValueError(f"Waveform.samples: expected at least 2, got {self.samples}")
        # A tenth of a sample of slack: configurations are rounded to tenths of a microsecond.
        end = self.adc_start + (self.samples - 1.1) / self.sample_rate
        if end > self.ramp_time * (1 + 1e-9):
            raise ValueError(
                f"Waveform: {self.samples} samples end {end * 1e6:.2f} us into the ramp, "
                f"which lasts {self.ramp_time * 1e6:.2f} us"
            )

    @property
    def chirp_time(self) -> float:
        """Seconds from the start of one ramp to the start of the next."""
        return self.idle_time + self.ramp_time

    @property
    def bandwidth(self) -> float:
        """Hz swept over the sampled window."""
        return float(self.slope * self.samples / self.sample_rate)

    @property
    def center_frequency(self) -> float:
        """Hz at the middle of the sampled window."""
        return self.start_frequency + self.slope * (self.adc_start + 0.5 * self.samples / self.sample_rate)

    @property
    def wavelength(self) -> float:
        """Metres, at the middle of the sampled window: for velocities, facets and steering."""
        return float(speed_of_light / self.center_frequency)

    @property
    def range_fft_size(self) -> int:
        """The next power of two from `samples`."""
        return 1 << (self.samples - 1).bit_length()

    @property
    def range_bins(self) -> int:
        """Bins of the range spectrum: all of them for complex samples, half for real ones."""
        return self.range_fft_size if self.complex_samples else self.range_fft_size // 2

    @property
    def range_resolution(self) -> float:
        """C / (2 B) in m."""
        return float(speed_of_light / (2 * self.bandwidth))

    @property
    def range_bin(self) -> float:
        """Step in m of the zero-padded range FFT."""
        return float(speed_of_light * self.sample_rate / (2 * self.slope * self.range_fft_size))

    @property
    def max_range(self) -> float:
        """Range in m at which the beat frequency leaves the band."""
        return self.range_bin * self.range_bins

    def sample_times(self) -> Tensor:
        """Times [samples] of the ADC samples in s from the start of the ramp (float64)."""
        return self.adc_start + torch.arange(self.samples, dtype=torch.float64) / self.sample_rate


@dataclass(frozen=True)
class Receiver:
    """From the antenna to the number: every term is off at its default but the thermal noise.

    Attributes:
        noise_figure: linear.
        temperature: of the source, in K.
        gain: linear voltage gain from antenna to ADC input.
        load: ohm, turns power at the antenna into volts.
        full_scale: ADC peak voltage in V.
        bits: of the ADC; 0 = not quantised, not clipped.
        phase_noise: linear, 1/Hz, at `phase_noise_offset` Hz from the carrier (falls with 1/f^2); 0 = none.
        leakage: linear voltage ratio, TX to RX coupling at `leakage_delay` s.
        iq_gain: relative gain error of Q; iq_phase: its phase error in rad; dc: offset in V on each of I and Q.
        highpass: corner frequency in Hz of the IF's (first-order) high-pass; 0 = none.
        lowpass: corner frequency in Hz of the (Butterworth) filter before the ADC; 0 = sharp, at the edge of the band.
        lowpass_order: its order.
        adc_noise: rms in V that the ADC adds to a sample (each of I and Q), beyond its rounding.
        channel_gain, channel_phase: spread (standard deviation; linear, rad) of fixed channel errors; of real samples
            phases are not off.
        antenna_offset: spread in m, along each axis, of where antennas stand about the place that processing believes.
        interference: power in W at each RX antenna from another FMCW radar; 0 = none.
        interference_slope: Hz/s, interference_period: s, of its ramps, which follow each other without a pause.
        interference_offset: Hz by which they start above ours.
    """

    noise_figure: float = 1.0
    temperature: float = 290.0
    gain: Amplitude = 1.0
    load: float = 50.0
    full_scale: float = 1.0
    bits: int = 0
    phase_noise: float = 0.0
    phase_noise_offset: float = 1e6
    leakage: Amplitude = 0.0
    leakage_delay: float = 0.3e-9
    iq_gain: Excess = 0.0
    iq_phase: float = 0.0
    dc: float = 0.0
    highpass: float = 0.0
    lowpass: float = 0.0
    lowpass_order: int = 1
    adc_noise: float = 0.0
    channel_gain: Excess = 0.0
    channel_phase: float = 0.0
    antenna_offset: float = 0.0
    interference: float = 0.0
    interference_slope: float = 30e12
    interference_period: float = 50e-6
    interference_offset: float = 0.0

    def __post_init__(self) -> None:
        check_kinds(self)
        positive = ("noise_figure", "gain", "load", "full_scale", "phase_noise_offset")
        off = ("temperature", "bits", "phase_noise", "leakage", "leakage_delay", "highpass", "lowpass", "adc_noise")
        spread = ("channel_phase", "antenna_offset", "interference")
        check_numbers(self, positive, least=0, strict=True)
        check_numbers(self, off + spread, least=0)
        check_numbers(self, ("interference_period",), least=SHORTEST_RAMP)
        check_numbers(self, ("iq_gain",), least=-1, strict=True)
        check_numbers(self, ("channel_gain", "iq_phase", "dc", "interference_slope", "interference_offset"))
        if self.lowpass_order < 1:
            raise ValueError(f"Receiver.lowpass_order: expected at least 1, got {self.lowpass_order}")
        if self.bits > MOST_BITS:
            raise ValueError(f"Receiver.bits: expected at most {MOST_BITS}, got {self.bits}")


@dataclass(frozen=True, eq=False)
class Radar:
    """A radar that somebody owns: waveform, antennas, transmit schedule, receiver, in the radar frame.

    Attributes:
        name: of the device and profile.
        waveform: the ramps.
        tx: antenna positions.
        rx: antenna positions.
        codes: weight of each TX in each slot of a loop. TDM: one 1 a row, in order of time; BPM: +1 and -1.
        pattern: of every element.
        tx_power: W into each TX antenna.
        receiver: noise and imperfections.
    """

    name: str
    waveform: Waveform
    tx: Annotated[Tensor, "tx 3", "m"]
    rx: Annotated[Tensor, "rx 3", "m"]
    codes: Annotated[Tensor, "slots tx", "1"]
    pattern: Pattern = Pattern()
    tx_power: float = 0.01
    receiver: Receiver = Receiver()

    def __post_init__(self) -> None:
        check_shapes(self)
        for name in ("tx", "rx", "codes"):
            if not len(getattr(self, name)):
                raise ValueError(f"Radar.{name}: expected at least one row, got none")
            check_finite("Radar", name, getattr(self, name))
        silent = (self.codes == 0).all(1)
        if bool(silent.any()):
            raise ValueError(f"Radar.codes: expected a TX in every slot, got none in slot {int(silent.int().argmax())}")
        check_numbers(self, ("tx_power",), least=0, strict=True)
        if self.active_time > self.waveform.frame_period * (1 + 1e-9):
            raise ValueError(
                f"radar {self.name}: {self.waveform.loops} loops of {self.slots} chirps take "
                f"{self.active_time * 1e3:.3f} ms, longer than the frame period of "
                f"{self.waveform.frame_period * 1e3:.3f} ms"
            )

    @property
    def slots(self) -> int:
        """Chirps a loop."""
        return int(self.codes.shape[0])

    @property
    def active_time(self) -> float:
        """Seconds from the start of the frame to the end of its last ramp."""
        return self.waveform.loops * self.loop_time - self.waveform.loop_idle

    @property
    def used_tx(self) -> Tensor:
        """Which TX [tx] send in any slot."""
        return (self.codes != 0).any(0)

    @property
    def is_tdm(self) -> bool:
        """One TX a slot."""
        return bool(((self.codes != 0).sum(1) == 1).all())

    @cached_property
    def slot_tx(self) -> tuple[int, ...]:
        """The TX of each slot, in order of time (TDM only).

        Raises:
            ValueError: a slot has several TX.
        """
        if not self.is_tdm:
            raise ValueError(f"radar {self.name}: expected one TX a slot (TDM), got a slot with several")
        return tuple(int(i) for i in self.codes.abs().argmax(1))

    def chirp_times(self) -> Tensor:
        """Start of each ramp [loops, slots] in s from the start of the frame (float64)."""
        loop = torch.arange(self.waveform.loops, dtype=torch.float64)[:, None] * self.loop_time
        slot = torch.arange(self.slots, dtype=torch.float64) * self.waveform.chirp_time
        return self.waveform.idle_time + loop + slot

    def virtual_array(self) -> Tensor:
        """TX plus RX position [used TX * rx, 3] in m, TX-major: the field's virtual antennas."""
        return (self.tx[self.used_tx][:, None] + self.rx).flatten(0, 1)

    @property
    def loop_time(self) -> float:
        """Seconds from one chirp of a TX to its next."""
        return self.slots * self.waveform.chirp_time + self.waveform.loop_idle

    @property
    def velocity_resolution(self) -> float:
        """Wavelength / (2 loops loop_time) in m/s."""
        return self.waveform.wavelength / (2 * self.waveform.loops * self.loop_time)

    @property
    def max_velocity(self) -> float:
        """Wavelength / (4 loop_time) in m/s; velocities are unambiguous in [-max, max)."""
        return self.waveform.wavelength / (4 * self.loop_time)
