"""Shapes and units, declared once on each field and read by the check and by the HDF5 writer."""

from dataclasses import fields
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints


@cache
def specs(cls: Any) -> dict[str, tuple[str, str]]:
    """Map each array field of a dataclass to its (axes, unit).

    An array field is annotated `Annotated[Tensor, "frames joints 3", "m"]`, or that `| None`. Axes are names or
    literal sizes, apart by spaces; an empty string is a scalar array. The unit is "1" for pure numbers.
    """
    hints = get_type_hints(cls, include_extras=True)
    found = {}
    for field in fields(cls):
        for hint in (hints[field.name], *get_args(hints[field.name])):
            if get_origin(hint) is Annotated and len(get_args(hint)) == 3:
                _, axes, unit = get_args(hint)
                found[field.name] = (axes, unit)
    return found


def check_shapes(noun: Any) -> None:
    """Check the array fields of `noun` against their axes and against each other.

    Raises:
        ValueError: a field has the wrong number of axes, or two fields disagree about the size of a named axis.
    """
    sizes: dict[str, int] = {}
    kind = type(noun).__name__
    for name, (axes, _) in specs(type(noun)).items():  # type: ignore[arg-type]
        value = getattr(noun, name)
        if value is None:
            continue
        shape, want = tuple(value.shape), axes.split()
        if len(shape) != len(want):
            raise ValueError(f"{kind}.{name}: expected axes [{axes}], got shape {shape}")
        for axis, size in zip(want, shape, strict=True):
            expected = int(axis) if axis.isdigit() else sizes.setdefault(axis, size)
            if size != expected:
                raise ValueError(f"{kind}.{name}: axis '{axis}' has size {size}, expected {expected}")
