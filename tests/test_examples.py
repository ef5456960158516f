"""The example scripts run one after the other, each on what the one before made."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(script: str, *arguments: str | Path) -> str:
    command = [sys.executable, str(ROOT / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_generate_train_evaluate(tmp_path: Path) -> None:
    # The demo's recipe receives each traced clip three times.
    assert "18 clips" in run("datasets/example_generate.py", tmp_path / "data", "6")
    data = tmp_path / "data" / "dataset.h5"
    assert "walk" in run("training/example_train.py", data, tmp_path / "run")
    assert "accuracy" in run("training/example_evaluate.py", tmp_path / "run", data, tmp_path / "scores")
    assert (tmp_path / "scores" / "confusion.png").is_file()
