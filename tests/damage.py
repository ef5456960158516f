"""Damaged copies of a file, drawn by hypothesis, for the fuzz tests of readers; and what readers may say of them."""

import os
from collections.abc import Sequence

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# Of a test that gives no number of its own; MMSYNTH_FUZZ sets another (`make fuzz`: 10000).
FUZZ = settings(
    max_examples=int(os.environ.get("MMSYNTH_FUZZ", "25")),
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def damaged(whole: bytes, words: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Copies with up to four edits, each of a few bytes or one of the words; some are cut short."""
    what = st.one_of(st.sampled_from(words), st.binary(max_size=6))
    # Where (share of the file), how many bytes go, what comes instead.
    edits = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), what), min_size=1, max_size=4)
    return st.builds(_damage, st.just(whole), edits, st.floats(0.2, 3.0))


def _damage(whole: bytes, edits: list[tuple[float, int, bytes]], keep: float) -> bytes:
    data = bytearray(whole)
    for where, gone, new in edits:
        at = int(where * len(data))
        data[at : at + gone] = new
    return bytes(data[: int(keep * len(data))] if keep < 1 else data)


def one_sentence(error: ValueError, most: int = 600) -> None:
    message = str(error)
    assert message and "\n" not in message and len(message) < most, message
