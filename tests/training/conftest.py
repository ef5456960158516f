"""The made-up recordings, as fixtures of this folder."""

from pathlib import Path

import pytest
from made_up import generated as generated
from made_up import posed as posed
from made_up import recordings as recordings
from made_up import swing_ as swing_
from made_up import write as write

from mmsynth.datasets import Dataset
from mmsynth.training.windows import Windows, WindowSettings, cut


@pytest.fixture(scope="module")
def windows(posed: Path) -> Windows:
    """Windows of points and range-Doppler maps, with their poses."""
    return cut(Dataset.open(posed), WindowSettings(points="all", maps=("range_doppler",)), poses=True)
