"""Infineon recordings: round trip, damage, and the breathing person of the real pack."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mmsynth.datasets.raw import infineon_setup, read_infineon, write_infineon
from mmsynth.radar import load_radar
from mmsynth.types import AdcFrames


def frames(name: str = "bgt60_breathing", count: int = 4) -> AdcFrames:
    radar = load_radar(name).radar
    w = radar.waveform
    shape = (count, w.loops, 1, len(radar.rx), w.samples)
    steps = torch.randint(-2048, 2048, shape, generator=torch.Generator().manual_seed(0))
    volts = steps.to(torch.float32) * (radar.receiver.full_scale / 2048)
    return AdcFrames(radar, volts, torch.arange(count, dtype=torch.float64) * w.frame_period)


def test_round_trip(tmp_path):
    adc = frames()
    write_infineon(tmp_path / "rec", adc)
    words = np.load(tmp_path / "rec" / "radar.npy")
    assert words.dtype == np.uint16 and words.shape == (4, 3, 8, 64)
    settings = tmp_path / "rec" / "config.json"
    settings.write_text(settings.read_text(), encoding="utf-8-sig")  # as some editors leave it
    recording = read_infineon(tmp_path / "rec")
    assert len(recording) == 4 and recording.notes == ()
    back = recording.frames()
    assert torch.equal(back.samples, adc.samples) and torch.equal(back.times, adc.times)
    for name, value in vars(adc.radar.waveform).items():
        assert getattr(back.radar.waveform, name) == pytest.approx(value, rel=1e-12), name
    assert torch.equal(back.radar.rx, adc.radar.rx)
    assert vars(back.radar.receiver) == pytest.approx(vars(adc.radar.receiver))
    assert torch.equal(recording.frames(1, 3).samples, adc.samples[1:3])
    with pytest.raises(ValueError, match="radar.npy: exists already"):
        write_infineon(tmp_path / "rec", adc)
    with pytest.raises(ValueError, match="expected one TX and real samples"):
        radhar = load_radar("radhar").radar
        write_infineon(tmp_path, AdcFrames(radar=radhar, samples=torch.zeros(1, 16, 3, 4, 240), times=torch.zeros(1)))


def test_a_cut_file_yields_its_whole_frames(tmp_path):
    adc = frames()
    write_infineon(tmp_path, adc)
    whole = (tmp_path / "radar.npy").read_bytes()
    (tmp_path / "radar.npy").write_bytes(whole[:-5])
    recording = read_infineon(tmp_path)
    assert len(recording) == 3 and torch.equal(recording.frames().samples, adc.samples[:3])
    assert recording.notes == ("cut off: 3 of 4 frames are whole and were kept",)


def test_some_rx_only(tmp_path):
    adc = frames()
    write_infineon(tmp_path, adc)
    config = json.loads((tmp_path / "config.json").read_text())
    config["device_config"]["fmcw_single_shape"]["rx_antennas"] = [3, 1]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"of shape \(frames, 2, 8, 64\), got uint16 of shape \(4, 3, 8, 64\)"):
        read_infineon(tmp_path)
    assert torch.equal(infineon_setup(tmp_path / "config.json").radar.rx, adc.radar.rx[[2, 0]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sample_rate_Hz": None}, "config.json: .*NoneType"),
        ({"num_samples_per_chirp": 0}, "Waveform.samples|slope|positive|division"),
        ({"rx_antennas": [4]}, "rx: expected numbers from 1 to 3, got 4"),
        ({"mimo_mode": "tdm"}, "expected mimo_mode 'off', got 'tdm'"),
        ({"chirp_repetition_time_s": 1.0}, "longer than the frame period"),
    ],
)
def test_wrong_configurations(tmp_path, change, message):
    write_infineon(tmp_path, frames())
    config = json.loads((tmp_path / "config.json").read_text())
    config["device_config"]["fmcw_single_shape"].update(change)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=message):
        read_infineon(tmp_path)


def test_wrong_files(tmp_path):
    with pytest.raises(ValueError, match="config.json: no such file"):
        read_infineon(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="config.json: not JSON"):
        read_infineon(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ValueError, match="expected device_config.fmcw_single_shape"):
        read_infineon(tmp_path)
    (tmp_path / "config.json").unlink()
    write_infineon(tmp_path, frames())
    np.save(tmp_path / "radar.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="expected numbers, got Python objects, which are never read"):
        read_infineon(tmp_path)
    (tmp_path / "radar.npy").write_bytes(b"not an array")
    with pytest.raises(ValueError, match="not a .npy array"):
        read_infineon(tmp_path)


@pytest.mark.real
def test_the_breathing_person_is_at_her_range_and_breathes(real_data: Path):
    recording = read_infineon(real_data / "raw_adc" / "bgt60_breathing")
    assert len(recording) == 256
    adc = recording.frames()
    assert adc.samples.shape == (256, 8, 1, 3, 64)
    assert adc.radar.velocity_resolution == pytest.approx(0.522, abs=1e-3)
    samples = adc.samples.numpy().mean(1)[:, 0]  # static over a frame: mean over chirps
    spectrum = np.fft.rfft((samples - samples.mean(-1, keepdims=True)) * np.blackman(64))[:, :, :32]
    moving = np.abs(spectrum - spectrum.mean(0)).mean((0, 1))
    peak = int(moving[4:].argmax()) + 4
    assert peak * adc.radar.waveform.range_bin == pytest.approx(0.33, abs=adc.radar.waveform.range_bin)
    phase = np.unwrap(np.angle(spectrum[:, 0, peak]))
    chest = phase * adc.radar.waveform.wavelength / (4 * np.pi)
    # Breathing at rest: 0.1 to 0.6 Hz, millimetres.
    assert 1e-3 < np.ptp(chest) < 12e-3
    rate = np.fft.rfftfreq(len(chest), adc.radar.waveform.frame_period)
    power = np.abs(np.fft.rfft((chest - chest.mean()) * np.hanning(len(chest))))
    assert 0.1 < rate[power.argmax()] < 0.6


def test_settings_of_the_chip_go_out_and_come_back(tmp_path):
    """A corner of 20 kHz is 2.7 dB less loss at 80 kHz than the board's own; level 21 is 10 steps of half a dB."""
    adc = frames()
    for highpass, backoff_db in ((20e3, 0.0), (0.0, 5.0)):
        receiver = replace(adc.radar.receiver, highpass=highpass)
        radar = replace(adc.radar, receiver=receiver, tx_power=adc.radar.tx_power * 10 ** (-backoff_db / 10))
        folder = tmp_path / f"{highpass:g}"
        write_infineon(folder, replace(adc, radar=radar))
        back = read_infineon(folder).radar
        assert back.receiver.highpass == highpass
        assert back.tx_power == pytest.approx(radar.tx_power)
