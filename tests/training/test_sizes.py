"""Sizes of people, told from how high their points reach."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import quiet
from training.people import MANY, QUICK, cloud, material, people, recipe

from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.joints import bones
from mmsynth.training.frames import Frames, frames_of, join_frames
from mmsynth.training.gather import gather_frames
from mmsynth.training.perceptron import fit_frames, frame_model
from mmsynth.training.recipe import Data
from mmsynth.training.sizes import Sizes, fit_sizes, mean_size, of_one_size, resized, size_of
from mmsynth.types import Labels, Sample


def test_sizes_are_told_relative_to_known_people() -> None:
    known = people(MANY, 3, 1)
    sizes = fit_sizes(known, ridge=1e-9)
    assert sizes.people == 21 and sizes.recordings == 63 and sizes.noise == pytest.approx(0, abs=1e-9)
    assert sizes.spread == pytest.approx(np.log(list(MANY.values())).var())
    np.testing.assert_allclose(sizes.factors(known), known.size / mean_size(known), rtol=1e-4)
    # A radar that shows everybody higher by the same does not matter.
    others = people({"p0": 0.9, "p1": 1.1}, 3, 2)
    asked = people({"p2": 1.3}, 3, 3)
    up = [replace(f, heights=f.heights + 0.4) for f in (others, asked)]
    expected = 1.3 / np.sqrt(0.9 * 1.1)
    np.testing.assert_allclose(sizes.relative_to(up[0]).factors(up[1]), expected, rtol=1e-4)


def test_what_is_told_counts_as_much_as_it_is_sure() -> None:
    sizes = Sizes(np.array([1.0, 0, 0, 0, 0]), spread=0.02, noise=0.03, own=0.0, level=0.5, people=2, recordings=6)
    # The level is a mean over frames, as the mean size is: of whom more is recorded counts more.
    two = people({"p": 1.0, "q": 1.0}, 3, 0)
    more = replace(two, heights=np.where(two.subject == "p", 0.2, 0.6)[:, None] * np.ones(5))
    assert sizes.relative_to(more.take(np.arange(80))).level == pytest.approx((60 * 0.2 + 20 * 0.6) / 80)
    asked = people({"p": 1.0}, 3, 0)
    heights = np.repeat([0.5, 0.7, 0.9], 20)[:, None] * np.ones(5)
    # A mean of three recordings, 0.2 over the level: variance 0.03 / 3 + 0.03 / 6 against 0.02 * (1 + 1 / 2).
    some = replace(asked, heights=heights)
    np.testing.assert_allclose(np.log(sizes.factors(some)), 0.2 * 0.03 / (0.03 + 0.015))
    # What a build adds lies in all recordings of a person alike.
    built = replace(sizes, own=0.01)
    np.testing.assert_allclose(np.log(built.factors(some)), 0.2 * 0.03 / (0.03 + 0.015 + 0.015))
    # Without a name each recording stands alone; one without points tells nothing and makes nobody smaller.
    heights[40:] = np.nan
    nameless = replace(some, heights=heights, subject=np.full(60, "", object))
    share = 0.03 / (0.03 + 0.03 + 0.005)
    np.testing.assert_allclose(np.log(sizes.factors(nameless)), np.repeat([0, 0.2 * share, 0], 20), atol=1e-12)


def strangers(count: int, each: int, seed: int) -> Frames:
    """A frame of every recording of people whose sizes spread by 0.08, and whose heights err."""
    draw = np.random.default_rng(seed)
    found = people({f"{seed} {k}": float(s) for k, s in enumerate(np.exp(draw.normal(0, 0.08, count)))}, each, seed)
    one = found.take(np.arange(0, len(found), 20))
    build = np.repeat(draw.normal(0, 0.02, (count, 5)), each, 0)
    return replace(one, heights=one.heights + build + draw.normal(0, 0.1, build.shape))


@pytest.mark.parametrize("recordings", [1, 10])
def test_sizes_are_believed_once_by_what_they_are_worth(recordings: int) -> None:
    """Of 600 strangers the truth lies, on average, where it is said to: not further, as of answers shrunk twice."""
    taught = fit_sizes(strangers(300, 10, 1))
    known, asked = strangers(200, 10, 2), strangers(600, recordings, 3)
    said, truth = np.log(taught.relative_to(known).factors(asked)), np.log(asked.size / mean_size(known))
    slope = (said - said.mean()) @ truth / ((said - said.mean()) @ said)
    # Three standard errors: of 600 truths, 0.027 or 0.057 off, about answers that spread by 0.075 or 0.055.
    assert slope == pytest.approx(1, abs=0.045 if recordings == 10 else 0.13)


@pytest.mark.parametrize("others", [1, 2, 10])
def test_who_is_compared_with_people_of_unknown_size_is_believed_less(others: int) -> None:
    """A radar that shows everybody lower does not matter; of a difference to others a part is theirs."""
    taught, everybody = fit_sizes(strangers(300, 10, 1)), strangers(600 * (1 + others), 10, 2)
    lower = replace(everybody, heights=everybody.heights - 0.3)
    each = np.arange(len(lower)).reshape(600, 1 + others, 10)
    said = np.concatenate(
        [
            np.log(taught.relative_to(lower.take(group[1:].ravel()), told=False).factors(lower.take(group[0])))[:1]
            for group in each
        ]
    )
    truth = np.log(everybody.size[each[:, 0, 0]])
    slope, error = (said @ truth / (said @ said), 0.08 / np.sqrt(said @ said))
    assert abs(said.mean()) < 0.01 and error < 0.09 and slope == pytest.approx(1, abs=3 * error)


def test_a_grown_person_stands_on_the_same_spot() -> None:
    joints = np.array([[[1.0, 2.0, 0.9], [1.1, 2.0, 0.1], [1.0, 2.2, 1.5]]])
    grown = resized(joints, np.array([2.0]), 0.1)
    np.testing.assert_allclose(grown, [[[1.0, 2.0, 1.7], [1.2, 2.0, 0.1], [1.0, 2.4, 2.9]]])
    np.testing.assert_allclose(resized(grown, np.array([0.5]), 0.1), joints)
    # People of all sizes, brought to one, are the people of one size that moved alike.
    alike = of_one_size(people(MANY, 1, 0), 1.2)
    np.testing.assert_allclose(alike.joints, people(dict.fromkeys(MANY, 1.2), 1, 0).joints, atol=1e-5)


def test_the_size_of_a_recording_is_that_of_its_frames_that_are_learnt_from(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "grows.h5", Attributes(joint_set="mars19")) as writer:
        shape = torch.rand(19, 3, generator=torch.Generator().manual_seed(0))
        joints = shape * torch.linspace(1.0, 1.2, 60)[:, None, None]
        points = cloud(np.tile([0.0, 2.0, 0.5], (480, 1)), np.ones(480), 8)
        writer.append(Sample("a", Labels(), points, joints=joints, joint_set="mars19"))
    frames = frames_of(Dataset.open(tmp_path / "grows.h5"))
    lengths = [float((joints[0, a] - joints[0, b]).norm()) for a, b in bones("mars19")]
    assert frames.size[0] == pytest.approx(sum(lengths), rel=1e-6)
    told = size_of(frames)
    assert np.ptp(told) == 0
    # Of the first ten frames, whose labels alone may be looked at.
    few = size_of(frames.take(np.arange(10)))
    np.testing.assert_allclose(few / told[0], np.linspace(1.0, 1.2, 60)[:10].mean() / 1.1, rtol=1e-5)


@pytest.mark.parametrize("schedule", ["pretrain", "mix"])
def test_simulated_people_of_many_sizes_tell_how_large_a_stranger_is(schedule: str) -> None:
    def recorded(sizes: dict[str, float], seed: int) -> Frames:
        """Recordings read everybody higher than the simulator does."""
        found = people(sizes, 2, seed, 0.01)
        return replace(found, heights=found.heights + 0.4)

    made, real = people(MANY, 2, 1, 0.01), recorded({"p0": 0.95, "p1": 1.05}, 2)
    told = fit_frames(recipe(schedule), material(real, made), quiet)
    alone = fit_frames(replace(recipe(schedule), sizes=False), material(real, None), quiet)
    # How heights tell sizes is learnt of the simulated people, who are many.
    assert alone.sizes is None and told.sizes is not None
    np.testing.assert_array_equal(told.sizes.weights, fit_sizes(made).weights)
    for size in (0.8, 1.0, 1.2):
        asked = recorded({"p2": size}, 3)
        errors = [float(np.abs(model.poses(asked) - asked.joints).mean()) for model in (alone, told)]
        # One in between is as large as the others' mean; what those at the ends are like no recording of others tells.
        assert errors[1] < errors[0] - 0.02 if size != 1.0 else errors[1] < errors[0] + 0.01
    # What a file keeps is all that it needs; products of matrices differ by rounding with where in memory they lie.
    np.testing.assert_allclose(frame_model(told.tensors()).poses(asked), told.poses(asked), atol=1e-6)


def test_who_has_one_name_is_one_person_whatever_files_they_are_in(posed: Path) -> None:
    both = join_frames([people({"p0": 0.9}, 2, 1), people({"p0": 0.9, "": 1.0}, 2, 2)])
    assert fit_sizes(both).people == 3
    other = posed.with_name("other.h5")
    shutil.copy(posed, other)
    data, names = Data(real=(posed, other), synthetic=(posed, other)), len({*Dataset.open(posed).labels.subject})
    material = gather_frames(replace(recipe(), data=data))
    assert material.real is not None and material.synthetic is not None
    assert len({*material.real.subject}) == names == len({*material.synthetic.subject})


def test_what_is_said_of_somebody_is_read_from_points_alone() -> None:
    made, real = people(MANY, 2, 1, 0.01), people({"p0": 0.95, "p1": 1.05}, 2, 2, 0.01)
    done: list[tuple[int, int]] = []
    short = replace(recipe(), optimise=replace(QUICK, steps=10, every=1))
    model = fit_frames(short, material(real, made), lambda *step: done.append(step))
    assert done == [(k + 1, 10) for k in range(10)]
    asked = people({"p2": 1.2}, 2, 3, 0.01)
    unlabelled = replace(asked, joints=np.full_like(asked.joints, np.nan), size=np.full(len(asked), np.nan))
    np.testing.assert_array_equal(model.poses(asked), model.poses(unlabelled))


@pytest.mark.parametrize("schedule", ["pretrain", "mix"])
def test_of_simulated_people_it_is_learnt_how_they_move_whatever_their_sizes(schedule: str) -> None:
    """Where sizes are estimated, people of many sizes teach the poses that people of one size would."""
    real, asked = people({"p0": 0.95, "p1": 1.05}, 2, 2, 0.01), people({"p2": 1.2}, 2, 3, 0.01)
    short = replace(recipe(schedule), optimise=replace(QUICK, steps=40))
    many, one = (
        fit_frames(short, material(real, people(sizes, 2, 1)), quiet) for sizes in (MANY, dict.fromkeys(MANY, 1.0))
    )
    poses = [replace(model, sizes=None).poses(asked) for model in (many, one)]
    np.testing.assert_allclose(*poses, atol=1e-4)
