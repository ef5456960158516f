"""Simulated against recorded clouds, frame by frame: a body fitted to the recorded poses before the same radar."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree
from torch import Tensor

from mmsynth import metrics
from mmsynth.arrays import moved
from mmsynth.body_models import BodyModel, fit_skeleton
from mmsynth.joints import JOINT_SETS
from mmsynth.motion import breathing, resample
from mmsynth.processing import detect, range_doppler
from mmsynth.scene import material, person_materials
from mmsynth.simulation import Simulation, knot_times, receive, simulate_clean
from mmsynth.types import AdcFrames, MeshSequence, PointCloud, Radar, RadarSetup, Sample, Scene, Skeleton

Array = NDArray[Any]
SERIES = ("doppler", "range", "lateral", "elevation")
BREATHS = 0.25  # a second


@dataclass(frozen=True, eq=False)
class Pair:
    """Recorded and simulated points of the same frames: x, y, z, v [points, 4] of each frame, in m and m/s.

    `surface` holds points x, y, z drawn uniformly over the body of the same frames, which know nothing of radar;
    `reach` the distances [frames, 2] in m of the nearest and the farthest joint from the radar.
    """

    name: str
    recorded: tuple[Array, ...]
    simulated: tuple[Array, ...]
    surface: tuple[Array, ...] = ()
    reach: Array | None = None


def steady_stretch(sample: Sample, period: float, longest: int) -> slice:
    """The first `longest` frames of the longest stretch of a clip without gaps in time or pose.

    Raises:
        ValueError: the clip has no joints.
    """
    if sample.joints is None:
        raise ValueError(f"{sample.id}: expected joints, got none")
    times = sample.cloud.times.numpy()
    seen = torch.isfinite(sample.joints).all(2).all(1).numpy()
    breaks = np.flatnonzero((np.abs(np.diff(times) - period) > 0.2 * period) | ~seen[1:] | ~seen[:-1]) + 1
    edges = np.concatenate([[0], breaks, [len(times)]])
    best = int(np.diff(edges).argmax())
    return slice(int(edges[best]), int(min(edges[best + 1], edges[best] + longest)))


@dataclass(frozen=True, eq=False)
class Stage:
    """What recorded poses are staged again with.

    Attributes:
        body: fitted to the poses.
        setup: the device that recorded.
        settings: of the simulator.
        radar_position: of the device in the frame of the poses, in m; it looks along +y.
        smoothing: standard deviation in s of the Gaussian that takes a depth camera's jitter from the poses: 1 cm at
            10 frames/s is 0.1 m/s on every facet.
        noisy: whether the receiver adds its noise and quantises.
        draw: which draw of that noise.
        cloth_roughness: rms height in m of what is clothed, in place of cotton's; None = cotton's.
        floor: material of the floor, on which the lowest foot of the clip stands; None = no floor.
        room: further surfaces that reflect, as corners [mirrors, 4, 3] in m in the frame of the poses.
        room_material: of these.
        breath: how far the breastbone moves in m from peak to peak, 15 times a minute; a depth camera does not see it.
        device: on which bodies are skinned and traced; poses are fitted, and samples received, on the CPU.
    """

    body: BodyModel
    setup: RadarSetup
    settings: Simulation = Simulation(bounces=1, static_room=False)
    radar_position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    smoothing: float = 0.1
    noisy: bool = True
    draw: int = 0
    cloth_roughness: float | None = None
    floor: str | None = "concrete"
    room: Tensor | None = None
    room_material: str = "plasterboard"
    breath: float = 0.0
    device: str = "cpu"


@dataclass(frozen=True, eq=False)
class Restaged:
    """What arrives at the receiver from the body of each frame, and points of its surface as in `Pair`."""

    samples: Tensor
    surface: tuple[Array, ...]


def restage(sample: Sample, stretch: slice, stage: Stage, seed: int) -> Restaged:
    """Fit the body to the clip's joints and trace it: all that does not hang on receiver and processing."""
    radar, frames = _paced(stage.setup.radar, stretch), len(range(stretch.stop)[stretch])
    motion = fit_skeleton(_calmed(sample, stretch, stage), stage.body)
    skin = stage.body if stage.device == "cpu" else stage.body.to(stage.device)
    posed = resample(motion, knot_times(radar, frames, stage.settings))
    if stage.breath:
        posed = breathing(posed, 0.5 * stage.breath * (math.tau * (BREATHS * posed.times + _phase(seed))).sin())
    mesh = skin(posed)
    clean = simulate_clean(moved(_scene(mesh, stage), stage.device), radar, frames, stage.settings, seed=seed)
    return Restaged(clean.cpu(), _surface(mesh, frames))


