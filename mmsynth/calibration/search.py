"""The search for places, device, clutter and clothing that bring simulated clips nearest to recordings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, product
from pathlib import Path

import numpy as np
import torch

from mmsynth.calibration.errors import Apart, apart, better
from mmsynth.calibration.levels import Level, between
from mmsynth.calibration.placing import floor_begins, height_from, offset_of, placement_from, radar_poses
from mmsynth.calibration.quantities import SLOW, Floats, Measured, Still, measure
from mmsynth.calibration.settings import CalibrationSettings, Candidate
from mmsynth.datasets import Dataset, FlatPoints
from mmsynth.generation.draws import GHOSTS, stream
from mmsynth.generation.ghosts import add_ghosts
from mmsynth.generation.recipe import Recipe, Tolerances
from mmsynth.generation.variants import make_variants
from mmsynth.processes import Progress
from mmsynth.types import PointCloud

# Ghosts scatter points about the person of a window. Range and bearing over all windows tell above all where people
# stood, of whom few are simulated: ghosts would be taken for places that are not right, or be hidden by them.
WITHIN = ("range, less the window's median (m)", "lateral, less the window's median (m)")


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        recipe: with device, clutter, placement and clothing found.
        noise: the floor, over the data sheet's.
        clutter: the recipe's, over what its materials say; None = not searched.
    """

    recipe: Recipe
    noise: Level
    clutter: Level | None = None


@dataclass(frozen=True)
class Option(Apart):
    """A candidate: how far it is from recordings, how it is recorded, and what its clips hold, by `measure`."""

    recipe: Recipe
    device: Candidate
    made: Measured


