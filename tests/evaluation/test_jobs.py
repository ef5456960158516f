"""Jobs on worker processes."""

from pathlib import Path

import pytest

from mmsynth.evaluation.jobs import each


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_is_done_once(tmp_path: Path, workers: int) -> None:
    jobs = [(tmp_path / name, name) for name in ("a", "bb", "ccc")]
    assert sorted(each(Path.write_text, jobs, workers)) == [(0, 1), (1, 2), (2, 3)]  # characters written
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a": "a", "bb": "bb", "ccc": "ccc"}


def test_what_a_job_raises_is_raised(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(each(Path.write_text, [(tmp_path / "no" / "a", "a"), (tmp_path / "b", "b")], 2))
