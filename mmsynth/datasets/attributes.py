"""What a data set's file says about itself, and radars as JSON."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, get_args, get_type_hints

import torch
from torch import Tensor

from mmsynth import config
from mmsynth.arrays import specs
from mmsynth.types import Processing, Radar


@dataclass(frozen=True)
class Attributes:
    """What holds for every clip of one file.

    Attributes:
        radar: that recorded it or was simulated; None = not known. Needed where there is ADC.
        processing: how points were made from ADC samples, where that is known.
        joint_set: name of the set of joints (`mmsynth.joints`), or the joints' names apart by spaces; "" = no joints.
        intensity_unit: of the points' intensity, as in `PointCloud`.
        method: "facets", "points", "bones" for synthetic data; "real" for recordings.
        facets: triangles of a body in the simulator; 0 = none.
        recipe: text of the resolved recipe.
        seed: of the recipe; -1 = nothing was drawn.
        versions: of the packages that made it.
        notes: anything else by name, such as what an importer dropped.
    """

    radar: Radar | None = None
    processing: Processing | None = None
    joint_set: str = ""
    intensity_unit: str = "dB"
    method: str = "real"
    facets: int = 0
    recipe: str = ""
    seed: int = -1
    versions: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def to_json(noun: Any) -> str:
    """JSON text of a radar or of processing settings: arrays as nested lists, infinity as `Infinity`."""
    return json.dumps(_plain(noun), sort_keys=True)


def radar_from_json(text: str) -> Radar:
    """The inverse of `to_json` for a radar.

    Raises:
        ValueError: the text is not JSON, or not that of a radar.
    """
    return _build(Radar, _table(text, "radar"), "radar")  # type: ignore[no-any-return]


def processing_from_json(text: str) -> Processing:
    """The inverse of `to_json` for processing settings; raises as `radar_from_json` does."""
    return _build(Processing, _table(text, "processing"), "processing")  # type: ignore[no-any-return]


def _table(text: str, name: str) -> dict[str, Any]:
    try:
        table = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{name}: expected JSON, got {text[:40]!r} ({error})") from None
    if not isinstance(table, dict):
        raise ValueError(f"{name}: expected a JSON object, got {text[:40]!r}")
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.tolist()
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def _build(cls: type, table: dict[str, Any], where: str) -> Any:
    """A frozen noun of a JSON table; its array fields become float64 tensors, the rest is parsed as from TOML."""
    hints, arrays = get_type_hints(cls), specs(cls)
    values: dict[str, Any] = {}
    for name, value in table.items():
        nouns = [h for h in (hints.get(name), *get_args(hints.get(name))) if dataclasses.is_dataclass(h)]
        if value is None:
            values[name] = None
        elif name in arrays:
            values[name] = _tensor(value, f"{where}.{name}")
        elif nouns and isinstance(value, dict):
            values[name] = _build(nouns[0], value, f"{where}.{name}")  # type: ignore[arg-type]
        else:
            values[name] = config.convert(hints.get(name, Any), value, f"{where}.{name}")
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: not a {cls.__name__}: {error}") from None


def _tensor(value: Any, where: str) -> Tensor:
    try:
        return torch.tensor(value, dtype=torch.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: expected an array of numbers ({error})") from None
