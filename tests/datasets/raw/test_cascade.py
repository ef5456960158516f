"""Recordings of TI's four-device cascade: the order of TI's MATLAB examples, round trips, index files, damage."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from cfgs import studio
from steps import random_frames, small

from mmsynth.datasets import Dataset, RecordingSettings, export_recordings, import_source, write_capture
from mmsynth.datasets.raw import read_cascade, write_cascade
from mmsynth.processing import detect, range_doppler
from mmsynth.radar import load_radar, write_cfg
from mmsynth.types import AdcFrames

DEVICES = ("master", "slave1", "slave2", "slave3")


def test_the_order_is_that_of_tis_examples(tmp_path):
    # readBinFile: I and Q side by side, then reshape(RX, samples, chirps, loops) in MATLAB's order: RX runs fastest.
    setup = small("cascade_mimo", samples=5)
    count = 4 * 5 * 12 * 2 * 2
    for k, name in enumerate(DEVICES):
        np.arange(count, dtype=np.int16).__add__(np.int16(1000 * k)).tofile(tmp_path / f"{name}_0000_data.bin")
    words = np.arange(count).reshape(2, 12, 5, 4, 2)  # loops, chirps, samples, RX, I Q
    got = read_cascade(tmp_path, setup).frames().samples * 32768
    assert got.shape == (1, 2, 12, 16, 5)
    for loop, chirp, rx, sample in ((0, 0, 0, 0), (1, 11, 3, 2), (0, 5, 6, 1), (1, 0, 9, 3), (0, 7, 15, 4)):
        i, q = words[loop, chirp, sample, rx % 4] + 1000 * (rx // 4)
        assert got[0, loop, chirp, rx, sample] == complex(i, q)


def test_round_trip_and_index_files(tmp_path):
    setup = small("cascade_mimo")
    adc = random_frames(setup, 3)
    write_cascade(tmp_path / "a", adc)
    recording = read_cascade(tmp_path / "a", setup)
    assert torch.equal(recording.frames().samples, adc.samples) and recording.notes == ()
    # Info of TI's index file: tag, version, flags, number of frames, bytes of data.
    info = (tmp_path / "a" / "slave2_0000_idx.bin").read_bytes()
    frame = 16 * 12 * 2 * 4 * 4
    assert struct.unpack("<4IQ", info)[3:] == (3, 3 * frame)
    # The card keeps room beyond what the index file counts.
    for name in DEVICES:
        with (tmp_path / "a" / f"{name}_0000_data.bin").open("ab") as file:
            file.write(bytes(frame))
    assert len(read_cascade(tmp_path / "a", setup)) == 3
    with pytest.raises(ValueError, match="exists already"):
        write_cascade(tmp_path / "a", adc)


def test_second_files_and_a_device_that_stopped_early(tmp_path):
    setup = small("cascade_mimo")
    adc = random_frames(setup, 5)
    write_cascade(tmp_path, AdcFrames(setup.radar, adc.samples[:3], adc.times[:3]))
    write_cascade(tmp_path / "rest", AdcFrames(setup.radar, adc.samples[3:], adc.times[3:]))
    for name in DEVICES:
        (tmp_path / "rest" / f"{name}_0000_data.bin").rename(tmp_path / f"{name}_0001_data.bin")
    assert torch.equal(read_cascade(tmp_path, setup).frames().samples, adc.samples)
    last = tmp_path / "slave3_0001_data.bin"
    last.write_bytes(last.read_bytes()[:-10])
    recording = read_cascade(tmp_path, setup)
    frame = 16 * 12 * 2 * 4 * 4
    assert len(recording) == 4 and torch.equal(recording.frames().samples, adc.samples[:4])
    dropped = 4 * frame - 10
    assert recording.notes == (f"{dropped} bytes beyond the last frame that all devices have were dropped",)


def test_bad_folders_are_refused(tmp_path):
    setup = small("cascade_mimo")
    with pytest.raises(ValueError, match="master_0000_data.bin: no such file"):
        read_cascade(tmp_path, setup)
    with pytest.raises(ValueError, match="expected the cascade's 16 RX"):
        read_cascade(tmp_path, load_radar("mmmesh"))
    for name in DEVICES:
        (tmp_path / f"{name}_0000_data.bin").write_bytes(bytes(100))
    with pytest.raises(ValueError, match="expected frames of 6144 bytes of each device, got 100 bytes"):
        read_cascade(tmp_path, setup)
    (tmp_path / "slave1_0000_idx.bin").write_bytes(b"short")
    with pytest.raises(ValueError, match="slave1_0000_idx.bin: expected 24 bytes or more, got 5"):
        read_cascade(tmp_path, setup)


def cascade_studio() -> dict:
    """mmWave Studio's entries of TI's cascade MIMO example: twelve chirps, one TX each, from the last to the first."""
    base = studio(chirpEndIdx=11, numLoops=64, framePeriodicity_msec=100.0)["mmWaveDevices"][0]["rfConfig"]
    profile = dict(base["rlProfiles"][0]["rlProfileCfg_t"])
    profile |= dict(idleTimeConst_usec=5.0, adcStartTimeConst_usec=6.0, rampEndTime_usec=40.0, rxGain_dB="0x30")
    profile |= dict(freqSlopeConst_MHz_usec=79.0, numAdcSamples=256, digOutSampleRate=8000)
    blank = base["rlChirps"][0]["rlChirpCfg_t"]
    devices = []
    for device in range(4):
        masks = [1 << tx - 3 * device if tx // 3 == device else 0 for tx in range(11, -1, -1)]
        chirps = [
            {"rlChirpCfg_t": blank | dict(chirpStartIdx=i, chirpEndIdx=i, txEnable=hex(mask))}
            for i, mask in enumerate(masks)
        ]
        rf = base | {"rlChirps": chirps, "rlProfiles": [{"rlProfileCfg_t": profile}]}
        devices.append({"mmWaveDeviceId": device, "rfConfig": rf})
    return {"mmWaveDevices": devices[::-1]}


def test_studio_configuration_of_four_devices(tmp_path):
    path = tmp_path / "cascade.mmwave.json"
    path.write_text(json.dumps(cascade_studio()))
    setup, shipped = load_radar(str(path)), load_radar("cascade_mimo")
    assert setup.radar.name == "AWR2243CASCADE/cascade"
    assert setup.radar.waveform == shipped.radar.waveform
    assert setup.radar.codes.tolist() == shipped.radar.codes.tolist()
    assert torch.equal(setup.radar.rx, shipped.radar.rx) and setup.radar.receiver == shipped.radar.receiver
    table = cascade_studio()
    table["mmWaveDevices"][0]["rfConfig"]["rlChirps"][3]["rlChirpCfg_t"]["chirpEndIdx"] = 4
    path.write_text(json.dumps(table))
    with pytest.raises(ValueError, match="expected the same chirps of every device"):
        load_radar(str(path))


def test_from_the_files_to_points_and_back(tmp_path):
    path = tmp_path / "cascade.mmwave.json"
    path.write_text(json.dumps(cascade_studio()))
    setup = load_radar(str(path))
    setup = replace(setup, radar=replace(setup.radar, waveform=replace(setup.radar.waveform, loops=16)))
    path = tmp_path / "radar.cfg"
    path.write_text(write_cfg(setup))
    radar, w = setup.radar, setup.radar.waveform
    place = torch.tensor([0.6, 12.0, 0.0], dtype=torch.float64)
    away = torch.linalg.norm(place - radar.tx, dim=-1)[list(radar.slot_tx)][:, None] + torch.linalg.norm(
        place - radar.rx, dim=-1
    )
    delay = (away / 299792458)[..., None]
    phase = 2 * torch.pi * (w.start_frequency * delay + w.slope * delay * w.sample_times())
    steps = (9000 * torch.view_as_real(torch.polar(torch.ones_like(phase), phase))).round() / 32768
    steps = steps + (20 * torch.randn(steps.shape, generator=torch.Generator().manual_seed(1))).round() / 32768
    samples = torch.view_as_complex(steps.float()).expand(1, w.loops, -1, -1, -1).contiguous()
    adc = AdcFrames(radar, samples, torch.zeros(1, dtype=torch.float64))
    write_cascade(tmp_path / "take", adc)
    settings = RecordingSettings(adc=True)
    write_capture(import_source("cascade", tmp_path / "take", str(path), None, settings), tmp_path / "out.h5")
    with Dataset.open(tmp_path / "out.h5") as data:
        direct = detect(range_doppler(adc, setup.processing), setup.processing)
        assert torch.equal(data[0].adc.samples, samples)
        assert torch.equal(data[0].cloud.position, direct.position)
        # Half a step of the azimuth FFT (128 bins over 2) and of the elevation FFT (64 bins) at 12 m, half a range bin.
        # Without peak grouping the Doppler bins beside it are points too, compensated for another velocity.
        off = (direct.position - place).abs()
        assert (off < torch.tensor([0.1, 0.05, 0.2])).all(1).any()
        (folder,) = export_recordings(data, tmp_path / "back")
    for name in DEVICES:
        written, first = (p / f"{name}_0000_data.bin" for p in (folder, tmp_path / "take"))
        assert written.read_bytes() == first.read_bytes()
