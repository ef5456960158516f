"""Poses: targets in their time bins, networks that learn them, scores of what they tell."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import quiet

from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.evaluation import evaluate_poses
from mmsynth.evaluation.evaluate import SEEN
from mmsynth.evaluation.pose import PoseReport, score_poses
from mmsynth.joints import JOINT_SETS, bones, mirror_order
from mmsynth.training import fit, load_run, predict, predict_poses
from mmsynth.training.augment import Augment
from mmsynth.training.losses import PoseLoss, pose_loss
from mmsynth.training.predict import lay_out
from mmsynth.training.recipe import Data, Optimise, Recipe
from mmsynth.training.windows import Windows, WindowSettings, cut
from mmsynth.types import Labels, PointCloud, Sample

NAMES = tuple(JOINT_SETS["mars19"])
QUICK = Optimise(steps=60, pretrain_steps=0, batch=16, every=30, warmup=5, patience=0, rate=5e-3)


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
    assert (
        SEEN.format(3) in PoseReport(scores, scores, seen=3).text()
        and "trained on" not in PoseReport(scores, scores).text()
    )


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
