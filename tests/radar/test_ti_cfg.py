"""TI configurations: TI's own figures, boards known by what is in a file, wrong lines named."""

import math

import pytest
import torch
from cfgs import DEMOS, LOW_POWER, RADHAR, SDK3, SUBFRAMES, demo, people_counting

from mmsynth.radar import load_radar, parse_cfg, write_cfg
from mmsynth.types import Cfar

LIGHT = 299_792_458


@pytest.mark.parametrize("name", DEMOS)
def test_demos_have_the_figures_of_their_headers(name):
    text, (board, resolution, velocity) = DEMOS[name]
    radar = parse_cfg(text).radar
    w = radar.waveform
    assert radar.name == f"{board}/cfg"
    # Headers are rounded to the millimetre or centimetre and to 0.01 m/s (the visualizer's sliders to a little more).
    assert w.range_resolution == pytest.approx(resolution, abs=6e-4)
    # 158 is 30 dB with the RF gain's target in the high bits.
    assert 20 * math.log10(radar.receiver.gain) == pytest.approx(30)
    at_start = radar.max_velocity * w.center_frequency / w.start_frequency
    assert at_start == pytest.approx(velocity, abs=0.011)


def test_radhar_cfg_is_the_profile():
    setup, profile = parse_cfg(RADHAR), load_radar("radhar")
    assert setup.radar.name == "IWR1443BOOST/cfg"
    assert setup.notes == ("no board is named: IWR1443BOOST is assumed; FILE.cfg#BOARD names another",)
    assert setup.radar.waveform == profile.radar.waveform
    assert setup.radar.codes.tolist() == profile.radar.codes.tolist()
    assert setup.radar.tx_power == profile.radar.tx_power and setup.radar.receiver == profile.radar.receiver
    p = setup.processing
    # 4000 in steps of 6 / 512 dB; the divide shift of 4 on eight cells halves the noise level.
    assert p.range_cfar == Cfar("CASO", 8, 4, pytest.approx(46.875), False, divide_shift=4)
    assert p.doppler_cfar is None
    assert (p.peak_grouping_range, p.peak_grouping_doppler) == (False, True)
    assert p.range_limits == pytest.approx(profile.processing.range_limits, abs=0.005)
    # Half the magnitude of the first azimuth peak, which is what the xWR14xx compares.
    assert (p.second_peak, p.clutter_removal, p.dc_range_bins, p.compensation) == (0.25, False, 0, ())
    assert p.second_peak == profile.processing.second_peak


def test_frames_after_which_the_radar_stops_are_read():
    """The fourth number of frameCfg; of the low-power SDK's the last, of advFrameCfg the third."""
    low, advanced = "frameCfg 2 0 600 64 200 ", "advFrameCfg 2 0 "
    assert [parse_cfg(text).frames for text in (RADHAR, LOW_POWER, SUBFRAMES)] == [0, 0, 0]
    assert parse_cfg(RADHAR.replace("frameCfg 0 2 16 0", "frameCfg 0 2 16 900")).frames == 900
    assert parse_cfg(LOW_POWER.replace(low + "0", low + "70")).frames == 70
    assert parse_cfg(SUBFRAMES.replace(advanced + "0", advanced + "80")).frames == 80
    with pytest.raises(ValueError, match="argument 4: expected a whole number from 0 to 65535, got -1"):
        parse_cfg(RADHAR.replace("frameCfg 0 2 16 0", "frameCfg 0 2 16 -1"))