def observe(sample: Sample, stretch: slice, restaged: Restaged, stage: Stage, seed: int) -> Pair:
    """Receive and detect what was traced, beside the recorded frames."""
    radar, clean, processing = stage.setup.radar, restaged.samples, stage.setup.processing
    noise = torch.Generator().manual_seed(seed + 10_000 * stage.draw)
    samples = receive(clean, radar, noise) if stage.noisy else clean
    times = torch.arange(len(clean), dtype=torch.float64) * _paced(radar, stretch).waveform.frame_period
    cloud = detect(range_doppler(AdcFrames(radar, samples, times), processing), processing)
    recorded = tuple(split_frames(sample.cloud))[stretch]
    assert sample.joints is not None
    distance = np.linalg.norm(sample.joints[stretch].numpy() - np.array(stage.radar_position), axis=2)
    reach = np.stack([distance.min(1), distance.max(1)], 1)
    return Pair(sample.id, recorded, tuple(split_frames(cloud)), restaged.surface, reach)


def at_the_body(pair: Pair, margin: float = 0.25) -> Pair:
    """The pair without points nearer or farther than the pose's joints by more than `margin` m: echoes over walls."""
    assert pair.reach is not None

    def near(frames: tuple[Array, ...], reach: Array) -> Iterator[Array]:
        for frame, (low, high) in zip(frames, reach, strict=True):
            distance = np.linalg.norm(frame[:, :3], axis=1)
            yield frame[(distance > low - margin) & (distance < high + margin)]

    return replace(
        pair, recorded=tuple(near(pair.recorded, pair.reach)), simulated=tuple(near(pair.simulated, pair.reach))
    )


def _phase(seed: int) -> float:
    """Where in a breath a clip starts, in breaths."""
    return float(np.random.default_rng(seed).uniform())


def _paced(radar: Radar, stretch: slice) -> Radar:
    """The radar as if it recorded only every so many frames as the stretch takes."""
    period = radar.waveform.frame_period * (stretch.step or 1)
    return replace(radar, waveform=replace(radar.waveform, frame_period=period))


def _calmed(sample: Sample, stretch: slice, stage: Stage) -> Skeleton:
    """The stretch's joints without jitter; the last pose is held for a period, in which the last chirps go out."""
    period = stage.setup.radar.waveform.frame_period
    assert sample.joints is not None
    joints = sample.joints[stretch.start : stretch.stop].double().numpy()
    if stage.smoothing:
        joints = gaussian_filter1d(joints, stage.smoothing / period, axis=0, mode="nearest")
    held = torch.from_numpy(np.concatenate([joints, joints[-1:]]))
    instants = torch.arange(len(held), dtype=torch.float64) * period
    return Skeleton(tuple(JOINT_SETS[sample.joint_set]), held, instants, joint_set=sample.joint_set)


