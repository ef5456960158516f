"""Contact sheets of what is here: built-in motions, motion files, people of a recipe, bodies, clips of a data set."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from mmsynth.body_models import BodyModel, fit_error, fit_skeleton, ground, load_body, shape_for
from mmsynth.datasets import Dataset
from mmsynth.generation.play import draw_play
from mmsynth.generation.recipe import Recipe
from mmsynth.geometry import UPRIGHT, rotation_about
from mmsynth.motion import ACTIVITIES, Subject, centre, generate_motion, read_motion, resample
from mmsynth.motion.skeleton import forward
from mmsynth.types import MeshSequence, Motion, Skeleton
from mmsynth.view import clips_figure, contact_sheet

_INSTANTS = 6
_CLIPS = 8
_PLAYS = 12
_SECONDS = 8.0  # of a built-in motion, of which the most telling stretch is drawn
_STRETCHES = (1.0, 1.5, 2.2, 3.2, 4.8)  # in s


def motions_sheet() -> Figure:
    """Six instants of each built-in motion, by one average person."""
    body, subject = load_body(), Subject(0)
    rows = []
    for name in ACTIVITIES:
        motion = generate_motion(name, _SECONDS, subject, torch.Generator().manual_seed(0))
        rows.append((name, body(resample(ground(motion, body), _telling(motion)))))
    return contact_sheet(rows, _INSTANTS, 0.8)


def _telling(motion: Motion) -> Tensor:
    """Six times [6] in s, evenly spread, at which poses differ most; a longer stretch must gain a tenth by it."""
    poses = forward(motion)
    poses = (poses - poses[:, :1] * torch.tensor([1.0, 1.0, 0.0], dtype=poses.dtype)).flatten(1)
    rate, best, found = (len(poses) - 1) / motion.duration, 0.0, motion.times[:_INSTANTS]
    for length in _STRETCHES:
        offsets = torch.linspace(0.0, length * rate, _INSTANTS).round().long()
        for start in range(0, len(poses) - int(offsets[-1]), 6):
            apart = float(torch.nn.functional.pdist(poses[start + offsets]).mean())
            if apart > 1.1 * best:
                best, found = apart, motion.times[start + offsets]
    return found


def files_sheet(paths: Sequence[Path], frame_rate: float | None = None) -> Figure:
    """Six instants of each motion file, see `read_motion`; a skeleton as the body fitted to it, and how well."""
    body = load_body()
    return contact_sheet([_row(path.name, read_motion(path, frame_rate), body) for path in paths], _INSTANTS)


def plays_sheet(recipe: Recipe) -> Figure:
    """Six instants of each of the first clips of a recipe: what its labelled people do, before any radar sees them."""
    body, rows = load_body(recipe.subjects.body), []
    for index in range(min(_PLAYS, recipe.clips)):
        play = draw_play(recipe, body, index)
        name = f"clip {index}: {play.labels.activity}{', ' if play.file else ''}{play.file}"
        rows.append((name, body(_thinned(centre(play.motions[0])))))
    return contact_sheet(rows, _INSTANTS)


def bodies_sheet() -> Figure:
    """The free body at rest in people of different age, height and mass, turned round in six steps."""
    body = load_body()
    people = [("female", 8.0, 1.27, 26.0), ("female", 25.0, 1.62, 60.0), ("female", 75.0, 1.58, 70.0)]
    people += [("male", 25.0, 1.78, 72.0), ("male", 45.0, 1.75, 110.0), ("male", 75.0, 1.70, 75.0)]
    steps = torch.arange(_INSTANTS, dtype=torch.float64)
    turned = torch.stack([rotation_about("z", 2 * math.pi * float(step) / _INSTANTS) @ UPRIGHT for step in steps])
    rows = []
    for sex, age, height, mass in people:
        shape = shape_for(height, mass, sex, age)
        motion = Motion(("pelvis",), turned[:, None], torch.zeros(_INSTANTS, 3, dtype=torch.float64), steps, shape)
        rows.append((f"{sex}, {age:g} years, {height:g} m, {mass:g} kg", body(ground(motion, body))))
    return contact_sheet(rows, _INSTANTS, clock=False)


def clips_sheet(data: Dataset) -> Figure:
    """The first clip of each activity of a data set, at most eight."""
    activity = data.labels.activity.astype(str)
    first = sorted({int(np.flatnonzero(activity == name)[0]) for name in np.unique(activity)})[:_CLIPS]
    return clips_figure([data[index] for index in first])


def _row(name: str, found: Motion | Skeleton | MeshSequence, body: BodyModel) -> tuple[str, MeshSequence]:
    """What was read of a motion file as a surface at six instants: posed, fitted and posed, or as it is."""
    if isinstance(found, MeshSequence):
        return name, found
    if isinstance(found, Skeleton):
        motion = fit_skeleton(found, body)
        off = float(fit_error(found, body, motion).nanmedian())
        name = f"{name}, fitted: half of the joints within {100 * off:.1f} cm"
        found = motion
    return name, body(_thinned(ground(found, body)))


def _thinned(motion: Motion) -> Motion:
    start, end = float(motion.times[0]), float(motion.times[-1])
    if start == end:  # one frame
        return motion
    return resample(motion, torch.linspace(start, end, _INSTANTS, dtype=torch.float64))
