"""Simulator settings from recordings without labels: a recipe's overlay that brings its histograms to theirs.

Noise floor and CFAR threshold decide how many points a person gives, and no data sheet tells them. Each clip is traced
once; every candidate receives and detects it anew. Where people stand is read from the recordings' ranges.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmsynth.calibration.quantities import QUANTITIES, Floats, distances, measure
from mmsynth.config import dumps
from mmsynth.datasets import Clips, FlatPoints
from mmsynth.generation.clip import Stage, Take, draw_take, stage, stream
from mmsynth.generation.recipe import Recipe
from mmsynth.processing import detect, range_doppler
from mmsynth.simulation import receive, simulate_clean
from mmsynth.types import AdcFrames, Cfar, PointCloud
from mmsynth.view import histograms_figure, save_figure

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class CalibrationSettings:
    """What is tried.

    Attributes:
        clips: of the recipe, traced once each before and once after.
        noise_db: candidates added to the radar's noise figure.
        threshold_db: candidates added to its CFAR thresholds.
        spread_db: half width of the noise range that the overlay draws from around the best.
    """

    clips: int = 20
    noise_db: tuple[float, ...] = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)
    threshold_db: tuple[float, ...] = (-4.0, 0.0)
    spread_db: float = 4.0

    def __post_init__(self) -> None:
        if self.clips < 1 or not self.noise_db or not self.threshold_db:
            raise ValueError("calibration: expected at least one clip, one noise level and one threshold")


@dataclass(frozen=True)
class Calibration:
    """What calibration found.

    Attributes:
        overlay: keys for `mmsynth generate --overlay`.
        before, after: distance of each histogram to the recordings', as a share of its axis.
        tried: mean distance of each candidate (noise_db, threshold_db).
    """

    overlay: dict[str, Any]
    before: dict[str, float]
    after: dict[str, float]
    tried: dict[tuple[float, float], float]

    def text(self) -> str:
        """The distances as a table."""
        width = max(len(q.name) for q in QUANTITIES)
        lines = [f"{'distance to the recordings':{width}}    before     after"]
        lines += [f"{q.name:{width}}  {self.before[q.name]:8.4f}  {self.after[q.name]:8.4f}" for q in QUANTITIES]
        return "\n".join(lines)


def calibrate(
    recipe: Recipe, captures: Clips, out: Path | str, progress: Progress, settings: CalibrationSettings | None = None
) -> Calibration:
    """Match a recipe to recordings that need no labels; writes the overlay `out` and its histograms beside it (PNG).

    Args:
        recipe: of the synthetic set; its activities should be roughly those of the recordings.
        captures: recordings of the same radar.
        out: TOML file to write.
        progress: called with (clips traced, clips in all).
        settings: what is tried.

    Raises:
        ValueError: `out` exists, or the recordings hold no moving point.
    """
    settings, out = settings or CalibrationSettings(), Path(out)
    if out.exists():
        raise ValueError(f"{out}: exists already; choose another file or remove it")
    recorded = measure(captures.points())
    if len(recorded["range (m)"]) == 0:
        raise ValueError("calibrate: expected recordings with moving points, got none")
    total = 2 * settings.clips
    nominal = (0.0, 0.0)
    candidates = [nominal] + [(n, t) for n in settings.noise_db for t in settings.threshold_db if (n, t) != nominal]
    first = _simulate(recipe, candidates, settings.clips, lambda k: progress(k, total))
    tried = {c: float(np.mean(list(distances(recorded, first[c]).values()))) for c in candidates}
    best = min(candidates, key=lambda c: tried[c])
    overlay = _overlay(recipe, recorded, first[best], best, settings)
    placed = replace(recipe, placement=replace(recipe.placement, **overlay["placement"]))
    second = _simulate(placed, [best], settings.clips, lambda k: progress(settings.clips + k, total))[best]
    before, after = distances(recorded, first[nominal]), distances(recorded, second)
    out.write_text(_header(before, after) + dumps(overlay), encoding="utf-8")
    shown = {q.name: (recorded[q.name], first[nominal][q.name], second[q.name]) for q in QUANTITIES}
    save_figure(
        histograms_figure(shown, "recorded and simulated, before and after calibration"), out.with_suffix(".png")
    )
    return Calibration(overlay, before, after, tried)


def _simulate(
    recipe: Recipe, candidates: list[tuple[float, float]], clips: int, progress: Callable[[int], None]
) -> dict[tuple[float, float], dict[str, Floats]]:
    """Quantities of the recipe's clips for each candidate; each clip is traced once."""
    found: dict[tuple[float, float], list[PointCloud]] = {c: [] for c in candidates}
    ready = stage(recipe)
    for index in range(clips):
        take = draw_take(ready, index)
        for candidate, cloud in zip(candidates, _receive_each(ready, take, index, candidates), strict=True):
            found[candidate].append(cloud)
        progress(index + 1)
    return {c: measure(flatten(clouds)) for c, clouds in found.items()}


