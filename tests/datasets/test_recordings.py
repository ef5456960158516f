"""A user's own recordings: raw ADC, UART logs and text with a label CSV become one data set."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import label_table
from uart import sdk3

from mmsynth.datasets import (
    Dataset,
    RecordingSettings,
    export_recordings,
    import_recordings,
    import_source,
    recording_settings,
    write_capture,
)
from mmsynth.datasets.parts import parts_of, starts
from mmsynth.datasets.raw import Recording, write_dca1000, write_infineon
from mmsynth.datasets.sources import raw_source
from mmsynth.processing import beamform, detect, range_doppler
from mmsynth.radar import load_radar
from mmsynth.types import AdcFrames

FRAMES = 6


def recorded(name: str, seed: int = 0, frames: int = FRAMES) -> AdcFrames:
    """Noise and a target at 2 m, on the grid of 16-bit words, as the card would have recorded them."""
    radar = load_radar(name).radar
    w = radar.waveform
    draw = torch.Generator().manual_seed(seed)
    shape = (frames, w.loops, radar.slots, len(radar.rx), w.samples)
    tone = 2 * torch.pi * (w.slope * 2 * 2.0 / 299792458.0) * w.sample_times()
    counts = 20 * torch.randn(*shape, 2, generator=draw)
    counts[..., 0] += 900 * torch.cos(tone)
    counts[..., 1] += 900 * torch.sin(tone)
    step = radar.receiver.full_scale / 32768
    samples = torch.view_as_complex(counts.round() * step)
    return AdcFrames(radar, samples, torch.arange(frames, dtype=torch.float64) * w.frame_period)


def test_raw_adc_with_labels(tmp_path: Path) -> None:
    setup, src = load_radar("radhar"), tmp_path / "src"
    src.mkdir()
    first, second = recorded("radhar", 0), recorded("radhar", 1)
    write_dca1000(src / "a.bin", first)
    # Too long for one file: the card begins another.
    assert len(write_dca1000(src / "b.bin", second, split=1 << 18)) > 1
    labels = label_table(
        tmp_path / "l.csv", "a.bin,0.03,0.09,walk,anna,monday", "b_Raw_0.bin,,,sit,bob,", "a.bin,0.09,,run,anna,monday"
    )
    settings = RecordingSettings(adc=True, heatmaps=("range_doppler",))
    capture = import_recordings("dca1000", src, "radhar", labels, settings)
    report = write_capture(capture, tmp_path / "out.h5")
    with Dataset.open(tmp_path / "out.h5") as data:
        assert data.labels.id.tolist() == ["a-000", "a-001", "b_Raw_0-000"]
        assert data.labels.activity.tolist() == ["walk", "run", "sit"]
        assert data.labels.subject.tolist() == ["anna", "anna", "bob"]
        assert data.labels.session.tolist() == ["monday", "monday", ""]
        assert data.attributes.radar is not None and data.attributes.processing == setup.processing
        for sample, adc, frames in zip(data, (first, first, second), ((1, 3), (3, 6), (0, 6)), strict=True):
            part = slice(*frames)
            direct = replace(adc, samples=adc.samples[part], times=adc.times[part] - adc.times[part.start])
            cube = range_doppler(direct, setup.processing)
            cloud = detect(cube, setup.processing)
            torch.testing.assert_close(sample.cloud.position, cloud.position)
            torch.testing.assert_close(sample.cloud.velocity, cloud.velocity)
            torch.testing.assert_close(sample.cloud.times, direct.times)
            assert sample.cloud.offsets.tolist() == cloud.offsets.tolist() and len(cloud.velocity) > 0
            assert sample.adc is not None
            torch.testing.assert_close(sample.adc.samples, direct.samples, rtol=0, atol=1e-9)
            expected = beamform(cube, "range_doppler", setup.processing).power
            # float16 keeps 11 bits: at 100 dB half a step is 0.03.
            torch.testing.assert_close(sample.heatmaps[0].power, expected, rtol=0, atol=0.04)
    assert report.dropped["frames without a label"] == 1
    assert [report.read[name] for name in ("recordings", "frames", "clips")] == [2, 12, 3]


def test_raw_adc_without_labels_and_a_folder_of_infineon(tmp_path: Path) -> None:
    radar = load_radar("bgt60").radar
    w = radar.waveform
    for name in ("x", "y"):
        shape = (FRAMES, w.loops, 1, len(radar.rx), w.samples)
        samples = 1e-3 * torch.randn(shape, generator=torch.Generator().manual_seed(len(name)))
        times = torch.arange(FRAMES, dtype=torch.float64) * w.frame_period
        write_infineon(tmp_path / "src" / name, AdcFrames(radar, samples, times))
    capture = import_source("infineon", tmp_path / "src")
    write_capture(capture, tmp_path / "out.h5")
    with Dataset.open(tmp_path / "out.h5") as data:
        assert data.labels.id.tolist() == ["x", "y"] and data.labels.activity.tolist() == ["", ""]
        assert data.frames == 2 * FRAMES
    one = list(import_source("infineon", tmp_path / "src" / "x").samples)
    assert [s.id for s in one] == ["x"]
    named = label_table(tmp_path / "l.csv", "x,,,sit,,")
    assert [s.labels.activity for s in import_source("infineon", tmp_path / "src" / "x", labels=named).samples] == [
        "sit"
    ]
    with pytest.raises(ValueError, match="leave out --cfg"):
        import_source("infineon", tmp_path / "src", radar="radhar")


def test_recordings_go_through_the_chain_of_a_recipe(tmp_path: Path) -> None:
    setup = load_radar("radhar")
    write_dca1000(tmp_path / "x.bin", recorded("radhar", frames=3))
    found = {}
    for keys in ({}, {"clutter_removal": True}):
        settings = RecordingSettings(True, ("range_doppler",), processing=keys)
        capture = import_source("dca1000", tmp_path, "radhar", settings=settings)
        (sample,) = capture.samples
        chain = capture.attributes.processing
        assert chain is not None and chain.clutter_removal is bool(keys)
        cube = range_doppler(sample.adc, replace(setup.processing, **keys))
        direct = beamform(cube, "range_doppler", setup.processing).power
        found[bool(keys)] = sample.heatmaps[0].power
        torch.testing.assert_close(found[bool(keys)], direct, rtol=0, atol=1e-4)
    assert not torch.allclose(found[False], found[True], atol=1)
    with pytest.raises(ValueError, match="clutter_removl"):
        import_source("dca1000", tmp_path, "radhar", None, RecordingSettings(processing={"clutter_removl": True}))
    with pytest.raises(ValueError, match="leave out --adc, --heatmaps and --recipe"):
        import_source("mars", tmp_path, settings=RecordingSettings(processing={"clutter_removal": True}))


def test_plain_arrays_with_named_axes(tmp_path: Path) -> None:
    adc = recorded("mmmesh")
    words = torch.view_as_real(adc.samples).permute(0, 3, 1, 2, 4, 5).flatten(2, 3) * 32768
    np.save(tmp_path / "a.npy", words.to(torch.int16).numpy())
    (tmp_path / "layout.toml").write_text('axes = "frames rx chirps samples iq"\nvolts = 3.0517578125e-5\n')
    settings = recording_settings(True, " range_azimuth, range_doppler,", tmp_path / "layout.toml")
    assert settings.heatmaps == ("range_azimuth", "range_doppler")
    (sample,) = import_source("array", tmp_path, "mmmesh", None, settings).samples
    processing = load_radar("mmmesh").processing
    assert torch.equal(sample.adc.samples, adc.samples)
    for heatmap in sample.heatmaps:
        direct = beamform(range_doppler(adc, processing), heatmap.kind, processing)
        torch.testing.assert_close(heatmap.power, direct.power)
        assert torch.equal(heatmap.columns, direct.columns)
    with pytest.raises(ValueError, match="heatmaps: expected some of range_doppler"):
        recording_settings(False, "range", None)


def test_a_long_recording_is_read_in_parts_that_meet(tmp_path: Path) -> None:
    """Of frames of 3 MB ten are read at a time: no frame is lost or there twice, and times go on."""
    setup = load_radar("mmmesh")
    adc = recorded("mmmesh", frames=12)
    recording = Recording(adc.radar, 12, lambda a, b: adc.samples[a:b])
    found = raw_source(recording, setup, RecordingSettings()).cut(1, 12)["cloud"]
    whole = detect(
        range_doppler(replace(adc, samples=adc.samples[1:], times=adc.times[:11]), setup.processing), setup.processing
    )
    torch.testing.assert_close(found.times, adc.times[:11])
    assert torch.equal(found.offsets, whole.offsets)
    torch.testing.assert_close(found.position, whole.position)


def test_samples_are_not_asked_of_logs_of_points(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("time,x,y,z\n0,1,2,3\n")
    with pytest.raises(ValueError, match="import csv: holds points, not ADC samples"):
        import_source("csv", tmp_path, settings=RecordingSettings(adc=True))
    with pytest.raises(ValueError, match="import radhar: holds points, not ADC samples"):
        import_source("radhar", tmp_path, settings=RecordingSettings(heatmaps=("range_doppler",)))


def test_parts_with_headers_are_one_recording(tmp_path: Path) -> None:
    names = [
        *(f"a_hdr_0ADC_{number}.bin" for number in range(11)),
        "a_hdr_0CC9_0.bin",
        "b_Raw_0.bin",
        "b_Raw_1.bin",
        "._c.bin",  # as macOS packs beside a file of an archive
    ]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    assert starts(names) == ["a_hdr_0ADC_0.bin", "b_Raw_0.bin"]
    assert starts([names[10], names[2], "x/b_Raw_1.bin", *names[12:]]) == [
        "a_hdr_0ADC_2.bin",
        "x/b_Raw_1.bin",
        "b_Raw_0.bin",
    ]
    # In order of their numbers: by name the tenth comes before the second.
    assert [p.name for p in parts_of(tmp_path / "a_hdr_0ADC_0.bin")] == names[:11]
    assert [p.name for p in parts_of(tmp_path / "b_Raw_0.bin")] == ["b_Raw_0.bin", "b_Raw_1.bin"]
    with pytest.raises(ValueError, match=r"b_Raw_1\.bin: expected b_Raw_0\.bin and .* got a later one by itself"):
        parts_of(tmp_path / "b_Raw_1.bin")
    # What comes after a part that is missing would begin within a frame.
    (tmp_path / names[7]).unlink()
    with pytest.raises(ValueError, match=r"a_hdr_0ADC_0\.bin and all parts to 10 beside it, got none of number 7$"):
        parts_of(tmp_path / "a_hdr_0ADC_0.bin")


def test_uart_log(tmp_path: Path) -> None:
    points = [np.random.default_rng(k).normal(size=(k + 1, 4)) for k in range(4)]
    log = b"junk" + b"".join(sdk3(7 + k, p.tolist(), [(150, 300)] * len(p)) for k, p in enumerate(points))
    (tmp_path / "log.dat").write_bytes(log)
    labels = label_table(tmp_path / "l.csv", "log.dat,0.05,,fall,carl,d1")
    period = load_radar("mmmesh").radar.waveform.frame_period
    (sample,) = import_source("ti-uart", tmp_path, "mmmesh", labels).samples
    assert (sample.id, sample.labels.activity) == ("log-000", "fall")
    rows = np.concatenate(points[1:])
    np.testing.assert_allclose(sample.cloud.position, rows[:, :3], rtol=1e-6)
    np.testing.assert_allclose(sample.cloud.velocity, rows[:, 3], rtol=1e-6)
    np.testing.assert_allclose(sample.cloud.snr_db, 15.0, rtol=1e-6)
    np.testing.assert_allclose(sample.cloud.times, np.arange(3) * period, atol=1e-9)
    with pytest.raises(ValueError, match=r"log\.dat: expected the radar's configuration \(--cfg\), got none"):
        import_source("ti-uart", tmp_path)


def test_uart_notes_name_their_log(tmp_path: Path) -> None:
    # As many bytes in two: what is wrong with one must not hide what is wrong with the other.
    for name, junk in (("a.dat", b"junk"), ("b.dat", b"scrap"), ("c.dat", b"junk")):
        (tmp_path / name).write_bytes(junk + sdk3(1, [(1.0, 2.0, 0.0, 0.5)], platform=0xA1843))
    capture = import_source("ti-uart", tmp_path, "mmmesh")
    list(capture.samples)
    assert [note.split(" bytes")[0] for note in capture.report.notes] == ["a.dat and 1 more: 4", "b.dat: 5"]


@pytest.mark.parametrize(("platform", "notes"), [(0xA6432, 1), (0xA1843, 0), (0xA1234, 0)])
def test_a_log_of_another_boards_chip_is_told(platform: int, notes: int, tmp_path: Path) -> None:
    """Of a chip that no board here has, nothing is said: its configuration is the user's."""
    (tmp_path / "log.dat").write_bytes(sdk3(1, [(1.0, 2.0, 0.0, 0.5)], platform=platform))
    capture = import_source("ti-uart", tmp_path, "mmmesh")
    list(capture.samples)
    assert len(capture.report.notes) == notes
    assert all("of an xWR6432, the configuration of IWR1843BOOST/mmmesh" in note for note in capture.report.notes)


