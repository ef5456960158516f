"""Parts of the search: what is tried, what counts as nearer, and clips in the form in which recordings are measured."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import make_clip

from mmsynth.calibration import CalibrationSettings, Level
from mmsynth.calibration.errors import SURE, Apart, better
from mmsynth.calibration.quantities import QUANTITIES, SLOW, Measured, Still, Values, measure
from mmsynth.calibration.search import WITHIN, ClipFolder, Option, Search, candidates, flatten, people
from mmsynth.calibration.settings import Candidate
from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.generation import load_recipe
from mmsynth.generation.clip import stage
from mmsynth.generation.play import _who
from mmsynth.generation.recipe import Recipe, Tolerances
from mmsynth.resources import data_file
from mmsynth.types import Labels, PointCloud, Sample


def folder(path: Path) -> ClipFolder:
    return ClipFolder(path, 1, lambda done, total: None, 0)


@pytest.fixture
def recipe() -> Recipe:
    return load_recipe(data_file("datasets", "radhar_synthetic.toml"))


def measured(*missing: str) -> Measured:
    draw = np.random.default_rng(0)
    ends = {q.name: (q.low, q.high) for q in QUANTITIES}
    count = {name: 0 if name in missing else 40 for name in ends}
    return {n: Values(draw.uniform(*ends[n], count[n]), np.arange(count[n]) % 4, 4) for n in ends}


@pytest.mark.parametrize(("snr", "slow"), [(True, True), (False, True), (True, False)])
def test_every_noise_floor_is_tried_with_every_threshold_level_and_share(
    recipe: Recipe, snr: bool, slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = CalibrationSettings(
        noise_db=(-6.0, 12.0, 24.0), threshold_db=(-4.0, 1.0, 6.0), level_db=(0.0, 9.0), ghosts=(0.0, 0.1)
    )
    tried: list[Candidate] = []

    def simulate(own: Search, name: str, recipe: Recipe, devices: Sequence[Candidate]) -> Iterator[Measured]:
        tried.extend(devices)
        return iter([own.recorded] * len(devices))

    monkeypatch.setattr(Search, "simulate", simulate)
    missing = [name for name, there in (("SNR (dB)", snr), (SLOW, slow)) if not there]
    search = Search(measured(*missing), np.zeros((0, 2)), 10.0, settings, folder(Path("none")))
    options = search._options("placed", recipe, candidates(search.settings, search.recorded))
    # Ghosts come last. Without SNR, noise and threshold show as their sum: the threshold nearest to none is taken.
    # Clutter shows in slow points: without these it stays the recipe's.
    thresholds, levels = settings.threshold_db if snr else (1.0,), settings.level_db if slow else (None,)
    assert {device.noise_db for device in tried} == set(settings.noise_db) and {d.ghosts for d in tried} == {0.0}
    assert {device.threshold_db for device in tried} == set(thresholds)
    assert {device.level_db for device in tried} == set(levels)
    assert len(set(tried)) == len(tried) == 3 * len(thresholds) * len(levels)
    assert [option.device for option in options] == tried


def test_candidates_are_as_if_each_was_recorded_alone(recipe: Recipe, tmp_path: Path) -> None:
    """Of noise, clutter and ghosts, all of a recipe's clips by each; what they share is traced, and detected, once."""
    few = replace(recipe, seconds=0.3, subjects=replace(recipe.subjects, body="free-low"))
    told: list[tuple[int, int]] = []
    clips = ClipFolder(tmp_path, 1, lambda done, total: told.append((done, total)), 2)
    still = Still(step=0.6147)
    search = Search(measured(), np.zeros((0, 2)), 10.0, CalibrationSettings(clips=2), clips, still)
    own = recipe.clutter.level_db
    devices = [Candidate(ghosts=0.0), Candidate(ghosts=0.5), Candidate(level_db=-20.0), Candidate(20.0)]
    found = list(search.simulate("some", few, devices))
    assert told[-1] == (2, 2) and len(list(tmp_path.glob("*.h5"))) == 3
    for candidate, ours in zip(devices, found, strict=True):
        device = Tolerances(noise_db=(candidate.noise_db,) * 2, ghosts=(candidate.ghosts,) * 2)
        level = own if candidate.level_db is None else (candidate.level_db,) * 2
        alone = stage(replace(few, device=device, clutter=replace(few.clutter, level_db=level)))
        want = measure(flatten([next(make_clip(alone, index)).cloud for index in range(2)]), few.seconds, still)
        for name, sample in want.items():
            np.testing.assert_array_equal(ours[name].values, sample.values, err_msg=name)
    away = [ours["range (m)"].values for ours in found]
    assert len(away[0]) == len(away[1]) > len(away[3]) and (away[0] != away[1]).any()
    # Without the floor's echo weaker points pass, slow ones above all.
    assert len(away[2]) > len(away[0]) and np.median(found[2][SLOW].values) < np.median(found[0][SLOW].values)