@dataclass
class ClipFolder:
    """Simulated clips in a folder, where an interrupted calibration finds them again, and how many there are.

    Attributes:
        folder: that holds nothing else.
        workers: processes, one thread each.
        progress: called with (clips there, `total`).
        total: clips in all, as far as is known: where the search moves on there are more.
    """

    folder: Path
    workers: int
    progress: Progress
    total: int
    done: int = 0

    def make(self, recipes: Mapping[str, Recipe]) -> dict[str, Dataset]:
        """The data set of each recipe, by a name of its own; they differ in their device alone and share clips."""
        count = next(iter(recipes.values())).clips
        made = make_variants(recipes, self.folder, lambda part, of: self._tell(count * part // of), self.workers)
        self._tell(count)
        self.done += count
        return {name: Dataset.open(path) for name, path in made.items()}

    def _tell(self, more: int) -> None:
        self.progress(min(self.done + more, self.total), self.total)


@dataclass(frozen=True)
class Search:
    """The search for one recipe.

    Attributes:
        recorded, where: what recordings hold, by `measure` and `places`.
        farthest: that the radar measures, in m.
        settings: what is tried.
        clips: makes what is simulated.
        still: what of things at rest is compared.
        floor: of recordings, by `floor_begins` up to `floor_limit`, where `still` has the recipe's clutter compared.
    """

    recorded: Measured
    where: Floats
    farthest: float
    settings: CalibrationSettings
    clips: ClipFolder
    still: Still = Still()
    floor: Floats = field(default_factory=lambda: np.empty(0))

    def run(self, recipe: Recipe) -> Found:
        """Places first, since a person farther away looks like a noisier radar; then device, clutter, clothing."""
        placed = self.place(recipe)
        plain = {o.device: o for o in self._recorded(placed)}
        nearest = min(plain.values(), key=Option.loss).device
        noise, clutter = self._levels(plain, nearest, people(placed))
        found = replace(nearest, noise_db=noise.best, level_db=clutter.best if clutter else None)
        if nearest.level_db == min(self.settings.level_db):
            # No floor, and none that tells a height.
            height = recipe.placement.radar_height
            placed = replace(placed, placement=replace(placed.placement, radar_height=height))
        # A candidate may lie half a step off: other clothing, or ghosts, would make up for that.
        options = self._options("found", placed, [replace(found, ghosts=share) for share in self.settings.ghosts])
        best, ghostly = min(options, key=lambda o: o.device.ghosts), min(options, key=lambda o: o.loss(WITHIN))
        best = ghostly if better(ghostly, best, WITHIN) else best
        for kinds in self.settings.clothes:
            dressed = replace(placed, subjects=replace(placed.subjects, clothing=kinds))
            (other,) = self._options(" ".join(kinds), dressed, [best.device])
            best = other if better(other, best) else best
        device = Tolerances(
            noise_db=self._about(noise),
            threshold_db=(found.threshold_db - 1.0, found.threshold_db + 1.0),
            ghosts=(0.5 * best.device.ghosts, 1.5 * best.device.ghosts),
        )
        last = replace(placed, subjects=best.recipe.subjects, device=device)
        if clutter:
            last = replace(last, clutter=replace(placed.clutter, level_db=self._about(clutter)))
        return Found(last, noise, clutter)

    def _levels(self, plain: Mapping[Candidate, Option], best: Candidate, group: int) -> tuple[Level, Level | None]:
        """Noise floor and level of clutter between candidates, of those floors that were tried with every level."""
        same = [d for d in plain if d.threshold_db == best.threshold_db]
        levels = {d.level_db for d in same}
        whole = [n for n in {d.noise_db for d in same} if {d.level_db for d in same if d.noise_db == n} == levels]
        made = {(d.noise_db, d.level_db or 0.0): plain[d].made for d in same if d.noise_db in whole}
        noise, clutter = between(self.recorded, made, group)
        return noise, clutter if best.level_db is not None else None

    def _about(self, level: Level) -> tuple[float, float]:
        """The range that the overlay draws from, in dB."""
        spread = float(np.fmax(self.settings.spread_db, 2 * level.error))
        return round(level.best - spread, 1), round(level.best + spread, 1)

    def place(self, recipe: Recipe) -> Recipe:
        """The recipe with people where recordings show them."""
        start = replace(recipe, clips=self.settings.clips, noise_draws=1)
        made, poses = self.clips.make({"start": start})["start"], radar_poses(start)
        place = placement_from(recipe.placement, self.where, offset_of(made, start, poses), self.farthest)
        if self.still.step:
            begins = floor_begins(made.points(), floor_limit(recipe))
            place = height_from(place, self.floor, begins, np.array([float(pose[2, 3]) for pose in poses]))
        return replace(recipe, placement=place)

    def _recorded(self, placed: Recipe) -> list[Option]:
        """Options by device and clutter, among them all about the best one.

        Noise and clutter are tried together: both take points away, slow ones among what rests before others. Every
        noise floor is tried with clutter of middle strength, then those beside the best with any.
        """
        devices, floors = candidates(self.settings, self.recorded), sorted(self.settings.noise_db)
        levels = list(dict.fromkeys(d.level_db for d in devices))
        near = [d for d in devices if d.level_db == levels[len(levels) // 2]]
        found: list[Option] = []
        while near:
            found += self._options("placed", placed, near)
            best = min(found, key=Option.loss)
            at, there = floors.index(best.device.noise_db), {o.device for o in found}
            near = [d for d in devices if abs(floors.index(d.noise_db) - at) < 2 and d not in there]
        return found

    def simulate(self, name: str, recipe: Recipe, devices: Sequence[Candidate]) -> Iterator[Measured]:
        """Quantities of the recipe's clips as each device records them; those of equal noise follow one another."""
        base = replace(recipe, clips=self.settings.clips, noise_draws=1)
        made = self.clips.make({d.name(name): d.of(base) for d in devices})
        # Ghosts come after detection: candidates that differ in nothing else share what was detected.
        for clips, (_, same) in zip(made.values(), groupby(devices, lambda d: d.name(name)), strict=True):
            unit = clips.attributes.intensity_unit
            clouds = [clips[index].cloud for index in range(len(clips))]
            for share in (d.ghosts for d in same):
                draws = (stream(recipe.seed, GHOSTS, index, 0) for index in range(len(clouds)))
                ghostly = [add_ghosts(c, (share, share), draw) for c, draw in zip(clouds, draws, strict=True)]
                yield measure(flatten(ghostly), recipe.seconds, self.still, unit)

    def _options(self, name: str, recipe: Recipe, devices: list[Candidate]) -> list[Option]:
        """What the recipe's clips are like with each device; one unit has one noise floor, so that none is a range."""
        each = zip(devices, self.simulate(name, recipe, devices), strict=True)
        far = ((d, m, apart(self.recorded, m, people(recipe))) for d, m in each)
        return [Option(a.far, a.drawn, recipe, d, m) for d, m, a in far]


def candidates(tried: CalibrationSettings, recorded: Measured) -> list[Candidate]:
    """All devices without ghosts that are tried where recordings hold this."""
    thresholds = tried.threshold_db if len(recorded["SNR (dB)"]) else (min(tried.threshold_db, key=abs),)
    levels = tried.level_db if len(recorded[SLOW]) else (None,)
    return [Candidate(*one) for one in product(tried.noise_db, thresholds, levels, (min(tried.ghosts),))]


def floor_limit(recipe: Recipe) -> float:
    """Up to which range, in m, points at rest are the floor's for all that is known: twice the highest of the radar."""
    return 2 * recipe.placement.radar_height[-1]


def people(recipe: Recipe) -> int:
    """So many clips that follow one another are one person's."""
    return sum(a.share for a in recipe.activities)


def flatten(clouds: list[PointCloud]) -> FlatPoints:
    """Clouds of several clips as a data set would give them."""
    points = [torch.stack([*c.position.T, c.velocity, c.intensity, c.snr_db, c.noise_db], 1) for c in clouds]
    counts = np.concatenate([c.offsets.diff().numpy() for c in clouds])
    return FlatPoints(
        values=torch.cat(points).float().numpy(),
        point_offsets=np.concatenate([[0], np.cumsum(counts)]),
        frame_time=np.concatenate([c.times.numpy() for c in clouds]),
        clip_offsets=np.concatenate([[0], np.cumsum([len(c.times) for c in clouds])]),
    )
