"""Processing settings from TI's commands."""

import math

from mmsynth.radar.device import Device, Profile
from mmsynth.radar.ti_lines import IMAGING, Line, Lines
from mmsynth.types import Cfar, ChannelCalibration, Processing

MODES = ("CA", "CAGO", "CASO", "OS")


def processing(lines: Lines, board: Device, profile: Profile, subframe: int) -> Processing:
    """The chain that the configuration sets. What it does not set is off, as on the device.

    Raises:
        ValueError: a line is wrong.
    """
    if lines.last("chirpComnCfg"):
        range_cfar, doppler_cfar, grouping, old = _low_power_cfar(lines)
    else:
        range_cfar, doppler_cfar, grouping, old = _cfar(lines, board, profile, subframe)
    limits = _limits(lines, profile, subframe)
    clutter = lines.of_subframe("clutterRemoval", subframe, 2)
    extended = lines.of_subframe("extendedMaxVelocity", subframe, 2)
    negative, positive = _dc_bins(lines, subframe)
    azimuth, elevation = _angles(lines, subframe)
    size = lines.last("aoaProcCfg")
    return Processing(
        angle_fft=size.whole(0, 8, 1024) if size else 64,
        range_cfar=range_cfar,
        doppler_cfar=doppler_cfar,
        peak_grouping_range=grouping[0],
        peak_grouping_doppler=grouping[1],
        range_limits=limits[0],
        velocity_limits=limits[1],
        dc_range_bins=positive,
        dc_range_bins_negative=negative,
        clutter_removal=(bool(clutter) and clutter[-1].flag(0)) or _images(lines),
        second_peak=_second_peak(lines, board, subframe),
        azimuth_limits=azimuth,
        elevation_limits=elevation,
        extended_velocity=bool(extended) and extended[-1].flag(0),
        half_wavelength_angles=True,
        intensity="peak" if old else "snr",
    )


def _images(lines: Lines) -> bool:
    """Whether the demo counts people: it finds what moves in range and angle, and gives each place one velocity.

    In space (dynamicRACfarCfg), or in the plane (a cfarCfg of twelve numbers).

    Its imaging by Capon is not followed; what comes nearest is a CFAR along range alone, on what is not at rest, that
    keeps the peaks along Doppler. With a CFAR along Doppler a person, who fills it, would hide himself.
    """
    return lines.last(IMAGING) is not None or bool(lines.counting())


def threshold_db(value: float, old: bool, board: Device, virtual: int) -> float:
    """A CFAR threshold in dB: SDK 3 writes it so; before, it counts log2 steps in the chip's fixed point.

    SDK 1 and 2 user's guides: xWR14xx 512 X / 6; xWR16xx and later 256 X / 6 for the sum over all virtual antennas.
    """
    if not old:
        return value
    scale = 512 if board.kind == "xwr14xx" else 256 * virtual
    return value * 6 / scale


def _cfar(
    lines: Lines, board: Device, profile: Profile, subframe: int
) -> tuple[Cfar, Cfar | None, tuple[bool, bool], bool]:
    """CFAR in range and Doppler direction, peak grouping in both, and whether this is an SDK before 3."""
    found: dict[int, Cfar] = {}
    grouping = [False, _images(lines)]
    old = False
    virtual = len(profile.codes) * (len(profile.rx) or len(board.array.rx))
    for line in lines.of_subframe("cfarCfg", subframe, 8) if not lines.counting() else ():
        # Without the subframe: seven arguments up to SDK 2, eight with SDK 3's own switch of peak grouping.
        old = len(line.values) == 7
        direction = line.whole(0, 0, 1)
        found[direction] = _one_cfar(line, 1, threshold_db(line.positive(6, zero=True), old, board, virtual))
        if not old:
            grouping[direction] = line.flag(7)
    for line in lines.of_subframe("peakGrouping", subframe, 6):
        grouping = [line.flag(1), line.flag(2)]
    return found.get(0, Cfar(mode="CASO")), found.get(1), (grouping[0], grouping[1]), old


def _one_cfar(line: Line, first: int, threshold: float) -> Cfar:
    """The CFAR of a line whose argument `first` is the mode."""
    mode = MODES[line.whole(first, 0, 3)]
    window, shift = line.whole(first + 1, 1, 255), line.whole(first + 3, 0, 31)
    cells = 2 * window if mode == "CA" else window
    return Cfar(
        mode=mode,  # type: ignore[arg-type]
        window=window,
        guard=line.whole(first + 2, 0, 255),
        threshold_db=threshold,
        cyclic=line.flag(first + 4),
        divide_shift=None if mode == "OS" or 2**shift == cells else shift,
    )


def _second_peak(lines: Lines, board: Device, subframe: int) -> float:
    """The fraction of the first azimuth peak's power that a second one must exceed; 0 = never asked."""
    beams = lines.of_subframe("multiObjBeamForming", subframe, 3)
    if not beams or not beams[-1].flag(0):
        return 0.0
    return float(beams[-1].positive(1, zero=True) ** beam_scale_power(board))


