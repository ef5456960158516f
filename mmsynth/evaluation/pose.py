"""A run that predicts poses, scored on recordings whose joints are known: table, figure, JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth import metrics
from mmsynth.datasets import Clips
from mmsynth.evaluation.evaluate import met, untouched, warnings
from mmsynth.evaluation.report import keep_report, without_nan
from mmsynth.joints import bones, joint_names
from mmsynth.processes import Progress
from mmsynth.training import Poses, Run, leaks, other_radar, predict_poses
from mmsynth.training.models import NetworkModel
from mmsynth.training.perceptron import FrameModel
from mmsynth.view import pose_figure

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class PoseScores:
    """How far poses are from the truth, all in m; instants without a known joint do not count.

    Attributes:
        mae: mean absolute error over all coordinates.
        mpjpe: mean distance of each joint, by name; NaN = it was never recorded.
        relative_mae, relative_mpjpe: the same with both poses moved to a common root, the set's first joint.
        bone_spread: standard deviation of a bone's length over a clip, mean over bones and clips.
        expected: mean of the errors that the model expects of itself (mean absolute error of a joint's coordinates);
            NaN = it expects none.
        correlation: of expected and true errors over all joints and instants; NaN where none are expected.
    """

    instants: int
    mae: float
    mpjpe: dict[str, float]
    relative_mae: float
    relative_mpjpe: dict[str, float]
    bone_spread: float
    expected: float
    correlation: float

    def table(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        return dict(without_nan(self.__dict__))


def score_poses(poses: Poses) -> PoseScores:
    """Scores of predicted poses.

    Raises:
        ValueError: no joint is known.
    """
    known = np.asarray(np.isfinite(poses.truth).all(axis=2))
    if not known.any():
        raise ValueError("evaluate: expected recordings with joints to score poses on, got none")
    rows = known.any(axis=1)
    predicted, truth = poses.joints[rows], poses.truth[rows]
    names = joint_names(poses.joint_set)
    at_root = metrics.root_relative(predicted), metrics.root_relative(truth)
    off = np.abs(predicted - truth).mean(2)
    found = np.isfinite(off) & np.isfinite(poses.error[rows])
    return PoseScores(
        instants=int(rows.sum()),
        mae=metrics.mae(predicted, truth),
        mpjpe=dict(zip(names, metrics.mpjpe(predicted, truth).tolist(), strict=True)),
        relative_mae=metrics.mae(*at_root),
        relative_mpjpe=dict(zip(names, metrics.mpjpe(*at_root).tolist(), strict=True)),
        bone_spread=bone_spread(predicted, poses.clip[rows], poses.joint_set),
        expected=float(poses.error[rows].mean()),
        correlation=metrics.correlation(poses.error[rows][found], off[found]) if found.any() else np.nan,
    )


def bone_spread(joints: Array, clip: Array, joint_set: str) -> float:
    """Standard deviation in m of bone lengths over each clip, mean over bones and clips; NaN without bones.

    Joints are [frames, joints, 3] in m; `clip` [frames] names the clip of each frame.
    """
    if not (pairs := bones(joint_set)):
        return np.nan
    a, b = np.array(pairs).T
    length = np.linalg.norm(joints[:, a] - joints[:, b], axis=-1)
    names = clip.astype(str)
    return float(np.nanmean([np.nanstd(length[names == name], axis=0) for name in np.unique(names)]))


def constant_poses(poses: Poses, pose: Array) -> Poses:
    """The same instants with one pose [joints, 3] for all: what any model must beat."""
    return Poses(**{**poses.__dict__, "joints": np.broadcast_to(pose, poses.joints.shape).astype(np.float32)})


@dataclass(frozen=True, eq=False)
class PoseReport:
    """Scores of a run beside those of the mean pose of what it was trained on; the rest as in `Report`."""

    model: PoseScores
    constant: PoseScores
    seen: int = 0
    adapted: int = 0
    left: int = 0
    other_radar: str = ""
    leaks: str = ""

    def text(self) -> str:
        """The report as a table."""
        lines = [f"{'cm':24}{'model':>10}{'constant':>10}"]
        pairs = (
            ("mean absolute error", "mae"),
            ("relative to the root", "relative_mae"),
            ("spread of bone lengths", "bone_spread"),
            ("error it expects", "expected"),
        )
        known = np.isfinite(self.model.expected)
        for title, name in pairs if known else pairs[:-1]:
            ours, other = (100 * getattr(s, name) for s in (self.model, self.constant))
            lines.append(f"{title:24}{ours:10.2f}" + ("" if name == "expected" else f"{other:10.2f}"))
        for title, name in (("joint distance", "mpjpe"), ("relative to the root", "relative_mpjpe")):
            ours, other = (getattr(s, name) for s in (self.model, self.constant))
            # A joint that was never recorded has no distance, and leaves the others theirs.
            mean = [100 * float(np.nanmean(list(v.values()))) for v in (ours, other)]
            lines += ["", f"{title:24}{mean[0]:10.2f}{mean[1]:10.2f}"]
            lines += [f"  {joint:22}{100 * ours[joint]:10.2f}{100 * other[joint]:10.2f}" for joint in ours]
        sure = f"; expected and true error correlate by {self.model.correlation:.2f}" if known else ""
        lines += ["", f"{self.model.instants} instants{sure}"]
        lines += warnings(self.seen, self.adapted, self.left, self.other_radar, self.leaks)
        return "\n".join(lines)


def evaluate_poses(
    run: Run, dataset: Clips, out: Path | str, progress: Progress = lambda done, total: None
) -> PoseReport:
    """Score a run that predicts poses; writes `report.txt`, `report.json` and `poses.png` into the folder `out`.

    What counts is `untouched`. `progress` is called with (windows or frames done, all of them).

    Raises:
        ValueError: no joint is known, or the run classifies activities.
    """
    clips = untouched(run, dataset)
    poses = predict_poses(run, dataset, clips, progress)
    assert isinstance(run.model, NetworkModel | FrameModel)
    constant, known = constant_poses(poses, run.model.mean_pose), (*met(run, dataset, clips), len(dataset) - len(clips))
    others = other_radar(run, dataset), leaks(run.recipe.data)
    report = PoseReport(score_poses(poses), score_poses(constant), *known, *others)
    content: dict[str, Any] = {name: getattr(report, name).table() for name in ("model", "constant")}
    content |= {name: getattr(report, name) for name in ("seen", "adapted", "left", "other_radar", "leaks")}
    rows = np.linspace(0, len(poses) - 1, 12).round().astype(int)
    figure = pose_figure(poses.joints[rows], poses.truth[rows], bones(poses.joint_set))
    keep_report(Path(out, "report.txt"), Path(out, "poses.png"), report.text(), content, figure)
    return report
