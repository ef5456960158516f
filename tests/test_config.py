"""TOML to dataclasses: strict, and back."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsynth.config import dumps, load, merge, parse, read_toml, to_table
from mmsynth.types import Cfar, Processing, Receiver


@dataclass(frozen=True)
class Inner:
    gain: float = 1.0
    limits: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Outer:
    name: str
    count: int
    mode: Literal["a", "b"] = "a"
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    extra: float | None = None
    either: str | tuple[str, ...] = ""


def test_unknown_key_names_the_nearest_known_one() -> None:
    with pytest.raises(ValueError, match=r"unknown key 'inner.gian': the nearest known one is 'gain'"):
        parse(Outer, {"name": "x", "count": 1, "inner": {"gian": 2.0}})
    with pytest.raises(ValueError, match=r"unknown key 'gain_db': it belongs under \[inner\]"):
        parse(Outer, {"name": "x", "count": 1, "gain_db": 2.0})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"count": 1}, "missing key 'name'"),
        ({"name": "x", "count": 1.5}, "count: expected a whole number, got 1.5"),
        ({"name": "x", "count": True}, "count: expected a whole number, got True"),
        ({"name": 3, "count": 1}, "name: expected a string, got 3"),
        ({"name": "x", "count": 1, "either": 5}, "either: expected a string, got 5"),
        ({"name": "x", "count": 1, "either": [5]}, r"either\[0\]: expected a string, got 5"),
        ({"name": "x", "count": 1, "mode": "c"}, "mode: expected one of a, b, got 'c'"),
        ({"name": "x", "count": 1, "inner": 3}, "inner: expected a table, got 3"),
        ({"name": "x", "count": 1, "inner": {"limits": [1.0]}}, "inner.limits: expected 2 values, got 1"),
        ({"name": "x", "count": 1, "many": [{"gain": math.nan}]}, r"many\[0\].gain: expected a number, got nan"),
        ({"name": "x", "count": 1, "inner": {"gain": 1.0, "gain_db": 3}}, "inner.gain_db: given twice"),
    ],
)
def test_wrong_values_are_named(table: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(Outer, table)


def test_db_and_degrees_become_linear_and_rad() -> None:
    inner = parse(Inner, {"gain_db": 20, "limits_deg": [0, 180]})
    assert inner.gain == pytest.approx(100.0, rel=1e-12)
    assert inner.limits == (0.0, pytest.approx(math.pi, rel=1e-12))


def test_db_of_voltages_are_those_of_their_squares() -> None:
    # A coupling of -30 dB is 0.032 of the voltage, a Q that is 0.5 dB too strong 5.9 %.
    table = {"leakage_db": -30, "iq_gain_db": 0.5, "channel_gain_db": -0.5, "gain_db": 40, "iq_phase_deg": 2}
    found = parse(Receiver, table)
    assert found.leakage**2 == pytest.approx(1e-3)
    assert (1 + found.iq_gain) ** 2 == pytest.approx(10**0.05)
    assert (1 + found.channel_gain) ** 2 == pytest.approx(10**-0.05)
    assert found.gain == pytest.approx(100.0)
    assert found.iq_phase == pytest.approx(math.pi / 90)
    assert parse(Receiver, {"phase_noise_db": -90}).phase_noise == pytest.approx(1e-9)


def test_missing_and_broken_files_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        load(Outer, tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    with pytest.raises(ValueError, match="broken.toml: not TOML"):
        load(Outer, broken)


def test_files_of_editors_that_mark_utf8_are_read(tmp_path: Path) -> None:
    path = tmp_path / "marked.toml"
    path.write_text('name = "ü"', encoding="utf-8-sig")
    assert read_toml(path) == {"name": "ü"}


text = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00", exclude_categories=("Cc", "Cs")), max_size=20)
inner = st.builds(Inner, st.floats(-1e6, 1e6), st.tuples(st.floats(-5, 5), st.floats(-5, 5)))
outer = st.builds(
    Outer,
    text,
    st.integers(-(2**60), 2**60),
    st.sampled_from(["a", "b"]),
    inner,
    st.lists(inner, max_size=3).map(tuple),
    st.none() | st.floats(-1e9, 1e9),
    text | st.lists(text, max_size=3).map(tuple),
)


@given(outer)
def test_toml_round_trip(config: Outer) -> None:
    import tomllib

    assert parse(Outer, tomllib.loads(dumps(to_table(config)))) == config


def test_optional_tables_round_trip() -> None:
    import tomllib

    processing = Processing(doppler_cfar=Cfar(mode="OS"), max_points=7)
    assert parse(Processing, tomllib.loads(dumps(to_table(processing)))) == processing


def test_merge_goes_into_sub_tables() -> None:
    base = {"a": 1, "b": {"c": 2, "d": 3}}
    assert merge(base, {"b": {"c": 4}}) == {"a": 1, "b": {"c": 4, "d": 3}}
    assert base["b"] == {"c": 2, "d": 3}


def test_merge_knows_a_key_in_another_unit() -> None:
    base = {"p": {"bearing_deg": [-10, 10], "noise_db": 3}}
    assert merge(base, {"p": {"bearing": [0.1, 0.2]}}) == {"p": {"bearing": [0.1, 0.2], "noise_db": 3}}
