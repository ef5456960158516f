"""The shadows that people cast on the room: what they hide of its echoes is taken away by paths of the opposite sign.

The room's own echoes are synthesised once for a clip (`room.py`); this is all of them that changes from frame to frame.
Of a path over a small piece of the room, one ray is hidden or not. Of a mirror image, which is one path, people take
what Fresnel's integral says, on the way out and on the way back (`outline.py`); between mirrors, one ray decides too.
"""

import math
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.simulation import legs
from mmsynth.simulation.outline import bent, beside, mesh_edges, outline
from mmsynth.simulation.paths import select
from mmsynth.simulation.pose import fade_weights
from mmsynth.simulation.rays.bvh import Bvh
from mmsynth.simulation.rays.picture import hidden
from mmsynth.simulation.retrace import retraced
from mmsynth.simulation.settings import Simulation, frame_knots
from mmsynth.simulation.surface import cross, length, merge_surface, posed_vertices, unit
from mmsynth.types import Paths, Radar, Scene

# A shadow ray ends this far before the room's surface (m), on which people may stand.
CLEARANCE = 0.02
# By how much the bisector of a mirror image may differ from the normal of its mirror, as an angle.
UPRIGHT = 1e-5


@dataclass(frozen=True, eq=False)
class _Ways:
    """The straight pieces of the room's paths, which people may stand in; the same in every frame.

    Attributes:
        centre: [3] of the radar in the world in m.
        seen: [3, ways] from there to where paths meet the room first or last (float32), and `of` [ways] which path.
        images: [3, images] which paths are mirror images, and which ways they take out and back.
        whole: [images] in m that those are long.
        inner: [2, 3, pieces] both ends of those from surface to surface (float32), and `within` [pieces] which path.
        paths: how many the room has.
        wavelength: in m.
    """

    centre: Tensor
    seen: Tensor
    of: Tensor
    images: Tensor
    whole: Tensor
    inner: Tensor
    within: Tensor
    paths: int
    wavelength: float


# As long as the room's paths and the scene live: memos, which change no result.
_ways: "WeakKeyDictionary[Paths, _Ways]" = WeakKeyDictionary()
_blockers: "WeakKeyDictionary[Scene, tuple[Bvh, Tensor, Tensor]]" = WeakKeyDictionary()


