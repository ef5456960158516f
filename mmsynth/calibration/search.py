"""The search for places, noise, thresholds, ghosts and clothing that bring simulated clips nearest to recordings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import torch

from mmsynth.calibration.errors import replicas
from mmsynth.calibration.placing import offset_of, placement_from
from mmsynth.calibration.quantities import Floats, Measured, distances, measure
from mmsynth.datasets import Dataset, FlatPoints
from mmsynth.evaluation.ablation import make_variants
from mmsynth.generation.clip import GHOSTS
from mmsynth.generation.ghosts import add_ghosts
from mmsynth.generation.play import stream
from mmsynth.generation.recipe import Recipe, Tolerances
from mmsynth.processes import Progress
from mmsynth.types import PointCloud

# Ghosts scatter points about the person of a window. Range and bearing over all windows tell above all where people
# stood, of whom few are simulated: ghosts would be taken for places that are not right, or be hidden by them.
WITHIN = ("range, less the window's median (m)", "lateral, less the window's median (m)")
# Standard errors by which ghosts or other clothing must gain, as a distance must to be said to fall: with one, those
# that gain nothing would be taken in 16 % of searches.
SURE = 2.0
# Noise in dB, threshold in dB and share of ghosts of a device.
Candidate = tuple[float, float, float]


@dataclass(frozen=True)
class CalibrationSettings:
    """What is tried.

    Attributes:
        clips: of the recipe, traced once for each clothing and placement.
        judged: clips of other people that the result is judged on, before and after; 0 = as many as `clips`.
        noise_db: candidates added to the radar's noise figure, evenly spaced.
        threshold_db: candidates added to its CFAR thresholds; without SNR in the recordings the one nearest to zero,
            since points then show only the sum of noise and threshold.
        ghosts: candidates of the share of ghost points (echoes over walls).
        clothes: kinds of clothing that are tried in place of the recipe's: those that scatter least and most diffusely.
        spread_db: half width, at least, of the noise range that the overlay draws from about the best.
    """

    clips: int = 100
    judged: int = 0
    noise_db: tuple[float, ...] = (-6.0, 0.0, 6.0, 12.0, 18.0, 24.0, 30.0)
    threshold_db: tuple[float, ...] = (-4.0, 0.0)
    ghosts: tuple[float, ...] = (0.0, 0.05, 0.1, 0.15, 0.2)
    clothes: tuple[tuple[str, ...], ...] = (("wool", "synthetic"), ("leather", "denim"))
    spread_db: float = 4.0

    def __post_init__(self) -> None:
        if self.clips < 1 or not (self.noise_db and self.threshold_db and self.ghosts):
            raise ValueError("calibration: expected at least one clip, noise level, threshold and share of ghosts")

    def edge(self, noise: float) -> str:
        """One sentence where no candidate beyond the noise floor that was found was tried; else nothing."""
        if len(self.noise_db) == 1 or noise not in (min(self.noise_db), max(self.noise_db)):
            return ""
        much = "little" if noise == min(self.noise_db) else "much"
        return (
            f"the noise floor that fits best, {noise:+g} dB to the data sheet's, is the last that was tried: with so "
            f"{much} noise, recordings may rather show other activities and places than the recipe's"
        )


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        recipe: with device, placement and clothing found.
        noise_db, error_db: the noise floor that fits best, and its standard error by the clips that were drawn; NaN
            with one recording or one person.
    """

    recipe: Recipe
    noise_db: float
    error_db: float


@dataclass(frozen=True)
class Option:
    """A candidate: how it is recorded, how far each histogram lies from the recordings', and with clips drawn again."""

    recipe: Recipe
    device: Candidate
    apart: Mapping[str, float]
    drawn: Mapping[str, Floats]

    def loss(self, names: Sequence[str] = ()) -> float:
        """Mean distance of some histograms, or of all."""
        return float(np.mean([self.apart[name] for name in names or self.apart]))

    def losses(self, names: Sequence[str] = ()) -> Floats:
        """The same with clips drawn again [DRAWS]."""
        found: Floats = np.mean([self.drawn[name] for name in names or self.drawn], axis=0)
        return found


