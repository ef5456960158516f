"""What the fields of several nouns share: the two kinds of ratio that are not powers, and checks at construction."""

import math
from collections.abc import Sequence
from functools import cache
from numbers import Integral
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

# Ratios whose dB are those of their square, and what such a ratio has beyond one: for keys that end in `_db`, which are
# powers otherwise (`config.parse`).
Amplitude = Annotated[float, "amplitude"]
Excess = Annotated[float, "excess"]


def check_numbers(
    noun: Any,
    names: Sequence[str],
    least: float = -math.inf,
    strict: bool = False,
    most: float = math.inf,
    where: str = "",
) -> None:
    """Refuse fields `names` that are infinite, NaN, less than `least` (`strict`: or it) or more than `most`.

    The ValueError calls the noun `where`, or by its class. Tensors, which somebody may want a gradient of, are taken as
    they are.
    """
    for name in names:
        value = getattr(noun, name)
        if not isinstance(value, float | int):
            continue
        if math.isfinite(value) and (value > least if strict else value >= least) and value <= most:
            continue
        wanted = "" if least == -math.inf else f" above {least:g}" if strict else f" from {least:g}"
        wanted += f" to {most:g}" if most < math.inf else " on" if wanted and not strict else ""
        raise ValueError(f"{where or type(noun).__name__}.{name}: expected a finite number{wanted}, got {value}")


@cache
def _annotated(cls: type) -> tuple[dict[str, tuple[Any, ...]], list[str]]:
    """The words of the fields of a class that list some, and the names of those that are whole numbers."""
    hints = get_type_hints(cls)
    words = {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}
    return words, [name for name, hint in hints.items() if hint is int or set(get_args(hint)) == {int, type(None)}]


def check_kinds(noun: Any) -> None:
    """Refuse a field of a noun that is none of the words its annotation lists, or no whole number, by a ValueError."""
    kind: Any = type(noun)
    choices, counts = _annotated(kind)
    for name, words in choices.items():
        if getattr(noun, name) not in words:
            raise ValueError(f"{kind.__name__}.{name}: expected one of {', '.join(words)}, got {getattr(noun, name)!r}")
    for name in counts:
        value = getattr(noun, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, Integral)):
            raise ValueError(f"{kind.__name__}.{name}: expected a whole number, got {value!r}")


def check_finite(kind: str, name: str, value: Tensor) -> None:
    """Refuse a field `name` of a `kind` of noun with numbers that are NaN or infinite, by a ValueError."""
    # The sum is finite where all numbers are, and one pass without a temporary; only a doubtful one is looked through.
    if not bool(torch.isfinite(value.detach().sum())) and not bool(torch.isfinite(value).all()):
        bad = int((~torch.isfinite(value)).sum())
        raise ValueError(f"{kind}.{name}: expected finite numbers, got {bad} that are NaN or infinite")


def check_rigid(where: str, transform: Tensor) -> None:
    """Refuse a transform [4, 4] that is no rotation and translation, by a ValueError that begins with `where`."""
    still = transform.detach().double().cpu()
    turn = still[:3, :3]
    square = still.clone()
    square[:3] = torch.nn.functional.pad(turn @ turn.T, (0, 1))
    # Loose enough for finite differences of a rotation; a mirrored, scaled or transposed transform is far off.
    right = torch.allclose(square, torch.eye(4, dtype=square.dtype), atol=1e-3) and bool(torch.linalg.det(turn) > 0)
    if not right or not bool(torch.isfinite(still).all()):
        raise ValueError(f"{where}: expected a rotation and a place (rigid, right-handed), got {still.tolist()}")


def check_rotations(where: str, rotations: Tensor) -> None:
    """Refuse matrices [..., 3, 3] that are no rotations, by a ValueError that begins with `where`."""
    x, y, z = rotations.detach().unbind(-2)
    # Loose enough for files of four digits; a scaled, mirrored or empty matrix is far off.
    off = max(float(part.abs().max()) for part in (torch.linalg.cross(x, y) - z, (x * x).sum(-1) - 1, (x * y).sum(-1)))
    if not off < 1e-2:
        raise ValueError(f"{where}: expected rotation matrices (orthonormal, right-handed), got some {off:.2g} off")


def check_times(kind: str, times: Tensor) -> None:
    """Refuse times [frames] in s, of a `kind` of noun, that are none or do not increase, by a ValueError."""
    if len(times) == 0:
        raise ValueError(f"{kind}: expected at least one frame, got none")
    if len(times) > 1 and not bool((times.diff() > 0).all()):
        raise ValueError(f"{kind}.times: expected strictly increasing seconds, got a step back or a repeat")
