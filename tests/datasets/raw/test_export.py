"""A data set's samples, written as recordings and read back."""

import csv
import resource
from dataclasses import replace
from functools import partial

import pytest
import torch

from mmsynth.datasets.raw import export, export_recordings, read_dca1000, read_infineon, write_dca1000
from mmsynth.radar import load_radar
from mmsynth.types import AdcFrames, Labels, PointCloud, Sample


def clip(name: str, identity: str, adc: bool = True) -> Sample:
    radar = load_radar(name).radar
    w = radar.waveform
    shape = (2, w.loops, radar.slots, len(radar.rx), w.samples)
    generator = torch.Generator().manual_seed(len(identity))
    parts = 2 if w.complex_samples else 1
    scale = radar.receiver.full_scale / 2 ** (radar.receiver.bits - 1)
    steps = torch.randint(-2000, 2000, (*shape, parts), generator=generator).to(torch.float32) * scale
    samples = torch.view_as_complex(steps) if parts == 2 else steps[..., 0]
    times = torch.arange(2, dtype=torch.float64) * w.frame_period
    none = torch.zeros(0)
    cloud = PointCloud(torch.zeros(0, 3), none, none, none, none, torch.zeros(3, dtype=torch.int64), times)
    labels = Labels(activity="walk", subject="s1", session="d1")
    return Sample(identity, labels, cloud, adc=AdcFrames(radar, samples, times) if adc else None)


def test_ti_recordings(tmp_path):
    clips = [clip("radhar", "a/1"), clip("radhar", "b", adc=False), clip("radhar", "c 22")]
    (tmp_path / "out.part").mkdir()
    (tmp_path / "out.part" / "of_another_set.bin").write_text("left by an export that was killed")
    written = export_recordings(clips, tmp_path / "out")
    assert [path.name for path in written] == ["a_1.bin", "c_22.bin"]
    assert not (tmp_path / "out" / "of_another_set.bin").exists()
    setup = load_radar(str(tmp_path / "out" / "radar.cfg"))
    assert setup.radar.name == "IWR1443BOOST/radar"
    for path, sample in zip(written, (clips[0], clips[2]), strict=True):
        assert torch.equal(read_dca1000(path, setup).frames().samples, sample.adc.samples)
    with (tmp_path / "out" / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == dict(file="a_1.bin", start="", end="", label="walk", subject="s1", session="d1")
    with pytest.raises(ValueError, match="out: exists already"):
        export_recordings(clips, tmp_path / "out")


def test_a_recording_of_several_files_has_one_row(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "write_dca1000", partial(write_dca1000, split=1 << 20))
    (first,) = export_recordings([clip("mmmesh", "long")], tmp_path / "out")
    assert first.name == "long_Raw_0.bin" and (tmp_path / "out" / "long_Raw_1.bin").exists()
    with (tmp_path / "out" / "labels.csv").open() as file:
        assert [row["file"] for row in csv.DictReader(file)] == ["long_Raw_0.bin"]


def test_a_board_that_does_not_record_so_is_refused_and_leaves_nothing(tmp_path):
    for name, kind, said in (
        ("bgt60", "dca1000", "expected a board that goes with a DCA1000"),
        ("radhar", "infineon", "expected one TX and real samples"),
        ("radhar", "cascade", "expected the cascade's 16 RX"),
        ("radhar", "dca", "expected one of dca1000, cascade, infineon, got 'dca'"),
    ):
        with pytest.raises(ValueError, match=said):
            export_recordings([clip(name, "a")], tmp_path / "out", kind=kind)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["radhar", "cascade_mimo", "bgt60"])
def test_a_full_disk_is_told_with_the_name_of_the_folder(name, tmp_path):
    sample = clip(name, "a")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OSError, match="out: cannot write: "):
            export_recordings([sample], tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_radar_of_ones_own_has_no_format(tmp_path):
    sample = clip("radhar", "a")
    own = replace(sample, adc=replace(sample.adc, radar=replace(sample.adc.radar, name="mine")))
    with pytest.raises(ValueError, match=r"^export: expected the radar of a board .* got 'mine'\); the samples of any"):
        export_recordings([own], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_infineon_recordings(tmp_path):
    clips = [clip("bgt60", "x")]
    (folder,) = export_recordings(clips, tmp_path / "out")
    assert torch.allclose(read_infineon(folder).frames().samples, clips[0].adc.samples, rtol=1e-6)


def test_clips_of_one_file_name_are_refused(tmp_path):
    with pytest.raises(ValueError, match="names differ as files, got 'a_1' twice"):
        export_recordings([clip("radhar", "a/1"), clip("radhar", "a_1")], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_export_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="expected clips with raw samples, got none"):
        export_recordings([clip("radhar", "a", adc=False)], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