def shadow_paths(scene: Scene, radar: Radar, frame: int, settings: Simulation, room: Paths) -> Paths | None:
    """What people hide of the room in one frame: its hidden paths, of the opposite sign; None if there are none.

    A path is hidden where somebody stands in any of its legs, and mirror images in part where somebody stands beside
    one; it fades as that changes between the ends of the frame.

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
    ends = [frame * len(knots), (frame + 1) * len(knots) - 1]
    gone = _hidden(scene, ends, _ways[room]).T
    rows = (gone != 0).any(1).nonzero()[:, 0]
    if len(rows) == 0:
        return None
    taken = select(room, rows)
    there, back = (x[:, :, :1].expand(-1, -1, len(knots)) for x in (taken.tx_delay, taken.rx_delay))
    gain = -taken.gain[:, :1] * (gone[rows] @ fade_weights(knots).T.to(gone))
    return Paths(
        gain, there, back, knots, taken.departure, taken.arrival, taken.region, taken.order, taken.region_names
    )


def _hidden(scene: Scene, rows: list[int], ways: _Ways) -> Tensor:
    """The share [rows, paths] of echoes that people take in poses of the scene.

    Legs that end at the radar are looked for in a picture, or by rays where there is none; those from surface to
    surface by rays, if they come near a person at all.
    """
    alone = replace(scene, room=None)
    vertices = torch.cat([posed_vertices(alone, slice(row, row + 1)) for row in rows]).detach()
    bvh, faces, edges = _people(scene, alone)
    shape = (vertices - ways.centre[:, None]).to(torch.float32), faces
    pieces = [outline(pose, edges if ways.images.shape[1] else edges[:, :0]) for pose in shape[0]]
    asked = torch.cat([x for some in pieces for x in (ways.seen, beside(some, length(ways.seen).amax()))], 1)
    sizes = [n for some in pieces for n in (len(ways.of), some.shape[2])]
    pose = torch.arange(2 * len(rows), device=faces.device).repeat_interleave(torch.tensor(sizes).to(faces)) // 2
    found = hidden(shape, asked, pose, legs.RADAR_CLEARANCE)
    near = _near(scene, vertices, ways.inner)
    if found is None or len(near):
        bvh.refit(vertices.transpose(1, 2))
    if found is None:
        found = bvh.blocked(asked.T + ways.centre, ways.centre[None], pose)
    parts = torch.split(found, sizes)
    gone = torch.zeros(len(rows), ways.paths, dtype=torch.complex64, device=faces.device)
    for taken, some, rays, covered in zip(gone, pieces, parts[::2], parts[1::2], strict=True):
        taken[ways.of[rays]] = 1
        taken[ways.images[0]] = _taken(ways, rays, some[:, :, ~covered])
    if len(near):
        begin, end = ways.inner.index_select(2, near).transpose(1, 2).repeat(1, len(rows), 1)
        pose = torch.arange(len(rows), device=faces.device).repeat_interleave(len(near))
        row, piece = bvh.blocked(begin, end, pose).reshape(len(rows), -1).nonzero().unbind(1)
        gone[row, ways.within[near[piece]]] = 1
    return gone


def _taken(ways: _Ways, found: Tensor, pieces: Tensor) -> Tensor:
    """The share [images] of mirror images that people take in a pose, of both legs that end at the radar.

    Where those are one way, what passes people once is likelier to pass them again: a straight edge on the way leaves
    1/4 + asin(r) / 2 pi, r as below, which holds of others within some 0.1.

    Args:
        ways: of the room's paths.
        found: whether [ways] the ray of each is hidden.
        pieces: [2, 3, pieces] of the outline that the radar sees.
    """
    _, out, back = ways.images
    both = ways.images[1:].flatten()
    field, place = bent(pieces, ways.seen[:, both], ways.whole.repeat(2), ways.wavelength)
    there, again = (found[both].to(field) - field).reshape(2, -1).unbind()
    alike = torch.where(out == back, 2 / math.pi * place[: len(out)].clamp(0, 1).asin(), 0.0)
    left: Tensor = (1 - there) * (1 - (1 - alike) * again)
    return 1 - left


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
    mirrored = _mirrored(scene, room)
    images = [torch.stack([single, *2 * [torch.arange(len(single), device=single.device)]])]
    inner, within = [centre.new_zeros(2, 3, 0)], [single[:0]]
    for order in range(1, int(room.order.max()) + 1):
        rows = (room.order == order).nonzero()[:, 0]
        if len(rows) == 0:
            continue
        points, known = retraced(scene, select(room, rows), centre)
        for way in (points[0] - centre[:, None], points[-1] - centre[:, None]):
            seen.append(way - CLEARANCE * unit(way))
            of.append(rows)
        first = sum(map(len, of[:-2])) + torch.arange(len(rows), device=rows.device)
        images.append(torch.stack([rows, first, first + len(rows)]))
        begin, way = (x.movedim(1, 0).flatten(1) for x in (points[:-1], points.diff(dim=0)))
        wide, short = (length(way) > 2 * CLEARANCE) & known.repeat(order), CLEARANCE * unit(way)
        inner.append(torch.stack([begin + short, begin + way - short])[:, :, wide])
        within.append(rows.repeat(order)[wide])
    places = (torch.cat(parts, -1).to(torch.float32).contiguous() for parts in (seen, inner))
    image = torch.cat(images, 1)
    image = image[:, mirrored[image[0]]]
    whole = (room.tx_delay[image[0], :, 0].mean(1) + room.rx_delay[image[0], :, 0].mean(1)) * speed_of_light
    rays, between = places
    more = len(room), radar.waveform.wavelength
    return _Ways(centre, rays, torch.cat(of), image, whole.to(torch.float32), between, torch.cat(within), *more)


def _mirrored(scene: Scene, room: Paths) -> Tensor:
    """Whether [paths] paths of the room are mirror images.

    Over flat surfaces all of several bounces are, and of one those that turn back about the normal of one.
    """
    if scene.mirrors is None or len(scene.mirrors) == 0:
        return torch.zeros_like(room.order, dtype=torch.bool)
    flat = torch.tensor([name in scene.mirror_regions for name in room.region_names], device=room.region.device)
    one, two = (scene.mirrors[:, 1:3] - scene.mirrors[:, :1]).to(torch.float64).unbind(1)
    normals = scene.world_from_radar[:3, :3].to(one).T @ unit(cross(one.T, two.T))
    middle = unit((room.departure + room.arrival).to(one).T)
    upright = length(cross(middle[:, :, None], normals[:, None])).amin(1) < UPRIGHT
    return torch.as_tensor(flat[room.region.long()] & ((room.order > 0) | upright))


def _people(scene: Scene, alone: Scene) -> tuple[Bvh, Tensor, Tensor]:
    """The trees over the people of a scene alone for both ends of a frame, on their first pose; faces and edges."""
    if scene not in _blockers:
        faces = merge_surface(alone, 0.0).faces
        _blockers[scene] = Bvh(posed_vertices(alone, slice(0, 1))[0].T, faces.T, 2), faces, mesh_edges(faces)
    return _blockers[scene]
