"""Where furniture, doors and fans stand and which way they turn, against plane geometry."""

import math

import pytest
import torch

from mmsynth.scene import Door, Fan, around, load_room, movers, read_room

START = torch.zeros(1, dtype=torch.float64)


@pytest.mark.parametrize("yaw", [30.0, -70.0])
def test_furniture_is_turned_left_by_its_yaw_where_it_is_drawn_and_where_it_is_asked_for(yaw):
    board = {"name": "board", "size": [2.0, 0.2, 1.0], "position": [0.5, 3.0, 0.0], "yaw_deg": yaw}
    along = torch.tensor([math.cos(math.radians(yaw)), math.sin(math.radians(yaw)), 0.0], dtype=torch.float64)
    place = torch.tensor([0.5, 3.0, 0.5], dtype=torch.float64)
    corners = load_room({"furniture": [board]})[0].vertices[0] - place
    assert float((corners @ along).abs().max()) == pytest.approx(1.0)
    room, other = read_room({"furniture": [board]}), along * torch.tensor([1.0, -1.0, 1.0])
    assert around(room, tuple((place + 0.9 * along).tolist())) == "board"
    assert around(room, tuple((place + 0.9 * other).tolist())) == ""


def test_sides_of_furniture_mirror_from_four_hundredths_of_a_square_metre():
    # 420, 399 and 380 square centimetres, two of each.
    box = {"size": [0.21, 0.2, 0.19], "position": [0.0, 2.0, 0.0]}
    mesh, mirrors, _, _ = load_room({"furniture": [box]})
    assert len(mesh.faces) == 12 and len(mirrors) == 2 and bool((mirrors.std(1)[:, 2] == 0).all())


def test_a_leaf_stands_on_its_foot_and_is_as_thick_as_a_door():
    (door,) = movers([Door((0.2, 3.0, 0.1), width=0.8, height=1.9)], START)
    low, high = door.vertices[0].amin(0), door.vertices[0].amax(0)
    assert low.tolist() == pytest.approx([0.2, 2.98, 0.1]) and high.tolist() == pytest.approx([1.0, 3.02, 2.0])


def test_blades_have_their_axis_in_the_middle_of_their_width():
    (fan,) = movers([Fan((0.0, 0.0, 0.0), length=0.3, width=0.08, pitch=0.0, blades=1)], START)
    assert float(fan.vertices[0, :, :2].norm(dim=1).max()) == pytest.approx(math.hypot(0.3, 0.04))
    assert float(fan.vertices[0, :, 2].abs().max()) == pytest.approx(0.001)  # two millimetres thick


@pytest.mark.parametrize("phase", [0.4, -1.1])
def test_a_phase_is_what_they_have_gone_through_before_the_first_sample(phase):
    now, later = START + 0.3, START + 0.3 + phase / math.tau * 2.0
    for kind, pace in ((Fan, {"rate": 0.5}), (Door, {"period": 2.0})):
        ahead, plain = kind((0.0, 2.0, 0.0), phase=phase, **pace), kind((0.0, 2.0, 0.0), **pace)
        torch.testing.assert_close(movers([ahead], now)[0].vertices, movers([plain], later)[0].vertices)
