"""TOML to frozen dataclasses, strictly: an unknown key is an error that names the nearest known one."""

import dataclasses
import difflib
import math
import tomllib
import types
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def read_toml(path: Path | str) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ValueError: there is no such file, or it is not TOML.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: {'expected a TOML file, got a folder' if path.is_dir() else 'no such file'}")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not TOML: {error}") from None


def parse(cls: type[T], table: Mapping[str, Any], where: str = "") -> T:
    """Build the dataclass `cls` from a TOML table, converting and checking every field.

    Nested dataclasses come from sub-tables, tuples from arrays, `Path` from strings. A key that ends in `_db` or `_deg`
    where the field has the bare name is converted to the linear or rad value; dB are those of a power, unless the field
    is annotated as an "amplitude" or an "excess" (`types.Amplitude`). Errors give full names of keys.

    Raises:
        ValueError: a key is unknown, missing, given twice or of another kind; or the dataclass refuses a value.
    """
    hints, marked = get_type_hints(cls), get_type_hints(cls, include_extras=True)
    known = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in table.items():
        full = f"{where}.{key}" if where else key
        name, value = _to_si(key, value, marked, full)
        if name not in known:
            raise ValueError(f"unknown key '{full}': {_hint(name, hints)}")
        if name in values:
            raise ValueError(f"{full}: given twice, in two units")
        values[name] = convert(hints[name], value, full)
    for name, f in known.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise ValueError(f"missing key '{f'{where}.{name}' if where else name}'")
    try:
        return cls(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}" if where else str(error)) from None


def _hint(name: str, known: Mapping[str, Any]) -> str:
    """Where an unknown key belongs: in a sub-table that has it, or it is the nearest of the `known` ones."""
    tables = [k for k, hint in known.items() if dataclasses.is_dataclass(hint)]
    homes = [k for k in tables if {name, _bare(name)} & {f.name for f in dataclasses.fields(known[k])}]
    if homes:
        return f"it belongs under [{homes[0]}]"
    near = difflib.get_close_matches(name, known, 1, 0.0)
    return f"the nearest known one is '{near[0] if near else '(none)'}'"


def load(cls: type[T], path: Path | str) -> T:
    """Read the TOML file `path` into the dataclass `cls`; errors name the file.

    Raises:
        ValueError: the file is missing, not TOML, or a key is unknown, missing or wrong.
    """
    table = read_toml(path)
    try:
        return parse(cls, table)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """The table `base` with the keys of `overlay` put over it, sub-table by sub-table, in whatever unit either has."""
    new = {_bare(key) for key in overlay}
    merged = {key: value for key, value in base.items() if key in overlay or _bare(key) not in new}
    for key, value in overlay.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def dumps(table: Mapping[str, Any], prefix: str = "") -> str:
    """TOML text of a table of numbers, strings, booleans, arrays and sub-tables; None is left out."""
    plain = {k: v for k, v in table.items() if v is not None and not isinstance(v, Mapping) and not is_tables(v)}
    text = "".join(f"{_key(k)} = {_literal(v)}\n" for k, v in plain.items())
    for key, value in table.items():
        name = f"{prefix}{_key(key)}"
        if isinstance(value, Mapping):
            text += f"\n[{name}]\n{dumps(value, name + '.')}"
        elif is_tables(value):
            text += "".join(f"\n[[{name}]]\n{dumps(row, name + '.')}" for row in value)
    return text


def to_table(config: Any) -> dict[str, Any]:
    """The table of a frozen config dataclass, ready for `dumps`; the inverse of `parse`."""
    return {f.name: _plain(_off(getattr(config, f.name), f.default)) for f in dataclasses.fields(config)}


def infinite(value: Any, name: str = "") -> list[str]:
    """Full names of the infinite numbers in a table."""
    if isinstance(value, float):
        return [name] if math.isinf(value) else []
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, part in pairs for found in infinite(part, f"{name}.{key}" if name else str(key))]


