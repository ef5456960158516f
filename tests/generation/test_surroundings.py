"""Clips in a room of a TOML file: what moves in it, a radar in its ceiling, and which of it caused a point."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from made_up import make_clip

from mmsynth.datasets import Dataset
from mmsynth.generation import generate, load_recipe
from mmsynth.generation.clip import Traced, draw_take, record, stage, trace_clip
from mmsynth.joints import JOINT_SETS
from mmsynth.scene.materials import material
from mmsynth.types import Sample

ROOM = '[room]\nsize = [4.0, 5.0, 2.6]\ncenter = [0.0, 2.0]\nwalls = ""\nceiling = ""\n'
FAN = "[[fan]]\nposition = [1.2, 3.2, 1.4]\naxis = [0.6, 0.8, 0.0]\nrate = 2.0\n"
FRONT = "[radar]\nposition = [0.0, 0.0, 1.0]\n"
RECIPE = """
name = "fan"
radar = "IWR1443BOOST/radhar"
clips = 1
seconds = 0.3
seed = 3
room = "room.toml"

[[activities]]
label = "stand"
motion = "stand"

[subjects]
count = 1
body = "free-low"

[placement]
distance = [1.8, 1.8]
bearing_deg = [-25, -25]

[outputs]
regions = true
"""


def written(folder: Path, room: str, recipe: str = RECIPE) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "room.toml").write_text(room)
    (folder / "recipe.toml").write_text(recipe)
    return folder / "recipe.toml"


def sample_of(path: Path) -> Sample:
    return next(iter(make_clip(stage(load_recipe(path)), 0)))


def traced_of(path: Path) -> Traced:
    return trace_clip(stage(load_recipe(path)), 0)


def points_of(sample: Sample, prefix: str) -> torch.Tensor:
    """Whether [points] a region whose name starts so caused each point."""
    assert sample.cloud.region is not None
    known = torch.tensor([name.startswith(prefix) for name in (*sample.cloud.region_names, "")])
    return known[sample.cloud.region]


def test_a_fan_in_the_room_s_file_is_a_distractor_that_says_so(tmp_path: Path) -> None:
    with_fan = sample_of(written(tmp_path / "a", ROOM + FAN + FRONT))
    without = sample_of(written(tmp_path / "b", ROOM + FRONT))
    cloud, fan = with_fan.cloud, points_of(with_fan, "metal:fan")
    # Nobody else moves: what does is the fan, within its blades' reach and a resolution cell, below its tips' speed.
    moving = cloud.velocity != 0
    assert int(fan.sum()) >= 4 and bool(moving[fan].all()) and float(fan[moving].double().mean()) > 0.6
    assert float(cloud.velocity[fan].abs().max()) < 2 * torch.pi * 2.0 * 0.3 + 0.31
    assert float((cloud.position[fan] - torch.tensor([1.2, 3.2, 0.4])).norm(dim=1).max()) < 0.3 + 0.25
    assert not bool(points_of(without, "metal:fan").any()) and not bool((without.cloud.velocity != 0).any())
    # The labels are the person's.
    assert with_fan.joints is not None and torch.equal(with_fan.joints, without.joints)
    assert with_fan.labels == without.labels


def test_a_fan_alone_in_free_space_is_seen(tmp_path: Path) -> None:
    cloud = (alone := sample_of(written(tmp_path, FAN + FRONT))).cloud
    fan = points_of(alone, "metal:fan")
    assert int(fan.sum()) >= 4 and bool((cloud.velocity[fan] != 0).any())
    assert not bool(points_of(alone, "concrete").any())


def test_points_say_whose_body_they_are_of(tmp_path: Path) -> None:
    crowd = RECIPE.replace("count = 1", "count = 3\nothers = 2").replace('room = "room.toml"\n', "")
    crowd = crowd.replace("[1.8, 1.8]", "[1.5, 3.5]").replace("[-25, -25]", "[-40, 40]")
    path = written(tmp_path, "", crowd)
    ready = stage(load_recipe(path))
    take = draw_take(ready, 0)
    cloud = sample_of(path).cloud
    assert cloud.region is not None
    names = [cloud.region_names[k] if k >= 0 else "" for k in cloud.region.tolist()]
    shift = take.scene.world_from_radar[:3, 3]
    bodies = [person.vertices[0].double() - shift for person in take.scene.people]
    for number, ending in enumerate(("", ":other1", ":other2")):
        own = torch.tensor(
            [bool(name) and name.endswith(ending) and name.count(":") == 1 + bool(number) for name in names]
        )
        assert int(own.sum()) > 10
        # Where people stand apart by some resolution cells, a point is nearest to the body whose name it bears.
        distance = torch.stack([torch.cdist(cloud.position[own].double(), body).amin(1) for body in bodies])
        assert float((distance.argmin(0) == number).double().mean()) > 0.9
    # A bystander is made of what the others are.
    for name, made_of in take.scene.materials.items():
        assert made_of == take.scene.materials[":".join(name.split(":")[:2])]


def test_a_room_that_has_changed_is_read_again(tmp_path: Path) -> None:
    before = sample_of(written(tmp_path, ROOM + FRONT))
    changed = sample_of(written(tmp_path, ROOM + FAN + FRONT))  # in the same process
    assert not bool(points_of(before, "metal:fan").any()) and bool(points_of(changed, "metal:fan").any())


def test_each_point_says_what_caused_it(tmp_path: Path) -> None:
    path = written(tmp_path, ROOM + FRONT)
    sample = sample_of(path)
    body = points_of(sample, "cloth") | points_of(sample, "skin") | points_of(sample, "hair")
    floor = points_of(sample, "concrete:floor")
    assert int(body.sum()) > 20 and int(floor.sum()) > 20
    # Of the body, points lie about the person; of the floor, under the radar, but for elevations that fold.
    assert sample.joints is not None
    middle = sample.joints[0].mean(0)
    assert float((sample.cloud.position[body] - middle)[:, :2].norm(dim=1).max()) < 0.6
    assert float(sample.cloud.position[floor][:, 2].median()) < -0.7
    # They survive in the file; a recipe that asks for none has none, and the same points.
    (file,) = generate(load_recipe(path), tmp_path / "out", lambda done, total: None)
    with Dataset.open(file) as data:
        kept = data[0].cloud
    names = [[c.region_names[k] for k in c.region.tolist() if k >= 0] for c in (kept, sample.cloud)]
    assert names[0] == names[1]
    plain = sample_of(written(tmp_path / "plain", ROOM + FRONT, RECIPE.replace("regions = true", "")))
    assert plain.cloud.region is None and torch.equal(plain.cloud.position, sample.cloud.position)


@pytest.mark.parametrize("radar", ["IWR1443BOOST/radhar", "iwr6843isk_area"])
def test_materials_are_those_of_the_radars_own_frequency(tmp_path: Path, radar: str) -> None:
    recipe = load_recipe(written(tmp_path, ROOM + FRONT, RECIPE.replace("IWR1443BOOST/radhar", radar)))
    here = stage(recipe)
    frequency, found = here.setup.radar.waveform.center_frequency, draw_take(here, 0).scene.materials
    for region, name in (("skin:", "skin"), ("cloth:", "skin"), ("concrete:floor", "concrete")):
        some = [value for key, value in found.items() if key.startswith(region)]
        assert some and all(value.permittivity == material(name, frequency).permittivity for value in some)


@pytest.mark.parametrize("tilt", [-90, -45])
def test_a_radar_in_the_ceiling_looks_down_on_people(tmp_path: Path, tilt: int) -> None:
    room = ROOM + f"[radar]\nposition = [0.5, 1.0, 2.6]\ntilt_deg = {tilt}\n"
    path = written(tmp_path, room, RECIPE.replace("1.8, 1.8", "0.4, 0.4").replace("-25, -25", "0, 0"))
    take = draw_take(stage(load_recipe(path)), 0)
    vertices = take.scene.people[0].vertices[0].double()
    # They stand 0.4 m ahead of it on the floor, whatever its tilt.
    assert float(vertices[:, 2].min()) == pytest.approx(0, abs=0.02)
    assert float((vertices[:, :2].mean(0) - torch.tensor([0.5, 1.4])).norm()) < 0.15
    sample = sample_of(path)
    near = float((vertices - torch.tensor([0.5, 1.0, 2.6])).norm(dim=1).min())
    body = points_of(sample, "cloth") | points_of(sample, "skin") | points_of(sample, "hair")
    distance = sample.cloud.position.norm(dim=1)
    # The nearest echo is that of the head and shoulders, to a bin of 4 cm and its neighbour.
    assert float(distance[body].min()) == pytest.approx(near, abs=0.12)
    # Labels are in its frame, too: the head is the nearest joint, a foot the farthest.
    joints = dict(zip(JOINT_SETS["mars19"], sample.joints[0].norm(dim=1).tolist(), strict=True))
    assert min(joints, key=joints.__getitem__) == "Head" and max(joints, key=joints.__getitem__).startswith("Foot")


def test_clutter_is_the_echo_of_the_room_that_nobody_shadows(tmp_path: Path) -> None:
    """By the two routes: traced in the room without shadows, and in free space with the room's echo added."""
    free = RECIPE.replace('room = "room.toml"', "") + "[simulation]\nocclusion = false\n"
    about = free.replace("[outputs]", 'radar_height = [1.0, 1.0]\n\n[clutter]\nroom = "room.toml"\n\n[outputs]')
    inside = RECIPE + "[simulation]\nocclusion = false\n"
    whole = traced_of(written(tmp_path / "a", ROOM + FRONT, inside))
    apart = traced_of(written(tmp_path / "b", ROOM, about))
    assert apart.clutter is not None and whole.clutter is None
    echo = apart.clutter[0]
    # To the rounding of sums in 32 bits, people's echo being the stronger one.
    assert (whole.clean - apart.clean - echo).abs().max() < 1e-4 * echo.abs().max()


