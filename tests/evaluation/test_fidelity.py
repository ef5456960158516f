"""Frame-by-frame comparison and pose protocols, on clouds whose answer is known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import PERSON

from mmsynth.body_models import FreeBody, load_body
from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.evaluation.fidelity import (
    SERIES,
    Pair,
    at_the_body,
    chamfer,
    chamfer_contrast,
    correlations,
    histogram_distances,
    pooled,
    series,
)
from mmsynth.evaluation.mars import constant_pose, leave_one_out
from mmsynth.evaluation.mars_pairs import Asked, compared
from mmsynth.evaluation.mars_rows import paired_rows
from mmsynth.evaluation.restage import Restaging, _surface, observe, people, restage, steady_stretch
from mmsynth.joints import SMPLX_JOINTS, convert_joints
from mmsynth.motion import Subject, generate_motion, place, resample, sample_subject
from mmsynth.radar import load_radar
from mmsynth.simulation import Simulation
from mmsynth.training.frames import Frames
from mmsynth.types import Labels, PointCloud, Sample


def test_chamfer_of_a_shifted_grid_is_the_shift() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(4.0)] * 3), -1).reshape(-1, 3)
    assert chamfer(grid, grid) == 0
    # Shifted by less than half the grid, each point's nearest is itself.
    assert chamfer(grid, grid + [0.1, 0.2, 0.2]) == pytest.approx(0.3)


def moving_clouds(draw: np.random.Generator, noise: float, frames: int = 60) -> tuple[np.ndarray, ...]:
    """Clouds that go to and fro, sideways and up, each with its own period."""
    found = []
    for k in range(frames):
        middle = np.array([0.5 * np.sin(k / 3), 2 + 0.5 * np.sin(k / 5), 0.4 * np.sin(k / 7), np.cos(k / 5)])
        found.append(middle + draw.normal(0, noise, (12, 4)))
    return tuple(found)


def test_clouds_of_one_motion_correlate_and_lie_closer_than_shuffled() -> None:
    draw = np.random.default_rng(0)
    pairs = [Pair("a", moving_clouds(draw, 0.05), moving_clouds(draw, 0.05))]
    assert all(pooled > 0.95 and within > 0.95 for pooled, within in correlations(pairs).values())
    found = chamfer_contrast(pairs, draw)
    assert found["matched"] < 0.5 * found["shuffled"]
    order = draw.permutation(60)
    other = [Pair("a", pairs[0].recorded, tuple(pairs[0].simulated[k] for k in order))]
    # Independent series of 60 frames: r beyond 4 / sqrt(60) would be four standard deviations.
    assert max(abs(pooled) for pooled, _ in correlations(other).values()) < 0.52


def test_histograms_lie_as_far_apart_as_their_points_were_moved() -> None:
    """Along each of the four quantities alone, by a whole number of its bins."""
    draw = np.random.default_rng(3)
    distance, azimuth, elevation = draw.uniform(1, 3, 400), *draw.uniform(-0.4, 0.4, (2, 400))
    velocity = draw.uniform(-2, 2, 400)

    def cloud(r: np.ndarray, a: np.ndarray, e: np.ndarray, v: np.ndarray) -> np.ndarray:
        x, y, z = np.cos(e) * np.sin(a), np.cos(e) * np.cos(a), np.sin(e)
        return np.stack([r * x, r * y, r * z, v], 1)

    base = cloud(distance, azimuth, elevation, velocity)
    steps = {"range": 0.2, "azimuth": 10.0, "elevation": 10.0, "doppler": 0.5}
    for k, (name, step) in enumerate(steps.items()):
        values = [distance, azimuth, elevation, velocity]
        values[k] = values[k] + (np.radians(step) if name in ("azimuth", "elevation") else step)
        found = histogram_distances([Pair("a", (base[:100], base[100:]), (cloud(*values),))])
        # A point on the edge of a bin may fall to either side.
        assert found.pop(name) == pytest.approx(step, rel=0.01)
        assert max(found.values()) < 0.02


def test_what_lies_beyond_the_body_is_left_out_on_both_sides() -> None:
    near, far = np.array([[0.0, 2.0, 0.0, 0.3]]), np.array([[0.0, 3.0, 0.0, 0.3]])
    pair = Pair("a", (np.concatenate([near, far]), far), (far, near), reach=np.array([[1.8, 2.2], [2.9, 3.1]]))
    found = at_the_body(pair)
    assert [f[:, 1].tolist() for f in found.recorded] == [[2.0], [3.0]]
    assert [f[:, 1].tolist() for f in found.simulated] == [[], []]


def test_frames_without_points_count_as_unknown() -> None:
    found = series((np.zeros((0, 4)), np.array([[0.0, 3.0, 4.0, -1.0]])))
    assert np.isnan(found["range"][0]) and found["range"][1] == 5 and found["doppler"][1] == -1


def test_draws_in_one_cloud_hold_the_points_of_all_of_them() -> None:
    one, two, none = np.array([[0.0, 3.0, 4.0, -1.0]]), np.array([[0.0, 6.0, 8.0, 3.0]] * 2), np.zeros((0, 4))
    draws = [[Pair("a", (one, one, one), (one, one, none), (one, one, one))]]
    draws += [[Pair("a", (one, one, one), (two, none, none), (two, one, one))]]
    [found] = pooled(draws)
    assert found.recorded == draws[0][0].recorded
    assert [[len(f) for f in side] for side in (found.simulated, found.surface)] == [[3, 1, 0], [3, 2, 2]]
    assert series(found.simulated)["range"][:2].tolist() == [10, 5]
    assert series(found.simulated)["doppler"][0] == pytest.approx(5 / 3)


def test_the_longest_stretch_has_no_gap_in_time_or_pose() -> None:
    times = torch.tensor([0.0, 0.1, 0.2, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0], dtype=torch.float64)
    joints = torch.zeros(9, 19, 3)
    joints[8] = torch.nan
    unknown = torch.zeros(0)
    cloud = PointCloud(torch.zeros(0, 3), unknown, unknown, unknown, unknown, torch.zeros(10, dtype=torch.long), times)
    sample = Sample("x", Labels(), cloud, joints, "mars19")
    assert steady_stretch(sample, 0.1, 100) == slice(3, 8)
    assert steady_stretch(sample, 0.1, 3) == slice(3, 6)


def test_a_row_of_the_comparison_is_the_mean_over_draws_and_speckle_is_averaged_away() -> None:
    draw, frames = np.random.default_rng(0), 60
    recorded, reach = moving_clouds(draw, 0.05), np.tile([1.7, 2.3], (frames, 1))
    surface = tuple(frame[:, :3] for frame in moving_clouds(draw, 0.1))
    near, far = ([Pair("a", recorded, moving_clouds(draw, noise), surface, reach)] for noise in (0.05, 0.8))
    restaging = Restaging(load_body("free-low"), load_radar("mars"))
    first, second, both = ({r.experiment: r for r in paired_rows(d, restaging)} for d in ([near], [far], [near, far]))
    # The tolerance is rounding, where both draws are alike.
    for name in first:
        one, other, mean = first[name].value, second[name].value, both[name]
        assert mean.n == 2 and mean.value == pytest.approx((one + other) / 2)
        assert mean.spread == pytest.approx(abs(one - other) / np.sqrt(2), abs=1e-12)
    assert first["mars/paired_doppler"].value > second["mars/paired_doppler"].value + 0.02
    assert first["mars/paired_chamfer_shuffled"].value < second["mars/paired_chamfer_shuffled"].value - 0.02
    # Of two draws that differ in noise alone: with each other, and both in one cloud with the recorded.
    assert not any("pooled_" in name or "self_" in name for name in first)
    alike = [[replace(near[0], simulated=moving_clouds(draw, 0.8))] for _ in range(2)]
    rows = {r.experiment.removeprefix("mars/paired_"): r for r in paired_rows(alike, restaging)}
    same = correlations([Pair("a", alike[0][0].simulated, alike[1][0].simulated)])
    body = correlations([at_the_body(Pair("a", alike[0][0].simulated, alike[1][0].simulated, reach=reach))])
    for name in SERIES:
        assert rows[f"self_{name}"].value == same[name][0] and rows[f"self_body_{name}"].value == body[name][0]
        assert rows[f"pooled_{name}"].n == 1 and rows[f"pooled_{name}"].value > rows[name].value + 0.005
        assert rows[f"body_{name}"].value < rows[f"pooled_body_{name}"].value != rows[f"pooled_{name}"].value
    assert rows["pooled_chamfer_shuffled"].value < rows["chamfer_shuffled"].value - 0.002
    assert rows["pooled_chamfer_surface"].value < rows["chamfer_surface"].value
    assert rows["self_chamfer_shuffled"].value > rows["chamfer_shuffled"].value
    mine, other = ([at_the_body(pair) for pair in each] for each in alike)
    ratio = [
        near["matched"] / near["shuffled"]
        for near in (chamfer_contrast(p, np.random.default_rng(0)) for p in (mine, other))
    ]
    assert rows["body_chamfer_shuffled"].value == pytest.approx(np.mean(ratio))
    assert rows["self_body_chamfer_shuffled"].value not in (rows["self_chamfer_shuffled"].value, np.mean(ratio))


def test_every_third_frame_is_what_the_whole_stretch_has_there() -> None:
    """Frames left out change no other: poses are smoothed and interpolated at the recording's own rate."""
    draw, body = torch.Generator().manual_seed(0), load_body("free-low")
    motion = place(generate_motion("box", 2.0, sample_subject(draw), draw), (0.0, 2.0), torch.pi)
    times = torch.arange(8, dtype=torch.float64) / 10
    joints = convert_joints(body.joints(resample(motion, times)), SMPLX_JOINTS, "mars19").float()
    empty = torch.zeros(0)
    cloud = PointCloud(torch.zeros(0, 3), empty, empty, empty, empty, torch.zeros(9, dtype=torch.long), times)
    sample = Sample("x", Labels(), cloud, joints, "mars19")
    restaging = Restaging(body, load_radar("mars"), Simulation(static_room=False), (0.0, 0.0, 1.0), floor=None)
    whole, some = (restage(sample, stretch, restaging, 0).samples for stretch in (slice(1, 8), slice(1, 8, 3)))
    # Skinning in float32 rounds by the number of frames, to some 1e-7 m: 3e-4 of a radian.
    apart = [(some[1] - whole[k]).abs().max() / whole.abs().max() for k in (1, 3)]
    assert apart[1] < 2e-3 < 0.05 < apart[0] and (some - whole[::3]).abs().max() < 2e-3 * whole.abs().max()
    restaged = restage(sample, slice(1, 8, 3), restaging, 0)
    seen, other = (observe(sample, slice(1, 8, 3), restaged, replace(restaging, draw=draw), 0) for draw in (0, 1))
    assert len(seen.recorded) == len(seen.simulated) == len(seen.surface) == 3
    assert max(len(frame) for frame in seen.simulated) > 5  # a boxer; the first may hold still
    # Another draw of noise is another cloud of the same frames; a row is the mean over draws.
    assert not any(np.array_equal(*frames) for frames in zip(seen.simulated, other.simulated, strict=True))
    assert all(np.array_equal(*frames) for frames in zip(seen.recorded, other.recorded, strict=True))


