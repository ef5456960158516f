"""UART logs: every dialect by a second route, resynchronisation, cut and lost bytes, speed."""

import math
import struct
import time

import numpy as np
import pytest
import torch
from uart import counting, packet, sdk2, sdk3, tlv

from mmsynth.datasets.raw import read_ti_uart
from mmsynth.radar import load_radar


def read(tmp_path, content: bytes, radar=None, frame_period=0.1):
    (tmp_path / "log.dat").write_bytes(content)
    return read_ti_uart(tmp_path / "log.dat", radar, frame_period)


A, B, C = (1.0, 2.0, 0.5, -0.25), (-0.5, 3.0, 0.125, 0.0), (0.0, 1.0, 0.0, 1.5)


def test_sdk_3(tmp_path):
    log = read(tmp_path, sdk3(7, [A, B], [(153, 300), (98, 310)]) + sdk3(8, []) + sdk3(9, [C], [(201, -5)]))
    cloud = log.cloud
    assert cloud.offsets.tolist() == [0, 2, 2, 3]
    assert cloud.times.tolist() == pytest.approx([0, 0.1, 0.2])
    assert cloud.position.tolist() == [list(p[:3]) for p in (A, B, C)]
    assert cloud.velocity.tolist() == [-0.25, 0.0, 1.5]
    assert cloud.snr_db.tolist() == pytest.approx([15.3, 9.8, 20.1])
    assert cloud.noise_db.tolist() == pytest.approx([30.0, 31.0, -0.5])
    assert torch.equal(cloud.intensity, cloud.snr_db) and cloud.intensity_unit == "dB"
    assert log.notes == () and log.frame.tolist() == [7, 8, 9]
    packets, profile = log.table("range_profile")
    assert packets.tolist() == [0, 1, 2] and profile[1].tolist() == list(range(8, 72))
    assert log.table("statistics")[1][:, 5].tolist() == [7, 8, 9]
    assert log.table("azimuth_heatmap")[1].shape == (0, 0)
    with pytest.raises(ValueError, match="table: expected one of range_profile, .*, got 'x'"):
        log.table("x")


def test_side_info_that_does_not_fit_is_left_out(tmp_path):
    cloud = read(tmp_path, sdk3(0, [A, B], [(153, 300)]) + sdk3(1, [A])).cloud
    assert cloud.velocity.tolist() == [-0.25, 0.0, -0.25] and bool(cloud.snr_db.isnan().all())


@pytest.mark.parametrize("subframe", [None, 0])
def test_sdk_2_counts_bins(tmp_path, subframe):
    # range bin, Doppler bin, peak, x, y, z in 1/512 m; the xWR14xx has no subframe number in its header.
    platform = 0xA1443 if subframe is None else 0xA1642
    points = [(49, -3, 933, 512, 1024, -256), (25, 2, 12, 0, 522, 0)]
    content = sdk2(1, points, platform=platform, subframe=subframe) + sdk2(2, [], platform=platform, subframe=subframe)
    radar = load_radar("radhar").radar
    cloud = read(tmp_path, content, radar).cloud
    assert cloud.position.tolist() == [[1.0, 2.0, -0.5], [0.0, 522 / 512, 0.0]]
    assert cloud.velocity.tolist() == pytest.approx([-3 * 0.61467, 2 * 0.61467], rel=1e-4)
    assert cloud.intensity.tolist() == [933, 12] and cloud.intensity_unit == "peak"
    assert cloud.offsets.tolist() == [0, 2, 2]
    log = read(tmp_path, content)
    assert bool(log.cloud.velocity.isnan().all())
    assert log.notes == ("velocities are not known: the log counts Doppler bins and no radar was given",)


def test_people_counting(tmp_path):
    points = [(10, 20, -15, 40, 250), (-50, -20, 3, 100, 25)]
    targets = [(3, 0.5, 2.5, 1.0, 0.1, -0.2, 0.3)]
    content = counting(0, points, targets, None) + counting(1, points[:1], [], bytes((3, 255)))
    log = read(tmp_path, content)
    cloud = log.cloud
    for i, (elevation, azimuth, doppler, distance, ratio) in enumerate([*points, points[0]]):
        e, a, r = 0.01 * elevation, 0.02 * azimuth, 0.05 * distance
        want = [r * math.cos(e) * math.sin(a), r * math.cos(e) * math.cos(a), r * math.sin(e)]
        assert cloud.position[i].tolist() == pytest.approx(want, rel=1e-6)
        assert float(cloud.velocity[i]) == pytest.approx(0.1 * doppler, rel=1e-6)
        assert float(cloud.snr_db[i]) == pytest.approx(10 * math.log10(0.04 * ratio), abs=1e-5)
    assert log.target_frame.tolist() == [0]
    assert log.targets[0].tolist() == pytest.approx(list(targets[0]))
    # The second packet says to whom the points of the first belong.
    assert log.target_index.tolist() == [3, -1, -1]


