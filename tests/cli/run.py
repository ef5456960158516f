"""Commands run as by the console script, on small recipes."""

import sys
from pathlib import Path

import pytest

from mmsynth.cli import main

RECIPE = """
name = "tiny"
radar = "radhar"
clips = 4
seconds = 0.5
seed = 1

[[activities]]
label = "walk"
motion = "walk"

[[activities]]
label = "box"
motion = "box"

[subjects]
body = "free-low"
"""
TRAINING = """
model = "trees"

[data]
synthetic = ["DATA"]
validation = 0.0

[window]
duration = 0.4
step = 0.2
points = "all"

[trees]
count = 20
"""


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Run a command as the console script would; returns the exit code."""
    monkeypatch.setattr(sys, "argv", ["mmsynth", *map(str, arguments)])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0
