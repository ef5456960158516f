"""A first guess of poses from joint positions, without iteration: trunk by a rigid fit, limbs by their bend."""

import torch
from torch import Tensor

from mmsynth.body_models.base import forward_kinematics
from mmsynth.body_models.pose_solver import Pose, Problem, targets
from mmsynth.geometry import UPRIGHT, matrix_from_rotvec

# Limbs (left): joint, hinge, end; the way the bone points and the way the end goes when the hinge bends, in the T-pose.
_LIMBS = (
    ("shoulder", "elbow", "wrist", (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    ("hip", "knee", "ankle", (0.0, -1.0, 0.0), (0.0, 0.0, -1.0)),
)
# Where a hinge is bent less than this (sine), the plane of its limb says nothing about the twist.
_BENT = 0.2


def start(problem: Problem, names: tuple[str, ...]) -> Pose:
    """Resting joints on a trunk turned and placed by the best rigid fit, arms and legs pointed where they are seen."""
    frames = len(problem.seen)
    rotations = torch.eye(3, dtype=problem.rest.dtype, device=problem.rest.device).repeat(frames, len(names), 1, 1)
    rotations[:, problem.active] = matrix_from_rotvec(problem.limits["rest"])
    rotations[:, 0] = UPRIGHT.to(rotations)
    pose = _place_trunk(problem, Pose(rotations, torch.zeros_like(problem.seen[:, 0])), names)
    turns, _ = forward_kinematics(pose.rotations, problem.rest, problem.parents)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for joint, hinge, end, along, across in _LIMBS:
            chain = [names.index(f"{side}_{j}") for j in (joint, hinge, end)]
            rows = [row_of(problem.mix, j) for j in chain]
            if None in rows or not {chain[0], chain[1]} <= set(problem.active):
                continue
            seen = [problem.seen[:, r] for r in rows]
            above = turns[:, problem.parents[chain[0]]].transpose(-1, -2)
            bones = [(above @ (b - a)[..., None])[..., 0] for a, b in zip(seen[:-1], seen[1:], strict=True)]
            mirror = torch.tensor([sign, 1.0, 1.0], dtype=rotations.dtype, device=rotations.device)
            rest = [mirror * torch.tensor(v, dtype=rotations.dtype, device=rotations.device) for v in (along, across)]
            rotations[:, chain[0]], rotations[:, chain[1]] = _bend(bones, rest)
    return pose


def row_of(mix: Tensor, joint: int) -> int | None:
    """The target that is mostly this joint, by the weights `mix` [targets, joints]; None = there is none."""
    rows = torch.nonzero(mix[:, joint] > 0.8).flatten().tolist()
    return rows[0] if rows else None


def _bend(bones: list[Tensor], rest: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Rotations [frames, 3, 3] of a limb's joint and hinge for its two bones [frames, 3] in the parent's axes."""
    first, second = (torch.nn.functional.normalize(b, dim=-1) for b in bones)
    along, across = rest
    aside = second - (second * first).sum(-1, keepdim=True) * first
    bent = aside.norm(dim=-1, keepdim=True)
    swing = _turn_between(along.expand_as(first), first)
    straight = (swing @ across[:, None])[..., 0]
    aside = torch.where(bent > _BENT, aside / bent.clamp_min(1e-9), straight)
    target = torch.stack([first, aside, torch.linalg.cross(first, aside)], -1)
    source = torch.stack([along, across, torch.linalg.cross(along, across)], -1)
    turn = target @ source.T
    angle = torch.atan2(bent, (second * first).sum(-1, keepdim=True))
    return turn, matrix_from_rotvec(angle * torch.linalg.cross(along, across))


def _turn_between(a: Tensor, b: Tensor) -> Tensor:
    """Least rotation [frames, 3, 3] that takes unit vectors a to b; about any axis where they are opposite."""
    axis, cosine = torch.linalg.cross(a, b), (a * b).sum(-1, keepdim=True)
    sine = axis.norm(dim=-1, keepdim=True)
    return matrix_from_rotvec(torch.atan2(sine, cosine) * axis / sine.clamp_min(1e-9))


def _place_trunk(problem: Problem, pose: Pose, names: tuple[str, ...]) -> Pose:
    """The pose turned and moved by the best rigid fit of the trunk's targets (Kabsch 1976)."""
    limbs = ("knee", "ankle", "foot", "elbow", "wrist", "thumb", "index", "middle", "ring", "pinky")
    far = torch.tensor([any(limb in name for limb in limbs) for name in names], device=problem.seen.device)
    trunk = (problem.mix.abs() * far).sum(1) == 0
    weight = (problem.weight * trunk)[..., None]
    here, there = targets(problem, pose), problem.seen
    total = weight.sum(1, keepdim=True)
    middle = [(x * weight).sum(1, keepdim=True) / total for x in (here, there)]
    spread = ((there - middle[1]) * weight).transpose(1, 2) @ (here - middle[0])
    u, _, vh = torch.linalg.svd(spread)
    flip = torch.ones_like(middle[0][:, 0])
    flip[:, 2] = torch.linalg.det(u @ vh).sign()
    turn = u @ (flip[..., None] * vh)
    rotations = pose.rotations
    rotations[:, 0] = turn @ rotations[:, 0]
    place = middle[1] - (turn @ middle[0].transpose(1, 2)).transpose(1, 2)
    return Pose(rotations, place[:, 0])
