"""SynMotion's bone model, for comparison: ellipsoids along a skeleton in place of a surface.

A few points on each bone carry the RCS of a prolate ellipsoid (Zhang et al., SynMotion, 2022). Nothing hides
anything. Unlike the published code, amplitudes follow the radar equation, so that they can be held against noise.
"""

import math

import torch
from torch import Tensor

from mmsynth.simulation import legs
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.settings import Simulation, frame_knots
from mmsynth.simulation.surface import dot, length, unit
from mmsynth.types import MeshSequence, Paths, Radar, Scene, gain_rows

_SIDES = ("left", "right")
BONES: tuple[tuple[str, str], ...] = (
    ("pelvis", "spine2"),
    ("spine2", "spine3"),
    ("spine3", "neck"),
    ("neck", "head"),
    ("left_hip", "right_hip"),
    ("left_shoulder", "right_shoulder"),
    *(
        (start.format(side), end.format(side))
        for side in _SIDES
        for start, end in (
            ("spine3", "{}_shoulder"),
            ("neck", "{}_shoulder"),
            ("{}_shoulder", "{}_elbow"),
            ("{}_elbow", "{}_wrist"),
            ("pelvis", "{}_hip"),
            ("{}_hip", "{}_knee"),
            ("{}_knee", "{}_ankle"),
            ("{}_ankle", "{}_foot"),
        )
    ),
)
# Radius of a bone's ellipsoid as a fraction of its length.
RADIUS = 0.15


def bone_paths(scene: Scene, radar: Radar, frame: int, settings: Simulation) -> Paths:
    """One path for each of `settings.bone_points` points on each of the 22 bones of each person.

    Raises:
        ValueError: a person has no joints, or lacks one that a bone needs.
    """
    knots = frame_knots(radar, settings).to(scene.world_from_radar.device)
    count = len(knots)
    ends = legs.direct_legs(scene, radar, settings)
    rows = slice(frame * count, (frame + 1) * count)
    tips = torch.cat([_tips(person, rows) for person in scene.people], -1)  # [knots, 2, 3, bones]
    step = (torch.arange(settings.bone_points, dtype=torch.float64) + 0.5) / settings.bone_points
    place = tips[:, 0, :, :, None] + (tips[:, 1] - tips[:, 0])[..., None] * step.to(tips)
    centre = place.flatten(2)
    axis = (tips[:, 1] - tips[:, 0])[..., None].expand_as(place).flatten(2)
    gain = torch.stack([_gain(centre[k], axis[k], ends, (radar, settings)) for k in gain_rows(count)], 1)
    into, out = (unit(centre[count // 2] - leg.centre[:, None]).to(torch.float32) for leg in ends)
    region = torch.arange(len(BONES), device=centre.device).repeat_interleave(settings.bone_points)
    return Paths(
        gain=gain.to(torch.complex64),
        tx_delay=legs.delays(ends[0], centre),
        rx_delay=legs.delays(ends[1], centre),
        knots=knots,
        departure=legs.in_radar(ends[0], into),
        arrival=legs.in_radar(ends[1], out),
        region=region.repeat(len(scene.people)),
        order=torch.zeros(centre.shape[-1], dtype=torch.int64, device=centre.device),
        region_names=tuple(f"bone:{start}-{end}" for start, end in BONES),
    )


def ellipsoid_rcs(radius: Tensor, size: Tensor, cosine: Tensor, square: bool) -> Tensor:
    """RCS in m^2 of a prolate ellipsoid of `radius` and length `size` in m, seen at `cosine` from its axis.

    pi/4 r^4 L^2 / (r^2 sin^2 + L^2/4 cos^2)^2; the published code leaves out the last square (`square` False).
    """
    below = radius**2 * (1 - cosine**2) + 0.25 * size**2 * cosine**2
    return 0.25 * math.pi * radius**4 * size**2 / below ** (2 if square else 1)


def _tips(person: MeshSequence, rows: slice) -> Tensor:
    """Both ends [rows, 2, 3, bones] of every bone of a person."""
    if person.joints is None:
        raise ValueError("Simulation.method 'bones': expected people with joints, got a mesh with none")
    missing = {name for bone in BONES for name in bone} - set(person.joint_names)
    if missing:
        raise ValueError(f"Simulation.method 'bones': needs joint '{min(missing)}', which the body does not have")
    if rows.stop > len(person.times):
        raise ValueError(f"Scene.people: expected poses up to row {rows.stop - 1}, got {len(person.times)}")
    joints = person.joints[rows].to(torch.float64)
    ends = [joints[:, [person.joint_names.index(bone[k]) for bone in BONES]] for k in range(2)]
    return torch.stack(ends, 1).transpose(2, 3)


def _gain(centre: Tensor, axis: Tensor, ends: tuple[Leg, Leg], device: tuple[Radar, Simulation]) -> Tensor:
    radar, settings = device
    ways = [centre - leg.centre[:, None] for leg in ends]
    size = length(axis).clamp_min(1e-6)  # a bone of no length is a point
    cosine = dot(unit(ways[0]), axis) / size
    sigma = ellipsoid_rcs(RADIUS * size, size, cosine, settings.bone_square)
    beam = legs.pattern(ends[0], unit(ways[0]), radar) * legs.pattern(ends[1], unit(ways[1]), radar)
    scale = radar.waveform.wavelength / ((4 * math.pi) ** 1.5 * settings.bone_points)
    gain: Tensor = scale * beam * sigma.sqrt() / (length(ways[0]) * length(ways[1]))
    return gain
