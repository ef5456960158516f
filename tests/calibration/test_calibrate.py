"""Calibration finds the noise floor and the place that recordings were made with."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import norm

from mmsynth import geometry
from mmsynth.calibration import Calibration, CalibrationSettings, Distance, Level, calibrate
from mmsynth.calibration.calibrate import _high, _kept, _overlay, _still, _tilt
from mmsynth.calibration.errors import DRAWS, floors, replicas
from mmsynth.calibration.placing import floor_begins, height_from, placement_from, stood
from mmsynth.calibration.quantities import QUANTITIES, SLOW, Quantity, Still, Values, distances, measure, places
from mmsynth.calibration.search import WITHIN, ClipFolder, Option, Search
from mmsynth.calibration.settings import Candidate
from mmsynth.datasets import Dataset, DatasetWriter, FlatPoints
from mmsynth.generation import generate, load_recipe
from mmsynth.generation.clip import Stage, Traced, trace_clip
from mmsynth.generation.ghosts import add_ghosts
from mmsynth.generation.load import resolve_radar
from mmsynth.generation.recipe import Clutter, Placement, Recipe, Tolerances
from mmsynth.resources import data_file
from mmsynth.scene.materials import CLOTHING, cloth_roughness
from mmsynth.training.adapt import AdaptSettings
from mmsynth.types import PointCloud


def recipe(clips: int, **more: object) -> Recipe:
    base = load_recipe(data_file("datasets", "radhar_synthetic.toml"))
    base = replace(base, clips=clips, noise_draws=1, seconds=0.5, subjects=replace(base.subjects, body="free-low"))
    # Activities with a place of their own stay there, and boxers step about: here all stand where the recipe says.
    still = {"footwork": (0.05, 0.3)}
    styles = [a.style | (still if a.motion == "box" else {}) for a in base.activities]
    everybody = (replace(a, placement={}, style=style) for a, style in zip(base.activities, styles, strict=True))
    base = replace(base, activities=tuple(everybody))
    # In free space: what rests in a room hides most of half a second's few points, whatever the noise is.
    return replace(base, device=Tolerances(), clutter=Clutter(), **more)  # type: ignore[arg-type]


def values(*clips: np.ndarray) -> Values:
    return Values(np.concatenate(clips), np.repeat(np.arange(len(clips)), [len(c) for c in clips]), len(clips))


def test_a_shift_of_the_values_is_the_distance() -> None:
    quantity = Quantity("x", 0.0, 10.0, 100)
    sample = np.random.default_rng(0).uniform(1, 5, 1000)
    # A shift of 2 on an axis of 10, within a bin of 0.1.
    assert quantity.distance(values(sample), values(sample + 2)) == pytest.approx(0.2, abs=0.01)
    assert quantity.distance(values(sample), values(sample)) == 0
    assert quantity.distance(values(np.array([3.05])), values(np.array([5.05]))) == pytest.approx(0.2)  # 20 of 100 bins
    assert quantity.distance(values(sample), values(sample[:0])) == 1
    # What lies on or beyond the last edge counts in the last bin, clip by clip.
    counts = quantity.counts(values(np.array([0.0, 10.0, 12.0]), np.array([-1.0])))
    assert counts[:, [0, 99]].tolist() == [[1, 2], [1, 0]] and counts.sum() == 4


def test_a_noisier_radar_elsewhere_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsynth.calibration.activities.AdaptSettings", partial(AdaptSettings, trees=8))
    far = replace(recipe(5).placement, distance=(2.4, 2.8), bearing=(0.3, 0.5))
    there = replace(recipe(5, placement=far), noise_draws=3, device=Tolerances(noise_db=(8.0, 8.0)))
    recorded = Dataset.open(*generate(there, tmp_path / "there", lambda done, total: None))
    # The same person elsewhere, at the data sheet's noise; before and after are of another.
    near = recipe(5, placement=replace(far, distance=(1.4, 1.8), bearing=(-0.2, 0.2)))
    settings = CalibrationSettings(
        clips=5, judged=8, noise_db=(-4.0, 8.0, 20.0), threshold_db=(0.0,), ghosts=(0.0,), clothes=()
    )
    done, made, make = [], [], ClipFolder.make

    def noted(folder: ClipFolder, recipes: Mapping[str, Recipe]) -> dict[str, Dataset]:
        made.extend(recipes.items())
        return make(folder, recipes)

    monkeypatch.setattr(ClipFolder, "make", noted)
    found = calibrate(near, recorded, tmp_path / "overlay.toml", lambda *step: done.append(step), settings)
    # Judged on people that the search has not seen, and "before" as the recipe stood.
    judged = dict(made[-2:])
    assert {r.seed for _, r in made[:-2]} == {near.seed} and {r.seed for r in judged.values()} == {near.seed + 1}
    assert judged["before"].device == near.device and judged["before"].placement == near.placement
    assert judged["after"].device != near.device and judged["after"].placement != near.placement
    assert done[-1] == (46, 46) and [d for d, _ in done] == sorted(d for d, _ in done)
    low, high = found.overlay["device"]["noise_db"]
    assert abs(found.noise.best - 8) < 4 and low <= found.noise.best - 3.9 and high >= found.noise.best + 3.9
    assert all(name in found.text() for name in found.distances) and len(found.distances) == 8
    # Five activities of one person tell places beyond error, not how many points.
    for name in ("range (m)", "azimuth (rad)"):
        assert found.distances[name].verdict == "falls", name
    assert found.distances["moving points a frame"].after < found.distances["moving points a frame"].before
    assert f"# Seed {near.seed}." in (tmp_path / "overlay.toml").read_text()
    overlaid = load_recipe(data_file("datasets", "radhar_synthetic.toml"), overlay=tmp_path / "overlay.toml")
    place = overlaid.placement
    assert list(place.distance) == found.overlay["placement"]["distance"] and len(place.distance) == 9
    # People were within 2.4 to 2.8 m and 17 to 29 degrees.
    assert place.distance[0] > 2.2 and place.distance[-1] < 3.0
    assert place.bearing[0] > 0.2 and place.bearing[-1] < 0.6
    assert (tmp_path / "overlay.png").stat().st_size > 2000
    with pytest.raises(ValueError, match="overlay.toml: exists already"):
        calibrate(near, recorded, tmp_path / "overlay.toml", lambda done, total: None)
    (tmp_path / "overlay.toml").unlink()
    with pytest.raises(ValueError, match="overlay.png: exists already"):
        calibrate(near, recorded, tmp_path / "overlay.toml", lambda done, total: None)
    with pytest.raises(ValueError, match="here.png: expected a .toml file"):
        calibrate(near, recorded, tmp_path / "here.png", lambda done, total: None)
    with DatasetWriter(tmp_path / "empty.h5", recorded.attributes):
        pass
    with pytest.raises(ValueError, match="got a data set without clips"):
        calibrate(near, Dataset.open(tmp_path / "empty.h5"), tmp_path / "other.toml", lambda done, total: None)
    with pytest.raises(ValueError, match="recordings of the recipe's radar IWR1443BOOST/mars, got some of .*/radhar"):
        calibrate(replace(near, radar="mars"), recorded, tmp_path / "other.toml", lambda done, total: None)
    measured = measure(recorded.points(), 0.5)
    assert set(distances(measured, measured).values()) == {0.0}


def without_snr(made: Dataset, path: Path) -> Dataset:
    """Clips as a device without SNR records them: levels are told by intensity, in its unit."""
    with DatasetWriter(path, made.attributes) as writer:
        for index in range(len(made)):
            sample = made[index]
            unknown = torch.full_like(sample.cloud.snr_db, torch.nan)
            writer.append(replace(sample, cloud=replace(sample.cloud, snr_db=unknown, noise_db=unknown)))
    return Dataset.open(path)


def test_an_interrupted_calibration_goes_on_and_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stop(Exception):
        pass

    base = replace(recipe(2, seconds=0.1), clutter=load_recipe(data_file("datasets", "radhar_synthetic.toml")).clutter)
    made = Dataset.open(*generate(replace(base, clips=5), tmp_path / "there", lambda done, total: None))
    recorded = without_snr(made, tmp_path / "recorded.h5")
    settings = CalibrationSettings(
        clips=2, noise_db=(0.0, 12.0), threshold_db=(0.0,), level_db=(0.0, 20.0), ghosts=(0.0,), clothes=()
    )
    stopped: list[int] = []
    traced: list[int] = []

    def trace(ready: Stage, index: int) -> Traced:
        traced.append(index)
        return trace_clip(ready, index)

    def stop(done: int, total: int) -> None:
        """Once among candidates, once among the clips that are judged."""
        if done in (4, 12) and done not in stopped:
            stopped.append(done)
            raise Stop

    monkeypatch.setattr("mmsynth.evaluation.ablation.trace_clip", trace)
    monkeypatch.setattr("mmsynth.calibration.activities.AdaptSettings", partial(AdaptSettings, trees=8))
    found = calibrate(base, recorded, tmp_path / "whole.toml", lambda done, total: None, settings)
    once, parts = len(traced), tmp_path / "broken.parts"
    for _ in range(5):
        try:
            calibrate(base, recorded, tmp_path / "broken.toml", stop, settings)
        except Stop:
            assert parts.is_dir() and not (tmp_path / "broken.toml").exists()
            with pytest.raises(ValueError, match="broken.parts: holds an unfinished run of another recipe"):
                calibrate(replace(base, seed=5), recorded, tmp_path / "broken.toml", stop, settings)
        else:
            break
    assert stopped == [4, 12] and len(traced) == 2 * once
    for suffix in (".toml", ".png", ".json"):
        assert (tmp_path / f"whole{suffix}").read_bytes() == (tmp_path / f"broken{suffix}").read_bytes()
    assert sorted(p.suffix for p in tmp_path.iterdir() if "broken" in p.name) == [".json", ".png", ".toml"]
    # What is finished is read again, by the same recipe, settings and recordings alone.
    again = calibrate(base, recorded, tmp_path / "broken.toml", lambda done, total: None, settings)
    assert again.distances.keys() == found.distances.keys() and again.text() == found.text()
    assert (again.overlay, again.shown, len(traced)) == (found.overlay, found.shown, 2 * once)
    # What rests is searched where the recipe has it and the radar keeps it, and is in the overlay.
    assert found.clutter and again.clutter and again.clutter.best == found.clutter.best and SLOW in found.distances
    low, high = load_recipe(
        data_file("datasets", "radhar_synthetic.toml"), overlay=tmp_path / "broken.toml"
    ).clutter.level_db
    assert 0.5 * (low + high) == pytest.approx(found.clutter.best, abs=0.1) and high - low >= 8
    with DatasetWriter(tmp_path / "fewer.h5", recorded.attributes) as writer:
        for index in range(4):
            writer.append(recorded[index])
    fewer = Dataset.open(tmp_path / "fewer.h5")
    others = (replace(base, seed=5), recorded, settings), (base, fewer, settings)
    for other, clips, tried in (*others, (base, recorded, replace(settings, spread_db=5.0))):
        with pytest.raises(ValueError, match="whole.toml: exists already"):
            calibrate(other, clips, tmp_path / "whole.toml", lambda done, total: None, tried)
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(ValueError, match="broken.toml: exists already"):
        calibrate(base, recorded, tmp_path / "broken.toml", lambda done, total: None, settings)
    # A folder that something else stands in is not touched.
    (tmp_path / "other.parts").mkdir()
    (tmp_path / "other.parts" / "mine.h5").touch()
    with pytest.raises(ValueError, match="other.parts: expected a new or empty folder, got one with other files in it"):
        calibrate(base, recorded, tmp_path / "other.toml", lambda done, total: None, settings)
    assert [p.name for p in (tmp_path / "other.parts").iterdir()] == ["mine.h5"]


def test_what_cannot_be_told_from_no_change_is_said() -> None:
    fell, rose, same = Distance(0.2, 0.1, 0.01, 0.0), Distance(0.1, 0.2, 0.01, 0.0), Distance(0.002, 0.007, 0.003, 0.01)
    assert [d.verdict for d in (fell, rose, same)] == ["falls", "rises", "no change beyond error"]
    assert "no nearer" not in Calibration({}, {"x": fell}, Level(6.0, 1.0)).text()
    worse = Calibration({}, {"x": rose}, Level(6.0, 1.0), Level(-3.0, 2.0), ("at the edge",)).text()
    one = Calibration({}, {"x": Distance(0.2, 0.1, np.nan, np.nan)}, Level(6.0, np.nan)).text()
    assert "falls" not in one and one.count("error not known") == 2
    assert "no nearer" in worse and worse.endswith("at the edge")
    assert "noise floor +6.0 dB" in worse and "clutter -3.0 dB to its materials', standard error 2.0 dB" in worse
    assert "clutter" not in one


def test_error_and_floor_are_those_of_samples_drawn_anew() -> None:
    """People differ in their means; 30 recorded, 40 simulated: what one set tells is what many sets do."""
    name, axis, rng = "speed (m/s)", 5.0, np.random.default_rng(3)

    def drawn(people: int, shift: float = 0.0) -> dict[str, Values]:
        own = [rng.normal(2.5 + shift + rng.normal(0, 0.3), 0.3, 50) for _ in range(people)]
        return {q.name: values(*own) if q.name == name else values(np.zeros(0)) for q in QUANTITIES}

    def far(*sets: dict[str, Values]) -> float:
        return distances(*sets)[name]

    right = [(drawn(30), drawn(40)) for _ in range(60)]
    found = np.mean([floors(real, own)[name] for real, own in right[:8]])
    # 60 sets tell a mean to a tenth of itself (the spread of an absolute value is 0.75 of its mean).
    assert found == pytest.approx(np.mean([far(*pair) for pair in right]), rel=0.25)
    wrong = [(drawn(30), drawn(40, 0.5)) for _ in range(60)]
    # The shift itself, 0.5 m/s: its error is 0.07 a set, 2 % of it over 60.
    assert np.mean([far(*pair) for pair in wrong]) == pytest.approx(0.5 / axis, rel=0.1)
    error = np.mean([np.std(replicas(real, own)[name]) for real, own in wrong[:8]])
    # 60 sets tell a spread to 9 %, the mean of eight bootstraps of 30 people to 5 %: 25 % is more than two of both.
    assert error == pytest.approx(np.std([far(*pair) for pair in wrong]), rel=0.25)
    # Two clips of each person tell no more than one: the error is that of people, not of clips.
    real, own = wrong[0]
    twice = {
        n: Values(np.repeat(v.values, 2), np.repeat(2 * v.clip, 2) + np.tile([0, 1], len(v)), 2 * v.clips)
        for n, v in own.items()
    }
    assert np.array_equal(replicas(real, twice, 2)[name], replicas(real, own)[name])
    # The same shift of the same people is sure, though each distance is not.
    moved = {n: replace(v, values=v.values + 0.1) for n, v in own.items()}
    assert np.std(replicas(real, moved)[name] - replicas(real, own)[name]) < 0.1 * error


def test_places_count_windows_not_points_and_are_corrected_by_the_simulated_body() -> None:
    rng = np.random.default_rng(0)
    recorded = np.stack([rng.uniform(1.0, 3.0, 4000), rng.normal(0.1, 0.2, 4000)], 1)
    recorded[::7] = np.nan
    # Points lie 0.15 m nearer than the person stands, and to the left of it.
    offset = np.array([-0.15, -0.05])
    place = Placement(facing=(-1.0, 1.0))
    found = placement_from(place, recorded, offset, 3.0)
    # Quantiles of 3,428 windows err by 0.017 m in the middle; nobody stands beyond what the radar measures.
    assert np.allclose(found.distance, np.minimum(1.15 + 2 * np.linspace(0.05, 0.95, 9), 3.0), atol=0.06)
    assert found.distance[-1] == 3.0
    assert np.allclose(found.bearing, 0.15 + 0.2 * norm.ppf(np.linspace(0.05, 0.95, 9)), atol=0.03)
    assert (found.facing, found.radar_height) == (place.facing, place.radar_height)
    assert placement_from(place, recorded[:9], offset, 3.0) is place
    assert placement_from(place, recorded, np.full(2, np.nan), 3.0) is place


def test_the_radar_hangs_as_high_as_the_floor_begins() -> None:
    """Simulated heights of 0.6 to 1.6 m, the floor beginning 0.1 m farther; a recorded one at 1.27 m."""
    rng, place = np.random.default_rng(0), Placement(radar_height=(0.6, 1.6))
    heights = rng.uniform(0.6, 1.6, 60)
    made = heights + 0.1 + rng.normal(0, 0.1, 60)
    made[::9] = np.nan
    found = height_from(place, np.array([1.27, 1.25, np.nan, 1.29]), made, heights)
    low, high = found.radar_height
    # Scatter in what is seen flattens the line by a tenth, and 53 clips tell it to 0.015 m; 0.1 m to each side.
    assert 0.5 * (low + high) == pytest.approx(1.17, abs=0.05) and high - low == pytest.approx(0.2, abs=0.002)
    assert (found.distance, found.bearing) == (place.distance, place.bearing)
    # Within what was simulated.
    assert height_from(place, np.array([2.5]), made, heights).radar_height == (1.5, 1.6)
    # No floor in the recordings, in the clips, or in what they have in common; one height alone.
    for recorded, seen, there in (
        (np.full(3, np.nan), made, heights),
        (np.full(3, 1.2), np.full(60, np.nan), heights),
        (np.full(3, 1.2), rng.uniform(1, 2, 60), heights),
        (np.full(3, 1.2), np.full(60, 1.0), heights),
    ):
        assert height_from(place, recorded, seen, there) is place


def test_the_floor_begins_where_a_tenth_of_points_at_rest_is_nearer() -> None:
    """Points of two clips at rest from 1 m and from 2 m on; what moves, couples or lies beyond is not the floor's."""
    values = np.zeros((300, 7), np.float32)
    values[:100, 1], values[100:200, 2] = np.linspace(1, 2, 100), -np.linspace(2, 3, 100)
    values[200:250, 1], values[200:250, 3] = 0.5, 1.0
    values[250:275, 1], values[275:, 1] = 0.1, 9.0
    order = np.r_[0:100, 200:300, 100:200]
    points = FlatPoints(
        values[order], np.repeat([0, 1], [200, 100]), np.array([0, 200, 300, 300]), np.zeros(3), np.arange(4)
    )
    found = floor_begins(points, 4.0)
    assert found[:2] == pytest.approx([1.1, 2.1], abs=0.01) and np.isnan(found[2])


