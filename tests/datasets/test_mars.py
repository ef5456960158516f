"""MARS: official parts, poses, units; and the published folder itself."""

import math
from pathlib import Path

import h5py
import numpy as np
import pytest

from mmsynth.datasets import Dataset, import_mars, write_capture
from mmsynth.datasets.mars import ACTIVITIES, LABEL_OFFSET, official_parts
from mmsynth.joints import JOINT_SETS


def _long(name: str) -> str:
    return name[:-1] + {"L": "Left", "R": "Right"}[name[-1]] if name[-1] in "LR" else name


def make_subject(root: Path, subject: int, frames: int, moves: int = 2, parts: tuple[str, ...] = ()) -> np.ndarray:
    """A folder as published; the poses [frames of all moves, 25, 3]."""
    draw = np.random.default_rng(subject)
    home = root / f"subject{subject}"
    (home / "timesplit").mkdir(parents=True)
    poses = draw.normal(size=(moves, frames, 25, 3)).round(4)
    for move in range(moves):
        number = np.sort(draw.permutation(3 * frames)[:frames])
        rows = np.repeat(number, 2).astype(float)
        table = np.stack([rows, rows * 0 + 2, *draw.normal(size=(5, len(rows))), 1.6e9 + 0.1 * rows])
        with h5py.File(home / f"radar_data{move + 1}.mat", "w") as file:
            file["radar_data_cropped"] = table
    header = ",".join(f"{_long(n)}_{axis}" for axis in "XYZ" for n in JOINT_SETS["kinect25"])
    for part in parts:
        cut = official_parts(frames)[part]
        flat = poses[:, cut].transpose(0, 1, 3, 2).reshape(-1, 75)
        np.savetxt(home / "timesplit" / f"kinect_data_{part}.csv", flat, "%.4f", ",", header=header, comments="")
    return poses


@pytest.mark.parametrize("frames", [1, 7, 883, 996, 1324])
def test_parts_are_the_first_60_and_next_20_percent_rounded_up(frames: int) -> None:
    parts = official_parts(frames)
    assert [parts[p].start for p in ("train", "validate", "test")] == [
        0,
        math.ceil(0.6 * frames),
        math.ceil(0.6 * frames) + math.ceil(0.2 * frames),
    ]
    assert parts["test"].stop == frames


def test_every_pose_meets_its_frame(tmp_path: Path) -> None:
    poses = make_subject(tmp_path, 2, 20, parts=("train", "validate", "test"))
    samples = list(import_mars(tmp_path).samples)
    assert [s.id for s in samples] == [f"s2-m{m:02d}-{p}" for m in (1, 2) for p in ("train", "validate", "test")]
    order = [list(JOINT_SETS["kinect25"]).index(n) for n in JOINT_SETS["mars19"]]
    for sample, move, part in zip(samples, (0, 0, 0, 1, 1, 1), 2 * ("train", "validate", "test"), strict=True):
        assert sample.joints is not None and sample.joint_set == "mars19"
        expected = poses[move, official_parts(20)[part]][:, order] + np.array(LABEL_OFFSET)
        np.testing.assert_allclose(sample.joints.numpy(), expected, atol=1e-5)
        assert len(sample.cloud.times) == len(expected)
        labels = sample.labels
        assert (labels.activity, labels.subject, labels.source) == (ACTIVITIES[move], "mars-s2", "mars")
        assert labels.session == "2020-09-13"  # 1.6e9 s since 1970
        assert (sample.cloud.offsets.diff() == 2).all()
    with h5py.File(tmp_path / "subject2" / "radar_data2.mat") as file:
        rows = file["radar_data_cropped"][...]
    test = samples[5]
    np.testing.assert_allclose(test.cloud.position.numpy(), rows[2:5, 32:].T, rtol=1e-6)
    np.testing.assert_allclose(test.cloud.velocity.numpy(), rows[5, 32:], rtol=1e-6)
    np.testing.assert_allclose(test.cloud.times.numpy(), 0.1 * (rows[0, 32::2] - rows[0, 32]), atol=1e-9)


def test_moves_are_called_what_they_are() -> None:
    """In the order of the paper's table: those of one side come in pairs, left first, six with the squat between."""
    assert ACTIVITIES[5] == "squat" and len(ACTIVITIES) == 10
    for left, right in ((0, 1), (3, 4), (6, 7), (8, 9)):
        assert ACTIVITIES[left].replace("left", "right") == ACTIVITIES[right] != ACTIVITIES[left]
    assert ACTIVITIES[2].startswith("both") and ACTIVITIES[2].endswith(ACTIVITIES[0].removeprefix("left"))


