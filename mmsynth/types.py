"""The nouns of the line: frozen, checked at construction. Read this file first.

    Motion -body model-> MeshSequence -trace-> Paths -synthesize-> AdcFrames
        -range_doppler-> RadarCube -detect-> PointCloud, -beamform-> Heatmap;  all of a clip: Sample

Units are SI. World: z up, floor z = 0. Radar frame: x right, y boresight, z up. Array fields carry axes and unit in
their annotation; `mmsynth` (the package docstring) states the conventions.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.arrays import check_shapes

# Ratios whose dB are those of their square, and what such a ratio has beyond one: for keys that end in `_db`, which are
# powers otherwise (`config.parse`).
Amplitude = Annotated[float, "amplitude"]
Excess = Annotated[float, "excess"]


def _check_finite(kind: str, name: str, value: Tensor) -> None:
    # The sum is finite where all numbers are, and one pass without a temporary; only a doubtful one is looked through.
    if not bool(torch.isfinite(value.detach().sum())) and not bool(torch.isfinite(value).all()):
        bad = int((~torch.isfinite(value)).sum())
        raise ValueError(f"{kind}.{name}: expected finite numbers, got {bad} that are NaN or infinite")


def _check_rigid(where: str, transform: Tensor) -> None:
    still = transform.detach().double().cpu()
    turn = still[:3, :3]
    square = still.clone()
    square[:3] = torch.nn.functional.pad(turn @ turn.T, (0, 1))
    # Loose enough for finite differences of a rotation; a mirrored, scaled or transposed transform is far off.
    right = torch.allclose(square, torch.eye(4, dtype=square.dtype), atol=1e-3) and bool(torch.linalg.det(turn) > 0)
    if not right or not bool(torch.isfinite(still).all()):
        raise ValueError(f"{where}: expected a rotation and a place (rigid, right-handed), got {still.tolist()}")


def _check_times(kind: str, times: Tensor) -> None:
    if len(times) == 0:
        raise ValueError(f"{kind}: expected at least one frame, got none")
    if len(times) > 1 and not bool((times.diff() > 0).all()):
        raise ValueError(f"{kind}.times: expected strictly increasing seconds, got a step back or a repeat")


# --------------------------------------------------------------------------------------------- people


@dataclass(frozen=True)
class Labels:
    """What is known of a clip. Empty = not known."""

    activity: str = ""
    subject: str = ""
    session: str = ""
    source: str = ""


@dataclass(frozen=True, eq=False)
class Motion:
    """Human motion, as rotations of named joints.

    Attributes:
        joint_names: SMPL-X joint names (`mmsynth.joints`), "pelvis" first; joints not named stay at zero rotation.
        rotations: parent-local rotation matrices in SMPL-X's axes (x left, y up, z forward); identity = SMPL-X's
            T-pose. That of the pelvis takes those axes to the world (`geometry.UPRIGHT` = standing, facing world -y).
        translation: position of the pelvis joint in the world.
        shape: shape coefficients (betas) of the body model; fewer than the model has are filled with zeros.
        times: seconds from the first sample.
        gender: which of a body model's variants.
        expression: face coefficients, where the model has any.
        shape_of: whose betas `shape` holds: "smpl" (SMPL and SMPL-H), "smplx" or "free"; "" = of whichever body poses
            it. A body of another family poses the motion in its mean shape.
    """

    joint_names: tuple[str, ...]
    rotations: Annotated[Tensor, "frames joints 3 3", "1"]
    translation: Annotated[Tensor, "frames 3", "m"]
    times: Annotated[Tensor, "frames", "s"]
    shape: Annotated[Tensor, "betas", "1"] = field(default_factory=lambda: torch.zeros(10, dtype=torch.float64))
    labels: Labels = Labels()
    gender: Literal["neutral", "female", "male"] = "neutral"
    expression: Annotated[Tensor, "frames expressions", "1"] | None = None
    shape_of: Literal["", "free", "smpl", "smplx"] = ""

    def __post_init__(self) -> None:
        check_shapes(self)
        if len(self.joint_names) != self.rotations.shape[1]:
            raise ValueError(f"Motion: {len(self.joint_names)} joint names for {self.rotations.shape[1]} rotations")
        if self.joint_names[:1] != ("pelvis",):
            raise ValueError(f"Motion.joint_names: expected 'pelvis' first, got {self.joint_names[:1]}")
        _check_times("Motion", self.times)
        for name in ("rotations", "translation", "times", "shape"):
            _check_finite("Motion", name, getattr(self, name))

    @property
    def duration(self) -> float:
        """Seconds from the first to the last sample."""
        return float(self.times[-1] - self.times[0])


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Joint positions by name, in the world; NaN = not seen. `joint_set` names the set when it is a known one."""

    joint_names: tuple[str, ...]
    positions: Annotated[Tensor, "frames joints 3", "m"]
    times: Annotated[Tensor, "frames", "s"]
    labels: Labels = Labels()
    joint_set: str = ""

    def __post_init__(self) -> None:
        check_shapes(self)
        if len(self.joint_names) != self.positions.shape[1]:
            raise ValueError(f"Skeleton: {len(self.joint_names)} names for {self.positions.shape[1]} joints")
        _check_times("Skeleton", self.times)


