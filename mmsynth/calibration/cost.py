"""What a calibration will cost on this machine, and whether recordings are long enough for one."""

from dataclasses import dataclass, replace

from mmsynth.calibration.calibrate import clips_in_all, compared
from mmsynth.calibration.quantities import STRETCH, Measured
from mmsynth.calibration.search import candidates
from mmsynth.calibration.settings import CalibrationSettings
from mmsynth.datasets import Clips, lengths
from mmsynth.generation import estimate as estimate_set
from mmsynth.generation.recipe import Outputs, Recipe
from mmsynth.processes import Progress

# Stretches of recordings that tell a noise floor to the 4 dB that an overlay draws from about it. Of RadHAR's 30 June,
# twelve draws each, it is off that of all 26 minutes by 9.6 dB rms from 20 s (chance: 10), 7.7 from 40 s, 4.8 from
# 100 s, 2.5 from 160 s, 2.0 from 400 s; the median distance of people by 0.27, 0.15, 0.13, 0.11, 0.05 m.
_ENOUGH = 8
# Recordings of a traced clip that are timed beside the first.
_MORE = 4


@dataclass(frozen=True)
class Cost:
    """Expected cost of `calibrate`.

    Attributes:
        clips: that are simulated, about: where the search moves on there are more, where a round finds no style fewer.
        seconds: that takes with these workers; to compare them with recordings takes a few minutes at most.
    """

    clips: int
    seconds: float


def estimate(
    recipe: Recipe, captures: Clips, progress: Progress, settings: CalibrationSettings | None = None, workers: int = 1
) -> Cost:
    """Expected time of `calibrate` with these arguments, from a few of its clips, made in a temporary folder.

    Raises:
        ValueError, OSError: as of `calibrate`.
    """
    settings = settings or CalibrationSettings()
    _, still, recorded = compared(recipe, captures)
    once = replace(recipe, outputs=Outputs(), clips=settings.clips, noise_draws=1)
    one, some = (estimate_set(replace(once, noise_draws=draws), progress, workers).seconds for draws in (1, 1 + _MORE))
    again = max(some - one, 0.0) / _MORE
    count = clips_in_all(recipe, settings, still)
    return Cost(count, one * count / settings.clips + again * (_devices(settings, recorded) - 1))


def _devices(settings: CalibrationSettings, recorded: Measured) -> float:
    """How many devices record each clip: every noise floor at one level of clutter, three at the others."""
    devices = candidates(settings, recorded)
    first = len(devices) / len({d.level_db for d in devices})
    return first + (len(devices) - first) * min(1.0, 3 / len(settings.noise_db))


def short(captures: Clips) -> str:
    """One sentence where recordings are too short for what is found of them to mean anything; else nothing."""
    seconds, enough = float(lengths(*captures.frame_times()).sum()), _ENOUGH * STRETCH
    if len(captures) == 0 or seconds >= enough:
        return ""
    return (
        f"the recordings last {seconds:.0f} s in all: of less than {enough:.0f} s, the noise floor and the places that "
        "are found are mostly chance"
    )
