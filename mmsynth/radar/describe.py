"""What a radar can resolve and how far it sees a person: the figures that `mmsynth radar` prints."""

import math

import torch
from scipy.constants import Boltzmann, speed_of_light
from torch import Tensor

from mmsynth.geometry import direction_from_angles
from mmsynth.radar.if_filter import folded_power, if_response
from mmsynth.radar.pattern import pattern_gain
from mmsynth.types import Radar, RadarSetup

# RCS of a standing person at 60 to 80 GHz lies around this; limbs are 10 to 20 dB weaker.
PERSON_RCS = 1.0

# m at which the link budget of a standing person is given, as far as they lie within the radar's range.
DISTANCES = (1.0, 2.0, 3.0, 5.0, 8.0)
# m/s: trunks of people who exercise move at half of the first, of those who walk with the second; limbs at twice that.
SLOW, WALKING = 0.5, 1.5


def describe(radar: Radar) -> dict[str, float | str]:
    """Figures of a radar by name and unit, ready to print in order."""
    w = radar.waveform
    azimuth, elevation = aperture(radar)
    figures: dict[str, float | str] = {
        "name": radar.name,
        "band (GHz)": f"{w.start_frequency / 1e9:.3f} to {(w.start_frequency + w.slope * w.ramp_time) / 1e9:.3f}",
        "wavelength (mm)": w.wavelength * 1e3,
        "sampled bandwidth (MHz)": w.bandwidth / 1e6,
        "range resolution (m)": w.range_resolution,
        "range bin (m)": w.range_bin,
        "maximum range (m)": w.max_range,
        "velocity resolution (m/s)": radar.velocity_resolution,
        "maximum velocity (m/s)": radar.max_velocity,
        "antennas": f"{len(radar.tx)} TX x {len(radar.rx)} RX, {_schedule(radar)}",
        "azimuth resolution (deg)": _degrees(angle_resolution(azimuth, w.wavelength)),
        "elevation resolution (deg)": _degrees(angle_resolution(elevation, w.wavelength)),
        "unambiguous azimuth (deg)": _field(radar, 0),
        "unambiguous elevation (deg)": _field(radar, 2),
        "beam, two-way -6 dB (deg)": f"{beam_width(radar, 0):.0f} x {beam_width(radar, 2):.0f}",
        "frame rate (1/s)": 1 / w.frame_period,
        "frame duty": radar.active_time / w.frame_period,
        "data rate (Mbit/s)": data_rate(radar) / 1e6,
        "noise figure (dB)": 10 * math.log10(radar.receiver.noise_figure),
        "noise at the ADC (dB of full scale)": 20 * math.log10(noise_voltage(radar) / radar.receiver.full_scale),
    }
    for distance in DISTANCES:
        if distance < w.max_range:
            figures[f"person at {distance:g} m: SNR after processing (dB)"] = 10 * math.log10(snr(radar, distance))
    return figures


def advice(setup: RadarSetup) -> tuple[str, ...]:
    """Which motion of people a configuration will miss, and what to change: a sentence each, or none."""
    radar, chain, found = setup.radar, setup.processing, []
    if radar.velocity_resolution > SLOW:
        lost = "is removed as clutter" if chain.clutter_removal else "is reported as static"
        found.append(
            f"velocity: motion slower than {radar.velocity_resolution / 2:.2f} m/s {lost}; more loops or a longer idle "
            "time resolve slower motion"
        )
    if radar.max_velocity < WALKING and not chain.extended_velocity:
        found.append(
            f"velocity: beyond {radar.max_velocity:.2f} m/s it is aliased, so walking people are reported at wrong "
            "velocities; a shorter idle time or fewer TX raise the limit"
        )
    if chain.points == "cfar" and chain.peak_grouping_range and chain.peak_grouping_doppler:
        found.append(
            "points: peak grouping along both range and Doppler leaves 2 or 3 points of a person, of 20 to "
            "40 detected; switch it off for networks on points"
        )
    return tuple(found)


def aperture(radar: Radar) -> tuple[float, float]:
    """Extent in m of the virtual array to the right and up, of the TX that are used."""
    virtual = radar.virtual_array()
    extent = virtual.max(0).values - virtual.min(0).values
    return float(extent[0]), float(extent[2])


