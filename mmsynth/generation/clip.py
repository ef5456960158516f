"""One clip, from the draw of a person to the labelled sample: the line of data, read top to bottom."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmsynth.arrays import moved
from mmsynth.body_models import BodyModel, fit_skeleton, ground, load_body, shape_for
from mmsynth.generation.ghosts import add_ghosts
from mmsynth.generation.recipe import ActivityRecipe, Placement, Recipe, placement_of, resolve_radar
from mmsynth.geometry import apply, inverse, radar_pose
from mmsynth.joints import convert_joints
from mmsynth.motion import (
    Subject,
    centre,
    cut,
    generate_motion,
    keep_feet,
    place,
    read_motion,
    resample,
    sample_subject,
)
from mmsynth.motion.together import Area, distance
from mmsynth.processing import beamform, detect, range_doppler
from mmsynth.scene import Room, load_room, material, mounted, movers, person_materials, read_room
from mmsynth.simulation import knot_times, receive, simulate_clean
from mmsynth.types import (
    AdcFrames,
    Cfar,
    Labels,
    MeshSequence,
    Motion,
    Processing,
    Radar,
    RadarSetup,
    Sample,
    Scene,
    Skeleton,
)

# Attempts to place a person beside others.
_TRIES = 200
# Key of the random streams of ghosts.
GHOSTS = 6


@dataclass(frozen=True, eq=False)
class Stage:
    """What all clips of a recipe share: the radar, and the body that people are drawn in.

    Motions and labels are made on the CPU, by `body`; surfaces on `device`, by `skin`, the same body there.
    """

    recipe: Recipe
    setup: RadarSetup
    body: BodyModel
    skin: BodyModel
    device: str = "cpu"


def stage(recipe: Recipe, device: str = "cpu") -> Stage:
    """Load what a recipe names."""
    body = load_body(recipe.subjects.body)
    return Stage(recipe, resolve_radar(recipe), body, body if device == "cpu" else body.to(device), device)


def stream(seed: int, *keys: int) -> torch.Generator:
    """The random stream of (seed, keys): independent streams for different keys, whatever the order of use."""
    state = np.random.SeedSequence([seed, *keys]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) >> 1)


@dataclass(frozen=True, eq=False)
class Take:
    """What stands before the radar in one clip.

    Attributes:
        labels: of the clip.
        subject: who performs.
        motion: where the recipe puts it.
        scene: posed at the knots of every frame; the labelled person is the first of its people.
        frames: how many the radar takes.
    """

    labels: Labels
    subject: Subject
    motion: Motion
    scene: Scene
    frames: int


def draw_take(stage: Stage, index: int) -> Take:
    """Draw person, motion and place of clip `index`, and pose the body at the knots of its frames."""
    recipe, radar = stage.recipe, stage.setup.radar
    draw = stream(recipe.seed, 0, index)
    frames = max(1, round(recipe.seconds / radar.waveform.frame_period))
    activity, person = _who(recipe, index)
    subject = sample_subject(stream(recipe.seed, 1, person), recipe.subjects.age)
    moving = _motion(stage, activity, (person, subject), draw)
    motion, world_from_radar = _stand(recipe, placement_of(recipe, activity), moving, draw)
    knots = knot_times(radar, frames, recipe.simulation)
    people = (motion, *_others(stage, index, person, motion))
    meshes = tuple(stage.skin(resample(one, knots)) for one in people)
    clothes = recipe.subjects.clothing[_integer(len(recipe.subjects.clothing), draw)]
    scene = moved(_scene(recipe, meshes, world_from_radar, (clothes, radar.waveform.center_frequency)), stage.device)
    labels = Labels(activity.label, f"{recipe.name}-s{person:04d}", recipe.name, "synthetic")
    return Take(labels, subject, motion, scene, frames)


@dataclass(frozen=True, eq=False)
class Traced:
    """A clip as it comes from the scene, before a receiver adds anything.

    Attributes:
        index: of the clip.
        take: what stood before the radar.
        clean: samples [frames, loops, slots, rx, samples] in V.
        joints: [frames, joints, 3] in m in the radar frame.
    """

    index: int
    take: Take
    clean: Tensor
    joints: Tensor


def trace_clip(stage: Stage, index: int) -> Traced:
    """Draw clip `index` and trace it."""
    recipe, radar, take = stage.recipe, stage.setup.radar, draw_take(stage, index)
    clean = simulate_clean(take.scene, radar, take.frames, recipe.simulation, seed=index)
    times = _times(stage, take) + 0.5 * radar.active_time
    return Traced(index, take, clean, _joints(stage, resample(take.motion, times), take.scene.world_from_radar.cpu()))


def record(stage: Stage, traced: Traced, k: int) -> Sample:
    """Sample k of a traced clip: by a device, and with noise, of its own.

    The stage may be of another recipe than the one that traced it, if they differ in nothing but device, processing and
    outputs.
    """
    recipe, take, index = stage.recipe, traced.take, traced.index
    noise = stream(recipe.seed, 2, index, k)
    unit, gain, processing = _unit(recipe, stage.setup, noise)
    adc = AdcFrames(unit, receive(traced.clean * gain, unit, noise), _times(stage, take))
    cube = range_doppler(adc, processing)
    cloud = moved(detect(cube, processing), "cpu")
    return Sample(
        id=f"{recipe.name}-{index * recipe.noise_draws + k:07d}",
        labels=take.labels,
        cloud=add_ghosts(cloud, recipe.device.ghosts, stream(recipe.seed, GHOSTS, index, k)),
        joints=traced.joints,
        joint_set=recipe.outputs.joints,
        heatmaps=tuple(beamform(cube, kind, processing) for kind in recipe.outputs.heatmaps),
        adc=adc if recipe.outputs.adc else None,
        provenance=_provenance(stage, take, index, k),
    )


def make_clip(stage: Stage, index: int) -> Iterator[Sample]:
    """Make clip `index` of the recipe: `noise_draws` samples that differ in receiver noise and device errors."""
    traced = trace_clip(stage, index)
    return (record(stage, traced, k) for k in range(stage.recipe.noise_draws))


def _times(stage: Stage, take: Take) -> Tensor:
    return torch.arange(take.frames, dtype=torch.float64) * stage.setup.radar.waveform.frame_period


def _who(recipe: Recipe, index: int) -> tuple[ActivityRecipe, int]:
    """Activity and person of a clip: classes in turn by their shares, and a new person after each round."""
    order = [a for a in recipe.activities for _ in range(a.share)]
    round_, slot = divmod(index, len(order))
    return order[slot], recipe.subjects.first + round_ % recipe.subjects.count


def _motion(stage: Stage, activity: ActivityRecipe, who: tuple[int, Subject], draw: torch.Generator) -> Motion:
    """A motion of the clip's length plus a little, feet on the floor, about the origin and facing -y on average."""
    person, subject = who
    seconds = stage.recipe.seconds + stage.setup.radar.waveform.frame_period
    if activity.motion:
        own = stream(stage.recipe.seed, 3, person)
        style = {name: _uniform(bounds, own) for name, bounds in sorted(activity.style.items())}
        motion = generate_motion(activity.motion, seconds, subject, draw, overrides=style)
        motion = replace(motion, shape=_shape(subject), shape_of="free")
        rest = dict(zip(stage.body.joint_names, stage.body.rest_joints(motion), strict=True))
        return ground(keep_feet(motion, subject, rest), stage.skin)
    paths = sorted({p for pattern in activity.files for p in Path("/").glob(pattern.lstrip("/"))})
    motion = _read(str(paths[_integer(len(paths), draw)]), stage.body)
    spare = motion.duration - seconds
    if spare < 0:
        raise ValueError(
            f"activity '{activity.label}': a motion of {motion.duration:.2f} s is shorter than {seconds:.2f} s"
        )
    start = float(motion.times[0]) + _uniform((0.0, spare), draw)
    return centre(cut(motion, start, start + seconds))