def test_a_board_is_known_by_its_calibration():
    three = (1, 2, 4)
    plain = demo("", "0 60.5 100 25 69 0 0 50 1 256 6000 0 0 30", three, 32, "100", SDK3)
    plain = "\n".join(line for line in plain.splitlines() if not line.startswith("compRange"))
    for feeds, board in (
        ((1, -1, 1, -1), "IWR6843AOP"),
        ((1, -1, -1, 1), "IWR6843ISK-ODS"),
        ((1, 1, 1, 1), "IWR6843ISK"),
    ):
        line = "compRangeBiasAndRxChanPhase 0.0 " + " ".join(f"{feed} 0" for feed in feeds * 3)
        # A chip's name does not say which board: TI's area scanner for the AOP calls itself xWR68xx.
        for text in (f"{plain}\n{line}", f"% Platform:xWR68xx\n{plain}\n{line}"):
            setup = parse_cfg(text)
            assert setup.radar.name == f"{board}/cfg"
            assert any("feeds" in note for note in setup.notes) == (board != "IWR6843ISK")
        assert parse_cfg(f"% Device: IWR6843ISK\n{plain}\n{line}").radar.name == "IWR6843ISK/cfg"
    # Without a line of its own a board's raw samples are turned as its feeds are.
    assert parse_cfg(plain, "IWR6843AOP").calibration.factors == ((1, 0), (-1, 0)) * 6
    assert parse_cfg(plain, "IWR6843ISK").calibration.factors == ()
    eight = demo("", "0 77 39 7 57.14 0 0 70 1 256 5209 0 0 30", (1, 2), 16, "33.333", "")
    eight = "\n".join(line for line in eight.splitlines() if not line.startswith("compRange"))
    assert parse_cfg(f"{eight}\ncompRangeBiasAndRxChanPhase 0.0{' 1 0' * 8}").radar.name == "IWR1642BOOST/cfg"


def test_each_transmitter_has_its_byte_of_backoff_and_the_first_one_counts():
    plain, less = (parse_cfg(RADHAR.replace("57.14 0 0 70", f"57.14 {n} 0 70")).radar for n in (0, 6 + (3 << 8)))
    assert 10 * math.log10(plain.tx_power / less.tx_power) == pytest.approx(6)


def test_phases_and_subframes_that_are_left_out_are_told():
    text = RADHAR.replace("57.14 0 0 70", "57.14 0 14970880 70")
    assert "line 7: profileCfg: phases of the TX are not simulated" in parse_cfg(text).notes
    assert "subframe 1 of 0 to 1 is read; FILE.cfg#0 reads another" in parse_cfg(SUBFRAMES, subframe=1).notes


@pytest.mark.parametrize("board", ["IWR6843ISK", "IWR6843ISK-ODS", "IWR6843AOP"])
def test_board_by_its_antenna_geometry(board):
    setup = parse_cfg(people_counting(board))
    radar = setup.radar
    assert radar.name == f"{board}/cfg"
    assert radar.waveform.adc_start == 25e-6
    assert 10 * math.log10(radar.tx_power / 1e-3) == pytest.approx(2)  # 12 dBm less 10 dB of back-off a TX
    assert 20 * math.log10(radar.receiver.gain) == pytest.approx(36)
    assert setup.calibration.factors[:4] == ((1, 0), (-1, 0), (1, 0), (-1, 0)) and setup.processing.compensation == ()
    unused = ("dynamicRACfarCfg", "staticRACfarCfg", "fovCfg", "staticBoundaryBox")
    assert [name for note in setup.notes for name in note.split("'")[1::2]] == list(unused)


def test_lines_that_are_not_used_are_told_together():
    """And that how the radar hangs, which its configuration may say, is the recipe's."""
    text = people_counting("IWR6843ISK") + "sensorPosition 2 0 15\nboundaryBox -4 4 0 8 0 3\n"
    number = len(text.splitlines())
    numbers, place = parse_cfg(text).notes[-2:]
    assert numbers.startswith("lines ") and numbers.split(":")[0].endswith(f"{number - 1}, {number}")
    assert numbers.endswith("'sensorPosition', 'boundaryBox'") and "radar_height, radar_tilt_deg" in place


def test_binary_phase_modulation():
    text = people_counting("IWR6843ISK").replace(" 0 0 0 1\n", " 0 0 0 5\n").replace(" 0 0 0 4\n", " 0 0 0 5\n")
    setup = parse_cfg(text + "bpmCfg -1 1 0 2\n")
    assert setup.radar.codes.tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, -1]]
    assert not setup.radar.is_tdm
    # Without bpmCfg, both TX send the same: told, not hidden.
    assert sum("without BPM" in note for note in parse_cfg(text).notes) == 2


