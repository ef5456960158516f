"""What a person does, in words of the body: trunk and arms by angle, hands and feet by place.

A generator writes a `Pose`; `articulate.to_motion` turns it into a `Motion`. Axes are SMPL-X's with the floor
at y = 0 (x left, y up, z forward); lengths are those of the generic proportions (`skeleton`).
"""

import dataclasses
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from mmsynth.arrays import check_shapes
from mmsynth.geometry import matrix_from_rotvec
from mmsynth.motion.skeleton import ANKLE_HEIGHT, BALL, HEEL, offset, soft_ceiling, two_bone

SIDES = ("left", "right")
SIGN = (1.0, -1.0)


@dataclass(frozen=True, eq=False)
class Pose:
    """What the parts of a body do over time.

    Attributes:
        times: of the frames.
        pelvis: position of the pelvis joint.
        turn: of the pelvis: to the left, forward, to the left side (lean).
        spine: of the chest against the pelvis, in the same words, spread over three joints.
        head: of the head against the chest, in the same words, spread over neck and head.
        ankle: positions of left and right ankle.
        foot: world rotation of left and right foot; identity = flat, pointing forward.
        toes: upward bend of the toes.
        arm: rotation of each upper arm in the chest's axes, identity = T-pose.
        elbow: flexion.
        wrist: rotation of each hand against its forearm.
        breath: how far breath and heart push the breastbone forward.
        tilt: rotation vector that lays the whole posed person, about `pivot`, down to the floor; None = not laid.
        pivot: the point that stays, in the standing person's axes.
    """

    times: Annotated[Tensor, "frames", "s"]
    pelvis: Annotated[Tensor, "frames 3", "m"]
    turn: Annotated[Tensor, "frames 3", "rad"]
    spine: Annotated[Tensor, "frames 3", "rad"]
    head: Annotated[Tensor, "frames 3", "rad"]
    ankle: Annotated[Tensor, "frames 2 3", "m"]
    foot: Annotated[Tensor, "frames 2 3 3", "1"]
    toes: Annotated[Tensor, "frames 2", "rad"]
    arm: Annotated[Tensor, "frames 2 3 3", "1"]
    elbow: Annotated[Tensor, "frames 2", "rad"]
    wrist: Annotated[Tensor, "frames 2 3 3", "1"]
    breath: Annotated[Tensor, "frames", "m"]
    tilt: Annotated[Tensor, "frames 3", "rad"] | None = None
    pivot: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        check_shapes(self)


def about(axis: str, angle: Tensor) -> Tensor:
    """Rotations [..., 3, 3] by `angle` [...] in rad about the axis "x", "y" or "z"."""
    vector = torch.zeros(*angle.shape, 3, dtype=angle.dtype, device=angle.device)
    vector[..., "xyz".index(axis)] = angle
    return matrix_from_rotvec(vector)


def body_turn(words: Tensor) -> Tensor:
    """Rotations [..., 3, 3] of (turn left, bend forward, lean left) [..., 3] in rad, applied outermost first."""
    left, fore, lean = words.unbind(-1)
    return about("y", left) @ about("x", fore) @ about("z", -lean)


def shifted(pose: Pose, **parts: tuple[Tensor | float, Tensor | float, Tensor | float]) -> Pose:
    """The pose with something added to its pelvis (m), turn, spine or head (rad), each as three columns."""
    moved = {name: getattr(pose, name) + stack(*by, like=pose.times) for name, by in parts.items()}
    return dataclasses.replace(pose, **moved)


def stack(*columns: Tensor | float, like: Tensor) -> Tensor:
    """Columns [..., n] of tensors [...] and numbers, each expanded to the shape of `like`."""
    parts = [torch.as_tensor(c, dtype=like.dtype, device=like.device).expand_as(like) for c in columns]
    return torch.stack(parts, -1)


def hang(flexion: Tensor, abduction: Tensor, rotation: Tensor) -> Tensor:
    """Upper-arm rotations [frames, 2, 3, 3] in the chest's axes from angles [frames, 2] in rad.

    Flexion swings the hanging arm forward, abduction lifts it sideways (0 = hanging, pi/2 = T-pose, pi = overhead),
    rotation turns it about its own axis (positive inward: palm to the back for a hanging arm).
    """
    sides = []
    for s, sign in enumerate(SIGN):
        lift = about("z", sign * (abduction[:, s] - torch.pi / 2))
        sides.append(about("x", -flexion[:, s]) @ lift @ about("x", rotation[:, s]))
    return torch.stack(sides, 1)


def reach(hand: Tensor, side: int, elbow_out: Tensor | float = 0.4) -> tuple[Tensor, Tensor]:
    """Upper-arm rotation [frames, 3, 3] and elbow flexion [frames] that bring the wrist to `hand`.

    Args:
        hand: wanted wrist [frames, 3] in m from the shoulder, in the chest's axes, of the generic proportions.
        side: 0 left, 1 right.
        elbow_out: how far the elbow points outward: 0 = straight down, 1 = level.
    """
    name, sign = SIDES[side], SIGN[side]
    out = torch.as_tensor(elbow_out, dtype=hand.dtype, device=hand.device).expand(hand.shape[:-1])
    pole = stack(sign * out, -(1 - 0.5 * out), -0.25, like=hand[..., 0])
    hinge = torch.tensor([0.0, -sign, 0.0], dtype=hand.dtype, device=hand.device)
    bones = (offset(f"{name}_elbow", device=hand.device), offset(f"{name}_wrist", device=hand.device))
    # The elbow lies on the pole's side: the hinge is perpendicular to the plane of arm and pole.
    return two_bone(bones, hinge, hand, torch.linalg.cross(pole, hand), 0.93)


