"""Shipped devices: their figures are those published, and a device file is checked at the door."""

import math

import pytest
import torch
from oracles import chirp_figures

from mmsynth.config import dumps, parse, to_table
from mmsynth.radar import device_named, devices, load_device, load_radar, radar_names
from mmsynth.types import Processing

# Published configurations and the figures that were computed from them: start GHz, slope MHz/us, samples, ksps, chirp
# us, loops, TX, adc start us, then dR cm, FFT bin cm, dv m/s, v-max m/s (to the digits printed).
TABLE = {
    "radhar": (77, 70, 240, 4884, 64.14, 16, 3, 7, "4.358", "4.085", "0.6147", "4.917"),
    "mars": (77, 99.92, 80, 2500, 55.8, 32, 3, 0, "4.7", "2.930", "0.356", "5.7"),
    "mmmesh": (77, 60.012, 256, 4400, 72, 128, 3, 6, "4.293", "4.293", "0.0685", "4.386"),
    "synmotion": (77, 124.996, 256, 10000, 25.6, 128, 2, 0, "4.684", "4.684", "0.291", "18.6"),
    "iwr6843isk_area": (60.5, 50, 256, 6000, 169, 32, 3, 0, "7.026", "7.026", "0.150", "2.40"),
    "iwr6843isk_people": (60.75, 54.71, 96, 2950, 89.1, 96, 3, 25, "8.419", "6.314", "0.0927", "4.45"),
    "bgt60": (58, 171.875, 64, 2000, 591.125, 64, 1, 0, "2.725", "2.725", "0.065", "2.087"),
    "bgt60_breathing": (58, 171.875, 64, 2000, 591.125, 8, 1, 0, "2.725", "2.725", "0.522", "2.087"),
}


def digits(value: float, like: str) -> float:
    return round(value, len(like.partition(".")[2]))


@pytest.mark.parametrize("name", TABLE)
def test_profile_has_the_published_figures(name):
    start, slope, samples, rate, chirp, loops, slots, adc_start, *printed = TABLE[name]
    radar = load_radar(name).radar
    w = radar.waveform
    got = {
        "range_resolution": w.range_resolution,
        "range_bin": w.range_bin,
        "velocity_resolution": radar.velocity_resolution,
        "max_velocity": radar.max_velocity,
    }
    want = chirp_figures(start * 1e9, slope * 1e12, samples, rate * 1e3, chirp * 1e-6, loops, slots, adc_start * 1e-6)
    # Two routes through the same closed forms in float64.
    assert got == pytest.approx(want, rel=1e-12)
    scales = (100, 100, 1, 1)
    for value, scale, text in zip(got.values(), scales, printed, strict=True):
        # Printed figures are cut or rounded in their last digit (a tie may fall either way).
        assert abs(digits(value * scale, text) - float(text)) <= 1.001 * 10 ** -len(text.partition(".")[2])


def test_radhar_is_exact_to_its_cfg():
    setup = load_radar("radhar")
    radar, processing = setup.radar, setup.processing
    assert radar.name == "IWR1443BOOST/radhar"
    assert radar.slot_tx == (0, 2, 1)  # masks 1, 4, 2: the elevated TX last
    assert radar.codes.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    w = radar.waveform
    assert (w.idle_time, w.adc_start, w.ramp_time, w.loops) == (7e-6, 7e-6, 57.14e-6, 16)
    assert radar.active_time == pytest.approx(48 * 64.14e-6)
    assert processing.doppler_cfar is None
    assert (processing.range_cfar.mode, processing.range_cfar.window, processing.range_cfar.guard) == ("CASO", 8, 4)
    assert (processing.peak_grouping_range, processing.peak_grouping_doppler) == (False, True)
    assert not processing.clutter_removal and processing.dc_range_bins == 0


def test_mars_removes_clutter_and_sees_as_far_as_its_recordings():
    setup = load_radar("mars")
    assert setup.processing.clutter_removal
    assert setup.processing.range_limits[1] == pytest.approx(3.37, abs=0.0293)  # within one bin


@pytest.mark.parametrize("name", ["IWR1443BOOST", "IWR1843BOOST", "IWR6843ISK"])
def test_virtual_array_of_the_three_tx_boards(name):
    device = device_named(name)
    unit = device.array.unit
    assert unit == pytest.approx(299_792_458 / 2 / device.array.half_wavelength_at)
    virtual = (device.array.tx_positions()[:, None] + device.array.rx_positions()).reshape(-1, 3) / unit
    want = [(x, z) for x0, z in ((0, 0), (2, 1), (4, 0)) for x in range(x0, x0 + 4)]
    assert torch.allclose(virtual[:, [0, 2]], torch.tensor(want, dtype=torch.float64))
    assert not virtual[:, 1].any()
    # Azimuth aperture of eight half wavelengths: 2 / 8 rad = 14.3 deg of the 15 deg that TI states.
    level = virtual[virtual[:, 2] == 0][:, 0].sort().values
    assert torch.allclose(level, torch.arange(8, dtype=torch.float64))