def test_the_level_of_clutter_is_in_db_and_its_points_say_what_they_are(tmp_path: Path) -> None:
    table = RECIPE.replace('room = "room.toml"', "") + '[clutter]\nroom = "room.toml"\nlevel_db = [20, 20]\n'
    path = written(tmp_path, ROOM, table.replace("regions = true", "regions = true\nadc = true"))
    ready, traced = stage(load_recipe(path)), traced_of(path)
    assert traced.clutter is not None
    loud, none = (record(ready, one, 0) for one in (traced, replace(traced, clutter=None)))
    assert loud.adc is not None and none.adc is not None
    # The receiver's noise is the same one: what is left is the echo, to a step of the ADC.
    added = (loud.adc.samples - none.adc.samples).mean((0, 1))
    echo = traced.clutter[0][0]
    assert added.abs().pow(2).mean() / echo.abs().pow(2).mean() == pytest.approx(100.0, rel=0.01)
    floor = points_of(loud, "concrete:floor")
    assert int(floor.sum()) > 10 and bool((loud.cloud.velocity[floor] == 0).all())
    assert not bool(points_of(none, "concrete").any())


def test_points_are_told_apart_by_clutter_of_its_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = RECIPE.replace('room = "room.toml"', "") + '[clutter]\nroom = "room.toml"\nlevel_db = [20, 20]\n'
    path, asked = written(tmp_path, ROOM, table), []
    traced = traced_of(path)
    monkeypatch.setattr("mmsynth.generation.clip.label_points", lambda cloud, paths, *_: asked.extend(paths) or cloud)
    record(stage(load_recipe(path)), traced, 0)
    assert traced.clutter is not None and len(asked) == len(traced.clean)
    for paths in asked:
        power = paths.gain[:, 0].abs().square()
        floor = torch.tensor([name.startswith("concrete") for name in paths.region_names])[paths.region]
        assert float(power[floor].sum() / traced.clutter[1].gain[:, 0].abs().square().sum()) == pytest.approx(100.0)


def test_clutter_that_cannot_be_is_refused(tmp_path: Path) -> None:
    both = RECIPE + '[clutter]\nroom = "room.toml"\n'
    with pytest.raises(ValueError, match="clutter: expected none in a room, which has its own echo"):
        load_recipe(written(tmp_path / "a", ROOM, both))
    free = both.replace('room = "room.toml"\n\n[[', "\n[[")
    with pytest.raises(ValueError, match="clutter: expected something at rest in .*room.toml, got only what moves"):
        load_recipe(written(tmp_path / "b", FAN, free))
    with pytest.raises(ValueError, match="clutter.room: no such file"):
        load_recipe(written(tmp_path / "c", ROOM, free.replace('clutter]\nroom = "room', 'clutter]\nroom = "den')))
