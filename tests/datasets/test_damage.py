"""Damaged files of data sets: one sentence, before their arrays are believed."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from made_up import written

from mmsynth.datasets import Attributes, Dataset
from mmsynth.types import Sample

Make = Callable[..., Sample]


def test_damaged_files_are_one_sentence(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    whole = written(tmp_path / "a.h5", attributes, [make_sample(i) for i in range(3)]).read_bytes()
    bad = tmp_path / "bad.h5"
    with pytest.raises(ValueError, match="no such file"):
        Dataset.open(bad)
    for content in (b"", b"hello", whole[:2000], whole[: len(whole) // 2]):
        bad.write_bytes(content)
        with pytest.raises(ValueError, match="bad.h5"):
            Dataset.open(bad)
    bad.unlink()
    with h5py.File(bad, "w") as file:
        file["x"] = 1
    with pytest.raises(ValueError, match="another kind of HDF5"):
        Dataset.open(bad)
    bad.write_bytes(whole)
    with h5py.File(bad, "r+") as file:
        file.attrs["schema_version"] = 99
    with pytest.raises(ValueError, match="version 99"):
        Dataset.open(bad)
    bad.write_bytes(whole)
    with h5py.File(bad, "r+") as file:
        file["frames/point_offsets"][-1] += 1
    with pytest.raises(ValueError, match="damaged"):
        Dataset.open(bad)


def test_too_little_memory_is_not_called_damage_alone(
    tmp_path: Path, attributes: Attributes, make_sample: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Dataset.open(written(tmp_path / "a.h5", attributes, [make_sample(0)]))
    monkeypatch.setattr(data, "_cloud", lambda *_: np.empty(1 << 50))  # no machine addresses so much
    with pytest.raises(ValueError, match=r"a\.h5: too little memory to read it, or damaged: Unable to allocate"):
        data[0]


@pytest.mark.parametrize("name", ["points/values", "adc/samples", "heatmaps/range_azimuth/power"])
def test_a_flipped_bit_in_the_data_is_noticed(
    tmp_path: Path, attributes: Attributes, make_sample: Make, name: str
) -> None:
    path = written(tmp_path / "a.h5", attributes, [make_sample(0)])
    with h5py.File(path) as file:
        chunk = file[name].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.h5: not a readable data set"):
        Dataset.open(path)[0]


def test_a_header_that_promises_gigabytes_is_refused(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    path = written(tmp_path / "a.h5", attributes, [make_sample(0)])
    with h5py.File(path, "r+") as file:
        file["joints/positions"].resize(10_000_000, axis=0)
    with pytest.raises(ValueError, match="damaged: 'joints/positions' of shape"):
        Dataset.open(path)
