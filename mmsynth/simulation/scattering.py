"""How a facet scatters: physical optics with the local Fresnel coefficient, and Lambert's law for what roughness takes.

Everything is in the time convention exp(+j omega tau) of the beat signal: a longer way *adds* phase. Formulas of the
literature for exp(-j k R) and permittivities `eps' - j eps''` are conjugated here and nowhere else.
"""

import math
from functools import cache

import torch
from torch import Tensor

from mmsynth.types import Material


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
    """The field [..., 3] that a surface turned to mirror `incident` into `scattered` makes of `field` [..., 3].

    The coefficient is that at half the bistatic angle, which is the same both ways round (the local angle of incidence
    is not). Directions are unit vectors along propagation. Conjugated to exp(+j omega tau).
    """
    normal = scattered - incident
    cosine = (0.5 * normal.norm(dim=-1)).clamp(1e-6, 1)
    te, tm = reflection(permittivity, cosine.to(permittivity.dtype))
    across = torch.linalg.cross(incident, scattered)
    # In backscatter any axis across the ray will do: TE and TM then turn the field alike.
    spare = torch.linalg.cross(incident, _least_axis(incident))
    across = torch.nn.functional.normalize(torch.where(across.norm(dim=-1, keepdim=True) > 1e-4, across, spare), dim=-1)
    into, out = torch.linalg.cross(across, incident), torch.linalg.cross(across, scattered)
    along = (field * across.to(field.dtype)).sum(-1, keepdim=True)
    level = (field * into.to(field.dtype)).sum(-1, keepdim=True)
    return te.conj()[..., None] * along * across + tm.conj()[..., None] * level * out


def _least_axis(direction: Tensor) -> Tensor:
    """The coordinate axis [..., 3] that lies farthest from each direction [..., 3]."""
    return torch.nn.functional.one_hot(direction.abs().argmin(-1), 3).to(direction.dtype)


def triangle_phase_integral(first: Tensor, second: Tensor, third: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of exp(j phase) over a flat triangle, from the phases [...] in rad at its corners, as (real, imaginary).

    It is `2 exp[j a, j b, j c]`, the second divided difference of exp (Hermite-Genocchi). The phases are centred and
    sorted, so that the division is by the greatest difference; under 0.5 rad of it a series takes over (error 1e-7).
    """
    mean = (first + second + third) / 3
    a, b, c = first - mean, second - mean, third - mean
    low, high = torch.minimum(torch.minimum(a, b), c), torch.maximum(torch.maximum(a, b), c)
    middle = -(low + high)
    spread = high - low
    small = spread < 0.5
    safe = torch.where(small, torch.ones_like(spread), spread)
    upper, lower = torch.sinc((high - middle) / math.tau), torch.sinc((middle - low) / math.tau)
    half_low, half_high = 0.5 * low, 0.5 * high
    # (f[high, middle] - f[middle, low]) / (j spread), with f[x, y] = exp(j (x + y) / 2) sinc((x - y) / 2).
    real = -2 * (half_low.sin() * upper - half_high.sin() * lower) / safe
    imag = -2 * (half_low.cos() * upper - half_high.cos() * lower) / safe
    # Series in the elementary symmetric polynomials of the centred phases (the first one is zero).
    e2, e3 = low * middle + middle * high + high * low, low * middle * high
    real = torch.where(small, 1 + e2 / 12 + e2 * e2 / 360, real)
    imag = torch.where(small, -e3 / 60, imag)
    cosine, sine = mean.cos(), mean.sin()
    return real * cosine - imag * sine, real * sine + imag * cosine


def curved_integral(corner: Tensor, sag: Tensor, bisector: Tensor, settings: tuple[float, int]) -> Tensor:
    """PO integrals [faces] in m^2, complex64, of smooth facets, phase referenced to the centroid of their corners.

    `∫ (cos_i + cos_s) / 2 exp(j q.(r - r0)) dS` with `q = -2 k bisector`, over `subdivision^2` flat pieces of the
    quadratic surface through the corners and the raised middles of the edges; parts that face away count nothing.

    Args:
        corner: [3, 3, faces] in m, see `surface.centred`.
        sag: [3, 3, faces] in m, see `surface.sagitta`.
        bisector: half of scattered minus incident unit vector [3, faces].
        settings: wavenumber k in 1/m, and subdivision.
    """
    wavenumber, subdivision = settings
    weights, pieces = _pieces(subdivision)
    shape = torch.cat([corner, sag], 1).transpose(0, 1)  # [6, 3, faces]
    node = torch.tensordot(weights.to(shape), shape, 1)  # [nodes, 3, faces]
    phase = -2 * wavenumber * (node * bisector).sum(1)
    first, second, third = pieces.to(corner.device)
    side, other = node[second] - node[first], node[third] - node[first]
    facing = 0.5 * (torch.linalg.cross(side, other, dim=1) * bisector).sum(1)
    real, imag = triangle_phase_integral(phase[first], phase[second], phase[third])
    facing = facing.clamp_min(0)
    return torch.complex((facing * real).sum(0), (facing * imag).sum(0))


@cache
def _pieces(subdivision: int) -> tuple[Tensor, Tensor]:
    """Weights [nodes, 6] of corners and edge sagittas at the nodes of a cut triangle; pieces [3, subdivision^2]."""
    n = subdivision
    index = {(i, j): k for k, (i, j) in enumerate((i, j) for i in range(n + 1) for j in range(n + 1 - i))}
    rows = []
    for i, j in index:
        a, b = i / n, j / n
        c = 1 - a - b
        rows.append([c, a, b, 4 * c * a, 4 * a * b, 4 * b * c])
    pieces = [(index[i, j], index[i + 1, j], index[i, j + 1]) for i, j in index if i + j < n]
    pieces += [(index[i + 1, j], index[i + 1, j + 1], index[i, j + 1]) for i, j in index if i + j < n - 1]
    return torch.tensor(rows, dtype=torch.float32), torch.tensor(pieces).T.contiguous()


def roughness_factor(roughness: Tensor, wavenumber: float, cosines: Tensor) -> Tensor:
    """What roughness (rms height in m) leaves of the coherent amplitude; `cosines` = cos_i + cos_s (Ament 1953)."""
    return torch.exp(-0.5 * (wavenumber * roughness * cosines) ** 2)


def diffuse_rcs(reflectivity: Tensor, roughness: Tensor, wavenumber: float, area: Tensor, cosines: Tensor) -> Tensor:
    """RCS [...] in m^2 of the diffuse part: Lambert's law on the power that roughness takes from the coherent part.

    `cosines` [2, ...] are those of incidence and scattering, `reflectivity` is |G|^2, `area` in m^2.
    """
    lost = reflectivity * (1 - torch.exp(-((wavenumber * roughness * cosines.sum(0)) ** 2)))
    return 4 * lost * area * cosines[0] * cosines[1]


def surface_phase(seed: int, person: Tensor, facet: Tensor) -> Tensor:
    """Phases [facets] in rad, uniform, fixed to the surface: a hash of (seed, person, facet), the same on any device."""
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
    """Permittivity (complex128), roughness in m and layer loss [materials]; differentiable where they are tensors."""
    eps = [torch.as_tensor(complex(math.inf, 0) if m.permittivity is None else m.permittivity) for m in materials]
    rough = [torch.as_tensor(m.roughness) for m in materials]
    loss = [torch.as_tensor(m.layer_loss) for m in materials]
    return (
        torch.stack([e.to(device, torch.complex128) for e in eps]),
        torch.stack([r.to(device, torch.float32) for r in rough]),
        torch.stack([x.to(device, torch.float32) for x in loss]),
    )
