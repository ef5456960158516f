"""What a recipe's first clips do that no recording would hold is told before they are made."""

import re
from pathlib import Path

import pytest
import torch

from mmsynth.body_models import load_body
from mmsynth.generation import load_recipe, remarks
from mmsynth.generation.play import draw_play, room_of
from mmsynth.generation.remarks import BRISK, NEAR, _passed, fastest

RECIPE = """
name = "doubtful"
radar = "IWR1443BOOST/radhar"
clips = 2
seconds = 3.0
seed = 1

[[activities]]
label = "move"
motion = "push"

[placement]
distance = [2.0, 2.0]
bearing_deg = [0, 0]
facing_deg = [0, 0]
"""
ROOM = """
[room]
size = [3.0, 3.0, 2.5]
center = [0.0, 1.5]

[radar]
position = [0.0, 0.1, 1.0]
"""
CABINET = """
[[furniture]]
name = "cabinet"
size = [0.8, 0.8, 1.8]
position = [0.0, 1.6, 0.0]
"""


def told(folder: Path, *changes: tuple[str, str], room: str = "") -> list[str]:
    text = RECIPE
    for before, after in changes:
        text = text.replace(before, after)
    if room:
        (folder / "room.toml").write_text(room)
        text = text.replace("[[act", 'room = "room.toml"\n[[act', 1)
    (folder / "recipe.toml").write_text(text)
    return remarks(load_recipe(folder / "recipe.toml"))


def test_nothing_is_said_where_nothing_is_wrong(tmp_path: Path) -> None:
    assert told(tmp_path) == []


def test_who_walks_into_the_radar_is_told(tmp_path: Path) -> None:
    (line,) = told(tmp_path, ('"push"', '"walk"'), ("[2.0, 2.0]", "[0.2, 0.2]\nradar_height = [1.0, 1.0]"))
    assert re.search(r"of the first 2 clips somebody comes within 0.1 m of the radar \(0.0\d m in clip \d\)", line)


def test_the_nearest_of_all_clips_is_told(tmp_path: Path) -> None:
    small = ("[placement]", '[subjects]\nbody = "free-low"\n\n[placement]')
    there = ("[2.0, 2.0]", "[0.2, 0.2]\nradar_height = [1.0, 1.0]")
    (line,) = told(tmp_path, ("clips = 2", "clips = 4"), ('"push"', '"walk"'), small, there)
    recipe, body = load_recipe(tmp_path / "recipe.toml"), load_body("free-low")
    plays = [draw_play(recipe, body, index) for index in range(4)]
    skins = [body(play.motions[0]).vertices - play.world_from_radar[:3, 3] for play in plays]
    way = [float(skin.norm(dim=-1).min()) for skin in skins]
    near, nearest = sum(each < NEAR for each in way), min(way)
    assert 0 < near < 4 and line.startswith(f"in {near} of the first 4 clips")
    assert f"({nearest:.2f} m in clip {way.index(nearest)})" in line


def test_walks_out_of_the_range_or_through_a_wall_are_told(tmp_path: Path) -> None:
    walk = ('"push"', '"walk"')
    (line,) = told(tmp_path, walk, ("[2.0, 2.0]", "[10.4, 10.4]"))
    assert re.search(r"somebody goes beyond the 10.46 m that the radar measures \(1\d.\d\d m in clip \d\)", line)
    (line,) = told(tmp_path, walk, ("[2.0, 2.0]", "[2.8, 2.8]"), room=ROOM)
    assert "somebody goes through 'walls' of the room (clip 0)" in line


def test_the_farthest_of_all_clips_is_told(tmp_path: Path) -> None:
    there = (("seed = 1", "seed = 6"), ('"push"', '"walk"'), ("[2.0, 2.0]", "[10.4, 10.4]"))
    lines = [told(tmp_path, ("clips = 2", f"clips = {count}"), *there)[0] for count in (1, 2)]
    found = [float(re.findall(r"\((1\d\.\d\d) m in clip", line)[0]) for line in lines]
    assert found[0] < found[1]  # of this seed the second goes farther