def test_how_long_a_recording_is_does_not_matter() -> None:
    """A person who walks away through a long recording is as far spread in every window as in a short clip."""
    time = np.arange(600) / 30
    values = np.zeros((600, 7), np.float32)
    values[:, 0], values[:, 1], values[:, 3] = 0.01 * time, 1 + 0.2 * time, 0.2

    def points(starts: np.ndarray) -> FlatPoints:
        bounds = np.concatenate([starts, [600]])
        clip = np.repeat(np.arange(len(starts)), np.diff(bounds))
        return FlatPoints(values, np.arange(600), np.arange(601), time - time[starts][clip], bounds)

    whole, cut = measure(points(np.array([0])), 2.0), measure(points(np.arange(0, 600, 60)), 2.0)
    assert all(np.allclose(whole[name].values, cut[name].values, atol=1e-6) for name in whole)
    name = "range, less the window's median (m)"
    # To within a frame: 7 mm in range, 0.3 mm aside.
    assert np.abs(cut[name].values).max() == pytest.approx(0.2, abs=0.01)
    assert np.abs(cut["lateral, less the window's median (m)"].values).max() == pytest.approx(0.01, abs=1e-3)
    assert np.abs(measure(points(np.array([0])), 20.0)[name].values).max() == pytest.approx(2.0, abs=0.01)


