"""Recordings of TI's Visualizer: against the bytes that it read, its parts, where it draws, and what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import label_table
from uart import CFG, counting, sdk3, visualizer

from mmsynth.datasets import import_source
from mmsynth.datasets.raw import read_replay, read_ti_uart
from mmsynth.radar import load_radar

A, B, C = [1.0, 2.0, 0.5, -0.25], [-0.5, 3.0, 0.125, 0.0], [0.0, 1.0, 0.0, 1.5]


def same_as_log(tmp_path: Path, log: bytes) -> None:
    (tmp_path / "log.dat").write_bytes(log)
    wanted, found = read_ti_uart(tmp_path / "log.dat", frame_period=0.055).cloud, read_replay([tmp_path / "r.json"])
    for name in ("position", "velocity", "intensity", "snr_db", "noise_db", "times"):
        torch.testing.assert_close(getattr(found.cloud, name), getattr(wanted, name), equal_nan=True, msg=name)
    assert torch.equal(found.cloud.offsets, wanted.offsets) and found.cloud.intensity_unit == wanted.intensity_unit
    assert found.setup.radar.name == "IWR6843ISK/r" and found.setup.radar.waveform.frame_period == 0.055


def test_the_same_as_the_bytes_of_which_it_is_made(tmp_path: Path) -> None:
    """SNR and noise in dB; one frame is without them, one without points, one was lost."""
    visualizer(
        tmp_path / "r.json", [(7, [[*A, 15.3, 30.0], [*B, 9.8, 31.0]]), (8, []), (9, [[*C, 0, 0]]), (11, [[*A, 1, 2]])]
    )
    bytes_of = sdk3(7, [A, B], [(153, 300), (98, 310)]) + sdk3(8, []) + sdk3(9, [C]) + sdk3(11, [A], [(10, 20)])
    same_as_log(tmp_path, bytes_of)


def test_the_snr_of_people_counting_is_a_ratio(tmp_path: Path) -> None:
    distance, azimuth, elevation = 100 * 0.05, -20 * 0.02, 10 * 0.01  # by the units of `counting`
    level = distance * np.cos(elevation)
    place = [level * np.sin(azimuth), level * np.cos(azimuth), distance * np.sin(elevation)]
    visualizer(tmp_path / "r.json", [(5, [[*place, -1.5, 500 * 0.04, 0]])])
    same_as_log(tmp_path, counting(5, [(10, -20, -15, 100, 500)], [], None))
    cloud = read_replay([tmp_path / "r.json"]).cloud
    assert cloud.snr_db.tolist() == pytest.approx([13.0103]) and bool(cloud.noise_db.isnan().all())


def test_points_that_nobody_sent_or_nobody_can_have_seen_are_dropped(tmp_path: Path) -> None:
    rows = [[*A, 1, 1], [0.0] * 6, [np.nan, 1, 1, 1, 1, 1], [1, 1, 5e7, 1, 1, 1], [1, 1, 1, np.inf, 1, 1], [*B, 1, 1]]
    visualizer(tmp_path / "r.json", [(0, [[0.0] * 6]), (1, rows)])
    found = read_replay([tmp_path / "r.json"])
    assert found.cloud.velocity.tolist() == [-0.25, 0.0] and found.cloud.offsets.tolist() == [0, 0, 2]
    assert "3 points are not finite or beyond 1000 m and were dropped" in found.notes


@pytest.mark.parametrize("again", [False, True])
def test_parts_are_one_recording_in_order_of_their_numbers(tmp_path: Path, again: bool) -> None:
    """Some versions save the frames of all parts before in each; by name the tenth part comes before the second."""
    frames = [(3 * k, [[k, 2.0, 0.0, 0.0, 1.0, 1.0]]) for k in range(33)]
    for part in range(11):
        visualizer(tmp_path / "one" / f"replay_{part + 1}.json", frames[0 if again else 3 * part : 3 * part + 3])
        visualizer(tmp_path / "two" / f"replay_{part + 1}.json", frames[3 * part : 3 * part + 3])
    capture = import_source("ti-uart", tmp_path)
    samples = list(capture.samples)
    lost, *rest = capture.report.notes
    assert lost == "one/replay_1.json and 1 more: 64 frames are missing in 32 gaps"
    assert len(rest) == 2 and all(note.startswith("IWR6843ISK/replay_1: line") for note in rest)
    assert [sample.id for sample in samples] == ["one/replay_1", "two/replay_1"]
    for sample in samples:
        assert sample.cloud.position[:, 0].tolist() == list(range(33))
        np.testing.assert_allclose(sample.cloud.times, 0.165 * np.arange(33), atol=1e-9)
    labels = label_table(tmp_path / "l.csv", "one/replay_1.json,1.0,2.0,walk,anna,")
    (sample,) = import_source("ti-uart", tmp_path, labels=labels).samples
    assert sample.labels.activity == "walk" and sample.cloud.position[:, 0].tolist() == [7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize("line", ["sensorPosition 2 30 15  % high", "sensorPosition 0.1 0.2 2 30 15"])
def test_points_are_turned_back_from_where_they_were_drawn(tmp_path: Path, line: str) -> None:
    """3 m ahead of a radar that looks 15 deg down and 30 to the right, and 1 m to its right: by hand."""
    turn, tilt = np.deg2rad(30), np.deg2rad(15)
    ahead = np.array([np.sin(turn) * np.cos(tilt), np.cos(turn) * np.cos(tilt), -np.sin(tilt)])
    right = np.array([np.cos(turn), -np.sin(turn), 0])
    drawn = 3 * ahead + right + [0, 0, 2]
    frames = [(0, [[*drawn, 0, 1, 1], [0, 0, 2, 0, 0, 0]]), (1, []), (2, [[1, 3, 0, 0, 1, 1]])]
    for name, cfg in (("r", f"{CFG}{line}\n"), ("plain", CFG), ("zero", f"{CFG}sensorPosition 0 0 0\n")):
        visualizer(tmp_path / f"{name}.json", frames, cfg)
    found = read_replay([tmp_path / "r.json"])
    np.testing.assert_allclose(found.cloud.position, [[1, 3, 0]] * 2, atol=1e-6)  # the last is saved before it is drawn
    wanted = "points are turned back by sensorPosition: 2 m, 30 and 15 deg; a recipe for this radar has "
    assert f"{wanted}radar_height = 2 and radar_tilt_deg = -15" in found.notes
    # The line is used, the others of the demo are not; they keep their numbers.
    assert found.setup.notes == read_replay([tmp_path / "plain.json"]).setup.notes
    for name in ("plain", "zero"):
        plain = read_replay([tmp_path / f"{name}.json"])
        np.testing.assert_allclose(plain.cloud.position[0], drawn, atol=1e-6)
        assert not any("turned back" in note for note in plain.notes)


def test_parts_may_begin_at_zero_where_that_is_there(tmp_path: Path) -> None:
    for part in range(3):
        visualizer(tmp_path / f"replay_{part}.json", [(part, [[part, 2.0, 0.0, 0.0, 1.0, 1.0]])])
    capture = import_source("ti-uart", tmp_path)
    (sample,) = capture.samples
    assert sample.id == "replay_0" and sample.cloud.position[:, 0].tolist() == [0, 1, 2]
    (tmp_path / "replay_1.json").unlink()
    with pytest.raises(ValueError, match=r"expected replay_0\.json and all .* to 2 beside it, got none of number 1$"):
        import_source("ti-uart", tmp_path)


def test_a_configuration_that_is_named_takes_the_files_place(tmp_path: Path) -> None:
    visualizer(tmp_path / "replay_1.json", [(k, [[*A, 1, 1]]) for k in range(99)], "")
    with pytest.raises(ValueError, match=r"replay_1\.json: expected .* under 'cfg', got none; name it with --cfg$"):
        import_source("ti-uart", tmp_path)
    capture = import_source("ti-uart", tmp_path, "mmmesh")
    (sample,) = capture.samples
    period = load_radar("mmmesh").radar.waveform.frame_period
    np.testing.assert_allclose(sample.cloud.times, np.arange(99) * period, atol=1e-9)
    assert f"replay_1.json: {98 * period:.1f} s by frame numbers and configuration, 5.4 s by" in capture.report.notes[0]


def test_frames_that_the_visualizer_could_not_read_are_told(tmp_path: Path) -> None:
    file = tmp_path / "replay_1.json"
    visualizer(file, [(k, [[*A, 1, 1]]) for k in range(4)])
    table = json.loads(file.read_text())
    table["data"][2]["frameData"] = {}
    file.write_text(json.dumps(table))
    found = read_replay([file])
    assert len(found.cloud.times) == 3 and found.cloud.times[-1] == pytest.approx(0.165)
    assert "1 frames could not be read by the Visualizer and were left out" in found.notes


def damaged(change: Callable[[dict], None]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        table = json.loads((folder / "replay_2.json").read_text())
        change(table)
        (folder / "replay_2.json").write_text(json.dumps(table))

    return damage


BAD = {
    r"replay_2\.json: not JSON: ": lambda folder: (folder / "replay_2.json").write_text('{"cfg": ["'),
    r"replay_2\.json: expected the frames of TI's Visualizer under 'data', got none$": damaged(lambda t: t.pop("data")),
    r"2\.json: expected the frames of TI's .* got none$": damaged(lambda t: t["data"].clear()),
    r"expected replay_1\.json and all parts to 3 beside it, got none of number 2$": lambda folder: (
        folder / "replay_2.json"
    ).unlink(),
    r"expected replay_1\.json and all parts to 3 beside it, got none of number 1$": lambda folder: (
        folder / "replay_1.json"
    ).unlink(),
    r"2\.json: expected the configuration of replay_1\.json, got that of another recording$": damaged(
        lambda t: t["cfg"].append("clutterRemoval -1 1\n")
    ),
    r"2\.json, frame 1: expected points of 7 numbers \(x y z Doppler SNR noise track\), got 6$": damaged(
        lambda t: t["data"][0]["frameData"]["pointCloud"][0].pop()
    ),
    r"2\.json, frame 1: expected timestamp, frameNum and pointCloud in numbers, got others$": damaged(
        lambda t: t["data"][0].pop("timestamp")
    ),
    r"2\.json, frame 1: expected a frameNum of 32 bits, got -1$": damaged(
        lambda t: t["data"][0]["frameData"].update(frameNum=-1)
    ),
}


@pytest.mark.parametrize("sentence", BAD)
def test_bad_files(tmp_path: Path, sentence: str) -> None:
    for part in range(3):
        visualizer(tmp_path / f"replay_{part + 1}.json", [(part, [[*A, 1, 1]])])
    BAD[sentence](tmp_path)
    with pytest.raises(ValueError, match=sentence):
        import_source("ti-uart", tmp_path)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("sensorPosition 2", "got '2'$"),
        ("sensorPosition nan 0 15", "got 'nan 0 15'$"),
        ("sensorPosition\ndfeDataOutputMode 1 2 3", "got ''$"),
        ("frameCfg 1", "cfg: line 18: frame"),
    ],
)
def test_a_bad_configuration_in_a_file(tmp_path: Path, line: str, sentence: str) -> None:
    visualizer(tmp_path / "replay_1.json", [(0, [[*A, 1, 1]])], f"{CFG}{line}\n")
    with pytest.raises(ValueError, match=rf"replay_1\.json: .*{sentence}"):
        import_source("ti-uart", tmp_path)