@pytest.mark.parametrize("shows", [True, False])
def test_the_radars_height_is_the_recipes_where_no_floor_shows(
    recipe: Recipe, shows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weakest clutter lies nearest, or the strongest."""

    def options(own: Search, name: str, base: Recipe, devices: list[Candidate]) -> list[Option]:
        each = [(d, float(d.level_db or 0) * (-1.0 if shows else 1.0)) for d in devices]
        return [Option(dict.fromkeys(WITHIN, x), dict.fromkeys(WITHIN, np.full(400, x)), base, d, {}) for d, x in each]

    placed = replace(recipe, placement=replace(recipe.placement, radar_height=(1.0, 1.1)))
    monkeypatch.setattr("mmsynth.calibration.search.between", lambda *known: (Level(6.0, 1.0), Level(7.0, 1.0)))
    monkeypatch.setattr(Search, "_options", options)
    monkeypatch.setattr(Search, "place", lambda own, recipe: placed)
    settings = CalibrationSettings(ghosts=(0.0,), clothes=())
    found = Search(measured(), np.zeros((0, 2)), 10.0, settings, folder(Path("none"))).run(recipe)
    assert found.recipe.placement == (placed if shows else recipe).placement


def test_clips_of_one_person_follow_one_another(recipe: Recipe) -> None:
    """As many as are drawn again together are those that a data set makes of a person, whatever the shares."""
    for shares in ((1, 1, 1, 1, 1), (3, 1, 2, 1, 1)):
        own = tuple(replace(a, share=share) for a, share in zip(recipe.activities, shares, strict=True))
        other = replace(recipe, activities=own)
        number = [_who(other, index)[1] for index in range(3 * people(other))]
        assert number == np.repeat(np.unique(number), people(other)).tolist() and len(set(number)) == 3


@pytest.mark.parametrize(("gain", "nearer"), [(1.1, True), (0.9, False), (-1.1, False)])
def test_an_option_is_better_by_more_than_its_errors(recipe: Recipe, gain: float, nearer: bool) -> None:
    error = 0.02
    swing = error * np.where(np.arange(400) % 2, 1.0, -1.0)  # of standard deviation `error`
    own = Apart({"a": 0.5, "b": 0.5}, {"a": 0.5 + 0 * swing, "b": 0.5 + 0 * swing})
    far = 0.5 - gain * SURE * error
    other = Apart({"a": far, "b": 0.5}, {"a": far + swing, "b": 0.5 + 0 * swing})
    # Of both histograms gain and error are half of that of the first: the same in errors.
    assert better(other, own, ("a",)) is nearer and better(other, own) is nearer
    assert not better(other, own, ("b",))


def test_clips_at_hand_are_as_a_data_set_gives_them(tmp_path: Path) -> None:
    draw = torch.Generator().manual_seed(0)
    clouds = []
    with DatasetWriter(tmp_path / "a.h5", Attributes()) as writer:
        for k, counts in enumerate(([2, 0, 3], [1], [0, 4])):
            table = torch.randn(sum(counts), 7, generator=draw)
            columns = (table[:, c] for c in range(3, 7))
            times = torch.arange(len(counts), dtype=torch.float64) / 20
            offsets = torch.tensor([0, *np.cumsum(counts)])
            clouds.append(PointCloud(table[:, :3], *columns, offsets, times))
            writer.append(Sample(str(k), Labels(), clouds[-1]))
    ours, theirs = flatten(clouds), Dataset.open(tmp_path / "a.h5").points()
    for name in ("values", "frame", "point_offsets", "frame_time", "clip_offsets"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)
