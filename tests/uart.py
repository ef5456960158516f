"""Packets of TI's data UART, written with struct from the SDK's tables: the other route to the reader."""

import json
import struct
from pathlib import Path

from cfgs import people_counting

MAGIC = bytes((2, 1, 4, 3, 6, 5, 8, 7))


def tlv(kind: int, payload: bytes) -> bytes:
    return struct.pack("<2I", kind, len(payload)) + payload


def packet(
    frame: int,
    tlvs: list[bytes],
    version: int = 0x03050004,
    platform: int = 0xA6843,
    points: int = 0,
    subframe: int | None = 0,
) -> bytes:
    body = b"".join(tlvs)
    header = 40 if subframe is not None else 36
    length = -(-(header + len(body)) // 32) * 32  # padded to 32 bytes, as the demos do
    numbers = [version, length, platform, frame, frame * 1000, points, len(tlvs)]
    if subframe is not None:
        numbers.append(subframe)
    return (MAGIC + struct.pack(f"<{len(numbers)}I", *numbers) + body).ljust(length, b"\x0f")


def sdk3(frame: int, points: list[tuple[float, ...]], side: list[tuple[int, int]] | None = None, **more) -> bytes:
    tlvs = [tlv(1, b"".join(struct.pack("<4f", *p) for p in points))]
    if side is not None:
        tlvs.append(tlv(7, b"".join(struct.pack("<2h", *s) for s in side)))
    tlvs.append(tlv(2, struct.pack("<64H", *range(frame, frame + 64))))
    tlvs.append(tlv(6, struct.pack("<6I", 1, 2, 3, 4, 5, frame)))
    return packet(frame, tlvs, points=len(points), **more)


def sdk2(frame: int, points: list[tuple[int, ...]], q: int = 9, **more) -> bytes:
    body = struct.pack("<2H", len(points), q) + b"".join(struct.pack("<HhH3h", *p) for p in points)
    return packet(frame, [tlv(1, body)], version=0x02010004, points=len(points), **more)


def counting(frame: int, points: list[tuple[int, ...]], targets: list[tuple[float, ...]], index: bytes | None) -> bytes:
    units = (0.01, 0.02, 0.1, 0.05, 0.04)
    body = struct.pack("<5f", *units) + b"".join(struct.pack("<2bh2H", *p) for p in points)
    tlvs = [tlv(1020, body)]
    tlvs.append(tlv(1010, b"".join(struct.pack("<I27f", int(t[0]), *t[1:], *(0.0,) * (28 - len(t))) for t in targets)))
    if index is not None:
        tlvs.append(tlv(1011, index))
    return packet(frame, tlvs, points=len(points))


# Its frames begin every 55 ms.
CFG = people_counting("IWR6843ISK")


def visualizer(file: Path, frames: list[tuple[int, list[list[float]]]], cfg: str = CFG) -> None:
    """What TI's Visualizer saves of frames (number, rows x y z Doppler SNR noise): the track is none's."""
    data = [
        {
            "frameData": {"error": 0, "frameNum": number, "pointCloud": [[*row, 255] for row in rows]},
            "timestamp": 1.7e12 + 55 * number + 3 * (number % 2),
        }
        for number, rows in frames
    ]
    lines = cfg.splitlines(keepends=True)
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"cfg": lines, "demo": "3D People Tracking", "device": "xWR6843", "data": data}))
