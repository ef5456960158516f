"""The surfaces of a scene at the knots of a frame, or of several: what every kind of path starts from."""

from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from mmsynth.simulation import scattering, surface
from mmsynth.simulation.cutting import Cut, cut_surface, cut_vertices, pieces
from mmsynth.simulation.rays.bvh import Bvh
from mmsynth.simulation.settings import HELD_TIME, Simulation, frame_knots
from mmsynth.types import Radar, Scene, gain_rows

# The topology and the BVH of a scene, and how it is cut for a radar, as long as the scene lives: memos, which change no
# result.
_stages: "WeakKeyDictionary[Scene, dict[Any, tuple[surface.Surface, Cut | None, Bvh | None]]]" = WeakKeyDictionary()
_pieces: "WeakKeyDictionary[Scene, WeakKeyDictionary[Radar, Tensor | None]]" = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class PosedScene:
    """Everything that moves in a frame, or in several: their knots and instants follow each other.

    Attributes:
        radar, settings, seed: as given.
        topology: faces of the merged mesh, people first.
        bvh: of the merged mesh at the instants of one frame; None = nothing casts shadows.
        materials: permittivity, roughness in m and layer loss of each region.
        knots: [knots] in s of one frame.
        vertices: [frames * knots, 3, vertices] in the world in m (float64).
        local: [frames * knots, 3, vertices] relative to `anchor` [3], float32: for shapes, not for ways.
        fade: [gains, 2] weights of what is seen at the first and at the last of `instants` for each gain.
        instants: those of a frame's knots at which visibility is found.
        area: [frames * instants, 3, moving faces] outward normals times area.
        centre: [frames * instants, 3, moving faces] centroids relative to `anchor`.
        normals: [frames, 3, vertices] of the smooth surface at the last of `instants`.
    """

    radar: Radar
    settings: Simulation
    seed: int
    topology: surface.Surface
    bvh: Bvh | None
    materials: tuple[Tensor, Tensor, Tensor]
    knots: Tensor
    vertices: Tensor
    local: Tensor
    anchor: Tensor
    fade: Tensor
    instants: tuple[int, ...]
    area: Tensor
    centre: Tensor
    normals: Tensor

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.normals)

    def one(self, frame: int) -> "PosedScene":
        """That of one frame."""
        if self.frames == 1:
            return self
        knots, seen = (slice(frame * n, (frame + 1) * n) for n in (len(self.knots), len(self.instants)))
        return replace(
            self,
            vertices=self.vertices[knots],
            local=self.local[knots],
            area=self.area[seen],
            centre=self.centre[seen],
            normals=self.normals[frame : frame + 1],
        )

    @property
    def rows(self) -> list[int]:
        """The rows [frames * instants] of `vertices` at which visibility is found."""
        return [frame * len(self.knots) + k for frame in range(self.frames) for k in self.instants]


def pose_frame(scene: Scene, radar: Radar, frame: int, settings: Simulation, seed: int, count: int = 1) -> PosedScene:
    """The surfaces of a scene at the knots of `count` frames from `frame` on."""
    knots = frame_knots(radar, settings).to(scene.world_from_radar.device)
    size = len(knots)
    instants = (size // 2,) if radar.active_time <= HELD_TIME else (0, size - 1)
    topology, cut, bvh = _stage(scene, radar, settings, len(instants))
    vertices = _posed(scene, slice(frame * size, (frame + count) * size), cut)
    anchor = vertices[size // 2].detach().mean(1)
    local = (vertices - anchor[:, None]).to(torch.float32)
    faces = topology.faces[:, : topology.moving]
    seen = local.reshape(count, size, *local.shape[1:])[:, list(instants)].flatten(0, 1)
    corner = surface.gather(seen, faces)
    area = surface.area_vectors(corner.permute(1, 2, 0, 3)).transpose(0, 1)
    normals = surface.vertex_normals(faces, area[len(instants) - 1 :: len(instants)], topology.vertices)
    materials = scattering.material_table([scene.materials[name] for name in topology.region_names], vertices.device)
    shapes = (local, anchor, fade_weights(knots), instants, area, surface.centroid(corner), normals)
    return PosedScene(radar, settings, seed, topology, bvh, materials, knots, vertices, *shapes)


def fade_weights(knots: Tensor) -> Tensor:
    """Weights [gains, 2] of what holds at the first and at the last of `knots` [knots], at the times of the gains."""
    place = (knots[list(gain_rows(len(knots)))] - knots[0]) / (knots[-1] - knots[0])
    return torch.stack([1 - place, place], 1).to(torch.float32)


def _stage(
    scene: Scene, radar: Radar, settings: Simulation, poses: int
) -> tuple[surface.Surface, Cut | None, Bvh | None]:
    count = None
    if settings.method == "facets" and settings.coherent:
        of_radar = _pieces.setdefault(scene, WeakKeyDictionary())
        if radar not in of_radar:
            of_radar[radar] = pieces(scene, radar)
        count = of_radar[radar]
    stages, key = _stages.setdefault(scene, {}), settings.grain if count is None else (settings.grain, radar)
    topology, cut, bvh = stages[key] if key in stages else (*_topology(scene, settings.grain, count), None)
    if topology.faces.shape[1] and (bvh is None or bvh.poses < poses):
        # Built on the first pose, so that it depends on the scene alone and not on the frames traced before.
        bvh = Bvh(_posed(scene, slice(0, 1), cut)[0].T, topology.faces.T, poses)
    stages[key] = (topology, cut, bvh)
    return stages[key]


def _topology(scene: Scene, grain: float, count: Tensor | None) -> tuple[surface.Surface, Cut | None]:
    """The topology of a scene whose faces are cut in `count`, and where its vertices lie; None = they stay whole."""
    whole = surface.merge_surface(scene, grain)
    if count is None:
        return whole, None
    found, cut = cut_surface(whole, count)
    moving = slice(found.moving)
    corner = surface.gather(_posed(scene, slice(0, 1), cut)[0].detach(), found.faces[:, moving])
    patch, patches = surface.patches(corner, (found.person[moving], found.region[moving]), grain)
    return replace(found, patch=patch, patches=patches), cut


def _posed(scene: Scene, rows: slice, cut: Cut | None) -> Tensor:
    vertices = surface.posed_vertices(scene, rows)
    return vertices if cut is None else cut_vertices(vertices, cut)
