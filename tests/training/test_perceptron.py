"""The perceptron of poses: its file, its run, what it cannot do."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from cli.run import call
from made_up import quiet
from training.people import MANY, QUICK, cloud, material, people, recipe

from mmsynth.datasets import Attributes, Dataset, Datasets, DatasetWriter
from mmsynth.evaluation import evaluate_poses
from mmsynth.joints import joint_names, mirror_order
from mmsynth.training import estimate, fit, load_run, predict, predict_poses
from mmsynth.training.augment import Augment
from mmsynth.training.frames import MIRROR, Frames, frames_of, moved_to
from mmsynth.training.gather import gather, gather_frames
from mmsynth.training.perceptron import FrameModel, fit_frames, frame_model
from mmsynth.training.recipe import Adapt, Data, Recipe
from mmsynth.training.run import save_model
from mmsynth.types import Labels, Sample

WRIST = {arm: joint_names("mars19").index(f"Wrist{arm}") for arm in "LR"}


@pytest.mark.parametrize("sizes", [True, False])
def test_a_model_comes_back_from_its_file_to_the_last_bit(tmp_path: Path, sizes: bool) -> None:
    few = replace(recipe(), sizes=sizes, optimise=replace(QUICK, steps=10))
    model = fit_frames(few, material(people({"p0": 0.95, "p1": 1.05}, 2, 2, 0.01), people(MANY, 2, 1, 0.01)), quiet)
    save_model(tmp_path / "model.pt", model)
    back = frame_model(torch.load(tmp_path / "model.pt", weights_only=True)["frames"])
    assert (back.sizes is None) == (not sizes)
    before, after = model.tensors(), back.tensors()
    assert before.keys() == after.keys()
    for name in before:
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=0)
    if model.sizes is not None and back.sizes is not None:
        assert (back.sizes.spread, back.sizes.level) == (model.sizes.spread, model.sizes.level)


def one_armed(path: Path, arm: str, frames: int = 200) -> Frames:
    """A person 2 m before the radar, one of whose wrists goes up and down at random, with points where it is."""
    height = np.random.default_rng(ord(arm)).uniform(-0.5, 0.5, frames)
    side = {"L": -0.5, "R": 0.5}
    joints = torch.zeros(frames, 19, 3) + torch.tensor([0.0, 2.0, 0.0])
    for each, x in side.items():
        joints[:, WRIST[each], 0] = x
    joints[:, WRIST[arm], 2] = torch.from_numpy(height).float()
    place = np.stack([np.full(frames, side[arm]), np.full(frames, 2.0), height], 1)
    points = cloud(place.repeat(6, 0), np.zeros(6 * frames), 6)
    # Frames 10 s apart: each is told of by its own points alone.
    points = replace(points, times=100 * points.times)
    with DatasetWriter(path, Attributes(joint_set="mars19")) as writer:
        writer.append(Sample("lift", Labels("lift", "p0", "day"), points, joints=joints, joint_set="mars19"))
    return frames_of(Dataset.open(path))


def test_who_lifts_one_arm_teaches_what_the_other_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {arm: tmp_path / f"{arm}.h5" for arm in WRIST}
    _, asked = (one_armed(path, arm) for arm, path in files.items())
    errors, models = [], []
    for mirror in (0.0, 0.5):
        own = replace(recipe(), data=Data(real=(files["L"],)), sizes=False, augment=Augment(mirror=mirror))
        run = load_run(fit(own, tmp_path / f"run-{mirror}", quiet).folder)
        poses = predict_poses(run, Dataset.open(files["R"]))
        errors.append(np.abs(poses.joints - poses.truth)[:, WRIST["R"], 2].mean())
        assert isinstance(run.model, FrameModel)
        models.append(run.model)
    # A wrist at its mean errs by 0.25 m, one in the middle of its bin of 0.15 m by 0.04.
    assert errors[0] > 0.2 and errors[1] < 0.1
    # How many frames it is asked for at once does not show.
    whole = models[1].poses(asked)
    monkeypatch.setattr("mmsynth.training.perceptron._AT_ONCE", 7)
    told: list[tuple[int, int]] = []
    np.testing.assert_allclose(models[1].poses(asked, lambda *done: told.append(done)), whole, atol=1e-6)
    count = len(whole)
    assert count % 7 and told == [(done, count) for done in (*range(0, count, 7), count)]
    # Of the mirror image it says the mirror image of what it says.
    said = models[1].poses(replace(asked, table=asked.table[:, MIRROR]))
    np.testing.assert_allclose(said[:, list(mirror_order("mars19"))] * [-1, 1, 1], models[1].poses(asked), atol=1e-5)


def test_a_run_of_histograms_is_trained_kept_read_and_scored(
    posed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
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
    # Clips of one name in several files are told apart.
    twice = Datasets.open([posed, shutil.copy(posed, tmp_path / "again.h5")])
    assert len(set(predict_poses(run, twice).clip)) == 24
    assert call(monkeypatch, "predict", run.folder, posed) == 0
    said = capsys.readouterr()
    assert said.err == f"predict 0 of {12 * 120}\npredict {12 * 120} of {12 * 120}\n"
    rows = [line.split("\t") for line in said.out.splitlines()]
    assert rows[0] == ["clip", "time_s", "joint", "x_m", "y_m", "z_m", "expected_error_m"]
    assert [row[2] for row in rows[1:20]] == list(joint_names("mars19"))
    np.testing.assert_allclose(np.array([row[3:6] for row in rows[1:]], float), after.joints.reshape(-1, 3), atol=6e-4)
    told: list[tuple[int, int]] = []
    report = evaluate_poses(again, source, tmp_path / "scores", lambda *done: told.append(done))
    # The points of all clips are counted first, those that the run has not held out as well.
    assert told == [(0, 12 * 120), (0, 6 * 120), (6 * 120, 6 * 120)]
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
    real = gather(source).real
    assert real is not None
    # Of six seconds five windows of two, of the first 1.5 s alone the first two.
    assert real.clip.tolist() == ["a"] * 5 + ["b"] * 2
    # Nor does one choose the model: the one of three that is withheld has poses, whatever the draw.
    for seed in range(6):
        withheld = gather(replace(source, seed=seed, data=replace(source.data, validation=0.3))).validation
        assert withheld is not None and len(withheld)
    frames = gather_frames(replace(source, model="histograms")).real
    assert frames is not None and np.bincount(frames.clip).tolist() == [60, 15]


def test_recordings_without_labels_bring_simulated_poses_to_them(posed: Path, tmp_path: Path) -> None:
    # The same for mirrored frames: their mean is halfway.
    draw = np.random.default_rng(4)
    one, other = (
        replace(people(MANY, 1, k), table=draw.normal(k, 1, (420, len(MIRROR))).astype(np.float32)) for k in (1, 2)
    )
    moved = moved_to(one, other, 0.5)
    both = [np.concatenate([f.table, f.table[:, MIRROR]]) for f in (moved, other)]
    np.testing.assert_allclose(both[0].mean(0), both[1].mean(0), atol=1e-5)
    np.testing.assert_allclose(moved.table - moved.table[:1], one.table - one.table[:1], atol=1e-5)
    # A board that shows another number of points in every bin.
    made, known, asked = people(MANY, 2, 1), people({"p0": 0.95, "p1": 1.05}, 5, 2), people({"p2": 1.0}, 5, 3)
    less = np.linspace(-2, 1, made.table.shape[1], dtype=np.float32)
    known, asked = (replace(f, table=f.table + less) for f in (known, asked))
    errors = []
    for unlabelled in (None, known):
        told = fit_frames(recipe(), material(None, made, unlabelled), quiet).poses(asked)
        errors.append(np.abs(told - asked.joints).mean())
    # What is left: the mean of 200 recorded frames is not that of the simulated ones.
    assert errors[1] < 0.5 * errors[0]
    # By the recipe, which sees nothing of whom it holds out.
    data = Data(synthetic=(posed,), unlabelled=(posed,), hold_out=("p1",))
    own = replace(recipe(), data=data, adapt=Adapt("statistics"))
    found = gather_frames(own)
    assert found.unlabelled is not None and "adapted to 6 of 12 without labels (6 held out)" in found.about
    assert set(found.unlabelled.subject) == {"p0"}
    with pytest.raises(ValueError, match=r"data\.unlabelled: expected clips that are not held out, got none"):
        gather_frames(replace(own, data=replace(data, hold_out=("p0", "p1"))))


def test_what_a_perceptron_cannot_do_is_refused(posed: Path, recordings: Path) -> None:
    with pytest.raises(ValueError, match="task: expected 'pose' for model 'histograms', got 'activity'"):
        Recipe(Data(real=(posed,)), model="histograms")
    more = Data(real=(posed,), unlabelled=(posed,))
    with pytest.raises(ValueError, match=r"adapt\.method: expected 'none' or 'statistics' for model 'histograms'"):
        Recipe(more, "pose", model="histograms", adapt=Adapt("adversarial"))
    with pytest.raises(
        ValueError, match=r"data\.synthetic: expected clips to adapt to recordings for model 'histograms'"
    ):
        Recipe(more, "pose", model="histograms", adapt=Adapt("statistics"))
    with pytest.raises(ValueError, match="initial: expected no earlier run for model 'histograms', got before"):
        Recipe(Data(real=(posed,)), "pose", model="histograms", initial=Path("before"))
    with pytest.raises(ValueError, match="expected one set of joints to train on, got none"):
        gather_frames(Recipe(Data(real=(recordings,)), "pose", model="histograms"))
