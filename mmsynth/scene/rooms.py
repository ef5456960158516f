"""Rooms in TOML: walls, furniture, meshes from files, what moves in them, and where the radar is mounted.

[room]                      # a box; world z up, floor z = 0
size = [5.0, 6.0, 2.7]      # x, y, z in m
center = [0.0, 2.5]         # of the floor
walls = "plasterboard"      # also floor, ceiling; "" = open

[[furniture]]               # a box that stands on the floor
name = "table"
size = [1.2, 0.8, 0.75]
position = [1.5, 3.0, 0.0]  # of the middle of its underside
yaw_deg = 30
material = "wood"

[[mesh]]                    # an OBJ, PLY or GLB file in metres
file = "chair.obj"
position = [-1.0, 3.0, 0.0]
material = "plywood"

[[fan]]                     # moving, metal by default; [[door]] likewise
position = [1.0, 4.0, 2.0]

[radar]                     # its mount
position = [0.0, 0.1, 1.8]
tilt_deg = -15
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmsynth import config, geometry
from mmsynth.scene.materials import DEFAULT_FREQUENCY, material
from mmsynth.scene.meshes import MeshFile, read_mesh
from mmsynth.scene.movers import Door, Fan, about
from mmsynth.types import Material, MeshSequence

# A box's corners, and its sides as quads of them, counter-clockwise seen from outside: -x, +x, -y, +y, bottom, top.
_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0.0, 1.0)])
_SIDES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
# Furniture sides smaller than this (m^2) make no mirror: at 2 m a first Fresnel zone is about 0.01 m^2.
SMALLEST_MIRROR = 0.04
# In m: of a hall. Surfaces are cut into patches, for which memory is asked.
LARGEST = 200.0


@dataclass(frozen=True)
class Box:
    """A box room; an empty material leaves that side open."""

    size: tuple[float, float, float]
    center: tuple[float, float] = (0.0, 0.0)
    walls: str = "plasterboard"
    floor: str = "concrete"
    ceiling: str = "plasterboard"


@dataclass(frozen=True)
class Furniture:
    """A box that stands with the middle of its underside at `position`, turned by `yaw` rad."""

    size: tuple[float, float, float]
    position: tuple[float, float, float]
    name: str = "furniture"
    yaw: float = 0.0
    material: str = "wood"


@dataclass(frozen=True)
class Mount:
    """Where the radar hangs: `position` in m, turned left by `yaw`, boresight raised by `tilt` (rad)."""

    position: tuple[float, float, float] = (0.0, 0.0, 1.0)
    yaw: float = 0.0
    tilt: float = 0.0


@dataclass(frozen=True)
class Room:
    """A room as its TOML has it; see the module's docstring."""

    room: Box | None = None
    furniture: tuple[Furniture, ...] = ()
    mesh: tuple[MeshFile, ...] = ()
    fan: tuple[Fan, ...] = ()
    door: tuple[Door, ...] = ()
    radar: Mount = Mount()


LoadedRoom = tuple[MeshSequence | None, Tensor, tuple[str, ...], dict[str, Material]]


def read_room(source: Path | str | Mapping[str, Any]) -> Room:
    """The room in a TOML file or table; mesh files are sought beside the TOML file.

    Raises:
        ValueError: unknown key, no such file, no such material, a size that is not positive or beyond a hall's,
            furniture outside, a radar tilted beyond the vertical, a number that is infinite.
    """
    if isinstance(source, Mapping):
        return _checked(config.parse(Room, source), "room")
    room = _checked(config.load(Room, source), str(source))
    folder = Path(source).parent
    return replace(room, mesh=tuple(replace(m, file=str(folder / m.file)) for m in room.mesh))


def load_room(source: Path | str | Mapping[str, Any] | Room, frequency: float = DEFAULT_FREQUENCY) -> LoadedRoom:
    """What stands still in a room: its mesh, its mirrors [mirrors, 4, 3] with a region each, and all materials.

    Where nothing stands but fans and doors there is no mesh.

    Fans and doors move: `movers(read_room(source).fan + read_room(source).door, times)` are people to the simulator;
    their materials are here too.

    Args:
        source: TOML file, table, or `Room`.
        frequency: Hz at which permittivities are taken.

    Raises:
        ValueError: as of `read_room`; nothing is in it; or a mesh is missing, damaged or larger than the room.
    """
    room = source if isinstance(source, Room) else read_room(source)
    parts = [_box_room(room.room)] if room.room is not None else []
    parts += [_furniture(item) for item in room.furniture]
    parts = [part for part in parts if len(part[0])]
    meshes = [_quads(corners, names) for corners, names in parts] + [
        read_mesh(item, room.room.size if room.room else None, room.radar.position) for item in room.mesh
    ]
    if not (meshes or room.fan or room.door):
        raise ValueError("room: expected walls, furniture, a mesh, a fan or a door, got an empty room")
    regions = {region for _, _, names in meshes for region in names}
    regions |= {f"{item.material}:{item.name}" for group in (room.fan, room.door) for item in group}
    materials = {region: material(region.split(":")[0], frequency) for region in sorted(regions)}
    mirrors = [(quad, name) for corners, names in parts for quad, name in zip(corners, names, strict=True)]
    large = [(quad, name) for quad, name in mirrors if _quad_area(quad) >= SMALLEST_MIRROR]
    quads = torch.tensor(np.array([quad for quad, _ in large]).reshape(-1, 4, 3))
    return _merge(meshes) if meshes else None, quads, tuple(name for _, name in large), materials


