"""Windows never cross clips; batches hold what the clips hold; splits keep people and days apart."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmsynth.datasets import (
    Attributes,
    BatchSettings,
    Dataset,
    Datasets,
    DatasetWriter,
    WindowDataset,
    collate,
    load_split,
    select_points,
    split_names,
    windows,
)
from mmsynth.types import Labels, PointCloud, Sample

MakeCloud = Callable[..., PointCloud]


@pytest.fixture
def dataset(tmp_path: Path, make_cloud: MakeCloud) -> Dataset:
    """Clips of 95, 60, 59 and 1 frames at 30 frames/s, called walk and box in turn."""
    with DatasetWriter(tmp_path / "a.h5", Attributes()) as writer:
        for i, frames in enumerate((95, 60, 59, 1)):
            cloud = make_cloud(i, frames)
            quiet = torch.where(torch.arange(len(cloud.velocity)) % 3 == 0, 0.0, cloud.velocity + 3)
            labels = Labels(("walk", "box")[i % 2], f"p{i}")
            writer.append(Sample(f"c{i}", labels, replace(cloud, velocity=quiet)))
    return Dataset.open(tmp_path / "a.h5")


def test_windows_lie_inside_their_clips(dataset: Dataset) -> None:
    table = windows(dataset, 2.0, 0.5)
    # 95 frames last 3.167 s: starts at 0, 0.5 and 1; 60 frames are exactly one window; 59 are none.
    assert table.clip.tolist() == [0, 0, 0, 1]
    assert table.start.tolist() == [0, 15, 30, 95] and (table.stop - table.start).tolist() == [60] * 4
    assert table.time.tolist() == [0, 0.5, 1, 0]
    assert len(windows(dataset, 2.0)) == 2
    with pytest.raises(ValueError, match="at least 60"):
        windows(dataset, 60.0)
    with pytest.raises(ValueError, match=r"from 0.01 s on, got 2 s and 0 s$"):
        windows(dataset, 2.0, 0.0)


def test_frames_that_come_a_little_early_stay_in_their_window(tmp_path: Path, make_cloud: MakeCloud) -> None:
    cloud = make_cloud(0, 30, period=0.1)
    # A clock that jitters by a fifth of a period to either side, as hosts stamp frames.
    jitter = torch.tensor([0.0, -0.02, 0.02] * 10, dtype=torch.float64)
    with DatasetWriter(tmp_path / "j.h5", Attributes()) as writer:
        writer.append(Sample("j", Labels("walk"), replace(cloud, times=cloud.times + jitter)))
    table = windows(Dataset.open(tmp_path / "j.h5"), 1.0)
    assert table.start.tolist() == [0, 10, 20] and table.stop.tolist() == [10, 20, 30]


def test_a_gap_of_a_recording_has_no_windows(tmp_path: Path, make_cloud: MakeCloud) -> None:
    cloud = make_cloud(0, 120)
    with DatasetWriter(tmp_path / "a.h5", Attributes()) as writer:
        # 2 s, 6 s without a frame, 2 s.
        times = (torch.arange(120) + 180 * (torch.arange(120) >= 60)) / 30.0
        writer.append(Sample("c", Labels("walk", "p"), replace(cloud, times=times.double())))
    table = windows(Dataset.open(tmp_path / "a.h5"), 2.0)
    assert table.time.tolist() == [0, 8] and (table.stop - table.start).tolist() == [60, 60]


def test_a_window_begins_where_it_would_without_a_gap(tmp_path: Path, make_cloud: MakeCloud) -> None:
    times = torch.cat([torch.arange(20), torch.arange(27, 40)]).double() / 10  # 2.0 to 2.6 s are missing
    with DatasetWriter(tmp_path / "g.h5", Attributes()) as writer:
        writer.append(Sample("g", Labels("walk", "p"), replace(make_cloud(0, 33), times=times)))
    data = Dataset.open(tmp_path / "g.h5")
    table = windows(data, 2.0)
    # Half a frame before the first; the second window waits 0.7 s for its own.
    np.testing.assert_allclose(table.lead, [0.05, 0.75], atol=1e-9)
    np.testing.assert_allclose(times.numpy()[table.start] - table.lead, table.time - 0.05, atol=1e-6)
    # Frames of a batch are those nearest in time: the gap's are all the first after it.
    frames = WindowDataset(data, BatchSettings(2.0, frames=20, points="all"))._frames(1)
    assert frames.tolist() == [20] * 8 + list(range(21, 33))


def test_moving_and_static_points_are_all_points(dataset: Dataset) -> None:
    flat = dataset.points()
    moving, static = select_points(flat, "moving"), select_points(flat, "static")
    assert len(moving.values) + len(static.values) == len(flat.values) and len(static.values) > 0
    assert (static.values[:, 3] == 0).all() and (moving.values[:, 3] != 0).all()
    for part in (moving, static):
        assert (np.repeat(np.arange(len(part.frame_time)), np.diff(part.point_offsets)) == part.frame).all()


def test_a_batch_holds_the_points_of_its_frames(dataset: Dataset) -> None:
    data = WindowDataset(dataset, BatchSettings(2.0, 0.5, frames=60, points="all"))
    assert data.classes == ("box", "walk") and data.activity.tolist() == [1, 1, 1, 0]
    batch = collate([data[1], data[3]])
    assert batch.points.shape == (2, 60, 4, 7) and batch.activity.tolist() == [1, 0]
    cloud = dataset[0].cloud
    for frame in range(60):
        rows = slice(*cloud.offsets[15 + frame : 17 + frame].tolist())
        found = batch.points[0, frame][batch.mask[0, frame]]
        torch.testing.assert_close(found[:, :3], cloud.position[rows])
        torch.testing.assert_close(found[:, 3], cloud.velocity[rows])
    assert (batch.points[~batch.mask] == 0).all() and batch.points.isfinite().all()


def test_a_window_at_another_rate_takes_the_nearest_frames(dataset: Dataset) -> None:
    data = WindowDataset(dataset, BatchSettings(2.0, frames=20, points="all"))
    counts = data[0].mask.sum(2)[0].tolist()
    offsets = dataset[0].cloud.offsets
    assert counts == [int(offsets[f + 1] - offsets[f]) for f in range(1, 60, 3)]


def test_poses_of_a_batch_are_those_of_its_frames_and_clip(tmp_path: Path, make_cloud: MakeCloud) -> None:
    """Joints that say their clip and frame: at another rate those of the nearest frames."""
    with DatasetWriter(tmp_path / "p.h5", Attributes(joint_set="head hip")) as writer:
        for i, frames in enumerate((70, 130)):
            where = torch.stack([torch.full((frames,), float(i)), torch.arange(frames), torch.zeros(frames)], 1)
            joints = where[:, None].expand(-1, 2, -1).float()
            labels = Labels("walk", f"p{i}")
            writer.append(Sample(f"c{i}", labels, make_cloud(i, frames), joints=joints, joint_set="head hip"))
    data = WindowDataset(Dataset.open(tmp_path / "p.h5"), BatchSettings(2.0, frames=20, points="all"))
    batch = collate([data[2], data[0]])
    # Of three windows of 60 frames the last begins at frame 60 of the second clip; every third frame is its middle's.
    assert batch.clip.tolist() == [1, 0] and batch.joints.shape == (2, 20, 2, 3)
    for row, (clip, first) in enumerate(((1, 61), (0, 1))):
        assert (batch.joints[row, :, :, 0] == clip).all()
        assert batch.joints[row, :, 0, 1].tolist() == list(range(first, first + 60, 3))


def test_the_strongest_points_stay(dataset: Dataset) -> None:
    data = WindowDataset(dataset, BatchSettings(2.0, points="all", max_points=2))
    cloud, item = dataset[0].cloud, data[0]
    assert item.points.shape[2] == 2
    for frame in range(60):
        rows = slice(*cloud.offsets[frame : frame + 2].tolist())
        strongest = cloud.intensity[rows].sort(descending=True).values[:2].sort().values
        torch.testing.assert_close(item.points[0, frame, :, 4][item.mask[0, frame]].sort().values, strongest)


def test_batches_come_from_a_loader_and_from_joined_files(dataset: Dataset, tmp_path: Path) -> None:
    data = WindowDataset(Datasets((dataset, dataset)), BatchSettings(), clips=[0, 1, 4])
    assert data.part.tolist() == [0, 0, 1] and data.table.clip.tolist() == [0, 1, 4]
    loader = torch.utils.data.DataLoader(data, batch_size=2, collate_fn=collate, num_workers=0)
    first, second = list(loader)
    assert len(first) == 2 and len(second) == 1
    torch.testing.assert_close(second.points, collate([data[0]]).points)
    assert first.joints.shape == (2, 60, 0, 3)


@pytest.mark.parametrize("name", split_names())
def test_splits_that_come_with_mmsynth(name: str) -> None:
    split = load_split(name)
    assert len(split.note) > 40
    if split.leak_free and split.dataset == "mars":
        people = {part: {i.split("-")[0] for i in getattr(split, part)} for part in ("train", "validation", "test")}
        assert not people["test"] & (people["train"] | people["validation"])
    if split.dataset == "mars":
        assert len(split.train) + len(split.validation) + len(split.test) == 120


def test_radhar_splits_cover_the_pack() -> None:
    there, back = load_split("radhar-28jun-to-30jun"), load_split("radhar-30jun-to-28jun")
    # The published test takes are of the same sittings as the training takes: who trains by it is told.
    assert there.leak_free and back.leak_free and not load_split("radhar-official").leak_free
    assert len(there.test) == 78 and len(back.test) == 53
    assert set(there.test) == set(back.train) | set(back.validation)
    assert set(back.test) == set(there.train) | set(there.validation)
    assert set(there.test) | set(back.test) == set(load_split("radhar-official").train)


@pytest.mark.real
@pytest.mark.slow
def test_radhar_days_are_apart(real_data: Path) -> None:
    from mmsynth.datasets import import_radhar

    day = {s.id: s.labels.session[:10] for s in import_radhar(real_data / "radhar").samples}
    for name in ("radhar-28jun-to-30jun", "radhar-30jun-to-28jun"):
        split = load_split(name)
        assert {day[i] for i in split.train + split.validation}.isdisjoint({day[i] for i in split.test})


def test_a_split_that_leaks_a_clip_is_refused(tmp_path: Path, dataset: Dataset) -> None:
    path = tmp_path / "s.toml"
    text = 'dataset = "d"\nleak_free = true\nnote = ""\ntrain = ["c0"]\ntest = ["{}"]\n'
    path.write_text(text.format("c1"))
    split = load_split(path)
    assert split.rows(dataset, "test").tolist() == [1] and len(split.rows(dataset, "validation")) == 0
    with pytest.raises(ValueError, match="part of train"):
        split.rows(dataset, "all")
    path.write_text(text.format("c9"))
    with pytest.raises(ValueError, match="none of the test clips"):
        load_split(path).rows(dataset, "test")
    path.write_text(text.format("c0"))
    with pytest.raises(ValueError, match="'c0' is in train and in test"):
        load_split(path)
    for part, others in (("test", '["c1"]'), ("train", '["c0"]')):
        path.write_text(text.format("c1") + f"validation = {others}\n")
        with pytest.raises(ValueError, match=f"' is in {'train' if part == 'train' else 'validation'} and in"):
            load_split(path)
    with pytest.raises(ValueError, match="expected one of mars-"):
        load_split("mars")


def readme_examples() -> list[str]:
    text = (Path(__file__).parents[2] / "datasets" / "README.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def test_heatmaps_are_read_as_the_readme_says(
    tmp_path: Path,
    make_sample: Callable[..., Sample],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    samples = [make_sample(i, adc=False, joints=False) for i in range(3)]
    with DatasetWriter(tmp_path / "mine.h5", Attributes()) as writer:
        for s in samples:
            writer.append(replace(s, heatmaps=tuple(replace(m, kind="range_doppler") for m in s.heatmaps)))
    found: dict[str, Any] = {}
    exec(readme_examples()[2], found)  # noqa: S102
    assert capsys.readouterr().out == "torch.Size([3, 2, 5, 6]) ('walk', 'walk', 'walk')\n"
    maps = found["Maps"]("mine.h5")
    assert len(maps) == 3 and torch.equal(maps[1][0], samples[1].heatmaps[0].power) and maps[1][1] == "walk"


def test_a_set_is_read_as_its_readme_says(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays, plain, _ = readme_examples()
    monkeypatch.chdir(dataset.path.parent)
    dataset.path.rename("mine.h5")
    found: dict[str, Any] = {}
    exec(arrays, found)  # noqa: S102
    with np.load("mine.npz") as file:
        assert file["activity"].tolist() == ["walk", "box", "walk", "box"]
        for i, sample in enumerate(Dataset.open("mine.h5")):
            assert np.array_equal(file["points"][file["clip"] == i, :3], sample.cloud.position.numpy())
    # Of the three clips that are long enough at 30 frames/s, one has two windows.
    assert found["x"].shape[:2] == (3, 20) and found["x"].shape[:3] == found["mask"].shape and len(found["y"]) == 3
    exec(plain, found)  # noqa: S102
    assert np.array_equal(found["xyz"], found["data"][0].cloud.position.numpy()) and len(found["v"]) == len(
        found["xyz"]
    )
    assert found["activity"].tolist() == ["walk", "box", "walk", "box"]
