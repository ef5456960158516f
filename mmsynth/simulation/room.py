"""What stands still: the echoes of the room itself, which are the same in every frame of a clip.

Flat surfaces reflect as mirrors do (image method, exact for a plane), also around corners; what their roughness takes
from the mirror image, patches scatter diffusely; surfaces too small to be mirrors and meshes from files are facets, as
people are, among each other as well. Shadows that people cast on the room change with them: `shadows.py`.
"""

import math
from dataclasses import replace

import torch
from scipy.constants import speed_of_light
from torch import Tensor

from mmsynth.simulation import legs
from mmsynth.simulation.legs import Leg, direct_legs
from mmsynth.simulation.mirrors.chains import room_mirrors
from mmsynth.simulation.paths import join, trace
from mmsynth.simulation.pose import pose_frame
from mmsynth.simulation.settings import Simulation, frame_knots
from mmsynth.simulation.surface import cut_triangle, dot
from mmsynth.types import MeshSequence, Paths, Radar, Scene, gain_rows

# Edges in m: of patches that scatter diffusely, within which only the range matters; and of coherent facets, whose
# corners lie within an eighth of a wavelength of a sphere about the radar from 0.3 m on.
PATCH, FACET = 0.1, 0.02
ASIDE = (5.5e-3, 0.0, 6.5e-3)  # m, in the radar frame: see `_images`
_SALT = 0x526F6F6D  # the room's diffuse phases are not those of the first person


def trace_room(scene: Scene, radar: Radar, settings: Simulation, seed: int) -> Paths | None:
    """The paths from the radar to the room and back, as they are in every frame; None without a room.

    Mirrors reflect up to `settings.bounces + 1` times. `settings` says which parts are traced, and how occlusion is.
    """
    if scene.room is None:
        return None
    still = replace(settings, knots=2, bounces=0, flatness=0.0, grain=0.0, method="facets")
    parts = []
    flat = torch.tensor([name in scene.mirror_regions for name in scene.room.region_names])
    mirror_face = flat.to(scene.room.faces.device)[scene.room.region.long()]
    for chosen, size, coherent in ((mirror_face, PATCH, False), (~mirror_face, FACET, settings.coherent)):
        if bool(chosen.any()) and (coherent or settings.diffuse):
            mesh = cut_mesh(scene.room, chosen, size, frame_knots(radar, still))
            others = _others(scene.room, chosen)
            small = replace(scene, people=(mesh,), room=others, mirrors=None, mirror_regions=())
            # Meshes are corner structures too (a corner reflector); those of flat surfaces are among the images.
            bounces = settings.bounces if coherent else 0
            parts.append(trace(small, radar, 0, replace(still, coherent=coherent, bounces=bounces), seed ^ _SALT))
    if settings.coherent:
        parts += _images(scene, radar, still, settings.bounces + 1)
    return join(parts) if parts else None


def _others(mesh: MeshSequence, chosen: Tensor) -> MeshSequence | None:
    """The mesh without the chosen faces; None if there are no others."""
    left = ~chosen
    return replace(mesh, faces=mesh.faces[left], region=mesh.region[left]) if bool(left.any()) else None


def cut_mesh(mesh: MeshSequence, chosen: Tensor, size: float, times: Tensor) -> MeshSequence:
    """The `chosen` faces [n] of a mesh at rest, cut so that no edge is longer than `size` m, at `times` [frames]."""
    corners = mesh.vertices[0][mesh.faces.long()[chosen]]  # [faces, 3, 3]
    edge = (corners - corners.roll(1, 1)).norm(dim=-1).amax(1)
    pieces, region = [], []
    for corner, longest, name in zip(corners, edge.tolist(), mesh.region[chosen], strict=True):
        parts = _cut(corner, max(1, math.ceil(longest / size)))
        pieces.append(parts)
        region.append(name.expand(len(parts)))
    vertices = torch.cat(pieces).reshape(-1, 3)
    faces = torch.arange(len(vertices), device=vertices.device).reshape(-1, 3)
    still = vertices.expand(len(times), -1, -1)
    return MeshSequence(still, faces, times, torch.cat(region), mesh.region_names)


