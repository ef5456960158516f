"""Curves of poses whose answer is known."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from made_up import PERSON, dressed, quiet, swing, written

from mmsynth.datasets import Attributes, Dataset, DatasetWriter, LabelTable
from mmsynth.evaluation import share_curve
from mmsynth.evaluation.mars import held_out_people, write_skeletons
from mmsynth.evaluation.mars_rows import pose_rows
from mmsynth.evaluation.networks import NetworkPlan
from mmsynth.evaluation.pose import score_poses
from mmsynth.evaluation.pose_curve import ADAPTED, PoseStudy, cell, pose_curves, recordings, stretches
from mmsynth.motion import read_motion
from mmsynth.training import fit, predict_poses
from mmsynth.training.augment import Augment
from mmsynth.training.frames import Frames
from mmsynth.training.material import FrameMaterial
from mmsynth.training.recipe import Data, Optimise, Recipe
from mmsynth.types import Labels, PointCloud, Sample, Skeleton


def poses(people: int, frames: int, seed: int) -> Frames:
    """Two joints that follow two latent numbers, which twelve features show with noise; ten recordings of each."""
    draw = np.random.default_rng(seed)
    subject = np.repeat(np.array([f"p{k}" for k in range(people)], object), 10 * frames)
    clip = np.repeat(np.arange(10 * people), frames)
    latent = draw.uniform(-1, 1, (len(subject), 2))
    mixing = np.random.default_rng(0).normal(0, 1, (2, 12))
    table = (latent @ mixing + draw.normal(0, 0.05, (len(subject), 12))).astype(np.float32)
    joints = np.repeat(latent[:, :, None], 3, 2).astype(np.float32)
    return Frames(table, np.zeros((len(table), 3)), joints, np.ones(len(table)), subject, np.zeros(len(table)), clip)


def study(real: Frames, synthetic: Any, training: Recipe, out: Path, *shares: float, seed: int = 0) -> PoseStudy:
    """Each person in turn is held out; ten recordings of each are five moves in two parts."""
    held = dict(held_out_people(real))
    made = synthetic if isinstance(synthetic, dict) else dict.fromkeys(held, synthetic)
    plan = NetworkPlan(training, (seed,), shares)
    return PoseStudy(real, real.clip // 2, held, made, "mars19", plan, out, ("pretrain", "mix"))


def test_a_share_is_one_unbroken_stretch_of_every_recording() -> None:
    real = poses(3, 50, 1)
    rows = stretches(real.clip // 2, 0.1, np.random.default_rng(0))
    # Fifteen recordings (move of a person) of 100 frames.
    assert len(rows) == 150 and all((np.diff(run) == 1).all() for run in rows.reshape(15, 10))
    assert len(set((real.clip[rows] // 2).tolist())) == 15


def recipe(steps: int, width: int) -> Recipe:
    quick = Optimise(steps=steps, pretrain_steps=0, batch=32, rate=3e-3, decay=0.01)
    return Recipe(
        Data(real=(Path("none.h5"),)),
        "pose",
        model="histograms",
        width=width,
        optimise=quick,
        augment=Augment(mirror=0.0),
    )


def test_synthetic_poses_of_the_same_relation_help_where_few_are_real(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmsynth.evaluation.pose_curve.joint_names", lambda _: ("hip", "head"))
    # One frame of each of ten recordings.
    own = study(poses(3, 60, 2), poses(4, 100, 3), recipe(240, 32), tmp_path, 0.001)
    curves = pose_curves(own, quiet)
    curve = curves["mae"]
    constant, alone, _, after, both, _ = (values[1, 0] for values in curve.scores.values())
    assert (both < alone).all() and max(after.mean(), both.mean()) < alone.mean()
    nothing, adapted = (curve.scores[arm][0, 0] for arm in ("pre-trained, sizes", ADAPTED))
    assert (nothing < constant).all() and curve.best(("alone", "mixed, sizes"))[1] == "mixed, sizes"
    # Each score stands where its person and share do; the ledger's rows are these numbers again.
    for g, name in enumerate(own.held):
        for k, share in enumerate(curve.shares):
            for values, kind in zip(cell(own, name, share, 0), curves.values(), strict=True):
                said = [kind.scores[arm][k, 0, g] for arm in own.arms]
                np.testing.assert_array_equal(said, values.mean(1))
    kept = json.loads((tmp_path / "mpjpe" / "curve.json").read_text())["joints"]
    each = [kept[joint]["mixed, sizes"][1] for joint in ("hip", "head")]
    assert np.mean(each) == pytest.approx(curves["mpjpe"].scores["mixed, sizes"][1].mean()) and each[0] != each[1]
    assert kept["hip"]["mixed, sizes"][0] is None
    rows = {r.experiment + r.model: r for r in pose_rows(curve, "clips")}
    assert rows["mars/loso_gain_0_cmperceptron, mixed, sizes"].value == pytest.approx(both.mean() - alone.mean())
    assert rows["mars/zero_shot_cmperceptron"].value == pytest.approx(nothing.mean())
    assert rows["mars/zero_shot_adapted_cmperceptron"].value == pytest.approx(adapted.mean())
    assert len(rows) == 5


def test_recordings_without_labels_mend_what_simulation_lacks_in_every_frame_alike(tmp_path: Path) -> None:
    real, synthetic = poses(3, 60, 2), poses(4, 100, 3)
    less = replace(synthetic, table=synthetic.table - np.linspace(-2, 1, 12, dtype=np.float32))
    own = study(real, less, recipe(240, 32), tmp_path)
    for name in own.held:
        maes = dict(zip(own.arms, cell(own, name, 0.0, 0)[0].mean(1), strict=True))
        assert maes[ADAPTED] < 0.5 * maes["pre-trained, sizes"]


def test_labels_that_are_withheld_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither those of the others beyond the share, nor those of the person held out, who is told of by the points."""
    # What is said of the first four frames in the place of how it errs.
    monkeypatch.setattr("mmsynth.evaluation.pose_curve.errors_of", lambda guess, truth: guess[:4, :, 0])
    real, synthetic = poses(3, 40, 4), poses(3, 40, 5)
    right = study(real, synthetic, recipe(20, 8), tmp_path / "right", 0.2)
    there = right.held["p1"]
    for share in (0.0, 0.2):
        shown = np.zeros(len(real), bool)
        if share:
            rows = stretches(right.recording[~there], share, np.random.default_rng([7, 1]))
            shown[np.flatnonzero(~there)[rows]] = True
        joints = np.where(shown[:, None, None], real.joints, 3 - real.joints).astype(np.float32)
        false = replace(real, joints=joints, size=np.where(shown, real.size, 2.0))
        wrong = replace(right, real=false, out=tmp_path / f"wrong-{share}")
        np.testing.assert_array_equal(cell(wrong, "p1", share, 7), cell(right, "p1", share, 7))


