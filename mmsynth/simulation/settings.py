"""What the simulator does and leaves out, and the instants of a frame at which it wants the body posed."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from mmsynth.types import Radar, check_kinds, check_numbers

# A frame of at most this many seconds holds its visibility (a limb at 5 m/s moves 25 mm in it); a longer one fades from
# what is seen at its start to what is seen at its end.
HELD_TIME = 5e-3
# Samples of a motion within a frame beyond which its interpolant bends too often for the knots of the frame's length.
SAMPLES = 2.5
# Ways over the flat surfaces of a room grow some fivefold with each bounce: in `datasets/rooms/small_room.toml` three
# frames take 1.7 s with four bounces, and 6.3 s and 2 GB of memory with five.
MOST_BOUNCES = 4
# Of a frame; the automatic count is 9 in a frame of 0.3 s.
MOST_KNOTS = 64
# Along a bone; SynMotion has 3.
MOST_BONE_POINTS = 1000


@dataclass(frozen=True)
class Simulation:
    """Settings of the simulator.

    Attributes:
        method: "facets" = physical optics on every visible facet; "points" = one isotropic point a facet; "bones" =
            SynMotion's ellipsoids along the skeleton (for comparison).
        knots: instants of a frame at which the body is posed; 0 = chosen from the radar's active time, and in data sets
            also from the rate at which the motion is known (`settled`).
        flatness: facets of people are cut on the smooth surface through their vertex normals until the pieces lie
            within this fraction of a wavelength of it, along the rays, and at least in two; 0 = flat facets.
        turn: a facet whose corners turn in phase by less than this in rad within a frame, against its centroid, has one
            gain, that of mid-frame; others have one at either end. 0 = all have two.
        grain: patches of about this size in m share a shadow ray; 0 = one ray for every facet.
        bounces: reflections beyond the single one of a direct path, at most `MOST_BOUNCES`.
        static_room: whether the room's own echoes are there (its shadows and bounces are in any case).
        coherent: whether the physical-optics part is traced.
        diffuse: whether the part that roughness scatters is traced.
        occlusion: whether shadow rays are cast; without them every front face counts.
        drop: fraction of the power of all paths that the weakest ones may hold together and be left out.
        bounce_drop: the same for all bounces together, as a fraction of the power of the direct paths. Most of it goes
            by an estimate, before they are traced.
        polarization: of every antenna element, in the radar frame.
        bone_points: points along each bone (method "bones").
        bone_square: square the denominator of the ellipsoid's RCS, as the paper has it (the published code does not).
    """

    method: Literal["facets", "points", "bones"] = "facets"
    knots: int = 0
    flatness: float = 0.01
    turn: float = 0.02
    grain: float = 0.01
    bounces: int = 0
    static_room: bool = True
    coherent: bool = True
    diffuse: bool = True
    occlusion: bool = True
    drop: float = 1e-6
    bounce_drop: float = 4e-4
    polarization: Literal["vertical", "horizontal"] = "vertical"
    bone_points: int = 3
    bone_square: bool = True

    def __post_init__(self) -> None:
        check_kinds(self)
        if self.knots and not 2 <= self.knots <= MOST_KNOTS:
            raise ValueError(f"Simulation.knots: expected 0 (automatic) or 2 to {MOST_KNOTS}, got {self.knots}")
        check_numbers(self, ("flatness", "turn", "grain"), least=0)
        if not 0 <= self.bounces <= MOST_BOUNCES:
            raise ValueError(
                f"Simulation.bounces: expected 0 to {MOST_BOUNCES} (the ways over a room's surfaces grow some fivefold "
                f"with each), got {self.bounces}"
            )
        for name in ("drop", "bounce_drop"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"Simulation.{name}: expected a fraction from 0 to below 1, got {getattr(self, name)}")
        if not 1 <= self.bone_points <= MOST_BONE_POINTS:
            raise ValueError(f"Simulation.bone_points: expected 1 to {MOST_BONE_POINTS}, got {self.bone_points}")


def frame_knots(radar: Radar, settings: Simulation) -> Tensor:
    """Instants [knots] in s from the start of a frame at which the body is posed (float64).

    They are the Chebyshev-Lobatto nodes of the active time, ends included, through which a polynomial interpolates
    the delays: 3 knots for up to 5 ms, two more for every fourfold of it. Against a body posed at every chirp, walking,
    running and boxing, that leaves at most 1/1400 wavelength (-72 dB) over 3 ms, and over 28 ms 1/150 (-51 dB) where
    the motion is known at 30 or 60 Hz. At 120 Hz, whose interpolant bends more often, running leaves 1/28 (-38 dB): see
    `settled`, whose two knots more leave 1/94 (-52 dB) (`benchmarks/knots.py`).
    """
    count = settings.knots or _count(radar.active_time)
    place = 0.5 - 0.5 * torch.cos(math.pi * torch.arange(count, dtype=torch.float64) / (count - 1))
    return radar.active_time * place


def settled(settings: Simulation, radar: Radar, rate: float) -> Simulation:
    """The settings with knots chosen for motion known at `rate` in Hz: two more where a frame spans many samples of it.

    At every sample the interpolant of a motion bends, which no polynomial follows.
    """
    if settings.knots or rate * radar.active_time <= SAMPLES:
        return settings
    return replace(settings, knots=_count(radar.active_time) + 2)


def knot_times(radar: Radar, frames: int, settings: Simulation, first: int = 0) -> Tensor:
    """Instants [frames * knots] in s from the start of frame 0, frame-major: where to pose a clip (float64).

    Args:
        radar: whose frames.
        frames: how many.
        settings: how many knots.
        first: the first of the frames.
    """
    start = torch.arange(first, first + frames, dtype=torch.float64) * radar.waveform.frame_period
    return (start[:, None] + frame_knots(radar, settings)).reshape(-1)


def _count(active_time: float) -> int:
    steps = max(0, math.ceil(math.log(active_time / HELD_TIME, 4) - 1e-9)) if active_time > HELD_TIME else 0
    return 3 + 2 * steps
