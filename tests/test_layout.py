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


def imported_rooms(path: Path) -> set[str]:
    """The rooms of mmsynth that a file imports, at its top or inside its functions."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{a.name}" if node.module == "mmsynth" else str(node.module) for a in node.names]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        else:
            continue
        rooms |= {n.split(".")[1] for n in names if n.startswith("mmsynth.") and n.split(".")[1] in RANK}
    return rooms


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
        if other != room_of(path)
        and RANK[other] >= RANK[room_of(path)]
        and (room_of(path), other) != ("config", "types")
    ]
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
    tree = ast.parse((ROOT / "mmsynth" / "types.py").read_text(encoding="utf-8"))
    bare = [
        f"{cls.name}.{ast.unparse(item.target)}"
        for cls in tree.body
        if isinstance(cls, ast.ClassDef)
        for item in cls.body
        if isinstance(item, ast.AnnAssign) and ast.unparse(item.annotation).startswith("Tensor")
    ]
    assert bare == []
