"""Direction of arrival from the virtual array: phase compensation, azimuth spectrum, peaks, elevation."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmsynth.types import Processing, Radar

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class VirtualArray:
    """The virtual array of a radar, sorted into rows of equal height.

    Directions are cosines: `x / r` across and `z / r` up. An antenna at p sees the phase `-2 pi (p . direction) /
    wavelength` of a target, since one that is nearer to it echoes earlier (beat phase `+2 pi f0 tau`).

    Attributes:
        decode: factors that take the slots of a loop to transmitters (inverse of the codes; TDM: a permutation).
        slot_time: start of each slot as a fraction of the loop.
        position: of each virtual antenna, TX-major.
        row: index into `height` of each virtual antenna.
        height: z of each row.
        main_row: the row with the most antennas.
        planar: whether the other rows together hold more antennas than the main one, so that azimuth needs them.
        across: direction cosines x / r of the azimuth spectrum (TI's angle bins), increasing.
        up: direction cosines z / r of the elevation spectrum, increasing.
        wavelength: m, for steering.
    """

    decode: Tensor
    slot_time: Tensor
    position: Tensor
    row: Tensor
    height: Tensor
    main_row: int
    planar: bool
    across: Tensor
    up: Tensor
    wavelength: float


def virtual_array(radar: Radar, processing: Processing, device: torch.device | None = None) -> VirtualArray:
    """Lay out the virtual array of `radar`.

    The azimuth spectrum is TI's zero-padded FFT over the row's own spacing where antennas stand on a uniform grid, and
    steering at their positions on the grid of half a wavelength where they do not: both are one matrix of steering
    vectors. Two antennas at one place are summed.

    Raises:
        ValueError: fewer slots than transmitters, so that the codes cannot be undone.
    """
    codes = radar.codes[:, radar.used_tx].cpu().numpy()
    slots, used = codes.shape
    decode = np.linalg.pinv(codes)
    if not np.allclose(decode @ codes, np.eye(used), atol=1e-6):
        raise ValueError(f"radar {radar.name}: expected codes that can be undone, got {used} TX in {slots} slots")
    position = radar.virtual_array().cpu().numpy().astype(np.float64)
    position -= position[0]
    wavelength = radar.waveform.wavelength
    height, row = _clusters(position[:, 2], wavelength / 20)
    counts = np.bincount(row)
    spacing = _spacing(position[:, 0], wavelength)
    if processing.half_wavelength_angles:
        wavelength = 2 * spacing
    up = _cosines(position[:, 2], _spacing(position[:, 2], wavelength), wavelength, processing.angle_fft)
    times = radar.chirp_times()[0].numpy()

    def tensor(values: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device)

    return VirtualArray(
        decode=tensor(decode).to(torch.complex64),
        slot_time=tensor((times - times[0]) / radar.loop_time),
        position=tensor(position),
        row=tensor(row),
        height=tensor(height),
        main_row=int(counts.argmax()),
        planar=bool(2 * counts.max() < counts.sum()),
        across=tensor(_cosines(position[:, 0], spacing, wavelength, processing.angle_fft)),
        up=tensor(up),
        wavelength=wavelength,
    )


# The layout is a dozen numbers: NumPy handles them with a fifth of torch's overhead.
def _clusters(values: Array, tolerance: float) -> tuple[Array, Array]:
    """Distinct values (increasing), those closer than `tolerance` taken as one, and the cluster of each."""
    order = np.argsort(values, kind="stable")
    label = np.zeros(len(values), dtype=np.int64)
    label[order[1:]] = np.cumsum(np.diff(values[order]) > tolerance)
    return np.bincount(label, values) / np.bincount(label), label


def _spacing(coordinate: Array, wavelength: float) -> float:
    """The step of the uniform grid that antennas stand on, else half a wavelength."""
    distinct, _ = _clusters(coordinate, wavelength / 20)
    if len(distinct) < 2:
        return wavelength / 2
    step = float(np.diff(distinct).min())
    places = (distinct - distinct[0]) / step
    # A twentieth of a step off the grid is 9 degrees of phase at half a wavelength: the FFT's nearest place still does.
    uniform = bool((np.abs(places - places.round()) < 0.05).all())
    return step if uniform and step > 0.25 * wavelength else wavelength / 2


def _cosines(coordinate: Array, spacing: float, wavelength: float, size: int) -> Array:
    """Direction cosines of an FFT of `size` (or more, where the array is longer) over `spacing`, inside [-1, 1]."""
    extent = float(np.ptp(coordinate)) / spacing
    if extent < 0.5:
        return np.zeros(1)
    size = max(size, 1 << math.ceil(math.log2(extent + 1)))
    cosine: Array = (np.arange(size) - size // 2) * (wavelength / (size * spacing))
    return cosine[np.abs(cosine) <= 1]


def untangle(cells: Tensor, doppler: Tensor, loops: int, array: VirtualArray) -> Tensor:
    """Signals [points, tx, rx] of cells [points, slots, rx], as if each transmitter had sent alone, all at once.

    TI's Doppler compensation: slot m is turned back by the phase that a target in the signed Doppler bin `doppler`
    [points] gains by the time of that slot, which goes by the order of transmission, not by the number of the TX. Then
    the codes are undone.
    """
    turn = -2 * torch.pi * doppler[:, None].to(torch.float64) / loops * array.slot_time
    turned = torch.polar(torch.ones_like(turn), turn).to(cells.dtype)
    return (array.decode * turned[:, None]) @ cells


def calibration(antennas: int, processing: Processing, device: torch.device | None = None) -> Tensor:
    """The device's factor [virtual] of each virtual antenna.

    Raises:
        ValueError: the settings hold another number of them.
    """
    if not processing.compensation:
        return torch.ones(antennas, dtype=torch.complex64, device=device)
    factor = torch.view_as_complex(torch.tensor(processing.compensation, dtype=torch.float32, device=device))
    if len(factor) != antennas:
        raise ValueError(f"Processing.compensation: expected {antennas} virtual antennas, got {len(factor)}")
    return factor


def virtual_signals(cells: Tensor, doppler: Tensor, loops: int, array: VirtualArray, processing: Processing) -> Tensor:
    """Signals [points, virtual] of cells [points, slots, rx] in signed Doppler bins [points], compensated."""
    signals = untangle(cells, doppler, loops, array).flatten(1)
    return signals * calibration(signals.shape[1], processing, signals.device)


def row_spectra(signals: Tensor, array: VirtualArray) -> Tensor:
    """Azimuth spectrum [points, rows, across] of each row, from signals [points, virtual]."""
    phase = 2 * torch.pi / array.wavelength * array.position[:, :1] * array.across
    steering = torch.polar(torch.ones_like(phase), phase).to(signals.dtype)
    in_row = torch.nn.functional.one_hot(array.row, len(array.height)).to(signals.dtype)
    weights = (in_row[:, :, None] * steering[:, None, :]).flatten(1)
    return (signals @ weights).reshape(len(signals), len(array.height), len(array.across))


def whole_numbers(rows: Tensor, array: VirtualArray, step: float) -> tuple[Tensor, Tensor]:
    """Spectra [points, rows, across] of the rows as whole numbers, and the main row's magnitude [points, across].

    One is `step` V of the mean amplitude over the main row. Real and imaginary part are rounded as seen from the first
    antenna of a row, where an FFT has its phase; the magnitude is taken before. In magnitudes of 5 to 20 a peak is flat
    over several bins.
    """
    scaled = rows / (step * int((array.row == array.main_row).sum()))
    across = [float(array.position[array.row == k, 0].min()) for k in range(len(array.height))]
    place = torch.tensor(across, dtype=torch.float64, device=rows.device)
    phase = 2 * torch.pi / array.wavelength * place[:, None] * array.across
    turn = torch.polar(torch.ones_like(phase), phase).to(rows.dtype)
    counted = torch.view_as_complex(torch.view_as_real(scaled * turn.conj()).round())
    return counted * turn, scaled[:, array.main_row].abs().round()


def first_peak(power: Tensor, array: VirtualArray) -> Tensor:
    """The greatest bin [points] of azimuth spectra [points, across]; of equal ones, the FFT's first."""
    zero = int((array.across < 0).sum())
    return (power.roll(-zero, 1).argmax(1) + zero) % power.shape[1]


def azimuth_power(rows: Tensor, array: VirtualArray) -> Tensor:
    """Power [points, across] over azimuth: of the main row, or of the whole plane at its best elevation."""
    if array.planar:
        return _elevation_power(rows, array).amax(-1)
    main = rows[:, array.main_row]
    return main.real.square() + main.imag.square()


def _elevation_power(rows: Tensor, array: VirtualArray) -> Tensor:
    """Power [..., up] of rows [points, rows, ...] steered to each elevation."""
    phase = 2 * torch.pi / array.wavelength * array.height[:, None] * array.up
    steering = torch.polar(torch.ones_like(phase), phase).to(rows.dtype)
    beam = rows.movedim(1, -1) @ steering
    return beam.real.square() + beam.imag.square()


def elevation_cosine(rows: Tensor, array: VirtualArray) -> Tensor:
    """Direction cosine z / r [points] from the rows [points, rows] at the azimuth peak.

    Of two rows, by the phase between them (as TI's boards with one raised TX); of more, by the strongest elevation bin.
    """
    if len(array.height) == 1:
        return torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
    if len(array.height) == 2:
        phase = torch.angle(rows[:, 1] * rows[:, 0].conj()).to(torch.float64)
        return -phase * array.wavelength / (2 * torch.pi * (array.height[1] - array.height[0]))
    return array.up[_elevation_power(rows, array).argmax(-1)]


def second_peak(power: Tensor, first: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """The second peak [points] of circular spectra [points, bins], and whether it exceeds `fraction` of the first.

    TI's rule: walk down from the first peak on both sides while the spectrum falls, then take the greatest of the rest.
    """
    bins = power.shape[1]
    turn = (first[:, None] + torch.arange(bins, device=power.device)) % bins
    turned = power.gather(1, turn)
    rises = turned.roll(-1, 1) > turned
    falls_back = turned > turned.roll(-1, 1)
    place = torch.arange(bins, device=power.device)
    right = torch.where(rises, place, bins).amin(1, keepdim=True)
    # Seen from the other side: the last bin that is greater than its right neighbour ends the fall to the left.
    left = torch.where(falls_back, place + 1, 0).amax(1, keepdim=True)
    rest = torch.where((place > right) & (place < left), turned, -math.inf)
    value, index = rest.max(1)
    return (index + first) % bins, (fraction > 0) & (value > fraction * turned[:, 0])
