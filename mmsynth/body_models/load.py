"""From a body's name to the body."""

import os
from functools import cache
from pathlib import Path

from mmsynth.body_models.base import BodyModel
from mmsynth.body_models.free import FreeBody
from mmsynth.body_models.smplx import FAMILIES, SmplxBody
from mmsynth.resources import data_folder

FREE = ("free", "free-low")


def load_body(name: str = "free", folder: Path | str | None = None) -> BodyModel:
    """The body model `name`: "free" and "free-low" come with mmsynth; "smpl", "smplh", "smplx" are licensed.

    Args:
        name: of the model.
        folder: where the licensed files lie, in any of the official layouts; by default `licensed_folder()`.

    Raises:
        ValueError: no such model, or its files are missing (says what to download).
    """
    if name in FREE:
        return _free(name)
    if name in FAMILIES:
        return _licensed(name, Path(folder) if folder is not None else licensed_folder())
    raise ValueError(f"body model: expected one of {', '.join((*FREE, *FAMILIES))}, got '{name}'")


def licensed_folder() -> Path:
    """Where licensed bodies are looked for: `MMSYNTH_BODY_MODELS`, or `body_models/licensed` (kept out of git)."""
    named = os.environ.get("MMSYNTH_BODY_MODELS")
    return Path(named) if named else data_folder("body_models") / "licensed"


# Bodies hold no state that a call changes, so one of each serves everybody.
@cache
def _free(name: str) -> BodyModel:
    return FreeBody.load(name)


@cache
def _licensed(name: str, folder: Path) -> BodyModel:
    return SmplxBody(FAMILIES[name], folder)
