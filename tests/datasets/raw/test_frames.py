"""Raw recordings with other frames than their configuration lets the radar send."""

from pathlib import Path

import numpy as np
import pytest
import torch
from cfgs import RADHAR

from mmsynth.datasets import import_source
from mmsynth.datasets.raw import order_of, read_dca1000, write_infineon
from mmsynth.datasets.raw.dca1000 import frame_words
from mmsynth.radar import load_radar, parse_cfg
from mmsynth.types import AdcFrames


@pytest.mark.parametrize(("sent", "said"), [(0, ""), (6, ""), (5, "several recordings"), (9, "stopped early")])
def test_other_frames_than_the_configuration_sends_are_told(tmp_path, sent, said):
    """Sizes divide where another configuration made a file; the number of frames seldom is the same."""
    text = RADHAR.replace("frameCfg 0 2 16 0 ", f"frameCfg 0 2 16 {sent} ")
    setup, file = parse_cfg(text), tmp_path / "a.bin"
    words = 6 * frame_words(setup.radar, order_of(setup.radar))
    np.random.default_rng(0).integers(-999, 999, words).astype(np.int16).tofile(file)
    told = read_dca1000(file, setup).notes
    want = f"6 frames, where the configuration has the radar stop after {sent}: another one made the recording"
    assert [note.startswith(want) and said in note for note in told] == [True] * bool(said)
    # Half the loops, as many bytes: twice the frames.
    half = parse_cfg(text.replace("frameCfg 0 2 16", "frameCfg 0 2 8"))
    assert bool(sent) == any(note.startswith("12 frames") for note in read_dca1000(file, half).notes)


def test_notes_name_their_folder(tmp_path: Path) -> None:
    """Files of one name in several folders, and a folder that is the recording itself."""
    radar = load_radar("bgt60").radar
    w = radar.waveform
    samples = torch.zeros(3, w.loops, 1, len(radar.rx), w.samples)
    for name in ("a", "b"):
        write_infineon(tmp_path / name, AdcFrames(radar, samples, w.frame_period * torch.arange(3.0)))
        file = tmp_path / name / "radar.npy"
        file.write_bytes(file.read_bytes()[:-5])
    for source, names in ((tmp_path, "a and 1 more"), (tmp_path / "a", "a")):
        capture = import_source("infineon", source)
        list(capture.samples)
        assert capture.report.notes == [f"{names}: cut off: 2 of 3 frames are whole and were kept"]
