"""Motion between its samples: rotations on the manifold and translation, both with continuous velocity."""

import dataclasses

import torch
from torch import Tensor

from mmsynth.geometry import cross_matrix, matrix_from_rotvec, rotvec_from_matrix
from mmsynth.types import Motion

# Rounds of relaxation of the spline's slopes: 2^-14 of the first guess's error is left.
_ROUNDS = 14


def resample(motion: Motion, times: Tensor) -> Motion:
    """The motion at `times` [queries] in s (strictly increasing, inside the clip), on the device of `motion`.

    Within a sample interval every joint turns along R_i exp(phi(u)) with phi the cubic Hermite curve from 0 to
    log(R_i^T R_{i+1}); its end slopes are the angular velocities that both neighbouring intervals share, carried to the
    tangent space by the inverse right Jacobian (Sola 2018, "A micro Lie theory", eq. 144), so that velocity is
    continuous. They are those of a cubic spline, so that the error falls nearly with the fourth power of the step.
    Translation is the plain cubic spline. A constant angular velocity is reproduced exactly.

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


def _slopes(increments: Tensor, steps: Tensor, transport: Tensor | None = None) -> Tensor:
    """Velocity [samples, ...] at the samples: that of the cubic spline, whose acceleration is continuous too.

    Starts from the parabola through each sample and its neighbours and relaxes the spline's equations (de Boor 1978,
    eq. IV.14); each round at least halves the error. At the ends the one-sided parabola is kept.

    Args:
        increments: from sample to sample [samples - 1, ..., 3].
        steps: seconds between them [samples - 1].
        transport: for rotations, the inverse right Jacobians [samples - 1, ..., 3, 3] of the increments, which carry a
            velocity at the end of an interval to the tangent space of its start (the transpose: the other way).
    """
    step = steps.reshape(-1, *[1] * (increments.ndim - 1))
    chord = increments / step
    if len(chord) == 1:
        return torch.cat([chord, chord])
    before, after = step[:-1], step[1:]
    inner = (after * chord[:-1] + before * chord[1:]) / (before + after)
    slope = torch.cat([2 * chord[:1] - inner[:1], inner, 2 * chord[-1:] - inner[-1:]])
    wanted = 3 * (after * chord[:-1] + before * chord[1:])
    for _ in range(_ROUNDS):
        last, following = slope[:-2], slope[2:]
        if transport is not None:
            last = (transport[:-1].transpose(-1, -2) @ last[..., None])[..., 0]
            following = (transport[1:] @ following[..., None])[..., 0]
        inner = (wanted - after * last - before * following) / (2 * (before + after))
        slope = torch.cat([slope[:1], inner, slope[-1:]])
    return slope


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
    carry = inverse_right_jacobian(increment)
    slope = _slopes(increment, knots.diff(), carry)
    rise = increment[index]
    end, out, into = (weight[:, None, None] for weight in _basis(u))
    h = length[:, None, None]
    phi = end * rise + out * h * slope[index] + into * h * (carry[index] @ slope[index + 1][..., None])[..., 0]
    return matrices[index] @ matrix_from_rotvec(phi)


def inverse_right_jacobian(rotvec: Tensor) -> Tensor:
    """Matrices [..., 3, 3] from body-frame angular velocity to the rate of change of a rotation vector [..., 3]."""
    angle_sq = (rotvec * rotvec).sum(-1)[..., None, None]
    small = angle_sq < 1e-6
    safe = torch.where(small, torch.ones_like(angle_sq), angle_sq)
    half = 0.5 * safe.sqrt()
    # 1/a^2 - (1 + cos a)/(2 a sin a), written with the half angle: finite up to a = 2 pi.
    factor = torch.where(small, 1 / 12 + angle_sq / 720, (1 - half / torch.tan(half)) / safe)
    cross = cross_matrix(rotvec)
    return torch.eye(3, dtype=rotvec.dtype, device=rotvec.device) + 0.5 * cross + factor * (cross @ cross)
