"""The repository's shape: one import name, imports point one way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Each layer may import those before it; rooms of one layer do not know each other.
LAYERS = [
    {"arrays"},
    {"geometry"},
    {"joints"},
    {"types"},
    {"config", "metrics", "resources", "pickles", "processes", "whole"},
    {"radar", "motion", "body_models", "scene"},
    {"simulation", "processing"},
    {"datasets"},
    {"view"},
    {"generation", "training"},
    {"evaluation"},
    {"calibration"},
    {"demo", "look"},
    {"cli"},
    {"__main__"},
]
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}
# The same inside the largest room, whose files and folders may also know others of their own layer.
SIMULATION = [
    {"settings", "surface", "budget", "memory", "kernels"},
    {"scattering", "rays", "receiver", "synthesis"},
    {"pose", "legs", "cutting"},
    {"visible", "bones"},
    {"facets"},
    {"mirrors", "tubes"},
    {"paths"},
    {"room", "retrace", "outline", "shadows"},
    {"simulate"},
]


def imported_names(path: Path) -> list[str]:
    """What a file imports of mmsynth, at its top or inside its functions, with the names taken from its packages."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found += [f"{node.module}.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            found += [a.name for a in node.names]
    return [name for name in found if name.startswith("mmsynth.")]


def imported_rooms(path: Path) -> set[str]:
    """The rooms of mmsynth that a file imports."""
    return {name.split(".")[1] for name in imported_names(path)} & set(RANK)


def room_of(path: Path) -> str:
    """The room that a file of the package stands in."""
    return path.relative_to(ROOT / "mmsynth").parts[0].removesuffix(".py")


def test_only_mmsynth_is_importable() -> None:
    strays = [p for p in ROOT.glob("*/__init__.py") if p.parent.name != "mmsynth"]
    assert strays == []


def test_every_room_has_its_layer() -> None:
    rooms = {room_of(p) for p in (ROOT / "mmsynth").rglob("*.py")} - {"__init__", "_data"}
    assert rooms <= set(RANK), "a new room needs its place in LAYERS"


def test_imports_point_backwards() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {room_of(path)} must not import {other}"
        for path in (ROOT / "mmsynth").rglob("*.py")
        if room_of(path) in RANK
        for other in imported_rooms(path)
        if other != room_of(path) and RANK[other] >= RANK[room_of(path)]
    ]
    assert wrong == []


def test_imports_point_backwards_inside_simulation() -> None:
    rank = {room: rank for rank, rooms in enumerate(SIMULATION) for room in rooms}
    wrong = []
    for path in (ROOT / "mmsynth/simulation").rglob("*.py"):
        room = path.relative_to(ROOT / "mmsynth/simulation").parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        parts = (name.split(".") for name in imported_names(path))
        others = {p[2] for p in parts if p[1] == "simulation"} - {room}
        wrong += [f"{path.name}: {room} must not import {x}" for x in others if rank[x] > rank[room]]
    assert wrong == []


@pytest.mark.parametrize(
    ("room", "unwanted"),
    [
        ("training", ("warp", "mmsynth.simulation", "sklearn")),
        ("processing", ("warp",)),
        ("cli", ("torch",)),
        ("datasets", ("warp",)),
    ],
)
def test_light_rooms_stay_light(room: str, unwanted: tuple[str, ...]) -> None:
    code = f"import sys, mmsynth.{room}; sys.exit(bool(set(sys.modules) & {set(unwanted)}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0, f"{room} loads {unwanted}"


def test_types_state_their_axes() -> None:
    """Every tensor field of a noun carries axes and a unit."""
    files = sorted((ROOT / "mmsynth/types").glob("*.py"))
    assert files
    bare = [
        f"{cls.name}.{ast.unparse(item.target)}"
        for file in files
        for cls in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(cls, ast.ClassDef)
        for item in cls.body
        if isinstance(item, ast.AnnAssign) and ast.unparse(item.annotation).startswith("Tensor")
    ]
    assert bare == []


def test_files_stay_short() -> None:
    """What no longer fits 300 lines holds more than one thing."""
    files = [path for folder in ("mmsynth", "tests") for path in (ROOT / folder).rglob("*.py")]
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {str(path.relative_to(ROOT)): n for path, n in lines.items() if n > 300} == {}


def test_oracles_are_independent() -> None:
    assert [name for name in ("oracles", "biomechanics") if imported_names(ROOT / f"tests/{name}.py")] == []
