"""TI configurations of every SDK, and mmWave Studio's JSON."""

import json
import math

import pytest
import torch
from cfgs import DEMOS, LOW_POWER, LOW_POWER_6844, RADHAR, SDK3, demo, people_counting, studio
from oracles import chirp_figures

from mmsynth.radar import load_radar, parse_cfg, write_cfg
from mmsynth.types import Cfar


def test_sdk_3_processing():
    p = parse_cfg(demo("xWR18xx", "0 77 8 7 200 0 0 20 1 384 2000 0 0 30", (1, 4, 2), 32, "100", SDK3)).processing
    assert p.range_cfar == Cfar("CASO", 8, 4, 15.0, False)
    assert p.doppler_cfar == Cfar("CA", 8, 4, 12.0, True)
    assert (p.peak_grouping_range, p.peak_grouping_doppler) == (True, False)
    assert p.clutter_removal and p.extended_velocity and p.half_wavelength_angles
    assert (p.dc_range_bins, p.dc_range_bins_negative) == (8, 5)
    assert p.azimuth_limits == pytest.approx((-math.pi / 3, math.pi / 4))
    assert p.elevation_limits == pytest.approx((-math.pi / 6, math.pi / 9))
    assert p.range_limits == (0.25, 12.0) and p.velocity_limits == (-1.5, 1.56)
    assert p.intensity == "snr"


def test_counting_people_in_the_plane_is_read():
    """TI's people counting for two TX (mmw_PC_14m_Hallway.cfg), whose cfarCfg has twelve numbers in SDK 1 to 3."""
    rest = "lowPower 0 1\nguiMonitor 1 1 0 0\ncfarCfg 6 4 4 0 0 16 16 4 4 50 62 0\ndoaCfg 600 1875 30 1\n"
    text = demo("", "0 77 30 7 62 0 0 24 1 128 2500 0 0 30", (1, 2), 128, "50", rest)
    text = text.replace("channelCfg 15 7", "channelCfg 15 3")
    setup = parse_cfg(text)
    assert setup.radar.name == "IWR1642BOOST/cfg" and setup.radar.waveform.range_resolution == pytest.approx(
        0.122, abs=1e-3
    )
    p = setup.processing
    assert p.clutter_removal and p.doppler_cfar is None and p.peak_grouping_doppler
    assert any("cfarCfg of people counting: its numbers are not used" in note for note in setup.notes)


def test_thresholds_before_sdk_3_count_the_chips_log_steps():
    # Both are 9 dB by their headers: xWR14xx 512 X / 6; xWR16xx 256 X / 6 for each of eight virtual antennas.
    old = DEMOS["1443 best range resolution"][0]
    assert parse_cfg(old).processing.range_cfar == Cfar("CASO", 8, 4, pytest.approx(9.0))
    rest = "cfarCfg -1 0 0 8 4 4 0 3072\ncfarCfg -1 1 0 4 2 3 0 3072\npeakGrouping -1 1 0 1 1 255\n"
    text = demo("xWR16xx", "0 77 39 7 57.14 0 0 70 1 256 5209 0 0 30", (1, 2), 16, "33.333", rest)
    setup = parse_cfg(text)
    assert setup.radar.name == "IWR1642BOOST/cfg"
    assert setup.processing.range_cfar == Cfar("CA", 8, 4, pytest.approx(9.0))
    assert setup.processing.doppler_cfar == Cfar("CA", 4, 2, pytest.approx(9.0))
    assert (setup.processing.peak_grouping_range, setup.processing.peak_grouping_doppler) == (False, True)
    # With one TX in use the sum is of four.
    one = parse_cfg(demo("xWR16xx", "0 77 39 7 57.14 0 0 70 1 256 5209 0 0 30", (1,), 16, "33.333", rest))
    assert one.processing.range_cfar.threshold_db == pytest.approx(18.0)
    # Its header: 79.21 GHz, 4.4 cm, +-4.921 m/s, 0.615 m/s.
    assert setup.radar.waveform.center_frequency == pytest.approx(79.21e9, rel=1e-4)
    assert setup.radar.max_velocity == pytest.approx(4.921, abs=1e-3)
    assert setup.radar.velocity_resolution == pytest.approx(0.615, abs=1e-3)


