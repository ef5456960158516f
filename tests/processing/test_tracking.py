"""People who cross are kept apart, clutter starts nobody."""

import numpy as np
import pytest
import torch
from sklearn.cluster import DBSCAN

from mmsynth.processing.tracking import (
    Tracking,
    _assign,
    _Person,
    _predict,
    _update,
    cluster_points,
    dense_groups,
    track_people,
)
from mmsynth.types import PointCloud


def crowd(paths, frames=90, rate=30.0, clutter=2, seed=0) -> tuple[PointCloud, torch.Tensor]:
    """A cloud of 12 points a person and frame around `paths` (functions of time to x, y), and who each point is."""
    rng = np.random.default_rng(seed)
    position, velocity, who, count = [], [], [], []
    for t in np.arange(frames) / rate:
        here = 0
        for i, path in enumerate(paths):
            centre, speed = np.array(path(t)), (np.array(path(t + 0.01)) - path(t)) / 0.01
            body = np.c_[centre + rng.normal(scale=0.15, size=(12, 2)), rng.uniform(-1, 0.6, 12)]
            position.append(body)
            velocity.append(np.full(12, speed @ centre / np.linalg.norm(centre)))
            who += [i] * 12
            here += 12
        position.append(rng.uniform([-3, 0.5, -1], [3, 6, 1.5], size=(clutter, 3)))
        velocity.append(np.zeros(clutter))
        who += [-1] * clutter
        count.append(here + clutter)
    points = torch.from_numpy(np.concatenate(position))
    nothing = torch.full((len(points),), float("nan"))
    offsets = torch.tensor([0, *np.cumsum(count)])
    times = torch.arange(frames, dtype=torch.float64) / rate
    return PointCloud(points, torch.from_numpy(np.concatenate(velocity)), nothing, nothing, nothing, offsets, times), (
        torch.tensor(who)
    )


def test_two_people_who_pass_each_other_keep_their_ids():
    def left(t):
        return -1.5 + t, 2.5

    def right(t):
        return 1.5 - t, 4.0

    cloud, who = crowd([left, right])
    tracks = track_people(cloud, Tracking())
    assert set(tracks.person.tolist()) == {0, 1}
    owner = {int(tracks.point_person[who == i].mode().values) for i in (0, 1)}
    assert owner == {0, 1}
    for i, path in enumerate((left, right)):
        person = int(tracks.point_person[who == i].mode().values)
        assert float((tracks.point_person[who == i] == person).double().mean()) > 0.95
        rows = tracks.person == person
        truth = np.array([path(t) for t in tracks.frame[rows].numpy() / 30])
        error = np.linalg.norm(tracks.position[rows].numpy() - truth, axis=1)
        # A centroid of 12 points with 0.15 m each side scatters by 0.06 m; clutter pulls at it.
        assert np.sqrt((error[15:] ** 2).mean()) < 0.08  # half a second to find its velocity
        assert tracks.velocity[rows][45:].mean(0).numpy() == pytest.approx([1 - 2 * i, 0], abs=0.1)


def test_a_person_who_is_lost_for_half_a_second_is_the_same_one():
    cloud, _ = crowd([lambda t: (-1.0 + 0.8 * t, 2.5)], clutter=0)
    keep = ~((cloud.frame_index() >= 40) & (cloud.frame_index() < 55))
    offsets = torch.nn.functional.pad(torch.bincount(cloud.frame_index()[keep], minlength=90).cumsum(0), (1, 0))
    fields = (cloud.position, cloud.velocity, cloud.intensity, cloud.snr_db, cloud.noise_db)
    gap = PointCloud(*(f[keep] for f in fields), offsets, cloud.times)
    assert set(track_people(gap, Tracking()).person.tolist()) == {0}
    assert set(track_people(gap, Tracking(forget=0.2)).person.tolist()) == {0, 1}


