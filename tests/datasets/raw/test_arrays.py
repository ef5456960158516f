"""Plain arrays with named axes: every order gives the same frames; damage and misfits are told."""

import pickle
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import torch

from mmsynth.datasets.raw import Layout, read_array
from mmsynth.radar import load_radar

RADHAR = load_radar("radhar").radar
SHAPE = (3, 16, 3, 4, 240)
DATA = np.random.default_rng(0).integers(-2000, 2000, (*SHAPE, 2)).astype(np.int16)
WANT = torch.from_numpy((DATA[..., 0] + 1j * DATA[..., 1]).astype(np.complex64))


@pytest.mark.parametrize(
    ("axes", "array"),
    [
        ("frames loops slots rx samples iq", DATA),
        ("frames chirps rx samples iq", DATA.reshape(3, 48, 4, 240, 2)),
        ("frames loops virtual samples iq", DATA.reshape(3, 16, 12, 240, 2)),
        ("iq samples rx slots loops frames", DATA.transpose()),
        ("samples rx chirps frames iq", DATA.reshape(3, 48, 4, 240, 2).transpose(3, 2, 1, 0, 4)),
        ("frames loops slots rx samples", WANT.numpy()),
        ("frames samples chirps rx", WANT.numpy().reshape(3, 48, 4, 240).transpose(0, 3, 1, 2)),
    ],
)
def test_any_order_of_axes(tmp_path, axes, array):
    np.save(tmp_path / "a.npy", np.ascontiguousarray(array))
    recording = read_array(tmp_path / "a.npy", RADHAR, Layout(axes))
    assert torch.equal(recording.frames().samples, WANT)
    assert torch.equal(recording.frames(1, 2).samples, WANT[1:2])
    np.savez(tmp_path / "a.npz", data=array, other=np.zeros(3))
    assert torch.equal(read_array(tmp_path / "a.npz", RADHAR, Layout(axes)).frames().samples, WANT)


def test_scale_middle_and_sign(tmp_path):
    np.save(tmp_path / "a.npy", DATA + np.int16(100))
    layout = Layout("frames loops slots rx samples iq", volts=0.5, middle=100, conjugate=True)
    got = read_array(tmp_path / "a.npy", RADHAR, layout).frames().samples
    assert torch.equal(got, (0.5 * WANT).conj())


def test_one_frame_without_a_frame_axis(tmp_path):
    np.save(tmp_path / "a.npy", DATA[0])
    got = read_array(tmp_path / "a.npy", RADHAR, Layout("loops slots rx samples iq")).frames()
    assert torch.equal(got.samples, WANT[:1])


def test_matlab_files(tmp_path):
    layout = Layout("frames loops slots rx samples", key="adc")
    for compressed in (False, True):
        arrays = {"adc": WANT.numpy(), "name": "x", "small": np.int16(3), "cell": {"a": 1}}
        scipy.io.savemat(tmp_path / "old.mat", arrays, do_compression=compressed)
        assert torch.equal(read_array(tmp_path / "old.mat", RADHAR, layout).frames().samples, WANT)
    scipy.io.savemat(tmp_path / "iq.mat", {"adc": DATA})
    layout_iq = Layout("frames loops slots rx samples iq")
    assert torch.equal(read_array(tmp_path / "iq.mat", RADHAR, layout_iq).frames().samples, WANT)
    # MATLAB's v7.3 is HDF5 with the axes reversed and complex numbers as pairs.
    with h5py.File(tmp_path / "new.mat", "w") as file:
        pairs = np.zeros(SHAPE, [("real", "f4"), ("imag", "f4")])
        pairs["real"], pairs["imag"] = WANT.real.numpy(), WANT.imag.numpy()
        file["adc"] = pairs.transpose()
    assert torch.equal(read_array(tmp_path / "new.mat", RADHAR, layout).frames().samples, WANT)


def test_misfits_are_told(tmp_path):
    file = tmp_path / "a.npy"
    np.save(file, DATA)
    full = "frames loops slots rx samples iq"
    for axes, message in (
        (
            "frames loops slots rx iq samples",
            "axis 'samples': expected 240 as in radar IWR1443BOOST/radhar, got 2|'iq'",
        ),
        ("frames loops slots rx samples", "expected 5 axes"),
    ):
        with pytest.raises(ValueError, match=message):
            read_array(file, RADHAR, Layout(axes))
    for axes, message in (
        ("frames loops slots rx time", "expected names of .*, got 'time'"),
        ("frames frames samples", "expected each axis once"),
        ("frames chirps loops samples", "expected each axis once"),
        ("frames chirps virtual samples", "expected each axis once"),
        ("frames chirps", "expected 'samples' among them"),
    ):
        with pytest.raises(ValueError, match=message):
            Layout(axes)
    np.savez(tmp_path / "two.npz", a=DATA, b=DATA)
    with pytest.raises(ValueError, match="expected a key, one of 'a', 'b', got none"):
        read_array(tmp_path / "two.npz", RADHAR, Layout(full))
    with pytest.raises(ValueError, match="expected an array 'c', got none"):
        read_array(tmp_path / "two.npz", RADHAR, Layout(full, key="c"))
    with pytest.raises(ValueError, match="no such file"):
        read_array(tmp_path / "none.npy", RADHAR, Layout(full))
    with pytest.raises(ValueError, match="expected .npy, .npz or .mat, got '.txt'"):
        (tmp_path / "a.txt").write_text("1")
        read_array(tmp_path / "a.txt", RADHAR, Layout(full))
    for name in ("bad.npz", "bad.mat", "bad.npy"):
        (tmp_path / name).write_bytes(b"\x93NUMPY garbage and more garbage, not a file of any of these kinds" * 9)
        with pytest.raises(ValueError, match=name):
            read_array(tmp_path / name, RADHAR, Layout(full))


