"""MARS frame by frame: recorded clouds beside simulated ones, and what each part of the simulator does to them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from mmsynth.body_models import load_body
from mmsynth.datasets import Dataset
from mmsynth.datasets.mars import FRONTS, FRONTS_MATERIAL, FRONTS_TOP, RADAR_LAG, RADAR_POSITION
from mmsynth.evaluation.ceiling import Stretch, learned_correlations, residual_gains, stretch_of
from mmsynth.evaluation.fidelity import Pair, at_the_body, series
from mmsynth.evaluation.restage import Restaging, observe, people, restage, steady_stretch
from mmsynth.evaluation.scores import Row, row
from mmsynth.processes import Progress, worker_pool
from mmsynth.radar import load_radar

# How far people's breastbones move as they breathe: the middle of the 4-12 mm that are published (Droitcour 2006).
BREATH = 8e-3
# How fast trunks turn about each joint in rad/s, rms: the middle of what `datasets/mars_synthetic.toml` draws from.
SWAY = 0.025


@dataclass(frozen=True)
class Asked:
    """Which frames are compared.

    Attributes:
        recordings: file that `mmsynth import mars` wrote.
        parts: official parts of each recording.
        frames: of each of these.
        every: of how many consecutive frames one is taken.
        draws: of speckle and of the receiver's noise.
        workers: processes.
    """

    recordings: Path
    parts: tuple[str, ...] = ("test",)
    frames: int = 60
    every: int = 1
    draws: int = 1
    workers: int = 1

    def __post_init__(self) -> None:
        for name in ("frames", "every", "draws", "workers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected 1 or more, got {getattr(self, name)}")

    def stretches(self, dataset: Dataset, period: float) -> dict[int, slice]:
        """By clip: of the longest unbroken stretch of each part, where poses are known, every so many frames.

        Stretches of a single frame, in which nothing moves, are passed over.

        Raises:
            ValueError: there is none.
        """
        found = {}
        for k, name in enumerate(dataset.labels.id.tolist()):
            sample = dataset[k]
            if name.endswith(self.parts) and sample.joints is not None and bool(sample.joints.isfinite().any()):
                whole = steady_stretch(sample, period, self.frames * self.every)
                if whole.stop - whole.start > 1:
                    found[k] = slice(whole.start, whole.stop, self.every)
        if not found:
            raise ValueError(f"{self.recordings}: expected poses in parts {', '.join(self.parts)}, got none")
        return found


def mars_restaging(body: str = "free", device: str = "cpu") -> Restaging:
    """MARS's radar, and the two fronts beside the person, as the recordings have them."""
    return Restaging(
        load_body(body),
        load_radar("mars"),
        radar_position=RADAR_POSITION,
        lag=RADAR_LAG,
        room=_walls(*FRONTS, high=FRONTS_TOP),
        room_material=FRONTS_MATERIAL,
        device=device,
    )


def ceiling_rows(asked: Asked, trees: int) -> list[Row]:
    """Correlations of the recorded course with what trees predict from the poses, taught by the other people."""
    dataset, period = Dataset.open(asked.recordings), load_radar("mars").radar.waveform.frame_period
    # To learn from, the longest stretches of all parts; of the tests only where they are asked about.
    whole = replace(asked, parts=tuple({"train", "validate", *asked.parts}), frames=len(dataset.frame_times()[0]))
    known, some = (
        [stretch_of(dataset[k], cut, period, RADAR_POSITION) for k, cut in which.stretches(dataset, period).items()]
        for which in (whole, asked)
    )
    about = f"r over {sum(len(s.features) for s in some)} frames of {' and '.join(asked.parts)}, one person held out"
    return [
        row(f"mars/ceiling_{name}", [r], "trees", note=f"{about}; +- {error:.3f} over recordings")
        for name, (r, error) in learned_correlations(known, some, trees, seed=0).items()
    ]


def residual_rows(asked: Asked, restaging: Restaging, trees: int, progress: Progress) -> list[Row]:
    """What trees can tell from the poses of recorded less simulated courses: training parts teach, validation asks."""
    dataset, period = Dataset.open(asked.recordings), restaging.setup.radar.waveform.frame_period
    found: dict[str, list[tuple[Pair, Stretch]]] = {}
    for part in ("train", "validate"):
        own = replace(asked, parts=(part,), draws=1)
        [(_, _, [pairs])] = compared(own, [{"": restaging}], progress)
        cut = own.stretches(dataset, period)
        stretches = [stretch_of(dataset[k], frames, period, restaging.radar_position) for k, frames in cut.items()]
        found[part] = list(zip(pairs, stretches, strict=True))
    rows = []
    points: Callable[[Pair], Pair]
    for title, points in (("", lambda pair: pair), ("body_", at_the_body)):
        known, some = (
            [
                (replace(s, course=series(points(pair).recorded)), series(points(pair).simulated))
                for part in parts
                for pair, s in found[part]
            ]
            for parts in (("train", "validate"), ("validate",))
        )
        frames = sum(len(s.features) for s, _ in some)
        for name, (alone, gain, error) in residual_gains(known, some, trees, seed=0).items():
            note = (
                f"gain of r over {frames} frames of validate, one person held out; +- {error:.3f}; without {alone:.3f}"
            )
            method = restaging.settings.method
            rows.append(row(f"mars/residual_{title}{name}", [gain], "trees", note=note, method=method))
    return rows


