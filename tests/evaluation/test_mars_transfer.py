"""Pre-training on poses whose answer is known."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import PERSON

from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.evaluation.mars import Poses, write_skeletons
from mmsynth.evaluation.mars_transfer import TransferSettings, stretches, transfer_errors
from mmsynth.evaluation.sizes import fit_sizes, resized
from mmsynth.motion import read_motion
from mmsynth.types import Labels, PointCloud, Sample, Skeleton


def poses(people: int, frames: int, seed: int) -> Poses:
    """Two joints that follow two latent numbers, which twelve features show with noise."""
    draw = np.random.default_rng(seed)
    subject = np.repeat([f"p{k}" for k in range(people)], 10 * frames)
    parts = [f"p{k}-m{m}-{part}" for k in range(people) for m in range(5) for part in ("train", "test")]
    clip = np.repeat(parts, frames)
    latent = draw.uniform(-1, 1, (len(subject), 2))
    mixing = np.random.default_rng(0).normal(0, 1, (2, 12))
    table = (latent @ mixing + draw.normal(0, 0.05, (len(subject), 12))).astype(np.float32)
    joints = np.repeat(latent[:, :, None], 3, 2).astype(np.float32)
    return Poses(table, np.zeros((len(table), 3), np.float32), joints, np.ones(len(table)), subject, clip)


def sized(poses: Poses, size: dict[str, float], seed: int) -> Poses:
    """The same of people of these sizes (their feet are a joint), which one of three features of a recording shows."""
    factor = np.array([size[name] for name in poses.subject.tolist()])
    context = np.random.default_rng(seed).normal(0, 1, (len(factor), 3))
    context[:, 1] = 5 * np.log(factor) + 1
    sole = poses.joints[:, :1] * [1, 1, 0] - [0, 0, 1]
    joints = resized(np.concatenate([poses.joints, sole], 1), factor, -1.0).astype(np.float32)
    return replace(poses, context=context.astype(np.float32), joints=joints, size=factor)


def test_a_share_is_one_unbroken_stretch_of_every_recording() -> None:
    real = poses(3, 50, 1)
    rows = stretches(real, 0.1, np.random.default_rng(0))
    # Fifteen recordings (move of a person) of 100 frames.
    assert len(rows) == 150 and all((np.diff(run) == 1).all() for run in rows.reshape(15, 10))
    assert len({name.rsplit("-", 1)[0] for name in real.clip[rows].tolist()}) == 15


def test_synthetic_poses_of_the_same_relation_help_where_few_are_real() -> None:
    real, synthetic = poses(3, 60, 2), poses(4, 100, 3)
    settings = TransferSettings(steps=240, batch=32, width=32, rate=3e-3)
    found = transfer_errors(real, dict.fromkeys(real.subject, synthetic), (0.001,), 0, settings)
    # One frame of each of ten recordings.
    assert all(mixed < alone for alone, mixed, _, _ in found[0.001].values())
    alone, _, after, both = np.mean(list(found[0.001].values()), 0)
    assert max(after, both) < alone
    assert all(max(after, moved) < constant for constant, after, moved in found[0.0].values())


def test_synthetic_people_of_many_sizes_tell_how_large_a_stranger_is() -> None:
    people = {f"p{k}": 0.8 + 0.02 * k for k in range(21)}
    real = sized(poses(3, 60, 2), {"p0": 0.8, "p1": 1.0, "p2": 1.2}, 0)
    synthetic = sized(poses(21, 20, 3), people, 1)
    settings = TransferSettings(steps=240, batch=32, width=32, rate=3e-3)
    found = transfer_errors(real, dict.fromkeys(real.subject, synthetic), (1.0,), 0, settings)[1.0]
    # The one in between is as large as the others' mean; what those at the ends are like no recording of others tells.
    for name, sizes_tell in (("p0", True), ("p1", False), ("p2", True)):
        alone, mixed, *grown = found[name]
        assert abs(mixed - alone) < 1
        assert max(grown) < alone - 3 if sizes_tell else max(grown) < alone + 0.5


def test_sizes_are_told_by_the_recordings_relative_to_known_ones() -> None:
    known = sized(poses(12, 10, 4), {f"p{k}": 0.9 + 0.02 * k for k in range(12)}, 2)
    model = fit_sizes(known, ridge=1e-9)
    np.testing.assert_allclose(model.logarithms(known), np.log(known.size), atol=1e-3)
    there = known.subject == "p3"
    one = Poses(*(getattr(known, f.name)[there] for f in fields(Poses)))
    # A radar that shows everybody larger by the same does not matter.
    other = replace(one, context=one.context + 7), replace(known, context=known.context + 7)
    expected = 0.96 / np.exp(np.log(known.size).mean())
    np.testing.assert_allclose(model.factors(*other), expected, rtol=2e-3)


def test_a_grown_person_stands_on_the_same_spot() -> None:
    joints = np.array([[[1.0, 2.0, 0.9], [1.1, 2.0, 0.1], [1.0, 2.2, 1.5]]])
    grown = resized(joints, np.array([2.0]), 0.1)
    np.testing.assert_allclose(grown, [[[1.0, 2.0, 1.7], [1.2, 2.0, 0.1], [1.0, 2.4, 2.9]]])
    np.testing.assert_allclose(resized(grown, np.array([0.5]), 0.1), joints)


def test_nothing_of_the_person_held_out_is_learned_from() -> None:
    real, synthetic = poses(2, 40, 4), poses(2, 40, 5)
    settings = TransferSettings(steps=20, batch=16, width=8)
    made = {"p0": synthetic, "p1": synthetic}
    before = transfer_errors(real, made, (0.5,), 0, settings)[0.5]["p1"]
    there = real.subject == "p1"
    # Each frame of the person twice: the mean error stays, and would not if they were trained on.
    again = np.concatenate([np.flatnonzero(~there), np.repeat(np.flatnonzero(there), 2)])
    twice = Poses(*(getattr(real, f.name)[again] for f in fields(Poses)))
    np.testing.assert_allclose(transfer_errors(twice, made, (0.5,), 0, settings)[0.5]["p1"], before, rtol=1e-4)


def test_skeletons_are_of_the_others_and_without_gaps(tmp_path: Path) -> None:
    times = np.arange(60) * 0.1
    times[20:] += 1.0
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
