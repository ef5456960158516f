"""What runs down the line: paths, samples of the ADC, spectra, points, maps, and the clip that holds them."""

from dataclasses import dataclass, field
from typing import Annotated

import torch
from torch import Tensor

from mmsynth.arrays import check_shapes
from mmsynth.types.people import Labels
from mmsynth.types.radar import Radar


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