def _receive_each(ready: Stage, take: Take, index: int, candidates: list[tuple[float, float]]) -> Iterator[PointCloud]:
    radar, chain = ready.setup.radar, ready.setup.processing
    clean = simulate_clean(take.scene, radar, take.frames, ready.recipe.simulation, seed=index)
    times = torch.arange(take.frames, dtype=torch.float64) * radar.waveform.frame_period
    for noise_db, threshold_db in candidates:
        figure = radar.receiver.noise_figure * 10 ** (noise_db / 10)
        unit = replace(radar, receiver=replace(radar.receiver, noise_figure=figure))
        shifted = replace(chain, range_cfar=_raised(chain.range_cfar, threshold_db))
        if chain.doppler_cfar:
            shifted = replace(shifted, doppler_cfar=_raised(chain.doppler_cfar, threshold_db))
        # The same noise for every candidate, so that they differ by what they are and not by their draw.
        samples = receive(clean, unit, stream(ready.recipe.seed, 4, index))
        yield detect(range_doppler(AdcFrames(unit, samples, times), shifted), shifted)


def _raised(cfar: Cfar, by_db: float) -> Cfar:
    return replace(cfar, threshold_db=cfar.threshold_db + by_db)


def flatten(clouds: list[PointCloud]) -> FlatPoints:
    """Clouds of several clips as a data set would give them."""
    points = [torch.stack([*c.position.T, c.velocity, c.intensity, c.snr_db, c.noise_db], 1) for c in clouds]
    counts = np.concatenate([c.offsets.diff().numpy() for c in clouds])
    return FlatPoints(
        values=torch.cat(points).float().numpy(),
        frame=np.repeat(np.arange(len(counts)), counts),
        point_offsets=np.concatenate([[0], np.cumsum(counts)]),
        frame_time=np.concatenate([c.times.numpy() for c in clouds]),
        clip_offsets=np.concatenate([[0], np.cumsum([len(c.times) for c in clouds])]),
    )


def _overlay(
    recipe: Recipe,
    recorded: dict[str, Floats],
    simulated: dict[str, Floats],
    best: tuple[float, float],
    settings: CalibrationSettings,
) -> dict[str, Any]:
    """The recipe's placement moved and stretched by how recorded ranges lie to simulated ones, and the noise found.

    Activities that have a distance of their own keep it.
    """
    low, high = recipe.placement.distance
    ours, theirs = (
        np.quantile(v["range (m)"], [0.1, 0.9]) if len(v["range (m)"]) else None for v in (simulated, recorded)
    )
    if ours is not None and theirs is not None:
        low, high = low + theirs[0] - ours[0], high + theirs[1] - ours[1]
    low = max(0.3, min(low, high - 0.1))
    heights = recipe.placement.radar_height
    shift = 0.0
    if len(simulated["height (m)"]):
        shift = float(np.median(simulated["height (m)"]) - np.median(recorded["height (m)"]))
    noise, threshold = best
    return {
        "device": {
            "noise_db": [noise - settings.spread_db, noise + settings.spread_db],
            "threshold_db": [threshold - 1.0, threshold + 1.0],
        },
        "placement": {
            "distance": (round(float(low), 3), round(float(max(high, low + 0.1)), 3)),
            "radar_height": tuple(round(max(0.0, h + shift), 3) for h in heights),
        },
    }


def _header(before: dict[str, float], after: dict[str, float]) -> str:
    lines = [f"# {name}: {before[name]:.4f} -> {after[name]:.4f}" for name in before]
    return "\n".join(["# Distance to the recordings, before -> after, as a share of each axis:", *lines, ""])
