"""From a recipe to windows: read the clips, hold out what is to be held out, cut."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.arrays import check_device
from mmsynth.datasets import Clips, Datasets, lengths, load_split
from mmsynth.joints import joint_names
from mmsynth.training.frames import frames_of
from mmsynth.training.known import Known, are_known, marks_of
from mmsynth.training.material import FrameMaterial, TrainingMaterial
from mmsynth.training.models import Targets
from mmsynth.training.radars import two_radars
from mmsynth.training.recipe import Data, Recipe
from mmsynth.training.windows import Windows, WindowSettings, cut
from mmsynth.training.withheld import check_hold_out, held_out, leaks

Array = NDArray[Any]


def gather(recipe: Recipe) -> TrainingMaterial:
    """Read and cut the recipe's clips.

    Raises:
        ValueError: a file is missing, or nothing is left to train on; `hold_out` names what is not there; of those
            under `unlabelled` none is left; or there is no such device.
    """
    chosen, posed = _choose(recipe), recipe.task == "pose"
    apart = replace(recipe.window, step=recipe.window.duration)

    def windows(source: Clips | None, clips: Array, settings: WindowSettings = recipe.window) -> Windows | None:
        found = cut(source, settings, clips, posed) if source and len(clips) else None
        # Of a clip that is labelled in part, windows without any pose teach nothing.
        return found.take(np.asarray(np.isfinite(found.joints).any((1, 2, 3)))) if found and posed else found

    recorded, made = windows(*chosen.real), windows(*chosen.synthetic)
    if posed and recorded is not None and made is not None:
        made = at_the_mean(made, recorded)
    return TrainingMaterial(
        targets=chosen.targets,
        real=recorded,
        synthetic=made,
        validation=windows(*chosen.withheld, apart),
        unlabelled=_unlabelled(*chosen.adapting, recipe, chosen.targets.joint_set),
        about=_about(chosen, recipe.data),
        known=_known(chosen),
    )


def gather_frames(recipe: Recipe) -> FrameMaterial:
    """Read the recipe's clips as frames with poses; nothing is withheld for a choice that is not made.

    Raises:
        ValueError: as `gather`.
    """
    chosen = _choose(replace(recipe, data=replace(recipe.data, validation=0.0)))
    real, synthetic = (
        frames_of(source, clips).posed() if source and len(clips) else None
        for source, clips in (chosen.real, chosen.synthetic)
    )
    for name, frames in (("real", real), ("synthetic", synthetic)):
        if frames is not None and not len(frames):
            raise ValueError(f"data.{name}: expected frames in which every joint is known, got none")
        if frames is not None and recipe.sizes and np.isnan(frames.size).any():
            raise ValueError(
                f"sizes: expected joints with bones between them, which tell sizes, got '{chosen.targets.joint_set}'; "
                "set it to false"
            )
    source, clips = chosen.adapting
    unlabelled = frames_of(source, clips) if source else None
    return FrameMaterial(chosen.targets, real, synthetic, unlabelled, _about(chosen, recipe.data), _known(chosen))


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Files and indices of their clips that are trained on, that choose the model, and that it is adapted to.

    Of `short` more that could be trained on none is as long as a window.
    """

    targets: Targets
    real: tuple[Datasets | None, Array]
    synthetic: tuple[Datasets | None, Array]
    withheld: tuple[Datasets | None, Array]
    adapting: tuple[Datasets | None, Array]
    short: int


