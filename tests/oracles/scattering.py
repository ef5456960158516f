"""What bodies of simple shapes scatter, alone, in front of mirrors and beside each other, from the textbooks.

NumPy float64; imports nothing from mmsynth.
"""

import itertools

import numpy as np


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


def double_bounce_gain(first, second, ends, wavelength):
    """Amplitude gain from TX over one body, then another, to RX: physical optics twice, summed over pairs of facets.

    Conductors, isotropic antennas, a field across the plane of all ways. Huygens' integral over the first body makes
    the field at each point of the second, and over the second that at the RX: (lambda / 4 pi) (-j k / 2 pi)^2 times the
    sum of exp(j k way) c_1 c_2 dS_1 dS_2 / (s_0 s_1 s_2), with c = (cos_in + cos_out) / 2 where both are above zero.

    Args:
        first, second: points [n, 3], outward unit normals [n, 3] and areas [n] of bodies that hide nothing of another.
        ends: places [3] of TX and RX.
        wavelength: in m; points should lie within a quarter of it from each other.
    """
    wavenumber = 2 * np.pi / wavelength
    (tx, rx), sides = (np.asarray(end, float) for end in ends), []
    for (points, normals, areas), end in zip((first, second), (tx, rx), strict=True):
        away = end - points
        far = np.linalg.norm(away, axis=1)
        cosine = (away * normals).sum(1) / far
        lit = cosine > 0
        sides.append((points[lit], normals[lit], (areas * np.exp(1j * wavenumber * far) / far)[lit], cosine[lit]))
    total = 0.0
    for rows in np.array_split(np.arange(len(sides[0][0])), 1 + len(sides[0][0]) // 200):
        (p, n, wave, there), (q, m, back, here) = tuple(x[rows] for x in sides[0]), sides[1]
        way = q[None] - p[:, None]
        far = np.linalg.norm(way, axis=2)
        out, into = (way * n[:, None]).sum(2) / far, -(way * m[None]).sum(2) / far
        weight = np.where((out > 0) & (into > 0), 0.25 * (there[:, None] + out) * (here[None] + into), 0)
        total += wave @ (weight * np.exp(1j * wavenumber * far) / far) @ back
    return wavelength / (4 * np.pi) * (-1j * wavenumber / (2 * np.pi)) ** 2 * total
