"""Mutated body files: a clear error or valid arrays, never a crash, a hang or gigabytes.

The default suite draws 25 mutations a format; MMSYNTH_FUZZ sets another number (`make fuzz`: 10000).
"""

import pickle
import resource

import numpy as np
import pytest
import scipy.sparse
import torch
from damage import FUZZ, damaged
from hypothesis import given

from mmsynth.body_models.files import BodyArrays, read_body

VERTICES, JOINTS = 30, 24
WORDS = (b"nan", b"-1", b"0", b"99999999999", b"\x00", b"\xff\xff\xff\xff", b"cposix\nsystem\n", b"R", b".", b"O", b"")


def small_body() -> dict[str, object]:
    """A file of SMPL's keys, with few vertices."""
    rng = np.random.default_rng(1)
    weights = np.zeros((VERTICES, JOINTS))
    weights[np.arange(VERTICES), np.arange(VERTICES) % JOINTS] = 1
    return {
        "v_template": rng.normal(size=(VERTICES, 3)),
        "f": rng.integers(VERTICES, size=(40, 3)).astype(np.uint32),
        "weights": weights,
        "J_regressor": weights.T / np.maximum(weights.sum(0)[:, None], 1),
        "kintree_table": np.array([[2**32 - 1, *range(JOINTS - 1)], range(JOINTS)], np.uint32),
        "posedirs": rng.normal(size=(VERTICES, 3, 9 * (JOINTS - 1))),
        "shapedirs": rng.normal(size=(VERTICES, 3, 10)),
    }


@pytest.mark.fuzz
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["body.npz", "body.pkl"])
def test_mutated_files(tmp_path, name):
    path, body = tmp_path / name, small_body()
    if name == "body.pkl":
        sparse = {"J_regressor": scipy.sparse.csc_matrix(body["J_regressor"])}
        path.write_bytes(pickle.dumps(body | sparse, protocol=2))
    else:
        np.savez(path, **body)
    whole = path.read_bytes()
    assert isinstance(read_body(path), BodyArrays)
    refused = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @FUZZ
    @given(damaged(whole, WORDS))
    def mutate(content: bytes) -> None:
        nonlocal refused
        path.write_bytes(content)
        try:
            found = read_body(path)
        except ValueError as error:
            assert str(path) in str(error)
            refused += 1
            return
        assert int(found.faces.max()) < len(found.template)
        assert all(p < j for j, p in enumerate(found.parents))
        assert torch.isfinite(found.template).all() and torch.isfinite(found.weights).all()

    mutate()
    assert refused > 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20  # KiB: no gigabyte
