"""Pre-training on poses whose answer is known."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_up import PERSON

from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.evaluation.mars import write_skeletons
from mmsynth.evaluation.mars_transfer import ADAPTED, joint_table, pose_curves, pose_rows, stretches, transfer_errors
from mmsynth.motion import read_motion
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


def names(people: int) -> np.ndarray:
    """Of the ten recordings of each: five moves in two parts."""
    parts = ("train", "test")
    return np.array([f"p{k}-m{m}-{part}" for k in range(people) for m in range(5) for part in parts], object)


def test_a_share_is_one_unbroken_stretch_of_every_recording() -> None:
    real = poses(3, 50, 1)
    rows = stretches(real, names(3), 0.1, np.random.default_rng(0))
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


def test_synthetic_poses_of_the_same_relation_help_where_few_are_real() -> None:
    real, synthetic = poses(3, 60, 2), poses(4, 100, 3)
    found = transfer_errors(real, names(3), dict.fromkeys(real.subject, synthetic), (0.001,), recipe(240, 32), "mars19")
    # One frame of each of ten recordings.
    maes = {share: np.array([[e.mae for e in arms] for arms in own.values()]) for share, own in found.items()}
    assert (maes[0.001][:, 3] < maes[0.001][:, 0]).all()
    alone, _, after, both = maes[0.001].mean(0)
    assert max(after, both) < alone
    assert (maes[0.0][:, 1] < maes[0.0][:, 0]).all()
    # The curve and the ledger's rows are these numbers again.
    curve = pose_curves([found])["mae"]
    np.testing.assert_array_equal(curve.scores["mixed, sizes"][1, 0], maes[0.001][:, 3])
    np.testing.assert_array_equal(curve.scores["pre-trained, sizes"][0, 0], maes[0.0][:, 1])
    np.testing.assert_array_equal(curve.scores[ADAPTED][0, 0], maes[0.0][:, 2])
    each = joint_table([found], "mpjpe", ("hip", "head"))["0.001"]["mixed, sizes"]
    whole = pose_curves([found])["mpjpe"].scores["mixed, sizes"][1].mean()
    assert np.mean([each["hip"], each["head"]]) == pytest.approx(whole) and each["hip"] != each["head"]
    rows = {r.experiment + r.model: r for r in pose_rows(curve, "clips")}
    assert rows["mars/loso_gain_0_cmperceptron, mixed, sizes"].value == pytest.approx(both - alone)
    assert rows["mars/zero_shot_cmperceptron"].value == pytest.approx(maes[0.0][:, 1].mean())
    assert rows["mars/zero_shot_adapted_cmperceptron"].value == pytest.approx(maes[0.0][:, 2].mean())


def test_recordings_without_labels_mend_what_simulation_lacks_in_every_frame_alike() -> None:
    real, synthetic = poses(3, 60, 2), poses(4, 100, 3)
    less = replace(synthetic, table=synthetic.table - np.linspace(-2, 1, 12, dtype=np.float32))
    found = transfer_errors(real, names(3), dict.fromkeys(real.subject, less), (), recipe(240, 32), "mars19")[0.0]
    for _, alone, adapted in found.values():
        assert adapted.mae < 0.5 * alone.mae
    # The poses of the others are not looked at: one metre off, they change nothing.
    joints = np.where((real.subject == "p0")[:, None, None], real.joints, real.joints + 1)
    wrong = replace(real, joints=joints.astype(np.float32))
    again = transfer_errors(wrong, names(3), dict.fromkeys(real.subject, less), (), recipe(240, 32), "mars19")[0.0]
    assert again["p0"][2].mae == pytest.approx(found["p0"][2].mae)


def test_nothing_of_the_person_held_out_is_learned_from() -> None:
    real, synthetic = poses(2, 40, 4), poses(2, 40, 5)
    made = {"p0": synthetic, "p1": synthetic}
    before = transfer_errors(real, names(2), made, (0.5,), recipe(20, 8), "mars19")[0.5]["p1"]
    there = real.subject == "p1"
    # Each frame of the person twice: the mean error stays, and would not if they were trained on.
    twice = real.take(np.concatenate([np.flatnonzero(~there), np.repeat(np.flatnonzero(there), 2)]))
    after = transfer_errors(twice, names(2), made, (0.5,), recipe(20, 8), "mars19")[0.5]["p1"]
    np.testing.assert_allclose([e.mae for e in after], [e.mae for e in before], rtol=1e-4)


def test_everybody_is_held_against_the_others_mean_and_his_own_synthetic_poses() -> None:
    """Three people of two joints whose poses never change, 1 m beside each other; the second joint is 0.5 m ahead."""
    real = poses(3, 10, 6)
    number = np.array([int(name[1:]) for name in real.subject.tolist()])
    joints = np.zeros_like(real.joints)
    joints[:, :, 0], joints[:, 1, 1] = number[:, None], 0.5 * number
    real = replace(real, joints=joints)
    # Synthetic poses for the second person lie 6 m above.
    made = {
        f"p{k}": replace(real, joints=real.joints + np.float32(6 * (k == 1)) * np.float32([0, 0, 1])) for k in range(3)
    }
    found = transfer_errors(real, names(3), made, (1.0,), recipe(20, 8), "mars19")[0.0]
    # The others' mean is 1.5, 0 and 1.5 m aside; its second joint 0.75, 0 and 0.75 m too far or near.
    constant = [found[name][0] for name in ("p0", "p1", "p2")]
    assert [e.mae for e in constant] == pytest.approx([100 * (1.5 * 2 + 0.75) / 6, 0, 100 * (1.5 * 2 + 0.75) / 6])
    assert [e.relative_mae for e in constant] == pytest.approx([100 * 0.75 / 6, 0, 100 * 0.75 / 6])
    assert constant[0].relative_mpjpe == pytest.approx([0, 75]) and constant[0].mpjpe[0] == pytest.approx(150)
    above = [found[name][1].mae for name in ("p0", "p1", "p2")]
    assert above[1] > 150 > max(above[0], above[2])


def test_recordings_alone_have_one_size_unless_sizes_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fitted(own: Recipe, material: FrameMaterial, progress: object) -> SimpleNamespace:
        given = (part is not None for part in (material.real, material.synthetic, material.unlabelled))
        asked.append((own.data.schedule, own.sizes, *given))
        return SimpleNamespace(poses=lambda frames: frames.joints)

    monkeypatch.setattr("mmsynth.evaluation.mars_transfer.fit_frames", fitted)
    real = poses(2, 4, 0)
    transfer_errors(real, names(2), dict.fromkeys(real.subject, real), (1.0,), recipe(1, 8), "mars19")
    none = [(True, False, True, unlabelled) for unlabelled in (False, True)]
    arms = [(False, False), (True, False), (True, True), (True, True)]
    assert [a[1:] for a in asked] == [*none, *((sizes, True, made, False) for sizes, made in arms)] * 2
    schedules = ["pretrain", "pretrain", recipe(1, 8).data.schedule, "pretrain", "pretrain", "mix"]
    assert [a[0] for a in asked[:6]] == schedules


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
