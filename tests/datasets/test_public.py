"""Readers of public data sets that cannot be shipped: files written with exactly their layout, and read back."""

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmsynth.datasets import Dataset, ImportReport, import_source, write_capture
from mmsynth.types import Sample


def read(kind: str, src: Path, tmp_path: Path) -> tuple[list[Sample], ImportReport]:
    """Through the file, as the command does it."""
    report = write_capture(import_source(kind, src), tmp_path / "out.h5")
    with Dataset.open(tmp_path / "out.h5") as data:
        return list(data), report


@pytest.fixture
def mmfi(tmp_path: Path) -> tuple[Path, list[np.ndarray], np.ndarray]:
    draw = np.random.default_rng(0)
    home = tmp_path / "mmfi" / "E02" / "S13" / "A12"
    (home / "mmwave").mkdir(parents=True)
    frames = [draw.normal(size=(n, 5)) for n in (3, 0, 2, 4)]
    for i, frame in enumerate(frames):
        (home / "mmwave" / f"frame{i + 1:03d}.bin").write_bytes(frame.astype("<f8").tobytes())
    truth = draw.normal(size=(4, 17, 3))
    np.save(home / "ground_truth.npy", truth)
    return tmp_path / "mmfi", frames, truth


def test_mmfi(mmfi: tuple[Path, list[np.ndarray], np.ndarray], tmp_path: Path) -> None:
    src, frames, truth = mmfi
    (sample,), report = read("mmfi", src, tmp_path)
    assert (sample.id, sample.labels.activity, sample.labels.subject) == ("E02-S13-A12", "squat", "mmfi-S13")
    assert sample.cloud.offsets.tolist() == [0, 3, 3, 5, 9]
    rows = np.concatenate(frames)
    # The radar hung upside down: forward, right, down.
    np.testing.assert_allclose(sample.cloud.position, np.stack([rows[:, 1], rows[:, 0], -rows[:, 2]], 1), rtol=1e-6)
    np.testing.assert_allclose(sample.cloud.velocity, rows[:, 3], rtol=1e-6)
    np.testing.assert_allclose(sample.cloud.intensity, rows[:, 4], rtol=1e-6)
    np.testing.assert_allclose(sample.cloud.times, [0, 0.1, 0.2, 0.3], atol=1e-12)
    assert sample.joints is not None
    # The camera's right, down, forward.
    np.testing.assert_allclose(sample.joints[..., 0], truth[..., 0], rtol=1e-6)
    np.testing.assert_allclose(sample.joints[..., 1], truth[..., 2], rtol=1e-6)
    np.testing.assert_allclose(sample.joints[..., 2], -truth[..., 1], rtol=1e-6)
    assert report.read["empty frames"] == 1


def test_mmfi_damage(mmfi: tuple[Path, list[np.ndarray], np.ndarray], tmp_path: Path) -> None:
    home = mmfi[0] / "E02" / "S13" / "A12"
    (home / "ground_truth.npy").unlink()
    (sample,), report = read("mmfi", mmfi[0], tmp_path)
    assert sample.joints is not None and bool(sample.joints.isnan().all())
    assert report.dropped["frames without a pose (NaN)"] == 4
    (home / "mmwave" / "frame002.bin").write_bytes(b"x" * 41)
    with pytest.raises(ValueError, match="frame002.bin: expected a multiple of 40 bytes"):
        list(import_source("mmfi", mmfi[0]).samples)


def make_mri(root: Path, labels: Any) -> np.ndarray:
    draw = np.random.default_rng(1)
    (root / "radar" / "singleframe").mkdir(parents=True)
    (root / "pose_labels").mkdir()
    frame = np.repeat(np.arange(30), 3)
    table = np.column_stack([frame, draw.normal(size=(90, 5)).round(4)])
    header = "Camera Frame,X,Y,Z,Doppler,Intensity"
    path = root / "radar" / "singleframe" / "subject2.csv"
    np.savetxt(path, table, "%.4f", ",", header=header, comments="")
    with open(root / "pose_labels" / "subject2_all_labels.cpl", "wb") as file:
        pickle.dump(labels, file)
    return table


def mri_labels() -> dict[str, Any]:
    poses = np.random.default_rng(2).normal(size=(30, 3, 17))
    spans = {"pose_1": [0, 12], "walk": [20, 40], "free form": [28, 29], "unknown": [0, 9]}
    return {
        "refined_gt_kps": poses, "gt_avail_frames": [2, 29], "radar_avail_frames": [1, 27], "video_label": spans
    }  # fmt: skip


def test_mri(tmp_path: Path) -> None:
    labels = mri_labels()
    table = make_mri(tmp_path / "mri", labels)
    samples, report = read("mri", tmp_path / "mri", tmp_path)
    # Frames 2 to 27 are available; "free form" begins after them.
    assert [(s.id, len(s.cloud.times)) for s in samples] == [("subject2-pose_1", 10), ("subject2-walk", 8)]
    labels_of = [(s.labels.activity, s.labels.subject) for s in samples]
    assert labels_of == [("pose_1", "mri-subject2"), ("walk", "mri-subject2")]
    np.testing.assert_allclose(samples[1].cloud.position, table[60:84, 1:4], rtol=1e-6)
    np.testing.assert_allclose(samples[1].cloud.velocity, table[60:84, 4], rtol=1e-6)
    joints = samples[1].joints
    assert joints is not None and samples[1].joint_set == "coco17"
    poses = labels["refined_gt_kps"][20:28]
    np.testing.assert_allclose(joints[..., 0], -poses[:, 0], rtol=1e-6)
    np.testing.assert_allclose(joints[..., 1], poses[:, 2], rtol=1e-6)
    np.testing.assert_allclose(joints[..., 2], poses[:, 1], rtol=1e-6)
    assert report.dropped["actions without radar and labels, or of no name"] == 2


