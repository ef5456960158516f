"""From a body's name to the body."""

from functools import cache

from mmsynth.body_models.base import AbstractBodyModel
from mmsynth.body_models.free import FreeBody


@cache
def load_body(name: str = "free") -> AbstractBodyModel:
    """The body model `name`: "free" or "free-low".

    Raises:
        ValueError: no such body.
    """
    if name in ("free", "free-low"):
        return FreeBody.load(name)
    raise ValueError(f"body model: expected one of free, free-low, got '{name}'")
