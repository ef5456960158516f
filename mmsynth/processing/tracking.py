"""Who is where: points gathered into people frame by frame, and followed over time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmsynth.arrays import check_shapes
from mmsynth.processes import Progress
from mmsynth.types import PointCloud

Array = NDArray[np.float64]
# Frames are clustered together up to so many pairs of points, of 16 bytes each if all reach one another.
_PAIRS = 1_000_000


@dataclass(frozen=True)
class Tracking:
    """Settings of clustering and tracking.

    Attributes:
        radius: m, neighbours of a point in DBSCAN.
        min_points: that make a dense neighbourhood; fewer than a person's, more than an echo's by way of a wall.
        height_weight: of a difference in z against one in x or y (elevation is coarse, people are tall).
        velocity_weight: m for each m/s of difference in radial velocity.
        frames: how many frames, the present and past ones, are clustered together.
        acceleration: standard deviation in m/s^2 of what people do.
        persistence: s for which they keep doing it.
        scatter: standard deviation in m of a cluster's centroid around the person's.
        gate: m^2 over m^2, largest squared Mahalanobis distance of a cluster that may belong to a track.
        confirm: clusters that a track needs before it counts.
        forget: s without a cluster after which a confirmed track ends.
        doubt: s without a cluster after which one that is not confirmed ends.
    """

    radius: float = 0.5
    min_points: int = 10
    height_weight: float = 0.4
    velocity_weight: float = 0.1
    frames: int = 3
    acceleration: float = 3.0
    persistence: float = 0.3
    scatter: float = 0.2
    gate: float = 13.8  # chi-square of two degrees of freedom at 0.1 %
    confirm: int = 4
    forget: float = 1.0
    doubt: float = 0.12


@dataclass(frozen=True, eq=False)
class Tracks:
    """Confirmed people over time, one row for each person and frame, and the person of each point of the cloud.

    Attributes:
        person: id of each row, from 0 in order of appearance.
        frame: of each row.
        position: x, y in the radar frame, of what echoes: of people who walk some 0.14 m nearer than their pelvis.
        velocity: x, y.
        point_person: id of each point of the cloud; -1 = nobody's.
    """

    person: Annotated[Tensor, "rows", "1"]
    frame: Annotated[Tensor, "rows", "1"]
    position: Annotated[Tensor, "rows 2", "m"]
    velocity: Annotated[Tensor, "rows 2", "m/s"]
    point_person: Annotated[Tensor, "points", "1"]

    def __post_init__(self) -> None:
        check_shapes(self)


@dataclass
class _Person:
    """A track in the making: state (x, y, vx, vy), its covariance, and what has been seen of it."""

    state: Array
    spread: Array
    last_seen: float
    rows: list[tuple[int, Array]]
    points: list[NDArray[np.int64]]


def cluster_points(cloud: PointCloud, settings: Tracking) -> Iterator[NDArray[np.int64]]:
    """Cluster [points of the frame] of each point, frame by frame; those of the same number are one, -1 = in none.

    By `dense_groups` over position and radial velocity of the points of the last `settings.frames` frames; a velocity
    that was not recorded (NaN) counts as none, a point without a finite position is in no cluster. Found for as many
    frames at once as have `_PAIRS` pairs of points.
    """
    features = torch.cat([cloud.position, cloud.velocity[:, None].nan_to_num(0.0)], 1).double().cpu().numpy()
    known = np.isfinite(features).all(1)
    features = features * [1.0, 1.0, settings.height_weight, settings.velocity_weight]
    offsets, frames = cloud.offsets.cpu().numpy(), np.arange(len(cloud.times))
    first = offsets[np.maximum(frames - settings.frames + 1, 0)]
    size = offsets[1:] - first
    label = np.full(len(features), -1)
    for batch in np.split(frames, np.flatnonzero(np.diff(np.cumsum(size**2) // _PAIRS)) + 1):
        frame = np.repeat(batch, size[batch])
        near = np.concatenate([np.empty(0, np.int64), *(np.arange(first[f], offsets[f + 1]) for f in batch)])
        frame, near = frame[known[near]], near[known[near]]
        # The frame is an axis along which none reaches another.
        found = dense_groups(np.c_[features[near], 2 * settings.radius * frame], settings.radius, settings.min_points)
        own = near >= offsets[frame]
        label[near[own]] = found[own]
        yield from (label[offsets[f] : offsets[f + 1]] for f in batch)


def dense_groups(points: Array, radius: float, fewest: int) -> NDArray[np.int64]:
    """Group [points] of each point, from 0 in the order of their first dense points; -1 = in none.

    DBSCAN (Ester et al. 1996): a point is dense with `fewest` points within `radius`, itself among them. Dense points
    within reach of one another are a group, together with the others in their reach; one in reach of several groups is
    of the first.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    count = len(points)
    pairs = cKDTree(points).query_pairs(radius, output_type="ndarray")
    dense = np.bincount(pairs.ravel(), minlength=count) + 1 >= fewest
    group = np.full(count, count)
    if dense.any():
        first, second = pairs[dense[pairs].all(1)].T
        joined = coo_array((np.ones(len(first), bool), (first, second)), (count, count))
        group[dense] = np.unique(connected_components(joined, directed=False)[1][dense], return_inverse=True)[1]
        border = pairs[dense[pairs].sum(1) == 1]
        outside = dense[border]
        np.minimum.at(group, border[~outside], group[border[outside]])
    return np.where(group < count, group, -1)


