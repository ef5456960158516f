"""Closed forms from the textbooks, in NumPy float64: the oracles of the tests. Imports nothing from mmsynth."""

import itertools

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


def plate_rcs(width, height, wavelength, angle):
    """RCS in m^2 of a conducting plate by physical optics, `angle` rad off its normal in the plane of `width`.

    4 pi A^2 / lambda^2 * (cos(angle) sinc(k w sin(angle)))^2 (Balanis, Advanced Engineering Electromagnetics, 11-44).
    """
    k = 2 * np.pi / wavelength
    area = width * height
    x = k * width * np.sin(angle)
    return 4 * np.pi * (area / wavelength * np.cos(angle) * np.sinc(x / np.pi)) ** 2


def sphere_po_rcs(radius, wavelength):
    """RCS in m^2 of a conducting sphere by physical optics: pi a^2 |1 - (exp(2 j k a) - 1) / (2 j k a)|^2.

    The integral of (depth below the pole) over the lit half; the second term, 1 / (2 k a), is that of its rim (Knott,
    Radar Cross Section, section 5.3).
    """
    x = 4 * np.pi * radius / wavelength
    return np.pi * radius**2 * abs(1 - (np.exp(1j * x) - 1) / (1j * x)) ** 2


def cylinder_rcs(radius, length, wavelength):
    """Broadside RCS in m^2 of a conducting cylinder, k a L^2 (Knott, Radar Cross Section, table 5-1)."""
    return 2 * np.pi / wavelength * radius * length**2


def dihedral_rcs(width, height, wavelength):
    """RCS in m^2 of a right-angled dihedral of two plates width x height along its bisector: 8 pi a^2 b^2 / l^2."""
    return 8 * np.pi * (width * height) ** 2 / wavelength**2


def trihedral_rcs(leg, wavelength):
    """RCS in m^2 of a triangular trihedral of leg L along its axis: 4 pi L^4 / (3 lambda^2)."""
    return 4 * np.pi * leg**4 / (3 * wavelength**2)


def fresnel_power(permittivity, angle, mode):
    """Power reflection of a half space at `angle` rad for "te" or "tm", by Snell's law and the field's continuity."""
    cos_i = np.cos(angle)
    n = np.sqrt(complex(permittivity))
    sin_t = np.sin(angle) / n
    cos_t = np.sqrt(1 - sin_t**2)
    if mode == "te":
        return abs((cos_i - n * cos_t) / (cos_i + n * cos_t)) ** 2
    return abs((n * cos_i - cos_t) / (n * cos_i + cos_t)) ** 2


def slab_power(permittivity, thickness, wavelength):
    """Power reflection at normal incidence of a board in air (eps' - j eps''), `thickness` in m (P.2040-3 eq. 43)."""
    n = np.sqrt(np.asarray(permittivity, dtype=complex))
    front, through = (1 - n) / (1 + n), np.exp(-4j * np.pi * thickness * n / wavelength)
    return abs(front * (1 - through) / (1 - front**2 * through)) ** 2


def triangle_field(corners, transmitter, receiver, wavelength, pieces):
    """Physical-optics sum over a flat conducting triangle in exp(+j omega tau), exact distances, no spreading.

    sum of (cos_i + cos_s) / 2 exp(j k (R_t + R_r)) dS over pieces^2 small triangles.
    """
    k = 2 * np.pi / wavelength
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    area = np.linalg.norm(normal) / 2
    normal = normal / np.linalg.norm(normal)
    i, j = np.meshgrid(np.arange(pieces), np.arange(pieces), indexing="ij")
    lower = np.stack([i + 1 / 3, j + 1 / 3], -1)[i + j < pieces] / pieces
    upper = np.stack([i + 2 / 3, j + 2 / 3], -1)[i + j < pieces - 1] / pieces
    uv = np.concatenate([lower, upper])
    points = corners[0] + uv[:, :1] * (corners[1] - corners[0]) + uv[:, 1:] * (corners[2] - corners[0])
    there, back = points - transmitter, points - receiver
    r_t, r_r = np.linalg.norm(there, axis=1), np.linalg.norm(back, axis=1)
    facing = -(there @ normal / r_t + back @ normal / r_r) / 2
    return (facing * np.exp(1j * k * (r_t + r_r))).sum() * area / pieces**2