def test_comparing_traces_every_draw_of_every_recording_anew(tmp_path: Path) -> None:
    """Two parts of three, two variants of processing, two draws: each what `restage` and `observe` make of it alone.

    The one person in them is seen smaller in one part, and has one body.
    """
    file, times, empty = tmp_path / "mars.h5", torch.arange(5, dtype=torch.float64) / 10, torch.zeros(0)
    with DatasetWriter(file, Attributes(joint_set="mars19")) as writer:
        for k, part in enumerate(("train", "validate", "test")):
            joints = (
                (0.9 if part == "test" else 1.0) * PERSON
                + [0.0, 2 + 0.2 * k, 0.0]
                + 0.1 * times.numpy()[:, None, None] * [0.0, 1.0, 0.0]
            )
            cloud = PointCloud(torch.zeros(0, 3), empty, empty, empty, empty, torch.zeros(6, dtype=torch.long), times)
            writer.append(
                Sample(f"s1-m01-{part}", Labels(subject="s1"), cloud, torch.from_numpy(joints).float(), "mars19")
            )
    one = Restaging(load_body("free-low"), load_radar("mars"), Simulation(static_room=False, method="points"))
    group = {"one": one, "loud": replace(one, noisy=False)}
    told: list[tuple[int, int]] = []
    found = list(compared(Asked(file, ("train", "test"), 3, draws=2), [group], lambda *done: told.append(done)))
    assert told == [(1, 2), (2, 2)]
    assert [name for name, _, _ in found] == ["one", "loud"]
    dataset, clouds = Dataset.open(file), []
    shapes = people(((dataset[k], slice(0, 3)) for k in range(3)), one)
    assert list(shapes) == ["s1"]
    for name, _, draws in found:
        assert [[pair.name[7:] for pair in pairs] for pairs in draws] == [["train", "test"]] * 2
        for draw, pairs in enumerate(draws):
            for k, pair in zip((0, 2), pairs, strict=True):
                own = replace(group[name], shapes=shapes, draw=draw)
                alone = observe(dataset[k], slice(0, 3), restage(dataset[k], slice(0, 3), own, k), own, k)
                for made, expected in zip(pair.simulated, alone.simulated, strict=True):
                    np.testing.assert_array_equal(made, expected)
                clouds.append(np.concatenate(pair.simulated).tobytes())
    assert len(set(clouds)) == 8


