"""How a facet scatters: physical optics with the local Fresnel coefficient, and Lambert's law for what roughness takes.

Everything is in the time convention exp(+j omega tau) of the beat signal: a longer way *adds* phase. Formulas of the
literature for exp(-j k R) and permittivities `eps' - j eps''` are conjugated here and nowhere else.
"""

import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from mmsynth.simulation.surface import cross, cut_triangle, dot, length, unit
from mmsynth.types import Material

# No edge is cut into more pieces than this.
MOST_PIECES = 16


def reflection(permittivity: Tensor, cosine: Tensor) -> tuple[Tensor, Tensor]:
    """Fresnel coefficients (TE, TM) of a half space, in the literature's convention exp(-j k R).

    Args:
        permittivity: complex relative permittivity `eps' - j eps''` [...]; infinite = perfect conductor.
        cosine: of the angle of incidence [...].

    Returns:
        Two complex tensors [...]. TM refers to the magnetic field, so that TM = -TE at normal incidence, TE = -1 and
        TM = 1 for a conductor (ITU-R P.2040-3, eqs. 31a and 31b).
    """
    conductor = torch.isinf(permittivity.real)
    eps = torch.where(conductor, torch.ones_like(permittivity), permittivity)
    root = torch.sqrt(eps - (1 - cosine * cosine))
    te = (cosine - root) / (cosine + root)
    tm = (eps * cosine - root) / (eps * cosine + root)
    one = torch.ones_like(te)
    return torch.where(conductor, -one, te), torch.where(conductor, one, tm)


def polarised_reflection(permittivity: Tensor, incident: Tensor, scattered: Tensor, field: Tensor) -> Tensor:
    """The field [3, rays] that a surface turned to mirror `incident` into `scattered` makes of `field` [3, rays].

    The coefficient is that at half the bistatic angle, which is the same both ways round (the local angle of incidence
    is not). Directions [3, rays] are unit vectors along propagation. Conjugated to exp(+j omega tau).
    """
    bisector = 0.5 * (scattered - incident)
    cosine = length(bisector).clamp(1e-6, 1)
    te, tm = reflection(permittivity, cosine)
    across = cross(incident, scattered)
    # In backscatter any axis across the ray will do: TE and TM then turn the field alike.
    across = unit(torch.where(dot(across, across) > 1e-8, across, cross(incident, _least_axis(incident))))
    into, out = cross(across, incident), cross(across, scattered)
    return te.conj() * dot(field, across) * across + tm.conj() * dot(field, into) * out


def _least_axis(direction: Tensor) -> Tensor:
    """The coordinate axis [3, rays] (or a sum of equals) that lies farthest from each direction [3, rays]."""
    size = direction.abs()
    return (size == torch.minimum(torch.minimum(size[0], size[1]), size[2])).to(direction.dtype)


def mean_wave(first: Tensor, second: Tensor, third: Tensor) -> tuple[Tensor, Tensor]:
    """Means of exp(j phase) and of j phase exp(j phase) over a flat triangle, from phases [...] in rad at its corners.

    The first is `2 exp[j a, j b, j c]`, the second divided difference of exp (Hermite-Genocchi). The phases are centred
    and sorted, so that the division is by the greatest difference; under 0.5 rad of it a series takes over (error
    1e-7). The second is its slope as all phases grow in proportion, as they do with frequency: the same theorem for
    (x - 2) exp(x), and Leibniz' rule, make it `(j a - 2)` times the first plus `2 exp[j b, j c]`.
    """
    mean = (first + second + third) / 3
    a, b, c = first - mean, second - mean, third - mean
    low, high = torch.minimum(torch.minimum(a, b), c), torch.maximum(torch.maximum(a, b), c)
    middle = -(low + high)
    spread = high - low
    small = spread < 0.5
    safe = torch.where(small, torch.ones_like(spread), spread)
    upper, lower = _sinc(0.5 * (high - middle)), _sinc(0.5 * (middle - low))
    half_low, half_high = 0.5 * low, 0.5 * high
    # (f[high, middle] - f[middle, low]) / (j spread), with f[x, y] = exp(j (x + y) / 2) sinc((x - y) / 2).
    real = -2 * (half_low.sin() * upper - half_high.sin() * lower) / safe
    imag = -2 * (half_low.cos() * upper - half_high.cos() * lower) / safe
    # Series in the elementary symmetric polynomials of the centred phases (the first one is zero).
    e2, e3 = low * middle + middle * high + high * low, low * middle * high
    real = torch.where(small, 1 + e2 / 12 + e2 * e2 / 360, real)
    imag = torch.where(small, -e3 / 60, imag)
    wave, turn = torch.complex(real, imag), torch.polar(torch.ones_like(mean), mean)
    edge = torch.polar(upper, -half_low)
    return wave * turn, (torch.complex(torch.full_like(low, -2), low + mean) * wave + 2 * edge) * turn


