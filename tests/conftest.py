"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

# Machines that run these tests are shared: how long one example takes says nothing about the code. A hang is caught by
# the time limit of each test.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

# Two threads that wait for each other on a busy machine take many times as long as one.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of unpacked real captures, or a skip where there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mmsynth-data"
    folder = Path(os.environ.get("MMSYNTH_DATA", cache))
    if not folder.is_dir():
        pytest.skip(f"no real captures at {folder}")
    return folder
