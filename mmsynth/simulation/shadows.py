"""The shadows that people cast on the room: what they hide of its echoes is taken away by paths of the opposite sign.

The room's own echoes are synthesised once for a clip (`room.py`); this is all of them that changes from frame to frame.
"""

from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.simulation import legs
from mmsynth.simulation.paths import select
from mmsynth.simulation.pose import fade_weights
from mmsynth.simulation.rays.bvh import Bvh
from mmsynth.simulation.rays.picture import hidden
from mmsynth.simulation.settings import Simulation, frame_knots
from mmsynth.simulation.surface import merge_surface, posed_vertices
from mmsynth.types import Paths, Radar, Scene

# A shadow ray ends this far before the room's surface (m), on which people may stand.
CLEARANCE = 0.02


@dataclass(frozen=True, eq=False)
class _Echoes:
    """What people may hide: paths of one reflection, the radar's centre [3], and from it to where they meet the room.

    They are the same in every frame: ways [3, paths] in the world in m (float32).
    """

    paths: Paths
    centre: Tensor
    way: Tensor


# As long as the room's paths and the scene live: memos, which change no result.
_echoes: "WeakKeyDictionary[Paths, _Echoes]" = WeakKeyDictionary()
_blockers: "WeakKeyDictionary[Scene, tuple[Bvh, Tensor]]" = WeakKeyDictionary()


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
    gone = _hidden(scene, [frame * len(knots), (frame + 1) * len(knots) - 1], echoes).T
    rows = gone.any(1).nonzero()[:, 0]
    if len(rows) == 0:
        return None
    taken = select(echoes.paths, rows)
    there, back = (x[:, :, :1].expand(-1, -1, len(knots)) for x in (taken.tx_delay, taken.rx_delay))
    gain = -taken.gain[:, :1] * (gone[rows].to(torch.float32) @ fade_weights(knots).T)
    return Paths(
        gain, there, back, knots, taken.departure, taken.arrival, taken.region, taken.order, taken.region_names
    )


def _hidden(scene: Scene, rows: list[int], echoes: _Echoes) -> Tensor:
    """Whether [rows, paths] people hide echoes in poses of the scene: by a picture, or by rays where there is none."""
    alone = replace(scene, room=None)
    vertices = torch.cat([posed_vertices(alone, slice(row, row + 1)) for row in rows])
    bvh, faces = _people(scene, alone)
    shape = (vertices.detach() - echoes.centre[:, None]).to(torch.float32), faces
    pose = torch.arange(len(rows), device=faces.device).repeat_interleave(len(echoes.paths))
    found = hidden(shape, echoes.way.repeat(1, len(rows)), pose, legs.RADAR_CLEARANCE)
    if found is None:
        bvh.refit(vertices.transpose(1, 2))
        found = bvh.blocked((echoes.way.T + echoes.centre).repeat(len(rows), 1), echoes.centre[None], pose)
    return found.reshape(len(rows), -1)


def _single(scene: Scene, radar: Radar, settings: Simulation, room: Paths) -> _Echoes:
    """The echoes of one reflection."""
    paths = select(room, (room.order == 0).nonzero()[:, 0])
    centre = legs.direct_legs(scene, radar, settings)[0].real_centre
    pose = scene.world_from_radar.to(torch.float64)
    reach = paths.tx_delay[:, :, 0].mean(1, keepdim=True) * speed_of_light - CLEARANCE
    way = reach * (paths.departure.to(torch.float64) @ pose[:3, :3].T)
    return _Echoes(paths, centre, way.T.to(torch.float32).contiguous())


def _people(scene: Scene, alone: Scene) -> tuple[Bvh, Tensor]:
    """The trees over the people of a scene alone for both ends of a frame, on their first pose, and their faces."""
    if scene not in _blockers:
        faces = merge_surface(alone, 0.0).faces
        _blockers[scene] = Bvh(posed_vertices(alone, slice(0, 1))[0].T, faces.T, 2), faces
    return _blockers[scene]
