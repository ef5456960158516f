"""Files are whole or not at all: failed blocks, full disks, files that are there already."""

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.datasets.disk import Disk
from mmsynth.types import Sample

Make = Callable[..., Sample]


def test_nothing_is_left_of_a_block_that_fails(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    with pytest.raises(KeyboardInterrupt), DatasetWriter(tmp_path / "a.h5", attributes) as writer:
        writer.append(make_sample(0))
        assert [p.name for p in tmp_path.iterdir()] == ["a.h5.part"]
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_stays(tmp_path: Path, attributes: Attributes) -> None:
    (tmp_path / "a.h5").write_text("mine")
    with pytest.raises(ValueError, match="expected a new file"):
        DatasetWriter(tmp_path / "a.h5", attributes)
    assert (tmp_path / "a.h5").read_text() == "mine"
    with pytest.raises(ValueError, match="no such folder"):
        DatasetWriter(tmp_path / "nowhere" / "a.h5", attributes)


_FILL = """
import resource, signal, sys
import numpy as np, torch
from mmsynth.datasets import Attributes, DatasetWriter
from mmsynth.types import Labels, PointCloud, Sample
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
draw = torch.Generator().manual_seed(0)
try:
    with DatasetWriter(sys.argv[1], Attributes()) as writer:
        for i in range(100):
            points = torch.randn(5000, 7, generator=draw)
            columns = (points[:, k] for k in range(3, 7))
            cloud = PointCloud(points[:, :3], *columns, torch.tensor([0, 5000]), torch.zeros(1, dtype=torch.float64))
            writer.append(Sample(str(i), Labels(), cloud))
except ValueError as error:
    print(error)
"""


def test_what_a_disk_takes_piece_by_piece_is_there_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(io.FileIO):
        """Takes seven bytes at a time, as the system may."""

        def written(self, data: Any, /) -> int:
            return super().write(data[:7])

    disk = Disk(tmp_path / "a")
    disk._file.close()
    monkeypatch.setattr(disk, "_file", Slow(tmp_path / "a", "w+b"))
    said = bytes(range(100))
    assert disk.write(said) == 100 and disk.tell() == 100
    disk.seek(3)
    disk.write(b"xyz")
    disk.close()
    assert disk.error is None and (tmp_path / "a").read_bytes() == said[:3] + b"xyz" + said[6:]


def test_a_file_that_appeared_meanwhile_is_not_written_over(
    tmp_path: Path, attributes: Attributes, make_sample: Make
) -> None:
    path = tmp_path / "a.h5"
    with (
        pytest.raises(ValueError, match="a.h5: expected a new file, got one that appeared meanwhile"),
        DatasetWriter(path, attributes) as writer,
    ):
        writer.append(make_sample(0))
        path.write_text("another's")
    assert path.read_text() == "another's" and list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    # A limit on the size of files stands in for a disk of 400 kB: the same failing write under HDF5.
    done = subprocess.run([sys.executable, "-c", _FILL, str(tmp_path / "a.h5")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("a.h5: cannot write: File too large\n") and done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: replace(s, id=""), "id of its own"),
        (lambda s: replace(s, joint_set="coco17"), "joints 'coco17'"),
        (lambda s: replace(s, joints=s.joints[:-1]), "joints 'mars19'"),
        (lambda s: replace(s, cloud=replace(s.cloud, intensity_unit="W")), "intensity in W, expected dB"),
        (lambda s: replace(s, cloud=replace(s.cloud, region_names=("one",))), "region"),
        (lambda s: replace(s, heatmaps=(replace(s.heatmaps[0], rows=s.heatmaps[0].rows + 1),)), "other rows"),
        (lambda s: replace(s, heatmaps=(replace(s.heatmaps[0], kind="a/b"),)), "expected a name"),
        (lambda s: replace(s, adc=replace(s.adc, samples=s.adc.samples[:, :2])), "ADC frames of shape"),
    ],
)
def test_a_clip_that_does_not_fit_is_refused_and_the_rest_stays(
    tmp_path: Path,
    attributes: Attributes,
    make_sample: Make,
    change: Callable[[Sample], Sample],
    said: str,
) -> None:
    with DatasetWriter(tmp_path / "a.h5", attributes) as writer:
        writer.append(make_sample(0))
        with pytest.raises(ValueError, match=said):
            writer.append(change(make_sample(1)))
        with pytest.raises(ValueError, match="id of its own"):
            writer.append(make_sample(0))
        writer.append(make_sample(2))
    assert [s.id for s in Dataset.open(tmp_path / "a.h5")] == ["clip-0", "clip-2"]


def test_what_was_never_written_reads_as_zeros(tmp_path: Path) -> None:
    disk, found = Disk(tmp_path / "a"), bytearray(b"xxxxxx")
    disk.seek(1)
    assert disk.write(b"ab") == 2 and disk.seek(0) == 0
    assert disk.readinto(found) == 6 and bytes(found) == b"\0ab\0\0\0"
    disk.close()
