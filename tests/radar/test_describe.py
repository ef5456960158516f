"""The printed figures: closed forms of the link budget, data rate and angles."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from cfgs import demo
from oracles import first_order_highpass, mean_highpassed_power

from mmsynth.radar import advice, describe, load_radar, radar_names
from mmsynth.radar.describe import angle_resolution, beam_width, data_rate, noise_voltage, snr


@pytest.mark.parametrize("name", radar_names())
def test_every_radar_can_be_described(name):
    figures = describe(load_radar(name).radar)
    assert figures["name"] == name
    for key, value in figures.items():
        assert isinstance(value, str) or math.isfinite(value), key
    assert 0 < figures["frame duty"] <= 1
    # The link budget is that of people whom the radar can see.
    told = [float(key.split()[2]) for key in figures if key.startswith("person at")]
    assert told == [d for d in (1.0, 2.0, 3.0, 5.0, 8.0) if d < float(figures["maximum range (m)"])]


def test_figures_of_radhar():
    radar = load_radar("radhar").radar
    figures = describe(radar)
    assert figures["range resolution (m)"] == pytest.approx(0.04358, abs=5e-6)
    assert figures["velocity resolution (m/s)"] == pytest.approx(0.6147, abs=5e-5)
    assert figures["antennas"] == "3 TX x 4 RX, TDM 1 3 2"
    # Published: 15 deg and 60 deg; eight and two elements half a wavelength apart.
    assert figures["azimuth resolution (deg)"] == pytest.approx(15, abs=1.1)
    assert figures["elevation resolution (deg)"] == pytest.approx(57, abs=3)
    # 48 chirps of 4 x 240 complex 16-bit words, 30 times a second; 48 x 64.14 us of 33.333 ms.
    assert figures["data rate (Mbit/s)"] == pytest.approx(48 * 4 * 240 * 32 / 33.333e-3 / 1e6)
    assert figures["frame duty"] == pytest.approx(48 * 64.14e-6 / 33.333e-3)
    assert figures["beam, two-way -6 dB (deg)"] == "56 x 28"


def test_link_budget_is_the_radar_equation():
    radar = load_radar("radhar").radar
    w = radar.waveform
    # By hand, in dB: 12 dBm, 2 x 9 dBi, lambda^2, 0 dBsm, (4 pi)^3, 3 m; -174 dBm/Hz, 15.5 dB; 240 / 4.884 MHz x 192.
    received = 12 + 18 + 20 * math.log10(w.wavelength) - 30 * math.log10(4 * math.pi) - 40 * math.log10(3)
    noise = 10 * math.log10(1.380649e-23 * 290 * 1e3) + 15.5 - 10 * math.log10(240 / 4.884e6 * 192)
    assert 10 * math.log10(snr(radar, 3.0)) == pytest.approx(received - noise, abs=1e-9)
    assert snr(radar, 2.0) / snr(radar, 4.0) == pytest.approx(16)
    assert snr(radar, 2.0, rcs=0.1) == pytest.approx(snr(radar, 2.0) / 10)
    # A high-pass takes as much of thermal noise as of the echo, but nothing of what the ADC adds.
    for adc, share in ((0.0, 0.0), (1e-3, 1.0)):
        plain = replace(radar, receiver=replace(radar.receiver, temperature=290.0 - 290.0 * share, adc_noise=adc))
        passed = replace(plain, receiver=replace(plain.receiver, highpass=350e3))
        for distance in (0.5, 1.3, 2.3):
            taken = abs(first_order_highpass(70e12 * 2 * distance / 299792458, 350e3)) ** 2
            assert snr(passed, distance) / snr(plain, distance) == pytest.approx(taken**share)
    # Two TX at once send twice the energy.
    coded = replace(radar, codes=torch.tensor([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 1.0]]))
    assert snr(coded, 3.0) == pytest.approx(2 * snr(radar, 3.0))


def test_noise_is_ktbf():
    radar = load_radar("radhar").radar
    white = 1.380649e-23 * 290 * 4.884e6 * 10**1.55
    assert noise_voltage(radar) ** 2 / 50 / radar.receiver.gain**2 / white == pytest.approx(1)
    # What a high-pass leaves of it.
    passed = replace(radar, receiver=replace(radar.receiver, highpass=350e3))
    left = mean_highpassed_power(4.884e6, 350e3)
    # A mean over 4,096 frequencies where the oracle integrates.
    assert (noise_voltage(passed) / noise_voltage(radar)) ** 2 == pytest.approx(left, rel=1e-5)
    real = replace(radar, waveform=replace(radar.waveform, complex_samples=False))
    assert noise_voltage(radar) / noise_voltage(real) == pytest.approx(math.sqrt(2))
    assert data_rate(radar) / data_rate(real) == pytest.approx(2)
    # What the ADC adds is in each of I and Q.
    for one, parts in ((radar, 2), (real, 1)):
        cold = replace(one, receiver=replace(one.receiver, temperature=1e-9, adc_noise=0.01))
        assert noise_voltage(cold) == pytest.approx(0.01 * math.sqrt(parts))


def test_angles():
    # A uniform line of n elements half a wavelength apart resolves 2 / n rad; a point nothing.
    for n in (2, 8, 86):
        assert angle_resolution((n - 1) * 0.5, 1.0) == pytest.approx(2 / n)
    assert math.isnan(angle_resolution(0.0, 1.0))
    # A whole wavelength apart they tell +-30 degrees from each other, and a single row no heights.
    radar = load_radar("mmmesh").radar
    row = torch.zeros(4, 3, dtype=torch.float64)
    row[:, 0] = torch.arange(4) * radar.waveform.wavelength
    wide = describe(replace(radar, tx=row[:1], rx=row, codes=torch.ones(1, 1)))
    assert (wide["unambiguous azimuth (deg)"], wide["unambiguous elevation (deg)"]) == ("+-30", "none")
    cascade = describe(load_radar("cascade_mimo").radar)
    # TI states 1.4 deg of azimuth for the 86 elements and 18 deg of elevation.
    assert cascade["azimuth resolution (deg)"] == pytest.approx(1.4, abs=0.1)
    assert cascade["elevation resolution (deg)"] == pytest.approx(17, abs=1.5)


def test_beam_width_is_that_of_a_cosine_power():
    radar = load_radar("bgt60").radar
    assert beam_width(radar, 0) == pytest.approx(90, abs=0.2)  # one step of the search
    assert beam_width(radar, 2) == pytest.approx(70, abs=0.2)


def test_what_a_configuration_misses_of_people_is_said(tmp_path: Path) -> None:
    def said(profile: str, loops: int, rest: str) -> tuple[str, ...]:
        (tmp_path / "my.cfg").write_text(demo("xWR68xx", profile, (1, 4), loops, "100", rest))
        return advice(load_radar(str(tmp_path / "my.cfg")))

    cfar = "cfarCfg -1 0 2 8 4 3 0 15 {0}\ncfarCfg -1 1 0 4 2 3 1 15 {0}\nclutterRemoval -1 {1}\n"
    # 32 loops of 2 x 31 us are 1.98 ms: bins of 4.87 mm / 2 / 1.98 ms = 1.23 m/s.
    short = said("0 60 7 3 24 0 0 166 1 64 5000 0 0 30", 32, cfar.format(1, 1))
    assert len(short) == 2 and "slower than 0.61 m/s is removed as clutter" in short[0]
    assert "peak grouping along both" in short[1]
    assert "is reported as static" in said("0 60 7 3 24 0 0 166 1 64 5000 0 0 30", 32, cfar.format(0, 0))[0]
    # Chirps of 2 x 1 ms: +-4.82 mm / 4 / 2 ms = 0.60 m/s.
    slow = said("0 60 942.86 7 57.14 0 0 70 1 256 5209 0 0 158", 32, cfar.format(0, 1))
    assert len(slow) == 1 and "beyond 0.60 m/s it is aliased" in slow[0]
    unfolded = said(
        "0 60 942.86 7 57.14 0 0 70 1 256 5209 0 0 158", 32, cfar.format(0, 1) + "extendedMaxVelocity -1 1\n"
    )
    assert unfolded == ()
    # mmMesh's takes the strongest cells, of 0.07 m/s: nothing is grouped, and nobody is too slow for it.
    assert advice(load_radar("mmmesh")) == ()