def test_what_is_measured_of_a_recording_is_what_its_points_say() -> None:
    # Two frames: moving to the right and above, at rest to the left and below; beyond 6 m is nobody of interest.
    rows = [(1.0, 2.0, 0.5, -0.6, 0, 12.0, 0), (-1.0, 2.0, -0.3, 0.0, 0, 20.0, 0)]
    rows += [(1.2, 2.1, 0.1, 0.4, 0, np.nan, 0), (0.0, 9.0, 0.0, 1.0, 0, 30.0, 0)]
    values = np.array(rows, np.float32)
    found = FlatPoints(values, np.array([0, 0, 1, 1]), np.array([0, 2, 4]), np.array([0.0, 0.1]), np.array([0, 2]))
    x, y, z = values[[0, 2], :3].astype(np.float64).T
    away = np.sqrt(x**2 + y**2 + z**2)
    want = {
        "moving points a frame": [1.0],
        "speed (m/s)": [0.6, 0.4],
        "range (m)": away,
        "range, less the window's median (m)": away - away.mean(),
        "azimuth (rad)": np.arctan(x / y),
        "lateral, less the window's median (m)": [-0.1, 0.1],
        "height (m)": z,
        "SNR (dB)": [12.0],
        SLOW: [],
        "share of points at rest": [1 / 3],
    }
    got = measure(found, 0.2, Still(share=True))
    assert list(got) == list(want)
    for name, sample in want.items():
        np.testing.assert_allclose(got[name].values, sample, atol=1e-6, err_msg=name)
    middle = np.median([away, np.arctan(x / y)], 1)
    np.testing.assert_allclose(places(found, 0.2, fewest=2), [middle], atol=1e-6)
    assert np.isnan(places(found, 0.2, fewest=3)).all()