def test_everybody_is_held_against_the_others_mean_and_his_own_synthetic_poses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three people of two joints whose poses never change, 1 m beside each other; the second joint is 0.5 m ahead."""
    monkeypatch.setattr("mmsynth.evaluation.pose_curve.joint_names", lambda _: ("hip", "head"))
    real = poses(3, 10, 6)
    number = np.array([int(name[1:]) for name in real.subject.tolist()])
    joints = np.zeros_like(real.joints)
    joints[:, :, 0], joints[:, 1, 1] = number[:, None], 0.5 * number
    real = replace(real, joints=joints)
    # Synthetic poses for the second person lie 6 m above.
    made = {
        f"p{k}": replace(real, joints=real.joints + np.float32(6 * (k == 1)) * np.float32([0, 0, 1])) for k in range(3)
    }
    curves = pose_curves(study(real, made, recipe(20, 8), tmp_path, 1.0), quiet)
    # The others' mean is 1.5, 0 and 1.5 m aside; its second joint 0.75, 0 and 0.75 m too far or near.
    constant = {kind: curve.scores["constant pose"][:, 0] for kind, curve in curves.items()}
    assert (constant["mae"][0] == constant["mae"][1]).all()
    assert constant["mae"][0] == pytest.approx([100 * (1.5 * 2 + 0.75) / 6, 0, 100 * (1.5 * 2 + 0.75) / 6])
    assert constant["relative_mae"][0] == pytest.approx([100 * 0.75 / 6, 0, 100 * 0.75 / 6])
    assert constant["relative_mpjpe"][0, 0] == pytest.approx(75 / 2)
    kept = json.loads((tmp_path / "mpjpe" / "curve.json").read_text())["joints"]["hip"]
    assert kept["constant pose"] == pytest.approx([100, 100])
    above = curves["mae"].scores["pre-trained, sizes"][0, 0]
    assert above[1] > 150 > max(above[0], above[2])


def test_recordings_alone_have_one_size_unless_sizes_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fitted(own: Recipe, material: FrameMaterial, progress: object) -> SimpleNamespace:
        given = (part is not None for part in (material.real, material.synthetic, material.unlabelled))
        asked.append((own.sizes, own.data.schedule, *given))
        return SimpleNamespace(poses=lambda frames: frames.joints)

    monkeypatch.setattr("mmsynth.evaluation.pose_curve.fit_frames", fitted)
    own = study(poses(2, 4, 0), poses(2, 4, 1), recipe(1, 8), tmp_path)
    none = [(False, True, True), (False, True, False)]
    alone, both = (True, False, False), (True, True, False)
    for sizes, schedules in ((True, ("pretrain", "mix")), (False, ("mix",))):
        plan = replace(own.plan, training=replace(own.plan.training, sizes=sizes))
        other = replace(own, plan=plan, schedules=schedules, out=tmp_path / str(sizes))
        assert np.isfinite(cell(other, "p0", 0.0, 0)).all((0, 2)).sum() == 2
        assert [a[2:] for a in asked] == none and all(a[0] == sizes for a in asked)
        asked.clear()
        assert np.isnan(cell(other, "p0", 1.0, 0)).all((0, 2)).tolist() == [False] * (len(other.arms) - 1) + [True]
        assert [a[2:] for a in asked[: -len(schedules)]] == [alone] * (1 + sizes)
        assert [a[0] for a in asked] == [False, *[sizes] * (len(asked) - 1)]
        assert asked[-len(schedules) :] == [(sizes, schedule, *both) for schedule in schedules]
        asked.clear()


def test_names_of_people_that_are_none_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = SimpleNamespace(poses=lambda frames: frames.joints)
    monkeypatch.setattr("mmsynth.evaluation.pose_curve.fit_frames", lambda *_: right)
    own = study(poses(2, 4, 0), poses(2, 4, 1), recipe(1, 8), tmp_path)
    held = dict(zip(("of/p0", "of_p0"), own.held.values(), strict=True))
    odd = replace(own, held=held, synthetic=dict.fromkeys(held, poses(2, 4, 1)))
    for name in held:
        cell(odd, name, 1.0, 0)
    assert [path.name.rpartition("-")[0] for path in (tmp_path / "errors").iterdir()] == ["1-of_p0-0"] * 2


def test_a_curve_of_poses_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsynth.evaluation.pose_curve.joint_names", lambda _: ("hip", "head"))
    own = study(poses(2, 20, 0), poses(2, 20, 1), recipe(10, 8), tmp_path / "killed", 0.5)

    def killed(done: int, total: int) -> None:
        assert total == 4
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pose_curves(own, killed)
    first = {path: path.stat().st_mtime_ns for path in (own.out / "errors").iterdir()}
    assert len(first) == 3
    finished, whole = pose_curves(own, quiet), pose_curves(replace(own, out=tmp_path / "whole"), quiet, 2)
    for kind, curve in whole.items():
        for arm, values in curve.scores.items():
            assert np.array_equal(values, finished[kind].scores[arm], equal_nan=True)
    assert all(path.stat().st_mtime_ns == at for path, at in first.items())
    # What is kept is of the same training and the same frames alone.
    before = set((own.out / "errors").iterdir())
    higher = replace(own.real, joints=own.real.joints + np.float32(1))
    others = [replace(own, plan=replace(own.plan, training=recipe(11, 8))), replace(own, real=higher)]
    others += [replace(own, synthetic=dict.fromkeys(own.held, higher)), replace(own, schedules=("mix",))]
    for count, other in enumerate(others, 1):
        cell(other, "p0", 0.5, 0)
        assert len(set((own.out / "errors").iterdir()) - before) == count


def test_a_curve_of_a_recipe_is_what_its_trainings_are_scored_by(posed: Path, tmp_path: Path) -> None:
    """By two routes: a curve over all recordings, and what `mmsynth train` and `evaluate` make of each arm."""
    made = written(
        tmp_path / "made.h5",
        Attributes(joint_set="mars19"),
        [dressed(swing(activity, seed), seed) for seed in range(20, 26) for activity in ("fast", "slow")],
    )
    data = Data((posed,), (made,), hold_out=("p1",), schedule="mix")
    own = replace(recipe(40, 16), data=data, seed=3)
    curve, about = share_curve(own, tmp_path / "curve", quiet, (3,), (0.5, 1.0))
    assert curve.groups == ("p1",) and "12 of 12 recordings and 12 of 12 synthetic clips" in about
    assert "100 %  " in about and (tmp_path / "curve" / "mae" / "curve.txt").read_text() == curve.text() + "\n"
    alone = replace(own, data=replace(data, synthetic=()))
    for arm, row, arm_recipe in (
        ("alone", 2, replace(alone, sizes=False)),
        ("alone, sizes", 2, alone),
        ("mixed, sizes", 2, own),
        ("mixed, sizes", 0, replace(own, data=replace(data, real=(), hold_out=()))),
    ):
        run = fit(arm_recipe, tmp_path / f"{arm}-{row}", quiet)
        people = Dataset.open(posed)
        poses_ = predict_poses(run, people, np.flatnonzero(people.labels.subject == "p1"))
        # The tolerance is rounding: means over joints and frames come in another order.
        assert 100 * score_poses(poses_).mae == pytest.approx(curve.scores[arm][row, 0, 0], rel=1e-6)


def test_parts_of_a_recording_are_one_and_others_are_not() -> None:
    columns = {
        "subject": ["a", "a", "a", "b", "b", "b", "b"],
        "session": ["x"] * 7,
        "activity": ["sit", "sit", "run", "run", "run", "sit", "run"],
        "source": ["f"] * 4 + ["g"] * 3,
    }
    table = LabelTable(id=np.arange(7).astype(str), **{name: np.array(column) for name, column in columns.items()})
    clips: Any = SimpleNamespace(labels=table, part=np.zeros(7, int))
    assert recordings(clips).tolist() == [0, 0, 1, 2, 3, 4, 5]
    clips.part[1:] = 1
    assert recordings(clips).tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_skeletons_are_of_the_others_and_without_gaps(tmp_path: Path) -> None:
    times = np.arange(60) * 0.1
    times[20:] += 0.1  # one frame is missing
    with DatasetWriter(tmp_path / "mars.h5", Attributes(joint_set="mars19")) as writer:
        for k, subject in enumerate(("mars-s1", "mars-s2")):
            joints = PERSON + 0.1 * np.sin(2 * np.pi * 0.3 * times)[:, None, None] + 5 * k
            joints[50] = np.nan
            none = torch.zeros(0)
            cloud = PointCloud(
                torch.zeros(0, 3), none, none, none, none, torch.zeros(61).long(), torch.from_numpy(times)
            )
            labels = Labels("squat", subject, "2020-01-01")
            joined = torch.from_numpy(joints).float()
            writer.append(Sample(f"s{k + 1}-m06-train", labels, cloud, joints=joined, joint_set="mars19"))
    data = Dataset.open(tmp_path / "mars.h5")
    path, large = write_skeletons(data, ["mars-s1"], tmp_path / "motions", 2.0, (1.0, 1.12))
    assert (path.name, large.name) == ("squat-s2-m06-train-0020-100.npz", "squat-s2-m06-train-0020-112.npz")
    motion = read_motion(path)
    assert isinstance(motion, Skeleton) and motion.joint_set == "mars19" and len(motion.times) == 30
    # Of the second person, who is 5 m away.
    assert float(motion.positions[..., 0].mean()) > 4
    grown = read_motion(large)
    assert isinstance(grown, Skeleton)
    torch.testing.assert_close(grown.positions, 1.12 * motion.positions)
    with pytest.raises(ValueError, match="expected one of mars-s1, mars-s2"):
        write_skeletons(data, ["s1"], tmp_path / "motions", 2.0)
    # Among those of an earlier call are motions of whom this one leaves out.
    with pytest.raises(ValueError, match="motions: expected a new or empty folder"):
        write_skeletons(data, ["mars-s2"], tmp_path / "motions", 2.0)
