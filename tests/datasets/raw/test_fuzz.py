"""Mutated recordings and logs: valid data or one clear sentence, in bounded time and memory."""

import os

import numpy as np
import pytest
import torch
from damage import one_sentence
from hsi import recorded as recorded_hsi
from hsi import small as small_hsi
from hsi import with_headers
from steps import small
from uart import counting, packet, sdk2, sdk3, tlv, visualizer

from mmsynth.datasets.raw import (
    Layout,
    read_array,
    read_cascade,
    read_dca1000,
    read_infineon,
    read_replay,
    read_ti_uart,
    write_cascade,
    write_dca1000,
    write_infineon,
)
from mmsynth.radar import load_radar
from mmsynth.types import AdcFrames

# Ten thousand draws take minutes on a busy machine.
pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(1800)]
DRAWS = int(os.environ.get("MMSYNTH_FUZZ", "90"))


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        if not data:
            break
        at = int(rng.integers(len(data)))
        kind = rng.integers(6)
        if kind == 0:
            data[at] = rng.integers(256)
        elif kind == 1:
            data[at : at + 4] = [b"\xff" * 4, b"\0" * 4, b"\x01\0\0\0", b"\0\0\0\x80"][rng.integers(4)]
        elif kind == 2:
            del data[at : at + int(rng.integers(1, 64))]
        elif kind == 3:
            data[at:at] = rng.bytes(int(rng.integers(1, 64)))
        elif kind == 4:
            data[at:at] = data[: int(rng.integers(1, 200))]
        else:
            del data[at:]
    return bytes(data)


def uart_log() -> bytes:
    a, b = (1.0, 2.0, 0.5, -0.25), (-0.5, 3.0, 0.125, 0.0)
    old = [(49, -3, 933, 512, 1024, -256), (25, 2, 12, 0, 522, 0)]
    people = [(10, 20, -15, 40, 250), (-50, -20, 3, 100, 25)]
    parts = [sdk3(i, [a, b] * i, [(153, 300)] * 2 * i) for i in range(3)]
    parts += [sdk2(3, old), sdk2(4, old, platform=0xA1443, subframe=None)]
    parts += [counting(5, people, [(3, 0.5, 2.5, 1.0, 0.1, -0.2, 0.3)], None), counting(6, people, [], bytes((3, 255)))]
    parts += [packet(7, [tlv(301, bytes(20) + bytes(range(30)))])]
    return b"".join(parts)


def test_mutated_uart_logs(tmp_path):
    rng, content, radar = np.random.default_rng(1), uart_log(), load_radar("radhar").radar
    path = tmp_path / "log.dat"
    for _ in range(DRAWS):
        path.write_bytes(mutated(content, rng))
        try:
            log = read_ti_uart(path, radar)
        except ValueError as error:
            one_sentence(error)
            continue
        cloud = log.cloud
        assert bool(torch.isfinite(cloud.position).all()) and len(cloud.times) == len(log.packets) > 0
        assert len(log.target_index) == len(cloud.velocity) < 10_000
        assert bool((cloud.times.diff() > 0).all())
        for name in ("range_profile", "statistics"):
            log.table(name)


def test_mutated_recordings_of_the_visualizer(tmp_path):
    path = tmp_path / "r.json"
    visualizer(path, [(i, [[1, 2, 0.5, -0.25, 15, 30], [-0.5, 3, 0, 0, 9, 31]] * i) for i in range(3)])
    rng, content, kept = np.random.default_rng(9), path.read_bytes(), 0
    for _ in range(DRAWS):
        data = bytearray(content if rng.random() < 0.7 else mutated(content, rng))
        for at in rng.integers(len(data), size=2) if data else ():
            data[at] = rng.choice(list(b'0123456789.-e,:"[]{} '))
        path.write_bytes(data)
        try:
            cloud = read_replay([path]).cloud
        except ValueError as error:
            one_sentence(error)
            continue
        assert bool(torch.isfinite(cloud.position).all()) and bool((cloud.times.diff() > 0).all())
        kept += 1
    assert kept > DRAWS // 10


