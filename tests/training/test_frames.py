"""Frames: what is told of each by the points about it, and which frames are learnt from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from training.people import cloud, people

from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.training.frames import MIRROR, frames_of, join_frames
from mmsynth.types import Labels, Sample


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of points before the radar, the second with echoes behind and beside it, and one without any."""
    path, draw = tmp_path_factory.mktemp("standing") / "standing.h5", np.random.default_rng(0)
    with DatasetWriter(path, Attributes()) as writer:
        for name, echoes in (("a", 0), ("b", 80)):
            position = np.stack([draw.normal(0, 0.05, 400), np.full(400, 2.0), draw.uniform(0, 1, 400)], 1)
            position[:echoes] += [0, 0.5, 2]
            # In no direction that there is: as far as the body, and two metres up.
            position[echoes : 2 * echoes] = [0.1, 0, 2.0]
            # As far as the body, 0.7 m beside it and low.
            position[2 * echoes : 2 * echoes + echoes // 2] = [0.7, 1.87, -0.5]
            shuffled = draw.permutation(400)
            velocity = draw.uniform(-1, 1, 400)
            writer.append(Sample(name, Labels("squat", "p0", "day"), cloud(position[shuffled], velocity, 8)))
        writer.append(Sample("c", Labels("squat", "p1", "day"), cloud(np.zeros((0, 3)), np.zeros(0), 8)))
    return path


def test_how_many_recordings_are_counted_at_once_does_not_show(standing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of all frames at once took three times the memory of the table."""
    data = Dataset.open(standing)
    whole = frames_of(data)
    assert whole.take(np.ones(len(whole), bool)) is whole
    told: list[tuple[int, int]] = []
    for size in (1, 51, 100):
        monkeypatch.setattr("mmsynth.training.frames._AT_ONCE", size)
        np.testing.assert_array_equal(frames_of(data, None, lambda *done: told.append(done)).table, whole.table)
    # The third recording, which holds no frame, begins at the end.
    assert told == [(done, 100) for done in (0, 50, 100, 0, 100, 0, 100)]


def test_a_frame_is_described_by_the_points_about_it(standing: Path) -> None:
    data = Dataset.open(standing)
    frames, flat = frames_of(data), data.points()
    counts = np.expm1(frames.table).reshape(len(frames), 5, -1)
    # Range, lateral position, height and velocity count every point once, heights and ranges by others again.
    np.testing.assert_allclose(counts[:, 0].sum(1), 7 * 8, rtol=1e-5)
    # 0.2 and 1 s on both sides are 5 and 21 frames, at the ends of a recording too.
    np.testing.assert_allclose(counts[:, 1].sum(1), 7 * 8 * 5, rtol=1e-5)
    np.testing.assert_allclose(counts[:, 2].sum(1), 7 * 8 * 21, rtol=1e-5)
    # 0.1 to 0.4 s before and after are four frames; before the first and after the last there is none.
    for span, lost in ((3, [0, 50]), (4, [49, 99])):
        whole = counts[:, span].sum(1)
        np.testing.assert_allclose(np.delete(whole, lost), 7 * 8 * 4, rtol=1e-5)
        np.testing.assert_array_equal(whole[lost], 0)
    # The eleven velocity bins come after those of range, lateral position and height.
    first = 12 + 11 + 14
    around = flat.values[flat.point_offsets[20 - 2] : flat.point_offsets[20 + 3], 3]
    expected = np.histogram(around, np.linspace(-2, 2, 12))[0]
    np.testing.assert_allclose(counts[20, 1, first : first + 11], expected, atol=1e-4)
    for span, (a, b) in ((3, (16, 20)), (4, (21, 25))):
        around = flat.values[flat.point_offsets[a] : flat.point_offsets[b], 3]
        expected = np.histogram(around, np.linspace(-2, 2, 12))[0]
        np.testing.assert_allclose(counts[20, span, first : first + 11], expected, atol=1e-4)
    assert np.isnan(frames.size).all() and frames.joints.shape == (100, 0, 3)


def test_histograms_of_a_frame_are_those_of_its_points(tmp_path: Path) -> None:
    """NumPy's, of range (not depth), side, height, velocity, of height by the velocity's sign, and both by side."""
    draw = np.random.default_rng(6)
    position = draw.uniform([-1.2, 0.9, -1.2], [1.2, 2.5, 1.1], (300, 3))
    velocity = draw.choice([-1.0, -0.04, 0.0, 0.04, 0.5], 300) * draw.uniform(0.9, 1.1, 300)
    with DatasetWriter(tmp_path / "one.h5", Attributes()) as writer:
        writer.append(Sample("one", Labels(), cloud(position, velocity, 300)))
    table = np.expm1(frames_of(Dataset.open(tmp_path / "one.h5")).table).reshape(5, -1)
    # What lies outside counts in the last bin.
    span = {"range": (1, 2.8), "side": (-1.1, 1.1), "height": (-1.1, 1), "velocity": (-2, 2)}
    span["beside"] = (-0.75, 0.75)
    value = {"range": np.linalg.norm(position, axis=1), "side": position[:, 0], "height": position[:, 2]}
    value |= {"velocity": velocity, "beside": position[:, 0]}
    value = {name: np.clip(v, *span[name]) for name, v in value.items()}
    count = {"range": 12, "side": 11, "height": 14, "velocity": 11, "beside": 5}
    edges = {name: np.linspace(*span[name], count[name] + 1) for name in span}
    # Points slower than 0.05 m/s rest.
    sign = np.sign(np.where(np.abs(velocity) > 0.05, velocity, 0))
    by_sign = np.histogram2d(value["height"], sign, [edges["height"], [-1.5, -0.5, 0.5, 1.5]])[0]
    by_side = [np.histogram2d(value[n], value["beside"], [edges[n], edges["beside"]])[0] for n in ("height", "range")]
    plain = [np.histogram(value[name], edges[name])[0] for name in ("range", "side", "height", "velocity")]
    want = np.concatenate([*plain, by_sign.ravel(), *(counts.ravel() for counts in by_side)])
    assert (np.concatenate(plain) > 0).sum() > 35
    np.testing.assert_allclose(table[0], want, atol=1e-3)


def test_the_mirrored_table_is_that_of_mirrored_points(tmp_path: Path) -> None:
    draw = np.random.default_rng(7)
    position = draw.uniform([-1.3, 0.9, -1.2], [1.3, 2.5, 1.1], (600, 3))
    # A board says x = 0 of many points, which stay where they are.
    position[::5, 0], velocity = 0, draw.uniform(-1, 1, 600)
    for name, side in (("seen", 1), ("mirrored", -1)):
        with DatasetWriter(tmp_path / f"{name}.h5", Attributes()) as writer:
            writer.append(Sample("one", Labels(), cloud(position * [side, 1, 1], velocity, 20)))
    seen, mirrored = (frames_of(Dataset.open(tmp_path / f"{name}.h5")).table for name in ("seen", "mirrored"))
    np.testing.assert_array_equal(seen[:, MIRROR], mirrored)
    assert not np.array_equal(seen, mirrored)


def test_heights_are_of_the_body_and_echoes_behind_it_or_beside_do_not_count(standing: Path) -> None:
    alone, beside = (frames_of(Dataset.open(standing), [k]).heights[0] for k in (0, 1))
    # Quantiles of 400 and 200 uniform numbers: three standard deviations of the median are 0.075 and 0.106.
    np.testing.assert_allclose(alone, [0.1, 0.25, 0.5, 0.75, 0.9], atol=0.075)
    np.testing.assert_allclose(beside, [0.1, 0.25, 0.5, 0.75, 0.9], atol=0.106)


def test_seconds_about_a_frame_are_counted_by_its_own_recording(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    with DatasetWriter(tmp_path / "two.h5", Attributes()) as writer:
        for name, rate in (("slow", 10), ("fast", 20)):
            points = cloud(draw.uniform(0.5, 1, (800, 3)), np.full(800, np.nan), 8)
            writer.append(Sample(name, Labels(), replace(points, times=points.times * 10 / rate)))
    table = np.expm1(frames_of(Dataset.open(tmp_path / "two.h5")).table).reshape(200, 5, -1)
    # Every point stands in seven histograms; a velocity that was not recorded does not move.
    np.testing.assert_allclose(table[[50, 150]].sum(2) / (7 * 8), [[1, 5, 21, 4, 4], [1, 9, 41, 7, 7]], rtol=1e-5)
    middle = 12 + 11 + 14 + 5
    np.testing.assert_allclose(table[50, :, middle] / 8, [1, 5, 21, 4, 4], rtol=1e-5)


def test_frames_that_are_missing_are_not_replaced_by_those_beyond_the_gap(tmp_path: Path) -> None:
    # A point a frame: on the left for 2 s, on the right for 2 s, with 3 s of no frame between.
    side = np.repeat([-0.4, 0.4], 20)
    points = cloud(np.stack([side, np.full(40, 2.0), np.zeros(40)], 1), np.zeros(40), 1)
    times = points.times + torch.where(points.times >= 2, 3.0, 0.0)
    # One frame more is lost within the first half.
    kept = np.delete(np.arange(40), 10)
    lost = replace(cloud(np.stack([side, np.full(40, 2.0), np.zeros(40)], 1)[kept], np.zeros(39), 1), times=times[kept])
    with DatasetWriter(tmp_path / "gap.h5", Attributes()) as writer:
        writer.append(Sample("gap", Labels(), lost))
        writer.append(Sample("next", Labels(), points))
    counts = np.expm1(frames_of(Dataset.open(tmp_path / "gap.h5")).table).reshape(79, 5, -1)
    left, right = 12 + 3, 12 + 7
    # The last frame before the gap and the first after it; the last but one of all before another recording begins.
    np.testing.assert_allclose(counts[[18, 19, 38]][:, :, left], [[1, 5, 21, 4, 0], [0] * 5, [0] * 5], rtol=1e-5)
    after = [[0] * 5, [1, 5, 21, 0, 4], [1, 5, 21, 4, 0]]
    np.testing.assert_allclose(counts[[18, 19, 38]][:, :, right], after, rtol=1e-5)
    # What is lost counts as its neighbours.
    np.testing.assert_allclose(counts[9, :, left], [1, 5, 21, 4, 4], rtol=1e-5)
    np.testing.assert_allclose(counts[39, :, left], [1, 5, 21, 0, 4], rtol=1e-5)


def test_frames_of_several_sets_keep_their_recordings_apart() -> None:
    one, two = people({"p0": 1.0}, 2, 1), people({"p1": 1.1}, 3, 2)
    both = join_frames([one, two])
    assert len(np.unique(both.clip)) == 5 and len(both) == len(one) + len(two)
    np.testing.assert_array_equal(both.clip[len(one) :] - 2, two.clip)


def test_points_without_a_position_count_nothing(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    place, speed = np.stack([draw.normal(0, 0.1, 80), np.full(80, 2.0), draw.random(80)], 1), draw.normal(0, 1, 80)
    lost = place.copy()
    lost[::8], lost[1::8, 2] = np.nan, np.inf
    kept = np.arange(80) % 8 > 1
    for name, own, velocity, count in (("lost", lost, speed, 8), ("left-out", place[kept], speed[kept], 6)):
        with DatasetWriter(tmp_path / f"{name}.h5", Attributes()) as writer:
            writer.append(Sample("a", Labels("squat", "p0", "day"), cloud(own, velocity, count)))
    found, expected = (frames_of(Dataset.open(tmp_path / f"{name}.h5")) for name in ("lost", "left-out"))
    assert np.array_equal(found.table, expected.table) and np.array_equal(found.heights, expected.heights)
