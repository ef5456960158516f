"""The shadows that people cast on the room: what they hide of its echoes is taken away by paths of the opposite sign.

The room's own echoes are synthesised once for a clip (`room.py`); this is all of them that changes from frame to frame.
"""

import math
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth import geometry
from mmsynth.simulation import legs
from mmsynth.simulation.paths import select
from mmsynth.simulation.pose import fade_weights
from mmsynth.simulation.rays import Bvh
from mmsynth.simulation.settings import Simulation, frame_knots
from mmsynth.simulation.surface import merge_surface, posed_vertices, region_names
from mmsynth.types import Paths, Radar, Scene

# A shadow ray ends this far before the room's surface (m), on which people may stand.
CLEARANCE = 0.02


@dataclass(frozen=True, eq=False)
class _Echoes:
    """What people may hide: paths of one reflection, the radar's centre [3], where they meet the room, their angles.

    They are the same in every frame: places [paths, 3] in the world in m, azimuth and elevation [paths] in the radar
    frame in rad.
    """

    paths: Paths
    centre: Tensor
    place: Tensor
    angles: tuple[Tensor, Tensor]


# As long as the room's paths and the scene live: memos, which change no result.
_echoes: "WeakKeyDictionary[Paths, _Echoes]" = WeakKeyDictionary()
_blockers: "WeakKeyDictionary[Scene, Bvh]" = WeakKeyDictionary()


def shadow_paths(scene: Scene, radar: Radar, frame: int, settings: Simulation, room: Paths) -> Paths | None:
    """What people hide of the room in one frame: its hidden paths, of the opposite sign; None if there are none.

    A path fades as its shadow comes or goes between the ends of the frame. Echoes of one reflection lose their shadow;
    those around corners of the room keep it.

    Args:
        scene: whose people cast the shadows.
        radar: the device.
        frame: index from 0.
        settings: knots, and whether anything occludes.
        room: as `trace_room` gives it.
    """
    if room not in _echoes:
        _echoes[room] = _single(scene, radar, settings, room)
    echoes = _echoes[room]
    if not scene.people or not settings.occlusion or len(echoes.paths) == 0:
        return None
    knots = frame_knots(radar, settings).to(room.tx_delay.device)
    bvh, ends = _people(scene), []
    for row in (frame * len(knots), (frame + 1) * len(knots) - 1):
        vertices = posed_vertices(replace(scene, room=None), slice(row, row + 1)).transpose(1, 2)
        bvh.refit(vertices)
        near = _behind(scene.world_from_radar.to(torch.float64), vertices[0], echoes.angles).nonzero()[:, 0]
        blocked = bvh.blocked(echoes.place[near], echoes.centre[None])
        ends.append(torch.zeros_like(echoes.paths.order, dtype=torch.bool).index_copy_(0, near, blocked))
    hidden = torch.stack(ends, 1)
    rows = hidden.any(1).nonzero()[:, 0]
    if len(rows) == 0:
        return None
    taken = select(echoes.paths, rows)
    there, back = (x[:, :, :1].expand(-1, -1, len(knots)) for x in (taken.tx_delay, taken.rx_delay))
    gain = -taken.gain[:, :1] * (hidden[rows].to(torch.float32) @ fade_weights(knots).T)
    names = region_names(scene)
    region = torch.tensor([names.index(name) for name in taken.region_names], device=there.device)[taken.region]
    return Paths(gain, there, back, knots, taken.departure, taken.arrival, region, taken.order, names)


def _single(scene: Scene, radar: Radar, settings: Simulation, room: Paths) -> _Echoes:
    """The echoes of one reflection."""
    paths = select(room, (room.order == 0).nonzero()[:, 0])
    centre = legs.direct_legs(scene, radar, settings)[0].real_centre
    pose = scene.world_from_radar.to(torch.float64)
    reach = paths.tx_delay[:, :, 0].mean(1, keepdim=True) * speed_of_light - CLEARANCE
    place = centre + reach * (paths.departure.to(torch.float64) @ pose[:3, :3].T)
    return _Echoes(paths, centre, place, geometry.azimuth_elevation(paths.departure.to(pose)))


def _people(scene: Scene) -> Bvh:
    """The tree over the people alone, built on their first pose."""
    if scene not in _blockers:
        alone = replace(scene, room=None)
        faces = merge_surface(alone, 0.0).faces
        _blockers[scene] = Bvh(posed_vertices(alone, slice(0, 1))[0].T, faces.T)
    return _blockers[scene]


def _behind(pose: Tensor, vertices: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Whether [paths] directions lie within the angles that people take up; theirs are azimuth and elevation."""
    azimuth, elevation = geometry.azimuth_elevation(geometry.apply(geometry.inverse(pose), vertices.detach()))
    (across, up), margin = angles, math.radians(1)
    inside = (across > azimuth.min() - margin) & (across < azimuth.max() + margin)
    return inside & (up > elevation.min() - margin) & (up < elevation.max() + margin)
