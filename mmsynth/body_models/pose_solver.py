"""Poses of many frames at once by Gauss-Newton: joint positions, joint limits, a resting pose, smoothness in time."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mmsynth.body_models.base import forward_kinematics
from mmsynth.geometry import cross_matrix, matrix_from_rotvec, rotvec_from_matrix

# Weight of a joint limit, as a standard deviation in rad of what may stick out of it.
_LIMIT = 0.02
# Longest turn of a joint in one step, in rad, and share of the data's weight that damps a step.
_STEP, _DAMPING = 0.7, 1e-3
_RELAXED = 2 / 3


@dataclass(frozen=True, eq=False)
class Problem:
    """What is seen, of whom, and what else holds.

    Attributes:
        seen: positions [frames, targets, 3] in m in the world, no NaN.
        weight: 1 / variance [frames, targets] of each position in 1/m^2; 0 = not seen.
        mix: weights [targets, joints] that make a target from the body's joints.
        rest: the body's joints [joints, 3] in m in the T-pose, from the pelvis.
        parents: of the joints.
        active: indices of the joints that turn, the pelvis first.
        limits: `limit_tensors` of the active joints.
        calm: standard deviations [frames] in rad and [frames] in m of a frame from the mean of its neighbours.
        robust: distance in m beyond which a target counts for less (Geman and McClure).
    """

    seen: Tensor
    weight: Tensor
    mix: Tensor
    rest: Tensor
    parents: tuple[int, ...]
    active: list[int]
    limits: dict[str, Tensor]
    calm: tuple[Tensor, Tensor]
    robust: float


@dataclass(frozen=True, eq=False)
class Pose:
    """Parent-local rotations [frames, joints, 3, 3] and places [frames, 3] of the pelvis in m."""

    rotations: Tensor
    translation: Tensor


def targets(problem: Problem, pose: Pose) -> Tensor:
    """Where the pose puts the targets [frames, targets, 3]."""
    _, places = forward_kinematics(pose.rotations, problem.rest, problem.parents)
    return problem.mix @ (places + pose.translation[:, None])


def solve(problem: Problem, pose: Pose, steps: int, smooth: bool) -> Pose:
    """The pose after some Gauss-Newton steps.

    Smoothness draws each frame to the mean of its neighbours one step before, so that frames stay independent and a
    step is one batch of small linear systems.
    """
    below = _below(problem)
    for _ in range(steps):
        pose = _step(problem, pose, below, smooth)
    return pose


def _below(problem: Problem) -> Tensor:
    """1 [active, joints] where a joint is carried by an active one."""
    below = torch.zeros(len(problem.active), len(problem.parents), dtype=problem.rest.dtype, device=problem.rest.device)
    for a, top in enumerate(problem.active):
        for j in range(len(problem.parents)):
            p = problem.parents[j]
            while p >= 0 and p != top:
                p = problem.parents[p]
            below[a, j] = float(p == top)
    return below


def _step(problem: Problem, pose: Pose, below: Tensor, smooth: bool) -> Pose:
    """One Gauss-Newton step: for each frame a small turn of every active joint about the world's axes, and a shift."""
    axes, places = forward_kinematics(pose.rotations, problem.rest, problem.parents)
    axes = axes[:, problem.active]
    jacobian = _jacobian(problem, places, below)
    missed = problem.seen - (problem.mix @ places + pose.translation[:, None])
    far = missed.square().sum(-1, keepdim=True)
    trust = problem.weight[..., None] * (problem.robust**2 / (problem.robust**2 + far)) ** 2
    rows = (jacobian * trust[..., None]).flatten(1, 2).transpose(1, 2)
    normal = rows @ jacobian.flatten(1, 2)
    right = (rows @ missed.reshape(len(missed), -1, 1))[..., 0]
    turns = pose.rotations[:, problem.active]
    blocks, pulls = _held(problem, turns)
    if smooth and len(missed) > 2:
        more, pull, shift = _calm(problem, turns, pose.translation)
        blocks, pulls = blocks + more, pulls + pull
        precision = 1 / problem.calm[1].square()
        normal[:, range(-3, 0), range(-3, 0)] += precision[:, None]
        right[:, -3:] += precision[:, None] * shift
    size = right.shape[1] - 3
    for a in range(len(problem.active)):
        part = slice(3 * a, 3 * a + 3)
        normal[:, part, part] += axes[:, a] @ blocks[:, a] @ axes[:, a].transpose(1, 2)
    right[:, :size] += (axes @ pulls[..., None]).flatten(1)
    every = torch.arange(size + 3, device=normal.device)
    normal[:, every, every] += _DAMPING * problem.weight.sum(1, keepdim=True) + 1e-6
    delta = torch.cholesky_solve(right[..., None], torch.linalg.cholesky(normal))[..., 0]
    if smooth:
        # Neighbours move at the same time: a full step would let an alternating jitter flip instead of fade (Jacobi).
        delta = _RELAXED * delta
    turn = (axes.transpose(-1, -2) @ delta[:, :size].reshape(len(missed), -1, 3, 1))[..., 0]
    turn = turn * (_STEP / turn.norm(dim=-1, keepdim=True).clamp_min(_STEP))
    rotations = pose.rotations.clone()
    rotations[:, problem.active] = turns @ matrix_from_rotvec(turn)
    return Pose(rotations, pose.translation + delta[:, size:])


