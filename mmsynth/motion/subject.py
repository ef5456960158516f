"""People: who somebody is, and the style of moving that stays theirs from clip to clip."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch


@dataclass(frozen=True)
class Range:
    """A parameter of an activity between `low` and `high`; `about` says its unit and meaning, and the source if any.

    Uniform over people, or, with `log`, in its logarithm: for what spans more than a factor of ten. Of what is
    `positive` (times, speeds, lengths of ways) nobody has nothing; of the rest somebody may.
    """

    low: float
    high: float
    about: str = ""
    log: bool = False
    positive: bool = False

    @property
    def limits(self) -> tuple[float, float]:
        """Least and greatest value that a generator takes: far beyond people, short of what no clip can be made of.

        Twenty times the greatest, of either sign where the range has both; at least nothing, or a twentieth of the
        least of what is positive.
        """
        most = 20 * max(abs(self.low), abs(self.high))
        if self.low < 0:
            return -most, most
        return (self.low / 20 if self.positive else 0.0), most

    def at(self, share: float) -> float:
        """The value that `share` of the people stay below."""
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + (self.high - self.low) * share


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


# Age in years, height in m and median body-mass index in kg/m^2. To 20 years: medians of CDC's growth charts
# (Kuczmarski 2002, Vital Health Stat 11(246); M of their LMS tables). From 25: means by decade of US adults as of
# NHANES 2015-2018 (Fryar 2021, Vital Health Stat 3(46)), rounded and from memory of that table. The examination file of
# NHANES 2017-2018 without its survey weights lies within about 2 cm and 1 kg/m^2 of them.
_GROWTH: dict[str, tuple[tuple[float, float, float], ...]] = {
    "female": (
        *((2, 0.850, 16.4), (4, 1.008, 15.3), (6, 1.147, 15.2), (8, 1.276, 15.8), (10, 1.380, 16.8), (12, 1.512, 18.1)),
        *((14, 1.604, 19.3), (16, 1.626, 20.4), (18, 1.631, 21.3), (20, 1.633, 21.7), (25, 1.63, 27.0)),
        *((35, 1.63, 28.5), (45, 1.625, 29.3), (55, 1.615, 29.3), (65, 1.60, 29.2), (75, 1.585, 28.4)),
        (85, 1.555, 26.9),
    ),
    "male": (
        *((2, 0.864, 16.6), (4, 1.022, 15.6), (6, 1.154, 15.4), (8, 1.279, 15.8), (10, 1.386, 16.6), (12, 1.491, 17.8)),
        *((14, 1.638, 19.1), (16, 1.735, 20.5), (18, 1.762, 21.9), (20, 1.769, 23.0), (25, 1.76, 26.6)),
        *((35, 1.76, 28.6), (45, 1.76, 29.3), (55, 1.755, 29.2), (65, 1.745, 29.1), (75, 1.73, 28.4)),
        (85, 1.715, 27.0),
    ),
}
# Standard deviation of height over its mean: 0.040 to 0.050 in CDC's tables (S), 0.039 to 0.046 in NHANES 2017-2018.
_HEIGHT_SPREAD = 0.043
# Of the logarithm of the body-mass index: 0.08 to 0.15 in CDC's tables (S), 0.17 to 0.28 in NHANES 2017-2018.
_INDEX_SPREAD = {"child": 0.13, "adult": 0.22}


def sample_subject(
    generator: torch.Generator,
    ages: tuple[float, float] = (18.0, 65.0),
    sex: Literal["female", "male"] | None = None,
) -> Subject:
    """A person drawn from published distributions of height and mass by sex and age (2 to 90 years).

    Age is uniform over `ages` in years, sex even unless given; height is normal, body-mass index log-normal.

    Raises:
        ValueError: `ages` is no range within 2..90 years.
    """
    if not 2 <= ages[0] <= ages[1] <= 90:
        raise ValueError(f"ages: expected a range within 2..90 years, got {ages[0]} to {ages[1]}")
    draw = torch.rand(2, generator=generator, dtype=torch.float64)
    normal = torch.randn(2, generator=generator, dtype=torch.float64).clamp(-2.5, 2.5)
    seed = int(torch.randint(2**62, (1,), generator=generator))
    kind = sex or ("female" if draw[0] < 0.5 else "male")
    age = ages[0] + (ages[1] - ages[0]) * float(draw[1])
    years, heights, indices = zip(*_GROWTH[kind], strict=True)
    height = float(np.interp(age, years, heights)) * (1 + _HEIGHT_SPREAD * float(normal[0]))
    spread = float(np.interp(age, (16, 25), (_INDEX_SPREAD["child"], _INDEX_SPREAD["adult"])))
    index = float(np.interp(age, years, indices)) * math.exp(spread * float(normal[1]))
    return Subject(seed=seed, sex=kind, age=age, height=height, mass=index * height**2)


def style(subject: Subject, activity: str, parameters: Mapping[str, Range]) -> dict[str, float]:
    """The person's own value of every parameter: the same in each clip, whatever else is asked for.

    Each parameter is keyed by (seed, activity, name), so that a new one changes no other. Parameters called "tempo"
    (s) and "rate" (1/s) share half of their spread across activities: who waves briskly also squats briskly. "speed"
    falls by 1 % a year from 65 years on, a default of ours: healthy women in their seventies walk at 1.27 m/s (Bohannon
    1997), all people over 65 (73.5 years on average) at 0.92 (Studenski 2011).
    """
    values = {}
    for name, span in parameters.items():
        share = _uniform(subject.seed, activity, name)
        if name in ("tempo", "rate"):
            slow = _uniform(subject.seed, "", "tempo")
            share = 0.5 * share + 0.5 * (slow if name == "tempo" else 1 - slow)
        values[name] = span.at(share)
        if name == "speed":
            values[name] *= max(0.5, 1 - 0.01 * max(0.0, subject.age - 65))
    return values


def _uniform(seed: int, *words: str) -> float:
    key = hashlib.blake2b("|".join([str(seed), *words]).encode(), digest_size=8).digest()
    return int.from_bytes(key, "big") / 2**64
