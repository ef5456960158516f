"""One clip, from the draw of a person to the labelled sample: the line of data, read top to bottom."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from mmsynth.arrays import moved
from mmsynth.body_models import BodyModel, load_body, stature
from mmsynth.generation.draws import CLUTTER, DEVICE, GHOSTS, SURFACES, stream, uniform
from mmsynth.generation.ghosts import add_ghosts
from mmsynth.generation.load import resolve_radar
from mmsynth.generation.play import Play, draw_play, forget, room_of
from mmsynth.generation.recipe import Recipe, clip_frames
from mmsynth.geometry import apply, inverse
from mmsynth.joints import convert_joints
from mmsynth.motion import resample
from mmsynth.processing import beamform, detect, label_points, range_doppler
from mmsynth.scene import LoadedRoom, load_room, movers, person_materials
from mmsynth.simulation import (
    Simulation,
    knot_times,
    receive,
    settled,
    simulate_clean,
    simulate_room,
    simulate_traced,
    with_room,
)
from mmsynth.types import (
    AdcFrames,
    MeshSequence,
    Motion,
    Paths,
    Processing,
    Radar,
    RadarSetup,
    Sample,
    Scene,
)


@dataclass(frozen=True, eq=False)
class Stage:
    """What all clips of one radar share: its recipe (`Recipe.apart`), the radar, and the body of people.

    Motions and labels are made on the CPU, by `body`; surfaces on `device`, by `skin`, the same body there.
    """

    recipe: Recipe
    setup: RadarSetup
    body: BodyModel
    skin: BodyModel
    device: str = "cpu"


def stage(recipe: Recipe, device: str = "cpu") -> Stage:
    """Load what a recipe of one radar names; what its files held when they were read before is forgotten."""
    forget()
    _surroundings.cache_clear()
    body = load_body(recipe.subjects.body)
    return Stage(recipe, resolve_radar(recipe), body, body if device == "cpu" else body.to(device), device)


@dataclass(frozen=True, eq=False)
class Take:
    """What stands before the radar in one clip.

    Attributes:
        play: who does what.
        scene: posed at the knots of every frame; the labelled person is the first of its people.
        frames: how many the radar takes.
        settings: of the simulator, as the recipe has them, with the knots that the scene is posed at.
    """

    play: Play
    scene: Scene
    frames: int
    settings: Simulation


def pose_take(stage: Stage, play: Play) -> Take:
    """Pose the people of a clip at the knots of the radar's frames."""
    recipe, radar = stage.recipe, stage.setup.radar
    frames = clip_frames(recipe, stage.setup)
    settings = settled(recipe.simulation, radar, max(map(_rate, play.motions)))
    knots = knot_times(radar, frames, settings)
    meshes = tuple(stage.skin(resample(one, knots)) for one in play.motions)
    scene = _scene(recipe, meshes, play.world_from_radar, play.clothing, radar.waveform.center_frequency)
    return Take(play, moved(scene, stage.device), frames, settings)


def _rate(motion: Motion) -> float:
    """How many samples of a motion there are in a second; of a single one, none."""
    return (len(motion.times) - 1) / motion.duration if len(motion.times) > 1 else 0.0


def draw_take(stage: Stage, index: int) -> Take:
    """Draw clip `index` and pose it: see `draw_play` and `pose_take`."""
    return pose_take(stage, draw_play(stage.recipe, stage.body, index))


@dataclass(frozen=True, eq=False)
class Traced:
    """A clip as it comes from the scene, before a receiver adds anything.

    Attributes:
        take: what stood before the radar.
        clean: samples [frames, loops, slots, rx, samples] in V.
        joints: [frames, joints, 3] in m in the radar frame, with the recipe's offset.
        paths: [frames] what each frame is made of, where the recipe asks for the regions of points.
        clutter: samples [1, slots, rx, samples] in V of every loop that the recipe's clutter adds, as its materials
            have it, and their paths; None = no clutter.
    """

    take: Take
    clean: Tensor
    joints: Tensor
    paths: list[Paths]
    clutter: tuple[Tensor, Paths] | None = None


def trace_take(stage: Stage, take: Take) -> Traced:
    """Trace what stands before the radar."""
    recipe, radar, play = stage.recipe, stage.setup.radar, take.play
    seed = int(torch.randint(2**31, (), generator=stream(recipe.seed, SURFACES, play.index)))
    arguments = (take.scene, radar, take.frames, take.settings, seed)
    clean, paths = simulate_traced(*arguments) if recipe.outputs.regions else (simulate_clean(*arguments), [])
    times = _times(stage, take) + 0.5 * radar.active_time
    joints = _joints(stage, resample(play.motions[0], times), play.world_from_radar)
    return Traced(take, clean, joints, paths, _clutter(stage, take, seed))


def trace_clip(stage: Stage, index: int) -> Traced:
    """Draw clip `index` and trace it."""
    return trace_take(stage, draw_take(stage, index))