def test_where_somebody_stood_is_told_over_the_floor_by_a_tilted_radar() -> None:
    # The radar looks down by 0.3 rad from 2 m; joints are at (0.6, 2.5), on the floor and at 1.6 m.
    pose = geometry.radar_pose((0.0, 0.0, 2.0), tilt=-0.3)
    world = torch.tensor([[[0.6, 2.5, 0.0], [0.6, 2.5, 1.6]]], dtype=torch.float64)
    joints = geometry.apply(geometry.inverse(pose), world).float().numpy()
    np.testing.assert_allclose(stood(joints, pose), [np.hypot(0.6, 2.5), np.arctan(0.6 / 2.5)], atol=1e-6)


def test_ghosts_lie_farther_at_the_same_speed_and_leave_the_rest() -> None:
    draw = torch.Generator().manual_seed(0)
    count = 4000
    position = torch.tensor([[0.1, 2.0, 0.3]]).repeat(count, 1)
    flat = torch.ones(count)
    cloud = PointCloud(position, flat, flat, flat, flat, torch.tensor([0, count]), torch.zeros(1).double())
    assert add_ghosts(cloud, (0.0, 0.0), draw) is cloud
    ghosts = add_ghosts(cloud, (0.2, 0.2), draw)
    moved = (ghosts.position != position).any(1)
    # A binomial share of 0.2 over 4000: 0.0063 of spread.
    assert abs(float(moved.float().mean()) - 0.2) < 0.025
    farther = ghosts.position[moved].norm(dim=1) - position[0].norm()
    assert 0.09 < float(farther.min()) and float(farther.max()) < 1.01 and torch.equal(ghosts.velocity, flat)
    # All points of a cloud share one share of the range.
    drawn = [add_ghosts(cloud, (0.0, 1.0), draw).position for _ in range(20)]
    shares = [float((ghostly != position).any(1).float().mean()) for ghostly in drawn]
    assert min(shares) < 0.3 and max(shares) > 0.7
    azimuth = torch.atan2(ghosts.position[moved, 0], ghosts.position[moved, 1])
    # Of 800 ghosts: three errors of a mean, and of a spread, of 0.5.
    assert float(azimuth.mean()) == pytest.approx(0.05, abs=0.053)
    assert float(azimuth.std()) == pytest.approx(0.5, abs=0.038)
    # The sine of elevation is any up to 0.5.
    sine = ghosts.position[moved, 2] / ghosts.position[moved].norm(dim=1)
    assert float(sine.abs().max()) == pytest.approx(0.5, abs=0.01) and float(sine.mean()) == pytest.approx(0, abs=0.03)


