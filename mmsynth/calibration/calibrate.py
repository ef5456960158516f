"""Simulator settings from recordings without labels: a recipe's overlay that brings its histograms to theirs.

Where people stand is read from where they move in the recordings' windows (an activity with a placement of its own
keeps it); how high the radar hangs, from the range at which the clutter of a floor begins. What no data sheet gives is
then searched: noise floor and CFAR threshold, by which a person gives many or few points; the level of the recipe's
clutter, under which slow points drown; clothing, which divides the echo between a smooth and a rough part; and a room's
echoes, which scatter points. Of transmit gain and noise floor only the difference shows, so the floor is moved. At last
activities get places of their own where recordings, by what they seem to show, have them elsewhere (`activities`), and
halves of ranges of their style, and of the ways to face, where people are seen to move and turn so (`styles`). Clips
are traced once and recorded by every candidate. The overlay holds ranges about what was found, from which `generate`
draws for each clip.
"""

import contextlib
import json
import math
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmsynth.arrays import digest
from mmsynth.body_models import load_body
from mmsynth.calibration.activities import place_activities
from mmsynth.calibration.errors import Distance, compare
from mmsynth.calibration.levels import Level
from mmsynth.calibration.overlay import overlay_of, remarks
from mmsynth.calibration.placing import floor_begins
from mmsynth.calibration.quantities import FAR, NEAR, Measured, Still, measure, places
from mmsynth.calibration.search import ClipFolder, Search, floor_limit, people
from mmsynth.calibration.settings import CalibrationSettings
from mmsynth.calibration.styles import MORE, ROUNDS, narrow_activities, open_activities
from mmsynth.config import dumps
from mmsynth.datasets import Clips, FlatPoints, files_of, run_folder
from mmsynth.datasets.windows import STATIC_SPEED
from mmsynth.evaluation.report import without_nan
from mmsynth.generation.captured import check_motions
from mmsynth.generation.load import resolve_radar
from mmsynth.generation.recipe import Outputs, Recipe
from mmsynth.generation.run import run_note
from mmsynth.processes import Progress
from mmsynth.types import RadarSetup
from mmsynth.view import histograms_figure, save_figure
from mmsynth.whole import whole


@dataclass(frozen=True)
class Calibration:
    """What calibration found.

    Attributes:
        overlay: keys for `mmsynth generate --overlay`.
        distances: of each histogram.
        noise, clutter: as in `Found`.
        notes: sentences on what the overlay does not or may not bring about.
        shown: the activity that each recording was taken for; "" = none.
    """

    overlay: dict[str, Any]
    distances: dict[str, Distance]
    noise: Level
    clutter: Level | None = None
    notes: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    def text(self) -> str:
        """The distances as a table, noise floor and clutter."""
        width = max(len("distance to the recordings"), *map(len, self.distances))
        lines = [f"{'distance to the recordings':{width}}    before     after   (error)   if right"]
        for name, d in self.distances.items():
            values = f"{d.before:8.4f}  {d.after:8.4f}  ({d.error:6.4f})   {d.floor:8.4f}"
            lines.append(f"{name:{width}}  {values}  {d.verdict}")
        before, after = (float(np.mean([getattr(d, k) for d in self.distances.values()])) for k in ("before", "after"))
        lines.append(f"{'mean':{width}}  {before:8.4f}  {after:8.4f}")
        told = [("noise floor", "the data sheet's", self.noise), ("clutter", "its materials'", self.clutter)]
        for name, usual, level in ((n, u, level) for n, u, level in told if level):
            sure = f"standard error {level.error:.1f} dB" if math.isfinite(level.error) else "error not known"
            lines.append(f"{name} {level.best:+.1f} dB to {usual}, {sure}")
        if after >= before:
            lines.append(
                "the overlay brings other people no nearer to the recordings: leave it out, or try with more clips"
            )
        return "\n".join([*lines, *self.notes])


def calibrate(
    recipe: Recipe,
    captures: Clips,
    out: Path | str,
    progress: Progress,
    settings: CalibrationSettings | None = None,
    workers: int = 1,
) -> Calibration:
    """Match a recipe to recordings that need no labels; writes the overlay `out`, and beside it histograms and results.

    Clips go to a folder beside `out` meanwhile (`overlay.parts` of `overlay.toml`): called again after an interruption
    it goes on where it stopped, and where all is there it reads what was found (`overlay.json`). The result is the same
    for any number of workers.

    Args:
        recipe: of the synthetic set; its activities should be roughly those of the recordings.
        captures: recordings of the same radar, each of one activity; which, need not be known.
        out: TOML file to write.
        progress: called with (clips made, clips in all).
        settings: what is tried.
        workers: processes, one thread each.

    Raises:
        ValueError: `out` is no .toml, its folder does not exist, the recordings are of another radar, or hold no moving
            point; or there is, or the folder beside it holds, something else, or a calibration of another recipe,
            version or recordings, or one that another process is at.
        OSError: the disk is full, or a worker died.
    """
    settings, out = settings or CalibrationSettings(), Path(out)
    _check_place(out)
    setup, still, recorded = compared(recipe, captures)
    points, base = captures.points(), replace(recipe, outputs=Outputs())
    note = f"{run_note(base)}# {settings}; SHA-256 of the recordings' points: {digest('', points)}\n"
    files = tuple(out.with_suffix(suffix) for suffix in (".toml", ".png", ".json"))
    if any(path.exists() for path in files):
        return _found_before(files, note)
    folder = out.with_suffix(".parts")
    with run_folder(folder, "calibration.toml", note):
        search = Search(
            recorded,
            places(points, recipe.seconds),
            setup.radar.waveform.max_range,
            settings,
            ClipFolder(folder, workers, progress, clips_in_all(base, settings, still)),
            still,
            floor_begins(points, floor_limit(recipe)),
        )
        result, before, after = _found(base, captures, points, search)
        shown = {name: (recorded[name].values, before[name].values, after[name].values) for name in result.distances}
        with whole(*files) as (part, picture, table):
            part.write_text(_header(result.distances, recipe.seed) + dumps(result.overlay), encoding="utf-8")
            save_figure(histograms_figure(shown), picture)
            content = {"run": note, **without_nan(asdict(result))}
            table.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    shutil.rmtree(folder)
    return result