@pytest.mark.parametrize(
    ("board", "profile"), [("IWR6843ISK", "iwr6843isk_people"), ("IWR6843AOP", "iwr6843aop_people")]
)
def test_people_counting_is_detected_as_in_its_profile(board, profile):
    mine, theirs = parse_cfg(people_counting(board)).processing, load_radar(profile).processing
    for name in ("clutter_removal", "doppler_cfar", "range_cfar", "peak_grouping_range", "peak_grouping_doppler"):
        assert getattr(mine, name) == getattr(theirs, name), name
    assert mine.clutter_removal and mine.doppler_cfar is None


def test_people_counting_on_the_isk_is_ti_s_own_file():
    mine, theirs = parse_cfg(people_counting("IWR6843ISK")).radar, load_radar("iwr6843isk_people").radar
    assert mine.waveform == theirs.waveform
    assert mine.codes.tolist() == theirs.codes.tolist()
    assert (mine.tx_power, mine.receiver.gain) == pytest.approx((theirs.tx_power, theirs.receiver.gain))


def test_low_power_sdk():
    setup = parse_cfg(LOW_POWER)
    radar, w = setup.radar, setup.radar.waveform
    assert radar.name == "xWRL6432BOOST/cfg" and setup.notes == ()
    # The xWRL6844's array, rows downwards, with the first board's chirps.
    wide = "2 1 2 1 3 0 3 0 0 1 0 1 1 0 1 2 0 3 0 3 1 2 1 2 2 3 2 3 3 2 3 2.540 2.540"
    text = LOW_POWER.replace("0 1 1 0 2 0 1 1 2 0 3 2.418 2.418", wide).replace("channelCfg 7 3", "channelCfg 255 15")
    other = parse_cfg("\n".join(line for line in text.splitlines() if not line.startswith("compRange")))
    assert other.radar.name == "xWRL6844EVM/cfg" and other.notes == ()
    assert not w.complex_samples and w.samples == 128
    assert w.sample_rate == pytest.approx(100e6 / 15)
    assert w.adc_start == pytest.approx(26 * 15 / 100e6)
    # Two chirps of 40 us every 600 us, 64 times in 200 ms.
    assert radar.loop_time == pytest.approx(600e-6)
    assert radar.slot_tx == (0, 1) and w.loops == 64
    starts = radar.chirp_times()
    assert float(starts[1, 0] - starts[0, 0]) == pytest.approx(600e-6)
    assert float(starts[0, 1] - starts[0, 0]) == pytest.approx(40e-6)
    assert radar.active_time == pytest.approx(63 * 600e-6 + 80e-6)
    figures = chirp_figures(60e9, 47.95e12, 128, 100e6 / 15, 300e-6, 64, 2, 3.9e-6)
    assert radar.max_velocity == pytest.approx(figures["max_velocity"])
    assert radar.velocity_resolution == pytest.approx(figures["velocity_resolution"])
    p = setup.processing
    assert (p.range_cfar, p.doppler_cfar) == (Cfar("CASO", 8, 4, 7.0), None)
    assert p.range_limits == (1.2, 10.0) and p.azimuth_limits == pytest.approx(
        (-70 * math.pi / 180, 70 * math.pi / 180)
    )
    assert 20 * math.log10(radar.receiver.gain) == pytest.approx(36)
    tuned = parse_cfg(LOW_POWER + "factoryCalibCfg 1 0 30 3 0x1ff000\n").radar
    assert 20 * math.log10(tuned.receiver.gain) == pytest.approx(30)
    assert 10 * math.log10(radar.tx_power / tuned.tx_power) == pytest.approx(3)
    bpm = parse_cfg(LOW_POWER.replace("128 1 34 3", "128 4 34 3")).radar
    assert bpm.codes.tolist() == [[1, 1], [1, -1]]


