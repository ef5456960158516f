"""DCA1000 words: the orders of TI's report, round trips, split and cut files, board calibration."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from oracles import point_target_adc
from steps import random_frames, small

from mmsynth.datasets.raw import Order, order_of, read_dca1000, write_dca1000
from mmsynth.datasets.raw.dca1000 import frame_words
from mmsynth.processing import detect, range_doppler
from mmsynth.radar import load_radar, parse_cfg, write_cfg
from mmsynth.types import AdcFrames, ChannelCalibration, Radar, RadarSetup

LIGHT = 299_792_458


def test_two_lane_order_is_that_of_the_report(tmp_path):
    # SWRA581, xWR16xx complex: RX 0 first with I0 I1 Q0 Q1 I2 I3 Q2 Q3 ..., then RX 1.
    setup = small("mmmesh", samples=4, loops=1)
    words = np.arange(frame_words(setup.radar, Order()), dtype=np.int16)
    file = tmp_path / "a.bin"
    words.tofile(file)
    got = read_dca1000(file, setup).frames().samples * 32768
    assert got.shape == (1, 1, 3, 4, 4)
    assert got[0, 0, 0, 0].tolist() == [0 + 2j, 1 + 3j, 4 + 6j, 5 + 7j]
    assert got[0, 0, 0, 1].tolist() == [8 + 10j, 9 + 11j, 12 + 14j, 13 + 15j]
    assert got[0, 0, 1, 0, 0] == 32 + 34j
    swapped = read_dca1000(file, setup, Order(swap=True)).frames().samples * 32768
    assert swapped[0, 0, 0, 0].tolist() == [2 + 0j, 3 + 1j, 6 + 4j, 7 + 5j]


def test_four_lane_order_is_that_of_the_report(tmp_path):
    # SWRA581, xWR14xx complex: I of four RX, then Q of four RX, sample after sample.
    setup = small("radhar", samples=4, loops=1)
    assert order_of(setup.radar).interleaved
    np.arange(3 * 4 * 8, dtype=np.int16).tofile(tmp_path / "a.bin")
    got = read_dca1000(tmp_path / "a.bin", setup).frames().samples * 32768
    assert got[0, 0, 0, 0].tolist() == [0 + 4j, 8 + 12j, 16 + 20j, 24 + 28j]
    assert got[0, 0, 0, 3].tolist() == [3 + 7j, 11 + 15j, 19 + 23j, 27 + 31j]
    assert got[0, 0, 2, 1, 0] == 65 + 69j


def test_four_lanes_are_there_even_for_two_rx(tmp_path):
    text = write_cfg(load_radar("radhar")).replace("channelCfg 15 7 0", "channelCfg 10 7 0")
    setup = parse_cfg(text)
    words = frame_words(setup.radar, order_of(setup.radar))
    assert words == 16 * 3 * 240 * 8
    np.arange(words).astype(np.int16).tofile(tmp_path / "a.bin")
    got = read_dca1000(tmp_path / "a.bin", setup).frames().samples * 32768
    assert got.shape[3] == 2
    assert got[0, 0, 0, :, 0].tolist() == [1 + 5j, 3 + 7j]  # RX 2 and 4


def test_real_samples(tmp_path):
    for name, want in (("mmmesh", [0, 1, 2, 3]), ("radhar", [0, 4, 8, 12])):
        setup = small(name, samples=4, loops=1, complex_samples=False)
        np.arange(3 * 4 * 4, dtype=np.int16).tofile(tmp_path / f"{name}.bin")
        got = read_dca1000(tmp_path / f"{name}.bin", setup).frames().samples * 32768
        assert got.dtype == torch.float32
        assert got[0, 0, 0, 0].tolist() == want


@pytest.mark.parametrize("name", ["radhar", "mmmesh", "iwr6843isk_area"])
@pytest.mark.parametrize("complex_samples", [True, False])
@pytest.mark.parametrize("swap", [True, False])
def test_round_trip(tmp_path, monkeypatch, name, complex_samples, swap):
    setup = small(name, complex_samples=complex_samples)
    adc = random_frames(setup, 5)
    order = replace(order_of(setup.radar), swap=swap)
    (file,) = write_dca1000(tmp_path / "a.bin", adc, order)
    assert file.stat().st_size == 5 * 2 * frame_words(setup.radar, order)
    recording = read_dca1000(file, setup, order)
    back = recording.frames()
    assert len(recording) == 5 and torch.equal(back.samples, adc.samples)
    assert torch.equal(back.times, adc.times)
    monkeypatch.setattr("mmsynth.datasets.raw.recording.CHUNK_BYTES", 2 * 8 * adc.samples[0].numel())
    parts = [chunk.samples for chunk in recording.chunks(0, 5)]
    assert [len(part) for part in parts] == [2, 2, 1] and torch.equal(torch.cat(parts), adc.samples)


def test_volts_beyond_full_scale_clip():
    setup = small("mmmesh")
    adc = random_frames(setup, 1)
    loud = AdcFrames(setup.radar, adc.samples * 3, adc.times)
    from mmsynth.datasets.raw.dca1000 import encode

    words = encode(loud.samples, setup.radar, Order())
    assert words.min() == -32768 and words.max() == 32767


def test_split_files_with_frames_across_their_borders(tmp_path):
    setup = small("mmmesh")
    adc = random_frames(setup, 7)
    words = frame_words(setup.radar, Order())
    files = write_dca1000(tmp_path / "a.bin", adc, split=2 * (words + words // 3))
    assert [file.name for file in files] == [f"a_Raw_{i}.bin" for i in range(len(files))] and len(files) > 3
    recording = read_dca1000(files, setup)
    assert torch.equal(recording.frames().samples, adc.samples)
    assert torch.equal(recording.frames(3, 5).samples, adc.samples[3:5])


@pytest.mark.parametrize("cut", [1, 2, 37, 400])
def test_a_cut_recording_yields_every_whole_frame_and_says_what_was_dropped(tmp_path, cut):
    setup = small("mmmesh")
    adc = random_frames(setup, 3)
    (file,) = write_dca1000(tmp_path / "a.bin", adc)
    whole = file.read_bytes()
    file.write_bytes(whole[:-cut])
    recording = read_dca1000(file, setup)
    frame = 2 * frame_words(setup.radar, Order())
    assert len(recording) == 2 and torch.equal(recording.frames().samples, adc.samples[:2])
    assert recording.notes == (
        f"the last {frame - cut} bytes are not a whole frame of {frame} bytes and were dropped (the "
        "recording was stopped within a frame, or another configuration made it)",
    )


def test_packets_that_the_card_lost_are_told(tmp_path):
    """The card's software writes zeros for the 1456 bytes of a packet that did not arrive."""
    setup = small("mmmesh", samples=64, loops=4)
    (file,) = write_dca1000(tmp_path / "a.bin", random_frames(setup, 5))
    assert read_dca1000(file, setup).notes == ()
    words, frame = np.fromfile(file, np.int16), frame_words(setup.radar, Order())
    words[2 * frame - 300 : 2 * frame + 428] = 0  # across a border of frames
    words[4 * frame + 5 : 4 * frame + 205] = 0  # not a packet
    words.tofile(file)
    (note,) = read_dca1000(file, setup).notes
    assert note == "2 of 5 frames hold runs of zeros, as of lost packets; the frames were kept"


