"""Packets in a log of TI's data UART: where they start, what they hold. All packets at once, in array arithmetic.

A packet begins with a magic word and a header (TI mmWave SDK, "mmw demo output packet"): version, total length,
platform, frame number, CPU cycles, number of points, number of TLVs and, but for the xWR14xx and the first SDKs, the
number of the subframe; all uint32, little-endian. Then TLVs: type, length of the payload, payload.
"""

import re
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = bytes((2, 1, 4, 3, 6, 5, 8, 7))
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
# Beyond this a packet or a number of TLVs is damage; TI's largest are a few ten kB and a dozen.
MAX_LENGTH = 1 << 22
MAX_TLVS = 64


@dataclass(frozen=True, eq=False)
class Packets:
    """The whole packets of a log, and their TLVs in order.

    Attributes:
        data: all bytes.
        version, platform, frame, subframe: of each packet; `version` is the SDK's major number, `platform` the chip's
            (0x6843 = xWR6843).
        tlv_packet, tlv_type, tlv_start, tlv_length: index of the packet, type and payload of each TLV.
        notes: what was dropped.
    """

    data: Bytes
    version: Ints
    platform: Ints
    frame: Ints
    subframe: Ints
    tlv_packet: Ints
    tlv_type: Ints
    tlv_start: Ints
    tlv_length: Ints
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.version)

    def first_of(self, kinds: tuple[int, ...]) -> tuple[Ints, Ints, Ints]:
        """Packet, start and length of the first TLV of these types in each packet that has one."""
        chosen = np.flatnonzero(np.isin(self.tlv_type, kinds))
        packets, first = np.unique(self.tlv_packet[chosen], return_index=True)
        chosen = chosen[first]
        return packets, self.tlv_start[chosen], self.tlv_length[chosen]


def find_packets(data: Bytes) -> Packets:
    """Find every whole packet, whatever lies between them.

    A packet counts if its length and TLVs are consistent and no other magic word lies inside it (where one does, bytes
    were lost).
    """
    starts = _candidates(data)
    head = gather(data, starts, 40).view("<u4").astype(np.int64)
    length, tlvs = head[:, 3], head[:, 8]
    following = np.append(starts[1:], np.iinfo(np.int64).max)
    whole = (length >= 36) & (length <= MAX_LENGTH) & (tlvs <= MAX_TLVS)
    whole &= (starts + length <= following) & (starts + length <= len(data))
    cut = int((~whole).sum())
    starts, head = starts[whole], head[whole]
    short = _short_header(head)
    chains = _Chains(data, starts, head[:, 3], head[:, 8])
    # The header's length follows from SDK and platform; where that breaks the chain of TLVs, the other one may fit.
    size = np.where(short, 36, 40)
    fits = chains.fit(size)
    other = np.where(short, 40, 36)
    size = np.where(~fits & chains.fit(other), other, size)
    fits = chains.fit(size)
    broken = int((~fits).sum())
    packet, kind, start, count = chains.walk(size, fits)
    subframe = np.where(size == 40, head[:, 9], 0)[fits]
    notes = _notes(len(data), int(head[fits, 3].sum()), cut, broken)
    version = (head[fits, 2] >> 24) & 0xFF
    return Packets(data, version, head[fits, 4] & 0xFFFF, head[fits, 5], subframe, packet, kind, start, count, notes)


def _candidates(data: Bytes) -> Ints:
    """Where packets may start: each magic word, but inside packets that are followed at once by another."""
    buffer, search = data.data, re.compile(re.escape(MAGIC)).search
    length_at, last = struct.Struct("<I").unpack_from, len(data) - 36
    found: list[int] = []
    match = search(buffer)
    at = match.start() if match else len(data)
    while at <= last:
        found.append(at)
        following = at + max(length_at(buffer, at + 12)[0], 36)
        if buffer[following : following + 8] == MAGIC:
            at = following
        else:
            match = search(buffer, at + 8)
            at = match.start() if match else len(data)
    return np.array(found, dtype=np.int64)


