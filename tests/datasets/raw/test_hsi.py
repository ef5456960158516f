"""Recordings with the headers of TI's SDK before each chirp."""

import pytest
import torch
from hsi import header, recorded, small, with_headers

from mmsynth.datasets.raw import read_dca1000

# The header of every chirp in the M3D data set (IWR6843AOP, lvdsStreamCfg -1 1 1 1, 64 complex samples of 4 RX; Zenodo
# record 22811456), as TI's command-line tool wrote it: 64 bytes, then 1024 of samples.
PUBLISHED = bytes.fromhex("dc0ada0cdc0ada0c300400000000000080072000040200020f0101008000") + bytes(22) + b"\x0f" * 12


def test_the_header_is_that_of_a_published_recording():
    assert header(1024) == PUBLISHED


@pytest.mark.parametrize("chirps", [1, 2, 3])
@pytest.mark.parametrize("card", [False, True])
def test_samples_come_back(tmp_path, chirps, card):
    setup = small()
    adc = recorded(setup)
    with_headers(setup, adc, tmp_path / "a.bin", chirps, card)
    recording = read_dca1000(tmp_path / "a.bin", setup)
    assert torch.equal(recording.frames().samples, adc.samples)
    assert torch.equal(recording.frames(1, 2).samples, adc.samples[1:2])
    assert recording.notes == (f"words are taken to be in the order {'Q0 Q1 I0 I1' if card else 'Q0 I0 Q1 I1'}",)


def test_frames_across_files(tmp_path):
    setup = small()
    adc = recorded(setup)
    data = b"".join(with_headers(setup, adc, tmp_path / "a.bin"))
    files = []
    for index, at in enumerate(range(0, len(data), 5000)):
        files.append(tmp_path / f"b_Raw_{index}.bin")
        files[-1].write_bytes(data[at : at + 5000])
    assert torch.equal(read_dca1000(files, setup).frames().samples, adc.samples)


def test_lost_headers_and_cut_ends_are_told(tmp_path):
    setup = small()
    adc = recorded(setup)
    records = with_headers(setup, adc, tmp_path / "a.bin")
    records[4] = bytes(len(records[4]))  # a packet that never came, filled with zeros
    (tmp_path / "a.bin").write_bytes(b"".join(records)[:-100])
    recording = read_dca1000(tmp_path / "a.bin", setup)
    expected = adc.samples[:2].clone()
    expected.reshape(-1, 4, 64)[4] = 0
    assert len(recording) == 2 and torch.equal(recording.frames().samples, expected)
    assert recording.notes[0] == "1 of 17 HSI headers are damaged or lost; their samples were kept"
    assert recording.notes[1] == (
        "the last 6428 bytes are not a whole frame of 6528 bytes and were dropped (the recording was stopped "
        "within a frame, or another configuration made it)"
    )
    # Bytes that are missing shift all that follows: only what still stands where it should is kept.
    whole = b"".join(with_headers(setup, adc, tmp_path / "c.bin"))
    (tmp_path / "c.bin").write_bytes(whole[:7000] + whole[7010:])
    recording = read_dca1000(tmp_path / "c.bin", setup)
    assert len(recording) == 1 and torch.equal(recording.frames().samples, adc.samples[:1])


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (header(1024, content=4), "a.bin: HSI header: expected 16-bit samples .*content 4"),
        (header(1024, mark=0x09CC0CC909CC0CC9), "a.bin: expected ADC samples, got the buffers .*0CC9"),
        (header(512), "a.bin: HSI headers: expected 1024 bytes of samples in each record, got 512"),
        (header(4096, chirps=4), "a.bin: HSI headers: expected a divisor of 6 chirps a record, got 4"),
        (header(1024, chirps=0), "0 chirps"),
    ],
    ids=["content", "buffers", "size", "chirps", "none"],
)
def test_other_streams_are_refused(tmp_path, head, said):
    (tmp_path / "a.bin").write_bytes(head + bytes(20000))
    with pytest.raises(ValueError, match=said):
        read_dca1000(tmp_path / "a.bin", small())