NO_CLIPS = ClipFolder(Path("none"), 1, lambda done, total: None, 0)


def found(monkeypatch: pytest.MonkeyPatch, settings: CalibrationSettings, nearer: Callable[..., float]) -> Recipe:
    """What a search finds where `nearer` says by how much an option lies nearer in each histogram.

    Clips drawn again move the mean distance within a window by 0.01 between two options.
    """
    draw, none = np.random.default_rng(0), Values(np.zeros(0), np.zeros(0, int), 1)
    search = Search({"SNR (dB)": none, SLOW: none}, np.zeros((0, 2)), 10.0, settings, NO_CLIPS)

    def option(base: Recipe, device: Candidate) -> Option:
        apart = {name: 0.4 - nearer(name, base, device) for name in (*WITHIN, "azimuth (rad)")}
        return Option(base, device, {}, apart, {n: v + draw.normal(0, 0.01, DRAWS) for n, v in apart.items()})

    monkeypatch.setattr(Search, "_options", lambda own, name, base, devices: [option(base, d) for d in devices])
    monkeypatch.setattr("mmsynth.calibration.search.between", lambda *known: (Level(5.0, 1.0), Level(0.0, 0.0)))
    monkeypatch.setattr(Search, "place", lambda own, recipe: recipe)
    return search.run(recipe(10)).recipe