def mounted(source: Path | str | Mapping[str, Any] | Room) -> Tensor:
    """`world_from_radar` [4, 4] of the room's radar mount: on a wall, tilted, or in the ceiling (tilt -90 degrees)."""
    room = source if isinstance(source, Room) else read_room(source)
    return geometry.radar_pose(room.radar.position, room.radar.yaw, room.radar.tilt)


def _checked(room: Room, where: str) -> Room:
    sized = [("room", room.room.size)] if room.room else []
    sized += [(f"furniture '{item.name}'", item.size) for item in room.furniture]
    for name, size in sized:
        if min(size) <= 0:
            raise ValueError(f"{where}: {name}.size: expected positive metres, got {size}")
        if LARGEST < max(size) < math.inf:
            raise ValueError(f"{where}: {name}.size: expected at most {LARGEST:g} m, got {max(size):g}")
    _check_within(room, where)
    if abs(room.radar.tilt) > math.pi / 2 + 1e-9:
        raise ValueError(f"{where}: radar.tilt_deg: expected -90 to 90, got {math.degrees(room.radar.tilt):g}")
    for item in (m for m in room.mesh if m.scale <= 0):
        raise ValueError(f"{where}: mesh '{item.name}': scale: expected a positive number, got {item.scale:g}")
    if infinite := config.infinite(config.to_table(room)):
        raise ValueError(f"{where}: {infinite[0]}: expected a finite number")
    things = [item for group in (room.furniture, room.mesh, room.fan, room.door) for item in group]
    named = [(f"'{item.name}'", item.material) for item in things]
    sides = ("walls", "floor", "ceiling") if room.room else ()
    named += [(side, getattr(room.room, side)) for side in sides if getattr(room.room, side)]
    for what, name in named:
        try:
            material(name)
        except ValueError as error:
            raise ValueError(f"{where}: {what}: {error}") from None
    return room


def _check_within(room: Room, where: str) -> None:
    """Refuse furniture that stands beyond a side of the box, where nothing sees it."""
    for item in room.furniture:
        if side := _beyond(room, item.position):
            raise ValueError(
                f"{where}: furniture '{item.name}': expected a place in the room, got one beyond its {side}"
            )


def around(room: Room, place: tuple[float, float, float]) -> str:
    """The furniture in which a place (x, y, z) lies, or the side of the box beyond which it does; "" = free."""
    for item in room.furniture:
        x, y, z = about("z", -item.yaw) @ np.subtract(place, item.position)
        if 2 * abs(x) < item.size[0] and 2 * abs(y) < item.size[1] and 0 < z < item.size[2]:
            return item.name
    return _beyond(room, place)


def _beyond(room: Room, place: tuple[float, float, float]) -> str:
    """The side of the box beyond which a place lies; "" = none."""
    if room.room is None:
        return ""
    aside = 2 * np.abs(np.subtract(place[:2], room.room.center)) > room.room.size[:2]
    beyond = {"walls": aside.any(), "floor": place[2] < 0, "ceiling": place[2] > room.room.size[2]}
    return next((side for side, out in beyond.items() if out and getattr(room.room, side)), "")


def _box_room(box: Box) -> tuple[np.ndarray, list[str]]:
    corners = _CORNERS * box.size + (*box.center, 0.0)
    names = ["walls"] * 4 + ["floor", "ceiling"]
    kinds = [getattr(box, name) for name in names]
    # Seen from inside: the order of the corners is turned round.
    keep = [i for i, kind in enumerate(kinds) if kind]
    return corners[np.array(_SIDES)[:, ::-1]][keep], [f"{kinds[i]}:{names[i]}" for i in keep]


def _furniture(item: Furniture) -> tuple[np.ndarray, list[str]]:
    corners = (_CORNERS * item.size) @ about("z", item.yaw).T + item.position
    return corners[np.array(_SIDES)], [f"{item.material}:{item.name}"] * 6


def _quads(corners: np.ndarray, names: list[str]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Vertices, faces and the region of each face of quads [quads, 4, 3]."""
    first = 4 * np.arange(len(corners))[:, None]
    faces = np.concatenate([first + [0, 1, 2], first + [0, 2, 3]], 1).reshape(-1, 3)
    return corners.reshape(-1, 3), faces, [name for name in names for _ in range(2)]


def _merge(meshes: list[tuple[np.ndarray, np.ndarray, list[str]]]) -> MeshSequence:
    offsets = np.cumsum([0] + [len(vertices) for vertices, _, _ in meshes])
    faces = np.concatenate([faces + offset for (_, faces, _), offset in zip(meshes, offsets, strict=False)])
    regions = [name for _, _, names in meshes for name in names]
    table = tuple(dict.fromkeys(regions))
    return MeshSequence(
        vertices=torch.tensor(np.concatenate([vertices for vertices, _, _ in meshes]))[None],
        faces=torch.tensor(faces),
        times=torch.zeros(1, dtype=torch.float64),
        region=torch.tensor([table.index(name) for name in regions]),
        region_names=table,
    )


def _quad_area(quad: np.ndarray) -> float:
    return float(np.linalg.norm(np.cross(quad[2] - quad[0], quad[3] - quad[1])) / 2)