def test_low_power_sdk(tmp_path):
    head = struct.pack("<4f2H", 0.01, 0.05, 0.5, 1.0, 2, 0)
    body = head + struct.pack("<4h2B", 100, 250, -50, -3, 30, 60) + struct.pack("<4h2B", -10, 90, 5, 4, 20, 61)
    cloud = read(tmp_path, packet(0, [tlv(301, body)], version=0x05000000)).cloud
    assert cloud.position.tolist() == [pytest.approx([1.0, 2.5, -0.5]), pytest.approx([-0.1, 0.9, 0.05])]
    assert cloud.velocity.tolist() == pytest.approx([-0.15, 0.2])
    assert cloud.snr_db.tolist() == pytest.approx([15, 10]) and cloud.noise_db.tolist() == [60, 61]


def test_resynchronises_on_garbage(tmp_path):
    rng = np.random.default_rng(0)
    good = [sdk3(i, [A, B, C], [(100, 200)] * 3) for i in range(6)]
    garbage = [rng.bytes(n) for n in (1, 40, 333, 0, 7, 5)]
    log = read(tmp_path, b"".join(g + p for g, p in zip(garbage, good, strict=True)) + rng.bytes(99))
    assert log.frame.tolist() == list(range(6)) and len(log.cloud.velocity) == 18
    size = sum(map(len, good + garbage)) + 99
    lost = sum(map(len, garbage)) + 99
    assert log.notes == (f"{lost} bytes ({round(100 * lost / size)}%) do not belong to a whole packet",)


def test_lost_bytes_cost_only_their_packet(tmp_path):
    good = [sdk3(i, [A, B, C]) for i in range(5)]
    torn = good[2][:60] + good[2][90:]
    log = read(tmp_path, good[0] + good[1] + torn + good[3] + good[4][:-40])
    assert log.frame.tolist() == [0, 1, 3]
    assert log.cloud.times.tolist() == pytest.approx([0, 0.1, 0.3])
    assert log.notes[0] == "2 packets are cut short or have a damaged header and were dropped"
    assert log.notes[-1] == "1 frames are missing in 1 gaps"


def test_a_tlv_that_outruns_its_packet_is_dropped(tmp_path):
    bad = bytearray(sdk3(1, [A, B]))
    bad[44:48] = struct.pack("<I", 5000)
    log = read(tmp_path, sdk3(0, [A]) + bytes(bad) + sdk3(2, [C]))
    assert log.frame.tolist() == [0, 2]
    assert "1 packets have TLVs that do not fit their length and were dropped" in log.notes


def test_points_that_cannot_be_are_dropped(tmp_path):
    points = [A, (math.nan, 1, 1, 1), (1, math.inf, 1, 1), (1, 1, 5e7, 1), (1, 1, 1, -1e9), (1, 1, 1, math.nan), B]
    log = read(tmp_path, sdk3(0, points))
    assert log.cloud.velocity.tolist() == [-0.25, 0.0]
    assert log.notes == ("5 points are not finite or beyond 1000 m and were dropped",)


def test_a_restart_runs_on(tmp_path):
    log = read(tmp_path, b"".join(sdk3(i, [A]) for i in (50, 51, 1, 2)))
    assert log.cloud.times.tolist() == pytest.approx([0, 0.1, 0.2, 0.3])
    assert "frame numbers step back" in log.notes[0]


def test_subframes_share_the_period(tmp_path):
    log = read(tmp_path, b"".join(sdk3(i, [A], subframe=s) for i in (4, 5) for s in (0, 1)))
    assert log.cloud.times.tolist() == pytest.approx([0, 0.05, 0.1, 0.15])
    assert log.subframe.tolist() == [0, 1, 0, 1]


def test_bad_files(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        read_ti_uart(tmp_path / "none.dat", frame_period=0.1)
    for content in (b"", b"x" * 5000, sdk3(0, [A])[:50]):
        with pytest.raises(ValueError, match=f"got {len(content)} bytes without a whole one"):
            read(tmp_path, content)
    with pytest.raises(ValueError, match="expected a radar or a frame period, got neither"):
        read(tmp_path, sdk3(0, [A]), None, 0.0)


@pytest.mark.slow
def test_reading_speed(tmp_path):
    rng = np.random.default_rng(0)
    clip = [sdk3(i, rng.normal(size=(20, 4)).tolist(), rng.integers(0, 300, (20, 2)).tolist()) for i in range(2000)]
    content = b"".join(clip) * 25
    (tmp_path / "log.dat").write_bytes(content)
    best = math.inf
    for _ in range(3):
        start = time.process_time()
        log = read_ti_uart(tmp_path / "log.dat", frame_period=0.05)
        best = min(best, time.process_time() - start)
    assert len(log.cloud.velocity) == 20 * 50_000
    assert len(content) / best > 50e6
