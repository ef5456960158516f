"""From the file of a recipe to the recipe: overlaid, its files found, checked against its radars and its room."""

import glob
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmsynth.config import is_tables, merge, parse, read_toml
from mmsynth.generation.play import standing
from mmsynth.generation.recipe import Placement, Recipe, clip_frames, placement_of
from mmsynth.motion.together import GAP
from mmsynth.radar import load_radar, processed_by, radar_file
from mmsynth.scene import around, load_room, mounted, read_room
from mmsynth.types import RadarSetup

# Bearings at which the far side of a placement is held against the walls.
_BEARINGS = 33


def load_recipe(path: Path | str, radar: str = "", overlays: Sequence[Path | str] = ()) -> Recipe:
    """Read a recipe, put overlays (`mmsynth calibrate` writes one) over it, and check it against its radar.

    Args:
        path: the recipe.
        radar: a profile or file that replaces the recipe's; a file is sought where the program runs, then beside the
            recipe.
        overlays: TOML files whose keys replace the recipe's, the last one's all others; those of an activity, the
            activities' of its label.

    Raises:
        ValueError: a key is unknown or wrong, a file is missing, or a person would stand beyond the radar's range or
            the room's walls.
    """
    table = read_toml(path)
    if "data" in table and "activities" not in table:
        raise ValueError(f"{path}: expected the recipe of a synthetic data set, got one for `mmsynth train`")
    for overlay in overlays:
        table = _overlaid(table, read_toml(overlay))
    if radar:
        table = {**table, "radar": _radar(Path.cwd(), radar)}
    try:
        recipe = _resolve(parse(Recipe, table), Path(path).resolve().parent)
        for one in recipe.apart():
            check_radar(one, resolve_radar(one))
        check_room(recipe)
        check_people(recipe)
    except ValueError as error:
        raise ValueError(f"{' with '.join(map(str, (path, *overlays)))}: {error}") from None
    return recipe


