"""Shapes and units, declared once on each field and read by the check and by the HDF5 writer."""

import hashlib
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

import numpy as np
import torch
from torch import Tensor

Noun = TypeVar("Noun")


@cache
def specs(cls: Any) -> dict[str, tuple[str, str]]:
    """Map each array field of a dataclass to its (axes, unit).

    An array field is annotated `Annotated[Tensor, "frames joints 3", "m"]`, or that `| None`. Axes are names or
    literal sizes, apart by spaces; an empty string is a scalar array. The unit is "1" for pure numbers.
    """
    return {name: (axes, unit) for name, (_, axes, unit) in _annotations(cls).items()}


@cache
def _annotations(cls: Any) -> dict[str, tuple[Any, str, str]]:
    """As `specs`, the type of array before both."""
    hints = get_type_hints(cls, include_extras=True)
    found = {}
    for field in fields(cls):
        for hint in (hints[field.name], *get_args(hints[field.name])):
            if get_origin(hint) is Annotated and len(get_args(hint)) == 3:
                array, axes, unit = get_args(hint)
                found[field.name] = (get_origin(array) or array, axes, unit)
    return found


def check_shapes(noun: Any) -> None:
    """Check the array fields of `noun` against their axes and against each other.

    Raises:
        ValueError: a field is no array, or NumPy's in place of torch's or the other way round; it has the wrong number
            of axes; or two fields disagree about the size of a named axis.
    """
    sizes: dict[str, int] = {}
    kind = type(noun).__name__
    for name, (array, axes, _) in _annotations(type(noun)).items():  # type: ignore[arg-type]
        value = getattr(noun, name)
        if value is None:
            continue
        if not isinstance(value, array):
            wanted = "a torch tensor (torch.as_tensor makes one)" if array is Tensor else "a NumPy array"
            raise ValueError(f"{kind}.{name}: expected {wanted}, got {type(value).__name__}")
        shape, want = tuple(value.shape), axes.split()
        if len(shape) != len(want):
            raise ValueError(f"{kind}.{name}: expected axes [{axes}], got shape {shape}")
        for axis, size in zip(want, shape, strict=True):
            expected = int(axis) if axis.isdigit() else sizes.setdefault(axis, size)
            if size != expected:
                raise ValueError(f"{kind}.{name}: axis '{axis}' has size {size}, expected {expected}")


def digest(text: str, *nouns: Any) -> str:
    """SHA-256 of a text and of every field of some nouns whose fields are numbers, texts and NumPy arrays of these."""
    found = hashlib.sha256(text.encode())
    for noun in nouns:
        for field in fields(noun):
            value = np.asarray(getattr(noun, field.name))
            # Objects are texts: their bytes would be where they lie in memory.
            value = value.astype(str) if value.dtype == object else value
            found.update(f"{field.name} {value.dtype} {value.shape}".encode() + value.tobytes())
    return found.hexdigest()


def moved(noun: Noun, device: torch.device | str) -> Noun:
    """The same noun with all its tensors, and those of the nouns in it, on `device`; itself, if they are there."""
    return cast(Noun, _moved(noun, device))


def _moved(value: Any, device: torch.device | str) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, tuple):
        parts = tuple(_moved(part, device) for part in value)
        return value if all(new is old for new, old in zip(parts, value, strict=True)) else parts
    kind: Any = type(value)
    if not is_dataclass(kind) or not specs(kind):  # type: ignore[arg-type]
        return value
    old = {field.name: getattr(value, field.name) for field in fields(value)}
    new = {name: _moved(part, device) for name, part in old.items()}
    return value if all(new[name] is old[name] for name in old) else replace(value, **new)


def differentiable(*values: Any) -> bool:
    """Whether somebody asks for gradients by one of some tensors, or by those in nouns, tuples, lists and dicts."""
    return torch.is_grad_enabled() and any(map(_requires_grad, values))


def _requires_grad(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.requires_grad
    if isinstance(value, dict):
        value = tuple(value.values())
    elif is_dataclass(value):
        value = tuple(getattr(value, field.name) for field in fields(value))
    return isinstance(value, (tuple, list)) and any(map(_requires_grad, value))


def check_device(device: str) -> None:
    """Check that arrays can be put on `device` and read back.

    Raises:
        ValueError: torch knows no such device, or does not find it here.
    """
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        why = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"device: expected cpu or a GPU that torch finds here, got '{device}' ({why})") from None
