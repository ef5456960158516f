"""Logs of TI's data UART (.dat, .bin): points, tracks and profiles of the out-of-box and people-counting demos."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmsynth.datasets.clouds import cloud_of_rows
from mmsynth.datasets.raw.ti_packets import Ints, Packets, find_packets, gather, records
from mmsynth.radar import devices
from mmsynth.types import PointCloud, Radar

POINTS, SIDE_INFO, COMPRESSED, LOW_POWER = 1, 7, 1020, 301
TARGETS, TARGET_INDEX = 1010, 1011
# Types of tables of words that the demos send: name -> (type, dtype of a word).
TABLES = {
    "range_profile": (2, "<u2"),
    "noise_profile": (3, "<u2"),
    "azimuth_heatmap": (4, "<i2"),
    "range_doppler": (5, "<u2"),
    "statistics": (6, "<u4"),
}
# No radar of this kind sees beyond this, in m and m/s: such a point is damage.
FAR = 1000.0

_OLD_POINT = np.dtype([("range", "<u2"), ("doppler", "<i2"), ("peak", "<u2"), ("xyz", "<i2", 3)])
_POINT = np.dtype([("xyz", "<f4", 3), ("velocity", "<f4")])
_SIDE = np.dtype([("snr", "<i2"), ("noise", "<i2")])
_SPHERICAL = np.dtype([("elevation", "i1"), ("azimuth", "i1"), ("doppler", "<i2"), ("range", "<u2"), ("snr", "<u2")])
_SMALL = np.dtype([("xyz", "<i2", 3), ("doppler", "<i2"), ("snr", "u1"), ("noise", "u1")])
_TARGET = np.dtype(
    [("id", "<u4"), ("position", "<f4", 3), ("velocity", "<f4", 3), ("acceleration", "<f4", 3), ("rest", "<f4", 18)]
)


@dataclass(frozen=True, eq=False)
class UartLog:
    """What a log holds.

    Attributes:
        cloud: the points of each packet.
        frame: number of each packet's frame, as the device counted.
        subframe: of each packet.
        target_frame: index of the packet of each row of `targets`.
        targets: id, x, y, z, vx, vy, vz of each tracked person (people counting).
        target_index: id of the person to whom each point of the cloud was assigned; -1 = to none, or not recorded.
        packets: for `table`.
        notes: what was dropped or assumed.
    """

    cloud: PointCloud
    frame: Tensor
    subframe: Tensor
    target_frame: Tensor
    targets: Tensor
    target_index: Tensor
    packets: Packets
    notes: tuple[str, ...]

    def table(self, name: str) -> tuple[Tensor, Tensor]:
        """Packets that hold a table of that name and its words [packets, words], where the number of words is usual.

        Raises:
            ValueError: the name is not one of `TABLES`.
        """
        if name not in TABLES:
            raise ValueError(f"table: expected one of {', '.join(TABLES)}, got '{name}'")
        kind, dtype = TABLES[name]
        packet, start, length = self.packets.first_of((kind,))
        if not len(packet):
            return torch.zeros(0, dtype=torch.int64), torch.zeros(0, 0, dtype=torch.int64)
        sizes, counts = np.unique(length, return_counts=True)
        usual = int(sizes[counts.argmax()])
        word = np.dtype(dtype).itemsize
        keep = length == usual
        rows = gather(self.packets.data, start[keep], usual - usual % word).view(dtype)
        return torch.from_numpy(packet[keep]), torch.from_numpy(rows.astype(np.int64))


def read_ti_uart(path: Path | str, radar: Radar | None = None, frame_period: float = 0.0) -> UartLog:
    """Read a log. Bytes that are not part of a whole packet are skipped, and reported.

    SDK 1 and 2 (type 1, with peakVal as intensity), SDK 3 (types 1 and 7), the low-power SDK (301) and people counting
    (1010, 1011, 1020). Logs hold no clock: times are frame numbers times the frame period.

    Args:
        path: of the log.
        radar: that was recorded (`load_radar("my.cfg").radar`); gives the frame period and, in SDK 1 and 2, the
            velocity of a Doppler bin.
        frame_period: in s; 0 = the radar's.

    Raises:
        ValueError: no such file, no packet in it, or neither radar nor frame period given.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    period = frame_period or (radar.waveform.frame_period if radar else 0.0)
    if period <= 0:
        raise ValueError(f"{path.name}: expected a radar or a frame period, got neither")
    size = path.stat().st_size
    data = np.memmap(path, np.uint8, "r") if size else np.zeros(0, np.uint8)
    packets = find_packets(data)
    if not len(packets):
        raise ValueError(f"{path}: expected packets of TI's data UART, got {size} bytes without a whole one")
    times, notes = frame_times(packets.frame, packets.subframe, period)
    columns, owner = _points(packets, radar)
    # NaN is not below. A log that counts Doppler bins has none but that without a radar.
    unknown = _is_old(packets)[owner] & (radar is None)
    keep = (np.abs(columns[:, :3]) < FAR).all(1) & (unknown | (np.abs(columns[:, 3]) < FAR))
    notes += far_note(keep)
    if radar is None and _is_old(packets).any():
        notes += ("velocities are not known: the log counts Doppler bins and no radar was given",)
    index = _target_index(packets, owner)
    if not keep.all():
        columns, owner, index = columns[keep], owner[keep], index[keep]
    offsets = np.searchsorted(owner, np.arange(len(packets) + 1))
    target_frame, targets = _targets(packets)
    return UartLog(
        cloud=_cloud(columns, offsets, times, bool(_is_old(packets).any())),
        frame=torch.from_numpy(packets.frame),
        subframe=torch.from_numpy(packets.subframe),
        target_frame=torch.from_numpy(target_frame),
        targets=torch.from_numpy(targets),
        target_index=torch.from_numpy(index),
        packets=packets,
        notes=packets.notes + notes + _other_chip(packets, radar),
    )