def smooth_integral(
    shape: tuple[Tensor, Tensor], bisector: Tensor, bend: Tensor, cut: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """PO integrals [faces] in m^2 of smooth facets, each cut as finely as its curvature asks for, and their slopes.

    See `curved_integral`.

    Args:
        shape: corners [3, 3, faces] in m relative to their mean, to which the phase is referenced, and sagittas
            [3, 3, faces] in m, see `surface.sagitta`.
        bisector: half of scattered minus incident unit vector [3, faces].
        bend: [faces] in 1/m by which the wavefronts of both ways are bent: half the mean of 1 / length.
        cut: wavenumber k in 1/m, and how far in m a piece may lie off the surface; 0 = never cut.
    """
    wavenumber, flatness = cut
    node, depth = torch.cat(shape, 1), _depth(shape, bisector, bend)
    if flatness == 0:
        return curved_integral(node, depth, bisector, (wavenumber, 1))
    # A piece of an edge cut in n lies n^2 times closer to the arc; what counts is the distance along the rays.
    worst = depth[3:].detach().abs().amax(0)
    pieces = torch.ceil((worst / flatness).sqrt()).clamp(2, MOST_PIECES)
    found = torch.zeros(2, len(bend), dtype=torch.complex64, device=bend.device)
    for count in range(1, MOST_PIECES + 1):
        rows = (pieces == count).nonzero()[:, 0]
        if len(rows):
            some = [x.index_select(-1, rows) for x in (node, depth, bisector)]
            part = curved_integral(some[0], some[1], some[2], (wavenumber, count))
            found = found.index_copy(1, rows, torch.stack(part))
    return found[0], found[1]


def _depth(shape: tuple[Tensor, Tensor], bisector: Tensor, bend: Tensor) -> Tensor:
    """How much nearer in m corners are than a facet's centroid, and the middles of edges than their ends: [6, faces].

    It holds the second order in the size of the facet: to bent wavefronts a flat facet is what a bent one is to flat
    ones. They are taken to bend alike in all directions across the bisector, as they do where TX and RX are close.
    """
    corner, ahead = shape[0], unit(bisector)
    turned = cross(ahead[:, None].expand_as(corner), corner)
    across = [dot(x, x) for x in (turned, turned.roll(-1, 1) - turned)]
    return dot(torch.cat(shape, 1), bisector[:, None]) + bend * torch.cat([-across[0], 0.25 * across[1]])


def curved_integral(node: Tensor, depth: Tensor, bisector: Tensor, cut: tuple[float, int]) -> tuple[Tensor, Tensor]:
    """`∫ (cos_i + cos_s) / 2 exp(j q.(r - r0)) dS` with `q = -2 k bisector`, and its slope d/d ln(k) [faces] in m^2.

    It is the sum over `subdivision^2` flat pieces of the quadratic surface through the corners and the raised middles
    of the edges, `node` [3, 6, faces], at `depth` [6, faces]; pieces that face away count nothing. `cut` is the
    wavenumber k in 1/m and the subdivision.
    """
    wavenumber, subdivision = cut
    weights, pieces = pieces_of(subdivision)
    weights = weights.to(depth)
    node = weights @ node  # [3, nodes, faces]
    # The surface bulges over every piece by a third of the sum of its edges' sagittas on average: to first order that
    # is a phase, which also lets neighbours that are cut differently meet without a step.
    phase = -2 * wavenumber * (weights @ depth + depth[3:].sum(0) / (3 * subdivision**2))
    first, second, third = pieces.to(depth.device)
    origin = node.index_select(1, first)
    side, other = node.index_select(1, second) - origin, node.index_select(1, third) - origin
    facing = 0.5 * dot(cross(side, other), bisector[:, None])
    wave, slope = mean_wave(*(phase.index_select(0, corners) for corners in (first, second, third)))
    facing = facing.clamp_min(0)
    return (facing * wave).sum(0), (facing * slope).sum(0)


@cache
def pieces_of(subdivision: int) -> tuple[Tensor, Tensor]:
    """Weights [nodes, 6] of corners and edge sagittas at the nodes of a cut triangle; pieces [3, subdivision^2]."""
    share, pieces = cut_triangle(subdivision)
    _, a, b = (share.double() / subdivision).T
    c = 1 - a - b
    return torch.stack([c, a, b, 4 * c * a, 4 * a * b, 4 * b * c], 1).float(), pieces


def _sinc(x: Tensor) -> Tensor:
    """Sin(x) / x for x >= 0 (torch.sinc takes three times as long); 1e-4 stands for 0, which errs by 2e-9."""
    x = x.clamp_min(1e-4)
    return x.sin() / x


def roughness_factor(roughness: Tensor, wavenumber: float, cosines: Tensor) -> Tensor:
    """What roughness (rms height in m) leaves of the coherent amplitude; `cosines` = cos_i + cos_s (Ament 1953)."""
    return torch.exp(-0.5 * (wavenumber * roughness * cosines) ** 2)


def diffuse_rcs(roughness: Tensor, wavenumber: float, area: Tensor, cosines: Tensor) -> Tensor:
    """RCS [facets] in m^2 of the diffuse part over |G|^2: Lambert's law on what roughness takes from the coherent part.

    `cosines` [2, facets] are those of incidence and scattering, `area` is in m^2.
    """
    lost = 1 - torch.exp(-((wavenumber * roughness * (cosines[0] + cosines[1])) ** 2))
    return 4 * lost * area * cosines[0] * cosines[1]


def surface_phase(seed: int, person: Tensor, facet: Tensor) -> Tensor:
    """Phases [facets] in rad, uniform and fixed to the surface: a hash of (seed, person, facet), on any device."""
    key = _mix(torch.tensor(_signed(seed), device=facet.device)) + person
    bits = _mix(_mix(key) + facet)
    return ((bits >> 40) & 0xFFFFFF).to(torch.float32) * (math.tau / 2**24)


def _signed(value: int) -> int:
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value


_GOLDEN, _MIX1, _MIX2 = _signed(0x9E3779B97F4A7C15), _signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB)


def _mix(x: Tensor) -> Tensor:
    """SplitMix64 (Steele, Lea and Flood 2014) on int64, whose products wrap; shifts are made logical by the masks."""
    x = x + _GOLDEN
    x = (x ^ ((x >> 30) & (2**34 - 1))) * _MIX1
    x = (x ^ ((x >> 27) & (2**37 - 1))) * _MIX2
    return x ^ ((x >> 31) & (2**33 - 1))


def material_table(materials: list[Material], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Permittivity (complex64), roughness in m and layer loss [materials]; differentiable where they are tensors."""
    eps = [complex(math.inf, 0) if m.permittivity is None else m.permittivity for m in materials]
    rough, loss = [m.roughness for m in materials], [m.layer_loss for m in materials]
    return (
        _column(eps, torch.complex64, device),
        _column(rough, torch.float32, device),
        _column(loss, torch.float32, device),
    )


def _column(values: Sequence[complex | Tensor], dtype: torch.dtype, device: torch.device) -> Tensor:
    if any(isinstance(v, Tensor) for v in values):
        return torch.stack([torch.as_tensor(v, device=device).to(dtype) for v in values])
    return torch.tensor(values, dtype=dtype, device=device)
