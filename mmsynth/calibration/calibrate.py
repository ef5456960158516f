"""Simulator settings from recordings without labels: a recipe's overlay that brings its histograms to theirs.

Noise floor and CFAR threshold decide how many points a person gives, clothing how the echo is shared out between the
smooth and the rough part, a room's echoes how far points scatter, and no data sheet tells them. Transmit gain and noise
floor show in nothing but their difference, so that the floor is moved. Clips are traced once and recorded by every
candidate; where people stand is read from the recordings' ranges, azimuths and heights (an activity with a placement
of its own keeps it). The overlay holds ranges about what was found, which `generate` draws from for each clip.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmsynth.calibration.quantities import Floats, distances, measure
from mmsynth.config import dumps
from mmsynth.datasets import Clips, Dataset, FlatPoints
from mmsynth.generation.clip import GHOSTS, record, stage, trace_clip
from mmsynth.generation.ghosts import add_ghosts
from mmsynth.generation.load import resolve_radar
from mmsynth.generation.play import stream
from mmsynth.generation.recipe import Device, Placement, Recipe
from mmsynth.types import PointCloud
from mmsynth.view import histograms_figure, save_figure
from mmsynth.whole import whole

Progress = Callable[[int, int], None]

# Noise floors as near as this, in dB, are tried again where people stand where they stood.
STEP = 6.0


@dataclass(frozen=True)
class CalibrationSettings:
    """What is tried.

    Attributes:
        clips: of the recipe, traced once for each way to dress and place people.
        noise_db: candidates added to the radar's noise figure; where the first or the last fits best, two steps beyond.
        threshold_db: candidates added to its CFAR thresholds.
        ghosts: candidates of the share of points that come by a detour.
        clothes: kinds of clothing that are tried in place of the recipe's: those that scatter least and most diffusely.
        spread_db: half width of the noise range that the overlay draws from about the best.
    """

    clips: int = 30
    noise_db: tuple[float, ...] = (0.0, 6.0, 12.0, 18.0, 24.0)
    threshold_db: tuple[float, ...] = (-4.0, 0.0)
    ghosts: tuple[float, ...] = (0.0, 0.1, 0.2)
    clothes: tuple[tuple[str, ...], ...] = (("wool", "synthetic"), ("leather", "denim"))
    spread_db: float = 4.0

    def __post_init__(self) -> None:
        if self.clips < 1 or not (self.noise_db and self.threshold_db and self.ghosts):
            raise ValueError("calibration: expected at least one clip, noise level, threshold and share of ghosts")

    def device(self, noise_db: float, threshold_db: float, ghosts: float) -> Device:
        """The ranges about one candidate."""
        return Device(
            noise_db=(noise_db - self.spread_db, noise_db + self.spread_db),
            threshold_db=(threshold_db - 1.0, threshold_db + 1.0),
            ghosts=(0.5 * ghosts, 1.5 * ghosts),
        )

    def devices(self) -> tuple[Device, ...]:
        """All candidates."""
        return tuple(self.device(n, t, g) for n in self.noise_db for t in self.threshold_db for g in self.ghosts)

    def near(self, found: Device) -> tuple[Device, ...]:
        """Candidates of the threshold of `found` and a noise floor near its own; beyond all, where it is the last."""
        noise, threshold = _middle(found.noise_db), _middle(found.threshold_db)
        levels = [n for n in self.noise_db if abs(n - noise) <= STEP]
        for last, step in ((min(self.noise_db), -STEP), (max(self.noise_db), STEP)):
            # One candidate alone is meant.
            levels += [last + step, last + 2 * step] if noise == last and len(self.noise_db) > 1 else []
        return tuple(self.device(n, threshold, g) for n in levels for g in self.ghosts)

    def edge(self, found: Device) -> str:
        """One sentence where no candidate beyond the noise floor that was found was tried; else nothing."""
        noise, tried = _middle(found.noise_db), [*self.noise_db]
        tried += [min(tried) - 2 * STEP, max(tried) + 2 * STEP]
        if noise not in (min(tried), max(tried)):
            return ""
        much = "little" if noise == min(tried) else "much"
        return (
            f"the noise floor that fits best, {noise:+g} dB to the data sheet's, is the last that was tried: with so "
            f"{much} noise, recordings may rather show other activities and places than the recipe's"
        )


@dataclass(frozen=True)
class Calibration:
    """What calibration found.

    Attributes:
        overlay: keys for `mmsynth generate --overlay`.
        before, after: distance of each histogram to the recordings', as a share of its axis, on people that the
            search has not seen.
        edge: one sentence where what was found is the last that was tried.
    """

    overlay: dict[str, Any]
    before: dict[str, float]
    after: dict[str, float]
    edge: str = ""

    def text(self) -> str:
        """The distances as a table."""
        width = max(len(name) for name in self.before)
        lines = [f"{'distance to the recordings':{width}}    before     after"]
        lines += [f"{name:{width}}  {self.before[name]:8.4f}  {self.after[name]:8.4f}" for name in self.before]
        mean = [float(np.mean(list(d.values()))) for d in (self.before, self.after)]
        lines.append(f"{'mean':{width}}  {mean[0]:8.4f}  {mean[1]:8.4f}")
        if mean[1] >= mean[0]:
            lines.append(
                "the overlay brings other people no nearer to the recordings: leave it out, or try with more clips"
            )
        return "\n".join([*lines, *([self.edge] if self.edge else [])])


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
        ValueError: `out` exists, its folder does not, the recordings are of another radar, or hold no moving point.
    """
    settings, out = settings or CalibrationSettings(), Path(out)
    if out.exists():
        raise ValueError(f"{out}: exists already; choose another file or remove it")
    if not out.parent.is_dir():
        raise ValueError(f"{out}: no such folder {out.parent}")
    _check_radar(recipe, captures)
    recorded = measure(captures.points(), recipe.seconds, bool(recipe.room))
    if len(recorded["range (m)"]) == 0:
        raise ValueError("calibrate: expected recordings with moving points, got none")
    search = _Search(recorded, settings, progress)
    found = search.run(recipe)
    # Before and after are of other people, places and noise than the search has seen.
    fresh = replace(recipe, seed=recipe.seed + 1)
    first, last = (search.simulate(r, [r.device])[0] for r in (fresh, replace(found, seed=recipe.seed + 1)))
    before, after = distances(recorded, first), distances(recorded, last)
    overlay = _overlay(found)
    shown = {name: (recorded[name], first[name], last[name]) for name in before}
    figure = histograms_figure(shown, "recorded and simulated, before and after calibration")
    with whole(out, out.with_suffix(".png")) as (part, picture):
        part.write_text(_header(before, after) + dumps(overlay), encoding="utf-8")
        save_figure(figure, picture)
    return Calibration(overlay, before, after, search.settings.edge(found.device))


