"""Who does what and where in one clip, drawn from a recipe: what no radar has a part in."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from mmsynth.body_models import BodyModel, ground, settle, shape_for
from mmsynth.generation.activity import ActivityRecipe
from mmsynth.generation.captured import SPARE, captured, read_captured
from mmsynth.generation.draws import EDITS, OTHERS, PERSON, PLAY, STYLE, SWAY, Draws, integer, stream, uniform
from mmsynth.generation.recipe import Placement, Recipe, placement_of
from mmsynth.geometry import radar_pose, rotation_about
from mmsynth.motion import Subject, generate_motion, keep_feet, place, sample_subject, swaying
from mmsynth.motion.together import GAP, least, tracks
from mmsynth.scene import Room, mounted, read_room
from mmsynth.types import Labels, Motion

# Attempts to place a person beside others, and motions that are tried so.
_TRIES, _MOTIONS = 200, 5
# Whose pelvis comes down to this share of its height falls: the lowest of squats leaves a half.
_DOWN = 0.4


@dataclass(frozen=True, eq=False)
class Play:
    """Who does what and where in one clip: nothing of it depends on the radar that records.

    Attributes:
        index: of the clip.
        labels: of the clip.
        subject: who performs.
        motions: of all people where the recipe puts them; that of the labelled person is the first.
        world_from_radar: pose of the radar.
        facing: by how much the labelled person turns away from facing the radar, in rad.
        clothing: kind.
        file: name of the motion file of the labelled person; "" = a built-in motion.
    """

    index: int
    labels: Labels
    subject: Subject
    motions: tuple[Motion, ...]
    world_from_radar: Tensor
    facing: float
    clothing: str
    file: str = ""


def draw_play(recipe: Recipe, body: BodyModel, index: int) -> Play:
    """Draw people, motions and places of clip `index`."""
    draw = stream(recipe.seed, PLAY, index)
    activity, person = _who(recipe, index)
    edits = stream(recipe.seed, EDITS, index)
    moving = _motion(recipe, body, activity, person, (draw, edits))
    spot = _draw_spot(recipe, placement_of(recipe, activity), draw)
    motion = place(moving, spot.at, spot.turn)
    motions = (motion, *_others(recipe, body, index, person, motion, edits))
    if max(recipe.subjects.sway):
        small = stream(recipe.seed, SWAY, index)
        motions = tuple(swaying(m, uniform(recipe.subjects.sway, small), small) for m in motions)
    clothing = recipe.subjects.clothing[integer(len(recipe.subjects.clothing), draw)]
    # A recipe's seed makes other people: sets that differ in it may be trained on as one.
    labels = Labels(activity.label, f"{recipe.name}-{recipe.seed}-s{person:04d}", recipe.name, "synthetic")
    file = motion.labels.source if activity.files else ""
    return Play(index, labels, _subject(recipe, person), motions, spot.world_from_radar, spot.facing, clothing, file)


def _who(recipe: Recipe, index: int) -> tuple[ActivityRecipe, int]:
    """Activity and person of a clip: classes in turn by their shares, and a new person after each round."""
    order = [a for a in recipe.activities for _ in range(a.share)]
    round_, slot = divmod(index, len(order))
    return order[slot], recipe.subjects.first + round_ % recipe.subjects.count


def _motion(recipe: Recipe, body: BodyModel, activity: ActivityRecipe, person: int, draws: Draws) -> Motion:
    """A motion of the clip's length plus a little, feet on the floor, about the origin and facing -y on average."""
    subject, seconds = _subject(recipe, person), recipe.seconds + SPARE
    if not activity.motion:
        return captured(activity, body, seconds, _shape(subject), draws)
    own = stream(recipe.seed, STYLE, person)
    style = {name: uniform(bounds, own) for name, bounds in sorted(activity.style.items())}
    motion = generate_motion(activity.motion, seconds, subject, draws[0], overrides=style)
    motion = replace(motion, shape=_shape(subject), shape_of="free")
    rest = dict(zip(body.joint_names, body.rest_joints(motion), strict=True))
    motion = ground(keep_feet(motion, subject, rest), body)
    height = motion.translation[:, 2]
    return settle(motion, body) if float(height.min()) < _DOWN * float(height.max()) else motion


