"""Speed of reading recordings from the page cache, in MB of file a second of CPU time and of wall clock.

python benchmarks/reading.py [--megabytes N]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mmsynth.datasets.raw import order_of, read_dca1000, read_ti_uart
from mmsynth.datasets.raw.dca1000 import frame_words
from mmsynth.radar import load_radar


def best(run: Callable[[], object], size: int) -> tuple[float, float]:
    """MB a second of CPU time and of wall clock: the best of four."""
    cpu, wall = [], []
    for _ in range(4):
        start_cpu, start_wall = time.process_time(), time.perf_counter()
        run()
        cpu.append(time.process_time() - start_cpu)
        wall.append(time.perf_counter() - start_wall)
    return size / min(cpu) / 1e6, size / min(wall) / 1e6


def dca1000(folder: Path, profile: str, megabytes: int) -> tuple[float, float]:
    setup = load_radar(profile)
    frame = 2 * frame_words(setup.radar, order_of(setup.radar))
    count = max(1, megabytes * 1_000_000 // frame)
    file = folder / f"{profile}.bin"
    np.random.default_rng(0).integers(-2000, 2000, count * frame // 2, dtype=np.int16).tofile(file)
    recording = read_dca1000(file, setup)
    return best(lambda: [None for _ in recording.chunks(0, count)], count * frame)


def uart(folder: Path, points: int, megabytes: int) -> tuple[float, float]:
    """A log of SDK 3: points, their SNR, statistics."""
    rng = np.random.default_rng(0)
    bodies = (rng.normal(size=(points, 4)).astype("<f4").tobytes(), bytes(4 * points), bytes(24))
    tlvs = b"".join(struct.pack("<2I", k, len(b)) + b for k, b in zip((1, 7, 6), bodies, strict=True))
    length = -(-(40 + len(tlvs)) // 32) * 32
    file = folder / "log.dat"
    with file.open("wb") as out:
        for frame in range(megabytes * 1_000_000 // length):
            head = struct.pack("<8I", 0x03050000, length, 0xA6843, frame, 0, points, 3, 0)
            out.write((bytes((2, 1, 4, 3, 6, 5, 8, 7)) + head + tlvs).ljust(length, b"\x0f"))
    return best(lambda: read_ti_uart(file, frame_period=0.05), file.stat().st_size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=200)
    size = parser.parse_args().megabytes
    print(f"{'recording':42} {'MB/s (CPU)':>11} {'MB/s (wall)':>12}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [
            ("DCA1000, two lanes (xWR18xx)", dca1000(folder, "mmmesh", size)),
            ("DCA1000, four lanes (xWR14xx)", dca1000(folder, "radhar", size)),
            ("UART log, 20 points a frame", uart(folder, 20, size // 4)),
            ("UART log, 100 points a frame", uart(folder, 100, size // 4)),
        ]
    for what, (cpu, wall) in rows:
        print(f"{what:42} {cpu:11.0f} {wall:12.0f}")


if __name__ == "__main__":
    main()
