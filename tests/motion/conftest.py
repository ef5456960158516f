"""A walk, as a fixture of this folder."""

import pytest
import torch

from mmsynth.motion import Subject, generate_motion
from mmsynth.types import Motion


@pytest.fixture(scope="module")
def walking() -> Motion:
    return generate_motion("walk", 1.0, Subject(1), torch.Generator().manual_seed(1), frame_rate=30.0)