def plate_field(corner, sides, ends, wavelength):
    """Physical-optics integral over a flat conducting parallelogram in exp(+j omega tau), nothing expanded.

    `∫ (cos_i + cos_s) / 2 exp(j k (R_t + R_r)) / (R_t R_r) dS` by Gauss and Legendre's rule, which wants more than pi
    nodes for each turn of the phase.

    Args:
        corner: place [3] in m.
        sides: vectors [2, 3] in m from there, whose product points to the front.
        ends: places [2, 3] of TX and RX.
        wavelength: in m.
    """
    rules = []
    for side in sides:
        way = [sum(np.linalg.norm(place - end) for end in ends) for place in (corner, corner + side)]
        rules.append(np.polynomial.legendre.leggauss(100 + int(4 * abs(way[1] - way[0]) / wavelength)))
    (at, weight), (aside, other) = rules
    u, v = np.meshgrid((at + 1) / 2, (aside + 1) / 2, indexing="ij")
    points = corner + u[..., None] * sides[0] + v[..., None] * sides[1]
    area = np.cross(*sides)
    there, back = points - ends[0], points - ends[1]
    r_t, r_r = np.linalg.norm(there, axis=-1), np.linalg.norm(back, axis=-1)
    facing = -(there @ area / r_t + back @ area / r_r) / 2
    field = facing / (r_t * r_r) * np.exp(2j * np.pi / wavelength * (r_t + r_r))
    return (weight[:, None] * other / 4 * field).sum()


def image_echo(way, wavelength, power_reflection):
    """Delay in s and amplitude of a wave that comes back over mirrors after `way` m, isotropic antennas (Friis)."""
    return way / 299792458.0, np.sqrt(power_reflection) * wavelength / (4 * np.pi * way)


def two_spheres_gain(centres, radii, ends, wavelength):
    """The amplitude of `two_mirrors_gain` over two spheres that stand beside each other."""
    # Each point starts half way between the side of the radar and that of the other sphere.
    toward = np.sign(centres[1][0] - centres[0][0])
    return abs(two_mirrors_gain(centres, radii, ends, wavelength, (0.6 * toward, -0.6 * toward))[0])


def two_mirrors_gain(centres, radii, ends, wavelength, start):
    """Gain (complex) from TX over sphere 0, then sphere 1, to RX by geometric optics, and how many lines of focus.

    Conductors, isotropic antennas; radius < 0: the sphere is a bowl, met from within. The way over a point of each is
    stationary where both reflect as mirrors; the second derivatives H of its length along the surfaces there are the
    spreading (stationary phase of the double Huygens integral): wavelength / (4 pi) cos_0 cos_1 / (s_0 s_1 s_2
    sqrt(|det H|)) exp(j k way), and -j for each of H's eigenvalues below zero, which a line of focus turns over.
    `start`: angles of the outward normals from -y towards +x at the points where the search begins.
    """
    (tx, rx), h = (np.asarray(end, float) for end in ends), 1e-4

    def points(at):
        turned = at.reshape(2, 2)
        side = [[np.cos(t) * np.sin(p), -np.cos(t) * np.cos(p), np.sin(t)] for t, p in turned]
        return np.asarray(centres) + np.asarray(radii)[:, None] * np.array(side)

    def way(at):
        stops = [tx, *points(at), rx]
        return sum(np.linalg.norm(b - a) for a, b in itertools.pairwise(stops))

    def slope(at):
        return np.array([(way(at + h * e) - way(at - h * e)) / (2 * h) for e in np.eye(4)])

    def bend(at):
        return np.array([(slope(at + h * e) - slope(at - h * e)) / (2 * h) for e in np.eye(4)])

    at = np.array([0.0, start[0], 0.0, start[1]])
    for _ in range(30):
        at = at - np.linalg.solve(bend(at), slope(at))
    assert np.abs(slope(at)).max() < 1e-8
    first, last = points(at)
    lengths = [np.linalg.norm(b - a) for a, b in itertools.pairwise([tx, first, last, rx])]
    cosines = (tx - first) @ (first - centres[0]) / (radii[0] * lengths[0])
    cosines *= (rx - last) @ (last - centres[1]) / (radii[1] * lengths[2])
    area = np.prod(np.square(radii)) * np.cos(at[0]) * np.cos(at[2])  # per d theta d phi
    size = wavelength / (4 * np.pi) * cosines * area / (np.prod(lengths) * np.sqrt(abs(np.linalg.det(bend(at)))))
    foci = int((np.linalg.eigvalsh(bend(at)) < 0).sum())
    return size * (-1j) ** foci * np.exp(2j * np.pi / wavelength * way(at)), foci