@dataclass(frozen=True, eq=False)
class MeshSequence:
    """A surface in motion in the world, with one topology.

    Attributes:
        vertices: positions at each of `times` (for the simulator these are the knots of its frames).
        faces: vertex indices, counter-clockwise seen from outside.
        region: index into `region_names` of the body part of each face; its material is looked up by that name.
        joints: joint positions at `times`, by `joint_names` (empty for a mesh with no skeleton).
    """

    vertices: Annotated[Tensor, "frames vertices 3", "m"]
    faces: Annotated[Tensor, "faces 3", "1"]
    times: Annotated[Tensor, "frames", "s"]
    region: Annotated[Tensor, "faces", "1"]
    region_names: tuple[str, ...]
    joint_names: tuple[str, ...] = ()
    joints: Annotated[Tensor, "frames joints 3", "m"] | None = None
    labels: Labels = Labels()

    def __post_init__(self) -> None:
        check_shapes(self)
        _check_times("MeshSequence", self.times)
        if len(self.faces) and (int(self.faces.min()) < 0 or int(self.faces.max()) >= self.vertices.shape[1]):
            raise ValueError(f"MeshSequence.faces: expected indices below {self.vertices.shape[1]} vertices")
        _check_finite("MeshSequence", "vertices", self.vertices)


# --------------------------------------------------------------------------------------------- radar


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
        for name in ("start_frequency", "slope", "samples", "sample_rate", "ramp_time", "loops", "frame_period"):
            if not getattr(self, name) > 0:
                raise ValueError(f"Waveform.{name}: expected a positive number, got {getattr(self, name)}")
        for name in ("adc_start", "idle_time", "loop_idle"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"Waveform.{name}: expected seconds from 0 on, got {getattr(self, name)}")
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


@dataclass(frozen=True, eq=False)
class Pattern:
    """Gain of one antenna element (one way) over direction.

    Parametric where `table` is None: `peak_gain * cos(azimuth)^p * cos(elevation)^q` with p, q such that the gain has
    halved at half the half-power beam widths. Otherwise the product of two measured cuts in dB under the peak.

    Attributes:
        peak_gain: linear, isotropic = 1.
        azimuth_width: half-power beam width in rad.
        elevation_width: half-power beam width in rad.
        table_angle: angles in rad, increasing, of the cuts.
        azimuth_cut: relative gain (linear, power) over azimuth at elevation 0.
        elevation_cut: relative gain (linear, power) over elevation at azimuth 0.
    """

    peak_gain: float = 1.0
    azimuth_width: float = 2 * np.pi
    elevation_width: float = 2 * np.pi
    table_angle: Annotated[Tensor, "angles", "rad"] | None = None
    azimuth_cut: Annotated[Tensor, "angles", "1"] | None = None
    elevation_cut: Annotated[Tensor, "angles", "1"] | None = None

    def __post_init__(self) -> None:
        check_shapes(self)


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
        if self.lowpass_order < 1:
            raise ValueError(f"Receiver.lowpass_order: expected at least 1, got {self.lowpass_order}")


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
            _check_finite("Radar", name, getattr(self, name))
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
        """TX plus RX position [slots * rx, 3] in m, slot-major (TDM only): the field's virtual antennas."""
        return (self.tx[list(self.slot_tx)][:, None] + self.rx[None]).reshape(-1, 3)

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


# --------------------------------------------------------------------------------------------- line