def _choose(recipe: Recipe) -> _Chosen:
    """The recipe's clips, see `gather`."""
    check_device(recipe.device)
    data, posed = recipe.data, recipe.task == "pose"
    draw = np.random.default_rng([recipe.seed, 1])
    recordings, made, other = _open(data.real), _open(data.synthetic), _open(data.unlabelled)
    targets = _targets(recipe, [source for source in (recordings, made) if source])
    check_hold_out([source for source in (recordings, other) if source], data)
    names = recipe.classes if posed else targets.classes
    real, synthetic = _usable(recordings, names, data, posed), _usable(made, names, None, posed)
    long, long_made = _long(recordings, recipe), _long(made, recipe)
    short = int((~long[real]).sum() + (~long_made[synthetic]).sum())
    real, synthetic = real[long[real]], synthetic[long_made[synthetic]]
    if len(real):
        real, _ = _divide(recordings, real, data.real_fraction, draw)
    _check_left(targets, recipe, ((recordings, real), (made, synthetic)), short)
    # A network is chosen on recordings where there are any: on synthetic clips every one looks good. Trees are not.
    share = 0.0 if recipe.model == "trees" else data.validation
    source, mine = (recordings, real) if len(real) else (made, synthetic)
    # Draws of one simulated clip are nearly copies: they stay on one side, with all that the person does of a kind.
    people = None if len(real) or made is None else made.labels.subject
    choosing = _usable(recordings, names, data, posed, "validation") if share else real[:0]
    choosing = choosing[long[choosing]]
    if len(choosing):
        source, withheld, kept = recordings, choosing, mine
    else:
        withheld, kept = _divide(source, mine, share, draw, people, spare=1)
    real, synthetic = (kept, synthetic) if len(real) else (real, kept)
    adapting = _adapting(other, recipe, marks_of(recordings, real)) if other else real[:0]
    parts = (recordings, real), (made, synthetic), (source, withheld), (other, adapting)
    return _Chosen(targets, *parts, short)


def _check_left(targets: Targets, recipe: Recipe, parts: tuple[tuple[Datasets | None, Array], ...], short: int) -> None:
    """Refuse a recipe with nothing to train on, or with a class of which there is nothing, or with one class alone.

    `short` more clips are shorter than a window.
    """
    posed = recipe.task == "pose"
    there = {str(name) for source, clips in parts if source for name in source.labels.activity[clips]}
    there -= set() if posed else {""}
    missing = [name for name in (recipe.classes if posed else targets.classes) if name not in there]
    if missing or not there:
        listed = f"; there are {', '.join(sorted(there))}" if there else ""
        if short:
            listed += f"; too short for a window of {recipe.window.duration:g} s: {short}"
        raise ValueError(f"data: no clip of {', '.join(missing) or 'any activity'} is left to train on{listed}")
    if not posed and len(there) < 2:
        raise ValueError(f"data: expected clips of two activities or more to tell apart, got '{there.pop()}' alone")


def _about(chosen: _Chosen, data: Data) -> str:
    """What is learnt from, in words; an empty part is left out."""
    learnt = [_counted("recordings", *chosen.real, data), _counted("synthetic clips", *chosen.synthetic)]
    adapting = _counted("without labels", *chosen.adapting, data)
    said = [f"learnt from {' and '.join(part for part in learnt if part)}"]
    said += [f"{len(chosen.withheld[1])} more choose the model"] if len(chosen.withheld[1]) else []
    said += [f"adapted to {adapting}"] if adapting else []
    said += [f"{chosen.short} are shorter than a window and teach nothing"] if chosen.short else []
    said += _alone(chosen)
    radars = two_radars(*(part[0].parts if part[0] else () for part in (chosen.real, chosen.synthetic)))
    said += [radars] if radars else []
    said += [leaks(data)] if leaks(data) else []
    return "; ".join(said)


def _alone(chosen: _Chosen) -> list[str]:
    """Which activities only recordings or only synthetic clips show: perhaps one that is written in two ways."""
    parts = {"recordings": chosen.real, "synthetic clips": chosen.synthetic}
    have = {
        name: set(source.labels.activity[clips]) for name, (source, clips) in parts.items() if source and len(clips)
    }
    if chosen.targets.joint_set or len(have) < 2:
        return []
    shared = set.intersection(*have.values())
    return [f"only {name} show {', '.join(sorted(own - shared))}" for name, own in have.items() if own - shared]


def _counted(name: str, source: Clips | None, used: Array, data: Data | None = None) -> str:
    if source is None:
        return ""
    held = int(held_out(source, data).sum()) if data else 0
    return f"{len(used)} of {len(source)} {name}" + (f" ({held} held out)" if held else "")


def at_the_mean(synthetic: Windows, real: Windows) -> Windows:
    """Synthetic windows with their joints moved so that the mean pose is that of the recordings.

    Boards read angles askew and people are built differently: where joints lie is known from recordings, few as they
    may be; how they move is what synthetic poses are for.
    """
    here, there = (np.nanmean(w.joints, axis=(0, 1), dtype=np.float64) for w in (synthetic, real))
    return replace(synthetic, joints=(synthetic.joints + (there - here)).astype(np.float32))