def test_subframes():
    near, far = (parse_cfg(SUBFRAMES, subframe=i) for i in (0, 1))
    assert (near.radar.waveform.samples, far.radar.waveform.samples) == (128, 512)
    assert (near.radar.waveform.loops, far.radar.waveform.loops) == (32, 16)
    assert near.radar.waveform.frame_period == far.radar.waveform.frame_period == 0.2
    assert near.radar.slot_tx == far.radar.slot_tx == (0, 2)
    assert (near.processing.range_cfar.threshold_db, far.processing.range_cfar.threshold_db) == (15, 13)
    assert (near.processing.second_peak, far.processing.second_peak) == (0.5, 0)
    assert (near.processing.range_limits, far.processing.range_limits) == ((0.25, 4.4), (4.4, 9.6))
    # The header of TI's file: 27.17 m/s (sub-frame 0) and 12.25 m/s (sub-frame 3), lambda at the start of the ramp.
    for setup, velocity in ((near, 27.17), (far, 12.25)):
        w = setup.radar.waveform
        assert setup.radar.max_velocity * w.center_frequency / w.start_frequency == pytest.approx(velocity, rel=2e-3)
    with pytest.raises(ValueError, match="expected a subframe from 0 to 1, got 2"):
        parse_cfg(SUBFRAMES, subframe=2)
    with pytest.raises(ValueError, match="without subframes, got 1"):
        parse_cfg(RADHAR, subframe=1)


def test_real_samples_and_masks_in_any_order():
    text = RADHAR.replace("adcCfg 2 1", "adcCfg 2 0").replace("channelCfg 15 7 0", "channelCfg 5 6 0")
    text = text.replace("chirpCfg 0 0 0 0 0 0 0 1\n", "chirpCfg 0 0 0 0 0 0 0 2\n")
    radar = parse_cfg(text).radar
    assert not radar.waveform.complex_samples
    assert radar.slot_tx == (1, 2, 1)
    half = LIGHT / (2 * 77e9)
    assert radar.rx[:, 0].tolist() == pytest.approx([0, 2 * half])
    # One chirpCfg line may set several chirps.
    one = RADHAR.replace("chirpCfg 0 0 0", "chirpCfg 0 2 0").replace("chirpCfg 1 1 0 0 0 0 0 4\n", "")
    assert parse_cfg(one.replace("chirpCfg 2 2 0 0 0 0 0 2\n", "")).radar.slot_tx == (0, 0, 0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("profileCfg 0 77 7 7", "profileCfg 0 77 7", "^line 7: profileCfg: expected 14 numbers, got 13$"),
        ("chirpCfg 1 1 0 0 0 0 0 4", "chirpCfg 1 1 0 0 0 0 0 4a", "^line 9: chirpCfg: expected numbers, got '4a'$"),
        ("70 1 240", "170 1 240", "^line 7: profileCfg: ramp: expected to stay within 76-81 GHz"),
        (
            "57.14 0 0 70 1 240",
            "30 0 0 120 1 100",
            "^line 7: profileCfg: slope: expected at most 1e\\+14, got 1.2e\\+14$",
        ),
        ("70 1 240", "70 1 400", "^line 7: profileCfg: Waveform: 400 samples end 8.* us into the ramp"),
        (
            "70 1 240",
            "70 1 24.5",
            "^line 7: profileCfg: argument 10: expected a whole number from 2 to 65536, got 24.5$",
        ),
        ("profileCfg 0", "profileCfg 1", "^line 8: chirpCfg: profile 0 is not set by a profileCfg line$"),
        ("chirpCfg 2 2 0 0 0 0 0 2", "", "^line 11: frameCfg: chirp 2 is not set by a chirpCfg line$"),
        ("chirpCfg 2 2 0 0", "chirpCfg 2 2 0 5", "^line 10: chirpCfg: expected no variation"),
        (
            "chirpCfg 1 1 0 0 0 0 0 4",
            "chirpCfg 1 1 0 0 0 0 0 8",
            "^line 9: chirpCfg: expected a TX mask from 1 to 7, got 8$",
        ),
        ("channelCfg 15 7", "channelCfg 15 3", "^line 9: chirpCfg: TX 3 is not switched on by channelCfg$"),
        ("channelCfg 15 7", "channelCfg 16 7", "^line 4: channelCfg: expected a RX mask from 1 to 15, got 16$"),
        ("16 0 33.333", "600 0 33.333", "^line 11: frameCfg: 600 loops of 3 chirps take 115.452 ms of a period"),
        (
            "frameCfg 0 2",
            "frameCfg 2 0",
            "^line 11: frameCfg: expected the last chirp not before the first, got 2 to 0$",
        ),
        ("frameCfg 0 2 16 0 33.333 1 0", "", "^expected a frameCfg line, got none$"),
        ("dfeDataOutputMode 1", "dfeDataOutputMode 2", "^line 3: .*got continuous transmission$"),
        (
            "cfarCfg 0 2 8",
            "cfarCfg 0 7 8",
            "^line 13: cfarCfg: argument 2: expected a whole number from 0 to 3, got 7$",
        ),
        ("clutterRemoval 0", "clutterRemoval nan", "^line 16: clutterRemoval: expected finite numbers"),
        ("Phase 0.0 1 0", "Phase 0.0", "^line 18: compRange.*: expected 12 complex factors for IWR1443BOOST, got 11$"),
    ],
)
def test_wrong_lines_are_refused_with_their_number(old, new, message):
    text = RADHAR.replace(old, new)
    assert text != RADHAR
    with pytest.raises(ValueError, match=message):
        parse_cfg(text)