class _Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/mmsynth-was-here",)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"refined_gt_kps": _Hostile()}, "nothing was run"),
        ([1, 2], "pickled dictionary"),
        ({"refined_gt_kps": np.zeros((30, 3, 17))}, "expected poses, available frames"),
        (mri_labels() | {"refined_gt_kps": np.zeros((30, 17, 3))}, r"expected \[frames, 3, 17\]"),
        (mri_labels() | {"gt_avail_frames": []}, "expected poses, available frames"),
    ],
)
def test_mri_damage(tmp_path: Path, labels: Any, said: str) -> None:
    make_mri(tmp_path / "mri", labels)
    with pytest.raises(ValueError, match=said):
        list(import_source("mri", tmp_path / "mri").samples)
    assert not Path("/tmp/mmsynth-was-here").exists()


def make_milipoint(root: Path, labels: list[int]) -> list[list[dict[str, np.ndarray]]]:
    draw = np.random.default_rng(3)
    (root / "raw").mkdir(parents=True)
    sizes = {2: 4, 10: 5}  # files whose order by name differs from that by number
    files = [
        [{"x": draw.normal(size=(k, 3)), "y": draw.normal(size=(18, 3))} for k in range(n)] for n in sizes.values()
    ]
    for number, frames in zip(sizes, files, strict=True):
        with open(root / "raw" / f"{number}.pkl", "wb") as file:
            pickle.dump(frames, file)
    np.save(root / "raw" / "action_label.npy", np.array(labels))
    (root / "raw" / "id.json").write_text(json.dumps({"0": [10], "7": [2]}))
    return files


def test_milipoint(tmp_path: Path) -> None:
    files = make_milipoint(tmp_path / "m", [3, 3, -1, 5, 5, 5, 0, 0, -1])
    samples, report = read("milipoint", tmp_path / "m", tmp_path)
    # A run with one label ends where its file ends.
    assert [s.id for s in samples] == ["f02-0000-a03", "f02-0002-a05", "f10-0000-a05", "f10-0001-a00"]
    assert [len(s.cloud.times) for s in samples] == [2, 1, 2, 2]
    assert [s.labels.subject for s in samples] == ["milipoint-7"] * 2 + ["milipoint-0"] * 2
    rows = np.concatenate([f["x"] for f in files[1][2:4]])
    np.testing.assert_allclose(samples[3].cloud.position, rows, rtol=1e-6)
    assert bool(samples[3].cloud.velocity.isnan().all())
    np.testing.assert_allclose(samples[3].joints, np.stack([f["y"] for f in files[1][2:4]]), rtol=1e-6)
    assert report.dropped["frames between moves"] == 2


@pytest.mark.parametrize("labels", [[3] * 8, [3] * 10])
def test_milipoint_labels_must_fit(tmp_path: Path, labels: list[int]) -> None:
    make_milipoint(tmp_path / "m", labels)
    with pytest.raises(ValueError, match="label"):
        list(import_source("milipoint", tmp_path / "m").samples)


def test_mmbody(tmp_path: Path) -> None:
    draw = np.random.default_rng(4)
    home = tmp_path / "b" / "test" / "lab1" / "sequence_1"
    (home / "radar").mkdir(parents=True)
    (home / "mesh").mkdir()
    frames = [draw.normal(size=(n, 6)) for n in (2, 3)]
    joints = draw.normal(size=(2, 55, 3))
    for number, frame, pose in zip((9, 10), frames, joints, strict=True):
        frame[:, 3] *= 1e-38
        frame[0, 3] = 7.0  # another kind of number, as in the published files
        np.save(home / "radar" / f"frame_{number}.npy", frame)
        np.savez(home / "mesh" / f"frame_{number}.npz", joints=pose, pose=np.zeros(69))
    (sample,), report = read("mmbody", tmp_path / "b", tmp_path)
    assert sample.id == "lab1-sequence_1" and sample.cloud.offsets.tolist() == [0, 2, 5]
    rows = np.concatenate(frames)
    np.testing.assert_allclose(sample.cloud.position, rows[:, :3], rtol=1e-6)
    np.testing.assert_allclose(sample.cloud.velocity[1], rows[1, 3] * 1e38, rtol=1e-5)
    assert sample.cloud.velocity.isnan().tolist() == [True, False, True, False, False]
    np.testing.assert_allclose(sample.joints, joints[:, :22], rtol=1e-6)
    assert report.dropped["velocities that are no numbers (NaN)"] == 2
    np.save(home / "radar" / "frame_9.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="frame_9.npy: expected numbers as NumPy writes them"):
        list(import_source("mmbody", tmp_path / "b").samples)


@pytest.mark.parametrize("kind", ["radhar", "mars", "mmfi", "mri", "milipoint", "mmbody"])
def test_nothing_there(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nowhere"):
        import_source(kind, tmp_path / "nowhere")
    with pytest.raises(ValueError, match="expected"):
        import_source(kind, tmp_path)
    with pytest.raises(ValueError, match="leave out --cfg"):
        import_source(kind, tmp_path, radar="radhar")
