"""Editing clips: place, path, mirror, speed, amplitude, cut, loop, concatenate, noise; each returns a new motion."""

import dataclasses
import math

import torch
from torch import Tensor

from mmsynth.geometry import matrix_from_rotvec, rotation_about, rotvec_from_matrix
from mmsynth.joints import SMPLX_JOINTS
from mmsynth.motion.clip import ease
from mmsynth.motion.interpolate import resample
from mmsynth.types import Motion


def place(motion: Motion, position: tuple[float, float], heading: float = 0.0) -> Motion:
    """The clip turned by `heading` rad to the left about the world's origin, then moved by `position` (x, y) in m.

    A generated clip stays near the origin and faces -y, so that it ends up around `position`, facing -y turned by
    `heading` counter-clockwise seen from above.
    """
    turn = rotation_about("z", heading).to(motion.translation)
    shift = torch.tensor([*position, 0.0], dtype=torch.float64).to(motion.translation)
    rotations = motion.rotations.clone()
    rotations[:, 0] = turn.to(rotations) @ rotations[:, 0]
    return dataclasses.replace(motion, rotations=rotations, translation=motion.translation @ turn.T + shift)


def heading_of(motion: Motion) -> Tensor:
    """Which way the pelvis faces [frames] in rad: 0 = world -y, positive to the left."""
    ahead = motion.rotations[:, 0, :, 2]
    return torch.atan2(ahead[:, 0], -ahead[:, 1])


def centre(motion: Motion) -> Motion:
    """The clip moved as generated clips are: the middle of its floor track at the origin, its mean heading 0."""
    facing = heading_of(motion)
    mean = torch.atan2(facing.sin().mean(), facing.cos().mean())
    turned = place(motion, (0.0, 0.0), -float(mean))
    floor = turned.translation[:, :2]
    middle = 0.5 * (floor.amax(0) + floor.amin(0))
    return place(turned, (-float(middle[0]), -float(middle[1])))


def along(motion: Motion, points: Tensor) -> Motion:
    """The clip bent to follow a path over the floor: its own way becomes the way along `points`.

    How far the person has come is kept, and so are the steps; heading turns with the path. The curve is a cubic one
    through the points, so the turn per metre is bounded; feet slide by about the turn a step times the step's width.

    Args:
        motion: travels, such as walking straight.
        points: corners of the path [points, 2] in m.

    Raises:
        ValueError: fewer than two points, two that are the same, or a clip that does not travel.
    """
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2:
        raise ValueError(f"path: expected at least two points (x, y), got the shape {tuple(points.shape)}")
    floor = motion.translation[:, :2]
    line = floor[-1] - floor[0]
    if float(line.norm()) < 0.2:
        raise ValueError(f"path: expected a clip that travels, got one that moves {float(line.norm()):.2f} m")
    ahead = line / line.norm()
    aside = torch.stack([-ahead[1], ahead[0]])
    come, off = (floor - floor[0]) @ ahead, (floor - floor[0]) @ aside
    place_, way = _curve(points.to(floor), come)
    left = torch.stack([-way[:, 1], way[:, 0]], 1)
    turn = torch.atan2(way[:, 1], way[:, 0]) - torch.atan2(ahead[1], ahead[0])
    spin = matrix_from_rotvec(torch.stack([0 * turn, 0 * turn, turn], 1))
    rotations = motion.rotations.clone()
    rotations[:, 0] = spin.to(rotations) @ rotations[:, 0]
    moved = torch.cat([place_ + off[:, None] * left, motion.translation[:, 2:]], 1)
    return dataclasses.replace(motion, rotations=rotations, translation=moved)


