"""How far human joints turn and where they rest, for fitting: in degrees, as rotation vectors in SMPL-X's axes."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class JointLimits:
    """Those of one joint of the left side; about x (left), y (up) and z (forward) from the T-pose, in degrees.

    Attributes:
        low: least angles.
        high: greatest angles.
        rest: where it is drawn to when nothing is seen of it.
        spread: how strongly: standard deviations.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    rest: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spread: tuple[float, float, float] = (15.0, 15.0, 15.0)


# The norms of the American Academy of Orthopaedic Surgeons (hip: flexion 120, extension 30, abduction 45; knee 135;
# elbow 150; forearm 80 each way; wrist 80 and 70; ankle 20 up, 50 down) with five to twenty degrees to spare. The
# trunk's are shared by its three joints, the neck's by its two. Hinges keep a little play off their axis, for a body's
# bones are not those of the person seen.
_LIMITS = {
    "hip": JointLimits((-135, -50, -35), (40, 50, 65), spread=(60, 25, 30)),
    "knee": JointLimits((-3, -15, -8), (155, 15, 8), rest=(8, 0, 0), spread=(60, 6, 4)),
    "ankle": JointLimits((-40, -30, -30), (60, 30, 30), spread=(25, 12, 12)),
    "spine1": JointLimits((-15, -15, -15), (35, 15, 15), spread=(10, 8, 8)),
    "spine2": JointLimits((-15, -15, -15), (35, 15, 15), spread=(10, 8, 8)),
    "spine3": JointLimits((-15, -15, -15), (25, 15, 15), spread=(6, 6, 6)),
    "neck": JointLimits((-35, -45, -30), (40, 45, 30), spread=(15, 15, 12)),
    "head": JointLimits((-35, -45, -30), (40, 45, 30), spread=(15, 15, 12)),
    "collar": JointLimits((-20, -30, -15), (20, 25, 40), spread=(5, 10, 10)),
    "shoulder": JointLimits((-110, -150, -115), (110, 70, 110), rest=(0, -10, -70), spread=(35, 60, 60)),
    "elbow": JointLimits((-95, -155, -12), (95, 3, 12), rest=(0, -15, 0), spread=(30, 60, 5)),
    "wrist": JointLimits((-25, -45, -85), (25, 45, 85), spread=(8, 20, 25)),
    "thumb": JointLimits((-40, -60, -60), (40, 60, 60), spread=(12, 15, 15)),
    "finger": JointLimits((-10, -25, -100), (10, 25, 20), rest=(0, 0, -10), spread=(5, 10, 25)),
}
_FREE = JointLimits((-360, -360, -360), (360, 360, 360), spread=(1e4, 1e4, 1e4))


def joint_limits(name: str) -> JointLimits:
    """Limits of an SMPL-X joint; those of the right side are the left's mirrored, the pelvis has none."""
    side, _, bare = name.rpartition("_")
    kind = bare.rstrip("123") if bare not in _LIMITS else bare
    if kind in ("index", "middle", "ring", "pinky"):
        kind = "finger"
    left = _LIMITS.get(kind, _FREE)
    if side != "right":
        return left
    mirror = (1, -1, -1)
    low = tuple(min(m * a, m * b) for m, a, b in zip(mirror, left.low, left.high, strict=True))
    high = tuple(max(m * a, m * b) for m, a, b in zip(mirror, left.low, left.high, strict=True))
    rest = tuple(m * a for m, a in zip(mirror, left.rest, strict=True))
    return JointLimits(low, high, rest, left.spread)  # type: ignore[arg-type]


def limit_tensors(names: tuple[str, ...]) -> dict[str, Tensor]:
    """`low`, `high`, `rest` and `spread` [joints, 3] in rad (float64) of these joints."""
    joints = [joint_limits(name) for name in names]
    return {
        key: torch.tensor([getattr(j, key) for j in joints], dtype=torch.float64) * (math.pi / 180)
        for key in ("low", "high", "rest", "spread")
    }
