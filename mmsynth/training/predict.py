"""What a finished run predicts: activities of windows, or poses instant by instant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.arrays import check_shapes
from mmsynth.datasets import Clips
from mmsynth.processes import Progress
from mmsynth.training.frames import frames_of
from mmsynth.training.models import NetworkModel
from mmsynth.training.perceptron import FrameModel
from mmsynth.training.run import Run
from mmsynth.training.windows import BINS_PER_SECOND, Windows, clip_names, cut

Array = NDArray[Any]

# Windows that are asked for at once, in whole batches of a network: what is made of all takes many times their memory.
_AT_ONCE = 2048


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a run predicts of each window.

    Attributes:
        clip: id of the clip; start: of the window in s from the start of the clip; duration: in s.
        truth: the recorded activity; empty = not known.
        probability: of each of `classes`.
        empty: no point counts in the window: all such windows have the same probabilities (never of heatmaps).
    """

    classes: tuple[str, ...]
    clip: Annotated[Array, "windows", "1"]
    start: Annotated[Array, "windows", "s"]
    truth: Annotated[Array, "windows", "1"]
    probability: Annotated[Array, "windows classes", "1"]
    empty: Annotated[Array, "windows", "1"]
    duration: float

    def __post_init__(self) -> None:
        check_shapes(self)

    def __len__(self) -> int:
        return len(self.start)

    @property
    def label(self) -> tuple[str, ...]:
        """The likeliest class of each window."""
        return tuple(self.classes[i] for i in self.probability.argmax(1))

    @property
    def confidence(self) -> Array:
        """Its probability [windows]."""
        return np.asarray(self.probability.max(1))


@dataclass(frozen=True, eq=False)
class Poses:
    """The pose that a run predicts, instant by instant; instants in the order of clips and time.

    Attributes:
        joint_set: names the joints.
        clip: id of the clip; time: in s from its start.
        activity, subject, session: as recorded; empty = not known.
        joints: in the radar frame.
        error: that the network expects of each joint; NaN = it gives none.
        truth: recorded joints; NaN = not known.
    """

    joint_set: str
    clip: Annotated[Array, "instants", "1"]
    time: Annotated[Array, "instants", "s"]
    activity: Annotated[Array, "instants", "1"]
    subject: Annotated[Array, "instants", "1"]
    session: Annotated[Array, "instants", "1"]
    joints: Annotated[Array, "instants joints 3", "m"]
    error: Annotated[Array, "instants joints", "m"]
    truth: Annotated[Array, "instants joints 3", "m"]

    def __post_init__(self) -> None:
        check_shapes(self)

    def __len__(self) -> int:
        return len(self.time)


def predict(
    run: Run,
    dataset: Clips,
    clips: Sequence[int] | Array | None = None,
    step: float | None = None,
    progress: Progress = lambda done, total: None,
) -> Predictions:
    """Class probabilities of every window of the clips of a data set.

    Args:
        run: of activities.
        dataset: holds the clips.
        clips: rows of those that are asked for; None = all.
        step: seconds from the start of one window to the next; None = side by side, so that no frame counts twice.
        progress: called with (windows done, windows in all); of heatmaps first as they are read, then as it answers.

    Raises:
        ValueError: no clip is as long as a window, the run predicts poses, or `step` is no positive number.
    """
    settings = replace(run.recipe.window, step=run.recipe.window.duration if step is None else step)
    windows = cut(dataset, settings, clips, progress=progress)
    p = _by_parts(run.model.probabilities, windows, progress)
    empty = (np.diff(windows.offsets) == 0) & (not settings.maps)
    return Predictions(run.classes, windows.clip, windows.start, windows.activity, p, empty, settings.duration)


def predict_poses(
    run: Run,
    dataset: Clips,
    clips: Sequence[int] | Array | None = None,
    progress: Progress = lambda done, total: None,
) -> Poses:
    """Joints in every time bin of the clips of a data set, all of them if none are named, from windows side by side.

    A perceptron on histograms predicts them in every frame, and estimates a person's size from all of their clips here.
    `progress` is called with (windows or frames done, all of them); of frames and heatmaps first as they are read.

    Raises:
        ValueError: no clip is as long as a window (a perceptron's: as a frame), or the run classifies activities.
    """
    if isinstance(run.model, FrameModel):
        return _each_frame(run.model, run.targets.joint_set, dataset, clips, progress)
    if not isinstance(run.model, NetworkModel):
        raise ValueError("model: expected one that predicts poses, got one that classifies activities")
    settings = replace(run.recipe.window, step=run.recipe.window.duration)
    known = dataset.joint_set == run.targets.joint_set
    windows = cut(dataset, settings, clips, known, progress)
    return lay_out(_by_parts(run.model.poses, windows, progress), windows, run.targets.joint_set)


def _by_parts(ask: Callable[[Windows], Array], windows: Windows, progress: Progress) -> Array:
    """What `ask` answers to all windows, `_AT_ONCE` at a time."""
    answers = []
    for first in range(0, len(windows), _AT_ONCE):
        progress(first, len(windows))
        answers.append(ask(windows.take(np.arange(first, min(first + _AT_ONCE, len(windows))))))
    progress(len(windows), len(windows))
    return np.concatenate(answers)


def _each_frame(
    model: FrameModel, joint_set: str, dataset: Clips, clips: Sequence[int] | Array | None, progress: Progress
) -> Poses:
    frames, about = frames_of(dataset, clips, progress), dataset.labels
    if not len(frames):
        raise ValueError("predict: expected clips with at least one frame, got none")
    answers = model.poses(frames, progress)
    names = {"clip": clip_names(dataset)} | {n: getattr(about, n) for n in ("activity", "subject", "session")}
    return Poses(
        joint_set=joint_set,
        time=frames.time,
        joints=answers,
        error=np.full(answers.shape[:2], np.nan, np.float32),
        truth=frames.joints if dataset.joint_set == joint_set else np.full_like(answers, np.nan),
        **{name: column[frames.clip].astype(object) for name, column in names.items()},
    )


def lay_out(answers: Array, windows: Windows, joint_set: str) -> Poses:
    """Answers [windows, bins, joints, 4] as instants in the order of the windows."""
    bins = windows.bins
    unknown = np.full(answers[..., :3].shape, np.nan, np.float32)
    truth = windows.joints if windows.joints.size else unknown
    time = windows.begin[:, None] + (np.arange(bins) + 0.5) / BINS_PER_SECOND
    each = {name: np.repeat(getattr(windows, name), bins) for name in ("clip", "activity", "subject", "session")}
    joints = answers.shape[2]
    return Poses(
        joint_set=joint_set,
        time=time.ravel(),
        joints=answers[..., :3].reshape(-1, joints, 3),
        error=answers[..., 3].reshape(-1, joints),
        truth=truth.reshape(-1, joints, 3),
        **each,
    )
