"""Mistakes on the command line: one sentence, a non-zero exit, and nothing left behind."""

from pathlib import Path

import numpy as np
import pytest
from cli.run import RECIPE, TRAINING, call
from made_up import PERSON

from mmsynth.datasets import Attributes, DatasetWriter


def test_a_finished_data_set_is_not_overwritten(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dataset.h5").write_text("mine")
    assert call(monkeypatch, "generate", recipe, "--out", tmp_path / "data") == 1
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "data" / "dataset.h5").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("generate", "none.toml", "--out", "out"), "none.toml: no such file"),
        (("generate", "empty.toml", "--out", "out"), "missing key"),
        (("generate", "far.toml", "--out", "out"), "measures up to 10.46 m, got a person at 30 m"),
        (("generate", "typo.toml", "--out", "out"), "unknown key 'secnods': the nearest known one is 'seconds'"),
        (("generate", "good.toml", "--out", "out", "--radar", "nope"), "'nope' is not a profile"),
        (("generate", "good.toml", "--out", "out", "--overlay", "none.toml"), "none.toml: no such file"),
        (("generate", "good.toml", "--out", "out", "--device", "gpu"), "GPU that torch finds here, got 'gpu'"),
        (("train", "training.toml", "--out", "out", "--device", "gpu"), "GPU that torch finds here, got 'gpu'"),
        (("generate", "good.toml", "--out", "out", "--device", "meta"), "GPU that torch finds here, got 'meta'"),
        (("generate", "good.toml", "--out", "out", "--overlay", "typo.toml"), "good.toml with typo.toml: unknown key"),
        (("demo", "--out", "out", "--device", "gpu"), "GPU that torch finds here, got 'gpu'"),
        (("import", "radhar", "nowhere", "--out", "out.h5"), "nowhere"),
        (("import", "radhra", ".", "--out", "out.h5"), "radhar"),
        (("import", "csv", ".", "--out", "out.h5", "--adc"), "import csv: holds points, not ADC samples"),
        (("import", "dca1000", ".", "--out", "out.h5", "--heatmaps", "range"), "heatmaps: expected some of"),
        (("import", "array", ".", "--out", "out.h5", "--layout", "none.toml"), "none.toml: no such file"),
        (("import", "dca1000", ".", "--out", "out.h5", "--recipe", "none.toml"), "none.toml: no such file"),
        (("export", "none.h5", "--out", "out"), "none.h5: no such file"),
        (("export", "empty.toml", "--out", "out"), "empty.toml"),
        (("train", "none.toml", "--out", "out"), "none.toml: no such file"),
        (("predict", "none", "none.h5"), "none"),
        (("evaluate", "none", "--on", "none.h5", "--out", "out"), "none"),
        (("info", "none.h5"), "none.h5"),
        (("info", "[b]none.h5"), "error: [b]none.h5: no such file"),
        (("radar", "radhar", "--figure", "a.gif"), "--figure: expected a .png, .pdf or .svg, got a.gif"),
        (("info", "data.h5", "--figure", "none/a.png"), "--figure: expected a folder none to write into, got none"),
        (("radar", "radhar", "--figure", "folder.png"), "Is a directory: 'folder.part.png' -> 'folder.png'"),
        (("generate", "good.toml", "--out", "good.toml/out"), "error: Not a directory: 'good.toml/out'"),
        (
            ("generate", "label.toml", "--out", "out"),
            "label.toml: activities[0]: Labels.activity: expected one line",
        ),
        (("info", "empty.toml"), "empty.toml"),
        (("info", "."), "expected the file of a data set, got a folder with data.h5"),
        (("generate", "rad.toml", "--out", "out"), "-3.14159 to 3.14159 rad (in degrees: the same key with _deg)"),
        (("import", "dca1000", "a.npy", "--cfg", "radhar", "--out", "out.h5"), "recording (*.bin), got a .npy"),
        (("import", "infineon", "a.npy", "--out", "out.h5"), "a.npy: expected the folder of infineon recordings"),
        (("generate", ".", "--out", "out"), "expected a TOML file, got a folder"),
        (
            ("generate", "body.toml", "--out", "out"),
            "expected one of free, free-low, smpl, smplh, smplx, got 'free-hi'",
        ),
        (
            ("calibrate", "--recipe", "good.toml", "--captures", "data.h5", "--out", "none/o.toml"),
            "no such folder none",
        ),
        (
            ("calibrate", "--recipe", "good.toml", "--captures", "data.h5", "--out", "o.toml", "--radar", "nope"),
            "'nope' is not a profile",
        ),
        (
            ("calibrate", "--recipe", "good.toml", "--captures", "data.h5", "--out", "o.toml", "--seed", "-1"),
            "seed: expected zero to 2^63 - 1, got -1",
        ),
        (("radar", "empty.toml"), "empty.toml"),
        (("radar", "iwr6843isk"), "(nearest: IWR6843ISK/iwr6843isk_area, IWR6843ISK/iwr6843isk_people, IWR6843ISK-ODS"),
        (("generate", "training.toml", "--out", "out"), "expected the recipe of a synthetic data set, got one for `mm"),
        (("train", "good.toml", "--out", "out"), "expected a training recipe, got one for `mmsynth generate`"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "good.toml").write_text(RECIPE)
    (tmp_path / "training.toml").write_text(TRAINING)
    (tmp_path / "typo.toml").write_text(RECIPE.replace("seconds", "secnods"))
    (tmp_path / "far.toml").write_text(RECIPE + "\n[placement]\ndistance = [2.0, 30.0]\n")
    (tmp_path / "label.toml").write_text(RECIPE.replace('label = "', 'label = "le\\nft', 1))
    (tmp_path / "rad.toml").write_text(RECIPE + "\n[placement]\nfacing = [-30, 30]\n")
    np.save(tmp_path / "a.npy", np.zeros((2, 4)))
    (tmp_path / "body.toml").write_text(RECIPE.replace("free-low", "free-hi"))
    with DatasetWriter(tmp_path / "data.h5", Attributes()):
        pass
    monkeypatch.chdir(tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())
    assert call(monkeypatch, *arguments) == 1
    shown = capsys.readouterr().err.strip()
    assert message in shown
    assert len(shown.splitlines()) == 1 and shown.startswith("error: ")
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_one_bad_motion_file_does_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What can be read is told, in order and at the rate asked for; then what cannot, with exit code 1."""
    people = np.repeat(PERSON[None], 11, 0)
    for name in ("a", "c"):
        np.savez(tmp_path / f"{name}.npz", positions=people)
    (tmp_path / "b.npz").write_bytes(b"nothing")
    files = [str(tmp_path / f"{name}.npz") for name in "abc"]
    assert call(monkeypatch, "motions", *files, "--frame-rate", "5") == 1
    out, err = capsys.readouterr()
    assert [line.split(": ")[0] for line in out.splitlines()] == [files[0], files[2]]
    assert out.count("11 frames, 2.00 s") == 2 and files[1] in err and len(err.splitlines()) == 1


def test_unknown_options_are_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "generate", "--wrokers", "2") == 2
    assert "wrokers" in capsys.readouterr().err