def beam_scale_power(board: Device) -> int:
    """The power of multiObjBeamForming's scale that compares powers of two azimuth peaks.

    The DSP of xWR16xx and later compares squared magnitudes; the accelerator of xWR14xx hands out magnitudes, which the
    demo compares as they are (angleEstimationAzimElev in post_processing.c of the xwr14xx mmw demo).
    """
    return 2 if board.kind == "xwr14xx" else 1


def _low_power_cfar(lines: Lines) -> tuple[Cfar, Cfar | None, tuple[bool, bool], bool]:
    line = lines.last("cfarCfg")
    if lines.last("cfarProcCfg"):
        return _cfar_in_directions(lines)
    if line is None:
        return Cfar(mode="CASO"), None, (True, False), False
    if len(line.values) != 12:
        raise line.error(f"expected 12 numbers, got {len(line.values)}")
    cfar = _one_cfar(line, 0, line.positive(5, zero=True))
    return cfar, None, (line.flag(8) or line.flag(6), False), False


def _cfar_in_directions(lines: Lines) -> tuple[Cfar, Cfar | None, tuple[bool, bool], bool]:
    """The xWRL6844's cfarProcCfg, which is SDK 3's cfarCfg without a subframe."""
    found: dict[int, Cfar] = {}
    grouping = [False, False]
    for line in lines.all("cfarProcCfg"):
        direction = line.whole(0, 0, 1)
        found[direction] = _one_cfar(line, 1, line.positive(6, zero=True))
        grouping[direction] = line.flag(7)
    return found.get(0, Cfar(mode="CASO")), found.get(1), (grouping[0], grouping[1]), False


def _limits(lines: Lines, profile: Profile, subframe: int) -> tuple[tuple[float, float], tuple[float, float]]:
    span = [(0.0, math.inf), (-math.inf, math.inf)]
    step = profile.waveform.range_bin
    for line in lines.of_subframe("peakGrouping", subframe, 6):
        span[0] = _interval(line, 3, step)
    for line in lines.all("cfarFovCfg"):
        if len(line.values) == 3:  # the low-power SDK's, which has no subframes
            span[line.whole(0, 0, 1)] = _interval(line, 1, 1.0)
        elif line.whole(0, -1, 3) in (-1, subframe):
            span[line.whole(1, 0, 1)] = _interval(line, 2, 1.0)
    for line in lines.all("rangeSelCfg"):
        span[0] = _interval(line, 0, 1.0)
    return span[0], span[1]


def _interval(line: Line, index: int, scale: float) -> tuple[float, float]:
    low, high = line.values[index] * scale, line.values[index + 1] * scale
    if not low < high:
        raise line.error(f"expected a lower limit below the upper, got {low / scale:g} and {high / scale:g}")
    return low, high


def _angles(lines: Lines, subframe: int) -> tuple[tuple[float, float], tuple[float, float]]:
    azimuth = elevation = (-math.pi / 2, math.pi / 2)
    for line in lines.of_subframe("aoaFovCfg", subframe, 5):
        if any(abs(value) > 90 for value in line.values):
            raise line.error("expected degrees from -90 to 90, got one beyond")
        azimuth, elevation = _interval(line, 0, math.pi / 180), _interval(line, 2, math.pi / 180)
    return azimuth, elevation


def _dc_bins(lines: Lines, subframe: int) -> tuple[int, int]:
    found = lines.of_subframe("calibDcRangeSig", subframe, 5)
    if not found or not found[-1].flag(0):
        return 0, 0
    return -found[-1].whole(1, -255, 0), found[-1].whole(2, 0, 255)


def calibration(lines: Lines, board: Device) -> ChannelCalibration:
    """Range bias and factors of the virtual antennas: the measured ones times the sense of their feeds.

    A file that says nothing of either leaves the sense of the board's own feeds.
    """
    virtual = len(board.array.tx) * len(board.array.rx)
    line, turned = lines.last("compRangeBiasAndRxChanPhase"), lines.last("antPhaseRot")
    bias, factors = 0.0, [(1.0, 0.0)] * virtual
    if line is not None:
        bias, factors = line.values[0], factors_of(line)
        if len(factors) != virtual:
            raise line.error(f"expected {virtual} complex factors for {board.name}, got {len(factors)}")
    senses = (float(feed) for feed in board.array.feeds * len(board.array.tx)) if line is None else ()
    signs = turned.values if turned is not None else tuple(senses)
    if turned is not None and (len(signs) != virtual or not set(signs) <= {1.0, -1.0}):
        raise turned.error(f"expected {virtual} values of 1 or -1 for {board.name}")
    if signs:
        factors = [(s * re, s * im) for s, (re, im) in zip(signs, factors, strict=True)]
    return ChannelCalibration(bias, () if all(factor == (1.0, 0.0) for factor in factors) else tuple(factors))


def factors_of(line: Line) -> list[tuple[float, float]]:
    """The complex factors (real, imaginary) of a compRangeBiasAndRxChanPhase line."""
    return list(zip(line.values[1::2], line.values[2::2], strict=True))