@lru_cache(maxsize=1024)
def _shape(subject: Subject) -> Tensor:
    """The subject's body; kept, since it is solved for and every clip of the subject needs it."""
    return shape_for(subject.height, subject.mass, subject.sex, subject.age)


@lru_cache(maxsize=64)
def _read(path: str, body: BodyModel) -> Motion:
    """A motion file on the floor, with a skeleton fitted; kept, since clips draw the same files again."""
    found = read_motion(path)
    if isinstance(found, MeshSequence):
        raise ValueError(f"{path}: a mesh sequence has no joints to pose the body with")
    return ground(fit_skeleton(found, body) if isinstance(found, Skeleton) else found, body)


def _stand(recipe: Recipe, where: Placement, motion: Motion, draw: torch.Generator) -> tuple[Motion, Tensor]:
    """The motion where the recipe puts it, and the radar's pose: the room's mount, or the origin looking along +y."""
    distance, bearing = _uniform(where.distance, draw), _uniform(where.bearing, draw)
    facing = _uniform(where.facing, draw)
    height, tilt = _uniform(where.radar_height, draw), _uniform(where.radar_tilt, draw)
    pose = mounted(_room(recipe.room)) if recipe.room else radar_pose((0.0, 0.0, height), tilt=tilt)
    yaw = float(torch.atan2(-pose[0, 1], pose[1, 1]))
    x, y = distance * np.sin(bearing - yaw), distance * np.cos(bearing - yaw)
    return place(motion, (float(pose[0, 3]) + x, float(pose[1, 3]) + y), yaw - bearing + facing), pose