def test_bad_files_are_refused(tmp_path):
    setup = small("mmmesh")
    with pytest.raises(ValueError, match="none.bin: no such file"):
        read_dca1000(tmp_path / "none.bin", setup)
    (tmp_path / "empty.bin").write_bytes(b"")
    with pytest.raises(ValueError, match="empty.bin: expected frames of 1536 bytes, got 0 bytes"):
        read_dca1000(tmp_path / "empty.bin", setup)
    (tmp_path / "odd.bin").write_bytes(b"abc")
    with pytest.raises(ValueError, match="odd.bin: expected whole 16-bit words before the next file"):
        read_dca1000([tmp_path / "odd.bin", tmp_path / "empty.bin"], setup)
    with pytest.raises(ValueError, match="exists already"):
        write_dca1000(tmp_path / "odd.bin", random_frames(setup, 1))
    (tmp_path / "ok.bin").write_bytes(bytes(1536))
    with pytest.raises(ValueError, match="expected a part of 0 to 1, got 0 to 2"):
        read_dca1000(tmp_path / "ok.bin", setup).frames(0, 2)


def test_board_calibration_moves_range_and_turns_channels(tmp_path):
    setup = load_radar("radhar")
    radar, w = setup.radar, setup.radar.waveform
    bias = 0.12
    factors = [(math.cos(0.3 * i), math.sin(0.3 * i)) for i in range(12)]
    # A target at 2 m as an uncalibrated board records it: its beat at 2.12 m, its channels turned back.
    beat = torch.polar(
        torch.ones(w.samples, dtype=torch.float64), 4 * math.pi * w.slope * (2 + bias) / LIGHT * w.sample_times()
    )
    channel = torch.tensor([complex(re, -im) for re, im in factors]).reshape(3, 4)[list(radar.slot_tx)]
    samples = (0.5 * channel[None, None, :, :, None] * beat).expand(1, w.loops, 3, 4, w.samples).to(torch.complex64)
    (file,) = write_dca1000(tmp_path / "a.bin", AdcFrames(radar, samples, torch.zeros(1, dtype=torch.float64)))
    calibration = ChannelCalibration(bias, tuple(factors))
    got = read_dca1000(file, replace(setup, calibration=calibration)).frames().samples
    want = 0.5 * torch.polar(torch.ones_like(w.sample_times()), 4 * math.pi * w.slope * 2 / LIGHT * w.sample_times())
    # Words are rounded to 1/32768 on each of I and Q.
    assert (got - want).abs().max() < 1.1 / 32768


