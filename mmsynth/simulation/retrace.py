"""Where the room's own paths meet it: rays that leave as a path does, and are reflected as often.

A path says how it leaves and comes back, and how long it is, but not what it meets in between. What stands still is
flat triangles, so that rays find it again.
"""

import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.simulation.legs import SURFACE_OFFSET, reflect
from mmsynth.simulation.rays.bvh import Bvh
from mmsynth.simulation.room import ASIDE
from mmsynth.simulation.surface import area_vectors, dot, gather, length, unit
from mmsynth.types import Paths, Scene

# m by which the way of a ray may differ from that of its path: it starts mm beside the antennas.
ALIKE = 0.02


def retraced(scene: Scene, paths: Paths, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Where [points, 3, paths] paths meet the room, from the TX on, in the world in m, and whether [paths] it is known.

    Rays are shot from both ends, since physical optics is no reflection: it is at the last surface of tubes from
    the TX, at the first of those from the RX. A path is known if one of the ways found is as long as it is.
    Of others, which skim an edge, the first and the last point are half of their way straight out, and none in between.

    Args:
        scene: whose room, without its people, is met.
        paths: of the room, all of one order.
        centre: [3] of the antennas in the world.
    """
    assert scene.room is not None
    turn, points = scene.world_from_radar[:3, :3].to(torch.float64), int(paths.order[0]) + 1
    whole = (paths.tx_delay[:, :, 0].mean(1) + paths.rx_delay[:, :, 0].mean(1)) * speed_of_light
    out, back = (turn @ way.to(turn).T for way in (paths.departure, paths.arrival))
    vertices, faces = scene.room.vertices[0].to(torch.float64).T, scene.room.faces.long().T
    room, found = (Bvh(vertices.T, faces.T), unit(area_vectors(gather(vertices, faces)))), []
    # As in `room.py`, also from a little aside: straight back from a corner a ray would meet its very edge.
    for start in (centre[:, None], (centre + turn @ turn.new_tensor(ASIDE))[:, None]):
        found += [_shot(room, start, out, points), _shot(room, start, back, points).flip(0)]
    ways = torch.stack(found)
    ends = centre.reshape(3, 1).expand_as(ways[:, :1])
    # Rays that meet nothing are infinitely far, and so is what follows.
    error = (length(torch.cat([ends, ways, ends], 1).diff(dim=1).movedim(2, 0)).sum(1) - whole).abs()
    best = error.nan_to_num(torch.inf).min(0)
    stops = ways[best.indices, ..., torch.arange(len(paths), device=whole.device)].movedim(0, 2)
    known = best.values < ALIKE
    for end, way in ((0, out), (-1, back)):
        stops[end] = torch.where(known, stops[end], centre[:, None] + 0.5 * whole * way)
    return stops, known


def _shot(room: tuple[Bvh, Tensor], start: Tensor, way: Tensor, points: int) -> Tensor:
    """Where [points, 3, rays] rays from `start` [3, 1] in directions [3, rays] meet the room, one after the other.

    The room is its tree, and the normals [3, faces].
    """
    bvh, normals = room
    begin, found = start.expand_as(way), []
    for _ in range(points):
        face, distance = bvh.first_hit(begin.T, way.T)
        normal = normals.index_select(1, face.clamp_min(0))
        found.append(begin + distance * way)
        begin = found[-1] - SURFACE_OFFSET * torch.sign(dot(way, normal)) * normal
        way = reflect(way, normal)
    return torch.stack(found)