def _off(value: Any, default: Any) -> Any:
    # None is left out of a TOML, which would bring a default that is not None back.
    return False if value is None and default is not None and default is not dataclasses.MISSING else value


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_table(value)
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def is_tables(value: Any) -> bool:
    """Whether a value is an array of tables."""
    return isinstance(value, list | tuple) and len(value) > 0 and all(isinstance(v, Mapping) for v in value)


def _key(key: str) -> str:
    return key if key and all(c.isascii() and (c.isalnum() or c in "-_") for c in key) else _literal(key)


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
        return f'"{escaped}"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_literal(v) for v in value) + "]"
    if isinstance(value, int | float):
        return repr(value)
    raise ValueError(f"TOML: cannot write a {type(value).__name__}")


def _bare(key: str) -> str:
    return key.removesuffix("_db").removesuffix("_deg")


def _to_si(key: str, value: Any, known: Mapping[str, Any], full: str) -> tuple[str, Any]:
    """The field's name and its value in SI; `known` has the annotation of each field by name."""
    for suffix in ("_db", "_deg"):
        bare = key.removesuffix(suffix)
        if key.endswith(suffix) and key not in known and bare in known:
            mark = next(iter(getattr(known[bare], "__metadata__", ())), "power")
            to_si: Callable[[float], float] = math.radians if suffix == "_deg" else partial(_from_db, mark, full)
            if isinstance(value, list):
                return bare, [to_si(convert(float, v, full)) for v in value]
            return bare, to_si(convert(float, value, full))
    return key, value


def _from_db(mark: str, where: str, value: float) -> float:
    if not abs(value) < 1000 and not math.isinf(value):
        raise ValueError(f"{where}: expected dB between -1000 and 1000 (or infinite), got {value!r}")
    if mark in ("amplitude", "excess"):
        return float(10 ** (value / 20) - (mark == "excess"))
    return float(10 ** (value / 10))


def convert(hint: Any, value: Any, where: str) -> Any:  # noqa: C901 - one branch a kind of type, read top to bottom
    """A value of a TOML or JSON table as the type `hint`; `where` is its full name.

    Raises:
        ValueError: it is of another kind.
    """
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin is Literal:
        if value not in args:
            near = difflib.get_close_matches(str(value), [str(a) for a in args], 1, 0.0)
            raise ValueError(
                f"{where}: expected one of {', '.join(str(a) for a in args)}, got {value!r} (nearest: {near[0]!r})"
            )
        return value
    if origin in (Union, types.UnionType):
        choices = [a for a in args if a is not type(None)]
        if type(None) in args and (value is None or (value is False and bool not in args)):
            return None  # TOML has no null: `false` switches an optional part off
        wrong = []
        for choice in choices:
            try:
                return convert(choice, value, where)
            except ValueError as error:
                wrong.append(error)
        # What a value was meant as shows in its brackets; without any it was to be the simplest form, which is first.
        raise wrong[-1 if isinstance(value, list | Mapping) else 0] from None
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ValueError(f"{where}: expected a table, got {value!r}")
        return parse(hint, value, where)  # type: ignore[arg-type]
    if origin is tuple:
        return _convert_tuple(args, value, where)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ValueError(f"{where}: expected a table, got {value!r}")
        return {k: convert(args[1], v, f"{where}.{k}") for k, v in value.items()}
    return _convert_scalar(hint, value, where)


def _convert_tuple(args: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{where}: expected an array in brackets, got {value!r}")
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(convert(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if len(value) != len(args):
        raise ValueError(f"{where}: expected {len(args)} values, got {len(value)}")
    return tuple(convert(a, v, f"{where}[{i}]") for i, (a, v) in enumerate(zip(args, value, strict=True)))


def _convert_scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        if math.isnan(value):
            raise ValueError(f"{where}: expected a number, got nan")
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint in (int, str, bool) and type(value) is hint:
        return value
    names = {float: "a number", int: "a whole number", str: "a string", bool: "true or false", Path: "a path"}
    raise ValueError(f"{where}: expected {names.get(hint, str(hint))}, got {value!r}")
