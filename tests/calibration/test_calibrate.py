"""Calibration: what is known to be in recordings is found, interrupted or not, and what is doubtful is said."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from calibration.recordings import recipe

from mmsynth.calibration import CalibrationSettings, calibrate
from mmsynth.calibration.calibrate import _still
from mmsynth.calibration.quantities import SLOW, Still, distances, measure
from mmsynth.calibration.search import ClipFolder
from mmsynth.datasets import Dataset, Datasets, DatasetWriter
from mmsynth.generation import generate, load_recipe
from mmsynth.generation.clip import Stage, Traced, trace_clip
from mmsynth.generation.load import resolve_radar
from mmsynth.generation.recipe import Recipe, Tolerances
from mmsynth.radar import load_radar
from mmsynth.resources import data_file
from mmsynth.training.adapt import AdaptSettings


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
    assert done[-1] == (41, 41) and [d for d, _ in done] == sorted(d for d, _ in done)
    low, high = found.overlay["device"]["noise_db"]
    assert abs(found.noise.best - 8) < 4 and low <= found.noise.best - 3.9 and high >= found.noise.best + 3.9
    assert all(name in found.text() for name in found.distances) and len(found.distances) == 8
    # Five activities of one person tell places beyond error, not how many points.
    for name in ("range (m)", "azimuth (rad)"):
        assert found.distances[name].verdict == "falls", name
    assert found.distances["moving points a frame"].after < found.distances["moving points a frame"].before
    assert f"# Seed {near.seed}." in (tmp_path / "overlay.toml").read_text()
    overlaid = load_recipe(data_file("datasets", "radhar_synthetic.toml"), overlays=[tmp_path / "overlay.toml"])
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
    with DatasetWriter(tmp_path / "foreign.h5", replace(recorded.attributes, radar=load_radar("mars").radar)):
        pass
    both = Datasets.open([recorded.path, tmp_path / "foreign.h5"])
    with pytest.raises(ValueError, match="recordings of the recipe's radar .*/radhar, got some of IWR1443BOOST/mars"):
        calibrate(near, both, tmp_path / "other.toml", lambda done, total: None)
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

    monkeypatch.setattr("mmsynth.generation.variants.trace_clip", trace)
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
        data_file("datasets", "radhar_synthetic.toml"), overlays=[tmp_path / "broken.toml"]
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


def test_the_last_noise_floor_or_clutter_that_was_tried_is_said() -> None:
    settings = CalibrationSettings(noise_db=(0.0, 6.0, 12.0), threshold_db=(-4.0, 0.0), ghosts=(0.0,))
    (much,), (little,) = settings.edge(12.0, None), settings.edge(0.0, 7.0)
    assert "+12 dB to the data sheet's, is the last" in much and "so little noise" in little
    assert not settings.edge(6.0, 7.0) and not replace(settings, noise_db=(12.0,)).edge(12.0, None)
    (none,), (most,) = (settings.edge(6.0, end(settings.level_db)) for end in (min, max))
    assert "no clutter shows" in none and "+24 dB to its materials', is the last" in most


def test_clutter_is_compared_where_a_recipe_has_it_and_the_radar_keeps_it() -> None:
    free, cluttered = recipe(5), load_recipe(data_file("datasets", "radhar_synthetic.toml"))
    setup = resolve_radar(free)
    removed = replace(setup, processing=replace(setup.processing, clutter_removal=True))
    assert _still(cluttered, setup) == Still(share=False, step=setup.radar.velocity_resolution)
    assert _still(free, setup) == _still(cluttered, removed) == Still()
    assert _still(replace(free, room="a.toml"), setup) == Still(share=True)