def _other_chip(packets: Packets, radar: Radar | None) -> tuple[str, ...]:
    """A sentence where packets come from the chip of another board that is known here."""
    chip = f"{packets.platform[0]:x}"
    if radar is None or chip in radar.name or not any(chip in name for name in devices()):
        return ()
    return (f"packets are of an xWR{chip}, the configuration of {radar.name}: times and velocities may be wrong",)


def _is_old(packets: Packets) -> NDArray[np.bool_]:
    return packets.version < 3


def far_note(near: NDArray[np.bool_]) -> tuple[str, ...]:
    """A sentence where points are not near."""
    far = int((~near).sum())
    return (f"{far} points are not finite or beyond {FAR:g} m and were dropped",) if far else ()


def frame_times(frame: Ints, subframe: Ints, period: float) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Seconds from the first of frames by their numbers, and what is wrong; subframes share their frame's period."""
    parts = int(subframe.max()) + 1 if int(subframe.max()) < 4 else 1
    count = frame * parts + np.minimum(subframe, parts - 1)
    step = np.diff(count)
    notes: tuple[str, ...] = ()
    if (step <= 0).any():
        notes = ("frame numbers step back (the device was started again): time runs on by one frame there",)
        step = np.where(step <= 0, 1, step)
    lost = int((step > parts).sum()) if parts == 1 else 0
    if lost:
        notes += (f"{int(step[step > 1].sum()) - lost} frames are missing in {lost} gaps",)
    return np.concatenate([[0.0], np.cumsum(step)]) * (period / parts), notes


def _points(packets: Packets, radar: Radar | None) -> tuple[NDArray[np.float32], Ints]:
    """Columns x y z v intensity snr_db noise_db (NaN = not known) of all points, and the packet of each, in order."""
    old = _is_old(packets)
    parts = [
        _old_points(packets, old, radar.velocity_resolution if radar else float("nan")),
        _new_points(packets, ~old),
        _spherical_points(packets),
        _small_points(packets),
    ]
    parts = [part for part in parts if len(part[1])] or parts[:1]
    if len(parts) == 1:
        return parts[0]
    columns = np.concatenate([part[0] for part in parts])
    owner = np.concatenate([part[1] for part in parts])
    order = np.argsort(owner, kind="stable")
    return columns[order], owner[order]


def _empty(count: int) -> NDArray[np.float32]:
    return np.full((count, 7), np.nan, np.float32)


