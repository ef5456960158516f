"""Power maps over range, Doppler, azimuth, elevation and time."""

from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from mmsynth.arrays import differentiable
from mmsynth.processing.angle import VirtualArray, calibration, untangle, virtual_array
from mmsynth.processing.spectrum import (
    detection_level,
    in_db,
    range_axis,
    range_spectrum,
    velocity_axis,
    volts_per_count,
    window,
)
from mmsynth.types import AdcFrames, Heatmap, Processing, RadarCube

KINDS = ("range_doppler", "range_azimuth", "range_elevation")

# The covariance of a cube, which both range-angle maps look at, as long as the cube lives: a memo, which changes no
# result.
_covariances: "WeakKeyDictionary[RadarCube, dict[Processing, Tensor]]" = WeakKeyDictionary()


def beamform(cube: RadarCube, kind: str, processing: Processing) -> Heatmap:
    """Heatmap of each frame: rows range in m, columns velocity in m/s or azimuth or elevation in rad, in dB.

    "range_doppler" is the detection level. The range-angle maps take the covariance over the virtual array of each
    range bin, summed over Doppler after TDM compensation, and look along each angle by `processing.angle_method`:
    "fft" (the device's: the same as the power of its zero-padded angle FFT, summed over Doppler), "capon" or "music".
    The dB of the first two are over one ADC count, those of MUSIC's pseudospectrum over 1.

    Raises:
        ValueError: `kind` is none of the three.
    """
    if kind not in KINDS:
        raise ValueError(f"heatmap: expected one of {', '.join(KINDS)}, got '{kind}'")
    if kind == "range_doppler":
        power = detection_level(cube, processing).transpose(1, 2)
        return Heatmap(kind, power, cube.range, cube.velocity, cube.times)
    array = virtual_array(cube.radar, processing, cube.spectrum.device)
    across = kind == "range_azimuth"
    axis, covariance, steering = (_azimuth if across else _elevation)(_shared(cube, array, processing), array)
    power = _look(covariance, steering, processing)
    if processing.angle_method != "music":
        power = power / volts_per_count(cube.radar) ** 2
    return Heatmap(kind, in_db(power), cube.range, torch.asin(axis), cube.times)


def _shared(cube: RadarCube, array: VirtualArray, processing: Processing) -> Tensor:
    """Covariance [frames, range, virtual, virtual] over Doppler of every range bin."""
    # A graph of gradients can be walked but once: with them, each map has its own.
    known = {} if differentiable(cube) else _covariances.setdefault(cube, {})
    if processing not in known:
        known[processing] = _covariance(_signals(cube, array, processing))
    return known[processing]


def _signals(cube: RadarCube, array: VirtualArray, processing: Processing) -> Tensor:
    """Compensated signals [frames, range, virtual, doppler] of every cell."""
    frames, loops, slots, rx, bins = cube.spectrum.shape
    doppler = torch.arange(loops, device=cube.spectrum.device) - loops // 2
    # [doppler, slots, rx * frames * range]: the compensation is the same for every cell of a Doppler bin.
    cells = cube.spectrum.permute(1, 2, 3, 0, 4).reshape(loops, slots, -1)
    signals = untangle(cells, doppler, loops, array)
    signals = signals.reshape(loops, -1, frames, bins).permute(2, 3, 1, 0)
    return signals * calibration(signals.shape[2], processing, signals.device)[:, None]


def _azimuth(covariance: Tensor, array: VirtualArray) -> tuple[Tensor, Tensor, Tensor]:
    """Direction cosines, covariance [..., columns, columns] and steering vectors [columns, across] of azimuth.

    Of the main row; of a plane, of all its rows, each by itself: an echo from above turns them against each other.
    """
    if not array.planar:
        main = array.row == array.main_row
        covariance = covariance[..., main, :][..., main]
        return array.across, covariance, _steering(array.position[main, 0], array.across, array)
    column, place = _columns(array)
    return array.across, _folded(covariance, column, array.row), _steering(place, array.across, array)


def _elevation(covariance: Tensor, array: VirtualArray) -> tuple[Tensor, Tensor, Tensor]:
    """Direction cosines, covariance [..., rows, rows] and steering vectors [rows, up] of elevation."""
    covariance = _folded(covariance, array.row, _columns(array)[0])
    return array.up, covariance, _steering(array.height, array.up, array)


def _columns(array: VirtualArray) -> tuple[Tensor, Tensor]:
    """The column of each virtual antenna, and x [columns] of each."""
    across = array.position[:, 0]
    _, column = torch.unique(torch.round(across / (array.wavelength / 20)), return_inverse=True)
    return column, torch.stack([across[column == k].mean() for k in range(int(column.max()) + 1)])