def test_people_are_counted_as_they_appear():
    cloud, who = crowd([lambda t: (-1.0, 2.5), lambda t: (1.0, 4.0)], frames=40, clutter=0)
    # The first of the two comes a second later.
    keep = ~((who == 0) & (cloud.frame_index() < 20))
    offsets = torch.nn.functional.pad(torch.bincount(cloud.frame_index()[keep], minlength=40).cumsum(0), (1, 0))
    fields = (cloud.position, cloud.velocity, cloud.intensity, cloud.snr_db, cloud.noise_db)
    tracks = track_people(PointCloud(*(f[keep] for f in fields), offsets, cloud.times), Tracking())
    assert tracks.frame[tracks.person == 0].min() == 0 and tracks.frame[tracks.person == 1].min() == 20
    assert tracks.point_person[who[keep] == 0].unique().tolist() == [1]


def test_echoes_by_way_of_a_wall_are_nobody():
    """Behind a person, a detour of one metre farther, two of its points come again in every frame."""
    cloud, who = crowd([lambda t: (0.5 * t, 2.0)], clutter=0)
    again = torch.arange(len(who)) % 12 < 2
    position = torch.cat([cloud.position, cloud.position[again] * 1.5])
    frame = torch.cat([cloud.frame_index(), cloud.frame_index()[again]])
    order = frame.argsort(stable=True)
    nothing = torch.full((len(frame),), float("nan"))
    offsets = torch.nn.functional.pad(torch.bincount(frame).cumsum(0), (1, 0))
    velocity = torch.cat([cloud.velocity, cloud.velocity[again]])
    seen = PointCloud(position[order], velocity[order], nothing, nothing, nothing, offsets, cloud.times)
    assert set(track_people(seen, Tracking()).person.tolist()) == {0}
    assert set(track_people(seen, Tracking(min_points=3)).person.tolist()) > {0}


def test_scattered_clutter_is_nobody():
    cloud, _ = crowd([], clutter=6)
    assert sum((found >= 0).sum() for found in cluster_points(cloud, Tracking())) < 0.1 * len(cloud.velocity)
    assert len(track_people(cloud, Tracking()).person) == 0


def test_what_was_not_recorded_is_no_reason_to_lose_anybody():
    """Sets without Doppler have NaN for velocities; a point at no place belongs to nobody."""
    cloud, _ = crowd([lambda t: (-1.0 + 0.8 * t, 2.5)], frames=30, clutter=0)
    position, nothing = cloud.position.clone(), torch.full_like(cloud.velocity, float("nan"))
    position[::12] = float("nan")
    fields = (cloud.intensity, cloud.snr_db, cloud.noise_db, cloud.offsets, cloud.times)
    tracks = track_people(PointCloud(position, nothing, *fields), Tracking())
    assert set(tracks.person.tolist()) == {0}
    assert (tracks.point_person[::12] == -1).all()
    assert float((tracks.point_person == 0).double().mean()) > 0.85  # of 11/12


def test_what_is_not_known_of_a_person_grows_with_time_and_not_with_frames():
    # A start of none: after 0.9 s in one step or in thirty, the spread of one who draws another acceleration every
    # `persistence` and keeps it (variances of the sums by hand; the filter's white one lacks what is within a draw).
    settings = Tracking(acceleration=2.0, persistence=0.03)
    one, many = (_Person(np.zeros(4), np.zeros((4, 4)), 0.0, [], []) for _ in range(2))
    _predict(one, 0.9, settings)
    for _ in range(30):
        _predict(many, 0.03, settings)
    np.testing.assert_allclose(one.spread, many.spread, rtol=1e-9)
    draws, steps = 30, 0.03
    after = (draws - 0.5 - np.arange(draws)) * steps  # m/s of each draw are so long on the way
    want = (2.0 * steps) ** 2 * np.array([[(after**2).sum(), after.sum()], [after.sum(), draws]])
    np.testing.assert_allclose(one.spread[np.ix_([0, 2], [0, 2])], want, rtol=2e-3)
    np.testing.assert_allclose(one.spread[np.ix_([0, 2], [1, 3])], 0)