def _others(stage: Stage, index: int, person: int, labelled: Motion) -> list[Motion]:
    """The other people of clip `index`, at activities and places of the recipe, where nobody walks through anybody.

    Raises:
        ValueError: no place was found for one.
    """
    recipe, found = stage.recipe, [labelled]
    draw, pool = stream(recipe.seed, 4, index), recipe.subjects
    for _ in range(pool.others):
        number = pool.first + (person - pool.first + 1 + _integer(pool.count - 1, draw)) % pool.count
        subject = sample_subject(stream(recipe.seed, 1, number), pool.age)
        activity = recipe.activities[_integer(len(recipe.activities), draw)]
        moving, where = _motion(stage, activity, (number, subject), draw), placement_of(recipe, activity)
        for _ in range(_TRIES):
            there, _ = _stand(recipe, where, moving, draw)
            if all(distance(there, other) >= Area().gap for other in found):
                found.append(there)
                break
        else:
            raise ValueError(f"others: expected room for {pool.others + 1} people, found none in {_TRIES} tries")
    return found[1:]


@lru_cache(maxsize=8)
def _room(path: str) -> Room:
    return read_room(path)


def _scene(
    recipe: Recipe, people: tuple[MeshSequence, ...], world_from_radar: Tensor, setting: tuple[str, float]
) -> Scene:
    """The people in the room, if any; `setting` is the clothing and the frequency in Hz of the materials."""
    clothing, frequency = setting
    materials = person_materials(people[0].region_names, frequency, clothing)
    if not recipe.room:
        return Scene(world_from_radar, people, materials)
    room = _room(recipe.room)
    things = movers((*room.fan, *room.door), people[0].times.cpu())
    still, mirrors, regions, found = load_room(room, frequency)
    names = {name for thing in things for name in thing.region_names}
    materials = materials | found | {name: material(name.split(":")[0], frequency) for name in names}
    return Scene(world_from_radar, (*people, *things), materials, still, mirrors, regions)


def _joints(stage: Stage, motion: Motion, world_from_radar: Tensor) -> Tensor:
    world = stage.body.joints(motion).double()
    return convert_joints(apply(inverse(world_from_radar), world), stage.body.joint_names, stage.recipe.outputs.joints)


def _unit(recipe: Recipe, setup: RadarSetup, draw: torch.Generator) -> tuple[Radar, float, Processing]:
    """The radar that this sample was recorded with: noise figure, voltage gain and thresholds drawn."""
    receiver = setup.radar.receiver
    noise = receiver.noise_figure * 10 ** (_uniform(recipe.device.noise_db, draw) / 10)
    gain = 10 ** (_uniform(recipe.device.gain_db, draw) / 20)
    shift = _uniform(recipe.device.threshold_db, draw)
    chain = setup.processing
    chain = replace(chain, range_cfar=_shifted(chain.range_cfar, shift))
    if chain.doppler_cfar:
        chain = replace(chain, doppler_cfar=_shifted(chain.doppler_cfar, shift))
    return replace(setup.radar, receiver=replace(receiver, noise_figure=noise)), gain, chain


def _shifted(cfar: Cfar, shift_db: float) -> Cfar:
    return replace(cfar, threshold_db=cfar.threshold_db + shift_db)


def _provenance(stage: Stage, take: Take, index: int, k: int) -> dict[str, str]:
    subject = take.subject
    return {
        "clip": str(index),
        "noise_draw": str(k),
        "method": stage.recipe.simulation.method,
        "facets": str(sum(len(person.faces) for person in take.scene.people)),
        "sex": subject.sex,
        "age": f"{subject.age:.1f}",
        "height": f"{subject.height:.3f}",
        "mass": f"{subject.mass:.1f}",
    }


def _uniform(bounds: tuple[float, float], draw: torch.Generator) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * float(torch.rand((), generator=draw, dtype=torch.float64))


def _integer(count: int, draw: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=draw))
