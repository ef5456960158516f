"""Mutated configurations: a radar or one clear sentence, never anything else."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from cfgs import DEMOS, LOW_POWER, LOW_POWER_6844, RADHAR, SUBFRAMES, people_counting, studio
from damage import one_sentence

import mmsynth.radar
from mmsynth.radar import describe, load_device, load_radar, parse_cfg
from mmsynth.radar.ti_json import studio_cfg
from mmsynth.types import RadarSetup

# Ten thousand draws take minutes on a busy machine.
pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(1800)]
DRAWS = int(os.environ.get("MMSYNTH_FUZZ", "300"))
SEEDS = [
    RADHAR,
    SUBFRAMES,
    LOW_POWER,
    LOW_POWER_6844,
    people_counting("IWR6843AOP"),
    *(text for text, _ in DEMOS.values()),
]
NUMBERS = [
    "-1",
    "0",
    "1",
    "2",
    "7",
    "1e9",
    "-1e9",
    "nan",
    "inf",
    "0x10",
    "1e400",
    "",
    "3.5",
    "65536",
    "4294967296",
    "é",
    "%",
]


def mutated(text: str, rng: np.random.Generator) -> str:
    for _ in range(rng.integers(1, 5)):
        lines = text.splitlines() or [""]
        at = int(rng.integers(len(lines)))
        words = lines[at].split()
        kind = rng.integers(7)
        if kind == 0 and words:
            words[rng.integers(len(words))] = NUMBERS[rng.integers(len(NUMBERS))]
            lines[at] = " ".join(words)
        elif kind == 1 and words:
            del words[rng.integers(len(words))]
            lines[at] = " ".join(words)
        elif kind == 2:
            del lines[at]
        elif kind == 3:
            lines.insert(int(rng.integers(len(lines) + 1)), lines[at])
        elif kind == 4 and text:
            place = int(rng.integers(len(text)))
            lines = (text[:place] + chr(int(rng.integers(1, 0x3000))) + text[place + 1 :]).split("\n")
        elif kind == 5:
            other = SEEDS[rng.integers(len(SEEDS))].splitlines()
            lines[at] = other[rng.integers(len(other))]
        else:
            lines = text[: int(rng.integers(len(text) + 1))].split("\n")
        text = "\n".join(lines)
    return text


def test_mutated_configurations():
    rng = np.random.default_rng(6)
    read = 0
    for _ in range(DRAWS):
        text = mutated(SEEDS[rng.integers(len(SEEDS))], rng)
        try:
            setup = parse_cfg(text)
        except ValueError as error:
            one_sentence(error, 400)
        else:
            assert isinstance(setup, RadarSetup) and setup.radar.max_velocity > 0
            read += 1
    # Comments, lines that do not matter and copies leave a good part of them readable.
    assert 0.1 * DRAWS < read < 0.9 * DRAWS


def test_mutated_devices(tmp_path):
    rng = np.random.default_rng(8)
    files = sorted((Path(mmsynth.radar.__file__).parent / "devices").glob("*.toml"))
    texts = [file.read_text() for file in files]
    path = tmp_path / "mine.toml"
    for _ in range(DRAWS // 10):
        words = texts[rng.integers(len(texts))].split(" ")
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(len(words)))
            words[at] = (*NUMBERS, "[]", "{}", '"x"', "true", "1e9", "-300")[rng.integers(len(NUMBERS) + 6)]
        path.write_text(" ".join(words))
        try:
            device = load_device(path)
            for profile in device.profiles:
                describe(load_radar(f"{path}#{profile}").radar)
        except ValueError as error:
            one_sentence(error, 400)


def test_mutated_studio_json():
    rng = np.random.default_rng(7)
    text = json.dumps(studio())
    for _ in range(DRAWS):
        data = bytearray(text.encode())
        for _ in range(rng.integers(1, 4)):
            data[rng.integers(len(data))] = rng.integers(32, 127)
        try:
            table = json.loads(data)
        except ValueError:
            continue
        try:
            parse_cfg(studio_cfg(table))
        except ValueError as error:
            one_sentence(error, 400)
