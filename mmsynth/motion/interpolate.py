"""Motion between its samples: rotations on the manifold and translation, both with continuous velocity."""

import dataclasses

import torch
from torch import Tensor

from mmsynth.geometry import cross_matrix, matrix_from_rotvec, rotvec_from_matrix
from mmsynth.types import Motion


def resample(motion: Motion, times: Tensor) -> Motion:
    """The motion at `times` [queries] in s (strictly increasing, inside the clip), on the device of `motion`.

    Within a sample interval every joint turns along R_i exp(phi(u)) with phi the cubic Hermite curve from 0 to
    log(R_i^T R_{i+1}); its end slopes are the angular velocities that both neighbouring intervals share, carried to the
    tangent space by the inverse right Jacobian (Sola 2018, "A micro Lie theory", eq. 144), so that velocity is
    continuous. Translation is the plain cubic Hermite curve. A constant angular velocity is reproduced exactly.

    Raises:
        ValueError: a query lies outside the clip by more than a microsecond, or the queries do not increase.
    """
    first, last = float(motion.times[0]), float(motion.times[-1])
    if len(times) and (float(times.min()) < first - 1e-6 or float(times.max()) > last + 1e-6):
        raise ValueError(
            f"resample.times: expected seconds in [{first:.6g}, {last:.6g}], "
            f"got [{float(times.min()):.6g}, {float(times.max()):.6g}]"
        )
    knots = motion.times.double()
    at = times.to(device=knots.device, dtype=torch.float64)
    if len(knots) == 1:
        index = torch.zeros(len(at), dtype=torch.long, device=knots.device)
        rotations, translation = motion.rotations[index], motion.translation[index]
    else:
        rotations = _rotations(motion.rotations.double(), knots, at).to(motion.rotations.dtype)
        translation = _hermite(motion.translation.double(), knots, at).to(motion.translation.dtype)
    expression = motion.expression
    if expression is not None:
        expression = _hermite(expression, knots, at).to(expression.dtype) if len(knots) > 1 else expression[index]
    return dataclasses.replace(
        motion, rotations=rotations, translation=translation, times=times.to(knots.device), expression=expression
    )


def _segments(knots: Tensor, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Interval [queries], position in it 0..1 [queries] and its length [queries] in s."""
    index = (torch.searchsorted(knots, at.contiguous(), right=True) - 1).clamp(0, len(knots) - 2)
    length = knots.diff()[index]
    return index, ((at - knots[index]) / length).clamp(0, 1), length


def _slopes(increments: Tensor, steps: Tensor) -> Tensor:
    """Velocity [samples, ...] at the samples: the parabola through each and its neighbours; at the ends one-sided."""
    shape = (-1, *[1] * (increments.ndim - 1))
    step = steps.reshape(shape)
    chord = increments / step
    if len(chord) == 1:
        return torch.cat([chord, chord])
    before, after = step[:-1], step[1:]
    inner = (after * chord[:-1] + before * chord[1:]) / (before + after)
    return torch.cat([2 * chord[:1] - inner[:1], inner, 2 * chord[-1:] - inner[-1:]])


def _basis(u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cubic Hermite weights of the end value, of the start slope and of the end slope (unit interval)."""
    return u * u * (3 - 2 * u), u * (1 - u) ** 2, u * u * (u - 1)


def _hermite(values: Tensor, knots: Tensor, at: Tensor) -> Tensor:
    """Values [samples, n] at the queries [queries, n]."""
    index, u, length = _segments(knots, at)
    slope = _slopes(values.diff(dim=0), knots.diff())
    end, out, into = (weight[:, None] for weight in _basis(u))
    rise = values[index + 1] - values[index]
    h = length[:, None]
    return values[index] + end * rise + out * h * slope[index] + into * h * slope[index + 1]


def _rotations(matrices: Tensor, knots: Tensor, at: Tensor) -> Tensor:
    """Rotations [samples, joints, 3, 3] at the queries [queries, joints, 3, 3]."""
    index, u, length = _segments(knots, at)
    increment = rotvec_from_matrix(matrices[:-1].transpose(-1, -2) @ matrices[1:])
    slope = _slopes(increment, knots.diff())
    rise = increment[index]
    end, out, into = (weight[:, None, None] for weight in _basis(u))
    h = length[:, None, None]
    phi = end * rise + out * h * slope[index] + into * h * inverse_right_jacobian(rise, slope[index + 1])
    return matrices[index] @ matrix_from_rotvec(phi)


def inverse_right_jacobian(rotvec: Tensor, velocity: Tensor) -> Tensor:
    """Rate of change [..., 3] of a rotation vector [..., 3] under the body-frame angular velocity [..., 3]."""
    angle_sq = (rotvec * rotvec).sum(-1, keepdim=True)
    small = angle_sq < 1e-6
    safe = torch.where(small, torch.ones_like(angle_sq), angle_sq)
    angle = safe.sqrt()
    # 1/a^2 - (1 + cos a)/(2 a sin a), written with the half angle: finite up to a = 2 pi.
    factor = torch.where(small, 1 / 12 + angle_sq / 720, (1 - angle / 2 / torch.tan(angle / 2)) / safe)
    cross = cross_matrix(rotvec)
    turned = (cross @ velocity[..., None])[..., 0]
    return velocity + 0.5 * turned + factor * (cross @ turned[..., None])[..., 0]