def gain_rows(knots: int) -> tuple[int, ...]:
    """Which of a frame's knots have gains: all but those beside the ends, which lie close to them; two at least."""
    return (0, *range(2, knots - 2), knots - 1)


@dataclass(frozen=True, eq=False)
class Paths:
    """The rays of a frame, or of several: what every antenna and every chirp of it needs.

    A path leaves a TX, meets its surface points and arrives at an RX. Its delay to TX m and RX n is
    `tx_delay[:, m] + rx_delay[:, n]`, exact at the knots and a polynomial through them in between; for a bounce, the
    legs are those of the image.

    Attributes:
        gain: complex ratio of received to transmitted wave amplitude (radar equation, patterns and scattering, without
            the phase of the delay), at the knots `gain_rows`; linear in between, so that a path can fade.
        tx_delay: seconds from each TX to the path's reference point at the knots (float64): of a facet its centroid, as
            far behind as its echo over the band is.
        rx_delay: seconds from there to each RX at the knots (float64).
        knots: seconds from the start of the frame (float64), increasing.
        departure: unit vector in the radar frame in which the path leaves, at mid-frame.
        arrival: unit vector in the radar frame, from the radar towards where the path comes from.
        region: index into `region_names` of what scattered last before the RX (mirrors do not count).
        order: number of bounces beyond the single one of a direct path.
        frame: index below `frames` of the frame that each path belongs to; None where there is one.
    """

    gain: Annotated[Tensor, "paths gains", "1"]
    tx_delay: Annotated[Tensor, "paths tx knots", "s"]
    rx_delay: Annotated[Tensor, "paths rx knots", "s"]
    knots: Annotated[Tensor, "knots", "s"]
    departure: Annotated[Tensor, "paths 3", "1"]
    arrival: Annotated[Tensor, "paths 3", "1"]
    region: Annotated[Tensor, "paths", "1"]
    order: Annotated[Tensor, "paths", "1"]
    region_names: tuple[str, ...] = ()
    frame: Annotated[Tensor, "paths", "1"] | None = None
    frames: int = 1

    def __post_init__(self) -> None:
        check_shapes(self)
        if self.gain.shape[1] not in (2, len(gain_rows(len(self.knots)))):
            raise ValueError(
                f"Paths.gain: expected 2 or {len(gain_rows(len(self.knots)))} columns for {len(self.knots)} knots, "
                f"got {self.gain.shape[1]}"
            )

    def __len__(self) -> int:
        return int(self.gain.shape[0])

    @property
    def gain_times(self) -> Tensor:
        """Seconds from the start of the frame at which the gains hold [gains]."""
        return self.knots[[0, -1] if self.gain.shape[1] == 2 else list(gain_rows(len(self.knots)))]


@dataclass(frozen=True, eq=False)
class AdcFrames:
    """What the ADC gives: complex64 (float32 for a radar with real samples)."""

    radar: Radar
    samples: Annotated[Tensor, "frames loops slots rx samples", "V"]
    times: Annotated[Tensor, "frames", "s"]

    def __post_init__(self) -> None:
        check_shapes(self)