def _overlaid(table: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """A recipe's table with another over it; of activities, which are a list, each finds its own by its label."""
    found, own = merge(table, overlay), table.get("activities", [])
    if is_tables(own) and is_tables(overlay.get("activities")):
        changed, known = ([(str(a.get("label")), a) for a in some] for some in (overlay["activities"], own))
        here, there = {label for label, _ in known}, dict(changed)
        merged = [merge(activity, there.get(label, {})) for label, activity in known]
        found["activities"] = merged + [activity for label, activity in changed if label not in here]
    return found


def resolve_radar(recipe: Recipe) -> RadarSetup:
    """The recipe's radar, with the recipe's changes to its processing.

    Raises:
        ValueError: the recipe has several radars (`Recipe.apart` gives the recipe of each), or there is no such radar.
    """
    if not isinstance(recipe.radar, str):
        raise ValueError(f"radar: expected one here, got {', '.join(recipe.radar)}")
    return processed_by(load_radar(recipe.radar), recipe.processing)


def check_radar(recipe: Recipe, setup: RadarSetup) -> None:
    """Refuse a recipe with no whole frame, or with a person where the radar's beat frequency has left its band.

    Raises:
        ValueError: a clip is shorter than a frame, or somebody stands beyond the radar's range.
    """
    name, waveform = setup.radar.name, setup.radar.waveform
    if clip_frames(recipe, setup) < 1:
        raise ValueError(f"seconds: a frame of radar {name} takes {waveform.frame_period:g} s, got {recipe.seconds:g}")
    limit = waveform.max_range
    for activity in recipe.activities:
        far = placement_of(recipe, activity).distance[-1]
        if far > limit:
            raise ValueError(
                f"placement.distance: radar {name} measures up to {limit:.2f} m, got a person at {far:g} m"
            )


def check_room(recipe: Recipe) -> None:
    """Refuse a recipe with a room in which somebody may stand outside, or that hangs the radar elsewhere than the room.

    Where people walk from there is not looked at, nor whether furniture stands there.

    Raises:
        ValueError: somebody may stand outside of the room; the recipe hangs the radar, or the room does so in furniture
            or outside; the room (or that of the clutter) or one of its meshes is damaged; or nothing rests in that of
            the clutter.
    """
    if not recipe.room:
        if recipe.clutter.room and load_room(recipe.clutter.room)[0] is None:
            raise ValueError(f"clutter: expected something at rest in {recipe.clutter.room}, got only what moves")
        return
    room = read_room(recipe.room)
    load_room(room)  # its meshes are read before there is a folder
    if blind := around(room, room.radar.position):
        place = ", ".join(f"{x:g}" for x in room.radar.position)
        raise ValueError(f"{recipe.room}: [radar] position ({place}): expected a free place, got one behind '{blind}'")
    for name in ("radar_height", "radar_tilt"):
        if getattr(recipe.placement, name) != getattr(Placement(), name):
            raise ValueError(
                f"placement.{name}: the room says where the radar hangs ([radar] in {recipe.room}); leave it out"
            )
    if room.room is None:
        return
    half = [0.5 * size for size in room.room.size[:2]]
    for activity in recipe.activities:
        where = placement_of(recipe, activity)
        for bearing in _bearings(where):
            spot = standing(mounted(room), where.distance[-1], bearing)
            if any(abs(x - c) > h for x, c, h in zip(spot, room.room.center, half, strict=True)):
                raise ValueError(
                    f"placement: activity '{activity.label}': {where.distance[-1]:g} m from the radar at a bearing of "
                    f"{math.degrees(bearing):.0f} degrees lies outside of the room {recipe.room}"
                )


def _bearings(where: Placement) -> list[float]:
    low, high = where.bearing[0], where.bearing[-1]
    return [low + (high - low) * k / (_BEARINGS - 1) for k in range(_BEARINGS)]


def check_people(recipe: Recipe) -> None:
    """Refuse a recipe of several people whose places are all nearer together than two people can be.

    Whether there is room for their motions is found clip by clip.

    Raises:
        ValueError: nobody could stand beside anybody.
    """
    spots = []
    for activity in recipe.activities:
        where = placement_of(recipe, activity)
        spots += [(far * math.sin(b), far * math.cos(b)) for far in where.distance for b in _bearings(where)]
    widest = max(math.dist(a, b) for a in spots for b in spots)
    if recipe.subjects.others and widest < GAP:
        raise ValueError(
            f"others: expected places for {recipe.subjects.others + 1} people, {GAP:g} m apart at least, got "
            f"places within {widest:.2f} m; widen the placement's distance or bearing"
        )


def _resolve(recipe: Recipe, folder: Path) -> Recipe:
    """File names of the recipe made absolute, so that workers find them from any folder."""
    activities = tuple(
        replace(a, files=tuple(_find(a.label, folder, pattern) for pattern in a.files)) for a in recipe.activities
    )
    room = str(_existing(folder / recipe.room, "room")) if recipe.room else ""
    about = str(_existing(folder / recipe.clutter.room, "clutter.room")) if recipe.clutter.room else ""
    radars = tuple(_radar(folder, radar) for radar in recipe.radars)
    radar = radars[0] if isinstance(recipe.radar, str) else radars
    return replace(recipe, activities=activities, room=room, clutter=replace(recipe.clutter, room=about), radar=radar)


def _radar(folder: Path, radar: str) -> str:
    name, part = radar_file(radar)
    return f"{(folder / name).resolve()}{'#' if part else ''}{part}" if (folder / name).is_file() else radar


def _find(label: str, folder: Path, pattern: str) -> str:
    # Brackets in the name of the recipe's own folder are not a pattern.
    absolute = Path(pattern) if Path(pattern).is_absolute() else Path(glob.escape(str(folder))) / pattern
    if not any(Path(absolute.anchor or ".").glob(str(absolute.relative_to(absolute.anchor)))):
        raise ValueError(f"activity '{label}': no file matches {absolute}")
    return str(absolute)


def _existing(path: Path, name: str) -> Path:
    if not path.is_file():
        raise ValueError(f"{name}: no such file {path}")
    return path.resolve()