def test_a_radar_that_comes_after_the_camera_sees_what_it_showed_before() -> None:
    """Somebody slides at 1 m/s: 0.05 s earlier they were 5 cm back, also in the first frame."""
    body, times = load_body("free-low"), torch.arange(4, dtype=torch.float64) / 10
    still = place(generate_motion("stand", 1.0, Subject(1), torch.Generator()), (0.0, 2.0), torch.pi)
    slid = torch.stack([times, 0 * times, 0 * times], 1)[:, None]
    joints = (convert_joints(body.joints(still), SMPLX_JOINTS, "mars19")[:1] + slid).float()
    empty = torch.zeros(0)
    cloud = PointCloud(torch.zeros(0, 3), empty, empty, empty, empty, torch.zeros(5, dtype=torch.long), times)
    sample = Sample("x", Labels(), cloud, joints, "mars19")
    simulation = Simulation(static_room=False, method="points")
    level = Restaging(body, load_radar("mars"), simulation, (0.0, 0.0, 1.0), smoothing=0.0, floor=None)
    seen, later = (restage(sample, slice(0, 4), replace(level, lag=lag), 0) for lag in (0.0, 0.05))
    for now, then in zip(seen.surface, later.surface, strict=True):
        # Labels have 32 bits: they are that true to a micrometre.
        assert (then - now).mean(0) == pytest.approx([-0.05, 0, 0], abs=1e-6)


