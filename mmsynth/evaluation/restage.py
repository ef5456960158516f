"""Recorded poses before a simulated radar: a body is fitted to them, traced and received as the device would have."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from mmsynth.arrays import moved
from mmsynth.body_models import BodyModel, fit_skeleton, person_shape
from mmsynth.evaluation.fidelity import Array, Pair, split_frames
from mmsynth.joints import JOINT_SETS
from mmsynth.motion import breathing, place, resample, swaying
from mmsynth.processing import detect, range_doppler
from mmsynth.scene import material, person_materials
from mmsynth.simulation import Simulation, knot_times, receive, simulate_clean
from mmsynth.types import AdcFrames, MeshSequence, Motion, Radar, RadarSetup, Sample, Scene, Skeleton

BREATHS = 0.25  # a second
# Standard deviation in s of the Gaussian that takes a depth camera's jitter from poses: 1 cm at 10 frames/s is 0.1 m/s
# on every facet.
SMOOTHING = 0.1
# How far, in m along each axis and in rad about the vertical, people stand from where they are said to in a draw of
# speckle: standard deviations. Less than a depth camera knows, and 3 wavelengths both ways between the sides of a
# trunk; a wavelength along the line of sight would move every echo alike and leave the speckle (coherence 0.99).
SHIFT, TURN = 0.01, math.radians(1.0)


@dataclass(frozen=True, eq=False)
class Restaging:
    """What recorded poses are staged again with.

    Attributes:
        body: fitted to the poses.
        setup: the device that recorded.
        settings: of the simulator.
        radar_position: of the device in the frame of the poses, in m; it looks along +y.
        smoothing: of the poses, see `SMOOTHING`; 0 = none.
        lag: how long in s the radar comes after the camera, up to a frame period: a recorded cloud shows the pose that
            its frame's label had this long before.
        noisy: whether the receiver adds its noise and quantises.
        draw: which draw of speckle (by `SHIFT`, `TURN` and the phases of diffuse scattering) and of that noise; in draw
            0 people stand where the poses have them.
        cloth_roughness: rms height in m of what is clothed, in place of cotton's; None = cotton's.
        floor: material of the floor, on which the lowest foot of the clip stands; None = no floor.
        room: further surfaces that reflect, as corners [mirrors, 4, 3] in m in the frame of the poses.
        room_material: of these.
        breath: how far the breastbone moves in m from peak to peak, 15 times a minute; a depth camera does not see it.
        sway: of trunk, head and shoulders in rad/s (`motion.swaying`); no pose tells its phase, which is drawn.
        shapes: betas [10] of people by the name of the subject (`people`); of others the clip's own poses tell them.
        device: on which bodies are skinned and traced; poses are fitted, and samples received, on the CPU.
    """

    body: BodyModel
    setup: RadarSetup
    settings: Simulation = Simulation(bounces=1, static_room=False)
    radar_position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    smoothing: float = SMOOTHING
    lag: float = 0.0
    noisy: bool = True
    draw: int = 0
    cloth_roughness: float | None = None
    floor: str | None = "concrete"
    room: Tensor | None = None
    room_material: str = "plasterboard"
    breath: float = 0.0
    sway: float = 0.0
    shapes: Mapping[str, Tensor] = field(default_factory=dict)
    device: str = "cpu"


@dataclass(frozen=True, eq=False)
class Restaged:
    """What arrives at the receiver from the body of each frame, and points of its surface as in `Pair`."""

    samples: Tensor
    surface: tuple[Array, ...]


def restage(sample: Sample, stretch: slice, restaging: Restaging, seed: int) -> Restaged:
    """Fit the body to the clip's joints and trace it: all that does not hang on receiver and processing."""
    radar, frames = _paced(restaging.setup.radar, stretch), len(range(stretch.stop)[stretch])
    shape = restaging.shapes.get(sample.labels.subject)
    fitted = fit_skeleton(_calmed(sample, stretch, restaging), restaging.body, shape=shape)
    motion = _shifted(fitted, restaging.draw, seed)
    skin = restaging.body if restaging.device == "cpu" else restaging.body.to(restaging.device)
    posed = resample(motion, knot_times(radar, frames, restaging.settings))
    if restaging.breath:
        posed = breathing(posed, 0.5 * restaging.breath * (math.tau * (BREATHS * posed.times + _phase(seed))).sin())
    if restaging.sway:
        posed = swaying(posed, restaging.sway, torch.Generator().manual_seed(_drawn(seed, restaging.draw)))
    mesh = skin(posed)
    scene = moved(_scene(mesh, restaging), restaging.device)
    clean = simulate_clean(scene, radar, frames, restaging.settings, seed=_drawn(seed, restaging.draw))
    return Restaged(clean.cpu(), _surface(mesh, frames, restaging.draw))


def people(samples: Iterable[tuple[Sample, slice]], restaging: Restaging) -> dict[str, Tensor]:
    """Betas [10] of each subject with a name, by a stretch of each recording of them: nobody shrinks in a lunge."""
    seen: dict[str, list[Skeleton]] = {}
    for sample, stretch in samples:
        if sample.labels.subject:
            seen.setdefault(sample.labels.subject, []).append(_calmed(sample, stretch, restaging))
    return {subject: person_shape(recordings, restaging.body) for subject, recordings in seen.items()}