def test_poses_that_were_not_published_are_nan(tmp_path: Path) -> None:
    make_subject(tmp_path, 1, 10, parts=("validate", "test"))
    capture = import_mars(tmp_path)
    samples = list(capture.samples)
    for sample in samples:
        assert sample.joints is not None
        assert bool(sample.joints.isnan().all()) == sample.id.endswith("train")
    assert sum(capture.report.dropped.values()) == 2 * 6


def test_a_recording_of_a_frame_or_two_has_no_later_parts(tmp_path: Path) -> None:
    make_subject(tmp_path, 4, 1, parts=("train",))
    make_subject(tmp_path, 5, 2, moves=1, parts=("train",))
    samples = list(import_mars(tmp_path).samples)
    assert [s.id for s in samples] == ["s4-m01-train", "s4-m02-train", "s5-m01-train"]
    assert [len(s.cloud.times) for s in samples] == [1, 1, 2]


def test_labels_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    make_subject(tmp_path, 2, 10, parts=("test",))
    path = tmp_path / "subject2" / "timesplit" / "kinect_data_test.csv"
    whole = path.read_text()
    for text, said in (
        (whole.rsplit("\n", 2)[0] + "\n", "expected 4 poses"),
        (whole.replace("Neck_X", "Nck_X"), "none for Neck_X"),
        (whole.replace("0.", "0x", 1), "expected numbers"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=said):
            list(import_mars(tmp_path).samples)
    (tmp_path / "subject2" / "radar_data1.mat").write_bytes(b"MATLAB 5.0")
    with pytest.raises(ValueError, match=r"radar_data1.mat: expected MATLAB 7.3"):
        list(import_mars(tmp_path).samples)
    with pytest.raises(ValueError, match="found none"):
        import_mars(tmp_path / "subject2" / "timesplit")


def test_feature_maps(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    maps, labels = draw.normal(size=(3, 8, 8, 5)), draw.normal(size=(3, 57))
    maps[1, 5:] = 0
    maps[2, 0, 0, :4] = 0  # a point at the origin that has an intensity
    np.save(tmp_path / "featuremap_test.npy", maps)
    np.save(tmp_path / "labels_test.npy", labels)
    (sample,) = import_mars(tmp_path).samples
    assert sample.id == "features-test" and sample.cloud.offsets.tolist() == [0, 64, 104, 168]
    np.testing.assert_allclose(sample.cloud.position[64:104], maps[1, :5].reshape(-1, 5)[:, :3], rtol=1e-6)
    np.testing.assert_allclose(sample.cloud.intensity[104:], maps[2].reshape(-1, 5)[:, 4], rtol=1e-6)
    assert sample.joints is not None
    # X of all joints first, then Y, then Z.
    np.testing.assert_allclose(sample.joints[2, 7], labels[2, [7, 26, 45]] + np.array(LABEL_OFFSET), atol=1e-5)
    np.save(tmp_path / "labels_test.npy", labels[:2])
    with pytest.raises(ValueError, match=r"labels_test.npy: expected \[3, 57\]"):
        list(import_mars(tmp_path).samples)


@pytest.mark.real
def test_the_published_folder(real_data: Path, tmp_path: Path) -> None:
    report = write_capture(import_mars(real_data / "mars"), tmp_path / "m.h5")
    assert (report.read["subjects"], report.read["recordings"], report.read["frames"]) == (3, 30, 32411)
    with Dataset.open(tmp_path / "m.h5") as data:
        joints, flat, radar = data.joints(), data.points(), data.attributes.radar
        assert joints is not None and radar is not None
        seen = np.isfinite(joints[:, 0, 0])
        assert int((~seen).sum()) == 7112
        # The Doppler step is the radar's, to the 5 digits that it was published with.
        step = radar.velocity_resolution
        ratio = flat.values[:, 3] / step
        np.testing.assert_allclose(ratio, np.rint(ratio), atol=0.05)
        # +x is the subject's left, who faces the radar; the feet stand 0.7 m under the radar in every clip.
        names = list(JOINT_SETS["mars19"])
        left, right = names.index("ShoulderL"), names.index("ShoulderR")
        assert float(np.median(joints[seen, left, 0] - joints[seen, right, 0])) > 0.25
        assert abs(float(np.median(joints[seen].min(1)[:, 2])) + 0.70) < 0.05