@pytest.mark.parametrize(
    ("within", "azimuth", "ghosts"),
    # By nothing; by 1.5 errors; by three; by three, where people happened to stand too far to one side; by that alone.
    [(0.0, 0.0, 0.0), (0.015, 0.0, 0.0), (0.03, 0.0, 0.1), (0.03, -0.3, 0.1), (0.0, 0.3, 0.0)],
)
def test_ghosts_are_taken_where_points_scatter_more_about_people_than_chance_tells(
    monkeypatch: pytest.MonkeyPatch, within: float, azimuth: float, ghosts: float
) -> None:
    def nearer(name: str, base: Recipe, device: Candidate) -> float:
        return (within if name in WITHIN else azimuth) * (device.ghosts > 0)

    settings = CalibrationSettings(noise_db=(0.0,), ghosts=(0.0, 0.1), clothes=())
    assert found(monkeypatch, settings, nearer).device.ghosts == (0.5 * ghosts, 1.5 * ghosts)


@pytest.mark.parametrize(("gain", "taken"), [(0.0, False), (0.012, False), (0.03, True)])
def test_clothing_is_changed_for_more_than_two_errors_alone(
    monkeypatch: pytest.MonkeyPatch, gain: float, taken: bool
) -> None:
    coat = ("coat",)

    def nearer(name: str, base: Recipe, device: Candidate) -> float:
        """Clothes are tried at the noise that was found: 5 dB, whatever they gain at another."""
        return gain * (base.subjects.clothing == coat) + 0.2 * (device.noise_db == 5.0)

    settings = CalibrationSettings(noise_db=(0.0, 6.0), ghosts=(0.0,), clothes=(coat,))
    # The mean of three distances moves by 0.008.
    assert (found(monkeypatch, settings, nearer).subjects.clothing == coat) == taken


