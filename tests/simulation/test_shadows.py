"""Shadows of people on the room."""

import math
from dataclasses import replace

import pytest
import torch
import trimesh
from simulation.scenes import mesh, plate, response, small_radar

from mmsynth.geometry import apply, radar_pose
from mmsynth.scene import load_room
from mmsynth.simulation import Simulation, frame_knots, knot_times, simulate_clean, trace_room
from mmsynth.simulation.paths import join, select, trace
from mmsynth.simulation.retrace import retraced
from mmsynth.simulation.shadows import shadow_paths
from mmsynth.types import Material, MeshSequence, Scene, gain_rows

QUIET = Simulation(diffuse=False, drop=0.0)
# Of waves so short nothing is bent: a shadow hangs on one ray.
RAYS = small_radar(60e12)


def wall_scene(person, roughness=0.0):
    """A metal wall 4 m ahead, and a person between it and the radar."""
    quad = torch.tensor([[-2.0, 4, -2], [2, 4, -2], [2, 4, 2], [-2, 4, 2]], dtype=torch.float64)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    region = torch.zeros(2, dtype=torch.int64)
    wall = MeshSequence(quad[None], faces, torch.zeros(1, dtype=torch.float64), region, ("wall",))
    materials = {"conductor": Material("absorber", 1.0 + 0j), "wall": Material("wall", None, roughness=roughness)}
    return Scene(torch.eye(4, dtype=torch.float64), (person,), materials, wall, quad[None], ("wall",))


def screen(aside, wide=0.3):
    vertices, faces = plate(wide, wide, 2.0, cells=2)
    return mesh(vertices + [aside, 0, 0], faces)


def test_a_person_in_the_way_takes_the_echo_of_the_wall_away():
    radar = RAYS
    # Turned and shifted as a whole as well: the radar looks elsewhere in the world.
    elsewhere = radar_pose((3.0, -2.0, 1.0), yaw=0.7, tilt=-0.3)
    for aside, left, world in ((0.0, 0.0, None), (1.0, 1.0, None), (0.0, 0.0, elsewhere), (1.0, 1.0, elsewhere)):
        scene = wall_scene(screen(aside))
        if world is not None:
            person, wall = (replace(m, vertices=apply(world, m.vertices)) for m in (*scene.people, scene.room))
            scene = replace(
                scene, world_from_radar=world, people=(person,), room=wall, mirrors=apply(world, scene.mirrors)
            )
        room = trace_room(scene, radar, QUIET, 1)
        shadow = shadow_paths(scene, radar, 0, QUIET, room)
        whole = response(room, radar)
        rest = whole + (0 if shadow is None else response(shadow, radar))
        assert float(rest.abs() / whole.abs()) == left


def test_who_stands_behind_a_wall_casts_no_shadow_on_it():
    radar = small_radar(60e9)
    vertices, faces = plate(0.3, 0.3, 5.0, cells=2)
    for roughness, settings in ((0.0, QUIET), (3e-4, Simulation(coherent=False, drop=0.0))):
        scene = wall_scene(mesh(vertices, faces), roughness)
        assert shadow_paths(scene, radar, 0, settings, trace_room(scene, radar, settings, 1)) is None


