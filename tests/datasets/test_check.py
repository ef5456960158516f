"""Files of other programs that do not hold what a data set should are told by one sentence that names them."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from mmsynth.datasets import Attributes, Dataset, DatasetWriter, info
from mmsynth.types import Sample

Make = Callable[..., Sample]


@pytest.fixture
def path(tmp_path: Path, attributes: Attributes, make_sample: Make) -> Path:
    with DatasetWriter(tmp_path / "a.h5", attributes) as writer:
        for i in range(3):
            writer.append(make_sample(i, adc=True, heatmap=True, joints=True))
    return tmp_path / "a.h5"


def change(path: Path, name: str, values: Callable[[np.ndarray[Any, Any]], Any], **more: Any) -> None:
    """Replace an array of a file."""
    with h5py.File(path, "r+") as file:
        found, attributes = file[name][...], dict(file[name].attrs)
        del file[name]
        file.create_dataset(name, data=values(found), **more).attrs.update(attributes)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("points/values", lambda v: v[:, :6], "'points/values': axis 'columns' has size 6, expected 7"),
        ("points/values", lambda v: v.astype("S3"), "'points/values': expected numbers over points columns, got |S3"),
        ("points/region", lambda v: v[:-1], "'points/"),
        ("joints/positions", lambda v: v[:, :7], "'joints/positions': axis 'joints' has size 7, expected "),
        ("joints/positions", lambda v: v[:-1], "'joints/positions': expected a row for each of the "),
        ("joints/positions", lambda v: v[..., :2], "'joints/positions': axis 'xyz' has size 2, expected 3"),
        ("adc/samples", lambda v: v[:, 0], "'adc/samples': expected numbers over frames loops slots rx samples parts"),
        ("adc/scale", lambda v: v[:-1], "'adc/s"),
        ("heatmaps/range_azimuth/power", lambda v: v[:, :-1], "'heatmaps/range_azimuth/"),
        ("frames/time", lambda t: np.where(np.arange(len(t)) == 1, np.nan, t), "clip 'clip-0': expected the times"),
        ("frames/time", lambda t: t[::-1], "clip 'clip-0': expected the times of its frames in order"),
        ("clips/id", lambda v: np.array([b"a", b"b", b"a"], object), "expected clips of different ids, got several of"),
        ("clips/activity", lambda v: np.array([b"\xff"] * 3, object), "'utf-8' codec can't decode"),
        ("clips/activity", lambda v: np.arange(3), "'clips/activity': expected text over clips, got int64"),
    ],
)
def test_arrays_of_another_shape_or_kind(
    path: Path, name: str, values: Callable[[np.ndarray[Any, Any]], Any], message: str
) -> None:
    change(path, name, values, dtype=h5py.string_dtype() if values(np.zeros((3, 9, 3))).dtype == object else None)
    with pytest.raises(ValueError) as caught:
        Dataset.open(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: damaged: ") and message in text and "\n" not in text


@pytest.mark.parametrize("name", ["radar", "schema_version", "notes"])
def test_what_the_file_says_of_itself(path: Path, name: str) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs[name] = "[x"
    with pytest.raises(ValueError, match=rf"^{path}: "):
        Dataset.open(path)


def test_samples_without_a_scale(path: Path) -> None:
    change(path, "adc/scale", lambda v: np.where(np.arange(len(v)) == 0, np.nan, v))
    data = Dataset.open(path)
    with pytest.raises(ValueError, match=rf"^{path}: damaged: 'adc/scale' of clip 'clip-0' holds what is no number"):
        data[0]
    assert data[1].adc is not None


def test_points_that_are_nowhere_and_frames_that_take_no_time(path: Path) -> None:
    change(path, "points/values", lambda v: np.full_like(v, np.inf))
    change(path, "frames/time", lambda t: 0 * t)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = info(path)
    assert found["time"] == "not known" and "from nan m to nan m" in found["points"]


def test_no_clip_is_written_that_could_not_be_read(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    clip = make_sample(0)
    late = replace(clip, cloud=replace(clip.cloud, times=clip.cloud.times.flip(0)))
    with (
        pytest.raises(ValueError, match=r"a\.h5: clip 'clip-0': expected the times of its frames in order"),
        DatasetWriter(tmp_path / "a.h5", attributes) as writer,
    ):
        writer.append(late)
    assert list(tmp_path.iterdir()) == []
