"""Parts of the scripts in `training/`: their rows are printed and kept."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsynth.cli.parts import run_part
from mmsynth.evaluation.scores import Row, row


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    made.add_argument("--broken", action="store_true")
    made.set_defaults(run=_rows)
    return made


def _rows(options: argparse.Namespace) -> Iterator[Row]:
    yield row("x/first", [0.5, 0.7], "trees")
    if options.broken:
        raise ValueError("expected recordings, got none")
    yield row("x/second", [0.25], "trees")


def test_rows_are_signed_printed_and_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", [str(tmp_path / "some.py")])
    run_part(parser())
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.startswith("experiment") and "0.600" in first and "0.250" in second
    kept = json.loads((tmp_path / "results.json").read_text())
    assert [r["experiment"] for r in kept] == ["x/first", "x/second"]
    assert {r["command"].strip() for r in kept} == {"python training/some.py"} and kept[0]["commit"]


def test_what_was_made_before_a_mistake_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["some.py", "--broken", "--ledger", str(tmp_path / "own.json")])
    with pytest.raises(SystemExit, match="1"):
        run_part(parser())
    assert capsys.readouterr().err.endswith("expected recordings, got none\n")
    assert [r["experiment"] for r in json.loads((tmp_path / "own.json").read_text())] == ["x/first"]
