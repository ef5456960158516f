"""Raw recordings with other frames than their configuration lets the radar send."""

import numpy as np
import pytest
from cfgs import RADHAR

from mmsynth.datasets.raw import order_of, read_dca1000
from mmsynth.datasets.raw.dca1000 import frame_words
from mmsynth.radar import parse_cfg


@pytest.mark.parametrize(("sent", "said"), [(0, ""), (6, ""), (5, "several recordings"), (9, "stopped early")])
def test_other_frames_than_the_configuration_sends_are_told(tmp_path, sent, said):
    """Sizes divide where another configuration made a file; the number of frames seldom is the same."""
    text = RADHAR.replace("frameCfg 0 2 16 0 ", f"frameCfg 0 2 16 {sent} ")
    setup, file = parse_cfg(text), tmp_path / "a.bin"
    words = 6 * frame_words(setup.radar, order_of(setup.radar))
    np.random.default_rng(0).integers(-999, 999, words).astype(np.int16).tofile(file)
    told = read_dca1000(file, setup).notes[len(setup.notes) :]
    want = f"a.bin: 6 frames, where the configuration has the radar stop after {sent}: another one made the recording"
    assert [note.startswith(want) and said in note for note in told] == [True] * bool(said)
    # Half the loops, as many bytes: twice the frames.
    half = parse_cfg(text.replace("frameCfg 0 2 16", "frameCfg 0 2 8"))
    assert bool(sent) == any(note.startswith("a.bin: 12 frames") for note in read_dca1000(file, half).notes)
