"""Reports as files: text, the same for machines, and a figure; all three are there, or none."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mmsynth.view import save_figure
from mmsynth.whole import whole


def without_nan(value: Any) -> Any:
    """Plain values for JSON, which knows no NaN: None in its place, also within tables, lists and arrays."""
    if isinstance(value, Mapping):
        return {name: without_nan(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list):
        return [without_nan(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def keep_report(text: Path, figure: Path, said: str, content: Mapping[str, Any], drawn: Figure) -> None:
    """Write `said` as `text`, `content` beside it as JSON, and `drawn` as `figure`; earlier ones are replaced together.

    Raises:
        OSError: the folder cannot be made, or a file not be written: earlier ones then stay.
    """
    text.parent.mkdir(parents=True, exist_ok=True)
    with whole(text, text.with_suffix(".json"), figure) as (table, machine, picture):
        table.write_text(said + "\n", encoding="utf-8")
        machine.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        save_figure(drawn, picture)
