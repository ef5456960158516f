"""What a synthetic data set is made of, as a TOML file says it."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

from mmsynth.config import dumps, parse, to_table
from mmsynth.generation.activity import ActivityRecipe
from mmsynth.generation.draws import RAD, Quantiles, Range, check_range
from mmsynth.joints import JOINT_SETS
from mmsynth.processing.heatmaps import KINDS
from mmsynth.scene import CLOTHING
from mmsynth.simulation import Simulation
from mmsynth.types import RadarSetup, check_numbers

# Of a clip, in s: a clip is posed and traced in memory.
LONGEST = 600.0
# Of a set, whose clips' ids have seven digits; and of a clip, whose samples are made in memory.
MOST_SAMPLES, MOST_DRAWS = 10_000_000, 1000


@dataclass(frozen=True)
class SubjectRecipe:
    """Who performs.

    Attributes:
        count: people, drawn once, each with a body and a style of their own.
        first: number of the first, so that two recipes can draw from different people.
        age: in years.
        body: model that they are drawn in.
        clothing: kinds, one drawn for each clip.
        others: of them who are in every clip beside the one with the labels, at activities and places of the recipe.
        sway: of trunk, head and shoulders, in rad/s (`motion.swaying`); each clip draws from it. Of people who stand
            still a radar that takes away what rests (clutter removal) sees little else.
    """

    count: int = 20
    first: int = 0
    age: Range = (18.0, 65.0)
    body: str = "free"
    clothing: tuple[str, ...] = tuple(CLOTHING)
    others: int = 0
    sway: Range = (0.0, 0.0)

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count: expected at least one person, got {self.count}")
        if self.first < 0:
            raise ValueError(f"first: expected zero or more, got {self.first}")
        if not 0 <= self.others < self.count:
            raise ValueError(f"others: expected fewer than the {self.count} people of the recipe, got {self.others}")
        check_range("age", self.age, 2.0, 90.0)
        check_range("sway", self.sway, 0.0, 0.5, " rad/s")
        if not self.clothing or any(kind not in CLOTHING for kind in self.clothing):
            raise ValueError(
                f"clothing: expected some of {', '.join(CLOTHING)}, got {', '.join(self.clothing) or 'none'}"
            )


@dataclass(frozen=True)
class Placement:
    """Where people and radar stand; each clip draws uniformly from each range.

    A range of more than two values is quantiles: as many clips lie between any two neighbours.

    Attributes:
        distance: from the radar to the person, over the floor, in m.
        bearing: of the person from the boresight, positive to the right, in rad.
        facing: by how much the person turns away from facing the radar, in rad.
        radar_height: above the floor, in m; a room says for itself where the radar hangs.
        radar_tilt: of the boresight above the horizon, in rad; likewise.
    """

    distance: Quantiles = (1.5, 3.0)
    bearing: Quantiles = (-0.2, 0.2)
    facing: Quantiles = (-0.3, 0.3)
    radar_height: Quantiles = (0.9, 1.1)
    radar_tilt: Quantiles = (0.0, 0.0)

    def __post_init__(self) -> None:
        check_range("distance", self.distance, 0.2, 1000.0)
        check_range("bearing", self.bearing, -math.pi, math.pi, RAD)
        check_range("facing", self.facing, -math.pi, math.pi, RAD)
        check_range("radar_height", self.radar_height, 0.0, 100.0)
        check_range("radar_tilt", self.radar_tilt, -math.pi / 2, math.pi / 2, RAD)


@dataclass(frozen=True)
class Tolerances:
    """How this unit differs from its data sheet; each clip draws uniformly, in dB.

    Attributes:
        noise_db: added to the noise figure.
        gain_db: of echoes, two-way (radome, an unlucky orientation); leakage, interference and noise stay as they are.
        threshold_db: added to the CFAR thresholds.
        ghosts: share (not dB) of the points that a room's echoes throw farther out and aside, see `add_ghosts`.
    """

    noise_db: Range = (0.0, 0.0)
    gain_db: Range = (0.0, 0.0)
    threshold_db: Range = (0.0, 0.0)
    ghosts: Range = (0.0, 0.0)

    def __post_init__(self) -> None:
        for name in ("noise_db", "gain_db", "threshold_db"):
            check_range(name, getattr(self, name), -100.0, 100.0)
        check_range("ghosts", self.ghosts, 0.0, 1.0)


@dataclass(frozen=True)
class Clutter:
    """What rests about people who are traced in free space: a static echo, which hides limbs that move slowly.

    Attributes:
        room: TOML file of what rests there, relative to the recipe; empty = nothing. The radar stays where the
            placement hangs it. The echo is added to that of people: they cast no shadow on it, nothing goes by way of
            it, and fans and doors are left out (a recipe's `room` has all that).
        level_db: by how much it is stronger than the room's materials say; each sample draws uniformly, in dB.
    """

    room: str = ""
    level_db: Range = (0.0, 0.0)

    def __post_init__(self) -> None:
        check_range("level_db", self.level_db, -100.0, 100.0)


@dataclass(frozen=True)
class Outputs:
    """What is kept of a clip beside the cloud.

    Attributes:
        joints: named set of joints.
        joints_offset: added to them, in m in the radar frame: how far labels of recordings lie off what the radar sees.
        heatmaps: by kind.
        adc: the raw samples.
        regions: of each point, the body part (of whom, where there are others), or what else in the scene, that caused
            it.
    """

    joints: str = "mars19"
    joints_offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    heatmaps: tuple[str, ...] = ()
    adc: bool = False
    regions: bool = False

    def __post_init__(self) -> None:
        if self.joints not in JOINT_SETS:
            raise ValueError(f"joints: expected one of {', '.join(JOINT_SETS)}, got '{self.joints}'")
        for kind in self.heatmaps:
            if kind not in KINDS or self.heatmaps.count(kind) > 1:
                raise ValueError(f"heatmaps: expected some of {', '.join(KINDS)}, once each, got {list(self.heatmaps)}")


@dataclass(frozen=True)
class Recipe:
    """A synthetic data set.

    Attributes:
        name: of the data set.
        radar: a profile of `mmsynth radar`, or a .toml or .cfg file; of several, each records every clip from the same
            place, into a file of its own.
        clips: how many motions.
        seconds: length of each; a radar takes as many frames as fit into them.
        seed: of everything random.
        activities: the classes.
        noise_draws: samples made of one traced clip, each with receiver noise and device errors of its own.
        room: TOML file of a room, relative to the recipe; empty = free space.
        clutter: a static echo in free space.
        processing: keys of the device's chain that differ from the profile's.
    """

    name: str
    radar: str | tuple[str, ...]
    clips: int
    seconds: float
    seed: int
    activities: tuple[ActivityRecipe, ...]
    noise_draws: int = 1
    room: str = ""
    subjects: SubjectRecipe = SubjectRecipe()
    placement: Placement = Placement()
    device: Tolerances = Tolerances()
    clutter: Clutter = Clutter()
    outputs: Outputs = Outputs()
    simulation: Simulation = Simulation()
    processing: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("name: expected the name of the data set, got an empty one")
        check_numbers(self, ("clips", "seconds", "noise_draws"), least=0, strict=True, where="recipe")
        if self.seconds > LONGEST:
            raise ValueError(f"seconds: expected at most {LONGEST:g} (make more clips instead), got {self.seconds:g}")
        if self.noise_draws > MOST_DRAWS or self.samples > MOST_SAMPLES:
            most = f"{MOST_SAMPLES} samples and {MOST_DRAWS} noise_draws (instead make sets of other seeds)"
            raise ValueError(f"clips: expected at most {most}, got {self.clips} of {self.noise_draws} noise_draws")
        if not self.radars or len(set(self.radars)) < len(self.radars):
            raise ValueError(f"radar: expected one or several that differ, got {list(self.radars)}")
        # The file of the set holds it in 64 bits.
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed: expected zero to 2^63 - 1, got {self.seed}")
        if not self.activities:
            raise ValueError("activities: expected at least one, got none")
        if self.room and self.clutter.room:
            raise ValueError(f"clutter: expected none in a room, which has its own echo ({self.room}), got one")

    @property
    def samples(self) -> int:
        """Samples in the finished data set of each radar."""
        return self.clips * self.noise_draws

    @property
    def radars(self) -> tuple[str, ...]:
        """The radars, however many."""
        return (self.radar,) if isinstance(self.radar, str) else self.radar

    def apart(self) -> tuple["Recipe", ...]:
        """The recipe of each radar alone, of which its data set is: the same samples, whatever other radars record."""
        return tuple(replace(self, radar=radar) for radar in self.radars)

    def text(self) -> str:
        """The resolved recipe as TOML, every default spelled out."""
        return dumps(to_table(self))


def placement_of(recipe: Recipe, activity: ActivityRecipe) -> Placement:
    """Where people stand who do `activity`: the recipe's placement, with the activity's changes to it.

    Raises:
        ValueError: the activity changes a key that a placement does not have, or to something wrong.
    """
    changed = parse(Placement, activity.placement, f"activity '{activity.label}': placement")
    return replace(recipe.placement, **{name: getattr(changed, name) for name in activity.placed})


def clip_frames(recipe: Recipe, setup: RadarSetup) -> int:
    """Frames of a radar in each clip: those that fit into its seconds (a millionth of a frame more is rounding)."""
    return int(recipe.seconds / setup.radar.waveform.frame_period + 1e-6)
