"""Poses frame by frame: the table of frames, sizes estimated from heights, the perceptron and its run."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.evaluation import evaluate_poses
from mmsynth.joints import bones
from mmsynth.training import estimate, fit, load_run, predict, predict_poses
from mmsynth.training.frames import Frames, frames_of, join_frames
from mmsynth.training.gather import gather, gather_frames
from mmsynth.training.perceptron import fit_frames, frame_model
from mmsynth.training.recipe import Adapt, Data, Optimise, Recipe
from mmsynth.training.run import save_model
from mmsynth.training.sizes import Sizes, fit_sizes, mean_size, of_one_size, resized, size_of
from mmsynth.types import Labels, PointCloud, Sample

QUICK = Optimise(steps=240, pretrain_steps=0, batch=32, rate=3e-3, decay=0.01)


def quiet(done: int, total: int) -> None:
    del done, total


def cloud(position: np.ndarray, velocity: np.ndarray, per_frame: int) -> PointCloud:
    frames = len(position) // per_frame
    unknown = torch.full((len(position),), torch.nan)
    return PointCloud(
        torch.from_numpy(position).float(),
        torch.from_numpy(velocity).float(),
        unknown,
        unknown,
        unknown,
        torch.arange(frames + 1) * per_frame,
        torch.arange(frames).double() / 10,
    )


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of points before the radar, the second with echoes behind and beside it, and one without any."""
    path, draw = tmp_path_factory.mktemp("standing") / "standing.h5", np.random.default_rng(0)
    with DatasetWriter(path, Attributes()) as writer:
        for name, echoes in (("a", 0), ("b", 80)):
            position = np.stack([draw.normal(0, 0.05, 400), np.full(400, 2.0), draw.uniform(0, 1, 400)], 1)
            position[:echoes] += [0, 0.5, 2]
            # In no direction that there is: as far as the body, and two metres up.
            position[echoes : 2 * echoes] = [0.1, 0, 2.0]
            # As far as the body, 0.7 m beside it and low.
            position[2 * echoes : 2 * echoes + echoes // 2] = [0.7, 1.87, -0.5]
            shuffled = draw.permutation(400)
            velocity = draw.uniform(-1, 1, 400)
            writer.append(Sample(name, Labels("squat", "p0", "day"), cloud(position[shuffled], velocity, 8)))
        writer.append(Sample("c", Labels("squat", "p1", "day"), cloud(np.zeros((0, 3)), np.zeros(0), 8)))
    return path


def test_a_frame_is_described_by_the_points_about_it(standing: Path) -> None:
    data = Dataset.open(standing)
    frames, flat = frames_of(data), data.points()
    counts = np.expm1(frames.table).reshape(len(frames), 5, -1)
    # Range, lateral position, height and velocity count every point once, heights by velocity and by side again.
    np.testing.assert_allclose(counts[:, 0].sum(1), 6 * 8, rtol=1e-5)
    # 0.2 and 1 s on both sides are 5 and 21 frames, at the ends of a recording too.
    np.testing.assert_allclose(counts[:, 1].sum(1), 6 * 8 * 5, rtol=1e-5)
    np.testing.assert_allclose(counts[:, 2].sum(1), 6 * 8 * 21, rtol=1e-5)
    # 0.1 to 0.4 s before and after are four frames; before the first and after the last there is none.
    for span, lost in ((3, [0, 50]), (4, [49, 99])):
        whole = counts[:, span].sum(1)
        np.testing.assert_allclose(np.delete(whole, lost), 6 * 8 * 4, rtol=1e-5)
        np.testing.assert_array_equal(whole[lost], 0)
    # The eleven velocity bins come after those of range, lateral position and height.
    first = 12 + 10 + 14
    around = flat.values[flat.point_offsets[20 - 2] : flat.point_offsets[20 + 3], 3]
    expected = np.histogram(around, np.linspace(-2, 2, 12))[0]
    np.testing.assert_allclose(counts[20, 1, first : first + 11], expected, atol=1e-4)
    for span, (a, b) in ((3, (16, 20)), (4, (21, 25))):
        around = flat.values[flat.point_offsets[a] : flat.point_offsets[b], 3]
        expected = np.histogram(around, np.linspace(-2, 2, 12))[0]
        np.testing.assert_allclose(counts[20, span, first : first + 11], expected, atol=1e-4)
    assert np.isnan(frames.size).all() and frames.joints.shape == (100, 0, 3)


def test_histograms_of_a_frame_are_those_of_its_points(tmp_path: Path) -> None:
    """NumPy's, of range (not depth), side, height, velocity, and of height by the velocity's sign and by side."""
    draw = np.random.default_rng(6)
    position = draw.uniform([-1.2, 0.9, -1.2], [1.2, 2.5, 1.1], (300, 3))
    velocity = draw.choice([-1.0, -0.04, 0.0, 0.04, 0.5], 300) * draw.uniform(0.9, 1.1, 300)
    with DatasetWriter(tmp_path / "one.h5", Attributes()) as writer:
        writer.append(Sample("one", Labels(), cloud(position, velocity, 300)))
    table = np.expm1(frames_of(Dataset.open(tmp_path / "one.h5")).table).reshape(5, -1)
    # What lies outside counts in the last bin.
    span = {"range": (1, 2.8), "side": (-1, 1), "height": (-1.1, 1), "velocity": (-2, 2), "beside": (-0.6, 0.6)}
    value = {"range": np.linalg.norm(position, axis=1), "side": position[:, 0], "height": position[:, 2]}
    value |= {"velocity": velocity, "beside": position[:, 0]}
    value = {name: np.clip(v, *span[name]) for name, v in value.items()}
    count = {"range": 12, "side": 10, "height": 14, "velocity": 11, "beside": 4}
    edges = {name: np.linspace(*span[name], count[name] + 1) for name in span}
    # Points slower than 0.05 m/s rest.
    sign = np.sign(np.where(np.abs(velocity) > 0.05, velocity, 0))
    by_sign = np.histogram2d(value["height"], sign, [edges["height"], [-1.5, -0.5, 0.5, 1.5]])[0]
    by_side = np.histogram2d(value["height"], value["beside"], [edges["height"], edges["beside"]])[0]
    plain = [np.histogram(value[name], edges[name])[0] for name in ("range", "side", "height", "velocity")]
    want = np.concatenate([*plain, by_sign.ravel(), by_side.ravel()])
    assert (np.concatenate(plain) > 0).sum() > 35
    np.testing.assert_allclose(table[0], want, atol=1e-3)


def test_heights_are_of_the_body_and_echoes_behind_it_or_beside_do_not_count(standing: Path) -> None:
    alone, beside = (frames_of(Dataset.open(standing), [k]).heights[0] for k in (0, 1))
    # Quantiles of 400 and 200 uniform numbers: three standard deviations of the median are 0.075 and 0.106.
    np.testing.assert_allclose(alone, [0.1, 0.25, 0.5, 0.75, 0.9], atol=0.075)
    np.testing.assert_allclose(beside, [0.1, 0.25, 0.5, 0.75, 0.9], atol=0.106)


def test_seconds_about_a_frame_are_counted_by_its_own_recording(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    with DatasetWriter(tmp_path / "two.h5", Attributes()) as writer:
        for name, rate in (("slow", 10), ("fast", 20)):
            points = cloud(draw.uniform(0.5, 1, (800, 3)), np.full(800, np.nan), 8)
            writer.append(Sample(name, Labels(), replace(points, times=points.times * 10 / rate)))
    table = np.expm1(frames_of(Dataset.open(tmp_path / "two.h5")).table).reshape(200, 5, -1)
    # Every point stands in six histograms; a velocity that was not recorded does not move.
    np.testing.assert_allclose(table[[50, 150]].sum(2) / (6 * 8), [[1, 5, 21, 4, 4], [1, 9, 41, 7, 7]], rtol=1e-5)
    middle = 12 + 10 + 14 + 5
    np.testing.assert_allclose(table[50, :, middle] / 8, [1, 5, 21, 4, 4], rtol=1e-5)


def test_frames_that_are_missing_are_not_replaced_by_those_beyond_the_gap(tmp_path: Path) -> None:
    # A point a frame: on the left for 2 s, on the right for 2 s, with 3 s of no frame between.
    side = np.repeat([-0.5, 0.5], 20)
    points = cloud(np.stack([side, np.full(40, 2.0), np.zeros(40)], 1), np.zeros(40), 1)
    times = points.times + torch.where(points.times >= 2, 3.0, 0.0)
    # One frame more is lost within the first half.
    kept = np.delete(np.arange(40), 10)
    lost = replace(cloud(np.stack([side, np.full(40, 2.0), np.zeros(40)], 1)[kept], np.zeros(39), 1), times=times[kept])
    with DatasetWriter(tmp_path / "gap.h5", Attributes()) as writer:
        writer.append(Sample("gap", Labels(), lost))
        writer.append(Sample("next", Labels(), points))
    counts = np.expm1(frames_of(Dataset.open(tmp_path / "gap.h5")).table).reshape(79, 5, -1)
    left, right = 12 + 2, 12 + 7
    # The last frame before the gap and the first after it; the last but one of all before another recording begins.
    np.testing.assert_allclose(counts[[18, 19, 38]][:, :, left], [[1, 5, 21, 4, 0], [0] * 5, [0] * 5], rtol=1e-5)
    after = [[0] * 5, [1, 5, 21, 0, 4], [1, 5, 21, 4, 0]]
    np.testing.assert_allclose(counts[[18, 19, 38]][:, :, right], after, rtol=1e-5)
    # What is lost counts as its neighbours.
    np.testing.assert_allclose(counts[9, :, left], [1, 5, 21, 4, 4], rtol=1e-5)
    np.testing.assert_allclose(counts[39, :, left], [1, 5, 21, 0, 4], rtol=1e-5)


def people(sizes: dict[str, float], recordings: int, seed: int, noise: float = 0.0) -> Frames:
    """Four joints that follow two latent numbers, which twelve features show; heights follow the size."""
    draw, names = np.random.default_rng(seed), list(sizes)
    subject = np.repeat(np.array(names, object), 20 * recordings)
    clip = np.repeat(np.arange(len(names) * recordings), 20)
    size = np.array([sizes[name] for name in subject.tolist()])
    latent = draw.uniform(-0.3, 0.3, (len(clip), 2))
    mixing = np.random.default_rng(0).normal(0, 1, (2, 12))
    table = (3 * latent @ mixing + draw.normal(0, 0.05, (len(clip), 12))).astype(np.float32)
    joints = np.repeat(latent[:, :, None], 3, 2) + [[0, 2, 0], [0.2, 2, 0.3]]
    sole = joints[:, :1] * [1, 1, 0] - [0, 0, 1]
    joints = resized(np.concatenate([joints, sole], 1), size, -1.0).astype(np.float32)
    heights = np.log(size)[:, None] * [0.2, 0.3, 0.5, 0.7, 0.9] + draw.normal(0, noise, (clip.max() + 1, 1))[clip]
    return Frames(table, heights, joints, size, subject, np.zeros(len(clip)), clip)


MANY = {f"q{k}": 0.8 + 0.02 * k for k in range(21)}


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


@pytest.mark.parametrize("recordings", [1, 10])
def test_sizes_are_believed_once_by_what_they_are_worth(recordings: int) -> None:
    """Of 600 strangers the truth lies, on average, where it is said to: not further, as of answers shrunk twice."""
    draw = np.random.default_rng(4)

    def drawn(count: int, each: int, seed: int) -> Frames:
        found = people({f"{seed} {k}": float(s) for k, s in enumerate(np.exp(draw.normal(0, 0.08, count)))}, each, seed)
        one = found.take(np.arange(0, len(found), 20))  # a frame of every recording
        build = np.repeat(draw.normal(0, 0.02, (count, 5)), each, 0)
        return replace(one, heights=one.heights + build + draw.normal(0, 0.1, build.shape))

    taught = fit_sizes(drawn(300, 10, 1))
    known, asked = drawn(200, 10, 2), drawn(600, recordings, 3)
    said, truth = np.log(taught.relative_to(known).factors(asked)), np.log(asked.size / mean_size(known))
    slope = (said - said.mean()) @ truth / ((said - said.mean()) @ said)
    # Three standard errors: of 600 truths, 0.027 or 0.057 off, about answers that spread by 0.075 or 0.055.
    assert slope == pytest.approx(1, abs=0.045 if recordings == 10 else 0.13)


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


def recipe(schedule: str = "pretrain") -> Recipe:
    data = Data(real=(Path("none.h5"),), schedule=schedule)  # type: ignore[arg-type]
    return Recipe(data, "pose", model="histograms", width=32, optimise=QUICK)


@pytest.mark.parametrize("schedule", ["pretrain", "mix"])
def test_simulated_people_of_many_sizes_tell_how_large_a_stranger_is(schedule: str) -> None:
    def recorded(sizes: dict[str, float], seed: int) -> Frames:
        """Recordings read everybody higher than the simulator does."""
        found = people(sizes, 2, seed, 0.01)
        return replace(found, heights=found.heights + 0.4)

    made, real = people(MANY, 2, 1, 0.01), recorded({"p0": 0.95, "p1": 1.05}, 2)
    told = fit_frames(recipe(schedule), real, made, quiet)
    alone = fit_frames(replace(recipe(schedule), sizes=False), real, None, quiet)
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


def test_frames_of_several_sets_keep_their_recordings_apart() -> None:
    one, two = people({"p0": 1.0}, 2, 1), people({"p1": 1.1}, 3, 2)
    both = join_frames([one, two])
    assert len(np.unique(both.clip)) == 5 and len(both) == len(one) + len(two)
    np.testing.assert_array_equal(both.clip[len(one) :] - 2, two.clip)


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
    model = fit_frames(short, real, made, lambda *step: done.append(step))
    assert done == [(k + 1, 10) for k in range(10)]
    asked = people({"p2": 1.2}, 2, 3, 0.01)
    unlabelled = replace(asked, joints=np.full_like(asked.joints, np.nan), size=np.full(len(asked), np.nan))
    np.testing.assert_array_equal(model.poses(asked), model.poses(unlabelled))


@pytest.mark.parametrize("schedule", ["pretrain", "mix"])
def test_of_simulated_people_it_is_learnt_how_they_move_whatever_their_sizes(schedule: str) -> None:
    """Where sizes are estimated, people of many sizes teach the poses that people of one size would."""
    real, asked = people({"p0": 0.95, "p1": 1.05}, 2, 2, 0.01), people({"p2": 1.2}, 2, 3, 0.01)
    short = replace(recipe(schedule), optimise=replace(QUICK, steps=40))
    many, one = (fit_frames(short, real, people(sizes, 2, 1), quiet) for sizes in (MANY, dict.fromkeys(MANY, 1.0)))
    poses = [replace(model, sizes=None).poses(asked) for model in (many, one)]
    np.testing.assert_allclose(*poses, atol=1e-4)


@pytest.mark.parametrize("sizes", [True, False])
def test_a_model_comes_back_from_its_file_to_the_last_bit(tmp_path: Path, sizes: bool) -> None:
    few = replace(recipe(), sizes=sizes, optimise=replace(QUICK, steps=10))
    model = fit_frames(few, people({"p0": 0.95, "p1": 1.05}, 2, 2, 0.01), people(MANY, 2, 1, 0.01), quiet)
    save_model(tmp_path / "model.pt", model)
    back = frame_model(torch.load(tmp_path / "model.pt", weights_only=True)["frames"])
    assert (back.sizes is None) == (not sizes)
    before, after = model.tensors(), back.tensors()
    assert before.keys() == after.keys()
    for name in before:
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=0)
    if model.sizes is not None and back.sizes is not None:
        assert (back.sizes.spread, back.sizes.level) == (model.sizes.spread, model.sizes.level)


def test_a_run_of_histograms_is_trained_kept_read_and_scored(posed: Path, tmp_path: Path) -> None:
    data = Data(real=(posed,), synthetic=(posed,), hold_out=("p1",))
    own = replace(recipe(), data=data)
    run = fit(own, tmp_path / "run", quiet)
    again, source = load_run(run.folder), Dataset.open(posed)
    before, after = predict_poses(run, source), predict_poses(again, source)
    np.testing.assert_allclose(before.joints, after.joints, atol=1e-6)
    # Every frame of every clip, in order.
    assert before.joints.shape == (12 * 120, 19, 3) and np.isnan(before.error).all()
    assert (np.diff(before.time.reshape(12, 120), axis=1) > 0).all()
    np.testing.assert_array_equal(before.truth, source.joints())
    report = evaluate_poses(again, source, tmp_path / "scores")
    assert report.model.instants == 6 * 120 and report.model.mae < 0.5 * report.constant.mae, report.text()
    assert "expect" not in report.text()
    # The constant pose is that of the recordings learnt from, not of those that are scored.
    joints, person = source.joints(), np.repeat(source.labels.subject, 120)
    assert joints is not None
    apart = np.abs(joints[person == "p1"] - joints[person == "p0"].mean(0)).mean()
    assert report.constant.mae == pytest.approx(apart, rel=1e-5)
    with pytest.raises(ValueError, match="predicts poses"):
        predict(run, source)
    with pytest.raises(ValueError, match="predict: expected clips with at least one frame, got none"):
        predict_poses(run, source, [])
    cost = estimate(own)
    assert cost.windows == 6 * 120 + 12 * 120 and cost.parameters > 1000


def test_windows_and_clips_without_a_pose_teach_nothing(tmp_path: Path) -> None:
    path = tmp_path / "some.h5"
    with DatasetWriter(path, Attributes(joint_set="mars19")) as writer:
        for name, known in (("a", 60), ("b", 15), ("c", 0)):
            joints = torch.zeros(60, 19, 3)
            joints[known:] = torch.nan
            points = cloud(np.tile([0.0, 2.0, 0.5], (480, 1)), np.ones(480), 8)
            writer.append(Sample(name, Labels("squat", "p0", "day"), points, joints=joints, joint_set="mars19"))
    source = Recipe(Data(real=(path,), validation=0.0), "pose", model="points")
    material = gather(source).real
    assert material is not None
    # Of six seconds five windows of two, of the first 1.5 s alone the first two.
    assert material.clip.tolist() == ["a"] * 5 + ["b"] * 2
    # Nor does one choose the model: the one of three that is withheld has poses, whatever the draw.
    for seed in range(6):
        withheld = gather(replace(source, seed=seed, data=replace(source.data, validation=0.3))).validation
        assert withheld is not None and len(withheld)
    frames = gather_frames(replace(source, model="histograms")).real
    assert frames is not None and np.bincount(frames.clip).tolist() == [60, 15]


def test_what_a_perceptron_cannot_do_is_refused(posed: Path, recordings: Path) -> None:
    with pytest.raises(ValueError, match="task: expected 'pose' for model 'histograms', got 'activity'"):
        Recipe(Data(real=(posed,)), model="histograms")
    with pytest.raises(ValueError, match=r"adapt\.method: expected 'none' for model 'histograms'"):
        more = Data(real=(posed,), unlabelled=(posed,))
        Recipe(more, "pose", model="histograms", adapt=Adapt("statistics"))
    with pytest.raises(ValueError, match="initial: expected no earlier run for model 'histograms', got before"):
        Recipe(Data(real=(posed,)), "pose", model="histograms", initial=Path("before"))
    with pytest.raises(ValueError, match="expected one set of joints to train on, got none"):
        gather_frames(Recipe(Data(real=(recordings,)), "pose", model="histograms"))


def test_points_without_a_position_count_nothing(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    place, speed = np.stack([draw.normal(0, 0.1, 80), np.full(80, 2.0), draw.random(80)], 1), draw.normal(0, 1, 80)
    lost = place.copy()
    lost[::8], lost[1::8, 2] = np.nan, np.inf
    kept = np.arange(80) % 8 > 1
    for name, own, velocity, count in (("lost", lost, speed, 8), ("left-out", place[kept], speed[kept], 6)):
        with DatasetWriter(tmp_path / f"{name}.h5", Attributes()) as writer:
            writer.append(Sample("a", Labels("squat", "p0", "day"), cloud(own, velocity, count)))
    found, expected = (frames_of(Dataset.open(tmp_path / f"{name}.h5")) for name in ("lost", "left-out"))
    assert np.array_equal(found.table, expected.table) and np.array_equal(found.heights, expected.heights)