def test_load_radar_takes_a_cfg(tmp_path):
    path = tmp_path / "mine.cfg"
    path.write_text(RADHAR)
    assert load_radar(str(path)).radar.name == "IWR1443BOOST/mine"
    assert load_radar(f"{path}#IWR1843BOOST").radar.name == "IWR1843BOOST/mine"
    path.write_text(SUBFRAMES)
    assert load_radar(f"{path}#IWR6843ISK,1").radar.waveform.samples == 512
    with pytest.raises(ValueError, match="nothing.cfg: no such file"):
        load_radar(str(tmp_path / "nothing.cfg"))
    path.write_bytes(b"\xff\xfe\x00profileCfg")
    with pytest.raises(ValueError, match="expected text, got bytes that are not UTF-8"):
        load_radar(str(path))
    path.write_text("")
    with pytest.raises(ValueError, match="mine.cfg: expected a profileCfg line, got none"):
        load_radar(str(path))


def test_accumulated_chirps_take_their_time_and_add_up():
    """TI's demo divides its Doppler step by numOfChirpsAccum where a frame is one burst."""
    one_burst = LOW_POWER.replace("frameCfg 2 0 600 64 200 0", "frameCfg 128 0 20480 1 200 0")
    for text, line in ((LOW_POWER, "frameCfg 2 {} 600 64 200 0"), (one_burst, "frameCfg 128 {} 20480 1 200 0")):
        first = line.format(0)
        plain, four = (parse_cfg(text.replace(first, line.format(n))).radar for n in (0, 4))
        slower = 1 if text is LOW_POWER else 4
        assert plain.velocity_resolution / four.velocity_resolution == pytest.approx(slower)
        assert plain.max_velocity / four.max_velocity == pytest.approx(slower)
        assert four.tx_power / plain.tx_power == pytest.approx(4)
        assert float(four.chirp_times()[0, 1] - four.chirp_times()[0, 0]) == pytest.approx(4 * 40e-6)
    setup = parse_cfg(LOW_POWER.replace("frameCfg 2 0", "frameCfg 2 4"))
    assert "4 chirps are accumulated" in setup.notes[-1]
    again = parse_cfg(write_cfg(setup)).radar
    assert again.tx_power == pytest.approx(setup.radar.tx_power)
    torch.testing.assert_close(again.chirp_times(), setup.radar.chirp_times())
    with pytest.raises(ValueError, match="line 5: frameCfg: 2 chirps take 1280 us of a burst period of 600 us"):
        parse_cfg(LOW_POWER.replace("frameCfg 2 0", "frameCfg 2 16"))