def angle_resolution(extent: float, wavelength: float) -> float:
    """Half-power beam width at boresight in rad of a uniform array; NaN where the array has no extent.

    A line of n antennas d apart spans (n - 1) d and resolves as an aperture of n d: lambda / (n d), here with d =
    lambda / 2.
    """
    return math.nan if extent <= 0 else wavelength / (extent + wavelength / 2)


def _degrees(angle: float) -> float | str:
    return "none" if math.isnan(angle) else math.degrees(angle)


def beam_width(radar: Radar, axis: int) -> float:
    """Width in deg within which sending and receiving together lose under 6 dB, in azimuth (0) or elevation (2)."""
    angle = torch.linspace(0, math.pi, 3601, dtype=torch.float64)
    zero = torch.zeros_like(angle)
    direction = direction_from_angles(angle, zero) if axis == 0 else direction_from_angles(zero, angle / 2)
    gain = pattern_gain(radar.pattern, direction)
    inside = gain**2 >= gain[0] ** 2 / 10**0.6
    last = int(inside.to(torch.int8).argmin()) if not bool(inside.all()) else len(angle) - 1
    return 2 * math.degrees(float(angle[last])) / (1 if axis == 0 else 2)


def data_rate(radar: Radar) -> float:
    """Raw ADC bits a second, in 16-bit words."""
    w = radar.waveform
    words = w.loops * radar.slots * len(radar.rx) * w.samples * (2 if w.complex_samples else 1)
    return 16 * words / w.frame_period


def noise_voltage(radar: Radar) -> float:
    """Rms noise in V at the ADC: sqrt(k T B F R) times the gain, behind the filters of the IF, and the ADC's own."""
    frequency = (torch.arange(4096, dtype=torch.float64) + 0.5) / 4096 * noise_band(radar)
    mean = float(noise_density(radar, frequency).mean())
    return math.sqrt(mean * noise_band(radar) * radar.receiver.load) * radar.receiver.gain


def noise_density(radar: Radar, frequency: Tensor) -> Tensor:
    """Noise at a beat `frequency` in Hz, as W/Hz at the antenna: k T F behind the IF's filters, and the ADC's."""
    receiver, parts = radar.receiver, 2 if radar.waveform.complex_samples else 1
    added = parts * receiver.adc_noise**2 / (receiver.load * receiver.gain**2)
    return (noise_power(radar) * folded_power(radar, frequency) + added) / noise_band(radar)


def noise_power(radar: Radar) -> float:
    """Thermal noise k T B F at the antenna in W; B = sampling rate for complex samples, half of it for real ones."""
    return float(Boltzmann * radar.receiver.temperature * noise_band(radar) * radar.receiver.noise_figure)


def snr(radar: Radar, distance: float, rcs: float = PERSON_RCS) -> float:
    """SNR (power ratio) of a still target at boresight after range and Doppler FFT and the sum over virtual antennas.

    The radar equation P G^2 lambda^2 sigma / ((4 pi)^3 R^4) and the IF's filters, against the noise at the echo's beat
    over the time observed by all channels together.
    """
    w = radar.waveform
    gain = float(pattern_gain(radar.pattern, torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)))
    received = radar.tx_power * gain**2 * w.wavelength**2 * rcs / ((4 * math.pi) ** 3 * distance**4)
    observed = w.samples / w.sample_rate * w.loops * radar.slots * len(radar.rx)
    sent = float((radar.codes != 0).sum(1).double().mean())
    beat = torch.tensor(w.slope * 2 * distance / speed_of_light, dtype=torch.float64)
    passed = float(if_response(radar.receiver, beat).abs()) ** 2
    return float(received * sent * observed) * passed / float(noise_density(radar, beat))


def noise_band(radar: Radar) -> float:
    """Hz, from zero, in which samples hold noise and echoes: the rate for complex samples, half of it for real ones."""
    return radar.waveform.sample_rate / (1 if radar.waveform.complex_samples else 2)


def _schedule(radar: Radar) -> str:
    if not radar.is_tdm:
        return f"{radar.slots} coded chirps a loop"
    return "TDM " + " ".join(str(i + 1) for i in radar.slot_tx)


def _field(radar: Radar, axis: int) -> str:
    """Angles without grating lobes: asin(lambda / 2 d) for the smallest spacing d along that axis."""
    steps = radar.virtual_array()[:, axis].sort().values.diff()
    steps = steps[steps > 1e-6]
    if not len(steps):
        return "none"
    sine = radar.waveform.wavelength / (2 * float(steps.min()))
    return f"+-{math.degrees(math.asin(min(sine, 1.0))):.0f}"
