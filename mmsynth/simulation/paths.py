"""Trace: from the surfaces of a scene, posed at the knots of a frame, to the paths that the radar sees."""

from dataclasses import replace

import torch
from torch import Tensor

from mmsynth.simulation import legs
from mmsynth.simulation.bones import bone_paths
from mmsynth.simulation.bounces import mirror_paths
from mmsynth.simulation.facets import facet_paths, visible
from mmsynth.simulation.pose import pose_frame
from mmsynth.simulation.settings import Simulation
from mmsynth.simulation.tubes import tube_paths
from mmsynth.types import Paths, Radar, Scene


def trace(scene: Scene, radar: Radar, frame: int, settings: Simulation, seed: int) -> Paths:
    """The paths by which frame `frame` of the radar sees the people of a scene.

    Args:
        scene: its people are posed at the knots of all frames (`knot_times`); frame f has rows f*K to (f+1)*K.
        radar: the device.
        frame: index from 0.
        settings: method, knots, bounces.
        seed: of the phases of the diffuse part, which are fixed to the surface and thus the same in every frame.

    Raises:
        ValueError: the scene has no such frame, or lacks a material.
    """
    if settings.method == "bones":
        return bone_paths(scene, radar, frame, settings)
    pose = pose_frame(scene, radar, frame, settings, seed)
    ends = legs.direct_legs(scene, radar, settings)
    direct = facet_paths(pose, ends, visible(pose, ends))
    if settings.bounces == 0:
        return direct
    power = float(direct.gain.detach().abs().square().sum())
    tubes = tube_paths(pose, ends, settings.bounce_drop * power)
    return join([direct, *mirror_paths(scene, pose, ends, power), *tubes])


_ROWS = ("gain", "tx_delay", "rx_delay", "departure", "arrival", "region", "order")


def join(parts: list[Paths]) -> Paths:
    """One set of paths out of several of the same frame."""
    rows = {name: torch.cat([getattr(part, name) for part in parts]) for name in _ROWS}
    return Paths(knots=parts[0].knots, region_names=parts[0].region_names, **rows)


def select(paths: Paths, keep: Tensor) -> Paths:
    """The paths at the indices `keep`."""
    return replace(paths, **{name: getattr(paths, name)[keep] for name in _ROWS})
