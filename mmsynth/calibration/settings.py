"""What calibration tries."""

from dataclasses import dataclass, replace

from mmsynth.generation.recipe import Recipe, Tolerances


@dataclass(frozen=True)
class Candidate:
    """A device and what rests about people: keys of a recipe, one value in place of each range.

    Attributes:
        noise_db, threshold_db, ghosts: as in `Tolerances`.
        level_db: as in `Clutter`; None = the recipe's range.
    """

    noise_db: float = 0.0
    threshold_db: float = 0.0
    level_db: float | None = None
    ghosts: float = 0.0

    def of(self, recipe: Recipe) -> Recipe:
        """The recipe as this candidate records it, without ghosts."""
        device = Tolerances(noise_db=(self.noise_db,) * 2, threshold_db=(self.threshold_db,) * 2)
        own = recipe.clutter.level_db if self.level_db is None else (self.level_db,) * 2
        return replace(recipe, device=device, clutter=replace(recipe.clutter, level_db=own))

    def name(self, recipe: str) -> str:
        """Of a recipe's clips so recorded, ghosts apart."""
        level = "" if self.level_db is None else f" {self.level_db:+g}"
        return f"{recipe} {self.noise_db:+g} {self.threshold_db:+g}{level}"


@dataclass(frozen=True)
class CalibrationSettings:
    """What is tried.

    Attributes:
        clips: of the recipe, traced once for each clothing and placement.
        judged: clips of other people that the result is judged on, before and after; 0 = as many as `clips`.
        noise_db: candidates added to the radar's noise figure, evenly spaced.
        threshold_db: candidates added to its CFAR thresholds; without SNR in the recordings the one nearest to zero,
            since points then show only the sum of noise and threshold.
        level_db: candidates of what the recipe's clutter is stronger by than its materials say, evenly spaced; the
            first should be too weak to show.
        ghosts: candidates of the share of ghost points (echoes over walls).
        clothes: kinds of clothing that are tried in place of the recipe's: those that scatter least and most diffusely.
        spread_db: half width, at least, of the ranges of noise and clutter that the overlay draws from about the best.
    """

    clips: int = 100
    judged: int = 0
    noise_db: tuple[float, ...] = (-6.0, 0.0, 6.0, 12.0, 18.0, 24.0, 30.0)
    threshold_db: tuple[float, ...] = (-4.0, 0.0)
    level_db: tuple[float, ...] = (-6.0, 0.0, 6.0, 12.0, 18.0, 24.0)
    ghosts: tuple[float, ...] = (0.0, 0.05, 0.1, 0.15, 0.2)
    clothes: tuple[tuple[str, ...], ...] = (("wool", "synthetic"), ("leather", "denim"))
    spread_db: float = 4.0

    def __post_init__(self) -> None:
        if self.clips < 1 or not (self.noise_db and self.threshold_db and self.level_db and self.ghosts):
            raise ValueError(
                "calibration: expected at least one clip, noise level, threshold, level of clutter and share of ghosts"
            )

    def edge(self, noise: float, level: float | None) -> tuple[str, ...]:
        """Sentences on a noise floor, or a level of clutter, beyond which no candidate was tried."""
        said = []
        if len(self.noise_db) > 1 and noise in (min(self.noise_db), max(self.noise_db)):
            much = "little" if noise == min(self.noise_db) else "much"
            said.append(
                f"the noise floor that fits best, {noise:+g} dB to the data sheet's, is the last that was tried: with "
                f"so {much} noise, recordings may rather show other activities and places than the recipe's"
            )
        if level is not None and level == min(self.level_db):
            said.append("no clutter shows in the recordings: the weakest that was tried fits best")
        elif level is not None and level == max(self.level_db):
            said.append(f"the clutter that fits best, {level:+g} dB to its materials', is the last that was tried")
        return tuple(said)
