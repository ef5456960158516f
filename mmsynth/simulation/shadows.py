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
from mmsynth.simulation.retrace import retraced
from mmsynth.simulation.settings import Simulation, frame_knots
from mmsynth.simulation.surface import length, merge_surface, posed_vertices, unit
from mmsynth.types import Paths, Radar, Scene

# A shadow ray ends this far before the room's surface (m), on which people may stand.
CLEARANCE = 0.02


@dataclass(frozen=True, eq=False)
class _Ways:
    """The straight pieces of the room's paths, which people may stand in; the same in every frame.

    Attributes:
        centre: [3] of the radar in the world in m.
        seen: [3, ways] from there to where paths meet the room first or last (float32), and `of` [ways] which path.
        inner: [2, 3, pieces] both ends of those from surface to surface (float32), and `within` [pieces] which path.
    """

    centre: Tensor
    seen: Tensor
    of: Tensor
    inner: Tensor
    within: Tensor


# As long as the room's paths and the scene live: memos, which change no result.
_ways: "WeakKeyDictionary[Paths, _Ways]" = WeakKeyDictionary()
_blockers: "WeakKeyDictionary[Scene, tuple[Bvh, Tensor]]" = WeakKeyDictionary()


def shadow_paths(scene: Scene, radar: Radar, frame: int, settings: Simulation, room: Paths) -> Paths | None:
    """What people hide of the room in one frame: its hidden paths, of the opposite sign; None if there are none.

    A path is hidden where somebody stands in any of its legs; it fades as that changes between the ends of the frame.

    Args:
        scene: whose people cast the shadows.
        radar: the device.
        frame: index from 0.
        settings: knots, and whether anything occludes.
        room: as `trace_room` gives it.
    """
    if not scene.people or not settings.occlusion or len(room) == 0:
        return None
    if room not in _ways:
        _ways[room] = _pieces(scene, radar, settings, room)
    knots = frame_knots(radar, settings).to(room.tx_delay.device)
    gone = _hidden(scene, [frame * len(knots), (frame + 1) * len(knots) - 1], _ways[room], len(room)).T
    rows = gone.any(1).nonzero()[:, 0]
    if len(rows) == 0:
        return None
    taken = select(room, rows)
    there, back = (x[:, :, :1].expand(-1, -1, len(knots)) for x in (taken.tx_delay, taken.rx_delay))
    gain = -taken.gain[:, :1] * (gone[rows].to(torch.float32) @ fade_weights(knots).T)
    return Paths(
        gain, there, back, knots, taken.departure, taken.arrival, taken.region, taken.order, taken.region_names
    )


def _hidden(scene: Scene, rows: list[int], ways: _Ways, paths: int) -> Tensor:
    """Whether [rows, paths] people hide echoes in poses of the scene.

    Legs that end at the radar are looked for in a picture, or by rays where there is none; those from surface to
    surface by rays, if they come near a person at all.
    """
    alone = replace(scene, room=None)
    vertices = torch.cat([posed_vertices(alone, slice(row, row + 1)) for row in rows]).detach()
    bvh, faces = _people(scene, alone)
    shape = (vertices - ways.centre[:, None]).to(torch.float32), faces
    pose = torch.arange(len(rows), device=faces.device).repeat_interleave(len(ways.of))
    found = hidden(shape, ways.seen.repeat(1, len(rows)), pose, legs.RADAR_CLEARANCE)
    near = _near(scene, vertices, ways.inner)
    if found is None or len(near):
        bvh.refit(vertices.transpose(1, 2))
    if found is None:
        found = bvh.blocked((ways.seen.T + ways.centre).repeat(len(rows), 1), ways.centre[None], pose)
    row, way = found.reshape(len(rows), -1).nonzero().unbind(1)
    gone = torch.zeros(len(rows), paths, dtype=torch.bool, device=faces.device)
    gone[row, ways.of[way]] = True
    if len(near):
        begin, end = ways.inner.index_select(2, near).transpose(1, 2).repeat(1, len(rows), 1)
        pose = torch.arange(len(rows), device=faces.device).repeat_interleave(len(near))
        row, piece = bvh.blocked(begin, end, pose).reshape(len(rows), -1).nonzero().unbind(1)
        gone[row, ways.within[near[piece]]] = True
    return gone


def _near(scene: Scene, vertices: Tensor, inner: Tensor) -> Tensor:
    """Indices of the pieces [2, 3, pieces] that meet a box around a person in its poses [poses, 3, vertices]."""
    each = torch.split(vertices.to(torch.float32), [person.vertices.shape[1] for person in scene.people], 2)
    low, high = (
        torch.stack([bound(person, (0, 2)) for person in each])[:, :, None] for bound in (torch.amin, torch.amax)
    )
    begin, way = inner[0], inner[1] - inner[0]
    # Where [people, 3, pieces] a piece passes the planes of a box, as parts of it.
    one, other = ((bound - begin) / torch.where(way == 0, 1e-12, way) for bound in (low, high))
    enters, leaves = torch.minimum(one, other).amax(1).clamp_min(0), torch.maximum(one, other).amin(1).clamp_max(1)
    return (enters <= leaves).any(0).nonzero()[:, 0]


@torch.no_grad()
def _pieces(scene: Scene, radar: Radar, settings: Simulation, room: Paths) -> _Ways:
    """The straight pieces of the room's paths; from surface to surface only of those that are found again."""
    centre = legs.direct_legs(scene, radar, settings)[0].real_centre
    single = (room.order == 0).nonzero()[:, 0]
    pose = scene.world_from_radar.to(torch.float64)
    reach = room.tx_delay[single, :, 0].mean(1, keepdim=True) * speed_of_light - CLEARANCE
    seen, of = [(reach * (room.departure[single].to(torch.float64) @ pose[:3, :3].T)).T], [single]
    inner, within = [centre.new_zeros(2, 3, 0)], [single[:0]]
    for order in range(1, int(room.order.max()) + 1):
        rows = (room.order == order).nonzero()[:, 0]
        if len(rows) == 0:
            continue
        points, known = retraced(scene, select(room, rows), centre)
        for way in (points[0] - centre[:, None], points[-1] - centre[:, None]):
            seen.append(way - CLEARANCE * unit(way))
            of.append(rows)
        begin, way = (x.movedim(1, 0).flatten(1) for x in (points[:-1], points.diff(dim=0)))
        wide, short = (length(way) > 2 * CLEARANCE) & known.repeat(order), CLEARANCE * unit(way)
        inner.append(torch.stack([begin + short, begin + way - short])[:, :, wide])
        within.append(rows.repeat(order)[wide])
    places = (torch.cat(parts, -1).to(torch.float32).contiguous() for parts in (seen, inner))
    return _Ways(centre, next(places), torch.cat(of), next(places), torch.cat(within))


def _people(scene: Scene, alone: Scene) -> tuple[Bvh, Tensor]:
    """The trees over the people of a scene alone for both ends of a frame, on their first pose, and their faces."""
    if scene not in _blockers:
        faces = merge_surface(alone, 0.0).faces
        _blockers[scene] = Bvh(posed_vertices(alone, slice(0, 1))[0].T, faces.T, 2), faces
    return _blockers[scene]