def test_clothes_to_try_are_the_smoothest_and_the_roughest() -> None:
    smooth, rough = ([cloth_roughness(CLOTHING[k], 77e9) for k in kinds] for kinds in CalibrationSettings().clothes)
    others = [cloth_roughness(cloth, 77e9) for name, cloth in CLOTHING.items()]
    assert max(smooth) == sorted(others)[1] and min(rough) == sorted(others)[-2]


def test_the_last_noise_floor_or_clutter_that_was_tried_is_said() -> None:
    settings = CalibrationSettings(noise_db=(0.0, 6.0, 12.0), threshold_db=(-4.0, 0.0), ghosts=(0.0,))
    (much,), (little,) = settings.edge(12.0, None), settings.edge(0.0, 7.0)
    assert "+12 dB to the data sheet's, is the last" in much and "so little noise" in little
    assert not settings.edge(6.0, 7.0) and not replace(settings, noise_db=(12.0,)).edge(12.0, None)
    (none,), (most,) = (settings.edge(6.0, end(settings.level_db)) for end in (min, max))
    assert "no clutter shows" in none and "+24 dB to its materials', is the last" in most


def test_slow_points_lie_over_the_weakest_fast_ones_by_what_rests_beside_them() -> None:
    """Amplitudes of one, two and three Doppler bins, in each unit; what rests, or is not known, stays out.

    So does what moves by less than half a bin, as a board that reads between bins may say of what rests.
    """
    step, clips = 0.25, 2
    speeds = np.tile([0.0, 1.0, -1.0, -2.0, 3.0, 0.45], (10 * clips, 1))  # in bins, a frame each
    levels = np.tile([90.0, 50.0, 44.0, 40.0, 60.0, 80.0], (10 * clips, 1))
    levels[:, 2] += np.repeat([0.0, 6.0], 10)  # more rests beside people of the second clip
    values = np.zeros((speeds.size, 7), np.float32)
    values[:, 1], values[:, 3], values[:, 4:] = 1.5, step * speeds.ravel(), np.nan

    def over(unit: str, **columns: np.ndarray) -> Values:
        """Values of clips of a second, ten frames each."""
        own = values.copy()
        own[:, 4] = columns.get("intensity", np.nan)
        own[:, 5], own[:, 6] = columns.get("snr", np.nan), columns.get("noise", np.nan)
        frames = np.arange(10 * clips)
        points = FlatPoints(
            own, np.repeat(frames, 6), 6 * np.arange(10 * clips + 1), (frames % 10) / 10, 10 * np.arange(3)
        )
        return measure(points, 1.0, Still(step=step), unit)[SLOW]

    counts = 10 ** (levels.ravel() / 20)
    noise = np.random.default_rng(0).normal(20, 3, levels.size)
    ways = (
        over("ADC counts", intensity=counts),
        over("10 log10(ADC counts + 1)", intensity=10 * np.log10(counts + 1)),
        over("dB", intensity=levels.ravel() - noise, snr=levels.ravel() - noise, noise=noise),
    )
    for way in ways:
        # The weakest fast ones are those of 40 dB.
        assert np.allclose(way.values, np.tile([[10.0, 4.0]] * 10 + [[10.0, 10.0]] * 10, 1).ravel(), atol=1e-3)
        assert way.clip.tolist() == [0] * 20 + [1] * 20
    # Over the noise alone, or unknown, or with nothing fast to compare with.
    assert len(over("dB", intensity=levels.ravel())) == 0 and len(over("peak", intensity=counts)) == 0
    values[:, 3] = np.minimum(np.abs(values[:, 3]), step)
    assert len(over("ADC counts", intensity=counts)) == 0