def test_a_cluster_and_a_person_are_weighed_by_what_each_is_known_to():
    """Two normal variables: their difference has the sum of their variances, their mean the sum of their precisions."""
    settings, spread = Tracking(scatter=0.3, gate=9.0), 0.4
    reach = np.sqrt(settings.gate * (0.3**2 + spread**2))  # 1.5 m: 0.9 and 1.2 of either alone
    for share, pairs in ((0.99, [(0, 0)]), (1.01, [])):
        person = _Person(np.zeros(4), np.diag([spread**2] * 2 + [1.0] * 2), 0.0, [], [])
        assert _assign([person], [np.array([0.0, share * reach])], settings) == pairs
    _update(person, np.array([1.0, 0.0]), settings)
    np.testing.assert_allclose(person.state, [spread**2 / (0.3**2 + spread**2), 0, 0, 0], atol=1e-12)
    kept = 1 / (1 / 0.3**2 + 1 / spread**2)
    np.testing.assert_allclose(person.spread, np.diag([kept, kept, 1, 1]), atol=1e-12)


@pytest.mark.parametrize("count", [0, 1, 5, 40, 400])
def test_groups_are_those_of_another_dbscan(count):
    """Also their order, and whose the points are that two groups reach."""
    rng = np.random.default_rng(count)
    for spread, fewest in ((0.3, 3), (0.6, 5), (1.5, 5), (1.5, 12)):
        points = rng.normal(scale=spread, size=(count, 3)).round(1)
        want = DBSCAN(eps=0.35, min_samples=fewest).fit_predict(points) if count else np.empty(0)
        np.testing.assert_array_equal(dense_groups(points, 0.35, fewest), want)


def test_clusters_are_of_a_frame_and_those_before_it_however_many_are_clustered_at_once(monkeypatch):
    cloud, _ = crowd([lambda t: (-1.5 + t, 2.5), lambda t: (1.5 - t, 2.6)], frames=60, clutter=4)
    settings = Tracking(min_points=12)
    at, offsets = torch.cat([cloud.position, cloud.velocity[:, None]], 1).numpy(), cloud.offsets.tolist()
    scaled = at * [1, 1, settings.height_weight, settings.velocity_weight]
    for pairs in (1, 20_000, 1_000_000):
        monkeypatch.setattr("mmsynth.processing.tracking._PAIRS", pairs)
        found = np.concatenate(list(cluster_points(cloud, settings)))
        for frame in range(60):
            low, high = offsets[max(frame - 2, 0)], offsets[frame + 1]
            of_three = DBSCAN(eps=settings.radius, min_samples=12).fit_predict(scaled[low:high])
            own, got = of_three[offsets[frame] - low :], found[offsets[frame] : high]
            assert ((own < 0) == (got < 0)).all()
            np.testing.assert_array_equal(
                np.unique(own, return_inverse=True)[1], np.unique(got, return_inverse=True)[1]
            )


def test_how_far_it_is_is_told_frame_by_frame():
    cloud, _ = crowd([lambda t: (0.0, 2.5)], frames=8)
    told = []
    track_people(cloud, Tracking(), lambda done, total: told.append((done, total)))
    assert told == [(done, 8) for done in range(1, 9)]


def test_an_empty_cloud_has_no_tracks():
    cloud, _ = crowd([], frames=3, clutter=0)
    tracks = track_people(cloud, Tracking())
    assert tracks.position.shape == (0, 2) and tracks.point_person.shape == (0,)


def test_a_person_who_turns_back_is_followed():
    def path(t):
        return 0.3 + 1.2 * np.sin(2 * np.pi * t / 4), 2.5  # to and fro, up to 1.9 m/s and 3 m/s^2

    cloud, who = crowd([path], frames=240, clutter=1)
    tracks = track_people(cloud, Tracking())
    assert set(tracks.person.tolist()) == {0}
    assert float((tracks.point_person[who == 0] == 0).double().mean()) > 0.97
    truth = np.array([path(t) for t in tracks.frame.numpy() / 30])
    error = np.linalg.norm(tracks.position.numpy() - truth, axis=1)
    # The steady filter has a bandwidth of (3^2 0.3 / (0.2^2 / 30))^(1/4) = 6.7 rad/s, so it lags by a / 6.7^2, 0.05 m
    # rms, beside the centroid's 0.06.
    assert np.sqrt((error[15:] ** 2).mean()) < 0.08