def gather(data: Bytes, starts: Ints, size: int) -> Bytes:
    """Rows [starts, size] of `size` bytes from each start; zeros beyond the end."""
    inside = starts + size <= len(data)
    windows = np.lib.stride_tricks.as_strided(data, (max(len(data) - size + 1, 0), size), (1, 1), writeable=False)
    if inside.all():
        return np.ascontiguousarray(windows[starts])
    rows = np.zeros((len(starts), size), np.uint8)
    rows[inside] = windows[starts[inside]]
    for i in np.flatnonzero(~inside):
        part = data[starts[i] : starts[i] + size]
        rows[i, : len(part)] = part
    return rows


def records(data: Bytes, starts: Ints, counts: Ints, dtype: np.dtype[Any]) -> tuple[NDArray[Any], Ints]:
    """Structures [n], `counts` of them one after the other from each start, and the index [n] of the start of each."""
    owner = np.repeat(np.arange(len(starts)), counts)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    places = starts[owner] + within * dtype.itemsize
    return gather(data, places, dtype.itemsize).view(dtype).reshape(-1), owner


class _Chains:
    """The TLVs of packets, walked in step."""

    def __init__(self, data: Bytes, starts: Ints, length: Ints, tlvs: Ints) -> None:
        self.data, self.starts, self.ends, self.tlvs = data, starts, starts + length, tlvs

    def fit(self, header: Ints) -> NDArray[np.bool_]:
        """Whether every TLV of a packet ends inside it, for headers of that many bytes."""
        return self._walk(header)[0]

    def walk(self, header: Ints, good: NDArray[np.bool_]) -> tuple[Ints, Ints, Ints, Ints]:
        """Packet (counted among the good ones), type, payload start and payload length of each TLV, in order."""
        _, packet, kind, start, length = self._walk(header)
        keep = good[packet]
        order = np.argsort(packet[keep], kind="stable")
        renumbered = np.cumsum(good) - 1
        return renumbered[packet[keep]][order], kind[keep][order], start[keep][order], length[keep][order]

    def _walk(self, header: Ints) -> tuple[NDArray[np.bool_], Ints, Ints, Ints, Ints]:
        at = self.starts + header
        good = at <= self.ends
        found: list[tuple[Ints, Ints, Ints, Ints]] = []
        for step in range(int(self.tlvs.max(initial=0))):
            active = np.flatnonzero(good & (self.tlvs > step))
            room = at[active] + 8 <= self.ends[active]
            good[active[~room]] = False
            active = active[room]
            fields = gather(self.data, at[active], 8).view("<u4").astype(np.int64)
            inside = at[active] + 8 + fields[:, 1] <= self.ends[active]
            good[active[~inside]] = False
            active, fields = active[inside], fields[inside]
            found.append((active, fields[:, 0], at[active] + 8, fields[:, 1]))
            at[active] += 8 + fields[:, 1]
        columns = [np.concatenate(part) for part in zip(*found, strict=True)] if found else [np.zeros(0, np.int64)] * 4
        return good, columns[0], columns[1], columns[2], columns[3]


def _short_header(head: Ints) -> NDArray[np.bool_]:
    """Headers without a subframe number: SDKs before 1.1, and the xWR14xx in SDK 1 and 2."""
    version, platform = head[:, 2], head[:, 4]
    short: NDArray[np.bool_] = (version < 0x01010000) | ((version < 0x03000000) & ((platform & 0xFFFF) == 0x1443))
    return short


def _notes(size: int, used: int, cut: int, broken: int) -> tuple[str, ...]:
    notes = []
    if cut:
        notes.append(f"{cut} packets are cut short or have a damaged header and were dropped")
    if broken:
        notes.append(f"{broken} packets have TLVs that do not fit their length and were dropped")
    if size > used:
        notes.append(f"{size - used} bytes ({(size - used) / size:.0%}) do not belong to a whole packet")
    return tuple(notes)