def test_each_frame_has_its_own_shadow():
    radar = RAYS
    times = knot_times(radar, 2, QUIET)
    still = screen(0.0)
    step = torch.zeros(len(times), 1, 3, dtype=torch.float64)
    step[len(times) // 2 :, 0, 0] = 1.0  # 1 m aside in the second frame
    scene = wall_scene(replace(still, vertices=still.vertices[:1] + step, times=times))
    room = trace_room(scene, radar, QUIET, 1)
    shadows = [shadow_paths(scene, radar, frame, QUIET, room) for frame in range(2)]
    torch.testing.assert_close(shadows[0].gain[:, 0], -room.gain[:, 0])
    assert shadows[1] is None


def test_patches_behind_a_person_and_no_others_are_hidden():
    radar = small_radar(60e9)
    scene = wall_scene(screen(0.5), roughness=3e-4)
    settings = Simulation(coherent=False, drop=0.0)
    room = trace_room(scene, radar, settings, 1)
    shadow = shadow_paths(scene, radar, 0, settings, room)

    # The screen at 2 m, 0.3 wide about x = 0.5, hides twice its size of the wall: x from 0.7 to 1.3, |z| under 0.3.
    def count(paths, wide):
        place = paths.departure * paths.tx_delay[:, 0, :1].float() * 299792458.0
        inside = ((place[:, 0] - 1).abs() < 0.3 + wide) & (place[:, 2].abs() < 0.3 + wide)
        return int(inside.sum()), len(paths)

    # All of a square 1 cm smaller on each side are hidden, and none outside one 1 cm larger.
    assert count(shadow, -0.01)[0] == count(room, -0.01)[0] > 50
    assert count(shadow, 0.01)[0] == count(shadow, 0.01)[1]


def test_the_clip_holds_the_shadow():
    # The wall behind an absorbing screen is gone from the samples; beside it, it is there.
    radar = small_radar(60e9)
    times = knot_times(radar, 1, QUIET)
    power = []
    for aside in (0.0, 2.0):
        still = screen(aside, 1.6)  # so wide that no zone of 60 GHz reaches its edges
        person = MeshSequence(
            still.vertices[:1].expand(len(times), -1, -1), still.faces, times, still.region, still.region_names
        )
        power.append(float(simulate_clean(wall_scene(person), radar, 1, QUIET, 1).abs().square().mean()))
    assert power[0] < 1e-6 * power[1]


def test_paths_of_room_and_people_fit_together():
    radar = small_radar(60e9)
    scene = wall_scene(screen(0.0))
    room = trace_room(scene, radar, QUIET, 1)
    shadow = shadow_paths(scene, radar, 0, QUIET, room)
    both = join([trace(scene, radar, 0, QUIET, 1), shadow])
    assert both.tx_delay.shape[2] == len(frame_knots(radar, QUIET))
    assert both.region_names[int(both.region[-1])] == "wall"


def wedge_scene(*people):
    """Two metal walls of 2 m that meet at 60 degrees in an upright edge 3 m ahead, the radar between them.

    Neither is square to the radar anywhere, so that all that comes back is the double bounce, over both in either
    order: an equilateral triangle with its corners at the radar and at (+-sqrt(3) / 2, 1.5).
    """
    far = 3 - math.sqrt(3)
    feet = [((0, 3), (1, far)), ((-1, far), (0, 3))]
    corners = torch.tensor([[(*a, -1), (*b, -1), (*b, 1), (*a, 1)] for a, b in feet], dtype=torch.float64)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    walls = MeshSequence(
        corners.reshape(1, 8, 3), faces, torch.zeros(1, dtype=torch.float64), torch.zeros(4).long(), ("wall",)
    )
    materials = {"conductor": Material("absorber", 1.0 + 0j), "wall": Material("wall", None)}
    return Scene(torch.eye(4, dtype=torch.float64), people, materials, walls, corners, ("wall", "wall"))


def board(x, y, z=0.0, velocity=(0, 0, 0)):
    """A board of 10 cm around a place, whose front looks along -x."""
    vertices, faces = plate(0.1, 0.1, 0.0, cells=2)
    return mesh(vertices[:, [1, 0, 2]] + [x, y, z], faces, velocity=velocity)


def test_whoever_stands_in_any_leg_of_a_double_bounce_takes_it_away():
    radar, settings = RAYS, replace(QUIET, bounces=1)
    room = trace_room(wedge_scene(), radar, settings, 1)
    length = 299792458 * (room.tx_delay + room.rx_delay)[:, 0, 0]
    assert length.tolist() == pytest.approx([3 * math.sqrt(3)] * 2)  # both orders, nothing else
    half = math.sqrt(3) / 2
    inside = [(0.4, 1.5), (-0.6, 1.5), (0.5 * half, 0.75), (-0.5 * half, 0.75)]  # second legs; first and last
    beside = [(0.4, 1.62), (0.4, 1.38), (0.4, 1.5, 0.12), (0.0, 0.75), (0.0, 2.5), (0.75 * half + 0.12, 1.1)]
    for place, left in [*((at, 0.0) for at in inside), *((at, 1.0) for at in beside)]:
        shadow = shadow_paths(wedge_scene(board(*place)), radar, 0, settings, room)
        rest = response(room, radar) + (0 if shadow is None else response(shadow, radar))
        assert float(rest.abs() / response(room, radar).abs()) == left, place
    # One is enough, wherever somebody else stands.
    shadow = shadow_paths(wedge_scene(board(0.0, 2.5), board(*inside[0])), radar, 0, settings, room)
    assert float((response(room, radar) + response(shadow, radar)).abs()) == 0


def test_the_shadow_on_a_double_bounce_fades_as_somebody_leaves_its_second_leg():
    # The board leaves the leg by 0.1 m in the 2 ms of its three poses.
    radar, settings = RAYS, replace(QUIET, bounces=1)
    scene = wedge_scene(board(0.4, 1.5, velocity=(0, 50, 0)))
    room = trace_room(scene, radar, settings, 1)
    shadow = shadow_paths(scene, radar, 0, settings, room)
    torch.testing.assert_close(shadow.gain[:, 0], -room.gain[:, 0])
    assert float(shadow.gain[:, -1].abs().max()) == 0
    # In proportion to the time.
    fine = replace(settings, knots=7)
    still = board(0.4, 1.5)
    rows = mesh(still.vertices[0], still.faces.numpy(), 7, (0, 50, 0))
    shadow = shadow_paths(wedge_scene(rows), radar, 0, fine, room)
    place = (shadow.knots / shadow.knots[-1])[list(gain_rows(7))].float()
    torch.testing.assert_close(shadow.gain, -room.gain[:, :1] * (1 - place))


def furnished(*still):
    """A room with two pieces of furniture and what else stands still in it, seen from a wall."""
    walls, mirrors, names, materials = load_room(
        {
            "room": {"size": [4.0, 5.0, 2.7], "center": [0.03, 2.5]},
            "furniture": [
                {"name": "table", "size": [1.2, 0.8, 0.75], "position": [1.1, 3.0, 0.0]},
                {"name": "cabinet", "size": [0.6, 0.5, 1.4], "position": [-1.4, 4.0, 0.0], "yaw_deg": 20},
            ],
        },
        60e9,
    )
    for item in still:
        walls = replace(
            walls,
            vertices=torch.cat([walls.vertices, item.vertices[:1]], 1),
            faces=torch.cat([walls.faces, item.faces + walls.vertices.shape[1]]),
            region=torch.cat([walls.region, torch.full_like(item.region, len(walls.region_names))]),
            region_names=(*walls.region_names, "absorber"),
        )
    materials |= {"absorber": Material("absorber", 1.0 + 0j)}
    return Scene(radar_pose((0.1, 0.1, 1.2)), (), materials, walls, mirrors, names)


def keys(paths):
    """What tells the room's multiple bounces from each other: how long they are, and how they leave, in um."""
    some = select(paths, ((paths.order > 0) & (paths.gain[:, 0].abs() > 0)).nonzero()[:, 0])
    length = 299792458 * (some.tx_delay + some.rx_delay)[:, 0, :1]
    return set(map(tuple, (1e6 * torch.cat([length, some.departure], 1)).round().long().tolist()))


def test_people_hide_of_the_bounces_in_a_room_what_the_same_shape_in_the_room_does():
    # Two routes: the image method finds which paths are there with a block in the room; rays of a room without it find
    # which of them a person of the same shape hides.
    radar, settings = small_radar(60e9), replace(QUIET, bounces=2)
    empty = furnished()
    room = trace_room(empty, radar, settings, 1)
    block = trimesh.creation.box(extents=(0.5, 0.3, 1.5))
    hidden = 0
    for x, y in ((0.2, 1.5), (-0.9, 2.2), (0.1, 3.6)):
        person = mesh(block.vertices + [x, y, 1.2], block.faces, region="absorber")
        with_it = trace_room(furnished(person), radar, settings, 1)
        shadow = shadow_paths(replace(empty, people=(person,)), RAYS, 0, settings, room)
        assert keys(room) - keys(with_it) == keys(shadow)
        hidden += len(keys(shadow))
    assert hidden >= 10


def test_every_bounce_in_a_room_is_found_again():
    radar, settings = small_radar(60e9), replace(QUIET, bounces=2)
    scene = furnished()
    room = trace_room(scene, radar, settings, 1)
    for order in (1, 2):
        paths = select(room, (room.order == order).nonzero()[:, 0])
        points, known = retraced(scene, paths, scene.world_from_radar[:3, 3])
        assert len(paths) > 10 and bool(known.all())
        # They lie on the walls, or on furniture.
        assert points.shape == (order + 1, 3, len(paths))
        low, high = points.amin((0, 2)), points.amax((0, 2))
        torch.testing.assert_close(low, torch.tensor([-1.97, 0.0, 0.0]).double(), atol=1e-5, rtol=0)
        torch.testing.assert_close(high, torch.tensor([2.03, 5.0, 2.7]).double(), atol=1e-5, rtol=0)


def test_a_corner_reflector_behind_a_board_is_gone_with_all_its_bounces(tmp_path):
    turn = trimesh.geometry.align_vectors([1, 1, 1], [0, -1, 0])[:3, :3]
    corners = torch.cat([torch.zeros(1, 3), 0.3 * torch.eye(3)]).double().numpy() @ turn.T
    trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3], [0, 3, 1]], process=False).export(tmp_path / "corner.obj")
    file = {"file": str(tmp_path / "corner.obj"), "position": [0.0, 3.0, 0.0], "material": "metal"}
    still, quads, names, materials = load_room({"mesh": [file]}, 60e9)
    materials |= {"conductor": Material("absorber", 1.0 + 0j)}
    radar, settings, wide = small_radar(60e9), replace(QUIET, bounces=2), mesh(*plate(0.4, 0.4, 2.0))
    scene = Scene(torch.eye(4, dtype=torch.float64), (wide,), materials, still, quads, names)
    room = trace_room(scene, radar, settings, 1)
    assert room.order.unique().tolist() == [0, 1, 2]
    shadow = shadow_paths(scene, radar, 0, settings, room)
    assert len(shadow) == len(room)