@pytest.mark.parametrize("name", radar_names())
def test_every_profile_loads_by_its_full_name_and_survives_toml(name):
    setup = load_radar(name)
    assert setup.radar.name == name
    table = to_table(setup.processing)
    import tomllib

    assert parse(Processing, tomllib.loads(dumps(table))) == setup.processing


def test_every_device_states_its_source():
    assert len(devices()) >= 4
    for device in devices().values():
        assert len(device.source) > 40


def device_text(**changes: str) -> str:
    lines = {
        "top": 'name = "MINE"',
        "array": "[array]\ntx = [[0, 0], [0.004, 0]]\nrx = [[0, 0], [0.002, 0], [0, 0.002]]",
        "limits": "[limits]\nslope = 100e12",
        "profile": "[profiles.one]",
        "waveform": (
            "[profiles.one.waveform]\nstart_frequency = 60e9\nslope = 50e12\nsamples = 64\nsample_rate = 2e6\n"
            "idle_time = 5e-6\nramp_time = 40e-6\nloops = 16\nframe_period = 0.05"
        ),
    }
    return "\n\n".join((lines | changes).values())


def written(tmp_path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return str(path)


def test_a_device_of_ones_own(tmp_path):
    path = written(tmp_path, device_text())
    radar = load_radar(path).radar
    assert (radar.name, radar.slots, len(radar.rx)) == ("MINE/one", 2, 3)
    assert radar.tx[1].tolist() == [0.004, 0, 0] and radar.rx[2].tolist() == [0, 0, 0.002]
    assert torch.equal(radar.tx, load_radar(path + "#one").radar.tx)
    picked = load_radar(written(tmp_path, device_text(profile="[profiles.one]\nrx = [3, 1]\ntx = [2]"))).radar
    assert picked.rx[:, 2].tolist() == [0.002, 0] and picked.slot_tx == (1,)
    bpm = load_radar(written(tmp_path, device_text(profile="[profiles.one]\ncodes = [[1, 1], [1, -1]]"))).radar
    assert bpm.codes.tolist() == [[1, 1], [1, -1]] and not bpm.is_tdm


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"profile": "[profiles.one]\ntx = [3]"}, "tx: expected numbers from 1 to 2, got 3"),
        ({"profile": "[profiles.one]\nrx = [0]"}, "rx: expected numbers from 1 to 3, got 0"),
        ({"profile": "[profiles.one]\ncodes = [[1]]"}, "codes: expected 2 weights a slot"),
        ({"limits": "[limits]\nslope = 40e12"}, "slope: expected at most 4e\\+13, got 5e\\+13"),
        ({"limits": "[limits]\nband = [60e9, 61e9]"}, "expected to stay within 60-61 GHz, got 60-62 GHz"),
        ({"limits": "[limits]\nidle_time = 6e-6"}, "idle_time: expected at least 6 us, got 5 us"),
        ({"limits": "[limit]\nslope = 1"}, "unknown key 'limit': the nearest known one is 'limits'"),
        ({"array": "[array]\ntx = []\nrx = []"}, "expected at least one TX and one RX"),
        (
            {"profile": "[beam]\nangle = [1, 0]\nazimuth_cut = [1, 1]\nelevation_cut = [1, 1]\n\n[profiles.one]"},
            "expected at least two increasing angles",
        ),
    ],
)
def test_a_wrong_device_is_refused_in_one_sentence(tmp_path, changes, message):
    path = written(tmp_path, device_text(**changes))
    with pytest.raises(ValueError, match=message) as error:
        load_radar(path)
    assert "\n" not in str(error.value)


def test_lenient_takes_what_the_chip_cannot_do(tmp_path):
    changes = {"limits": "[limits]\nslope = 40e12", "profile": "[profiles.one]\nlenient = true"}
    assert load_radar(written(tmp_path, device_text(**changes))).radar.waveform.slope == 50e12


def test_unknown_names_say_what_is_known(tmp_path):
    with pytest.raises(ValueError, match="'radhaar' is not a profile or a file .*nearest: IWR1443BOOST/radhar"):
        load_radar("radhaar")
    with pytest.raises(ValueError, match="'NOPE/radhar' is not a profile or a file .*nearest: IWR1443BOOST/radhar"):
        load_radar("NOPE/radhar")
    with pytest.raises(ValueError, match="expected one of the profiles radhar, .*, got 'mmmesh'"):
        load_radar("IWR1443BOOST/mmmesh")
    with pytest.raises(ValueError, match="no such file"):
        load_device(tmp_path / "none.toml")


def test_noise_floor_lies_between_one_lsb_and_full_scale():
    # kTBF at the ADC input, closed form; a chain whose noise is lost under an LSB or clips would not be physical.
    for name in radar_names():
        radar = load_radar(name).radar
        receiver, rate = radar.receiver, radar.waveform.sample_rate
        band = rate if radar.waveform.complex_samples else rate / 2
        noise = math.sqrt(1.380649e-23 * 290 * band * receiver.noise_figure * receiver.load) * receiver.gain
        lsb = receiver.full_scale / 2 ** (receiver.bits - 1)
        assert lsb / 4 < noise < receiver.full_scale / 100, name
