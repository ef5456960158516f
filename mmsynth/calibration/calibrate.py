"""Simulator settings from recordings without labels: a recipe's overlay that brings its histograms to theirs.

Where people stand is read from where they move in the recordings' windows (an activity with a placement of its own
keeps it). Three things that no data sheet gives are then searched: noise floor and CFAR threshold, by which a person
gives many or few points; clothing, which divides the echo between a smooth and a rough part; and a room's echoes, which
scatter points. Of transmit gain and noise floor only the difference shows, so the floor is moved. Clips are traced once
and recorded by every candidate. The overlay holds ranges about what was found, from which `generate` draws for each
clip.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmsynth.calibration.errors import floors, replicas
from mmsynth.calibration.placing import FEWEST
from mmsynth.calibration.quantities import FAR, NEAR, Measured, distances, measure, places
from mmsynth.calibration.search import CalibrationSettings, Search, people
from mmsynth.config import dumps
from mmsynth.datasets import Clips, Dataset
from mmsynth.datasets.windows import STATIC_SPEED
from mmsynth.generation.load import resolve_radar
from mmsynth.generation.recipe import Recipe
from mmsynth.processes import Progress
from mmsynth.view import histograms_figure, save_figure
from mmsynth.whole import whole


@dataclass(frozen=True)
class Distance:
    """How far one histogram lies from the recordings', as a share of its axis, on people that the search has not seen.

    Attributes:
        before, after: calibration.
        error: standard error of their difference; NaN with one recording or one person.
        floor: what a simulator that is right would have on average, with clips as few as these; NaN likewise.
    """

    before: float
    after: float
    error: float
    floor: float

    @property
    def verdict(self) -> str:
        """Whether it fell or rose, or by no more than two standard errors."""
        if not math.isfinite(self.error):
            return "error not known"
        if abs(self.after - self.before) <= 2 * self.error:
            return "no change beyond error"
        return "falls" if self.after < self.before else "rises"


@dataclass(frozen=True)
class Calibration:
    """What calibration found.

    Attributes:
        overlay: keys for `mmsynth generate --overlay`.
        distances: of each histogram.
        noise_db, error_db: the noise floor over the data sheet's that fits best, and its standard error.
        notes: sentences on what the overlay does not or may not bring about.
    """

    overlay: dict[str, Any]
    distances: dict[str, Distance]
    noise_db: float
    error_db: float
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """The distances as a table, and the noise floor."""
        width = max(len("distance to the recordings"), *map(len, self.distances))
        lines = [f"{'distance to the recordings':{width}}    before     after   (error)   if right"]
        for name, d in self.distances.items():
            values = f"{d.before:8.4f}  {d.after:8.4f}  ({d.error:6.4f})   {d.floor:8.4f}"
            lines.append(f"{name:{width}}  {values}  {d.verdict}")
        before, after = (float(np.mean([getattr(d, k) for d in self.distances.values()])) for k in ("before", "after"))
        lines.append(f"{'mean':{width}}  {before:8.4f}  {after:8.4f}")
        error = f"standard error {self.error_db:.1f} dB" if math.isfinite(self.error_db) else "error not known"
        lines.append(f"noise floor {self.noise_db:+.1f} dB to the data sheet's, {error}")
        if after >= before:
            lines.append(
                "the overlay brings other people no nearer to the recordings: leave it out, or try with more clips"
            )
        return "\n".join([*lines, *self.notes])


def calibrate(
    recipe: Recipe, captures: Clips, out: Path | str, progress: Progress, settings: CalibrationSettings | None = None
) -> Calibration:
    """Match a recipe to recordings that need no labels; writes the overlay `out` and its histograms beside it (PNG).

    Args:
        recipe: of the synthetic set; its activities should be roughly those of the recordings.
        captures: recordings of the same radar.
        out: TOML file to write.
        progress: called with (clips traced, clips in all).
        settings: what is tried.

    Raises:
        ValueError: `out` is no .toml, it or its picture exists, its folder does not, the recordings are of another
            radar, or hold no moving point.
    """
    settings, out = settings or CalibrationSettings(), Path(out)
    if out.suffix != ".toml":
        raise ValueError(f"{out}: expected a .toml file to write the overlay to, got another kind")
    for path in (out, out.with_suffix(".png")):
        if path.exists():
            raise ValueError(f"{path}: exists already; choose another file or remove it")
    if not out.parent.is_dir():
        raise ValueError(f"{out}: no such folder {out.parent}")
    farthest = _check_radar(recipe, captures)
    if len(captures) == 0:
        raise ValueError("calibrate: expected recordings, got a data set without clips")
    points = captures.points()
    recorded = measure(points, recipe.seconds, bool(recipe.room))
    if len(recorded["range (m)"]) == 0:
        raise ValueError(
            f"calibrate: expected recordings with points {NEAR:g} to {FAR:g} m away that move at over {STATIC_SPEED:g} "
            "m/s, got none"
        )
    search = Search(recorded, places(points, recipe.seconds), farthest, settings, progress)
    found = search.run(recipe)
    # Before and after are of other people, places and noise than the search has seen, but of the same ones.
    first, last = (
        search.simulate(replace(r, seed=recipe.seed + 1), [r.device], settings.judged or settings.clips)[0]
        for r in (recipe, found.recipe)
    )
    apart = compare(recorded, first, last, people(recipe))
    overlay = _overlay(found.recipe)
    shown = {name: (recorded[name].values, first[name].values, last[name].values) for name in apart}
    figure = histograms_figure(shown, "recorded and simulated, before and after calibration")
    with whole(out, out.with_suffix(".png")) as (part, picture):
        part.write_text(_header(apart, recipe.seed) + dumps(overlay), encoding="utf-8")
        save_figure(figure, picture)
    notes = tuple(note for note in (settings.edge(found.noise_db), _kept(recipe, found.recipe)) if note)
    return Calibration(overlay, apart, found.noise_db, found.error_db, notes)


def compare(recorded: Measured, before: Measured, after: Measured, group: int = 1) -> dict[str, Distance]:
    """Distances to the recordings before and after, and how sure their difference is.

    Args:
        recorded: as `measure` gives it.
        before: likewise, of simulated clips.
        after: likewise, of the same people at the same activities, in one order.
        group: so many simulated clips that follow one another are one person's.
    """
    values = [distances(recorded, m) for m in (before, after)]
    drawn = [replicas(recorded, m, group) for m in (before, after)]
    chance = floors(recorded, after, group)
    return {
        name: Distance(
            values[0][name],
            values[1][name],
            float(np.std(drawn[1][name] - drawn[0][name])),
            chance[name],
        )
        for name in values[0]
    }


def _check_radar(recipe: Recipe, captures: Clips) -> float:
    """The farthest that the radar measures, in m; refuses recordings that are known to be of another waveform."""
    simulated = resolve_radar(recipe).radar
    recorded = captures.attributes.radar if isinstance(captures, Dataset) else None
    if recorded is not None and recorded.waveform != simulated.waveform:
        raise ValueError(
            f"calibrate: expected recordings of the recipe's radar {simulated.name}, got some of {recorded.name} with "
            "another waveform"
        )
    return simulated.waveform.max_range


def _kept(recipe: Recipe, found: Recipe) -> str:
    """One sentence where the overlay changes no place, or not that of activities with places of their own."""
    if found.placement == recipe.placement:
        return (
            f"places stay the recipe's: recordings need {FEWEST} windows of {recipe.seconds:g} s, and simulated clips "
            "one, with at least 5 moving points"
        )
    own = [a.label for a in recipe.activities if {"distance", "bearing_deg"} & set(a.placement)]
    return f"places of the recipe's own stay, of: {', '.join(own)}; delete them for those of the overlay" if own else ""


def _overlay(recipe: Recipe) -> dict[str, Any]:
    device, place = recipe.device, recipe.placement
    return {
        "device": {name: list(getattr(device, name)) for name in ("noise_db", "threshold_db", "ghosts")},
        "placement": {
            "distance": list(place.distance),
            "bearing_deg": [round(math.degrees(b), 1) for b in place.bearing],
        },
        "subjects": {"clothing": list(recipe.subjects.clothing)},
    }


def _header(apart: dict[str, Distance], seed: int) -> str:
    lines = [f"# {n}: {d.before:.4f} -> {d.after:.4f} (error {d.error:.4f})" for n, d in apart.items()]
    first = f"# Seed {seed}. Distance to the recordings, before -> after, as a share of each axis:"
    return "\n".join([first, *lines, ""])
