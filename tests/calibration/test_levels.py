"""Noise floor and level of clutter between candidates, from histograms that both move."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmsynth.calibration import CalibrationSettings
from mmsynth.calibration.levels import between
from mmsynth.calibration.quantities import SLOW, Measured, Values
from mmsynth.calibration.search import ClipFolder, Search
from mmsynth.calibration.settings import Candidate
from mmsynth.generation import load_recipe
from mmsynth.generation.recipe import Recipe
from mmsynth.resources import data_file

SPEED = "speed (m/s)"
FLOORS, LEVELS = (0.0, 6.0, 12.0), (0.0, 10.0, 20.0)
# A dB of the one moves speeds by this, the other slow points; half of that goes the other way about.
SLOPES = np.array([0.04, 0.3])
# Of clips about all, and of points about a clip.
CLIPS, POINTS = np.array([0.2, 1.5]), np.array([0.5, 4.0])


def clips(noise: float, level: float, seed: int, people: int = 40, each: int = 1) -> Measured:
    """Clips of so many people, all of a person's alike; both quantities make up for each other in part."""
    draw = np.random.default_rng(seed)
    middle = np.array([2.5, 10.0]) + SLOPES * (noise + 0.5 * level - 16, level - 0.5 * noise - 4)
    own = middle + CLIPS * draw.normal(size=(people, 1, 1, 2)) + POINTS * draw.normal(size=(people, 1, 100, 2))
    values = own.repeat(each, 1).reshape(-1, 2)
    clip = np.repeat(np.arange(people * each), 100)
    speeds, slow = (Values(values[:, k], clip, people * each) for k in (0, 1))
    return {SPEED: speeds, SLOW: slow, "SNR (dB)": Values(np.zeros(0), np.zeros(0, int), people * each)}


def errors(people: tuple[int, int]) -> tuple[float, float]:
    """Of noise and level, in dB: middles of both quantities err by the spread of clips, and both are solved for."""
    speed, slow = CLIPS / SLOPES * np.sqrt(1 / people[0] + 1 / people[1])
    return float(np.hypot(speed, 0.5 * slow) / 1.25), float(np.hypot(slow, 0.5 * speed) / 1.25)


@pytest.mark.parametrize(("noise", "level"), [(8.0, 9.0), (6.0, 14.0)])
def test_both_are_read_off_together_and_err_as_clips_do(noise: float, level: float) -> None:
    """Along a valley, in which more clutter makes up for less noise in part."""
    made = {(n, c): clips(n, c, 1, 20, 5) for n in FLOORS for c in LEVELS}
    found = between(clips(noise, level, 2), made, 5)
    for got, value, error in zip(found, (noise, level), errors((40, 20)), strict=True):
        assert got.best == pytest.approx(value, abs=2 * error + 0.5) and got.error == pytest.approx(error, rel=0.25)
    # Of the same clips, to a step of 1 dB; a recording, or a person, tells no error.
    exact = between(clips(noise, level, 1, 20), made, 5)
    assert [got.best for got in exact] == pytest.approx([noise, level], abs=1.01)
    alone = between(clips(noise, level, 2, 1), made, 5)
    assert np.isnan([level.error for level in alone]).all() and np.isfinite([level.best for level in alone]).all()


def test_what_has_no_points_is_as_far_as_can_be() -> None:
    """Recordings lie at the end of each axis, where no points look near. A single level, or floor, is what fits."""
    made = {(n, 6.0): clips(n, 6.0, 1) for n in FLOORS}
    none = {name: replace(v, values=v.values[:0], clip=v.clip[:0]) for name, v in made[12.0, 6.0].items()}
    noise, level = between(clips(80.0, 100.0, 2), made | {(12.0, 6.0): none}, 1)
    assert noise.best < 12 and (level.best, level.error) == (6.0, 0.0)
    assert between(clips(9.0, 6.0, 2), {(6.0, 6.0): made[6.0, 6.0]}, 1)[0].best == 6


@pytest.mark.parametrize(("noise", "level"), [(13.0, 10.0), (2.0, 17.0), (26.0, -3.0)])
def test_a_search_finds_both_and_tries_ghosts_and_clothing_there(
    noise: float, level: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, made = load_recipe(data_file("datasets", "radhar_synthetic.toml")), []

    def simulate(own: Search, name: str, recipe: Recipe, devices: Sequence[Candidate]) -> Iterator[Measured]:
        for device in devices:
            made.append((name, device))
            # Ghosts, which come last, would lead elsewhere.
            away = 20.0 if device.ghosts and name == "placed" else 0.0
            assert device.level_db is not None
            yield clips(device.noise_db + away, device.level_db, 1, 20, 5)

    monkeypatch.setattr(Search, "simulate", simulate)
    monkeypatch.setattr(Search, "place", lambda own, recipe: recipe)
    settings = CalibrationSettings(ghosts=(0.0, 0.1), clothes=(("coat",),))
    folder = ClipFolder(Path("none"), 1, lambda done, total: None, 0)
    recorded = clips(noise, level, 2)
    # Scatter, which ghosts are told by, is the same everywhere.
    monkeypatch.setattr("mmsynth.calibration.search.WITHIN", (SPEED, SLOW))
    found = Search(recorded, np.zeros((0, 2)), 10.0, settings, folder).run(recipe)
    tried = [device for name, device in made if name == "placed"]
    # Of 42 pairs of floors and levels those about the best, which moves once at most; none with ghosts.
    assert len(set(tried)) == len(tried) <= 27 and {d.ghosts for d in tried} == {0.0}
    assert found.clutter is not None and found.recipe.device.ghosts == (0.0, 0.0)
    each = zip((found.noise, found.clutter), (noise, level), errors((40, 20)), strict=True)
    assert all(got.best == pytest.approx(value, abs=2 * error + 0.5) for got, value, error in each)
    # Ghosts and clothing are tried at what was found, which is no candidate.
    there = Candidate(found.noise.best, 0.0, found.clutter.best)
    assert [m for m in made if m[0] != "placed"] == [
        ("found", there),
        ("found", replace(there, ghosts=0.1)),
        ("coat", there),
    ]
    # Drawn from 4 dB to either side, or two errors.
    ranges = zip(
        (found.recipe.device.noise_db, found.recipe.clutter.level_db), (found.noise, found.clutter), strict=True
    )
    for drawn, own in ranges:
        half = max(4.0, 2 * own.error)
        assert drawn == pytest.approx((own.best - half, own.best + half), abs=0.06)
    assert found.recipe.clutter.room == recipe.clutter.room