def track_people(cloud: PointCloud, settings: Tracking, progress: Progress = lambda done, total: None) -> Tracks:
    """Follow people through the frames of `cloud`, on the floor plane of the radar.

    Clusters of each frame are assigned to predicted tracks (Kalman filter of constant velocity, Hungarian assignment of
    Mahalanobis distances within a gate); what is left starts new tracks, which count once confirmed. `progress` is
    called with (frames done, frames).
    """
    times = cloud.times.double().cpu().numpy()
    place = cloud.position[:, :2].double().cpu().numpy()
    offsets = cloud.offsets.tolist()
    active: list[_Person] = []
    done: list[_Person] = []
    for frame, (time, label) in enumerate(zip(times, cluster_points(cloud, settings), strict=True)):
        members = np.arange(offsets[frame], offsets[frame + 1])
        clusters = [members[label == k] for k in np.unique(label) if k >= 0]
        centres = [place[points].mean(0) for points in clusters]
        if frame:
            for person in active:
                _predict(person, float(time - times[frame - 1]), settings)
        taken = _assign(active, centres, settings)
        for track, cluster in taken:
            _update(active[track], centres[cluster], settings)
            active[track].last_seen = float(time)
            active[track].points.append(clusters[cluster])
        for k in set(range(len(clusters))) - {cluster for _, cluster in taken}:
            state = np.concatenate([centres[k], np.zeros(2)])
            spread = np.diag([settings.scatter**2] * 2 + [1.0] * 2)  # people walk at about 1 m/s
            active.append(_Person(state, spread, float(time), [], [clusters[k]]))
        done += [person for person in active if not _lives(person, float(time), settings)]
        active = [person for person in active if _lives(person, float(time), settings)]
        for person in active:
            person.rows.append((frame, person.state.copy()))
        progress(frame + 1, len(times))
    return _gather(done + active, len(place), settings)


def _lives(person: _Person, time: float, settings: Tracking) -> bool:
    patience = settings.forget if len(person.points) >= settings.confirm else settings.doubt
    return time - person.last_seen <= patience


def _predict(person: _Person, step: float, settings: Tracking) -> None:
    move = np.eye(4)
    move[0, 2] = move[1, 3] = step
    # White acceleration of the same density, whatever the frame rate (Bar-Shalom et al. 2001, eq. 6.2.2-12).
    density = settings.acceleration**2 * settings.persistence
    noise = np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]]) * density
    person.state = move @ person.state
    person.spread = move @ person.spread @ move.T + np.kron(noise, np.eye(2))


def _assign(active: list[_Person], centres: list[Array], settings: Tracking) -> list[tuple[int, int]]:
    """Pairs (track, cluster) of least total distance, none beyond the gate."""
    from scipy.optimize import linear_sum_assignment

    cost = np.full((len(active), len(centres)), 2 * settings.gate)
    for i, person in enumerate(active):
        spread = np.linalg.inv(person.spread[:2, :2] + np.eye(2) * settings.scatter**2)
        for k, centre in enumerate(centres):
            off = centre - person.state[:2]
            cost[i, k] = min(float(off @ spread @ off), 2 * settings.gate)
    rows, columns = linear_sum_assignment(cost)
    return [(int(i), int(k)) for i, k in zip(rows, columns, strict=True) if cost[i, k] <= settings.gate]


def _update(person: _Person, centre: Array, settings: Tracking) -> None:
    gain = person.spread[:, :2] @ np.linalg.inv(person.spread[:2, :2] + np.eye(2) * settings.scatter**2)
    person.state = person.state + gain @ (centre - person.state[:2])
    person.spread = person.spread - gain @ person.spread[:2]


def _gather(people: list[_Person], points: int, settings: Tracking) -> Tracks:
    confirmed = [person for person in people if len(person.points) >= settings.confirm]
    confirmed.sort(key=lambda person: person.rows[0][0])
    rows = [(i, frame, *state) for i, person in enumerate(confirmed) for frame, state in person.rows]
    owner = np.full(points, -1)
    for i, person in enumerate(confirmed):
        owner[np.concatenate(person.points)] = i
    table = torch.tensor(rows, dtype=torch.float64).reshape(-1, 6)
    table = table[table[:, 1].argsort(stable=True)]
    return Tracks(table[:, 0].long(), table[:, 1].long(), table[:, 2:4], table[:, 4:], torch.from_numpy(owner))
