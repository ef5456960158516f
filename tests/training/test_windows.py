"""Windows: which points they hold, and that picking and joining them keeps every point with its label."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmsynth.datasets import Dataset
from mmsynth.training.augment import Augment, augment
from mmsynth.training.features import features, named_features
from mmsynth.training.maps import COLUMNS, ROWS, grid
from mmsynth.training.windows import Windows, WindowSettings, concatenate, cut, level, medians


@pytest.fixture(scope="module")
def windows(recordings: Path) -> Windows:
    return cut(Dataset.open(recordings), WindowSettings(points="all"))


def test_windows_hold_every_point_of_their_two_seconds_once(recordings: Path, windows: Windows) -> None:
    dataset = Dataset.open(recordings)
    assert len(windows) == 3 * len(dataset)
    assert windows.frames.tolist() == [40] * len(windows)
    assert len(windows.time) == len(dataset.points().values)
    assert windows.time.min() >= 0 and windows.time.max() < 2
    assert np.bincount(windows.index, minlength=len(windows)).tolist() == [160] * len(windows)


def test_moving_and_static_points_make_up_all(recordings: Path) -> None:
    dataset = Dataset.open(recordings)
    parts = [cut(dataset, WindowSettings(points=which)) for which in ("moving", "static", "all")]
    assert len(parts[0].time) + len(parts[1].time) == len(parts[2].time)
    assert np.abs(parts[1].velocity).max() <= 0.05 < np.abs(parts[0].velocity).min()


def test_near_and_far_points_are_left_out(recordings: Path) -> None:
    some = cut(Dataset.open(recordings), WindowSettings(points="all", min_range=2.3, max_range=2.6))
    distance = np.linalg.norm(some.position, axis=1)
    assert len(distance) > 100 and distance.min() >= 2.3 and distance.max() <= 2.6


def test_activities_are_drawn_evenly_however_many_windows_each_has(windows: Windows) -> None:
    some = windows.take(np.flatnonzero((windows.activity != windows.activity[0]) | (np.arange(len(windows)) % 5 == 0)))
    shares = [some.evenly[some.activity == name].sum() for name in sorted(set(some.activity))]
    assert len(set(np.unique(some.activity.astype(str), return_counts=True)[1])) > 1
    np.testing.assert_allclose(shares, 1 / len(shares))


def test_relative_heights_do_not_know_how_high_the_radar_was(recordings: Path, windows: Windows) -> None:
    relative = cut(Dataset.open(recordings), WindowSettings(points="all", heights="relative"))
    raised = level(replace(windows, position=windows.position + np.float32([0, 0, 0.4])))
    assert np.allclose(raised.position, relative.position, atol=1e-6)
    assert not np.allclose(relative.position, windows.position, atol=1e-3)


def test_medians_of_runs_are_those_of_numpy() -> None:
    draw = np.random.default_rng(0)
    values, offsets = draw.normal(size=40).astype(np.float32), np.array([0, 7, 7, 8, 22, 40])
    for found, a, b in zip(medians(values, offsets), offsets[:-1], offsets[1:], strict=True):
        assert found == np.median(values[a:b]) if b > a else np.isnan(found)


def test_chosen_clips_alone(recordings: Path) -> None:
    some = cut(Dataset.open(recordings), WindowSettings(), [3, 5])
    assert sorted(set(some.clip)) == ["slow-1", "slow-2"]


def test_take_and_concatenate_undo_each_other(windows: Windows) -> None:
    order = np.random.default_rng(0).permutation(len(windows))
    shuffled = windows.take(order)
    for k in (0, 7, 31):
        a, b = windows.offsets[order[k] : order[k] + 2]
        c, d = shuffled.offsets[k : k + 2]
        assert np.array_equal(windows.position[a:b], shuffled.position[c:d])
        assert windows.clip[order[k]] == shuffled.clip[k]
    halves = concatenate([windows.take(np.arange(len(windows)) < 5), windows.take(np.arange(5, len(windows)))])
    assert np.array_equal(halves.time, windows.time) and np.array_equal(halves.offsets, windows.offsets)


def test_short_clips_are_refused(tmp_path: Path, write: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match=r"windows: expected clips of at least 2\.0 s"):
        cut(Dataset.open(write(tmp_path / "short.h5", range(1), 1.5)), WindowSettings())


def test_features_do_not_know_where_somebody_stood_nor_left_from_right(windows: Windows) -> None:
    moved = replace(windows, position=windows.position * np.float32([-1, 1, 1]) + np.float32([0.25, 0, 0]))
    a, b = features(windows), features(moved)
    # A shift to the side changes ranges a little, as the person's distance changes; nothing else may change.
    sideways = replace(windows, position=windows.position * np.float32([-1, 1, 1]))
    names = list(named_features(windows))
    skew = [i for i, n in enumerate(names) if n in ("lateral_mean", "lateral_skew")]
    kept = np.delete(np.arange(a.shape[1]), skew)
    assert np.allclose(a[:, kept], features(sideways)[:, kept], atol=1e-4)
    lateral = [i for i, n in enumerate(names) if n.startswith("lateral_") and i not in skew]
    assert np.allclose(a[:, lateral], b[:, lateral], atol=1e-4)


def test_rhythm_is_found_in_its_band(windows: Windows) -> None:
    lag = named_features(windows)["v_repeat_lag"]
    fast = windows.activity == "fast"
    # The period is 1 / 1.5 Hz within the 15 % of the draw; bins are 1/15 s.
    assert np.all(np.abs(lag[fast] - 1 / 1.5) < 0.15 / 1.5 + 1.5 / 15)


def test_features_are_what_their_names_say(windows: Windows) -> None:
    # Four points: one that comes near and high, three that go away. Ranges over the floor are 5, 5, 5.2 and 2.6 m.
    position = np.array([[3, 4, 0.5], [-3, 4, -0.5], [2, 4.8, -0.5], [1, 2.4, 0.1]], np.float32)
    velocity = np.array([-1.0, 0.5, 0.5, 0.8], np.float32)
    few = replace(
        windows.take([0]),
        time=np.array([0.1, 0.2, 1.0, 1.9], np.float32),
        position=position,
        velocity=velocity,
        intensity=np.zeros(4, np.float32),
        offsets=np.array([0, 4]),
    )
    found = {name: float(column[0]) for name, column in named_features(few).items()}
    centred = velocity - 0.2
    depth, aside = np.array([0.0, 0.0, 0.2, -2.4]), np.abs(position[:, 0] - 1.5)
    want = {
        "points": np.log1p(4 / 40),
        "receding": 0.75,
        "fast": 0.25,
        "drift": 0.8 / 40,
        "v_mean": 0.2,
        "v_spread": centred.std(),
        "v_skew": (centred**3).mean() / centred.std() ** 3,
        "range_mean": depth.mean(),
        "lateral_4": 0.5,  # over 0.5 to 0.8 m aside are two: 0.5 and 0.5 m
        "z_away_less_toward": -0.3 - 0.5,
        "lateral_away_less_toward": aside[1:].mean() - aside[0],
        "range_fast_less_slow": 0 - depth[1:].mean(),
        "corr_v_z": np.corrcoef(velocity, position[:, 2])[0, 1],
        "corr_v_range": np.corrcoef(velocity, depth)[0, 1],
        "range_trend": abs(np.corrcoef(few.time, depth)[0, 1]),
        "sign_range_height_2": 0.25,  # comes, not farther than the median, high
        "sign_range_height_6": 0.25,  # goes, near, low
        "sign_range_height_7": 0.25,  # goes, near, middle
        "sign_range_height_9": 0.25,  # goes, far, low
    }
    for name, value in want.items():
        assert found[name] == pytest.approx(value, abs=1e-5), name
    # One point a bin that swings at 1.4 Hz: between 1.2 and 1.6 Hz.
    time = (np.arange(30) + 0.5) / 15
    swing = replace(
        few,
        time=time.astype(np.float32),
        position=np.full((30, 3), 2, np.float32),
        velocity=np.sin(2 * np.pi * 1.4 * time).astype(np.float32),
        intensity=np.zeros(30, np.float32),
        offsets=np.array([0, 30]),
    )
    found = {name: float(column[0]) for name, column in named_features(swing).items()}
    assert found["v_band_3"] == max(found[f"v_band_{k}"] for k in range(10)) > 0.5
    assert found["v_repeat_lag"] == pytest.approx(1 / 1.4, abs=1 / 15)


def test_features_of_a_window_without_points_are_finite(windows: Windows) -> None:
    none = replace(
        windows.take([0]),
        time=windows.time[:0],
        position=windows.position[:0],
        velocity=windows.velocity[:0],
        intensity=windows.intensity[:0],
        offsets=np.array([0, 0]),
    )
    assert np.isfinite(features(none)).all()
    assert features(none).shape == (1, len(named_features(none)))


def test_augmentation_off_changes_nothing_and_on_keeps_labels(windows: Windows) -> None:
    off = Augment(drop=0, ghost=0, jitter=0, speed=0, shift=0, mirror=0, move=0)
    same = augment(windows, off, np.random.default_rng(0))
    assert np.array_equal(same.position, windows.position) and np.array_equal(same.time, windows.time)
    changed = augment(windows, Augment(drop=0.5), np.random.default_rng(0))
    assert np.array_equal(changed.clip, windows.clip) and len(changed) == len(windows)
    # Each window loses a share drawn from 0 to 0.5: a quarter on average, 0.144 / sqrt(48) = 0.02 of spread.
    assert abs(len(changed.time) / len(windows.time) - 0.75) < 0.08
    assert (np.diff(changed.offsets) / np.diff(windows.offsets)).std() > 0.1
    assert changed.time.min() >= 0 and changed.time.max() <= windows.duration


def test_faster_is_faster_in_time_and_in_velocity(windows: Windows) -> None:
    only = Augment(drop=0, ghost=0, jitter=0, speed=0.15, shift=0, mirror=0, move=0)
    changed = augment(windows, only, np.random.default_rng(3))
    tempos = []
    for k in range(len(windows)):
        old, new = windows.take([k]), changed.take([k])
        # Of a slower window the end is cut off, of a faster one the start comes round again at the end.
        both = min(len(old.time), len(new.time))
        tempo = new.velocity[:both] / old.velocity[:both]
        assert np.allclose(tempo, tempo[0], rtol=1e-5)
        assert np.allclose(new.time[:both] * tempo[0], old.time[:both], atol=1e-5)
        again = len(new.time) - len(old.time)
        assert (again > 0) == (tempo[0] > 1) or again == 0
        assert np.array_equal(new.position[both:], old.position[: max(again, 0)])
        tempos.append(tempo[0])
    assert np.ptp(tempos) > 0.2


def with_blob(windows: Windows, kind: str, place: np.ndarray) -> Windows:
    """The windows with a map that has 1 (20 dB) at `place` [windows], a bell of 1.5 columns, in all rows."""
    _, columns = grid(kind, (0.35, 5.1))
    width = 1.5 * (columns[1] - columns[0])
    blob = np.exp(-0.5 * ((columns - place[:, None]) / width) ** 2)
    maps = np.broadcast_to(blob[:, None, None, None], (len(windows), windows.bins, 1, ROWS, COLUMNS))
    return replace(windows, maps=maps.astype(np.float16), map_kinds=(kind,), map_step=4.75 / ROWS)


def centres(windows: Windows) -> np.ndarray:
    """Where the blob of each window lies."""
    _, columns = grid(windows.map_kinds[0], (0.35, 5.1))
    level = windows.maps[:, 0, 0, ROWS // 2].astype(float)
    return (level * columns).sum(1) / level.sum(1)


def test_a_window_moves_in_depth_and_in_height_each_by_itself(windows: Windows) -> None:
    still = {"drop": 0, "ghost": 0, "jitter": 0, "shift": 0, "mirror": 0, "level": 0, "speed": 0}
    moved = augment(windows, Augment(**still, move=0.1), np.random.default_rng(0))
    x, y, z = (moved.position - windows.position)[windows.offsets[:-1]].T
    assert np.abs(x).max() < 1e-5
    # 48 windows: 10 % of a standard deviation, 14 % of a correlation.
    assert y.std() == pytest.approx(0.1, rel=0.35) and z.std() == pytest.approx(0.1, rel=0.35)
    assert abs(np.corrcoef(y, z)[0, 1]) < 0.5


def test_maps_lie_farther_where_the_points_do(windows: Windows) -> None:
    still = {"drop": 0, "ghost": 0, "jitter": 0, "shift": 0, "mirror": 0, "move": 0, "level": 0, "speed": 0}
    maps = np.zeros((len(windows), windows.bins, 1, ROWS, COLUMNS), np.float16)
    maps[:, :, :, ROWS // 2] = 1
    far = replace(windows, maps=maps, map_kinds=("range_azimuth",), map_step=4.75 / ROWS)
    changed = augment(far, Augment(**still, range=0.5), np.random.default_rng(0))
    before, after = (np.linalg.norm(w.position, axis=1)[w.offsets[:-1]] for w in (far, changed))
    rows = changed.maps[:, 0, 0].max(2).argmax(1) - ROWS // 2
    assert np.ptp(rows) > 5
    # By whole cells of 0.1 m; single points lie beside the line of sight to the middle.
    np.testing.assert_allclose(rows * far.map_step, after - before, atol=0.5 * far.map_step + 0.05)


def test_maps_go_faster_and_turn_with_the_points(windows: Windows) -> None:
    still = {"drop": 0, "ghost": 0, "jitter": 0, "shift": 0, "mirror": 0, "move": 0, "level": 0, "speed": 0}
    # Straight lines between columns leave the centre of so smooth a bell to a twentieth of a column, 0.011 m/s.
    fast = with_blob(windows, "range_doppler", np.linspace(-1, 1, len(windows)))
    changed = augment(fast, Augment(**{**still, "speed": 0.3}), np.random.default_rng(0))
    tempo = np.array([changed.take([k]).velocity[0] / fast.take([k]).velocity[0] for k in range(len(fast))])
    assert np.ptp(tempo) > 0.4
    np.testing.assert_allclose(centres(changed), tempo * centres(fast), atol=0.011)
    wide = with_blob(windows, "range_azimuth", np.linspace(-0.15, 0.15, len(windows)))
    changed = augment(wide, Augment(**still, turn=0.15), np.random.default_rng(0))
    before, after = (np.arctan2(w.position[:, 0], w.position[:, 1])[w.offsets[:-1]] for w in (wide, changed))
    assert np.ptp(after - before) > 0.3
    np.testing.assert_allclose(centres(changed) - centres(wide), after - before, atol=0.005)