def _folded(covariance: Tensor, place: Tensor, line: Tensor) -> Tensor:
    """Covariance [..., places, places] along an axis from that of all antennas, each at a place of a line along it.

    The sum over the lines, each by itself, as long as it reads the power of a wave that all antennas receive. (Summed
    over the whole spectrum of the other axis it is the same, by Parseval.) Antennas that stand alone in their line say
    nothing of this axis and would only raise the floor.
    """
    same = line[:, None] == line[None]
    paired = same.sum(1) > 1
    same = same & (paired | ~paired.any())
    places = int(place.max()) + 1
    # Every pair of antennas of one line goes to its pair of places; n antennas sum a wave to n^2 of its power.
    pairs = torch.nn.functional.one_hot(place[:, None] * places + place, places**2)[same].to(covariance.dtype)
    folded = (covariance[..., same] @ pairs).reshape(*covariance.shape[:-2], places, places)
    return folded * (places**2 / same.sum())


def _covariance(signals: Tensor) -> Tensor:
    """Covariance [..., n, n] of signals [..., n, snapshots], by two real products.

    On a CPU torch takes complex ones one by one, with a copy of each: ten times as long.
    """
    signals = signals.contiguous()
    plain, turned = (torch.view_as_real(x).flatten(-2) for x in (signals, 1j * signals))
    return torch.complex(plain @ plain.mT, plain @ turned.mT)


def _steering(place: Tensor, cosine: Tensor, array: VirtualArray) -> Tensor:
    phase = -2 * torch.pi / array.wavelength * place[:, None] * cosine
    return torch.polar(torch.ones_like(phase), phase).to(torch.complex64)


def _look(covariance: Tensor, steering: Tensor, processing: Processing) -> Tensor:
    """Power [frames, range, angles] along `steering` [antennas, angles] from covariance [frames, range, n, n].

    Bartlett `a^H R a / n^2`, Capon `1 / (a^H R^-1 a)` with R loaded by a thousandth of its mean power (Capon 1969),
    MUSIC `1 / (a^H E E^H a)` with E the noise eigenvectors (Schmidt 1986, eq. 6).
    """
    antennas = steering.shape[0]
    if processing.angle_method == "fft":
        # One real product: what each pair of antennas adds to each angle.
        pairs = (steering.conj()[:, None] * steering).flatten(0, 1) / antennas**2
        parts = torch.view_as_real(covariance.flatten(-2)).flatten(-2)
        bartlett: Tensor = parts @ torch.stack([pairs.real, -pairs.imag], 1).flatten(0, 1)
        return bartlett
    eye = torch.eye(antennas, dtype=covariance.dtype, device=covariance.device)
    power = covariance.diagonal(dim1=-2, dim2=-1).real.mean(-1).clamp_min(torch.finfo(torch.float32).tiny)
    normal = covariance / power[..., None, None] + 1e-3 * eye
    if processing.angle_method == "capon":
        solved = torch.linalg.solve(normal, steering.expand(*normal.shape[:-2], -1, -1))
        capon: Tensor = power[..., None] / (steering.conj() * solved).sum(-2).real.clamp_min(1e-12)
        return capon
    vectors = torch.linalg.eigh(normal).eigenvectors[..., : max(antennas - processing.sources, 1)]
    leak: Tensor = (vectors.mH @ steering).abs().square().sum(-2)
    return 1 / leak.clamp_min(1e-6)


def micro_doppler(
    data: RadarCube | AdcFrames, processing: Processing, loops: int | None = None, hop: int | None = None
) -> Heatmap:
    """Micro-Doppler: power over velocity (rows, m/s) and time inside the frame (columns, s), in dB over one ADC count.

    Summed over the ranges within `processing.range_limits` and averaged over antennas. Of a cube, one column a frame.
    Of ADC samples, a short-time spectrum of `loops` loops (all of them unless given) every `hop` (half of `loops`).
    A column's time is the middle of its loops.

    Raises:
        ValueError: `loops` is not between 1 and those of a frame.
    """
    if isinstance(data, RadarCube):
        loops, step = data.spectrum.shape[1], 1
        spectrum = data.spectrum[:, None]
        velocity, axis = data.velocity, data.range
    else:
        ranges = range_spectrum(data, processing)
        loops = loops or ranges.shape[1]
        if not 0 < loops <= ranges.shape[1]:
            raise ValueError(f"micro-Doppler: expected 1 to {ranges.shape[1]} loops, got {loops}")
        step = hop or max(loops // 2, 1)
        pieces = ranges.unfold(1, loops, step).movedim(-1, 2)
        taper = window(processing.doppler_window, loops, ranges.device)
        spectrum = torch.fft.fftshift(torch.fft.fft(pieces * taper[:, None, None, None], dim=2), dim=2)
        velocity = velocity_axis(data.radar, loops, ranges.device)
        axis = range_axis(data.radar, processing, ranges.device)
    low, high = processing.range_limits
    inside = (axis >= max(low, 0.0)) & (axis <= high)
    power = (spectrum[..., inside].abs().square().sum(-1)).mean((-2, -1)) / volts_per_count(data.radar) ** 2
    power = in_db(power).transpose(1, 2)
    middle = data.radar.chirp_times()[:loops].mean() + data.radar.waveform.sample_times().mean()
    columns = torch.arange(power.shape[2], dtype=torch.float64) * step * data.radar.loop_time + middle
    columns = columns.to(power.device)
    return Heatmap("micro_doppler", power, velocity, columns, data.times)
