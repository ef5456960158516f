"""Motion files of an activity: read, put on the floor, varied as the recipe says, cut to a clip."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from mmsynth.body_models import BodyModel, fit_skeleton, ground
from mmsynth.generation.activity import ActivityRecipe, Edits
from mmsynth.generation.draws import Draws, integer, uniform
from mmsynth.generation.recipe import Recipe
from mmsynth.motion import SHORTEST, centre, cut, loop, mirror, noisy, read_motion, scaled, speed
from mmsynth.types import MeshSequence, Motion, Skeleton

# By how many s a motion outlasts its clip: no knot of the last frame then falls off its end, however times are rounded.
SPARE = 1 / 30
# Motion files of an activity that are read before any clip is made: a few seconds' worth.
_LOOKED_AT = 50
# Seconds about a clip by which its mean pose, floor and height are told.
_AROUND = 10.0


def captured(
    activity: ActivityRecipe,
    body: BodyModel,
    seconds: float,
    build: Tensor,
    draws: Draws,
) -> Motion:
    """A part of `seconds` of one of the activity's files, varied by its edits, about the origin.

    Args:
        activity: of files.
        body: that does it.
        seconds: from the first to the last sample.
        build: betas of the free body [10] of the recipe's person.
        draws: of file and part; and of the edits.

    Raises:
        ValueError: no file lasts as long, or one cannot be read.
    """
    draw, own = draws
    edits = activity.edits
    mirrored = uniform((0.0, 1.0), own) < 0.5 and edits.mirror
    pace, size, spread = (uniform(bounds, own) for bounds in (edits.speed, edits.amplitude, edits.noise))
    whole, length = _long_enough(activity, body, seconds, pace, draw), pace * seconds
    first, last = float(whole.times[0]), float(whole.times[-1])
    start = first + uniform((0.0, last - first - length), draw)
    if edits == Edits():
        return centre(cut(whole, start, start + length))
    begin = max(first, start - _AROUND)
    part = speed(cut(whole, begin, min(last, start + length + _AROUND)), pace)
    part = mirror(part) if mirrored else part
    if (pace, size, edits.build) != (1.0, 1.0, False):
        part = _resized(part, body, size, pace, build if edits.build else None)
    if spread:
        part = noisy(part, spread, own)
    start = (start - begin) / pace
    return centre(cut(part, start, start + seconds))


def _resized(motion: Motion, body: BodyModel, size: float, pace: float, build: Tensor | None) -> Motion:
    """The motion `size` times as large, by a body of another build if it is given; of flights gravity has the say."""
    to = motion if build is None else replace(motion, shape=build, shape_of="free", gender="neutral")
    rest, onto = (dict(zip(body.joint_names, body.rest_joints(m), strict=True)) for m in (motion, to))
    # What takes a share of the time falls by the square of it.
    return ground(scaled(to, size, rest, onto, hop=pace**-2), body)


def motion_files(activity: ActivityRecipe) -> list[Path]:
    """The files that the patterns of an activity (of a resolved recipe) stand for, sorted."""
    return sorted({p for pattern in activity.files for p in Path("/").glob(pattern.lstrip("/"))})


def _long_enough(
    activity: ActivityRecipe, body: BodyModel, seconds: float, pace: float, draw: torch.Generator
) -> Motion:
    """The motion of one of the activity's files, drawn among those that last a clip of `seconds` at `pace`.

    Those that may be repeated are among them.

    Raises:
        ValueError: there is none, or one cannot be read.
    """
    paths = motion_files(activity)
    longest = 0.0
    while paths:
        motion = read_captured(str(paths.pop(integer(len(paths), draw))), activity.frame_rate, body)
        if motion.duration >= pace * seconds:
            return motion
        if activity.edits.loop and motion.duration >= SHORTEST:
            # Clips begin anywhere in it.
            return loop(motion, pace * seconds + motion.duration)
        longest = max(longest, motion.duration)
    raise _too_short(activity, activity.edits.speed[1] * seconds, longest)


def _too_short(activity: ActivityRecipe, seconds: float, longest: float) -> ValueError:
    expected, hint = f"the clips' {seconds:.2f} s", " (edits with loop = true repeat short ones)"
    if activity.edits.speed[1] > 1:
        expected += f" (up to {activity.edits.speed[1]:g} times as fast)"
    if activity.edits.loop:
        expected, hint = f"{SHORTEST:g} s, to be repeated,", ""
    return ValueError(
        f"activity '{activity.label}': expected a motion of at least {expected} among its files, "
        f"got {longest:.2f} s at most{hint}"
    )


def check_motions(recipe: Recipe) -> None:
    """Refuse a recipe whose motion files cannot be read or are all too short; of many, the first are looked at.

    Raises:
        ValueError: a file is damaged, or of a mesh without joints, or none lasts a clip.
    """
    for activity in recipe.activities:
        seconds = activity.edits.speed[1] * (recipe.seconds + SPARE)
        paths = motion_files(activity)
        lasting = [_joined(path, activity.frame_rate).times for path in paths[:_LOOKED_AT]]
        longest = max((float(times[-1] - times[0]) for times in lasting), default=seconds)
        enough = min(SHORTEST, seconds) if activity.edits.loop else seconds
        if longest < enough and len(paths) <= _LOOKED_AT:
            raise _too_short(activity, seconds, longest)


@lru_cache(maxsize=64)
def read_captured(path: str, frame_rate: float | None, body: BodyModel) -> Motion:
    """A motion file on the floor, with a skeleton fitted; kept, since clips draw the same files again."""
    found = _joined(path, frame_rate)
    motion = fit_skeleton(found, body) if isinstance(found, Skeleton) else found
    return ground(replace(motion, labels=replace(motion.labels, source=Path(path).name)), body)


def _joined(path: Path | str, frame_rate: float | None) -> Motion | Skeleton:
    found = read_motion(path, frame_rate)
    if isinstance(found, MeshSequence):
        raise ValueError(f"{path}: a mesh sequence has no joints to pose the body with")
    return found
