"""ADC samples to range-Doppler spectra, as TI's range and Doppler processing units do it."""

import torch
from torch import Tensor

from mmsynth.types import AdcFrames, Processing, Radar, RadarCube

# Coefficients of the symmetric cosine-sum windows, a0 - a1 cos(2 pi n / (N - 1)) + a2 cos(4 pi n / (N - 1)).
_WINDOWS = {
    "none": (1.0, 0.0, 0.0),
    "hann": (0.5, 0.5, 0.0),
    "hamming": (0.54, 0.46, 0.0),
    "blackman": (0.42, 0.5, 0.08),
}


def window(kind: str, size: int, device: torch.device | None = None) -> Tensor:
    """Window [size] (float32) of unit coherent gain: its mean is 1 / size, so that a tone keeps its amplitude.

    Symmetric, as in TI's firmware. Below three points, where a Hann window has only zeros, it is flat.
    """
    a0, a1, a2 = _WINDOWS[kind] if size >= 3 else _WINDOWS["none"]
    phase = 2 * torch.pi * torch.arange(size, dtype=torch.float64, device=device) / max(size - 1, 1)
    shape = a0 - a1 * torch.cos(phase) + a2 * torch.cos(2 * phase)
    return (shape / shape.sum()).to(torch.float32)


def range_spectrum(adc: AdcFrames, processing: Processing) -> Tensor:
    """Range spectra [frames, loops, slots, rx, range] (complex64, V): windowed, zero-padded to a power of two.

    Real samples give the half of positive frequencies, at half the amplitude of a complex tone. Antenna coupling and
    static clutter are removed as the settings say.
    """
    waveform = adc.radar.waveform
    shape = window(processing.range_window, waveform.samples, adc.samples.device)
    windowed = adc.samples * shape
    size = waveform.range_fft_size
    if adc.samples.is_complex():
        spectrum = torch.fft.fft(windowed, size)
    else:
        spectrum = torch.fft.rfft(windowed, size)[..., : size // 2]
    spectrum = _remove_coupling(spectrum, processing)
    if processing.clutter_removal:
        spectrum = spectrum - spectrum.mean(1, keepdim=True)
    return spectrum


def _remove_coupling(spectrum: Tensor, processing: Processing) -> Tensor:
    """Subtract from the bins next to zero their mean over all chirps of all frames (TI's calibDcRangeSig).

    The device takes that mean over the first chirps after it is told that nothing is near. Here it is over what is
    given: over a clip, that is the same; over one frame, it removes everything static from these bins.
    """
    near, negative = processing.dc_range_bins, processing.dc_range_bins_negative
    if not near and not negative:
        return spectrum
    bins = torch.cat([torch.arange(near), torch.arange(-negative, 0) + spectrum.shape[-1]]).to(spectrum.device)
    spectrum = spectrum.clone()
    spectrum[..., bins] -= spectrum[..., bins].mean((0, 1), keepdim=True)
    return spectrum


def range_doppler(adc: AdcFrames, processing: Processing) -> RadarCube:
    """Range-Doppler spectra of every slot and RX, from window, range FFT, clutter removal and Doppler FFT.

    Doppler runs from -max to +max, positive = receding; TDM's time offsets between slots stay in the phase (they belong
    to the angle step). A tone of amplitude A at a bin centre gives A.
    """
    spectrum = range_spectrum(adc, processing)
    loops = spectrum.shape[1]
    taper = window(processing.doppler_window, loops, spectrum.device)
    spectrum = torch.fft.fft(spectrum * taper[:, None, None, None], dim=1)
    return RadarCube(
        radar=adc.radar,
        spectrum=torch.fft.fftshift(spectrum, dim=1),
        times=adc.times,
        range=range_axis(adc.radar, processing, spectrum.device),
        velocity=velocity_axis(adc.radar, loops, spectrum.device),
    )


def range_axis(radar: Radar, processing: Processing, device: torch.device | None = None) -> Tensor:
    """Range [range] in m (float64) of each bin, less the device's range bias."""
    bins = torch.arange(radar.waveform.range_bins, dtype=torch.float64, device=device)
    return bins * radar.waveform.range_bin - processing.range_bias


def velocity_axis(radar: Radar, loops: int, device: torch.device | None = None) -> Tensor:
    """Radial velocity [loops] in m/s (float64) of each Doppler bin, increasing, positive when receding."""
    step = radar.waveform.wavelength / (2 * loops * radar.loop_time)
    return (torch.arange(loops, dtype=torch.float64, device=device) - loops // 2) * step


def detection_level(cube: RadarCube, processing: Processing) -> Tensor:
    """Level [frames, doppler, range] in dB over one ADC count, non-coherent over the antennas: TI's detection matrix.

    "log" is the mean over antennas of the log magnitude (TI sums log2 of it), "power" the log of the mean power.
    """
    spectrum = cube.spectrum
    power = spectrum.real.square() + spectrum.imag.square()
    level = in_db(power.mean((2, 3))) if processing.detection == "power" else 10 * _log10(power).mean((2, 3))
    return level - 20 * torch.log10(torch.tensor(volts_per_count(cube.radar))).to(level)


def in_db(power: Tensor) -> Tensor:
    """Powers as dB over one, of their shape."""
    return 10 * _log10(power)


def _log10(power: Tensor) -> Tensor:
    # The smallest normal number stands for an exact zero, far under any noise.
    return power.clamp_min(torch.finfo(power.dtype).tiny).log10()


def volts_per_count(radar: Radar) -> float:
    """Volts of the ADC's least significant bit (of 16 bits where the receiver does not quantise)."""
    return float(radar.receiver.full_scale / 2 ** ((radar.receiver.bits or 16) - 1))