def _scene(mesh: MeshSequence, stage: Stage) -> Scene:
    frequency = stage.setup.radar.waveform.center_frequency
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, 3] = torch.tensor(stage.radar_position, dtype=torch.float64)
    materials = person_materials(mesh.region_names, frequency, "cotton")
    if stage.cloth_roughness is not None:
        clothed = [name for name in materials if name.startswith("cloth:")]
        materials |= {name: replace(materials[name], roughness=stage.cloth_roughness) for name in clothed}
    mirrors, regions = [], []
    if stage.floor is not None:
        mirrors.append(_floor(float(mesh.vertices[..., 2].min())))
        regions.append("floor")
        materials["floor"] = material(stage.floor, frequency)
    for wall in stage.room if stage.room is not None else ():
        mirrors.append(wall)
        regions.append("wall")
        materials["wall"] = material(stage.room_material, frequency)
    if not mirrors:
        return Scene(pose, (mesh,), materials)
    return Scene(pose, (mesh,), materials, mirrors=torch.stack(mirrors), mirror_regions=tuple(regions))


def _floor(height: float) -> Tensor:
    """Corners [4, 3] of a floor of 6 by 6 m before the radar, its front up."""
    corners = [(3.0, 0.0, height), (3.0, 6.0, height), (-3.0, 6.0, height), (-3.0, 0.0, height)]
    return torch.tensor(corners, dtype=torch.float64)


def _surface(mesh: MeshSequence, frames: int) -> tuple[Array, ...]:
    """Sixty points drawn uniformly over the mesh of each frame, as x, y, z in the frame of the poses."""
    draw, faces, found = np.random.default_rng(0), mesh.faces.cpu().numpy(), []
    for frame in mesh.vertices[:: len(mesh.vertices) // frames].cpu().numpy():
        corners = frame[faces]
        areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        chosen = corners[draw.choice(len(areas), 60, p=areas / areas.sum())]
        found.append(np.einsum("pc,pcx->px", draw.dirichlet(np.ones(3), 60), chosen))
    return tuple(found)


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


# Lowest, highest and width of the bins of a histogram: m, m/s, degrees, degrees.
_BINS = {"range": (0.0, 4.5, 0.05), "doppler": (-6.0, 6.0, 0.1), "azimuth": (-90, 90, 2), "elevation": (-90, 90, 2)}


def histogram_distances(pairs: list[Pair]) -> dict[str, float]:
    """Earth mover's distance of the histograms of all points in range (m), Doppler (m/s), azimuth, elevation (degrees).

    Directions are of the points that have one (y > 0).
    """
    sides = []
    for frames in ([f for p in pairs for f in p.recorded], [f for p in pairs for f in p.simulated]):
        table = np.concatenate(frames).astype(np.float64)
        ahead = table[table[:, 1] > 0]
        distance = np.linalg.norm(ahead[:, :3], axis=1)
        found = {"range": distance, "doppler": table[:, 3]}
        found["azimuth"] = np.degrees(np.arctan2(ahead[:, 0], ahead[:, 1]))
        sides.append(found | {"elevation": np.degrees(np.arcsin(ahead[:, 2] / distance))})
    distances = {}
    for name, (low, high, width) in _BINS.items():
        edges = np.arange(low, high + width / 2, width)
        recorded, simulated = (np.histogram(side[name].clip(low, high), edges)[0] for side in sides)
        distances[name] = metrics.earth_mover(recorded, simulated, width)
    return distances


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


def chamfer_contrast(pairs: list[Pair], draw: np.random.Generator) -> dict[str, float]:
    """Mean Chamfer distances in m of the recorded clouds.

    "matched": from the simulated cloud of the same frame; "shuffled": from that of another frame of the clip, in
    shuffled order; "surface": from uniform points of the mesh of the same frame, where pairs have them.
    """
    found: dict[str, list[float]] = {"matched": [], "shuffled": [], "surface": []}
    for pair in pairs:
        order = draw.permutation(len(pair.simulated))
        for k, frame in enumerate(pair.recorded):
            same, other = pair.simulated[k], pair.simulated[order[k]]
            if len(frame) and len(same) and len(other):
                found["matched"].append(chamfer(frame, same))
                found["shuffled"].append(chamfer(frame, other))
                if pair.surface:
                    found["surface"].append(chamfer(frame, pair.surface[k]))
    return {name: float(np.mean(values)) for name, values in found.items() if values}