# Every second RX is fed from the other side, as on TI's boards at 60 GHz, and the board measures 12 cm too far.
FED = "compRangeBiasAndRxChanPhase 0.12" + " 1 0 -1 0" * 6


@pytest.mark.parametrize("complex_samples", [True, False])
def test_a_target_is_in_its_place_simulated_or_recorded_by_a_board_with_a_calibration(tmp_path, complex_samples):
    lines = write_cfg(load_radar("IWR6843ISK/iwr6843isk_area")).replace(
        "adcCfg 2 1", f"adcCfg 2 {int(complex_samples)}"
    )
    setup = parse_cfg(
        lines.replace("sensorStart", FED + "\nsensorStart").replace("clutterRemoval -1 1", "clutterRemoval -1 0")
    )
    assert setup.calibration == ChannelCalibration(0.12, ((1.0, 0.0), (-1.0, 0.0)) * 6)
    place = np.array([0.8, 2.5, 0.0])
    # What the board records: its range is 12 cm more, in the same direction.
    far = place * (1 + 0.12 / np.linalg.norm(place))
    simulated, recorded = (_target(setup.radar, position) for position in (place, far))
    fed = torch.tensor([1.0, -1.0, 1.0, -1.0])[:, None]
    (file,) = write_dca1000(tmp_path / "a.bin", replace(recorded, samples=recorded.samples * fed))
    read = read_dca1000(file, setup)
    assert not any("left in" in note for note in read.notes)
    for adc in (simulated, read.frames()):
        cloud = detect(range_doppler(adc, setup.processing), setup.processing)
        found = cloud.position[int(cloud.intensity.argmax())]
        # Half a bin of range (6 cm) and of the azimuth FFT (1 / 64 of the range); the board's half wavelength is that
        # of 62 GHz.
        assert float((found - torch.tensor(place)).norm()) < 0.13


def _target(radar: Radar, position: np.ndarray) -> AdcFrames:
    """A frame of a strong target at rest, over a little noise."""
    fields = (radar.waveform, radar.tx.numpy(), radar.rx.numpy(), radar.codes.numpy())
    samples = 0.05 * torch.from_numpy(point_target_adc(*fields, position, np.zeros(3)))
    samples = samples[None] + 1e-3 * torch.randn(samples.shape, generator=torch.Generator().manual_seed(1))
    samples = samples.to(torch.complex64) if radar.waveform.complex_samples else samples.real.float()
    return AdcFrames(radar, samples, torch.zeros(1, dtype=torch.float64))