def record(stage: Stage, traced: Traced, k: int) -> Sample:
    """Sample k of a traced clip: by a device, and with noise, of its own.

    The stage may be of another recipe than the one that traced it, if they differ in nothing but device, level of
    clutter, processing and outputs.
    """
    recipe, take, index = stage.recipe, traced.take, traced.take.play.index
    noise = stream(recipe.seed, DEVICE, index, k)
    unit, gain, processing = _unit(recipe, stage.setup, noise)
    clean, paths = traced.clean, traced.paths
    if traced.clutter:
        level = 10 ** (uniform(recipe.clutter.level_db, stream(recipe.seed, CLUTTER, index, k)) / 20)
        samples, still = traced.clutter
        clean, still = clean + level * samples, replace(still, gain=level * still.gain)
        paths = [with_room(moving, still) for moving in paths]
    adc = AdcFrames(unit, receive(clean * gain, unit, noise), _times(stage, take))
    cube = range_doppler(adc, processing)
    cloud = detect(cube, processing)
    if paths:
        cloud = label_points(cloud, paths, unit, processing)
    cloud = moved(cloud, "cpu")
    return Sample(
        id=f"{recipe.name}-{index * recipe.noise_draws + k:07d}",
        labels=take.play.labels,
        cloud=add_ghosts(cloud, recipe.device.ghosts, stream(recipe.seed, GHOSTS, index, k)),
        joints=traced.joints,
        joint_set=recipe.outputs.joints,
        heatmaps=tuple(beamform(cube, kind, processing) for kind in recipe.outputs.heatmaps),
        adc=adc if recipe.outputs.adc else None,
        provenance=_provenance(stage, take, k),
    )


def make_samples(stage: Stage, play: Play) -> Iterator[Sample]:
    """The samples that a stage's radar records of what people do: they differ in receiver noise and device errors."""
    traced = trace_take(stage, pose_take(stage, play))
    return (record(stage, traced, k) for k in range(stage.recipe.noise_draws))


def _times(stage: Stage, take: Take) -> Tensor:
    return torch.arange(take.frames, dtype=torch.float64) * stage.setup.radar.waveform.frame_period


def _scene(
    recipe: Recipe, people: tuple[MeshSequence, ...], world_from_radar: Tensor, clothing: str, frequency: float
) -> Scene:
    """The people in the recipe's room, if it has one; materials are those at `frequency` in Hz."""
    people = (people[0], *(_told_apart(person, k + 1) for k, person in enumerate(people[1:])))
    materials = person_materials([name for person in people for name in person.region_names], frequency, clothing)
    if not recipe.room:
        return Scene(world_from_radar, people, materials)
    room = room_of(recipe.room)
    things = movers((*room.fan, *room.door), people[0].times.cpu())
    still, mirrors, regions, found = _surroundings(recipe.room, frequency)
    return Scene(world_from_radar, (*people, *things), materials | found, still, mirrors, regions)


def _clutter(stage: Stage, take: Take, seed: int) -> tuple[Tensor, Paths] | None:
    """What rests about the people of a clip sends back to its radar: see `Traced`."""
    if not stage.recipe.clutter.room:
        return None
    radar = stage.setup.radar
    still, mirrors, regions, materials = _surroundings(stage.recipe.clutter.room, radar.waveform.center_frequency)
    about = Scene(take.play.world_from_radar, (), materials, still, mirrors, regions)
    return simulate_room(moved(about, stage.device), radar, take.settings, seed)


def _told_apart(other: MeshSequence, number: int) -> MeshSequence:
    """A bystander, whose regions bear their number: "skin:left_hand:other1"."""
    return replace(other, region_names=tuple(f"{name}:other{number}" for name in other.region_names))


@lru_cache(maxsize=8)
def _surroundings(path: str, frequency: float) -> LoadedRoom:
    """What stands still in a room; kept, since every clip stands in it."""
    return load_room(room_of(path), frequency)


def _joints(stage: Stage, motion: Motion, world_from_radar: Tensor) -> Tensor:
    outputs, world = stage.recipe.outputs, stage.body.joints(motion).double()
    found = convert_joints(apply(inverse(world_from_radar), world), stage.body.joint_names, outputs.joints)
    return found + found.new_tensor(outputs.joints_offset)


def _unit(recipe: Recipe, setup: RadarSetup, draw: torch.Generator) -> tuple[Radar, float, Processing]:
    """The radar that this sample was recorded with: noise figure, voltage gain and thresholds drawn."""
    receiver = setup.radar.receiver
    noise = receiver.noise_figure * 10 ** (uniform(recipe.device.noise_db, draw) / 10)
    gain = 10 ** (uniform(recipe.device.gain_db, draw) / 20)
    chain = setup.processing.with_thresholds(uniform(recipe.device.threshold_db, draw))
    return replace(setup.radar, receiver=replace(receiver, noise_figure=noise)), gain, chain


def _provenance(stage: Stage, take: Take, k: int) -> dict[str, str]:
    return {
        "clip": str(take.play.index),
        "noise_draw": str(k),
        "method": stage.recipe.simulation.method,
        "facets": str(sum(len(person.faces) for person in take.scene.people)),
        **_person(stage.body, take.play),
    }


def _person(body: BodyModel, play: Play) -> dict[str, str]:
    """Who is seen: the person who was drawn, or, where the file or the body model decides, how tall the body stands."""
    subject, motion = play.subject, play.motions[0]
    if motion.shape_of == body.family == "free" and not play.file:
        who = {"sex": subject.sex, "age": f"{subject.age:.1f}", "mass": f"{subject.mass:.1f}"}
        return {**who, "height": f"{subject.height:.3f}"}
    return {"height": f"{stature(body, motion):.3f}", **({"motion": play.file} if play.file else {})}