def _subject(recipe: Recipe, person: int) -> Subject:
    return sample_subject(stream(recipe.seed, PERSON, person), recipe.subjects.age)


@lru_cache(maxsize=1024)
def _shape(subject: Subject) -> Tensor:
    """The subject's body; kept, since it is solved for and every clip of the subject needs it."""
    return shape_for(subject.height, subject.mass, subject.sex, subject.age)


@dataclass(frozen=True, eq=False)
class _Spot:
    """Where one person stands.

    Attributes:
        at: (x, y) on the floor in m.
        turn: to stand so, of a motion that faces -y, in rad.
        facing: as in `Play`.
        world_from_radar: pose of the radar: the room's mount, or the origin.
    """

    at: tuple[float, float]
    turn: float
    facing: float
    world_from_radar: Tensor


def _draw_spot(recipe: Recipe, where: Placement, draw: torch.Generator) -> _Spot:
    """A spot, and the radar's pose."""
    distance, bearing = uniform(where.distance, draw), uniform(where.bearing, draw)
    facing = uniform(where.facing, draw)
    height, tilt = uniform(where.radar_height, draw), uniform(where.radar_tilt, draw)
    pose = mounted(room_of(recipe.room)) if recipe.room else radar_pose((0.0, 0.0, height), tilt=tilt)
    return _Spot(standing(pose, distance, bearing), heading(pose) - bearing + facing, facing, pose)


def _others(
    recipe: Recipe, body: BodyModel, index: int, person: int, labelled: Motion, edits: torch.Generator
) -> list[Motion]:
    """The other people of clip `index`, all different, at activities and places of the recipe.

    Nobody walks through anybody.

    Raises:
        ValueError: no place was found for one.
    """
    found = [labelled]
    draw, pool = stream(recipe.seed, OTHERS, index), recipe.subjects
    free = [pool.first + (person - pool.first + k) % pool.count for k in range(1, pool.count)]
    for _ in range(pool.others):
        number = free.pop(integer(len(free), draw))
        for _ in range(_MOTIONS):
            there = _beside(recipe, body, number, found, (draw, edits))
            if there is not None:
                found.append(there)
                break
        else:
            raise ValueError(
                f"others: expected room for {pool.others + 1} people where `placement` has them, found none in clip "
                f"{index} in {_MOTIONS * _TRIES} tries; widen its distance or bearing"
            )
    return found[1:]


def _beside(recipe: Recipe, body: BodyModel, number: int, others: list[Motion], draws: Draws) -> Motion | None:
    """Person `number` at an activity of the recipe and a place that keeps the gap from others; None = found none."""
    draw = draws[0]
    activity = recipe.activities[integer(len(recipe.activities), draw)]
    moving, where = _motion(recipe, body, activity, number, draws), placement_of(recipe, activity)
    # Tracks are turned and moved in place of motions, whose joints take a thousand times as long to find.
    beside = [tracks(moving, other) for other in others]
    for _ in range(_TRIES):
        spot = _draw_spot(recipe, where, draw)
        turned, shift = rotation_about("z", spot.turn)[:2, :2].T, torch.tensor(spot.at, dtype=torch.float64)
        if all(least(own @ turned + shift, other) >= GAP for own, other in beside):
            return place(moving, spot.at, spot.turn)
    return None


def standing(world_from_radar: Tensor, distance: float, bearing: float) -> tuple[float, float]:
    """The spot (x, y) in m on the floor at a distance in m and a bearing in rad, positive to the right, of a radar."""
    aside = bearing - heading(world_from_radar)
    x, y = float(world_from_radar[0, 3]), float(world_from_radar[1, 3])
    return x + distance * float(np.sin(aside)), y + distance * float(np.cos(aside))


def heading(world_from_radar: Tensor) -> float:
    """By how many rad a radar is turned to the left; of its axis to the right, which stays level at any tilt."""
    return float(torch.atan2(world_from_radar[1, 0], world_from_radar[0, 0]))


@lru_cache(maxsize=8)
def room_of(path: str) -> Room:
    """The room in a file; kept, since every clip stands in it."""
    return read_room(path)


def forget() -> None:
    """Read rooms and motion files anew: a program that stays may have them changed between two sets."""
    room_of.cache_clear()
    read_captured.cache_clear()