def _targets(recipe: Recipe, sources: list[Clips]) -> Targets:
    """What the run tells: the recipe's activities, or all that there are; the joints of the data."""
    if recipe.task == "pose":
        sets = sorted({source.joint_set for source in sources})
        if len(sets) > 1 or not sets[0]:
            raise ValueError(
                f"data: expected one set of joints to train on, got {', '.join(s or 'none' for s in sets)}"
            )
        return Targets(joint_set=sets[0])
    found = sorted({str(a) for source in sources for a in source.labels.activity} - {""})
    return Targets(recipe.classes or tuple(found))


def _known(chosen: _Chosen) -> Known:
    """What a run that learns from these clips has seen."""
    learnt = [marks_of(*part) for part in (chosen.real, chosen.synthetic, chosen.withheld)]
    return Known(np.unique(np.concatenate(learnt)), marks_of(*chosen.adapting))


def _adapting(source: Datasets, recipe: Recipe, known: Array) -> Array:
    """Indices of the clips to adapt to: those that are not held out.

    Of clips of `known` frames labels are learnt from: trees that give labels to the others would learn these twice.
    """
    rows, twice = np.flatnonzero(~held_out(source, recipe.data)), recipe.adapt.method == "self-training"
    if twice:
        (learnt,) = are_known(source, known)
        rows = rows[~learnt[rows]]
    if not len(rows):
        kind = "neither among data.real nor held out" if twice else "not held out"
        raise ValueError(f"data.unlabelled: expected clips that are {kind}, got none")
    return rows


def _unlabelled(source: Datasets | None, rows: Array, recipe: Recipe, joint_set: str) -> Windows | None:
    """Windows of recordings to adapt to, with poses marked as not known, so that none can be learnt from them."""
    windows = cut(source, recipe.window, rows) if source else None
    if windows is None or not joint_set:
        return windows
    shape = (len(windows), windows.bins, len(joint_names(joint_set)), 3)
    return replace(windows, joints=np.full(shape, np.nan, np.float32), joint_set=joint_set)


def _open(paths: tuple[Path, ...]) -> Datasets | None:
    return Datasets.open(paths, drop_intensity=True) if paths else None


def _usable(
    source: Clips | None, classes: tuple[str, ...], data: Data | None, posed: bool, part: str = "train"
) -> Array:
    """Indices of the clips that have one of the classes (none = any), a known pose if asked, and are of the part.

    Without a split (or `data`) what is not held out is to train on.
    """
    if source is None:
        return np.zeros(0, np.int64)
    wanted = np.isin(source.labels.activity, classes) if classes else np.ones(len(source), bool)
    joints = source.joints() if posed else None
    if joints is not None:
        _, bounds = source.frame_times()
        known = np.concatenate([[0], np.cumsum(np.isfinite(joints).any((1, 2)))])
        wanted &= known[bounds[1:]] > known[bounds[:-1]]
    if data and data.split:
        wanted &= np.isin(source.labels.id, getattr(load_split(data.split), part))
    elif part != "train":
        wanted[:] = False
    return np.flatnonzero(wanted & ~held_out(source, data) if data else wanted)


def _long(source: Datasets | None, recipe: Recipe) -> Array:
    """Which clips [clips] are as long as a window; a perceptron, which reads frames, has none."""
    if source is None:
        return np.zeros(0, bool)
    if recipe.model == "histograms":
        return np.ones(len(source), bool)
    return lengths(*source.frame_times()) >= recipe.window.duration - 1e-3 * recipe.window.step


def _divide(
    source: Clips | None,
    clips: Array,
    share: float,
    draw: np.random.Generator,
    groups: Array | None = None,
    spare: int = 0,
) -> tuple[Array, Array]:
    """A random share of the clips of each activity, and the rest.

    At least one clip of each activity is drawn (unless the share is 0), and at least `spare` are left. With
    `groups` [clips of the source] these are drawn whole in place of clips, where an activity has more than one.
    """
    if source is None or share == 0:
        return clips[:0], clips
    activity = source.labels.activity[clips]
    chosen = np.zeros(len(clips), bool)
    for name in np.unique(activity):
        own = np.flatnonzero(activity == name)
        of = own if groups is None or len(np.unique(groups[clips[own]])) == 1 else groups[clips[own]]
        each = np.unique(of)
        drawn = draw.permutation(each)[: min(max(1, round(share * len(each))), len(each) - spare)]
        chosen[own[np.isin(of, drawn)]] = True
    return clips[chosen], clips[~chosen]
