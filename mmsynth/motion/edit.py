"""Editing clips: place, cut, speed, loop, mirror, noise; each returns a new motion."""

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

    Raises:
        ValueError: `heading` is no single number, such as what `heading_of` says of every frame.
    """
    if (count := torch.as_tensor(heading).numel()) != 1:
        raise ValueError(f"place: expected one heading in rad, got {count}; `heading_of` gives that of every frame")
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


SHORTEST = 0.95
"""Of a clip that is repeated, in s: a stride, or a second of frames whose times are rounded."""
_BLEND = 0.4


def loop(motion: Motion, seconds: float) -> Motion:
    """The clip repeated for `seconds`, or less than a frame more, each time continuing from where it was.

    It goes from a pose of its last third to the one of its first third that is most alike, velocities counted, and over
    up to 0.4 s the one passes into the other: rotations on the manifold, position and heading without a step.

    Args:
        motion: of evenly spaced times, or resampled so.
        seconds: from the first to the last sample.

    Raises:
        ValueError: the clip is shorter than `SHORTEST`, or has too few frames to blend.
    """
    count = len(motion.times)
    if motion.duration < SHORTEST or count < 9:
        raise ValueError(f"loop: expected a clip of at least {SHORTEST:g} s and 9 frames, got {motion.duration:.2f} s")
    even = torch.linspace(float(motion.times[0]), float(motion.times[-1]), count, dtype=torch.float64)
    now = dataclasses.replace(resample(motion, even.to(motion.times)), expression=None)
    rate = (count - 1) / motion.duration
    half = max(1, round(0.5 * rate * min(_BLEND, motion.duration / 4)))
    a, b = _alike(now, half, round(0.1 * rate))
    turn = float(heading_of(now)[b] - heading_of(now)[a])
    shift = now.translation[b, :2] - place(now, (0.0, 0.0), turn).translation[a, :2]
    parts = [_frames(now, 0, b - half)]
    wanted = math.ceil(seconds * rate - 1e-6) + 1
    missing = wanted - (b - half)
    while missing > 0:
        after = place(now, (float(shift[0]), float(shift[1])), turn)
        parts += [_blended(_frames(now, b - half, b + half), _frames(after, a - half, a + half))]
        parts += [_frames(after, a + half, b - half)]
        now, missing = after, missing - (b - a)
    rotations, translation = (torch.cat(values)[:wanted] for values in zip(*parts, strict=True))
    times = torch.arange(len(rotations), dtype=torch.float64) / rate
    return dataclasses.replace(now, rotations=rotations, translation=translation, times=times.to(motion.times))


def _alike(motion: Motion, margin: int, step: int) -> tuple[int, int]:
    """The frame of the first third and that of the last that are most alike, `margin` frames from either end or more.

    Velocities are those over `step` frames to either side, in a tenth of a second.
    """
    count, step = len(motion.times), max(1, step)
    away = heading_of(motion)[:, None] * torch.tensor([0.0, 0.0, -1.0]).to(motion.rotations)
    turned = matrix_from_rotvec(away) @ motion.rotations[:, 0]
    poses = torch.cat([turned[:, None], motion.rotations[:, 1:]], 1).flatten(1)
    poses = torch.cat([poses, motion.translation[:, 2:].to(poses)], 1)
    rows = torch.arange(count)
    swift = poses[(rows + step).clamp_max(count - 1)] - poses[(rows - step).clamp_min(0)]
    poses = torch.cat([poses, 0.5 * swift], 1)
    early, late = max(margin + 1, count // 3), min(2 * count // 3, count - margin - 1)
    apart = torch.cdist(poses[margin:early], poses[late : count - margin])
    row, column = divmod(int(apart.argmin()), apart.shape[1])
    return margin + row, late + column


def _frames(motion: Motion, start: int, stop: int) -> tuple[Tensor, Tensor]:
    return motion.rotations[start:stop], motion.translation[start:stop]


def _blended(old: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Rotations and translation [frames, ...] that pass from the old to the new."""
    weight = ease((torch.arange(len(old[0])).to(old[1]) + 0.5) / len(old[0]))
    away = rotvec_from_matrix(old[0].transpose(-1, -2) @ new[0])
    turned = old[0] @ matrix_from_rotvec(weight[:, None, None] * away)
    return turned, old[1] + weight[:, None] * (new[1] - old[1])


# --------------------------------------------------------------------------------------------- form


def mirror(motion: Motion) -> Motion:
    """The clip with left and right exchanged, mirrored at the plane x = 0 of the world; a side that it lacks rests."""
    names = [_other(name) for name in motion.joint_names]
    motion = complete(motion, tuple(dict.fromkeys((*motion.joint_names, *names))))
    names = [_other(name) for name in motion.joint_names]
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


def noisy(motion: Motion, spread: float, generator: torch.Generator, rate: float = 1.0) -> Motion:
    """The clip with a person's own irregularity: every joint but the legs wanders by `spread` rad, below `rate` Hz.

    The wandering is a sum of sinusoids, so that velocity stays continuous; legs and pelvis are left: feet stay put.

    Raises:
        ValueError: `spread` is negative, or `rate` not positive.
    """
    if not (spread >= 0 and rate > 0):
        raise ValueError(f"noisy: expected spread >= 0 and a positive rate, got {spread} rad and {rate} Hz")
    free = above_legs(motion)
    waves = 8
    shape = (waves, len(free), 3)
    frequency = rate * torch.rand(shape, generator=generator, dtype=torch.float64)
    phase = 2 * math.pi * torch.rand(shape, generator=generator, dtype=torch.float64)
    angle = 2 * math.pi * frequency * motion.times.double()[:, None, None, None] + phase
    wander = spread * math.sqrt(2 / waves) * angle.sin().sum(1) * torch.tensor(free, dtype=torch.float64)[:, None]
    return dataclasses.replace(motion, rotations=motion.rotations @ matrix_from_rotvec(wander).to(motion.rotations))


def above_legs(motion: Motion) -> list[bool]:
    """Which joints [joints] are neither the pelvis nor of the legs."""
    return [not name.endswith(("pelvis", "hip", "knee", "ankle", "foot")) for name in motion.joint_names]


def complete(motion: Motion, names: tuple[str, ...] = SMPLX_JOINTS[:22]) -> Motion:
    """The clip with exactly the joints `names`: those it lacks stay at rest, those not asked for are dropped."""
    rotations = torch.eye(3).to(motion.rotations).repeat(len(motion.times), len(names), 1, 1)
    for j, name in enumerate(names):
        if name in motion.joint_names:
            rotations[:, j] = motion.rotations[:, motion.joint_names.index(name)]
    return dataclasses.replace(motion, joint_names=names, rotations=rotations)
