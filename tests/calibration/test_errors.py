"""How sure it is that a distance fell: of the same people before and after, drawn again together."""

import numpy as np
import pytest

from mmsynth.calibration import Calibration, Distance, Level
from mmsynth.calibration.calibrate import compare
from mmsynth.calibration.errors import replicas
from mmsynth.calibration.quantities import QUANTITIES, Measured, Values

NAME = "speed (m/s)"


def people(count: int, seed: int, shift: float = 0.0, each: int = 1) -> Measured:
    """People whose means differ by 0.3 m/s, in so many clips each, all of a person's alike."""
    draw, none = np.random.default_rng(seed), Values(np.zeros(0), np.zeros(0, int), 1)
    own = [draw.normal(2.5 + shift + draw.normal(0, 0.3), 0.3, 50) for _ in range(count)]
    clips = [values for values in own for _ in range(each)]
    return {q.name: none for q in QUANTITIES} | {
        NAME: Values(np.concatenate(clips), np.repeat(np.arange(len(clips)), 50), len(clips))
    }


def test_the_same_people_moved_are_surely_nearer_though_either_distance_is_not_sure() -> None:
    recorded, before, after = people(30, 0), people(40, 1, 0.5), people(40, 1, 0.4)
    found = compare(recorded, before, after)[NAME]
    alone = float(np.std(replicas(recorded, after)[NAME]))
    # The shift of 0.1 m/s on an axis of 5.
    assert found.before - found.after == pytest.approx(0.02, abs=0.002)
    assert found.error < 0.1 * alone and found.verdict == "falls"


def test_clips_of_one_person_tell_no_more_than_one() -> None:
    recorded = people(30, 0)
    once = compare(recorded, people(20, 1, 0.5), people(20, 2, 0.5))[NAME]
    thrice = [compare(recorded, people(20, 1, 0.5, 3), people(20, 2, 0.5, 3), group)[NAME] for group in (3, 1)]
    assert thrice[0].error == pytest.approx(once.error) and thrice[0].floor == pytest.approx(once.floor)
    # As if they were of 60 people.
    assert thrice[1].error == pytest.approx(once.error / np.sqrt(3), rel=0.15)


def test_an_overlay_that_brings_nothing_nearer_in_the_mean_is_not_recommended() -> None:
    for after, told in ((0.29, False), (0.31, True)):
        apart = {"a": Distance(0.1, 0.1, 0.01, 0), "b": Distance(0.3, after, 0.01, 0)}
        found = Calibration({}, apart, Level(6.0, 1.0))
        assert ("leave it out, or try with more clips" in found.text()) is told
