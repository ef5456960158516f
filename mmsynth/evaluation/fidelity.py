"""Simulated against recorded clouds, frame by frame: a body fitted to the recorded poses before the same radar."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mmsynth import metrics
from mmsynth.body_models import BodyModel, fit_skeleton
from mmsynth.joints import JOINT_SETS
from mmsynth.motion import resample
from mmsynth.processing import detect, range_doppler
from mmsynth.scene import person_materials
from mmsynth.simulation import Simulation, knot_times, receive, simulate_clean
from mmsynth.types import AdcFrames, PointCloud, RadarSetup, Sample, Scene, Skeleton

Array = NDArray[Any]
SERIES = ("doppler", "range", "lateral", "elevation")


@dataclass(frozen=True, eq=False)
class Pair:
    """Recorded and simulated points of the same frames: x, y, z, v [points, 4] of each frame, in m and m/s."""

    name: str
    recorded: tuple[Array, ...]
    simulated: tuple[Array, ...]


def steady_stretch(sample: Sample, period: float, longest: int) -> slice:
    """The first `longest` frames of the longest stretch of a clip without gaps in time or pose."""
    if sample.joints is None:
        raise ValueError(f"{sample.id}: expected joints, got none")
    times = sample.cloud.times.numpy()
    seen = torch.isfinite(sample.joints).all(2).all(1).numpy()
    breaks = np.flatnonzero((np.abs(np.diff(times) - period) > 0.2 * period) | ~seen[1:] | ~seen[:-1]) + 1
    edges = np.concatenate([[0], breaks, [len(times)]])
    best = int(np.diff(edges).argmax())
    return slice(int(edges[best]), int(min(edges[best + 1], edges[best] + longest)))


def simulate_pair(
    sample: Sample, stretch: slice, body: BodyModel, setup: RadarSetup, settings: Simulation, seed: int
) -> Pair:
    """Fit the body to the clip's joints and record it with the same radar; the world is the radar's frame."""
    radar, frames = setup.radar, stretch.stop - stretch.start
    assert sample.joints is not None
    times = torch.arange(frames, dtype=torch.float64) * radar.waveform.frame_period
    # The last frame's chirps end after the last pose: it is held for one more period.
    held = torch.cat([sample.joints[stretch], sample.joints[stretch][-1:]]).double()
    instants = torch.arange(frames + 1, dtype=torch.float64) * radar.waveform.frame_period
    skeleton = Skeleton(tuple(JOINT_SETS[sample.joint_set]), held, instants, joint_set=sample.joint_set)
    motion = fit_skeleton(skeleton, body)
    knots = knot_times(radar, frames, settings)
    mesh = body(resample(motion, knots))
    materials = person_materials(mesh.region_names, radar.waveform.center_frequency, "cotton")
    scene = Scene(torch.eye(4, dtype=torch.float64), (mesh,), materials)
    clean = simulate_clean(scene, radar, frames, settings, seed=seed)
    adc = AdcFrames(radar, receive(clean, radar, torch.Generator().manual_seed(seed)), times)
    cloud = detect(range_doppler(adc, setup.processing), setup.processing)
    recorded = tuple(frame for k, frame in enumerate(split_frames(sample.cloud)) if stretch.start <= k < stretch.stop)
    return Pair(sample.id, recorded, tuple(split_frames(cloud)))


def split_frames(cloud: PointCloud) -> Iterator[Array]:
    """Points x, y, z, v [points, 4] of each frame."""
    table = torch.cat([cloud.position, cloud.velocity[:, None]], 1).numpy()
    for a, b in zip(cloud.offsets[:-1].tolist(), cloud.offsets[1:].tolist(), strict=True):
        yield table[a:b]


def series(frames: tuple[Array, ...]) -> dict[str, Array]:
    """One number a frame: mean Doppler, median range, median lateral position, median height; NaN without points."""

    def each(pick: Any) -> Array:
        return np.array([pick(f) if len(f) else np.nan for f in frames])

    return {
        "doppler": each(lambda f: f[:, 3].mean()),
        "range": each(lambda f: np.median(np.linalg.norm(f[:, :3], axis=1))),
        "lateral": each(lambda f: np.median(f[:, 0])),
        "elevation": each(lambda f: np.median(f[:, 2])),
    }


def correlations(pairs: list[Pair]) -> dict[str, tuple[float, float]]:
    """Correlation over frames of each series: (all frames in one, mean over clips of that within the clip)."""
    found = {}
    both = [(series(p.recorded), series(p.simulated)) for p in pairs]
    for name in SERIES:
        pooled = metrics.correlation(*(np.concatenate([b[k][name] for b in both]) for k in (0, 1)))
        within = [metrics.correlation(a[name], b[name]) for a, b in both]
        found[name] = (pooled, float(np.nanmean(within)))
    return found


def chamfer(first: Array, second: Array) -> float:
    """Mean of the mean distances in m from each point [n, 3] of one cloud to the nearest of the other, both ways."""
    there = cKDTree(second[:, :3]).query(first[:, :3])[0].mean()
    back = cKDTree(first[:, :3]).query(second[:, :3])[0].mean()
    return float(0.5 * (there + back))


def chamfer_contrast(pairs: list[Pair], draw: np.random.Generator) -> tuple[float, float]:
    """Mean Chamfer distance of clouds of the same frame, and of frames of the same clip in shuffled order."""
    matched, shuffled = [], []
    for pair in pairs:
        order = draw.permutation(len(pair.simulated))
        for k, frame in enumerate(pair.recorded):
            same, other = pair.simulated[k], pair.simulated[order[k]]
            if len(frame) and len(same) and len(other):
                matched.append(chamfer(frame, same))
                shuffled.append(chamfer(frame, other))
    return float(np.mean(matched)), float(np.mean(shuffled))