def _cut(corner: Tensor, count: int) -> Tensor:
    """The `count`^2 equal parts [parts, 3, 3] of a triangle [3, 3], turned like it."""
    share, pieces = cut_triangle(count)
    step = share[:, 1:][pieces.T].to(corner) / count  # [parts, 3, 2]
    return corner[0] + step @ (corner[1:] - corner[0])


def _images(scene: Scene, radar: Radar, settings: Simulation, order: int) -> list[Paths]:
    """The paths from TX to RX over 1 to `order` mirrors."""
    assert scene.room is not None
    if scene.mirrors is None or len(scene.mirrors) == 0:
        return []
    empty = replace(scene, people=(), mirrors=None, mirror_regions=())
    bvh = pose_frame(empty, radar, 0, settings, 0).bvh if settings.occlusion else None
    tx, rx = direct_legs(scene, radar, settings)
    mirrors, row, found = room_mirrors(scene), [tx], []
    index = [scene.room.region_names.index(name) for name in scene.mirror_regions]
    region = dict(zip(map(id, mirrors), index, strict=True))
    knots = frame_knots(radar, settings).to(tx.centre.device)
    # Straight back from a right-angled corner the ray meets its very edge; a little aside, just one order of the two
    # walls is there, as it should be. Aside means away from the TX, which boards have some millimetres beside the RX.
    apart = rx.world_from_radar.T @ (rx.centre - tx.centre)
    place = rx.centre + rx.world_from_radar @ torch.copysign(apart.new_tensor(ASIDE), apart)
    for _ in range(order):
        row = legs.extended(row, mirrors, legs.longer(row, mirrors))
        ways = [leg for leg, used in zip(row, legs.may_reach(row, place[None])[:, 0].tolist(), strict=True) if used]
        # First without the BVH: few of the many sequences of mirrors exist at all.
        for tree in (None, bvh):
            which = torch.arange(len(ways), device=place.device)
            free = legs.free_over(ways, which, place.expand(len(ways), 3), tree)
            ways = [leg for leg, clear in zip(ways, free.tolist(), strict=True) if clear]
        if ways:
            seen = torch.tensor([region[id(leg.mirrors[-1])] for leg in ways], device=place.device)
            images = _mirror_images((ways, rx), radar, knots, seen)
            found.append(replace(images, region_names=scene.room.region_names))
    return found


def _mirror_images(ends: tuple[list[Leg], Leg], radar: Radar, knots: Tensor, region: Tensor) -> Paths:
    """The paths from the images of the TX in the mirrors of its legs straight to the RX (Friis over the whole way).

    The legs are over as many mirrors; `region` [legs] is that of the last of each.
    """
    leg, rx = legs.beside(ends[0]), ends[1]
    way = rx.centre[:, None] - leg.centre
    distance = way.norm(dim=0)
    direction = (way / distance).to(torch.float32)
    wavelength = radar.waveform.wavelength
    fields = legs.field(leg, direction, math.tau / wavelength), legs.field(rx, -direction, math.tau / wavelength)
    beam = legs.pattern(leg, direction, radar) * legs.pattern(rx, -direction, radar)
    gain = dot(*fields) * beam * (wavelength / (4 * math.pi * distance)).to(torch.float32)
    # The reference point is where the middle ray meets the last mirror; off by the spacing of the antennas squared.
    last = leg.mirrors[-1]
    height = torch.stack([dot(p - last.corners[0], last.normal) for p in (leg.centre, rx.centre[:, None])])
    meeting = leg.centre + way * height[0] / (height[0] - height[1])
    there, back = (
        ((meeting - antennas).norm(dim=1) / speed_of_light).T[:, :, None].expand(-1, -1, len(knots))
        for antennas in (leg.antennas, rx.antennas[:, :, None])
    )
    return Paths(
        gain=gain.to(torch.complex64)[:, None].expand(-1, len(gain_rows(len(knots)))),
        tx_delay=there,
        rx_delay=back,
        knots=knots,
        departure=legs.in_radar(leg, direction),
        arrival=legs.in_radar(rx, -direction),
        region=region,
        order=torch.full_like(region, len(leg.mirrors) - 1),
    )
