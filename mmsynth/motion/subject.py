"""People: who somebody is, and the style of moving that stays theirs from clip to clip."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch


@dataclass(frozen=True)
class Range:
    """A parameter of an activity: uniform over people between `low` and `high`; `source` says whence."""

    low: float
    high: float
    source: str = ""


@dataclass(frozen=True)
class Subject:
    """A person.

    Attributes:
        seed: of the person's style.
        sex: for the body.
        age: in years.
        height: in m.
        mass: in kg.
    """

    seed: int
    sex: Literal["female", "male"] = "female"
    age: float = 30.0
    height: float = 1.7
    mass: float = 68.0

    def __post_init__(self) -> None:
        for name, low, high in (("age", 1.0, 120.0), ("height", 0.6, 2.5), ("mass", 5.0, 300.0)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"Subject.{name}: expected a number in [{low}, {high}], got {value}")

    @property
    def scale(self) -> float:
        """Size against the generic proportions of 1.7 m."""
        return self.height / 1.7


# Height in m and body-mass index in kg/m^2 of adults (mean, standard deviation): NHANES 2015-2018, Fryar et al. 2021,
# "Anthropometric reference data", Vital Health Stat 3(46), tables 4, 6, 10 and 12. The index is taken as log-normal.
_ADULT = {"female": ((1.613, 0.071), (29.6, 7.7)), "male": ((1.753, 0.077), (29.1, 6.2))}


def sample_subject(generator: torch.Generator, ages: tuple[float, float] = (18.0, 65.0)) -> Subject:
    """A person drawn from published distributions of height and mass by sex; age uniform over `ages` in years."""
    draw = torch.rand(2, generator=generator, dtype=torch.float64)
    normal = torch.randn(2, generator=generator, dtype=torch.float64).clamp(-2.5, 2.5)
    seed = int(torch.randint(2**62, (1,), generator=generator))
    sex: Literal["female", "male"] = "female" if draw[0] < 0.5 else "male"
    age = ages[0] + (ages[1] - ages[0]) * float(draw[1])
    (height_mean, height_sd), (index_mean, index_sd) = _ADULT[sex]
    height = height_mean + height_sd * float(normal[0])
    spread = math.sqrt(math.log(1 + (index_sd / index_mean) ** 2))
    index = index_mean * math.exp(spread * float(normal[1]) - spread**2 / 2)
    return Subject(seed=seed, sex=sex, age=age, height=height, mass=index * height**2)


def style(subject: Subject, activity: str, parameters: Mapping[str, Range]) -> dict[str, float]:
    """The person's own value of every parameter: the same in each clip, whatever else is asked for.

    Each parameter is keyed by (seed, activity, name), so that a new one changes no other. Parameters called "tempo"
    share half of their spread across activities: who walks briskly also squats briskly.
    """
    values = {}
    for name, span in parameters.items():
        share = _uniform(subject.seed, activity, name)
        if name == "tempo":
            share = 0.5 * share + 0.5 * _uniform(subject.seed, "", name)
        values[name] = span.low + (span.high - span.low) * share
    return values


def _uniform(seed: int, *words: str) -> float:
    key = hashlib.blake2b("|".join([str(seed), *words]).encode(), digest_size=8).digest()
    return int.from_bytes(key, "big") / 2**64
