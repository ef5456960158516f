"""Which axis of a file points up, and the length of its unit: what files tell, or else what the body tells."""

import torch
from torch import Tensor

from mmsynth.geometry import rotation_about

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254}
AXES = tuple(sign + letter for sign in "+-" for letter in "xyz")
# A trunk that is on average nearer to an axis than this (cosine) is upright but for moments.
_MOSTLY = 0.8
# People stand or sit as a recording begins (s), also those who then fall or lie down.
FIRST = 0.5


def axis_named(word: str) -> str:
    """The axis of a word such as "y", "+y" or "-Z", with its sign; "" stays "".

    Raises:
        ValueError: it is none.
    """
    axis = word.strip().lower()
    axis = "+" + axis if axis in ("x", "y", "z") else axis
    if axis and axis not in AXES:
        raise ValueError(f"up: expected x, y or z, with a sign or without, got '{word[:20]}'")
    return axis


def up_of(lines: Tensor, times: Tensor) -> str:
    """The axis of a file, such as "+y", that points up, by directions up along a body [frames, 3], NaN = unseen.

    The one near which they are on average. Where there is none, since somebody lies for a part of the time, that of the
    first half second seen: of a clip that begins lying it must be told.

    Raises:
        ValueError: nothing is seen.
    """
    unit = torch.nn.functional.normalize(lines, dim=-1)
    seen = unit.isfinite().all(-1)
    if not bool(seen.any()):
        raise ValueError("expected shoulders and ankles that are seen together, got none")
    mean = unit[seen].mean(0)
    if float(mean.abs().max()) < _MOSTLY:
        mean = unit[seen & (times <= times[seen][0] + FIRST)].mean(0)
    index = int(mean.abs().argmax())
    return ("+" if mean[index] > 0 else "-") + "xyz"[index]


def upright_from(axis: str) -> Tensor:
    """Rotation [3, 3] (float64) from a file whose `axis` points up to axes whose y does."""
    sign = 1.0 if axis[0] == "+" else -1.0
    if axis[1] == "y":
        return rotation_about("z", 0.0 if sign > 0 else torch.pi)
    turn = ("x", -sign * torch.pi / 2) if axis[1] == "z" else ("z", sign * torch.pi / 2)
    return rotation_about(*turn)