@dataclass
class ClipFolder:
    """Simulated clips in a folder, where an interrupted calibration finds them again, and how many there are.

    Attributes:
        folder: that holds nothing else.
        workers: processes, one thread each.
        progress: called with (clips there, `total`).
        total: clips in all.
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
        self.progress(self.done + more, self.total)


@dataclass(frozen=True)
class Search:
    """The search for one recipe.

    Attributes:
        recorded, where: what recordings hold, by `measure` and `places`.
        farthest: that the radar measures, in m.
        settings: what is tried.
        clips: makes what is simulated.
    """

    recorded: Measured
    where: Floats
    farthest: float
    settings: CalibrationSettings
    clips: ClipFolder

    def run(self, recipe: Recipe) -> Found:
        """Places first, since a person farther away looks like a noisier radar; then device, ghosts and clothing."""
        placed = self.place(recipe)
        options = self._options("placed", placed, self._devices())
        fewest = min(self.settings.ghosts)
        best = min((o for o in options if o.device[2] == fewest), key=Option.loss)
        noise, error = self._noise(options, best)
        ghostly = min((o for o in options if o.device[:2] == best.device[:2]), key=lambda o: o.loss(WITHIN))
        best = ghostly if better(ghostly, best, WITHIN) else best
        spread = float(np.fmax(self.settings.spread_db, 2 * error))
        device = Tolerances(
            noise_db=(round(noise - spread, 1), round(noise + spread, 1)),
            threshold_db=(best.device[1] - 1.0, best.device[1] + 1.0),
            ghosts=(0.5 * best.device[2], 1.5 * best.device[2]),
        )
        for kinds in self.settings.clothes:
            dressed = replace(placed, subjects=replace(placed.subjects, clothing=kinds))
            (other,) = self._options(" ".join(kinds), dressed, [best.device])
            best = other if better(other, best) else best
        return Found(replace(best.recipe, device=device), noise, error)

    def place(self, recipe: Recipe) -> Recipe:
        """The recipe with people where recordings show them."""
        start = replace(recipe, clips=self.settings.clips, noise_draws=1)
        offset = offset_of(self.clips.make({"start": start})["start"], start)
        return replace(recipe, placement=placement_from(recipe.placement, self.where, offset, self.farthest))

    def simulate(self, name: str, recipe: Recipe, devices: Sequence[Candidate]) -> Iterator[Measured]:
        """Quantities of the recipe's clips as each device records them; those of equal noise follow one another."""
        base = replace(recipe, clips=self.settings.clips, noise_draws=1)
        plain = {
            d[:2]: replace(base, device=Tolerances(noise_db=(d[0],) * 2, threshold_db=(d[1],) * 2)) for d in devices
        }
        made = self.clips.make({f"{name} {n:+g} {t:+g}": own for (n, t), own in plain.items()})
        # Ghosts come after detection: candidates that differ in nothing else share what was detected.
        for clips, (_, same) in zip(made.values(), groupby(devices, lambda d: d[:2]), strict=True):
            clouds = [clips[index].cloud for index in range(len(clips))]
            for *_, share in same:
                draws = (stream(recipe.seed, GHOSTS, index, 0) for index in range(len(clouds)))
                ghostly = [add_ghosts(c, (share, share), draw) for c, draw in zip(clouds, draws, strict=True)]
                yield measure(flatten(ghostly), recipe.seconds, bool(recipe.room))

    def _devices(self) -> list[Candidate]:
        """Noise, threshold and ghosts of all candidates."""
        tried, snr = self.settings, len(self.recorded["SNR (dB)"]) > 0
        thresholds = tried.threshold_db if snr else (min(tried.threshold_db, key=abs),)
        return [(n, t, g) for n in tried.noise_db for t in thresholds for g in tried.ghosts]

    def _options(self, name: str, recipe: Recipe, devices: list[Candidate]) -> list[Option]:
        """What the recipe's clips are like with each device; one unit has one noise floor, so that none is a range."""
        each = zip(devices, self.simulate(name, recipe, devices), strict=True)
        return [
            Option(recipe, d, distances(self.recorded, m), replicas(self.recorded, m, people(recipe))) for d, m in each
        ]

    def _noise(self, options: list[Option], best: Option) -> tuple[float, float]:
        """Noise floor at the least of the parabola through the best and its neighbours, and its standard error."""
        line = sorted((o for o in options if o.device[1:] == best.device[1:]), key=lambda o: o.device[0])
        levels = np.array([o.device[0] for o in line])
        drawn = np.array([o.losses() for o in line])
        error = float(np.std([_lowest(levels, losses) for losses in drawn.T])) if np.isfinite(drawn).all() else np.nan
        return _lowest(levels, np.array([o.loss() for o in line])), error


def people(recipe: Recipe) -> int:
    """So many clips that follow one another are one person's."""
    return sum(a.share for a in recipe.activities)


def flatten(clouds: list[PointCloud]) -> FlatPoints:
    """Clouds of several clips as a data set would give them."""
    points = [torch.stack([*c.position.T, c.velocity, c.intensity, c.snr_db, c.noise_db], 1) for c in clouds]
    counts = np.concatenate([c.offsets.diff().numpy() for c in clouds])
    return FlatPoints(
        values=torch.cat(points).float().numpy(),
        frame=np.repeat(np.arange(len(counts)), counts),
        point_offsets=np.concatenate([[0], np.cumsum(counts)]),
        frame_time=np.concatenate([c.times.numpy() for c in clouds]),
        clip_offsets=np.concatenate([[0], np.cumsum([len(c.times) for c in clouds])]),
    )


def better(other: Option, own: Option, names: Sequence[str] = ()) -> bool:
    """Whether another option lies nearer by more than `SURE` errors of the difference, in some histograms or in all."""
    return other.loss(names) - own.loss(names) < -SURE * float(np.std(other.losses(names) - own.losses(names)))


def _lowest(levels: Floats, losses: Floats) -> float:
    """Where the parabola through the least of losses at even levels and its neighbours is least; a last one is it."""
    at = int(np.argmin(losses))
    if at in (0, len(levels) - 1):
        return float(levels[at])
    before, least, after = losses[at - 1 : at + 2]
    bend = before - 2 * least + after
    return float(levels[at] + 0.5 * (levels[at + 1] - levels[at]) * (before - after) / bend if bend > 0 else levels[at])
