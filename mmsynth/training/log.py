"""What a training says of itself while it runs: lines of JSON, and TensorBoard's events if asked for."""

import importlib.util
import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any


class Log:
    """`log.jsonl` in a folder, and TensorBoard's events beside it under `events/`.

    A training that goes on from a checkpoint drops lines of steps that it will do again.
    """

    def __init__(self, folder: Path | None, step: int, events: bool = False) -> None:
        """Open the log of a training that has done `step` steps.

        Args:
            folder: of the run; None = say nothing.
            step: lines of later ones are dropped.
            events: for TensorBoard too.

        Raises:
            ValueError: it is not installed.
        """
        self._path = folder / "log.jsonl" if folder else None
        self._events: Any = None
        if self._path is None or folder is None:
            return
        if self._path.is_file():
            lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
            self._path.write_text("".join(kept), encoding="utf-8")
        if events:
            if importlib.util.find_spec("tensorboard") is None:
                raise ValueError("tensorboard: not installed; `pip install mmsynth[tensorboard]`")
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(folder / "events"), purge_step=step + 1)

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._events is not None:
            self._events.close()

    def write(self, step: int, values: dict[str, float | None]) -> None:
        """One line; values that are None are not known."""
        if self._path is None:
            return
        line = {"step": step, **{k: v if v is None else round(v, 6) for k, v in values.items()}}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, "time": round(time.time(), 1)}) + "\n")
        if self._events is not None:
            for name, value in values.items():
                if value is not None:
                    self._events.add_scalar(name, value, step)