def test_ros_text(tmp_path: Path) -> None:
    text = ""
    for k, point in enumerate((0, 1, 0, 0)):
        text += f'header: \n  seq: {k}\n  stamp: \n    secs: 100\n    nsecs: {k * 100:>9}\n  frame_id: "t"\n'
        text += f"point_id: {point}\nx: 2.0\ny: {0.5 + k}\nz: -1.0\nrange: 2.0\nvelocity: 0.25\n"
        text += "doppler_bin: 8\nbearing: 1.5\nintensity: 25.5\n---\n"
    (tmp_path / "log.txt").write_text(text + "header: cut")
    capture = import_source("ros-text", tmp_path, "radhar")
    (sample,) = capture.samples
    np.testing.assert_allclose(sample.cloud.position[:, 0], [-0.5, -1.5, -2.5, -3.5])
    np.testing.assert_allclose(sample.cloud.position[:, 1:], [[2.0, -1.0]] * 4)
    assert sample.cloud.offsets.tolist() == [0, 2, 3, 4]
    np.testing.assert_allclose(sample.cloud.times * 30, [0, 1, 2], rtol=2e-5)  # the profile says 33.333 ms
    assert capture.report.notes == ["log.txt: 1 damaged blocks were left out"]


@pytest.mark.real
def test_breathing_from_file_to_data_set(real_data: Path, tmp_path: Path) -> None:
    labels = label_table(
        tmp_path / "l.csv", "bgt60_breathing,1,9,breathing,anna,d1", "bgt60_breathing,10,18,breathing,anna,d1"
    )
    capture = import_source("infineon", real_data / "raw_adc" / "bgt60_breathing", labels=labels)
    write_capture(capture, tmp_path / "out.h5")
    with Dataset.open(tmp_path / "out.h5") as data:
        assert data.labels.activity.tolist() == ["breathing"] * 2
        flat = data.points()
        # 8 s at a frame every 77.27 ms.
        assert np.abs(np.diff(flat.clip_offsets) - 8 / 0.07727).max() < 1
        # Someone sits at 0.33 m, bin 12 of 2.725 cm: beyond the antennas' coupling no range has as many points.
        bins = np.rint(np.linalg.norm(flat.values[:, :3], axis=1) / 0.02725).astype(int)
        assert np.bincount(bins[bins > 4]).argmax() == 12


