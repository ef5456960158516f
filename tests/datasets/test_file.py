"""The HDF5 file: round trip, same bytes, whole or not at all, damage."""

import io
import itertools
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from mmsynth.datasets import Attributes, Dataset, Datasets, DatasetWriter
from mmsynth.datasets.disk import Disk
from mmsynth.types import PointCloud, Sample

Make = Callable[..., Sample]


def write(path: Path, attributes: Attributes, samples: list[Sample]) -> Path:
    with DatasetWriter(path, attributes) as writer:
        for sample in samples:
            writer.append(sample)
    return path


def same_array(a: object, b: object) -> bool:
    return np.array_equal(np.asarray(a), np.asarray(b), equal_nan=np.asarray(a).dtype.kind in "fc")


def assert_same_cloud(a: PointCloud, b: PointCloud) -> None:
    for name in ("position", "velocity", "intensity", "snr_db", "noise_db", "offsets", "times"):
        assert same_array(getattr(a, name), getattr(b, name)), name
    names = [[c.region_names[i] if i >= 0 else None for i in c.region.tolist()] for c in (a, b) if c.region is not None]
    assert names[0] == names[-1]
    assert a.intensity_unit == b.intensity_unit


def assert_same(a: Sample, b: Sample) -> None:
    assert (a.id, a.labels, a.provenance) == (b.id, b.labels, b.provenance)
    assert_same_cloud(a.cloud, b.cloud)
    if a.joints is not None:
        assert same_array(a.joints, b.joints) and a.joint_set == b.joint_set
    assert len(a.heatmaps) == len(b.heatmaps)
    for x, y in zip(a.heatmaps, b.heatmaps, strict=True):
        assert all(same_array(getattr(x, n), getattr(y, n)) for n in ("power", "rows", "columns", "times"))
    assert (a.adc is None) == (b.adc is None)
    if a.adc is not None and b.adc is not None:
        assert same_array(a.adc.samples, b.adc.samples) and same_array(a.adc.times, b.adc.times)


