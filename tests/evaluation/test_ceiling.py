"""Trees in the place of the simulator."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.evaluation import ceiling
from mmsynth.evaluation.ceiling import learned_correlations, residual_gains, stretch_of
from mmsynth.evaluation.fidelity import SERIES
from mmsynth.evaluation.mars import constant_pose
from mmsynth.evaluation.mars_pairs import Asked, ceiling_rows
from mmsynth.training.frames import frames_of
from mmsynth.types import Labels, PointCloud, Sample


def swaying(subject: str, phase: float) -> Sample:
    """Nineteen joints that sway 20 cm along the view at 2 m, and ten noisy points on them that know the speed."""
    draw, times = np.random.default_rng(int(10 * phase)), 0.1 * np.arange(300)
    way = 0.2 * np.sin(2 * np.pi * 0.4 * times + phase) + 0.05 * np.sin(2 * np.pi * 0.13 * times)
    speed = np.gradient(way, 0.1)
    joints = np.tile([0.0, 2.0, 0.0], (300, 19, 1)) + draw.normal(0, 0.1, (1, 19, 3)) * [1, 0, 1]
    joints[..., 1] += way[:, None]
    points = np.repeat(joints[:, :10], 1, 1).reshape(-1, 3) + draw.normal(0, 0.05, (3000, 3))
    blank = torch.full((3000,), torch.nan)
    cloud = PointCloud(
        torch.from_numpy(points).float(), torch.from_numpy(np.repeat(speed, 10) + draw.normal(0, 0.1, 3000)).float(),
        blank, blank, blank, torch.arange(0, 3001, 10), torch.from_numpy(times),
    )  # fmt: skip
    return Sample(f"{subject}-test", Labels(subject=subject), cloud, torch.from_numpy(joints).float(), "mars19")


def test_trees_learn_from_others_what_the_pose_tells_and_nothing_else():
    people = [swaying(f"p{k}", 0.7 * k) for k in range(3)]
    known = [stretch_of(p, slice(0, 300), 0.1, (0.0, 0.0, 0.0)) for p in people]
    asked = [stretch_of(p, slice(200, 260), 0.1, (0.0, 0.0, 0.0)) for p in people]
    found = {name: r for name, (r, _) in learned_correlations(known, asked, 10, seed=0).items()}
    assert set(found) == set(SERIES)
    assert found["doppler"] > 0.9 and found["range"] > 0.9
    # Sideways and upwards the points only jitter: other people cannot tell how (180 frames: one sigma is 0.075).
    assert abs(found["lateral"]) < 0.5
    shuffled = [type(s)(s.subject, np.random.default_rng(1).permutation(s.features), s.course) for s in known]
    assert abs(learned_correlations(shuffled, asked, 10, seed=0)["doppler"][0]) < 0.4


def test_the_error_of_a_correlation_is_its_spread_over_recordings():
    """Against twenty sets of recordings of their own (closed form: (1 - r^2) / sqrt(frames), frames independent)."""
    draw = np.random.default_rng(0)

    def clips(count: int) -> list[tuple[np.ndarray, ...]]:
        made = draw.normal(size=(count, 50, 2))
        return [(c[:, 0], 0.6 * c[:, 0] + 0.8 * c[:, 1]) for c in made]

    value, error = ceiling._with_error(ceiling._correlation, clips(40))
    # Correlation 0.6 over 2,000 frames: 0.64 / sqrt(2000) = 0.0143; the bootstrap's own spread with 40 clips is 11 %.
    assert value == pytest.approx(0.6, abs=0.05)
    assert error == pytest.approx(0.0143, rel=0.35)
    # The same clip ten times over is one clip's worth of knowledge: errors grow by sqrt(10), which frames do not tell.
    few = [clip for clip in clips(4) for _ in range(10)]
    whole = [tuple(np.concatenate([few[k + i][side] for i in range(10)]) for side in (0, 1)) for k in range(0, 40, 10)]
    assert ceiling._with_error(ceiling._correlation, whole)[1] > 1.5 * error


def test_trees_find_what_a_simulation_left_out_and_nothing_where_it_left_out_nothing():
    people = [swaying(f"p{k}", 0.7 * k) for k in range(3)]
    cut = [stretch_of(p, slice(a, a + 100), 0.1, (0.0, 0.0, 0.0)) for p in people for a in (0, 100, 200)]
    draw = np.random.default_rng(3)

    def speckled(course: dict[str, np.ndarray], share: float) -> dict[str, np.ndarray]:
        return {n: share * c + draw.normal(0, 0.5 * c.std(), len(c)) for n, c in course.items()}

    blind = [(s, speckled(s.course, 0.0)) for s in cut]
    perfect = [(s, speckled(s.course, 1.0)) for s in cut]
    alone, gain, error = residual_gains(blind, blind, 10, seed=0)["doppler"]
    assert abs(alone) < 0.2 and gain > 0.6 and gain > 5 * error
    alone, gain, error = residual_gains(perfect, perfect, 10, seed=0)["doppler"]
    # 1 / sqrt(1 + 0.25) = 0.894: speckle is all that is missing, and no pose tells it.
    assert alone == pytest.approx(0.894, abs=0.02)
    assert abs(gain) < 0.02


def test_frames_left_out_keep_the_features_of_those_that_stay():
    sample = swaying("p0", 0.3)
    whole, third = (stretch_of(sample, slice(30, 120, step), 0.1, (0.0, 0.0, 0.2)) for step in (1, 3))
    np.testing.assert_array_equal(third.features, whole.features[::3])
    np.testing.assert_array_equal(third.course["range"], whole.course["range"][::3])


def test_a_clip_without_joints_is_named():
    sample = swaying("p0", 0.0)
    with pytest.raises(ValueError, match="p0-test: expected joints"):
        stretch_of(Sample(sample.id, sample.labels, sample.cloud), slice(0, 5), 0.1, (0.0, 0.0, 0.0))


def test_a_part_of_a_single_frame_is_passed_over_and_one_person_alone_is_refused(tmp_path: Path):
    """Nothing moves in one frame, and there is nothing to correlate it with."""
    names = ("p0", "p1")
    for people in (names, names[:1]):
        with DatasetWriter(tmp_path / f"{len(people)}.h5", Attributes(joint_set="mars19")) as writer:
            for k, name in enumerate(people):
                whole = swaying(name, 0.7 * k)
                for part, frames in (("train", 300), ("validate", 1 if k else 60)):
                    cloud, points = whole.cloud, 10 * frames
                    of_points = (f[:points] for f in (cloud.position, cloud.velocity, *[cloud.snr_db] * 3))
                    cut = PointCloud(*of_points, cloud.offsets[: frames + 1], cloud.times[:frames])
                    own = replace(whole, id=f"{name}-m01-{part}", cloud=cut, joints=whole.joints[:frames])
                    writer.append(own)
    both = Asked(tmp_path / "2.h5", ("validate",), 40)
    assert both.stretches(Dataset.open(both.recordings), 0.1) == {1: slice(0, 40, 1)}
    assert [r.note.split(" frames")[0] for r in ceiling_rows(both, 5)] == ["r over 40"] * len(SERIES)
    with pytest.raises(ValueError, match="expected poses of others than p0 to learn from, got none"):
        ceiling_rows(replace(both, recordings=tmp_path / "1.h5"), 5)
    with pytest.raises(ValueError, match=r"at least two people to hold one out, got \['p0'\]"):
        constant_pose(frames_of(Dataset.open(tmp_path / "1.h5")))