@pytest.mark.real
def test_a_raw_capture_goes_out_again_as_it_came(real_data: Path, tmp_path: Path) -> None:
    settings = RecordingSettings(adc=True, heatmaps=("range_azimuth",))
    source = real_data / "raw_adc" / "bgt60_breathing"
    write_capture(import_source("infineon", source, settings=settings), tmp_path / "a.h5")
    with Dataset.open(tmp_path / "a.h5") as data:
        (folder,) = export_recordings(data, tmp_path / "back")
        power = data[0].heatmaps[0].power.mean(0)
    assert np.array_equal(np.load(folder / "radar.npy"), np.load(source / "radar.npy"))
    write_capture(import_source("infineon", tmp_path / "back", settings=settings), tmp_path / "b.h5")
    with Dataset.open(tmp_path / "a.h5") as a, Dataset.open(tmp_path / "b.h5") as b:
        assert np.array_equal(a.points().values, b.points().values, equal_nan=True)
        assert torch.equal(a[0].heatmaps[0].power, b[0].heatmaps[0].power)
    # Someone sits at 0.33 m: beyond the antennas' coupling that is where the map is brightest, bin 12.
    assert int(power.amax(1)[5:].argmax()) + 5 in (11, 12, 13)


@pytest.mark.real
def test_from_a_raw_capture_to_a_prediction(real_data: Path, tmp_path: Path) -> None:
    from mmsynth.training import fit, load_recipe, load_run, predict

    capture = real_data / "raw_adc" / "bgt60_breathing"
    spans = ((0, 4, "one"), (4, 8, "two"), (8, 12, "one"), (12, 19, "two"))
    labels = label_table(tmp_path / "l.csv", *(f"bgt60_breathing,{a},{b},{label},anna,d1" for a, b, label in spans))
    write_capture(import_source("infineon", capture, labels=labels), tmp_path / "mine.h5")
    write_capture(import_source("infineon", capture), tmp_path / "new.h5")
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        f'model = "trees"\n[data]\nreal = ["{tmp_path}/mine.h5"]\nvalidation = 0.0\n'
        '[window]\npoints = "all"\nmin_range = 0.1\n'
    )
    fit(load_recipe(recipe), tmp_path / "run", lambda done, total: None)
    found = predict(load_run(tmp_path / "run"), Dataset.open(tmp_path / "new.h5"))
    # 19.8 s hold windows of 2 s from 0, 1, ... or 2, 4, ... s on; each has one of the labels, with a confidence.
    assert len(found.label) in (9, 18) and set(found.label) <= {"one", "two"}
    assert all(0.5 <= p <= 1 for p in found.confidence)