def _curve(points: Tensor, distance: Tensor) -> tuple[Tensor, Tensor]:
    """Place and unit direction [n, 2] at `distance` [n] in m along a Catmull-Rom curve; straight on beyond its ends."""
    steps = points.diff(dim=0).norm(dim=1)
    if float(steps.min()) < 1e-6:
        raise ValueError("path: expected points apart from each other, got two in one place")
    slope = torch.cat([points[1:2] - points[:1], 0.5 * (points[2:] - points[:-2]), points[-1:] - points[-2:-1]])
    u = torch.linspace(0, 1, 200, dtype=points.dtype, device=points.device)[None, :-1, None]
    a, b = points[:-1, None], points[1:, None]
    h = u * u * (3 - 2 * u)
    fine = a + h * (b - a) + u * (1 - u) ** 2 * slope[:-1, None] + u * u * (u - 1) * slope[1:, None]
    fine = torch.cat([fine.reshape(-1, 2), points[-1:]])
    far = torch.cat([torch.zeros_like(fine[:1, 0]), fine.diff(dim=0).norm(dim=1).cumsum(0)])
    tangent = torch.nn.functional.normalize(
        torch.cat([fine[1:2] - fine[:1], fine[2:] - fine[:-2], fine[-1:] - fine[-2:-1]])
    )
    k = (torch.searchsorted(far, distance.clamp(0, float(far[-1])).contiguous()) - 1).clamp(0, len(far) - 2)
    t = ((distance.clamp(0, float(far[-1])) - far[k]) / (far[k + 1] - far[k]))[:, None]
    way = torch.nn.functional.normalize((1 - t) * tangent[k] + t * tangent[k + 1])
    beyond = (distance - distance.clamp(0, float(far[-1])))[:, None]
    return (1 - t) * fine[k] + t * fine[k + 1] + beyond * way, way


# --------------------------------------------------------------------------------------------- time


def cut(motion: Motion, start: float, end: float) -> Motion:
    """The part from `start` to `end` s, its times counted from `start`.

    Raises:
        ValueError: the part is empty or reaches beyond the clip.
    """
    if not start < end:
        raise ValueError(f"cut: expected start before end, got {start} s and {end} s")
    inside = motion.times[(motion.times > start + 1e-9) & (motion.times < end - 1e-9)]
    ends = torch.tensor([start, end], dtype=torch.float64).to(inside)
    part = resample(motion, torch.cat([ends[:1], inside, ends[1:]]))
    return dataclasses.replace(part, times=part.times - start)


def speed(motion: Motion, factor: float) -> Motion:
    """The clip played `factor` times as fast.

    Raises:
        ValueError: the factor is not a positive number.
    """
    if not (factor > 0 and math.isfinite(factor)):
        raise ValueError(f"speed.factor: expected a positive number, got {factor}")
    return dataclasses.replace(motion, times=motion.times / factor)


def concatenate(first: Motion, second: Motion, blend: float = 0.4) -> Motion:
    """The second clip after the first, moved and turned to continue from where the first ends.

    Over `blend` s around the joint the one passes into the other: rotations on the manifold, position and heading
    without a step.

    Raises:
        ValueError: the clips have other joints, or one is shorter than `blend`.
    """
    if first.joint_names != second.joint_names:
        raise ValueError("concatenate: expected clips of the same joints (see `complete`), got others")
    if not 0 < blend <= min(first.duration, second.duration):
        raise ValueError(f"concatenate.blend: expected 0 to the shorter clip's duration, got {blend} s")
    # Bring the second to where the first will be in the middle of the blend.
    turn = _heading_at(first, first.times[-1] - blend / 2) - _heading_at(second, second.times[0] + blend / 2)
    second = place(second, (0.0, 0.0), turn)
    gap = _floor_at(first, first.times[-1] - blend / 2) - _floor_at(second, second.times[0] + blend / 2)
    second = place(second, (float(gap[0]), float(gap[1])))
    join = float(first.times[-1]) - blend
    late = second.times - second.times[0] + join
    before = first.times[first.times < join - 1e-9]
    shared = late[late <= join + blend]
    weight = ease((shared - join) / blend)
    old = resample(first, shared.clamp(max=float(first.times[-1])))
    count = len(shared)
    away = rotvec_from_matrix(old.rotations.transpose(-1, -2) @ second.rotations[:count])
    mixed = old.rotations @ matrix_from_rotvec(weight[:, None, None] * away)
    middle = old.translation + weight[:, None] * (second.translation[:count] - old.translation)
    return dataclasses.replace(
        first,
        rotations=torch.cat([first.rotations[: len(before)], mixed, second.rotations[count:]]),
        translation=torch.cat([first.translation[: len(before)], middle, second.translation[count:]]),
        times=torch.cat([before, late]),
        expression=None,
    )


def loop(motion: Motion, times: int, blend: float = 0.4) -> Motion:
    """The clip repeated `times` times, each continuing from where the one before ends, joined as by `concatenate`.

    Raises:
        ValueError: `times` is less than 1.
    """
    if times < 1:
        raise ValueError(f"loop.times: expected at least 1, got {times}")
    whole = motion
    for _ in range(times - 1):
        whole = concatenate(whole, motion, blend)
    return whole


