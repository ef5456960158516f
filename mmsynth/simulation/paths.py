"""Trace: from the surfaces of a scene, posed at the knots of a frame, to the paths that the radar sees."""

from dataclasses import replace

import torch
from torch import Tensor

from mmsynth.arrays import differentiable
from mmsynth.simulation import legs
from mmsynth.simulation.bones import bone_paths
from mmsynth.simulation.budget import least
from mmsynth.simulation.facets.paths import facet_paths
from mmsynth.simulation.mirrors.bounces import UNSEEN, mirror_paths
from mmsynth.simulation.pose import pose_frame
from mmsynth.simulation.settings import Simulation, knot_times
from mmsynth.simulation.tubes.tubes import tube_paths
from mmsynth.simulation.visible import visible
from mmsynth.types import Paths, Radar, Scene

# Part of the budget of all bounces that tubes of two surfaces may hold which are left out by themselves; of more, the
# same.
TUBES = 0.025
# By which materials may miss the radar's frequency, and poses their time in s: at 10 m/s, 1/400 wavelength.
_FREQUENCY, LATE = 0.1, 1e-6


def trace(scene: Scene, radar: Radar, frame: int, settings: Simulation, seed: int, count: int = 1) -> Paths:
    """The paths by which `count` frames of the radar, from `frame` on, see the people of a scene.

    Args:
        scene: its people are posed at the knots of all frames (`knot_times`); frame f has rows f*K to (f+1)*K.
        radar: the device.
        frame: index from 0.
        settings: method, knots, bounces.
        seed: of the phases of the diffuse part, which are fixed to the surface and thus the same in every frame.
        count: how many frames to trace at once, which pays on a GPU.

    Raises:
        ValueError: the scene has no such frame, moves and is posed at other times than its knots, lacks a material, or
            has one of another radar's frequency.
    """
    _check_materials(scene, radar)
    knots = knot_times(radar, count, settings, frame)
    _check_times(scene, knots, frame * len(knots) // count)
    # With gradients, frames go one after another.
    if count > 1 and (settings.method == "bones" or differentiable(scene, radar)):
        return stack([trace(scene, radar, k, settings, seed) for k in range(frame, frame + count)])
    if settings.method == "bones":
        return bone_paths(scene, radar, frame, settings)
    pose = pose_frame(scene, radar, frame, settings, seed, count)
    ends = legs.direct_legs(scene, radar, settings)
    seen = visible(pose, ends)
    direct = facet_paths(pose, ends, seen)
    if settings.bounces == 0:
        return direct
    power = _power(direct, count)
    bounced = mirror_paths(scene, pose, ends, seen, power)
    budget, rows = settings.bounce_drop * power, len(pose.instants)
    for k, limit in enumerate((TUBES * budget).tolist()):
        found = tube_paths(pose.one(k), ends, seen[k * rows : (k + 1) * rows], limit)
        bounced += [part if count == 1 else of_frame(part, k, count) for part in found]
    return join([direct, *_counting(bounced, (1 - UNSEEN - 2 * TUBES) * budget)])


def _check_materials(scene: Scene, radar: Radar) -> None:
    """Refuse permittivities of other frequencies: skin at 77 GHz reflects half a dB less than at 60 GHz."""
    frequency = radar.waveform.center_frequency
    for region, own in scene.materials.items():
        if own.frequency and abs(own.frequency - frequency) > _FREQUENCY * frequency:
            raise ValueError(
                f"Scene.materials: expected '{region}' at the radar's {frequency / 1e9:.1f} GHz, got "
                f"{own.frequency / 1e9:.1f} GHz; give `person_materials`, `material` and `load_room` the frequency"
            )


def _check_times(scene: Scene, knots: Tensor, first: int) -> None:
    """Refuse people who move and are posed from row `first` on at other times than `knots`: at a file's 30 Hz, say."""
    rows = slice(first, first + len(knots))
    for person in scene.people:
        late = (person.times[rows].cpu() - person.times[0].cpu() - knots[: len(person.times[rows])]).abs()
        if len(late) and float(late.max()) > LATE and bool((person.vertices[rows].diff(dim=0) != 0).any()):
            raise ValueError(
                "Scene.people: expected poses at the knots of the frames (`knot_times`), got a person posed "
                f"{1e3 * float(late.max()):.3g} ms beside them; `resample` the motion at the knots"
            )


def _counting(parts: list[Paths], budget: Tensor) -> list[Paths]:
    """The paths but for the weakest, which hold less than a budget [frames] together."""
    sets = []
    for part in parts:
        gain = torch.view_as_real(part.gain.detach().to(torch.complex64)).flatten(1)
        amplitude = (gain.square() @ gain.new_ones(gain.shape[1])).sqrt()
        frame = torch.zeros_like(part.region) if part.frame is None else part.frame
        sets.append((amplitude, frame.to(torch.int32), amplitude.new_ones(())))
    bound = least(sets, budget)
    marks = (amplitude >= bound[frame] for amplitude, frame, _ in sets)
    return [select(part, mark.nonzero()[:, 0]) for part, mark in zip(parts, marks, strict=True)]


def _power(paths: Paths, frames: int) -> Tensor:
    """Power gain [frames] of all paths of each frame, over all times of the gains."""
    power = paths.gain.detach().abs().square().sum(1)
    if paths.frame is None:
        return power.sum().to(torch.float64)[None]
    return power.new_zeros(frames, dtype=torch.float64).index_add_(0, paths.frame, power.to(torch.float64))


def stack(parts: list[Paths]) -> Paths:
    """One set of paths of several frames out of one set of each."""
    return join([of_frame(part, k, len(parts)) for k, part in enumerate(parts)])


def of_frame(paths: Paths, frame: int, frames: int) -> Paths:
    """The paths of one frame as those of a frame of several."""
    return replace(paths, frame=torch.full_like(paths.region, frame), frames=frames)


def alone(paths: Paths, frame: int) -> Paths:
    """The paths of one frame of several."""
    if paths.frame is None:
        return paths
    return replace(select(paths, (paths.frame == frame).nonzero()[:, 0]), frame=None, frames=1)


_ROWS = ("gain", "tx_delay", "rx_delay", "departure", "arrival", "region", "order")


def join(parts: list[Paths]) -> Paths:
    """One set of paths out of several of the same frame, or frames, with the regions of all."""
    regions = tuple(dict.fromkeys(name for part in parts for name in part.region_names))
    parts = [_renamed(part, regions) for part in parts]
    names = _ROWS if parts[0].frame is None else (*_ROWS, "frame")
    rows = {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
    return Paths(knots=parts[0].knots, region_names=regions, frames=parts[0].frames, **rows)


def _renamed(paths: Paths, regions: tuple[str, ...]) -> Paths:
    """The paths with their regions as `regions` counts them."""
    if paths.region_names == regions[: len(paths.region_names)]:
        return replace(paths, region_names=regions)
    table = torch.tensor([regions.index(name) for name in paths.region_names], device=paths.region.device)
    return replace(paths, region=table[paths.region], region_names=regions)


def select(paths: Paths, keep: Tensor) -> Paths:
    """The paths at the indices `keep`."""
    names = _ROWS if paths.frame is None else (*_ROWS, "frame")
    return replace(paths, **{name: getattr(paths, name)[keep] for name in names})
