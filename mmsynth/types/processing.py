"""The settings of a device's own processing, and the radar that they belong to."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mmsynth.types.fields import Amplitude, check_kinds, check_numbers
from mmsynth.types.radar import Radar

# Bins of an azimuth spectrum; beyond, it takes long and tells no more.
_LARGEST_FFT = 4096


@dataclass(frozen=True)
class Cfar:
    """One direction of CFAR, in TI's words.

    Attributes:
        mode: CA (both sides averaged), CAGO (the greater), CASO (the smaller), OS (ordered statistic).
        window: noise cells on each side.
        guard: cells on each side.
        threshold_db: above the noise estimate.
        cyclic: whether the axis wraps around (Doppler does).
        divide_shift: TI's noise divide shift: the sum over the cells is divided by 2^shift, whatever their number, on
            the level in log2 of ADC counts; None = a true mean.
        order: OS: which of the sorted noise cells is taken, as a fraction of their number.
    """

    mode: Literal["CA", "CAGO", "CASO", "OS"] = "CA"
    window: int = 8
    guard: int = 4
    threshold_db: float = 15.0
    cyclic: bool = False
    divide_shift: int | None = None
    order: float = 0.75

    def __post_init__(self) -> None:
        check_kinds(self)
        check_numbers(self, ("threshold_db",))
        if self.window < 1 or self.guard < 0:
            raise ValueError(f"Cfar: expected window >= 1 and guard >= 0, got {self.window} and {self.guard}")
        if not 0 < self.order <= 1:
            raise ValueError(f"Cfar.order: expected a fraction in (0, 1], got {self.order}")
        if self.divide_shift is not None and not 0 <= self.divide_shift < 32:
            raise ValueError(f"Cfar.divide_shift: expected 0 to 31, got {self.divide_shift}")


@dataclass(frozen=True)
class Processing:
    """The device's chain from ADC samples to points, in the order in which it runs.

    Attributes:
        range_window: of the range FFT; doppler_window: of the Doppler FFT.
        range_limits: m; detections outside are dropped; velocity_limits likewise in m/s.
        dc_range_bins: nearest range bins from which antenna coupling is removed (TI's calibDcRangeSig); 0 = off.
        clutter_removal: subtract the mean over chirps for each range bin and antenna.
        doppler_cfar: None = range direction only (old SDKs).
        range_cfar: the second pass.
        peak_grouping_range, peak_grouping_doppler: keep only local maxima along that direction.
        angle_fft: size of the zero-padded azimuth FFT.
        angle_step: mean amplitude over the row, in ADC counts, of the last bit that the azimuth FFT keeps (xWR14xx's
            accelerator): weak peaks are flat at the top, the first of equal bins (0, 1, ..., then the negative ones) is
            taken, and a "peak" intensity is that whole number; 0 = not rounded.
        second_peak: report a second azimuth peak above this fraction of the first's power; 0 = never.
        azimuth_limits, elevation_limits: rad; points outside are dropped.
        extended_velocity: unfold the velocity by trying the hypotheses of TDM (TI's extendedMaxVelocity).
        max_points: a frame, of those that `listing` puts first.
        listing: "strongest" first, or "scan": the order in which xWR14xx lists cells (Doppler 0, then receding, then
            approaching; range within; second azimuth peaks last): a full frame loses what approaches.
        impossible_directions: keep points whose azimuth and elevation together exceed the unit sphere, with y = 0 (the
            xWR14xx demo's sqrt of a negative number), rather than drop them.
        range_bias: m that the chain takes off every range; and
        compensation: complex factor (real, imaginary) by which it multiplies each virtual antenna, TX-major as TI
            orders them; empty = one. Samples in AdcFrames are those of a calibrated radar, simulated or read (see
            `RadarSetup.calibration`): these two make the chain read them askew, as an uncalibrated board does.
        dc_range_bins_negative: bins of negative beat frequency from which antenna coupling is removed too.
        detection: what CFAR runs on: "log" (mean over antennas of the log magnitude, out-of-box demos) or "power" (mean
            over antennas of the power, people-counting demos).
        points: "cfar", or "strongest": the `max_points` strongest range-Doppler cells, without CFAR (mmMesh).
        half_wavelength_angles: report angles as if neighbouring antennas stood half a wavelength apart, as TI's
            firmware does, instead of by their positions in metres.
        intensity: what a point's intensity is: "snr" (dB), "peak" (geometric mean over antennas of the magnitude, in
            ADC counts; TI's peakVal) or "peak_db" (10 log10(peak + 1); the ROS driver of RadHAR).
        intensity_scale: factor on the peak, for what a firmware's FFT scaling does.
        position_step: m, grid to which the device rounds x, y and z (TI's Q format; RadHAR's points lie on 1/512 m);
            0 = not rounded.
        angle_method: of the range-angle heatmaps: "fft" (Bartlett), "capon" or "music".
        sources: targets in a range bin that MUSIC assumes.
    """

    range_window: Literal["blackman", "hann", "hamming", "none"] = "blackman"
    doppler_window: Literal["blackman", "hann", "hamming", "none"] = "hann"
    range_limits: tuple[float, float] = (0.0, float("inf"))
    velocity_limits: tuple[float, float] = (-float("inf"), float("inf"))
    dc_range_bins: int = 0
    clutter_removal: bool = False
    doppler_cfar: Cfar | None = Cfar(mode="CA", window=4, guard=2, cyclic=True)
    range_cfar: Cfar = Cfar(mode="CASO")
    peak_grouping_range: bool = True
    peak_grouping_doppler: bool = True
    angle_fft: int = 64
    angle_step: float = 0.0
    second_peak: float = 0.5
    azimuth_limits: tuple[float, float] = (-np.pi / 2, np.pi / 2)
    elevation_limits: tuple[float, float] = (-np.pi / 2, np.pi / 2)
    extended_velocity: bool = False
    max_points: int = 100
    listing: Literal["strongest", "scan"] = "strongest"
    impossible_directions: bool = False
    range_bias: float = 0.0
    compensation: tuple[tuple[float, float], ...] = ()
    dc_range_bins_negative: int = 0
    detection: Literal["log", "power"] = "log"
    points: Literal["cfar", "strongest"] = "cfar"
    half_wavelength_angles: bool = False
    intensity: Literal["snr", "peak", "peak_db"] = "snr"
    intensity_scale: Amplitude = 1.0
    position_step: float = 0.0
    angle_method: Literal["fft", "capon", "music"] = "fft"
    sources: int = 1

    def __post_init__(self) -> None:
        check_kinds(self)
        for name in ("range_limits", "velocity_limits", "azimuth_limits", "elevation_limits"):
            low, high = getattr(self, name)
            if not low <= high:
                raise ValueError(f"Processing.{name}: expected [low, high], rising, got {[low, high]}")
        if not 2 <= self.angle_fft <= _LARGEST_FFT:
            raise ValueError(f"Processing.angle_fft: expected 2 to {_LARGEST_FFT}, got {self.angle_fft}")
        check_numbers(self, ("max_points", "sources"), least=1)
        steps = ("dc_range_bins", "dc_range_bins_negative", "angle_step", "second_peak", "position_step")
        check_numbers(self, steps, least=0)
        check_numbers(self, ("range_bias",))
        check_numbers(self, ("intensity_scale",), least=0, strict=True)

    def with_thresholds(self, shift_db: float) -> "Processing":
        """The same with both CFAR thresholds `shift_db` higher."""

        def shifted(cfar: Cfar) -> Cfar:
            return replace(cfar, threshold_db=cfar.threshold_db + shift_db)

        along_doppler = shifted(self.doppler_cfar) if self.doppler_cfar else None
        return replace(self, range_cfar=shifted(self.range_cfar), doppler_cfar=along_doppler)


@dataclass(frozen=True)
class ChannelCalibration:
    """What undoes the errors of a board in its raw recordings (TI's compRangeBiasAndRxChanPhase, antPhaseRot).

    Attributes:
        range_bias: m by which the board measures too far.
        factors: complex (real, imaginary), of each virtual antenna of the board, TX-major as TI orders; empty = one.
    """

    range_bias: float = 0.0
    factors: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class RadarSetup:
    """A radar and the settings of its own processing: what a device file or a TI .cfg describes.

    Attributes:
        radar: waveform, antennas, receiver.
        processing: the chain from ADC samples to points.
        notes: what the file says that neither of them holds (lines that are not used), one sentence each.
        calibration: of this board, for the readers of its raw recordings; what is simulated has no such errors.
        frames: after which the radar stops, likewise; 0 = when it is told to.
    """

    radar: Radar
    processing: Processing
    notes: tuple[str, ...] = ()
    calibration: ChannelCalibration = ChannelCalibration()
    frames: int = 0

    def __post_init__(self) -> None:
        chain, bins = self.processing, self.radar.waveform.range_bins
        if chain.dc_range_bins + chain.dc_range_bins_negative > bins:
            raise ValueError(
                f"Processing.dc_range_bins: expected at most the {bins} range bins of radar {self.radar.name}, got "
                f"{chain.dc_range_bins} and {chain.dc_range_bins_negative} negative ones"
            )
        virtual = self.radar.slots * len(self.radar.rx)
        if len(chain.compensation) not in (0, virtual):
            raise ValueError(
                f"Processing.compensation: expected a factor for each of the {virtual} virtual antennas of radar "
                f"{self.radar.name}, got {len(chain.compensation)}"
            )