def _heading_at(motion: Motion, time: Tensor) -> float:
    return float(heading_of(resample(motion, time.reshape(1)))[0])


def _floor_at(motion: Motion, time: Tensor) -> Tensor:
    return resample(motion, time.reshape(1)).translation[0, :2]


# --------------------------------------------------------------------------------------------- form


def mirror(motion: Motion) -> Motion:
    """The clip with left and right exchanged, mirrored at the plane x = 0 of the world.

    Raises:
        ValueError: a joint lacks its other side.
    """
    names = [_other(name) for name in motion.joint_names]
    if missing := [n for n in names if n not in motion.joint_names]:
        raise ValueError(f"mirror: expected both sides of every joint, got no '{missing[0]}'")
    flip = torch.diag(torch.tensor([-1.0, 1.0, 1.0])).to(motion.rotations)
    order = [motion.joint_names.index(name) for name in names]
    return dataclasses.replace(
        motion,
        rotations=flip @ motion.rotations[:, order] @ flip,
        translation=motion.translation * torch.tensor([-1.0, 1.0, 1.0]).to(motion.translation),
    )


def _other(name: str) -> str:
    if name.startswith("left_"):
        return name.replace("left_", "right_", 1)
    return name.replace("right_", "left_", 1)


def amplitude(motion: Motion, factor: float) -> Motion:
    """The clip with every joint's swing about its mean pose times `factor`; the way over the floor scales with it.

    The pelvis keeps its heading; feet planted before are planted no longer exactly (`ground` mends the height).

    Raises:
        ValueError: the factor is not in 0..3.
    """
    if not 0 <= factor <= 3:
        raise ValueError(f"amplitude.factor: expected a number in 0..3, got {factor}")
    mean = _mean_rotation(motion.rotations[:, 1:])
    swing = rotvec_from_matrix(mean.transpose(-1, -2) @ motion.rotations[:, 1:])
    rotations = torch.cat([motion.rotations[:, :1], mean @ matrix_from_rotvec(factor * swing)], 1)
    middle = motion.translation.mean(0)
    return dataclasses.replace(motion, rotations=rotations, translation=middle + factor * (motion.translation - middle))


def _mean_rotation(rotations: Tensor) -> Tensor:
    """The chordal mean [joints, 3, 3] of rotations [frames, joints, 3, 3] (nearest rotation to the mean matrix)."""
    u, _, v = torch.linalg.svd(rotations.mean(0))
    sign = torch.ones_like(u[..., 0])
    sign[..., 2] = torch.linalg.det(u @ v)
    mean: Tensor = u @ torch.diag_embed(sign) @ v
    return mean


def noisy(motion: Motion, spread: float, generator: torch.Generator, rate: float = 1.0) -> Motion:
    """The clip with a person's own irregularity: every joint but the legs wanders by `spread` rad, below `rate` Hz.

    The wandering is a sum of sinusoids, so that velocity stays continuous; legs and pelvis are left: feet stay put.

    Raises:
        ValueError: `spread` is negative, or `rate` not positive.
    """
    if not (spread >= 0 and rate > 0):
        raise ValueError(f"noisy: expected spread >= 0 and a positive rate, got {spread} rad and {rate} Hz")
    free = [not name.endswith(("pelvis", "hip", "knee", "ankle", "foot")) for name in motion.joint_names]
    waves = 8
    shape = (waves, len(free), 3)
    frequency = rate * torch.rand(shape, generator=generator, dtype=torch.float64)
    phase = 2 * math.pi * torch.rand(shape, generator=generator, dtype=torch.float64)
    angle = 2 * math.pi * frequency * motion.times.double()[:, None, None, None] + phase
    wander = spread * math.sqrt(2 / waves) * angle.sin().sum(1) * torch.tensor(free, dtype=torch.float64)[:, None]
    return dataclasses.replace(motion, rotations=motion.rotations @ matrix_from_rotvec(wander).to(motion.rotations))


def complete(motion: Motion, names: tuple[str, ...] = SMPLX_JOINTS[:22]) -> Motion:
    """The clip with exactly the joints `names`: those it lacks stay at rest, those not asked for are dropped."""
    rotations = torch.eye(3).to(motion.rotations).repeat(len(motion.times), len(names), 1, 1)
    for j, name in enumerate(names):
        if name in motion.joint_names:
            rotations[:, j] = motion.rotations[:, motion.joint_names.index(name)]
    return dataclasses.replace(motion, joint_names=names, rotations=rotations)
