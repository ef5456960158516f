"""A radar written as a TI configuration and read back."""

from dataclasses import replace

import pytest
from cfgs import DEMOS, LOW_POWER, LOW_POWER_6844, RADHAR, SDK3, demo, people_counting

from mmsynth.radar import load_radar, parse_cfg, radar_names, write_cfg
from mmsynth.types import Cfar


@pytest.mark.parametrize("name", radar_names())
def test_round_trip_through_a_cfg(name):
    setup = load_radar(name)
    if name.startswith("BGT"):
        with pytest.raises(ValueError, match="expected a TI device to write a .cfg, got BGT60TR13C"):
            write_cfg(setup)
        return
    if name.endswith("synmotion"):
        with pytest.raises(ValueError, match="slope: expected at most"):
            write_cfg(setup)
        return
    back = parse_cfg(write_cfg(setup), name=name.partition("/")[2])
    assert back.processing == setup.processing and back.notes == ()
    assert vars(back.radar.waveform) == pytest.approx(vars(setup.radar.waveform), rel=1e-12)
    for field in ("name", "tx_power", "receiver"):
        assert getattr(back.radar, field) == getattr(setup.radar, field)
    for field in ("tx", "rx", "codes"):
        assert getattr(back.radar, field).tolist() == getattr(setup.radar, field).tolist()


@pytest.mark.parametrize(
    "text",
    [
        RADHAR,
        LOW_POWER,
        LOW_POWER_6844,
        LOW_POWER.replace("128 1 34 3", "128 4 34 3"),
        people_counting("IWR6843AOP"),
        *(text for text, _ in DEMOS.values()),
    ],
)
def test_cfg_to_cfg(text):
    setup = parse_cfg(text)
    back = parse_cfg(write_cfg(setup))
    assert back.processing == setup.processing and back.calibration == setup.calibration
    assert vars(back.radar.waveform) == pytest.approx(vars(setup.radar.waveform), rel=1e-12)
    assert back.radar.codes.tolist() == setup.radar.codes.tolist()


def in_comments(text: str) -> set[str]:
    """Fields of the processing that a configuration says in comments."""
    start = "% mmsynth.processing "
    return {line.removeprefix(start).split()[0] for line in text.splitlines() if line.startswith(start)}


def test_comments_say_only_what_ti_has_no_command_for():
    """What a wrong command lost would come back right through them, on a host: a device skips them."""
    full = parse_cfg(demo("xWR18xx", "0 77 8 7 200 0 0 20 1 384 2000 0 0 30", (1, 4, 2), 32, "100", SDK3))
    assert in_comments(write_cfg(full)) == set() == in_comments(write_cfg(parse_cfg(LOW_POWER)))
    # SDK 3 groups peaks along Doppler by that CFAR's line, which the first SDK's demo has not, and sends an SNR.
    assert in_comments(write_cfg(parse_cfg(RADHAR))) == {"peak_grouping_doppler", "intensity"}
    # The device divides by a power of two: of twelve cells by sixteen, since by eight noise would pass for more.
    wide = replace(full, processing=replace(full.processing, range_cfar=Cfar("CASO", 12, 4)))
    (line,) = (line.split() for line in write_cfg(wide).splitlines() if line.startswith("cfarCfg -1 0 "))
    assert line[4:7] == ["12", "4", "4"]


def test_round_trip_of_bpm():
    text = people_counting("IWR6843ISK").replace(" 0 0 0 1\n", " 0 0 0 5\n").replace(" 0 0 0 4\n", " 0 0 0 5\n")
    setup = parse_cfg(text + "bpmCfg -1 1 0 2\n")
    assert parse_cfg(write_cfg(setup)).radar.codes.tolist() == setup.radar.codes.tolist()
