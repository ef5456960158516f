"""The commands, from a recipe to scores, and what they say on the way."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from cli.run import RECIPE, TRAINING, call
from made_up import swing

from mmsynth.calibration import Calibration, CalibrationSettings, Cost, Distance, Level
from mmsynth.cli import IMPORTS
from mmsynth.cli.shared import Progress, table
from mmsynth.datasets import Attributes, Dataset, Datasets, DatasetWriter
from mmsynth.datasets.clouds import cut_cloud
from mmsynth.datasets.importers import PUBLIC
from mmsynth.datasets.sources import FORMATS
from mmsynth.generation.recipe import Recipe
from mmsynth.radar import load_radar, write_cfg
from mmsynth.types import Labels


@pytest.mark.parametrize(("together", "pause"), [(1, 5.0), (1, 90.0), (8, 60.0)])
def test_the_time_left_is_told_however_slow_clips_are_and_however_many_workers(together: int, pause: float) -> None:
    now, progress = [0.0], Progress("clips")
    progress.bar.get_time = lambda: now[0]
    for task in progress.bar.tasks:
        task._get_time = progress.bar.get_time
    progress(40, 400)  # a run that goes on
    for done in range(40, 120, together):
        now[0] += pause
        for k in range(together):
            progress(done + k + 1, 400)
    # Rich counts from the end of the first clips on: eight together, in ten steps, look a ninth faster.
    assert progress.bar.tasks[0].time_remaining == pytest.approx(280 / together * pause, rel=0.15)


def test_a_log_gets_lines_instead_of_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with Progress("clips") as progress:
        for done in range(11):
            progress(done, 10)
            now[0] += 10.0
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in lines] == [f"clips {done} of 10" for done in (0, 3, 6, 9, 10)]
    assert lines[2].endswith(", 1 min left")  # of 40 s
    with Progress("steps") as progress:
        for done in range(3):
            progress(done, 2)
            now[0] += 40.0
    # The last one is not told again at the end.
    assert [line.partition(",")[0] for line in capsys.readouterr().err.splitlines()] == [
        f"steps {done} of 2" for done in range(3)
    ]
    with Progress("steps", shown=False) as progress:
        progress(1, 2)
    with Progress("nothing that takes time"):
        pass
    assert capsys.readouterr().err == ""


def test_generate_info_train_predict_evaluate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, overlay = tmp_path / "tiny.toml", tmp_path / "overlay.toml"
    recipe.write_text(RECIPE.replace("clips = 4", "clips = 400"))
    overlay.write_text("clips = 4")
    data = tmp_path / "data"
    make = ("generate", recipe, "--out", data, "--workers", "1", "--overlay", overlay)
    assert call(monkeypatch, *make) == 0
    assert capsys.readouterr().out == f"{data / 'dataset.h5'}: 4 clips\n"
    assert call(monkeypatch, *make) == 0
    assert capsys.readouterr().out == f"{data / 'dataset.h5'}: 4 clips (there already)\n"
    assert call(monkeypatch, "info", data / "dataset.h5", "--figure", tmp_path / "clips.png") == 0
    assert (tmp_path / "clips.png").stat().st_size > 10_000
    assert "walk" in capsys.readouterr().out
    assert call(monkeypatch, "track", data / "dataset.h5", "--points", "6") == 0
    with Dataset.open(data / "dataset.h5") as made:
        pelvis = {sample.id: sample.joints[:, 0] for sample in made if sample.joints is not None}
    out, err = capsys.readouterr()
    assert err == "frames 1 of 60\nframes 60 of 60\n"
    head, *people = [line.split("\t") for line in out.splitlines()]
    assert head == ["clip", "time_s", "person", "x_m", "y_m", "vx_m_s", "vy_m_s"] and len(people) > 40
    for clip, time, person, *place, _, _ in people:
        off = torch.tensor([float(x) for x in place]) - pelvis[clip][round(float(time) * 30), :2]
        assert person == "0" and float(off.norm()) < 0.5
    assert call(monkeypatch, "track", data / "dataset.h5", "--points", "1000") == 0
    assert "in 4 of 4 clips nobody was found" in capsys.readouterr().err
    training = tmp_path / "training.toml"
    # A device that is not there is replaced by the one that is asked for.
    training.write_text('device = "cuda:99"\n' + TRAINING.replace("DATA", str(data / "dataset.h5")))
    train = ("train", training, "--out", tmp_path / "run", "--device", "cpu")
    assert call(monkeypatch, *train) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'run'}: trees for box, walk\n")
    table({"a": "x\ny", "long": 0.5})
    assert capsys.readouterr().out == "a     x\n      y\nlong  0.5\n"
    assert call(monkeypatch, "predict", tmp_path / "run", data / "dataset.h5") == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["clip", "start_s", "end_s", "label", "confidence"]
    assert len(rows) == 5 and all(row[3] in ("walk", "box") and 0 <= float(row[4]) <= 1 for row in rows[1:])
    far = tmp_path / "far.h5"
    with Dataset.open(data / "dataset.h5") as near, DatasetWriter(far, near.attributes) as writer:
        cloud = near[0].cloud
        writer.append(replace(near[0], cloud=replace(cloud, position=100 * cloud.position)))
        writer.append(replace(near[0], id="short", cloud=cut_cloud(replace(cloud, region=None), 0, 3), joints=None))
    assert call(monkeypatch, "predict", tmp_path / "run", far) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == ["predict 0 of 1", "predict 1 of 1"]
    assert said[2] == "note: 1 of 2 clips are shorter than a window: nothing is said of them"
    assert said[3].startswith("note: 1 of 1 windows hold no point")
    assert call(monkeypatch, "evaluate", tmp_path / "run", "--on", data / "dataset.h5", "--out", tmp_path / "s") == 0
    assert json.loads((tmp_path / "s" / "report.json").read_text())["windows"]["windows"] == 4
    assert (tmp_path / "s" / "confusion.png").stat().st_size > 1000
    said = capsys.readouterr()
    assert "of these clips the run was trained on 4: " in said.out
    assert said.err == "evaluate 0 of 4\nevaluate 4 of 4\n"
    with DatasetWriter(tmp_path / "mine.h5", Attributes()) as writer:
        for activity in ("fast", "slow"):
            writer.append(swing(activity, 1))
    assert call(monkeypatch, "rank", tmp_path / "run", "--on", tmp_path / "mine.h5") == 0
    said = capsys.readouterr()
    assert said.err.startswith(f"note: {tmp_path / 'run'}: the run learnt from IWR1443BOOST/radhar")
    head, first = said.out.splitlines()
    assert said.err.endswith("\nrank 0 of 30\nrank 30 of 30\n")
    assert "30 windows" in head and first.startswith(str(tmp_path / "run")) and 0 <= float(first.split()[1]) <= 1
    assert call(monkeypatch, "rank", tmp_path / "run", "--on", data / "dataset.h5") == 1
    assert "expected recordings that no run has seen" in capsys.readouterr().err
    assert call(monkeypatch, "predict", tmp_path / "run", tmp_path / "mine.h5") == 0
    said = capsys.readouterr()
    assert said.err.startswith("note: the run learnt from IWR1443BOOST/radhar")
    times = np.array([line.split("\t")[1:3] for line in said.out.splitlines()[1:]], float)
    assert times == pytest.approx(np.tile(0.4 * np.stack([np.arange(15), np.arange(1, 16)], 1), (2, 1)))
    # Several files are one set, in which clips of one name are told apart.
    two, more = (tmp_path / "mine.h5", tmp_path / "more.h5"), ("--on", tmp_path / "more.h5")
    with DatasetWriter(two[1], Attributes()) as writer:
        for seed, activity in enumerate(("fast", "slow")):
            writer.append(replace(swing(activity, seed), labels=Labels("walk")))
    assert call(monkeypatch, "predict", tmp_path / "run", *two) == 0
    clips = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert len(clips) == 60 and len(set(clips)) == 4
    runs = (tmp_path / "run", shutil.copytree(tmp_path / "run", tmp_path / "copy"))
    again = shutil.copy(two[1], tmp_path / "again.h5")
    assert call(monkeypatch, "rank", *runs, "--on", two[0], *more) == 0
    assert capsys.readouterr().err.endswith("\nrank 0 of 120\nrank 120 of 120\n")
    assert call(monkeypatch, "evaluate", tmp_path / "run", *more, "--on", again, "--out", tmp_path / "both") == 0
    assert json.loads((tmp_path / "both" / "report.json").read_text())["windows"]["windows"] == 60
    assert call(monkeypatch, *train) == 0
    assert "finished before" in capsys.readouterr().out


def test_samples_and_heatmaps_go_out_to_recordings_and_come_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "tiny.toml"
    kept = '[outputs]\nadc = true\nheatmaps = ["range_doppler"]\n'
    recipe.write_text(RECIPE.replace("clips = 4", "clips = 1") + kept)
    assert call(monkeypatch, "generate", recipe, "--out", tmp_path / "data", "--workers", "1") == 0
    data, raw, back = tmp_path / "data" / "dataset.h5", tmp_path / "raw", tmp_path / "back.h5"
    assert call(monkeypatch, "export", data, "--format", "dca1000", "--out", raw) == 0
    assert "1 recordings" in capsys.readouterr().out
    options = ("--cfg", raw / "radar.cfg", "--labels", raw / "labels.csv", "--adc", "--heatmaps", "range_doppler")
    assert call(monkeypatch, "import", "dca1000", raw, "--out", back, *options) == 0
    with Dataset.open(data) as before, Dataset.open(back) as after:
        assert after.labels.activity.tolist() == before.labels.activity.tolist() == ["walk"]
        # Both are counts of 16 bits at the same full scale.
        assert torch.equal(after[0].adc.samples, before[0].adc.samples)
        assert torch.equal(after[0].cloud.position, before[0].cloud.position)
        # float16 keeps 11 bits: half a step at 100 dB, and the samples were rounded after the first map was made.
        torch.testing.assert_close(after[0].heatmaps[0].power, before[0].heatmaps[0].power, rtol=0, atol=0.2)
    assert call(monkeypatch, "export", data, "--format", "infineon", "--out", tmp_path / "no") == 1
    assert "expected one TX and real samples" in capsys.readouterr().err


def test_generate_says_which_lines_of_a_configuration_it_does_not_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, cfg = tmp_path / "tiny.toml", tmp_path / "radar.cfg"
    recipe.write_text(RECIPE)
    cfg.write_text(write_cfg(load_radar("radhar")) + "coffeeMachine 1 2\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dataset.h5").write_text("mine")  # it stops there: the lines are told before any work
    assert call(monkeypatch, "generate", recipe, "--out", tmp_path / "data", "--radar", cfg) == 1
    assert "'coffeeMachine' is not used" in capsys.readouterr().out


def test_generate_says_what_is_doubtful_before_any_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    far = RECIPE.replace("seconds = 0.5", "seconds = 3.0") + "\n[placement]\ndistance = [10.4, 10.4]\n"
    (tmp_path / "far.toml").write_text(far)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "notes.txt").write_text("mine")  # it stops there
    assert call(monkeypatch, "generate", tmp_path / "far.toml", "--out", tmp_path / "data") == 1
    said = capsys.readouterr()
    assert "of the first 4 clips somebody goes beyond the 10.46 m that the radar measures" in said.out
    assert "expected a new or empty folder, got one with other files in it" in said.err


def test_calibrate_hands_over_what_it_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def match(
        recipe: Recipe, captures: Datasets, out: Path, _: Progress, settings: CalibrationSettings, workers: int
    ) -> Calibration:
        asked.append((recipe.seed, [part.path for part in captures.parts], out, settings.clips, workers))
        return Calibration({}, {"speed (m/s)": Distance(0.2, 0.1, 0.01, 0.05)}, Level(6.0, 1.0))

    monkeypatch.setattr("mmsynth.calibration.calibrate", match)
    recipe, data, out = tmp_path / "tiny.toml", tmp_path / "data.h5", tmp_path / "o.toml"
    recipe.write_text(RECIPE)
    with DatasetWriter(data, Attributes()):
        pass
    other = shutil.copy(data, tmp_path / "other.h5")
    plain = ("calibrate", "--recipe", recipe, "--captures", data, "--out", out)
    for more in ((), ("--seed", "0", "--clips", "7", "--workers", "3", "--captures", other)):
        assert call(monkeypatch, *plain, *more) == 0
    assert asked == [(1, [data], out, 100, 2), (0, [data, other], out, 7, 3)]
    assert (
        "falls\n" in (said := capsys.readouterr().out)
        and f"wrote {out}, {tmp_path / 'o.png'} and {tmp_path / 'o.json'}\n" in said
    )
    cost = Cost(1000, 90.0)
    monkeypatch.setattr("mmsynth.calibration.estimate", lambda *given: asked.append(given[3].clips) or cost)
    monkeypatch.setattr("mmsynth.calibration.short", lambda recordings: "they are brief")
    assert call(monkeypatch, *plain, "--clips", "8", "--estimate") == 0
    told = capsys.readouterr()
    assert asked[2:] == [8] and "about 1000 clips: 1.5 min with --workers 2" in told.out
    assert "note: they are brief" in told.err


@pytest.mark.parametrize(
    "arguments", [("--help",), ("generate", "--help"), ("radar",), ("radar", "radhar"), ("motions",)]
)
def test_help_and_looking_succeed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert call(monkeypatch, *arguments) == 0
    assert capsys.readouterr().out.strip()


def test_help_names_every_format_that_is_imported() -> None:
    listed = IMPORTS.replace("\n", " ").replace(";", ",").replace(".", ",").replace(":", ",").split(", ")
    assert {*PUBLIC, *FORMATS} <= {name.strip(" ,") for name in listed}


def test_the_package_is_a_command_too() -> None:
    done = subprocess.run([sys.executable, "-m", "mmsynth", "radar"], capture_output=True, text=True, check=True)
    assert "IWR1443BOOST/radhar" in done.stdout