def _old_points(packets: Packets, use: NDArray[np.bool_], bin_velocity: float) -> tuple[NDArray[np.float32], Ints]:
    """SDK 1 and 2: a number of points and a power of two, then bins, peak value and fixed-point positions."""
    packet, start, length = packets.first_of((POINTS,))
    keep = use[packet] & (length >= 4)
    packet, start, length = packet[keep], start[keep], length[keep]
    head = gather(packets.data, start, 4).view("<u2").astype(np.int64)
    counts = np.minimum(head[:, 0], (length - 4) // _OLD_POINT.itemsize)
    points, owner = records(packets.data, start + 4, counts, _OLD_POINT)
    columns = _empty(len(points))
    columns[:, :3] = points["xyz"] / (2.0 ** np.minimum(head[:, 1], 31))[owner, None]
    columns[:, 3] = points["doppler"] * bin_velocity
    columns[:, 4] = points["peak"]
    return columns, packet[owner]


def _new_points(packets: Packets, use: NDArray[np.bool_]) -> tuple[NDArray[np.float32], Ints]:
    """SDK 3: float32 x y z v; SNR and noise in steps of 0.1 dB from a TLV of their own, if there are as many."""
    packet, start, length = packets.first_of((POINTS,))
    packet, start, length = packet[use[packet]], start[use[packet]], length[use[packet]]
    counts = length // _POINT.itemsize
    points, owner = records(packets.data, start, counts, _POINT)
    columns = _empty(len(points))
    columns[:, :3], columns[:, 3] = points["xyz"], points["velocity"]
    side_packet, side_start, side_length = packets.first_of((SIDE_INFO,))
    expected = np.full(len(packets), -1)
    expected[packet] = counts
    fits = side_length // _SIDE.itemsize == expected[side_packet]
    side, side_owner = records(packets.data, side_start[fits], expected[side_packet[fits]], _SIDE)
    rows = np.isin(packet[owner], side_packet[fits])
    columns[rows, 5], columns[rows, 6] = side["snr"] * 0.1, side["noise"] * 0.1
    columns[:, 4] = columns[:, 5]
    return columns, packet[owner]


def _after_units(
    packets: Packets, kind: int, record: np.dtype[np.void]
) -> tuple[Ints, NDArray[np.float64], NDArray[np.void], Ints]:
    """Packets with a TLV of points that follow five units: packet, units [packets, 5], points, whose."""
    packet, start, length = packets.first_of((kind,))
    keep = length >= 20
    packet, start, length = packet[keep], start[keep], length[keep]
    with np.errstate(all="ignore"):  # damaged units give NaN, which is dropped
        unit = gather(packets.data, start, 20).view("<f4").astype(np.float64)
    points, owner = records(packets.data, start + 20, (length - 20) // record.itemsize, record)
    return packet, unit, points, owner


def _spherical_points(packets: Packets) -> tuple[NDArray[np.float32], Ints]:
    """People counting: steps of elevation, azimuth (rad), Doppler, range and SNR (ratio), then counts of these."""
    packet, unit, points, owner = _after_units(packets, COMPRESSED, _SPHERICAL)
    with np.errstate(all="ignore"):
        steps = np.stack([points[name] for name in _SPHERICAL.names or ()], 1) * unit[owner]
        elevation, azimuth, velocity, distance, ratio = steps.T
        level = distance * np.cos(elevation)
        position = [level * np.sin(azimuth), level * np.cos(azimuth), distance * np.sin(elevation)]
        snr = 10 * np.log10(np.maximum(ratio, 1e-3))
        columns = _empty(len(points))
        columns[:, :6] = np.stack([*position, velocity, snr, snr], 1)
    return columns, packet[owner]


def _small_points(packets: Packets) -> tuple[NDArray[np.float32], Ints]:
    """Low-power SDK: steps of position, Doppler, SNR and noise (dB), two counts, then integers that count the steps."""
    packet, unit, points, owner = _after_units(packets, LOW_POWER, _SMALL)
    with np.errstate(all="ignore"):
        columns = _empty(len(points))
        columns[:, :3] = points["xyz"] * unit[owner, :1]
        columns[:, 3] = points["doppler"] * unit[owner, 1]
        columns[:, 5], columns[:, 6] = points["snr"] * unit[owner, 2], points["noise"] * unit[owner, 3]
        columns[:, 4] = columns[:, 5]
    return columns, packet[owner]


def _targets(packets: Packets) -> tuple[Ints, NDArray[np.float32]]:
    packet, start, length = packets.first_of((TARGETS,))
    found, owner = records(packets.data, start, length // _TARGET.itemsize, _TARGET)
    rows = np.concatenate([found["id"].astype(np.float32)[:, None], found["position"], found["velocity"]], 1)
    return packet[owner], rows.astype(np.float32)


def _target_index(packets: Packets, owner: Ints) -> Ints:
    """Id of the person of each point: TLV 1011 speaks of the points of the packet before; 250 and up mean none."""
    index = np.full(len(owner), -1, np.int64)
    packet, start, length = packets.first_of((TARGET_INDEX,))
    counts = np.bincount(owner, minlength=len(packets))
    fits = (packet > 0) & (length == counts[packet - 1])
    ids, of = records(packets.data, start[fits], length[fits], np.dtype("u1"))
    first = np.concatenate([[0], np.cumsum(counts)])[packet[fits] - 1]
    within = np.arange(len(of)) - np.repeat(np.cumsum(length[fits]) - length[fits], length[fits])
    index[first[of] + within] = np.where(ids < 250, ids.astype(np.int64), -1)
    return index


def _cloud(columns: NDArray[np.float32], offsets: NDArray[Any], times: NDArray[np.float64], old: bool) -> PointCloud:
    values, bounds = torch.from_numpy(np.ascontiguousarray(columns)), torch.from_numpy(offsets.astype(np.int64))
    return cloud_of_rows(values, bounds, torch.from_numpy(times), intensity_unit="peak" if old else "dB")
