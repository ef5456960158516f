"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of unpacked real captures, or a skip where there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mmsynth-data"
    folder = Path(os.environ.get("MMSYNTH_DATA", cache))
    if not folder.is_dir():
        pytest.skip(f"no real captures at {folder}")
    return folder