def test_a_hand_that_waves_out_of_the_range_is_told(tmp_path: Path) -> None:
    """Half a metre before a radar that measures 0.87 m, with the arm raised aside, and with it lowered."""
    near = ('"IWR1443BOOST/radhar"', '"BGT60TR13C/bgt60"'), ("[2.0, 2.0]", "[0.5, 0.5]"), ("clips = 2", "clips = 1")
    style = 'motion = "wave"\nstyle = {{ lift = [{0}, {0}], side = [0, 0], both = [0, 0] }}'
    (line,) = told(tmp_path, *near, ('motion = "push"', style.format(1.8)))
    assert line.startswith("in 1 of the first 1 clips what moves fastest is mostly beyond the 0.87 m")
    assert re.search(r"\(left_\w+ in clip 0, 'move'\)", line)
    assert told(tmp_path, *near, ('motion = "push"', style.format(0.3))) == []


@pytest.mark.parametrize(("amplitude", "joint"), [(0.2, 1), (0.02, None)])
def test_the_joint_whose_distance_changes_fastest(amplitude: float, joint: int | None) -> None:
    """Along the sight a cos(w t), of rms speed a w / sqrt 2; a faster one across it changes no distance."""
    times = torch.arange(1001, dtype=torch.float64) / 500
    turn = 2 * torch.pi * times
    still, along = torch.full_like(times, 3.0), 2.0 + amplitude * turn.cos()
    around = torch.stack([5 * (3 * turn).sin(), 5 * (3 * turn).cos()], 1)
    joints = torch.zeros(1001, 3, 3, dtype=torch.float64)
    joints[:, 0, 1], joints[:, 1, 1], joints[:, 2, :2] = still, along, around
    assert (2 * torch.pi * amplitude / 2**0.5 >= BRISK) == (joint is not None)
    radar = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    found, middle = fastest(joints + radar, times, radar)
    assert found == joint
    if joint is not None:
        assert middle == pytest.approx(2.0, abs=1e-3)


def test_what_is_gone_through_last_is_told(tmp_path: Path) -> None:
    """Into the cabinet 1.6 m ahead, and on through the wall 3 m ahead."""
    (tmp_path / "room.toml").write_text(ROOM + CABINET)
    room, way = room_of(str(tmp_path / "room.toml")), [[0.0, 0.8, 1.0], [0.0, 1.6, 1.0], [0.0, 3.5, 1.0]]
    assert [_passed(room, way[:count]) for count in (1, 2, 3)] == ["", "cabinet", "walls"]


@pytest.mark.parametrize("height", [1.8, 0.4])
def test_who_stands_in_furniture_is_told(tmp_path: Path, height: float) -> None:
    """Also in a low one, which the hips are above."""
    (line,) = told(tmp_path, ("[2.0, 2.0]", "[1.5, 1.5]"), room=ROOM + CABINET.replace("1.8", str(height)))
    assert line.startswith("in 2 of the first 2 clips somebody goes through 'cabinet' of the room (clip 0)")


def test_who_stays_in_the_room_is_not_told(tmp_path: Path) -> None:
    assert told(tmp_path, ("[2.0, 2.0]", "[1.5, 1.5]"), room=ROOM) == []


def test_bystanders_count_too(tmp_path: Path) -> None:
    """Who is labelled pushes; who strolls beside goes out of the range, in the first clip of this seed."""
    stroll = '[[activities]]\nlabel = "stroll"\nmotion = "walk"\nplacement = { distance = [10.4, 10.4] }\n'
    more = ("[placement]", stroll + "\n[subjects]\ncount = 2\nothers = 1\n\n[placement]")
    (line,) = told(tmp_path, ("clips = 2", "clips = 1"), ("seed = 1", "seed = 7"), more)
    assert line.startswith("in 1 of the first 1 clips somebody goes beyond the 10.46 m")


def test_of_several_radars_the_one_that_measures_least_far_counts(tmp_path: Path) -> None:
    both = ('radar = "IWR1443BOOST/radhar"', 'radar = ["IWR1443BOOST/radhar", "IWR1443BOOST/mars"]')
    (line,) = told(tmp_path, both, ('"push"', '"walk"'), ("[2.0, 2.0]", "[3.7, 3.7]"))
    assert "beyond the 3.75 m" in line
