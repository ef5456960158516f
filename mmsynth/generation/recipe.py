"""What a synthetic data set is made of, as a TOML file says it."""

import difflib
import hashlib
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmsynth.config import dumps, merge, parse, read_toml, to_table
from mmsynth.motion import ACTIVITIES
from mmsynth.processing.heatmaps import KINDS
from mmsynth.radar import load_radar
from mmsynth.scene import CLOTHING
from mmsynth.simulation import Simulation
from mmsynth.types import RadarSetup

Range = tuple[float, float]
CLOTHING_KINDS = tuple(CLOTHING)


def _check_range(name: str, value: Range, low: float, high: float) -> None:
    if not low <= value[0] <= value[1] <= high:
        raise ValueError(f"{name}: expected [low, high] within {low:g} to {high:g}, got {list(value)}")


@dataclass(frozen=True)
class ActivityRecipe:
    """One class of the data set.

    Attributes:
        label: the name that goes into the data set.
        motion: a built-in generator; or
        files: motion files (glob patterns, relative to the recipe), one drawn for each clip.
        share: of the clips, relative to the other activities.
        style: ranges of parameters of the generator that replace its own; each person draws once from them.
        placement: keys of the recipe's placement that differ for this class: who walks needs more room than who boxes.
    """

    label: str
    motion: str = ""
    files: tuple[str, ...] = ()
    share: int = 1
    style: dict[str, Range] = field(default_factory=dict)
    placement: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if bool(self.motion) == bool(self.files):
            raise ValueError(f"activity '{self.label}': expected either a motion or files, got both or neither")
        if self.motion and self.motion not in ACTIVITIES:
            near = difflib.get_close_matches(self.motion, list(ACTIVITIES), 1, 0.0)[0]
            raise ValueError(f"activity '{self.label}': no built-in motion '{self.motion}' (nearest: '{near}')")
        known = ACTIVITIES[self.motion].parameters if self.motion else {}
        for name, bounds in self.style.items():
            if name not in known:
                listed = ", ".join(known) or "none, for motion files"
                raise ValueError(f"activity '{self.label}': style parameters are {listed}; got '{name}'")
            _check_range(f"activity '{self.label}': {name}", bounds, -100.0, 100.0)
        if self.share < 1:
            raise ValueError(f"activity '{self.label}': expected a share of at least 1, got {self.share}")


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
    """

    count: int = 20
    first: int = 0
    age: Range = (18.0, 65.0)
    body: str = "free"
    clothing: tuple[str, ...] = CLOTHING_KINDS
    others: int = 0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count: expected at least one person, got {self.count}")
        if not 0 <= self.others < self.count:
            raise ValueError(f"others: expected fewer than the {self.count} people of the recipe, got {self.others}")
        _check_range("age", self.age, 2.0, 100.0)
        if not self.clothing or any(kind not in CLOTHING for kind in self.clothing):
            raise ValueError(
                f"clothing: expected some of {', '.join(CLOTHING)}, got {', '.join(self.clothing) or 'none'}"
            )


@dataclass(frozen=True)
class Placement:
    """Where people and radar stand; each clip draws uniformly from each range.

    Attributes:
        distance: from the radar to the person, over the floor, in m.
        bearing: of the person from the boresight, positive to the right, in rad.
        facing: by how much the person turns away from facing the radar, in rad.
        radar_height: above the floor, in m.
        radar_tilt: of the boresight above the horizon, in rad.
    """

    distance: Range = (1.5, 3.0)
    bearing: Range = (-0.2, 0.2)
    facing: Range = (-0.3, 0.3)
    radar_height: Range = (0.9, 1.1)
    radar_tilt: Range = (0.0, 0.0)

    def __post_init__(self) -> None:
        _check_range("distance", self.distance, 0.2, 1000.0)
        _check_range("bearing", self.bearing, -math.pi, math.pi)
        _check_range("facing", self.facing, -math.pi, math.pi)
        _check_range("radar_height", self.radar_height, 0.0, 100.0)
        _check_range("radar_tilt", self.radar_tilt, -math.pi / 2, math.pi / 2)


@dataclass(frozen=True)
class Device:
    """How this unit differs from its data sheet; each clip draws uniformly, in dB.

    Attributes:
        noise_db: added to the noise figure.
        gain_db: of transmitter and target together (cables, radome, an unlucky orientation), two-way.
        threshold_db: added to the CFAR thresholds.
        ghosts: share (not dB) of the points that a room's echoes throw farther out and aside, see `add_ghosts`.
    """

    noise_db: Range = (0.0, 0.0)
    gain_db: Range = (0.0, 0.0)
    threshold_db: Range = (0.0, 0.0)
    ghosts: Range = (0.0, 0.0)

    def __post_init__(self) -> None:
        for name in ("noise_db", "gain_db", "threshold_db"):
            _check_range(name, getattr(self, name), -100.0, 100.0)
        _check_range("ghosts", self.ghosts, 0.0, 1.0)


@dataclass(frozen=True)
class Outputs:
    """What is kept of a clip beside the cloud: joints in a named set, heatmaps by kind, the raw ADC samples."""

    joints: str = "mars19"
    heatmaps: tuple[str, ...] = ()
    adc: bool = False

    def __post_init__(self) -> None:
        for kind in self.heatmaps:
            if kind not in KINDS:
                raise ValueError(f"heatmaps: expected some of {', '.join(KINDS)}, got '{kind}'")


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
    device: Device = Device()
    outputs: Outputs = Outputs()
    simulation: Simulation = Simulation()
    processing: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("clips", "seconds", "noise_draws"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: expected more than zero, got {getattr(self, name)}")
        if not self.radars or len(set(self.radars)) < len(self.radars):
            raise ValueError(f"radar: expected one or several that differ, got {list(self.radars)}")
        if self.seed < 0:
            raise ValueError(f"seed: expected zero or more, got {self.seed}")
        if not self.activities:
            raise ValueError("activities: expected at least one, got none")

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

    def digest(self) -> str:
        """SHA-256 of the resolved recipe: two runs with the same digest make the same bytes."""
        return hashlib.sha256(self.text().encode()).hexdigest()


def load_recipe(path: Path | str, radar: str = "", overlay: Path | str | None = None) -> Recipe:
    """Read a recipe, put an overlay (`mmsynth calibrate` writes one) over it, and check it against its radar.

    Args:
        path: the recipe.
        radar: a profile or file that replaces the recipe's.
        overlay: a TOML file whose keys replace the recipe's.

    Raises:
        ValueError: a key is unknown or wrong, a file is missing, or a person would stand beyond the radar's range.
    """
    table = read_toml(path)
    if overlay:
        table = merge(table, read_toml(overlay))
    if radar:
        table = {**table, "radar": radar}
    try:
        recipe = _resolve(parse(Recipe, table), Path(path).resolve().parent)
        for one in recipe.apart():
            check_radar(one, resolve_radar(one))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return recipe


def resolve_radar(recipe: Recipe) -> RadarSetup:
    """The recipe's radar, with the recipe's changes to its processing.

    Raises:
        ValueError: the recipe has several radars (`Recipe.apart` gives the recipe of each), or there is no such radar.
    """
    if not isinstance(recipe.radar, str):
        raise ValueError(f"radar: expected one here, got {', '.join(recipe.radar)}")
    setup = load_radar(recipe.radar)
    changed = parse(type(setup.processing), merge(to_table(setup.processing), recipe.processing), "processing")
    return replace(setup, processing=changed)


def placement_of(recipe: Recipe, activity: ActivityRecipe) -> Placement:
    """Where people stand who do `activity`: the recipe's placement, with the activity's changes to it.

    Raises:
        ValueError: the activity changes a key that a placement does not have, or to something wrong.
    """
    changed = parse(Placement, activity.placement, f"activity '{activity.label}': placement")
    named = {key.removesuffix("_deg") for key in activity.placement}
    return replace(recipe.placement, **{name: getattr(changed, name) for name in named})


def clip_frames(recipe: Recipe, setup: RadarSetup) -> int:
    """Frames of a radar in each clip: those that fit into its seconds (a millionth of a frame more is rounding)."""
    return int(recipe.seconds / setup.radar.waveform.frame_period + 1e-6)


def check_radar(recipe: Recipe, setup: RadarSetup) -> None:
    """Refuse a recipe with no whole frame, or with a person where the radar's beat frequency has left its band."""
    name, waveform = setup.radar.name, setup.radar.waveform
    if clip_frames(recipe, setup) < 1:
        raise ValueError(f"seconds: a frame of radar {name} takes {waveform.frame_period:g} s, got {recipe.seconds:g}")
    limit = waveform.max_range
    for activity in recipe.activities:
        far = placement_of(recipe, activity).distance[1]
        if far > limit:
            raise ValueError(
                f"placement.distance: radar {name} measures up to {limit:.2f} m, got a person at {far:g} m"
            )


def _resolve(recipe: Recipe, folder: Path) -> Recipe:
    """File names of the recipe made absolute, so that workers find them from any folder."""
    activities = tuple(
        replace(a, files=tuple(_find(a.label, folder, pattern) for pattern in a.files)) for a in recipe.activities
    )
    room = str(_existing(folder / recipe.room, "room")) if recipe.room else ""
    radars = tuple(_radar(folder, radar) for radar in recipe.radars)
    radar = radars[0] if isinstance(recipe.radar, str) else radars
    return replace(recipe, activities=activities, room=room, radar=radar)


def _radar(folder: Path, radar: str) -> str:
    name, mark, part = radar.partition("#")
    return f"{(folder / name).resolve()}{mark}{part}" if (folder / name).is_file() else radar


def _find(label: str, folder: Path, pattern: str) -> str:
    absolute = Path(pattern) if Path(pattern).is_absolute() else folder / pattern
    if not any(Path(absolute.anchor or ".").glob(str(absolute.relative_to(absolute.anchor)))):
        raise ValueError(f"activity '{label}': no file matches {absolute}")
    return str(absolute)


def _existing(path: Path, name: str) -> Path:
    if not path.is_file():
        raise ValueError(f"{name}: no such file {path}")
    return path.resolve()