def standing(body: FreeBody) -> Sample:
    """Four frames of somebody who stands still 2 m before the radar, and no point."""
    times, empty = torch.arange(4, dtype=torch.float64) / 10, torch.zeros(0)
    still = place(generate_motion("stand", 1.0, Subject(1), torch.Generator()), (0.0, 2.0), torch.pi)
    joints = convert_joints(body.joints(still), SMPLX_JOINTS, "mars19")[:1].float().expand(4, -1, -1)
    cloud = PointCloud(torch.zeros(0, 3), empty, empty, empty, empty, torch.zeros(5, dtype=torch.long), times)
    return Sample("x", Labels(), cloud, joints, "mars19")


def test_sway_moves_the_trunk_and_no_foot_and_every_draw_its_own_way() -> None:
    body = load_body("free-low")
    level = Restaging(body, load_radar("mars"), Simulation(static_room=False, method="points"), (0.0, 0.0, 1.0))
    moved = []
    for draw in (0, 1):
        still, first = (
            restage(standing(body), slice(0, 4), replace(level, sway=sway, draw=draw), 0).surface
            for sway in (0.0, 0.025)
        )
        away = [now - was for was, now in zip(still, first, strict=True)]
        # A few points change the facet that they were drawn on.
        high, low = (
            np.median(np.concatenate([d[part(was[:, 2])] for was, d in zip(still, away, strict=True)]), axis=0)
            for part in (lambda z: z > 1.4, lambda z: z < 0.5)
        )
        # Turns of 0.025 rad/s at 0.3 to 2 Hz are half a degree a joint, up to a cm at the shoulders.
        assert 0.001 < np.linalg.norm(high) < 0.03 and np.linalg.norm(low) < 1e-6
        moved.append(high)
    assert np.linalg.norm(moved[1] - moved[0]) > 1e-3