def aim(pose: Pose, side: int, hand: Tensor, elbow_out: Tensor | float = 0.4) -> Pose:
    """The pose with one arm reaching for `hand` [frames, 3] in m from that shoulder, in the chest's axes."""
    arm, elbow = reach(hand, side, elbow_out)
    arms, elbows = pose.arm.clone(), pose.elbow.clone()
    arms[:, side], elbows[:, side] = arm, elbow
    return dataclasses.replace(pose, arm=arms, elbow=elbows)


def hands_at_head(pose: Pose, high: float, apart: float) -> Pose:
    """The pose with hands beside the head, elbows out and level: wrists `high` m over shoulders, `apart` m outside."""
    for side, sign in enumerate(SIGN):
        pose = aim(pose, side, stack(apart * sign, high, 0.03, like=pose.times), 0.95)
    return pose


def flat_foot(ankle: Tensor, yaw: Tensor, pitch: Tensor) -> tuple[Tensor, Tensor]:
    """Ankle [..., 3] and foot rotation [..., 3, 3] of a foot that rolls on the floor.

    Args:
        ankle: where the ankle is with the foot flat [..., 3] in m.
        yaw: direction of the foot, to the left, in rad [...].
        pitch: heel up positive (rolls over the ball), toes up negative (rolls over the heel), in rad [...].
    """
    rotation = about("y", yaw) @ about("x", pitch)
    # Between heel and ball the contact travels along the sole within about 3 degrees, so that velocity is continuous.
    middle, half = 0.5 * (BALL[2] + HEEL[2]), 0.5 * (BALL[2] - HEEL[2])
    pivot = stack(0.0, -ANKLE_HEIGHT, middle + half * torch.tanh(pitch / 0.05), like=pitch)
    flat = (about("y", yaw) @ pivot[..., None])[..., 0]
    return ankle + flat - (rotation @ pivot[..., None])[..., 0], rotation


def hips(pelvis: Tensor, turned: Tensor) -> Tensor:
    """Positions [frames, 2, 3] in m of the hip joints."""
    return torch.stack([pelvis + turned @ offset(f"{s}_hip", device=pelvis.device) for s in SIDES], 1)


def keep_reachable(pose: Pose, planted: Tensor | None = None, slack: float = 0.994) -> Pose:
    """The pose with the pelvis lowered where a planted foot would be out of the leg's reach.

    Args:
        pose: as wanted.
        planted: weight [frames, 2] of each foot's claim: 1 on the floor, 0 in the air (it may miss 0.25 m); None = both
            feet are on the floor, or fly with the pelvis.
        slack: share of the straight leg's length that may be used.
    """
    length = slack * float((offset("left_knee") + offset("left_ankle")).norm())
    gap = hips(pose.pelvis, body_turn(pose.turn)) - pose.ankle
    level = gap[..., 0] ** 2 + gap[..., 2] ** 2
    ceiling = (length**2 - level).clamp_min(0.01).sqrt() - gap[..., 1]
    # How far the pelvis may rise (negative: must sink), a soft minimum over both feet and zero, sharp to about 4 mm.
    sharp = 250.0
    if planted is not None:
        ceiling = ceiling + 0.25 * (1 - planted)
    claims = torch.cat([-sharp * ceiling, torch.zeros_like(ceiling[:, :1])], 1)
    sink = cover(claims.logsumexp(1) / sharp, pose.times, 0.07)
    return dataclasses.replace(pose, pelvis=pose.pelvis - stack(0.0, sink, 0.0, like=sink))


def hold_back(pose: Pose, planted: Tensor) -> Pose:
    """The pose with feet in the air held back softly as their legs straighten, as muscles do it: no knee locks.

    Args:
        pose: as wanted.
        planted: weight [frames, 2]: 1 on the floor, where the foot stays up to 0.998 of the straight leg's length;
            0 in the air, where it yields from 0.06 of that length before on.
    """
    straight = float((offset("left_knee") + offset("left_ankle")).norm())
    at = hips(pose.pelvis, body_turn(pose.turn))
    gap = pose.ankle - at
    length = gap.norm(dim=-1)
    whole = torch.full_like(length, straight)
    softly, firmly = (soft_ceiling(length, share * whole, 0.9996 * whole) for share in (0.938, 0.998))
    held = softly + planted * (firmly - softly)
    return dataclasses.replace(pose, ankle=at + gap * (held / length)[..., None])


def cover(value: Tensor, times: Tensor, width: float) -> Tensor:
    """A smooth curve over `value` [frames]: the greatest within `width` s, averaged by a window as wide."""
    half = round(width * (len(times) - 1) / max(float(times[-1] - times[0]), 1e-9)) if len(times) > 1 else 0
    if half < 1:
        return value
    padded = torch.nn.functional.pad(value[None, None], (2 * half, 2 * half), mode="replicate")
    greatest = torch.nn.functional.max_pool1d(padded, 2 * half + 1, 1)
    window = torch.hann_window(2 * half + 3, periodic=False, dtype=value.dtype, device=value.device)[1:-1]
    return torch.nn.functional.conv1d(greatest, (window / window.sum())[None, None])[0, 0]
