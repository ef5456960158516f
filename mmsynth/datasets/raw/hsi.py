"""Headers that TI's SDK sends before the samples of each chirp (lvdsStreamCfg with headers on).

Layout: mmWave SDK 3, ti/utils/hsiheader/hsiprotocol.h (HSIDataCardHeader, HSISDKHeader), little-endian. The device
packs words u0 u1 u2 u3 onto two lanes, and what the card sends is u0 u2 u1 u3: recordings of the card's packets (mmWave
Studio) hold that order, those of TI's command-line tool (`NAME_hdr_0ADC_0.bin`) the device's own.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmsynth.datasets.raw.words import Stream

# The first four words: of samples, and of the buffers that a demo sends beside them.
SAMPLES = (0x0ADC, 0x0CDA, 0x0ADC, 0x0CDA)
BUFFERS = (0x0CC9, 0x09CC, 0x0CC9, 0x09CC)
CARD = (0, 2, 1, 3)  # which of the device's four words each of the card's is

_FIELDS = struct.Struct("<8xHH4xHHBBBBBBHH")
_WORDS = 16  # that hold the fields


@dataclass(frozen=True)
class Headers:
    """Headers in a stream of words.

    Attributes:
        words: of one header.
        record: words of a header and the samples after it.
        chirps: in a record.
        mark: the first four words of each header.
        card: whether words stand in the card's order, not the device's.
    """

    words: int
    record: int
    chirps: int
    mark: tuple[int, ...]
    card: bool

    def intact(self, stream: Stream) -> NDArray[np.bool_]:
        """Which [records] of the whole records in a stream begin with a header."""
        starts = np.arange(stream.words // self.record) * self.record
        found: NDArray[np.bool_] = np.all([stream.at(starts + i) == word for i, word in enumerate(self.mark)], axis=0)
        return found


def find_headers(stream: Stream) -> Headers | None:
    """The headers of a stream that begins with one; None if it does not.

    Raises:
        ValueError: the header is not that of plain samples of RX one after the other.
    """
    start = stream.read(0, _WORDS)
    if len(start) < _WORDS:
        return None
    first = tuple(start[:4].tolist())
    card = first in (_as_card(SAMPLES), _as_card(BUFFERS))
    if first not in (SAMPLES, BUFFERS) and not card:
        return None
    if first in (BUFFERS, _as_card(BUFFERS)):
        raise ValueError("expected ADC samples, got the buffers that a demo sends beside them (HSI header 0CC9)")
    words = start.reshape(-1, 4)[:, CARD].reshape(-1) if card else start
    low, high, _, size, _, mode, width, _, _, content, chirps, _ = _FIELDS.unpack_from(words.astype("<i2").tobytes())
    # Lengths come in two parts of twelve bits and do not count the card's own sixteen bytes.
    length = 16 + ((high & 0xFFF) << 12 | low & 0xFFF)
    if (mode, width, content) != (2, 0, 1):
        found = f"mode {mode}, word size {width}, content {content}"
        raise ValueError(f"HSI header: expected 16-bit samples of one RX after the other and nothing else, got {found}")
    if length % 2 or not _WORDS < size < length // 2 or chirps < 1:
        raise ValueError(f"HSI header: expected samples after it, got {2 * size} of {length} bytes, {chirps} chirps")
    return Headers(size, length // 2, chirps, first, card)


def _as_card(words: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(words[i] for i in CARD)