def test_samples_that_are_no_numbers_are_told(tmp_path):
    holes = WANT.numpy().copy()
    holes[1, 0, 0, 0, 0] = np.nan
    np.save(tmp_path / "a.npy", holes)
    recording = read_array(tmp_path / "a.npy", RADHAR, Layout())
    assert torch.equal(recording.frames(0, 1).samples, WANT[:1])
    with pytest.raises(ValueError, match=r"a.npy: expected finite samples, got NaN or infinite ones in frame 1$"):
        recording.frames()


def test_objects_are_never_read(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1, "x"]], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", a=np.array([[1, "x"]], dtype=object))
    (tmp_path / "p.npz").write_bytes(pickle.dumps({"a": 1}))
    for name in ("a.npy", "a.npz", "p.npz"):
        with pytest.raises(ValueError, match=f"{name}: expected numbers, got Python objects, which are never read"):
            read_array(tmp_path / name, RADHAR, Layout("frames samples"))


@pytest.mark.real
def test_openradar_frame_has_its_target(real_data: Path):
    # 128 loops, eight virtual antennas, 128 samples; the pack's note: range bin 60, Doppler bin 71.
    setup = load_radar("iwr1642_demo")
    waveform = replace(setup.radar.waveform, samples=128, loops=128, frame_period=0.2)
    radar = replace(setup.radar, waveform=waveform)
    file = real_data / "raw_adc" / "openradar_frames" / "doppler_example_1.npy"
    adc = read_array(file, radar, Layout("loops virtual samples iq")).frames()
    assert adc.samples.shape == (1, 128, 2, 4, 128)
    spectrum = torch.fft.fft(adc.samples[0] * torch.blackman_window(128, periodic=False), dim=-1)
    spectrum = (spectrum - spectrum.mean(0)) * torch.hann_window(128, periodic=False)[:, None, None, None]
    power = torch.fft.fftshift(torch.fft.fft(spectrum, dim=0), dim=0).abs().square().sum((1, 2))
    doppler, distance = divmod(int(power.argmax()), 128)
    assert (doppler, distance) == (71, 60)


@pytest.mark.real
def test_a_radar_of_ones_own_with_exchanged_q_gives_the_breathing_rate(real_data: Path, tmp_path):
    # 122 GHz, one TX and RX, a ramp of 6 GHz every 15.76 ms; its Q has the other sign than here.
    file = real_data / "raw_adc" / "mmlab_122ghz" / "francescoRespira.npz"
    (tmp_path / "mmlab.toml").write_text("""
        name = "MMLAB122"
        [array]
        tx = [[-0.002, 0]]
        rx = [[0.002, 0]]
        [profiles.breathing.waveform]
        start_frequency = 119e9
        slope = 482e12
        samples = 32
        sample_rate = 2.571e6
        idle_time = 15.74755e-3
        ramp_time = 12.45e-6
        loops = 1
        frame_period = 15.76e-3
    """)
    radar = load_radar(str(tmp_path / "mmlab.toml")).radar
    assert radar.waveform.range_resolution == pytest.approx(0.025, abs=1e-4)
    adc = read_array(file, radar, Layout("frames samples iq", key="iq", conjugate=True)).frames()
    assert adc.samples.shape == (944, 1, 1, 1, 32)
    samples = adc.samples[:, 0, 0, 0]
    samples = (samples - samples.mean(1, keepdim=True)) * torch.blackman_window(32, periodic=False)
    spectrum = torch.fft.fft(samples, 64)
    power = spectrum.abs().square().mean(0)
    assert power[10:32].max() > 2 * power[33:55].max()  # its mixer leaves an image of more than half the amplitude
    peak = int(power[10:32].argmax()) + 10
    phase = np.unwrap(spectrum[:, peak].angle().numpy())
    rate = np.fft.rfftfreq(len(phase), radar.waveform.frame_period)
    beat = np.abs(np.fft.rfft((phase - phase.mean()) * np.hanning(len(phase))))
    beat[rate < 0.1] = 0
    assert rate[beat.argmax()] == pytest.approx(0.27, abs=0.05)  # a breath in 3.7 s


def test_real_samples_of_a_radar_of_complex_ones_are_refused(tmp_path):
    """Their spectrum is its own mirror image: what stands at a range would stand at its negative too."""
    np.save(tmp_path / "a.npy", DATA[..., 0])
    with pytest.raises(
        ValueError, match="a.npy: expected complex samples .* as radar IWR1443BOOST/radhar has, got int16"
    ):
        read_array(tmp_path / "a.npy", RADHAR, Layout("frames loops slots rx samples"))


def test_complex_samples_of_a_radar_of_real_ones_are_refused(tmp_path):
    """Of the two parts one would be lost without a word."""
    radar = replace(RADHAR, waveform=replace(RADHAR.waveform, complex_samples=False))
    for axes, array, got in (
        ("frames loops slots rx samples iq", DATA, "an axis 'iq'"),
        ("frames loops slots rx samples", WANT.numpy(), "complex64"),
    ):
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(
            ValueError, match=f"a.npy: expected real samples as radar IWR1443BOOST/radhar has, got {got}"
        ):
            read_array(tmp_path / "a.npy", radar, Layout(axes))
    np.save(tmp_path / "a.npy", DATA[..., 0])
    samples = read_array(tmp_path / "a.npy", radar, Layout("frames loops slots rx samples")).frames().samples
    assert torch.equal(samples, WANT.real)