def test_mutated_dca1000_recordings(tmp_path):
    setup = small("mmmesh", samples=8)
    generator = torch.Generator().manual_seed(0)
    samples = 0.1 * torch.randn((4, 2, 3, 4, 8), dtype=torch.complex64, generator=generator)
    write_dca1000(tmp_path / "a.bin", AdcFrames(setup.radar, samples, torch.arange(4.0)))
    rng, content = np.random.default_rng(2), (tmp_path / "a.bin").read_bytes()
    path = tmp_path / "m.bin"
    for _ in range(DRAWS):
        data = mutated(content, rng)
        path.write_bytes(data)
        try:
            recording = read_dca1000(path, setup)
        except ValueError as error:
            one_sentence(error)
            continue
        # Every whole frame, and a note where there is more.
        assert len(recording) == len(data) // 768
        assert len(recording.notes) == (1 if len(data) % 768 else 0)
        assert bool(torch.isfinite(torch.view_as_real(recording.frames().samples)).all())


def test_mutated_recordings_with_headers(tmp_path):
    setup = small_hsi(samples=8)
    adc = recorded_hsi(setup, 4)
    content = b"".join(with_headers(setup, adc, tmp_path / "a.bin", chirps=2))
    rng = np.random.default_rng(5)
    path = tmp_path / "m.bin"
    for draw in range(DRAWS):
        # Every second time within the first header, which says how the rest is read.
        head = content[:64] if draw % 2 else content
        path.write_bytes(mutated(head, rng) + content[len(head) :])
        try:
            recording = read_dca1000(path, setup)
            samples = recording.frames().samples
        except ValueError as error:
            one_sentence(error)
            continue
        assert len(samples) == len(recording) <= path.stat().st_size // 768
        assert bool(torch.isfinite(torch.view_as_real(samples)).all())


def test_mutated_cascade_recordings(tmp_path):
    setup = small("cascade_mimo", samples=4, loops=1)
    samples = torch.zeros(3, 1, 12, 16, 4, dtype=torch.complex64)
    write_cascade(tmp_path, AdcFrames(setup.radar, samples, torch.arange(3.0)))
    files = {path: path.read_bytes() for path in sorted(tmp_path.iterdir())}
    rng = np.random.default_rng(6)
    for _ in range(DRAWS):
        path = list(files)[rng.integers(len(files))]
        path.write_bytes(mutated(files[path], rng))
        try:
            recording = read_cascade(tmp_path, setup)
            assert len(recording.frames().samples) == len(recording) <= 4
        except ValueError as error:
            one_sentence(error)
        path.write_bytes(files[path])


def test_mutated_infineon_recordings(tmp_path):
    radar = load_radar("bgt60_breathing").radar
    adc = AdcFrames(radar, torch.zeros(2, 8, 1, 3, 64), torch.arange(2.0))
    write_infineon(tmp_path, adc)
    rng = np.random.default_rng(3)
    files = {name: (tmp_path / name).read_bytes() for name in ("radar.npy", "config.json")}
    for draw in range(DRAWS):
        name = "config.json" if draw % 2 else "radar.npy"
        head = files[name][:200] if name == "radar.npy" else files[name]
        for other, content in files.items():
            (tmp_path / other).write_bytes(content)
        (tmp_path / name).write_bytes(mutated(head, rng) + files[name][len(head) :])
        try:
            recording = read_infineon(tmp_path)
            samples = recording.frames().samples
        except ValueError as error:
            one_sentence(error)
            continue
        assert samples.numel() < 1e6 and bool(torch.isfinite(samples).all())


def test_mutated_arrays(tmp_path):
    radar = load_radar("bgt60_breathing").radar
    data = np.zeros((2, 8, 3, 64), np.int16)
    np.save(tmp_path / "a.npy", data)
    np.savez(tmp_path / "a.npz", adc=data)
    import scipy.io

    scipy.io.savemat(tmp_path / "a.mat", {"adc": data})
    rng = np.random.default_rng(4)
    for draw in range(DRAWS):
        suffix = ("npy", "npz", "mat")[draw % 3]
        content = (tmp_path / f"a.{suffix}").read_bytes()
        path = tmp_path / f"m.{suffix}"
        path.write_bytes(mutated(content[:300], rng) + content[300:])
        try:
            samples = read_array(path, radar, Layout("frames loops rx samples", key="" if suffix == "npy" else "adc"))
            assert samples.frames().samples.numel() < 1e6
        except ValueError as error:
            one_sentence(error)