def test_a_draw_of_speckle_is_the_same_body_a_little_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands still: every draw moves it as a whole, by some cm, and its cells are other sums of the same echoes."""
    # Of each draw the same points of the skin.
    monkeypatch.setattr("mmsynth.evaluation.restage._surface", lambda mesh, frames, draw: _surface(mesh, frames, 0))
    body = load_body("free-low")
    sample = standing(body)
    simulation = Simulation(static_room=False, diffuse=False)
    level = Restaging(body, load_radar("mars"), simulation, (0.0, 0.0, 1.0), floor=None)
    first, *others = (restage(sample, slice(0, 4), replace(level, draw=draw), 0) for draw in range(5))
    moved, turned, coherence = [], [], []
    for other in others:
        # The nearest rigid motion (Kabsch) of points of the skin leaves nothing over.
        was, now = (r.surface[0] - r.surface[0].mean(0) for r in (first, other))
        u, _, v = np.linalg.svd(was.T @ now)
        assert np.abs(was @ u @ v - now).max() < 1e-6
        turned.append(np.degrees(np.arctan2((u @ v)[0, 1], (u @ v)[0, 0])))
        moved.append((other.surface[0] - first.surface[0]).mean(0))
        product = torch.vdot(first.samples.flatten(), other.samples.flatten()).abs()
        coherence.append(float(product / (first.samples.norm() * other.samples.norm())))
    spread = np.std(moved, axis=0)
    assert np.abs(moved).max() < 0.04
    # A shift along the line of sight alone would leave 0.99.
    assert np.mean(coherence) < 0.8
    assert (spread > 0.003).all() and (spread < 0.03).all() and 0.3 < np.std(turned) < 3


def test_the_constant_pose_is_the_others_mean_and_trees_learn_what_tells_the_pose() -> None:
    draw = np.random.default_rng(1)
    height = draw.uniform(0, 1, 600)
    subject = np.repeat(["a", "b", "c"], 200)
    joints = np.zeros((600, 2, 3), np.float32)
    joints[:, :, 2] = height[:, None]
    table = (height[:, None] + draw.normal(0, 0.01, (600, 6))).astype(np.float32)
    poses = Frames(table, table, joints, np.ones(600), subject, np.zeros(600), np.zeros(600, int))
    # Mean absolute deviation of a uniform height is 0.25 m, on one coordinate of three.
    assert np.mean(list(constant_pose(poses).values())) == pytest.approx(100 * 0.25 / 3, rel=0.1)
    assert max(leave_one_out(poses, 0, 20).values()) < 2.0
