"""The HDF5 file: what goes in comes out, in the same bytes."""

import itertools
import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from made_up import written

from mmsynth.datasets import Attributes, Dataset, Datasets, DatasetWriter, files_of
from mmsynth.types import PointCloud, Sample

Make = Callable[..., Sample]


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
    dataset = Dataset.open(written(tmp_path / "a.h5", attributes, samples))
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
    for sample, found in zip(samples, Dataset.open(written(tmp_path / "a.h5", attributes, samples)), strict=True):
        assert_same(sample, found)


def test_attributes_come_back(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    found = Dataset.open(written(tmp_path / "a.h5", attributes, [make_sample(0)])).attributes
    for f in fields(Attributes):
        if f.name != "radar":
            assert getattr(found, f.name) == getattr(attributes, f.name), f.name
    assert found.radar is not None and attributes.radar is not None
    assert found.radar.waveform == attributes.radar.waveform and found.radar.receiver == attributes.radar.receiver
    assert same_array(found.radar.tx, attributes.radar.tx) and same_array(found.radar.codes, attributes.radar.codes)
    assert same_array(found.radar.pattern.table_angle, attributes.radar.pattern.table_angle)


def test_flat_points_are_those_of_the_clips(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    samples = [make_sample(i, frames=4 + i) for i in range(3)]
    dataset = Dataset.open(written(tmp_path / "a.h5", attributes, samples))
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

    first = written(tmp_path / "a.h5", attributes, make())
    again = written(tmp_path / "b.h5", attributes, make())
    copy = written(tmp_path / "c.h5", attributes, list(Dataset.open(first)))
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() == copy.read_bytes()
    other = written(tmp_path / "d.h5", attributes, make()[::-1])
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
    found = Dataset.open(written(path, attributes, [replace(sample, adc=loud)]))[0].adc
    assert found is not None
    peak = float(torch.view_as_real(loud.samples).abs().max())
    # A power of two at most twice the finest step that holds the peak: half of that is peak / 32767.
    assert float(torch.view_as_real(found.samples - loud.samples).abs().max()) <= peak / 32767 * (1 + 1e-5)


def test_axes_and_units_stand_on_every_array(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    path = written(tmp_path / "a.h5", attributes, [make_sample(0)])
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
    a = Dataset.open(written(tmp_path / "a.h5", attributes, [make_sample(i) for i in range(3)]))
    b = Dataset.open(written(tmp_path / "b.h5", attributes, [make_sample(7, frames=2)]))
    both = Datasets.open([a.path, b.path])
    assert files_of(both) == both.parts and [p.path for p in both.parts] == [a.path, b.path] and files_of(a) == (a,)
    assert len(both) == 4 and both.part.tolist() == [0, 0, 0, 1]
    with pytest.raises(ValueError, match=r"^data sets: expected each file once, got .*a\.h5 twice$"):
        Datasets.open([a.path, b.path, tmp_path / "." / "a.h5"])
    assert_same(both[3], b[0])
    assert_same(both[-2], a[2])
    flat, only = both.points(), b.points()
    start = flat.clip_offsets[3]
    assert flat.clip_offsets[-1] - start == 2
    assert same_array(flat.values[flat.point_offsets[start] :], only.values)
    joints = both.joints()
    assert joints is not None and len(joints) == flat.clip_offsets[-1]
    # Of clips without joints none are known.
    bare = written(
        tmp_path / "c.h5", replace(attributes, joint_set=""), [replace(make_sample(1), joints=None, joint_set="")]
    )
    joined = Datasets.open([bare, b.path])
    joints = joined.joints()
    assert joined.joint_set == b.joint_set != "" and joints is not None
    assert np.isnan(joints[:-2]).all() and same_array(joints[-2:], b.joints())


def test_units_of_intensity_do_not_mix_by_mistake(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    plain = make_sample(0)
    other = replace(plain, cloud=replace(plain.cloud, intensity_unit="ADC counts"))
    a = Dataset.open(written(tmp_path / "a.h5", attributes, [plain]))
    b = Dataset.open(written(tmp_path / "b.h5", replace(attributes, intensity_unit="ADC counts"), [other]))
    with pytest.raises(ValueError, match=r"one intensity_unit, got 'dB' in .*a\.h5 and 'ADC counts' in .*b\.h5$"):
        Datasets((a, b))
    mixed = Datasets((a, b), drop_intensity=True)
    assert np.isnan(mixed.points().values[:, 4]).all() and mixed[1].cloud.intensity.isnan().all()


def test_a_dataset_goes_to_another_process(tmp_path: Path, attributes: Attributes, make_sample: Make) -> None:
    dataset = Dataset.open(written(tmp_path / "a.h5", attributes, [make_sample(0)]))
    assert_same(pickle.loads(pickle.dumps(dataset))[0], dataset[0])


def test_notes_that_come_later_stand_beside_those_that_are_there(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "a.h5", Attributes(notes={"first": "kept"})) as writer:
        writer.note("second", "told at the end")
    assert Dataset.open(tmp_path / "a.h5").attributes.notes == {"first": "kept", "second": "told at the end"}