def compared(
    asked: Asked, groups: Sequence[dict[str, Restaging]], progress: Progress
) -> Iterator[tuple[str, Restaging, list[list[Pair]]]]:
    """Recorded and simulated clouds of every restaging, by draw and recording.

    Those of a group differ in receiver and processing alone. People have one body in all of their recordings.
    `progress` is called with (draws done, draws in all), over all groups.
    """
    first = next(iter(groups[0].values()))
    dataset, period = Dataset.open(asked.recordings), first.setup.radar.waveform.frame_period
    stretches, all_parts = (replace(asked, parts=parts).stretches(dataset, period) for parts in (asked.parts, ("",)))
    shapes = people(((dataset[k], stretch) for k, stretch in all_parts.items()), first)
    jobs = [
        (
            asked.recordings,
            k,
            stretch,
            {name: replace(restaging, shapes=shapes, draw=draw) for name, restaging in group.items()},
        )
        for group in groups
        for draw in range(asked.draws)
        for k, stretch in stretches.items()
    ]
    with ExitStack() as stack:
        run: Callable[..., Iterator[dict[str, Pair]]] = map
        if asked.workers > 1:
            run = stack.enter_context(worker_pool(asked.workers)).map
        found = run(_pairs_of, jobs)
        for number, group in enumerate(groups):
            draws = []
            for draw in range(asked.draws):
                draws.append([next(found) for _ in stretches])
                progress(number * asked.draws + draw + 1, len(groups) * asked.draws)
            for name, restaging in group.items():
                yield name, restaging, [[pair[name] for pair in pairs] for pairs in draws]


def _pairs_of(job: tuple[Path, int, slice, dict[str, Restaging]]) -> dict[str, Pair]:
    """One recording, traced once and observed by every restaging of a group."""
    torch.set_num_threads(1)
    recordings, k, stretch, group = job
    sample = Dataset.open(recordings)[k]
    restaged = restage(sample, stretch, next(iter(group.values())), seed=k)
    return {name: observe(sample, stretch, restaged, restaging, seed=k) for name, restaging in group.items()}


def variants(full: Restaging) -> list[dict[str, Restaging]]:
    """Everything, and what each part changes, in groups that differ in receiver and processing alone."""
    return [_recorded_otherwise(full), *({name: restaging} for name, restaging in _traced_otherwise(full).items())]


def _processed(full: Restaging, **changes: Any) -> Restaging:
    return replace(full, setup=replace(full.setup, processing=replace(full.setup.processing, **changes)))


def _recorded_otherwise(full: Restaging) -> dict[str, Restaging]:
    def threshold(shift_db: float) -> Restaging:
        return replace(full, setup=replace(full.setup, processing=full.setup.processing.with_thresholds(shift_db)))

    chain = partial(_processed, full)
    receiver = replace(full.setup.radar.receiver, bits=0)
    exact = replace(full, setup=replace(full.setup, radar=replace(full.setup.radar, receiver=receiver)))
    return {
        "everything": full,
        "no noise": replace(full, noisy=False),
        "no quantisation": exact,
        "peak grouping": chain(peak_grouping_range=True, peak_grouping_doppler=True),
        "strongest first": chain(listing="strongest"),
        "no impossible directions": chain(impossible_directions=False),
        "no clutter removal": chain(clutter_removal=False),
        "angles not rounded": chain(angle_step=0.0),
        "second peak at half the power": chain(second_peak=0.5),
        "no second peak": chain(second_peak=0.0),
        "threshold 5 dB lower": threshold(-5),
        "threshold 5 dB higher": threshold(5),
    }


def _traced_otherwise(full: Restaging) -> dict[str, Restaging]:
    """The wall behind stands where the farthest recorded points lie; it echoes too, but for what the person hides."""

    def settings(**changes: Any) -> Restaging:
        return replace(full, settings=replace(full.settings, **changes))

    lit = settings(static_room=True)
    behind = torch.cat([_walls(*FRONTS, high=FRONTS_TOP), _walls(((-2.5, 3.35), (2.5, 3.35)))])
    return {
        "one point a facet": settings(method="points"),
        "bones": settings(method="bones"),
        "no diffuse part": settings(diffuse=False),
        "no coherent part": settings(coherent=False),
        "no floor, no fronts, no bounces": replace(settings(bounces=0), floor=None, room=None),
        "no floor": replace(full, floor=None),
        "no fronts": replace(full, room=None),
        "fronts to 1.7 m": replace(full, room=_walls(*FRONTS)),
        "fronts of concrete": replace(full, room_material="concrete"),
        "two bounces": settings(bounces=2),
        "echoes of floor and fronts": lit,
        "a wall behind": replace(lit, room=behind),
        "breath": replace(full, breath=BREATH),
        "sway": replace(full, sway=SWAY),
        "rough cloth (0.3 mm)": replace(full, cloth_roughness=3e-4),
        "smooth cloth": replace(full, cloth_roughness=0.0),
        "no occlusion": settings(occlusion=False),
        "flat facets": settings(flatness=0.0),
        "seven knots": settings(knots=7),
        "calibrated, radar 23 cm lower": replace(_processed(full, compensation=()), radar_position=(0.0, 0.0, 0.0)),
        "Kinect's jitter": replace(full, smoothing=0.0),
        "no lag": replace(full, lag=0.0),
    }


def _walls(*feet: tuple[tuple[float, float], tuple[float, float]], high: float = 1.7) -> torch.Tensor:
    """Corners [walls, 4, 3] in m of walls between points (x, y), left to right from the front, in the poses' frame."""
    low = -0.93
    corners = [[[*left, high], [*left, low], [*right, low], [*right, high]] for left, right in feet]
    return torch.tensor(corners, dtype=torch.float64)
