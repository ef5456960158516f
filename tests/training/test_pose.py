"""Poses and heatmaps: targets in their time bins, augmentation that keeps them true, networks that learn them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.evaluation import evaluate_poses
from mmsynth.evaluation.evaluate import SEEN
from mmsynth.evaluation.pose import PoseReport, bone_spread, score_poses
from mmsynth.joints import JOINT_SETS, bones, mirror_order
from mmsynth.training import fit, load_run, predict, predict_poses
from mmsynth.training.augment import Augment, augment
from mmsynth.training.gather import at_the_mean, gather
from mmsynth.training.losses import PoseLoss, pose_loss
from mmsynth.training.maps import COLUMNS, HALF_WIDTH, ROWS, grid, regrid, to_grid
from mmsynth.training.models import Targets, build
from mmsynth.training.networks import to_inputs
from mmsynth.training.predict import lay_out
from mmsynth.training.recipe import Data, Optimise, Recipe
from mmsynth.training.windows import Windows, WindowSettings, cut
from mmsynth.types import Heatmap, Labels, PointCloud, Sample

NAMES = tuple(JOINT_SETS["mars19"])
STILL = Augment(drop=0, ghost=0, jitter=0, speed=0, shift=0, mirror=0, turn=0, range=0, move=0, level=0)
QUICK = Optimise(steps=60, pretrain_steps=0, batch=16, every=30, warmup=5, patience=0, rate=5e-3)


def quiet(done: int, total: int) -> None:
    del done, total


@pytest.fixture(scope="module")
def windows(posed: Path) -> Windows:
    return cut(Dataset.open(posed), WindowSettings(points="all", maps=("range_doppler",)), poses=True)


def test_bones_and_sides_of_every_joint_set() -> None:
    for name, table in JOINT_SETS.items():
        order, names = mirror_order(name), tuple(table)
        assert [order[k] for k in order] == list(range(len(names))), "mirrored twice is the same"
        ends = {k for bone in bones(name) for k in bone}
        assert ends == set(range(len(names))), f"{name}: every joint has a bone"
        assert len(bones(name)) >= len(names) - 2
    assert NAMES[mirror_order("mars19")[NAMES.index("WristL")]] == "WristR"
    assert mirror_order("mars19")[NAMES.index("SpineShoulder")] == NAMES.index("SpineShoulder")
    assert (NAMES.index("KneeR"), NAMES.index("AnkleR")) in bones("mars19")


def test_poses_are_those_of_the_middle_of_each_bin(posed: Path, windows: Windows) -> None:
    joints = Dataset.open(posed).joints()
    assert joints is not None and windows.joints.shape == (36, 20, 19, 3)
    # 20 frames/s: bins of 0.1 s hold two frames each; the middle lies between them, the nearest is one of the two.
    pair = joints[:40].reshape(20, 2, 19, 3)
    assert all(np.isclose(windows.joints[0], pair[:, k]).all((1, 2)).any() for k in (0, 1))
    off = np.abs(windows.joints[0][:, None] - pair).max((2, 3)).min(1)
    assert off.max() == 0


@pytest.mark.parametrize(("rate", "gap"), [(10, ()), (20, ()), (10, (20, 27))])
def test_a_pose_is_told_at_its_own_time(rate: int, gap: tuple[int, ...], tmp_path: Path) -> None:
    keep = np.delete(np.arange(4 * rate), np.arange(*gap)) if gap else np.arange(4 * rate)
    times = torch.from_numpy(keep / rate)
    depth = (2 + 0.1 * times).float()[:, None, None]  # where it is says when it is
    none = torch.full((len(times),), torch.nan)
    position, offsets = torch.zeros(len(times), 3) + torch.tensor([0.0, 2.0, 0.0]), torch.arange(len(times) + 1)
    cloud = PointCloud(position, torch.ones(len(times)), none, none, none, offsets, times)
    joints = torch.tensor([0.0, 1.0, 0.0]) * depth.expand(-1, 19, 3)
    with DatasetWriter(tmp_path / "a.h5", Attributes(joint_set="mars19")) as writer:
        writer.append(Sample("a", Labels("walk"), cloud, joints=joints, joint_set="mars19"))
    found = cut(Dataset.open(tmp_path / "a.h5"), WindowSettings(points="all"), poses=True)
    poses = lay_out(np.pad(found.joints, ((0, 0), (0, 0), (0, 0), (0, 1))), found, "mars19")
    told = (poses.joints[:, 0, 1] - 2) / 0.1
    known = np.isfinite(told)
    assert known.sum() >= 40 - 7 * bool(gap)
    # At 20 Hz the middle of a bin lies between two frames; by a gap a neighbour a bin away stands for it.
    bound = 0.1 if gap else 0.025 if rate == 20 else 0.0
    assert np.abs(told - poses.time)[known].max() <= bound + 1e-5


def test_a_mirrored_person_has_left_and_right_exchanged(windows: Windows) -> None:
    mirrored = augment(windows, replace(STILL, mirror=1.0), np.random.default_rng(0))
    left, right = NAMES.index("ShoulderL"), NAMES.index("ShoulderR")
    assert np.allclose(mirrored.joints[:, :, left, 0], -windows.joints[:, :, right, 0])
    assert np.allclose(mirrored.joints[:, :, left, 1:], windows.joints[:, :, right, 1:])
    assert np.allclose(mirrored.position[:, 0], -windows.position[:, 0])


def test_points_and_joints_move_together(windows: Windows) -> None:
    """The distance of each point to each joint of its bin is the same after any rigid move."""
    w = windows.take([0, 5, 9])
    moved = augment(w, replace(STILL, turn=0.3, move=0.2, range=0.2), np.random.default_rng(1))
    cell = (w.time * 10).astype(int)

    def distances(of: Windows) -> np.ndarray:
        return np.linalg.norm(of.position[:, None] - of.joints[of.index, cell], axis=2)

    assert np.allclose(distances(w), distances(moved), atol=1e-5)
    assert np.abs(moved.position - w.position).max() > 0.1
    # A shift along the line of sight changes the distance of the middle by as much as the points move.
    aside = replace(w, position=w.position + np.float32([1.0, 0, 0]), joints=w.joints + np.float32([1.0, 0, 0]))
    farther = augment(aside, replace(STILL, range=0.2), np.random.default_rng(1))
    for own in (w.index == 1, w.index == 2):
        before, after = (np.median(of.position[own], axis=0) for of in (aside, farther))
        step = (farther.position - aside.position)[own]
        assert np.ptp(step, axis=0).max() < 1e-5 and np.linalg.norm(step[0]) > 0.01
        # Positions are float32: 1e-7 of 2 m over a step of centimetres.
        assert np.linalg.norm(step[0]) == pytest.approx(abs(np.linalg.norm(after) - np.linalg.norm(before)), rel=1e-4)
    # A window without points has a line of sight too.
    none = {name: getattr(w, name)[:0] for name in ("time", "position", "velocity", "intensity")}
    bare = replace(w.take([0]), offsets=np.zeros(2, int), **none)
    assert np.isfinite(augment(bare, replace(STILL, range=0.2), np.random.default_rng(1)).joints).all()


def test_a_faster_window_shows_its_poses_sooner(windows: Windows) -> None:
    """The depth of the swing in the joints stays that of the points, whatever the tempo."""
    fast = augment(windows, replace(STILL, speed=0.15), np.random.default_rng(2))
    for w in (windows, fast):
        cell = w.index * w.bins + (w.time * 10).astype(int)
        count = np.bincount(cell, minlength=len(w) * w.bins)
        depth = np.bincount(cell, w.position[:, 1], len(w) * w.bins) / np.maximum(count, 1)
        pose = w.joints.mean(2)[..., 1].ravel()
        off = (depth - pose)[count > 0] - np.median((depth - pose)[count > 0])
        # Noise of the points 0.05 / sqrt(8); half a bin of motion at 0.8 m/s is 4 cm, and one jump a window where the
        # end goes on with the start.
        assert np.median(np.abs(off)) < 0.03
    assert len(fast.time) != len(windows.time)


def test_a_grid_keeps_a_slope_and_a_level() -> None:
    coarse, fine = np.linspace(0, 6, 20), np.linspace(0, 6, 300)
    target = grid("range_doppler", (0.5, 5.5))[0]
    for source in (coarse, fine):
        weight = regrid(source, target)
        assert np.allclose(weight.sum(1), 1)
        # A triangle of the source's step interpolates; over many finer steps it averages, off by their step at most.
        assert np.allclose(weight @ source, target, atol=0.5 * 6 / 299)
    assert not regrid(np.linspace(0, 2, 20), target)[target > 2.2].any()
    _, angles = grid("range_azimuth", (0.5, 5.5))
    assert len(angles) == COLUMNS and abs(angles).max() < HALF_WIDTH["range_azimuth"]


def test_a_target_lands_in_its_cell_and_gain_does_not_matter() -> None:
    rows, columns = torch.linspace(0, 6, 150), torch.linspace(-4, 4, 33)
    power = torch.zeros(1, 150, 33)
    power[0, 60, 20] = 45.0
    there = Heatmap("range_doppler", power, rows, columns, torch.zeros(1))
    level = to_grid(there, (0.35, 5.1))[0]
    row, column = np.unravel_index(level.argmax(), level.shape)
    own_rows, own_columns = grid("range_doppler", (0.35, 5.1))
    assert abs(own_rows[row] - float(rows[60])) < 0.1 and abs(own_columns[column] - float(columns[20])) < 0.25
    louder = replace(there, power=power + 17)
    assert np.array_equal(to_grid(louder, (0.35, 5.1))[0], level)


def test_heatmaps_of_a_bin_are_the_mean_of_its_frames(posed: Path, windows: Windows) -> None:
    assert windows.maps.shape == (36, 20, 1, ROWS, COLUMNS)
    own = to_grid(Dataset.open(posed)[0].heatmaps[0], (0.35, 5.1)).astype(float)
    assert np.allclose(windows.maps[0, 3, 0], own[6:8].mean(0), atol=2e-3)  # float16 near 2: steps of 1e-3


def test_pose_loss_is_zero_at_the_truth_and_blind_to_what_is_not_known() -> None:
    truth = torch.randn(2, 5, 19, 3, generator=torch.Generator().manual_seed(0))
    said = torch.cat([truth, torch.full((2, 5, 19, 1), -3.0)], -1)
    only = PoseLoss(error=0.0)
    assert pose_loss(said, truth, "mars19", only).abs().max() == 0
    off = said.clone()
    off[0, 2, 4, 0] += 0.57
    # One coordinate of 5 * 19 * 3 is off by 0.57 m: 2 mm on average, and bones and steps with it.
    assert pose_loss(off, truth, "mars19", PoseLoss(0, 0, 0))[0] == pytest.approx(0.002, rel=1e-4)
    assert pose_loss(off, truth, "mars19", only)[0] > 0.002 and pose_loss(off, truth, "mars19", only)[1] == 0
    unknown = truth.clone()
    unknown[0, 2, 4] = torch.nan
    assert pose_loss(off, unknown, "mars19", only).abs().max() == 0


def test_the_likeliest_expected_error_is_the_true_one() -> None:
    truth = torch.zeros(1, 4, 19, 3)
    said = torch.full((1, 4, 19, 4), 0.05)
    only = PoseLoss(bones=0, motion=0, error=1.0)

    def at(scale: float) -> float:
        said[..., 3] = float(np.log(scale - 0.01))  # 1 cm is added to every scale
        return float(pose_loss(said, truth, "mars19", only))

    assert at(0.05) < min(at(0.04), at(0.0625))
    assert at(0.05) == pytest.approx(0.05 + 1 + np.log(0.05), abs=1e-5)


@pytest.mark.parametrize("model", ["points", "voxels", "heatmaps"])
def test_a_network_learns_poses(model: str, posed: Path, tmp_path: Path) -> None:
    window = WindowSettings(step=1.0, points="all", maps=("range_doppler",) if model == "heatmaps" else ())
    data = Data(synthetic=(posed,), validation=0.17)
    # The made-up skeleton is no mirror image of itself, and nothing in its points tells one from the other.
    more = {"window": window, "optimise": QUICK, "augment": Augment(mirror=0)}
    recipe = Recipe(data, "pose", model=model, width=16, **more)  # type: ignore[arg-type]
    run = fit(recipe, tmp_path / "run", quiet)
    report = evaluate_poses(load_run(run.folder), Dataset.open(posed), tmp_path / "scores")
    assert report.model.mae < 0.6 * report.constant.mae, report.text()
    assert {p.name for p in (tmp_path / "scores").iterdir()} == {"report.txt", "report.json", "poses.png"}
    found = predict_poses(run, Dataset.open(posed))
    assert found.joints.shape == (12 * 3 * 20, 19, 3) and (found.error > 0).all()
    with pytest.raises(ValueError, match="predicts poses"):
        predict(run, Dataset.open(posed))


def test_the_heatmap_network_tells_activities(posed: Path, tmp_path: Path) -> None:
    window = WindowSettings(points="all", maps=("range_doppler",))
    recipe = Recipe(Data(synthetic=(posed,)), model="heatmaps", width=16, window=window, optimise=QUICK)
    run = fit(recipe, tmp_path / "run", quiet)
    found = predict(run, Dataset.open(posed))
    assert np.mean([a == b for a, b in zip(found.label, found.truth, strict=True)]) > 0.9
    # It reads no points: recordings without any are as good.
    with Dataset.open(posed) as data, DatasetWriter(tmp_path / "bare.h5", data.attributes) as writer:
        for sample in data:
            cloud, none = sample.cloud, torch.zeros(0)
            offsets = torch.zeros_like(cloud.offsets)
            bare = PointCloud(torch.zeros(0, 3), none, none, none, none, offsets, cloud.times)
            writer.append(replace(sample, cloud=bare))
    blind = predict(run, Dataset.open(tmp_path / "bare.h5"))
    np.testing.assert_array_equal(blind.probability, found.probability)
    assert not blind.empty.any() and not found.empty.any()


def test_synthetic_poses_lie_where_recorded_ones_do_and_move_as_they_did(posed: Path, windows: Windows) -> None:
    lower = replace(windows, joints=windows.joints * 0.9 - np.float32(0.23))
    moved = at_the_mean(lower, windows)
    off = np.nanmean(moved.joints - windows.joints, axis=(0, 1), dtype=np.float64)
    assert np.abs(off).max() < 1e-6
    steps = [np.diff(w.joints, axis=1) for w in (moved, lower)]
    np.testing.assert_allclose(*steps, atol=1e-6)
    # Two files of the same clips: where the recordings are is where both are.
    data = Data(real=(posed,), synthetic=(posed,), validation=0.0, hold_out=("2020-01-01",))
    recipe = Recipe(data, task="pose", model="points")
    material = gather(recipe)
    assert material.real is not None and material.synthetic is not None
    means = [np.nanmean(w.joints, axis=(0, 1), dtype=np.float64) for w in (material.real, material.synthetic)]
    np.testing.assert_allclose(*means, atol=1e-6)
    # Recordings stay as they are.
    source = Dataset.open(posed)
    recorded = cut(source, recipe.window, np.flatnonzero(source.labels.session == "2020-01-02-a"), poses=True)
    np.testing.assert_array_equal(material.real.joints, recorded.joints)


def test_poses_follow_a_person_who_stands_elsewhere(windows: Windows) -> None:
    recipe = Recipe(Data(synthetic=(Path("a"),)), "pose", model="points", width=16)
    network = build(recipe, Targets(joint_set="mars19")).eval()
    network.head.set_means(windows)  # type: ignore[operator]
    there = replace(windows, position=windows.position + np.float32([0.3, 0, 0]))
    with torch.no_grad():
        shift = (network(to_inputs(there)) - network(to_inputs(windows)))[..., :3].mean((0, 1, 2))
    # Points are seen relative to their median: before any training the pose moves by half of it, and by what the
    # slightly longer ranges do.
    assert float(shift[0]) == pytest.approx(0.15, abs=0.01)


def test_scores_of_the_truth_itself(posed: Path) -> None:
    data = Dataset.open(posed)
    truth = cut(data, WindowSettings(points="all"), poses=True)
    said = np.concatenate([truth.joints + np.float32([0.03, 0, 0]), np.full((36, 20, 19, 1), 0.01, np.float32)], -1)
    scores = score_poses(lay_out(said, truth, "mars19"))
    assert scores.mae == pytest.approx(0.01, rel=1e-4) and scores.relative_mae == pytest.approx(0, abs=1e-6)
    assert scores.mpjpe["WristL"] == pytest.approx(0.03, rel=1e-4) and scores.bone_spread < 1e-6
    # Where the root alone is off, all others are so relative to it; errors that are expected elsewhere correlate by -1.
    said[..., 3] = 0.01
    said[..., :3] = truth.joints
    said[:, :, 0, :3] += np.float32([0.03, 0, 0])
    said[:, :, 0, 3] = 0.005
    scores = score_poses(lay_out(said, truth, "mars19"))
    assert scores.mae == pytest.approx(0.01 / 19, rel=1e-3) and scores.relative_mae == pytest.approx(
        0.18 / 19, rel=1e-3
    )
    assert scores.expected == pytest.approx((18 * 0.01 + 0.005) / 19, rel=1e-3)
    assert scores.correlation == pytest.approx(-1, abs=1e-3)


def test_bones_may_differ_from_clip_to_clip_but_not_within_one() -> None:
    joints = np.random.default_rng(0).normal(0, 1, (1, 19, 3)) * np.repeat([1.0, 1.2], 10)[:, None, None]
    clip = np.repeat(["small", "large"], 10)
    assert bone_spread(joints, clip, "mars19") == pytest.approx(0, abs=1e-12)
    assert bone_spread(joints, np.roll(clip, 1), "mars19") > 0.01


def test_a_joint_that_was_never_recorded_takes_no_score_away(posed: Path, windows: Windows) -> None:
    truth = windows.joints.copy()
    truth[:, :, NAMES.index("Head")] = np.nan
    said = np.pad(windows.joints + 0.01, ((0, 0), (0, 0), (0, 0), (0, 1)))
    poses = lay_out(said, replace(windows, joints=truth), "mars19")
    scores = score_poses(poses)
    content = json.loads(json.dumps(scores.table(), allow_nan=False))  # strict JSON
    # 1 cm along each axis, in single precision at metres.
    assert content["mpjpe"]["Head"] is None and content["mpjpe"]["Neck"] == pytest.approx(0.01 * 3**0.5, rel=1e-3)
    means = [line.split()[-1] for line in PoseReport(scores, scores).text().splitlines() if "joint distance" in line]
    assert means == ["1.73"]
    assert SEEN not in PoseReport(scores, scores).text() and SEEN in PoseReport(scores, scores, seen=True).text()


def test_joints_of_another_set_are_no_truth(posed: Path, tmp_path: Path) -> None:
    with Dataset.open(posed) as data, DatasetWriter(tmp_path / "other.h5", Attributes(joint_set="coco17")) as writer:
        writer.append(replace(data[0], joints=data[0].joints[:, :17], joint_set="coco17"))
    data, window = Dataset.open(tmp_path / "other.h5"), WindowSettings(points="all")
    own = Data(synthetic=(posed,), validation=0.0)
    for model, steps in (("points", replace(QUICK, steps=1)), ("histograms", replace(QUICK, steps=1))):
        recipe = Recipe(own, "pose", model=model, width=8, window=window, optimise=steps)  # type: ignore[arg-type]
        poses = predict_poses(fit(recipe, tmp_path / model, quiet), data)
        assert len(poses) and np.isnan(poses.truth).all() and np.isfinite(poses.joints).all()
        with pytest.raises(ValueError, match="expected recordings with joints to score poses on, got none"):
            score_poses(poses)


def test_joints_of_ones_own_are_learnt_and_scored(posed: Path, tmp_path: Path) -> None:
    """Joints that no known set names; of those that one names, bones are known."""
    assert bones("elbow left_wrist left_elbow left_shoulder") == ((3, 2), (2, 1))
    names, known = ("hub", "left_tip", "right_tip"), [NAMES.index(name) for name in ("SpineBase", "WristL", "WristR")]
    own = " ".join(names)
    assert bones(own) == () and mirror_order(own) == (0, 2, 1)
    with Dataset.open(posed) as data, DatasetWriter(tmp_path / "own.h5", Attributes(joint_set=own)) as writer:
        for sample in data:
            writer.append(replace(sample, joints=sample.joints[:, known], joint_set=own))
    window, source = WindowSettings(points="all"), Data(real=(tmp_path / "own.h5",), validation=0.0)
    for model, sizes in (("points", True), ("histograms", False)):
        recipe = Recipe(
            source, "pose", model=model, sizes=sizes, width=8, window=window, optimise=replace(QUICK, steps=3)
        )
        run = load_run(fit(recipe, tmp_path / model, quiet).folder)
        report = evaluate_poses(run, Dataset.open(tmp_path / "own.h5"), tmp_path / f"{model}-scores")
        assert tuple(report.model.mpjpe) == names and np.isnan(report.model.bone_spread) and report.seen
    with pytest.raises(ValueError, match="sizes: expected joints with bones between them, .*, got 'hub left_tip"):
        fit(replace(recipe, sizes=True), tmp_path / "sized", quiet)
    assert not (tmp_path / "sized").exists()


def test_what_does_not_fit_is_refused(posed: Path, recordings: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a network for task 'pose', got 'trees'"):
        Recipe(Data(real=(posed,)), "pose")
    with pytest.raises(ValueError, match=r"window\.maps: expected kinds of heatmaps for model 'heatmaps'"):
        Recipe(Data(real=(posed,)), model="heatmaps")
    recipe = Recipe(Data(real=(recordings,)), "pose", model="points")
    with pytest.raises(ValueError, match="expected one set of joints to train on, got none"):
        fit(recipe, tmp_path / "run", quiet)
    with pytest.raises(ValueError, match="expected heatmaps range_azimuth, got range_doppler"):
        cut(Dataset.open(posed), WindowSettings(maps=("range_azimuth",)))