def facing(setup: RadarSetup, frames: int = 1, distance: float = 2) -> AdcFrames:
    """A target at a distance in m, in whole ADC steps: its beat is positive."""
    w, radar = setup.radar.waveform, setup.radar
    beat = torch.polar(torch.ones(w.samples), (4 * math.pi * w.slope * distance / LIGHT * w.sample_times()).float())
    steps = (9000 * torch.view_as_real(beat)).round() / 32768
    shape = (frames, w.loops, radar.slots, len(radar.rx), w.samples)
    samples = torch.view_as_complex(steps).expand(shape).contiguous()
    return AdcFrames(radar, samples, torch.arange(frames, dtype=torch.float64) * w.frame_period)


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("paired", [False, True])
def test_the_order_of_i_and_q_is_found_from_where_the_beats_lie(tmp_path, swap, paired):
    setup = load_radar("mmmesh")
    order, adc = Order(swap=swap, paired=paired), facing(setup)
    (file,) = write_dca1000(tmp_path / "a.bin", adc, order)
    recording = read_dca1000(file, setup)
    assert torch.equal(recording.frames().samples, adc.samples)
    names = {(False, False): "I0 I1 Q0 Q1", (True, False): "Q0 Q1 I0 I1", (False, True): "I0 Q0 I1 Q1"}
    said = f"words are taken to be in the order {names.get((swap, paired), 'Q0 I0 Q1 I1')}"
    assert recording.notes == (() if order == Order() else (said,))
    # An order that is given is kept, and its beats are told of.
    (note,) = read_dca1000(file, setup, replace(order, swap=not swap)).notes
    assert "beat frequencies are negative" in note


def test_the_board_s_order_is_kept_for_targets_beyond_a_quarter_of_the_range(tmp_path):
    """Another order would bring beats of a little over a quarter of the rate to below it, with images."""
    setup = load_radar("iwr1642_demo")
    noise = torch.Generator().manual_seed(3)
    for distance in (2.4, 2.7, 2.9, 3.2, 3.6, 4.5, 6.0):
        adc = facing(setup, distance=distance)
        extra = 100 / 32768 * torch.randn(adc.samples.shape, generator=noise, dtype=torch.complex64)
        (file,) = write_dca1000(tmp_path / f"{distance}.bin", replace(adc, samples=adc.samples + extra))
        assert read_dca1000(file, setup).notes == ()


def test_swapped_words_of_four_lanes_are_found_too(tmp_path):
    setup = load_radar("radhar")
    adc = facing(setup)
    (file,) = write_dca1000(tmp_path / "a.bin", adc, replace(order_of(setup.radar), swap=True))
    recording = read_dca1000(file, setup)
    assert torch.equal(recording.frames().samples, adc.samples) and "Q0 I0 Q1 I1" in recording.notes[0]


def test_exchanged_bytes_are_told(tmp_path):
    """A beat of 280 steps has low bytes that take all values: exchanged, they are 0.3 of full scale."""
    setup = load_radar("radhar")
    adc = facing(setup)
    adc = replace(adc, samples=adc.samples / 32)
    (file,) = write_dca1000(tmp_path / "a.bin", adc)
    assert read_dca1000(file, setup).notes == ()
    whole = file.read_bytes()
    np.frombuffer(whole, np.int16).byteswap().tofile(tmp_path / "swapped.bin")
    (tmp_path / "late.bin").write_bytes(whole[1:] + b"\0")
    for name in ("swapped.bin", "late.bin"):
        assert any("another byte order" in note for note in read_dca1000(tmp_path / name, setup).notes)


@pytest.mark.slow
def test_reading_speed(tmp_path):
    setup = load_radar("mmmesh")
    frame = 2 * frame_words(setup.radar, Order())
    count = (256 << 20) // frame
    file = tmp_path / "a.bin"
    np.random.default_rng(0).integers(-2000, 2000, count * frame // 2, dtype=np.int16).tofile(file)
    recording = read_dca1000(file, setup)
    best = math.inf
    for _ in range(3):
        start = time.process_time()
        for _ in recording.chunks(0, count):
            pass
        best = min(best, time.process_time() - start)
    assert count * frame / best > 500e6
