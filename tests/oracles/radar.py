"""A radar's samples, noise, filters and detections, from the textbooks.

NumPy float64; imports nothing from mmsynth.
"""

import numpy as np


def point_target_adc(waveform, tx, rx, codes, position, velocity=(0.0, 0.0, 0.0), amplitude=1.0, start=0.0):
    """ADC samples [loops, slots, rx, samples] of one frame of a point target in free space, complex128.

    `exp(j 2 pi (f0 tau + S tau t - S tau^2 / 2))` with tau the delay at the time of that very sample, for each TX that
    the slot's code switches on, and no amplitude law. `waveform` is anything with the fields of a ramp in SI units
    (start_frequency, slope, samples, sample_rate, adc_start, idle_time, ramp_time, loops, and loop_idle if it has one);
    `tx` [tx, 3], `rx` [rx, 3], `codes` [slots, tx]; the target stands at `position` at frame time -`start`, in m, and
    moves at `velocity` in m/s. For a real ADC take the real part.
    """
    w, c = waveform, 299792458.0
    tx, rx, codes = (np.asarray(a, dtype=np.float64) for a in (tx, rx, codes))
    slots = len(codes)
    chirp_time = w.idle_time + w.ramp_time
    loop_time = slots * chirp_time + getattr(w, "loop_idle", 0.0)
    chirp = w.idle_time + np.arange(w.loops)[:, None] * loop_time + np.arange(slots) * chirp_time
    ramp = w.adc_start + np.arange(w.samples) / w.sample_rate
    time = chirp[:, :, None] + ramp + start
    place = np.asarray(position, dtype=np.float64) + time[..., None] * np.asarray(velocity, dtype=np.float64)
    samples = np.zeros((w.loops, slots, len(rx), w.samples), dtype=np.complex128)
    for m in range(len(tx)):
        on = codes[:, m] != 0
        there = np.linalg.norm(place[:, on] - tx[m], axis=-1)
        for n in range(len(rx)):
            tau = (there + np.linalg.norm(place[:, on] - rx[n], axis=-1)) / c
            cycles = w.start_frequency * tau + w.slope * tau * ramp - w.slope * tau**2 / 2
            samples[:, on, n] += amplitude * codes[on, m, None] * np.exp(2j * np.pi * cycles)
    return samples


def ca_cfar_false_alarm(window, factor):
    """False-alarm probability of CA-CFAR on exponential power: (1 + factor / N)^-N for N = 2 * window cells."""
    return (1 + factor / (2 * window)) ** (-2 * window)


def log_cfar_false_alarm(mode, window, antennas, threshold_db, order=None):
    """False-alarm probability of one CFAR cell on noise, for the mean over `antennas` of the log power.

    The power of complex Gaussian noise is exponential, so its log has the characteristic function Gamma(1 + j t), and a
    mean of n of them Gamma(1 + j t / n)^n. Densities come from these by Fourier sums; the greater, smaller and ordered
    of independent sides by the distribution of order statistics. `window` cells a side; `order` is the rank from below
    (OS, of 2 * window cells).
    """
    from scipy.special import betainc, loggamma

    step, size = 2e-3, 1 << 14
    t = 2 * np.pi * np.fft.fftfreq(size, step)

    def density(count):
        transform = np.exp(count * loggamma(1 + 1j * t / count))
        return np.fft.fftshift(np.fft.fft(transform)).real / (size * step)

    cell = density(antennas)
    if mode == "CA":
        noise = density(antennas * 2 * window)
    else:
        side = density(antennas if mode == "OS" else antennas * window)
        below = np.clip(np.cumsum(side) * step, 0, 1)
        cumulative = {
            "CAGO": below**2,
            "CASO": 1 - (1 - below) ** 2,
            "OS": below if order is None else betainc(order, 2 * window - order + 1, below),
        }[mode]
        noise = np.diff(cumulative, prepend=0) / step
    exceeds = 1 - np.clip(np.cumsum(cell) * step, 0, 1)
    shift = round(threshold_db * np.log(10) / 10 / step)
    tail = np.concatenate([exceeds[shift:], np.zeros(shift)])
    return float(np.sum(noise * tail) * step)


def chirp_figures(start, slope, samples, rate, chirp, loops, slots, adc_start=0.0):
    """Range resolution, FFT bin, velocity resolution and limit of a TDM-FMCW frame: c/2B, lambda/2T, lambda/4Tc."""
    light = 299_792_458.0
    fft = 2 ** int(np.ceil(np.log2(samples)))
    wavelength = light / (start + slope * (adc_start + samples / rate / 2))
    loop = chirp * slots
    return {
        "range_resolution": light / (2 * slope * samples / rate),
        "range_bin": light * rate / (2 * slope * fft),
        "velocity_resolution": wavelength / (2 * loops * loop),
        "max_velocity": wavelength / (4 * loop),
    }


def thermal_noise_power(temperature, bandwidth, noise_figure):
    """K T B F in W (k by the SI's definition)."""
    return 1.380649e-23 * temperature * bandwidth * noise_figure


def beat_tone(waveform, delay):
    """IF samples of an echo of constant delay and unit amplitude, exp(j 2 pi (f0 tau + S tau t - S tau^2 / 2))."""
    t = waveform.adc_start + np.arange(waveform.samples) / waveform.sample_rate
    cycles = waveform.start_frequency * delay + waveform.slope * delay * t - waveform.slope * delay**2 / 2
    return np.exp(2j * np.pi * cycles)


def adc_noise_power(full_scale, bits):
    """Quantisation noise of I and Q together, 2 * step^2 / 12 with 2^bits steps over 2 full_scale (Bennett 1948)."""
    return 2 * (2 * full_scale / 2**bits) ** 2 / 12


def first_order_highpass(frequency, corner):
    """Complex response j f / (f_c + j f) of an RC high-pass."""
    return 1j * frequency / (corner + 1j * frequency)


def mean_highpassed_power(band, corner):
    """Mean of |H|^2 = 1 - 1 / (1 + (f / f_c)^2) over 0..band of an RC high-pass."""
    return 1 - corner / band * np.arctan(band / corner)


def butterworth_power(frequency, corner, order):
    """|H|^2 = 1 / (1 + (f / f_c)^2n) of a Butterworth low-pass (1930)."""
    return 1 / (1 + (np.abs(frequency) / corner) ** (2 * order))


def folded_first_order(frequency, corner, rate):
    """Sum over all whole m of the power response of an RC low-pass to f + m rate: Poisson's sum of its e^-|t|."""
    a = 2 * np.pi * corner / rate
    return a / 2 * np.sinh(a) / (np.cosh(a) - np.cos(2 * np.pi * frequency / rate))


def phase_noise_to_signal(level, offset, delay, rate):
    """Power of an echo's phase noise over its own, in the band of complex samples, for L(f) = level (offset / f)^2.

    The mixer leaves L(f) * 4 sin^2(pi f tau) on each side of the echo (Budge and Burt 1993, range correlation), here
    integrated over -rate/2..rate/2.
    """
    f = (np.arange(200_000) + 0.5) / 200_000 * rate / 2
    density = level * (offset / f) ** 2 * 4 * np.sin(np.pi * f * delay) ** 2
    return 2 * density.mean() * rate / 2