def _check_radar(recipe: Recipe, captures: Clips) -> None:
    """Refuse recordings that are known to be of another waveform than the recipe's radar sends."""
    simulated = resolve_radar(recipe).radar
    recorded = captures.attributes.radar if isinstance(captures, Dataset) else None
    if recorded is not None and recorded.waveform != simulated.waveform:
        raise ValueError(
            f"calibrate: expected recordings of the recipe's radar {simulated.name}, got some of {recorded.name} with "
            "another waveform"
        )


@dataclass
class _Search:
    """The search for one recipe, and how many clips it has traced."""

    recorded: dict[str, Floats]
    settings: CalibrationSettings
    progress: Progress
    traced: int = 0

    def run(self, recipe: Recipe) -> Recipe:
        """The recipe with device, place and clothing found: device first, then place, then both with clothing."""
        devices = list(self.settings.devices())
        nominal, *first = self.simulate(recipe, [recipe.device, *devices])
        # What must fall is what the recipe has now.
        limits = distances(self.recorded, nominal)
        # Before people stand where they stood no single histogram binds: it may lie well for a wrong reason.
        best = min(range(len(devices)), key=lambda k: self._loss(first[k], {}))
        placed = replace(
            recipe, device=devices[best], placement=_placement(recipe.placement, self.recorded, first[best])
        )
        dressed = [
            replace(placed, subjects=replace(placed.subjects, clothing=kinds)) for kinds in self.settings.clothes
        ]
        near = list(self.settings.near(devices[best]))
        options: list[tuple[float, Recipe]] = []
        for option in (placed, *dressed):
            again = self.simulate(option, near)
            options += [(self._loss(q, limits), replace(option, device=d)) for q, d in zip(again, near, strict=True)]
        return min(options, key=lambda pair: pair[0])[1]

    def simulate(self, recipe: Recipe, devices: list[Device]) -> list[dict[str, Floats]]:
        """Quantities of the recipe's clips as each device records them; each clip is traced once."""
        first = stage(recipe)
        clouds: list[list[PointCloud]] = [[] for _ in devices]
        for index in range(self.settings.clips):
            traced = trace_clip(first, index)
            # Ghosts come after detection: candidates that differ in nothing else share what was detected.
            detected: dict[Device, PointCloud] = {}
            for own, device in zip(clouds, devices, strict=True):
                plain = replace(device, ghosts=(0.0, 0.0))
                if plain not in detected:
                    detected[plain] = record(replace(first, recipe=replace(recipe, device=plain)), traced, 0).cloud
                own.append(add_ghosts(detected[plain], device.ghosts, stream(recipe.seed, GHOSTS, index, 0)))
            self.traced += 1
            self.progress(self.traced, (4 + len(self.settings.clothes)) * self.settings.clips)
        return [measure(flatten(own), recipe.seconds, bool(recipe.room)) for own in clouds]

    def _loss(self, simulated: dict[str, Floats], limits: dict[str, float]) -> float:
        """Mean distance, and a multiple of what any distance lies above the recipe's own."""
        found = distances(self.recorded, simulated)
        above = sum(max(0.0, found[name] - limit) for name, limit in limits.items())
        return float(np.mean(list(found.values()))) + 2.0 * above