def test_what_goes_in_comes_out(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    kinds = itertools.product([True, False], repeat=3)
    samples = [
        make_sample(i, frames=3 + i, adc=adc, heatmap=heatmap, joints=joints)
        for i, (adc, heatmap, joints) in enumerate(kinds)
    ]
    dataset = Dataset.open(write(tmp_path / "a.h5", attributes, samples))
    assert len(dataset) == len(samples)
    for sample, found in zip(samples, dataset, strict=True):
        assert_same(sample, found)
    assert dataset.labels.activity.tolist() == ["walk"] * len(samples)
    assert dataset.labels.id.tolist() == [s.id for s in samples]
    assert_same(samples[-1], dataset[-1])


def test_heatmaps_and_adc_may_begin_with_a_later_clip(
    tmp_path: Path, attributes: Attributes, make_sample: Make
) -> None:
    samples = [make_sample(i, adc=i == 2, heatmap=i == 1) for i in range(4)]
    for sample, found in zip(samples, Dataset.open(write(tmp_path / "a.h5", attributes, samples)), strict=True):
        assert_same(sample, found)


def test_attributes_come_back(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    found = Dataset.open(write(tmp_path / "a.h5", attributes, [make_sample(0)])).attributes
    for f in fields(Attributes):
        if f.name != "radar":
            assert getattr(found, f.name) == getattr(attributes, f.name), f.name
    assert found.radar is not None and attributes.radar is not None
    assert found.radar.waveform == attributes.radar.waveform and found.radar.receiver == attributes.radar.receiver
    assert same_array(found.radar.tx, attributes.radar.tx) and same_array(found.radar.codes, attributes.radar.codes)
    assert same_array(found.radar.pattern.table_angle, attributes.radar.pattern.table_angle)


def test_flat_points_are_those_of_the_clips(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    samples = [make_sample(i, frames=4 + i) for i in range(3)]
    dataset = Dataset.open(write(tmp_path / "a.h5", attributes, samples))
    flat, joints = dataset.points(), dataset.joints()
    assert joints is not None
    for i, sample in enumerate(samples):
        a, b = flat.clip_offsets[i : i + 2]
        for f in range(a, b):
            rows = slice(*flat.point_offsets[f : f + 2])
            mine = slice(*sample.cloud.offsets[f - a : f - a + 2].tolist())
            assert same_array(flat.values[rows, :3], sample.cloud.position[mine])
            assert same_array(flat.values[rows, 5], sample.cloud.snr_db[mine])
            assert (flat.frame[rows] == f).all()
        assert same_array(flat.frame_time[a:b], sample.cloud.times)
        assert same_array(joints[a:b], sample.joints)


def test_same_clips_give_the_same_bytes_and_a_copy_too(
    tmp_path: Path, attributes: Attributes, make_sample: Make
) -> None:
    def make() -> list[Sample]:
        samples = [make_sample(i) for i in range(4)]
        adc = samples[2].adc
        assert adc is not None
        # Volts off the ADC's grid (a radar without one): stored with a scale of its own.
        odd = replace(samples[2], adc=replace(adc, samples=adc.samples * torch.pi * 100))
        return [*samples[:2], odd, samples[3]]

    first = write(tmp_path / "a.h5", attributes, make())
    again = write(tmp_path / "b.h5", attributes, make())
    copy = write(tmp_path / "c.h5", attributes, list(Dataset.open(first)))
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() == copy.read_bytes()
    other = write(tmp_path / "d.h5", attributes, make()[::-1])
    assert first.read_bytes() != other.read_bytes()


def test_adc_with_a_scale_of_its_own_errs_by_half_a_count(
    tmp_path: Path, attributes: Attributes, make_sample: Make
) -> None:
    sample = make_sample(0)
    assert sample.adc is not None
    # Also where samples lie by little beyond the most steps of the ADC that a number holds: none is cut off.
    peak = float(torch.view_as_real(sample.adc.samples).abs().max())
    receiver = sample.adc.radar.receiver
    for reach in (torch.pi * 100 * peak, 1.5 * 2**15 * receiver.full_scale / 2 ** (receiver.bits - 1)):
        errs_by_half_a_count(tmp_path / f"{reach}.h5", attributes, sample, reach / peak)


def errs_by_half_a_count(path: Path, attributes: Attributes, sample: Sample, factor: float) -> None:
    assert sample.adc is not None
    loud = replace(sample.adc, samples=sample.adc.samples * factor)
    found = Dataset.open(write(path, attributes, [replace(sample, adc=loud)]))[0].adc
    assert found is not None
    peak = float(torch.view_as_real(loud.samples).abs().max())
    # A power of two at most twice the finest step that holds the peak: half of that is peak / 32767.
    assert float(torch.view_as_real(found.samples - loud.samples).abs().max()) <= peak / 32767 * (1 + 1e-5)


def test_axes_and_units_stand_on_every_array(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    path = write(tmp_path / "a.h5", attributes, [make_sample(0)])
    with h5py.File(path) as file:
        assert [d.label for d in file["joints/positions"].dims] == ["frames", "joints", "xyz"]
        assert file["joints/positions"].attrs["unit"] == b"m"
        assert [d.label for d in file["adc/samples"].dims] == ["frames", "loops", "slots", "rx", "samples", "parts"]
        assert file["points/values"].attrs["columns"].decode().split()[3] == "v"
        assert file["points/values"].attrs["units"].decode().split() == ["m", "m", "m", "m/s", "dB", "dB", "dB"]
        assert file["heatmaps/range_azimuth/power"].dtype == np.float16
        assert [file[f"heatmaps/range_azimuth/{axis}"].attrs["unit"] for axis in ("rows", "columns")] == [b"m", b"rad"]
        bare: list[str] = []
        file.visititems(lambda n, o: bare.append(n) if isinstance(o, h5py.Dataset) and "unit" not in o.attrs else None)
        assert bare == []


def test_files_join(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    a = Dataset.open(write(tmp_path / "a.h5", attributes, [make_sample(i) for i in range(3)]))
    b = Dataset.open(write(tmp_path / "b.h5", attributes, [make_sample(7, frames=2)]))
    both = Datasets((a, b))
    assert len(both) == 4 and both.part.tolist() == [0, 0, 0, 1]
    assert_same(both[3], b[0])
    assert_same(both[-2], a[2])
    flat, only = both.points(), b.points()
    start = flat.clip_offsets[3]
    assert flat.clip_offsets[-1] - start == 2
    assert same_array(flat.values[flat.point_offsets[start] :], only.values)
    joints = both.joints()
    assert joints is not None and len(joints) == flat.clip_offsets[-1]


def test_units_of_intensity_do_not_mix_by_mistake(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    plain = make_sample(0)
    other = replace(plain, cloud=replace(plain.cloud, intensity_unit="ADC counts"))
    a = Dataset.open(write(tmp_path / "a.h5", attributes, [plain]))
    b = Dataset.open(write(tmp_path / "b.h5", replace(attributes, intensity_unit="ADC counts"), [other]))
    with pytest.raises(ValueError, match="one intensity_unit, got 'ADC counts', 'dB'"):
        Datasets((a, b))
    mixed = Datasets((a, b), drop_intensity=True)
    assert np.isnan(mixed.points().values[:, 4]).all() and mixed[1].cloud.intensity.isnan().all()


def test_a_dataset_goes_to_another_process(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    dataset = Dataset.open(write(tmp_path / "a.h5", attributes, [make_sample(0)]))
    assert_same(pickle.loads(pickle.dumps(dataset))[0], dataset[0])


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

        def write(self, data: Any, /) -> int:
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


def test_damaged_files_are_one_sentence(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    whole = write(tmp_path / "a.h5", attributes, [make_sample(i) for i in range(3)]).read_bytes()
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
    data = Dataset.open(write(tmp_path / "a.h5", attributes, [make_sample(0)]))
    monkeypatch.setattr(data, "_cloud", lambda *_: np.empty(1 << 50))  # no machine addresses so much
    with pytest.raises(ValueError, match=r"a\.h5: too little memory to read it, or damaged: Unable to allocate"):
        data[0]


@pytest.mark.parametrize("name", ["points/values", "adc/samples", "heatmaps/range_azimuth/power"])
def test_a_flipped_bit_in_the_data_is_noticed(
    tmp_path: Path, attributes: Attributes, make_sample: Make, name: str
) -> None:
    path = write(tmp_path / "a.h5", attributes, [make_sample(0)])
    with h5py.File(path) as file:
        chunk = file[name].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.h5: not a readable data set"):
        Dataset.open(path)[0]


def test_a_header_that_promises_gigabytes_is_refused(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    path = write(tmp_path / "a.h5", attributes, [make_sample(0)])
    with h5py.File(path, "r+") as file:
        file["joints/positions"].resize(10_000_000, axis=0)
    with pytest.raises(ValueError, match="damaged: 'joints/positions' of shape"):
        Dataset.open(path)


def test_notes_that_come_later_stand_beside_those_that_are_there(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "a.h5", Attributes(notes={"first": "kept"})) as writer:
        writer.note("second", "told at the end")
    assert Dataset.open(tmp_path / "a.h5").attributes.notes == {"first": "kept", "second": "told at the end"}


def test_what_was_never_written_reads_as_zeros(tmp_path: Path) -> None:
    disk, found = Disk(tmp_path / "a"), bytearray(b"xxxxxx")
    disk.seek(1)
    assert disk.write(b"ab") == 2 and disk.seek(0) == 0
    assert disk.readinto(found) == 6 and bytes(found) == b"\0ab\0\0\0"
    disk.close()