def test_mmwave_studio_json(tmp_path):
    path = tmp_path / "one.mmwave.json"
    path.write_text(json.dumps(studio()))
    (tmp_path / "one.setup.json").write_text(json.dumps({"mmWaveDevice": "iwr1443"}))
    setup, profile = load_radar(str(path)), load_radar("radhar")
    assert setup.radar.name == "IWR1443BOOST/one"
    assert setup.radar.waveform == profile.radar.waveform
    assert setup.radar.codes.tolist() == profile.radar.codes.tolist()
    assert setup.radar.receiver == profile.radar.receiver
    assert load_radar(f"{path}#IWR1843BOOST").radar.name == "IWR1843BOOST/one"
    path.write_text(json.dumps(studio()), encoding="utf-8-sig")
    assert load_radar(str(path)).radar.waveform == profile.radar.waveform
    path.write_text(json.dumps(studio(numLoops=None)))
    with pytest.raises(ValueError, match="one.mmwave.json: mmWave Studio: expected a number, got None"):
        load_radar(str(path))
    path.write_text('{"mmWaveDevices": [{"rfConfig": {}}]}')
    with pytest.raises(ValueError, match="'rlChanCfg_t' is missing"):
        load_radar(str(path))
    path.write_text("[1")
    with pytest.raises(ValueError, match="not JSON"):
        load_radar(str(path))
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "one.cfg").write_text(json.dumps(studio(), indent=1), encoding=encoding)
        with pytest.raises(ValueError, match="one.cfg: expected TI's commands, got JSON; .* ends in .json"):
            load_radar(str(tmp_path / "one.cfg"))


def test_the_xwrl6844_s_own_demo():
    setup = parse_cfg(LOW_POWER_6844)
    radar, w, processing = setup.radar, setup.radar.waveform, setup.processing
    assert radar.name == "xWRL6844EVM/cfg" and setup.notes == ()
    # Two bits an antenna: 153 and 255 switch all four on. Its decimator divides 200 MHz.
    assert (len(radar.tx), len(radar.rx), radar.slots, radar.slot_tx) == (4, 4, 4, (0, 1, 2, 3))
    assert w.sample_rate == pytest.approx(25e6) and w.adc_start == pytest.approx(63 / 25e6)
    # One burst of 64 chirps is sixteen loops of four without a pause.
    assert (w.loops, w.loop_idle, w.frame_period) == (16, 0.0, 0.1)
    assert radar.loop_time == pytest.approx(4 * 19.1e-6)
    assert processing.range_cfar == Cfar("CASO", 8, 4, 9.0) and processing.peak_grouping_range is False
    assert processing.doppler_cfar == Cfar("CASO", 4, 2, 8.0, cyclic=True, divide_shift=None)
    assert processing.peak_grouping_doppler is True
    assert processing.range_limits == (0.25, 9.0) and processing.velocity_limits == (-20.16, 20.16)
    again = parse_cfg(write_cfg(setup))
    assert again.processing == processing and again.radar.codes.tolist() == radar.codes.tolist()
    assert again.radar.waveform.loops == 16 and again.radar.loop_time == pytest.approx(radar.loop_time)
    one = parse_cfg(LOW_POWER_6844.replace("channelCfg 153 255 0", "channelCfg 8 5 0"))
    assert torch.equal(one.radar.rx, radar.rx[1:2]) and one.radar.slot_tx == (0, 1)
    with pytest.raises(ValueError, match="line 2: channelCfg: expected a RX mask"):
        parse_cfg(LOW_POWER_6844.replace("channelCfg 153", "channelCfg 0"))


def test_sdk_4_puts_the_samples_before_the_frame_period():
    text = RADHAR.replace("frameCfg 0 2 16 0 33.333 1 0", "frameCfg 0 2 16 0 240 33.333 1 0")
    assert text != RADHAR
    assert parse_cfg(text).radar.waveform == parse_cfg(RADHAR).radar.waveform