@dataclass(frozen=True, eq=False)
class RadarCube:
    """Range-Doppler spectra of every virtual antenna, complex64.

    `spectrum` is not compensated for the time offsets of TDM: that belongs to the angle step, as in the device. Doppler
    runs from -max to +max (fftshifted), positive = receding.
    """

    radar: Radar
    spectrum: Annotated[Tensor, "frames doppler slots rx range", "V"]
    times: Annotated[Tensor, "frames", "s"]
    range: Annotated[Tensor, "range", "m"]
    velocity: Annotated[Tensor, "doppler", "m/s"]

    def __post_init__(self) -> None:
        check_shapes(self)


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Detected points of consecutive frames, ragged: those of frame f are `offsets[f]:offsets[f + 1]`.

    Attributes:
        position: in the radar frame.
        velocity: radial, positive when receding.
        intensity: as the device reports it; `intensity_unit` says what it is.
        snr_db: NaN = not recorded.
        noise_db: NaN = not recorded.
        region: index into `region_names` of the body part or object that caused the point; -1 = not known.
    """

    position: Annotated[Tensor, "points 3", "m"]
    velocity: Annotated[Tensor, "points", "m/s"]
    intensity: Annotated[Tensor, "points", "1"]
    snr_db: Annotated[Tensor, "points", "dB"]
    noise_db: Annotated[Tensor, "points", "dB"]
    offsets: Annotated[Tensor, "bounds", "1"]
    times: Annotated[Tensor, "frames", "s"]
    region: Annotated[Tensor, "points", "1"] | None = None
    region_names: tuple[str, ...] = ()
    intensity_unit: str = "dB"

    def __post_init__(self) -> None:
        check_shapes(self)
        if len(self.offsets) != len(self.times) + 1 or int(self.offsets[-1]) != len(self.velocity):
            raise ValueError(
                f"PointCloud.offsets: expected {len(self.times) + 1} bounds ending at {len(self.velocity)}, "
                f"got {len(self.offsets)} ending at {int(self.offsets[-1])}"
            )

    def frame_index(self) -> Tensor:
        """The frame [points] of each point."""
        return torch.repeat_interleave(torch.arange(len(self.times), device=self.offsets.device), self.offsets.diff())


@dataclass(frozen=True, eq=False)
class Heatmap:
    """A power map per frame over two named axes, such as "range_azimuth" (rows range, columns azimuth)."""

    kind: str
    power: Annotated[Tensor, "frames rows columns", "dB"]
    rows: Annotated[Tensor, "rows", "1"]
    columns: Annotated[Tensor, "columns", "1"]
    times: Annotated[Tensor, "frames", "s"]

    def __post_init__(self) -> None:
        check_shapes(self)


@dataclass(frozen=True, eq=False)
class Sample:
    """One labelled clip: what goes into a data set, synthetic or real.

    Attributes:
        id: unique in its file.
        labels: activity, subject, session, source.
        cloud: points in the radar frame.
        joints: positions in the radar frame at the cloud's frames; `joint_set` names the set; NaN = not known.
        heatmaps: by kind.
        adc: raw samples.
        provenance: what made it (seed and sample index, body shape, placement, facet count ...), by name.
    """

    id: str
    labels: Labels
    cloud: PointCloud
    joints: Annotated[Tensor, "frames joints 3", "m"] | None = None
    joint_set: str = ""
    heatmaps: tuple[Heatmap, ...] = ()
    adc: AdcFrames | None = None
    provenance: dict[str, str] = field(default_factory=dict)


# --------------------------------------------------------------------------------------------- processing settings


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
        if self.window < 1 or self.guard < 0:
            raise ValueError(f"Cfar: expected window >= 1 and guard >= 0, got {self.window} and {self.guard}")
        if not 0 < self.order <= 1:
            raise ValueError(f"Cfar.order: expected a fraction in (0, 1], got {self.order}")


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
    """

    radar: Radar
    processing: Processing
    notes: tuple[str, ...] = ()
    calibration: ChannelCalibration = ChannelCalibration()


# --------------------------------------------------------------------------------------------- scene


@dataclass(frozen=True)
class Material:
    """What a surface does to a wave; scalar tensors in place of numbers make the trace differentiable in them.

    Attributes:
        permittivity: complex relative permittivity `eps' - j eps''` (time convention exp(+j omega t)) at `frequency`;
            None = perfect conductor.
        frequency: Hz at which it holds, for a radar within a tenth of it; 0 = at any.
        roughness: rms height in m, which splits coherent from diffuse scattering.
        layer_loss: linear two-way power factor of what covers it (clothing); 1 = none.
    """

    name: str
    permittivity: complex | Tensor | None
    frequency: float = 0.0
    roughness: float | Tensor = 0.0
    layer_loss: float | Tensor = 1.0


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that stands before the radar.

    Attributes:
        world_from_radar: rigid transform.
        people: moving surfaces, all at the same times (the knots of the frames).
        room: static surfaces (one mesh of one frame), None = free space.
        materials: material of each region name of people and room.
        mirrors: planar quads of the room that reflect, as corners in order, with a region name each.
    """

    world_from_radar: Annotated[Tensor, "4 4", "1"]
    people: tuple[MeshSequence, ...]
    materials: dict[str, Material]
    room: MeshSequence | None = None
    mirrors: Annotated[Tensor, "mirrors 4 3", "m"] | None = None
    mirror_regions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_shapes(self)
        _check_rigid("Scene.world_from_radar", self.world_from_radar)
