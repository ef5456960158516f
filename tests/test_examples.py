"""The example scripts run one after the other, each on what the one before made."""

import subprocess
import sys
from pathlib import Path

from mmsynth.datasets import Dataset

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


def test_a_data_set_by_hand_is_one_to_train_on(tmp_path: Path) -> None:
    data = tmp_path / "mine.h5"
    run("datasets/example_by_hand.py", data, "2")
    with Dataset.open(data) as found:
        radar, clips = found.attributes.radar, list(found)
    assert radar is not None and radar.name == "mine" and [c.labels.activity for c in clips] == ["step", "wave"]
    stepping, waving = clips
    for clip in clips:
        assert clip.adc is not None and clip.adc.samples.shape == (20, 32, 2, 4, 128)
        assert {m.kind for m in clip.heatmaps} == {"range_doppler", "range_azimuth"}
        # Points are where either person is: left at 2 m or right at 2.6 m, none between or elsewhere.
        across = clip.cloud.position[:, 0]
        assert len(across) > 20 and bool(((across + 0.6).abs() < 0.5).logical_or((across - 0.5).abs() < 0.5).all())
        # And the labelled joints are where the labelled person's points are.
    for clip, side in ((stepping, -1), (waving, 1)):
        assert clip.joints is not None and float(clip.joints[..., 0].mean()) * side > 0.3
        # The radar hangs 1.2 m over the floor, tilted 5 degrees down: the lowest joint lies at the feet.
        assert -1.2 < float(clip.joints[..., 2].min()) < -0.8
    assert "step, wave" in run("training/example_train.py", data, tmp_path / "run")
