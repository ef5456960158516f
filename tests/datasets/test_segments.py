"""Labels of recordings: spans of a CSV, and where they do not fit."""

from pathlib import Path

import pytest
from made_up import label_table

from mmsynth.datasets import (
    import_recordings,
    import_source,
)
from mmsynth.datasets.segments import Segment, read_segments


def test_segments(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("\ufeffsession, file ,label,start\nd1, a.bin, walk, 1.5\n\n,b.bin,,\n", encoding="utf-8")
    assert read_segments(path) == (Segment("a.bin", "walk", 1.5, session="d1"), Segment("b.bin", ""))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "none for 'file'"),
        ("file,label\n", "a row for each"),
        ("file,labl\na,b\n", "unknown column 'labl': the nearest known one is 'label'"),
        ("file,start\na,0\n", "none for 'label'"),
        ("file,label,start\na,b,x\n", "line 2: could not convert"),
        ("file,label,start,end\na,b,2,1\n", "line 2: expected 0 <= start < end, got 2.0 and 1.0"),
        ("file,label,start\na,b,-1\n", "line 2: expected 0 <= start"),
        ("file,label,start\na,b,nan\n", "line 2: expected 0 <= start"),
        ("file,label\na,b,c\n", "line 2: expected 2 columns, got 3"),
        ("file,label\n,b\n", "line 2: file: expected a name"),
        ("file;label\na;b\n", "expected columns apart by commas .*, got semicolons"),
        ("file\tlabel\na\tb\n", "expected columns apart by commas .*, got tabs"),
    ],
)
def test_segments_damage(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "l.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        read_segments(path)


def test_labels_that_do_not_fit_the_recording(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("time,x,y,z\n0,1,2,3\n0.1,1,2,3\n0.2,1,2,3\n")
    for row, said in (
        ("q.csv,,,a,,", "q.csv: expected a recording that the table of labels names, got no such file"),
        ("p.csv,0,5,a,,", "labelled to 5.0 s, but it lasts 0.300 s"),
        ("p.csv,0.4,,a,,", "no frame from 0.4 s"),
    ):
        labels = label_table(tmp_path / "labels.txt", row)
        with pytest.raises(ValueError, match=said):
            import_source("csv", tmp_path, labels=labels)
    (tmp_path / "log.csv").write_bytes(b"\x02\x01\x04\x03\x88")
    with pytest.raises(ValueError, match="log.csv: expected a table of text, got bytes that are none"):
        import_source("csv", tmp_path / "log.csv")
    with pytest.raises(ValueError, match="found none"):
        import_source("dca1000", tmp_path, "radhar")
    labels = label_table(tmp_path / "labels.txt", "p.csv,,,a,,")
    with pytest.raises(ValueError, match="p.csv: expected a dca1000 recording .*bin.*, got a .csv"):
        import_source("dca1000", tmp_path, "radhar", labels=labels)
    with pytest.raises(ValueError, match="none: no such file or folder"):
        import_source("csv", tmp_path / "none", labels=labels)
    with pytest.raises(ValueError, match="no such file or folder"):
        import_source("csv", tmp_path / "nowhere")


def test_frames_with_two_labels_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,x,y,z\n" + "".join(f"{k / 10},0,1,0\n" for k in range(40)))
    for start, said in ((2.0, False), (1.5, True)):
        table = tmp_path / "labels.txt"
        table.write_text(f"file,start,end,label\na.csv,0,2,walk\na.csv,{start},4,jump\n")
        capture = import_recordings("csv", tmp_path / "a.csv", labels=table)
        list(capture.samples)
        # Frames from 1.5 to 1.9 s.
        assert ("a.csv: 5 frames of clip 001 are in an earlier one" in capture.report.notes) == said


def test_a_table_in_another_encoding_is_told_which_it_should_be(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_bytes("file,label\na.bin,höflich\n".encode("latin-1"))
    with pytest.raises(ValueError, match="expected text in UTF-8, got bytes of another encoding"):
        read_segments(path)
