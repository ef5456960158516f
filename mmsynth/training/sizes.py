"""How large somebody is, estimated from whole recordings: few recorded people cannot teach it, many simulated can."""

from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.arrays import check_shapes
from mmsynth.training.frames import Frames

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Sizes:
    """How much larger than people whose sizes are known others are, estimated from the heights of their points.

    Attributes:
        weights: of the heights in the logarithm of the size in m, to within what is the same for everybody; of people
            who are larger by one, they say one on average.
        spread: variance of that logarithm from person to person.
        noise: variance of the estimates from single recordings of one person.
        own: variance of what a person's build adds to the estimate in all recordings alike.
        level: the estimate from the recordings of other people, mean over frames.
        people, recordings: how many these are.
        told: whether their sizes are known; else they are taken to be as large as those learnt from, on average.
    """

    weights: Annotated[Array, "quantiles", "1/m"]
    spread: float
    noise: float
    own: float
    level: float
    people: int
    recordings: int
    told: bool = True

    def __post_init__(self) -> None:
        check_shapes(self)

    def relative_to(self, frames: Frames, told: bool = True) -> "Sizes":
        """The same, relative to other people, whose sizes are known or not.

        An error that is the same in all recordings of a radar cancels.
        """
        heights, person, recording = _recordings(frames)
        estimate, seen = self._estimates(heights, person)
        # By frames, as their mean size is.
        level = float(np.nanmean(estimate[person][recording])) if seen.any() else self.level
        return replace(self, level=level, people=len(estimate), recordings=max(int(seen.sum()), 1), told=told)

    def factors(self, frames: Frames) -> Array:
        """How much larger each frame's person is [frames], by all of their recordings here, than people of known size.

        These are the people of `level`, or, where nobody's size is told there, those learnt from. The estimate is
        shrunk by its variance, own / people + noise / recordings on either side, against that of the true difference,
        which people's spread gives (the mean of a normal variable: Gelman et al., Bayesian Data Analysis, eq. 2.12).
        Of a difference to people of unknown size a part is theirs, which says nothing of the person's own.
        """
        heights, person, recording = _recordings(frames)
        estimate, seen = self._estimates(heights, person)
        true = self.spread * (1 + 1 / self.people)
        error = self.own * (1 + 1 / self.people) + self.noise * (1 / np.maximum(seen, 1) + 1 / self.recordings)
        own = true if self.told else self.spread
        sure = np.where(seen > 0, own / np.maximum(true + error, 1e-12), 0.0)
        return np.asarray(np.exp(sure * (np.nan_to_num(estimate) - self.level))[person][recording])

    def _estimates(self, heights: Array, person: Array) -> tuple[Array, Array]:
        """The estimate [people] from the recordings of each person, on average, and how many of them give any."""
        each = heights @ self.weights
        some = np.isfinite(each)
        seen = np.bincount(person[some], minlength=int(person.max()) + 1)
        with np.errstate(invalid="ignore"):
            return np.bincount(person[some], each[some], len(seen)) / seen, seen


def fit_sizes(frames: Frames, ridge: float = 0.1) -> Sizes:
    """Ridge regression over people whose sizes are known, on the mean heights of their recordings.

    Each person counts once: differences between one person's moves would else be taken for noise about the size.
    A regression's answers are drawn towards the mean already, by how sure they are with as many recordings as people
    have here. As `Sizes.factors` does that by the recordings that there are, the answers are stretched first until
    they grow with the size itself (calibration: Osborne, Int. Stat. Rev. 59, 1991).

    Args:
        frames: of many people.
        ridge: penalty of the weights on standardised features, relative to the number of people.
    """
    heights, person, recording = _recordings(frames)
    known = np.isfinite(heights).all(1)
    _, first = np.unique(recording, return_index=True)
    heights, person, size = heights[known], person[known], size_of(frames)[first][known]
    _, person = np.unique(person, return_inverse=True)
    count = np.bincount(person)
    table = np.stack([np.bincount(person, column) for column in heights.T], 1) / count[:, None]
    logarithm = np.bincount(person, np.log(size)) / count
    scale = table.std(0) + 1e-6
    standard = (table - table.mean(0)) / scale
    penalty = ridge * len(table) * np.eye(table.shape[1])
    truth = logarithm - logarithm.mean()
    solved = np.linalg.solve(standard.T @ standard + penalty, standard.T @ truth)
    # By a thousandth at least: where heights tell nothing, errors grow with what they tell and nothing is believed.
    grown = max(float(truth @ standard @ solved) / max(float(truth @ truth), 1e-12), 1e-3)
    solved, weights = solved / grown, solved / grown / scale
    within = (heights - table[person]) @ weights
    noise = float((within**2).sum() / max(len(within) - len(table), 1))
    # With one recording a person, how recordings differ is not known: all of the error is taken for the person's own.
    own = max(float((standard @ solved - truth).var() - noise * (1 / count).mean()), 0.0)
    taught = Sizes(weights, float(logarithm.var()), noise, own, 0.0, len(table), len(heights))
    return taught.relative_to(frames)


def _recordings(frames: Frames) -> tuple[Array, Array, Array]:
    """Heights [recordings, quantiles], the person [recordings] of each, and the recording [frames] of each frame.

    Somebody without a name is another person in every recording.
    """
    _, first, recording = np.unique(frames.clip, return_index=True, return_inverse=True)
    names = frames.subject[first].astype(str)
    names = np.where(names == "", np.char.add("\0", frames.clip[first].astype(str)), names)
    return frames.heights[first], np.unique(names, return_inverse=True)[1], recording


def mean_size(frames: Frames) -> float:
    """Geometric mean of people's sizes in m."""
    return float(np.exp(np.log(size_of(frames)).mean()))


def size_of(frames: Frames) -> Array:
    """Size in m [frames] of each frame's person: the mean over the frames of the recording that are here."""
    _, recording = np.unique(frames.clip, return_inverse=True)
    return np.asarray((np.bincount(recording, frames.size) / np.bincount(recording))[recording])


def of_one_size(frames: Frames, size: float) -> Frames:
    """The poses as people of one size would take them on the same spot."""
    return replace(frames, joints=resized(frames.joints, size / size_of(frames), floor_of(frames)))


def floor_of(frames: Frames) -> float:
    """Height in m of what people stand on: of the lowest joint, as it mostly is."""
    return float(np.median(frames.joints[..., 2].min(1)))


def resized(joints: Array, factor: Array, floor: float) -> Array:
    """Joints [frames, joints, 3] grown by a factor [frames] from the floor under the first joint."""
    foot = joints[:, :1].copy()
    foot[..., 2] = floor
    return np.asarray(foot + factor[:, None, None] * (joints - foot), joints.dtype)
