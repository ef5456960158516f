"""The cloud that needs no radar: random points of the visible surface with their true radial velocity.

It is what many synthesise instead of a radar's detections, and the control of what the chain from waves to detections
is worth: the same people, motions, places and grid of velocities.
"""

import torch

from mmsynth.generation.clip import Stage, Take, draw_take, stage
from mmsynth.generation.draws import POINTS, stream
from mmsynth.generation.recipe import Recipe
from mmsynth.geometry import apply, inverse
from mmsynth.simulation import frame_knots
from mmsynth.types import PointCloud, Sample


def naive_clips(recipe: Recipe, points: int) -> list[Sample]:
    """Every clip of a recipe as surface points, `points` a frame."""
    ready = stage(recipe)
    found = []
    for index in range(recipe.clips):
        take = draw_take(ready, index)
        cloud = surface_cloud(ready, take, points, stream(recipe.seed, POINTS, index))
        found.append(Sample(f"{recipe.name}-{index:07d}", take.play.labels, cloud, provenance={"method": "surface"}))
    return found


def surface_cloud(ready: Stage, take: Take, points: int, draw: torch.Generator) -> PointCloud:
    """Points drawn uniformly over the area that faces the radar, velocities rounded to the radar's Doppler grid."""
    # On the CPU, where the generator draws.
    radar, mesh = ready.setup.radar, take.scene.people[0]
    knots = len(frame_knots(radar, take.settings))
    radar_from_world, faces = inverse(take.scene.world_from_radar.cpu()), mesh.faces.cpu()
    seconds = radar.active_time
    where, speed = [], []
    for frame in range(take.frames):
        start, last = apply(radar_from_world, mesh.vertices[[frame * knots, (frame + 1) * knots - 1]].cpu())
        first = start[faces]
        middle = first.sum(1) / 3
        area = 0.5 * torch.linalg.cross(first[:, 1] - first[:, 0], first[:, 2] - first[:, 0])
        facing = (-(area * middle).sum(1)).clamp_min(0) / middle.norm(dim=1)
        face = torch.multinomial(facing, points, replacement=True, generator=draw)
        mix = torch.rand(points, 3, generator=draw, dtype=first.dtype).log().neg()
        mix = (mix / mix.sum(1, keepdim=True))[:, :, None]
        begin, end = (first[face] * mix).sum(1), (last[faces[face]] * mix).sum(1)
        where.append(begin)
        speed.append((end.norm(dim=1) - begin.norm(dim=1)) / seconds)
    step = radar.velocity_resolution
    velocity = (torch.cat(speed) / step).round() * step
    unknown = torch.full_like(velocity, torch.nan).float()
    return PointCloud(
        position=torch.cat(where).float(),
        velocity=velocity.float(),
        intensity=unknown,
        snr_db=unknown,
        noise_db=unknown,
        offsets=torch.arange(take.frames + 1) * points,
        times=torch.arange(take.frames, dtype=torch.float64) * radar.waveform.frame_period,
    )