def observe(sample: Sample, stretch: slice, restaged: Restaged, restaging: Restaging, seed: int) -> Pair:
    """Receive and detect what was traced, beside the recorded frames."""
    radar, clean, processing = restaging.setup.radar, restaged.samples, restaging.setup.processing
    noise = torch.Generator().manual_seed(_drawn(seed, restaging.draw))
    samples = receive(clean, radar, noise) if restaging.noisy else clean
    times = torch.arange(len(clean), dtype=torch.float64) * _paced(radar, stretch).waveform.frame_period
    cloud = detect(range_doppler(AdcFrames(radar, samples, times), processing), processing)
    recorded = tuple(split_frames(sample.cloud))[stretch]
    assert sample.joints is not None
    distance = np.linalg.norm(sample.joints[stretch].numpy() - np.array(restaging.radar_position), axis=2)
    reach = np.stack([distance.min(1), distance.max(1)], 1)
    return Pair(sample.id, recorded, tuple(split_frames(cloud)), restaged.surface, reach)


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


def _drawn(seed: int, draw: int) -> int:
    """The seed of a draw; clips have seeds below 10,000."""
    return seed + 10_000 * draw


def _shifted(motion: Motion, draw: int, seed: int) -> Motion:
    """The motion moved and turned as a whole, about the middle of where its pelvis is, by a draw of speckle."""
    if not draw:
        return motion
    x, y, up, turn = np.random.default_rng((seed, draw)).normal(0.0, (SHIFT, SHIFT, SHIFT, TURN)).tolist()
    east, north = motion.translation[:, :2].mean(0).tolist()
    moved_ = place(place(motion, (-east, -north)), (east + x, north + y), turn)
    return replace(moved_, translation=moved_.translation + torch.tensor([0.0, 0.0, up]).to(moved_.translation))


def _phase(seed: int) -> float:
    """Where in a breath a clip starts, in breaths."""
    return float(np.random.default_rng(seed).uniform())


def _paced(radar: Radar, stretch: slice) -> Radar:
    """The radar as if it recorded only every so many frames as the stretch takes."""
    period = radar.waveform.frame_period * (stretch.step or 1)
    return replace(radar, waveform=replace(radar.waveform, frame_period=period))


def _calmed(sample: Sample, stretch: slice, restaging: Restaging) -> Skeleton:
    """The stretch's joints without jitter, when the radar sees them; they move on at both ends, a frame period each."""
    period = restaging.setup.radar.waveform.frame_period
    assert sample.joints is not None
    joints = sample.joints[stretch.start : stretch.stop].double().numpy()
    if restaging.smoothing:
        joints = gaussian_filter1d(joints, restaging.smoothing / period, axis=0, mode="nearest")
    whole = torch.from_numpy(np.pad(joints, ((1, 1), (0, 0), (0, 0)), mode="reflect", reflect_type="odd"))
    instants = (torch.arange(len(whole), dtype=torch.float64) - 1) * period + restaging.lag
    return Skeleton(tuple(JOINT_SETS[sample.joint_set]), whole, instants, joint_set=sample.joint_set)


def _scene(mesh: MeshSequence, restaging: Restaging) -> Scene:
    frequency = restaging.setup.radar.waveform.center_frequency
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, 3] = torch.tensor(restaging.radar_position, dtype=torch.float64)
    materials = person_materials(mesh.region_names, frequency, "cotton")
    if restaging.cloth_roughness is not None:
        clothed = [name for name in materials if name.startswith("cloth:")]
        materials |= {name: replace(materials[name], roughness=restaging.cloth_roughness) for name in clothed}
    mirrors, regions = [], []
    if restaging.floor is not None:
        mirrors.append(_floor(float(mesh.vertices[..., 2].min())))
        regions.append("floor")
        materials["floor"] = material(restaging.floor, frequency)
    for wall in restaging.room if restaging.room is not None else ():
        mirrors.append(wall)
        regions.append("wall")
        materials["wall"] = material(restaging.room_material, frequency)
    if not mirrors:
        return Scene(pose, (mesh,), materials)
    return Scene(pose, (mesh,), materials, mirrors=torch.stack(mirrors), mirror_regions=tuple(regions))


def _floor(height: float) -> Tensor:
    """Corners [4, 3] of a floor of 6 by 6 m before the radar, its front up."""
    corners = [(3.0, 0.0, height), (3.0, 6.0, height), (-3.0, 6.0, height), (-3.0, 0.0, height)]
    return torch.tensor(corners, dtype=torch.float64)


def _surface(mesh: MeshSequence, frames: int, seed: int) -> tuple[Array, ...]:
    """Sixty points drawn uniformly over the mesh of each frame, as x, y, z in the frame of the poses."""
    draw, faces, found = np.random.default_rng(seed), mesh.faces.cpu().numpy(), []
    for frame in mesh.vertices[:: len(mesh.vertices) // frames].cpu().numpy():
        corners = frame[faces]
        areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        chosen = corners[draw.choice(len(areas), 60, p=areas / areas.sum())]
        found.append(np.einsum("pc,pcx->px", draw.dirichlet(np.ones(3), 60), chosen))
    return tuple(found)