def _jacobian(problem: Problem, places: Tensor, below: Tensor) -> Tensor:
    """How targets answer turns of the active joints and a shift: [frames, targets, 3, 3 active + 3].

    A joint turned by a small `w` moves what it carries by w x (p - p_joint).
    """
    mixed = problem.mix[:, None, :] * below
    moved = (mixed.flatten(0, 1) @ places).reshape(len(places), *mixed.shape[:2], 3)
    lever = moved - mixed.sum(-1)[..., None] * places[:, None, problem.active]
    jacobian = places.new_zeros(len(places), lever.shape[1], 3, 3 * lever.shape[2] + 3)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        jacobian[:, :, i, j:-3:3] = lever[..., k]
        jacobian[:, :, j, i:-3:3] = -lever[..., k]
        jacobian[:, :, i, i - 3] = 1
    return jacobian


def _held(problem: Problem, turns: Tensor) -> tuple[Tensor, Tensor]:
    """Normal blocks [frames, active, 3, 3] and pulls [frames, active, 3] of resting pose and joint limits."""
    vector = rotvec_from_matrix(turns)
    limits = problem.limits
    inverse = _right_jacobian_inverse(vector)
    over = (vector - limits["high"]).clamp_min(0) + (vector - limits["low"]).clamp_max(0)
    stiff = 1 / limits["spread"].square() + (over != 0) / _LIMIT**2
    push = (limits["rest"] - vector) / limits["spread"].square() - over / _LIMIT**2
    upright = inverse.transpose(-1, -2)
    return upright @ (stiff[..., None] * inverse), (upright @ push[..., None])[..., 0]


def _calm(problem: Problem, turns: Tensor, translation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Blocks and pulls towards the mean of the neighbours in time, and how far that of the pelvis lies [frames, 3]."""
    middle = turns[:-2] @ matrix_from_rotvec(0.5 * rotvec_from_matrix(turns[:-2].transpose(-1, -2) @ turns[2:]))
    pull = torch.zeros_like(turns[..., 0])
    pull[1:-1] = rotvec_from_matrix(turns[1:-1].transpose(-1, -2) @ middle)
    # The first and last frame have no middle: they are only slowed down.
    shift = torch.zeros_like(translation)
    shift[1:-1] = (translation[:-2] + translation[2:]) / 2 - translation[1:-1]
    precision = (1 / problem.calm[0].square())[:, None, None]
    unit = torch.eye(3, dtype=turns.dtype, device=turns.device)
    return precision[..., None] * unit.expand_as(turns), precision * pull, shift


def _right_jacobian_inverse(vector: Tensor) -> Tensor:
    """How a rotation vector [..., 3] answers a small turn in the rotated axes (Sola 2018, eq. 144)."""
    angle_sq = vector.square().sum(-1)[..., None, None]
    small = angle_sq < 1e-6
    safe = torch.where(small, torch.ones_like(angle_sq), angle_sq)
    angle = safe.sqrt()
    # At half a turn the exact factor stays finite: (1 + cos) / sin tends to 0.
    factor = 1 / safe - (1 + angle.cos()) / (2 * angle * angle.sin().clamp_min(1e-6))
    cross = cross_matrix(vector)
    unit = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return unit + 0.5 * cross + torch.where(small, torch.full_like(factor, 1 / 12), factor) * (cross @ cross)
