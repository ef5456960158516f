"""Data sets of several recipes at once: those that differ in what records alone share their traced clips."""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from mmsynth.datasets import Dataset, DatasetWriter
from mmsynth.generation.clip import Stage, Traced, record, stage, trace_clip
from mmsynth.generation.load import resolve_radar
from mmsynth.generation.recipe import Recipe, Tolerances
from mmsynth.generation.run import attributes, join_parts
from mmsynth.processes import Progress, each
from mmsynth.simulation import hold_memory
from mmsynth.types import Sample
from mmsynth.whole import file_name

# What makes sample k of a traced clip: a function of a module, as `record` is.
Recorder = Callable[[Stage, Traced, int], Sample]

# Clips of a part.
AT_ONCE = 5


def make_variants(
    recipes: Mapping[str, Recipe],
    out: Path,
    progress: Progress,
    workers: int = 1,
    device: str = "cpu",
    recorders: Mapping[str, Recorder] | None = None,
) -> dict[str, Path]:
    """The data set of each recipe in the folder `out`, by name; what is there already stays.

    Clips go, a few at a time, to files of their own under `out/parts`, which are joined when a set is whole: an
    interrupted call goes on from there.

    Args:
        recipes: by name.
        out: folder.
        progress: called with (parts done, parts in all).
        workers: processes, one thread each.
        device: of torch and Warp in each worker.
        recorders: by name, where samples are made otherwise than by `record`.

    Raises:
        ValueError: a file is there, of another recipe.
    """
    paths = {name: out / f"{file_name(name)}.h5" for name in recipes}
    found: dict[str, dict[str, Recipe]] = {}
    for name, recipe in recipes.items():
        if paths[name].exists():
            _check(paths[name], recipe)
        else:
            clutter = replace(recipe.clutter, level_db=(0.0, 0.0))
            key = replace(recipe, clutter=clutter, device=Tolerances(), processing={}).text()
            found.setdefault(key, {})[name] = recipe
    groups, by = list(found.values()), recorders or {}
    parts = [(g, start) for g, group in enumerate(groups) for start in _starts(next(iter(group.values())))]
    jobs = [(groups[g], start, out / "parts", device, by) for g, start in parts]
    left = Counter(g for g, _ in parts)
    for done, (k, _) in enumerate(each(_make_part, jobs, workers)):
        g = parts[k][0]
        left[g] -= 1
        if not left[g]:
            for name, recipe in groups[g].items():
                join_parts([_part(out / "parts", name, start) for start in _starts(recipe)], paths[name])
        progress(done + 1, len(jobs))
    shutil.rmtree(out / "parts", ignore_errors=True)
    return paths


def _check(path: Path, recipe: Recipe) -> None:
    with Dataset.open(path) as made:
        if made.attributes.recipe != recipe.text():
            raise ValueError(f"{path}: is of another recipe; choose another --out or remove it")


def _starts(recipe: Recipe) -> range:
    """First clip of each part."""
    return range(0, recipe.clips, AT_ONCE)


def _part(folder: Path, name: str, start: int) -> Path:
    return folder / f"{file_name(name)}-{start:07d}.h5"


def _make_part(
    recipes: Mapping[str, Recipe], start: int, folder: Path, device: str, recorders: Mapping[str, Recorder]
) -> None:
    """Some clips of recipes that differ in device, level of clutter and processing alone, each traced once."""
    missing = {}
    for name, recipe in recipes.items():
        if _part(folder, name, start).exists():
            _check(_part(folder, name, start), recipe)
        else:
            missing[name] = recipe
    if not missing:
        return
    hold_memory()
    folder.mkdir(parents=True, exist_ok=True)
    first = stage(next(iter(missing.values())), device)
    stages = {name: replace(first, recipe=r, setup=resolve_radar(r)) for name, r in missing.items()}
    writers: dict[str, DatasetWriter] = {}
    with ExitStack() as files:
        for index in range(start, min(start + AT_ONCE, first.recipe.clips)):
            traced = trace_clip(first, index)
            for name, ready in stages.items():
                for k in range(first.recipe.noise_draws):
                    sample = recorders.get(name, record)(ready, traced, k)
                    if name not in writers:
                        part = DatasetWriter(_part(folder, name, start), attributes(ready, sample))
                        writers[name] = files.enter_context(part)
                    writers[name].append(sample)