def test_a_long_recording_counts_as_its_stretches_of_20_s_and_one_clip_tells_no_error() -> None:
    rng, frames, starts = np.random.default_rng(0), 10 * 601, np.arange(0, 6010, 200)
    values = np.zeros((frames, 7), np.float32)
    values[:, 1], values[:, 3] = 1 + rng.uniform(0, 1) + np.repeat(rng.normal(0, 0.3, 31), 200)[:frames], 0.2
    time = np.arange(frames) / 10

    def points(starts: np.ndarray) -> FlatPoints:
        bounds = np.concatenate([starts, [frames]])
        clip = np.repeat(np.arange(len(starts)), np.diff(bounds))
        return FlatPoints(values, np.arange(frames), np.arange(frames + 1), time - time[starts][clip], bounds)

    # 601 s in one file: 30 stretches of 20 s (the last second is no stretch); as 30 files, the same within a window.
    whole, files = measure(points(starts[:1]), 2.0), measure(points(starts[:30]), 2.0)
    assert {v.clips for v in whole.values()} == {v.clips for v in files.values()} == {30}
    assert np.array_equal(whole["range (m)"].clip, files["range (m)"].clip)
    once = measure(points(starts[:1]), 700.0)
    told = replicas(whole, files)["range (m)"], replicas(whole, once)["range (m)"]
    assert np.isfinite(told[0]).all() and np.isnan(told[1]).all()
    # A simulator without a moving point is as far as can be, drawn again too.
    nothing = {name: replace(v, values=v.values[:0], clip=v.clip[:0]) for name, v in files.items()}
    assert (replicas(whole, nothing)["range (m)"] == distances(whole, nothing)["range (m)"]).all()


def test_recordings_and_clips_are_drawn_again_each_for_themselves_and_alike_in_every_call() -> None:
    """Of a set against itself, one draw for both would be at no distance; of two calls, replicas are pairs."""
    draw = np.random.default_rng(5)
    one = {q.name: values(*draw.normal(0.5 * (q.low + q.high), 0.1, (30, 8))) for q in QUANTITIES}
    alone, again = (replicas(one, one)["speed (m/s)"] for _ in range(2))
    assert alone.min() > 0 and np.array_equal(alone, again)


def test_clutter_is_compared_where_a_recipe_has_it_and_the_radar_keeps_it() -> None:
    free, cluttered = recipe(5), load_recipe(data_file("datasets", "radhar_synthetic.toml"))
    setup = resolve_radar(free)
    removed = replace(setup, processing=replace(setup.processing, clutter_removal=True))
    assert _still(cluttered, setup) == Still(share=False, step=setup.radar.velocity_resolution)
    assert _still(free, setup) == _still(cluttered, removed) == Still()
    assert _still(replace(free, room="a.toml"), setup) == Still(share=True)


def test_activities_and_recordings_that_leave_places_as_they_are_are_named() -> None:
    base = recipe(5)
    moved = replace(base, placement=replace(base.placement, distance=(2.0, 2.5)))
    hung = replace(base, placement=replace(base.placement, radar_height=(1.1, 1.2)))
    wide = replace(base, placement=replace(base.placement, radar_height=(0.6, 1.6)))
    assert _overlay(hung, wide)["placement"]["radar_height"] == [1.1, 1.2]
    assert "radar_height" not in _overlay(hung, hung)["placement"]
    assert "hung 1.10 to 1.20 m high" in _high(wide, hung) and _high(wide, wide) == ""
    leant = replace(base, placement=replace(base.placement, radar_tilt=(math.radians(-3.0), math.radians(-1.0))))
    assert _overlay(leant, base)["placement"]["radar_tilt_deg"] == [-3.0, -1.0]
    assert "radar_tilt_deg" not in _overlay(leant, leant)["placement"] and _tilt(leant, leant) == ""
    assert "-3.0 to -1.0 degrees above the horizon" in _tilt(base, leant)
    assert "recordings need 9 windows of 0.5 s" in _kept(wide, hung)
    assert "recordings need 9 windows of 0.5 s" in _kept(base, base) and _kept(base, moved) == ""
    first = replace(base.activities[0], placement={"bearing_deg": [0, 5]})
    turned = replace(base.activities[1], placement={"facing_deg": [0, 5]})
    own = replace(base, activities=(first, turned, *base.activities[2:]))
    assert "of the recipe's own stay, of: boxing;" in _kept(own, moved)