def _found(base: Recipe, captures: Clips, points: FlatPoints, search: Search) -> tuple[Calibration, Measured, Measured]:
    """What a search finds for a recipe, and what clips hold before and after it."""
    found = search.run(base)
    placed, who = place_activities(found.recipe, captures, search)
    last = narrow_activities(placed, who, points, search)
    before, after = _judged(base, last, search)
    edges = search.settings.edge(found.noise.best, found.clutter.best if found.clutter else None)
    result = Calibration(
        overlay_of(last, base),
        compare(search.recorded, before, after, people(base)),
        found.noise,
        found.clutter,
        (*edges, *remarks(base, last, who)),
        tuple(who.tolist()),
    )
    return result, before, after


def _check_place(out: Path) -> None:
    """Refuses a file that is no .toml, or in no folder."""
    if out.suffix != ".toml":
        raise ValueError(f"{out}: expected a .toml file to write the overlay to, got another kind")
    if not out.parent.is_dir():
        raise ValueError(f"{out}: no such folder {out.parent}")


def compared(recipe: Recipe, captures: Clips) -> tuple[RadarSetup, Still, Measured]:
    """The recipe's radar, what of things at rest is compared with it, and what recordings hold.

    Raises:
        ValueError: as of `calibrate`, of recipe and recordings.
    """
    setup, unit = _check_radar(recipe, captures)
    if len(captures) == 0:
        raise ValueError("calibrate: expected recordings, got a data set without clips")
    still = _still(recipe, setup)
    recorded = measure(captures.points(), recipe.seconds, still, unit)
    if len(recorded["range (m)"]) == 0:
        raise ValueError(
            f"calibrate: expected recordings with points {NEAR:g} to {FAR:g} m away that move at over {STATIC_SPEED:g} "
            "m/s, got none"
        )
    load_body(recipe.subjects.body)  # a missing one is reported before there is a folder
    check_motions(recipe)
    return setup, still, recorded


def clips_in_all(recipe: Recipe, settings: CalibrationSettings, still: Still) -> int:
    """Clips of the search, and of judging what it found, before and after."""
    judged, styles = settings.judged or settings.clips, ROUNDS * MORE * bool(open_activities(recipe))
    return (5 + styles + (still.step > 0) + len(settings.clothes)) * settings.clips + 2 * judged


def _judged(base: Recipe, last: Recipe, search: Search) -> tuple[Measured, Measured]:
    """What clips hold before and after, of other people, places and noise than the search has seen, but of the same."""
    clips, count = search.clips, search.settings.judged or search.settings.clips
    found = []
    for name, recipe in (("before", base), ("after", last)):
        others = replace(recipe, seed=base.seed + 1, clips=count, noise_draws=1)
        made = clips.make({name: others})[name]
        found.append(measure(made.points(), base.seconds, search.still, made.attributes.intensity_unit))
    clips.progress(clips.total, clips.total)
    return found[0], found[1]


def _found_before(files: tuple[Path, ...], note: str) -> Calibration:
    """What a calibration of the same `note` found that wrote these files; refuses others."""
    if all(path.exists() for path in files):
        with contextlib.suppress(ValueError, KeyError, TypeError):  # no JSON, or of something else
            found = json.loads(files[-1].read_text(encoding="utf-8"))
            if found.pop("run") == note:
                apart = {name: Distance(**_with_nan(own)) for name, own in found.pop("distances").items()}
                notes, shown = (tuple(found.pop(name)) for name in ("notes", "shown"))
                noise, clutter = (own and Level(**_with_nan(own)) for own in map(found.pop, ("noise", "clutter")))
                return Calibration(distances=apart, noise=noise, clutter=clutter, notes=notes, shown=shown, **found)
    there = next(path for path in files if path.exists())
    raise ValueError(f"{there}: exists already; choose another file or remove it")


def _with_nan(table: dict[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in table.items()}


def _check_radar(recipe: Recipe, captures: Clips) -> tuple[RadarSetup, str]:
    """The recipe's radar, and the unit of recorded intensity; refuses recordings that are known of another waveform."""
    setup = resolve_radar(recipe)
    files = files_of(captures)
    for radar in (file.attributes.radar for file in files):
        if radar is not None and radar.waveform != setup.radar.waveform:
            raise ValueError(
                f"calibrate: expected recordings of the recipe's radar {setup.radar.name}, got some of {radar.name} "
                "with another waveform"
            )
    return setup, files[0].attributes.intensity_unit if files else ""


def _still(recipe: Recipe, setup: RadarSetup) -> Still:
    """What of things at rest the recipe has, and the radar does not take away."""
    seen = recipe.clutter.room and not setup.processing.clutter_removal
    return Still(bool(recipe.room), setup.radar.velocity_resolution if seen else 0.0)


def _header(apart: dict[str, Distance], seed: int) -> str:
    lines = [f"# {n}: {d.before:.4f} -> {d.after:.4f} (error {d.error:.4f})" for n, d in apart.items()]
    first = f"# Seed {seed}. Distance to the recordings, before -> after, as a share of each axis:"
    return "\n".join([first, *lines, ""])
