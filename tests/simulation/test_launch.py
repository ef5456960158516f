"""Tensors as kernels see them."""

import pytest
import torch

from mmsynth.simulation.kernels.launch import as_array, launch
from mmsynth.simulation.legs.free import _cross


def test_what_a_kernel_writes_is_in_the_tensor_that_it_was_given() -> None:
    values = torch.arange(6.0).reshape(2, 3)
    as_array(values).numpy()[1, 2] = -1
    assert values[1, 2] == -1


def test_a_tensor_that_a_kernel_would_get_a_copy_of_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a contiguous one"):
        as_array(torch.arange(6.0).reshape(2, 3).T)
    # Every second byte of another tensor: what the kernel found would be lost.
    place = torch.zeros(2, 3, dtype=torch.float64)
    which, inside = torch.zeros(2, dtype=torch.int64), torch.zeros(4, dtype=torch.uint8)[::2]
    quad = torch.tensor([[[-1.0, 1, -1], [1, 1, -1], [1, 1, 1], [-1, 1, 1]]], dtype=torch.float64)
    mirror = quad, torch.tensor([[0.0, -1, 0]]).double(), torch.tensor([[0.0, 2, 0]]).double()
    with pytest.raises(ValueError, match="expected a contiguous one"):
        launch(_cross, 2, [place, which, *mirror, torch.empty_like(place), inside], place.device)