def _middle(bounds: tuple[float, float]) -> float:
    return round(0.5 * (bounds[0] + bounds[1]), 6)


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


def _placement(place: Placement, recorded: dict[str, Floats], simulated: dict[str, Floats]) -> Placement:
    """The placement moved and stretched by how recorded ranges and azimuths lie to simulated ones, and raised."""
    if not len(simulated["range (m)"]):
        return place
    distance = _stretched(place.distance, recorded["range (m)"], simulated["range (m)"])
    bearing = _stretched(place.bearing, recorded["azimuth (rad)"], simulated["azimuth (rad)"])
    raised = float(np.median(simulated["height (m)"]) - np.median(recorded["height (m)"]))
    near = max(0.3, distance[0])
    low, high = (max(0.0, round(h + raised, 3)) for h in place.radar_height)
    return replace(
        place, distance=(near, max(distance[1], near + 0.1)), bearing=bearing, radar_height=(low, max(low, high))
    )


def _stretched(bounds: tuple[float, float], recorded: Floats, simulated: Floats) -> tuple[float, float]:
    """Bounds moved as the tenth and ninetieth hundredths differ; they meet in their middle if that would cross them."""
    shifts = (np.quantile(recorded, q) - np.quantile(simulated, q) for q in (0.1, 0.9))
    low, high = (b + shift for b, shift in zip(bounds, shifts, strict=True))
    if low > high:
        low = high = 0.5 * (low + high)
    return round(float(low), 3), round(float(high), 3)


def _overlay(recipe: Recipe) -> dict[str, Any]:
    device, place = recipe.device, recipe.placement
    # In a room its mount says how high the radar hangs.
    height = {} if recipe.room else {"radar_height": list(place.radar_height)}
    return {
        "device": {name: list(getattr(device, name)) for name in ("noise_db", "threshold_db", "ghosts")},
        "placement": {
            "distance": list(place.distance),
            "bearing_deg": [round(math.degrees(b), 1) for b in place.bearing],
            **height,
        },
        "subjects": {"clothing": list(recipe.subjects.clothing)},
    }


def _header(before: dict[str, float], after: dict[str, float]) -> str:
    lines = [f"# {name}: {before[name]:.4f} -> {after[name]:.4f}" for name in before]
    return "\n".join(["# Distance to the recordings, before -> after, as a share of each axis:", *lines, ""])
