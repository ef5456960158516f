"""Augmentation that keeps poses and points true to each other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mmsynth.datasets import Dataset
from mmsynth.evaluation.pose import bone_spread
from mmsynth.joints import JOINT_SETS, bones, mirror_order
from mmsynth.training.augment import Augment, augment
from mmsynth.training.gather import at_the_mean, gather
from mmsynth.training.models import Targets, build
from mmsynth.training.networks import to_inputs
from mmsynth.training.recipe import Data, Recipe
from mmsynth.training.windows import Windows, cut

NAMES = tuple(JOINT_SETS["mars19"])
STILL = Augment(drop=0, ghost=0, jitter=0, speed=0, shift=0, mirror=0, turn=0, range=0, move=0, level=0)


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


def test_bones_may_differ_from_clip_to_clip_but_not_within_one() -> None:
    joints = np.random.default_rng(0).normal(0, 1, (1, 19, 3)) * np.repeat([1.0, 1.2], 10)[:, None, None]
    clip = np.repeat(["small", "large"], 10)
    assert bone_spread(joints, clip, "mars19") == pytest.approx(0, abs=1e-12)
    assert bone_spread(joints, np.roll(clip, 1), "mars19") > 0.01
