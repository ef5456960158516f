"""Files are there whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from mmsynth.whole import whole


def test_files_appear_together_and_only_when_all_are_written(tmp_path: Path) -> None:
    text, picture = tmp_path / "report.txt", tmp_path / "plot.v2.png"
    text.write_text("old")
    with whole(text, picture) as (part, drawn):
        assert (part.suffix, drawn.suffix) == (".txt", ".png")  # suffixes say what is to be written
        part.write_text("new")
        drawn.write_text("drawn")
        assert text.read_text() == "old" and not picture.exists()
    assert text.read_text() == "new" and picture.read_text() == "drawn"
    with pytest.raises(RuntimeError), whole(text, picture) as (part, _):
        part.write_text("half")
        raise RuntimeError
    assert text.read_text() == "new" and picture.read_text() == "drawn"
    assert {p.name for p in tmp_path.iterdir()} == {"report.txt", "plot.v2.png"}


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="expected a folder .*nowhere to write into, got none"),
        whole(tmp_path / "nowhere" / "x.png"),
    ):
        pass


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="model.pt: cannot write: No space left"), whole(tmp_path / "model.pt"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    # NumPy says it in words of its own.
    with (
        pytest.raises(OSError, match="model.pt: cannot write: 8 requested"),
        whole(tmp_path / "model.pt"),
    ):
        raise OSError("8 requested and 4 written")
    with pytest.raises(FileNotFoundError, match="'nowhere'"), whole(tmp_path / "model.pt"):
        open("nowhere").close()
    assert not list(tmp_path.iterdir())
